//! Waiting on a value in the caller's memory, and the permit that one thread gives another by its id.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::*};
use std::time::{Duration, Instant};

use proactor::object::Thread;
use proactor::sync::{wait_on_address, wake_all, wake_one};
use proactor::{Status, raw};

use crate::apc::nt_wait;
use crate::error;
use crate::thread::Kept;
use crate::types::*;

/// Waits while the value at `address` is what is at `compare`.
///
/// # Safety
/// Both may be read for `size` bytes; `address` for as long as this lasts.
unsafe fn wait(
    address: *mut c_void,
    compare: *const c_void,
    size: usize,
    timeout: Option<Duration>,
) -> Result<(), Status> {
    if address.is_null()
        || compare.is_null()
        || !matches!(size, 1 | 2 | 4 | 8)
        || !address.addr().is_multiple_of(size)
    {
        return Err(Status::INVALID_PARAMETER);
    }
    // SAFETY: by the caller's promise; `address` is aligned for its size, and `compare` need not be.
    unsafe {
        match size {
            1 => wait_on_address(AtomicU8::from_ptr(address.cast()), compare.cast::<u8>().read(), timeout),
            2 => {
                let undesired = compare.cast::<u16>().read_unaligned();
                wait_on_address(AtomicU16::from_ptr(address.cast()), undesired, timeout)
            }
            4 => {
                let undesired = compare.cast::<u32>().read_unaligned();
                wait_on_address(AtomicU32::from_ptr(address.cast()), undesired, timeout)
            }
            _ => {
                let undesired = compare.cast::<u64>().read_unaligned();
                wait_on_address(AtomicU64::from_ptr(address.cast()), undesired, timeout)
            }
        }
    }
}

/// `WaitOnAddress`. The address has to be aligned for its size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WaitOnAddress(
    address: *mut c_void,
    compare: *const c_void,
    size: usize,
    milliseconds: DWORD,
) -> BOOL {
    // SAFETY: memory as documented.
    error::succeeded(unsafe { wait(address, compare, size, error::timeout(milliseconds)) })
}

/// `WakeByAddressSingle`.
#[unsafe(no_mangle)]
pub extern "C" fn WakeByAddressSingle(address: *const c_void) {
    wake_one(address);
}

/// `WakeByAddressAll`.
#[unsafe(no_mangle)]
pub extern "C" fn WakeByAddressAll(address: *const c_void) {
    wake_all(address);
}

/// `RtlWaitOnAddress`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RtlWaitOnAddress(
    address: *mut c_void,
    compare: *const c_void,
    size: usize,
    timeout: *const LARGE_INTEGER,
) -> NTSTATUS {
    // SAFETY: memory as documented.
    let waited = unsafe { wait(address, compare, size, nt_wait(timeout, false).timeout) };
    waited.map_or_else(|status| status.raw().cast_signed(), |()| 0)
}

/// `RtlWakeAddressSingle`.
#[unsafe(no_mangle)]
pub extern "C" fn RtlWakeAddressSingle(address: *const c_void) {
    wake_one(address);
}

/// `RtlWakeAddressAll`.
#[unsafe(no_mangle)]
pub extern "C" fn RtlWakeAddressAll(address: *const c_void) {
    wake_all(address);
}

/// A thread's one bit that others set by its id: it stays until the thread comes for it, and two are one (S261).
#[derive(Default)]
pub struct Permit(AtomicU32);

impl Permit {
    fn give(&self) {
        self.0.store(1, Release);
        wake_one(&raw const self.0);
    }

    fn take(&self, timeout: Option<Duration>) -> Result<(), Status> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while self.0.swap(0, Acquire) == 0 {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if let Err(status) = wait_on_address(&self.0, 0, left)
                && self.0.load(Relaxed) == 0
            {
                return Err(status);
            }
        }
        Ok(())
    }
}

/// `NtAlertThreadByThreadId`.
#[unsafe(no_mangle)]
pub extern "C" fn NtAlertThreadByThreadId(id: HANDLE) -> NTSTATUS {
    let thread = u32::try_from(id).map_err(|_| Status::INVALID_CID).and_then(Thread::open);
    match thread {
        Ok(thread) => {
            raw::kept_with::<Kept>(&thread).permit.give();
            0
        }
        Err(status) => status.raw().cast_signed(),
    }
}

/// `NtWaitForAlertByThreadId`. The address is only for those who look on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtWaitForAlertByThreadId(
    _address: *const c_void,
    timeout: *const LARGE_INTEGER,
) -> NTSTATUS {
    let kept = raw::kept_with::<Kept>(&Thread::current());
    // SAFETY: NULL or a number as documented.
    let taken = kept.permit.take(unsafe { nt_wait(timeout, false).timeout });
    taken.map_or_else(|status| status, |()| Status::ALERTED).raw().cast_signed()
}
