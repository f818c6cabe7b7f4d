//! Mutex objects: `CreateMutex` and `ReleaseMutex`.

use std::ffi::c_char;

use proactor::Status;
use proactor::object::{Existed, Mutex};

use crate::access::ALL;
use crate::objects::{self, Asked, MutexObject, made};
use crate::types::*;
use crate::{error, text};

const INITIAL_OWNER: DWORD = 1;

/// Makes a mutex, or opens the one that has the name, which this thread does not own then (S192).
pub fn create(asked: Asked, owned: bool) -> Result<(HANDLE, Existed), Status> {
    let unnamed = || Ok(Mutex::new(owned));
    asked.make(MutexObject, unnamed, |name| Mutex::create_named(name, owned))
}

/// Opens the mutex that has the name.
pub fn open(asked: Asked) -> Result<HANDLE, Status> {
    asked.open(MutexObject, Mutex::open)
}

/// Does something with a mutex that the handle must give the right to.
pub fn with<R>(
    handle: HANDLE,
    needed: DWORD,
    act: impl FnOnce(&Mutex) -> Result<R, Status>,
) -> Result<R, Status> {
    act(&objects::get::<MutexObject>(handle, needed)?.0)
}

/// Gives it back once and says how often it was held. Whoever has a handle may (S194).
pub fn release(handle: HANDLE) -> Result<u32, Status> {
    with(handle, 0, Mutex::release)
}

fn create_with_flags(asked: Result<Asked, Status>, flags: DWORD) -> HANDLE {
    made(asked.and_then(|asked| {
        if flags & !INITIAL_OWNER != 0 {
            return Err(Status::INVALID_PARAMETER);
        }
        create(asked, flags & INITIAL_OWNER != 0)
    }))
}

fn flags(owned: BOOL) -> DWORD {
    if owned != FALSE { INITIAL_OWNER } else { 0 }
}

/// `CreateMutexA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateMutexA(
    attributes: *const SECURITY_ATTRIBUTES,
    owned: BOOL,
    name: *const c_char,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::narrow_or_none(name), ALL) };
    create_with_flags(asked, flags(owned))
}

/// `CreateMutexW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateMutexW(
    attributes: *const SECURITY_ATTRIBUTES,
    owned: BOOL,
    name: *const WCHAR,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::wide_or_none(name), ALL) };
    create_with_flags(asked, flags(owned))
}

/// `CreateMutexExA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateMutexExA(
    attributes: *const SECURITY_ATTRIBUTES,
    name: *const c_char,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::narrow_or_none(name), access) };
    create_with_flags(asked, flags)
}

/// `CreateMutexExW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateMutexExW(
    attributes: *const SECURITY_ATTRIBUTES,
    name: *const WCHAR,
    flags: DWORD,
    access: DWORD,
) -> HANDLE {
    // SAFETY: both are NULL or what they are documented to be.
    let asked = unsafe { Asked::new(attributes, text::wide_or_none(name), access) };
    create_with_flags(asked, flags)
}

/// `OpenMutexA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OpenMutexA(access: DWORD, inherits: BOOL, name: *const c_char) -> HANDLE {
    // SAFETY: it is NULL or a string.
    let asked = Asked::to_open(unsafe { text::narrow_or_none(name) }, access, inherits);
    error::value_or(asked.and_then(open), NULL)
}

/// `OpenMutexW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OpenMutexW(access: DWORD, inherits: BOOL, name: *const WCHAR) -> HANDLE {
    // SAFETY: it is NULL or a string.
    let asked = Asked::to_open(unsafe { text::wide_or_none(name) }, access, inherits);
    error::value_or(asked.and_then(open), NULL)
}

/// `ReleaseMutex`.
#[unsafe(no_mangle)]
pub extern "C" fn ReleaseMutex(mutex: HANDLE) -> BOOL {
    error::succeeded(release(mutex).map(drop))
}
