//! The last error of a thread: one for Win32 and Winsock, as on Windows.

use std::cell::Cell;
use std::time::Duration;

use proactor::Status;
use proactor::object::Wait;

use crate::types::{BOOL, DWORD, FALSE, INFINITE, SOCKET_ERROR, TRUE};

thread_local!(static LAST: Cell<DWORD> = const { Cell::new(0) });

/// Errors that are no translation of a status.
pub mod code {
    #![allow(missing_docs, reason = "they are their names")]

    use crate::types::DWORD;

    pub const ERROR_SUCCESS: DWORD = 0;
    pub const ERROR_PATH_NOT_FOUND: DWORD = 3;
    pub const ERROR_INVALID_HANDLE: DWORD = 6;
    pub const ERROR_NOT_ENOUGH_MEMORY: DWORD = 8;
    pub const ERROR_NOT_SUPPORTED: DWORD = 50;
    pub const ERROR_INVALID_PARAMETER: DWORD = 87;
    pub const ERROR_BUFFER_OVERFLOW: DWORD = 111;
    pub const ERROR_INSUFFICIENT_BUFFER: DWORD = 122;
    pub const ERROR_MOD_NOT_FOUND: DWORD = 126;
    pub const ERROR_PROC_NOT_FOUND: DWORD = 127;
    pub const ERROR_ENVVAR_NOT_FOUND: DWORD = 203;
    pub const ERROR_NO_MORE_ITEMS: DWORD = 259;
    pub const ERROR_MR_MID_NOT_FOUND: DWORD = 317;
    pub const ERROR_INVALID_ADDRESS: DWORD = 487;
    pub const ERROR_IO_INCOMPLETE: DWORD = 996;
    pub const ERROR_IO_PENDING: DWORD = 997;
    pub const ERROR_NOACCESS: DWORD = 998;
    pub const ERROR_INVALID_FLAGS: DWORD = 1004;
    pub const ERROR_NO_UNICODE_TRANSLATION: DWORD = 1113;
    pub const ERROR_TIMEOUT: DWORD = 1460;
    pub const WAIT_IO_COMPLETION: DWORD = 192;
    pub const WAIT_TIMEOUT: DWORD = 258;
    pub const WAIT_FAILED: DWORD = u32::MAX;
}

/// What `GetLastError` will say in this thread.
pub fn set(code: DWORD) {
    // A thread that is past its thread-local data has nobody to ask.
    let _ = LAST.try_with(|last| last.set(code));
}

/// What it says now.
pub fn last() -> DWORD {
    LAST.try_with(Cell::get).unwrap_or(0)
}

/// TRUE, or FALSE with the status' Win32 error as the last.
pub fn succeeded(result: Result<(), Status>) -> BOOL {
    match result {
        Ok(()) => TRUE,
        Err(status) => failed(status),
    }
}

/// FALSE, with the status' Win32 error as the last.
pub fn failed(status: Status) -> BOOL {
    set(status.to_win32());
    FALSE
}

/// FALSE, with this Win32 error as the last.
pub fn failed_with(code: DWORD) -> BOOL {
    set(code);
    FALSE
}

/// The value, or what says failure, with the status' Win32 error as the last.
pub fn value_or<T>(result: Result<T, Status>, failure: T) -> T {
    result.unwrap_or_else(|status| {
        set(status.to_win32());
        failure
    })
}

/// `SOCKET_ERROR`, with the status' Winsock error as the last.
pub fn socket_failed(status: Status) -> i32 {
    set(status.to_winsock());
    SOCKET_ERROR
}

/// A timeout in milliseconds as the core has it.
pub fn timeout(milliseconds: DWORD) -> Option<Duration> {
    (milliseconds != INFINITE).then(|| Duration::from_millis(milliseconds.into()))
}

/// The same, and whether calls queued to the thread run meanwhile.
pub fn wait(milliseconds: DWORD, alertable: BOOL) -> Wait {
    Wait { timeout: timeout(milliseconds), alertable: alertable != FALSE }
}

/// `GetLastError`.
#[unsafe(no_mangle)]
pub extern "C" fn GetLastError() -> DWORD {
    last()
}

/// `SetLastError`.
#[unsafe(no_mangle)]
pub extern "C" fn SetLastError(code: DWORD) {
    set(code);
}
