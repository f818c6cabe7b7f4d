//! What the user writes: what happens to a session. And the wall around it, so that a panic costs one session.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::end::Reason;
use crate::framing::{Assembler, FrameError, Framing};
use crate::session::Session;

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
    fn feed(&mut self, session: &Session, data: &[u8]) -> Result<(), FrameError>;
    fn is_between_messages(&self) -> bool;
    /// False when the handler panicked.
    fn closed(&mut self, session: &Session, reason: Reason) -> bool;
}

pub(crate) struct Side<H: Handler> {
    handler: Arc<H>,
    state: Option<H::State>,
    assembler: Assembler,
}

impl<H: Handler> Side<H> {
    pub(crate) fn new(handler: Arc<H>) -> Side<H> {
        Side { handler, state: None, assembler: Assembler::default() }
    }
}

fn caught<R>(call: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

impl<H: Handler> Face for Side<H> {
    fn connected(&mut self, session: &Session) -> bool {
        self.state = caught(|| self.handler.connected(session));
        self.state.is_some()
    }

    fn feed(&mut self, session: &Session, data: &[u8]) -> Result<(), FrameError> {
        let Side { handler, state: Some(state), assembler } = self else { return Ok(()) };
        let (framing, most): (&Framing, usize) = session.framing();
        let fed = assembler.feed(framing, most, data, |message| {
            session.handling()?;
            let handled = caught(|| handler.message(session, state, message));
            session.handled();
            match handled {
                Some(()) => ControlFlow::Continue(()),
                None => {
                    session.panicked();
                    ControlFlow::Break(())
                }
            }
        });
        fed.map(drop)
    }

    fn is_between_messages(&self) -> bool {
        self.assembler.is_empty()
    }

    fn closed(&mut self, session: &Session, reason: Reason) -> bool {
        self.assembler.clear();
        match self.state.take() {
            Some(state) => caught(|| self.handler.closed(session, state, reason)).is_some(),
            None => true,
        }
    }
}
