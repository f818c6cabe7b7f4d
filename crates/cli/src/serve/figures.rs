//! What a server counts, and the lines it says them in.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use proactor::diagnose::PortSnapshot;

use crate::say;

/// Counted by the workers, read once a second. Each only grows.
#[derive(Default)]
pub struct Counters {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections that have ended, however they did.
    pub ended: AtomicU64,
    /// Receives that brought something.
    pub messages: AtomicU64,
    /// What they brought, in bytes.
    pub bytes: AtomicU64,
    /// Connections that the peer reset or the network cut.
    pub reset: AtomicU64,
    /// Connections dropped for want of buffers.
    pub dropped: AtomicU64,
    /// What should not happen: connections and accepts that ended in any other error.
    pub faults: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub accepted: u64,
    pub ended: u64,
    pub messages: u64,
    pub bytes: u64,
    pub reset: u64,
    pub dropped: u64,
    pub faults: u64,
}

pub fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Counters {
    pub fn now(&self) -> Counts {
        // Ends are read first, so that there are never more of them than connections.
        let ended = self.ended.load(Relaxed);
        Counts {
            accepted: self.accepted.load(Relaxed).max(ended),
            ended,
            messages: self.messages.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            reset: self.reset.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            faults: self.faults.load(Relaxed),
        }
    }
}

/// The line of one second.
pub struct Line<'a> {
    /// Since the server began.
    pub served: Duration,
    pub now: Counts,
    pub before: Counts,
    /// From `before` to `now`.
    pub time: Duration,
    pub port: &'a PortSnapshot,
    pub accept_pauses: u64,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |now: u64, before: u64| per_second(now - before, self.time);
        let (now, before, port) = (self.now, self.before, self.port);
        write!(
            f,
            "{:>4} s {:>7} connections {:>9} messages/s {:>10}/s  running {} blocked {} parked {}  queue {}",
            self.served.as_secs(),
            say::count(now.accepted - now.ended),
            say::count(rate(now.messages, before.messages)),
            say::bytes(rate(now.bytes, before.bytes)),
            port.running,
            port.blocked,
            port.parked,
            say::count(port.queued as u64),
        )?;
        // What is not there is not shown: these are what to look for.
        if self.accept_pauses > 0 {
            write!(f, "  accept pauses {} (raise `ulimit -n`)", say::count(self.accept_pauses))?;
        }
        if now.dropped > 0 {
            write!(f, "  dropped {}", say::count(now.dropped))?;
        }
        if now.faults > 0 {
            write!(f, "  faults {}", say::count(now.faults))?;
        }
        Ok(())
    }
}

/// What is said at the end.
pub struct Summary {
    pub served: Duration,
    pub counts: Counts,
    pub accept_pauses: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        write!(
            f,
            "served {}: {}, {}, {}; {} reset by peers, {} dropped for want of buffers, {}",
            say::duration(self.served),
            say::counted(counts.accepted, "connection"),
            say::counted(counts.messages, "message"),
            say::bytes(counts.bytes),
            say::count(counts.reset),
            say::count(counts.dropped),
            say::counted(counts.faults, "fault"),
        )?;
        if self.accept_pauses > 0 {
            write!(f, ", {}", say::counted(self.accept_pauses, "accept pause"))?;
        }
        Ok(())
    }
}

fn per_second(count: u64, time: Duration) -> u64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { (count as f64 / seconds).round() as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_by_the_time_that_passed() {
        assert_eq!(per_second(1500, Duration::from_millis(1500)), 1000);
        assert_eq!(per_second(1500, Duration::ZERO), 0);
    }

    #[test]
    fn the_summary_reads_as_a_sentence() {
        let counts = Counts { accepted: 1, messages: 2500, bytes: 2048, reset: 3, ..Counts::default() };
        let summary = Summary { served: Duration::from_secs(2), counts, accept_pauses: 0 };
        assert_eq!(
            summary.to_string(),
            "served 2.0 s: 1 connection, 2,500 messages, 2.0 KiB; 3 reset by peers, 0 dropped for want of \
             buffers, 0 faults"
        );
    }
}
