//! The places to sleep that `lot` deals out: one table for the process, and one parker for each thread.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use super::lock::Lock;
use super::lot::Bucket;
use super::park::Parker;

/// Enough that two addresses with sleepers seldom share a bucket: there is at most one sleep for each thread. Each
/// takes 128 bytes, and no page before it is used.
const BUCKETS: usize = 256;

static TABLE: [CachePadded<Bucket>; BUCKETS] =
    [const { CachePadded::new(Lock::new(VecDeque::new())) }; BUCKETS];

pub(super) fn bucket(address: usize) -> &'static Bucket {
    // Fibonacci hashing (Knuth 6.4): the high bits of a multiple of 2^64 over the golden ratio depend on all of
    // the address.
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    &TABLE[(hash >> (64 - BUCKETS.ilog2())) as usize]
}

thread_local!(static PARKER: Cell<Option<Arc<Parker>>> = const { Cell::new(None) });

/// The thread's parker for one sleep. A sleep inside a sleep gets another.
pub(super) struct Mine(Option<Arc<Parker>>);

pub(super) fn parker() -> Mine {
    let kept = PARKER.try_with(Cell::take).ok().flatten();
    Mine(Some(kept.unwrap_or_default()))
}

impl Deref for Mine {
    type Target = Arc<Parker>;

    fn deref(&self) -> &Arc<Parker> {
        self.0.as_ref().expect("it is there until the drop")
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        // A thread past its thread-local data lets it go.
        let _ = PARKER.try_with(|kept| kept.set(self.0.take()));
    }
}
