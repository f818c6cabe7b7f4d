//! Pipes: one-way streams of bytes between threads or processes.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType, OFlags};
use rustix::pipe::{PipeFlags, SpliceFlags};

use super::face::handle_methods;
use super::handle::{Class, Facts, Handle};
use super::named_pipe::Peeked;
use super::started::{Refused, Started};
use crate::driver::socket::{PipeState, pipe_state};
use crate::op;
use crate::status::Status;

/// One end of a pipe whose operations are overlapped.
///
/// ```
/// use proactor::{Pipe, op};
///
/// let (reader, writer) = Pipe::pair()?;
/// let recv = reader.begin(op::Recv::new(vec![0; 8]))?;
/// let _ = writer.begin(op::Send::new("ping"))?.wait();
/// assert_eq!(recv.wait().data(), b"ping");
/// # Ok::<(), proactor::Status>(())
/// ```
pub struct Pipe(pub(super) Arc<Handle>);

handle_methods!(Pipe, "let (handle, _other) = proactor::Pipe::pair()?;");

impl Pipe {
    /// A pipe: the end to read from, and the end to write to.
    pub fn pair() -> Result<(Pipe, Pipe), Status> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok((Pipe::over(read, Facts::SEND_SHUT), Pipe::over(write, Facts::RECV_SHUT)))
    }

    /// The same, of synchronous ends (`CreatePipe`): their operations are [performed](Pipe::perform).
    ///
    /// ```
    /// use proactor::{Pipe, op};
    ///
    /// let (reader, writer) = Pipe::synchronous_pair()?;
    /// writer.perform(op::Send::new("ping"))?.result()?;
    /// assert_eq!(reader.perform(op::Recv::new(vec![0; 8]))?.data(), b"ping");
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn synchronous_pair() -> Result<(Pipe, Pipe), Status> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let read = Pipe::over(read, Facts::SEND_SHUT | Facts::SYNCHRONOUS);
        Ok((read, Pipe::over(write, Facts::RECV_SHUT | Facts::SYNCHRONOUS)))
    }

    /// Takes over an end of anyone's, a child's standard output for instance, and makes it non-blocking.
    /// `OBJECT_TYPE_MISMATCH` when it is no pipe.
    pub fn from_fd(fd: impl Into<OwnedFd>) -> Result<Pipe, Status> {
        let fd = fd.into();
        if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::Fifo {
            return Err(Status::OBJECT_TYPE_MISMATCH);
        }
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        let facts = match flags & OFlags::RWMODE {
            OFlags::RDONLY => Facts::SEND_SHUT,
            OFlags::WRONLY => Facts::RECV_SHUT,
            _ => Facts::empty(),
        };
        Ok(Pipe::over(fd, facts))
    }

    /// `facts` says which direction the end is not for.
    fn over(fd: OwnedFd, facts: Facts) -> Pipe {
        Pipe(Handle::new(Class::Pipe, fd, facts))
    }

    /// Receives (`ReadFile`). A zero-byte receive waits for data and takes none (S308). When the other end is
    /// closed and all is read: `PIPE_BROKEN`. On the end to write to: `ACCESS_DENIED`; a peek: `NOT_SUPPORTED`.
    pub fn recv(&self, recv: op::Recv) -> Result<Started<op::Recv>, Refused<op::Recv>> {
        self.0.start(recv)
    }

    /// Copies what there is to receive, and leaves it there (`PeekNamedPipe`). Does not block. `PIPE_BROKEN` when the
    /// other end is closed and nothing is left; `ACCESS_DENIED` on the end to write to.
    ///
    /// ```
    /// use proactor::{Pipe, op};
    ///
    /// let (reader, writer) = Pipe::pair()?;
    /// let _ = writer.begin(op::Send::new("ping"))?.wait();
    /// let mut room = [0; 2];
    /// let peeked = reader.peek(&mut room)?;
    /// assert_eq!((&room, peeked.bytes, peeked.available), (b"pi", 2, 4));
    /// assert_eq!(reader.begin(op::Recv::new(vec![0; 8]))?.wait().data(), b"ping");
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn peek(&self, into: &mut [u8]) -> Result<Peeked, Status> {
        let (fd, shut) = {
            let state = self.0.state.lock();
            (state.fd.clone().ok_or(Status::INVALID_HANDLE)?, state.facts.contains(Facts::RECV_SHUT))
        };
        if shut {
            return Err(Status::ACCESS_DENIED);
        }
        let broken = matches!(pipe_state(fd.as_fd()), PipeState::Broken);
        let available = usize::try_from(rustix::io::ioctl_fionread(&*fd)?).unwrap_or(0);
        if available == 0 && broken {
            return Err(Status::PIPE_BROKEN);
        }
        let mut bytes = 0;
        if available > 0 && !into.is_empty() {
            let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            let wanted = available.min(into.len());
            let copied = rustix::pipe::tee(&*fd, &write, wanted, SpliceFlags::NONBLOCK);
            while bytes < *copied.as_ref().unwrap_or(&0) {
                bytes += rustix::io::read(&read, &mut into[bytes..])?;
            }
        }
        Ok(Peeked { bytes, available, left_of_message: 0 })
    }

    /// Sends (`WriteFile`): completes with the whole count. On the end to read from: `ACCESS_DENIED`. When the other end
    /// is closed: `PIPE_CLOSING`, or `PIPE_BROKEN` if it was closed meanwhile.
    pub fn send(&self, send: op::Send) -> Result<Started<op::Send>, Refused<op::Send>> {
        self.0.start(send)
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe({} pending)", self.pending())
    }
}
