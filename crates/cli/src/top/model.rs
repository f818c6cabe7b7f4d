//! What `proactor top` shows, without a terminal: rates from two reports, and the workers in the chosen order.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use proactor::diagnose::{PortSnapshot, Report, WorkerSnapshot, WorkerState};

/// The columns by which workers can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Packets,
    Bytes,
    State,
    Name,
    Thread,
}

impl Sort {
    pub const ALL: [Sort; 5] = [Sort::Packets, Sort::Bytes, Sort::State, Sort::Name, Sort::Thread];

    /// The next one, or the one before.
    pub fn step(self, forward: bool) -> Sort {
        let count = Sort::ALL.len();
        let at = Sort::ALL.iter().position(|sort| *sort == self).unwrap_or(0);
        Sort::ALL[(at + if forward { 1 } else { count - 1 }) % count]
    }

    pub fn name(self) -> &'static str {
        match self {
            Sort::Packets => "packets/s",
            Sort::Bytes => "bytes/s",
            Sort::State => "state",
            Sort::Name => "name",
            Sort::Thread => "thread",
        }
    }
}

/// A port and what it did a second, between two reports.
pub struct PortRow<'a> {
    pub port: &'a PortSnapshot,
    pub packets: Option<u64>,
    pub bytes: Option<u64>,
}

/// A worker likewise, and why it is where it is.
pub struct WorkerRow<'a> {
    pub port: u64,
    pub worker: &'a WorkerSnapshot,
    pub packets: Option<u64>,
    pub bytes: Option<u64>,
    /// What it waits for, as far as that can be seen.
    pub waits_for: String,
}

/// The newest report, the one before it, and how they are looked at.
pub struct Model {
    pub now: Report,
    before: Option<Report>,
    pub deadlocks: usize,
    pub sort: Sort,
    pub paused: bool,
    /// The first worker in view.
    pub scrolled: usize,
    /// Why there is nothing newer.
    pub trouble: Option<String>,
}

impl Model {
    pub fn new(now: Report) -> Model {
        let deadlocks = now.deadlocks().len();
        let (before, trouble) = (None, None);
        Model { now, before, deadlocks, sort: Sort::Packets, paused: false, scrolled: 0, trouble }
    }

    /// A newer report, or why there is none. While it is paused what is shown stays.
    pub fn update(&mut self, report: Result<Report, String>) {
        if self.paused {
            return;
        }
        match report {
            // The process may tell the same report again when it is asked soon.
            Ok(report) if report.taken <= self.now.taken => self.trouble = None,
            Ok(report) => {
                self.deadlocks = report.deadlocks().len();
                self.before = Some(std::mem::replace(&mut self.now, report));
                self.trouble = None;
            }
            Err(sentence) => self.trouble = Some(sentence),
        }
        self.scroll(0);
    }

    /// Moves the view of the workers.
    pub fn scroll(&mut self, lines: isize) {
        let workers: usize = self.now.snapshot.ports.iter().map(|port| port.workers.len()).sum();
        self.scrolled = self.scrolled.saturating_add_signed(lines).min(workers.saturating_sub(1));
    }

    pub fn ports(&self) -> Vec<PortRow<'_>> {
        let mut rows = Vec::new();
        for port in &self.now.snapshot.ports {
            let before = self.before.as_ref().and_then(|report| {
                let port = report.snapshot.ports.iter().find(|before| before.id == port.id)?;
                Some((port, self.now.taken - report.taken))
            });
            let (packets, bytes) = match before {
                Some((before, time)) => (
                    per_second(port.packets, before.packets, time),
                    per_second(port.bytes, before.bytes, time),
                ),
                None => (None, None),
            };
            rows.push(PortRow { port, packets, bytes });
        }
        rows
    }

    /// The workers of all ports, in the chosen order.
    pub fn workers(&self) -> Vec<WorkerRow<'_>> {
        let mut before = BTreeMap::new();
        let mut between = Duration::ZERO;
        if let Some(report) = &self.before {
            between = self.now.taken - report.taken;
            for port in &report.snapshot.ports {
                before.extend(port.workers.iter().map(|worker| ((port.id, worker.thread), worker)));
            }
        }
        let mut rows = Vec::new();
        for port in &self.now.snapshot.ports {
            for worker in &port.workers {
                let before = before.get(&(port.id, worker.thread));
                rows.push(WorkerRow {
                    port: port.id,
                    worker,
                    packets: before.and_then(|before| per_second(worker.packets, before.packets, between)),
                    bytes: before.and_then(|before| per_second(worker.bytes, before.bytes, between)),
                    waits_for: self.waits_for(worker),
                });
            }
        }
        match self.sort {
            Sort::Packets => rows.sort_by_key(|row| Reverse((row.packets, row.worker.packets))),
            Sort::Bytes => rows.sort_by_key(|row| Reverse((row.bytes, row.worker.bytes))),
            // Those first that somebody looks for.
            Sort::State => rows.sort_by_key(|row| match row.worker.state {
                WorkerState::Blocked => 0,
                WorkerState::Running => 1,
                WorkerState::Parked => 2,
            }),
            Sort::Name => rows.sort_by(|a, b| natural(&a.worker.name).cmp(&natural(&b.worker.name))),
            Sort::Thread => rows.sort_by_key(|row| row.worker.thread),
        }
        rows
    }

    fn waits_for(&self, worker: &WorkerSnapshot) -> String {
        let thread = self.now.threads.iter().find(|thread| thread.id == worker.thread);
        let Some(wait) = thread.and_then(|thread| thread.waits.last()) else {
            return match worker.state {
                WorkerState::Parked => "packets".to_owned(),
                WorkerState::Blocked => "something outside of this library".to_owned(),
                WorkerState::Running => String::new(),
            };
        };
        let objects: Vec<_> = wait.objects.iter().map(ToString::to_string).collect();
        match (objects.len(), wait.all) {
            (0, _) => "the end of a sleep".to_owned(),
            (1, _) => objects[0].clone(),
            (_, false) => format!("any of {}", objects.join(", ")),
            (_, true) => format!("all of {}", objects.join(", ")),
        }
    }
}

fn per_second(now: u64, before: u64, between: Duration) -> Option<u64> {
    let seconds = between.as_secs_f64();
    (seconds > 0.0).then(|| (now.saturating_sub(before) as f64 / seconds).round() as u64)
}

/// So that worker-2 comes before worker-10: the text before the last number, and the number.
fn natural(name: &str) -> (&str, u64) {
    let text = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (text, name[text.len()..].parse().unwrap_or_default())
}
