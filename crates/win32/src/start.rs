//! Starting threads, and ending this one: Windows' functions and those of its C library.

use std::ffi::{c_uint, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

use proactor::Status;
use proactor::object::{Builder, Thread};

use crate::error;
use crate::fls;
use crate::frames;
use crate::objects::ThreadObject;
use crate::table::{self, HandleFlags};
use crate::types::*;

const CREATE_SUSPENDED: DWORD = 0x4;
const STACK_SIZE_PARAM_IS_A_RESERVATION: DWORD = 0x1_0000;
const FLAGS: DWORD = CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION;

/// What a thread gets that asks for nothing; also what the size asked for is part of, unless it is a reservation.
const STACK: usize = 2 << 20;
/// Less than this the C library's own functions may not get along with.
const LEAST_STACK: usize = 128 << 10;
/// More than this no processor can address.
const MOST_STACK: usize = 1 << 46;

fn stack_size(asked: usize, flags: DWORD) -> usize {
    match asked {
        0 => STACK,
        asked if flags & STACK_SIZE_PARAM_IS_A_RESERVATION != 0 => asked.max(LEAST_STACK),
        asked => asked.max(STACK),
    }
}

/// What a thread runs: a function of C with one argument. It is in the new thread before its calls are.
struct Start {
    function: usize,
    parameter: usize,
}

impl Start {
    /// Runs it and what is to be done at the thread's end; comes back also when the thread has been ended.
    fn run(&self) -> u32 {
        // SAFETY: whoever started the thread says that it is a function of this argument.
        let ended = unsafe { frames::try_call(self.function, [self.parameter, 0, 0, 0, 0, 0]) };
        let exit_code = ended.map_or_else(|exit_code| exit_code, |value| value as u32);
        fls::thread_ends();
        exit_code
    }
}

fn builder(stack: usize, flags: DWORD) -> Result<Builder, Status> {
    let stack = stack_size(stack, flags);
    if stack > MOST_STACK {
        return Err(Status::NO_MEMORY);
    }
    Ok(Builder::new().stack_size(stack).suspended(flags & CREATE_SUSPENDED != 0))
}

/// Starts a thread; its handle, and itself.
fn create(
    start: Start,
    stack: usize,
    flags: DWORD,
    inherits: HandleFlags,
) -> Result<(HANDLE, Thread), Status> {
    // A thread that was made but has no handle would run all the same, so it is held back until it has one.
    let thread = builder(stack, flags | CREATE_SUSPENDED)?.spawn(move || start.run());
    let thread = thread.map_err(|_| Status::NO_MEMORY)?;
    let handle = table::insert_with(Arc::new(ThreadObject(thread.clone())), inherits);
    let handle = handle.inspect_err(|_| {
        let _ = thread.terminate(0);
    })?;
    Ok((handle, thread))
}

/// Lets a thread go that was held back only until all was known about it.
fn begin(thread: &Thread, flags: DWORD) {
    if flags & CREATE_SUSPENDED == 0 {
        thread.resume();
    }
}

/// `CreateThread`. A NULL start routine is refused with `ERROR_INVALID_PARAMETER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateThread(
    attributes: *const SECURITY_ATTRIBUTES,
    stack: usize,
    start: *const c_void,
    parameter: LPVOID,
    flags: DWORD,
    id: *mut DWORD,
) -> HANDLE {
    if start.is_null() || flags & !FLAGS != 0 {
        error::failed(Status::INVALID_PARAMETER);
        return NULL;
    }
    // SAFETY: NULL or attributes as documented.
    let inherits = unsafe { attributes.as_ref() }.map_or(FALSE, |attributes| attributes.bInheritHandle);
    let start = Start { function: start.addr(), parameter: parameter as usize };
    let created = create(start, stack, flags, table::inherit(inherits));
    let (handle, thread) = match created {
        Ok(created) => created,
        Err(status) => {
            error::failed(status);
            return NULL;
        }
    };
    if !id.is_null() {
        // SAFETY: not NULL, and a number's place as documented.
        unsafe { id.write(thread.id()) };
    }
    begin(&thread, flags);
    handle
}

fn set_errno(number: i32) {
    // SAFETY: the C library gives the place of this thread's errno.
    unsafe { *libc::__errno_location() = number };
}

/// Tells the C library's way what went wrong.
fn tell(status: Status) {
    error::failed(status);
    set_errno(match status {
        Status::INVALID_PARAMETER => libc::EINVAL,
        Status::TOO_MANY_OPENED_FILES => libc::EAGAIN,
        _ => libc::ENOMEM,
    });
}

/// `_beginthreadex`: as `CreateThread`; a failure is 0 and `errno` (S276, S277).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _beginthreadex(
    attributes: *mut c_void,
    stack: c_uint,
    start: *const c_void,
    parameter: LPVOID,
    flags: c_uint,
    id: *mut c_uint,
) -> usize {
    let before = error::last();
    // SAFETY: as the C library documents them, which is as `CreateThread` has them.
    let handle = unsafe { CreateThread(attributes.cast(), stack as usize, start, parameter, flags, id) };
    if handle == NULL {
        tell(Status::from_win32(error::last()));
    } else {
        error::set(before);
    }
    handle
}

/// `_beginthread`: its handle is closed when the thread ends; a failure is -1 and `errno` (S276, S277).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _beginthread(start: *const c_void, stack: c_uint, parameter: LPVOID) -> usize {
    let own = Arc::new(AtomicUsize::new(NULL));
    let (mine, function, parameter) = (own.clone(), start.addr(), parameter as usize);
    let made = || {
        if start.is_null() {
            return Err(Status::INVALID_PARAMETER);
        }
        let start = Start { function, parameter };
        let run = move || {
            start.run();
            // The program may have closed it, against the rules.
            let _ = table::close(mine.load(Acquire));
            0
        };
        let thread = builder(stack as usize, CREATE_SUSPENDED)?.spawn(run).map_err(|_| Status::NO_MEMORY)?;
        let handle = table::insert(Arc::new(ThreadObject(thread.clone()))).inspect_err(|_| {
            let _ = thread.terminate(0);
        })?;
        own.store(handle, Release);
        thread.resume();
        Ok(handle)
    };
    made().unwrap_or_else(|status| {
        tell(status);
        usize::MAX
    })
}

/// `ExitThread`: what C has on the stack is left as it is.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn ExitThread(exit_code: DWORD) -> ! {
    if !frames::is_marked() {
        fls::thread_ends();
    }
    frames::leave(exit_code)
}

/// `RtlExitUserThread`.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn RtlExitUserThread(status: DWORD) -> ! {
    ExitThread(status)
}

/// `FreeLibraryAndExitThread`: our modules are never unloaded.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn FreeLibraryAndExitThread(module: HANDLE, exit_code: DWORD) -> ! {
    crate::module::free(module);
    ExitThread(exit_code)
}

/// `_endthreadex`.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn _endthreadex(exit_code: c_uint) -> ! {
    ExitThread(exit_code)
}

/// `_endthread`.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn _endthread() -> ! {
    ExitThread(0)
}
