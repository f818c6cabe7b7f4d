//! `connect` and `WSAConnect`.

use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering::*;

use proactor::{Address, Status};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::socket::{SocketObject, find};
use super::{address, names};
use crate::types::SOCKET;

fn connect(socket: &SocketObject, to: Option<&Address>) -> Answer<()> {
    let Some(to) = to else {
        if socket.is_stream() {
            return Err(Fault(WSAEAFNOSUPPORT));
        }
        // S349
        return Ok(socket.socket.set_peer(None)?);
    };
    names::fits(socket, to)?;
    if !socket.is_stream() {
        return Ok(socket.socket.set_peer(Some(to))?);
    }
    if socket.nonblocking.load(Relaxed) {
        socket.socket.connect_in_background(to)?;
        return Err(Fault(WSAEWOULDBLOCK));
    }
    match socket.socket.connect_and_wait(to) {
        Err(Status::CANCELLED) if socket.socket.is_closed() => Err(Fault(WSAEINTR)),
        connected => Ok(connected?),
    }
}

/// # Safety
/// `name` is NULL, or as many bytes there may be read.
unsafe fn connect_to(socket: SOCKET, name: *const u8, len: c_int) -> Answer<()> {
    let socket = find(socket)?;
    // SAFETY: by the caller's promise.
    let to = unsafe {
        if name.is_null() || len < 2 {
            return Err(Fault(WSAEFAULT));
        }
        match c_int::from(name.cast::<u16>().read_unaligned()) {
            AF_UNSPEC => None,
            _ => Some(address::read_from(name, len)?),
        }
    };
    connect(&socket, to.as_ref())
}

/// `connect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_connect(socket: SOCKET, name: *const u8, len: c_int) -> c_int {
    // SAFETY: an address as documented.
    answer::done_by(|| unsafe { connect_to(socket, name, len) })
}

/// `WSAConnect`. Neither TCP nor Unix sockets send data of the user's with a connect, so there may be none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSAConnect(
    socket: SOCKET,
    name: *const u8,
    len: c_int,
    caller_data: *const WSABUF,
    _callee_data: *mut WSABUF,
    _sqos: *const c_void,
    _gqos: *const c_void,
) -> c_int {
    // SAFETY: addresses and buffers as documented.
    answer::done_by(|| unsafe {
        match caller_data.as_ref() {
            Some(data) if data.len > 0 => find(socket).and(Err(Fault(WSAEOPNOTSUPP))),
            _ => connect_to(socket, name, len),
        }
    })
}
