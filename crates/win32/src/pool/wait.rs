//! Waits: `CreateThreadpoolWait` and what sets them.

use std::sync::Arc;

use proactor::Status;
use proactor::object::Waitable;
use proactor::pool::Wait;

use super::environment::{self, Instance, TP_CALLBACK_ENVIRON};
use super::numbers::{self, Numbers};
use super::pools::Group;
use super::{done, instance, pending, timer};
use crate::access::{self, SYNCHRONIZE};
use crate::types::*;
use crate::{error, objects};

/// `PTP_WAIT_CALLBACK`.
pub type WaitCallback = unsafe extern "C-unwind" fn(Instance, LPVOID, usize, DWORD);

struct Entry {
    wait: Wait,
    group: Option<Arc<Group>>,
}

static ALL: Numbers<Entry> = Numbers::new();

fn forget(number: usize) {
    let _ = ALL.remove(number);
}

/// # Safety
/// `environment` is as `environment::read` wants it, and the callback may be called with the context.
pub(super) unsafe fn create(
    callback: Option<WaitCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> Result<usize, Status> {
    let callback = callback.ok_or(Status::INVALID_PARAMETER)?;
    // SAFETY: by the caller's promise.
    let made = unsafe { environment::read(environment, context) }?;
    let library = made.library;
    let (number, context) = (numbers::next(), context as usize);
    let wait = Wait::new(&made.environment, move |instance, how| {
        let _kept = &library;
        // `WAIT_OBJECT_0`, `WAIT_TIMEOUT` and `WAIT_ABANDONED_0` are the statuses' own numbers.
        let how = if how.is_success() || how == Status::ABANDONED_WAIT_0 { how.raw() } else { u32::MAX };
        instance::during(instance, |instance| {
            // SAFETY: by the caller's promise.
            unsafe { callback(instance, context as LPVOID, number, how) }
        });
    })?;
    if let Some(group) = &made.group {
        group.add(number, forget);
    }
    ALL.insert(number, Entry { wait, group: made.group });
    Ok(number)
}

/// Does something with what a handle gives the right to wait for.
pub(super) fn with_waitable<R>(
    handle: HANDLE,
    act: impl FnOnce(&dyn Waitable) -> Result<R, Status>,
) -> Result<R, Status> {
    let (object, granted) = objects::resolve(handle)?;
    let waitable = object.waitable().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
    access::check(granted, SYNCHRONIZE)?;
    act(waitable)
}

/// Returns whether it had still been waiting.
pub(super) fn set(wait: usize, handle: HANDLE, timeout: Option<LARGE_INTEGER>) -> Result<bool, Status> {
    let entry = ALL.get(wait)?;
    if handle == NULL {
        return Ok(entry.wait.unset());
    }
    with_waitable(handle, |object| entry.wait.set(object, timeout.map(timer::due)))
}

/// `CreateThreadpoolWait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateThreadpoolWait(
    callback: Option<WaitCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> usize {
    // SAFETY: as documented.
    error::value_or(unsafe { create(callback, context, environment) }, NULL)
}

/// `SetThreadpoolWait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetThreadpoolWait(wait: usize, handle: HANDLE, timeout: *const FILETIME) {
    // Without a handle the time is not looked at.
    let timeout = if handle == NULL { std::ptr::null() } else { timeout };
    // SAFETY: as documented.
    done(set(wait, handle, unsafe { timer::time_of(timeout) }).map(drop));
}

/// `SetThreadpoolWaitEx`, which says whether it had still been waiting.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetThreadpoolWaitEx(
    wait: usize,
    handle: HANDLE,
    timeout: *const FILETIME,
    reserved: LPVOID,
) -> BOOL {
    if !reserved.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    let timeout = if handle == NULL { std::ptr::null() } else { timeout };
    // SAFETY: as documented.
    let before = set(wait, handle, unsafe { timer::time_of(timeout) });
    BOOL::from(error::value_or(before, false))
}

/// `WaitForThreadpoolWaitCallbacks`.
#[unsafe(no_mangle)]
pub extern "C" fn WaitForThreadpoolWaitCallbacks(wait: usize, cancel: BOOL) {
    done(ALL.get(wait).map(|entry| entry.wait.wait_for_callbacks(pending(cancel))).map(drop));
}

/// `CloseThreadpoolWait`.
#[unsafe(no_mangle)]
pub extern "C" fn CloseThreadpoolWait(wait: usize) {
    done(ALL.remove(wait).map(|entry| {
        if let Some(group) = &entry.group {
            group.remove(wait);
        }
    }));
}
