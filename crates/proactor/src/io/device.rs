//! A descriptor as it is: a terminal, the null device, whatever standard input and output are. Read and written in the
//! call, at the position it has, which it may share with other processes; so it is never made non-blocking.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::{FileType, SeekFrom};
use rustix::io::Errno;

use crate::driver::sendfile::without_pipe_signal;
use crate::object::thread::{Stop, with_mine};
use crate::status::Status;
use crate::sync::seat::blocking;

/// Something that is read and written as it comes: a console, a device, standard input and output.
///
/// ```
/// use proactor::Device;
///
/// let null = Device::from_fd(std::fs::File::open("/dev/null").unwrap());
/// assert_eq!(null.read(&mut [0; 8]), Ok(0));
/// ```
pub struct Device {
    fd: OwnedFd,
}

/// What a [`Device`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A file (`FILE_TYPE_DISK`).
    Disk,
    /// A terminal, or another device that has no positions (`FILE_TYPE_CHAR`).
    Char,
    /// A pipe or a socket (`FILE_TYPE_PIPE`).
    Pipe,
}

impl Device {
    /// Takes over any descriptor, as it is.
    pub fn from_fd(fd: impl Into<OwnedFd>) -> Device {
        Device { fd: fd.into() }
    }

    /// What it is.
    pub fn kind(&self) -> Result<DeviceKind, Status> {
        Ok(match FileType::from_raw_mode(rustix::fs::fstat(&self.fd)?.st_mode) {
            FileType::RegularFile | FileType::BlockDevice => DeviceKind::Disk,
            FileType::Fifo | FileType::Socket => DeviceKind::Pipe,
            FileType::Directory => return Err(Status::FILE_IS_A_DIRECTORY),
            _ => DeviceKind::Char,
        })
    }

    /// Reads what there is, up to the length of `into`, from where it is (`ReadFile`); 0 at its end. `PIPE_BROKEN`
    /// when it is a pipe that nobody writes to any more.
    ///
    /// Blocks until there is something; a worker's seat is given to another meanwhile. Another thread can end that, with
    /// [`cancel_synchronous_io`](crate::object::Thread::cancel_synchronous_io): `CANCELLED`.
    pub fn read(&self, into: &mut [u8]) -> Result<usize, Status> {
        if into.is_empty() {
            return Ok(0);
        }
        match self.attempt(PollFlags::IN, |fd| rustix::io::read(fd, &mut *into))? {
            0 if self.kind()? == DeviceKind::Pipe => Err(Status::PIPE_BROKEN),
            count => Ok(count),
        }
    }

    /// Writes all of it where it is (`WriteFile`), and returns how much that was: less only if it fails, or is ended as
    /// a read can be, after some was written. Blocks as that does.
    pub fn write(&self, bytes: &[u8]) -> Result<usize, Status> {
        let mut written = 0;
        while written < bytes.len() {
            let left = &bytes[written..];
            match self.attempt(PollFlags::OUT, |fd| without_pipe_signal(|| rustix::io::write(fd, left))) {
                Ok(count) => written += count,
                Err(_) if written > 0 => break,
                Err(status) => return Err(status),
            }
        }
        Ok(written)
    }

    /// Moves the position of what has one (`SetFilePointerEx`) and returns it, in bytes from the begin.
    /// `INVALID_DEVICE_REQUEST` for what has none.
    pub fn seek(&self, to: std::io::SeekFrom) -> Result<u64, Status> {
        let to = match to {
            std::io::SeekFrom::Start(at) => SeekFrom::Start(at),
            std::io::SeekFrom::Current(by) => SeekFrom::Current(by),
            std::io::SeekFrom::End(by) => SeekFrom::End(by),
        };
        Ok(rustix::fs::seek(&self.fd, to)?)
    }

    /// Its size in bytes, if it is a file.
    pub fn len(&self) -> Result<u64, Status> {
        match self.kind()? {
            DeviceKind::Disk => Ok(rustix::fs::fstat(&self.fd)?.st_size.unsigned_abs()),
            _ => Err(Status::INVALID_DEVICE_REQUEST),
        }
    }

    /// Whether it is a file without content.
    pub fn is_empty(&self) -> Result<bool, Status> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends it, if it is a file.
    pub fn set_len(&self, len: u64) -> Result<(), Status> {
        self.len()?;
        Ok(rustix::fs::ftruncate(&self.fd, len)?)
    }

    /// Brings what was written to the device, if it is a file; nothing is kept back elsewhere.
    pub fn flush(&self) -> Result<(), Status> {
        match rustix::fs::fsync(&self.fd) {
            Ok(()) | Err(Errno::INVAL | Errno::ROFS | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Calls once it is ready, which it may be at once; again if somebody else was faster.
    fn attempt<T>(
        &self,
        ready: PollFlags,
        mut call: impl FnMut(BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<T, Status> {
        if !is_ready(self.fd.as_fd(), ready)? {
            self.wait(ready)?;
        }
        loop {
            match blocking(|| call(self.fd.as_fd())) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(ready)?,
                result => return Ok(result?),
            }
        }
    }

    fn wait(&self, ready: PollFlags) -> Result<(), Status> {
        let stopped = Arc::new(Bell(eventfd(0, EventfdFlags::CLOEXEC)?));
        let _can_be_ended = with_mine(|me| me.in_synchronous_call(stopped.clone()));
        loop {
            let mut fds = [PollFd::new(&self.fd, ready), PollFd::new(&stopped.0, PollFlags::IN)];
            match blocking(|| poll(&mut fds, None)) {
                Ok(_) if !fds[1].revents().is_empty() => return Err(Status::CANCELLED),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn is_ready(fd: BorrowedFd<'_>, ready: PollFlags) -> Result<bool, Status> {
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::from_borrowed_fd(fd, ready)], Some(&now)) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Rung by who ends the wait.
struct Bell(OwnedFd);

impl Stop for Bell {
    fn stop(&self) -> Result<(), Status> {
        rustix::io::write(&self.0, &1u64.to_ne_bytes())?;
        Ok(())
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("kind", &self.kind()).finish()
    }
}
