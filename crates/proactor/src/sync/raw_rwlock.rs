//! The slim reader-writer lock without what it protects: one word.
//!
//! A writer first makes the lock its own, against other writers and against readers that come later, and then
//! waits for the readers that are in (the two steps of `parking_lot`'s and of Brandenburg's phase-fair locks); so
//! readers that keep coming never hold up a writer, and a reader that came after a writer goes after it. Who finds
//! a writer in the way queues up, first in first out, in `lot`. A writer that leaves frees the lock for whoever
//! comes first and wakes the head of the queue, up to the first writer. One that was woken and was too late keeps its
//! place.
//!
//! Bits of the word are changed by compare-and-swap from what was seen, except that the owner sets all of it when
//! it leaves; `QUEUED` and `DRAINING` are set under the lock of the sleepers' bucket.

use super::atomic::{AtomicU64, Ordering::*};
use super::lot::{self, Key, Kind, Sleep, Slept};
use super::pause::{LOOKS, Spin};
use super::record::{Owner, Resource};
use super::thread::ThreadNo;

/// A writer owns it, or will when the readers are out. Alone it is what programs find and write as "exclusive"
/// (S244).
const WRITER: u64 = 1;
/// Somebody sleeps because of the writer.
const QUEUED: u64 = 2;
/// The writer sleeps until the last reader is out.
const DRAINING: u64 = 4;
/// One reader.
const READER: u64 = 8;
/// The number of readers, in READERs.
const READERS: u64 = 0xFFFF_FFF8;
/// Above it, the number of the writer's thread; without `WRITER`, 0.
const OWNER_SHIFT: u32 = 32;

const MARK_READER: u8 = 0;
const MARK_WRITER: u8 = 1;

/// A slim reader-writer lock that protects nothing by itself: what `SRWLOCK` is in C.
///
/// Nothing is unsafe about using it wrongly. In Rust, [`RwLock`](super::RwLock) is what you want; through
/// `lock_api` this is the lock in it.
#[repr(transparent)]
pub struct RawRwLock {
    pub(super) word: AtomicU64,
}

impl RawRwLock {
    /// Waits until nobody else has it, and takes it exclusively. Not recursive: a thread that has it, in either
    /// mode, waits for itself (S239). It is `AcquireSRWLockExclusive`.
    #[inline]
    pub fn acquire_exclusive(&self) {
        let claim = claim();
        if self.word.compare_exchange_weak(0, claim, Acquire, Relaxed).is_err() {
            self.claim_slowly(claim);
        }
    }

    /// Takes it exclusively if nobody has it in any mode (S242). It is `TryAcquireSRWLockExclusive`.
    #[inline]
    pub fn try_acquire_exclusive(&self) -> bool {
        let claim = claim();
        let mut word = self.word.load(Relaxed);
        while word & (WRITER | READERS) == 0 {
            match self.word.compare_exchange_weak(word, word | claim, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Gives it back; also for another thread than the one that took it (S243). False, and nothing done, if nobody
    /// has it exclusively. It is `ReleaseSRWLockExclusive`.
    #[inline]
    pub fn release_exclusive(&self) -> bool {
        let word = self.word.load(Relaxed);
        if word & (WRITER | READERS) != WRITER {
            return false;
        }
        if word & QUEUED != 0 || self.word.compare_exchange(word, 0, Release, Relaxed).is_err() {
            self.release_to_queue();
        }
        true
    }

    /// Waits until no writer has it or waits for it, and shares it (S241). A thread that shares it may share it
    /// again, as long as no writer waits (S240). It is `AcquireSRWLockShared`.
    ///
    /// # Panics
    /// If it is shared 2^29 times already.
    #[inline]
    pub fn acquire_shared(&self) {
        if !self.try_acquire_shared() {
            self.share_slowly();
        }
    }

    /// Shares it if no writer has it or waits for it (S242). It is `TryAcquireSRWLockShared`.
    ///
    /// # Panics
    /// If it is shared 2^29 times already.
    #[inline]
    pub fn try_acquire_shared(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & WRITER == 0 {
            assert!(word & READERS != READERS, "no lock can be shared 2^29 times");
            match self.word.compare_exchange_weak(word, word + READER, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Takes one sharing back; also for another thread (S243). False, and nothing done, if nobody shares it. It is
    /// `ReleaseSRWLockShared`.
    #[inline]
    pub fn release_shared(&self) -> bool {
        let mut before = self.word.load(Relaxed);
        loop {
            if before & READERS == 0 {
                return false;
            }
            match self.word.compare_exchange_weak(before, before - READER, Release, Relaxed) {
                Ok(_) => break,
                Err(now) => before = now,
            }
        }
        if before & (READERS | DRAINING) == READER | DRAINING {
            // Only the address is used: the writer may have seen the last reader leave, and be gone with the lock.
            self.wake_writer();
        }
        true
    }

    /// Whether somebody has it, in whichever mode.
    pub fn is_held(&self) -> bool {
        self.word.load(Relaxed) & (WRITER | READERS) != 0
    }

    /// Whether a writer has it.
    pub fn is_held_exclusively(&self) -> bool {
        self.word.load(Relaxed) & (WRITER | READERS) == WRITER
    }

    /// The word itself: 0 is free, 1 in the lowest bit stands for a writer.
    pub fn raw_value(&self) -> u64 {
        self.word.load(Relaxed)
    }

    #[cold]
    fn claim_slowly(&self, claim: u64) {
        let (mut spin, mut woken) = (Spin::new(LOOKS), false);
        loop {
            let word = self.word.load(Relaxed);
            if word & WRITER == 0 {
                if self.word.compare_exchange_weak(word, word | claim, Acquire, Relaxed).is_ok() {
                    return self.wait_for_readers();
                }
            } else if !spin.turn() {
                woken |= self.queue_up(MARK_WRITER, woken);
                spin = Spin::new(LOOKS);
            }
        }
    }

    #[cold]
    fn share_slowly(&self) {
        let (mut spin, mut woken) = (Spin::new(LOOKS), false);
        while !self.try_acquire_shared() {
            if !spin.turn() {
                woken |= self.queue_up(MARK_READER, woken);
                spin = Spin::new(LOOKS);
            }
        }
    }

    /// Sleeps until a writer leaves; false if there is none any more.
    fn queue_up(&self, mark: u8, first: bool) -> bool {
        let sleep = Sleep { mark, first, ..Sleep::new(self.queue(), self) };
        sleep.sleep(|| self.set_while(WRITER, QUEUED), || (), || ()) == Slept::Woken
    }

    /// Sets `bit` if one of `those` is set. Under the bucket's lock.
    fn set_while(&self, those: u64, bit: u64) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & those != 0 {
            match self.word.compare_exchange_weak(word, word | bit, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    fn wait_for_readers(&self) {
        let mut spin = Spin::new(LOOKS);
        loop {
            let word = self.word.load(Acquire);
            if word & READERS == 0 {
                if word & DRAINING != 0 {
                    self.word.fetch_and(!DRAINING, Relaxed);
                }
                return;
            }
            if !spin.turn() {
                let readers = Readers(self);
                let sleep = Sleep::new(self.readers(), &readers);
                sleep.sleep(|| self.set_while(READERS, DRAINING), || (), || ());
            }
        }
    }

    #[cold]
    fn wake_writer(&self) {
        lot::wake_one(self.readers(), |_, _| ());
    }

    #[cold]
    fn release_to_queue(&self) {
        // The writer behind readers is woken with them: only awake it makes the lock its own, and keeps later
        // readers from going first.
        let mut writer = false;
        let choose = |mark| {
            let goes_on = !writer;
            writer |= mark == MARK_WRITER;
            goes_on
        };
        // The word is the owner's but for `QUEUED`, and that is changed under the lock that is held here.
        let free = |_, left| self.word.store(if left { QUEUED } else { 0 }, Release);
        lot::wake_while(self.queue(), choose, free);
    }

    fn queue(&self) -> Key {
        Key::of(&self.word, Kind::Queue)
    }

    fn readers(&self) -> Key {
        Key::of(&self.word, Kind::Readers)
    }
}

/// What the word holds of a writer of this thread.
#[inline]
fn claim() -> u64 {
    WRITER | u64::from(ThreadNo::current().get()) << OWNER_SHIFT
}

impl Resource for RawRwLock {
    fn kind(&self) -> &'static str {
        "reader-writer lock"
    }

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }

    fn owner(&self) -> Owner {
        match (self.word.load(Relaxed) >> OWNER_SHIFT) as u32 {
            0 => Owner::Nobody,
            number => Owner::Thread(ThreadNo::from_raw(number)),
        }
    }
}

/// The readers of a lock, for whom its writer waits: whoever they are, they are not the writer.
struct Readers<'a>(&'a RawRwLock);

impl Resource for Readers<'_> {
    fn kind(&self) -> &'static str {
        "readers of a reader-writer lock"
    }

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> u64 {
        self.0.id()
    }

    fn owner(&self) -> Owner {
        Owner::Nobody
    }
}
