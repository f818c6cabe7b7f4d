//! Calls without an OVERLAPPED: done now, or waited for, or refused on a socket that does not block. They queue no packet
//! (S024).

use std::sync::atomic::Ordering::*;
use std::time::Duration;

use proactor::{Buf, Operation, Status, op, raw};

use super::answer::{Answer, Fault};
use super::numbers::*;
use super::socket::SocketObject;

/// Buffers an operation of the core's takes.
const MOST_BUFFERS: usize = 64;

/// The buffers of a call. An array of none is refused (S335), and so is memory at NULL.
///
/// # Safety
/// `buffers` is NULL, or `count` of them may be read, and their memory be used.
pub unsafe fn buffers<'a>(buffers: *const WSABUF, count: u32) -> Answer<&'a [WSABUF]> {
    if buffers.is_null() || count == 0 {
        return Err(Fault(WSAEINVAL));
    }
    // SAFETY: by the caller's promise.
    let buffers = unsafe { std::slice::from_raw_parts(buffers, count as usize) };
    if buffers.iter().any(|buffer| buffer.buf.is_null() && buffer.len > 0) {
        return Err(Fault(WSAEFAULT));
    }
    Ok(buffers)
}

/// The bytes of them all.
pub fn length(buffers: &[WSABUF]) -> usize {
    buffers.iter().map(|buffer| buffer.len as usize).sum()
}

/// One, or several, for an operation of the core's.
pub enum Memory {
    /// Nearly always.
    One(Buf),
    /// In order.
    Many(Vec<Buf>),
}

/// # Safety
/// The memory is the operation's until it is over.
pub unsafe fn to_fill(buffers: &[WSABUF]) -> Answer<Memory> {
    // SAFETY: by the caller's promise.
    let memory = |buffer: &WSABUF| unsafe { raw::memory(buffer.buf, buffer.len as usize) };
    if let [one] = buffers {
        return Ok(Memory::One(memory(one)));
    }
    let some: Vec<Buf> = buffers.iter().filter(|buffer| buffer.len > 0).map(memory).collect();
    match some.len() {
        0 => Ok(Memory::One(Buf::default())),
        1..=MOST_BUFFERS => Ok(Memory::Many(some)),
        _ => Err(Fault(WSAENOBUFS)),
    }
}

/// What is left of buffers to send after the first `skip` bytes. More than the core takes are copied into one.
///
/// # Safety
/// The memory is the operation's until it is over.
pub unsafe fn to_send(buffers: &[WSABUF], mut skip: usize) -> Memory {
    // SAFETY: by the caller's promise; never beyond the end.
    let memory = |start: *const u8, len: usize| unsafe { raw::memory_to_send(start, len) };
    if let ([one], 0) = (buffers, skip) {
        return Memory::One(memory(one.buf, one.len as usize));
    }
    let mut some = Vec::with_capacity(buffers.len());
    for buffer in buffers {
        let begin = skip.min(buffer.len as usize);
        skip -= begin;
        if begin < buffer.len as usize {
            some.push(memory(buffer.buf.wrapping_add(begin), buffer.len as usize - begin));
        }
    }
    match some.len() {
        0 => Memory::One(Buf::default()),
        1..=MOST_BUFFERS => Memory::Many(some),
        _ => Memory::One(Buf::from(some.iter().flat_map(|buf| buf.iter().copied()).collect::<Vec<u8>>())),
    }
}

/// A receive into these buffers as the flags ask for it.
pub fn receive(memory: Memory, flags: u32) -> Answer<op::Recv> {
    if flags & !(MSG_PEEK | MSG_WAITALL | MSG_PUSH_IMMEDIATE | MSG_PARTIAL) != 0 {
        return Err(Fault(WSAEOPNOTSUPP));
    }
    let mut recv = match memory {
        Memory::One(buf) if buf.is_empty() => op::Recv::zero_byte(),
        Memory::One(buf) => op::Recv::new(buf),
        Memory::Many(bufs) => op::Recv::scatter(bufs),
    };
    if flags & MSG_PEEK != 0 {
        recv = recv.peek();
    }
    if flags & MSG_WAITALL != 0 {
        recv = recv.wait_all();
    }
    Ok(recv)
}

/// A receive of a datagram and its sender.
pub fn receive_from(memory: Memory, flags: u32) -> Answer<op::RecvFrom> {
    if flags & !(MSG_PEEK | MSG_PARTIAL) != 0 {
        return Err(Fault(WSAEOPNOTSUPP));
    }
    let recv = match memory {
        Memory::One(buf) => op::RecvFrom::new(buf),
        Memory::Many(bufs) => op::RecvFrom::scatter(bufs),
    };
    Ok(if flags & MSG_PEEK != 0 { recv.peek() } else { recv })
}

/// A send. Without a buffer of the kernel's it goes out of the caller's own memory (S331).
pub fn send(socket: &SocketObject, memory: Memory) -> op::Send {
    let send = match memory {
        Memory::One(buf) => op::Send::new(buf),
        Memory::Many(bufs) => op::Send::gather(bufs),
    };
    let uncopied = socket.send_buffer.load(Relaxed) == 0 && socket.is_stream();
    if uncopied { send.zero_copy() } else { send }
}

/// What flags a send takes: routing past the gateways is a wish.
pub fn check_send_flags(flags: u32) -> Answer<()> {
    if flags & !(MSG_DONTROUTE | MSG_PARTIAL) != 0 { Err(Fault(WSAEOPNOTSUPP)) } else { Ok(()) }
}

/// Waits for an operation, at most as long as the socket's timeout says. Calls queued to this thread run meanwhile
/// (S142).
fn wait<O: Operation>(socket: &SocketObject, op: O, milliseconds: u32) -> Answer<O> {
    let timeout = (milliseconds > 0).then(|| Duration::from_millis(milliseconds.into()));
    let op = socket.socket.perform_within(op, timeout)?;
    match op.status() {
        Status::IO_TIMEOUT if timeout.is_some() => Err(Fault(WSAETIMEDOUT)),
        Status::CANCELLED if socket.socket.is_closed() => Err(Fault(WSAEINTR)),
        status if status.is_error() => Err(status.into()),
        _ => Ok(op),
    }
}

/// Completes an operation now, or waits for it unless the socket does not block. A warning is for the caller to see.
pub fn complete<O: Operation>(socket: &SocketObject, op: O, timeout: u32) -> Answer<O> {
    match socket.socket.attempt(op) {
        Ok(op) => Ok(op),
        Err(refused) if refused.status == Status::DEVICE_NOT_READY && !socket.nonblocking.load(Relaxed) => {
            wait(socket, refused.op, timeout)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Sends on a stream or to a datagram socket's peer, all of it unless the socket does not block.
///
/// # Safety
/// The buffers' memory may be read.
pub unsafe fn send_all(socket: &SocketObject, buffers: &[WSABUF]) -> Answer<usize> {
    let timeout = socket.send_timeout.load(Relaxed);
    let blocks = !socket.nonblocking.load(Relaxed);
    // SAFETY: by the caller's promise; an operation is over when this returns.
    let rest = |skip| send(socket, unsafe { to_send(buffers, skip) });
    if blocks && socket.send_buffer.load(Relaxed) == 0 && socket.is_stream() {
        return Ok(wait(socket, rest(0), timeout)?.bytes());
    }
    let sent = match socket.socket.attempt(rest(0)) {
        Ok(send) if !blocks || !socket.is_stream() || send.bytes() == length(buffers) => {
            return Ok(send.bytes());
        }
        Ok(send) => send.bytes(),
        Err(refused) if refused.status == Status::DEVICE_NOT_READY && blocks => 0,
        Err(refused) => return Err(refused.into()),
    };
    Ok(sent + wait(socket, rest(sent), timeout)?.bytes())
}
