//! Memory from the heap: `HeapAlloc`, `LocalAlloc`, `GlobalAlloc`. All of it is the C library's `malloc`.
//!
//! A block begins with its size, since Windows tells it, and with the heap it is of, so that a heap that is destroyed
//! takes its blocks along.

use std::collections::BTreeSet;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};

use proactor::Status;

use crate::error::{self, code};
use crate::table::{self, Object};
use crate::types::*;

const HEAP_ZERO_MEMORY: DWORD = 8;
const HEAP_REALLOC_IN_PLACE_ONLY: DWORD = 16;
const LMEM_MOVEABLE: u32 = 2;
const LMEM_ZEROINIT: u32 = 0x40;

/// What lies before a block; as large as its alignment.
#[repr(C, align(16))]
struct Head {
    size: usize,
    mark: usize,
}

/// Tells a block of ours from other memory, and from one that was freed.
const MARK: usize = 0x5072_6f61_6374_6f72;

/// A block, 16-byte aligned, to be given back by [`give_back`]; NULL when there is no memory.
pub fn take(size: usize, zero: bool) -> *mut c_void {
    let Some(whole) = size.checked_add(size_of::<Head>()) else { return null_mut() };
    // SAFETY: any size may be asked for.
    let head = unsafe { if zero { libc::calloc(1, whole) } else { libc::malloc(whole) } }.cast::<Head>();
    if head.is_null() {
        return null_mut();
    }
    // SAFETY: there is room for it, and the C library aligns to 16.
    unsafe {
        head.write(Head { size, mark: MARK });
        head.add(1).cast()
    }
}

/// The head of a block of ours.
///
/// # Safety
/// `block` is NULL or may be read 16 bytes before.
unsafe fn head(block: *const c_void) -> Option<*mut Head> {
    if block.is_null() || !block.cast::<Head>().is_aligned() {
        return None;
    }
    // SAFETY: by the caller's promise.
    unsafe {
        let head = block.cast_mut().cast::<Head>().sub(1);
        ((*head).mark == MARK).then_some(head)
    }
}

/// Gives a block back; false if it is none.
///
/// # Safety
/// As `head`, and nobody uses the block any more.
pub unsafe fn give_back(block: *mut c_void) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        let Some(head) = head(block) else { return false };
        (*head).mark = 0;
        libc::free(head.cast());
    }
    true
}

/// # Safety
/// As [`give_back`], if the block moves.
unsafe fn resize(block: *mut c_void, size: usize, zero: bool) -> *mut c_void {
    let new = take(size, zero);
    // SAFETY: by the caller's promise; both have the room.
    unsafe {
        let Some(head) = head(block).filter(|_| !new.is_null()) else {
            give_back(new);
            return null_mut();
        };
        std::ptr::copy_nonoverlapping(block.cast::<u8>(), new.cast(), size.min((*head).size));
        give_back(block);
    }
    new
}

/// A heap that is not the process's: what it has given out.
#[derive(Default)]
pub struct HeapObject(Mutex<BTreeSet<usize>>);

impl Object for HeapObject {
    fn kind(&self) -> &'static str {
        "heap"
    }

    fn last_closed(&self) {
        let blocks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for block in blocks {
            // SAFETY: each is a block that was not given back, and whose heap is gone.
            unsafe { give_back(std::ptr::with_exposed_provenance_mut(block)) };
        }
    }
}

/// `GetProcessHeap()`: no number of the table, all of which are smaller.
const PROCESS_HEAP: HANDLE = 0x7ff0_0000_0000;

/// The heap behind a handle; `None` is the process's.
fn heap_of(heap: HANDLE) -> Result<Option<Arc<HeapObject>>, Status> {
    if heap == PROCESS_HEAP { Ok(None) } else { table::get(heap).map(Some) }
}

/// `GetProcessHeap`.
#[unsafe(no_mangle)]
pub extern "C" fn GetProcessHeap() -> HANDLE {
    PROCESS_HEAP
}

/// `HeapCreate`. Sizes are no limits.
#[unsafe(no_mangle)]
pub extern "C" fn HeapCreate(_options: DWORD, _initial: usize, _most: usize) -> HANDLE {
    error::value_or(table::insert(Arc::new(HeapObject::default())), NULL)
}

/// `HeapDestroy`: gives back all that it has given out.
#[unsafe(no_mangle)]
pub extern "C" fn HeapDestroy(heap: HANDLE) -> BOOL {
    error::succeeded(table::get::<HeapObject>(heap).and_then(|_| table::close(heap)))
}

/// `HeapAlloc`: NULL when there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn HeapAlloc(heap: HANDLE, flags: DWORD, size: usize) -> LPVOID {
    let heap = match heap_of(heap) {
        Ok(heap) => heap,
        Err(status) => {
            error::failed(status);
            return null_mut();
        }
    };
    let block = take(size, flags & HEAP_ZERO_MEMORY != 0);
    if block.is_null() {
        error::set(code::ERROR_NOT_ENOUGH_MEMORY);
    } else if let Some(heap) = heap {
        heap.0.lock().unwrap_or_else(PoisonError::into_inner).insert(block.expose_provenance());
    }
    block
}

/// `HeapFree`. NULL is freed too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HeapFree(heap: HANDLE, _flags: DWORD, block: LPVOID) -> BOOL {
    if block.is_null() {
        return TRUE;
    }
    let freed = heap_of(heap).and_then(|heap| {
        let of_heap = heap
            .is_none_or(|heap| heap.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&block.addr()));
        // SAFETY: a block of this heap that nobody uses any more, as documented.
        if of_heap && unsafe { give_back(block) } { Ok(()) } else { Err(Status::INVALID_PARAMETER) }
    });
    error::succeeded(freed)
}

/// `HeapReAlloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HeapReAlloc(heap: HANDLE, flags: DWORD, block: LPVOID, size: usize) -> LPVOID {
    let resized = heap_of(heap).and_then(|heap| {
        // SAFETY: a block of this heap, as documented, and the caller's to move.
        unsafe {
            let head = head(block).ok_or(Status::INVALID_PARAMETER)?;
            // Kept until the block is given back: another thread may be given its address at once.
            let mut blocks = heap.as_ref().map(|heap| heap.0.lock().unwrap_or_else(PoisonError::into_inner));
            if blocks.as_ref().is_some_and(|blocks| !blocks.contains(&block.addr())) {
                return Err(Status::INVALID_PARAMETER);
            }
            if flags & HEAP_REALLOC_IN_PLACE_ONLY != 0 {
                if size > (*head).size {
                    return Err(Status::NO_MEMORY);
                }
                (*head).size = size;
                return Ok(block);
            }
            let new = resize(block, size, flags & HEAP_ZERO_MEMORY != 0);
            if new.is_null() {
                return Err(Status::NO_MEMORY);
            }
            if let Some(blocks) = &mut blocks {
                blocks.remove(&block.addr());
                blocks.insert(new.expose_provenance());
            }
            Ok(new)
        }
    });
    error::value_or(resized, null_mut())
}

/// `HeapSize`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HeapSize(heap: HANDLE, _flags: DWORD, block: *const c_void) -> usize {
    // SAFETY: a block of this heap, as documented.
    let size = heap_of(heap)
        .and_then(|_| unsafe { head(block).map(|head| (*head).size) }.ok_or(Status::INVALID_PARAMETER));
    error::value_or(size, usize::MAX)
}

/// `HeapValidate`, of one block; NULL is the whole heap, of which nothing can be said against.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HeapValidate(heap: HANDLE, _flags: DWORD, block: *const c_void) -> BOOL {
    // SAFETY: as above.
    heap_of(heap).is_ok_and(|_| block.is_null() || unsafe { head(block) }.is_some()).into()
}

/// `LocalAlloc`. What may be moved never is.
#[unsafe(no_mangle)]
pub extern "C" fn LocalAlloc(flags: u32, size: usize) -> LPVOID {
    let block = take(size, flags & LMEM_ZEROINIT != 0);
    if block.is_null() {
        error::set(code::ERROR_NOT_ENOUGH_MEMORY);
    }
    block
}

/// `LocalFree`: NULL when it was freed, else the block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LocalFree(block: LPVOID) -> LPVOID {
    // SAFETY: a block that nobody uses any more, as documented.
    if block.is_null() || unsafe { give_back(block) } {
        return null_mut();
    }
    error::failed(Status::INVALID_HANDLE);
    block
}

/// `LocalReAlloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LocalReAlloc(block: LPVOID, size: usize, flags: u32) -> LPVOID {
    // SAFETY: a block as documented, and the caller's to move.
    let new = unsafe { resize(block, size, flags & LMEM_ZEROINIT != 0) };
    if new.is_null() {
        error::set(code::ERROR_NOT_ENOUGH_MEMORY);
    }
    new
}

/// `GlobalAlloc`.
#[unsafe(no_mangle)]
pub extern "C" fn GlobalAlloc(flags: u32, size: usize) -> LPVOID {
    LocalAlloc(flags & (LMEM_MOVEABLE | LMEM_ZEROINIT), size)
}

/// `GlobalFree`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GlobalFree(block: LPVOID) -> LPVOID {
    // SAFETY: as documented.
    unsafe { LocalFree(block) }
}
