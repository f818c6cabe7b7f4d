//! The critical section without what it protects, in the layout that Windows programs know.
//!
//! One word says whether it is free, how many sleep, and whether one of them has been woken and has not been in
//! yet; while that is so, nobody else is woken (the layout of Windows Server 2003 SP1, where critical sections
//! stopped being handed over). Leaving makes it free for whoever comes first, which may be the one that left: a
//! section that is handed to a sleeper would be closed for as long as that takes to wake.
//!
//! A count of sleepers is written under the lock of their bucket, see `lot`: whoever finds a sleeper in the word
//! finds it in the queue.

use super::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering::*};
use super::lot::{self, Key, Kind, Sleep, Slept};
use super::pause::Spin;
use super::record::{Owner, Resource};
use super::thread::known_kernel_id;

/// Free, nobody sleeps, nobody is on its way.
pub(super) const FREE: i32 = -1;
/// Owned, nobody sleeps, nobody is on its way.
pub(super) const OWNED: i32 = FREE & !IS_FREE;
const IS_FREE: i32 = 1;
/// Clear from the waking of a sleeper until it is in, or sleeps again.
const NOBODY_WOKEN: i32 = 2;
/// Above these two bits: the number of sleepers, each a zero more as it were, since no sleeper is all ones.
const SLEEPER: i32 = 4;

/// A critical section that protects nothing by itself: what `CRITICAL_SECTION` is in C, field by field.
///
/// Nothing is unsafe about using it wrongly; it then does what Windows does. In Rust,
/// [`CriticalSection`](super::CriticalSection) is what you want.
#[repr(C)]
pub struct RawCriticalSection {
    /// `DebugInfo`: the face's, not looked at here.
    pub(super) debug: AtomicUsize,
    /// `LockCount`.
    pub(super) word: AtomicI32,
    /// `RecursionCount`: changed by the owner only. Whoever leaves without having entered changes it too, and
    /// the next who enters puts it right (S232).
    pub(super) recursion: AtomicI32,
    /// `OwningThread`: changed by the owner only.
    pub(super) owner: AtomicUsize,
    /// In the place of `LockSemaphore`: how often it was not free at the first look,
    pub(super) contended: AtomicU32,
    /// and how often a thread then slept.
    pub(super) slept: AtomicU32,
    /// `SpinCount`: pauses before a sleep.
    pub(super) spin_count: AtomicUsize,
}

/// Bits of `SpinCount` that are a number; those above are flags.
const SPIN_BITS: usize = 0x00FF_FFFF;

impl RawCriticalSection {
    /// Enters it, or enters it once more; blocks while another thread owns it (S229). It is `EnterCriticalSection`.
    #[inline]
    pub fn enter(&self) {
        let me = me();
        if self.recur(me) {
            return;
        }
        // Also with sleepers in the word it is one locked instruction.
        if self.word.fetch_and(!IS_FREE, Acquire) & IS_FREE == 0 {
            self.enter_slowly();
        }
        self.owned_by(me);
    }

    /// Enters it if that takes no waiting (S230). It is `TryEnterCriticalSection`.
    #[inline]
    pub fn try_enter(&self) -> bool {
        let me = me();
        if self.recur(me) {
            return true;
        }
        let taken = self.take(false);
        if taken {
            self.owned_by(me);
        }
        taken
    }

    /// Takes one entry back; the last one lets another thread in, and wakes at most one (S231). It is
    /// `LeaveCriticalSection`.
    ///
    /// Of a section that nobody owns it takes one off the recursion count, which the next to enter puts right
    /// (S232). One that another thread owns it takes from that thread, as Windows does.
    #[inline]
    pub fn leave(&self) {
        let left = self.recursion.load(Relaxed).wrapping_sub(1);
        self.recursion.store(left, Relaxed);
        if left != 0 {
            return;
        }
        self.owner.store(0, Relaxed);
        let word = self.word.load(Relaxed);
        if word != OWNED || self.word.compare_exchange(OWNED, FREE, Release, Relaxed).is_err() {
            self.leave_to_sleepers();
        }
    }

    #[inline]
    fn owned_by(&self, me: usize) {
        self.owner.store(me, Relaxed);
        self.recursion.store(1, Relaxed);
    }

    /// Whether it is this thread's already; then it is once more.
    #[inline]
    fn recur(&self, me: usize) -> bool {
        let mine = self.owner.load(Relaxed) == me;
        if mine {
            self.recursion.store(self.recursion.load(Relaxed).wrapping_add(1), Relaxed);
        }
        mine
    }

    #[cold]
    fn enter_slowly(&self) {
        let (mut sleeps, mut woken) = (0, false);
        while !self.take_in_time(woken) {
            let sleep = Sleep::new(self.key(), self);
            if sleep.sleep(|| self.becomes_sleeper(woken), || (), || ()) == Slept::Woken {
                woken = true;
                sleeps += 1;
            }
        }
        // The owner's to change by now.
        self.contended.store(self.contended.load(Relaxed).wrapping_add(1), Relaxed);
        self.slept.store(self.slept.load(Relaxed).wrapping_add(sleeps), Relaxed);
    }

    fn take_in_time(&self, woken: bool) -> bool {
        let mut spin = Spin::new(self.spins());
        loop {
            if self.take(woken) {
                return true;
            }
            if !spin.turn() {
                return false;
            }
        }
    }

    /// Takes it if it is free; for one that was woken, whoever is next may be woken from then on.
    fn take(&self, woken: bool) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & IS_FREE != 0 {
            let taken = word & !IS_FREE | if woken { NOBODY_WOKEN } else { 0 };
            match self.word.compare_exchange_weak(word, taken, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Counts this thread among the sleepers unless it is free. Under the bucket's lock.
    fn becomes_sleeper(&self, woken: bool) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & IS_FREE == 0 {
            let asleep = (word | if woken { NOBODY_WOKEN } else { 0 }) - SLEEPER;
            match self.word.compare_exchange_weak(word, asleep, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[cold]
    fn leave_to_sleepers(&self) {
        let mut word = self.word.load(Relaxed);
        loop {
            let wakes = sleepers(word) > 0 && word & NOBODY_WOKEN != 0;
            let free = word | IS_FREE;
            let free = if wakes { (free & !NOBODY_WOKEN) + SLEEPER } else { free };
            match self.word.compare_exchange_weak(word, free, Release, Relaxed) {
                // From here on the section may be gone: another may have been in it and have deleted it. Only its
                // address is used.
                Ok(_) if wakes => {
                    lot::wake_one(self.key(), |_, _| ());
                    return;
                }
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    fn spins(&self) -> u32 {
        (self.spin_count.load(Relaxed) & SPIN_BITS) as u32
    }

    fn key(&self) -> Key {
        Key::of(&self.word, Kind::Queue)
    }

    /// `LockCount`: -1 when it is free, -2 when it is owned and nobody sleeps; each sleeper takes 4 off (S229).
    pub fn lock_count(&self) -> i32 {
        self.word.load(Relaxed)
    }

    /// `RecursionCount`: entries that were not taken back.
    pub fn recursion_count(&self) -> i32 {
        self.recursion.load(Relaxed)
    }

    /// `OwningThread`: the kernel's id of the thread that owns it, or 0 (S229).
    pub fn owning_thread(&self) -> u32 {
        self.owner.load(Relaxed) as u32
    }

    /// Whether this thread owns it.
    pub fn is_mine(&self) -> bool {
        self.owner.load(Relaxed) == me()
    }

    /// Threads that sleep until they are let in.
    pub fn sleepers(&self) -> u32 {
        sleepers(self.word.load(Relaxed))
    }

    /// Sets how often a thread pauses and looks again before it sleeps, and returns what it was; on one processor
    /// none ever does. It only makes a difference in speed (S236). It is `SetCriticalSectionSpinCount`.
    pub fn set_spin_count(&self, pauses: u32) -> u32 {
        let before = self.spin_count.swap(pauses as usize & SPIN_BITS, Relaxed);
        (before & SPIN_BITS) as u32
    }
}

fn sleepers(word: i32) -> u32 {
    (!word).cast_unsigned() >> SLEEPER.ilog2()
}

#[inline]
fn me() -> usize {
    known_kernel_id() as usize
}

impl Resource for RawCriticalSection {
    fn kind(&self) -> &'static str {
        "critical section"
    }

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }

    fn owner(&self) -> Owner {
        match self.owning_thread() {
            0 => Owner::Nobody,
            id => Owner::Kernel(id),
        }
    }
}
