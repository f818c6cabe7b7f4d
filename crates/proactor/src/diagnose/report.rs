//! All that can be seen of a process at one moment, as it is told to those who look into it from outside.

use std::time::Duration;

use super::Snapshot;
use super::chain::{WaitChain, chain_among, chains_among};
use super::deadlock::{Deadlock, deadlocks_among};
use super::thread::{ThreadInfo, threads};

/// A process at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The process.
    pub process: u32,
    /// Its name, as the kernel has it.
    pub name: String,
    /// When, since the machine was started: the distance of two reports is what rates are made of.
    pub taken: Duration,
    /// The ports and what belongs to them.
    pub snapshot: Snapshot,
    /// The threads, those first that have ever waited in this library.
    pub threads: Vec<ThreadInfo>,
    /// Threads, ports and workers that a report has no room for.
    pub omitted: usize,
}

/// Takes a report of this process: what [`look_into`](super::look_into) brings of another one.
///
/// Takes about 10 us a thread and 50 ns a handle.
pub fn report() -> Report {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    let name = std::fs::read_to_string("/proc/self/comm").unwrap_or_default();
    Report {
        process: std::process::id(),
        name: name.trim_end().to_owned(),
        taken: Duration::new(seconds, nanoseconds),
        snapshot: super::snapshot(),
        threads: threads(),
        omitted: 0,
    }
}

impl Report {
    /// The wait chain of one of its threads, as [`wait_chain`](super::wait_chain) gives it; `None` when there is no
    /// such thread.
    pub fn wait_chain(&self, thread: u32) -> Option<WaitChain> {
        chain_among(&self.threads, thread)
    }

    /// The wait chain of each of its threads, in the order of `threads`: what asking for them one by one would give,
    /// in a time that does not grow with the square of their number.
    pub fn wait_chains(&self) -> Vec<WaitChain> {
        chains_among(&self.threads)
    }

    /// Every deadlock in it, as [`deadlocks`](super::deadlocks) gives them.
    pub fn deadlocks(&self) -> Vec<Deadlock> {
        deadlocks_among(&self.threads)
    }
}
