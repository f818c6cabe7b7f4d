//! One coarse timer wheel for all sessions (Varghese and Lauck's): a ring of lists, one a tick.
//!
//! A session's place is in one list at a time and costs four bytes. It is never moved when something happens to the
//! session, which only notes the time; when its turn comes, the wheel looks what is due and puts it where the next
//! thing can be due at the earliest. No time is longer than the ring, or than the shortest of all times, so that also
//! one that begins after the look is seen when it is over.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::chunks::Chunks;

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
    /// The first place of each list; the others follow in `next`.
    heads: Vec<u32>,
    /// By place: the one behind it in its list, [`LAST`], or [`UNLISTED`].
    next: Chunks<u32>,
    /// Ticks that have been served.
    served: u64,
    entries: usize,
    stopped: bool,
}

/// Nobody is behind it. There are fewer places.
const LAST: u32 = u32::MAX;
/// It is in no list.
const UNLISTED: u32 = u32::MAX - 1;

impl Ring {
    fn new(slots: u32) -> Ring {
        let heads = vec![LAST; slots as usize];
        Ring { heads, next: Chunks::default(), served: 0, entries: 0, stopped: false }
    }

    fn slot(&self, tick: u64) -> usize {
        (tick % self.heads.len() as u64) as usize
    }

    /// Puts a place into the list of a tick to come, unless it is in one.
    fn insert(&mut self, index: u32, ticks: u32) {
        while self.next.len() <= index as usize {
            self.next.push(UNLISTED);
        }
        if self.next[index] != UNLISTED {
            return;
        }
        let most = self.heads.len() as u64 - 1;
        let slot = self.slot(self.served + u64::from(ticks).clamp(1, most));
        self.next[index] = std::mem::replace(&mut self.heads[slot], index);
        self.entries += 1;
    }

    /// Takes a place out of a list. It still counts among the entries, for whoever took it to take it off: with none
    /// the served ticks may jump, and must not under one who looks.
    fn pop(&mut self, slot: usize) -> Option<u32> {
        let index = self.heads[slot];
        if index == LAST {
            return None;
        }
        self.heads[slot] = std::mem::replace(&mut self.next[index], UNLISTED);
        Some(index)
    }
}

impl Wheel {
    pub(crate) fn new(shortest: u32) -> Wheel {
        let tick = (shortest / TICKS).max(1);
        let slots = shortest / tick + 2;
        Wheel { start: Instant::now(), tick, ring: Mutex::new(Ring::new(slots)), changed: Condvar::new() }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the start, which wrap after 49 days: only differences have a meaning.
    pub(crate) fn now(&self) -> u32 {
        self.start.elapsed().as_millis() as u32
    }

    /// Has a place looked at after so many milliseconds, or sooner. One that waits for its turn keeps that.
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
            ring.served += 1;
            let slot = ring.slot(ring.served);
            while let Some(index) = ring.pop(slot) {
                // Sessions are looked at without the lock, for they may be busy. A new one in the same place puts
                // it into a list itself.
                drop(ring);
                let again = look(index);
                ring = self.ring();
                ring.entries -= 1;
                if let Some(millis) = again {
                    ring.insert(index, millis / self.tick + 1);
                }
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
            // It has its turn, and keeps it.
            ring.insert(ticks, 1);
        }
        let mut turns = Vec::new();
        for tick in 1..=65 {
            ring.served += 1;
            let slot = ring.slot(ring.served);
            while let Some(index) = ring.pop(slot) {
                ring.entries -= 1;
                assert_eq!(index.max(1), tick, "place {index} at tick {tick}");
                turns.push(index);
            }
        }
        turns.sort_unstable();
        assert_eq!(turns, (0..=65).collect::<Vec<_>>());
        assert_eq!(ring.entries, 0);
    }

    #[test]
    fn one_that_comes_late_during_a_look_has_its_turn() {
        // The only place is looked at until a tick is overdue, and then another comes: the first must not come to be
        // behind the hand at once, again and again.
        let wheel = Wheel::new(640);
        wheel.insert(0, 640);
        let mut looks = 0;
        wheel.turn(|index| {
            looks += 1;
            if index == 1 || looks == 1000 {
                wheel.stop();
                return None;
            }
            if looks == 1 {
                let (begun, slots) = (wheel.ticks(), wheel.ring().heads.len() as u64);
                while (wheel.ticks() - begun) % slots != 1 {
                    std::thread::yield_now();
                }
                wheel.insert(1, 1);
            }
            Some(640)
        });
        assert!(looks < 100, "the first had {looks} turns before the second");
    }
}
