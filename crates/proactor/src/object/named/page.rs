//! The file behind an object with a name: one page, the same in every process, mapped into each that has it open.
//!
//! Everything in it may be changed at any moment by another process, also by one that has gone wrong; so every field
//! is an atomic, and whatever is read is checked before it is used. The first line never changes once the file has
//! its name. All that changes stands in one cache line.
//!
//! A process of the same user that makes the file shorter while it is mapped kills those who touch it (SIGBUS).
//! Nothing protects a user's processes from each other there; nobody else may open the file.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::*};

use super::line::{Line, SPOTS, Spot};
use super::space::Place;
use super::state::{Kind, New};
use crate::status::{Result, Status};

/// How long every such file is, whatever the machine's pages are.
pub(super) const SIZE: u64 = 4096;
/// "PROACTOB", as the bytes stand in the file of a little-endian machine.
const MAGIC: u64 = u64::from_le_bytes(*b"PROACTOB");
/// Goes up whenever the layout or the meaning of a field changes; what keeps the file alive (the lock of its first
/// byte, see `space.rs`) stays as it is in all versions.
const VERSION: u32 = 2;
const NAME_BYTES: usize = 1024;

/// The layout.
#[repr(C)]
pub(super) struct Layout {
    magic: AtomicU64,
    version: AtomicU32,
    kind: AtomicU32,
    config: AtomicU64,
    place: [AtomicU64; 2],
    name_len: AtomicU32,
    unused: [AtomicU32; 5],
    pub(super) hot: Hot,
    name: [AtomicU8; NAME_BYTES],
    /// Of an event that resets itself; see `line.rs`.
    line: [Spot; SPOTS],
}

/// What changes while the object is used.
#[repr(C, align(64))]
pub(super) struct Hot {
    /// See `lock.rs`.
    pub(super) lock: AtomicU64,
    /// All that decides whether the object is signalled; changed by one store, so that whoever dies leaves it whole.
    pub(super) state: AtomicU64,
    /// How often the owner of a mutex has taken it; says nothing while nobody owns it. Of an event: how much of its
    /// line is in use, at most.
    pub(super) depth: AtomicU32,
    /// Goes up whenever a wait may be satisfied that was not before. Waiters sleep on it.
    pub(super) sequence: AtomicU32,
    /// How many are about to sleep or asleep. Too many after one was killed, which costs a system call a signal.
    pub(super) waiters: AtomicU32,
    /// How many of them may wake and take nothing, since they wait for all of several.
    pub(super) choosy: AtomicU32,
    /// When a timer is due and how it goes on; `state` says which of the two holds.
    pub(super) due: [Due; 2],
}

#[repr(C)]
pub(super) struct Due {
    /// Nanoseconds, by the clock that `period` tells.
    pub(super) at: AtomicU64,
    /// Milliseconds in the lower half, 0 for once; bit 63 if `at` is of the clock of the day.
    pub(super) period: AtomicU64,
}

const _: () = assert!(size_of::<Layout>() as u64 <= SIZE);
const _: () = assert!(std::mem::offset_of!(Layout, hot) == 64);
const _: () = assert!(size_of::<Hot>() == 64);

/// The page of one file, in this process.
pub(super) struct Page(NonNull<Layout>);

// SAFETY: it is memory shared between processes already; every field is an atomic.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Page {
    /// Maps a file that is `SIZE` bytes long.
    pub(super) fn map(file: BorrowedFd<'_>) -> Result<Page> {
        let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let at =
            unsafe { libc::mmap(std::ptr::null_mut(), SIZE as usize, access, shared, file.as_raw_fd(), 0) };
        if at == libc::MAP_FAILED {
            let errno = std::io::Error::last_os_error().raw_os_error();
            return Err(errno.map_or(Status::UNSUCCESSFUL, Status::from_errno));
        }
        NonNull::new(at.cast()).map(Page).ok_or(Status::UNSUCCESSFUL)
    }

    fn layout(&self) -> &Layout {
        // SAFETY: mapped until `drop`, aligned as pages are, at least as long as the layout, and all of it atomics,
        // for which any bytes are good and which others may change.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn hot(&self) -> &Hot {
        &self.layout().hot
    }

    pub(super) fn line(&self) -> Line<'_> {
        let layout = self.layout();
        Line { spots: &layout.line, end: &layout.hot.depth }
    }

    /// Fills a new file, which nobody else has yet.
    pub(super) fn fill(&self, new: &New, name: &str, place: Place, state: u64) {
        let layout = self.layout();
        layout.kind.store(new.kind() as u32, Relaxed);
        layout.config.store(new.config(), Relaxed);
        layout.place[0].store(place.processes, Relaxed);
        layout.place[1].store(place.clocks, Relaxed);
        debug_assert!(name.len() <= NAME_BYTES);
        layout.name_len.store(name.len() as u32, Relaxed);
        layout.name.iter().zip(name.bytes()).for_each(|(to, byte)| to.store(byte, Relaxed));
        layout.hot.state.store(state, Relaxed);
        layout.hot.depth.store((new.kind() == Kind::Mutex).into(), Relaxed);
        layout.version.store(VERSION, Relaxed);
        layout.magic.store(MAGIC, Release);
    }

    /// What is in the file, if it is one of ours.
    ///
    /// # Errors
    /// [`Status::DATA_ERROR`]: not a file of ours, or damaged. [`Status::NOT_SUPPORTED`]: of another version, or of
    /// processes in another PID or time namespace, whose threads could not be told dead from alive.
    /// [`Status::OBJECT_NAME_COLLISION`]: the file of another name with the same hash.
    pub(super) fn check(&self, name: &str, place: Place) -> Result<(Kind, u64)> {
        let layout = self.layout();
        if layout.magic.load(Acquire) != MAGIC {
            return Err(Status::DATA_ERROR);
        }
        if layout.version.load(Relaxed) != VERSION {
            return Err(Status::NOT_SUPPORTED);
        }
        let there = Place { processes: layout.place[0].load(Relaxed), clocks: layout.place[1].load(Relaxed) };
        if there != place {
            return Err(Status::NOT_SUPPORTED);
        }
        let len = layout.name_len.load(Relaxed) as usize;
        let bytes = layout.name.get(..len).ok_or(Status::DATA_ERROR)?;
        if len != name.len()
            || !bytes.iter().zip(name.bytes()).all(|(there, byte)| there.load(Relaxed) == byte)
        {
            return Err(Status::OBJECT_NAME_COLLISION);
        }
        let kind = Kind::from_raw(layout.kind.load(Relaxed)).ok_or(Status::DATA_ERROR)?;
        let config = layout.config.load(Relaxed);
        kind.check_config(config)?;
        Ok((kind, config))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length; no reference outlives `self`.
        unsafe { libc::munmap(self.0.as_ptr().cast(), SIZE as usize) };
    }
}

/// The half of a word that names the holder and that a futex can wait on.
pub(super) fn lower_half(word: &AtomicU64) -> &AtomicU32 {
    let at = std::ptr::from_ref(word).cast::<AtomicU32>();
    let at = at.wrapping_add(usize::from(cfg!(target_endian = "big")));
    // SAFETY: within `word`, and aligned more than it needs. It is never loaded or stored through: only the kernel
    // looks at what it refers to.
    unsafe { &*at }
}
