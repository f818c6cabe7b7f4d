//! Fiber-local slots, which are thread-local slots with a function for what is left in them: it is called when a thread
//! ends and when the slot is freed, for each value that is not NULL (S279). There are no fibers.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::error::{self, code};
use crate::frames::try_call;
use crate::types::*;

/// Slot 0 is never given, as on Windows.
const SLOTS: usize = 4080;
const FLS_OUT_OF_INDEXES: DWORD = DWORD::MAX;

/// A thread's values, by slot. NULL is not kept. A value is the address that was given.
type Values = Mutex<BTreeMap<DWORD, usize>>;

struct Slots {
    /// The function of each slot, 0 for none; of an allocated one only.
    functions: BTreeMap<DWORD, usize>,
    threads: Vec<Weak<Values>>,
}

static SLOTS_OF_ALL: Mutex<Slots> = Mutex::new(Slots { functions: BTreeMap::new(), threads: Vec::new() });

/// A thread's values; dropped when the thread ends.
struct Mine(Arc<Values>);

thread_local!(static MINE: OnceCell<Mine> = const { OnceCell::new() });

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls the function of a slot with a value that was left in it, with no lock held.
fn finish(function: usize, value: usize) {
    if function != 0 {
        // SAFETY: whoever allocated the slot says that it is a function of one pointer. One that ends the thread, which
        // ends already or frees a slot for others, has just ended.
        let _ = unsafe { try_call(function, [value, 0, 0, 0, 0, 0]) };
    }
}

/// Calls the functions for all that this thread has left. They may leave something again; that is done some times over.
fn finish_all(values: &Values) {
    const ROUNDS: usize = 4;
    for _ in 0..ROUNDS {
        let left = std::mem::take(&mut *lock(values));
        if left.is_empty() {
            return;
        }
        for (slot, value) in left {
            let function = lock(&SLOTS_OF_ALL).functions.get(&slot).copied();
            finish(function.unwrap_or(0), value);
        }
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        finish_all(&self.0);
    }
}

/// This thread ends: its functions are called now, while it has everything else.
pub fn thread_ends() {
    let values = MINE.try_with(|mine| mine.get().map(|mine| mine.0.clone()));
    if let Ok(Some(values)) = values {
        finish_all(&values);
    }
}

fn mine() -> Option<Arc<Values>> {
    MINE.try_with(|mine| {
        let make = || {
            let values = Arc::<Values>::default();
            let mut slots = lock(&SLOTS_OF_ALL);
            slots.threads.retain(|thread| thread.strong_count() > 0);
            slots.threads.push(Arc::downgrade(&values));
            Mine(values)
        };
        mine.get_or_init(make).0.clone()
    })
    .ok()
}

fn is_allocated(slot: DWORD) -> bool {
    lock(&SLOTS_OF_ALL).functions.contains_key(&slot)
}

/// `FlsAlloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FlsAlloc(function: *const c_void) -> DWORD {
    let mut slots = lock(&SLOTS_OF_ALL);
    let free = (1..SLOTS as DWORD).find(|slot| !slots.functions.contains_key(slot));
    let Some(slot) = free else {
        error::set(code::ERROR_NO_MORE_ITEMS);
        return FLS_OUT_OF_INDEXES;
    };
    slots.functions.insert(slot, function.addr());
    slot
}

/// `FlsFree`: the function is called here for what other threads have in the slot.
#[unsafe(no_mangle)]
pub extern "C" fn FlsFree(slot: DWORD) -> BOOL {
    let (function, threads) = {
        let mut slots = lock(&SLOTS_OF_ALL);
        let Some(function) = slots.functions.remove(&slot) else {
            return error::failed_with(code::ERROR_INVALID_PARAMETER);
        };
        (function, slots.threads.iter().filter_map(Weak::upgrade).collect::<Vec<_>>())
    };
    for thread in threads {
        let left = lock(&thread).remove(&slot);
        if let Some(value) = left {
            finish(function, value);
        }
    }
    TRUE
}

/// `FlsGetValue`: sets the last error also when it succeeds, to 0.
#[unsafe(no_mangle)]
pub extern "C" fn FlsGetValue(slot: DWORD) -> *mut c_void {
    let value = mine().and_then(|values| lock(&values).get(&slot).copied());
    let known = value.is_some() || is_allocated(slot);
    error::set(if known { code::ERROR_SUCCESS } else { code::ERROR_INVALID_PARAMETER });
    value.map_or(null_mut(), std::ptr::with_exposed_provenance_mut)
}

/// `FlsSetValue`.
#[unsafe(no_mangle)]
pub extern "C" fn FlsSetValue(slot: DWORD, value: *mut c_void) -> BOOL {
    let Some(values) = mine().filter(|_| is_allocated(slot)) else {
        return error::failed_with(code::ERROR_INVALID_PARAMETER);
    };
    let mut values = lock(&values);
    match value.expose_provenance() {
        0 => values.remove(&slot),
        value => values.insert(slot, value),
    };
    TRUE
}
