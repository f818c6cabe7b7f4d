//! Completion routines: what runs in the thread that started an operation, when that thread waits alertably.
//!
//! A routine is a call queued to its thread, whose memory was had with the start, so that nothing can go wrong at the
//! end: one box holds the routine and, once complete, its operation. When the thread ends first the operation is
//! cancelled (S110) and the routine dropped; it never runs elsewhere (S112).

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use super::handle::{Class, Handle};
use super::run::Begun;
use super::started::Refused;
use crate::object::thread::{self, Call, Shared};
use crate::op::block::{Route, Routine};
use crate::op::slab::Irp;
use crate::op::{OpId, Operation};
use crate::status::Status;

struct Completion<O, F> {
    /// Until it is complete; then the thread has this.
    thread: Option<Arc<Shared>>,
    group: usize,
    /// In a lock only so that the operation can be looked at from other threads, which never look at this.
    routine: Mutex<F>,
    block: Option<Irp>,
    what: PhantomData<fn() -> O>,
}

impl<O: Operation, F: FnOnce(O) + Send + 'static> Routine for Completion<O, F> {
    fn complete(mut self: Box<Self>, block: Irp) {
        self.block = Some(block);
        let Some(thread) = self.thread.take() else { unreachable!("an operation completes once") };
        thread.queue_routine(self.group, self);
    }
}

impl<O: Operation, F: FnOnce(O) + Send + 'static> Call for Completion<O, F> {
    fn call(self: Box<Self>) {
        let Completion { routine, block, .. } = *self;
        let routine = routine.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Some(block) = block else { unreachable!("it is queued when it is complete") };
        routine(O::from_block(block));
    }
}

impl Handle {
    /// Starts an operation whose routine runs in this thread.
    pub(super) fn start_with_routine<O: Operation>(
        self: &Arc<Self>,
        op: O,
        routine: impl FnOnce(O) + Send + 'static,
    ) -> Result<OpId, Refused<O>> {
        // Its completions belong to the port.
        if self.link.get().is_some() {
            return Err(Refused { status: Status::INVALID_PARAMETER, op });
        }
        // S151
        let nests = !matches!(self.class, Class::Stream | Class::Datagram);
        let completion = Completion {
            thread: Some(thread::mine()),
            group: if nests { 0 } else { self.routines().get() },
            routine: Mutex::new(routine),
            block: None,
            what: PhantomData::<fn() -> O>,
        };
        match self.begin(op.into_block(), Route::Routine(Box::new(completion))) {
            Ok(Begun::Pending(id) | Begun::Queued(id)) => Ok(id),
            Ok(Begun::Done(_)) => unreachable!("only a packet can be left out"),
            Err((status, block)) => {
                self.unwatch_if_unneeded();
                Err(Refused { status, op: O::from_block(block) })
            }
        }
    }
}
