//! `CreateProcess`: a program of Linux, started with Windows' arguments.
//!
//! A child gets its standard handles, its arguments, its environment and its folder. Other handles are not inherited: a
//! number of this table means nothing to a program of Linux.

use std::ffi::{CStr, OsString, c_char};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use proactor::Status;
use proactor::object::{Process, Waitable};
use proactor::raw::Sort;
use rustix::fs::{Mode, OFlags, fcntl_getfl, open};

use crate::cmdline;
use crate::error;
use crate::objects::ProcessObject;
use crate::table::{self, Object};
use crate::text;
use crate::types::*;

const DEBUG_PROCESS: DWORD = 1;
const DEBUG_ONLY_THIS_PROCESS: DWORD = 2;
const CREATE_SUSPENDED: DWORD = 4;
const CREATE_NEW_PROCESS_GROUP: DWORD = 0x200;
const CREATE_UNICODE_ENVIRONMENT: DWORD = 0x400;
const STARTF_USESTDHANDLES: DWORD = 0x100;

/// What `CreateProcess` is told of how the program is to start; text is not looked at, so both forms are one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, non_snake_case, reason = "Windows' own names")]
pub struct STARTUPINFO {
    pub cb: DWORD,
    pub lpReserved: usize,
    pub lpDesktop: usize,
    pub lpTitle: usize,
    pub dwX: [DWORD; 7],
    pub dwFlags: DWORD,
    pub wShowWindow: WORD,
    pub cbReserved2: WORD,
    pub lpReserved2: usize,
    pub hStd: [HANDLE; 3],
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, non_snake_case, reason = "Windows' own names")]
pub struct PROCESS_INFORMATION {
    pub hProcess: HANDLE,
    pub hThread: HANDLE,
    pub dwProcessId: DWORD,
    pub dwThreadId: DWORD,
}

const _: () = assert!(size_of::<STARTUPINFO>() == 104 && size_of::<PROCESS_INFORMATION>() == 24);

/// The first thread of a child: it ends with its process, and nothing else is known of it.
struct FirstThread(Process);

impl Object for FirstThread {
    fn kind(&self) -> &'static str {
        "thread"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.0)
    }
}

/// Children that have to be waited for, so that the system can forget them, and who may still ask how they ended.
static CHILDREN: Mutex<Vec<(Child, Weak<ProcessObject>)>> = Mutex::new(Vec::new());

/// Waits for the children that have ended and of which nobody has anything left to ask.
pub fn sweep() {
    let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    children.retain_mut(|(child, process)| {
        let known = process.upgrade().is_none_or(|process| process.0.exit_code().is_some());
        !(known && matches!(child.try_wait(), Ok(Some(_)) | Err(_)))
    });
}

/// The children that were started here and run.
pub fn children() -> Vec<u32> {
    sweep();
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(child, _)| child.id()).collect()
}

/// What both forms of `CreateProcess` are asked.
struct Asked {
    application: Option<String>,
    line: Option<String>,
    inherits: BOOL,
    flags: DWORD,
    /// `None`: this process's.
    environment: Option<Vec<(OsString, OsString)>>,
    folder: Option<String>,
}

/// The file of a program: as it is named, or without `.exe`, with either kind of slash.
fn file(name: &str) -> Option<PathBuf> {
    let slashed = name.replace('\\', "/");
    let short = |name: &str| name.strip_suffix(".exe").or(name.strip_suffix(".EXE")).map(str::to_owned);
    let names = [Some(name.to_owned()), Some(slashed.clone()), short(name), short(&slashed)];
    names.into_iter().flatten().map(PathBuf::from).find(|path| path.is_file())
}

/// The program that a command line begins with: beside this one, in the folder of now, in the PATH.
fn search(name: &str) -> Option<PathBuf> {
    if name.contains(['/', '\\']) {
        return file(name);
    }
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = beside.into_iter().chain([PathBuf::from(".")]).chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(name)).find_map(|path| file(path.to_str()?))
}

/// A standard handle of the child's. A pipe is opened anew, since what is read and written through a port does not block,
/// and a program expects that of its standard handles.
fn standard(handle: HANDLE) -> Result<Stdio, Status> {
    let object = table::object(handle)?;
    let io = object.io().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
    let again = |fd: BorrowedFd<'_>| -> Result<OwnedFd, Status> {
        if io.sort() != Sort::Pipe {
            return Ok(fd.try_clone_to_owned()?);
        }
        let mode = fcntl_getfl(fd)? & OFlags::ACCMODE;
        Ok(open(format!("/proc/self/fd/{}", fd.as_raw_fd()), mode | OFlags::CLOEXEC, Mode::empty())?)
    };
    Ok(io.with_fd(again)??.into())
}

fn create(asked: Asked, startup: &STARTUPINFO) -> Result<PROCESS_INFORMATION, Status> {
    if asked.flags & (DEBUG_PROCESS | DEBUG_ONLY_THIS_PROCESS | CREATE_SUSPENDED) != 0 {
        return Err(Status::NOT_SUPPORTED);
    }
    let (program, arguments) = match (&asked.application, &asked.line) {
        (None, None) => return Err(Status::INVALID_PARAMETER),
        (Some(application), None) => (file(application), vec![application.clone()]),
        (Some(application), Some(line)) => (file(application), cmdline::split(line)),
        (None, Some(line)) => (search(cmdline::split_program(line).0), cmdline::split(line)),
    };
    let program = program.ok_or(Status::OBJECT_NAME_NOT_FOUND)?;
    // Beside a folder of its own, `./x` would be looked for there.
    let program = std::path::absolute(program)?;
    let mut command = Command::new(program);
    command.arg0(&arguments[0]).args(&arguments[1..]);
    if let Some(environment) = asked.environment {
        command.env_clear().envs(environment);
    }
    if let Some(folder) = &asked.folder {
        let folder = folder.replace('\\', "/");
        if !Path::new(&folder).is_dir() {
            // ERROR_DIRECTORY
            return Err(Status::from_win32(267));
        }
        command.current_dir(folder);
    }
    if asked.flags & CREATE_NEW_PROCESS_GROUP != 0 {
        command.process_group(0);
    }
    if startup.dwFlags & STARTF_USESTDHANDLES != 0 && asked.inherits != FALSE {
        type Set = fn(&mut Command, Stdio) -> &mut Command;
        let set: [Set; 3] = [Command::stdin, Command::stdout, Command::stderr];
        for (set, handle) in set.into_iter().zip(startup.hStd) {
            // A handle that is none is no handle of the child's either.
            set(
                &mut command,
                if handle == NULL || handle == INVALID_HANDLE_VALUE {
                    Stdio::null()
                } else {
                    standard(handle)?
                },
            );
        }
    }
    enter(command.spawn().map_err(not_started)?)
}

fn not_started(error: std::io::Error) -> Status {
    const ERROR_BAD_EXE_FORMAT: DWORD = 193;
    match error.raw_os_error() {
        Some(libc::ENOEXEC) => Status::from_win32(ERROR_BAD_EXE_FORMAT),
        _ => error.into(),
    }
}

/// Gives a child that runs its handles; without them it is ended.
fn enter(mut child: Child) -> Result<PROCESS_INFORMATION, Status> {
    sweep();
    let id = child.id();
    let entered = Process::from_child(&child).and_then(|process| {
        let object = Arc::new(ProcessObject(process.clone()));
        let handle = table::insert(object.clone())?;
        let thread = table::insert(Arc::new(FirstThread(process))).inspect_err(|_| {
            let _ = table::close(handle);
        })?;
        Ok((object, handle, thread))
    });
    let (object, process, thread) = entered.inspect_err(|_| {
        let _ = child.kill();
        let _ = child.wait();
    })?;
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).push((child, Arc::downgrade(&object)));
    Ok(PROCESS_INFORMATION { hProcess: process, hThread: thread, dwProcessId: id, dwThreadId: id })
}

fn pairs(variables: impl Iterator<Item = Vec<u8>>) -> Vec<(OsString, OsString)> {
    let pair = |variable: Vec<u8>| {
        // One that begins with the sign is Windows' own, such as a drive's folder.
        let at = variable.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
        Some((OsString::from_vec(variable[..at].to_vec()), OsString::from_vec(variable[at + 1..].to_vec())))
    };
    variables.filter_map(pair).collect()
}

/// # Safety
/// `block` is NULL or strings of which the last is empty, wide ones if the flags say so.
unsafe fn environment(block: LPVOID, flags: DWORD) -> Result<Option<Vec<(OsString, OsString)>>, Status> {
    if block.is_null() {
        return Ok(None);
    }
    let mut variables = Vec::new();
    // SAFETY: by the caller's promise.
    unsafe {
        if flags & CREATE_UNICODE_ENVIRONMENT != 0 {
            let mut at = block.cast_const().cast::<WCHAR>();
            while *at != 0 {
                let units = text::units(at)?;
                variables.push(String::from_utf16_lossy(units).into_bytes());
                at = at.add(units.len() + 1);
            }
        } else {
            let mut at = block.cast_const().cast::<c_char>();
            while *at != 0 {
                let variable = CStr::from_ptr(at).to_bytes();
                variables.push(variable.to_vec());
                at = at.add(variable.len() + 1);
            }
        }
    }
    Ok(Some(pairs(variables.into_iter())))
}

/// # Safety
/// `startup` and `information` are NULL or as documented.
unsafe fn started(
    asked: Result<Asked, Status>,
    startup: *const STARTUPINFO,
    information: *mut PROCESS_INFORMATION,
) -> BOOL {
    // SAFETY: by the caller's promise.
    let startup = unsafe { startup.as_ref() }.filter(|_| !information.is_null());
    let created = startup.ok_or(Status::INVALID_PARAMETER).and_then(|startup| create(asked?, startup));
    // SAFETY: as above.
    error::succeeded(created.map(|told| unsafe { information.write(told) }))
}

/// `CreateProcessA`. Suspended processes and debugging are refused with `ERROR_NOT_SUPPORTED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateProcessA(
    application: *const c_char,
    line: *mut c_char,
    _process: *const SECURITY_ATTRIBUTES,
    _thread: *const SECURITY_ATTRIBUTES,
    inherits: BOOL,
    flags: DWORD,
    block: LPVOID,
    folder: *const c_char,
    startup: *const STARTUPINFO,
    information: *mut PROCESS_INFORMATION,
) -> BOOL {
    let asked = || {
        // SAFETY: each NULL or as documented.
        unsafe {
            Ok(Asked {
                application: text::narrow_or_none(application)?,
                line: text::narrow_or_none(line)?,
                inherits,
                flags,
                environment: environment(block, flags)?,
                folder: text::narrow_or_none(folder)?,
            })
        }
    };
    // SAFETY: as documented.
    unsafe { started(asked(), startup, information) }
}

/// `CreateProcessW`. Suspended processes and debugging are refused with `ERROR_NOT_SUPPORTED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateProcessW(
    application: *const WCHAR,
    line: *mut WCHAR,
    _process: *const SECURITY_ATTRIBUTES,
    _thread: *const SECURITY_ATTRIBUTES,
    inherits: BOOL,
    flags: DWORD,
    block: LPVOID,
    folder: *const WCHAR,
    startup: *const STARTUPINFO,
    information: *mut PROCESS_INFORMATION,
) -> BOOL {
    let asked = || {
        // SAFETY: each NULL or as documented.
        unsafe {
            Ok(Asked {
                application: text::wide_or_none(application)?,
                line: text::wide_or_none(line)?,
                inherits,
                flags,
                environment: environment(block, flags)?,
                folder: text::wide_or_none(folder)?,
            })
        }
    };
    // SAFETY: as documented.
    unsafe { started(asked(), startup, information) }
}
