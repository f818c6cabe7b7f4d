//! What the machine and the system are, and what the program was started with.

use std::ffi::c_char;
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::*};

use proactor::Status;

use crate::error::{self, code};
use crate::text;
use crate::types::*;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, non_snake_case, reason = "Windows' own names")]
pub struct SYSTEM_INFO {
    pub wProcessorArchitecture: WORD,
    pub wReserved: WORD,
    pub dwPageSize: DWORD,
    pub lpMinimumApplicationAddress: usize,
    pub lpMaximumApplicationAddress: usize,
    pub dwActiveProcessorMask: usize,
    pub dwNumberOfProcessors: DWORD,
    pub dwProcessorType: DWORD,
    pub dwAllocationGranularity: DWORD,
    pub wProcessorLevel: WORD,
    pub wProcessorRevision: WORD,
}

const _: () = assert!(size_of::<SYSTEM_INFO>() == 48);

/// `GetSystemInfo`. The processors are those that the process may use, with its control group's limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetSystemInfo(info: *mut SYSTEM_INFO) {
    let processors = proactor::processors().clamp(1, 64) as u32;
    let (architecture, kind) = if cfg!(target_arch = "aarch64") { (12, 0) } else { (9, 8664) };
    let told = SYSTEM_INFO {
        wProcessorArchitecture: architecture,
        wReserved: 0,
        dwPageSize: crate::memory::page() as DWORD,
        lpMinimumApplicationAddress: 0x1_0000,
        lpMaximumApplicationAddress: 0x7fff_fffe_ffff,
        dwActiveProcessorMask: usize::MAX >> (64 - processors),
        dwNumberOfProcessors: processors,
        dwProcessorType: kind,
        dwAllocationGranularity: 64 << 10,
        wProcessorLevel: 6,
        wProcessorRevision: 0,
    };
    // SAFETY: a place for one, as documented.
    unsafe { info.write(told) };
}

/// `GetNativeSystemInfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetNativeSystemInfo(info: *mut SYSTEM_INFO) {
    // SAFETY: as above.
    unsafe { GetSystemInfo(info) };
}

/// The version whose rules are kept here: Windows 10, 22H2.
const VERSION: [DWORD; 3] = [10, 0, 19045];

/// `OSVERSIONINFO`, as both begin: its size, major, minor, build, platform, and 128 characters of text.
#[repr(C)]
struct VersionInfo<C> {
    size: DWORD,
    version: [DWORD; 3],
    platform: DWORD,
    text: [C; 128],
}

/// # Safety
/// `info` points to such a structure that says its size.
unsafe fn tell_version<C: Copy + Default>(info: *mut VersionInfo<C>) -> BOOL {
    const VER_PLATFORM_WIN32_NT: DWORD = 2;
    // SAFETY: by the caller's promise.
    unsafe {
        if ((*info).size as usize) < size_of::<VersionInfo<C>>() {
            return error::failed_with(code::ERROR_INSUFFICIENT_BUFFER);
        }
        (*info).version = VERSION;
        (*info).platform = VER_PLATFORM_WIN32_NT;
        (*info).text = [C::default(); 128];
    }
    TRUE
}

/// `GetVersionExA`: Windows 10, whose rules are kept here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetVersionExA(info: LPVOID) -> BOOL {
    // SAFETY: as documented; so below.
    unsafe { tell_version(info.cast::<VersionInfo<u8>>()) }
}

/// `GetVersionExW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetVersionExW(info: LPVOID) -> BOOL {
    // SAFETY: as above.
    unsafe { tell_version(info.cast::<VersionInfo<u16>>()) }
}

/// `GetVersion`.
#[unsafe(no_mangle)]
pub extern "C" fn GetVersion() -> DWORD {
    VERSION[2] << 16 | VERSION[1] << 8 | VERSION[0]
}

/// # Safety
/// `room` is a number's place, and `buffer` has so much room.
unsafe fn computer_name<C: Copy + Default>(name: &[C], buffer: *mut C, room: *mut DWORD) -> BOOL {
    if room.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    // SAFETY: by the caller's promise.
    unsafe {
        let had = *room;
        *room = text::put(name, buffer, had);
        if *room > had || buffer.is_null() { error::failed_with(code::ERROR_BUFFER_OVERFLOW) } else { TRUE }
    }
}

/// `GetComputerNameA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetComputerNameA(buffer: *mut u8, room: *mut DWORD) -> BOOL {
    let name = rustix::system::uname();
    // SAFETY: room as documented; so below.
    unsafe { computer_name(name.nodename().to_bytes(), buffer, room) }
}

/// `GetComputerNameW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetComputerNameW(buffer: *mut WCHAR, room: *mut DWORD) -> BOOL {
    let name = rustix::system::uname();
    // SAFETY: as above.
    unsafe { computer_name(&text::to_wide(&name.nodename().to_string_lossy()), buffer, room) }
}

/// The command line that these arguments are, as Windows' programs take it apart again.
fn joined(arguments: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut line = Vec::new();
    for argument in arguments {
        if !line.is_empty() {
            line.push(b' ');
        }
        if !argument.is_empty() && !argument.iter().any(|byte| b" \t\n\"".contains(byte)) {
            line.extend(argument);
            continue;
        }
        line.push(b'"');
        let mut slashes = 0;
        for byte in argument {
            match byte {
                b'\\' => slashes += 1,
                // Those before a quote count double, and one more is the quote's own.
                b'"' => {
                    line.extend(vec![b'\\'; slashes + 1]);
                    slashes = 0;
                }
                _ => slashes = 0,
            }
            line.push(byte);
        }
        line.extend(vec![b'\\'; slashes]);
        line.push(b'"');
    }
    line
}

fn command_line() -> &'static [u8] {
    static LINE: OnceLock<Vec<u8>> = OnceLock::new();
    LINE.get_or_init(|| {
        let mut line = joined(std::env::args_os().map(|argument| argument.as_bytes().to_vec()));
        line.push(0);
        line
    })
}

/// `GetCommandLineA`.
#[unsafe(no_mangle)]
pub extern "C" fn GetCommandLineA() -> *const u8 {
    command_line().as_ptr()
}

/// `GetCommandLineW`.
#[unsafe(no_mangle)]
pub extern "C" fn GetCommandLineW() -> *const WCHAR {
    static LINE: OnceLock<Vec<WCHAR>> = OnceLock::new();
    LINE.get_or_init(|| text::to_wide(&String::from_utf8_lossy(command_line()))).as_ptr()
}

/// A name that a variable can have.
fn variable(name: Result<String, Status>) -> Result<String, Status> {
    match name {
        Ok(name) if name.is_empty() || name.contains('=') => Err(Status::INVALID_PARAMETER),
        name => name,
    }
}

/// The value of a variable, put by `put` where it is to go.
fn get_variable(name: Result<String, Status>, put: impl FnOnce(&std::ffi::OsStr) -> DWORD) -> DWORD {
    match variable(name).map(std::env::var_os) {
        Ok(Some(value)) => {
            error::set(code::ERROR_SUCCESS);
            put(&value)
        }
        Ok(None) | Err(Status::INVALID_PARAMETER) => {
            error::failed_with(code::ERROR_ENVVAR_NOT_FOUND).cast_unsigned()
        }
        Err(status) => error::failed(status).cast_unsigned(),
    }
}

/// `GetEnvironmentVariableA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetEnvironmentVariableA(name: *const c_char, buffer: *mut u8, room: DWORD) -> DWORD {
    // SAFETY: a string and room as documented; so below.
    unsafe { get_variable(text::narrow(name), |value| text::put(value.as_bytes(), buffer, room)) }
}

/// `GetEnvironmentVariableW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetEnvironmentVariableW(
    name: *const WCHAR,
    buffer: *mut WCHAR,
    room: DWORD,
) -> DWORD {
    let put = |value: &std::ffi::OsStr| {
        let value = text::to_wide(&value.to_string_lossy());
        // SAFETY: as above.
        unsafe { text::put(&value, buffer, room) }
    };
    // SAFETY: as above.
    get_variable(unsafe { text::wide(name) }, put)
}

fn set_variable(name: Result<String, Status>, value: Result<Option<String>, Status>) -> BOOL {
    let set = variable(name).and_then(|name| {
        match value? {
            // SAFETY: a program of C that reads its environment at the same time by the C library's means has that
            // race on Linux with all who write it.
            Some(value) => unsafe { std::env::set_var(name, value) },
            // SAFETY: as above.
            None => unsafe { std::env::remove_var(name) },
        }
        Ok(())
    });
    error::succeeded(set)
}

/// `SetEnvironmentVariableA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetEnvironmentVariableA(name: *const c_char, value: *const c_char) -> BOOL {
    // SAFETY: strings as documented; so below.
    unsafe { set_variable(text::narrow(name), text::narrow_or_none(value)) }
}

/// `SetEnvironmentVariableW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetEnvironmentVariableW(name: *const WCHAR, value: *const WCHAR) -> BOOL {
    // SAFETY: as above.
    unsafe { set_variable(text::wide(name), text::wide_or_none(value)) }
}

static ERROR_MODE: AtomicU32 = AtomicU32::new(0);

/// `SetErrorMode`: kept and given back. Nothing here shows a box.
#[unsafe(no_mangle)]
pub extern "C" fn SetErrorMode(mode: u32) -> u32 {
    ERROR_MODE.swap(mode, Relaxed)
}

/// `GetErrorMode`.
#[unsafe(no_mangle)]
pub extern "C" fn GetErrorMode() -> u32 {
    ERROR_MODE.load(Relaxed)
}

/// `IsDebuggerPresent`.
#[unsafe(no_mangle)]
pub extern "C" fn IsDebuggerPresent() -> BOOL {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|id| id.trim() != "0").into()
}

/// `OutputDebugStringA`: as on Windows nobody sees it but a debugger, to which it goes by standard error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OutputDebugStringA(text: *const c_char) {
    if IsDebuggerPresent() != FALSE
        // SAFETY: a string as documented; so below.
        && let Ok(bytes) = unsafe { text::bytes(text) }
    {
        eprint!("{}", String::from_utf8_lossy(bytes));
    }
}

/// `OutputDebugStringW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn OutputDebugStringW(text: *const WCHAR) {
    if IsDebuggerPresent() != FALSE
        // SAFETY: as above.
        && let Ok(units) = unsafe { text::units(text) }
    {
        eprint!("{}", String::from_utf16_lossy(units));
    }
}

/// `DebugBreak`: SIGTRAP.
#[unsafe(no_mangle)]
pub extern "C" fn DebugBreak() {
    // SAFETY: a signal to this thread.
    unsafe { libc::raise(libc::SIGTRAP) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_quoted_where_it_has_to_be() {
        let line = |arguments: &[&str]| {
            String::from_utf8(joined(arguments.iter().map(|text| text.as_bytes().to_vec()))).unwrap()
        };
        assert_eq!(line(&["a", "b c", ""]), r#"a "b c" """#);
        assert_eq!(line(&[r#"a"b"#, r"c\", r"d e\", r#"\"x"#]), r#""a\"b" c\ "d e\\" "\\\"x""#);
    }
}
