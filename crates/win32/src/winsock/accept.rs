//! `accept` and `WSAAccept`.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Arc, PoisonError};

use proactor::{Address, Socket, op};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::socket::{SocketObject, find};
use super::{address, events, plain};
use crate::types::{DWORD, SOCKET};

const CF_ACCEPT: c_int = 0;
const CF_DEFER: c_int = 2;

/// `LPCONDITIONPROC`.
type Condition = unsafe extern "C" fn(
    *mut WSABUF,
    *mut WSABUF,
    *mut c_void,
    *mut c_void,
    *mut WSABUF,
    *mut WSABUF,
    *mut u32,
    usize,
) -> c_int;

/// The next connection: one that was deferred, or one that comes.
fn next(listener: &SocketObject) -> Answer<Socket> {
    let deferred = {
        let mut deferred = listener.deferred.lock().unwrap_or_else(PoisonError::into_inner);
        if deferred.is_empty() { None } else { Some(deferred.remove(0)) }
    };
    if let Some(socket) = deferred {
        return Ok(socket);
    }
    if !listener.is_stream() {
        return Err(Fault(WSAEOPNOTSUPP));
    }
    let mut accept = plain::complete(listener, op::Accept::new(), 0)?;
    accept.take_connection().ok_or(Fault(WSAEINVAL))
}

/// Gives a connection a number, and its peer's address to who asks for it.
///
/// # Safety
/// `name` and `len` are NULL or as documented.
unsafe fn hand_over(
    listener: &SocketObject,
    socket: Socket,
    name: *mut u8,
    len: *mut c_int,
) -> Answer<SOCKET> {
    if !name.is_null()
        && !len.is_null()
        && let Ok(peer) = socket.peer_addr()
    {
        // SAFETY: by the caller's promise.
        unsafe { address::write_to(&peer, name, len) };
    }
    let object = Arc::new(listener.accepted(socket));
    events::inherit(listener, &object)?;
    object.enter()
}

/// An address that is asked for must have room.
///
/// # Safety
/// `name` and `len` are NULL or as documented.
unsafe fn check_room(listener: &SocketObject, name: *mut u8, len: *mut c_int) -> Answer<()> {
    // SAFETY: not NULL where it is read, and by the caller's promise.
    let room = unsafe { len.as_ref() }.copied();
    let needed = address::size_of_family(listener.family).min(28) as c_int;
    if !name.is_null() && room.is_none_or(|room| room < needed) { Err(Fault(WSAEFAULT)) } else { Ok(()) }
}

/// `accept`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_accept(socket: SOCKET, name: *mut u8, len: *mut c_int) -> SOCKET {
    answer::socket_of(|| {
        // SAFETY: an address as documented.
        find(socket).and_then(|listener| unsafe {
            check_room(&listener, name, len)?;
            hand_over(&listener, next(&listener)?, name, len)
        })
    })
}

/// What a condition says of a connection.
///
/// # Safety
/// The condition may be called.
unsafe fn judge(condition: Condition, data: usize, peer: &Address, own: &Address) -> c_int {
    let (mut peer, mut own) = (address::write(peer), address::write(own));
    let of = |name: &mut address::Name| {
        let bytes = name.bytes_mut();
        WSABUF { len: bytes.len() as DWORD, buf: bytes.as_mut_ptr() }
    };
    let (mut caller, mut callee, mut group) = (of(&mut peer), of(&mut own), 0);
    let none = ptr::null_mut();
    // SAFETY: by the caller's promise; what it is given lasts as long as the call.
    unsafe {
        condition(
            &raw mut caller,
            none,
            none.cast(),
            none.cast(),
            &raw mut callee,
            none,
            &raw mut group,
            data,
        )
    }
}

/// `WSAAccept`. The connection is made before the condition is asked: one that it refuses is reset. One that it defers is
/// the next that an accept finds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSAAccept(
    socket: SOCKET,
    name: *mut u8,
    len: *mut c_int,
    condition: Option<Condition>,
    data: usize,
) -> SOCKET {
    answer::socket_of(|| {
        // SAFETY: address and condition as documented.
        find(socket).and_then(|listener| unsafe {
            check_room(&listener, name, len)?;
            let accepted = next(&listener)?;
            let Some(condition) = condition else { return hand_over(&listener, accepted, name, len) };
            let (peer, own) = (accepted.peer_addr()?, accepted.local_addr()?);
            match judge(condition, data, &peer, &own) {
                CF_ACCEPT => hand_over(&listener, accepted, name, len),
                CF_DEFER => {
                    listener.deferred.lock().unwrap_or_else(PoisonError::into_inner).insert(0, accepted);
                    Err(Fault(WSATRY_AGAIN))
                }
                _ => {
                    // Nobody is left to be told of what could not be set.
                    let _ = accepted.set_linger(Some(std::time::Duration::ZERO));
                    Err(Fault(WSAECONNREFUSED))
                }
            }
        })
    })
}
