//! What there is for handles of any kind: `CloseHandle`, `DuplicateHandle` and their like.

use std::sync::Arc;

use proactor::Status;

use crate::error;
use crate::objects::{self, ProcessObject};
use crate::table::{self, HandleFlags, Object};
use crate::types::*;

const DUPLICATE_CLOSE_SOURCE: DWORD = 1;
const DUPLICATE_SAME_ACCESS: DWORD = 2;

/// Numbers from here on are pseudo handles, of this process, thread and their tokens: nothing is closed with them.
const FIRST_PSEUDO: HANDLE = usize::MAX - 5;

/// Closes a handle.
pub fn close(handle: HANDLE) -> Result<(), Status> {
    if handle >= FIRST_PSEUDO { Ok(()) } else { table::close(handle) }
}

/// Whether a handle is to this process, the only one whose handles can be had.
fn check_process(process: HANDLE) -> Result<(), Status> {
    if process == CURRENT_PROCESS {
        return Ok(());
    }
    match objects::get::<ProcessObject>(process, 0)?.0.id() {
        id if id == std::process::id() => Ok(()),
        _ => Err(Status::NOT_SUPPORTED),
    }
}

/// Another handle to the same object. A pseudo handle becomes a real one.
fn duplicate(source: HANDLE, access: DWORD, flags: HandleFlags, options: DWORD) -> Result<HANDLE, Status> {
    let access = (options & DUPLICATE_SAME_ACCESS == 0).then_some(access);
    if !table::is_pseudo(source) {
        return table::duplicate_granted(source, flags, access);
    }
    let (object, granted) = objects::resolve(source)?;
    table::insert_granted(object, flags, access.unwrap_or(granted))
}

/// `DuplicateHandle` between this process and itself. The source is closed if that was asked for, whatever comes of the
/// rest (S224).
pub fn duplicate_between(
    (from, source): (HANDLE, HANDLE),
    to: HANDLE,
    access: DWORD,
    flags: HandleFlags,
    options: DWORD,
) -> Result<Option<HANDLE>, Status> {
    check_process(from)?;
    // Without a process to give it to there is only something to close.
    let duplicate = match to {
        NULL if options & DUPLICATE_CLOSE_SOURCE != 0 => table::object(source).map(|_| None),
        to => check_process(to).and_then(|()| duplicate(source, access, flags, options)).map(Some),
    };
    if options & DUPLICATE_CLOSE_SOURCE != 0 {
        // One that is protected stays open.
        let _ = close(source);
    }
    duplicate
}

/// Whether two handles are to one object.
pub fn compare(one: HANDLE, other: HANDLE) -> Result<(), Status> {
    let (one, other) = (objects::resolve(one)?.0, objects::resolve(other)?.0);
    let same = Arc::ptr_eq(&one, &other) || is_same(&*one, &*other);
    if same { Ok(()) } else { Err(Status::NOT_SAME_OBJECT) }
}

/// Whether two that are waitable are one object, of which each was opened for itself.
fn is_same(one: &dyn Object, other: &dyn Object) -> bool {
    match (one.waitable(), other.waitable()) {
        (Some(one), Some(other)) => proactor::object::same_object(one, other),
        _ => false,
    }
}

/// `CloseHandle`.
#[unsafe(no_mangle)]
pub extern "C" fn CloseHandle(handle: HANDLE) -> BOOL {
    error::succeeded(close(handle))
}

/// `DuplicateHandle`, within this process: the handles of others are out of reach.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn DuplicateHandle(
    from: HANDLE,
    source: HANDLE,
    to: HANDLE,
    target: *mut HANDLE,
    access: DWORD,
    inherits: BOOL,
    options: DWORD,
) -> BOOL {
    let duplicate = duplicate_between((from, source), to, access, table::inherit(inherits), options);
    // SAFETY: it is NULL or may be written to, as documented.
    error::succeeded(unsafe { give(duplicate, target) })
}

/// Writes what a duplication came to, which is NULL if nothing came of it.
///
/// # Safety
/// `target` is NULL or may be written to.
pub unsafe fn give(duplicate: Result<Option<HANDLE>, Status>, target: *mut HANDLE) -> Result<(), Status> {
    if !target.is_null() {
        let handle = duplicate.ok().flatten().unwrap_or(NULL);
        // SAFETY: not NULL, and by the caller's promise.
        unsafe { target.write(handle) };
    }
    duplicate.map(drop)
}

/// `GetHandleInformation`. Nothing can be set on a pseudo handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetHandleInformation(handle: HANDLE, flags: *mut DWORD) -> BOOL {
    if flags.is_null() {
        return error::failed(Status::ACCESS_VIOLATION);
    }
    let known = if table::is_pseudo(handle) { Ok(HandleFlags::empty()) } else { table::flags(handle) };
    // SAFETY: not NULL, and may be written to, as documented.
    error::succeeded(known.map(|known| unsafe { flags.write(known.bits()) }))
}

/// `SetHandleInformation`. Bits that are no flag say nothing.
#[unsafe(no_mangle)]
pub extern "C" fn SetHandleInformation(handle: HANDLE, mask: DWORD, flags: DWORD) -> BOOL {
    let (mask, flags) = (HandleFlags::from_bits_truncate(mask), HandleFlags::from_bits_truncate(flags));
    error::succeeded(match table::is_pseudo(handle) {
        true if mask.is_empty() => Ok(()),
        true => Err(Status::ACCESS_DENIED),
        false => table::set_flags(handle, mask, flags),
    })
}

/// `CompareObjectHandles`.
#[unsafe(no_mangle)]
pub extern "C" fn CompareObjectHandles(one: HANDLE, other: HANDLE) -> BOOL {
    error::succeeded(compare(one, other))
}
