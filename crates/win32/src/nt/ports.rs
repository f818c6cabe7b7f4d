//! `NtCreateIoCompletion` and its like. A port has no name: it is its process' own (S016).

use proactor::Status;
use proactor::object::Existed;

use super::attributes::{self, OBJECT_ATTRIBUTES};
use super::{BOOLEAN, answer, inform, status};
use crate::apc::nt_wait;
use crate::frames::entered;
use crate::port::{self, Posted, Taken, with_port};
use crate::types::*;

/// `IO_STATUS_BLOCK`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct IO_STATUS_BLOCK {
    /// The lower half; as wide as a pointer.
    pub Status: ULONG_PTR,
    pub Information: ULONG_PTR,
}

/// `FILE_IO_COMPLETION_INFORMATION`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct FILE_IO_COMPLETION_INFORMATION {
    pub KeyContext: ULONG_PTR,
    pub ApcContext: ULONG_PTR,
    pub IoStatusBlock: IO_STATUS_BLOCK,
}

const _: () = assert!(size_of::<FILE_IO_COMPLETION_INFORMATION>() == 32);

/// `NtCreateIoCompletion`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtCreateIoCompletion(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
    threads: ULONG,
) -> NTSTATUS {
    // SAFETY: a place for the handle and attributes as documented.
    unsafe {
        attributes::create(handle, access, attributes, |asked| match asked.name {
            Some(_) => Err(Status::NOT_SUPPORTED),
            None => Ok((port::new(threads)?, Existed::No)),
        })
    }
}

/// `NtSetIoCompletion`.
#[unsafe(no_mangle)]
pub extern "C" fn NtSetIoCompletion(
    port: HANDLE,
    key: ULONG_PTR,
    value: ULONG_PTR,
    end: NTSTATUS,
    bytes: usize,
) -> NTSTATUS {
    let posted = Posted { overlapped: value, bytes, status: Status::from_raw(end.cast_unsigned()) };
    answer(with_port(port, |port| port.port.post(key, posted)).and_then(|posted| posted))
}

/// `NtSetIoCompletionEx`, without reserve objects: any other handle than NULL is no reserve.
#[unsafe(no_mangle)]
pub extern "C" fn NtSetIoCompletionEx(
    port: HANDLE,
    reserve: HANDLE,
    key: ULONG_PTR,
    value: ULONG_PTR,
    end: NTSTATUS,
    bytes: usize,
) -> NTSTATUS {
    match reserve {
        NULL => NtSetIoCompletion(port, key, value, end, bytes),
        _ => status(Status::INVALID_HANDLE),
    }
}

/// `NtRemoveIoCompletion`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtRemoveIoCompletion(
    port: HANDLE,
    key: *mut ULONG_PTR,
    value: *mut ULONG_PTR,
    block: *mut IO_STATUS_BLOCK,
    timeout: *const LARGE_INTEGER,
) -> NTSTATUS {
    if key.is_null() || value.is_null() || block.is_null() {
        return status(Status::ACCESS_VIOLATION);
    }
    // SAFETY: NULL or a number, as documented.
    let wait = unsafe { nt_wait(timeout, false) };
    let put = |_, taken: Taken| {
        let end = IO_STATUS_BLOCK { Status: taken.status.raw() as usize, Information: taken.bytes };
        // SAFETY: none is NULL, and they may be written to, as documented.
        unsafe {
            key.write(taken.key);
            value.write(taken.overlapped);
            block.write(end);
        }
    };
    answer(port::take_many(port, 1, wait, put).map(drop))
}

/// `NtRemoveIoCompletionEx`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn NtRemoveIoCompletionEx(
    port: HANDLE,
    entries: *mut FILE_IO_COMPLETION_INFORMATION,
    count: ULONG,
    removed: *mut ULONG,
    timeout: *const LARGE_INTEGER,
    alertable: BOOLEAN,
) -> NTSTATUS {
    if count == 0 {
        // S044
        return status(Status::INVALID_PARAMETER);
    }
    if entries.is_null() || removed.is_null() {
        return status(Status::ACCESS_VIOLATION);
    }
    // SAFETY: NULL or a number, as documented.
    let wait = unsafe { nt_wait(timeout, alertable != 0) };
    let put = |at, taken: Taken| {
        let block = IO_STATUS_BLOCK { Status: taken.status.raw() as usize, Information: taken.bytes };
        let (key, value) = (taken.key, taken.overlapped);
        let entry =
            FILE_IO_COMPLETION_INFORMATION { KeyContext: key, ApcContext: value, IoStatusBlock: block };
        // SAFETY: there are `count` entries, as documented, and no more packets than that.
        unsafe { entries.add(at).write(entry) };
    };
    let taken = entered(|| port::take_many(port, count as usize, wait, put));
    // Written also when nothing came, as on Windows, where it is 1 then: nothing to rely on (S045).
    let number = taken.map_or(0, |number| number as ULONG);
    // SAFETY: not NULL, and may be written to, as documented.
    unsafe { removed.write(number) };
    answer(taken.map(drop))
}

/// `NtQueryIoCompletion`: how many packets wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtQueryIoCompletion(
    port: HANDLE,
    class: i32,
    information: *mut LONG,
    length: ULONG,
    returned: *mut ULONG,
) -> NTSTATUS {
    let depth = || {
        let queued = with_port(port, |port| port.port.snapshot().queued)?;
        Ok(LONG::try_from(queued).unwrap_or(LONG::MAX))
    };
    // SAFETY: memory as documented.
    unsafe { inform(class.cast_unsigned(), (information, length), returned, depth) }
}
