//! Sending: a bounded queue, and the send token that takes from it.

use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{MutexGuard, PoisonError};

use proactor::{Buf, File, How, Status};

use super::busy::{Entry, Outgoing, Range};
use super::datagram::MOST;
use super::{Phase, Session, State, TURNS};
use crate::FrameError;
use crate::end::{Reason, SendError, add, one};
use crate::limits::Full;
use crate::server::{Event, Key};

impl Session {
    /// Sends what the framing made of a message.
    pub(super) fn push(&self, frame: Buf) -> Result<(), SendError> {
        let peer = self.peer();
        match peer {
            None if frame.is_empty() => return Ok(()),
            Some(_) if frame.len() > MOST => {
                return Err(FrameError::TooLong { claimed: frame.len(), most: MOST }.into());
            }
            _ => {}
        }
        let state = self.admit(self.0.state(), frame.len())?;
        if let Some(peer) = peer {
            peer.answered.store(true, Release);
        }
        if peer.is_some() || self.0.apart.is_none() {
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

    pub(super) fn push_file(&self, head: &[u8], file: &File, offset: u64, len: u64) -> Result<(), SendError> {
        if self.0.apart.is_some() {
            return Err(SendError::Unsuited);
        }
        if len == 0 {
            return self.push(Buf::from(head.to_vec()));
        }
        let state = self.admit(self.0.state(), head.len())?;
        let head = Buf::from(head.to_vec());
        let range = Range { head, file: file.clone(), offset, left: len };
        self.enqueue(state, Entry::File(Box::new(range)));
        Ok(())
    }

    /// Queues something for which there is room, and sends it if nothing is being sent.
    pub(super) fn enqueue(&self, mut state: MutexGuard<'_, State>, entry: Entry) {
        let now = self.0.shared.wheel.now();
        let sending = std::mem::replace(&mut state.sending, true);
        let from = self.zero_copy_from(&state);
        let busy = state.busy();
        busy.bytes += entry.weight();
        if sending {
            busy.queue.push_back(entry);
            return;
        }
        assert!(busy.queue.is_empty(), "with a queue the send token is out");
        let send = busy.start(entry, now, self.peer());
        let send = busy.uncopied(send, from);
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

    /// From how many bytes on a send is not copied.
    fn zero_copy_from(&self, state: &State) -> usize {
        if state.copies { usize::MAX } else { self.0.shared.zero_copy }
    }

    /// The next send with the send token, or the token back.
    fn next_send(&self, state: &mut State) -> Option<Outgoing> {
        let now = self.0.shared.wheel.now();
        state.last = now;
        let broken = state.phase == Phase::Broken;
        let from = self.zero_copy_from(state);
        let busy = state.busy();
        let next = if broken { None } else { busy.gather(now, self.peer()) };
        let next = next.map(|next| busy.uncopied(next, from));
        state.sending = next.is_some();
        next
    }

    /// Starts sends for as long as they are done at once. Called with the send token.
    pub(crate) fn pump(&self, mut send: Outgoing) {
        for _ in 0..TURNS {
            match self.start_send(send) {
                Ok(Some(done)) => match self.sent(done) {
                    Some(next) => send = next,
                    None => return,
                },
                Ok(None) => return,
                Err(status) => return self.not_sent(status),
            }
        }
        self.post(Event::Send(send));
    }

    /// The send, if it is done at once.
    fn start_send(&self, send: Outgoing) -> Result<Option<Outgoing>, Status> {
        let socket = &self.0.socket;
        Ok(match send {
            Outgoing::Stream(send) => socket.send(send)?.done().map(Outgoing::Stream),
            Outgoing::Datagram(send) => socket.send_to(send)?.done().map(Outgoing::Datagram),
            Outgoing::File(transmit) => socket.transmit(transmit)?.done().map(Outgoing::File),
        })
    }

    /// A send is out: the next one, with the token.
    fn sent(&self, send: Outgoing) -> Option<Outgoing> {
        let counters = &self.0.shared.counters;
        add(&counters.bytes_out, send.bytes());
        let copied = send.was_copied();
        // Its memory goes before there is room for more.
        drop(send);
        let mut state = self.0.state();
        let flight = state.busy().landed();
        add(&counters.messages_out, flight.messages);
        if flight.zero_copy {
            one(&counters.zero_copy);
            add(&counters.zero_copy_copied, usize::from(copied));
            state.copies |= copied;
        }
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
    pub(crate) fn send_completed(&self, send: Outgoing, result: Result<usize, Status>) {
        match result {
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
        if state.phase != Phase::Closing || state.sending || state.shut {
            return;
        }
        if self.peer().is_some() {
            self.break_peer(state);
        } else {
            state.shut = true;
            state.since = self.0.shared.wheel.now();
            // If the connection has failed, the receive tells.
            let _ = self.0.socket.shutdown(How::Send);
        }
    }

    /// With the send token back: takes up the receive token if it lies here. The end is told by a worker, for this
    /// thread may be anybody's, with any locks.
    fn unpark(&self, mut state: MutexGuard<'_, State>) {
        // On a datagram socket it lies here also while all is well.
        if state.phase != Phase::Open && std::mem::take(&mut state.parked) {
            drop(state);
            self.post(Event::Finish);
        }
    }

    /// Fails only once the port is closed, and then there are no sessions left.
    pub(super) fn post(&self, event: Event) {
        let _ = self.0.shared.port.post(Key::Session(self.id()), event);
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
