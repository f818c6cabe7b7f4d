//! Memory of somebody else's, which its owner promises to leave alone until an operation is over.
#![allow(unsafe_code)]

use std::ops::Deref;
use std::ptr::NonNull;

/// Bytes at an address that is not ours. The kernel reads or fills them; nothing here does.
pub(crate) struct Foreign {
    start: NonNull<u8>,
    /// The length, which is at most `isize::MAX`, and above it whether it is writable.
    len: usize,
}

const WRITABLE: usize = 1 << (usize::BITS - 1);

// SAFETY: whoever made it promised that the memory may be used from any thread until the operation is over.
unsafe impl Send for Foreign {}
// SAFETY: the same.
unsafe impl Sync for Foreign {}

impl Foreign {
    /// # Safety
    /// From now on until this is dropped, `len` bytes at `start` are the library's: nobody else writes to them, nor,
    /// if they are `writable`, reads them; and they stay allocated. Where the memory is not the process's at all, the
    /// kernel says so when it is asked to move data.
    pub(crate) unsafe fn new(start: NonNull<u8>, len: usize, writable: bool) -> Foreign {
        Foreign { start, len: len.min(isize::MAX as usize) | if writable { WRITABLE } else { 0 } }
    }

    pub(crate) fn len(&self) -> usize {
        self.len & !WRITABLE
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.len & WRITABLE != 0
    }

    pub(crate) fn as_mut(&mut self, len: usize) -> Option<&mut [u8]> {
        let len = len.min(self.len());
        // SAFETY: by the promise made to `new`, for as long as `self` is borrowed.
        self.is_writable().then(|| unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), len) })
    }
}

impl Deref for Foreign {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: by the promise made to `new`, for as long as `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len()) }
    }
}
