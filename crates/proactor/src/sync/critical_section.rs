//! The critical section: a recursive lock that looks again for a while before it sleeps.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::raw_section::{FREE, RawCriticalSection};

/// What Windows gives a section that asks for no count of its own.
const SPIN_COUNT: usize = 2000;

// Windows programs have memory of this size for it.
const _: () = assert!(size_of::<RawCriticalSection>() == 40 && align_of::<RawCriticalSection>() == 8);

impl RawCriticalSection {
    /// A free one. Its memory may be given back whenever nobody is in it or waits for it; if somebody is, nothing
    /// fails either (S237). It is `InitializeCriticalSectionAndSpinCount`.
    pub const fn new(spin_count: u32) -> RawCriticalSection {
        RawCriticalSection {
            debug: AtomicUsize::new(0),
            word: AtomicI32::new(FREE),
            recursion: AtomicI32::new(0),
            owner: AtomicUsize::new(0),
            contended: AtomicU32::new(0),
            slept: AtomicU32::new(0),
            spin_count: AtomicUsize::new(spin_count as usize),
        }
    }
}

impl Default for RawCriticalSection {
    fn default() -> Self {
        RawCriticalSection::new(SPIN_COUNT as u32)
    }
}

impl fmt::Debug for RawCriticalSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawCriticalSection")
            .field("lock_count", &self.lock_count())
            .field("recursion_count", &self.recursion_count())
            .field("owning_thread", &self.owning_thread())
            .finish_non_exhaustive()
    }
}

/// A critical section, and what it protects: `CRITICAL_SECTION`.
///
/// The thread that is in it may enter again; so it lends what it protects to be looked at only, and what is to
/// be changed is a `Cell` or a `RefCell`. Others look again for a short while and then sleep. A worker of a port
/// that sleeps here lets another worker in for that time, and whoever sleeps here is seen in wait chains.
///
/// No order is promised among those that wait, and one that has just left may be the next to enter (S231). A
/// thread that ends inside leaves it closed for ever (S233); in Rust the guard's drop prevents that, also in a panic.
///
/// ```
/// use std::cell::Cell;
/// use proactor::sync::CriticalSection;
///
/// static TOTAL: CriticalSection<Cell<u64>> = CriticalSection::new(Cell::new(0));
///
/// let total = TOTAL.enter();
/// total.set(total.get() + 1);
/// assert_eq!(TOTAL.enter().get(), 1);
/// ```
#[derive(Default)]
pub struct CriticalSection<T: ?Sized = ()> {
    raw: RawCriticalSection,
    /// Changed by the owner only.
    entries: AtomicU64,
    value: T,
}

// SAFETY: the value is lent only to the thread that is in the section, one thread at a time; so it is sent from one
// to the next, and never shared.
#[allow(unsafe_code)]
unsafe impl<T: ?Sized + Send> Sync for CriticalSection<T> {}

/// How much a section has been used, and how well it does; the counts wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entries {
    /// All, those by its owner included.
    pub all: u64,
    /// Those that did not find it free at once.
    pub contended: u32,
    /// Sleeps of those that looked again in vain. One entry may sleep more than once.
    pub slept: u32,
}

impl<T> CriticalSection<T> {
    /// A free one around `value`.
    pub const fn new(value: T) -> CriticalSection<T> {
        CriticalSection::with_spin_count(value, SPIN_COUNT as u32)
    }

    /// The same with a count of its own: pauses, at most 16,777,215, in which a thread looks again before it sleeps.
    /// With 0 it sleeps at once. It only makes a difference in speed (S236), and none on one processor. It is
    /// `InitializeCriticalSectionAndSpinCount`.
    pub const fn with_spin_count(value: T, pauses: u32) -> CriticalSection<T> {
        CriticalSection { raw: RawCriticalSection::new(pauses), entries: AtomicU64::new(0), value }
    }

    /// What it protects.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: ?Sized> CriticalSection<T> {
    /// Enters, once more if this thread is inside (S229); blocks while another is. It is `EnterCriticalSection`.
    #[inline]
    pub fn enter(&self) -> CriticalGuard<'_, T> {
        self.raw.enter();
        self.entered()
    }

    /// Enters if no other thread is inside (S230). Never blocks. It is `TryEnterCriticalSection`.
    #[inline]
    pub fn try_enter(&self) -> Option<CriticalGuard<'_, T>> {
        self.raw.try_enter().then(|| self.entered())
    }

    #[inline]
    fn entered(&self) -> CriticalGuard<'_, T> {
        self.entries.store(self.entries.load(Relaxed).wrapping_add(1), Relaxed);
        CriticalGuard { section: self, of_this_thread: PhantomData }
    }

    /// The section without what it protects. Whoever leaves more often than it enters lets others in while a guard
    /// says that they are out: only a face that has no guards needs this.
    ///
    /// # Safety
    /// No `leave` but of an `enter` through the same reference, by the same thread.
    #[allow(unsafe_code)]
    pub unsafe fn raw(&self) -> &RawCriticalSection {
        &self.raw
    }

    /// What it protects, which nobody else can have now.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// Whether this thread is inside.
    pub fn is_mine(&self) -> bool {
        self.raw.is_mine()
    }

    /// Sets the count of [`with_spin_count`](CriticalSection::with_spin_count) and returns what it was. It is
    /// `SetCriticalSectionSpinCount`.
    pub fn set_spin_count(&self, pauses: u32) -> u32 {
        self.raw.set_spin_count(pauses)
    }

    /// How often it was entered, and how.
    pub fn entries(&self) -> Entries {
        Entries {
            all: self.entries.load(Relaxed),
            contended: self.raw.contended.load(Relaxed),
            slept: self.raw.slept.load(Relaxed),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for CriticalSection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CriticalSection");
        match self.try_enter() {
            Some(value) => shown.field("value", &&*value),
            None => shown.field("value", &format_args!("<entered>")),
        };
        shown.finish_non_exhaustive()
    }
}

/// A thread's stay in a [`CriticalSection`]; its drop is `LeaveCriticalSection`.
#[must_use = "the section is left when the guard is dropped"]
pub struct CriticalGuard<'a, T: ?Sized = ()> {
    section: &'a CriticalSection<T>,
    /// Whoever leaves must be who entered.
    of_this_thread: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives what a shared `T` gives; only its drop must be in the thread that entered.
#[allow(unsafe_code)]
unsafe impl<T: ?Sized + Sync> Sync for CriticalGuard<'_, T> {}

impl<'a, T: ?Sized> CriticalGuard<'a, T> {
    /// For the condition variable, which leaves and enters again while the guard is lent to it.
    pub(super) fn section(&self) -> &'a RawCriticalSection {
        &self.section.raw
    }
}

impl<T: ?Sized> Deref for CriticalGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.section.value
    }
}

impl<T: ?Sized> Drop for CriticalGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.section.raw.leave();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for CriticalGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
