//! Text across the border: C strings of bytes, which are UTF-8 here, and of 16-bit characters, which are UTF-16.
//!
//! What is not a text in its encoding is an error by name, and so is what is longer than any name on Windows is
//! (32767 characters): the end of a string that has none is not looked for beyond that.

use std::ffi::c_char;

use proactor::Status;

use crate::types::{DWORD, WCHAR};

/// Bytes or characters that a name has at most.
pub const LONGEST: usize = 32767;

/// The bytes of a C string, whatever they are.
///
/// # Safety
/// `text` is NULL, or may be read up to its NUL or `LONGEST` bytes.
pub unsafe fn bytes<'a>(text: *const c_char) -> Result<&'a [u8], Status> {
    if text.is_null() {
        return Err(Status::INVALID_PARAMETER);
    }
    // SAFETY: by the caller's promise.
    let len = unsafe { libc::strnlen(text, LONGEST + 1) };
    if len > LONGEST {
        return Err(Status::NAME_TOO_LONG);
    }
    // SAFETY: so many bytes were just looked at.
    Ok(unsafe { std::slice::from_raw_parts(text.cast(), len) })
}

/// A C string as text. `OBJECT_NAME_INVALID` when it is no UTF-8, `NAME_TOO_LONG`, and `INVALID_PARAMETER` for NULL.
///
/// # Safety
/// As [`bytes`].
pub unsafe fn narrow(text: *const c_char) -> Result<String, Status> {
    // SAFETY: by the caller's promise.
    let bytes = unsafe { bytes(text) }?;
    let text = std::str::from_utf8(bytes).map_err(|_| Status::OBJECT_NAME_INVALID)?;
    Ok(text.to_owned())
}

/// The characters of a wide C string, without its NUL.
///
/// # Safety
/// `text` is NULL, or may be read up to its NUL or `LONGEST` characters.
pub unsafe fn units<'a>(text: *const WCHAR) -> Result<&'a [u16], Status> {
    if text.is_null() {
        return Err(Status::INVALID_PARAMETER);
    }
    for len in 0..=LONGEST {
        // SAFETY: all before it were not NUL, so this may be read, by the caller's promise.
        if unsafe { *text.add(len) } == 0 {
            // SAFETY: so many characters were just looked at.
            return Ok(unsafe { std::slice::from_raw_parts(text, len) });
        }
    }
    Err(Status::NAME_TOO_LONG)
}

/// A wide C string as text. `OBJECT_NAME_INVALID` when half of a pair is missing, `NAME_TOO_LONG`, and
/// `INVALID_PARAMETER` for NULL.
///
/// # Safety
/// As [`units`].
pub unsafe fn wide(text: *const WCHAR) -> Result<String, Status> {
    // SAFETY: by the caller's promise.
    let units = unsafe { units(text) }?;
    String::from_utf16(units).map_err(|_| Status::OBJECT_NAME_INVALID)
}

/// The same, where NULL stands for no name.
///
/// # Safety
/// As [`bytes`].
pub unsafe fn narrow_or_none(text: *const c_char) -> Result<Option<String>, Status> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: by the caller's promise.
    unsafe { narrow(text) }.map(Some)
}

/// The same, where NULL stands for no name.
///
/// # Safety
/// As [`units`].
pub unsafe fn wide_or_none(text: *const WCHAR) -> Result<Option<String>, Status> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: by the caller's promise.
    unsafe { wide(text) }.map(Some)
}

/// Text as UTF-16, without a NUL.
pub fn to_wide(text: &str) -> Vec<WCHAR> {
    text.encode_utf16().collect()
}

/// Puts a string and its NUL into a buffer of `room` characters, as `GetTempPath` and its like do: if there is room
/// for both, returns its length without the NUL; if not, writes nothing and returns the room it takes with it.
///
/// # Safety
/// `buffer` may be written to for `room` characters; with no room it is not looked at.
pub unsafe fn put<C: Copy + Default>(text: &[C], buffer: *mut C, room: DWORD) -> DWORD {
    if text.len() >= room as usize || buffer.is_null() {
        return text.len() as DWORD + 1;
    }
    // SAFETY: there is room for the text and its NUL, by the caller's promise.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buffer, text.len());
        buffer.add(text.len()).write(C::default());
    }
    text.len() as DWORD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_crosses_the_border_both_ways() {
        let given = "naïve 🦀\0".encode_utf16().collect::<Vec<_>>();
        // SAFETY: each ends with a NUL.
        unsafe {
            assert_eq!(wide(given.as_ptr()).unwrap(), "naïve 🦀");
            assert_eq!(narrow(c"naïve".as_ptr()).unwrap(), "naïve");
            assert_eq!(wide_or_none(std::ptr::null()), Ok(None));
            assert_eq!(narrow_or_none(c"".as_ptr()), Ok(Some(String::new())));
        }
        assert_eq!(to_wide("ï"), [0xef]);
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        let half = [0xd800, 0];
        let long = vec![u16::from(b'x'); LONGEST + 2];
        let long_bytes = vec![b'x'; LONGEST + 2];
        // SAFETY: each ends with a NUL, or is as long as is looked at.
        unsafe {
            assert_eq!(wide(half.as_ptr()), Err(Status::OBJECT_NAME_INVALID));
            assert_eq!(narrow(c"\xff".as_ptr()), Err(Status::OBJECT_NAME_INVALID));
            assert_eq!(wide(long.as_ptr()), Err(Status::NAME_TOO_LONG));
            assert_eq!(narrow(long_bytes.as_ptr().cast()), Err(Status::NAME_TOO_LONG));
            assert_eq!(narrow(std::ptr::null()), Err(Status::INVALID_PARAMETER));
        }
    }

    #[test]
    fn a_string_is_put_whole_or_not_at_all() {
        let mut buffer = [9u8; 4];
        // SAFETY: the room is no more than there is.
        unsafe {
            assert_eq!(put(b"abc", buffer.as_mut_ptr(), 3), 4);
            assert_eq!(buffer, [9; 4]);
            assert_eq!(put(b"abc", buffer.as_mut_ptr(), 4), 3);
            assert_eq!(put(b"abc", std::ptr::null_mut(), 0), 4);
        }
        assert_eq!(&buffer, b"abc\0");
    }
}
