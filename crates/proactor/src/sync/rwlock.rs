//! The slim reader-writer lock, with the guards of `lock_api`.
#![allow(unsafe_code)]

use std::fmt;
use std::sync::atomic::AtomicU64;

use super::raw_rwlock::RawRwLock;

/// A slim reader-writer lock, and what it protects: `SRWLOCK`.
///
/// One word, free when it is zero. Not recursive in any mode (S239). A writer that waits keeps later readers
/// waiting (S241). A worker of a port that sleeps here lets another worker in for that time, and whoever sleeps here is
/// seen in wait chains, with the writer that has the lock. Guards may be sent to other threads (S243).
///
/// ```
/// use proactor::sync::RwLock;
///
/// static NAMES: RwLock<Vec<&str>> = RwLock::new(Vec::new());
///
/// NAMES.write().push("a");
/// let (one, two) = (NAMES.read(), NAMES.read());
/// assert_eq!(one.len() + two.len(), 2);
/// assert!(NAMES.try_write().is_none());
/// ```
pub type RwLock<T> = lock_api::RwLock<RawRwLock, T>;
/// Shares what an [`RwLock`] protects.
pub type ReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLock, T>;
/// Has what an [`RwLock`] protects for itself.
pub type WriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLock, T>;

impl RawRwLock {
    /// A free one. There is nothing to be done when it is no longer needed (S238).
    pub const fn new() -> RawRwLock {
        RawRwLock { word: AtomicU64::new(0) }
    }
}

impl Default for RawRwLock {
    fn default() -> Self {
        RawRwLock::new()
    }
}

impl fmt::Debug for RawRwLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawRwLock({:#x})", self.raw_value())
    }
}

// SAFETY: whoever comes back from `lock_exclusive`, or true from a try, has made `WRITER` its own and has seen the
// count of readers at zero; readers get in only without `WRITER`. So a writer is alone.
unsafe impl lock_api::RawRwLock for RawRwLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "what the trait is made for")]
    const INIT: RawRwLock = RawRwLock::new();
    type GuardMarker = lock_api::GuardSend;

    #[inline]
    fn lock_shared(&self) {
        self.acquire_shared();
    }

    #[inline]
    fn try_lock_shared(&self) -> bool {
        self.try_acquire_shared()
    }

    #[inline]
    unsafe fn unlock_shared(&self) {
        let was_held = self.release_shared();
        debug_assert!(was_held);
    }

    #[inline]
    fn lock_exclusive(&self) {
        self.acquire_exclusive();
    }

    #[inline]
    fn try_lock_exclusive(&self) -> bool {
        self.try_acquire_exclusive()
    }

    #[inline]
    unsafe fn unlock_exclusive(&self) {
        let was_held = self.release_exclusive();
        debug_assert!(was_held);
    }

    fn is_locked(&self) -> bool {
        self.is_held()
    }

    fn is_locked_exclusive(&self) -> bool {
        self.is_held_exclusively()
    }
}
