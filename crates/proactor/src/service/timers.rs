//! Timers in the order in which they are due, and when the thread that serves them has to wake.
//!
//! A balanced tree keyed by due time and order of arrival: setting, cancelling and taking the earliest are
//! O(log n), and a cancelled timer leaves nothing behind. Two rules: of timers due at one time the one set first
//! comes first, and a timer that is not the earliest wakes nobody. No clock and no thread in here; times are given.

use std::collections::BTreeMap;

/// Names one timer that was set. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key<C> {
    due: C,
    /// Tells timers of one due time apart, and old from new.
    sequence: u64,
}

pub(crate) struct Timers<C, T> {
    queue: BTreeMap<Key<C>, T>,
    next: u64,
}

impl<C: Ord + Copy, T> Timers<C, T> {
    pub(crate) const fn new() -> Timers<C, T> {
        Timers { queue: BTreeMap::new(), next: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn set(&mut self, due: C, what: T) -> Key<C> {
        let key = Key { due, sequence: self.next };
        self.next += 1;
        self.queue.insert(key, what);
        key
    }

    /// What was set, unless it has been taken already.
    pub(crate) fn cancel(&mut self, key: Key<C>) -> Option<T> {
        self.queue.remove(&key)
    }

    pub(crate) fn earliest(&self) -> Option<C> {
        self.queue.first_key_value().map(|(key, _)| key.due)
    }

    /// Where one round of expiries ends: what is set from here on belongs to the next round, so that one which
    /// sets itself again at once does not keep the others from their turn.
    pub(crate) fn round(&self) -> Round {
        Round(self.next)
    }

    /// Takes the earliest timer of this round that is due at `now`.
    pub(crate) fn take_due(&mut self, now: C, round: Round) -> Option<(Key<C>, T)> {
        let first = self.queue.first_entry()?;
        if first.key().due > now || first.key().sequence >= round.0 {
            return None;
        }
        Some(first.remove_entry())
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Round(u64);

/// What the serving thread is doing, for those who set timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nap<C> {
    /// It looks at the timers again before it sleeps.
    Awake,
    /// It sleeps until this time, `None`: until it is called.
    Until(Option<C>),
}

impl<C: Ord + Copy> Nap<C> {
    /// A timer due at `due` has been set: whether the thread must be called. If so that is once, for it then
    /// looks at everything.
    pub(crate) fn is_cut_short(&mut self, due: C) -> bool {
        let called = match self {
            Nap::Awake => false,
            Nap::Until(None) => true,
            Nap::Until(Some(wakes)) => due < *wakes,
        };
        if called {
            *self = Nap::Awake;
        }
        called
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(timers: &mut Timers<u64, u64>, now: u64) -> Vec<u64> {
        let round = timers.round();
        std::iter::from_fn(|| timers.take_due(now, round)).map(|(_, what)| what).collect()
    }

    #[test]
    fn the_earliest_comes_first_and_of_one_time_the_first_set() {
        let mut timers = Timers::new();
        for (due, what) in [(30, 1), (10, 2), (20, 3), (10, 4)] {
            timers.set(due, what);
        }
        assert_eq!(timers.earliest(), Some(10));
        assert_eq!(drain(&mut timers, 9), []);
        assert_eq!(drain(&mut timers, 20), [2, 4, 3]);
        assert_eq!((timers.earliest(), timers.len()), (Some(30), 1));
    }

    #[test]
    fn a_cancelled_timer_is_gone_and_cancelled_once() {
        let mut timers = Timers::new();
        let keys: Vec<_> = (0..50_000).map(|n| timers.set(n % 977, n)).collect();
        for key in &keys {
            assert!(timers.cancel(*key).is_some());
            assert!(timers.cancel(*key).is_none());
        }
        assert_eq!((timers.len(), timers.earliest()), (0, None));
    }

    #[test]
    fn one_that_is_set_again_at_once_waits_for_the_next_round() {
        let mut timers = Timers::new();
        timers.set(5, 1);
        let round = timers.round();
        let (_, what) = timers.take_due(5, round).unwrap();
        timers.set(5, what);
        assert!(timers.take_due(5, round).is_none());
        assert_eq!(drain(&mut timers, 5), [1]);
    }

    #[test]
    fn only_an_earlier_timer_calls_the_thread_and_only_once() {
        let mut nap = Nap::Until(Some(100));
        assert!(!nap.is_cut_short(100), "it looks then anyway");
        assert!(!nap.is_cut_short(5000));
        assert!(nap.is_cut_short(99));
        assert_eq!(nap, Nap::Awake);
        assert!(!nap.is_cut_short(1), "it is on its way");
        let mut nap = Nap::Until(None);
        assert!(nap.is_cut_short(u64::MAX), "without a timer it would sleep for ever");
    }

    /// A timer at a wall-clock time follows a clock that is set: what counts is the time on the clock when it is
    /// looked at, whatever way it got there. No test can set the machine's clock without disturbing everybody else
    /// on it, so the times are given; that the alarm follows too is the kernel's part.
    #[test]
    fn s200_absolute_timers_follow_a_clock_that_is_set() {
        let mut timers = Timers::new();
        let noon = 12 * 3600;
        timers.set(noon, 1);
        timers.set(noon + 60, 2);
        assert_eq!(drain(&mut timers, noon - 1), [], "a second before");
        assert_eq!(drain(&mut timers, noon - 3600), [], "the clock was set back");
        assert_eq!(timers.earliest(), Some(noon), "and the timer still means noon");
        assert_eq!(drain(&mut timers, noon + 3600), [1, 2], "the clock was set forward past both");
    }
}
