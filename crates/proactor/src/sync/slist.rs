//! The interlocked list for values: each in a box of its own, whose entry is in the list.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::raw_slist::{RawSList, SListEntry};

/// Last in, first out, for any number of threads; a push is lock-free (S263).
///
/// Good for spare buffers and other things that are as good as one another; the last put back is the first taken,
/// so it is still in a cache.
///
/// ```
/// use proactor::sync::SList;
///
/// static SPARE: SList<Vec<u8>> = SList::new();
///
/// SPARE.push(vec![0; 4096]);
/// let buffer = SPARE.pop().unwrap_or_else(|| vec![0; 4096]);
/// assert!(SPARE.pop().is_none());
/// # drop(buffer);
/// ```
///
/// What is put in comes out as what it was: a list of long-lived values does not pass for one of short-lived.
///
/// ```compile_fail
/// # use proactor::sync::SList;
/// fn smuggle<'a>(list: &SList<&'static str>, short: &'a str) {
///     let shorter: &SList<&'a str> = list;
///     shorter.push(short);
/// }
/// ```
pub struct SList<T> {
    raw: RawSList,
    /// Values go in and out through shared references, so it is invariant, as a cell is.
    owns: PhantomData<UnsafeCell<Box<T>>>,
}

#[repr(C)]
struct Node<T> {
    /// First, so that its address is the node's.
    entry: SListEntry,
    value: T,
}

// SAFETY: the list owns its values and lends none; each goes from one thread to one other.
unsafe impl<T: Send> Send for SList<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SList<T> {}

impl<T> SList<T> {
    /// An empty one.
    pub const fn new() -> SList<T> {
        SList { raw: RawSList::new(), owns: PhantomData }
    }

    /// Puts a value on top.
    pub fn push(&self, value: T) {
        let node = Box::into_raw(Box::new(Node { entry: SListEntry::new(), value }));
        // SAFETY: it comes from a box, so it is not null; it is in no list, and nobody else has it until it is out.
        unsafe { self.raw.push(NonNull::new_unchecked(node).cast()) };
    }

    /// Takes the value on top.
    pub fn pop(&self) -> Option<T> {
        self.raw.pop().map(|entry| {
            // SAFETY: it is out, and was put in by `push`.
            unsafe { unbox(entry) }
        })
    }

    /// Takes all there is now, the top first.
    pub fn take_all(&self) -> impl Iterator<Item = T> + use<T> {
        Taken { next: self.raw.flush(), owns: PhantomData }
    }

    /// How many there are, as far as 16 bits tell (S264).
    pub fn depth(&self) -> u16 {
        self.raw.depth()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.raw.first().is_none()
    }
}

/// # Safety
/// The entry is of a node of this type that `push` made, and nobody else has it.
unsafe fn unbox<T>(entry: NonNull<SListEntry>) -> T {
    // SAFETY: the entry is the first thing in the node, and its pointer was made from the node's.
    unsafe { Box::from_raw(entry.cast::<Node<T>>().as_ptr()) }.value
}

/// A chain that was flushed.
struct Taken<T> {
    next: Option<NonNull<SListEntry>>,
    owns: PhantomData<Box<T>>,
}

impl<T> Iterator for Taken<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let entry = self.next?;
        // SAFETY: the chain is this iterator's alone, and this entry has not been taken from it.
        self.next = unsafe { entry.as_ref() }.next();
        // SAFETY: as above; every entry of the list comes from `push`.
        Some(unsafe { unbox(entry) })
    }
}

impl<T> Drop for Taken<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl<T> Drop for SList<T> {
    fn drop(&mut self) {
        drop(self.take_all());
    }
}

impl<T> Default for SList<T> {
    fn default() -> Self {
        SList::new()
    }
}

impl<T> fmt::Debug for SList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SList").field("depth", &self.depth()).finish_non_exhaustive()
    }
}
