//! Waits: `WaitForSingleObject` and its like. The rules are the core's; this looks the handles up.
//!
//! What runs calls queued to the thread may be left by one of them for good, so it lets an unwinding pass.

use std::sync::Arc;

use proactor::Status;
use proactor::object::{MAXIMUM_WAIT_OBJECTS, Wait, Waitable, Waited, wait_all, wait_any, wait_one};

use crate::access::{self, SYNCHRONIZE};
use crate::error::{self, code};
use crate::frames::entered;
use crate::objects;
use crate::table::{self, Object};
use crate::types::*;

const WAIT_ABANDONED_0: DWORD = 0x80;

/// What a handle gives the right to wait for.
fn waitable((object, granted): (Arc<dyn Object>, DWORD)) -> Result<Arc<dyn Object>, Status> {
    if object.waitable().is_none() {
        return Err(Status::OBJECT_TYPE_MISMATCH);
    }
    // S166
    access::check(granted, SYNCHRONIZE)?;
    Ok(object)
}

fn target(object: &Arc<dyn Object>) -> Result<&dyn Waitable, Status> {
    object.waitable().ok_or(Status::OBJECT_TYPE_MISMATCH)
}

/// Waits for the object behind one handle or pseudo handle.
pub fn one(handle: HANDLE, wait: Wait) -> Result<Waited, Status> {
    let object = waitable(objects::resolve(handle)?)?;
    wait_one(target(&object)?, wait)
}

/// Waits for any or all of the objects behind up to 64 handles, of which none is a pseudo handle (S157).
pub fn several(handles: &[HANDLE], all: bool, wait: Wait) -> Result<Waited, Status> {
    if handles.is_empty() || handles.len() > MAXIMUM_WAIT_OBJECTS {
        return Err(Status::INVALID_PARAMETER);
    }
    let mut objects = [const { None }; MAXIMUM_WAIT_OBJECTS];
    for (object, handle) in objects.iter_mut().zip(handles) {
        *object = Some(waitable(table::granted(*handle)?)?);
    }
    let mut objects = objects.iter().flatten();
    let first = objects.next().ok_or(Status::INVALID_PARAMETER)?;
    let mut targets = [target(first)?; MAXIMUM_WAIT_OBJECTS];
    for (place, object) in targets.iter_mut().skip(1).zip(objects) {
        *place = target(object)?;
    }
    let targets = &targets[..handles.len()];
    if all { wait_all(targets, wait) } else { wait_any(targets, wait) }
}

/// Signals the object behind one handle, and waits for that behind the other.
pub fn signal_and_wait(signal: HANDLE, handle: HANDLE, wait: Wait) -> Result<Waited, Status> {
    let (signalled, granted) = objects::resolve(signal)?;
    let (to_signal, needed) = signalled.signal().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
    // Both are looked at before anything is done.
    let object = waitable(objects::resolve(handle)?)?;
    access::check(granted, needed)?;
    proactor::object::signal_and_wait(to_signal, target(&object)?, wait)
}

/// The end of a wait as Win32 has it. Only a failure sets the last error (S155).
fn outcome(result: Result<Waited, Status>) -> DWORD {
    match result {
        Ok(Waited { index, abandoned: false }) => index as DWORD,
        Ok(Waited { index, abandoned: true }) => WAIT_ABANDONED_0 + index as DWORD,
        Err(Status::TIMEOUT) => code::WAIT_TIMEOUT,
        Err(Status::USER_APC) => code::WAIT_IO_COMPLETION,
        Err(status) => {
            error::failed(status);
            code::WAIT_FAILED
        }
    }
}

/// `WaitForSingleObject`.
#[unsafe(no_mangle)]
pub extern "C" fn WaitForSingleObject(handle: HANDLE, milliseconds: DWORD) -> DWORD {
    outcome(one(handle, error::wait(milliseconds, FALSE)))
}

/// `WaitForSingleObjectEx`.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn WaitForSingleObjectEx(
    handle: HANDLE,
    milliseconds: DWORD,
    alertable: BOOL,
) -> DWORD {
    entered(|| outcome(one(handle, error::wait(milliseconds, alertable))))
}

/// `WaitForMultipleObjects`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WaitForMultipleObjects(
    count: DWORD,
    handles: *const HANDLE,
    all: BOOL,
    milliseconds: DWORD,
) -> DWORD {
    // SAFETY: there are `count` handles, as documented.
    outcome(unsafe { copy(count, handles) }.and_then(|(handles, count)| {
        let wait = error::wait(milliseconds, FALSE);
        several(&handles[..count], all != FALSE, wait)
    }))
}

/// `WaitForMultipleObjectsEx`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn WaitForMultipleObjectsEx(
    count: DWORD,
    handles: *const HANDLE,
    all: BOOL,
    milliseconds: DWORD,
    alertable: BOOL,
) -> DWORD {
    // SAFETY: there are `count` handles, as documented.
    let copied = unsafe { copy(count, handles) };
    entered(|| {
        outcome(copied.and_then(|(handles, count)| {
            let wait = error::wait(milliseconds, alertable);
            several(&handles[..count], all != FALSE, wait)
        }))
    })
}

/// The handles of a wait, and how many there are.
pub type Handles = ([HANDLE; MAXIMUM_WAIT_OBJECTS], usize);

/// An array of as many handles as a wait may have (S158).
///
/// # Safety
/// `handles` is NULL or points to `count` of them, if these are no more than may be.
pub unsafe fn copy(count: DWORD, handles: *const HANDLE) -> Result<Handles, Status> {
    if count == 0 || count as usize > MAXIMUM_WAIT_OBJECTS {
        return Err(Status::INVALID_PARAMETER);
    }
    if handles.is_null() {
        return Err(Status::ACCESS_VIOLATION);
    }
    let mut copy = [NULL; MAXIMUM_WAIT_OBJECTS];
    for (index, place) in copy.iter_mut().enumerate().take(count as usize) {
        // SAFETY: there are so many, by the caller's promise; they need not be aligned.
        *place = unsafe { handles.add(index).read_unaligned() };
    }
    Ok((copy, count as usize))
}

/// `SignalObjectAndWait`.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn SignalObjectAndWait(
    signal: HANDLE,
    handle: HANDLE,
    milliseconds: DWORD,
    alertable: BOOL,
) -> DWORD {
    entered(|| outcome(signal_and_wait(signal, handle, error::wait(milliseconds, alertable))))
}
