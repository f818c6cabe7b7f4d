//! The interlocked list: last in, first out, of entries that belong to the caller.
//!
//! A push is one compare-and-swap (Treiber's stack, 1986). The trouble with that stack is its pop, which reads the
//! head's successor while another pop may take the head, and free it, or push it again behind other entries.
//! Windows numbers its headers against the second, and lets the read of freed memory fault against the first. Here
//! a bit of the word lets one pop at a time look: nobody else removes entries in those few instructions, so the
//! head is there, and stays the head unless something is pushed on top, which shows. A push never waits.
#![allow(unsafe_code)]

use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::*};

use crossbeam_utils::Backoff;

/// A pop looks at the head and its successor; no other removes anything until it is done.
const POPPING: u64 = 1;
/// The address of the first entry: a multiple of 16 below 2^48, which is all that Linux gives to a program that does
/// not ask for more.
const HEAD: u64 = 0x0000_FFFF_FFFF_FFF0;
/// One entry in the count, which takes the rest of the word.
const ONE: u64 = 1 << 48;

/// A list of entries that the caller owns: `SLIST_HEADER`.
///
/// [`SList`](super::SList) owns what is in it and needs no `unsafe`.
#[repr(C, align(16))]
pub struct RawSList {
    word: AtomicU64,
    /// The header has 16 bytes on Windows, and programs have so many for it.
    reserved: AtomicU64,
}

/// What an entry of a [`RawSList`] begins with: `SLIST_ENTRY` (S266).
#[derive(Debug, Default)]
#[repr(C, align(16))]
pub struct SListEntry {
    next: AtomicPtr<SListEntry>,
}

impl SListEntry {
    /// One that is in no list.
    pub const fn new() -> SListEntry {
        SListEntry { next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The entry after this one in a chain that was flushed.
    pub fn next(&self) -> Option<NonNull<SListEntry>> {
        NonNull::new(self.next.load(Relaxed))
    }

    /// Makes `next` the entry after this one, in a chain that is to be pushed.
    pub fn set_next(&self, next: Option<NonNull<SListEntry>>) {
        self.next.store(next.map_or(ptr::null_mut(), NonNull::as_ptr), Relaxed);
    }
}

impl RawSList {
    /// An empty one. It is `InitializeSListHead`.
    pub const fn new() -> RawSList {
        RawSList { word: AtomicU64::new(0), reserved: AtomicU64::new(0) }
    }

    /// Puts an entry at the head; the head before it (S263). Lock-free. It is `InterlockedPushEntrySList`.
    ///
    /// # Safety
    /// The entry is in no list, and stays where it is, untouched but by this list, until it is popped or flushed.
    ///
    /// # Panics
    /// If the entry lies above 2^48.
    pub unsafe fn push(&self, entry: NonNull<SListEntry>) -> Option<NonNull<SListEntry>> {
        // SAFETY: one entry is a chain of one.
        unsafe { self.push_list(entry, entry, 1) }
    }

    /// Puts a chain of entries at the head, from `first` to `last`, and adds `count` to the depth without looking
    /// whether it is so many (S265); the head before. Lock-free. It is `InterlockedPushListSListEx`.
    ///
    /// # Safety
    /// As for [`push`](RawSList::push), for each entry; following [`next`](SListEntry::next) from `first` comes to
    /// `last`.
    ///
    /// # Panics
    /// If the first entry lies above 2^48.
    pub unsafe fn push_list(
        &self,
        first: NonNull<SListEntry>,
        last: NonNull<SListEntry>,
        count: u16,
    ) -> Option<NonNull<SListEntry>> {
        let address = first.as_ptr().expose_provenance() as u64;
        assert!(address & !HEAD == 0, "an entry at {address:#x}: only 48 bits are kept of its address");
        let mut word = self.word.load(Relaxed);
        loop {
            // SAFETY: the caller says that it is there and nobody else's.
            unsafe { last.as_ref() }.set_next(head(word));
            let depth = (word & !(HEAD | POPPING)).wrapping_add(u64::from(count) * ONE);
            let next = depth | address | word & POPPING;
            // Acquire as well: the caller may use the entry that was the head.
            match self.word.compare_exchange_weak(word, next, AcqRel, Relaxed) {
                Ok(_) => return head(word),
                Err(now) => word = now,
            }
        }
    }

    /// Takes the head out (S263). Waits for another pop that is at it, which is some instructions long. It is
    /// `InterlockedPopEntrySList`.
    ///
    /// The entry is the caller's again, and may be freed at once: nobody else looks at it.
    pub fn pop(&self) -> Option<NonNull<SListEntry>> {
        let mut word = self.alone(|word| word | POPPING)? | POPPING;
        loop {
            let entry = head(word)?;
            // SAFETY: it is in the list, since only this thread removes entries while `POPPING` is set; and what is
            // in the list is there, as whoever pushed it said.
            let next =
                unsafe { entry.as_ref() }.next().map_or(0, |next| next.as_ptr().expose_provenance() as u64);
            let depth = (word & !(HEAD | POPPING)).wrapping_sub(ONE);
            match self.word.compare_exchange_weak(word, depth | next, AcqRel, Acquire) {
                Ok(_) => return Some(entry),
                Err(now) => word = now,
            }
        }
    }

    /// Takes the whole chain out (S263); [`next`](SListEntry::next) leads through it. It is `InterlockedFlushSList`.
    pub fn flush(&self) -> Option<NonNull<SListEntry>> {
        self.alone(|_| 0).and_then(head)
    }

    /// Changes the word at a moment at which no pop is at the head; the word before. `None` if the list is empty.
    fn alone(&self, change: impl Fn(u64) -> u64) -> Option<u64> {
        let backoff = Backoff::new();
        let mut word = self.word.load(Relaxed);
        while word & HEAD != 0 {
            if word & POPPING != 0 {
                backoff.snooze();
                word = self.word.load(Relaxed);
                continue;
            }
            match self.word.compare_exchange_weak(word, change(word), AcqRel, Relaxed) {
                Ok(_) => return Some(word),
                Err(now) => word = now,
            }
        }
        None
    }

    /// How many entries there are, as far as 16 bits tell: 65,536 look like none (S264). It is `QueryDepthSList`.
    pub fn depth(&self) -> u16 {
        (self.word.load(Relaxed) >> ONE.ilog2()) as u16
    }

    /// The first entry, which may be gone by the time that anybody looks at it.
    pub fn first(&self) -> Option<NonNull<SListEntry>> {
        head(self.word.load(Acquire))
    }
}

fn head(word: u64) -> Option<NonNull<SListEntry>> {
    NonNull::new(ptr::with_exposed_provenance_mut((word & HEAD) as usize))
}

impl Default for RawSList {
    fn default() -> Self {
        RawSList::new()
    }
}

impl fmt::Debug for RawSList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reserved: _, .. } = self;
        f.debug_struct("RawSList").field("depth", &self.depth()).field("first", &self.first()).finish()
    }
}
