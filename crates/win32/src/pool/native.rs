//! The native forms: `Tp*` and `RtlRegisterWait`, which answer with a status. The objects are those of the Win32 forms.

use proactor::Status;
use proactor::sync::RawCriticalSection;

use super::environment::{Instance, SimpleCallback, TP_CALLBACK_ENVIRON};
use super::io::{self, NativeIoCallback};
use super::registered::{self, Completion};
use super::timer::{self, TimerCallback};
use super::wait::{self, WaitCallback};
use super::work::{self, WorkCallback};
use super::{done, instance, items, pools};
use crate::nt::{answer, status};
use crate::types::*;

/// Success with the number of what was made, or why not.
///
/// # Safety
/// `out` is NULL or may be written to.
unsafe fn made(out: *mut usize, make: impl FnOnce() -> Result<usize, Status>) -> NTSTATUS {
    if out.is_null() {
        return status(Status::INVALID_PARAMETER);
    }
    // SAFETY: not NULL, by the caller's promise.
    answer(make().map(|number| unsafe { out.write(number) }))
}

/// `TpAllocPool`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpAllocPool(pool: *mut usize, reserved: LPVOID) -> NTSTATUS {
    if !reserved.is_null() {
        return status(Status::INVALID_PARAMETER);
    }
    // SAFETY: as documented.
    unsafe { made(pool, pools::create) }
}

/// `TpReleasePool`.
#[unsafe(no_mangle)]
pub extern "C" fn TpReleasePool(pool: usize) {
    pools::CloseThreadpool(pool);
}

/// `TpSetPoolMaxThreads`.
#[unsafe(no_mangle)]
pub extern "C" fn TpSetPoolMaxThreads(pool: usize, most: DWORD) {
    pools::SetThreadpoolThreadMaximum(pool, most);
}

/// `TpSetPoolMinThreads`.
#[unsafe(no_mangle)]
pub extern "C" fn TpSetPoolMinThreads(pool: usize, least: DWORD) -> NTSTATUS {
    answer(pools::set_minimum(pool, least))
}

/// `TpAllocCleanupGroup`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpAllocCleanupGroup(group: *mut usize) -> NTSTATUS {
    // SAFETY: as documented.
    unsafe { made(group, || Ok(pools::create_group())) }
}

/// `TpReleaseCleanupGroupMembers`.
#[unsafe(no_mangle)]
pub extern "C" fn TpReleaseCleanupGroupMembers(group: usize, cancel: BOOL, context: LPVOID) {
    pools::CloseThreadpoolCleanupGroupMembers(group, cancel, context);
}

/// `TpReleaseCleanupGroup`.
#[unsafe(no_mangle)]
pub extern "C" fn TpReleaseCleanupGroup(group: usize) {
    pools::CloseThreadpoolCleanupGroup(group);
}

/// `TpSimpleTryPost`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpSimpleTryPost(
    callback: Option<SimpleCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> NTSTATUS {
    // SAFETY: as documented.
    answer(unsafe { work::submit(callback, context, environment) })
}

/// `TpAllocWork`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpAllocWork(
    work: *mut usize,
    callback: Option<WorkCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> NTSTATUS {
    // SAFETY: as documented.
    unsafe { made(work, || work::create(callback, context, environment)) }
}

/// `TpPostWork`.
#[unsafe(no_mangle)]
pub extern "C" fn TpPostWork(work: usize) {
    work::SubmitThreadpoolWork(work);
}

/// `TpWaitForWork`.
#[unsafe(no_mangle)]
pub extern "C" fn TpWaitForWork(work: usize, cancel: BOOL) {
    work::WaitForThreadpoolWorkCallbacks(work, cancel);
}

/// `TpReleaseWork`.
#[unsafe(no_mangle)]
pub extern "C" fn TpReleaseWork(work: usize) {
    work::CloseThreadpoolWork(work);
}

/// `TpAllocTimer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpAllocTimer(
    timer: *mut usize,
    callback: Option<TimerCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> NTSTATUS {
    // SAFETY: as documented.
    unsafe { made(timer, || timer::create(callback, context, environment)) }
}

/// # Safety
/// `time` is NULL or may be read.
unsafe fn read(time: *const LARGE_INTEGER) -> Option<LARGE_INTEGER> {
    // SAFETY: by the caller's promise.
    (!time.is_null()).then(|| unsafe { time.read_unaligned() })
}

/// `TpSetTimer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpSetTimer(timer: usize, due: *const LARGE_INTEGER, period: LONG, window: LONG) {
    // SAFETY: as documented.
    done(timer::set(timer, unsafe { read(due) }, period as DWORD, window as DWORD).map(drop));
}

/// `TpIsTimerSet`.
#[unsafe(no_mangle)]
pub extern "C" fn TpIsTimerSet(timer: usize) -> BOOL {
    timer::IsThreadpoolTimerSet(timer)
}

/// `TpWaitForTimer`.
#[unsafe(no_mangle)]
pub extern "C" fn TpWaitForTimer(timer: usize, cancel: BOOL) {
    timer::WaitForThreadpoolTimerCallbacks(timer, cancel);
}

/// `TpReleaseTimer`.
#[unsafe(no_mangle)]
pub extern "C" fn TpReleaseTimer(timer: usize) {
    timer::CloseThreadpoolTimer(timer);
}

/// `TpAllocWait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpAllocWait(
    wait: *mut usize,
    callback: Option<WaitCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> NTSTATUS {
    // SAFETY: as documented.
    unsafe { made(wait, || wait::create(callback, context, environment)) }
}

/// `TpSetWait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpSetWait(wait: usize, handle: HANDLE, timeout: *const LARGE_INTEGER) {
    // Without a handle the time is not looked at.
    let timeout = if handle == NULL { std::ptr::null() } else { timeout };
    // SAFETY: as documented.
    done(wait::set(wait, handle, unsafe { read(timeout) }).map(drop));
}

/// `TpWaitForWait`.
#[unsafe(no_mangle)]
pub extern "C" fn TpWaitForWait(wait: usize, cancel: BOOL) {
    wait::WaitForThreadpoolWaitCallbacks(wait, cancel);
}

/// `TpReleaseWait`.
#[unsafe(no_mangle)]
pub extern "C" fn TpReleaseWait(wait: usize) {
    wait::CloseThreadpoolWait(wait);
}

/// `TpAllocIoCompletion`, whose callback gets a status (S399).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpAllocIoCompletion(
    io: *mut usize,
    handle: HANDLE,
    callback: Option<NativeIoCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> NTSTATUS {
    let make = || {
        let callback = callback.ok_or(Status::INVALID_PARAMETER)?;
        // SAFETY: as documented.
        unsafe { io::create(handle, io::Callback::Native(callback), context, environment) }
    };
    // SAFETY: as documented.
    unsafe { made(io, make) }
}

/// `TpStartAsyncIoOperation`.
#[unsafe(no_mangle)]
pub extern "C" fn TpStartAsyncIoOperation(io: usize) {
    io::StartThreadpoolIo(io);
}

/// `TpCancelAsyncIoOperation`.
#[unsafe(no_mangle)]
pub extern "C" fn TpCancelAsyncIoOperation(io: usize) {
    io::CancelThreadpoolIo(io);
}

/// `TpWaitForIoCompletion`.
#[unsafe(no_mangle)]
pub extern "C" fn TpWaitForIoCompletion(io: usize, cancel: BOOL) {
    io::WaitForThreadpoolIoCallbacks(io, cancel);
}

/// `TpReleaseIoCompletion`.
#[unsafe(no_mangle)]
pub extern "C" fn TpReleaseIoCompletion(io: usize) {
    io::CloseThreadpoolIo(io);
}

/// `TpCallbackMayRunLong`.
#[unsafe(no_mangle)]
pub extern "C" fn TpCallbackMayRunLong(instance: Instance) -> NTSTATUS {
    answer(instance::may_run_long(instance))
}

/// `TpDisassociateCallback`.
#[unsafe(no_mangle)]
pub extern "C" fn TpDisassociateCallback(instance: Instance) {
    instance::DisassociateCurrentThreadFromCallback(instance);
}

/// `TpCallbackSetEventOnCompletion`.
#[unsafe(no_mangle)]
pub extern "C" fn TpCallbackSetEventOnCompletion(instance: Instance, event: HANDLE) {
    instance::SetEventWhenCallbackReturns(instance, event);
}

/// `TpCallbackReleaseSemaphoreOnCompletion`.
#[unsafe(no_mangle)]
pub extern "C" fn TpCallbackReleaseSemaphoreOnCompletion(instance: Instance, semaphore: HANDLE, by: DWORD) {
    instance::ReleaseSemaphoreWhenCallbackReturns(instance, semaphore, by);
}

/// `TpCallbackReleaseMutexOnCompletion`.
#[unsafe(no_mangle)]
pub extern "C" fn TpCallbackReleaseMutexOnCompletion(instance: Instance, mutex: HANDLE) {
    instance::ReleaseMutexWhenCallbackReturns(instance, mutex);
}

/// `TpCallbackLeaveCriticalSectionOnCompletion`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TpCallbackLeaveCriticalSectionOnCompletion(
    instance: Instance,
    section: *const RawCriticalSection,
) {
    // SAFETY: as documented.
    unsafe { instance::LeaveCriticalSectionWhenCallbackReturns(instance, section) };
}

/// `TpCallbackUnloadDllOnCompletion`.
#[unsafe(no_mangle)]
pub extern "C" fn TpCallbackUnloadDllOnCompletion(instance: Instance, module: HANDLE) {
    instance::FreeLibraryWhenCallbackReturns(instance, module);
}

/// `RtlQueueWorkItem`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RtlQueueWorkItem(
    routine: Option<items::NativeRoutine>,
    context: LPVOID,
    flags: ULONG,
) -> NTSTATUS {
    /// # Safety
    /// The routine may be called with the context.
    unsafe fn call(routine: items::NativeRoutine, context: LPVOID) {
        // SAFETY: by the caller's promise.
        unsafe { routine(context) };
    }

    // SAFETY: as documented.
    answer(unsafe { items::queue(routine, context, flags, call) })
}

/// `RtlRegisterWait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RtlRegisterWait(
    wait: *mut HANDLE,
    handle: HANDLE,
    callback: Option<registered::Callback>,
    context: LPVOID,
    milliseconds: ULONG,
    flags: ULONG,
) -> NTSTATUS {
    // SAFETY: as documented.
    answer(unsafe { registered::register(wait, handle, callback, context, milliseconds, flags) })
}

/// `STATUS_PENDING` if a callback runs, although the wait has ended.
fn ended(result: Result<bool, Status>) -> NTSTATUS {
    status(match result {
        Ok(true) => Status::SUCCESS,
        Ok(false) => Status::PENDING,
        Err(status) => status,
    })
}

/// `RtlDeregisterWait`.
#[unsafe(no_mangle)]
pub extern "C" fn RtlDeregisterWait(wait: HANDLE) -> NTSTATUS {
    ended(registered::unregister(wait, Completion::Say))
}

/// `RtlDeregisterWaitEx`.
#[unsafe(no_mangle)]
pub extern "C" fn RtlDeregisterWaitEx(wait: HANDLE, event: HANDLE) -> NTSTATUS {
    ended(Completion::of(event).and_then(|completion| registered::unregister(wait, completion)))
}
