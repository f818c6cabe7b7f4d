//! Registered waits: `RegisterWaitForSingleObject` and what ends them.

use proactor::Status;
use proactor::object::Event;
use proactor::pool::RegisteredWait;

use super::numbers::{self, Numbers};
use super::{items, wait};
use crate::access::MODIFY_STATE;
use crate::error::{self, code};
use crate::objects::{self, EventObject};
use crate::types::*;

/// `WAITORTIMERCALLBACK`.
pub type Callback = unsafe extern "C-unwind" fn(LPVOID, u8);

static ALL: Numbers<RegisteredWait> = Numbers::new();

/// What is to happen when something ends while its callback may run.
pub(super) enum Completion {
    /// NULL: it is said if one does.
    Say,
    /// `INVALID_HANDLE_VALUE`: it is waited for.
    Wait,
    /// An event, which is set when none does.
    Set(Event),
}

impl Completion {
    pub(super) fn of(event: HANDLE) -> Result<Completion, Status> {
        match event {
            NULL => Ok(Completion::Say),
            INVALID_HANDLE_VALUE => Ok(Completion::Wait),
            event => Ok(Completion::Set(objects::get::<EventObject>(event, MODIFY_STATE)?.0.clone())),
        }
    }
}

/// TRUE if no callback runs; otherwise FALSE, although it has ended.
pub(super) fn ended(result: Result<bool, Status>) -> BOOL {
    match result {
        Ok(true) => TRUE,
        Ok(false) => error::failed_with(code::ERROR_IO_PENDING),
        Err(status) => error::failed(status),
    }
}

/// # Safety
/// `wait` is NULL or may be written to, and the callback may be called with the context.
pub(super) unsafe fn register(
    wait: *mut HANDLE,
    handle: HANDLE,
    callback: Option<Callback>,
    context: LPVOID,
    milliseconds: ULONG,
    flags: ULONG,
) -> Result<(), Status> {
    let callback = callback.ok_or(Status::INVALID_PARAMETER)?;
    if wait.is_null() {
        return Err(Status::INVALID_PARAMETER);
    }
    wait::with_waitable(handle, |object| {
        let (number, context) = (numbers::next(), context as usize);
        let registered = RegisteredWait::new(items::how(flags), move |_, late| {
            // SAFETY: by the caller's promise.
            unsafe { callback(context as LPVOID, u8::from(late)) };
        })?;
        let registered = ALL.insert(number, registered);
        // SAFETY: not NULL, and may be written to. S427: before the callback can run.
        unsafe { wait.write(number) };
        registered.begin(object, error::timeout(milliseconds)).inspect_err(|_| {
            // It never began, and is nobody's.
            let _ = ALL.remove(number);
        })
    })
}

/// Returns whether no callback runs.
pub(super) fn unregister(wait: HANDLE, completion: Completion) -> Result<bool, Status> {
    let registered = ALL.remove(wait)?;
    Ok(match completion {
        Completion::Say => registered.unregister(),
        Completion::Set(event) => registered.unregister_and_set(&event),
        Completion::Wait => {
            registered.unregister_and_wait();
            true
        }
    })
}

/// `RegisterWaitForSingleObject`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RegisterWaitForSingleObject(
    wait: *mut HANDLE,
    handle: HANDLE,
    callback: Option<Callback>,
    context: LPVOID,
    milliseconds: ULONG,
    flags: ULONG,
) -> BOOL {
    // SAFETY: as documented.
    error::succeeded(unsafe { register(wait, handle, callback, context, milliseconds, flags) })
}

/// `UnregisterWait`.
#[unsafe(no_mangle)]
pub extern "C" fn UnregisterWait(wait: HANDLE) -> BOOL {
    ended(unregister(wait, Completion::Say))
}

/// `UnregisterWaitEx`.
#[unsafe(no_mangle)]
pub extern "C" fn UnregisterWaitEx(wait: HANDLE, event: HANDLE) -> BOOL {
    ended(Completion::of(event).and_then(|completion| unregister(wait, completion)))
}
