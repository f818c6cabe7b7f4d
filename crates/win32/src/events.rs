//! Events: `CreateEvent` and what sets and resets them.

use std::ffi::c_char;

use proactor::Status;
use proactor::object::{Event, Existed};

use crate::access::{ALL, MODIFY_STATE};
use crate::objects::{self, Asked, EventObject, made};
use crate::types::*;
use crate::{error, text};

const MANUAL_RESET: DWORD = 1;
const INITIAL_SET: DWORD = 2;

/// Makes an event, or opens the one that has the name (S180).
pub fn create(asked: Asked, manual: bool, set: bool) -> Result<(HANDLE, Existed), Status> {
    let unnamed = || Ok(if manual { Event::manual(set) } else { Event::auto(set) });
    asked.make(EventObject, unnamed, |name| Event::create_named(name, manual, set))
}

/// Opens the event that has the name.
pub fn open(asked: Asked) -> Result<HANDLE, Status> {
    asked.open(EventObject, Event::open)
}

/// Does something with an event that the handle must give the right to.
pub fn with<R>(
    handle: HANDLE,
    needed: DWORD,
    act: impl FnOnce(&Event) -> Result<R, Status>,
) -> Result<R, Status> {
    act(&objects::get::<EventObject>(handle, needed)?.0)
}

fn create_with_flags(asked: Result<Asked, Status>, flags: DWORD) -> HANDLE {
    made(asked.and_then(|asked| {
        if flags & !(MANUAL_RESET | INITIAL_SET) != 0 {
            return Err(Status::INVALID_PARAMETER);
        }
        create(asked, flags & MANUAL_RESET != 0, flags & INITIAL_SET != 0)
    }))
}

fn flags(manual: BOOL, set: BOOL) -> DWORD {
    let manual = if manual != FALSE { MANUAL_RESET } else { 0 };
    let set = if set != FALSE { INITIAL_SET } else { 0 };
    manual | set
}

/// `CreateEventA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateEventA(
    attributes: *const SECURITY_ATTRIBUTES,
    manual: BOOL,
    set: BOOL,
    name: *const c_char,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::narrow_or_none(name), ALL) };
    create_with_flags(asked, flags(manual, set))
}

/// `CreateEventW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateEventW(
    attributes: *const SECURITY_ATTRIBUTES,
    manual: BOOL,
    set: BOOL,
    name: *const WCHAR,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::wide_or_none(name), ALL) };
    create_with_flags(asked, flags(manual, set))
}

/// `CreateEventExA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateEventExA(
    attributes: *const SECURITY_ATTRIBUTES,
    name: *const c_char,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::narrow_or_none(name), access) };
    create_with_flags(asked, flags)
}

/// `CreateEventExW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateEventExW(
    attributes: *const SECURITY_ATTRIBUTES,
    name: *const WCHAR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::wide_or_none(name), access) };
    create_with_flags(asked, flags)
}

/// `OpenEventA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OpenEventA(access: DWORD, inherits: BOOL, name: *const c_char) -> HANDLE {
    // SAFETY: it is NULL or a string.
    let asked = Asked::to_open(unsafe { text::narrow_or_none(name) }, access, inherits);
    error::value_or(asked.and_then(open), NULL)
}

/// `OpenEventW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OpenEventW(access: DWORD, inherits: BOOL, name: *const WCHAR) -> HANDLE {
    // SAFETY: it is NULL or a string.
    let asked = Asked::to_open(unsafe { text::wide_or_none(name) }, access, inherits);
    error::value_or(asked.and_then(open), NULL)
}

/// `SetEvent`.
#[unsafe(no_mangle)]
pub extern "C" fn SetEvent(event: HANDLE) -> BOOL {
    error::succeeded(with(event, MODIFY_STATE, |event| event.try_set().map(drop)))
}

/// `ResetEvent`.
#[unsafe(no_mangle)]
pub extern "C" fn ResetEvent(event: HANDLE) -> BOOL {
    error::succeeded(with(event, MODIFY_STATE, |event| event.try_reset().map(drop)))
}

/// `PulseEvent`.
#[unsafe(no_mangle)]
pub extern "C" fn PulseEvent(event: HANDLE) -> BOOL {
    error::succeeded(with(event, MODIFY_STATE, |event| event.try_pulse().map(drop)))
}
