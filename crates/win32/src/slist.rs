//! `SLIST_HEADER`: interlocked lists in the caller's memory, of entries that are the caller's too.

use std::ptr::{NonNull, null_mut};

use proactor::sync::{RawSList, SListEntry};

use crate::place::{at, check};
use crate::types::ULONG;

const _: () = assert!(size_of::<RawSList>() == 16 && align_of::<RawSList>() == 16);

fn pointer(entry: Option<NonNull<SListEntry>>) -> *mut SListEntry {
    entry.map_or(null_mut(), NonNull::as_ptr)
}

/// # Safety
/// `entry` points to an entry as documented.
unsafe fn entry(entry: *mut SListEntry) -> NonNull<SListEntry> {
    // SAFETY: by the caller's promise; NULL and what is not aligned end the program here.
    NonNull::from(unsafe { at(entry.cast_const()) })
}

/// `InitializeSListHead`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitializeSListHead(list: *mut RawSList) {
    check(list.cast_const());
    // SAFETY: memory for one, as documented, and aligned.
    unsafe { list.write(RawSList::new()) };
}

/// `InterlockedPushEntrySList`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InterlockedPushEntrySList(
    list: *const RawSList,
    new: *mut SListEntry,
) -> *mut SListEntry {
    // SAFETY: a list that was initialised, and an entry that is in none, as documented.
    pointer(unsafe { at(list).push(entry(new)) })
}

/// `InterlockedPushListSListEx`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InterlockedPushListSListEx(
    list: *const RawSList,
    first: *mut SListEntry,
    last: *mut SListEntry,
    count: ULONG,
) -> *mut SListEntry {
    // SAFETY: as above, of each entry from the first to the last. The depth has 16 bits (S264).
    pointer(unsafe { at(list).push_list(entry(first), entry(last), count as u16) })
}

/// `InterlockedPopEntrySList`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InterlockedPopEntrySList(list: *const RawSList) -> *mut SListEntry {
    // SAFETY: a list that was initialised, as documented; so below.
    pointer(unsafe { at(list) }.pop())
}

/// `InterlockedFlushSList`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InterlockedFlushSList(list: *const RawSList) -> *mut SListEntry {
    // SAFETY: as above.
    pointer(unsafe { at(list) }.flush())
}

/// `QueryDepthSList`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QueryDepthSList(list: *const RawSList) -> u16 {
    // SAFETY: as above.
    unsafe { at(list) }.depth()
}
