//! Work items: `QueueUserWorkItem`, and the flags that it shares with registered waits and timer queues.

use proactor::Status;
use proactor::pool::{self, Environment, How, Pool};

use crate::error;
use crate::types::*;

const WT_EXECUTEINIOTHREAD: ULONG = 0x01;
const WT_EXECUTEINWAITTHREAD: ULONG = 0x04;
const WT_EXECUTEONLYONCE: ULONG = 0x08;
const WT_EXECUTELONGFUNCTION: ULONG = 0x10;
const WT_EXECUTEINTIMERTHREAD: ULONG = 0x20;
const WT_EXECUTEINPERSISTENTIOTHREAD: ULONG = 0x40;
const WT_EXECUTEINPERSISTENTTHREAD: ULONG = 0x80;

/// What wants a thread that stays: there is one.
const IN_ONE_THREAD: ULONG = WT_EXECUTEINIOTHREAD
    | WT_EXECUTEINWAITTHREAD
    | WT_EXECUTEINTIMERTHREAD
    | WT_EXECUTEINPERSISTENTIOTHREAD
    | WT_EXECUTEINPERSISTENTTHREAD;

/// `LPTHREAD_START_ROUTINE`.
pub type ItemRoutine = unsafe extern "C-unwind" fn(LPVOID) -> DWORD;
/// `PRTL_WORK_ITEM_ROUTINE`.
pub type NativeRoutine = unsafe extern "C-unwind" fn(LPVOID);

/// What the flags ask for. Nobody is impersonated here, so nobody's place has to be taken with
/// `WT_TRANSFER_IMPERSONATION`.
pub(super) fn how(flags: ULONG) -> How {
    How {
        once: flags & WT_EXECUTEONLYONCE != 0,
        in_one_thread: flags & IN_ONE_THREAD != 0,
        long: flags & WT_EXECUTELONGFUNCTION != 0,
    }
}

/// # Safety
/// `call` may call the routine with the context.
pub(super) unsafe fn queue<R: Copy + Send + 'static>(
    routine: Option<R>,
    context: LPVOID,
    flags: ULONG,
    call: unsafe fn(R, LPVOID),
) -> Result<(), Status> {
    let routine = routine.ok_or(Status::INVALID_PARAMETER)?;
    let most = (flags >> 16) as usize;
    if most > 0 {
        // `WT_SET_MAX_THREADPOOL_THREADS`
        Pool::of_process()?.set_maximum(most.min(Pool::MOST_THREADS))?;
    }
    let how = how(flags);
    let environment = Environment::new();
    let environment = if how.long { environment.runs_long() } else { environment };
    let environment = if how.in_one_thread { environment.in_one_thread()? } else { environment };
    let context = context as usize;
    pool::submit(&environment, move |_| {
        // SAFETY: by the caller's promise.
        unsafe { call(routine, context as LPVOID) };
    })
}

/// `QueueUserWorkItem`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QueueUserWorkItem(
    routine: Option<ItemRoutine>,
    context: LPVOID,
    flags: ULONG,
) -> BOOL {
    /// # Safety
    /// The routine may be called with the context.
    unsafe fn call(routine: ItemRoutine, context: LPVOID) {
        // SAFETY: by the caller's promise. What it returns is for nobody.
        unsafe { routine(context) };
    }

    // SAFETY: as documented.
    error::succeeded(unsafe { queue(routine, context, flags, call) })
}
