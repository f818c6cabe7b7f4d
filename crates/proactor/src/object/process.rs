//! Processes as objects: signalled when they have ended, and how they ended.
//!
//! A process is held by a descriptor, so its number may be used again without harm. The service thread is told of
//! its end; who asks meanwhile looks for himself, so that a process that has ended is never seen running. Nothing
//! here reaps a child: that stays with whoever started it.

use std::fmt;
use std::os::fd::AsFd;
use std::process::Child;
use std::sync::{Arc, OnceLock};

use rustix::io::Errno;
use rustix::process::Signal;

use super::body::Local;
use super::state::State;
use super::wait::{Sealed, Target, Waitable};
use crate::driver::epoll::EventFlags;
use crate::driver::process::{Ended, ProcessFd};
use crate::op::slab::Irp;
use crate::service::table::Source;
use crate::service::{service, weak_source};
use crate::status::Status;

/// A process (`OpenProcess`): signalled once it has ended, for ever (S169). Clones are the same process; dropping
/// them does nothing to it.
///
/// ```
/// use std::process::Command;
/// use proactor::object::{Exit, Process, Wait, wait_one};
///
/// let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn()?;
/// let process = Process::from_child(&child)?;
/// wait_one(&process, Wait::FOREVER)?;
/// assert_eq!(process.exit_code(), Some(Exit::Code(7)));
/// child.wait()?; // it is still there to be reaped
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Process {
    shared: Arc<Shared>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// By itself, with this exit code: 0 to 255, for Linux keeps the lowest eight bits. Or by
    /// [`terminate_with`](Process::terminate_with) of the same `Process`.
    Code(u32),
    /// By this signal: killed, or stopped by a fault.
    Signal(u32),
    /// The system does not tell. Of a child that somebody has reaped, and of a process that is no child of this one,
    /// Linux tells from 6.15 on, once it has been reaped; so this may change when asked again.
    Unknown,
}

struct Shared {
    body: Arc<Local>,
    fd: ProcessFd,
    /// How it ended, once that is known.
    exit: OnceLock<Exit>,
    /// What it was terminated with.
    wanted: OnceLock<u32>,
    /// Under which the service thread watches it.
    token: OnceLock<u64>,
}

impl Process {
    /// The process of this number.
    ///
    /// Fails with `INVALID_CID` when there is none, with `INVALID_PARAMETER` when the number is that of a thread
    /// within one, and with `TOO_MANY_OPENED_FILES` for want of a descriptor: each process that is open costs one.
    pub fn open(id: u32) -> Result<Process, Status> {
        let fd = ProcessFd::open(id).map_err(|error| match error {
            // Which of the two it is depends on the kernel.
            Errno::INVAL | Errno::NOENT => Status::INVALID_PARAMETER,
            error => error.into(),
        })?;
        let shared = Arc::new(Shared {
            body: Local::new("process", State::Latch { set: false }),
            fd,
            exit: OnceLock::new(),
            wanted: OnceLock::new(),
            token: OnceLock::new(),
        });
        let token = service()?.attach(shared.fd.as_fd(), weak_source(&shared))?;
        shared.token.get_or_init(|| token);
        Ok(Process { shared })
    }

    /// The process of a child of this one, which may have ended but must not have been waited for: its number might
    /// be another's by now.
    ///
    /// Fails as [`open`](Process::open) does.
    pub fn from_child(child: &Child) -> Result<Process, Status> {
        Process::open(child.id())
    }

    /// How it ended (`GetExitCodeProcess`), `None` while it runs (S281). It can be asked as often as one likes, and
    /// leaves a child to be waited for. A child that is reaped at once may be [`Exit::Unknown`].
    pub fn exit_code(&self) -> Option<Exit> {
        self.shared.look()
    }

    /// Ends it (`TerminateProcess`), whatever it is doing, by SIGKILL; it may take a moment. With what it ends can't
    /// be chosen: Linux lets nobody else say that, so it is `Exit::Signal(9)`.
    ///
    /// Fails with `PROCESS_IS_TERMINATING` when it has ended, `ACCESS_DENIED` when it is not this user's.
    pub fn terminate(&self) -> Result<(), Status> {
        if self.shared.look().is_some() {
            return Err(Status::PROCESS_IS_TERMINATING);
        }
        match self.shared.fd.kill() {
            // It has ended between the two.
            Err(Errno::SRCH) => Err(Status::PROCESS_IS_TERMINATING),
            result => Ok(result?),
        }
    }

    /// The same; who asks this `Process` or a clone of it how it ended is told that it was with this exit code.
    ///
    /// Fails as [`terminate`](Process::terminate) does.
    pub fn terminate_with(&self, exit_code: u32) -> Result<(), Status> {
        if self.shared.look().is_some() {
            return Err(Status::PROCESS_IS_TERMINATING);
        }
        self.shared.wanted.get_or_init(|| exit_code);
        self.terminate()
    }

    /// Its number (`GetProcessId`), which may be another's once it has ended and been reaped.
    pub fn id(&self) -> u32 {
        self.shared.fd.id()
    }
}

impl Shared {
    /// Looks whether it has ended, and how; if so, whoever waits for that goes on.
    fn look(&self) -> Option<Exit> {
        if let Some(exit) = self.exit.get() {
            return Some(*exit);
        }
        let exit = match self.fd.ended()? {
            Ended::Code(code) => Exit::Code(code.into()),
            Ended::Signal(signal) if signal == Signal::KILL.as_raw() as u8 => {
                self.wanted.get().map_or(Exit::Signal(signal.into()), |code| Exit::Code(*code))
            }
            Ended::Signal(signal) => Exit::Signal(signal.into()),
            Ended::Unknown => Exit::Unknown,
        };
        if !self.body.header.look(|state| state.is_signalled(0)) {
            self.body.header.signal(State::set);
        }
        if exit == Exit::Unknown { Some(exit) } else { Some(*self.exit.get_or_init(|| exit)) }
    }
}

impl Source for Shared {
    fn ready(self: Arc<Self>, _: EventFlags, _: bool) -> Option<Irp> {
        self.look();
        None
    }

    fn abandon(self: Arc<Self>) {}

    fn pending(&self) -> usize {
        0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(token) = self.token.get()
            && let Ok(service) = service()
        {
            service.detach(Some(self.fd.as_fd()), *token);
        }
    }
}

impl Sealed for Process {
    fn target(&self) -> Target<'_> {
        self.shared.look();
        Target::Local(&self.shared.body)
    }
}

impl Waitable for Process {}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("id", &self.id()).field("exit", &self.exit_code()).finish()
    }
}
