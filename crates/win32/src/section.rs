//! `CRITICAL_SECTION`: the caller's 40 bytes are the lock itself.

use std::ptr;

use proactor::sync::RawCriticalSection;

use crate::error;
use crate::place::at;
use crate::types::*;

const NO_DEBUG_INFO: DWORD = 0x0100_0000;
const DYNAMIC_SPIN: DWORD = 0x0200_0000;
const STATIC_INIT: DWORD = 0x0400_0000;
const FORCE_DEBUG_INFO: DWORD = 0x1000_0000;
const FLAGS: DWORD = NO_DEBUG_INFO | DYNAMIC_SPIN | STATIC_INIT | FORCE_DEBUG_INFO;
/// The bits of a spin count that are a number.
const SPINS: DWORD = 0x00FF_FFFF;

/// `CRITICAL_SECTION` as its fields lie, of which this face writes only the first.
#[repr(C)]
struct Fields {
    debug_info: usize,
    rest: [usize; 4],
}

const _: () = assert!(size_of::<Fields>() == 40 && size_of::<RawCriticalSection>() == 40);

/// What `DebugInfo` is when there is none, so that nobody takes the section for one that was deleted (S234).
const NONE: usize = usize::MAX;

/// `RTL_CRITICAL_SECTION_DEBUG`, as far as programs look at it.
#[repr(C)]
struct DebugInfo {
    numbers: [u16; 2],
    section: usize,
    links: [usize; 2],
    counts: [u32; 4],
}

/// # Safety
/// `section` points to memory for a section that nobody uses.
unsafe fn initialise(section: *mut RawCriticalSection, spins: DWORD, debug: bool) {
    let info = if debug {
        let info = DebugInfo { numbers: [0; 2], section: section.addr(), links: [0; 2], counts: [0; 4] };
        Box::into_raw(Box::new(info)).expose_provenance()
    } else {
        NONE
    };
    // SAFETY: by the caller's promise.
    unsafe {
        section.write(RawCriticalSection::new(spins & SPINS));
        (*section.cast::<Fields>()).debug_info = info;
    }
}

/// `InitializeCriticalSection`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitializeCriticalSection(section: *mut RawCriticalSection) {
    /// What Windows gives a section that asks for no count of its own.
    const SPIN_COUNT: DWORD = 2000;
    // SAFETY: memory for one, as documented.
    unsafe { initialise(section, SPIN_COUNT, false) };
}

/// `InitializeCriticalSectionAndSpinCount`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitializeCriticalSectionAndSpinCount(
    section: *mut RawCriticalSection,
    spins: DWORD,
) -> BOOL {
    // SAFETY: memory for one, as documented.
    unsafe { initialise(section, spins, false) };
    TRUE
}

/// `InitializeCriticalSectionEx`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitializeCriticalSectionEx(
    section: *mut RawCriticalSection,
    spins: DWORD,
    flags: DWORD,
) -> BOOL {
    if flags & !FLAGS != 0 || spins & !SPINS != 0 {
        return error::failed(proactor::Status::INVALID_PARAMETER);
    }
    // SAFETY: memory for one, as documented.
    unsafe { initialise(section, spins, flags & FORCE_DEBUG_INFO != 0) };
    TRUE
}

/// `EnterCriticalSection`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn EnterCriticalSection(section: *const RawCriticalSection) {
    // SAFETY: one that was initialised, as documented; so below.
    unsafe { at(section) }.enter();
}

/// `TryEnterCriticalSection`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TryEnterCriticalSection(section: *const RawCriticalSection) -> BOOL {
    // SAFETY: as above.
    unsafe { at(section) }.try_enter().into()
}

/// `LeaveCriticalSection`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LeaveCriticalSection(section: *const RawCriticalSection) {
    // SAFETY: as above.
    unsafe { at(section) }.leave();
}

/// `DeleteCriticalSection`. One that is owned is deleted all the same (S237).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn DeleteCriticalSection(section: *mut RawCriticalSection) {
    // SAFETY: one that was initialised and that nobody uses any more, as documented.
    let info = unsafe { ptr::replace(&raw mut (*section.cast::<Fields>()).debug_info, 0) };
    if info != NONE && info != 0 {
        // SAFETY: nothing but `initialise` writes there.
        drop(unsafe { Box::from_raw(ptr::with_exposed_provenance_mut::<DebugInfo>(info)) });
    }
    // SAFETY: as above.
    unsafe { section.write(RawCriticalSection::new(0)) };
}

/// `SetCriticalSectionSpinCount`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetCriticalSectionSpinCount(
    section: *const RawCriticalSection,
    spins: DWORD,
) -> DWORD {
    // SAFETY: one that was initialised, as documented.
    unsafe { at(section) }.set_spin_count(spins & SPINS)
}
