//! How long a handler takes on the average: what decides whether work is worth waking another worker for.
//!
//! A wake costs its waker about 9 us and the woken worker runs some 33 us later (on a virtual machine; less on
//! bare metal). Work that a running worker will reach sooner than that is left to it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// What a wake costs, from the decision to the woken worker's first instruction.
const WAKE: u64 = 40_000;

/// Weight of a new sample: one in 8 follows a change within a few dozen samples, and no single slow handler
/// changes the picture for long.
const SHARE: u32 = 8;

/// The running average in nanoseconds; 0 while nothing is known.
#[derive(Default)]
pub(crate) struct Pace(AtomicU32);

impl Pace {
    pub(crate) fn sample(&self, took: Duration) {
        let took = u32::try_from(took.as_nanos()).unwrap_or(u32::MAX).max(1);
        let average = match self.0.load(Relaxed) {
            0 => took,
            average => average - average / SHARE + took / SHARE,
        };
        // Two workers at once may overwrite each other's sample; an average can spare one.
        self.0.store(average.max(1), Relaxed);
    }

    /// Whether `backlog` packets are worth a wake. When nothing is known, they are.
    pub(crate) fn worth_a_wake(&self, backlog: usize) -> bool {
        match u64::from(self.0.load(Relaxed)) {
            0 => true,
            average => average.saturating_mul(backlog as u64) >= WAKE,
        }
    }

    pub(crate) fn average(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_handlers_are_worth_a_wake_short_ones_only_in_numbers() {
        let pace = Pace::default();
        assert!(pace.worth_a_wake(1));
        (0..100).for_each(|_| pace.sample(Duration::from_micros(1)));
        assert!(!pace.worth_a_wake(1) && pace.worth_a_wake(100));
        (0..100).for_each(|_| pace.sample(Duration::from_millis(1)));
        assert!(pace.worth_a_wake(1));
        pace.sample(Duration::from_secs(3600));
        pace.sample(Duration::ZERO);
        assert!(pace.average() > Duration::ZERO);
    }
}
