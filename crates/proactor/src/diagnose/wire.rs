//! A report as text, and back: what goes through the socket.
//!
//! The first line is the format's name and version. Each further line is a record: its kind, then `key=value` with
//! a blank between, in any order. A `worker` belongs to the `port` above it, `owns` and `wait` to the `thread`, and
//! `for` to the `wait`. The last line is `end`; without it the text was cut. In values, whatever is not a visible ASCII
//! character, and `%`, is `%` and two hexadecimal digits.
//!
//! A reader passes over kinds and keys that it does not know and takes what is missing as zero or empty, so that
//! either side may be the newer one. It is told text by anybody, so it takes every text, within its limits, and
//! never more memory than a multiple of it.

use std::fmt::{Display, Write};
use std::time::Duration;

use super::report::Report;
use super::thread::{ObjectInfo, ObjectOwner, ThreadInfo, ThreadState, WaitInfo};
use super::{PortSnapshot, Snapshot, WorkerSnapshot, WorkerState, ZeroCopyCounts};
use crate::budget::{Budget, Usage};
use crate::port::Limits;

/// The first line.
pub(super) const FIRST_LINE: &str = "proactor-diagnosis 1";
/// The first line when too many are looking already.
pub(super) const BUSY_LINE: &str = "proactor-diagnosis busy";
/// What a reader asks, with a newline behind it.
pub(super) const REQUEST: &str = "report";

/// The longest text, in bytes. What does not fit is left out and counted.
pub(super) const MOST_TEXT: usize = 4 << 20;
/// Of that, as much as ports and workers may take.
const MOST_PORTS: usize = 1 << 20;
/// The longest name, in characters.
const MOST_NAME: usize = 128;
/// What a thread owns is told up to so many.
const MOST_OWNED: usize = 64;
/// Threads in a text, as many as a machine normally has numbers for; what is beyond it is left out and counted.
const MOST_THREADS: usize = 1 << 15;
/// Waits of all threads together, and objects that they own or wait for: more than a true report has room for.
const MOST_WAITS: usize = 1 << 18;
const MOST_OBJECTS: usize = 1 << 18;
/// The longest line that a reader takes: names escaped, and numbers.
const MOST_LINE: usize = 2048;

/// Appends `key=value` pairs to a line.
struct Line<'a>(&'a mut String);

impl Line<'_> {
    fn put(self, key: &str, value: impl Display) -> Self {
        let _ = write!(self.0, " {key}={value}");
        self
    }

    fn text(self, key: &str, value: &str) -> Self {
        let _ = write!(self.0, " {key}=");
        for c in value.chars().take(MOST_NAME) {
            let mut utf8 = [0; 4];
            for byte in c.encode_utf8(&mut utf8).bytes() {
                if byte.is_ascii_graphic() && byte != b'%' {
                    self.0.push(byte.into());
                } else {
                    let _ = write!(self.0, "%{byte:02x}");
                }
            }
        }
        self
    }

    fn end(self) {
        self.0.push('\n');
    }
}

fn line<'a>(text: &'a mut String, kind: &str) -> Line<'a> {
    text.push_str(kind);
    Line(text)
}

/// Appends what `write` appends if the whole then fits; otherwise nothing.
fn within(text: &mut String, most: usize, write: impl FnOnce(&mut String)) -> bool {
    let before = text.len();
    write(text);
    let fits = text.len() <= most;
    if !fits {
        text.truncate(before);
    }
    fits
}

pub(super) fn encode(report: &Report) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    let mut omitted = report.omitted;
    line(&mut text, "process")
        .put("id", report.process)
        .text("name", &report.name)
        .put("taken_ns", report.taken.as_nanos())
        .end();
    let snapshot = &report.snapshot;
    line(&mut text, "files")
        .text("backend", snapshot.file_backend.unwrap_or_default())
        .put("operations", snapshot.file_operations)
        .put("panics", snapshot.file_panics)
        .put("accept_pauses", snapshot.accept_pauses)
        .end();
    line(&mut text, "zero_copy")
        .put("sends", snapshot.zero_copy.sends)
        .put("copied", snapshot.zero_copy.copied)
        .put("fallen_back", snapshot.zero_copy.fallen_back)
        .end();
    line(&mut text, "budget")
        .put("locked", snapshot.budget.locked_bytes)
        .put("locked_peak", snapshot.budget.locked_peak)
        .put("blocks", snapshot.budget.blocks)
        .put("refused", snapshot.budget.refused)
        .put("most_locked", snapshot.budget.limits.locked_bytes)
        .put("most_blocks", snapshot.budget.limits.blocks)
        .end();
    for port in &snapshot.ports {
        if !within(&mut text, MOST_PORTS, |text| encode_port(text, port)) {
            omitted += 1 + port.workers.len();
            continue;
        }
        for worker in &port.workers {
            omitted += usize::from(!within(&mut text, MOST_PORTS, |text| encode_worker(text, worker)));
        }
    }
    // Those who wait are why somebody looks.
    let (waiting, others): (Vec<_>, Vec<_>) =
        report.threads.iter().partition(|thread| !thread.waits.is_empty());
    let threads = waiting.into_iter().chain(others);
    omitted += report.threads.len().saturating_sub(MOST_THREADS);
    for thread in threads.take(MOST_THREADS) {
        // Room for the last line.
        omitted += usize::from(!within(&mut text, MOST_TEXT - 64, |text| encode_thread(text, thread)));
    }
    line(&mut text, "end").put("omitted", omitted).end();
    text
}

fn encode_port(text: &mut String, port: &PortSnapshot) {
    line(text, "port")
        .put("id", port.id)
        .put("limit", port.limit)
        .put("running", port.running)
        .put("blocked", port.blocked)
        .put("parked", port.parked)
        .put("queued", port.queued)
        .put("handles", port.handles)
        .put("pending", port.pending)
        .put("locked", port.locked_bytes)
        .put("locked_peak", port.locked_peak)
        .put("blocks", port.blocks)
        .put("refused", port.refused)
        .put("packets", port.packets)
        .put("bytes", port.bytes)
        .put("declared_blocked", port.declared_blocked)
        .put("found_blocked", port.found_blocked)
        .put("monitor_ticks", port.monitor_ticks)
        .put("handler_ns", port.handler_time.as_nanos())
        .put("most_workers", port.limits.workers)
        .put("most_posts", port.limits.posts)
        .put("most_handles", port.limits.handles)
        .put("most_locked", port.limits.locked_bytes)
        .put("most_blocks", port.limits.blocks)
        .end();
}

fn encode_worker(text: &mut String, worker: &WorkerSnapshot) {
    let state = match worker.state {
        WorkerState::Running => "running",
        WorkerState::Blocked => "blocked",
        WorkerState::Parked => "parked",
    };
    line(text, "worker")
        .put("thread", worker.thread)
        .text("name", &worker.name)
        .put("state", state)
        .put("packets", worker.packets)
        .put("bytes", worker.bytes)
        .end();
}

fn encode_thread(text: &mut String, thread: &ThreadInfo) {
    let state = match thread.state {
        ThreadState::Running => "running",
        ThreadState::Blocked => "blocked",
    };
    line(text, "thread").put("id", thread.id).text("name", &thread.name).put("state", state).end();
    for wait in &thread.waits {
        line(text, "wait").put("all", u8::from(wait.all)).end();
        wait.objects.iter().for_each(|object| encode_object(text, "for", object));
    }
    for object in thread.owns.iter().take(MOST_OWNED) {
        encode_object(text, "owns", object);
    }
}

fn encode_object(text: &mut String, what: &str, object: &ObjectInfo) {
    let mut record = line(text, what).text("kind", &object.kind).put("id", object.id);
    if let Some(name) = &object.name {
        record = record.text("name", name);
    }
    let record = match object.owner {
        None => record,
        Some(ObjectOwner::Unknown) => record.put("owner", "unknown"),
        Some(ObjectOwner::Thread(thread)) => record.put("owner", thread),
        Some(ObjectOwner::Foreign { process, thread }) => {
            record.put("owner", thread).put("owner_process", process)
        }
    };
    record.end();
}

/// One record of a text.
struct Record<'a> {
    kind: &'a str,
    rest: &'a str,
}

impl<'a> Record<'a> {
    fn raw(&self, key: &str) -> Option<&'a str> {
        self.rest.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }

    fn number<N: std::str::FromStr + Default>(&self, key: &str) -> N {
        self.raw(key).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    fn text(&self, key: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let mut rest = self.raw(key)?.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => hex(rest.next())? << 4 | hex(rest.next())?,
                byte => byte,
            });
        }
        Some(String::from_utf8_lossy(&bytes).chars().take(MOST_NAME).collect())
    }

    fn time(&self, key: &str) -> Duration {
        Duration::from_nanos(self.number(key))
    }

    fn object(&self) -> ObjectInfo {
        let owner = self.raw("owner").map(|owner| match (owner.parse(), self.raw("owner_process")) {
            (Ok(thread), None) => ObjectOwner::Thread(thread),
            (Ok(thread), Some(_)) => ObjectOwner::Foreign { process: self.number("owner_process"), thread },
            (Err(_), _) => ObjectOwner::Unknown,
        });
        let kind = self.text("kind").unwrap_or_default();
        ObjectInfo { kind, name: self.text("name"), id: self.number("id"), owner }
    }
}

fn hex(digit: Option<u8>) -> Option<u8> {
    char::from(digit?).to_digit(16).map(|digit| digit as u8)
}

/// The report that a text tells; `None` when it is no such text, was cut, or is beyond the limits.
pub(super) fn decode(text: &[u8]) -> Option<Report> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MOST_TEXT)?;
    let mut lines = text.lines();
    if lines.next()? != FIRST_LINE {
        return None;
    }
    let mut report = Report {
        process: 0,
        name: String::new(),
        taken: Duration::ZERO,
        snapshot: Snapshot {
            ports: Vec::new(),
            file_backend: None,
            file_operations: 0,
            file_panics: 0,
            budget: Usage::UNKNOWN,
            accept_pauses: 0,
            zero_copy: ZeroCopyCounts::default(),
        },
        threads: Vec::new(),
        omitted: 0,
    };
    let mut room = Room { threads: MOST_THREADS, waits: MOST_WAITS, objects: MOST_OBJECTS };
    for line in lines {
        if line.len() > MOST_LINE {
            return None;
        }
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let record = Record { kind, rest };
        if record.kind == "end" {
            report.omitted = record.number("omitted");
            return Some(report);
        }
        room.take(record.kind)?;
        read(&record, &mut report)?;
    }
    None
}

/// What may still come, so that who reads a report has no more to do than its text is worth.
struct Room {
    threads: usize,
    waits: usize,
    objects: usize,
}

impl Room {
    /// `None` when there is none for a further record of this kind.
    fn take(&mut self, kind: &str) -> Option<()> {
        let room = match kind {
            "thread" => &mut self.threads,
            "wait" => &mut self.waits,
            "for" | "owns" => &mut self.objects,
            _ => return Some(()),
        };
        *room = room.checked_sub(1)?;
        Some(())
    }
}

/// `None` when what it belongs to is missing.
fn read(record: &Record<'_>, report: &mut Report) -> Option<()> {
    match record.kind {
        "process" => {
            report.process = record.number("id");
            report.name = record.text("name").unwrap_or_default();
            report.taken = record.time("taken_ns");
        }
        "files" => {
            report.snapshot.file_backend = match record.raw("backend") {
                Some("io_uring") => Some("io_uring"),
                Some("threads") => Some("threads"),
                _ => None,
            };
            report.snapshot.file_operations = record.number("operations");
            report.snapshot.file_panics = record.number("panics");
            report.snapshot.accept_pauses = record.number("accept_pauses");
        }
        "zero_copy" => {
            report.snapshot.zero_copy.sends = record.number("sends");
            report.snapshot.zero_copy.copied = record.number("copied");
            report.snapshot.zero_copy.fallen_back = record.number("fallen_back");
        }
        "budget" => report.snapshot.budget = budget(record),
        "port" => report.snapshot.ports.push(port(record)),
        "worker" => report.snapshot.ports.last_mut()?.workers.push(worker(record)),
        "thread" => report.threads.push(thread(record)),
        "wait" => {
            let wait = WaitInfo { all: record.number::<u8>("all") != 0, objects: Vec::new() };
            report.threads.last_mut()?.waits.push(wait);
        }
        "for" => report.threads.last_mut()?.waits.last_mut()?.objects.push(record.object()),
        "owns" => report.threads.last_mut()?.owns.push(record.object()),
        _ => {}
    }
    Some(())
}

fn budget(record: &Record<'_>) -> Usage {
    let limits = Budget { locked_bytes: record.number("most_locked"), blocks: record.number("most_blocks") };
    Usage {
        locked_bytes: record.number("locked"),
        locked_peak: record.number("locked_peak"),
        blocks: record.number("blocks"),
        refused: record.number("refused"),
        limits,
    }
}

fn port(record: &Record<'_>) -> PortSnapshot {
    PortSnapshot {
        id: record.number("id"),
        limit: record.number("limit"),
        running: record.number("running"),
        blocked: record.number("blocked"),
        parked: record.number("parked"),
        queued: record.number("queued"),
        handles: record.number("handles"),
        pending: record.number("pending"),
        locked_bytes: record.number("locked"),
        locked_peak: record.number("locked_peak"),
        blocks: record.number("blocks"),
        refused: record.number("refused"),
        packets: record.number("packets"),
        bytes: record.number("bytes"),
        declared_blocked: record.number("declared_blocked"),
        found_blocked: record.number("found_blocked"),
        monitor_ticks: record.number("monitor_ticks"),
        handler_time: record.time("handler_ns"),
        limits: Limits {
            workers: record.number("most_workers"),
            posts: record.number("most_posts"),
            handles: record.number("most_handles"),
            locked_bytes: record.number("most_locked"),
            blocks: record.number("most_blocks"),
        },
        workers: Vec::new(),
    }
}

fn worker(record: &Record<'_>) -> WorkerSnapshot {
    WorkerSnapshot {
        thread: record.number("thread"),
        name: record.text("name").unwrap_or_default(),
        state: match record.raw("state") {
            Some("running") => WorkerState::Running,
            Some("blocked") => WorkerState::Blocked,
            _ => WorkerState::Parked,
        },
        packets: record.number("packets"),
        bytes: record.number("bytes"),
    }
}

fn thread(record: &Record<'_>) -> ThreadInfo {
    ThreadInfo {
        id: record.number("id"),
        name: record.text("name").unwrap_or_default(),
        state: if record.raw("state") == Some("running") {
            ThreadState::Running
        } else {
            ThreadState::Blocked
        },
        waits: Vec::new(),
        owns: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, name: Option<&str>, owner: Option<ObjectOwner>) -> ObjectInfo {
        ObjectInfo { kind: kind.into(), name: name.map(String::from), id: u64::MAX, owner }
    }

    fn thread(id: u32, name: &str) -> ThreadInfo {
        let (waits, owns) = (Vec::new(), Vec::new());
        ThreadInfo { id, name: name.into(), state: ThreadState::Running, waits, owns }
    }

    fn sample() -> Report {
        let mut report = super::super::report();
        let foreign = ObjectOwner::Foreign { process: 9, thread: 8 };
        let objects = vec![
            object("mutex", Some("a b=c%\n\u{1b}é"), Some(ObjectOwner::Thread(7))),
            object("mutex", Some(""), Some(foreign)),
            object("critical section", None, Some(ObjectOwner::Unknown)),
            object("event", None, None),
        ];
        let mut waiting = thread(5, "the first");
        waiting.state = ThreadState::Blocked;
        waiting.owns = objects[..2].to_vec();
        waiting.waits = vec![
            WaitInfo { all: true, objects: objects.clone() },
            WaitInfo { all: false, objects },
            WaitInfo { all: false, objects: Vec::new() },
        ];
        report.threads = vec![waiting, thread(6, "")];
        report.omitted = 3;
        report
    }

    #[test]
    fn a_report_comes_back_as_it_was() {
        let port: crate::Port = crate::Port::new(3).unwrap();
        let _ = port.get_timeout(Duration::ZERO);
        let report = sample();
        let back = decode(encode(&report).as_bytes()).unwrap();
        assert_eq!((back.process, &back.name, back.taken), (report.process, &report.name, report.taken));
        assert_eq!(back.threads, report.threads);
        assert_eq!(back.snapshot.ports, report.snapshot.ports);
        assert_eq!(back.snapshot.budget, report.snapshot.budget);
        assert!(back.snapshot.ports.iter().any(|port| port.limit == 3 && port.workers.len() == 1));
        assert_eq!((back.omitted, back.snapshot.file_backend), (3, report.snapshot.file_backend));
    }

    #[test]
    fn every_line_of_it_is_plain_text() {
        let text = encode(&sample());
        assert!(text.chars().all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic()));
        assert!(text.lines().all(|line| line.len() <= MOST_LINE));
    }

    #[test]
    fn what_has_no_room_is_left_out_and_counted() {
        let mut report = sample();
        let long = "n".repeat(10 * MOST_NAME);
        report.threads = (0..60_000).map(|id| thread(id, &long)).collect();
        report.threads[59_999] = sample().threads.swap_remove(0);
        let text = encode(&report);
        assert!(text.len() <= MOST_TEXT);
        let back = decode(text.as_bytes()).unwrap();
        assert!(back.omitted > 20_000 && back.omitted + back.threads.len() == 60_003, "{}", back.omitted);
        assert_eq!(back.threads[0].name, "the first", "those who wait come first");
        assert_eq!(back.threads[1].name.len(), MOST_NAME);
    }

    #[test]
    fn threads_waits_and_objects_are_taken_up_to_a_number() {
        let text = |lines: &str| format!("{FIRST_LINE}\nthread\nwait\n{lines}end\n");
        for (line, most) in [
            ("thread\n", MOST_THREADS - 1),
            ("wait\n", MOST_WAITS - 1),
            ("for\n", MOST_OBJECTS),
            ("owns\n", MOST_OBJECTS),
        ] {
            assert!(decode(text(&line.repeat(most)).as_bytes()).is_some(), "{line}");
            assert!(decode(text(&line.repeat(most + 1)).as_bytes()).is_none(), "{line}");
        }
        let mut report = sample();
        report.threads = (0..=MOST_THREADS as u32).map(|id| thread(id, "")).collect();
        let back = decode(encode(&report).as_bytes()).unwrap();
        assert_eq!((back.threads.len(), back.omitted), (MOST_THREADS, report.omitted + 1));
    }

    #[test]
    fn a_text_that_was_cut_anywhere_is_refused() {
        let text = encode(&sample());
        let end = text.rfind("end").unwrap();
        for cut in 0..=end {
            assert!(decode(&text.as_bytes()[..cut]).is_none(), "{cut}");
        }
    }

    #[test]
    fn records_and_keys_of_a_newer_version_are_passed_over() {
        let text = format!("{FIRST_LINE}\nprocess id=4 shape=round\nfuture a=b\n\nthread id=1\nend\n");
        let report = decode(text.as_bytes()).unwrap();
        assert_eq!((report.process, report.threads.len()), (4, 1));
    }

    #[test]
    fn what_belongs_to_nothing_is_refused() {
        for line in ["worker thread=1", "wait all=1", "for kind=a", "owns kind=a", "thread id=1\nfor kind=a"]
        {
            assert!(decode(format!("{FIRST_LINE}\n{line}\nend\n").as_bytes()).is_none(), "{line}");
        }
        assert!(
            decode(format!("{FIRST_LINE}\nfuture a={}\nend\n", "x".repeat(MOST_LINE)).as_bytes()).is_none()
        );
        assert!(decode(b"proactor-diagnosis 2\nend\n").is_none());
    }

    #[test]
    fn any_bytes_are_taken_without_harm() {
        use proptest::prelude::*;
        use proptest::test_runner::{Config, TestRunner};
        let text = encode(&sample()).into_bytes();
        let mut runner =
            TestRunner::new(Config { cases: 3000, failure_persistence: None, ..Config::default() });
        let changes =
            prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..40);
        let noise = prop::collection::vec(any::<u8>(), 0..400);
        runner
            .run(&(changes, noise), |(changes, noise)| {
                // A true report with bytes changed or lost, and noise behind a true first line.
                let mut bytes = text.clone();
                for (at, byte, lose) in changes {
                    let at = at.index(bytes.len());
                    if lose {
                        bytes.remove(at);
                    } else {
                        bytes[at] = byte;
                    }
                }
                for bytes in [bytes, [FIRST_LINE.as_bytes(), b"\n", &noise].concat(), noise] {
                    if let Some(report) = decode(&bytes) {
                        for thread in &report.threads {
                            drop(report.wait_chain(thread.id).map(|chain| chain.to_string()));
                        }
                        drop(report.deadlocks().iter().map(ToString::to_string).collect::<String>());
                        prop_assert!(decode(encode(&report).as_bytes()).is_some());
                    }
                }
                Ok(())
            })
            .unwrap();
    }
}
