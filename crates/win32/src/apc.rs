//! Calls queued to a thread (APCs), and the sleeps in which they run.

use std::ffi::c_void;

use proactor::Status;
use proactor::object::{Thread, Wait, sleep, test_alert};

use crate::error::{self, code};
use crate::filetime;
use crate::frames::{call, entered};
use crate::thread::thread_of;
use crate::types::*;

/// Queues a call of a function of C with up to three arguments.
fn queue(thread: &Thread, function: usize, arguments: [usize; 3]) -> Result<(), Status> {
    let [first, second, third] = arguments;
    thread.queue_apc(move || {
        // SAFETY: whoever queued it says that it is a function of these arguments.
        unsafe { call(function, [first, second, third, 0, 0, 0]) };
    })
}

/// `QueueUserAPC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QueueUserAPC(routine: *const c_void, thread: HANDLE, data: ULONG_PTR) -> DWORD {
    let queued = thread_of(thread).and_then(|thread| match routine.is_null() {
        true => Err(Status::INVALID_PARAMETER),
        false => queue(&thread, routine.addr(), [data, 0, 0]),
    });
    error::succeeded(queued).cast_unsigned()
}

/// `QueueUserAPC2`, for calls that wait for an alertable wait. One that is to interrupt its thread wherever it is
/// (`QUEUE_USER_APC_FLAGS_SPECIAL_USER_APC`) is refused with `ERROR_NOT_SUPPORTED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QueueUserAPC2(
    routine: *const c_void,
    thread: HANDLE,
    data: ULONG_PTR,
    flags: DWORD,
) -> BOOL {
    const SPECIAL: DWORD = 1;
    /// The routine is to be given the interrupted context, which a call in a wait has not.
    const CONTEXT: DWORD = 0x1_0000;
    match flags {
        // SAFETY: as the caller promises.
        0 => unsafe { QueueUserAPC(routine, thread, data) }.cast_signed(),
        flags if flags & !(SPECIAL | CONTEXT) == 0 => error::failed(Status::NOT_SUPPORTED),
        _ => error::failed(Status::INVALID_PARAMETER),
    }
}

/// Sleeps; 0 or `WAIT_IO_COMPLETION`. The last error is left as it is (S140), whatever the calls that run make of it.
fn sleep_for(wait: Wait) -> DWORD {
    match entered(|| sleep(wait)) {
        Ok(()) => 0,
        Err(_) => code::WAIT_IO_COMPLETION,
    }
}

/// `SleepEx`.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn SleepEx(milliseconds: DWORD, alertable: BOOL) -> DWORD {
    sleep_for(error::wait(milliseconds, alertable))
}

/// `Sleep`.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn Sleep(milliseconds: DWORD) {
    sleep_for(error::wait(milliseconds, FALSE));
}

/// `SwitchToThread`. Linux does not say whether another was there.
#[unsafe(no_mangle)]
pub extern "C" fn SwitchToThread() -> BOOL {
    std::thread::yield_now();
    TRUE
}

/// `NtYieldExecution`.
#[unsafe(no_mangle)]
pub extern "C" fn NtYieldExecution() -> NTSTATUS {
    std::thread::yield_now();
    0
}

fn raw(status: Status) -> NTSTATUS {
    status.raw().cast_signed()
}

/// `NtQueueApcThread`. A NULL routine is taken, and nothing comes of it (S136).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtQueueApcThread(
    thread: HANDLE,
    routine: *const c_void,
    first: ULONG_PTR,
    second: ULONG_PTR,
    third: ULONG_PTR,
) -> NTSTATUS {
    let queued = thread_of(thread).and_then(|thread| match routine.is_null() {
        true if thread.exit_code().is_some() => Err(Status::UNSUCCESSFUL),
        true => Ok(()),
        false => queue(&thread, routine.addr(), [first, second, third]),
    });
    queued.map_or_else(raw, |()| 0)
}

/// `NtQueueApcThreadEx`, without reserve objects: another handle than NULL is no reserve, and one that is to interrupt
/// its thread wherever it is (1 in its place) is refused with `STATUS_NOT_SUPPORTED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtQueueApcThreadEx(
    thread: HANDLE,
    reserve: HANDLE,
    routine: *const c_void,
    first: ULONG_PTR,
    second: ULONG_PTR,
    third: ULONG_PTR,
) -> NTSTATUS {
    match reserve {
        // SAFETY: as the caller promises.
        NULL => unsafe { NtQueueApcThread(thread, routine, first, second, third) },
        1 => raw(Status::NOT_SUPPORTED),
        _ => raw(Status::INVALID_HANDLE),
    }
}

/// `NtTestAlert`.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn NtTestAlert() -> NTSTATUS {
    entered(test_alert);
    0
}

/// NT's timeout: NULL is for ever.
///
/// # Safety
/// `timeout` is NULL or may be read.
pub unsafe fn nt_wait(timeout: *const LARGE_INTEGER, alertable: bool) -> Wait {
    // SAFETY: by the caller's promise.
    filetime::wait(unsafe { timeout.as_ref() }.copied(), alertable)
}

/// `NtDelayExecution`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn NtDelayExecution(alertable: u8, timeout: *const LARGE_INTEGER) -> NTSTATUS {
    if timeout.is_null() {
        return raw(Status::ACCESS_VIOLATION);
    }
    // SAFETY: not NULL, and a number as documented.
    let wait = unsafe { nt_wait(timeout, alertable != 0) };
    entered(|| sleep(wait)).map_or_else(raw, |()| 0)
}
