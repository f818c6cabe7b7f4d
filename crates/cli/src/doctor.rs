//! `proactor doctor`: what this machine gives a server, what it lacks, what each lack costs, and how to mend it.
//!
//! Whatever can be tried is tried rather than looked up: a version says less than a call that succeeds.

use std::io::Write;
use std::process::ExitCode;

use proactor::budget::{self, Budget};
use proactor::object::Event;
use proactor::{Port, Socket, cgroup, files, processors};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{descriptors, say};

/// Show what this machine gives a server, and what it lacks.
///
/// Each line is one thing: `ok`, or `lack` followed by what the lack costs and how to mend it. Exits with status 0
/// when a server can run, whatever else is lacking, and with 1 when it cannot.
#[derive(clap::Args)]
#[command(
    max_term_width = 100,
    after_help = "\
With --json: an object with `can_serve` (true or false) and `checks`, an array of objects with `name`, `state` \
(\"ok\" or \"lack\"), `required` (whether a server cannot run without it), `found` (a sentence), `figures` (an object \
of numbers in bytes or pieces; null is \"unlimited\"), and for a lack `cost` and `mend`.

Examples:
  proactor doctor
  proactor doctor --json | jq '.checks[] | select(.state == \"lack\")'"
)]
pub struct Args {
    /// Print JSON, for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    can_serve: bool,
    checks: Vec<Check>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Lack,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    state: State,
    /// No server can run without it.
    required: bool,
    found: String,
    figures: Map<String, Value>,
    #[serde(flatten)]
    lack: Option<Lack>,
}

#[derive(Serialize)]
struct Lack {
    cost: &'static str,
    mend: &'static str,
}

impl Check {
    fn new(name: &'static str, found: impl Into<String>, figures: Value) -> Check {
        let Value::Object(figures) = figures else { unreachable!("figures are an object") };
        Check { name, state: State::Ok, required: false, found: found.into(), figures, lack: None }
    }

    fn required(mut self) -> Check {
        self.required = true;
        self
    }

    fn lacking(mut self, lacks: bool, cost: &'static str, mend: &'static str) -> Check {
        if lacks {
            self.state = State::Lack;
            self.lack = Some(Lack { cost, mend });
        }
        self
    }
}

pub fn run(args: &Args) -> Result<ExitCode, String> {
    let checks = vec![
        kernel(),
        sockets(),
        io_uring(),
        locked_memory(),
        open_files(),
        monitor(),
        named_objects(),
        processors_check(),
        memory(),
        budgets(),
        perf_events(),
    ];
    let can_serve = checks.iter().all(|check| check.state == State::Ok || !check.required);
    let report = Report { can_serve, checks };
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(|error| format!("no JSON could be made: {error}"))?
            + "\n"
    } else {
        table(&report)
    };
    // Whoever closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(if can_serve { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(report: &Report) -> String {
    let width = report.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in &report.checks {
        let state = if check.state == State::Ok { "ok" } else { "lack" };
        text += &format!("{:width$}  {state:4}  {}\n", check.name, check.found);
        if let Some(lack) = &check.lack {
            text += &format!("{:width$}        costs: {}\n", "", lack.cost);
            text += &format!("{:width$}        mend:  {}\n", "", lack.mend);
        }
    }
    text += if report.can_serve {
        "A server can run here.\n"
    } else {
        "No server can run here until the lacks above are mended.\n"
    };
    text
}

/// `RWF_NOWAIT` reads (4.14) are the newest thing without which nothing goes.
const OLDEST: (u32, u32) = (4, 14);

fn kernel() -> Check {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let old = version(&release).is_some_and(|version| version < OLDEST);
    Check::new("kernel", format!("Linux {release}"), json!({ "release": release })).required().lacking(
        old,
        "reads from the page cache that do not wait came with Linux 4.14; files cannot be served without them",
        "run a kernel of 4.14 or later; 6.1 or later has all that is made use of",
    )
}

/// Major and minor number of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn sockets() -> Check {
    let tried = Port::<usize>::new(1).and_then(|port| {
        let listener = Socket::listen("127.0.0.1:0")?;
        listener.associate(&port, 0)
    });
    let found = match tried {
        Ok(()) => "a completion port was made, and a socket listens on it".to_owned(),
        Err(status) => {
            format!("a completion port with a listening socket could not be made: {}", say::plain(status))
        }
    };
    Check::new("sockets", found, json!({})).required().lacking(
        tried.is_err(),
        "nothing can be served",
        "allow this process epoll, eventfd, sockets and the loopback device: `ulimit -n` of at least 64, no seccomp \
         filter that forbids them",
    )
}

fn io_uring() -> Check {
    let probed = files::probe_io_uring();
    let (found, figures) = match &probed {
        Ok(facts) => (facts.to_string(), json!({ "entries": facts.entries, "no_iowait": facts.no_iowait })),
        Err(why) => (why.to_string(), json!({})),
    };
    Check::new("io_uring", found, figures).lacking(
        probed.is_err(),
        "files are read and written by a few threads instead, with a switch of threads for each transfer that the \
         page cache cannot serve; sockets lose nothing",
        "as the line above says; PROACTOR_BACKEND=threads chooses the threads and needs none of it",
    )
}

fn locked_memory() -> Check {
    /// One ring of 256 entries takes about 28 KiB; this is one with room to spare.
    const ENOUGH: u64 = 64 << 10;
    let soft = getrlimit(Resource::Memlock).current;
    let found = format!("RLIMIT_MEMLOCK is {}", soft.map_or("unlimited".to_owned(), say::bytes));
    Check::new("locked memory", found, json!({ "bytes": soft })).lacking(
        soft.is_some_and(|bytes| bytes < ENOUGH),
        "all rings of a user share it, and a ring of 256 entries takes about 28 KiB: io_uring may be refused to \
         the next process",
        "`ulimit -l 8192` (KiB), LimitMEMLOCK=8M of systemd, or --ulimit memlock= of Docker",
    )
}

fn open_files() -> Check {
    /// Connections a server should be able to hold.
    const MANY: u64 = 10_000;
    let limit = descriptors::limit();
    let workers = 4 * processors() as u64;
    let fits = limit.maximum.map(|hard| descriptors::connections(hard, workers));
    let shown = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), say::count);
    let found = format!(
        "RLIMIT_NOFILE is {} soft, {} hard: {} connections (a server raises the soft one by itself)",
        shown(limit.current),
        shown(limit.maximum),
        shown(fits),
    );
    let figures = json!({ "soft": limit.current, "hard": limit.maximum, "connections": fits });
    Check::new("open files", found, figures).lacking(
        fits.is_some_and(|fits| fits < MANY),
        "beyond so many connections a server stops accepting until others have ended",
        "raise the hard limit: `ulimit -n 20000` as root, `* hard nofile 20000` in /etc/security/limits.conf, \
         LimitNOFILE=20000 of systemd, or --ulimit nofile=20000 of Docker",
    )
}

fn named_objects() -> Check {
    let made = Event::create_named(&format!("doctor-{}", std::process::id()), true, false);
    let found = match &made {
        Ok(_) => "processes of this user can share events, mutexes, semaphores and timers by name".to_owned(),
        Err(status) => format!("an object with a name could not be made: {status}"),
    };
    Check::new("named objects", found, json!({})).lacking(
        made.is_err(),
        "objects with names fail, those without work",
        "mount /proc, and let /dev/shm/proactor-UID be made, or name a directory that only this user may enter in \
         PROACTOR_NAMESPACE",
    )
}

fn monitor() -> Check {
    let path = format!("/proc/self/task/{}/stat", rustix::thread::gettid().as_raw_nonzero());
    let read = std::fs::read_to_string(&path);
    let found = match &read {
        Ok(_) => "the state of threads can be read in /proc, so blocked workers are found".to_owned(),
        Err(error) => format!("{path} cannot be read: {error}"),
    };
    Check::new("monitor", found, json!({})).lacking(
        read.is_err(),
        "a worker that blocks without saying so (outside of `blocking`) keeps its seat, and a processor may idle \
         while work waits",
        "mount /proc in the container or chroot: `mount -t proc proc /proc`",
    )
}

fn processors_check() -> Check {
    let affinity = rustix::thread::sched_getaffinity(None).map(|set| set.count()).ok();
    let quota = cgroup::processors();
    let usable = processors();
    let mut found = format!("{} may be used", say::counted(usable as u64, "processor"));
    if let Some(affinity) = affinity {
        found += &format!(": {affinity} by affinity");
    }
    found += &match quota {
        Some(quota) => format!(", {quota:.2} by the control group's quota"),
        None => ", no quota".to_owned(),
    };
    let figures = json!({ "usable": usable, "affinity": affinity, "quota": quota });
    Check::new("processors", found, figures).lacking(
        quota.is_some_and(|quota| quota < 1.0),
        "with a quota below one processor the whole server stands still for the rest of each period once it is \
         used up: expect delays of tens of milliseconds",
        "give the control group at least one processor: cpu.max of `100000 100000`, CPUQuota=100% of systemd, \
         --cpus 1 of Docker",
    )
}

fn memory() -> Check {
    /// The echo server's default pool of buffers, and as much again for the kernel's.
    const ENOUGH: u64 = 128 << 20;
    let limit = cgroup::memory();
    let found = match limit {
        Some(bytes) => format!("the control group may use {}", say::bytes(bytes)),
        None => "no limit by a control group".to_owned(),
    };
    Check::new("memory", found, json!({ "bytes": limit })).lacking(
        limit.is_some_and(|bytes| bytes < ENOUGH),
        "many slow connections may fill it with buffers, ours and the kernel's, and the kernel then ends the server",
        "raise it to 128 MiB or more (memory.max, MemoryMax= of systemd, --memory of Docker), or serve with fewer \
         --buffers",
    )
}

fn budgets() -> Check {
    /// What a thousand connections with a send of 64 KiB each under way need.
    const ENOUGH: usize = 64 << 20;
    let limits = Budget::default();
    let (machine, group) = budget::memory();
    let (whose, memory) = match group {
        Some(group) if group < machine => ("what the control group may use", group),
        _ => ("the machine's memory", machine),
    };
    let found = format!(
        "pending operations may lock {}, a quarter of {whose} ({}), and there may be {} of them, each a block of 192 \
         bytes, in a 64th of it; RLIMIT_MEMLOCK has no part in that, for it counts only what rings and zero-copy sends \
         pin",
        say::bytes(limits.locked_bytes as u64),
        say::bytes(memory),
        say::count(limits.blocks as u64),
    );
    let figures = json!({
        "locked_bytes": limits.locked_bytes,
        "blocks": limits.blocks,
        "machine_bytes": machine,
        "group_bytes": group,
    });
    Check::new("budgets", found, figures).lacking(
        limits.locked_bytes < ENOUGH,
        "starts of operations are refused with NO_BUFS (WSAENOBUFS) when many connections wait with buffers",
        "give the machine or the control group more memory, receive without a buffer (zero-byte or pooled), or set \
         another limit by `budget::set`",
    )
}

fn perf_events() -> Check {
    let level = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    let level: Option<i32> = level.ok().and_then(|text| text.trim().parse().ok());
    let root = rustix::process::geteuid().is_root();
    let found = match level {
        Some(level) => format!("kernel.perf_event_paranoid is {level}"),
        None => "this kernel has no performance events, or hides them".to_owned(),
    };
    // Up to 2 everyone may measure processes of their own.
    let lacks = level.is_none_or(|level| level > 2 && !root);
    Check::new("perf events", found, json!({ "paranoid": level })).lacking(
        lacks,
        "`perf` cannot measure a server here; the server runs no worse",
        "`sysctl kernel.perf_event_paranoid=2` as root, on the host if this is a container",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_whatever_follows_them() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("4.4-generic"), Some((4, 4)));
        assert_eq!(version("5.15"), Some((5, 15)));
        assert_eq!(version("odd"), None);
        assert!((4, 9) < OLDEST && (5, 0) >= OLDEST);
    }

    #[test]
    fn a_lack_is_shown_with_its_cost_and_its_cure() {
        let lack =
            Check::new("thing", "it is not there", json!({})).required().lacking(true, "time", "buy one");
        let report = Report { can_serve: false, checks: vec![lack] };
        let text = table(&report);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "thing  lack  it is not there");
        assert_eq!(lines[1].trim(), "costs: time");
        assert_eq!(lines[2].trim(), "mend:  buy one");
        assert!(lines[3].starts_with("No server"));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["checks"][0]["state"], "lack");
        assert_eq!(json["checks"][0]["mend"], "buy one");
    }
}
