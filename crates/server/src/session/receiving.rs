//! Receiving and handling, by the holder of the receive token.

use std::sync::atomic::Ordering::Acquire;
use std::sync::{MutexGuard, PoisonError};

use proactor::{Started, Status, op};

use super::busy::Entry;
use super::{Phase, Session, TURNS};
use crate::end::{Reason, add, one};
use crate::framing::{Assembler, Turn};
use crate::handler::Face;
use crate::server::Event;

/// How often a receive that found no buffer is tried again.
const BUFFER_TRIES: usize = 64;

/// What the holder of the receive token does next.
enum Next {
    Receive(op::Recv),
    /// Handles more of what came, when others have had their turn.
    Resume(op::Recv),
    /// The token is gone.
    Nothing,
}

impl Session {
    /// A new session: tells the handler, and starts the first receive.
    pub(crate) fn begin(&self) {
        self.begin_layer();
        self.connect_handler();
        self.receive(op::Recv::pooled(&self.0.shared.pool), 0);
    }

    pub(super) fn connect_handler(&self) {
        self.0.state().handling = true;
        let connected = self.face().connected(self);
        self.handled();
        if !connected {
            self.panicked();
        }
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
                    Next::Receive(next) if turn < TURNS => recv = next,
                    Next::Receive(next) => return self.post(Event::Receive(next)),
                    Next::Resume(next) => return self.post(Event::Resume(next)),
                    Next::Nothing => return,
                },
                Ok(_) => return,
                Err(refused) => return self.not_received(refused.op, refused.status),
            }
            turn += 1;
        }
    }

    /// A packet of a receive.
    pub(crate) fn receive_completed(&self, recv: op::Recv) {
        match self.handle(recv) {
            Next::Receive(next) => self.receive(next, 1),
            Next::Resume(next) => self.post(Event::Resume(next)),
            Next::Nothing => {}
        }
    }

    /// It had its turns, and comes back.
    pub(crate) fn receive_again(&self, recv: op::Recv) {
        self.receive(recv, 0);
    }

    /// It had its turn of messages, and comes back for the next of those that came.
    pub(crate) fn resume(&self, recv: op::Recv) {
        let paused = self.feed(&[]);
        match self.fed(recv, paused) {
            Next::Receive(next) => self.receive(next, 0),
            Next::Resume(next) => self.post(Event::Resume(next)),
            Next::Nothing => {}
        }
    }

    /// Handles what came.
    fn handle(&self, recv: op::Recv) -> Next {
        match recv.result() {
            Ok(0) => {
                self.peer_ended();
                return Next::Nothing;
            }
            Ok(count) => add(&self.0.shared.counters.bytes_in, count),
            Err(status) => {
                self.not_received(recv, status);
                return Next::Nothing;
            }
        }
        let paused = match self.layer() {
            // What comes while it is closing is read, so that the end is seen, and dropped.
            Some(layer) if self.is_open() => self.feed(&self.open(layer, recv.data())),
            _ => self.feed(recv.data()),
        };
        self.fed(recv, paused)
    }

    fn not_received(&self, recv: op::Recv, status: Status) {
        // All buffers may be with receives whose packets are still in the queue: behind those it is tried again. What
        // came stays in the socket meanwhile.
        let tries = recv.tag();
        if status == Status::NO_BUFS && tries < BUFFER_TRIES {
            return self.post(Event::Receive(recv.into_send().into_recv().with_tag(tries + 1)));
        }
        self.fail(Reason::Failed(status));
        self.finish();
    }

    /// Has the handler see the messages in what came, for as long as its turn is. Whether there are more.
    fn feed(&self, data: &[u8]) -> bool {
        let Some(rest) = self.take_rest() else { return false };
        match self.face().feed(self, rest, data) {
            Ok(turn) => turn == Turn::Pause,
            Err(error) => {
                self.fail(Reason::Frame(error));
                false
            }
        }
    }

    fn fed(&self, recv: op::Recv, paused: bool) -> Next {
        if self.0.state().phase == Phase::Broken {
            self.finish();
            return Next::Nothing;
        }
        // To a send and back: the buffer goes home and the block is used again.
        let recv = recv.into_send().into_recv().with_tag(0);
        if paused { Next::Resume(recv) } else { Next::Receive(recv) }
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
        let mut layer = self.layer();
        let layer_ended = Session::layer_has_ended(layer.as_ref().map(|layer| &***layer));
        let words = if self.is_open() {
            Session::last_words(layer.as_mut().map(|layer| &mut ***layer))
        } else {
            Vec::new()
        };
        let mut state = self.0.state();
        if state.phase == Phase::Open {
            let whole = layer_ended && state.busy.as_ref().is_none_or(|busy| busy.rest.is_empty());
            let truncated = Reason::Frame(crate::FrameError::Truncated);
            self.closing(&mut state, if whole { Reason::PeerEnded } else { truncated });
            if !words.is_empty() {
                state.parked = true;
                return self.enqueue(state, Entry::Own(words.into()));
            }
        }
        if state.phase == Phase::Closing && state.sending {
            // The sends bring it back.
            state.parked = true;
            return;
        }
        drop(state);
        drop(layer);
        self.finish();
    }

    /// Before a message is handled: whether it is to be.
    pub(crate) fn handling(&self) -> bool {
        let mut state = self.0.state();
        if state.phase != Phase::Open {
            return false;
        }
        state.handling = true;
        if self.peer().is_none_or(|peer| peer.answered.load(Acquire)) {
            self.settle_newcomer(&mut state);
        }
        one(&self.0.shared.counters.messages_in);
        true
    }

    /// After the handler. The time, in milliseconds of the wheel.
    pub(crate) fn handled(&self) -> u32 {
        let now = self.now();
        let mut state = self.0.state();
        state.handling = false;
        state.last = now;
        if std::mem::take(&mut state.leaving) {
            drop(state);
            self.close_as(Reason::Shutdown);
        }
        now
    }

    pub(crate) fn now(&self) -> u32 {
        self.0.shared.wheel.now()
    }

    /// The handler panicked.
    pub(crate) fn panicked(&self) {
        one(&self.0.shared.counters.panics);
        self.fail(Reason::Panicked);
    }
}
