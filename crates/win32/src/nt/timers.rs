//! `NtCreateTimer` and its like.

use proactor::Status;

use super::attributes::{self, OBJECT_ATTRIBUTES};
use super::{BOOLEAN, answer_with, inform, status};
use crate::access::QUERY_STATE;
use crate::filetime;
use crate::timers::{self, Setting, TimerRoutine};
use crate::types::*;

/// `NotificationTimer`: one that stays signalled until it is set again.
const NOTIFICATION: i32 = 0;
/// `SynchronizationTimer`.
const SYNCHRONIZATION: i32 = 1;

/// `TIMER_BASIC_INFORMATION`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct TIMER_BASIC_INFORMATION {
    pub RemainingTime: LARGE_INTEGER,
    pub TimerState: BOOLEAN,
}

/// `NtCreateTimer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtCreateTimer(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
    kind: i32,
) -> NTSTATUS {
    if !matches!(kind, NOTIFICATION | SYNCHRONIZATION) {
        return status(Status::INVALID_PARAMETER);
    }
    // SAFETY: as documented of all of them.
    unsafe {
        attributes::create(handle, access, attributes, |asked| timers::create(asked, kind == NOTIFICATION))
    }
}

/// `NtOpenTimer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtOpenTimer(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
) -> NTSTATUS {
    // SAFETY: as documented of all of them.
    unsafe { attributes::open(handle, access, attributes, timers::open) }
}

/// `NtSetTimer`, which says whether it was signalled. Asked to wake a machine that is asleep it succeeds, and says that
/// it will not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtSetTimer(
    timer: HANDLE,
    due: *const LARGE_INTEGER,
    routine: Option<TimerRoutine>,
    value: LPVOID,
    resume: BOOLEAN,
    period: LONG,
    previous: *mut BOOLEAN,
) -> NTSTATUS {
    if due.is_null() {
        return status(Status::ACCESS_VIOLATION);
    }
    // SAFETY: not NULL, and may be read, as documented.
    let due = filetime::due(unsafe { due.read_unaligned() });
    let setting = Setting { due, period, routine: routine.map(|routine| (routine, value as usize)) };
    // SAFETY: as documented of the routine.
    let before = unsafe { timers::set(timer, setting) }.map(BOOLEAN::from);
    // SAFETY: it is NULL or may be written to, as documented.
    match unsafe { answer_with(before, previous) } {
        0 if resume != 0 => status(Status::TIMER_RESUME_IGNORED),
        answer => answer,
    }
}

/// `NtCancelTimer`, which says whether it is signalled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtCancelTimer(timer: HANDLE, state: *mut BOOLEAN) -> NTSTATUS {
    // SAFETY: it is NULL or may be written to, as documented.
    unsafe { answer_with(timers::cancel(timer).map(BOOLEAN::from), state) }
}

/// `NtQueryTimer`. What is over has no time remaining.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtQueryTimer(
    timer: HANDLE,
    class: ULONG,
    information: *mut TIMER_BASIC_INFORMATION,
    length: ULONG,
    returned: *mut ULONG,
) -> NTSTATUS {
    let ask = || {
        timers::with(timer, QUERY_STATE, |timer| {
            let remaining = timer.due_in().map_or(0, filetime::units);
            Ok(TIMER_BASIC_INFORMATION { RemainingTime: remaining, TimerState: timer.is_set().into() })
        })
    };
    // SAFETY: as documented of all of them.
    unsafe { inform(class, (information, length), returned, ask) }
}
