//! Which port a thread belongs to: the one it took from last, until it takes from another or ends (S053).

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::worker::Worker;
use crate::sync::seat::{self, Seat};

/// What a thread's membership asks of its port.
pub(crate) trait Home: Send + Sync {
    /// The worker has ended, or has gone to another port.
    fn left(&self, worker: &Arc<Worker>);
    /// The worker is about to block and has given up its seat.
    fn seat_given_up(&self);
    /// The worker runs on.
    fn resumed(&self, worker: &Worker);
}

/// A thread's side of its association; only that thread has it, and its cache line.
#[repr(align(128))]
pub(crate) struct Member {
    pub(crate) port: u64,
    pub(crate) worker: Arc<Worker>,
    home: Weak<dyn Home>,
    /// Packets taken, to do some things only now and then.
    pub(crate) taken: Cell<u32>,
    /// When the handler that runs now was given its packet, if this one is timed.
    pub(crate) started: Cell<Option<Instant>>,
    /// Packets that the handler which is timed was given together.
    pub(crate) batch: Cell<u32>,
    /// How much spinning before a park has been worth of late.
    pub(crate) spin: Cell<u8>,
}

thread_local!(static MEMBER: RefCell<Option<Rc<Member>>> = const { RefCell::new(None) });

impl Member {
    pub(crate) fn new(port: u64, worker: Arc<Worker>, home: Weak<dyn Home>) -> Member {
        Member {
            port,
            worker,
            home,
            taken: Cell::new(0),
            started: Cell::new(None),
            batch: Cell::new(1),
            spin: Cell::new(0),
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let Some(home) = self.home.upgrade() else { return };
        home.left(&self.worker);
        // It may be the last to hold the port, whose keys are the user's; and at a thread's end, where this may be,
        // a panic would end the process.
        drop(catch_unwind(AssertUnwindSafe(|| drop(home))));
    }
}

impl Seat for Member {
    fn give_up(&self) -> bool {
        let Some(home) = self.home.upgrade() else { return false };
        let Some(had_seat) = self.worker.declare() else { return false };
        if had_seat {
            home.seat_given_up();
        }
        true
    }

    fn resumed(&self) {
        // Time asleep says nothing about how long a handler keeps its processor.
        self.started.set(None);
        if let Some(home) = self.home.upgrade() {
            home.resumed(&self.worker);
        }
    }
}

/// This thread's membership, if it is with that port.
pub(crate) fn of(port: u64) -> Option<Rc<Member>> {
    MEMBER
        .try_with(|member| member.borrow().as_ref().filter(|member| member.port == port).cloned())
        .unwrap_or(None)
}

/// Looks at this thread's membership, if it is with that port. `look` runs no code of the user's.
#[inline]
pub(crate) fn with<R>(port: u64, look: impl FnOnce(&Member) -> Option<R>) -> Option<R> {
    MEMBER
        .try_with(|member| match &*member.borrow() {
            Some(member) if member.port == port => look(member),
            _ => None,
        })
        .unwrap_or(None)
}

/// Makes this thread a member; its seat elsewhere, if any, is given back (S060).
pub(crate) fn join(member: Member) -> Rc<Member> {
    let member = Rc::new(member);
    seat::set(Some(member.clone()));
    // A thread so late in its end that it has no thread-local data left is a member for this one call.
    let before = MEMBER.try_with(|slot| slot.borrow_mut().replace(member.clone())).unwrap_or(None);
    drop(before);
    member
}

/// Ends this thread's membership with that port.
pub(crate) fn leave(port: u64) {
    let before = MEMBER
        .try_with(|slot| {
            let mut slot = slot.borrow_mut();
            if slot.as_ref().is_some_and(|member| member.port == port) { slot.take() } else { None }
        })
        .unwrap_or(None);
    if before.is_some() {
        seat::set(None);
    }
    drop(before);
}
