//! Processes by their handles: which they are, how they ended, and ending them.

use std::sync::Arc;

use proactor::Status;
use proactor::object::{Exit, Process};

use crate::error::{self, code};
use crate::objects::ProcessObject;
use crate::spawn;
use crate::table;
use crate::thread::STILL_ACTIVE;
use crate::types::*;

/// The process behind a handle; `None` is this one, by `GetCurrentProcess()`.
fn process_of(handle: HANDLE) -> Result<Option<Process>, Status> {
    if handle == CURRENT_PROCESS {
        return Ok(None);
    }
    table::get::<ProcessObject>(handle).map(|object| Some(object.0.clone()))
}

/// What Windows says of a process that was ended by a fault or a signal.
fn exit_code(exit: Exit) -> DWORD {
    const BY_SIGNAL: [(i32, DWORD); 7] = [
        (libc::SIGSEGV, 0xC000_0005),
        (libc::SIGBUS, 0xC000_0006),
        (libc::SIGILL, 0xC000_001D),
        (libc::SIGFPE, 0xC000_0094),
        (libc::SIGINT, 0xC000_013A),
        (libc::SIGTRAP, 0x8000_0003),
        (libc::SIGABRT, 3),
    ];
    match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => {
            let known = BY_SIGNAL.iter().find(|(number, _)| number.unsigned_abs() == signal);
            // As a shell has it.
            known.map_or(128 + signal, |(_, code)| *code)
        }
        Exit::Unknown => 0,
    }
}

/// `GetCurrentProcess`.
#[unsafe(no_mangle)]
pub extern "C" fn GetCurrentProcess() -> HANDLE {
    CURRENT_PROCESS
}

/// `GetCurrentProcessId`.
#[unsafe(no_mangle)]
pub extern "C" fn GetCurrentProcessId() -> DWORD {
    std::process::id()
}

/// `GetProcessId`.
#[unsafe(no_mangle)]
pub extern "C" fn GetProcessId(process: HANDLE) -> DWORD {
    let id = |process: Option<Process>| process.map_or_else(std::process::id, |process| process.id());
    error::value_or(process_of(process).map(id), 0)
}

/// `OpenProcess`. What may be done is what Linux lets this user do.
#[unsafe(no_mangle)]
pub extern "C" fn OpenProcess(_access: DWORD, inherit: BOOL, id: DWORD) -> HANDLE {
    let opened = Process::open(id)
        .map_err(|status| if status == Status::INVALID_CID { Status::INVALID_PARAMETER } else { status })
        .and_then(|process| table::insert_with(Arc::new(ProcessObject(process)), table::inherit(inherit)));
    error::value_or(opened, NULL)
}

/// `GetExitCodeProcess`: 259 while it runs. Of a process that ended by itself it has eight bits, as Linux keeps them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetExitCodeProcess(process: HANDLE, told: *mut DWORD) -> BOOL {
    let process = match process_of(process) {
        Ok(process) => process,
        Err(status) => return error::failed(status),
    };
    if told.is_null() {
        return error::failed_with(code::ERROR_NOACCESS);
    }
    let exit = process.and_then(|process| process.exit_code());
    spawn::sweep();
    // SAFETY: not NULL, and a number's place as documented.
    unsafe { told.write(exit.map_or(STILL_ACTIVE, exit_code)) };
    TRUE
}

/// `TerminateProcess`. Whoever asks by the same handle, or a duplicate, is told this exit code.
#[unsafe(no_mangle)]
pub extern "C" fn TerminateProcess(process: HANDLE, code: DWORD) -> BOOL {
    match process_of(process) {
        // SAFETY: ends the process at once, and nothing after it is run.
        Ok(None) => unsafe { libc::_exit(code.cast_signed()) },
        Ok(Some(process)) => error::succeeded(process.terminate_with(code)),
        Err(status) => error::failed(status),
    }
}

/// `ExitProcess`: what C has to do at the end of a program is done, such as writing out what it has buffered.
#[unsafe(no_mangle)]
pub extern "C" fn ExitProcess(code: DWORD) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::exit(code.cast_signed()) }
}
