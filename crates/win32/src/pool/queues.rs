//! Timer queues: `CreateTimerQueue` and the timers in them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proactor::Status;
use proactor::pool::{QueueTimer, TimerQueue};

use super::items;
use super::numbers::{self, Numbers};
use super::registered::{Callback, Completion, ended};
use crate::error;
use crate::types::*;

struct Queue {
    queue: TimerQueue,
    /// The numbers of its timers, which go with it.
    timers: Mutex<HashSet<usize>>,
}

struct Timer {
    timer: QueueTimer,
    /// None: the one of the process, which stays.
    queue: Option<Arc<Queue>>,
}

static QUEUES: Numbers<Queue> = Numbers::new();
static TIMERS: Numbers<Timer> = Numbers::new();

impl Queue {
    fn timers(&self) -> MutexGuard<'_, HashSet<usize>> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// None for NULL, which is the one of the process (S433).
fn queue(handle: HANDLE) -> Result<Option<Arc<Queue>>, Status> {
    if handle == NULL { Ok(None) } else { QUEUES.get(handle).map(Some) }
}

/// A timer of this queue. `INVALID_PARAMETER` for NULL.
fn timer(queue: HANDLE, timer: HANDLE) -> Result<Arc<Timer>, Status> {
    self::queue(queue)?;
    if timer == NULL {
        return Err(Status::INVALID_PARAMETER);
    }
    TIMERS.get(timer)
}

/// `CreateTimerQueue`.
#[unsafe(no_mangle)]
pub extern "C" fn CreateTimerQueue() -> HANDLE {
    let number = numbers::next();
    QUEUES.insert(number, Queue { queue: TimerQueue::new(), timers: Mutex::default() });
    number
}

/// # Safety
/// `out` is NULL or may be written to, and the callback may be called with the context.
unsafe fn create(
    out: *mut HANDLE,
    queue: HANDLE,
    callback: Option<Callback>,
    context: LPVOID,
    due: DWORD,
    period: DWORD,
    flags: ULONG,
) -> Result<(), Status> {
    let callback = callback.ok_or(Status::INVALID_PARAMETER)?;
    if out.is_null() {
        return Err(Status::INVALID_PARAMETER);
    }
    let queue = self::queue(queue)?;
    let how = items::how(flags);
    let (number, context) = (numbers::next(), context as usize);
    let of = queue.as_ref().map_or_else(TimerQueue::of_process, |queue| queue.queue.clone());
    let timer = QueueTimer::new(&of, how, move |_| {
        // SAFETY: by the caller's promise. S429: a timer always says TRUE.
        unsafe { callback(context as LPVOID, 1) };
    })?;
    if let Some(queue) = &queue {
        queue.timers().insert(number);
    }
    let timer = TIMERS.insert(number, Timer { timer, queue });
    // SAFETY: not NULL, and may be written to; before the callback can run.
    unsafe { out.write(number) };
    let period = if how.once { 0 } else { period };
    begin(&timer.timer, due, period).inspect_err(|_| {
        // It never began, and is nobody's.
        let _ = remove(number);
    })
}

/// So long after now, or never: `INFINITE` sets nothing off.
fn begin(timer: &QueueTimer, due: DWORD, period: DWORD) -> Result<(), Status> {
    match error::timeout(due) {
        Some(due) => timer.begin(due, Some(Duration::from_millis(period.into()))),
        None => Ok(()),
    }
}

fn remove(number: usize) -> Result<Arc<Timer>, Status> {
    let timer = TIMERS.remove(number)?;
    if let Some(queue) = &timer.queue {
        queue.timers().remove(&number);
    }
    Ok(timer)
}

/// `CreateTimerQueueTimer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateTimerQueueTimer(
    timer: *mut HANDLE,
    queue: HANDLE,
    callback: Option<Callback>,
    context: LPVOID,
    due: DWORD,
    period: DWORD,
    flags: ULONG,
) -> BOOL {
    // SAFETY: as documented.
    error::succeeded(unsafe { create(timer, queue, callback, context, due, period, flags) })
}

/// `ChangeTimerQueueTimer`. One that was due only once, and has been, stays as it is (S431).
#[unsafe(no_mangle)]
pub extern "C" fn ChangeTimerQueueTimer(queue: HANDLE, timer: HANDLE, due: ULONG, period: ULONG) -> BOOL {
    let period = Duration::from_millis(period.into());
    let changed = self::timer(queue, timer).and_then(|timer| {
        let due = Duration::from_millis(due.into());
        timer.timer.change(due, Some(period))
    });
    error::succeeded(changed.map(drop))
}

/// `DeleteTimerQueueTimer`.
#[unsafe(no_mangle)]
pub extern "C" fn DeleteTimerQueueTimer(queue: HANDLE, timer: HANDLE, event: HANDLE) -> BOOL {
    ended(self::timer(queue, timer).and_then(|_| {
        let completion = Completion::of(event)?;
        let timer = remove(timer)?;
        Ok(match completion {
            Completion::Say => timer.timer.delete(),
            Completion::Set(event) => timer.timer.delete_and_set(&event),
            Completion::Wait => {
                timer.timer.delete_and_wait();
                true
            }
        })
    }))
}

fn delete(queue: HANDLE, event: HANDLE) -> Result<bool, Status> {
    // S433: NULL is the one of the process, which stays.
    let completion = Completion::of(event)?;
    let queue = QUEUES.remove(queue)?;
    let timers = std::mem::take(&mut *queue.timers());
    let kept: Vec<_> = timers.into_iter().filter_map(|number| TIMERS.remove(number).ok()).collect();
    let quiet = match completion {
        Completion::Say => queue.queue.delete(),
        Completion::Set(event) => queue.queue.delete_and_set(&event),
        Completion::Wait => queue.queue.delete_and_wait().map(|()| true),
    };
    drop(kept);
    quiet
}

/// `DeleteTimerQueue`.
#[unsafe(no_mangle)]
pub extern "C" fn DeleteTimerQueue(queue: HANDLE) -> BOOL {
    ended(delete(queue, NULL))
}

/// `DeleteTimerQueueEx`.
#[unsafe(no_mangle)]
pub extern "C" fn DeleteTimerQueueEx(queue: HANDLE, event: HANDLE) -> BOOL {
    ended(delete(queue, event))
}
