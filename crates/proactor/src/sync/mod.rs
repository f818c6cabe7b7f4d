//! The locks that stay in user mode until somebody has to sleep, as Windows programs know them.
//!
//! | Windows | here |
//! |---|---|
//! | `CRITICAL_SECTION` | [`CriticalSection`]; in C's layout, [`RawCriticalSection`] |
//! | `SRWLOCK` | [`RwLock`], [`RawRwLock`] |
//! | `CONDITION_VARIABLE` | [`Condvar`] |
//! | `INIT_ONCE` | [`Once`] |
//! | `SYNCHRONIZATION_BARRIER` | [`Barrier`] |
//! | `WaitOnAddress`, `WakeByAddressSingle`, `WakeByAddressAll` | [`wait_on_address`], [`wake_one`], [`wake_all`] |
//! | `SLIST_HEADER` | [`SList`], [`RawSList`] |
//! | the `Interlocked` functions | [`Interlocked`], and what `std::sync::atomic` has |
//! | a spin lock | [`SpinLock`] |
//!
//! What they have over those of `std`: a worker of a port that sleeps in one gives up its seat first, so another
//! worker is let in at once; and who waits for what, and for whom, can be seen while it lasts. Uncontended, none
//! of them knows of either.
//!
//! The `Raw` forms take whatever a C program does with them: they are for faces in other languages. No sleep in this
//! module is alertable.

mod address;
mod barrier;
mod condvar;
mod critical_section;
pub(crate) mod fence;
mod interlocked;
pub(crate) mod late;
pub(crate) mod lock;
mod lot;
pub(crate) mod newest;
mod once;
pub(crate) mod once_box;
pub(crate) mod park;
mod pause;
mod place;
pub(crate) mod queue;
mod raw_condvar;
mod raw_rwlock;
mod raw_section;
mod raw_slist;
pub(crate) mod record;
mod rwlock;
pub(crate) mod seat;
mod slist;
mod spin;
pub(crate) mod spins;
pub(crate) mod thread;

pub use lock_api;

pub use self::address::{Word, wait_on_address, wake_all, wake_one};
pub use self::barrier::Barrier;
pub use self::condvar::{Condvar, Held, Mode};
pub use self::critical_section::{CriticalGuard, CriticalSection, Entries};
pub use self::interlocked::Interlocked;
pub use self::once::{Begun, Once};
pub use self::raw_rwlock::RawRwLock;
pub use self::raw_section::RawCriticalSection;
pub use self::raw_slist::{RawSList, SListEntry};
pub use self::rwlock::{ReadGuard, RwLock, WriteGuard};
pub use self::slist::SList;
pub use self::spin::{RawSpinLock, SpinGuard, SpinLock};

/// What the words of the locks are made of; the schedule checkers put theirs in this place.
mod atomic {
    pub(super) use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};
}
