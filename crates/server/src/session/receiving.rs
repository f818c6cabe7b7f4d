//! Receiving and handling, by the holder of the receive token.

use std::ops::ControlFlow;
use std::sync::{MutexGuard, PoisonError};

use proactor::{Started, op};

use super::{Phase, Session, TURNS};
use crate::end::{Reason, add, one};
use crate::framing::Assembler;
use crate::handler::Face;
use crate::server::Event;

impl Session {
    /// A new session: tells the handler, and starts the first receive.
    pub(crate) fn begin(&self) {
        self.0.state().handling = true;
        let connected = self.face().connected(self);
        self.handled();
        if !connected {
            one(&self.0.shared.counters.panics);
            self.fail(Reason::Panicked);
        }
        self.receive(op::Recv::pooled(&self.0.shared.pool), 0);
    }

    pub(super) fn face(&self) -> MutexGuard<'_, dyn Face + 'static> {
        // Handlers' panics are caught inside.
        self.0.face.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the next receive, and goes on for as long as there is something to receive, for some turns.
    fn receive(&self, mut recv: op::Recv, mut turn: usize) {
        loop {
            match self.0.socket.recv(recv) {
                Ok(Started::Done(done)) => match self.handle(done) {
                    Some(next) if turn < TURNS => recv = next,
                    Some(next) => return self.post(Event::Receive(next)),
                    None => return,
                },
                Ok(_) => return,
                Err(refused) => {
                    self.fail(Reason::Failed(refused.status));
                    return self.finish();
                }
            }
            turn += 1;
        }
    }

    /// A packet of a receive.
    pub(crate) fn receive_completed(&self, recv: op::Recv) {
        if let Some(next) = self.handle(recv) {
            self.receive(next, 1);
        }
    }

    /// It had its turns, and comes back.
    pub(crate) fn receive_again(&self, recv: op::Recv) {
        self.receive(recv, 0);
    }

    /// Handles what came. The receive to start next, its buffer given back; or none, and the token is gone.
    fn handle(&self, recv: op::Recv) -> Option<op::Recv> {
        match recv.result() {
            Ok(0) => {
                self.peer_ended();
                return None;
            }
            Ok(count) => add(&self.0.shared.counters.bytes_in, count),
            Err(status) => {
                self.fail(Reason::Failed(status));
                self.finish();
                return None;
            }
        }
        // What comes while it is closing is read, so that the end is seen, and dropped.
        if let Some(rest) = self.take_rest()
            && let Err(error) = self.face().feed(self, rest, recv.data())
        {
            self.fail(Reason::Frame(error));
        }
        if self.0.state().phase == Phase::Broken {
            self.finish();
            return None;
        }
        // To a send and back: the buffer goes home and the block is used again.
        Some(recv.into_send().into_recv())
    }

    /// The message that has begun, to go on with; none when it is closing.
    fn take_rest(&self) -> Option<Assembler> {
        let mut state = self.0.state();
        let open = state.phase == Phase::Open;
        open.then(|| state.busy.as_mut().map(|busy| std::mem::take(&mut busy.rest)).unwrap_or_default())
    }

    /// What `feed` leaves of what it was given.
    pub(crate) fn keep_rest(&self, rest: Assembler) {
        let mut state = self.0.state();
        if !rest.is_empty() {
            state.busy().rest = rest;
        }
        state.settle();
    }

    fn peer_ended(&self) {
        let mut state = self.0.state();
        if state.phase == Phase::Open {
            let whole = state.busy.as_ref().is_none_or(|busy| busy.rest.is_empty());
            let truncated = Reason::Frame(crate::FrameError::Truncated);
            state.reason(if whole { Reason::PeerEnded } else { truncated });
            state.phase = Phase::Closing;
            state.tell_waiting();
        }
        if state.phase == Phase::Closing && state.sending {
            // The sends bring it back.
            state.parked = true;
            return;
        }
        drop(state);
        self.finish();
    }

    /// Before a message is handled: whether it is to be.
    pub(crate) fn handling(&self) -> ControlFlow<()> {
        let mut state = self.0.state();
        if state.phase != Phase::Open {
            return ControlFlow::Break(());
        }
        state.handling = true;
        state.opened = true;
        one(&self.0.shared.counters.messages_in);
        ControlFlow::Continue(())
    }

    /// After the handler.
    pub(crate) fn handled(&self) {
        let now = self.0.shared.wheel.now();
        let mut state = self.0.state();
        state.handling = false;
        state.last = now;
        if std::mem::take(&mut state.leaving) {
            drop(state);
            self.close_as(Reason::Shutdown);
        }
    }

    /// The handler panicked.
    pub(crate) fn panicked(&self) {
        one(&self.0.shared.counters.panics);
        self.fail(Reason::Panicked);
    }
}
