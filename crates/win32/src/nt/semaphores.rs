//! `NtCreateSemaphore` and its like.

use super::attributes::{self, OBJECT_ATTRIBUTES};
use super::{answer_with, inform};
use crate::access::QUERY_STATE;
use crate::semaphores;
use crate::types::*;

/// `SEMAPHORE_BASIC_INFORMATION`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct SEMAPHORE_BASIC_INFORMATION {
    pub CurrentCount: LONG,
    pub MaximumCount: LONG,
}

/// `NtCreateSemaphore`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtCreateSemaphore(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
    count: LONG,
    most: LONG,
) -> NTSTATUS {
    // SAFETY: as documented of all of them.
    unsafe { attributes::create(handle, access, attributes, |asked| semaphores::create(asked, count, most)) }
}

/// `NtOpenSemaphore`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtOpenSemaphore(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
) -> NTSTATUS {
    // SAFETY: as documented of all of them.
    unsafe { attributes::open(handle, access, attributes, semaphores::open) }
}

/// `NtReleaseSemaphore`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtReleaseSemaphore(semaphore: HANDLE, by: LONG, previous: *mut LONG) -> NTSTATUS {
    let released = semaphores::release(semaphore, by).map(|before| before as LONG);
    // SAFETY: it is NULL or may be written to, as documented.
    unsafe { answer_with(released, previous) }
}

/// `NtQuerySemaphore`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtQuerySemaphore(
    semaphore: HANDLE,
    class: ULONG,
    information: *mut SEMAPHORE_BASIC_INFORMATION,
    length: ULONG,
    returned: *mut ULONG,
) -> NTSTATUS {
    let ask = || {
        semaphores::with(semaphore, QUERY_STATE, |semaphore| {
            let (count, most) = (semaphore.count() as LONG, semaphore.most() as LONG);
            Ok(SEMAPHORE_BASIC_INFORMATION { CurrentCount: count, MaximumCount: most })
        })
    };
    // SAFETY: as documented of all of them.
    unsafe { inform(class, (information, length), returned, ask) }
}
