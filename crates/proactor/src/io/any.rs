//! A handle whatever it stands for: what is common to sockets, files and pipes, for faces that know it by a number.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::face::handle_methods;
use super::handle::{Class, Handle};
use super::run::Begun;
use super::{File, NamedPipe, Pipe, Socket};
use crate::Operation;
use crate::io::started::{Refused, Started};
use crate::op::block::Route;
use crate::status::Status;

/// A socket, file or pipe. Clones are the same handle.
///
/// ```
/// use proactor::{Pipe, op, raw::{Io, Sort}};
///
/// let (reader, writer) = Pipe::pair()?;
/// let (reader, writer) = (Io::from(reader), Io::from(writer));
/// assert_eq!(reader.sort(), Sort::Pipe);
/// let recv = reader.begin(op::Recv::new(vec![0; 8]))?;
/// let _ = writer.begin(op::Send::new("ping"))?.wait();
/// assert_eq!(recv.wait().data(), b"ping");
/// # Ok::<(), proactor::Status>(())
/// ```
pub struct Io(pub(super) Arc<Handle>);

handle_methods!(Io, "let handle = proactor::raw::Io::from(proactor::Socket::pair()?.0);");

/// What a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A stream socket.
    Stream,
    /// A datagram socket.
    Datagram,
    /// An end of a pipe.
    Pipe,
    /// An end of a named pipe.
    NamedPipe,
    /// A file.
    File,
}

impl Io {
    /// Lends the descriptor, for calls that this library does not have; it stays open as long as that takes.
    ///
    /// Fails with `INVALID_HANDLE` when the handle is closed.
    pub fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> Result<R, Status> {
        Ok(f(self.0.fd()?.as_fd()))
    }

    /// What it stands for.
    pub fn sort(&self) -> Sort {
        match self.0.class {
            Class::Stream => Sort::Stream,
            Class::Datagram => Sort::Datagram,
            Class::Pipe => Sort::Pipe,
            Class::NamedPipe => Sort::NamedPipe,
            Class::File => Sort::File,
        }
    }

    /// It as a socket, if it is one.
    pub fn socket(&self) -> Option<Socket> {
        matches!(self.sort(), Sort::Stream | Sort::Datagram).then(|| Socket(self.0.clone()))
    }

    /// It as a file, if it is one.
    pub fn file(&self) -> Option<File> {
        (self.sort() == Sort::File).then(|| File(self.0.clone()))
    }

    /// It as an end of a pipe, if it is one.
    pub fn pipe(&self) -> Option<Pipe> {
        (self.sort() == Sort::Pipe).then(|| Pipe(self.0.clone()))
    }

    /// It as an end of a named pipe, if it is one.
    pub fn named_pipe(&self) -> Option<NamedPipe> {
        (self.sort() == Sort::NamedPipe).then(|| NamedPipe(self.0.clone()))
    }

    /// Whether its operations are performed, one at a time, and not started.
    pub fn is_synchronous(&self) -> bool {
        self.0.is_synchronous()
    }

    /// Whether it is associated with a port.
    pub fn is_associated(&self) -> bool {
        self.0.link.get().is_some()
    }

    /// Starts an operation that tells nobody of its end but its observer ([`observed`](crate::raw::observed)), nor
    /// queues a packet: `hEvent` with its lowest bit set (S021). It belongs to the thread that starts it, as one that is
    /// begun as an [`Overlapped`](crate::Overlapped).
    pub fn start_quietly<O: Operation>(&self, op: O) -> Result<Started<O>, Refused<O>> {
        match self.0.begin(op.into_block(), Route::Nobody) {
            Ok(Begun::Pending(id)) => Ok(Started::Pending(id)),
            Ok(Begun::Queued(id)) => Ok(Started::Queued(id)),
            Ok(Begun::Done(block)) => Ok(Started::Done(O::from_block(block))),
            Err((status, block)) => {
                self.0.unwatch_if_unneeded();
                Err(Refused { status, op: O::from_block(block) })
            }
        }
    }

    /// Asks the operations of this handle to end whose number ([`with_tag`](crate::op::Recv::with_tag)) this is
    /// (`CancelIoEx` with an OVERLAPPED, S100). `NOT_FOUND` when none is under way.
    pub fn cancel_tagged(&self, number: usize) -> Result<(), Status> {
        self.0.cancel_tagged(number)
    }
}

impl From<Socket> for Io {
    fn from(socket: Socket) -> Io {
        Io(socket.0)
    }
}

impl From<File> for Io {
    fn from(file: File) -> Io {
        Io(file.0)
    }
}

impl From<Pipe> for Io {
    fn from(pipe: Pipe) -> Io {
        Io(pipe.0)
    }
}

impl From<NamedPipe> for Io {
    fn from(pipe: NamedPipe) -> Io {
        Io(pipe.0)
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Io({:?}, {} pending)", self.sort(), self.pending())
    }
}
