//! What is done with files by their names alone.

use std::ffi::c_char;
use std::os::unix::fs::PermissionsExt;

use proactor::{File, Status};

use super::path::{Name, file_path, parse};
use crate::types::*;
use crate::{error, text};

const INVALID_FILE_ATTRIBUTES: DWORD = u32::MAX;
const FILE_ATTRIBUTE_READONLY: DWORD = 0x1;
const FILE_ATTRIBUTE_DIRECTORY: DWORD = 0x10;
const FILE_ATTRIBUTE_ARCHIVE: DWORD = 0x20;
const FILE_ATTRIBUTE_DEVICE: DWORD = 0x40;
const FILE_ATTRIBUTE_REPARSE_POINT: DWORD = 0x400;

fn delete(name: Result<Vec<u8>, Status>) -> BOOL {
    error::succeeded(file_path(name).and_then(File::delete))
}

/// `DeleteFileA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn DeleteFileA(name: *const c_char) -> BOOL {
    // SAFETY: a name or NULL, as documented.
    delete(unsafe { text::bytes(name) }.map(<[u8]>::to_vec))
}

/// `DeleteFileW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn DeleteFileW(name: *const WCHAR) -> BOOL {
    // SAFETY: a name or NULL, as documented.
    delete(unsafe { text::wide(name) }.map(String::into_bytes))
}

/// A file that was written is one to be archived, as on Windows; none is hidden.
fn attributes(name: Result<Vec<u8>, Status>) -> Result<DWORD, Status> {
    let path = match parse(&name?)? {
        Name::Path(path) => path,
        Name::Null => return Ok(FILE_ATTRIBUTE_ARCHIVE),
        _ => return Err(Status::OBJECT_NAME_INVALID),
    };
    let (metadata, link) = match std::fs::metadata(&path) {
        Ok(metadata) => (metadata, std::fs::symlink_metadata(&path).is_ok_and(|link| link.is_symlink())),
        Err(error) => return Err(not_there(&path, error.into())),
    };
    let mut attributes = match metadata.file_type() {
        kind if kind.is_dir() => FILE_ATTRIBUTE_DIRECTORY,
        kind if kind.is_file() => FILE_ATTRIBUTE_ARCHIVE,
        _ => FILE_ATTRIBUTE_DEVICE,
    };
    if metadata.permissions().mode() & 0o222 == 0 && metadata.is_file() {
        attributes |= FILE_ATTRIBUTE_READONLY;
    }
    Ok(if link { attributes | FILE_ATTRIBUTE_REPARSE_POINT } else { attributes })
}

/// Whether it is the file that is not there, or the way to it.
fn not_there(path: &std::path::Path, status: Status) -> Status {
    match File::options().open(path) {
        Err(Status::OBJECT_PATH_NOT_FOUND) => Status::OBJECT_PATH_NOT_FOUND,
        _ => status,
    }
}

/// `GetFileAttributesA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetFileAttributesA(name: *const c_char) -> DWORD {
    // SAFETY: a name or NULL, as documented.
    let name = unsafe { text::bytes(name) }.map(<[u8]>::to_vec);
    error::value_or(attributes(name), INVALID_FILE_ATTRIBUTES)
}

/// `GetFileAttributesW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetFileAttributesW(name: *const WCHAR) -> DWORD {
    // SAFETY: a name or NULL, as documented.
    let name = unsafe { text::wide(name) }.map(String::into_bytes);
    error::value_or(attributes(name), INVALID_FILE_ATTRIBUTES)
}
