//! Which thread this is: a small number of our own that is never used twice, and the kernel's.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Names a thread for as long as the process lives. The kernel's thread ids are used again; this is not, so an
/// operation never seems to belong to a thread that merely got a dead one's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ThreadNo(u32);

thread_local!(static MINE: Cell<u32> = const { Cell::new(0) });

impl ThreadNo {
    pub(crate) const NONE: ThreadNo = ThreadNo(0);

    /// This thread's number; one load once it has one, also while the thread ends.
    #[inline]
    pub(crate) fn current() -> ThreadNo {
        MINE.with(|mine| match mine.get() {
            0 => {
                let number = ThreadNo::next();
                mine.set(number);
                ThreadNo(number)
            }
            number => ThreadNo(number),
        })
    }

    /// A number for a thread that is about to be started; it takes it by [`adopt`](ThreadNo::adopt).
    pub(crate) fn new() -> ThreadNo {
        ThreadNo(ThreadNo::next())
    }

    /// This thread, which has asked for no number yet, has this one.
    pub(crate) fn adopt(self) {
        MINE.set(self.0);
    }

    #[cold]
    fn next() -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Relaxed);
        assert!(number != 0, "four thousand million threads have been started: no number is left");
        number
    }

    /// As a number that fits a word beside other things.
    pub(crate) fn get(self) -> u32 {
        self.0
    }

    /// What `get` gave.
    pub(crate) fn from_raw(number: u32) -> ThreadNo {
        ThreadNo(number)
    }
}

/// The kernel's id of this thread; one load once it was asked for. After a fork the child's thread still has its
/// parent's here, which names it as well as any number.
#[inline]
pub(crate) fn known_kernel_id() -> u32 {
    thread_local!(static KNOWN: Cell<u32> = const { Cell::new(0) });
    KNOWN.with(|known| match known.get() {
        0 => {
            let id = kernel_id().unsigned_abs();
            known.set(id);
            id
        }
        id => id,
    })
}

/// The kernel's id of this thread, as `/proc/self/task` has it.
pub(crate) fn kernel_id() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}
