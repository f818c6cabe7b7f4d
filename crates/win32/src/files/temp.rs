//! Where temporary files are, and names for them.

use std::ffi::c_char;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use proactor::{File, Status};

use super::path::file_path;
use crate::types::*;
use crate::{error, text};

/// The buffer for a name has so many characters, its NUL among them (`MAX_PATH`).
const MAX_PATH: usize = 260;
/// What of a path leaves room for the name.
const LONGEST_FOLDER: usize = MAX_PATH - 14;
const ERROR_BUFFER_OVERFLOW: DWORD = 111;
const ERROR_DIRECTORY: DWORD = 267;

/// `$TMPDIR`, or else `/tmp`; it ends with a slash.
fn folder() -> Vec<u8> {
    let mut folder = std::env::temp_dir().as_os_str().as_bytes().to_vec();
    if folder.last() != Some(&b'/') {
        folder.push(b'/');
    }
    folder
}

/// `GetTempPathA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTempPathA(room: DWORD, buffer: *mut c_char) -> DWORD {
    // SAFETY: a buffer with this room, as documented.
    unsafe { text::put(&folder(), buffer.cast::<u8>(), room) }
}

/// `GetTempPathW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTempPathW(room: DWORD, buffer: *mut WCHAR) -> DWORD {
    // What is no text can't be said in wide characters; it has marks in its place.
    let folder = text::to_wide(&String::from_utf8_lossy(&folder()));
    // SAFETY: a buffer with this room, as documented.
    unsafe { text::put(&folder, buffer, room) }
}

/// A name in `folder`, and the number in it. With 0 a number is found that makes a new name, and the file is made.
fn name_in(folder: &[u8], prefix: &[u8], unique: u32) -> Result<(Vec<u8>, u32), DWORD> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if folder.len() > LONGEST_FOLDER {
        return Err(ERROR_BUFFER_OVERFLOW);
    }
    let failed = |status: Status| status.to_win32();
    let path = file_path(Ok(folder.to_vec())).map_err(failed)?;
    if !path.is_dir() {
        return Err(ERROR_DIRECTORY);
    }
    let name = |number: u32| {
        let mut name = folder.to_vec();
        if !matches!(name.last(), Some(b'/' | b'\\')) {
            name.push(b'/');
        }
        name.extend(prefix.iter().take(3));
        name.extend(format!("{number:X}.tmp").bytes());
        name
    };
    if unique != 0 {
        return Ok((name(unique & 0xffff), unique));
    }
    let seed = std::process::id().wrapping_mul(0x9e37_79b9);
    for _ in 0..=0xffff {
        let number = (seed >> 8).wrapping_add(NEXT.fetch_add(1, Relaxed)) & 0xffff;
        if number == 0 {
            continue;
        }
        let path = file_path(Ok(name(number))).map_err(failed)?;
        match File::options().write(true).create_new(true).open(path) {
            Ok(_) => return Ok((name(number), number)),
            Err(Status::OBJECT_NAME_COLLISION) => {}
            Err(status) => return Err(status.to_win32()),
        }
    }
    Err(failed(Status::OBJECT_NAME_COLLISION))
}

/// The number, or 0 with the last error.
fn numbered<C: Copy + Default>(name: Result<(Vec<C>, u32), DWORD>, buffer: *mut C) -> u32 {
    match name {
        Ok((name, number)) if name.len() < MAX_PATH => {
            // SAFETY: the buffer has room for `MAX_PATH` characters, as documented.
            unsafe { text::put(&name, buffer, MAX_PATH as DWORD) };
            number
        }
        Ok(_) => {
            error::set(ERROR_BUFFER_OVERFLOW);
            0
        }
        Err(code) => {
            error::set(code);
            0
        }
    }
}

/// `GetTempFileNameA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTempFileNameA(
    folder: *const c_char,
    prefix: *const c_char,
    unique: u32,
    buffer: *mut c_char,
) -> u32 {
    // SAFETY: texts or NULL, as documented.
    let (folder, prefix) = unsafe { (text::bytes(folder), text::narrow_or_none(prefix)) };
    match (folder, prefix) {
        (Ok(folder), Ok(prefix)) if !buffer.is_null() => {
            let prefix = prefix.unwrap_or_default();
            numbered(name_in(folder, prefix.as_bytes(), unique), buffer.cast::<u8>())
        }
        (Err(status), _) | (_, Err(status)) => numbered::<u8>(Err(status.to_win32()), buffer.cast()),
        _ => numbered::<u8>(Err(Status::INVALID_PARAMETER.to_win32()), buffer.cast()),
    }
}

/// `GetTempFileNameW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTempFileNameW(
    folder: *const WCHAR,
    prefix: *const WCHAR,
    unique: u32,
    buffer: *mut WCHAR,
) -> u32 {
    // SAFETY: texts or NULL, as documented.
    let (folder, prefix) = unsafe { (text::wide(folder), text::wide_or_none(prefix)) };
    match (folder, prefix) {
        (Ok(folder), Ok(prefix)) if !buffer.is_null() => {
            // Three characters, however many bytes those are.
            let prefix: String = prefix.unwrap_or_default().chars().take(3).filter(char::is_ascii).collect();
            let name = name_in(folder.as_bytes(), prefix.as_bytes(), unique);
            let name = name.map(|(name, number)| (text::to_wide(&String::from_utf8_lossy(&name)), number));
            numbered(name, buffer)
        }
        (Err(status), _) | (_, Err(status)) => numbered::<u16>(Err(status.to_win32()), buffer),
        _ => numbered::<u16>(Err(Status::INVALID_PARAMETER.to_win32()), buffer),
    }
}
