//! What the user writes: what happens to a session. And the wall around it, so that a panic costs one session.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::end::Reason;
use crate::framing::{Assembler, FrameError, Turn};
use crate::session::Session;

/// Messages that a session has handled, and the time it may take for them, before others have their turn. One message
/// is always handled.
pub(crate) const MESSAGES: usize = 128;
pub(crate) const MILLIS: u32 = 2;

/// What a server does with its sessions.
///
/// The calls of one session come one after the other: `connected`, messages in their order, `closed`. Those of
/// different sessions run at the same time. Any of them may block: the port lets another worker in. One that panics
/// ends its session, with [`Reason::Panicked`].
pub trait Handler: Send + Sync + 'static {
    /// What a session has of its own, between its messages.
    type State: Send + 'static;

    /// A connection was made.
    fn connected(&self, session: &Session) -> Self::State;

    /// A whole message came. None comes once the session is closing.
    fn message(&self, session: &Session, state: &mut Self::State, message: &[u8]);

    /// The session is over: called once for every session that [`connected`](Handler::connected) returned for,
    /// whatever it ended by.
    fn closed(&self, session: &Session, state: Self::State, reason: Reason) {
        let _ = (session, state, reason);
    }
}

/// The handler's side of a session, whatever the handler is. Only the holder of the receive token calls it.
pub(crate) trait Face: Send {
    /// False when the handler panicked.
    fn connected(&mut self, session: &Session) -> bool;
    /// Goes on with a message that had begun. What is left then is kept with the session: of a message that is not
    /// whole, or of all that came when the session has had its turn.
    fn feed(&mut self, session: &Session, rest: Assembler, data: &[u8]) -> Result<Turn, FrameError>;
    /// A message by itself.
    fn datagram(&mut self, session: &Session, data: &[u8]);
    /// False when the handler panicked.
    fn closed(&mut self, session: &Session, reason: Reason) -> bool;
}

/// What a session has of its handler: its state, from `connected` to `closed`.
pub(crate) struct Side<H: Handler>(Option<H::State>);

impl<H: Handler> Side<H> {
    pub(crate) fn new() -> Side<H> {
        Side(None)
    }
}

fn caught<R>(call: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// Has a message handled; the time then, in milliseconds, or none if the session takes no more.
fn handle<H: Handler>(handler: &H, state: &mut H::State, session: &Session, message: &[u8]) -> Option<u32> {
    if !session.handling() {
        return None;
    }
    let handled = caught(|| handler.message(session, state, message));
    let now = session.handled();
    if handled.is_none() {
        session.panicked();
    }
    handled.map(|()| now)
}

impl<H: Handler> Face for Side<H> {
    fn connected(&mut self, session: &Session) -> bool {
        if let Some(handler) = session.handler::<H>() {
            self.0 = caught(|| handler.connected(session));
        }
        self.0.is_some()
    }

    fn feed(&mut self, session: &Session, mut rest: Assembler, data: &[u8]) -> Result<Turn, FrameError> {
        let (Some(state), Some(handler)) = (&mut self.0, session.handler::<H>()) else {
            return Ok(Turn::Stop);
        };
        let (framing, most) = session.framing();
        let (begun, mut messages) = (session.now(), 0);
        let each = |message: &[u8]| {
            let Some(now) = handle(handler, state, session, message) else { return Turn::Stop };
            messages += 1;
            if messages == MESSAGES || now.wrapping_sub(begun) >= MILLIS { Turn::Pause } else { Turn::On }
        };
        // The codec is the user's as well, and the receive token must survive its panic.
        let fed = caught(|| rest.turn(framing, most, data, each));
        session.keep_rest(rest);
        fed.unwrap_or_else(|| {
            session.panicked();
            Ok(Turn::Stop)
        })
    }

    fn datagram(&mut self, session: &Session, data: &[u8]) {
        if let (Some(state), Some(handler)) = (&mut self.0, session.handler::<H>()) {
            handle(handler, state, session, data);
        }
    }

    fn closed(&mut self, session: &Session, reason: Reason) -> bool {
        match (self.0.take(), session.handler::<H>()) {
            (Some(state), Some(handler)) => caught(|| handler.closed(session, state, reason)).is_some(),
            _ => true,
        }
    }
}
