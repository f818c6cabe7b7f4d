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
    /// The beginning of a message that is not whole, or what waits for the session's next turn.
    pub(super) rest: Assembler,
    pub(super) reason: Option<Reason>,
    /// What waits behind the send under way.
    pub(super) queue: VecDeque<Entry>,
    /// Bytes in the queue and under way.
    pub(super) bytes: usize,
    pub(super) flight: Flight,
    /// Threads that wait for room, and what they wait for.
    pub(super) waiting: usize,
    pub(super) room: Option<Arc<Condvar>>,
}

/// Something to send.
pub(super) enum Entry {
    /// A message as it goes on the wire.
    Message(Buf),
    /// What a layer has to say by itself.
    Own(Buf),
}

impl Entry {
    /// The memory it holds, in bytes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Entry::Message(buf) | Entry::Own(buf) => buf.len(),
        }
    }

    fn messages(&self) -> usize {
        match self {
            Entry::Message(_) => 1,
            Entry::Own(_) => 0,
        }
    }
}

/// The send under way.
#[derive(Clone, Copy, Default)]
pub(super) struct Flight {
    /// How much of the queue it is.
    entries: usize,
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// When it began, in milliseconds of the wheel.
    pub(super) since: u32,
}

impl Flight {
    fn carry(&mut self, entry: &Entry) {
        self.entries += 1;
        self.messages += entry.messages();
        self.bytes += entry.weight();
    }
}

impl Busy {
    fn is_idle(&self) -> bool {
        self.entries() == 0 && self.waiting == 0 && self.reason.is_none() && self.rest.is_empty()
    }

    fn entries(&self) -> usize {
        self.queue.len() + self.flight.entries
    }

    /// Messages in the queue and under way, without a layer's own words.
    pub(super) fn messages(&self) -> usize {
        self.flight.messages + self.queue.iter().map(Entry::messages).sum::<usize>()
    }

    /// The next send: as much of the queue as goes into one.
    pub(super) fn gather(&mut self, now: u32) -> Option<op::Send> {
        let first = self.queue.pop_front()?;
        Some(self.start(first, now))
    }

    /// A send that begins with this entry.
    pub(super) fn start(&mut self, first: Entry, now: u32) -> op::Send {
        self.flight = Flight { since: now, ..Flight::default() };
        self.flight.carry(&first);
        let (Entry::Message(first) | Entry::Own(first)) = first;
        if self.queue.is_empty() {
            return op::Send::new(first);
        }
        let mut bufs = vec![first];
        while bufs.len() < GATHERED
            && let Some(next) = self.queue.front()
            && self.flight.bytes + next.weight() <= GATHERED_BYTES
            && let Some(next) = self.queue.pop_front()
        {
            self.flight.carry(&next);
            let (Entry::Message(next) | Entry::Own(next)) = next;
            bufs.push(next);
        }
        op::Send::gather(bufs)
    }

    /// The send under way has ended.
    pub(super) fn landed(&mut self) -> Flight {
        let flight = std::mem::take(&mut self.flight);
        self.bytes -= flight.bytes;
        flight
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

    /// Entries and bytes in the queue and under way.
    pub(super) fn queued(&self) -> (usize, usize) {
        self.busy.as_ref().map_or((0, 0), |busy| (busy.entries(), busy.bytes))
    }

    /// Why it ends.
    pub(super) fn reason(&mut self, reason: Reason) {
        let busy = self.busy();
        // What was asked for did not come about if something was left in the queue.
        let undone = busy.entries() > 0 && busy.reason.is_some_and(Reason::is_ordinary);
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
