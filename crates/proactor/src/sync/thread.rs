//! Which thread this is: a small number of our own that is never used twice, and the kernel's.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Names a thread for as long as the process lives. The kernel's thread ids are used again; this is not, so an
/// operation never seems to belong to a thread that merely got a dead one's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ThreadNo(u32);

impl ThreadNo {
    pub(crate) const NONE: ThreadNo = ThreadNo(0);

    pub(crate) fn current() -> ThreadNo {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        thread_local!(static MINE: ThreadNo = ThreadNo(NEXT.fetch_add(1, Relaxed)));
        // A thread that is past its thread-local data starts nothing that would have to be found again.
        MINE.try_with(|mine| *mine).unwrap_or(ThreadNo::NONE)
    }
}

/// The kernel's id of this thread, as `/proc/self/task` has it.
pub(crate) fn kernel_id() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}
