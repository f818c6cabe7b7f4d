//! `NtClose` and its like.

use super::answer;
use crate::types::*;
use crate::{handles, table};

const INHERIT: ULONG = 0x02;
const DUPLICATE_SAME_ATTRIBUTES: ULONG = 4;

/// `NtClose`.
#[unsafe(no_mangle)]
pub extern "C" fn NtClose(handle: HANDLE) -> NTSTATUS {
    answer(handles::close(handle))
}

/// `NtDuplicateObject`, within this process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtDuplicateObject(
    from: HANDLE,
    source: HANDLE,
    to: HANDLE,
    target: *mut HANDLE,
    access: DWORD,
    attributes: ULONG,
    options: ULONG,
) -> NTSTATUS {
    let flags = match options & DUPLICATE_SAME_ATTRIBUTES {
        0 => Ok(table::inherit((attributes & INHERIT != 0).into())),
        _ if table::is_pseudo(source) => Ok(table::HandleFlags::empty()),
        _ => table::flags(source),
    };
    let duplicate =
        flags.and_then(|flags| handles::duplicate_between((from, source), to, access, flags, options));
    // SAFETY: it is NULL or may be written to, as documented.
    answer(unsafe { handles::give(duplicate, target) })
}

/// `NtCompareObjects`.
#[unsafe(no_mangle)]
pub extern "C" fn NtCompareObjects(one: HANDLE, other: HANDLE) -> NTSTATUS {
    answer(handles::compare(one, other))
}
