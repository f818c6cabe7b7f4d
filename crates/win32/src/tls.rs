//! Thread-local slots: `TlsAlloc` and its like. A slot that is allocated is NULL in every thread (S278).
//!
//! A slot has a number of uses, which is odd while it is allocated; a thread's value counts only with the number under
//! which it was set. So nobody has to go through the threads when a slot is freed.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering::*};

use crate::error::{self, code};
use crate::types::*;

/// As many as NT has: 64 and 1024 (S278).
const SLOTS: usize = 1088;
const TLS_OUT_OF_INDEXES: DWORD = DWORD::MAX;

static USES: [AtomicU32; SLOTS] = [const { AtomicU32::new(0) }; SLOTS];

#[derive(Clone, Copy)]
struct Value {
    uses: u32,
    value: *mut c_void,
}

struct Values(UnsafeCell<Option<Box<[Value; SLOTS]>>>);

thread_local!(static VALUES: Values = const { Values(UnsafeCell::new(None)) });

/// The number of its use, if the slot is allocated.
fn allocated(index: DWORD) -> Option<u32> {
    let uses = USES.get(index as usize)?.load(Relaxed);
    (uses & 1 == 1).then_some(uses)
}

/// `TlsAlloc`.
#[unsafe(no_mangle)]
pub extern "C" fn TlsAlloc() -> DWORD {
    for (index, slot) in USES.iter().enumerate() {
        let uses = slot.load(Relaxed);
        if uses & 1 == 0 && slot.compare_exchange(uses, uses.wrapping_add(1), Relaxed, Relaxed).is_ok() {
            return index as DWORD;
        }
    }
    error::set(code::ERROR_NO_MORE_ITEMS);
    TLS_OUT_OF_INDEXES
}

/// `TlsFree`.
#[unsafe(no_mangle)]
pub extern "C" fn TlsFree(index: DWORD) -> BOOL {
    let freed = allocated(index).is_some_and(|uses| {
        USES[index as usize].compare_exchange(uses, uses.wrapping_add(1), Relaxed, Relaxed).is_ok()
    });
    if freed { TRUE } else { error::failed_with(code::ERROR_INVALID_PARAMETER) }
}

/// `TlsGetValue`: sets the last error also when it succeeds, to 0.
#[unsafe(no_mangle)]
pub extern "C" fn TlsGetValue(index: DWORD) -> *mut c_void {
    let Some(uses) = allocated(index) else {
        error::set(code::ERROR_INVALID_PARAMETER);
        return null_mut();
    };
    error::set(code::ERROR_SUCCESS);
    let value = VALUES.try_with(|values| {
        // SAFETY: only this thread has it, and nothing is called while it is borrowed.
        let values = unsafe { &*values.0.get() };
        values.as_ref().map(|values| values[index as usize]).filter(|value| value.uses == uses)
    });
    value.ok().flatten().map_or(null_mut(), |value| value.value)
}

/// `TlsSetValue`.
#[unsafe(no_mangle)]
pub extern "C" fn TlsSetValue(index: DWORD, value: *mut c_void) -> BOOL {
    let Some(uses) = allocated(index) else { return error::failed_with(code::ERROR_INVALID_PARAMETER) };
    let set = VALUES.try_with(|values| {
        // SAFETY: only this thread has it, and nothing that comes back here is called while it is borrowed.
        let values = unsafe { &mut *values.0.get() };
        let none = Value { uses: 0, value: null_mut() };
        values.get_or_insert_with(|| Box::new([none; SLOTS]))[index as usize] = Value { uses, value };
    });
    match set {
        Ok(()) => TRUE,
        // The thread is past its thread-local data.
        Err(_) => error::failed_with(code::ERROR_NOT_ENOUGH_MEMORY),
    }
}
