//! Waitable timers: `CreateWaitableTimer`, and what sets and stops them.

use std::ffi::c_char;
use std::time::{Duration, SystemTime};

use proactor::Status;
use proactor::object::{Due, Existed, Timer};

use crate::access::{ALL, MODIFY_STATE};
use crate::error::{self, code};
use crate::frames::call;
use crate::objects::{self, Asked, TimerObject, made};
use crate::types::*;
use crate::{filetime, text};

const MANUAL_RESET: DWORD = 1;
/// All timers are as exact as the kernel's.
const HIGH_RESOLUTION: DWORD = 2;

/// `PTIMERAPCROUTINE`: the caller's value, and when the timer was due, in two halves.
pub type TimerRoutine = unsafe extern "C-unwind" fn(LPVOID, DWORD, DWORD);

/// Makes a timer, or opens the one that has the name.
pub fn create(asked: Asked, manual: bool) -> Result<(HANDLE, Existed), Status> {
    let unnamed = || Ok(if manual { Timer::manual() } else { Timer::auto() });
    asked.make(TimerObject, unnamed, |name| Timer::create_named(name, manual))
}

/// Opens the timer that has the name.
pub fn open(asked: Asked) -> Result<HANDLE, Status> {
    asked.open(TimerObject, Timer::open)
}

/// Does something with a timer that the handle must give the right to.
pub fn with<R>(
    handle: HANDLE,
    needed: DWORD,
    act: impl FnOnce(&Timer) -> Result<R, Status>,
) -> Result<R, Status> {
    act(&objects::get::<TimerObject>(handle, needed)?.0)
}

/// What a timer is to be set to.
pub struct Setting {
    /// When first.
    pub due: Due,
    /// Milliseconds between the times after that; 0 for none.
    pub period: LONG,
    /// What is called, with what value.
    pub routine: Option<(TimerRoutine, usize)>,
}

/// Sets a timer; returns whether it was signalled.
///
/// # Safety
/// The routine may be called, with its value, in this thread's alertable waits until the timer is set again or stopped.
pub unsafe fn set(handle: HANDLE, setting: Setting) -> Result<bool, Status> {
    let period = u64::try_from(setting.period).map_err(|_| Status::INVALID_PARAMETER_6)?;
    let period = (period != 0).then(|| Duration::from_millis(period));
    with(handle, MODIFY_STATE, |timer| match setting.routine {
        None => timer.set(setting.due, period),
        Some((routine, value)) => timer.set_with_apc(setting.due, period, move |at: SystemTime| {
            let at = filetime::from_system(at);
            // SAFETY: by the caller's promise.
            unsafe {
                call(routine as usize, [value, at as DWORD as usize, (at >> 32) as DWORD as usize, 0, 0, 0])
            };
        }),
    })
}

/// Stops a timer; returns whether it was signalled, which does not change.
pub fn cancel(handle: HANDLE) -> Result<bool, Status> {
    with(handle, MODIFY_STATE, |timer| {
        timer.try_cancel()?;
        Ok(timer.is_set())
    })
}

/// # Safety
/// As [`set`]; `due` is NULL or may be read.
unsafe fn set_timer(
    timer: HANDLE,
    due: *const LARGE_INTEGER,
    period: LONG,
    routine: Option<TimerRoutine>,
    value: LPVOID,
    wakes: bool,
) -> BOOL {
    if due.is_null() {
        return error::failed(Status::ACCESS_VIOLATION);
    }
    // SAFETY: not NULL, and may be read, by the caller's promise.
    let due = filetime::due(unsafe { due.read_unaligned() });
    let setting = Setting { due, period, routine: routine.map(|routine| (routine, value as usize)) };
    // SAFETY: by the caller's promise.
    match unsafe { set(timer, setting) } {
        Ok(_) => {
            if wakes {
                // S209
                error::set(code::ERROR_NOT_SUPPORTED);
            }
            TRUE
        }
        Err(status) => error::failed(status),
    }
}

fn create_with_flags(asked: Result<Asked, Status>, flags: DWORD) -> HANDLE {
    made(asked.and_then(|asked| {
        if flags & !(MANUAL_RESET | HIGH_RESOLUTION) != 0 {
            return Err(Status::INVALID_PARAMETER);
        }
        create(asked, flags & MANUAL_RESET != 0)
    }))
}

fn flags(manual: BOOL) -> DWORD {
    if manual != FALSE { MANUAL_RESET } else { 0 }
}

/// `CreateWaitableTimerA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateWaitableTimerA(
    attributes: *const SECURITY_ATTRIBUTES,
    manual: BOOL,
    name: *const c_char,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::narrow_or_none(name), ALL) };
    create_with_flags(asked, flags(manual))
}

/// `CreateWaitableTimerW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateWaitableTimerW(
    attributes: *const SECURITY_ATTRIBUTES,
    manual: BOOL,
    name: *const WCHAR,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::wide_or_none(name), ALL) };
    create_with_flags(asked, flags(manual))
}

/// `CreateWaitableTimerExA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateWaitableTimerExA(
    attributes: *const SECURITY_ATTRIBUTES,
    name: *const c_char,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::narrow_or_none(name), access) };
    create_with_flags(asked, flags)
}

/// `CreateWaitableTimerExW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateWaitableTimerExW(
    attributes: *const SECURITY_ATTRIBUTES,
    name: *const WCHAR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::wide_or_none(name), access) };
    create_with_flags(asked, flags)
}

/// `OpenWaitableTimerA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OpenWaitableTimerA(access: DWORD, inherits: BOOL, name: *const c_char) -> HANDLE {
    // SAFETY: it is NULL or a string.
    let asked = Asked::to_open(unsafe { text::narrow_or_none(name) }, access, inherits);
    error::value_or(asked.and_then(open), NULL)
}

/// `OpenWaitableTimerW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OpenWaitableTimerW(access: DWORD, inherits: BOOL, name: *const WCHAR) -> HANDLE {
    // SAFETY: it is NULL or a string.
    let asked = Asked::to_open(unsafe { text::wide_or_none(name) }, access, inherits);
    error::value_or(asked.and_then(open), NULL)
}

/// `SetWaitableTimer`. No timer wakes a machine that is asleep: asked for that it succeeds, and says so (S209).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetWaitableTimer(
    timer: HANDLE,
    due: *const LARGE_INTEGER,
    period: LONG,
    routine: Option<TimerRoutine>,
    value: LPVOID,
    resume: BOOL,
) -> BOOL {
    // SAFETY: as documented of all of them.
    unsafe { set_timer(timer, due, period, routine, value, resume != FALSE) }
}

/// `SetWaitableTimerEx`. It is never later than it has to be, whatever delay is tolerable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetWaitableTimerEx(
    timer: HANDLE,
    due: *const LARGE_INTEGER,
    period: LONG,
    routine: Option<TimerRoutine>,
    value: LPVOID,
    wake_context: LPVOID,
    _tolerable_delay: ULONG,
) -> BOOL {
    // SAFETY: as documented of all of them.
    unsafe { set_timer(timer, due, period, routine, value, !wake_context.is_null()) }
}

/// `CancelWaitableTimer`.
#[unsafe(no_mangle)]
pub extern "C" fn CancelWaitableTimer(timer: HANDLE) -> BOOL {
    error::succeeded(cancel(timer).map(drop))
}
