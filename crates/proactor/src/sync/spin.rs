//! The spin lock: test and test-and-set, with looks that come further and further apart (Anderson, 1990).
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering::*};

use crossbeam_utils::Backoff;

/// A lock that never sleeps, and what it protects.
///
/// For sections of a few instructions between threads that have processors of their own. In user mode the one
/// that has it may lose its processor; so whoever waits gives its own away after some microseconds of looking. A
/// worker of a port keeps its seat while it spins. When in doubt, take a [`CriticalSection`](super::CriticalSection):
/// it spins first as well.
///
/// ```
/// use proactor::sync::SpinLock;
///
/// static NEXT: SpinLock<u64> = SpinLock::new(1);
///
/// let mut next = NEXT.lock();
/// *next += 1;
/// ```
pub type SpinLock<T> = lock_api::Mutex<RawSpinLock, T>;
/// Has what a [`SpinLock`] protects.
pub type SpinGuard<'a, T> = lock_api::MutexGuard<'a, RawSpinLock, T>;

/// The lock in a [`SpinLock`].
#[derive(Debug, Default)]
pub struct RawSpinLock {
    taken: AtomicBool,
}

impl RawSpinLock {
    #[cold]
    fn spin(&self) {
        let backoff = Backoff::new();
        loop {
            // Looks only read, so the line stays with its owner until there is something to win.
            while self.taken.load(Relaxed) {
                backoff.snooze();
            }
            if !self.taken.swap(true, Acquire) {
                return;
            }
        }
    }
}

// SAFETY: `taken` goes from false to true only in a swap, whose winner has the lock until it stores false.
unsafe impl lock_api::RawMutex for RawSpinLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "what the trait is made for")]
    const INIT: RawSpinLock = RawSpinLock { taken: AtomicBool::new(false) };
    type GuardMarker = lock_api::GuardSend;

    #[inline]
    fn lock(&self) {
        if self.taken.swap(true, Acquire) {
            self.spin();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        !self.taken.load(Relaxed) && !self.taken.swap(true, Acquire)
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.taken.store(false, Release);
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.taken.load(Relaxed)
    }
}
