//! Sending: a bounded queue, and the send token that takes from it.

use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};
use std::sync::{MutexGuard, PoisonError};

use proactor::{Buf, How, Started, Status, op};

use super::busy::Entry;
use super::{Phase, Session, State, TURNS};
use crate::end::{Reason, SendError, add, one};
use crate::limits::Full;
use crate::server::{Event, Key};

impl Session {
    /// Sends what the framing made of a message.
    pub(super) fn push(&self, frame: Buf) -> Result<(), SendError> {
        if frame.is_empty() {
            return Ok(());
        }
        let state = self.admit(self.0.state(), frame.len())?;
        if self.0.apart.is_none() {
            self.enqueue(state, Entry::Message(frame));
            return Ok(());
        }
        drop(state);
        match self.layer() {
            // By the time it is sealed others may have taken the room, by a message each.
            Some(layer) => self.push_sealed(layer, &frame),
            None => Err(SendError::Closed),
        }
    }

    /// Queues something for which there is room, and sends it if nothing is being sent.
    pub(super) fn enqueue(&self, mut state: MutexGuard<'_, State>, entry: Entry) {
        let now = self.0.shared.wheel.now();
        let sending = std::mem::replace(&mut state.sending, true);
        let busy = state.busy();
        busy.bytes += entry.weight();
        if sending {
            busy.queue.push_back(entry);
            return;
        }
        assert!(busy.queue.is_empty(), "with a queue the send token is out");
        let send = busy.start(entry, now);
        drop(state);
        self.pump(send);
    }

    /// Sees to it that there is room, or that there need not be.
    fn admit<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        len: usize,
    ) -> Result<MutexGuard<'a, State>, SendError> {
        let shared = &self.0.shared;
        let limits = &shared.limits;
        loop {
            if state.phase != Phase::Open {
                return Err(SendError::Closed);
            }
            let (messages, bytes) = state.queued();
            if messages == 0 || messages < limits.queue_messages && bytes + len <= limits.queue_bytes {
                return Ok(state);
            }
            match shared.full {
                Full::DropSession => {
                    drop(state);
                    self.fail(Reason::QueueFull);
                    return Err(SendError::Closed);
                }
                Full::Wait => {
                    let Some(_waiter) = shared.waiter() else { return Err(self.dropped()) };
                    let busy = state.busy();
                    busy.waiting += 1;
                    let room = busy.room.get_or_insert_default().clone();
                    let waited = || room.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state = proactor::blocking(waited);
                    state.busy().waiting -= 1;
                    state.settle();
                }
                Full::DropMessage => return Err(self.dropped()),
            }
        }
    }

    fn dropped(&self) -> SendError {
        one(&self.0.shared.counters.messages_dropped);
        SendError::Full
    }

    /// The next send with the send token, or the token back.
    fn next_send(&self, state: &mut State) -> Option<op::Send> {
        let now = self.0.shared.wheel.now();
        state.last = now;
        let broken = state.phase == Phase::Broken;
        let next = if broken { None } else { state.busy().gather(now) };
        state.sending = next.is_some();
        next
    }

    /// Starts sends for as long as they are done at once. Called with the send token.
    pub(crate) fn pump(&self, mut send: op::Send) {
        for _ in 0..TURNS {
            match self.0.socket.send(send) {
                Ok(Started::Done(done)) => match self.sent(done) {
                    Some(next) => send = next,
                    None => return,
                },
                Ok(_) => return,
                Err(refused) => return self.not_sent(refused.status),
            }
        }
        self.post(Event::Send(send));
    }

    /// A send is out: the next one, with the token.
    fn sent(&self, send: op::Send) -> Option<op::Send> {
        let counters = &self.0.shared.counters;
        add(&counters.bytes_out, send.bytes());
        let mut state = self.0.state();
        let flight = state.busy().landed();
        add(&counters.messages_out, flight.messages);
        state.tell_waiting();
        let next = self.next_send(&mut state);
        if next.is_none() {
            state.settle();
            self.all_sent(&mut state);
            self.unpark(state);
        }
        next
    }

    fn not_sent(&self, status: Status) {
        self.fail(Reason::Failed(status));
        let mut state = self.0.state();
        state.sending = false;
        self.unpark(state);
    }

    /// A packet of a send: the worker has the send token.
    pub(crate) fn send_completed(&self, send: op::Send) {
        match send.result() {
            Ok(_) => {
                if let Some(next) = self.sent(send) {
                    self.pump(next);
                }
            }
            Err(status) => self.not_sent(status),
        }
    }

    /// Ends this side if it is to be ended and nothing is left to send.
    pub(super) fn all_sent(&self, state: &mut State) {
        if state.phase == Phase::Closing && !state.sending && !state.shut {
            state.shut = true;
            state.since = self.0.shared.wheel.now();
            // If the connection has failed, the receive tells.
            let _ = self.0.socket.shutdown(How::Send);
        }
    }

    /// With the send token back: takes up the receive token if it lies here. The end is told by a worker, for this
    /// thread may be anybody's, with any locks.
    fn unpark(&self, mut state: MutexGuard<'_, State>) {
        if std::mem::take(&mut state.parked) {
            drop(state);
            self.post(Event::Finish);
        }
    }

    /// Fails only once the port is closed, and then there are no sessions left.
    pub(super) fn post(&self, event: Event) {
        let _ = self.0.shared.port.post(Key::Session(self.clone()), event);
    }
}

/// A worker that waits for room, counted so that not all of them do.
pub(crate) struct Waiter<'a>(pub(crate) Option<&'a AtomicUsize>);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(waiters) = self.0 {
            waiters.fetch_sub(1, AcqRel);
        }
    }
}
