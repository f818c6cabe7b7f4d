//! `NtWaitForSingleObject` and its like. A timeout is NULL for ever, below zero for so long, else a time of the wall
//! clock, all in units of 100 nanoseconds.

use proactor::Status;
use proactor::object::{MAXIMUM_WAIT_OBJECTS, Wait, Waited};

use super::{BOOLEAN, status};
use crate::frames::entered;
use crate::types::*;
use crate::{filetime, waits};

/// `WaitAll`.
const ALL: i32 = 0;
/// `WaitAny`.
const ANY: i32 = 1;

fn outcome(result: Result<Waited, Status>) -> NTSTATUS {
    match result {
        Ok(Waited { index, abandoned: false }) => index as NTSTATUS,
        Ok(Waited { index, abandoned: true }) => status(Status::ABANDONED_WAIT_0) + index as NTSTATUS,
        Err(error) => status(error),
    }
}

/// # Safety
/// `timeout` is NULL or may be read.
unsafe fn wait(timeout: *const LARGE_INTEGER, alertable: BOOLEAN) -> Wait {
    // SAFETY: by the caller's promise.
    let timeout = (!timeout.is_null()).then(|| unsafe { timeout.read_unaligned() });
    filetime::wait(timeout, alertable != 0)
}

/// `NtWaitForSingleObject`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn NtWaitForSingleObject(
    handle: HANDLE,
    alertable: BOOLEAN,
    timeout: *const LARGE_INTEGER,
) -> NTSTATUS {
    // SAFETY: as documented.
    let wait = unsafe { wait(timeout, alertable) };
    entered(|| outcome(waits::one(handle, wait)))
}

/// `NtWaitForMultipleObjects`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn NtWaitForMultipleObjects(
    count: ULONG,
    handles: *const HANDLE,
    kind: i32,
    alertable: BOOLEAN,
    timeout: *const LARGE_INTEGER,
) -> NTSTATUS {
    if count == 0 || count as usize > MAXIMUM_WAIT_OBJECTS {
        return status(Status::INVALID_PARAMETER_1);
    }
    if !matches!(kind, ALL | ANY) {
        return status(Status::INVALID_PARAMETER_3);
    }
    // SAFETY: as documented of both.
    let (handles, wait) = unsafe { (waits::copy(count, handles), wait(timeout, alertable)) };
    let waited =
        entered(|| handles.and_then(|(handles, count)| waits::several(&handles[..count], kind == ALL, wait)));
    match waited {
        // All other parameters are good.
        Err(Status::INVALID_PARAMETER) => status(Status::INVALID_PARAMETER_MIX),
        result => outcome(result),
    }
}

/// `NtSignalAndWaitForSingleObject`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn NtSignalAndWaitForSingleObject(
    signal: HANDLE,
    handle: HANDLE,
    alertable: BOOLEAN,
    timeout: *const LARGE_INTEGER,
) -> NTSTATUS {
    // SAFETY: as documented.
    let wait = unsafe { wait(timeout, alertable) };
    entered(|| outcome(waits::signal_and_wait(signal, handle, wait)))
}
