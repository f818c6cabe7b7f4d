//! What the stand-ins take from a schedule checker, which the test program has named `scheduler`.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::lot::Bucket;
use crate::scheduler;
pub use crate::scheduler::sync::{Condvar, Mutex, MutexGuard};

scheduler::lazy_static! {
    static ref BUCKET: Bucket = Bucket::new(VecDeque::new());
}

pub fn bucket() -> &'static Bucket {
    &BUCKET
}

scheduler::thread_local! {
    static NUMBER: Cell<u32> = Cell::new(0);
}

pub fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NUMBER.with(|mine| {
        if mine.get() == 0 {
            mine.set(NEXT.fetch_add(1, Relaxed));
        }
        mine.get()
    })
}
