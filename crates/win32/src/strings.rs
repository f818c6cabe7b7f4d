//! Strings of C: their length, copies and comparisons, and between bytes and 16-bit characters.
//!
//! Bytes are UTF-8: that is this system's code page (`CP_ACP`), as it can be on Windows.

use std::ffi::c_char;
use std::slice;

use crate::error::{self, code};
use crate::types::*;

const CP_ACP: u32 = 0;
const CP_OEMCP: u32 = 1;
const CP_THREAD_ACP: u32 = 3;
const CP_ASCII: u32 = 20127;
const CP_UTF8: u32 = 65001;

const MB_PRECOMPOSED: DWORD = 1;
const MB_ERR_INVALID_CHARS: DWORD = 8;
const WC_NO_BEST_FIT_CHARS: DWORD = 0x400;
const WC_ERR_INVALID_CHARS: DWORD = 0x80;

/// # Safety
/// `text` ends with a zero.
unsafe fn length<C: Copy + Default + PartialEq>(text: *const C) -> usize {
    let mut length = 0;
    // SAFETY: by the caller's promise, up to the zero.
    while unsafe { *text.add(length) } != C::default() {
        length += 1;
    }
    length
}

/// `lstrlenA`; of NULL it is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrlenA(text: *const c_char) -> i32 {
    // SAFETY: NULL or a string, as documented; so below.
    if text.is_null() { 0 } else { unsafe { length(text) as i32 } }
}

/// `lstrlenW`; of NULL it is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrlenW(text: *const WCHAR) -> i32 {
    // SAFETY: as above.
    if text.is_null() { 0 } else { unsafe { length(text) as i32 } }
}

/// Copies at most `room` characters, of which the last is a zero.
///
/// # Safety
/// `from` ends with a zero or has `room` characters, and `to` has room for as much as is copied.
unsafe fn copy<C: Copy + Default + PartialEq>(to: *mut C, from: *const C, room: usize) -> *mut C {
    if to.is_null() || from.is_null() || room == 0 {
        return std::ptr::null_mut();
    }
    // SAFETY: by the caller's promise.
    unsafe {
        // No more is looked at than is copied: the end may be none of the caller's.
        let length = (0..room - 1).find(|at| *from.add(*at) == C::default()).unwrap_or(room - 1);
        std::ptr::copy(from, to, length);
        to.add(length).write(C::default());
    }
    to
}

/// `lstrcpyA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcpyA(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: strings and room, as documented; so below.
    unsafe { copy(to, from, usize::MAX) }
}

/// `lstrcpyW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcpyW(to: *mut WCHAR, from: *const WCHAR) -> *mut WCHAR {
    // SAFETY: as above.
    unsafe { copy(to, from, usize::MAX) }
}

/// `lstrcpynA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcpynA(to: *mut c_char, from: *const c_char, room: i32) -> *mut c_char {
    // SAFETY: as above.
    unsafe { copy(to, from, usize::try_from(room).unwrap_or(0)) }
}

/// `lstrcpynW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcpynW(to: *mut WCHAR, from: *const WCHAR, room: i32) -> *mut WCHAR {
    // SAFETY: as above.
    unsafe { copy(to, from, usize::try_from(room).unwrap_or(0)) }
}

/// Copies to where a string ends; NULL if there is nothing to copy to, or from.
///
/// # Safety
/// Each is NULL or ends with a zero, and the first has room for both.
unsafe fn append<C: Copy + Default + PartialEq>(to: *mut C, from: *const C) -> *mut C {
    if to.is_null() || from.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: by the caller's promise.
    unsafe {
        copy(to.add(length(to)), from, usize::MAX);
    }
    to
}

/// `lstrcatA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcatA(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: as above.
    unsafe { append(to, from) }
}

/// `lstrcatW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcatW(to: *mut WCHAR, from: *const WCHAR) -> *mut WCHAR {
    // SAFETY: as above.
    unsafe { append(to, from) }
}

/// Compares as text; what is no UTF-8 by what stands for it.
///
/// # Safety
/// Each is NULL, which comes first, or ends with a zero.
unsafe fn compare(one: *const c_char, other: *const c_char, fold: bool) -> i32 {
    let text = |text: *const c_char| match text.is_null() {
        true => None,
        false => {
            // SAFETY: by the caller's promise.
            let bytes = unsafe { slice::from_raw_parts(text.cast::<u8>(), length(text)) };
            let text = String::from_utf8_lossy(bytes);
            Some(if fold { text.to_lowercase() } else { text.into_owned() })
        }
    };
    text(one).cmp(&text(other)) as i32
}

/// # Safety
/// As [`compare`].
unsafe fn compare_wide(one: *const WCHAR, other: *const WCHAR, fold: bool) -> i32 {
    let text = |text: *const WCHAR| match text.is_null() {
        true => None,
        false => {
            // SAFETY: by the caller's promise.
            let text = String::from_utf16_lossy(unsafe { slice::from_raw_parts(text, length(text)) });
            Some(if fold { text.to_lowercase() } else { text })
        }
    };
    text(one).cmp(&text(other)) as i32
}

/// `lstrcmpA`: by the order of Unicode, not of a language.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcmpA(one: *const c_char, other: *const c_char) -> i32 {
    // SAFETY: strings as documented; so below.
    unsafe { compare(one, other, false) }
}

/// `lstrcmpW`: by the order of Unicode, not of a language.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcmpW(one: *const WCHAR, other: *const WCHAR) -> i32 {
    // SAFETY: as above.
    unsafe { compare_wide(one, other, false) }
}

/// `lstrcmpiA`: the same in lower case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcmpiA(one: *const c_char, other: *const c_char) -> i32 {
    // SAFETY: as above.
    unsafe { compare(one, other, true) }
}

/// `lstrcmpiW`: the same in lower case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstrcmpiW(one: *const WCHAR, other: *const WCHAR) -> i32 {
    // SAFETY: as above.
    unsafe { compare_wide(one, other, true) }
}

/// The text that is to be translated; a length of -1 is up to the zero, and with it.
///
/// # Safety
/// `text` is NULL, or may be read for so many characters or up to its zero.
unsafe fn given<'a, C: Copy + Default + PartialEq>(text: *const C, count: i32) -> Result<&'a [C], DWORD> {
    if text.is_null() || count < -1 || count == 0 {
        return Err(code::ERROR_INVALID_PARAMETER);
    }
    // SAFETY: by the caller's promise.
    unsafe {
        let count = usize::try_from(count).unwrap_or_else(|_| length(text) + 1);
        Ok(slice::from_raw_parts(text, count))
    }
}

/// Puts a translation where it is to go, or says how long it is.
///
/// # Safety
/// `to` may be written to for `room` characters.
unsafe fn put<C: Copy>(text: &[C], to: *mut C, room: i32) -> Result<i32, DWORD> {
    match usize::try_from(room) {
        Ok(0) => {}
        Ok(_) if to.is_null() => return Err(code::ERROR_INVALID_PARAMETER),
        Ok(room) if room < text.len() => return Err(code::ERROR_INSUFFICIENT_BUFFER),
        // SAFETY: there is room, by the caller's promise.
        Ok(_) => unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len()) },
        Err(_) => return Err(code::ERROR_INVALID_PARAMETER),
    }
    i32::try_from(text.len()).map_err(|_| code::ERROR_INSUFFICIENT_BUFFER)
}

fn is_known(page: u32) -> Result<(), DWORD> {
    let known = matches!(page, CP_ACP | CP_OEMCP | CP_THREAD_ACP | CP_UTF8 | CP_ASCII);
    if known { Ok(()) } else { Err(code::ERROR_INVALID_PARAMETER) }
}

fn translated(result: Result<i32, DWORD>) -> i32 {
    result.unwrap_or_else(error::failed_with)
}

/// `MultiByteToWideChar`: from UTF-8, whichever of the system's code pages is asked for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MultiByteToWideChar(
    page: u32,
    flags: DWORD,
    text: *const c_char,
    count: i32,
    wide: *mut WCHAR,
    room: i32,
) -> i32 {
    let translate = || {
        is_known(page)?;
        let allowed =
            if page == CP_UTF8 { MB_ERR_INVALID_CHARS } else { MB_ERR_INVALID_CHARS | MB_PRECOMPOSED };
        if flags & !allowed != 0 {
            return Err(code::ERROR_INVALID_FLAGS);
        }
        // SAFETY: text and room as documented.
        let bytes = unsafe { given(text.cast::<u8>(), count) }?;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) if flags & MB_ERR_INVALID_CHARS != 0 => return Err(code::ERROR_NO_UNICODE_TRANSLATION),
            Err(_) => String::from_utf8_lossy(bytes),
        };
        let units: Vec<u16> = text.encode_utf16().collect();
        // SAFETY: as above.
        unsafe { put(&units, wide, room) }
    };
    translated(translate())
}

/// `WideCharToMultiByte`: to UTF-8, whichever of the system's code pages is asked for. There is nothing that needs the
/// default character.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WideCharToMultiByte(
    page: u32,
    flags: DWORD,
    wide: *const WCHAR,
    count: i32,
    bytes: *mut c_char,
    room: i32,
    default: *const c_char,
    used_default: *mut BOOL,
) -> i32 {
    let translate = || {
        is_known(page)?;
        if page == CP_UTF8 && !(default.is_null() && used_default.is_null()) {
            return Err(code::ERROR_INVALID_PARAMETER);
        }
        if flags & !(WC_ERR_INVALID_CHARS | WC_NO_BEST_FIT_CHARS) != 0 {
            return Err(code::ERROR_INVALID_FLAGS);
        }
        // SAFETY: text and room as documented.
        let units = unsafe { given(wide, count) }?;
        let text = match String::from_utf16(units) {
            Ok(text) => text,
            Err(_) if flags & WC_ERR_INVALID_CHARS != 0 => return Err(code::ERROR_NO_UNICODE_TRANSLATION),
            Err(_) => String::from_utf16_lossy(units),
        };
        if !used_default.is_null() {
            // SAFETY: not NULL, and an answer's place as documented.
            unsafe { used_default.write(FALSE) };
        }
        // SAFETY: as above.
        unsafe { put(text.as_bytes(), bytes.cast(), room) }
    };
    translated(translate())
}

/// `GetACP`.
#[unsafe(no_mangle)]
pub extern "C" fn GetACP() -> u32 {
    CP_UTF8
}
