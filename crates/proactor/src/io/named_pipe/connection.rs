//! What goes over a connection of a named pipe.
//!
//! Bytes go as they are. A message goes behind its length, four bytes, little-endian. The kernel takes what is sent at
//! a time whole up to 16 KiB and some; a longer message goes in parts, and who receives it waits for what it has room
//! for. No part that came is in an operation's buffer before all is there, so one that is cancelled takes nothing with it.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{Shutdown, sockopt};

use super::{Named, Peeked, PipeModes};
use crate::driver::descriptor::Descriptor;
use crate::driver::socket;
use crate::io::perform::{Step, borrow_pooled, receive_error, would_block};
use crate::op::OpId;
use crate::op::block::{Block, Kind, MAX_BUFS};
use crate::status::Status;
use crate::sync::lock::Lock;

/// A message's length.
const HEAD: usize = 4;

/// Bytes in the kernel's books up to which nothing is left unreceived: the last are taken off a moment late.
const NOTHING: usize = 64;

/// Stage of a send that has waited.
const WAITED: u8 = 1;

/// One connection, from either end.
pub(super) struct Conversation {
    pub(super) fd: Descriptor,
    messages: bool,
    incoming: Lock<Incoming>,
    outgoing: Lock<Outgoing>,
}

#[derive(Default)]
struct Incoming {
    /// So much of a message's length has come.
    head: [u8; HEAD],
    head_bytes: usize,
    /// Of the message that is being received: what nobody has been given, including what is in `early`.
    left: Option<usize>,
    /// Came before there was enough for whoever wants it.
    early: Vec<u8>,
}

/// Of the message that is half out.
#[derive(Default)]
struct Outgoing {
    sender: Option<OpId>,
    /// So much of its length has gone.
    head_bytes: usize,
}

/// Has the kernel keep at least so much of what is sent.
pub(super) fn make_room(fd: &OwnedFd, bytes: u32) {
    let wanted = bytes as usize;
    if sockopt::socket_send_buffer_size(fd).is_ok_and(|now| now < wanted.saturating_mul(2)) {
        // A hint that the system's limit may cut.
        let _ = sockopt::set_socket_send_buffer_size(fd, wanted);
    }
}

/// What can't be had now.
enum Short {
    /// It may come.
    Empty,
    /// It will not.
    Over(Status),
}

impl From<Short> for Step {
    fn from(short: Short) -> Step {
        match short {
            Short::Empty => Step::Wait,
            Short::Over(status) => Step::done(status),
        }
    }
}

impl Conversation {
    pub(super) fn new(fd: Descriptor, messages: bool) -> Conversation {
        let (incoming, outgoing) = (Lock::new(Incoming::default()), Lock::new(Outgoing::default()));
        Conversation { fd, messages, incoming, outgoing }
    }

    /// The other end sees the end now: a call under way may have the descriptor a moment longer, and so may a child that
    /// this process is just starting.
    pub(super) fn end(&self) {
        // It fails when the other end has gone, which is an end too.
        let _ = rustix::net::shutdown(&*self.fd, Shutdown::Both);
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn perform(&self, named: &Named, block: &mut Block) -> Step {
        let no_wait = named.modes().contains(PipeModes::NO_WAIT);
        if is_disconnected(named) {
            return Step::done(Status::PIPE_DISCONNECTED);
        }
        let step = match block.kind {
            Kind::Recv => self.receive(named, block),
            Kind::Send if self.messages => self.send_message(named, block),
            Kind::Send => self.send_bytes(named, block),
            _ => self.flush(),
        };
        match step {
            Step::Wait if no_wait && block.kind == Kind::Recv => Step::done(Status::PIPE_EMPTY),
            // A message that is half out goes on.
            Step::Wait if no_wait && block.kind == Kind::Send && !self.is_half_out(block) => {
                Step::done(Status::SUCCESS)
            }
            step => step,
        }
    }

    /// The other end has gone, and with it what it had not sent.
    fn over(&self, named: &Named) -> Status {
        if is_disconnected(named) { Status::PIPE_DISCONNECTED } else { Status::PIPE_BROKEN }
    }

    fn receive(&self, named: &Named, block: &mut Block) -> Step {
        if let Err(step) = borrow_pooled(self.fd(), block) {
            return step;
        }
        let step = match self.messages {
            false => self.receive_bytes(named, block),
            true if named.modes().contains(PipeModes::MESSAGES) => self.receive_message(named, block),
            true => self.receive_across(named, block),
        };
        match step {
            Step::Wait => would_block(block),
            step => step,
        }
    }

    fn receive_bytes(&self, named: &Named, block: &mut Block) -> Step {
        let asked = block.bufs.len();
        let peek = asked == 0;
        let received =
            if peek { socket::recv(self.fd(), &mut [0], true) } else { self.fill(block, 0, asked) };
        match self.judge(named, received) {
            Ok(count) => {
                block.bytes = if peek { 0 } else { count };
                Step::done(Status::SUCCESS)
            }
            Err(short) => short.into(),
        }
    }

    /// Receives into what comes after the first `skip` bytes, at most `most`.
    fn fill(&self, block: &mut Block, skip: usize, most: usize) -> Result<usize, Errno> {
        let mut slices: [IoSliceMut<'_>; MAX_BUFS] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let (mut skip, mut most, mut count) = (skip, most, 0);
        for bytes in block.bufs.as_mut_slice().iter_mut().filter_map(|buf| buf.as_mut()) {
            let begin = skip.min(bytes.len());
            skip -= begin;
            let end = bytes.len().min(begin + most);
            most -= end - begin;
            if begin < end && count < MAX_BUFS {
                slices[count] = IoSliceMut::new(&mut bytes[begin..end]);
                count += 1;
            }
        }
        socket::read(self.fd(), &mut slices[..count])
    }

    fn judge(&self, named: &Named, received: Result<usize, Errno>) -> Result<usize, Short> {
        match received {
            // The kernel says "reset" when it was closed with something unread.
            Ok(0) | Err(Errno::CONNRESET) => Err(Short::Over(self.over(named))),
            Ok(count) => Ok(count),
            Err(Errno::AGAIN) => Err(Short::Empty),
            Err(error) => Err(Short::Over(receive_error(error))),
        }
    }

    /// What is left of the message whose turn it is.
    fn message(&self, named: &Named, incoming: &mut Incoming) -> Result<usize, Short> {
        if let Some(left) = incoming.left {
            return Ok(left);
        }
        while incoming.head_bytes < HEAD {
            let came = socket::recv(self.fd(), &mut incoming.head[incoming.head_bytes..], false);
            incoming.head_bytes += self.judge(named, came)?;
        }
        let left = u32::from_le_bytes(incoming.head) as usize;
        incoming.head_bytes = 0;
        incoming.left = Some(left);
        Ok(left)
    }

    fn receive_message(&self, named: &Named, block: &mut Block) -> Step {
        let mut incoming = self.incoming.lock();
        let left = match self.message(named, &mut incoming) {
            Ok(left) => left,
            Err(short) => return short.into(),
        };
        let want = left.min(block.bufs.len());
        if incoming.early.is_empty() && want > 0 {
            let came = match self.judge(named, self.fill(block, 0, want)) {
                Ok(came) => came,
                Err(short) => return short.into(),
            };
            if came < want {
                copy_out(block, came, &mut incoming.early);
            } else {
                return incoming.given(block, want);
            }
        }
        if let Err(short) = self.collect(named, &mut incoming, want) {
            return short.into();
        }
        copy_in(block, 0, &incoming.early[..want]);
        incoming.early.drain(..want);
        incoming.given(block, want)
    }

    /// Receives until there is as much as is wanted.
    fn collect(&self, named: &Named, incoming: &mut Incoming, want: usize) -> Result<(), Short> {
        while incoming.early.len() < want {
            let have = incoming.early.len();
            incoming.early.resize(want, 0);
            let came = socket::recv(self.fd(), &mut incoming.early[have..], false);
            incoming.early.truncate(have + *came.as_ref().unwrap_or(&0));
            self.judge(named, came)?;
        }
        Ok(())
    }

    /// Receives messages as if they had no borders; an empty one ends a receive.
    fn receive_across(&self, named: &Named, block: &mut Block) -> Step {
        let mut incoming = self.incoming.lock();
        let asked = block.bufs.len();
        loop {
            let left = match self.message(named, &mut incoming) {
                Ok(left) => left,
                // What is over shows in the next.
                Err(_) if block.bytes > 0 => return Step::done(Status::SUCCESS),
                Err(short) => return short.into(),
            };
            let want = left.min(asked - block.bytes);
            if want == 0 {
                if left == 0 && block.bytes == 0 {
                    incoming.left = None;
                }
                return Step::done(Status::SUCCESS);
            }
            let came = if incoming.early.is_empty() {
                match self.judge(named, self.fill(block, block.bytes, want)) {
                    Ok(came) => came,
                    Err(_) if block.bytes > 0 => return Step::done(Status::SUCCESS),
                    Err(short) => return short.into(),
                }
            } else {
                let came = want.min(incoming.early.len());
                copy_in(block, block.bytes, &incoming.early[..came]);
                incoming.early.drain(..came);
                came
            };
            block.bytes += came;
            incoming.left = Some(left - came).filter(|left| *left > 0);
        }
    }

    fn send_bytes(&self, named: &Named, block: &mut Block) -> Step {
        while block.bytes < block.bufs.len() {
            let mut slices = [IoSlice::new(&[]); MAX_BUFS];
            let count = block.bufs.slices(block.bytes, &mut slices);
            match socket::send_gather(self.fd(), &slices[..count]) {
                Ok(count) => block.bytes += count,
                Err(error) => return self.unsent(named, block, error),
            }
        }
        Step::done(Status::SUCCESS)
    }

    fn send_message(&self, named: &Named, block: &mut Block) -> Step {
        let mut outgoing = self.outgoing.lock();
        if outgoing.sender.is_some_and(|sender| sender != block.id) {
            // The other end waits for the rest of what was cancelled.
            self.end();
            return Step::done(Status::PIPE_BROKEN);
        }
        let Ok(length) = u32::try_from(block.bufs.len()) else {
            return Step::done(Status::INVALID_PARAMETER);
        };
        let head = length.to_le_bytes();
        while outgoing.head_bytes < HEAD || block.bytes < length as usize {
            let mut rest = [IoSlice::new(&[]); MAX_BUFS];
            let count = block.bufs.slices(block.bytes, &mut rest);
            let mut slices = [IoSlice::new(&[]); MAX_BUFS + 1];
            slices[0] = IoSlice::new(&head[outgoing.head_bytes..]);
            slices[1..=count].copy_from_slice(&rest[..count]);
            match socket::send_gather(self.fd(), &slices[..=count]) {
                Ok(count) => {
                    let of_head = count.min(HEAD - outgoing.head_bytes);
                    outgoing.head_bytes += of_head;
                    outgoing.sender = Some(block.id);
                    block.bytes += count - of_head;
                }
                Err(error) => return self.unsent(named, block, error),
            }
        }
        *outgoing = Outgoing::default();
        Step::done(Status::SUCCESS)
    }

    /// Whether a part of this message has gone, and the rest has to follow.
    fn is_half_out(&self, block: &Block) -> bool {
        self.outgoing.lock().sender == Some(block.id)
    }

    fn unsent(&self, named: &Named, block: &mut Block, error: Errno) -> Step {
        match error {
            Errno::AGAIN => {
                block.stage = WAITED;
                Step::Wait
            }
            Errno::PIPE | Errno::CONNRESET => Step::done(match self.over(named) {
                Status::PIPE_BROKEN if block.stage != WAITED => Status::PIPE_CLOSING,
                status => status,
            }),
            error => Step::done(receive_error(error)),
        }
    }

    fn flush(&self) -> Step {
        match socket::unreceived(self.fd()) {
            Ok(count) if count >= NOTHING => Step::Wait,
            Ok(_) => Step::done(Status::SUCCESS),
            Err(error) => Step::done(Status::from(error)),
        }
    }

    pub(super) fn peek(&self, named: &Named, into: &mut [u8]) -> Result<Peeked, Status> {
        if is_disconnected(named) {
            return Err(Status::PIPE_DISCONNECTED);
        }
        let incoming = self.incoming.lock();
        let ended = socket::has_ended(self.fd());
        let waiting = rustix::io::ioctl_fionread(self.fd())?;
        let mut raw = vec![0; usize::try_from(waiting).unwrap_or(0)];
        if !raw.is_empty() {
            let count = socket::recv(self.fd(), &mut raw, true).unwrap_or(0);
            raw.truncate(count);
        }
        let found = if self.messages {
            let modes = named.modes();
            incoming.survey(&raw, into, modes.contains(PipeModes::MESSAGES))
        } else {
            let bytes = raw.len().min(into.len());
            into[..bytes].copy_from_slice(&raw[..bytes]);
            Some(Peeked { bytes, available: raw.len(), left_of_message: 0 })
        };
        let nothing = Peeked { bytes: 0, available: 0, left_of_message: 0 };
        match found {
            Some(found) if found.available > 0 || self.messages || !ended => Ok(found),
            None if !ended => Ok(nothing),
            _ => Err(self.over(named)),
        }
    }
}

impl Incoming {
    /// So much of the message is in the buffer of whoever asked.
    fn given(&mut self, block: &mut Block, count: usize) -> Step {
        let left = self.left.unwrap_or(0) - count;
        self.left = Some(left).filter(|left| *left > 0);
        block.bytes = count;
        Step::done(if left > 0 { Status::BUFFER_OVERFLOW } else { Status::SUCCESS })
    }

    /// What there is of messages, of which `raw` is still in the socket. None: there is no message.
    fn survey(&self, raw: &[u8], into: &mut [u8], one: bool) -> Option<Peeked> {
        let mut raw = raw;
        let mut pieces: Vec<(usize, &[u8])> = Vec::new();
        if let Some(left) = self.left {
            let rest = raw.len().min(left - self.early.len());
            pieces.push((left, &self.early));
            pieces.push((0, &raw[..rest]));
            raw = &raw[rest..];
        }
        let mut head = self.head[..self.head_bytes].to_vec();
        while !raw.is_empty() {
            let more = raw.len().min(HEAD - head.len());
            head.extend_from_slice(&raw[..more]);
            raw = &raw[more..];
            let Ok(length) = head[..].try_into().map(u32::from_le_bytes) else { break };
            head.clear();
            let here = raw.len().min(length as usize);
            pieces.push((length as usize, &raw[..here]));
            raw = &raw[here..];
        }
        let first = pieces.first()?.0;
        let available = pieces.iter().map(|(_, piece)| piece.len()).sum();
        let of_first = if self.left.is_some() { 2 } else { 1 };
        let looked = if one { of_first } else { pieces.len() };
        let mut bytes = 0;
        for (_, piece) in &pieces[..looked] {
            let count = piece.len().min(into.len() - bytes);
            into[bytes..bytes + count].copy_from_slice(&piece[..count]);
            bytes += count;
        }
        Some(Peeked { bytes, available, left_of_message: first.saturating_sub(bytes) })
    }
}

/// The client's view of the server's disconnect.
fn is_disconnected(named: &Named) -> bool {
    let now = named.now.lock();
    named.slot.is_none() && now.connection.is_some_and(|connection| named.place.was_disconnected(connection))
}

/// Copies into the buffers, after their first `skip` bytes.
fn copy_in(block: &mut Block, skip: usize, from: &[u8]) {
    let (mut skip, mut from) = (skip, from);
    for bytes in block.bufs.as_mut_slice().iter_mut().filter_map(|buf| buf.as_mut()) {
        let begin = skip.min(bytes.len());
        skip -= begin;
        let count = from.len().min(bytes.len() - begin);
        bytes[begin..begin + count].copy_from_slice(&from[..count]);
        from = &from[count..];
    }
}

/// The first `count` bytes of the buffers.
fn copy_out(block: &Block, count: usize, to: &mut Vec<u8>) {
    let mut left = count;
    for buf in block.bufs.as_slice() {
        let here = left.min(buf.len());
        to.extend_from_slice(&buf[..here]);
        left -= here;
    }
}
