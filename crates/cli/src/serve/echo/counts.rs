//! What the echo server counts.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::say;
use crate::serve::figures::{Figures, per_second};

/// Counted by the workers, read once a second. Each only grows.
#[derive(Default)]
pub struct Counters {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections that have ended, however they did.
    pub ended: AtomicU64,
    /// Connections that were closed at once, for there were as many as may be.
    pub refused: AtomicU64,
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
    pub refused: u64,
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
            refused: self.refused.load(Relaxed),
            messages: self.messages.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            reset: self.reset.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            faults: self.faults.load(Relaxed),
        }
    }
}

impl Figures for Counts {
    fn rates(&self, before: &Counts, time: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |now: u64, before: u64| per_second(now - before, time);
        write!(
            f,
            "{:>7} connections {:>9} messages/s {:>10}/s",
            say::count(self.accepted - self.ended),
            say::count(rate(self.messages, before.messages)),
            say::bytes(rate(self.bytes, before.bytes)),
        )
    }

    fn troubles(&self) -> Vec<(&'static str, u64)> {
        vec![("refused", self.refused), ("dropped", self.dropped), ("faults", self.faults)]
    }

    fn total(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {}, {}; {} reset by peers, {} dropped for want of buffers, ",
            say::counted(self.accepted, "connection"),
            say::counted(self.messages, "message"),
            say::bytes(self.bytes),
            say::count(self.reset),
            say::count(self.dropped),
        )?;
        if self.refused > 0 {
            write!(f, "{} refused beyond the limit, ", say::count(self.refused))?;
        }
        f.write_str(&say::counted(self.faults, "fault"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::figures::Summary;
    use super::*;

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
