//! What a session has only while something is under way: its queue, a message that is not whole, why it ends.
//!
//! It is made when there is something to keep and given back when there is nothing, so that a session that waits for
//! its peer does not pay for it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar};

use proactor::{Buf, File, op};

use super::State;
use super::datagram::Peer;
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
    /// Datagrams that are still to be handled.
    pub(super) inbox: VecDeque<Box<[u8]>>,
    /// What waits behind the send under way.
    pub(super) queue: VecDeque<Entry>,
    /// Bytes in the queue and under way.
    pub(super) bytes: usize,
    pub(super) flight: Flight,
    /// Threads that wait for room, and what they wait for.
    pub(super) waiting: usize,
    pub(super) room: Option<Arc<Condvar>>,
}

/// So much of a file goes out in one send, so that its progress is seen and nothing behind it starves.
const SEGMENT: u64 = 256 << 10;

/// Something to send.
pub(super) enum Entry {
    /// A message as it goes on the wire.
    Message(Buf),
    /// What a layer has to say by itself.
    Own(Buf),
    /// A part of a file, which is not empty.
    File(Box<Range>),
}

/// What is still to be sent of a file, and before it.
pub(super) struct Range {
    pub(super) head: Buf,
    pub(super) file: File,
    pub(super) offset: u64,
    pub(super) left: u64,
}

/// A send to start, or one that is done.
pub(crate) enum Outgoing {
    Stream(op::Send),
    Datagram(op::SendTo),
    File(op::Transmit),
}

impl Outgoing {
    /// Whether it was copied although it was not to be.
    pub(super) fn was_copied(&self) -> bool {
        matches!(self, Outgoing::Stream(send) if send.was_copied())
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Outgoing::Stream(send) => send.bytes(),
            Outgoing::Datagram(send) => send.bytes(),
            Outgoing::File(transmit) => transmit.bytes(),
        }
    }
}

impl Entry {
    /// The memory it holds, in bytes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Entry::Message(buf) | Entry::Own(buf) => buf.len(),
            Entry::File(range) => range.head.len(),
        }
    }

    fn messages(&self) -> usize {
        match self {
            Entry::Message(_) | Entry::File(_) => 1,
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
    /// The memory of it.
    bytes: usize,
    /// What it puts on the wire.
    pub(super) length: usize,
    /// When it began, in milliseconds of the wheel.
    pub(super) since: u32,
    /// It goes out without a copy.
    pub(super) zero_copy: bool,
}

impl Flight {
    fn carry(&mut self, entry: &Entry) {
        self.entries += 1;
        self.messages += entry.messages();
        self.bytes += entry.weight();
        self.length += entry.weight();
    }
}

impl Busy {
    fn is_idle(&self) -> bool {
        let received = !self.rest.is_empty() || !self.inbox.is_empty();
        self.entries() == 0 && self.waiting == 0 && self.reason.is_none() && !received
    }

    fn entries(&self) -> usize {
        self.queue.len() + self.flight.entries
    }

    /// Messages in the queue and under way, without a layer's own words.
    pub(super) fn messages(&self) -> usize {
        self.flight.messages + self.queue.iter().map(Entry::messages).sum::<usize>()
    }

    /// The next send: as much of the queue as goes into one.
    pub(super) fn gather(&mut self, now: u32, peer: Option<&Peer>) -> Option<Outgoing> {
        let first = self.queue.pop_front()?;
        Some(self.start(first, now, peer))
    }

    /// A send that begins with this entry; to a peer on a datagram socket it is the only one.
    pub(super) fn start(&mut self, first: Entry, now: u32, peer: Option<&Peer>) -> Outgoing {
        self.flight = Flight { since: now, ..Flight::default() };
        match (first, peer) {
            (Entry::Message(buf), Some(peer)) => {
                (self.flight.entries, self.flight.messages) = (1, 1);
                (self.flight.bytes, self.flight.length) = (buf.len(), buf.len());
                Outgoing::Datagram(op::SendTo::new(buf, peer.address).with_tag(peer.tag))
            }
            (Entry::File(range), _) => Outgoing::File(self.start_file(range)),
            (first, _) => Outgoing::Stream(self.start_bufs(first)),
        }
    }

    fn start_bufs(&mut self, first: Entry) -> op::Send {
        let mut bufs = Vec::new();
        let mut next = Some(first);
        while let Some(entry) = next {
            self.flight.carry(&entry);
            match entry {
                Entry::Message(buf) | Entry::Own(buf) if bufs.is_empty() && self.queue.is_empty() => {
                    return op::Send::new(buf);
                }
                Entry::Message(buf) | Entry::Own(buf) => bufs.push(buf),
                Entry::File(_) => unreachable!("a file is not gathered"),
            }
            let bytes = self.flight.bytes;
            let fits =
                |next: &Entry| !matches!(next, Entry::File(_)) && bytes + next.weight() <= GATHERED_BYTES;
            let more = bufs.len() < GATHERED && self.queue.front().is_some_and(fits);
            next = if more { self.queue.pop_front() } else { None };
        }
        op::Send::gather(bufs)
    }

    /// The next segment. What is left stays first in the queue.
    fn start_file(&mut self, mut range: Box<Range>) -> op::Transmit {
        let head = std::mem::take(&mut range.head);
        let length = range.left.min(SEGMENT);
        self.flight.bytes = head.len();
        self.flight.length = head.len() + length as usize;
        let transmit = op::Transmit::file(&range.file, range.offset, length);
        range.offset += length;
        range.left -= length;
        if range.left > 0 {
            self.queue.push_front(Entry::File(range));
        } else {
            (self.flight.entries, self.flight.messages) = (1, 1);
        }
        if head.is_empty() { transmit } else { transmit.head(head) }
    }

    /// The same send without a copy, if it is one that can go so and has so many bytes.
    pub(super) fn uncopied(&mut self, send: Outgoing, from: usize) -> Outgoing {
        match send {
            Outgoing::Stream(send) if self.flight.length >= from => {
                self.flight.zero_copy = true;
                Outgoing::Stream(send.zero_copy())
            }
            send => send,
        }
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
