//! How sessions end and sends fail, and how many did.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use proactor::Status;

use crate::framing::FrameError;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The peer ended the connection, between two messages, and was sent what was queued for it.
    PeerEnded,
    /// This side closed it.
    Closed,
    /// This side broke it off.
    Aborted,
    /// The server shut down.
    Shutdown,
    /// The connection failed; a reset by the peer is [ordinary](Reason::is_ordinary).
    Failed(Status),
    /// What the peer sent is no message.
    Frame(FrameError),
    /// It took too long.
    Timeout(Timeout),
    /// Its send queue was full, and [`Full::DropSession`](crate::Full::DropSession) is the rule.
    QueueFull,
    /// Its handler panicked.
    Panicked,
}

/// Which time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// No message in either direction.
    Idle,
    /// No first message after the connection. On a datagram socket also: no second one after an answer, or it had to
    /// make room for later ones of which as little is known.
    HalfOpen,
    /// The peer did not read what was sent to it.
    SlowReader,
    /// A shutdown had no more time for what was queued.
    Drain,
}

impl Reason {
    /// Whether it is an end of every day, and no fault of anybody's: nothing to log.
    pub fn is_ordinary(self) -> bool {
        match self {
            Reason::PeerEnded | Reason::Closed | Reason::Aborted | Reason::Shutdown => true,
            Reason::Failed(status) => status.is_ordinary(),
            Reason::Frame(_) | Reason::Timeout(_) | Reason::QueueFull | Reason::Panicked => false,
        }
    }
}

impl Reason {
    /// Whether all that was sent is still to arrive: if not, the connection is reset, so that the peer does not take
    /// the break for an end, and the kernel keeps nothing of it. A peer that was idle may not have read its last answer
    /// yet, which a reset would take from it.
    pub(crate) fn lets_arrive(self) -> bool {
        matches!(self, Reason::PeerEnded | Reason::Closed | Reason::Shutdown | Reason::Timeout(Timeout::Idle))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::PeerEnded => "the peer ended the connection",
            Reason::Closed => "this side closed it",
            Reason::Aborted => "this side broke it off",
            Reason::Shutdown => "the server shut down",
            Reason::Failed(status) => return write!(f, "the connection failed: {status}"),
            Reason::Frame(error) => return error.fmt(f),
            Reason::Timeout(Timeout::Idle) => "nothing was said for too long",
            Reason::Timeout(Timeout::HalfOpen) => "the first message took too long",
            Reason::Timeout(Timeout::SlowReader) => "the peer reads too slowly",
            Reason::Timeout(Timeout::Drain) => "the shutdown had no more time for what was queued",
            Reason::QueueFull => "the send queue was full",
            Reason::Panicked => "the handler panicked",
        })
    }
}

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The session has ended, or is about to.
    Closed,
    /// The queue is full; see [`Full`](crate::Full).
    Full,
    /// The message can't be framed.
    Frame(FrameError),
    /// A file goes out as it is: not as a datagram, and not through a layer.
    Unsuited,
}

impl From<FrameError> for SendError {
    fn from(error: FrameError) -> SendError {
        SendError::Frame(error)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Closed => f.write_str("the session has ended"),
            SendError::Full => f.write_str("the send queue is full"),
            SendError::Frame(error) => error.fmt(f),
            SendError::Unsuited => f.write_str("a file can't be sent this way"),
        }
    }
}

impl std::error::Error for SendError {}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident)*) => {
        /// What a server has done so far.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counts {
            /// Sessions there are now.
            pub open: usize,
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn now(&self, open: usize) -> Counts {
                Counts { open, $($name: self.$name.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections that became sessions.
    accepted
    /// Connections that did not: the limit of sessions, or no handles left.
    refused
    /// Sessions that ended in an everyday way.
    ordinary
    /// Sessions that ran out of time.
    timeouts
    /// Sessions that ended because memory, buffers or a queue ran out.
    shortages
    /// Sessions that ended by a fault: of framing, of the connection, of the handler.
    faults
    /// Handlers that panicked.
    panics
    /// Messages that came and were handled.
    messages_in
    /// Bytes that came.
    bytes_in
    /// Messages that went out whole.
    messages_out
    /// Their bytes, with framing.
    bytes_out
    /// Messages that were refused because a queue was full.
    messages_dropped
    /// Messages that were queued when their session broke.
    messages_lost
    /// Datagrams that were dropped: too long, or more than wait for a session's handler.
    datagrams_dropped
    /// Sends that went out from where they were instead of a copy.
    zero_copy
    /// Of those, the ones that were copied all the same.
    zero_copy_copied
}

impl Counters {
    pub(crate) fn ended(&self, reason: Reason) {
        let counter = match reason {
            reason if reason.is_ordinary() => &self.ordinary,
            Reason::Timeout(_) => &self.timeouts,
            Reason::QueueFull => &self.shortages,
            Reason::Failed(status) if status.is_shortage() => &self.shortages,
            _ => &self.faults,
        };
        one(counter);
    }
}

pub(crate) fn one(counter: &AtomicU64) {
    add(counter, 1);
}

pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Relaxed);
}
