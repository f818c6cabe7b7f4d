//! `SRWLOCK` and `CONDITION_VARIABLE`: the caller's eight bytes are the lock itself; all zero is one that is free.

use proactor::sync::{Condvar, Mode, RawCriticalSection, RawRwLock};

use crate::error::{self, code};
use crate::place::at;
use crate::types::*;

const CONDITION_VARIABLE_LOCKMODE_SHARED: ULONG = 1;

const _: () = assert!(size_of::<RawRwLock>() == 8 && size_of::<Condvar>() == 8);

/// `InitializeSRWLock`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitializeSRWLock(lock: *mut usize) {
    // SAFETY: memory for one that nobody uses, as documented.
    unsafe { lock.write(0) };
}

/// `AcquireSRWLockExclusive`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn AcquireSRWLockExclusive(lock: *const RawRwLock) {
    // SAFETY: one that was initialised or is all zero, as documented; so below.
    unsafe { at(lock) }.acquire_exclusive();
}

/// `AcquireSRWLockShared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn AcquireSRWLockShared(lock: *const RawRwLock) {
    // SAFETY: as above.
    unsafe { at(lock) }.acquire_shared();
}

/// `TryAcquireSRWLockExclusive`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TryAcquireSRWLockExclusive(lock: *const RawRwLock) -> u8 {
    // SAFETY: as above.
    unsafe { at(lock) }.try_acquire_exclusive().into()
}

/// `TryAcquireSRWLockShared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TryAcquireSRWLockShared(lock: *const RawRwLock) -> u8 {
    // SAFETY: as above.
    unsafe { at(lock) }.try_acquire_shared().into()
}

/// `ReleaseSRWLockExclusive`. Of a lock that nobody has so it does nothing; Windows ends the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ReleaseSRWLockExclusive(lock: *const RawRwLock) {
    // SAFETY: as above.
    unsafe { at(lock) }.release_exclusive();
}

/// `ReleaseSRWLockShared`. Of a lock that nobody shares it does nothing; Windows ends the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ReleaseSRWLockShared(lock: *const RawRwLock) {
    // SAFETY: as above.
    unsafe { at(lock) }.release_shared();
}

/// `InitializeConditionVariable`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitializeConditionVariable(variable: *mut usize) {
    // SAFETY: memory for one that nobody uses, as documented.
    unsafe { variable.write(0) };
}

/// TRUE, or FALSE with `ERROR_TIMEOUT`, which is the only way for a sleep to fail.
fn in_time(slept: Result<(), proactor::Status>) -> BOOL {
    slept.map_or_else(|_| error::failed_with(code::ERROR_TIMEOUT), |()| TRUE)
}

/// `SleepConditionVariableCS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SleepConditionVariableCS(
    variable: *const Condvar,
    section: *const RawCriticalSection,
    milliseconds: DWORD,
) -> BOOL {
    // SAFETY: both initialised, or all zero, as documented.
    let (variable, section) = unsafe { (at(variable), at(section)) };
    in_time(variable.sleep_section(section, error::timeout(milliseconds)))
}

/// `SleepConditionVariableSRW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SleepConditionVariableSRW(
    variable: *const Condvar,
    lock: *const RawRwLock,
    milliseconds: DWORD,
    flags: ULONG,
) -> BOOL {
    if flags & !CONDITION_VARIABLE_LOCKMODE_SHARED != 0 {
        return error::failed(proactor::Status::INVALID_PARAMETER);
    }
    let mode = if flags == 0 { Mode::Exclusive } else { Mode::Shared };
    // SAFETY: both initialised, or all zero, as documented.
    let (variable, lock) = unsafe { (at(variable), at(lock)) };
    in_time(variable.sleep_rwlock(lock, mode, error::timeout(milliseconds)))
}

/// `WakeConditionVariable`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WakeConditionVariable(variable: *const Condvar) {
    // SAFETY: one that was initialised or is all zero, as documented; so below.
    unsafe { at(variable) }.wake_one();
}

/// `WakeAllConditionVariable`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WakeAllConditionVariable(variable: *const Condvar) {
    // SAFETY: as above.
    unsafe { at(variable) }.wake_all();
}
