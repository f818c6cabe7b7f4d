//! What a session has only while something is under way: its queue, a message that is not whole, why it ends.
//!
//! It is made when there is something to keep and given back when there is nothing, so that a session that waits for
//! its peer does not pay for it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar};

use proactor::{Buf, op};

use super::State;
use crate::end::Reason;
use crate::framing::Assembler;

/// Buffers that one send gathers, and where it stops adding more bytes.
const GATHERED: usize = 64;
const GATHERED_BYTES: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Busy {
    /// The beginning of a message that is not whole.
    pub(super) rest: Assembler,
    pub(super) reason: Option<Reason>,
    /// What waits behind the send under way.
    pub(super) queue: VecDeque<Buf>,
    /// Queued and under way: messages, bytes.
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// Under way.
    pub(super) flying: usize,
    /// When that began, in milliseconds of the wheel.
    pub(super) sent: u32,
    /// Threads that wait for room, and what they wait for.
    pub(super) waiting: usize,
    pub(super) room: Option<Arc<Condvar>>,
}

impl Busy {
    fn is_idle(&self) -> bool {
        self.messages == 0 && self.waiting == 0 && self.reason.is_none() && self.rest.is_empty()
    }

    /// The next send: as much of the queue as goes into one.
    pub(super) fn gather(&mut self) -> Option<op::Send> {
        let first = self.queue.pop_front()?;
        self.flying = first.len();
        if self.queue.is_empty() {
            return Some(op::Send::new(first));
        }
        let mut bufs = vec![first];
        while bufs.len() < GATHERED
            && let Some(next) = self.queue.front()
            && self.flying + next.len() <= GATHERED_BYTES
            && let Some(next) = self.queue.pop_front()
        {
            self.flying += next.len();
            bufs.push(next);
        }
        Some(op::Send::gather(bufs))
    }
}

impl State {
    pub(super) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// Gives back what is no longer needed.
    pub(super) fn settle(&mut self) {
        if self.busy.as_ref().is_some_and(|busy| busy.is_idle()) {
            self.busy = None;
        }
    }

    /// Messages and bytes in the queue and under way.
    pub(super) fn queued(&self) -> (usize, usize) {
        self.busy.as_ref().map_or((0, 0), |busy| (busy.messages, busy.bytes))
    }

    /// Why it ends.
    pub(super) fn reason(&mut self, reason: Reason) {
        let busy = self.busy();
        // What was asked for did not come about if something was left in the queue.
        let undone = busy.messages > 0 && busy.reason.is_some_and(Reason::is_ordinary);
        if busy.reason.is_none() || undone {
            busy.reason = Some(reason);
        }
    }

    /// Those who wait for room are to look again.
    pub(super) fn tell_waiting(&self) {
        if let Some(room) = self.busy.as_ref().and_then(|busy| busy.room.as_ref()) {
            room.notify_all();
        }
    }
}
