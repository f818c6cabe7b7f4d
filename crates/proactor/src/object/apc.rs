//! The calls queued to one thread (APCs): run by that thread only, in an alertable wait, oldest first (S122, S124).

use std::collections::VecDeque;

use crate::status::Status;
use crate::sync::lock::Lock;

/// A call, and the number by which it can be taken back.
struct Apc {
    id: u64,
    call: Box<dyn FnOnce() + Send>,
}

/// Calls that may wait for one thread. Beyond that something queues to a thread that never waits alertably.
const MOST: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Queue {
    inner: Lock<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The thread has ended: nothing is taken any more (S133).
    closed: bool,
    next: u64,
    calls: VecDeque<Apc>,
}

impl Queue {
    /// Queues a call; returns its number.
    pub(super) fn push(&self, call: Box<dyn FnOnce() + Send>) -> Result<u64, Status> {
        self.push_within(MOST, call)
    }

    /// Queues a call that has a limit of its own elsewhere, and is not refused for want of room here.
    pub(super) fn push_counted(&self, call: Box<dyn FnOnce() + Send>) -> Result<u64, Status> {
        self.push_within(usize::MAX, call)
    }

    fn push_within(&self, most: usize, call: Box<dyn FnOnce() + Send>) -> Result<u64, Status> {
        let mut inner = self.inner.lock();
        if inner.closed {
            drop(inner);
            return Err(Status::UNSUCCESSFUL);
        }
        if inner.calls.len() >= most {
            drop(inner);
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        inner.next += 1;
        let id = inner.next;
        inner.calls.push_back(Apc { id, call });
        Ok(id)
    }

    /// Takes a call back; false if it has run, or runs.
    pub(super) fn take_back(&self, id: u64) -> bool {
        let taken = {
            let mut inner = self.inner.lock();
            let at = inner.calls.iter().position(|apc| apc.id == id);
            at.and_then(|at| inner.calls.remove(at))
        };
        taken.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inner.lock().calls.is_empty()
    }

    /// Runs the calls, also those that they queue (S125); returns whether there were any. A call may wait alertably
    /// itself, and then runs those behind it (S126).
    pub(super) fn run(&self) -> bool {
        let mut any = false;
        loop {
            let next = self.inner.lock().calls.pop_front();
            let Some(apc) = next else { return any };
            any = true;
            (apc.call)();
        }
    }

    /// Nothing is taken any more; what waits never runs.
    pub(super) fn close(&self) {
        let left = {
            let mut inner = self.inner.lock();
            inner.closed = true;
            std::mem::take(&mut inner.calls)
        };
        drop(left);
    }
}
