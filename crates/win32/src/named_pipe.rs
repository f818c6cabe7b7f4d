//! Named pipes: instances, clients, and what either asks about them. Reading and writing are those of any handle.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

use proactor::object::Waitable;
use proactor::raw::{self, Io};
use proactor::{NamedPipe, NamedPipeOptions, PipeModes, Status, op, wait_named_pipe};

use crate::access::{self, Rights};
use crate::error::{self, code};
use crate::overlapped::{self, Began, Places};
use crate::table::{self, Object};
use crate::text;
use crate::types::*;

const PIPE_ACCESS_INBOUND: DWORD = 1;
const PIPE_ACCESS_DUPLEX: DWORD = 3;
const FILE_FLAG_FIRST_PIPE_INSTANCE: DWORD = 0x0008_0000;
const FILE_FLAG_WRITE_THROUGH: DWORD = 0x8000_0000;
const FILE_FLAG_OVERLAPPED: DWORD = 0x4000_0000;
/// `WRITE_DAC`, `WRITE_OWNER` and `ACCESS_SYSTEM_SECURITY`, of which the second is that of the first instance too.
const ABOUT_SECURITY: DWORD = 0x010C_0000;

const PIPE_NOWAIT: DWORD = 1;
const PIPE_READMODE_MESSAGE: DWORD = 2;
const PIPE_TYPE_MESSAGE: DWORD = 4;
const PIPE_REJECT_REMOTE_CLIENTS: DWORD = 8;
const PIPE_UNLIMITED_INSTANCES: DWORD = 255;
const PIPE_SERVER_END: DWORD = 1;

const NMPWAIT_USE_DEFAULT_WAIT: DWORD = 0;

const FILE_READ_DATA: DWORD = 1;
const FILE_WRITE_DATA: DWORD = 2;
const FILE_APPEND_DATA: DWORD = 4;
const FILE_WRITE_ATTRIBUTES: DWORD = 0x100;
const FILE_READ_ATTRIBUTES: DWORD = 0x80;

/// An end of a named pipe as a handle's object.
pub struct NamedPipeObject {
    /// The pipe.
    pub pipe: NamedPipe,
    io: Io,
}

impl Object for NamedPipeObject {
    fn kind(&self) -> &'static str {
        "named pipe"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.io)
    }

    fn io(&self) -> Option<&Io> {
        Some(&self.io)
    }

    fn last_closed(&self) {
        // It was open until now.
        let _ = self.pipe.close();
    }
}

fn insert(pipe: NamedPipe, inherit: BOOL, access: DWORD) -> Result<HANDLE, Status> {
    let io = Io::from(pipe.clone());
    table::insert_granted(Arc::new(NamedPipeObject { pipe, io }), table::inherit(inherit), access)
}

/// What comes after `\\.\pipe\` in the name of a pipe of this machine, however that is written; `None` if it is the name
/// of something else.
pub fn pipe_name(path: &str) -> Option<&str> {
    let bytes = path.as_bytes();
    let is_slash = |at: usize| matches!(bytes.get(at), Some(b'\\' | b'/'));
    let device = is_slash(0) && is_slash(1) && matches!(bytes.get(2), Some(b'.' | b'?')) && is_slash(3);
    let pipe = bytes.get(4..8).is_some_and(|word| word.eq_ignore_ascii_case(b"pipe"));
    // All before it are single bytes.
    (device && pipe && is_slash(8)).then(|| &path[9..])
}

/// Opens a pipe as a client, as `CreateFile` asks for.
pub fn open(name: &str, access: DWORD, flags: DWORD, inherit: BOOL) -> Result<HANDLE, Status> {
    let access = Rights::FILE.specific(access);
    let (read, write) = (access & FILE_READ_DATA != 0, access & (FILE_WRITE_DATA | FILE_APPEND_DATA) != 0);
    let synchronous = flags & FILE_FLAG_OVERLAPPED == 0;
    insert(NamedPipe::open_for(name, read, write, synchronous)?, inherit, access)
}

/// The options that `CreateNamedPipe` was given.
fn options(
    open_mode: DWORD,
    pipe_mode: DWORD,
    most: DWORD,
    sizes: (DWORD, DWORD),
    timeout: DWORD,
) -> Result<NamedPipeOptions, Status> {
    let known = PIPE_ACCESS_DUPLEX
        | FILE_FLAG_FIRST_PIPE_INSTANCE
        | FILE_FLAG_WRITE_THROUGH
        | FILE_FLAG_OVERLAPPED
        | ABOUT_SECURITY;
    let known_modes = PIPE_NOWAIT | PIPE_READMODE_MESSAGE | PIPE_TYPE_MESSAGE | PIPE_REJECT_REMOTE_CLIENTS;
    let access = open_mode & PIPE_ACCESS_DUPLEX;
    if access == 0 || open_mode & !known != 0 || pipe_mode & !known_modes != 0 || !(1..=255).contains(&most) {
        return Err(Status::INVALID_PARAMETER);
    }
    let mut options = NamedPipeOptions::new().synchronous(open_mode & FILE_FLAG_OVERLAPPED == 0);
    if pipe_mode & PIPE_TYPE_MESSAGE != 0 {
        options = options.messages();
    }
    options = options.modes(modes(pipe_mode)).buffers(sizes.0, sizes.1);
    match access {
        PIPE_ACCESS_DUPLEX => {}
        PIPE_ACCESS_INBOUND => options = options.inbound(),
        _ => options = options.outbound(),
    }
    if most != PIPE_UNLIMITED_INSTANCES {
        options = options.max_instances(most as u8);
    }
    if open_mode & FILE_FLAG_FIRST_PIPE_INSTANCE != 0 {
        options = options.first_instance();
    }
    if timeout != 0 {
        options = options.default_timeout(Duration::from_millis(timeout.into()));
    }
    Ok(options)
}

fn modes(pipe_mode: DWORD) -> PipeModes {
    let mut modes = PipeModes::empty();
    modes.set(PipeModes::MESSAGES, pipe_mode & PIPE_READMODE_MESSAGE != 0);
    modes.set(PipeModes::NO_WAIT, pipe_mode & PIPE_NOWAIT != 0);
    modes
}

/// # Safety
/// `security` is NULL or points to valid attributes.
unsafe fn inherits(security: *const SECURITY_ATTRIBUTES) -> BOOL {
    // SAFETY: by the caller's promise.
    unsafe { security.as_ref() }.map_or(FALSE, |security| security.bInheritHandle)
}

fn create(name: Result<String, Status>, options: Result<NamedPipeOptions, Status>, inherit: BOOL) -> HANDLE {
    let made = name.and_then(|path| {
        let name = pipe_name(&path).ok_or(Status::OBJECT_NAME_INVALID)?;
        insert(NamedPipe::create(name, &options?)?, inherit, access::ALL)
    });
    error::value_or(made, INVALID_HANDLE_VALUE)
}

/// `CreateNamedPipeA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateNamedPipeA(
    name: *const c_char,
    open_mode: DWORD,
    pipe_mode: DWORD,
    most: DWORD,
    out_size: DWORD,
    in_size: DWORD,
    timeout: DWORD,
    security: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    if name.is_null() {
        error::set(code::ERROR_PATH_NOT_FOUND);
        return INVALID_HANDLE_VALUE;
    }
    // SAFETY: a C string, and attributes or NULL, as documented.
    let (name, inherit) = unsafe { (text::narrow(name), inherits(security)) };
    create(name, options(open_mode, pipe_mode, most, (out_size, in_size), timeout), inherit)
}

/// `CreateNamedPipeW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateNamedPipeW(
    name: *const WCHAR,
    open_mode: DWORD,
    pipe_mode: DWORD,
    most: DWORD,
    out_size: DWORD,
    in_size: DWORD,
    timeout: DWORD,
    security: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    if name.is_null() {
        error::set(code::ERROR_PATH_NOT_FOUND);
        return INVALID_HANDLE_VALUE;
    }
    // SAFETY: a wide C string, and attributes or NULL, as documented.
    let (name, inherit) = unsafe { (text::wide(name), inherits(security)) };
    create(name, options(open_mode, pipe_mode, most, (out_size, in_size), timeout), inherit)
}

fn pipe(handle: HANDLE) -> Result<Arc<NamedPipeObject>, Status> {
    table::get(handle)
}

/// `ConnectNamedPipe`. On a handle that is not overlapped, or without an OVERLAPPED, it waits for the client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ConnectNamedPipe(handle: HANDLE, overlapped: *mut OVERLAPPED) -> BOOL {
    let object = match pipe(handle) {
        Ok(object) => object,
        Err(status) => return error::failed(status),
    };
    if overlapped.is_null() || object.pipe.is_synchronous() {
        let listened = object.pipe.perform(op::Listen::new());
        return error::succeeded(match listened {
            Ok(listen) => listen.result().map(drop),
            Err(refused) => Err(refused.status),
        });
    }
    // SAFETY: not NULL, and the operation's own until it ends, as documented.
    match unsafe { overlapped::start(&object.io, op::Listen::new(), overlapped, None) } {
        Ok(Began::Done { .. }) => TRUE,
        Ok(Began::Pending) => error::failed_with(code::ERROR_IO_PENDING),
        Err(status) => error::failed(status),
    }
}

/// `DisconnectNamedPipe`.
#[unsafe(no_mangle)]
pub extern "C" fn DisconnectNamedPipe(handle: HANDLE) -> BOOL {
    error::succeeded(pipe(handle).and_then(|object| object.pipe.disconnect()))
}

/// `PeekNamedPipe`, also for pipes without names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PeekNamedPipe(
    handle: HANDLE,
    buffer: LPVOID,
    size: DWORD,
    read: *mut DWORD,
    available: *mut DWORD,
    left: *mut DWORD,
) -> BOOL {
    let object = match table::object(handle) {
        Ok(object) => object,
        Err(status) => return error::failed(status),
    };
    let into: &mut [u8] = if buffer.is_null() || size == 0 {
        &mut []
    } else {
        // SAFETY: it may be written to for `size` bytes, as documented.
        unsafe { std::slice::from_raw_parts_mut(buffer.cast(), size as usize) }
    };
    let peeked = match object.io().map(|io| (io.named_pipe(), io.pipe())) {
        Some((Some(pipe), _)) => pipe.peek(into),
        Some((_, Some(pipe))) => pipe.peek(into),
        Some(_) => Err(Status::INVALID_DEVICE_REQUEST),
        None => Err(Status::OBJECT_TYPE_MISMATCH),
    };
    match peeked {
        Ok(peeked) => {
            let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
            // SAFETY: each is NULL or may be written to, as documented.
            unsafe {
                tell(&[
                    (read, count(peeked.bytes)),
                    (available, count(peeked.available)),
                    (left, count(peeked.left_of_message)),
                ]);
            }
            TRUE
        }
        Err(status) => error::failed(status),
    }
}

/// `TransactNamedPipe`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TransactNamedPipe(
    handle: HANDLE,
    question: LPVOID,
    question_len: DWORD,
    answer: LPVOID,
    room: DWORD,
    count: *mut DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    let mut told = false;
    let began = pipe(handle).and_then(|object| {
        if question.is_null() && question_len > 0 || answer.is_null() && room > 0 {
            return Err(Status::ACCESS_VIOLATION);
        }
        let question = match question_len {
            0 => Vec::new(),
            // SAFETY: it may be read, as documented, and is copied: a cancelled answer must not leave it in use.
            len => unsafe { std::slice::from_raw_parts(question.cast::<u8>(), len as usize) }.to_vec(),
        };
        object.pipe.ask(question)?;
        // SAFETY: it may be written to until the operation ends, as documented.
        let recv = op::Recv::new(unsafe { raw::memory(answer.cast(), room as usize) });
        if overlapped.is_null() || object.pipe.is_synchronous() {
            // SAFETY: NULL or an OVERLAPPED, as documented.
            let (status, bytes) = unsafe { overlapped::perform(&object.io, recv, overlapped, true) }?;
            return Ok(Began::Done { bytes, status });
        }
        told = true;
        let places = Places { count, ..Places::NONE };
        // SAFETY: not NULL, and the operation's own until it ends, as documented.
        unsafe { overlapped::start_telling(&object.io, recv, overlapped, None, places) }
    });
    match began {
        Ok(Began::Pending) => error::failed_with(code::ERROR_IO_PENDING),
        Ok(Began::Done { bytes, status }) => {
            if !told {
                // SAFETY: NULL or may be written to, as documented.
                unsafe { tell(&[(count, bytes as DWORD)]) };
            }
            if status.is_success() { TRUE } else { error::failed(status) }
        }
        Err(status) => error::failed(status),
    }
}

/// `SetNamedPipeHandleState`. Collecting is for pipes of other machines: asking for it is an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetNamedPipeHandleState(
    handle: HANDLE,
    mode: *const DWORD,
    collect_count: *const DWORD,
    collect_timeout: *const DWORD,
) -> BOOL {
    let object = match pipe(handle) {
        Ok(object) => object,
        Err(status) => return error::failed(status),
    };
    if !(collect_count.is_null() && collect_timeout.is_null()) {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: NULL, or may be read, as documented.
    let Some(mode) = (unsafe { mode.as_ref() }) else { return TRUE };
    if mode & !(PIPE_NOWAIT | PIPE_READMODE_MESSAGE) != 0 {
        return error::failed(Status::INVALID_PARAMETER);
    }
    let granted =
        table::granted(handle).and_then(|(_, granted)| access::check(granted, FILE_WRITE_ATTRIBUTES));
    error::succeeded(granted.and_then(|()| object.pipe.set_pipe_modes(modes(*mode))))
}

/// Writes where something was asked for.
///
/// # Safety
/// Each place is NULL or may be written to.
unsafe fn tell(told: &[(*mut DWORD, DWORD)]) {
    for (place, value) in told {
        if !place.is_null() {
            // SAFETY: not NULL, and by the caller's promise.
            unsafe { place.write(*value) };
        }
    }
}

/// `GetNamedPipeInfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetNamedPipeInfo(
    handle: HANDLE,
    flags: *mut DWORD,
    out_size: *mut DWORD,
    in_size: *mut DWORD,
    most: *mut DWORD,
) -> BOOL {
    let object = match pipe(handle) {
        Ok(object) => object,
        Err(status) => return error::failed(status),
    };
    let ends = object.pipe.info();
    let kind = if ends.messages { PIPE_TYPE_MESSAGE } else { 0 };
    let end = if ends.server { PIPE_SERVER_END } else { 0 };
    let instances = ends.max_instances.map_or(PIPE_UNLIMITED_INSTANCES, DWORD::from);
    // SAFETY: each is NULL or may be written to, as documented.
    unsafe {
        tell(&[
            (flags, kind | end),
            (out_size, ends.buffers.0),
            (in_size, ends.buffers.1),
            (most, instances),
        ]);
    }
    TRUE
}

fn state(handle: HANDLE) -> Result<(DWORD, DWORD), Status> {
    let object = pipe(handle)?;
    let (_, granted) = table::granted(handle)?;
    access::check(granted, FILE_READ_ATTRIBUTES)?;
    let ends = object.pipe.info();
    let messages = if ends.modes.contains(PipeModes::MESSAGES) { PIPE_READMODE_MESSAGE } else { 0 };
    let no_wait = if ends.modes.contains(PipeModes::NO_WAIT) { PIPE_NOWAIT } else { 0 };
    Ok((messages | no_wait, object.pipe.instances()?))
}

/// Both forms: of who the client is nothing is told, which is an error by name, as is collecting.
///
/// # Safety
/// Each is NULL or may be written to.
unsafe fn handle_state(
    handle: HANDLE,
    mode: *mut DWORD,
    instances: *mut DWORD,
    collecting: bool,
    asks_user: bool,
) -> BOOL {
    if collecting {
        return error::failed(Status::INVALID_PARAMETER);
    }
    if asks_user {
        return error::failed(Status::NOT_SUPPORTED);
    }
    match state(handle) {
        Ok((now, count)) => {
            // SAFETY: by the caller's promise.
            unsafe { tell(&[(mode, now), (instances, count)]) };
            TRUE
        }
        Err(status) => error::failed(status),
    }
}

/// `GetNamedPipeHandleStateA`, but for the name of the user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetNamedPipeHandleStateA(
    handle: HANDLE,
    mode: *mut DWORD,
    instances: *mut DWORD,
    collect_count: *mut DWORD,
    collect_timeout: *mut DWORD,
    user: *mut c_char,
    _room: DWORD,
) -> BOOL {
    let collecting = !(collect_count.is_null() && collect_timeout.is_null());
    // SAFETY: each is NULL or may be written to, as documented.
    unsafe { handle_state(handle, mode, instances, collecting, !user.is_null()) }
}

/// `GetNamedPipeHandleStateW`, but for the name of the user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetNamedPipeHandleStateW(
    handle: HANDLE,
    mode: *mut DWORD,
    instances: *mut DWORD,
    collect_count: *mut DWORD,
    collect_timeout: *mut DWORD,
    user: *mut WCHAR,
    _room: DWORD,
) -> BOOL {
    let collecting = !(collect_count.is_null() && collect_timeout.is_null());
    // SAFETY: each is NULL or may be written to, as documented.
    unsafe { handle_state(handle, mode, instances, collecting, !user.is_null()) }
}

/// # Safety
/// `process` may be written to, or is NULL.
unsafe fn peer(handle: HANDLE, process: *mut ULONG, of_server: bool) -> BOOL {
    if process.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    let found = pipe(handle).and_then(|object| match object.pipe.info().server == of_server {
        true => Ok(std::process::id()),
        false => object.pipe.peer_process(),
    });
    match found {
        Ok(found) => {
            // SAFETY: not NULL, and by the caller's promise.
            unsafe { process.write(found) };
            TRUE
        }
        Err(status) => error::failed(status),
    }
}

/// `GetNamedPipeClientProcessId`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetNamedPipeClientProcessId(handle: HANDLE, process: *mut ULONG) -> BOOL {
    // SAFETY: may be written to, as documented.
    unsafe { peer(handle, process, false) }
}

/// `GetNamedPipeServerProcessId`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetNamedPipeServerProcessId(handle: HANDLE, process: *mut ULONG) -> BOOL {
    // SAFETY: may be written to, as documented.
    unsafe { peer(handle, process, true) }
}

fn wait(name: Result<String, Status>, milliseconds: DWORD) -> BOOL {
    let timeout = match milliseconds {
        NMPWAIT_USE_DEFAULT_WAIT => None,
        milliseconds => Some(error::timeout(milliseconds).unwrap_or(Duration::MAX)),
    };
    error::succeeded(name.and_then(|path| {
        let name = pipe_name(&path).ok_or(Status::OBJECT_NAME_INVALID)?;
        wait_named_pipe(name, timeout)
    }))
}

/// `WaitNamedPipeA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WaitNamedPipeA(name: *const c_char, milliseconds: DWORD) -> BOOL {
    // SAFETY: a C string, as documented.
    wait(unsafe { text::narrow(name) }, milliseconds)
}

/// `WaitNamedPipeW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WaitNamedPipeW(name: *const WCHAR, milliseconds: DWORD) -> BOOL {
    // SAFETY: a wide C string, as documented.
    wait(unsafe { text::wide(name) }, milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_known_by_its_name() {
        for path in [r"\\.\pipe\a", r"\\.\PIPE\a", r"\\?\Pipe\a", "//./pipe/a"] {
            assert_eq!(pipe_name(path), Some("a"), "{path}");
        }
        assert_eq!(pipe_name(r"\\.\pipe\ä\b"), Some(r"ä\b"));
        assert_eq!(pipe_name(r"\\.\pipe\"), Some(""));
        for path in ["", "a", r"\\.\pipe", r"\\server\pipe\a", r"\\.\pipé\a", r"\.\pipe\a", "é"] {
            assert_eq!(pipe_name(path), None, "{path}");
        }
    }
}
