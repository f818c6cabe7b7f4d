//! `send`, `recv`, `sendto` and `recvfrom`.

use std::ffi::c_int;
use std::sync::atomic::Ordering::*;

use proactor::{Status, op};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::plain::{self, Memory};
use super::socket::{SocketObject, find};
use super::{address, names};
use crate::types::SOCKET;

/// The one buffer of a call.
fn buffer(start: *const u8, len: c_int) -> Answer<[WSABUF; 1]> {
    let len = u32::try_from(len).map_err(|_| Fault(WSAEFAULT))?;
    if start.is_null() && len > 0 {
        return Err(Fault(WSAEFAULT));
    }
    Ok([WSABUF { len, buf: start.cast_mut() }])
}

/// Sends buffers on a socket that knows its peer.
///
/// # Safety
/// The buffers' memory may be read.
pub unsafe fn send(socket: &SocketObject, buffers: &[WSABUF], flags: u32) -> Answer<usize> {
    plain::check_send_flags(flags)?;
    // SAFETY: by the caller's promise.
    unsafe { plain::send_all(socket, buffers) }
}

/// Sends a datagram.
///
/// # Safety
/// The buffers' memory may be read, and the address as documented.
pub unsafe fn send_to(
    socket: &SocketObject,
    buffers: &[WSABUF],
    flags: u32,
    (to, to_len): (*const u8, c_int),
) -> Answer<usize> {
    // SAFETY: by the caller's promise, here and below.
    unsafe {
        if socket.is_stream() || to.is_null() {
            return send(socket, buffers, flags);
        }
        plain::check_send_flags(flags)?;
        let to = address::read_from(to, to_len)?;
        names::fits(socket, &to)?;
        let send = match plain::to_send(buffers, 0) {
            Memory::One(buf) => op::SendTo::new(buf, to),
            Memory::Many(bufs) => op::SendTo::gather(bufs, to),
        };
        Ok(plain::complete(socket, send, socket.send_timeout.load(Relaxed))?.bytes())
    }
}

/// What a receive came to: the count, and whether there was more of the datagram.
pub type Received = (usize, Status);

/// Receives.
///
/// # Safety
/// The buffers' memory may be written to.
pub unsafe fn receive(socket: &SocketObject, buffers: &[WSABUF], flags: u32) -> Answer<Received> {
    // SAFETY: by the caller's promise; it is over when this returns.
    let recv = plain::receive(unsafe { plain::to_fill(buffers) }?, flags)?;
    let recv = plain::complete(socket, recv, socket.receive_timeout.load(Relaxed))?;
    Ok((recv.bytes(), recv.status()))
}

/// Receives a datagram and writes where it is from.
///
/// # Safety
/// The buffers' memory may be written to; the address as documented.
pub unsafe fn receive_from(
    socket: &SocketObject,
    buffers: &[WSABUF],
    flags: u32,
    (from, from_len): (*mut u8, *mut c_int),
) -> Answer<Received> {
    // SAFETY: by the caller's promise, here and below.
    unsafe {
        if socket.is_stream() || from.is_null() {
            return receive(socket, buffers, flags);
        }
        if !from_len.is_null() && from_len.read() < address::size_of_family(socket.family) as c_int {
            return Err(Fault(WSAEFAULT));
        }
        let recv = plain::receive_from(plain::to_fill(buffers)?, flags)?;
        let recv = plain::complete(socket, recv, socket.receive_timeout.load(Relaxed))?;
        if let Some(sender) = recv.sender() {
            address::write_to(sender, from, from_len);
        }
        Ok((recv.bytes(), recv.status()))
    }
}

/// A datagram that was cut is there, and a failure all the same (S345).
fn whole((count, status): Received) -> Answer<usize> {
    if status.is_warning() { Err(status.into()) } else { Ok(count) }
}

/// `send`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_send(socket: SOCKET, from: *const u8, len: c_int, flags: c_int) -> c_int {
    answer::count_of(|| {
        find(socket).and_then(|socket| {
            let buffer = buffer(from, len)?;
            // SAFETY: memory as documented.
            unsafe { send(&socket, &buffer, flags as u32) }
        })
    })
}

/// `recv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_recv(socket: SOCKET, to: *mut u8, len: c_int, flags: c_int) -> c_int {
    answer::count_of(|| {
        find(socket).and_then(|socket| {
            let buffer = buffer(to, len)?;
            // SAFETY: memory as documented.
            unsafe { receive(&socket, &buffer, flags as u32) }.and_then(whole)
        })
    })
}

/// `sendto`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_sendto(
    socket: SOCKET,
    from: *const u8,
    len: c_int,
    flags: c_int,
    to: *const u8,
    to_len: c_int,
) -> c_int {
    answer::count_of(|| {
        find(socket).and_then(|socket| {
            let buffer = buffer(from, len)?;
            // SAFETY: memory and address as documented.
            unsafe { send_to(&socket, &buffer, flags as u32, (to, to_len)) }
        })
    })
}

/// `recvfrom`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_recvfrom(
    socket: SOCKET,
    to: *mut u8,
    len: c_int,
    flags: c_int,
    from: *mut u8,
    from_len: *mut c_int,
) -> c_int {
    answer::count_of(|| {
        find(socket).and_then(|socket| {
            let buffer = buffer(to, len)?;
            // SAFETY: memory and address as documented.
            unsafe { receive_from(&socket, &buffer, flags as u32, (from, from_len)) }.and_then(whole)
        })
    })
}
