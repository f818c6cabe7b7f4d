//! Timers: `CreateThreadpoolTimer` and what sets them.

use std::sync::Arc;
use std::time::Duration;

use proactor::Status;
use proactor::object::Due;
use proactor::pool::Timer;

use super::environment::{self, Instance, TP_CALLBACK_ENVIRON};
use super::numbers::{self, Numbers};
use super::pools::Group;
use super::{done, instance, pending};
use crate::types::*;
use crate::{error, filetime};

/// `PTP_TIMER_CALLBACK`.
pub type TimerCallback = unsafe extern "C-unwind" fn(Instance, LPVOID, usize);

struct Entry {
    timer: Timer,
    group: Option<Arc<Group>>,
}

static ALL: Numbers<Entry> = Numbers::new();

fn forget(number: usize) {
    let _ = ALL.remove(number);
}

/// # Safety
/// `environment` is as `environment::read` wants it, and the callback may be called with the context.
pub(super) unsafe fn create(
    callback: Option<TimerCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> Result<usize, Status> {
    let callback = callback.ok_or(Status::INVALID_PARAMETER)?;
    // SAFETY: by the caller's promise.
    let made = unsafe { environment::read(environment, context) }?;
    let library = made.library;
    let (number, context) = (numbers::next(), context as usize);
    let timer = Timer::new(&made.environment, move |instance| {
        let _kept = &library;
        // SAFETY: by the caller's promise.
        instance::during(instance, |instance| unsafe { callback(instance, context as LPVOID, number) });
    })?;
    if let Some(group) = &made.group {
        group.add(number, forget);
    }
    ALL.insert(number, Entry { timer, group: made.group });
    Ok(number)
}

/// When a pool's timer or wait is due: at zero it is at once.
pub(super) fn due(time: LARGE_INTEGER) -> Due {
    if time == 0 { Due::After(Duration::ZERO) } else { filetime::due(time) }
}

/// Of a `FILETIME`, which need not be aligned as its number is.
///
/// # Safety
/// `time` is NULL or may be read.
pub(super) unsafe fn time_of(time: *const FILETIME) -> Option<LARGE_INTEGER> {
    // SAFETY: by the caller's promise.
    let time = unsafe { time.as_ref() }?;
    Some((u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)) as LARGE_INTEGER)
}

/// Returns whether it had still been to come.
pub(super) fn set(
    timer: usize,
    time: Option<LARGE_INTEGER>,
    period: DWORD,
    window: DWORD,
) -> Result<bool, Status> {
    let entry = ALL.get(timer)?;
    let (period, window) = (Duration::from_millis(period.into()), Duration::from_millis(window.into()));
    match time {
        None => Ok(entry.timer.unset()),
        Some(time) => entry.timer.set(due(time), Some(period), window),
    }
}

/// `CreateThreadpoolTimer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateThreadpoolTimer(
    callback: Option<TimerCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> usize {
    // SAFETY: as documented.
    error::value_or(unsafe { create(callback, context, environment) }, NULL)
}

/// `SetThreadpoolTimer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetThreadpoolTimer(
    timer: usize,
    due: *const FILETIME,
    period: DWORD,
    window: DWORD,
) {
    // SAFETY: as documented.
    done(set(timer, unsafe { time_of(due) }, period, window).map(drop));
}

/// `SetThreadpoolTimerEx`, which says whether it had still been to come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetThreadpoolTimerEx(
    timer: usize,
    due: *const FILETIME,
    period: DWORD,
    window: DWORD,
) -> BOOL {
    // SAFETY: as documented.
    let before = set(timer, unsafe { time_of(due) }, period, window);
    BOOL::from(error::value_or(before, false))
}

pub(super) fn is_set(timer: usize) -> Result<bool, Status> {
    ALL.get(timer).map(|entry| entry.timer.is_set())
}

/// `IsThreadpoolTimerSet`.
#[unsafe(no_mangle)]
pub extern "C" fn IsThreadpoolTimerSet(timer: usize) -> BOOL {
    BOOL::from(error::value_or(is_set(timer), false))
}

/// `WaitForThreadpoolTimerCallbacks`.
#[unsafe(no_mangle)]
pub extern "C" fn WaitForThreadpoolTimerCallbacks(timer: usize, cancel: BOOL) {
    done(ALL.get(timer).map(|entry| entry.timer.wait_for_callbacks(pending(cancel))).map(drop));
}

/// `CloseThreadpoolTimer`.
#[unsafe(no_mangle)]
pub extern "C" fn CloseThreadpoolTimer(timer: usize) {
    done(ALL.remove(timer).map(|entry| {
        if let Some(group) = &entry.group {
            group.remove(timer);
        }
    }));
}
