//! Work: `CreateThreadpoolWork` and `TrySubmitThreadpoolCallback`.

use std::sync::Arc;

use proactor::Status;
use proactor::pool::{self, Work};

use super::environment::{self, Instance, SimpleCallback, TP_CALLBACK_ENVIRON};
use super::numbers::{self, Numbers};
use super::pools::Group;
use super::{done, instance, pending};
use crate::error;
use crate::types::*;

/// `PTP_WORK_CALLBACK`.
pub type WorkCallback = unsafe extern "C-unwind" fn(Instance, LPVOID, usize);

struct Entry {
    work: Work,
    group: Option<Arc<Group>>,
}

static ALL: Numbers<Entry> = Numbers::new();

fn forget(number: usize) {
    let _ = ALL.remove(number);
}

/// # Safety
/// `environment` is as `environment::read` wants it, and the callback may be called with the context.
pub(super) unsafe fn create(
    callback: Option<WorkCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> Result<usize, Status> {
    let callback = callback.ok_or(Status::INVALID_PARAMETER)?;
    // SAFETY: by the caller's promise.
    let made = unsafe { environment::read(environment, context) }?;
    let library = made.library;
    let (number, context) = (numbers::next(), context as usize);
    let work = Work::new(&made.environment, move |instance| {
        let _kept = &library;
        // SAFETY: by the caller's promise.
        instance::during(instance, |instance| unsafe { callback(instance, context as LPVOID, number) });
    })?;
    if let Some(group) = &made.group {
        group.add(number, forget);
    }
    ALL.insert(number, Entry { work, group: made.group });
    Ok(number)
}

/// `CreateThreadpoolWork`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateThreadpoolWork(
    callback: Option<WorkCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> usize {
    // SAFETY: as documented.
    error::value_or(unsafe { create(callback, context, environment) }, NULL)
}

/// `SubmitThreadpoolWork`.
#[unsafe(no_mangle)]
pub extern "C" fn SubmitThreadpoolWork(work: usize) {
    done(ALL.get(work).and_then(|entry| entry.work.submit()));
}

/// `WaitForThreadpoolWorkCallbacks`.
#[unsafe(no_mangle)]
pub extern "C" fn WaitForThreadpoolWorkCallbacks(work: usize, cancel: BOOL) {
    done(ALL.get(work).map(|entry| entry.work.wait_for_callbacks(pending(cancel))).map(drop));
}

/// `CloseThreadpoolWork`: what was submitted runs still.
#[unsafe(no_mangle)]
pub extern "C" fn CloseThreadpoolWork(work: usize) {
    done(ALL.remove(work).map(|entry| {
        if let Some(group) = &entry.group {
            group.remove(work);
        }
    }));
}

/// # Safety
/// As [`create`].
pub(super) unsafe fn submit(
    callback: Option<SimpleCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> Result<(), Status> {
    let callback = callback.ok_or(Status::INVALID_PARAMETER)?;
    // SAFETY: by the caller's promise.
    let made = unsafe { environment::read(environment, context) }?;
    let (library, context) = (made.library, context as usize);
    pool::submit(&made.environment, move |instance| {
        let _kept = &library;
        // SAFETY: by the caller's promise.
        instance::during(instance, |instance| unsafe { callback(instance, context as LPVOID) });
    })
}

/// `TrySubmitThreadpoolCallback`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TrySubmitThreadpoolCallback(
    callback: Option<SimpleCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> BOOL {
    // SAFETY: as documented.
    error::succeeded(unsafe { submit(callback, context, environment) })
}
