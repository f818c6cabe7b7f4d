//! `RtlNtStatusToDosError`.

use proactor::Status;

use crate::types::{NTSTATUS, ULONG};

/// `RtlNtStatusToDosError`.
#[unsafe(no_mangle)]
pub extern "C" fn RtlNtStatusToDosError(status: NTSTATUS) -> ULONG {
    Status::from_raw(status.cast_unsigned()).to_win32()
}
