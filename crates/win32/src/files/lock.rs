//! Locks of byte ranges.

use proactor::{Status, op};

use super::{APPEND_DATA, READ_DATA, WRITE_DATA, file};
use crate::error::{self, code};
use crate::overlapped::{self, Began};
use crate::types::*;

const LOCKFILE_FAIL_IMMEDIATELY: DWORD = 1;
const LOCKFILE_EXCLUSIVE_LOCK: DWORD = 2;
const SOME_DATA: DWORD = READ_DATA | WRITE_DATA | APPEND_DATA;

fn wide(low: DWORD, high: DWORD) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// `LockFile`: exclusively, and at once or not at all.
#[unsafe(no_mangle)]
pub extern "C" fn LockFile(
    handle: HANDLE,
    offset_low: DWORD,
    offset_high: DWORD,
    len_low: DWORD,
    len_high: DWORD,
) -> BOOL {
    let lock = op::Lock::exclusive(wide(offset_low, offset_high), wide(len_low, len_high)).at_once();
    let locked = file(handle, SOME_DATA).and_then(|file| file.perform(lock)?.result());
    error::succeeded(locked.map(|_| ()))
}

/// `LockFileEx`. On a handle that is not overlapped it waits in the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LockFileEx(
    handle: HANDLE,
    flags: DWORD,
    reserved: DWORD,
    len_low: DWORD,
    len_high: DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    if overlapped.is_null()
        || reserved != 0
        || flags & !(LOCKFILE_FAIL_IMMEDIATELY | LOCKFILE_EXCLUSIVE_LOCK) != 0
    {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: not NULL, and an OVERLAPPED as documented.
    let (offset, len) = (unsafe { overlapped::offset_of(overlapped) }, wide(len_low, len_high));
    let exclusive = flags & LOCKFILE_EXCLUSIVE_LOCK != 0;
    let lock = if exclusive { op::Lock::exclusive(offset, len) } else { op::Lock::shared(offset, len) };
    let lock = if flags & LOCKFILE_FAIL_IMMEDIATELY != 0 { lock.at_once() } else { lock };
    let began = file(handle, SOME_DATA).and_then(|file| {
        let io = proactor::raw::Io::from(file);
        if io.is_synchronous() {
            // SAFETY: an OVERLAPPED as documented.
            let (status, bytes) = unsafe { overlapped::perform(&io, lock, overlapped, true) }?;
            return Ok(Began::Done { status, bytes });
        }
        // SAFETY: an OVERLAPPED as documented.
        unsafe { overlapped::start(&io, lock, overlapped, None) }
    });
    match began {
        Ok(Began::Pending) => error::failed_with(code::ERROR_IO_PENDING),
        Ok(Began::Done { status, .. }) if status.is_success() => TRUE,
        Ok(Began::Done { status, .. }) | Err(status) => error::failed(status),
    }
}

/// `UnlockFile`.
#[unsafe(no_mangle)]
pub extern "C" fn UnlockFile(
    handle: HANDLE,
    offset_low: DWORD,
    offset_high: DWORD,
    len_low: DWORD,
    len_high: DWORD,
) -> BOOL {
    let (offset, len) = (wide(offset_low, offset_high), wide(len_low, len_high));
    error::succeeded(file(handle, SOME_DATA).and_then(|file| file.unlock(offset, len)))
}

/// `UnlockFileEx`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn UnlockFileEx(
    handle: HANDLE,
    reserved: DWORD,
    len_low: DWORD,
    len_high: DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    if overlapped.is_null() || reserved != 0 {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: not NULL, and an OVERLAPPED as documented.
    let offset = unsafe { overlapped::offset_of(overlapped) };
    error::succeeded(file(handle, SOME_DATA).and_then(|file| file.unlock(offset, wide(len_low, len_high))))
}
