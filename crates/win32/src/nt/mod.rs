//! The native layer: the functions of `ntdll` below the Win32 ones, which answer with a status instead of a last error.

pub mod attributes;
pub mod errors;
pub mod events;
pub mod handles;
pub mod information;
pub mod mutants;
pub mod ports;
pub mod semaphores;
pub mod timers;
pub mod transfer;
pub mod waits;

use proactor::Status;

use crate::types::{NTSTATUS, ULONG};

/// `BOOLEAN`.
pub type BOOLEAN = u8;

/// A status as C has it.
pub fn status(status: Status) -> NTSTATUS {
    status.raw() as NTSTATUS
}

/// Success, or why not.
pub fn answer(result: Result<(), Status>) -> NTSTATUS {
    status(result.err().unwrap_or(Status::SUCCESS))
}

/// Success and what was there before, or why not.
///
/// # Safety
/// `previous` is NULL or may be written to.
pub unsafe fn answer_with<T>(result: Result<T, Status>, previous: *mut T) -> NTSTATUS {
    answer(result.map(|before| {
        if !previous.is_null() {
            // SAFETY: by the caller's promise.
            unsafe { previous.write(before) };
        }
    }))
}

/// What an object says of itself, by a function that has one kind of information of one size.
///
/// # Safety
/// `buffer` may be written to for `length` bytes, `returned` is NULL or may be written to.
pub unsafe fn inform<T>(
    class: ULONG,
    (buffer, length): (*mut T, ULONG),
    returned: *mut ULONG,
    ask: impl FnOnce() -> Result<T, Status>,
) -> NTSTATUS {
    if class != 0 {
        return status(Status::INVALID_INFO_CLASS);
    }
    if length as usize != size_of::<T>() {
        return status(Status::INFO_LENGTH_MISMATCH);
    }
    if buffer.is_null() {
        return status(Status::ACCESS_VIOLATION);
    }
    answer(ask().map(|information| {
        // SAFETY: it has this length, by the caller's promise; it need not be aligned.
        unsafe { buffer.write_unaligned(information) };
        if !returned.is_null() {
            // SAFETY: by the caller's promise.
            unsafe { returned.write(length) };
        }
    }))
}
