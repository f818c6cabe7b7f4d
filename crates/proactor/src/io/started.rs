//! What starting an operation gives back.

use std::fmt;

use crate::op::{OpId, Operation};
use crate::status::Status;

/// An operation that was accepted.
///
/// Unless the handle skips packets ([`Modes`](crate::Modes)) there is nothing in it that must be looked at: the
/// operation comes back in its packet.
#[derive(Debug)]
pub enum Started<O> {
    /// It has to wait (`ERROR_IO_PENDING`). One packet will come.
    Pending(OpId),
    /// It is done, and its packet is in the queue: exactly one, as for any other (S017).
    Queued(OpId),
    /// It is done, and no packet comes, for the handle skips them (S092). Here it is.
    Done(O),
}

impl<O> Started<O> {
    /// Whether it was done at once.
    pub fn at_once(&self) -> bool {
        !matches!(self, Started::Pending(_))
    }

    /// The operation, if no packet will bring it.
    pub fn done(self) -> Option<O> {
        match self {
            Started::Done(op) => Some(op),
            _ => None,
        }
    }

    /// Its name, to cancel it by; `None` when it is done and handed back.
    pub fn id(&self) -> Option<OpId> {
        match self {
            Started::Pending(id) | Started::Queued(id) => Some(*id),
            Started::Done(_) => None,
        }
    }
}

/// An operation that failed at once: no packet comes (S018). It is handed back, with its buffers.
pub struct Refused<O> {
    /// Why.
    pub status: Status,
    /// The operation, as it was.
    pub op: O,
}

impl<O> From<Refused<O>> for Status {
    fn from(refused: Refused<O>) -> Status {
        refused.status
    }
}

impl<O> From<Refused<O>> for std::io::Error {
    fn from(refused: Refused<O>) -> std::io::Error {
        refused.status.into()
    }
}

impl<O> fmt::Debug for Refused<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({:?})", self.status)
    }
}

impl<O> fmt::Display for Refused<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)
    }
}

impl<O: Operation> std::error::Error for Refused<O> {}
