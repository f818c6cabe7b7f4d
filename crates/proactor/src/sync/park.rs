//! A place for one thread to sleep: a single futex word.
//!
//! A permit that comes first is kept, so that `unpark` before `park` is not lost; two permits are one. This is
//! the usual token parker, as in `std::thread::park`, but with a word of its own per record, so that a permit
//! meant for a port can't be eaten by somebody else's park.

use std::sync::atomic::{AtomicU32, Ordering::*};
use std::time::{Duration, Instant};

use rustix::thread::futex;
use rustix::time::Timespec;

const EMPTY: u32 = 0;
const PERMIT: u32 = 1;
/// The thread sleeps, or is about to: only then does a permit cost a system call.
const PARKED: u32 = 2;

#[derive(Default)]
pub(crate) struct Parker {
    word: AtomicU32,
}

impl Parker {
    /// Forgets an old permit. Only the owner calls this, before it makes itself known to those who unpark.
    pub(crate) fn prepare(&self) {
        self.word.store(EMPTY, Relaxed);
    }

    /// Sleeps until a permit is there (true) or the deadline has passed (false).
    pub(crate) fn park(&self, deadline: Option<Instant>) -> bool {
        loop {
            if self.word.swap(EMPTY, Acquire) == PERMIT {
                return true;
            }
            let left = match deadline {
                None => None,
                Some(at) => match at.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => Some(timespec(left)),
                    _ => return false,
                },
            };
            if self.word.compare_exchange(EMPTY, PARKED, Relaxed, Relaxed).is_err() {
                continue;
            }
            // Every way to return is a reason to look again: a wake, EAGAIN (the permit came first), EINTR,
            // ETIMEDOUT.
            let _ = futex::wait(&self.word, futex::Flags::PRIVATE, PARKED, left.as_ref());
        }
    }

    /// For one who sleeps on other words as well: this one, and what it says until a permit comes. `None` if one was
    /// there. Ended by `come_back`.
    pub(crate) fn set_out(&self) -> Option<(&AtomicU32, u32)> {
        match self.word.swap(PARKED, Acquire) {
            PERMIT => {
                self.word.store(EMPTY, Relaxed);
                None
            }
            _ => Some((&self.word, PARKED)),
        }
    }

    /// That sleep is over; true if a permit came.
    pub(crate) fn come_back(&self) -> bool {
        self.word.swap(EMPTY, Acquire) == PERMIT
    }

    pub(crate) fn unpark(&self) {
        if self.word.swap(PERMIT, Release) == PARKED {
            let _ = futex::wake(&self.word, futex::Flags::PRIVATE, 1);
        }
    }
}

/// A duration as the kernel wants it; what it can't hold is as good as for ever.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_permit_that_comes_first_is_kept() {
        let parker = Parker::default();
        parker.unpark();
        parker.unpark();
        assert!(parker.park(None));
        assert!(!parker.park(Some(Instant::now())), "two permits are one");
    }

    #[test]
    fn unpark_wakes_a_sleeper() {
        let parker = Arc::new(Parker::default());
        let sleeper = {
            let parker = parker.clone();
            std::thread::spawn(move || parker.park(None))
        };
        parker.unpark();
        assert!(sleeper.join().unwrap());
    }

    #[test]
    fn a_deadline_ends_the_sleep() {
        let parker = Parker::default();
        assert!(!parker.park(Some(Instant::now() + Duration::from_millis(2))));
    }
}
