//! Threads by their handles: what they are called, how they compete, how they ended, and holding them back.

use std::sync::{Arc, Mutex, PoisonError};

use proactor::Status;
use proactor::object::{Priority, Thread};
use proactor::raw;

use crate::address::Permit;
use crate::error::{self, code};
use crate::frames;
use crate::heap;
use crate::objects::ThreadObject;
use crate::table;
use crate::text;
use crate::types::*;

/// `STILL_ACTIVE`.
pub const STILL_ACTIVE: DWORD = 259;
const THREAD_PRIORITY_ERROR_RETURN: i32 = i32::MAX;
const FAILED: DWORD = DWORD::MAX;

/// What is kept with each thread that was asked for it.
#[derive(Default)]
pub struct Kept {
    /// As `SetThreadDescription` was given it.
    description: Mutex<Arc<[WCHAR]>>,
    /// What `NtAlertThreadByThreadId` gives.
    pub permit: Permit,
}

/// The thread behind a handle or `GetCurrentThread()`.
pub fn thread_of(handle: HANDLE) -> Result<Thread, Status> {
    if handle == CURRENT_THREAD {
        return Ok(Thread::current());
    }
    table::get::<ThreadObject>(handle).map(|object| object.0.clone())
}

/// `GetCurrentThread`.
#[unsafe(no_mangle)]
pub extern "C" fn GetCurrentThread() -> HANDLE {
    CURRENT_THREAD
}

/// `GetCurrentThreadId`: the kernel's, as `top` and `gdb` show it.
#[unsafe(no_mangle)]
pub extern "C" fn GetCurrentThreadId() -> DWORD {
    thread_local!(static KNOWN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    if !KNOWN.replace(true) {
        // Who hears of the id can open the thread by it.
        Thread::current();
    }
    Thread::current_id()
}

/// `GetThreadId`.
#[unsafe(no_mangle)]
pub extern "C" fn GetThreadId(thread: HANDLE) -> DWORD {
    error::value_or(thread_of(thread).map(|thread| thread.id()), 0)
}

/// `GetProcessIdOfThread`: all threads that there are handles to are of this process.
#[unsafe(no_mangle)]
pub extern "C" fn GetProcessIdOfThread(thread: HANDLE) -> DWORD {
    error::value_or(thread_of(thread).map(|_| std::process::id()), 0)
}

/// `OpenThread`. Every handle to a thread may be used for all there is.
#[unsafe(no_mangle)]
pub extern "C" fn OpenThread(_access: DWORD, inherit: BOOL, id: DWORD) -> HANDLE {
    let opened = Thread::open(id)
        .map_err(|_| Status::INVALID_PARAMETER)
        .and_then(|thread| table::insert_with(Arc::new(ThreadObject(thread)), table::inherit(inherit)));
    error::value_or(opened, NULL)
}

/// `GetExitCodeThread`: 259 while it runs (S268).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetExitCodeThread(thread: HANDLE, exit_code: *mut DWORD) -> BOOL {
    let thread = match thread_of(thread) {
        Ok(thread) => thread,
        Err(status) => return error::failed(status),
    };
    if exit_code.is_null() {
        return error::failed_with(code::ERROR_NOACCESS);
    }
    // SAFETY: not NULL, and a number's place as documented.
    unsafe { exit_code.write(thread.exit_code().unwrap_or(STILL_ACTIVE)) };
    TRUE
}

/// `SuspendThread`: of a thread that has not begun. One that has is refused with `ERROR_NOT_SUPPORTED`.
#[unsafe(no_mangle)]
pub extern "C" fn SuspendThread(thread: HANDLE) -> DWORD {
    error::value_or(thread_of(thread).and_then(|thread| thread.suspend()), FAILED)
}

/// `ResumeThread`.
#[unsafe(no_mangle)]
pub extern "C" fn ResumeThread(thread: HANDLE) -> DWORD {
    error::value_or(thread_of(thread).map(|thread| thread.resume()), FAILED)
}

/// `TerminateThread`: of a thread that has not begun, or of this one. Another that runs is refused with
/// `ERROR_NOT_SUPPORTED`: it would leave locked what it has locked, the heap included.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn TerminateThread(thread: HANDLE, exit_code: DWORD) -> BOOL {
    let thread = match thread_of(thread) {
        Ok(thread) => thread,
        Err(status) => return error::failed(status),
    };
    if thread.id() == Thread::current_id() && thread.exit_code().is_none() {
        drop(thread);
        frames::leave(exit_code)
    }
    error::succeeded(thread.terminate(exit_code))
}

const PRIORITIES: [(i32, Priority); 7] = [
    (-15, Priority::Idle),
    (-2, Priority::Lowest),
    (-1, Priority::BelowNormal),
    (0, Priority::Normal),
    (1, Priority::AboveNormal),
    (2, Priority::Highest),
    (15, Priority::TimeCritical),
];

/// `SetThreadPriority`. More than the process may have is refused with `ERROR_ACCESS_DENIED`.
#[unsafe(no_mangle)]
pub extern "C" fn SetThreadPriority(thread: HANDLE, priority: i32) -> BOOL {
    let set = thread_of(thread).and_then(|thread| {
        let step = PRIORITIES.iter().find(|(number, _)| *number == priority);
        let (_, step) = step.ok_or(Status::INVALID_PARAMETER)?;
        thread.set_priority(*step)
    });
    error::succeeded(set)
}

/// `GetThreadPriority`: the step nearest to what the thread has.
#[unsafe(no_mangle)]
pub extern "C" fn GetThreadPriority(thread: HANDLE) -> i32 {
    let priority = thread_of(thread).and_then(|thread| thread.priority());
    let number =
        |priority| PRIORITIES.iter().find(|(_, step)| *step == priority).map_or(0, |(number, _)| *number);
    error::value_or(priority.map(number), THREAD_PRIORITY_ERROR_RETURN)
}

/// The HRESULT of a Win32 error.
fn hresult(status: Status) -> i32 {
    (0x8007_0000 | (status.to_win32() & 0xFFFF)).cast_signed()
}

/// `SetThreadDescription`: for debuggers and `top`, which keep 15 bytes of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetThreadDescription(thread: HANDLE, description: *const WCHAR) -> i32 {
    let set = thread_of(thread).and_then(|thread| {
        // SAFETY: a wide string as documented; NULL is an empty one.
        let given = if description.is_null() { &[][..] } else { unsafe { text::units(description) }? };
        let kept = raw::kept_with::<Kept>(&thread);
        *kept.description.lock().unwrap_or_else(PoisonError::into_inner) = given.into();
        if thread.exit_code().is_none() {
            let name = String::from_utf16_lossy(given);
            let end = (0..=name.len().min(15)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
            // Where there is no /proc the name is kept here all the same.
            let _ = std::fs::write(format!("/proc/self/task/{}/comm", thread.id()), &name[..end]);
        }
        Ok(())
    });
    set.map_or_else(hresult, |()| 0)
}

/// `GetThreadDescription`: in memory that is the caller's, to be given back by `LocalFree`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetThreadDescription(thread: HANDLE, description: *mut *mut WCHAR) -> i32 {
    let thread = match thread_of(thread) {
        Ok(_) if description.is_null() => return hresult(Status::INVALID_PARAMETER),
        Ok(thread) => thread,
        Err(status) => return hresult(status),
    };
    let kept = raw::kept_with::<Kept>(&thread);
    let text = kept.description.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let copy = heap::take((text.len() + 1) * size_of::<WCHAR>(), true).cast::<WCHAR>();
    if copy.is_null() {
        return hresult(Status::NO_MEMORY);
    }
    // SAFETY: there is room for the text and its NUL, which is there; `description` is a pointer's place as documented.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
        description.write(copy);
    }
    0
}
