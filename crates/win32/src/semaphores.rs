//! Semaphores: `CreateSemaphore` and `ReleaseSemaphore`.

use std::ffi::c_char;

use proactor::Status;
use proactor::object::{Existed, Semaphore};

use crate::access::{ALL, MODIFY_STATE};
use crate::objects::{self, Asked, SemaphoreObject, made};
use crate::types::*;
use crate::{error, text};

/// Makes a semaphore, or opens the one that has the name. What it is to count is looked at in any case (S199).
pub fn create(asked: Asked, count: LONG, most: LONG) -> Result<(HANDLE, Existed), Status> {
    let (Ok(count), Ok(most)) = (u32::try_from(count), u32::try_from(most)) else {
        return Err(Status::INVALID_PARAMETER);
    };
    let unnamed = || Semaphore::new(count, most);
    asked.make(SemaphoreObject, unnamed, |name| Semaphore::create_named(name, count, most))
}

/// Opens the semaphore that has the name.
pub fn open(asked: Asked) -> Result<HANDLE, Status> {
    asked.open(SemaphoreObject, Semaphore::open)
}

/// Does something with a semaphore that the handle must give the right to.
pub fn with<R>(
    handle: HANDLE,
    needed: DWORD,
    act: impl FnOnce(&Semaphore) -> Result<R, Status>,
) -> Result<R, Status> {
    act(&objects::get::<SemaphoreObject>(handle, needed)?.0)
}

/// Adds to its count and says what that was (S196, S198).
pub fn release(handle: HANDLE, by: LONG) -> Result<u32, Status> {
    let by = u32::try_from(by).map_err(|_| Status::INVALID_PARAMETER)?;
    if by == 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    with(handle, MODIFY_STATE, |semaphore| semaphore.release(by))
}

fn create_with_flags(asked: Result<Asked, Status>, count: LONG, most: LONG, flags: DWORD) -> HANDLE {
    made(asked.and_then(|asked| match flags {
        0 => create(asked, count, most),
        _ => Err(Status::INVALID_PARAMETER),
    }))
}

/// `CreateSemaphoreA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateSemaphoreA(
    attributes: *const SECURITY_ATTRIBUTES,
    count: LONG,
    most: LONG,
    name: *const c_char,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::narrow_or_none(name), ALL) };
    create_with_flags(asked, count, most, 0)
}

/// `CreateSemaphoreW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateSemaphoreW(
    attributes: *const SECURITY_ATTRIBUTES,
    count: LONG,
    most: LONG,
    name: *const WCHAR,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::wide_or_none(name), ALL) };
    create_with_flags(asked, count, most, 0)
}

/// `CreateSemaphoreExA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateSemaphoreExA(
    attributes: *const SECURITY_ATTRIBUTES,
    count: LONG,
    most: LONG,
    name: *const c_char,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::narrow_or_none(name), access) };
    create_with_flags(asked, count, most, flags)
}

/// `CreateSemaphoreExW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateSemaphoreExW(
    attributes: *const SECURITY_ATTRIBUTES,
    count: LONG,
    most: LONG,
    name: *const WCHAR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::wide_or_none(name), access) };
    create_with_flags(asked, count, most, flags)
}

/// `OpenSemaphoreA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OpenSemaphoreA(access: DWORD, inherits: BOOL, name: *const c_char) -> HANDLE {
    // SAFETY: it is NULL or a string.
    let asked = Asked::to_open(unsafe { text::narrow_or_none(name) }, access, inherits);
    error::value_or(asked.and_then(open), NULL)
}

/// `OpenSemaphoreW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OpenSemaphoreW(access: DWORD, inherits: BOOL, name: *const WCHAR) -> HANDLE {
    // SAFETY: it is NULL or a string.
    let asked = Asked::to_open(unsafe { text::wide_or_none(name) }, access, inherits);
    error::value_or(asked.and_then(open), NULL)
}

/// `ReleaseSemaphore`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ReleaseSemaphore(semaphore: HANDLE, by: LONG, previous: *mut LONG) -> BOOL {
    error::succeeded(release(semaphore, by).map(|before| {
        if !previous.is_null() {
            // SAFETY: not NULL, and may be written to, as documented.
            unsafe { previous.write(before as LONG) };
        }
    }))
}
