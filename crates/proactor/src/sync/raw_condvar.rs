//! The queue of a condition variable. Its word is the number of sleepers, so that a wake with nobody asleep looks
//! at nothing else; it is changed under the lock of their bucket, see `lot`.
//!
//! A sleeper is in the queue before it gives up its lock. So whoever changes what it waits for under that lock,
//! and then wakes, finds it.

use std::time::Instant;

use super::atomic::{AtomicU64, Ordering::*};
use super::lot::{self, Key, Kind, Sleep, Slept};
use super::record::{Owner, Resource};

#[repr(transparent)]
pub struct RawCondvar {
    pub(super) sleepers: AtomicU64,
}

impl RawCondvar {
    /// Sleeps from before `release`, which gives up the lock, until it is woken (true) or late. The caller takes
    /// its lock again, which is no part of the wait: a wake that came in time counts however long that takes
    /// (S249).
    pub fn sleep(&self, deadline: Option<Instant>, release: impl FnOnce()) -> bool {
        let fall_asleep = || {
            self.change(|sleepers| sleepers + 1);
            true
        };
        let sleep = Sleep { deadline, ..Sleep::new(self.key(), self) };
        sleep.sleep(fall_asleep, release, || self.change(|sleepers| sleepers - 1)) == Slept::Woken
    }

    /// Wakes so many of the sleepers, from the oldest on; returns how many.
    #[inline]
    pub fn wake(&self, most: usize) -> usize {
        if self.sleepers.load(Relaxed) == 0 { 0 } else { self.wake_sleepers(most) }
    }

    #[cold]
    fn wake_sleepers(&self, most: usize) -> usize {
        let mut chosen = 0;
        let choose = |_| {
            chosen += 1;
            chosen <= most
        };
        lot::wake_while(self.key(), choose, |taken, _| self.change(|sleepers| sleepers - taken as u64))
    }

    /// Under the bucket's lock, so it takes no read-modify-write.
    fn change(&self, by: impl FnOnce(u64) -> u64) {
        self.sleepers.store(by(self.sleepers.load(Relaxed)), Relaxed);
    }

    fn key(&self) -> Key {
        Key::of(&self.sleepers, Kind::Queue)
    }
}

impl Resource for RawCondvar {
    fn kind(&self) -> &'static str {
        "condition variable"
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
