//! A completed operation before anybody has been told of it.

use std::any::Any;
use std::fmt;

use super::address::Address;
use super::block::Block;
use super::control::Control;
use crate::status::Status;

/// A completed operation, as its observer sees it.
pub struct End<'a>(pub(super) &'a Block);

impl End<'_> {
    /// The caller's number.
    pub fn tag(&self) -> usize {
        self.0.tag
    }

    /// How it ended.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The bytes moved.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// The peer's address, of an accept; the sender's, of a datagram that was received.
    pub fn address(&self) -> Option<&Address> {
        self.0.address()
    }

    /// What came beside a datagram, if it was asked for.
    pub fn control(&self) -> Option<&Control> {
        self.0.control()
    }

    /// What was given with [`with_luggage`](crate::raw::with_luggage).
    pub fn luggage<T: Any>(&self) -> Option<&T> {
        self.0.seldom()?.luggage.as_ref()?.downcast_ref()
    }
}

impl fmt::Debug for End<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "End({:#x}, {:?}, {} bytes)", self.tag(), self.status(), self.bytes())
    }
}
