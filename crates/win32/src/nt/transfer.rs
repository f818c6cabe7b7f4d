//! `NtReadFile`, `NtWriteFile` and cancelling: the Win32 forms stand on the same core; here the event, the call, the
//! packet's value and the status block are said one by one.

use std::ffi::c_void;

use proactor::object::{Event, Thread};
use proactor::raw::{self, Io, Sort};
use proactor::{Buf, Operation, Status, op};

use super::ports::IO_STATUS_BLOCK;
use super::{answer, status};
use crate::access;
use crate::frames::call;
use crate::overlapped::{self, Began};
use crate::table;
use crate::types::*;

const READ_DATA: DWORD = 1;
const WRITE_DATA: DWORD = 2;
const APPEND_DATA: DWORD = 4;

/// `FILE_WRITE_TO_END_OF_FILE` and `FILE_USE_FILE_POINTER_POSITION`, with -1 above them.
const TO_END: i64 = -1;
const AT_POSITION: i64 = -2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

/// How the caller of a transfer wants to hear of its end.
struct Told {
    event: Option<Event>,
    routine: *const c_void,
    context: usize,
    block: *mut IO_STATUS_BLOCK,
}

impl Told {
    fn overlapped(&self) -> *mut OVERLAPPED {
        // A status block is the beginning of one, and no more of it is touched.
        self.block.cast()
    }

    /// Calls the routine in this thread's next alertable wait.
    fn routine_call(&self) -> impl FnOnce() + Send + 'static {
        let (routine, context, block) = (self.routine.addr(), self.context, self.block.addr());
        move || {
            // SAFETY: whoever gave it says that it is a function of these.
            unsafe { call(routine, [context, block, 0, 0, 0, 0]) };
        }
    }
}

/// Where a transfer begins. `INVALID_PARAMETER` for what is no place (S287, S321).
fn offset(io: &Io, way: Way, given: Option<LARGE_INTEGER>) -> Result<u64, Status> {
    let synchronous = io.is_synchronous();
    match (io.sort(), given) {
        (Sort::Pipe | Sort::NamedPipe, _) => Ok(0),
        (_, None | Some(AT_POSITION)) if synchronous => Ok(AT_POSITION.cast_unsigned()),
        (Sort::File, Some(TO_END)) if way == Way::Write => Ok(TO_END.cast_unsigned()),
        (_, Some(given)) if given >= 0 => Ok(given.cast_unsigned()),
        _ => Err(Status::INVALID_PARAMETER),
    }
}

/// Starts or performs what is right for the handle.
///
/// # Safety
/// The buffer and what is in `told` is valid for as long as the operation takes.
unsafe fn go(io: &Io, way: Way, buf: Buf, offset: u64, told: Told) -> Result<Status, Status> {
    // SAFETY: by the caller's promise.
    unsafe {
        match (io.sort(), way) {
            (Sort::File, Way::Read) => begin(io, way, op::Read::new(offset, buf), told),
            (Sort::File, Way::Write) => begin(io, way, op::Write::new(offset, buf), told),
            (_, Way::Read) => begin(io, way, op::Recv::new(buf), told),
            (_, Way::Write) => begin(io, way, op::Send::new(buf), told),
        }
    }
}

/// # Safety
/// As [`go`].
unsafe fn begin<O: Operation>(io: &Io, way: Way, op: O, told: Told) -> Result<Status, Status> {
    if io.is_synchronous() {
        let op = io.perform(op)?;
        // SAFETY: by the caller's promise.
        unsafe { overlapped::write_end(told.overlapped(), op.status(), op.bytes()) };
        if let Some(event) = &told.event {
            event.set();
        }
        // S299: of what was read nobody is called.
        if !told.routine.is_null() && way == Way::Write {
            Thread::current().queue_apc(told.routine_call())?;
        }
        return Ok(op.status());
    }
    if !told.routine.is_null() {
        let (block, routine) = (told.overlapped(), told.routine_call());
        // SAFETY: by the caller's promise.
        unsafe { overlapped::start_native_with_routine(io, op, block, told.event, routine) }?;
        return Ok(Status::PENDING);
    }
    // SAFETY: by the caller's promise.
    match unsafe { overlapped::start_native(io, op, told.overlapped(), told.event, told.context) }? {
        Began::Pending => Ok(Status::PENDING),
        Began::Done { status, .. } => Ok(status),
    }
}

fn event_of(handle: HANDLE) -> Result<Option<Event>, Status> {
    if handle == NULL {
        return Ok(None);
    }
    let object = table::object(handle)?;
    let event = object.event().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
    event.reset();
    Ok(Some(event.clone()))
}

/// # Safety
/// As the documentation of both functions has it.
#[expect(clippy::too_many_arguments, reason = "Windows' own")]
unsafe fn transfer(
    way: Way,
    file: HANDLE,
    event: HANDLE,
    routine: *const c_void,
    context: *const c_void,
    block: *mut IO_STATUS_BLOCK,
    (buffer, length): (*mut c_void, ULONG),
    at: *const LARGE_INTEGER,
) -> NTSTATUS {
    let (rights, length) = match way {
        Way::Read => (READ_DATA, length as usize),
        Way::Write => (WRITE_DATA | APPEND_DATA, length as usize),
    };
    let transferred = table::granted(file).and_then(|(object, granted)| {
        let io = object.io().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
        if granted & rights == 0 {
            return Err(Status::ACCESS_DENIED);
        }
        if block.is_null() {
            return Err(Status::ACCESS_VIOLATION);
        }
        // SAFETY: NULL or a number, by the caller's promise.
        let offset = offset(io, way, unsafe { at.as_ref() }.copied())?;
        // S296
        let buf = match way {
            Way::Read if buffer.is_null() && length > 0 => return Err(Status::ACCESS_VIOLATION),
            Way::Write if buffer.is_null() && length > 0 => return Err(Status::INVALID_USER_BUFFER),
            // SAFETY: by the caller's promise.
            Way::Read => unsafe { raw::memory(buffer.cast(), length) },
            // SAFETY: by the caller's promise.
            Way::Write => unsafe { raw::memory_to_send(buffer.cast(), length) },
        };
        let told = Told { event: event_of(event)?, routine, context: context.addr(), block };
        // SAFETY: by the caller's promise.
        unsafe { go(io, way, buf, offset, told) }
    });
    status(transferred.unwrap_or_else(|error| error))
}

/// `NtReadFile`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtReadFile(
    file: HANDLE,
    event: HANDLE,
    routine: *const c_void,
    context: *const c_void,
    block: *mut IO_STATUS_BLOCK,
    buffer: *mut c_void,
    length: ULONG,
    offset: *const LARGE_INTEGER,
    _key: *const ULONG,
) -> NTSTATUS {
    // SAFETY: all as documented.
    unsafe { transfer(Way::Read, file, event, routine, context, block, (buffer, length), offset) }
}

/// `NtWriteFile`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtWriteFile(
    file: HANDLE,
    event: HANDLE,
    routine: *const c_void,
    context: *const c_void,
    block: *mut IO_STATUS_BLOCK,
    buffer: *const c_void,
    length: ULONG,
    offset: *const LARGE_INTEGER,
    _key: *const ULONG,
) -> NTSTATUS {
    let buffer = (buffer.cast_mut(), length);
    // SAFETY: all as documented; the memory is only read.
    unsafe { transfer(Way::Write, file, event, routine, context, block, buffer, offset) }
}

/// # Safety
/// `block` is NULL or may be written to.
unsafe fn cancelled(result: Result<(), Status>, block: *mut IO_STATUS_BLOCK) -> NTSTATUS {
    if block.is_null() {
        return status(Status::ACCESS_VIOLATION);
    }
    let end = result.err().unwrap_or(Status::SUCCESS);
    // SAFETY: not NULL, and by the caller's promise.
    unsafe { block.write(IO_STATUS_BLOCK { Status: end.raw() as usize, Information: 0 }) };
    status(end)
}

/// `NtCancelIoFile`: what this thread started on the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtCancelIoFile(file: HANDLE, block: *mut IO_STATUS_BLOCK) -> NTSTATUS {
    let object = match overlapped::io_of(file) {
        Ok(object) => object,
        Err(error) => return status(error),
    };
    let result = object.io().map_or(Err(Status::OBJECT_TYPE_MISMATCH), Io::cancel_mine);
    // SAFETY: as documented.
    unsafe { cancelled(result, block) }
}

/// `NtCancelIoFileEx`: the operation of a status block, or with NULL all of the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtCancelIoFileEx(
    file: HANDLE,
    which: *mut IO_STATUS_BLOCK,
    block: *mut IO_STATUS_BLOCK,
) -> NTSTATUS {
    let object = match overlapped::io_of(file) {
        Ok(object) => object,
        Err(error) => return status(error),
    };
    let result = match object.io() {
        Some(io) if which.is_null() => io.cancel_all(),
        Some(io) => io.cancel_tagged(which.addr()),
        None => Err(Status::OBJECT_TYPE_MISMATCH),
    };
    // SAFETY: as documented.
    unsafe { cancelled(result, block) }
}

/// `NtFlushBuffersFile`: returns when it is done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtFlushBuffersFile(file: HANDLE, block: *mut IO_STATUS_BLOCK) -> NTSTATUS {
    if block.is_null() {
        return status(Status::ACCESS_VIOLATION);
    }
    let flushed = table::granted(file).and_then(|(object, granted)| {
        let io = object.io().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
        access::check(granted, WRITE_DATA).or_else(|_| access::check(granted, APPEND_DATA))?;
        io.perform(op::Flush::new())?.result().map(drop)
    });
    if flushed.is_ok() {
        // SAFETY: not NULL, and may be written to, as documented.
        unsafe { block.write(IO_STATUS_BLOCK { Status: 0, Information: 0 }) };
    }
    answer(flushed)
}
