//! `NtCreateEvent` and what sets and asks events.

use proactor::Status;
use proactor::object::Event;

use super::attributes::{self, OBJECT_ATTRIBUTES};
use super::{BOOLEAN, answer, answer_with, inform, status};
use crate::access::{MODIFY_STATE, QUERY_STATE};
use crate::events;
use crate::types::*;

/// `NotificationEvent`: one that is reset by hand.
const NOTIFICATION: i32 = 0;
/// `SynchronizationEvent`.
const SYNCHRONIZATION: i32 = 1;

/// `EVENT_BASIC_INFORMATION`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct EVENT_BASIC_INFORMATION {
    pub EventType: i32,
    pub EventState: LONG,
}

/// `NtCreateEvent`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtCreateEvent(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
    kind: i32,
    set: BOOLEAN,
) -> NTSTATUS {
    if !matches!(kind, NOTIFICATION | SYNCHRONIZATION) {
        // S181
        return status(Status::INVALID_PARAMETER);
    }
    let make = |asked| events::create(asked, kind == NOTIFICATION, set != 0);
    // SAFETY: as documented of all of them.
    unsafe { attributes::create(handle, access, attributes, make) }
}

/// `NtOpenEvent`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtOpenEvent(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
) -> NTSTATUS {
    // SAFETY: as documented of all of them.
    unsafe { attributes::open(handle, access, attributes, events::open) }
}

fn change(handle: HANDLE, change: fn(&Event) -> Result<bool, Status>) -> Result<LONG, Status> {
    events::with(handle, MODIFY_STATE, change).map(LONG::from)
}

/// `NtSetEvent`, which says how it was (S179), as the next two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtSetEvent(event: HANDLE, previous: *mut LONG) -> NTSTATUS {
    // SAFETY: it is NULL or may be written to, as documented.
    unsafe { answer_with(change(event, Event::try_set), previous) }
}

/// `NtResetEvent`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtResetEvent(event: HANDLE, previous: *mut LONG) -> NTSTATUS {
    // SAFETY: it is NULL or may be written to, as documented.
    unsafe { answer_with(change(event, Event::try_reset), previous) }
}

/// `NtPulseEvent`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtPulseEvent(event: HANDLE, previous: *mut LONG) -> NTSTATUS {
    // SAFETY: it is NULL or may be written to, as documented.
    unsafe { answer_with(change(event, Event::try_pulse), previous) }
}

/// `NtClearEvent`.
#[unsafe(no_mangle)]
pub extern "C" fn NtClearEvent(event: HANDLE) -> NTSTATUS {
    answer(change(event, Event::try_reset).map(drop))
}

/// `NtQueryEvent`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtQueryEvent(
    event: HANDLE,
    class: ULONG,
    information: *mut EVENT_BASIC_INFORMATION,
    length: ULONG,
    returned: *mut ULONG,
) -> NTSTATUS {
    let ask = || {
        events::with(event, QUERY_STATE, |event| {
            let kind = if event.is_manual() { NOTIFICATION } else { SYNCHRONIZATION };
            Ok(EVENT_BASIC_INFORMATION { EventType: kind, EventState: event.is_set().into() })
        })
    };
    // SAFETY: as documented of all of them.
    unsafe { inform(class, (information, length), returned, ask) }
}
