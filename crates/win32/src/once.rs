//! `INIT_ONCE` and `SYNCHRONIZATION_BARRIER`, in the caller's memory.

use std::ffi::c_void;
use std::ptr;

use proactor::Status;
use proactor::sync::{Barrier, Begun, Once};

use crate::error;
use crate::frames::{call, entered};
use crate::place::at;
use crate::types::*;

const INIT_ONCE_CHECK_ONLY: DWORD = 1;
const INIT_ONCE_ASYNC: DWORD = 2;
const INIT_ONCE_INIT_FAILED: DWORD = 4;

/// `SYNCHRONIZATION_BARRIER` has so many bytes.
const BARRIER: usize = 32;

const _: () = assert!(size_of::<Once>() == 8);
const _: () = assert!(size_of::<Barrier>() <= BARRIER && align_of::<Barrier>() <= 8);

/// `InitOnceInitialize`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitOnceInitialize(once: *mut usize) {
    // SAFETY: memory for one that nobody uses, as documented.
    unsafe { once.write(0) };
}

/// # Safety
/// `place` is NULL or may be written to.
unsafe fn tell<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: by the caller's promise.
        unsafe { place.write(value) };
    }
}

/// Why an initialisation did not come about.
enum Failure {
    Ours(Status),
    /// The callback returned FALSE: the last error is its own, and stays (S252).
    Callback,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        Failure::Ours(status)
    }
}

/// `InitOnceExecuteOnce`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn InitOnceExecuteOnce(
    once: *const Once,
    callback: *const c_void,
    parameter: LPVOID,
    context: *mut LPVOID,
) -> BOOL {
    // SAFETY: one that was initialised or is all zero, as documented.
    let lock = unsafe { at(once) };
    let executed = entered(|| {
        lock.execute(|| {
            let mut made: LPVOID = ptr::null_mut();
            let arguments = [once.addr(), parameter as usize, (&raw mut made).addr(), 0, 0, 0];
            // SAFETY: a function of these arguments, as documented; only the low half of its result is one.
            let succeeded = unsafe { call(callback.addr(), arguments) } as BOOL;
            if succeeded == FALSE { Err(Failure::Callback) } else { Ok(made as usize) }
        })
    });
    match executed {
        Ok(made) => {
            // SAFETY: NULL or a pointer's place, as documented.
            unsafe { tell(context, ptr::with_exposed_provenance_mut(made)) };
            TRUE
        }
        Err(Failure::Ours(status)) => error::failed(status),
        Err(Failure::Callback) => FALSE,
    }
}

/// `InitOnceBeginInitialize`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitOnceBeginInitialize(
    once: *const Once,
    flags: DWORD,
    pending: *mut BOOL,
    context: *mut LPVOID,
) -> BOOL {
    // SAFETY: one that was initialised or is all zero, as documented.
    let once = unsafe { at(once) };
    let begun = match flags {
        0 => once.begin(),
        INIT_ONCE_ASYNC => once.begin_together(),
        INIT_ONCE_CHECK_ONLY => once.check().map(Begun::Done),
        _ => Err(Status::INVALID_PARAMETER),
    };
    // SAFETY: each NULL or a place as documented.
    unsafe {
        match begun {
            Ok(Begun::Done(made)) => {
                tell(pending, FALSE);
                tell(context, ptr::with_exposed_provenance_mut(made));
            }
            Ok(Begun::Pending) => tell(pending, TRUE),
            Err(status) => return error::failed(status),
        }
    }
    TRUE
}

/// `InitOnceComplete`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitOnceComplete(once: *const Once, flags: DWORD, context: LPVOID) -> BOOL {
    // SAFETY: one that was initialised or is all zero, as documented.
    let once = unsafe { at(once) };
    error::succeeded(match flags {
        0 => once.complete(context as usize),
        INIT_ONCE_ASYNC => once.complete_together(context as usize),
        INIT_ONCE_INIT_FAILED if context.is_null() => once.fail(),
        _ => Err(Status::INVALID_PARAMETER),
    })
}

/// `InitializeSynchronizationBarrier`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitializeSynchronizationBarrier(
    barrier: *mut Barrier,
    total: LONG,
    spins: LONG,
) -> BOOL {
    let made = match u32::try_from(total) {
        Ok(total) if spins >= -1 => Barrier::new(total),
        _ => Err(Status::INVALID_PARAMETER),
    };
    match made {
        Ok(made) => {
            if let Ok(spins) = u32::try_from(spins) {
                made.set_spin_count(spins);
            }
            // SAFETY: memory for one that nobody uses, as documented.
            unsafe { barrier.write(made) };
            TRUE
        }
        Err(status) => error::failed(status),
    }
}

/// `EnterSynchronizationBarrier`. How to wait is the barrier's own business: the flags change nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn EnterSynchronizationBarrier(barrier: *const Barrier, _flags: DWORD) -> BOOL {
    // SAFETY: one that was initialised, as documented.
    unsafe { at(barrier) }.wait().into()
}

/// `DeleteSynchronizationBarrier`: waits for those that are still inside (S256).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn DeleteSynchronizationBarrier(barrier: *const Barrier) -> BOOL {
    // SAFETY: one that was initialised, as documented.
    unsafe { at(barrier) }.wait_for_leavers();
    TRUE
}
