#![allow(unsafe_code)]
//! Two words that two processes share, to be slept on: what a named event is measured beside.
//!
//! The memory is a file without a name, which the other process opens through the first one's descriptor.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU32;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::thread::futex;

use super::event_handoff::{hand, take};
use super::handoff::Handoff;
use crate::lab::measure::Failure;

/// One page; the two words are at its beginning, on cache lines of their own.
const SIZE: usize = 4096;
const BACK: usize = 64;

/// The mapping stays until the process ends or this is dropped.
pub struct SharedWords {
    page: NonNull<u8>,
    file: File,
}

// SAFETY: the page is reached through atomic operations only, by whatever thread.
unsafe impl Send for SharedWords {}
// SAFETY: as above.
unsafe impl Sync for SharedWords {}

impl SharedWords {
    pub fn new() -> Result<SharedWords, Failure> {
        let file = memfd_create("proactor-bench", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, SIZE as u64)?;
        SharedWords::map(file.into())
    }

    /// Those of another process, by [`place`](SharedWords::place).
    pub fn open(place: &str) -> Result<SharedWords, Failure> {
        let file = File::options().read(true).write(true).open(place)?;
        if file.metadata()?.len() < SIZE as u64 {
            return Err(format!("{place} is too short").into());
        }
        SharedWords::map(file)
    }

    /// Where another process of this user finds them.
    pub fn place(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    fn map(file: File) -> Result<SharedWords, Failure> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice, replaces nothing; the file is at least as long.
        let page =
            unsafe { libc::mmap(ptr::null_mut(), SIZE, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if page == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().into());
        }
        let page = NonNull::new(page.cast()).ok_or("a mapping at address 0")?;
        Ok(SharedWords { page, file })
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: inside the page, which stays as long as this does, aligned, and only used as an atomic.
        unsafe { AtomicU32::from_ptr(self.page.as_ptr().add(offset).cast()) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: mapped by this, and nobody has a reference into it that outlives it.
        unsafe { libc::munmap(self.page.as_ptr().cast(), SIZE) };
    }
}

impl Handoff for SharedWords {
    fn call(&self, _: usize) {
        hand(self.word(0), futex::Flags::empty());
    }

    fn be_called(&self, _: usize) {
        take(self.word(0), futex::Flags::empty());
    }

    fn answer(&self, _: usize) {
        hand(self.word(BACK), futex::Flags::empty());
    }

    fn be_answered(&self, _: usize) {
        take(self.word(BACK), futex::Flags::empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::SeqCst;

    #[test]
    fn both_see_the_same_words() {
        let ours = SharedWords::new().expect("memory for a page");
        let theirs = SharedWords::open(&ours.place()).expect("the descriptor is open");
        ours.word(0).store(7, SeqCst);
        theirs.word(BACK).store(8, SeqCst);
        assert_eq!((theirs.word(0).load(SeqCst), ours.word(BACK).load(SeqCst)), (7, 8));
        assert!(SharedWords::open("/dev/null").is_err());
    }
}
