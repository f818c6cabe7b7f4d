//! What a callback asks of its instance. A `PTP_CALLBACK_INSTANCE` is good in its own thread until the callback returns,
//! and is refused anywhere else.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use proactor::Status;
use proactor::pool::Instance;
use proactor::sync::RawCriticalSection;

use super::environment;
use crate::access::MODIFY_STATE;
use crate::error;
use crate::module;
use crate::objects::{self, EventObject, MutexObject, SemaphoreObject};
use crate::section::LeaveCriticalSection;
use crate::types::*;

thread_local! {
    /// The instance of the callback that this thread runs.
    static RUNNING: Cell<*const c_void> = const { Cell::new(ptr::null()) };
}

/// Calls a callback, which may use the instance meanwhile.
pub fn during<R>(instance: &Instance<'_>, call: impl FnOnce(environment::Instance) -> R) -> R {
    /// Also when the callback ends its thread.
    struct Before(*const c_void);

    impl Drop for Before {
        fn drop(&mut self) {
            RUNNING.set(self.0);
        }
    }

    let this = ptr::from_ref(instance).cast::<c_void>();
    let _before = Before(RUNNING.replace(this));
    call(this.cast_mut())
}

/// Does something with the instance of the callback that this thread runs.
fn with<R>(
    instance: environment::Instance,
    act: impl FnOnce(&Instance<'_>) -> Result<R, Status>,
) -> Result<R, Status> {
    let running = RUNNING.get();
    if running.is_null() || running != instance.cast_const() {
        return Err(Status::INVALID_PARAMETER);
    }
    // SAFETY: `during` has put it there, and takes it away before it is gone.
    act(unsafe { &*running.cast::<Instance<'_>>() })
}

/// `CallbackMayRunLong`.
#[unsafe(no_mangle)]
pub extern "C" fn CallbackMayRunLong(instance: environment::Instance) -> BOOL {
    error::succeeded(may_run_long(instance))
}

pub(super) fn may_run_long(instance: environment::Instance) -> Result<(), Status> {
    with(instance, |instance| instance.may_run_long())
}

/// `DisassociateCurrentThreadFromCallback`, and `TpDisassociateCallback`.
#[unsafe(no_mangle)]
pub extern "C" fn DisassociateCurrentThreadFromCallback(instance: environment::Instance) {
    super::done(with(instance, |instance| {
        instance.disassociate_from_object();
        Ok(())
    }));
}

/// `SetEventWhenCallbackReturns`.
#[unsafe(no_mangle)]
pub extern "C" fn SetEventWhenCallbackReturns(instance: environment::Instance, event: HANDLE) {
    super::done(with(instance, |instance| {
        let event = objects::get::<EventObject>(event, MODIFY_STATE)?;
        instance.set_event_at_return(&event.0)
    }));
}

/// `ReleaseSemaphoreWhenCallbackReturns`.
#[unsafe(no_mangle)]
pub extern "C" fn ReleaseSemaphoreWhenCallbackReturns(
    instance: environment::Instance,
    semaphore: HANDLE,
    by: DWORD,
) {
    super::done(with(instance, |instance| {
        let semaphore = objects::get::<SemaphoreObject>(semaphore, MODIFY_STATE)?;
        instance.release_semaphore_at_return(&semaphore.0, by)
    }));
}

/// `ReleaseMutexWhenCallbackReturns`.
#[unsafe(no_mangle)]
pub extern "C" fn ReleaseMutexWhenCallbackReturns(instance: environment::Instance, mutex: HANDLE) {
    super::done(with(instance, |instance| {
        let mutex = objects::get::<MutexObject>(mutex, 0)?;
        instance.release_mutex_at_return(&mutex.0)
    }));
}

/// `LeaveCriticalSectionWhenCallbackReturns`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LeaveCriticalSectionWhenCallbackReturns(
    instance: environment::Instance,
    section: *const RawCriticalSection,
) {
    super::done(with(instance, |instance| {
        // SAFETY: a section that this thread has entered, and which lasts until then, as documented.
        instance.leave_at_return(move || unsafe { LeaveCriticalSection(section) })
    }));
}

/// `FreeLibraryWhenCallbackReturns`.
#[unsafe(no_mangle)]
pub extern "C" fn FreeLibraryWhenCallbackReturns(instance: environment::Instance, module: HANDLE) {
    super::done(with(instance, |instance| {
        instance.free_at_return(move || {
            module::free(module);
        })
    }));
}
