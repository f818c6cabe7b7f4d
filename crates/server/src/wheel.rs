//! One coarse timer wheel for all sessions (Varghese and Lauck's): a ring of lists, one a tick.
//!
//! A session's place is in one list at a time and costs four bytes. It is never moved when something happens to the
//! session, which only notes the time; when its turn comes, the wheel looks what is due and puts it where the next
//! thing can be due at the earliest. No time is longer than the ring, or than the shortest of all times, so that also
//! one that begins after the look is seen when it is over.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Ticks in the shortest of all times.
const TICKS: u32 = 64;

pub(crate) struct Wheel {
    start: Instant,
    /// Milliseconds.
    tick: u32,
    ring: Mutex<Ring>,
    changed: Condvar,
}

struct Ring {
    lists: Vec<Vec<u32>>,
    /// Ticks that have been served.
    served: u64,
    entries: usize,
    stopped: bool,
}

impl Ring {
    fn insert(&mut self, index: u32, ticks: u32) {
        let most = self.lists.len() as u64 - 1;
        let at = self.served + u64::from(ticks).clamp(1, most);
        let slot = (at % self.lists.len() as u64) as usize;
        self.lists[slot].push(index);
        self.entries += 1;
    }

    /// The places whose turn is in the next tick.
    fn advance(&mut self) -> Vec<u32> {
        self.served += 1;
        let slot = (self.served % self.lists.len() as u64) as usize;
        let due = std::mem::take(&mut self.lists[slot]);
        self.entries -= due.len();
        due
    }
}

impl Wheel {
    pub(crate) fn new(shortest: u32) -> Wheel {
        let tick = (shortest / TICKS).max(1);
        let slots = shortest / tick + 2;
        let ring =
            Ring { lists: (0..slots).map(|_| Vec::new()).collect(), served: 0, entries: 0, stopped: false };
        Wheel { start: Instant::now(), tick, ring: Mutex::new(ring), changed: Condvar::new() }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the start, which wrap after 49 days: only differences have a meaning.
    pub(crate) fn now(&self) -> u32 {
        self.start.elapsed().as_millis() as u32
    }

    /// Has a place looked at after so many milliseconds, or sooner.
    pub(crate) fn insert(&self, index: u32, millis: u32) {
        let mut ring = self.ring();
        if ring.entries == 0 {
            // Nobody counted while there was nothing to count for.
            ring.served = self.ticks();
            self.changed.notify_one();
        }
        ring.insert(index, millis / self.tick + 1);
    }

    fn ticks(&self) -> u64 {
        (self.start.elapsed().as_millis() / u128::from(self.tick)) as u64
    }

    /// Turns until [`stop`](Wheel::stop). `look` says when a place is to be looked at again, in milliseconds.
    pub(crate) fn turn(&self, mut look: impl FnMut(u32) -> Option<u32>) {
        let mut ring = self.ring();
        loop {
            if ring.stopped {
                return;
            }
            if ring.entries == 0 {
                ring = self.changed.wait(ring).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let next = self.start + Duration::from_millis((ring.served + 1) * u64::from(self.tick));
            if let Some(left) = next.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                ring = self.changed.wait_timeout(ring, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let due = ring.advance();
            if due.is_empty() {
                continue;
            }
            // Sessions are looked at without the lock, for they may be busy.
            drop(ring);
            let again: Vec<_> = due.into_iter().filter_map(|index| Some((index, look(index)?))).collect();
            ring = self.ring();
            if ring.entries == 0 {
                ring.served = ring.served.max(self.ticks());
            }
            for (index, millis) in again {
                ring.insert(index, millis / self.tick + 1);
            }
        }
    }

    pub(crate) fn stop(&self) {
        self.ring().stopped = true;
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_turn_after_its_ticks_and_once() {
        let wheel = Wheel::new(640);
        let mut ring = wheel.ring();
        assert_eq!(wheel.tick, 10);
        for ticks in 0..=65 {
            ring.insert(ticks, ticks);
        }
        let mut turns = Vec::new();
        for tick in 1..=65 {
            for index in ring.advance() {
                assert_eq!(index.max(1), tick, "place {index} at tick {tick}");
                turns.push(index);
            }
        }
        turns.sort_unstable();
        assert_eq!(turns, (0..=65).collect::<Vec<_>>());
        assert_eq!(ring.entries, 0);
    }
}
