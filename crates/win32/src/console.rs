//! Console control: what Linux has as signals, given to handlers of the program's in a thread of their own.
//!
//! SIGINT is `CTRL_C_EVENT`, SIGQUIT `CTRL_BREAK_EVENT`, SIGHUP `CTRL_CLOSE_EVENT`, SIGTERM `CTRL_SHUTDOWN_EVENT`. They are
//! taken over when the first handler is set; until then, and for what no handler takes, Linux' own rule holds.

use std::ffi::c_void;
use std::io::Read;
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::*};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use proactor::Status;

use crate::error;
use crate::frames;
use crate::spawn;
use crate::types::*;

const CTRL_C_EVENT: DWORD = 0;
const CTRL_BREAK_EVENT: DWORD = 1;
const CTRL_CLOSE_EVENT: DWORD = 2;
const CTRL_SHUTDOWN_EVENT: DWORD = 6;

const EVENTS: [(i32, DWORD); 4] = [
    (libc::SIGINT, CTRL_C_EVENT),
    (libc::SIGQUIT, CTRL_BREAK_EVENT),
    (libc::SIGHUP, CTRL_CLOSE_EVENT),
    (libc::SIGTERM, CTRL_SHUTDOWN_EVENT),
];

/// The program's handlers, the newest last.
static HANDLERS: Mutex<Vec<usize>> = Mutex::new(Vec::new());
/// Whether `CTRL_C_EVENT` is not to reach anybody.
static IGNORES_C: AtomicBool = AtomicBool::new(false);
/// Where the signal handler writes which signal it was.
static PIPE: AtomicI32 = AtomicI32::new(-1);

fn handlers() -> MutexGuard<'static, Vec<usize>> {
    HANDLERS.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn on_signal(signal: i32) {
    // SAFETY: only what may be done in a signal handler: a write of one byte, with errno kept.
    unsafe {
        let errno = *libc::__errno_location();
        let byte = signal as u8;
        libc::write(PIPE.load(Acquire), (&raw const byte).cast(), 1);
        *libc::__errno_location() = errno;
    }
}

/// Asks the handlers, newest first; if none takes it, what Linux does with the signal is done.
fn deliver(signal: i32) {
    let Some((_, event)) = EVENTS.iter().find(|(number, _)| *number == signal) else { return };
    if *event == CTRL_C_EVENT && IGNORES_C.load(Relaxed) {
        return;
    }
    let asked = handlers().clone();
    for handler in asked.into_iter().rev() {
        // SAFETY: a function of this number, as it was set. One that ends its thread has taken the event.
        let taken = unsafe { frames::try_call(handler, [*event as usize, 0, 0, 0, 0, 0]) };
        if taken.is_err() || taken.is_ok_and(|taken| taken as BOOL != FALSE) {
            return;
        }
    }
    // SAFETY: the system's own handling, for this process.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Takes the signals over, once; the thread in which handlers run starts with that.
fn take_over() -> Result<(), Status> {
    static TAKEN: OnceLock<Result<(), Status>> = OnceLock::new();
    *TAKEN.get_or_init(|| {
        let (mut reader, writer) = std::io::pipe()?;
        PIPE.store(writer.into_raw_fd(), Release);
        let run = move || {
            let mut signal = [0];
            while reader.read_exact(&mut signal).is_ok() {
                // A thread for each, as on Windows: one that does not come back does not keep the next from being told.
                let signal = i32::from(signal[0]);
                if std::thread::Builder::new().name("console".into()).spawn(move || deliver(signal)).is_err()
                {
                    deliver(signal);
                }
            }
        };
        std::thread::Builder::new().name("console".into()).spawn(run)?;
        for (signal, _) in EVENTS {
            // SAFETY: all zero is valid, and the handler keeps to what handlers may do.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_signal as *const () as usize;
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            }
        }
        Ok(())
    })
}

/// `SetConsoleCtrlHandler`. NULL and TRUE: `CTRL_C_EVENT` is ignored from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetConsoleCtrlHandler(handler: *const c_void, add: BOOL) -> BOOL {
    if handler.is_null() {
        IGNORES_C.store(add != FALSE, Relaxed);
        return error::succeeded(if add != FALSE { take_over() } else { Ok(()) });
    }
    if add != FALSE {
        return error::succeeded(take_over().map(|()| handlers().push(handler.addr())));
    }
    let mut handlers = handlers();
    match handlers.iter().rposition(|known| *known == handler.addr()) {
        Some(at) => {
            handlers.remove(at);
            TRUE
        }
        None => error::failed(Status::INVALID_PARAMETER),
    }
}

/// `GenerateConsoleCtrlEvent`: to a process group that `CREATE_NEW_PROCESS_GROUP` made, or with 0 to this process and the
/// children that it has started.
#[unsafe(no_mangle)]
pub extern "C" fn GenerateConsoleCtrlEvent(event: DWORD, group: DWORD) -> BOOL {
    let signal = match event {
        CTRL_C_EVENT => libc::SIGINT,
        CTRL_BREAK_EVENT => libc::SIGQUIT,
        _ => return error::failed(Status::INVALID_PARAMETER),
    };
    let send = |to: i32| {
        // SAFETY: a signal to processes.
        if unsafe { libc::kill(to, signal) } == 0 {
            Ok(())
        } else {
            Err(Status::from(std::io::Error::last_os_error()))
        }
    };
    match i32::try_from(group) {
        Ok(0) => {
            for child in spawn::children() {
                // One may have ended by now.
                let _ = send(child.cast_signed());
            }
            error::succeeded(send(std::process::id().cast_signed()))
        }
        Ok(group) => error::succeeded(send(-group)),
        Err(_) => error::failed(Status::INVALID_PARAMETER),
    }
}
