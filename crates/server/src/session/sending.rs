//! Sending: a bounded queue, and the send token that takes from it.

use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};
use std::sync::{MutexGuard, PoisonError};

use proactor::{Buf, How, Started, Status, op};

use super::{Phase, Session, State, TURNS};
use crate::end::{Reason, SendError, add, one};
use crate::limits::Full;
use crate::server::{Event, Key};

impl Session {
    pub(super) fn push(&self, buf: Buf) -> Result<(), SendError> {
        if buf.is_empty() {
            return Ok(());
        }
        let mut state = self.admit(self.0.state(), buf.len())?;
        let len = buf.len();
        let now = self.0.shared.wheel.now();
        let sending = std::mem::replace(&mut state.sending, true);
        let busy = state.busy();
        busy.messages += 1;
        busy.bytes += len;
        if sending {
            busy.queue.push_back(buf);
            return Ok(());
        }
        assert!(busy.queue.is_empty(), "with a queue the send token is out");
        (busy.flying, busy.sent) = (len, now);
        drop(state);
        self.pump(op::Send::new(buf));
        Ok(())
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
        let broken = state.phase == Phase::Broken;
        let busy = state.busy();
        (busy.flying, busy.sent) = (0, now);
        let next = if broken { None } else { busy.gather() };
        state.sending = next.is_some();
        state.last = now;
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
        let (messages, bytes) = (send.bufs().len(), send.bytes());
        let counters = &self.0.shared.counters;
        add(&counters.messages_out, messages);
        add(&counters.bytes_out, bytes);
        let mut state = self.0.state();
        let busy = state.busy();
        busy.messages -= messages;
        busy.bytes -= bytes;
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
