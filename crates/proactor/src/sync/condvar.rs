//! The condition variable, for critical sections and for reader-writer locks in either mode.
#![allow(unsafe_code)]

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::critical_section::CriticalGuard;
use super::raw_condvar::RawCondvar;
use super::raw_rwlock::RawRwLock;
use super::raw_section::RawCriticalSection;
use super::rwlock::{ReadGuard, WriteGuard};
use crate::status::Status;

/// A place to wait, outside of a lock, for what others change inside it: `CONDITION_VARIABLE`.
///
/// One word, zero at first. A wait may end without a wake, and what it is for may be over again by the time it has
/// the lock back: look again in a loop (S250). A wake with nobody asleep is lost (S246).
///
/// ```
/// use std::cell::Cell;
/// use proactor::sync::{Condvar, CriticalSection};
///
/// static READY: CriticalSection<Cell<bool>> = CriticalSection::new(Cell::new(false));
/// static CHANGED: Condvar = Condvar::new();
///
/// let other = std::thread::spawn(|| {
///     READY.enter().set(true);
///     CHANGED.wake_all();
/// });
/// let mut ready = READY.enter();
/// while !ready.get() {
///     CHANGED.wait(&mut ready);
/// }
/// # drop(ready);
/// # other.join().unwrap();
/// ```
#[repr(transparent)]
pub struct Condvar {
    raw: RawCondvar,
}

/// The guard of a lock that a [`Condvar`] gives up for the time of a wait: that of a
/// [`CriticalSection`](super::CriticalSection), or one of an [`RwLock`](super::RwLock), which it gets back in the same
/// mode (S248).
pub trait Held: sealed::Held {}

mod sealed {
    pub trait Held {
        /// Gives the lock up in `sleep`, by the call that it is handed, and has it back when this returns.
        fn without<R>(&mut self, sleep: impl FnOnce(&dyn Fn()) -> R) -> R;
    }
}

impl<T: ?Sized> Held for CriticalGuard<'_, T> {}

impl<T: ?Sized> sealed::Held for CriticalGuard<'_, T> {
    fn without<R>(&mut self, sleep: impl FnOnce(&dyn Fn()) -> R) -> R {
        let section = self.section();
        let result = sleep(&|| section.leave());
        section.enter();
        result
    }
}

impl<T: ?Sized> Held for ReadGuard<'_, T> {}

impl<T: ?Sized> sealed::Held for ReadGuard<'_, T> {
    fn without<R>(&mut self, sleep: impl FnOnce(&dyn Fn()) -> R) -> R {
        // SAFETY: the guard is lent to this call, so nobody looks through it until the lock is held again.
        let lock = unsafe { ReadGuard::rwlock(self).raw() };
        let result = sleep(&|| drop_result(lock.release_shared()));
        lock.acquire_shared();
        result
    }
}

impl<T: ?Sized> Held for WriteGuard<'_, T> {}

impl<T: ?Sized> sealed::Held for WriteGuard<'_, T> {
    fn without<R>(&mut self, sleep: impl FnOnce(&dyn Fn()) -> R) -> R {
        // SAFETY: the guard is lent to this call, so nobody looks through it until the lock is held again.
        let lock = unsafe { WriteGuard::rwlock(self).raw() };
        let result = sleep(&|| drop_result(lock.release_exclusive()));
        lock.acquire_exclusive();
        result
    }
}

/// In what mode a reader-writer lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With other readers.
    Shared,
    /// Alone.
    Exclusive,
}

fn drop_result(_was_held: bool) {}

impl Condvar {
    /// One that nobody waits at.
    pub const fn new() -> Condvar {
        Condvar { raw: RawCondvar { sleepers: AtomicU64::new(0) } }
    }

    /// Gives the lock up, sleeps until it is woken, and takes the lock again. Of a critical section that the thread
    /// has entered more than once it leaves one entry only, so nobody else gets in (S251).
    ///
    /// It is `SleepConditionVariableCS` and `SleepConditionVariableSRW`.
    pub fn wait(&self, held: &mut impl Held) {
        held.without(|release| self.raw.sleep(None, release));
    }

    /// The same, for no longer than `timeout`, to which the taking of the lock does not count.
    ///
    /// # Errors
    /// [`TIMEOUT`](Status::TIMEOUT), with the lock taken again (S247). Not when the wake came in time and only the
    /// lock did not (S249).
    pub fn wait_timeout(&self, held: &mut impl Held, timeout: Duration) -> Result<(), Status> {
        let deadline = Instant::now().checked_add(timeout);
        in_time(held.without(|release| self.raw.sleep(deadline, release)))
    }

    /// [`wait_timeout`](Condvar::wait_timeout) for a face that has no guards; without a timeout it waits for ever.
    ///
    /// # Errors
    /// [`TIMEOUT`](Status::TIMEOUT), with the section entered again.
    pub fn sleep_section(
        &self,
        section: &RawCriticalSection,
        timeout: Option<Duration>,
    ) -> Result<(), Status> {
        let woken = self.raw.sleep(deadline(timeout), || section.leave());
        section.enter();
        in_time(woken)
    }

    /// The same for a reader-writer lock.
    ///
    /// # Errors
    /// [`TIMEOUT`](Status::TIMEOUT), with the lock taken again.
    pub fn sleep_rwlock(
        &self,
        lock: &RawRwLock,
        mode: Mode,
        timeout: Option<Duration>,
    ) -> Result<(), Status> {
        let release = || {
            drop_result(match mode {
                Mode::Shared => lock.release_shared(),
                Mode::Exclusive => lock.release_exclusive(),
            });
        };
        let woken = self.raw.sleep(deadline(timeout), release);
        match mode {
            Mode::Shared => lock.acquire_shared(),
            Mode::Exclusive => lock.acquire_exclusive(),
        }
        in_time(woken)
    }

    /// Wakes one that sleeps here, the oldest; true if there was one. It is `WakeConditionVariable`.
    pub fn wake_one(&self) -> bool {
        self.raw.wake(1) > 0
    }

    /// Wakes all that sleep here; returns how many. It is `WakeAllConditionVariable`.
    pub fn wake_all(&self) -> usize {
        self.raw.wake(usize::MAX)
    }
}

/// A time so far away that it has no name is never.
fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    Instant::now().checked_add(timeout?)
}

fn in_time(woken: bool) -> Result<(), Status> {
    if woken { Ok(()) } else { Err(Status::TIMEOUT) }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").field("sleepers", &self.raw.sleepers).finish()
    }
}
