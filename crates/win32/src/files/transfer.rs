//! `ReadFile`, `WriteFile` and their forms with a completion routine, on whatever has data: files, sockets, pipes,
//! consoles.

use std::ffi::c_void;

use proactor::object::Thread;
use proactor::raw::{self, Io, Sort};
use proactor::{Buf, Status, op};

use super::{APPEND_DATA, DeviceObject, READ_DATA, Target, WRITE_DATA, target};
use crate::error::{self, code};
use crate::overlapped::{self, Began, Places};
use crate::types::*;

/// The offset that stands for the position of a synchronous file.
const AT_POSITION: u64 = u64::MAX - 1;

/// Which way the data go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

impl Way {
    fn rights(self) -> DWORD {
        match self {
            Way::Read => READ_DATA,
            Way::Write => WRITE_DATA | APPEND_DATA,
        }
    }

    /// The caller's memory. S296
    ///
    /// # Safety
    /// Until the operation is complete nobody else uses the `len` bytes at `buffer`, as far as this way asks for.
    unsafe fn memory(self, buffer: *mut c_void, len: DWORD) -> Result<Buf, Status> {
        let len = len as usize;
        match self {
            Way::Read if buffer.is_null() && len > 0 => Err(Status::ACCESS_VIOLATION),
            Way::Write if buffer.is_null() && len > 0 => Err(Status::INVALID_USER_BUFFER),
            // SAFETY: by the caller's promise.
            Way::Read => Ok(unsafe { raw::memory(buffer.cast(), len) }),
            // SAFETY: by the caller's promise.
            Way::Write => Ok(unsafe { raw::memory_to_send(buffer.cast(), len) }),
        }
    }
}

/// How an operation is asked to end.
enum How {
    /// By packet, event, or handle; and where the count goes if it has ended when the call returns, or NULL.
    Overlapped(*mut OVERLAPPED, *mut DWORD),
    /// In the call, with or without an OVERLAPPED, and whether that has an event.
    Now(*mut OVERLAPPED, bool),
    /// By a call in this thread.
    Routine(*mut OVERLAPPED, OverlappedRoutine),
}

/// Starts or performs the operation that is right for the handle.
///
/// # Safety
/// The OVERLAPPED is valid, if it is not NULL, and so is the buffer, for as long as the operation takes.
unsafe fn go(io: &Io, way: Way, buf: Buf, how: How) -> Result<Began, Status> {
    let overlapped = match how {
        How::Overlapped(overlapped, _) | How::Now(overlapped, _) | How::Routine(overlapped, _) => overlapped,
    };
    let offset = match overlapped.is_null() {
        true => AT_POSITION,
        // SAFETY: it is valid, by the caller's promise.
        false => unsafe { overlapped::offset_of(overlapped) },
    };
    // SAFETY: by the caller's promise, in each case.
    unsafe {
        match (io.sort(), way) {
            (Sort::File, Way::Read) => begin(io, op::Read::new(offset, buf), how),
            (Sort::File, Way::Write) => begin(io, op::Write::new(offset, buf), how),
            (_, Way::Read) => begin(io, op::Recv::new(buf), how),
            (_, Way::Write) => begin(io, op::Send::new(buf), how),
        }
    }
}

/// # Safety
/// As [`go`].
unsafe fn begin<O: proactor::Operation>(io: &Io, op: O, how: How) -> Result<Began, Status> {
    match how {
        How::Overlapped(overlapped, count) => {
            let places = Places { count, ..Places::NONE };
            // SAFETY: by the caller's promise.
            unsafe { overlapped::start_telling(io, op, overlapped, None, places) }
        }
        How::Now(overlapped, signals) => {
            // SAFETY: by the caller's promise.
            let (status, bytes) = unsafe { overlapped::perform(io, op, overlapped, signals) }?;
            Ok(Began::Done { bytes, status })
        }
        How::Routine(overlapped, routine) => {
            let address = overlapped as usize;
            let call = move |status: Status, bytes: usize| {
                // SAFETY: the routine is the caller's, to be called so with the OVERLAPPED it was given with.
                unsafe { overlapped::call_routine(routine, status, bytes, address) }
            };
            // SAFETY: by the caller's promise.
            unsafe { overlapped::start_with_routine(io, op, overlapped, (None, Places::NONE), call) }?;
            Ok(Began::Pending)
        }
    }
}

/// A console or the like: at once, or after a wait in this call; an OVERLAPPED is final when it returns.
///
/// # Safety
/// As [`go`], and the buffer is not NULL unless its length is 0.
unsafe fn on_device(
    device: &DeviceObject,
    way: Way,
    (buffer, len): (*mut c_void, DWORD),
    (overlapped, signals): (*mut OVERLAPPED, bool),
) -> Result<Began, Status> {
    let len = len as usize;
    let act = || {
        let moved = match way {
            _ if len == 0 => Ok(0),
            // SAFETY: by the caller's promise.
            Way::Read => device.0.read(unsafe { std::slice::from_raw_parts_mut(buffer.cast(), len) }),
            // SAFETY: by the caller's promise.
            Way::Write => device.0.write(unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), len) }),
        };
        Ok(match moved {
            Ok(0) if way == Way::Read && len > 0 => (Status::END_OF_FILE, 0),
            Ok(bytes) => (Status::SUCCESS, bytes),
            Err(status) => (status, 0),
        })
    };
    // SAFETY: by the caller's promise.
    let (status, bytes) = unsafe { overlapped::in_the_call(overlapped, signals, act) }?;
    Ok(Began::Done { bytes, status })
}

/// What `ReadFile` and `WriteFile` have in common. The count is 0 to begin with (S080), also of what is no handle (S297).
///
/// # Safety
/// `count` is NULL or may be written to; else as [`go`].
unsafe fn transfer(
    handle: HANDLE,
    way: Way,
    (buffer, len): (*mut c_void, DWORD),
    count: *mut DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    let tell = |bytes: usize| {
        if !count.is_null() {
            // SAFETY: by the caller's promise.
            unsafe { count.write(bytes as DWORD) };
        }
    };
    tell(0);
    let mut told = false;
    let began = target(handle, way.rights()).and_then(|target| {
        // SAFETY: by the caller's promise.
        let buf = unsafe { way.memory(buffer, len) }?;
        match target {
            // SAFETY: by the caller's promise.
            Target::Device(device) => unsafe { on_device(&device, way, (buffer, len), (overlapped, true)) },
            Target::Io(object) => match object.io() {
                // SAFETY: by the caller's promise.
                Some(io) if io.is_synchronous() => unsafe { go(io, way, buf, How::Now(overlapped, true)) },
                // S283
                Some(_) if overlapped.is_null() => Err(Status::INVALID_PARAMETER),
                Some(io) => {
                    told = true;
                    // SAFETY: by the caller's promise.
                    unsafe { go(io, way, buf, How::Overlapped(overlapped, count)) }
                }
                None => Err(Status::OBJECT_TYPE_MISMATCH),
            },
        }
    });
    match began {
        Ok(Began::Pending) => error::failed_with(code::ERROR_IO_PENDING),
        // S289: without an OVERLAPPED the end of a file is nothing that failed.
        Ok(Began::Done { status: Status::END_OF_FILE, .. }) if overlapped.is_null() => TRUE,
        Ok(Began::Done { bytes, status }) => {
            if !told {
                tell(bytes);
            }
            if status.is_success() { TRUE } else { error::failed(status) }
        }
        Err(status) => error::failed(status),
    }
}

/// `ReadFile`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ReadFile(
    handle: HANDLE,
    buffer: *mut c_void,
    len: DWORD,
    count: *mut DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    // SAFETY: memory, count and OVERLAPPED as documented.
    unsafe { transfer(handle, Way::Read, (buffer, len), count, overlapped) }
}

/// `WriteFile`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WriteFile(
    handle: HANDLE,
    buffer: *const c_void,
    len: DWORD,
    count: *mut DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    // SAFETY: memory, count and OVERLAPPED as documented; the memory is only read.
    unsafe { transfer(handle, Way::Write, (buffer.cast_mut(), len), count, overlapped) }
}

/// What both forms with a routine have in common.
///
/// # Safety
/// As [`go`].
unsafe fn transfer_with_routine(
    handle: HANDLE,
    way: Way,
    (buffer, len): (*mut c_void, DWORD),
    overlapped: *mut OVERLAPPED,
    routine: Option<OverlappedRoutine>,
) -> BOOL {
    let (Some(routine), false) = (routine, overlapped.is_null()) else {
        return error::failed(Status::INVALID_PARAMETER);
    };
    let began = target(handle, way.rights()).and_then(|target| {
        // SAFETY: by the caller's promise.
        let buf = unsafe { way.memory(buffer, len) }?;
        let done = match target {
            Target::Io(object) => match object.io() {
                Some(io) if !io.is_synchronous() => {
                    // SAFETY: by the caller's promise.
                    return unsafe { go(io, way, buf, How::Routine(overlapped, routine)) }.map(|_| ());
                }
                // SAFETY: by the caller's promise.
                Some(io) => unsafe { go(io, way, buf, How::Now(overlapped, false)) }?,
                None => return Err(Status::OBJECT_TYPE_MISMATCH),
            },
            // SAFETY: by the caller's promise.
            Target::Device(device) => unsafe { on_device(&device, way, (buffer, len), (overlapped, false)) }?,
        };
        // What was performed in the call has its routine called all the same, in the next alertable wait.
        let Began::Done { bytes, status } = done else { return Ok(()) };
        let address = overlapped as usize;
        Thread::current().queue_apc(move || {
            // SAFETY: the routine is the caller's, to be called so with the OVERLAPPED it was given with.
            unsafe { overlapped::call_routine(routine, status, bytes, address) }
        })
    });
    error::succeeded(began)
}

/// `ReadFileEx`. `hEvent` is the caller's own (S146).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ReadFileEx(
    handle: HANDLE,
    buffer: *mut c_void,
    len: DWORD,
    overlapped: *mut OVERLAPPED,
    routine: Option<OverlappedRoutine>,
) -> BOOL {
    // SAFETY: memory and OVERLAPPED as documented.
    unsafe { transfer_with_routine(handle, Way::Read, (buffer, len), overlapped, routine) }
}

/// `WriteFileEx`. `hEvent` is the caller's own (S146).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WriteFileEx(
    handle: HANDLE,
    buffer: *const c_void,
    len: DWORD,
    overlapped: *mut OVERLAPPED,
    routine: Option<OverlappedRoutine>,
) -> BOOL {
    // SAFETY: memory and OVERLAPPED as documented; the memory is only read.
    unsafe { transfer_with_routine(handle, Way::Write, (buffer.cast_mut(), len), overlapped, routine) }
}
