//! What a callback knows of itself, and what is done for it when it returns.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::object::Object;
use crate::object::{Event, Mutex, Semaphore};
use crate::status::Status;
use crate::sync::seat::{self, GivenUp};

/// One callback while it runs (`PTP_CALLBACK_INSTANCE`). It stays in its thread.
///
/// What is asked for "at return" is done once the callback has returned, and its
/// [finalization](super::Environment::with_finalization) after it, in this order: a section is left, a mutex released, a
/// semaphore released, an event set, a library freed (S409). There is one of each; a second is refused with
/// `INVALID_PARAMETER`. What then fails (a semaphore at its maximum, a mutex of somebody else's) is not done, and nobody
/// is left to be told.
pub struct Instance<'a> {
    object: &'a Object,
    associated: Cell<bool>,
    at_return: RefCell<AtReturn>,
    away: RefCell<Option<GivenUp>>,
}

#[derive(Default)]
struct AtReturn {
    leave: Option<Box<dyn FnOnce()>>,
    mutex: Option<Mutex>,
    semaphore: Option<(Semaphore, u32)>,
    event: Option<Event>,
    free: Option<Box<dyn FnOnce()>>,
}

impl<'a> Instance<'a> {
    pub(super) fn new(object: &'a Object) -> Instance<'a> {
        Instance {
            object,
            associated: Cell::new(true),
            at_return: RefCell::default(),
            away: RefCell::default(),
        }
    }

    /// Lets those go on who wait for the callbacks of this object, or for its group, although this one runs
    /// (`DisassociateCurrentThreadFromCallback`, S408). Again it does nothing.
    pub fn disassociate_from_object(&self) {
        if self.disassociate() {
            self.object.finish();
        }
    }

    /// True the first time.
    pub(super) fn disassociate(&self) -> bool {
        self.associated.replace(false)
    }

    /// Says that the callback may run long (`CallbackMayRunLong`): it leaves its processor's place to another callback, as if
    /// it blocked until its return.
    ///
    /// Fails with `TOO_MANY_THREADS` when the pool has no other thread and may have none: then the callback should be
    /// quick, or hand its work elsewhere.
    pub fn may_run_long(&self) -> Result<(), Status> {
        self.object.owner.crew.has_another()?;
        self.leave_seat();
        Ok(())
    }

    pub(super) fn leave_seat(&self) {
        self.away.borrow_mut().get_or_insert_with(seat::give_up);
    }

    /// Sets the event at return (`SetEventWhenCallbackReturns`).
    pub fn set_event_at_return(&self, event: &Event) -> Result<(), Status> {
        only_one(&mut self.at_return.borrow_mut().event, event.clone())
    }

    /// Releases the semaphore by so much at return (`ReleaseSemaphoreWhenCallbackReturns`).
    pub fn release_semaphore_at_return(&self, semaphore: &Semaphore, by: u32) -> Result<(), Status> {
        only_one(&mut self.at_return.borrow_mut().semaphore, (semaphore.clone(), by))
    }

    /// Releases the mutex, which this callback owns, at return (`ReleaseMutexWhenCallbackReturns`).
    pub fn release_mutex_at_return(&self, mutex: &Mutex) -> Result<(), Status> {
        only_one(&mut self.at_return.borrow_mut().mutex, mutex.clone())
    }

    /// Leaves a section at return (`LeaveCriticalSectionWhenCallbackReturns`): `leave` does, in this thread.
    pub fn leave_at_return(&self, leave: impl FnOnce() + 'static) -> Result<(), Status> {
        only_one(&mut self.at_return.borrow_mut().leave, Box::new(leave))
    }

    /// Frees a library after everything else (`FreeLibraryWhenCallbackReturns`): `free` does, in this thread.
    pub fn free_at_return(&self, free: impl FnOnce() + 'static) -> Result<(), Status> {
        only_one(&mut self.at_return.borrow_mut().free, Box::new(free))
    }

    /// The callback has returned.
    pub(super) fn at_return(&self) {
        let AtReturn { leave, mutex, semaphore, event, free } = self.at_return.take();
        if let Some(leave) = leave {
            leave();
        }
        if let Some(mutex) = mutex {
            let _ = mutex.release();
        }
        if let Some((semaphore, by)) = semaphore {
            let _ = semaphore.release(by);
        }
        if let Some(event) = event {
            event.set();
        }
        if let Some(free) = free {
            free();
        }
    }
}

fn only_one<T>(place: &mut Option<T>, what: T) -> Result<(), Status> {
    if place.is_some() {
        return Err(Status::INVALID_PARAMETER);
    }
    *place = Some(what);
    Ok(())
}

impl fmt::Debug for Instance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("associated", &self.associated.get()).finish_non_exhaustive()
    }
}
