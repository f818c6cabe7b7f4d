//! `CreateFile`.

use std::ffi::c_char;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use proactor::object::Existed;
use proactor::{Device, File, Share, Status};

use super::path::{Name, parse};
use super::{APPEND_DATA, DeviceObject, FileObject, READ_DATA, WRITE_DATA};
use crate::access::{Rights, SYNCHRONIZE};
use crate::error::{self, code};
use crate::table::{self, HandleFlags, Object};
use crate::types::*;
use crate::{named_pipe, text};

const CREATE_NEW: DWORD = 1;
const CREATE_ALWAYS: DWORD = 2;
const OPEN_EXISTING: DWORD = 3;
const OPEN_ALWAYS: DWORD = 4;
const TRUNCATE_EXISTING: DWORD = 5;

const FILE_ATTRIBUTE_READONLY: DWORD = 1;
const FILE_FLAG_DELETE_ON_CLOSE: DWORD = 0x0400_0000;
const FILE_FLAG_NO_BUFFERING: DWORD = 0x2000_0000;
const FILE_FLAG_OVERLAPPED: DWORD = 0x4000_0000;
const FILE_FLAG_WRITE_THROUGH: DWORD = 0x8000_0000;

const DELETE: DWORD = 0x0001_0000;
const READ_ATTRIBUTES: DWORD = 0x80;

const ERROR_FILE_EXISTS: DWORD = 80;
const ERROR_ALREADY_EXISTS: DWORD = 183;

/// What `CreateFile` is asked for beside a name.
struct Asked {
    access: DWORD,
    share: DWORD,
    disposition: DWORD,
    flags: DWORD,
    inherit: HandleFlags,
}

impl Asked {
    /// What the handle is for, in single rights.
    fn rights(&self) -> DWORD {
        Rights::FILE.specific(self.access) | SYNCHRONIZE | READ_ATTRIBUTES
    }

    fn has(&self, right: DWORD) -> bool {
        self.rights() & right != 0
    }

    fn flag(&self, flag: DWORD) -> bool {
        self.flags & flag != 0
    }
}

/// A handle, and whether what it is to was there before.
fn open(name: Result<Vec<u8>, Status>, asked: &Asked) -> Result<(HANDLE, Existed), Status> {
    let known = matches!(
        asked.disposition,
        CREATE_NEW | CREATE_ALWAYS | OPEN_EXISTING | OPEN_ALWAYS | TRUNCATE_EXISTING
    );
    if !known || asked.share & !7 != 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    let device = |path: &str, read: bool, write: bool| {
        let file = std::fs::OpenOptions::new().read(read).write(write).open(path)?;
        Ok::<_, Status>((insert_device(file, asked)?, Existed::Yes))
    };
    match parse(&name?)? {
        Name::Path(path) => open_file(&path, asked),
        Name::Pipe(name) => {
            let inherit = if asked.inherit.is_empty() { FALSE } else { TRUE };
            Ok((named_pipe::open(&name, asked.access, asked.flags, inherit)?, Existed::Yes))
        }
        Name::Null => device("/dev/null", true, true),
        // A console of the system's, if this process has one.
        Name::ConsoleIn => device("/dev/tty", true, false),
        Name::ConsoleOut => device("/dev/tty", false, true),
    }
}

fn open_file(path: &Path, asked: &Asked) -> Result<(HANDLE, Existed), Status> {
    if asked.disposition == TRUNCATE_EXISTING && !asked.has(WRITE_DATA) {
        return Err(Status::INVALID_PARAMETER);
    }
    if asked.flag(FILE_FLAG_DELETE_ON_CLOSE) && !asked.has(DELETE) {
        // CreateFile asks for the right itself.
        let with_right = Asked { access: asked.access | DELETE, ..*asked };
        return open_file(path, &with_right);
    }
    let mut options = File::options();
    options
        .read(asked.has(READ_DATA))
        .write(asked.has(WRITE_DATA))
        .append(asked.has(APPEND_DATA))
        .delete(asked.has(DELETE))
        .share(Share::from_bits_truncate(asked.share as u8))
        .create_new(asked.disposition == CREATE_NEW)
        .create(matches!(asked.disposition, CREATE_ALWAYS | OPEN_ALWAYS))
        .truncate(matches!(asked.disposition, CREATE_ALWAYS | TRUNCATE_EXISTING))
        .unbuffered(asked.flag(FILE_FLAG_NO_BUFFERING))
        .write_through(asked.flag(FILE_FLAG_WRITE_THROUGH))
        .delete_on_close(asked.flag(FILE_FLAG_DELETE_ON_CLOSE))
        .synchronous(!asked.flag(FILE_FLAG_OVERLAPPED));
    let (file, existed) = match options.open_or_create(path) {
        // A device, a terminal, a FIFO: it is read and written as it is.
        Err(Status::OBJECT_TYPE_MISMATCH) => {
            let mut options = std::fs::OpenOptions::new();
            let file =
                options.read(asked.has(READ_DATA)).write(asked.has(WRITE_DATA | APPEND_DATA)).open(path)?;
            return Ok((insert_device(file, asked)?, Existed::Yes));
        }
        opened => opened?,
    };
    if existed == Existed::No && asked.flag(FILE_ATTRIBUTE_READONLY) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o444))?;
    }
    let object = Arc::new(FileObject::file(file));
    if asked.flag(FILE_FLAG_DELETE_ON_CLOSE) {
        close_at_exit(&object);
    }
    Ok((table::insert_granted(object, asked.inherit, asked.rights())?, existed))
}

fn insert_device(file: std::fs::File, asked: &Asked) -> Result<HANDLE, Status> {
    let object = Arc::new(DeviceObject(Device::from_fd(file)));
    table::insert_granted(object, asked.inherit, asked.rights())
}

/// Files whose names are to go also if the program ends without closing them.
static DOOMED: Mutex<Vec<Weak<FileObject>>> = Mutex::new(Vec::new());

fn close_at_exit(object: &Arc<FileObject>) {
    extern "C" fn close_all() {
        let doomed = std::mem::take(&mut *DOOMED.lock().unwrap_or_else(PoisonError::into_inner));
        doomed.iter().filter_map(Weak::upgrade).for_each(|object| object.last_closed());
    }
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function may be called at any time. If there is no room for one more, the names stay.
        let _ = unsafe { libc::atexit(close_all) };
    });
    let mut doomed = DOOMED.lock().unwrap_or_else(PoisonError::into_inner);
    doomed.retain(|object| object.strong_count() > 0);
    doomed.push(Arc::downgrade(object));
}

/// What both forms have in common.
///
/// # Safety
/// `security` is NULL or points to a `SECURITY_ATTRIBUTES`.
unsafe fn create(
    name: Result<Vec<u8>, Status>,
    (access, share): (DWORD, DWORD),
    security: *const SECURITY_ATTRIBUTES,
    disposition: DWORD,
    flags: DWORD,
) -> HANDLE {
    // SAFETY: by the caller's promise.
    let inherits = unsafe { security.as_ref() }.map_or(FALSE, |security| security.bInheritHandle);
    let asked = Asked { access, share, disposition, flags, inherit: table::inherit(inherits) };
    match open(name, &asked) {
        Ok((handle, existed)) => {
            let was_there = existed == Existed::Yes && matches!(disposition, CREATE_ALWAYS | OPEN_ALWAYS);
            error::set(if was_there { ERROR_ALREADY_EXISTS } else { code::ERROR_SUCCESS });
            handle
        }
        Err(status) => {
            error::set(match status {
                Status::OBJECT_NAME_COLLISION => ERROR_FILE_EXISTS,
                status => status.to_win32(),
            });
            INVALID_HANDLE_VALUE
        }
    }
}

/// `CreateFileA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateFileA(
    name: *const c_char,
    access: DWORD,
    share: DWORD,
    security: *const SECURITY_ATTRIBUTES,
    disposition: DWORD,
    flags: DWORD,
    _template: HANDLE,
) -> HANDLE {
    // SAFETY: a name and attributes, or NULL, as documented.
    unsafe {
        let name = text::bytes(name).map(<[u8]>::to_vec);
        create(name, (access, share), security, disposition, flags)
    }
}

/// `CreateFileW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateFileW(
    name: *const WCHAR,
    access: DWORD,
    share: DWORD,
    security: *const SECURITY_ATTRIBUTES,
    disposition: DWORD,
    flags: DWORD,
    _template: HANDLE,
) -> HANDLE {
    // SAFETY: as above.
    unsafe {
        let name = text::wide(name).map(String::into_bytes);
        create(name, (access, share), security, disposition, flags)
    }
}
