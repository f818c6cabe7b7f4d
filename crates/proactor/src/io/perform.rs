//! One attempt at an operation: the call that may move data now, and what its result means.
//!
//! The kernel's errors are mapped here, one by one where NT's answer is not the obvious one.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown};

use super::handle::{Class, Facts, Handle};
use super::transmit::transmit;
use super::zero_copy::FELL_BACK;
use crate::driver::control::{self, Messages};
use crate::driver::socket::{self, PipeState, Received};
use crate::driver::zero_copy;
use crate::op::block::{Block, Bufs, Flags, Kind, MAX_BUFS};
use crate::op::{Address, Control};
use crate::status::Status;

/// What an attempt came to.
pub(super) enum Step {
    /// The operation is over; `drained` when the call showed that nothing more can be moved now.
    Done { done: Done, drained: bool },
    /// It would have to wait for the kernel to say that it can go on.
    Wait,
    /// It would have to wait for what nobody announces: descriptors, memory, room in another's queue.
    Pause,
    /// It could go on, but it is for others to have a turn.
    Turn,
}

pub(super) enum Done {
    Status(Status),
    /// What is left of it happens on another handle: the first data of an accepted connection.
    Elsewhere(Arc<Handle>),
}

impl Step {
    pub(super) fn done(status: Status) -> Step {
        Step::Done { done: Done::Status(status), drained: false }
    }

    fn drained(status: Status) -> Step {
        Step::Done { done: Done::Status(status), drained: true }
    }
}

pub(super) fn perform(fd: &OwnedFd, class: Class, block: &mut Block, facts: Facts) -> Step {
    let fd = fd.as_fd();
    match block.kind {
        Kind::Accept if class == Class::Stream && !facts.contains(Facts::LISTENING) => {
            receive_stream(fd, class, block, facts)
        }
        Kind::Accept => accept(fd, block),
        Kind::Connect => connect(fd, class, block, facts),
        Kind::Disconnect => disconnect(fd, block),
        Kind::Recv | Kind::RecvFrom if class == Class::Datagram => receive_datagram(fd, block, facts),
        Kind::Recv => receive_stream(fd, class, block, facts),
        Kind::Send | Kind::SendTo if class == Class::Datagram => send_datagram(fd, block, facts),
        Kind::Send => send_stream(fd, class, block, facts),
        Kind::Transmit => transmit(fd, block, facts),
        _ => Step::done(Status::INVALID_PARAMETER),
    }
}

/// Takes a buffer from the operation's pool, if it has one and no buffer yet.
pub(super) fn borrow_pooled(fd: BorrowedFd<'_>, block: &mut Block) -> Result<(), Step> {
    let Some(pool) = block.pool.as_ref().filter(|_| matches!(block.bufs, Bufs::None)) else { return Ok(()) };
    match pool.take() {
        Some(buf) => {
            block.bufs = Bufs::One(buf);
            Ok(())
        }
        // Only who has data to receive is short of a buffer.
        None if socket::is_readable(fd) => Err(Step::done(Status::NO_BUFS)),
        None => Err(Step::Wait),
    }
}

pub(super) fn would_block(block: &mut Block) -> Step {
    if block.pool.is_some() && block.bytes == 0 {
        block.bufs = Bufs::None;
    }
    Step::Wait
}

fn receive_stream(fd: BorrowedFd<'_>, class: Class, block: &mut Block, facts: Facts) -> Step {
    if let Err(step) = borrow_pooled(fd, block) {
        return step;
    }
    let asked = block.bufs.len();
    if asked == 0 {
        return receive_nothing(fd, class);
    }
    let peek = block.flags.contains(Flags::PEEK);
    let mut ended = false;
    loop {
        let want = asked - block.bytes;
        match receive_some(fd, class, block, peek) {
            Ok(0) if class == Class::Pipe && block.bytes == 0 => return Step::done(Status::PIPE_BROKEN),
            Ok(0) => return Step::done(Status::SUCCESS),
            Ok(count) => {
                block.bytes += count;
                let full = count == want;
                if full || !block.flags.contains(Flags::WAIT_ALL) {
                    // A Unix stream also stops short at a message with descriptors, a pipe at a packet.
                    return if full || peek || !facts.contains(Facts::INTERNET) {
                        Step::done(Status::SUCCESS)
                    } else {
                        Step::drained(Status::SUCCESS)
                    };
                }
                if peek {
                    // What a full peek waits for stays in the socket: it starts over when more has come. An end
                    // never shows in a peek's count; once it is known, one more look sees all there will be.
                    if ended {
                        return Step::done(Status::SUCCESS);
                    }
                    ended = socket::has_ended(fd);
                    block.bytes = 0;
                    if !ended {
                        return Step::Wait;
                    }
                }
            }
            Err(Errno::AGAIN) => return would_block(block),
            Err(error) => return Step::done(receive_error(error)),
        }
    }
}

fn receive_some(fd: BorrowedFd<'_>, class: Class, block: &mut Block, peek: bool) -> Result<usize, Errno> {
    let done = block.bytes;
    if class == Class::Pipe {
        let mut slices: [IoSliceMut<'_>; MAX_BUFS] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let count = block.bufs.slices_mut(done, &mut slices);
        return socket::read(fd, &mut slices[..count]);
    }
    if let Bufs::One(buf) = &mut block.bufs {
        let bytes = buf.as_mut().unwrap_or_default();
        return socket::recv(fd, &mut bytes[done..], peek);
    }
    let mut slices: [IoSliceMut<'_>; MAX_BUFS] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
    let count = block.bufs.slices_mut(done, &mut slices);
    Ok(socket::recv_message(fd, &mut slices[..count], peek)?.bytes)
}

/// A zero-byte receive: whether there is something, without taking any of it (S334).
fn receive_nothing(fd: BorrowedFd<'_>, class: Class) -> Step {
    if class == Class::Pipe {
        return match socket::pipe_state(fd) {
            PipeState::Data => Step::done(Status::SUCCESS),
            PipeState::Broken => Step::done(Status::PIPE_BROKEN),
            PipeState::Empty => Step::Wait,
        };
    }
    match socket::recv(fd, &mut [0], true) {
        Ok(_) => Step::done(Status::SUCCESS),
        Err(Errno::AGAIN) => Step::Wait,
        Err(error) => Step::done(receive_error(error)),
    }
}

pub(super) fn receive_error(error: Errno) -> Status {
    match error {
        // A keep-alive or a retransmission that gave up.
        Errno::TIMEDOUT => Status::IO_TIMEOUT,
        error => Status::from(error),
    }
}

fn receive_datagram(fd: BorrowedFd<'_>, block: &mut Block, facts: Facts) -> Step {
    if let Err(step) = borrow_pooled(fd, block) {
        return step;
    }
    let peek = block.flags.contains(Flags::PEEK);
    let mut control = block.take_control();
    let received = {
        let mut slices: [IoSliceMut<'_>; MAX_BUFS] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let count = block.bufs.slices_mut(0, &mut slices);
        match &mut control {
            Some(control) => receive_beside(fd, &mut slices[..count], peek, control),
            None => socket::recv_message(fd, &mut slices[..count], peek)
                .map(|received| (received.truncated, received)),
        }
    };
    if control.is_some() {
        block.seldom_mut().control = control;
    }
    match received {
        Ok((cut, received)) => {
            block.bytes = received.bytes;
            if block.kind == Kind::RecvFrom {
                let sender = received.sender.as_ref().and_then(Address::from_any);
                block.seldom_mut().address = sender.or(Some(Address::Unix(Default::default())));
            }
            // S345: a warning, so that a packet follows, with the count.
            Step::done(if cut { Status::BUFFER_OVERFLOW } else { Status::SUCCESS })
        }
        Err(Errno::AGAIN) => would_block(block),
        // The kernel has told it by now, and tells it once.
        Err(Errno::CONNREFUSED) if facts.contains(Facts::UNTOLD) => receive_datagram(fd, block, facts),
        // S348: an earlier datagram met no socket.
        Err(Errno::CONNREFUSED) => Step::done(Status::PORT_UNREACHABLE),
        Err(error) => Step::done(receive_error(error)),
    }
}

/// Receives a datagram and what travels beside it; also says whether either was cut (S351).
fn receive_beside(
    fd: BorrowedFd<'_>,
    slices: &mut [IoSliceMut<'_>],
    peek: bool,
    control: &mut Control,
) -> Result<(bool, Received), Errno> {
    let mut messages = Messages::new();
    let (received, cut) = control::receive(fd, slices, peek, control.room(), &mut messages)?;
    control.read(&messages, cut, received.truncated);
    Ok((cut || received.truncated, received))
}

fn send_beside(
    fd: BorrowedFd<'_>,
    slices: &[IoSlice<'_>],
    to: &Address,
    control: &Control,
) -> Result<Result<usize, Errno>, Status> {
    let messages = control.messages(to.ip().ok_or(Status::NOT_SUPPORTED)?)?;
    Ok(control::send_to(fd, slices, &to.to_any()?, &messages))
}

fn send_stream(fd: BorrowedFd<'_>, class: Class, block: &mut Block, facts: Facts) -> Step {
    let whole = block.bufs.len();
    while block.bytes < whole {
        let left = whole - block.bytes;
        let sent = match send_uncopied(fd, block, facts) {
            Some(sent) => sent,
            None => send_some(fd, class, block),
        };
        match sent {
            Ok(count) => {
                block.bytes += count;
                if count < left {
                    // The kernel took what it has room for.
                    return Step::Wait;
                }
            }
            Err(Errno::AGAIN) => return Step::Wait,
            Err(error) => {
                return send_failed(fd, class, block, facts, error);
            }
        }
    }
    Step::done(Status::SUCCESS)
}

/// Stage of a send to a Unix peer that has closed: what it sent before can still be received.
pub(super) const PEER_CLOSED: u8 = 9;

pub(super) fn send_failed(
    fd: BorrowedFd<'_>,
    class: Class,
    block: &mut Block,
    facts: Facts,
    error: Errno,
) -> Step {
    if error == Errno::PIPE && rustix::net::sockopt::socket_domain(fd) == Ok(AddressFamily::UNIX) {
        block.stage = PEER_CLOSED;
    }
    Step::done(send_error(error, class, facts))
}

/// One call without a copy, if that was asked for and can be had. The kernel numbers each that takes something, so they
/// are counted, in the offset that a send has no other use for.
fn send_uncopied(fd: BorrowedFd<'_>, block: &mut Block, facts: Facts) -> Option<Result<usize, Errno>> {
    if !block.flags.contains(Flags::ZERO_COPY) || block.kind != Kind::Send {
        return None;
    }
    if facts.contains(Facts::ZERO_COPY) {
        let mut slices = [IoSlice::new(&[]); MAX_BUFS];
        let count = block.bufs.slices(block.bytes, &mut slices);
        match zero_copy::send(fd, &slices[..count]) {
            Err(Errno::NOBUFS) => {}
            sent => {
                block.offset += u64::from(sent.is_ok());
                return Some(sent);
            }
        }
    }
    block.flags |= Flags::COPIED;
    block.stage = FELL_BACK;
    None
}

fn send_some(fd: BorrowedFd<'_>, class: Class, block: &Block) -> Result<usize, Errno> {
    if class != Class::Pipe
        && let Bufs::One(buf) = &block.bufs
    {
        return socket::send(fd, &buf[block.bytes..]);
    }
    let mut slices = [IoSlice::new(&[]); MAX_BUFS];
    let count = block.bufs.slices(block.bytes, &mut slices);
    if class == Class::Pipe {
        socket::write(fd, &slices[..count])
    } else {
        socket::send_gather(fd, &slices[..count])
    }
}

fn send_error(error: Errno, class: Class, facts: Facts) -> Status {
    match error {
        Errno::PIPE if class == Class::Pipe => Status::PIPE_BROKEN,
        Errno::PIPE if facts.contains(Facts::SEND_SHUT) => Status::PIPE_DISCONNECTED,
        // The kernel told of the reset before, to somebody else; all that is left of it is "broken pipe".
        Errno::PIPE => Status::CONNECTION_RESET,
        error => receive_error(error),
    }
}

fn send_datagram(fd: BorrowedFd<'_>, block: &mut Block, facts: Facts) -> Step {
    let mut slices = [IoSlice::new(&[]); MAX_BUFS];
    let count = block.bufs.slices(0, &mut slices);
    let sent = match block.address() {
        Some(address) if block.kind == Kind::SendTo => {
            let sent = match block.control() {
                Some(control) => send_beside(fd, &slices[..count], address, control),
                None => address.to_any().map(|to| socket::send_to(fd, &slices[..count], &to)),
            };
            match sent {
                Ok(sent) => sent,
                Err(status) => return Step::done(status),
            }
        }
        _ => socket::send_gather(fd, &slices[..count]),
    };
    match sent {
        Ok(count) => {
            block.bytes = count;
            Step::done(Status::SUCCESS)
        }
        // Room in another Unix socket's queue is announced to nobody but its connected peers.
        Err(Errno::AGAIN) if matches!(block.address(), Some(Address::Unix(_))) => Step::Pause,
        Err(Errno::AGAIN) => Step::Wait,
        // S349: there is no peer, or no more.
        Err(Errno::DESTADDRREQ | Errno::NOTCONN) => Step::done(Status::CONNECTION_INVALID),
        Err(Errno::CONNREFUSED) if facts.contains(Facts::UNTOLD) => send_datagram(fd, block, facts),
        Err(Errno::CONNREFUSED) => Step::done(Status::PORT_UNREACHABLE),
        Err(error) => Step::done(receive_error(error)),
    }
}

fn accept(fd: BorrowedFd<'_>, block: &mut Block) -> Step {
    loop {
        return match socket::accept(fd) {
            Ok((accepted, peer)) => {
                block.seldom_mut().address = peer.as_ref().and_then(Address::from_any);
                match super::accept::place(accepted, block) {
                    Ok(handle) if block.flags.contains(Flags::FIRST_RECEIVE) => {
                        Step::Done { done: Done::Elsewhere(handle), drained: false }
                    }
                    Ok(_) => Step::done(Status::SUCCESS),
                    Err(status) => Step::done(status),
                }
            }
            Err(Errno::AGAIN) => Step::Wait,
            // It came and went while it was in the backlog. There may be others.
            Err(Errno::CONNABORTED | Errno::PROTO) => continue,
            // A filter answers before anything is taken from the backlog, and may answer the same for ever.
            Err(Errno::PERM) => Step::Pause,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                crate::trace::accept_paused();
                Step::Pause
            }
            Err(error) => Step::done(Status::from(error)),
        };
    }
}

/// Stages of a connect.
pub(super) const ASKED: u8 = 1;
const SENDING: u8 = 2;

fn connect(fd: BorrowedFd<'_>, class: Class, block: &mut Block, facts: Facts) -> Step {
    if block.stage == 0 {
        let Some(address) = block.address() else { return Step::done(Status::INVALID_PARAMETER) };
        let to = match address.to_any() {
            Ok(to) => to,
            Err(status) => return Step::done(status),
        };
        let mut connected = rustix::net::connect(fd, &to);
        if connected == Err(Errno::CONNABORTED) {
            // The kernel's way to say that the connect before this one has failed; it is ready for another now.
            connected = rustix::net::connect(fd, &to);
        }
        match connected {
            Ok(()) => block.stage = SENDING,
            Err(Errno::INPROGRESS | Errno::INTR) => {
                block.stage = ASKED;
                return Step::Wait;
            }
            Err(error) => return Step::done(connect_error(error)),
        }
    }
    if block.stage == ASKED {
        if let Err(error) = socket::take_error(fd) {
            return Step::done(connect_error(error));
        }
        if rustix::net::getpeername(fd).is_err() {
            // Readiness from before the connect; its own is yet to come.
            return Step::Wait;
        }
        block.stage = SENDING;
    }
    send_stream(fd, class, block, facts)
}

fn connect_error(error: Errno) -> Status {
    match error {
        Errno::TIMEDOUT => Status::IO_TIMEOUT,
        // A Unix socket's backlog is full, or nobody listens at the path.
        Errno::AGAIN | Errno::NOENT => Status::CONNECTION_REFUSED,
        error => Status::from(error),
    }
}

/// What a disconnect for reuse throws away in one go, about a millisecond's work, and in all, in bytes.
const WASTE_AT_A_TIME: u64 = 4 << 20;
const MOST_WASTE: u64 = 256 << 20;

/// Stage of a disconnect: the send side is shut.
pub(super) const SHUT: u8 = 1;

pub(super) fn disconnect(fd: BorrowedFd<'_>, block: &mut Block) -> Step {
    if block.stage == 0 {
        match rustix::net::shutdown(fd, Shutdown::Write) {
            Ok(()) | Err(Errno::NOTCONN) => block.stage = SHUT,
            Err(error) => return Step::done(Status::from(error)),
        }
    }
    if !block.flags.contains(Flags::REUSE) {
        return Step::done(Status::SUCCESS);
    }
    // The peer's end must come before the socket may forget it; what it still sends is nobody's. So much is thrown
    // away at a time that no worker is held by it, and one that never stops is not waited for: closing the
    // descriptor resets it.
    let mut waste = [0; 16 * 1024];
    let begin = block.offset;
    loop {
        match socket::recv(fd, &mut waste, false) {
            Ok(0) => return Step::done(Status::SUCCESS),
            Ok(count) => {
                block.offset += count as u64;
                if block.offset > MOST_WASTE {
                    return Step::done(Status::SUCCESS);
                }
                if block.offset - begin > WASTE_AT_A_TIME {
                    return Step::Pause;
                }
            }
            Err(Errno::AGAIN) => return Step::Wait,
            // However it ended, it has ended.
            Err(_) => return Step::done(Status::SUCCESS),
        }
    }
}
