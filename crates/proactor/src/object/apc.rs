//! The calls queued to one thread (APCs): run by that thread only, in an alertable wait, oldest first (S122, S124).
//!
//! Completion routines are calls as well, with one rule of their own: those of one socket are never nested (S151). So
//! they say which group they are of, and one whose group is running waits its turn in the queue.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::status::Status;
use crate::sync::lock::Lock;

/// A call that has its memory already.
pub(crate) trait Call: Send {
    fn call(self: Box<Self>);
}

/// Where a thread sleeps alertably, other than in a wait for objects.
pub(crate) trait Alert: Send + Sync {
    /// Ends the sleep; one that has ended already may end the next one too early.
    fn alert(&self);
}

enum What {
    Function(Box<dyn FnOnce() + Send>),
    Call(Box<dyn Call>),
}

/// A call, and the number by which it can be taken back.
struct Apc {
    id: u64,
    /// It does not run while another of its group does; 0 is no group.
    group: usize,
    what: What,
}

/// What became of a call that was queued.
pub(super) struct Queued {
    pub(super) id: u64,
    /// It could run now, if its thread were in an alertable wait.
    pub(super) runnable: bool,
    pub(super) alert: Option<Arc<dyn Alert>>,
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
    /// Groups of the calls that run now, the innermost last.
    running: Vec<usize>,
    alert: Option<Arc<dyn Alert>>,
}

impl Inner {
    fn may_run(&self, group: usize) -> bool {
        group == 0 || !self.running.contains(&group)
    }

    /// Takes out the oldest that may run, which now counts as running.
    fn take(&mut self) -> Option<Apc> {
        let at = self.calls.iter().position(|apc| self.may_run(apc.group))?;
        let apc = self.calls.remove(at)?;
        if apc.group != 0 {
            self.running.push(apc.group);
        }
        Some(apc)
    }

    fn push(&mut self, group: usize, what: What) -> Queued {
        self.next += 1;
        self.calls.push_back(Apc { id: self.next, group, what });
        Queued { id: self.next, runnable: self.may_run(group), alert: self.alert.clone() }
    }
}

impl Queue {
    /// Queues a call.
    pub(super) fn push(&self, call: Box<dyn FnOnce() + Send>) -> Result<Queued, Status> {
        self.push_within(MOST, call)
    }

    /// Queues a call that has a limit of its own elsewhere, and is not refused for want of room here.
    pub(super) fn push_counted(&self, call: Box<dyn FnOnce() + Send>) -> Result<Queued, Status> {
        self.push_within(usize::MAX, call)
    }

    fn push_within(&self, most: usize, call: Box<dyn FnOnce() + Send>) -> Result<Queued, Status> {
        let mut inner = self.inner.lock();
        if inner.closed {
            drop(inner);
            return Err(Status::UNSUCCESSFUL);
        }
        if inner.calls.len() >= most {
            drop(inner);
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        Ok(inner.push(0, What::Function(call)))
    }

    /// Queues a call that belongs to a group and has room in any case; `None`, and it is dropped, when the thread has
    /// ended.
    pub(super) fn push_grouped(&self, group: usize, call: Box<dyn Call>) -> Option<Queued> {
        let mut inner = self.inner.lock();
        if inner.closed {
            drop(inner);
            return None;
        }
        Some(inner.push(group, What::Call(call)))
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

    /// Whether there is a call that may run.
    pub(super) fn is_due(&self) -> bool {
        let inner = self.inner.lock();
        inner.calls.iter().any(|apc| inner.may_run(apc.group))
    }

    /// From now on a call that is queued alerts this, or nothing. Returns whether one that may run was there before.
    pub(super) fn set_alert(&self, alert: Option<Arc<dyn Alert>>) -> bool {
        let (before, due) = {
            let mut inner = self.inner.lock();
            let due = inner.calls.iter().any(|apc| inner.may_run(apc.group));
            (std::mem::replace(&mut inner.alert, alert), due)
        };
        drop(before);
        due
    }

    pub(super) fn alert(&self) -> Option<Arc<dyn Alert>> {
        self.inner.lock().alert.clone()
    }

    /// Runs the calls, also those that they queue (S125); returns whether there were any. A call may wait alertably
    /// itself, and then runs those behind it (S126).
    pub(super) fn run(&self) -> bool {
        let mut any = false;
        loop {
            let next = self.inner.lock().take();
            let Some(apc) = next else { return any };
            any = true;
            let _running = Running { queue: self, group: apc.group };
            match apc.what {
                What::Function(function) => function(),
                What::Call(call) => call.call(),
            }
        }
    }

    /// Nothing is taken any more; what waits never runs.
    pub(super) fn close(&self) {
        let left = {
            let mut inner = self.inner.lock();
            inner.closed = true;
            std::mem::take(&mut inner.calls)
        };
        // Values of the user's go here, at the thread's end: a panic of one must not take the others with it.
        for apc in left {
            drop(catch_unwind(AssertUnwindSafe(|| drop(apc))));
        }
    }
}

/// The time in which a call of a group runs, also when it ends by a panic.
struct Running<'a> {
    queue: &'a Queue,
    group: usize,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if self.group != 0 {
            let mut inner = self.queue.inner.lock();
            let last = inner.running.iter().rposition(|group| *group == self.group);
            last.map(|at| inner.running.remove(at));
        }
    }
}
