//! What work, timers, waits and handles have in common in a pool: how often their callback is to run, how often it
//! runs, and who waits for that.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, MutexGuard, OnceLock, PoisonError, Weak};

use super::crew::Owner;
use super::environment::{Cancelled, Environment, Finalization, Priority};
use super::group::Membership;
use super::instance::Instance;
use crate::object::Event;
use crate::status::Status;
use crate::sync::lock::Lock;
use crate::sync::seat::blocking;

/// What is to become of callbacks that are due and have not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// They run.
    Run,
    /// They do not.
    Drop,
}

/// The callback of an object that is in line; with why it runs, for a wait.
pub(super) type Callback = Box<dyn Fn(&Instance<'_>, Status) + Send + Sync>;

/// What an object does besides its callbacks, until its group is closed.
pub(super) trait Stop: Send + Sync {
    /// Sees to it that no more callbacks become due.
    fn stop(&self);
}

/// Ends of waits that have not been told at one time; the next wait is refused.
const MOST_CAUSES: usize = 1 << 16;

pub(super) struct Object {
    pub(super) owner: Arc<Owner>,
    pub(super) priority: Priority,
    callback: Callback,
    long: bool,
    finalization: Option<Finalization>,
    pub(super) cancelled: Option<Cancelled>,
    /// A callback that was submitted without an object, and goes with it.
    pub(super) simple: bool,
    membership: OnceLock<Membership>,
    stop: OnceLock<Weak<dyn Stop>>,
    state: Lock<State>,
    quiet: Condvar,
}

#[derive(Default)]
struct State {
    /// Callbacks that are due and have not begun; for a handle, operations that were announced.
    pending: u64,
    /// Announced operations whose callbacks were dropped, and which have not completed.
    dropped: u64,
    /// Why they run: empty except for a wait.
    causes: VecDeque<Status>,
    /// It is in the pool's line.
    in_line: bool,
    /// Callbacks that run and have not been disassociated.
    running: u64,
    /// By its handle or its group: nothing more becomes due.
    closed: bool,
    /// To be set when no callback runs.
    tell: Vec<Event>,
}

impl State {
    fn is_quiet(&self) -> bool {
        self.pending == 0 && self.running == 0
    }
}

impl Object {
    pub(super) fn new(environment: &Environment, callback: Callback) -> Result<Arc<Object>, Status> {
        Object::make(environment, callback, false)
    }

    pub(super) fn simple(environment: &Environment, callback: Callback) -> Result<Arc<Object>, Status> {
        Object::make(environment, callback, true)
    }

    fn make(environment: &Environment, callback: Callback, simple: bool) -> Result<Arc<Object>, Status> {
        let owner = environment.owner()?;
        owner.crew.admit()?;
        let object = Arc::new(Object {
            owner,
            priority: environment.priority,
            callback,
            long: environment.long,
            finalization: environment.finalization.clone(),
            cancelled: environment.cancelled.clone(),
            simple,
            membership: OnceLock::new(),
            stop: OnceLock::new(),
            state: Lock::default(),
            quiet: Condvar::new(),
        });
        if let Some(group) = &environment.group {
            object.membership.get_or_init(|| group.admit(&object));
        }
        Ok(object)
    }

    /// What it does besides, from now on.
    pub(super) fn stops(&self, stop: Weak<dyn Stop>) {
        self.stop.get_or_init(|| stop);
    }

    pub(super) fn stop(&self) {
        self.state.lock().closed = true;
        if let Some(stop) = self.stop.get().and_then(Weak::upgrade) {
            stop.stop();
        }
    }

    /// One more callback is due. `INVALID_HANDLE` once its group is closed.
    pub(super) fn submit(self: &Arc<Self>) -> Result<(), Status> {
        self.add(None, false)
    }

    /// The same for a wait that has ended so.
    pub(super) fn submit_cause(self: &Arc<Self>, cause: Status) -> Result<(), Status> {
        self.add(Some(cause), false)
    }

    /// The same for one that had begun before its object was closed.
    pub(super) fn submit_late_cause(self: &Arc<Self>, cause: Status) {
        let added = self.add(Some(cause), true);
        debug_assert!(added.is_ok(), "a closed object takes this one too");
    }

    pub(super) fn is_open(&self) -> Result<(), Status> {
        if self.state.lock().closed { Err(Status::INVALID_HANDLE) } else { Ok(()) }
    }

    fn add(self: &Arc<Self>, cause: Option<Status>, always: bool) -> Result<(), Status> {
        let joins = {
            let mut state = self.state.lock();
            if state.closed && !always {
                return Err(Status::INVALID_HANDLE);
            }
            state.pending += 1;
            state.causes.extend(cause);
            !std::mem::replace(&mut state.in_line, true)
        };
        if joins {
            self.owner.crew.line_up(self.clone());
        }
        Ok(())
    }

    /// Whether another wait may begin.
    pub(super) fn has_room_for_cause(&self) -> Result<(), Status> {
        let state = self.state.lock();
        if state.closed {
            return Err(Status::INVALID_HANDLE);
        }
        if state.causes.len() >= MOST_CAUSES { Err(Status::NO_BUFS) } else { Ok(()) }
    }

    /// Its turn has come: runs one callback, if one is due still.
    pub(super) fn run_next(self: Arc<Self>) {
        let (again, cause) = {
            let mut state = self.state.lock();
            state.in_line = state.pending > 1;
            if state.pending == 0 {
                return;
            }
            state.pending -= 1;
            state.running += 1;
            (state.in_line, state.causes.pop_front().unwrap_or(Status::SUCCESS))
        };
        if again {
            self.owner.crew.line_up(self.clone());
        }
        self.call(|instance| (self.callback)(instance, cause));
    }

    /// Runs a callback that counts as running already.
    pub(super) fn call(&self, callback: impl FnOnce(&Instance<'_>)) {
        let instance = Instance::new(self);
        let run = || {
            if self.long {
                instance.leave_seat();
            }
            callback(&instance);
        };
        let mut panicked = catch_unwind(AssertUnwindSafe(run)).is_err();
        if let Some(finalization) = &self.finalization {
            panicked |= catch_unwind(AssertUnwindSafe(|| finalization(&instance))).is_err();
        }
        // What comes after the return may be code of the caller's, too.
        panicked |= catch_unwind(AssertUnwindSafe(|| instance.at_return())).is_err();
        if panicked {
            self.owner.crew.panicked();
        }
        if instance.disassociate() {
            self.finish();
        }
    }

    /// Runs a callback that nobody has announced.
    pub(super) fn complete_always(&self, callback: impl FnOnce(&Instance<'_>)) {
        self.state.lock().running += 1;
        self.call(callback);
    }

    /// A callback has ended, or has left its object.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock();
        state.running -= 1;
        let tell = if state.running == 0 { std::mem::take(&mut state.tell) } else { Vec::new() };
        let leaves = state.is_quiet() && (state.closed || self.simple);
        if state.is_quiet() {
            self.quiet.notify_all();
        }
        drop(state);
        if leaves {
            self.leave_group();
        }
        for event in tell {
            event.set();
        }
    }

    /// Waits until none is due and none runs, or, with what is due dropped, until none runs. Returns how many were
    /// dropped.
    pub(super) fn wait(&self, pending: Pending) -> u64 {
        let mut state = self.state.lock();
        let dropped = if pending == Pending::Drop { Object::drop_pending(&mut state) } else { 0 };
        if !state.is_quiet() {
            blocking(|| self.wait_until_quiet(state));
        } else if dropped > 0 {
            // Somebody else may wait for what was just dropped.
            self.quiet.notify_all();
        }
        dropped
    }

    fn wait_until_quiet(&self, mut state: MutexGuard<'_, State>) {
        while !state.is_quiet() {
            state = self.quiet.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops what is due; returns whether no callback runs, and otherwise sets the event when none does.
    pub(super) fn drop_and_tell(&self, event: Option<Event>) -> bool {
        let event = {
            let mut state = self.state.lock();
            Object::drop_pending(&mut state);
            self.quiet.notify_all();
            if state.running > 0 {
                state.tell.extend(event);
                return false;
            }
            event
        };
        if let Some(event) = event {
            event.set();
        }
        true
    }

    fn drop_pending(state: &mut State) -> u64 {
        state.causes.clear();
        let dropped = std::mem::take(&mut state.pending);
        state.dropped += dropped;
        dropped
    }

    /// Drops what is due, without waiting for what runs; returns how many.
    pub(super) fn drop_due(&self) -> u64 {
        let mut state = self.state.lock();
        let dropped = Object::drop_pending(&mut state);
        if state.is_quiet() {
            self.quiet.notify_all();
        }
        dropped
    }

    /// Its handle is gone: what is due runs still. True if nothing is to come any more; a callback that runs keeps what
    /// it needs itself.
    pub(super) fn close(&self) -> bool {
        let mut state = self.state.lock();
        state.closed = true;
        let quiet = state.is_quiet();
        let done = state.pending == 0 && state.dropped == 0;
        drop(state);
        if quiet {
            self.leave_group();
        }
        done
    }

    fn leave_group(&self) {
        if let Some(membership) = self.membership.get() {
            membership.leave();
        }
    }

    /// An operation is about to be started (`StartThreadpoolIo`).
    pub(super) fn announce(&self) -> Result<(), Status> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Status::INVALID_HANDLE);
        }
        state.pending += 1;
        Ok(())
    }

    /// One that was announced will not complete here, or has: true if its callback is to run, as `begins` says.
    pub(super) fn settle(&self, begins: bool) -> Settled {
        let mut state = self.state.lock();
        let counted = if state.dropped > 0 {
            state.dropped -= 1;
            false
        } else if state.pending > 0 {
            state.pending -= 1;
            true
        } else {
            return Settled { runs: false, last: false };
        };
        let runs = counted && begins;
        state.running += u64::from(runs);
        if state.is_quiet() {
            self.quiet.notify_all();
        }
        Settled { runs, last: state.closed && state.pending == 0 && state.dropped == 0 }
    }
}

/// What became of an announced operation.
pub(super) struct Settled {
    pub(super) runs: bool,
    /// Nothing more will come of the object.
    pub(super) last: bool,
}

impl Drop for Object {
    fn drop(&mut self) {
        self.owner.crew.dismiss();
    }
}
