//! A barrier: so many threads come together, and go on together.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

use super::lot::{self, Key, Kind, Sleep};
use super::pause::{LOOKS, Spin};
use super::record::{Owner, Resource};
use crate::status::Status;

/// The count of those that have come is below it, the number of the round above.
const ROUND_SHIFT: u32 = 32;

/// Holds threads until there are so many of them: `SYNCHRONIZATION_BARRIER`. It is there for the next round at once.
///
/// A worker of a port that waits here lets another worker in.
///
/// ```
/// let barrier = proactor::sync::Barrier::new(2).unwrap();
/// let last = std::thread::scope(|scope| {
///     let other = scope.spawn(|| barrier.wait());
///     (barrier.wait(), other.join().unwrap())
/// });
/// assert!(last.0 != last.1, "one of them was the last");
/// ```
pub struct Barrier {
    total: u32,
    spins: AtomicU32,
    /// Changed by compare-and-swap, so that a thread too many starts the next round instead of being miscounted.
    word: AtomicU64,
    /// Threads that have come and are not out yet.
    inside: AtomicU32,
}

impl Barrier {
    /// For rounds of so many threads. It is `InitializeSynchronizationBarrier`.
    ///
    /// # Errors
    /// [`INVALID_PARAMETER`](Status::INVALID_PARAMETER) for none.
    pub const fn new(total: u32) -> Result<Barrier, Status> {
        if total == 0 {
            return Err(Status::INVALID_PARAMETER);
        }
        Ok(Barrier {
            total,
            spins: AtomicU32::new(LOOKS),
            word: AtomicU64::new(0),
            inside: AtomicU32::new(0),
        })
    }

    /// Sets how often a thread looks again before it sleeps; with 0 it sleeps at once, which is
    /// `SYNCHRONIZATION_BARRIER_FLAGS_BLOCK_ONLY`.
    pub fn set_spin_count(&self, pauses: u32) {
        self.spins.store(pauses, Relaxed);
    }

    /// Blocks until the round is complete; true for exactly one thread of it, the last to come (S256). It is
    /// `EnterSynchronizationBarrier`.
    pub fn wait(&self) -> bool {
        self.inside.fetch_add(1, Relaxed);
        let last = self.come();
        // The last thing that touches the barrier: whoever waits for the leavers may take its memory away then.
        let leavers = self.leavers();
        if self.inside.fetch_sub(1, Release) == 1 {
            lot::wake_all(leavers, |_| ());
        }
        last
    }

    fn come(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        loop {
            let round = word >> ROUND_SHIFT;
            let complete = (word as u32) + 1 == self.total;
            let next = if complete { (round + 1) << ROUND_SHIFT } else { word + 1 };
            match self.word.compare_exchange_weak(word, next, AcqRel, Relaxed) {
                Err(now) => word = now,
                Ok(_) if complete => {
                    lot::wake_all(self.key(), |_| ());
                    return true;
                }
                Ok(_) => {
                    self.wait_for_end_of(round);
                    return false;
                }
            }
        }
    }

    fn wait_for_end_of(&self, round: u64) {
        let mut spin = Spin::new(self.spins.load(Relaxed));
        // A round's number comes again after 2^32 rounds, of which this thread is missing in all but one.
        let open = || self.word.load(Acquire) >> ROUND_SHIFT == round & u64::from(u32::MAX);
        while open() {
            if !spin.turn() {
                Sleep::new(self.key(), self).sleep(open, || (), || ());
            }
        }
    }

    /// Blocks until nobody is in [`wait`](Barrier::wait) any more: then its memory may be used for something else.
    /// In Rust borrows see to that. It is `DeleteSynchronizationBarrier`.
    pub fn wait_for_leavers(&self) {
        let busy = || self.inside.load(Acquire) != 0;
        while busy() {
            Sleep::new(self.leavers(), self).sleep(busy, || (), || ());
        }
    }

    /// Threads that have come to this round.
    pub fn arrived(&self) -> u32 {
        self.word.load(Relaxed) as u32
    }

    fn key(&self) -> Key {
        Key::of(self, Kind::Queue)
    }

    fn leavers(&self) -> Key {
        Key::of(self, Kind::Leavers)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("total", &self.total)
            .field("arrived", &self.arrived())
            .finish_non_exhaustive()
    }
}

impl Resource for Barrier {
    fn kind(&self) -> &'static str {
        "barrier"
    }

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }

    fn owner(&self) -> Owner {
        Owner::Nobody
    }
}
