//! `OBJECT_ATTRIBUTES`: what a native function makes or opens, and under which name.
//!
//! Names are paths here. Those in `\BaseNamedObjects` are the global ones of Win32, those in
//! `\Sessions\N\BaseNamedObjects` the local ones; there are no other directories, and no handles to any. Names are
//! told apart by case, whether or not that is asked for.

use proactor::Status;
use proactor::object::Existed;

use super::status;
use crate::objects::Asked;
use crate::table;
use crate::types::*;

const INHERIT: ULONG = 0x02;
const OPEN_IF: ULONG = 0x80;

/// `UNICODE_STRING`: lengths in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct UNICODE_STRING {
    pub Length: u16,
    pub MaximumLength: u16,
    pub Buffer: *mut WCHAR,
}

/// `OBJECT_ATTRIBUTES`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "Windows' own names")]
pub struct OBJECT_ATTRIBUTES {
    pub Length: ULONG,
    pub RootDirectory: HANDLE,
    pub ObjectName: *const UNICODE_STRING,
    pub Attributes: ULONG,
    pub SecurityDescriptor: LPVOID,
    pub SecurityQualityOfService: LPVOID,
}

const _: () = assert!(size_of::<OBJECT_ATTRIBUTES>() == 48 && size_of::<UNICODE_STRING>() == 16);

/// `RtlInitUnicodeString`. What does not fit its lengths is cut off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RtlInitUnicodeString(string: *mut UNICODE_STRING, text: *const WCHAR) {
    const MOST: usize = u16::MAX as usize / 2 - 1;
    let mut units = 0;
    // SAFETY: it is NULL or ends with a NUL, as documented.
    while !text.is_null() && units < MOST && unsafe { *text.add(units) } != 0 {
        units += 1;
    }
    let length = units as u16 * 2;
    let whole = if text.is_null() { 0 } else { length + 2 };
    // SAFETY: it may be written to, as documented.
    unsafe { string.write(UNICODE_STRING { Length: length, MaximumLength: whole, Buffer: text.cast_mut() }) };
}

/// What is asked for, and whether an object that is there already will do.
///
/// # Safety
/// `attributes` is NULL or points to one whose name is NULL or a valid string.
unsafe fn read(attributes: *const OBJECT_ATTRIBUTES, access: DWORD) -> Result<(Asked, bool), Status> {
    // SAFETY: by the caller's promise.
    let Some(attributes) = (unsafe { attributes.as_ref() }) else {
        return Ok((Asked { name: None, access, flags: table::HandleFlags::empty() }, false));
    };
    if attributes.Length as usize != size_of::<OBJECT_ATTRIBUTES>() {
        return Err(Status::INVALID_PARAMETER);
    }
    // SAFETY: by the caller's promise.
    let name = unsafe { attributes.ObjectName.as_ref() };
    // SAFETY: by the caller's promise.
    let text = name.map(|name| unsafe { text_of(name) }).transpose()?;
    if attributes.RootDirectory != NULL {
        table::object(attributes.RootDirectory)?;
        return Err(Status::OBJECT_TYPE_MISMATCH);
    }
    let text = text.filter(|text| !text.is_empty());
    let name = text.map(|text| name_of(&text)).transpose()?;
    let flags = table::inherit((attributes.Attributes & INHERIT != 0).into());
    Ok((Asked { name, access, flags }, attributes.Attributes & OPEN_IF != 0))
}

/// # Safety
/// The string is a valid one.
unsafe fn text_of(string: &UNICODE_STRING) -> Result<String, Status> {
    if !string.Length.is_multiple_of(2) {
        return Err(Status::OBJECT_NAME_INVALID);
    }
    if string.Length == 0 {
        return Ok(String::new());
    }
    if string.Buffer.is_null() {
        return Err(Status::ACCESS_VIOLATION);
    }
    // SAFETY: by the caller's promise.
    let units = unsafe { std::slice::from_raw_parts(string.Buffer, usize::from(string.Length / 2)) };
    String::from_utf16(units).map_err(|_| Status::OBJECT_NAME_INVALID)
}

/// The name that Win32 has for what has this path.
fn name_of(path: &str) -> Result<String, Status> {
    let path = path.strip_prefix('\\').ok_or(Status::OBJECT_PATH_SYNTAX_BAD)?;
    if let Some(name) = path.strip_prefix("BaseNamedObjects\\") {
        let is_local = name.starts_with("Local\\") || name.starts_with("Global\\");
        return Ok(if is_local { name.into() } else { format!("Global\\{name}") });
    }
    let local = path.strip_prefix("Sessions\\").and_then(|path| path.split_once('\\'));
    match local.and_then(|(session, path)| Some((session, path.strip_prefix("BaseNamedObjects\\")?))) {
        Some((session, name)) if session.parse::<u32>().is_ok() => Ok(name.into()),
        _ => Err(Status::OBJECT_PATH_NOT_FOUND),
    }
}

/// Makes an object as the attributes ask, or opens the one that is there if that will do, and gives the handle away.
///
/// # Safety
/// `handle` is NULL or may be written to, `attributes` as for `read`.
pub unsafe fn create(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
    make: impl FnOnce(Asked) -> Result<(HANDLE, Existed), Status>,
) -> NTSTATUS {
    if handle.is_null() {
        return status(Status::ACCESS_VIOLATION);
    }
    // SAFETY: by the caller's promise.
    let made = unsafe { read(attributes, access) }.and_then(|(asked, opens)| {
        let (made, existed) = make(asked)?;
        if existed == Existed::Yes && !opens {
            table::close(made)?;
            return Err(Status::OBJECT_NAME_COLLISION);
        }
        Ok((made, existed))
    });
    match made {
        Ok((made, existed)) => {
            // SAFETY: not NULL, and by the caller's promise.
            unsafe { handle.write(made) };
            status(if existed == Existed::Yes { Status::OBJECT_NAME_EXISTS } else { Status::SUCCESS })
        }
        Err(error) => status(error),
    }
}

/// Opens what the attributes name, and gives the handle away.
///
/// # Safety
/// As [`create`].
pub unsafe fn open(
    handle: *mut HANDLE,
    access: DWORD,
    attributes: *const OBJECT_ATTRIBUTES,
    open: impl FnOnce(Asked) -> Result<HANDLE, Status>,
) -> NTSTATUS {
    if handle.is_null() {
        return status(Status::ACCESS_VIOLATION);
    }
    if attributes.is_null() {
        return status(Status::INVALID_PARAMETER);
    }
    // SAFETY: by the caller's promise.
    let opened = unsafe { read(attributes, access) }.and_then(|(asked, _)| match asked.name {
        None => Err(Status::OBJECT_PATH_SYNTAX_BAD),
        Some(_) => open(asked),
    });
    match opened {
        Ok(opened) => {
            // SAFETY: not NULL, and by the caller's promise.
            unsafe { handle.write(opened) };
            status(Status::SUCCESS)
        }
        Err(error) => status(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_name_of_win32() {
        assert_eq!(name_of(r"\BaseNamedObjects\a").unwrap(), r"Global\a");
        assert_eq!(name_of(r"\BaseNamedObjects\Local\a").unwrap(), r"Local\a");
        assert_eq!(name_of(r"\Sessions\1\BaseNamedObjects\a").unwrap(), "a");
        assert_eq!(name_of(r"\Sessions\1\BaseNamedObjects\Global\a").unwrap(), r"Global\a");
        assert_eq!(name_of("a"), Err(Status::OBJECT_PATH_SYNTAX_BAD));
        for path in [r"\", r"\a", r"\Sessions\x\BaseNamedObjects\a", r"\Sessions\1\a", r"\KernelObjects\a"] {
            assert_eq!(name_of(path), Err(Status::OBJECT_PATH_NOT_FOUND), "{path}");
        }
    }
}
