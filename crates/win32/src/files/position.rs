//! Positions, sizes and flushes.

use std::io::SeekFrom;

use proactor::{Status, op};

use super::{APPEND_DATA, READ_DATA, Target, WRITE_DATA, target};
use crate::error::{self, code};
use crate::types::*;

const FILE_BEGIN: DWORD = 0;
const FILE_CURRENT: DWORD = 1;
const FILE_END: DWORD = 2;
const INVALID_FILE_SIZE: DWORD = u32::MAX;
const INVALID_SET_FILE_POINTER: DWORD = u32::MAX;
const ERROR_NEGATIVE_SEEK: DWORD = 131;

/// Any right at all: what a file is asked about itself.
const ANY: DWORD = u32::MAX;

fn size(handle: HANDLE) -> Result<u64, Status> {
    match target(handle, ANY)? {
        Target::Io(object) => match object.io().and_then(|io| io.file()) {
            Some(file) => file.len(),
            None => Err(Status::INVALID_DEVICE_REQUEST),
        },
        Target::Device(device) => device.0.len(),
    }
}

/// Moves the position, up to `most`; the error is a Win32 one, for a negative one has a name of its own.
fn seek(handle: HANDLE, by: i64, from: DWORD, most: u64) -> Result<u64, DWORD> {
    if !matches!(from, FILE_BEGIN | FILE_CURRENT | FILE_END) {
        return Err(code::ERROR_INVALID_PARAMETER);
    }
    let failed = |status: Status| status.to_win32();
    match target(handle, READ_DATA | WRITE_DATA | APPEND_DATA).map_err(failed)? {
        Target::Io(object) => {
            let file = object.io().and_then(|io| io.file());
            let file = file.ok_or(Status::INVALID_DEVICE_REQUEST).map_err(failed)?;
            let base = match from {
                FILE_BEGIN => 0,
                FILE_CURRENT => file.position(),
                _ => file.len().map_err(failed)?,
            };
            let position = base.checked_add_signed(by).ok_or(ERROR_NEGATIVE_SEEK)?;
            if position > most {
                return Err(code::ERROR_INVALID_PARAMETER);
            }
            file.set_position(position).map_err(failed)?;
            Ok(position)
        }
        Target::Device(device) => {
            let to = match from {
                FILE_BEGIN => SeekFrom::Start(u64::try_from(by).map_err(|_| ERROR_NEGATIVE_SEEK)?),
                FILE_CURRENT => SeekFrom::Current(by),
                _ => SeekFrom::End(by),
            };
            device.0.seek(to).map_err(failed)
        }
    }
}

fn set_end(handle: HANDLE) -> Result<(), Status> {
    match target(handle, WRITE_DATA)? {
        Target::Io(object) => match object.io().and_then(|io| io.file()) {
            Some(file) => file.set_len(file.position()),
            None => Err(Status::INVALID_DEVICE_REQUEST),
        },
        Target::Device(device) => device.0.set_len(device.0.seek(SeekFrom::Current(0))?),
    }
}

fn flush(handle: HANDLE) -> Result<(), Status> {
    match target(handle, WRITE_DATA | APPEND_DATA)? {
        Target::Io(object) => {
            let io = object.io().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
            io.perform(op::Flush::new())?.result().map(|_| ())
        }
        Target::Device(device) => device.0.flush(),
    }
}

/// `GetFileSizeEx`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetFileSizeEx(handle: HANDLE, size_out: *mut LARGE_INTEGER) -> BOOL {
    if size_out.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: not NULL, and may be written to, as documented.
    error::succeeded(size(handle).map(|size| unsafe { size_out.write(size as LARGE_INTEGER) }))
}

/// `GetFileSize`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetFileSize(handle: HANDLE, high: *mut DWORD) -> DWORD {
    match size(handle) {
        Ok(size) => {
            if !high.is_null() {
                // SAFETY: may be written to, as documented.
                unsafe { high.write((size >> 32) as DWORD) };
            }
            if size as DWORD == INVALID_FILE_SIZE {
                // So that it is known from a failure.
                error::set(code::ERROR_SUCCESS);
            }
            size as DWORD
        }
        Err(status) => {
            error::set(status.to_win32());
            INVALID_FILE_SIZE
        }
    }
}

/// `SetFilePointerEx`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetFilePointerEx(
    handle: HANDLE,
    by: LARGE_INTEGER,
    position_out: *mut LARGE_INTEGER,
    from: DWORD,
) -> BOOL {
    match seek(handle, by, from, u64::MAX) {
        Ok(position) => {
            if !position_out.is_null() {
                // SAFETY: may be written to, as documented.
                unsafe { position_out.write(position as LARGE_INTEGER) };
            }
            TRUE
        }
        Err(code) => error::failed_with(code),
    }
}

/// `SetFilePointer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetFilePointer(handle: HANDLE, low: LONG, high: *mut LONG, from: DWORD) -> DWORD {
    let by = match high.is_null() {
        true => i64::from(low),
        // SAFETY: may be read and written, as documented.
        false => (i64::from(unsafe { *high }) << 32) | i64::from(low as u32),
    };
    // Without a place for the upper half there must be none.
    let most = if high.is_null() { u32::MAX.into() } else { u64::MAX };
    match seek(handle, by, from, most) {
        Ok(position) => {
            if !high.is_null() {
                // SAFETY: as above.
                unsafe { high.write((position >> 32) as LONG) };
            }
            if position as DWORD == INVALID_SET_FILE_POINTER {
                error::set(code::ERROR_SUCCESS);
            }
            position as DWORD
        }
        Err(code) => {
            error::set(code);
            INVALID_SET_FILE_POINTER
        }
    }
}

/// `SetEndOfFile`: at the position (S301).
#[unsafe(no_mangle)]
pub extern "C" fn SetEndOfFile(handle: HANDLE) -> BOOL {
    error::succeeded(set_end(handle))
}

/// `FlushFileBuffers`.
#[unsafe(no_mangle)]
pub extern "C" fn FlushFileBuffers(handle: HANDLE) -> BOOL {
    error::succeeded(flush(handle))
}
