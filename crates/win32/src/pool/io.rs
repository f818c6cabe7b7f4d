//! Handles whose operations complete in a pool: `CreateThreadpoolIo` and `BindIoCompletionCallback`.

use std::sync::Arc;

use proactor::pool::{self, Io};
use proactor::{Packet, Status};

use super::environment::{self, Instance, TP_CALLBACK_ENVIRON};
use super::numbers::{self, Numbers};
use super::pools::Group;
use super::{done, instance, pending};
use crate::error;
use crate::overlapped::io_of;
use crate::types::*;

/// `PTP_WIN32_IO_CALLBACK`.
pub type IoCallback = unsafe extern "C-unwind" fn(Instance, LPVOID, LPVOID, ULONG, ULONG_PTR, usize);

/// `PTP_IO_CALLBACK`, the native form.
pub type NativeIoCallback =
    unsafe extern "C-unwind" fn(Instance, LPVOID, LPVOID, *mut IO_STATUS_BLOCK, usize);

/// `LPOVERLAPPED_COMPLETION_ROUTINE`, of a handle that was bound.
pub type BoundCallback = unsafe extern "C-unwind" fn(DWORD, DWORD, LPVOID);

/// `IO_STATUS_BLOCK`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct IO_STATUS_BLOCK {
    pub Status: ULONG_PTR,
    pub Information: ULONG_PTR,
}

struct Entry {
    io: Io,
    group: Option<Arc<Group>>,
}

static ALL: Numbers<Entry> = Numbers::new();

fn forget(number: usize) {
    let _ = ALL.remove(number);
}

/// Which of the two forms is to be called.
pub(super) enum Callback {
    /// With a Win32 error (S399).
    Win32(IoCallback),
    /// With a status.
    Native(NativeIoCallback),
}

impl Callback {
    /// # Safety
    /// The callback may be called with the context.
    unsafe fn call(&self, instance: Instance, context: LPVOID, packet: &Packet<(), ()>, number: usize) {
        let (overlapped, status, bytes) = (packet.tag() as LPVOID, packet.status(), packet.bytes());
        match self {
            Callback::Win32(callback) => {
                // S399
                let result = if status.is_success() { 0 } else { status.to_win32() };
                // SAFETY: by the caller's promise.
                unsafe { callback(instance, context, overlapped, result, bytes, number) }
            }
            Callback::Native(callback) => {
                let mut block = IO_STATUS_BLOCK { Status: status.raw() as usize, Information: bytes };
                // SAFETY: by the caller's promise; the block is there until it returns.
                unsafe { callback(instance, context, overlapped, &raw mut block, number) }
            }
        }
    }
}

/// # Safety
/// `environment` is as `environment::read` wants it, and the callback may be called with the context.
pub(super) unsafe fn create(
    handle: HANDLE,
    callback: Callback,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> Result<usize, Status> {
    // SAFETY: by the caller's promise.
    let made = unsafe { environment::read(environment, context) }?;
    let object = io_of(handle)?;
    let io = object.io().ok_or(Status::INVALID_HANDLE)?;
    let library = made.library;
    let (number, context) = (numbers::next(), context as usize);
    let io = Io::new(io, &made.environment, move |instance, packet| {
        let _kept = &library;
        instance::during(instance, |instance| {
            // SAFETY: by the caller's promise.
            unsafe { callback.call(instance, context as LPVOID, &packet, number) }
        });
    })?;
    if let Some(group) = &made.group {
        group.add(number, forget);
    }
    ALL.insert(number, Entry { io, group: made.group });
    Ok(number)
}

/// `CreateThreadpoolIo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateThreadpoolIo(
    handle: HANDLE,
    callback: Option<IoCallback>,
    context: LPVOID,
    environment: *const TP_CALLBACK_ENVIRON,
) -> usize {
    let made = match callback {
        // SAFETY: as documented.
        Some(callback) => unsafe { create(handle, Callback::Win32(callback), context, environment) },
        None => Err(Status::INVALID_PARAMETER),
    };
    error::value_or(made, NULL)
}

/// `StartThreadpoolIo`.
#[unsafe(no_mangle)]
pub extern "C" fn StartThreadpoolIo(io: usize) {
    done(ALL.get(io).and_then(|entry| entry.io.start()));
}

/// `CancelThreadpoolIo`.
#[unsafe(no_mangle)]
pub extern "C" fn CancelThreadpoolIo(io: usize) {
    done(ALL.get(io).map(|entry| entry.io.cancel()));
}

/// `WaitForThreadpoolIoCallbacks`.
#[unsafe(no_mangle)]
pub extern "C" fn WaitForThreadpoolIoCallbacks(io: usize, cancel: BOOL) {
    done(ALL.get(io).map(|entry| entry.io.wait_for_callbacks(pending(cancel))).map(drop));
}

/// `CloseThreadpoolIo`.
#[unsafe(no_mangle)]
pub extern "C" fn CloseThreadpoolIo(io: usize) {
    done(ALL.remove(io).map(|entry| {
        if let Some(group) = &entry.group {
            group.remove(io);
        }
    }));
}

/// # Safety
/// The callback may be called for each operation of the handle.
unsafe fn bind(handle: HANDLE, callback: Option<BoundCallback>, flags: ULONG) -> Result<(), Status> {
    let object = io_of(handle)?;
    let io = object.io().ok_or(Status::INVALID_HANDLE)?;
    let callback = callback.ok_or(Status::INVALID_PARAMETER)?;
    // S419
    if flags != 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    pool::bind(io, move |packet| {
        let status = packet.status();
        let error = if status.is_success() { 0 } else { status.to_win32() };
        // SAFETY: by the caller's promise.
        unsafe { callback(error, packet.bytes() as DWORD, packet.tag() as LPVOID) };
    })
}

/// `BindIoCompletionCallback`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn BindIoCompletionCallback(
    handle: HANDLE,
    callback: Option<BoundCallback>,
    flags: ULONG,
) -> BOOL {
    // SAFETY: as documented.
    error::succeeded(unsafe { bind(handle, callback, flags) })
}
