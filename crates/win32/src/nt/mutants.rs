//! `NtCreateMutant` and its like: mutexes by their native name, and with their native count, which is 1 less how often
//! one is held (S193).

use proactor::Status;

use super::attributes::{self, OBJECT_ATTRIBUTES};
use super::{BOOLEAN, answer_with, inform};
use crate::access::QUERY_STATE;
use crate::mutexes;
use crate::types::*;

/// `MUTANT_BASIC_INFORMATION`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct MUTANT_BASIC_INFORMATION {
    pub CurrentCount: LONG,
    pub OwnedByCaller: BOOLEAN,
    pub AbandonedState: BOOLEAN,
}

fn count(depth: u32) -> LONG {
    1i32.wrapping_sub_unsigned(depth)
}

/// `NtCreateMutant`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtCreateMutant(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
    owned: BOOLEAN,
) -> NTSTATUS {
    // SAFETY: as documented of all of them.
    unsafe { attributes::create(handle, access, attributes, |asked| mutexes::create(asked, owned != 0)) }
}

/// `NtOpenMutant`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtOpenMutant(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
) -> NTSTATUS {
    // SAFETY: as documented of all of them.
    unsafe { attributes::open(handle, access, attributes, mutexes::open) }
}

/// `NtReleaseMutant`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtReleaseMutant(mutant: HANDLE, previous: *mut LONG) -> NTSTATUS {
    // SAFETY: it is NULL or may be written to, as documented.
    unsafe { answer_with(mutexes::release(mutant).map(count), previous) }
}

/// `NtQueryMutant`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtQueryMutant(
    mutant: HANDLE,
    class: ULONG,
    information: *mut MUTANT_BASIC_INFORMATION,
    length: ULONG,
    returned: *mut ULONG,
) -> NTSTATUS {
    let ask = || -> Result<_, Status> {
        let holding = mutexes::with(mutant, QUERY_STATE, |mutex| Ok(mutex.holding()))?;
        Ok(MUTANT_BASIC_INFORMATION {
            CurrentCount: count(holding.depth),
            OwnedByCaller: holding.mine.into(),
            AbandonedState: holding.abandoned.into(),
        })
    };
    // SAFETY: as documented of all of them.
    unsafe { inform(class, (information, length), returned, ask) }
}
