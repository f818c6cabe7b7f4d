//! `AcceptEx`, and the addresses it leaves behind the data.
//!
//! Each address has an area of its own, of the length the caller gave, and begins where the area does.

use std::ffi::c_int;
use std::sync::Arc;

use proactor::op;
use proactor::raw;

use super::address;
use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::overlapped::{NOWHERE, Telling, launch};
use super::socket::{Context, SocketObject, find};
use crate::overlapped::Finish;
use crate::types::*;

/// How much longer than an address its area must be.
const BESIDE: usize = 16;

/// Writes an address into its area, which has room for it.
///
/// # Safety
/// The area may be written to.
unsafe fn put(name: &proactor::Address, area: *mut u8) {
    let name = address::write(name);
    // SAFETY: by the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(name.bytes().as_ptr(), area, name.bytes().len()) };
}

/// What is to be done when the connection is there.
fn finish(accepted: Arc<SocketObject>, areas: usize, local_len: usize) -> Finish {
    Box::new(move |end| {
        if !end.status().is_success() {
            return;
        }
        accepted.set_context(Context::Accepted);
        let local = areas as *mut u8;
        // SAFETY: the caller's buffer is the operation's until its end, which this is, and has room for both.
        unsafe {
            if let Ok(own) = accepted.socket.local_addr() {
                put(&own, local);
            }
            if let Some(peer) = end.address() {
                put(peer, local.wrapping_add(local_len));
            }
        }
    })
}

/// `AcceptEx`. Areas that are too short are refused at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn AcceptEx(
    listener: SOCKET,
    accepted: SOCKET,
    buffer: *mut u8,
    receive_len: DWORD,
    local_len: DWORD,
    remote_len: DWORD,
    received: *mut DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    let accept = || -> Answer<()> {
        let socket = find(listener)?;
        if overlapped.is_null() {
            return Err(Fault(WSA_INVALID_PARAMETER));
        }
        let into = find(accepted)?;
        if remote_len == 0 || buffer.is_null() {
            return Err(Fault(WSAEFAULT));
        }
        let needed = address::size_of_family(socket.family) + BESIDE;
        if (local_len.min(remote_len) as usize) < needed {
            return Err(Fault(ERROR_INSUFFICIENT_BUFFER));
        }
        let accept = match receive_len {
            0 => op::Accept::new(),
            // SAFETY: the buffer is the operation's, as documented.
            len => op::Accept::receive_first(unsafe { raw::memory(buffer, len as usize) }),
        };
        let accept = accept.into_socket(&into.socket);
        let areas = buffer.wrapping_add(receive_len as usize) as usize;
        let finish = finish(into, areas, local_len as usize);
        let telling = Telling { overlapped, routine: None, count: received, flags: NOWHERE };
        // SAFETY: OVERLAPPED and buffer as documented.
        unsafe { launch(&socket, accept, telling, Some(finish)) }
    };
    answer::truth(accept())
}

/// `GetAcceptExSockaddrs`: where in the buffer the addresses are. It has no way to fail; what was not there before the
/// accept was complete is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetAcceptExSockaddrs(
    buffer: *mut u8,
    receive_len: DWORD,
    local_len: DWORD,
    _remote_len: DWORD,
    local: *mut *mut u8,
    local_size: *mut c_int,
    remote: *mut *mut u8,
    remote_size: *mut c_int,
) {
    let first = buffer.wrapping_add(receive_len as usize);
    let second = first.wrapping_add(local_len as usize);
    for (area, name, size) in [(first, local, local_size), (second, remote, remote_size)] {
        if name.is_null() || size.is_null() || buffer.is_null() {
            continue;
        }
        // SAFETY: a buffer that an accept has filled, and places to write to, as documented.
        unsafe {
            let family = c_int::from(area.cast::<u16>().read_unaligned());
            name.write(area);
            size.write(address::size_of_family(family) as c_int);
        }
    }
}
