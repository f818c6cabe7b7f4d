//! A descriptor that is shared: closed when its last owner is gone, and so never during a call that was made on it.
//!
//! What `Arc<OwnedFd>` is, without the memory: a descriptor is a small number, so the counts of all of them are in one
//! table of the process, four bytes each.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::*};

/// Counts in the first chunk. Chunk n has `FIRST << n`, and there are enough for every number there can be.
const FIRST: usize = 1024;
const CHUNKS: usize = 22;

/// More than there can be without some that were forgotten; so far below the largest count that no threads get there.
const MOST_OWNERS: u32 = i32::MAX as u32;

type Chunk = OnceLock<Box<[AtomicU32]>>;

/// How many owners each descriptor has. Counts are made when first needed, and stay.
static OWNERS: [Chunk; CHUNKS] = [const { OnceLock::new() }; CHUNKS];

/// One of the owners of a descriptor.
pub(crate) struct Descriptor(ManuallyDrop<OwnedFd>);

const _: () = assert!(size_of::<Option<Descriptor>>() == 4);

fn owners(fd: &OwnedFd) -> &'static AtomicU32 {
    let number = fd.as_raw_fd() as usize;
    // Chunk n begins at FIRST * (2^n - 1).
    let chunk = (number / FIRST + 1).ilog2() as usize;
    let length = FIRST << chunk;
    let counts = OWNERS[chunk].get_or_init(|| (0..length).map(|_| AtomicU32::new(0)).collect());
    // Neighbours are used by different threads at one time: their counts are kept a cache line apart.
    let at = number - FIRST * ((1 << chunk) - 1);
    &counts[at % (length / 16) * 16 + at / (length / 16)]
}

impl Descriptor {
    pub(crate) fn new(fd: OwnedFd) -> Descriptor {
        // Whoever had this number before has closed it, and was done with the count by then.
        owners(&fd).store(1, Relaxed);
        Descriptor(ManuallyDrop::new(fd))
    }
}

impl Clone for Descriptor {
    fn clone(&self) -> Descriptor {
        if owners(&self.0).fetch_add(1, Relaxed) > MOST_OWNERS {
            // Owners that are forgotten, thousands of millions of them, must not bring the count round to none.
            std::process::abort();
        }
        // SAFETY: the descriptor is open, for this owner is one. Owners never drop theirs but by the last one's drop,
        // which is now one later.
        Descriptor(ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(self.0.as_raw_fd()) }))
    }
}

impl Deref for Descriptor {
    type Target = OwnedFd;

    fn deref(&self) -> &OwnedFd {
        &self.0
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // What the others did with it comes before its close.
        if owners(&self.0).fetch_sub(1, AcqRel) == 1 {
            // SAFETY: the last owner, whose drop this is, drops it once.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// Whether the other end of the pipe is open.
    fn is_open(reader: &OwnedFd) -> bool {
        rustix::io::read(reader, &mut [0; 1]) == Err(rustix::io::Errno::AGAIN)
    }

    #[test]
    fn it_closes_with_its_last_owner() {
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let (reader, writer) = rustix::pipe::pipe_with(flags).unwrap();
        let first = Descriptor::new(writer);
        let second = first.clone();
        drop(first);
        assert!(is_open(&reader));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let mine = second.clone();
                std::thread::spawn(move || (0..1000).for_each(|_| drop(mine.clone())))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(is_open(&reader));
        drop(second);
        assert!(!is_open(&reader));
    }

    #[test]
    fn each_number_has_a_count_of_its_own() {
        let files: Vec<_> =
            (0..100).map(|_| Descriptor::new(File::open("/dev/null").unwrap().into())).collect();
        let again = files.clone();
        drop(files);
        assert!(again.iter().all(|file| rustix::fs::fstat(file.as_fd()).is_ok()));
    }
}
