//! Addresses of sockets: `bind`, `listen`, and asking for either end's name; and `shutdown`.

use std::ffi::c_int;
use std::sync::atomic::Ordering::*;

use proactor::{Address, How, Status};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::socket::{Context, SocketObject, find};
use super::{address, options};
use crate::types::SOCKET;

fn family_of(address: &Address) -> c_int {
    match address.ip() {
        None => AF_UNIX,
        Some(ip) if ip.is_ipv4() => AF_INET,
        Some(_) => AF_INET6,
    }
}

/// Refuses an address of another family than the socket's.
pub fn fits(socket: &SocketObject, address: &Address) -> Answer<()> {
    if family_of(address) == socket.family { Ok(()) } else { Err(Fault(WSAEAFNOSUPPORT)) }
}

/// Binds. What only a connection that has ended still holds can be had: on Windows that is in nobody's way.
fn bind(socket: &SocketObject, address: &Address) -> Answer<()> {
    fits(socket, address)?;
    let udp_reuse = !socket.is_stream() && socket.reuse.load(Relaxed);
    if udp_reuse {
        options::switch(&socket.socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, true)?;
    }
    match socket.socket.bind(address) {
        Err(Status::ADDRESS_ALREADY_EXISTS)
            if socket.is_stream() && socket.family != AF_UNIX && !socket.exclusive.load(Relaxed) =>
        {
            options::switch(&socket.socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, true)?;
            Ok(socket.socket.bind(address)?)
        }
        bound => Ok(bound?),
    }
}

/// `bind`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_bind(socket: SOCKET, name: *const u8, len: c_int) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        // SAFETY: an address as documented.
        let address = unsafe { address::read_from(name, len) }?;
        bind(&socket, &address)
    }))
}

/// The backlog that `SOMAXCONN` or `SOMAXCONN_HINT` asks for.
fn backlog(asked: c_int) -> i32 {
    // A hint is given as its negative.
    asked.checked_abs().unwrap_or(i32::MAX)
}

/// `listen`.
#[unsafe(no_mangle)]
pub extern "C" fn proactor_listen(socket: SOCKET, most: c_int) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        if !socket.is_stream() {
            return Err(Fault(WSAEOPNOTSUPP));
        }
        socket.socket.listen_for(backlog(most))?;
        if socket.family != AF_UNIX {
            // What it accepts, once ended, is then in nobody's way who binds.
            options::switch(&socket.socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, true)?;
        }
        Ok(())
    }))
}

/// Hands an address to a caller who must have room for all of it.
///
/// # Safety
/// `name` and `len` are NULL or as documented.
unsafe fn hand(address: &Address, name: *mut u8, len: *mut c_int) -> Answer<()> {
    if name.is_null() || len.is_null() {
        return Err(Fault(WSAEFAULT));
    }
    // SAFETY: not NULL, and by the caller's promise; what would be cut is not written.
    unsafe {
        let needed = address::write(address).bytes().len();
        if usize::try_from(len.read()).unwrap_or(0) < needed {
            return Err(Fault(WSAEFAULT));
        }
        address::write_to(address, name, len);
    }
    Ok(())
}

/// `getsockname`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_getsockname(socket: SOCKET, name: *mut u8, len: *mut c_int) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        if socket.context() == Context::Accepted {
            return Err(Fault(WSAENOTCONN));
        }
        let address = socket.socket.local_addr()?;
        if address.ip().is_some_and(|own| own.port() == 0) {
            return Err(Fault(WSAEINVAL));
        }
        // SAFETY: as documented.
        unsafe { hand(&address, name, len) }
    }))
}

/// `getpeername`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_getpeername(socket: SOCKET, name: *mut u8, len: *mut c_int) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        if socket.context() != Context::Whole {
            return Err(Fault(WSAENOTCONN));
        }
        let address = match socket.socket.peer_addr() {
            Err(Status::INVALID_ADDRESS) => return Err(Fault(WSAENOTCONN)),
            address => address?,
        };
        // SAFETY: as documented.
        unsafe { hand(&address, name, len) }
    }))
}

/// `shutdown`.
#[unsafe(no_mangle)]
pub extern "C" fn proactor_shutdown(socket: SOCKET, how: c_int) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        let how = match how {
            0 => How::Receive,
            1 => How::Send,
            2 => How::Both,
            _ => return Err(Fault(WSAEINVAL)),
        };
        if socket.context() != Context::Whole {
            return Err(Fault(WSAENOTCONN));
        }
        if !socket.is_stream() {
            // S349: a datagram socket has a direction to shut only while it has a peer.
            socket.socket.peer_addr().map_err(|_| Fault(WSAENOTCONN))?;
        }
        Ok(socket.socket.shutdown(how)?)
    }))
}
