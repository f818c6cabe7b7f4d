//! A socket as what a handle stands for, and how one comes and goes.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::*};
use std::sync::{Arc, Mutex, PoisonError};

use proactor::object::Waitable;
use proactor::raw::Io;
use proactor::{Address, Socket};

use super::answer::{self, Answer, Fault};
use super::events::Selection;
use super::numbers::*;
use super::{duplicate, startup};
use crate::table::{self, Object};
use crate::types::*;

/// What must be said with `setsockopt` before a socket is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Context {
    /// It is whole.
    Whole = 0,
    /// It was accepted by `AcceptEx`, and wants `SO_UPDATE_ACCEPT_CONTEXT` (S361).
    Accepted = 1,
    /// It was connected by `ConnectEx`, and wants `SO_UPDATE_CONNECT_CONTEXT` (S371).
    Connected = 2,
}

/// A size that was never set.
pub const UNSET: u32 = u32::MAX;

/// A socket as a handle's object: the core's, and what a program has set that is for its plain calls.
pub struct SocketObject {
    /// The core's.
    pub socket: Socket,
    io: Io,
    /// Windows' numbers of what it is.
    pub family: c_int,
    /// `SOCK_STREAM` or `SOCK_DGRAM`.
    pub kind: c_int,
    /// The protocol it was made for.
    pub protocol: c_int,
    /// Made with `WSA_FLAG_OVERLAPPED` (S309).
    pub overlapped: bool,
    /// `FIONBIO`.
    pub nonblocking: AtomicBool,
    context: AtomicU8,
    /// Milliseconds; 0 is for ever.
    pub receive_timeout: AtomicU32,
    /// Milliseconds; 0 is for ever.
    pub send_timeout: AtomicU32,
    /// As it was set; the kernel keeps twice that.
    pub send_buffer: AtomicU32,
    /// As it was set.
    pub receive_buffer: AtomicU32,
    /// `SO_REUSEADDR`.
    pub reuse: AtomicBool,
    /// `SO_EXCLUSIVEADDRUSE`.
    pub exclusive: AtomicBool,
    /// `SO_CONDITIONAL_ACCEPT`.
    pub conditional: AtomicBool,
    /// The handles that `socket` and its like gave out: `WSAGetOverlappedResult` takes no others (S322).
    handles: Mutex<Vec<SOCKET>>,
    /// Connections that a condition deferred (`CF_DEFER`).
    pub deferred: Mutex<Vec<Socket>>,
    /// Network events, if some are selected.
    pub selection: Mutex<Option<Selection>>,
}

impl Object for SocketObject {
    fn kind(&self) -> &'static str {
        "socket"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.io)
    }

    fn io(&self) -> Option<&Io> {
        Some(&self.io)
    }

    fn is_synchronous(&self) -> bool {
        !self.overlapped
    }

    fn last_closed(&self) {
        // It may have been closed by nobody else.
        let _ = self.socket.close();
    }
}

impl SocketObject {
    /// A socket of the core's as an object.
    pub fn new(
        socket: Socket,
        family: c_int,
        kind: c_int,
        protocol: c_int,
        overlapped: bool,
    ) -> SocketObject {
        SocketObject {
            io: Io::from(socket.clone()),
            socket,
            family,
            kind,
            protocol,
            overlapped,
            nonblocking: AtomicBool::new(false),
            context: AtomicU8::new(Context::Whole as u8),
            receive_timeout: AtomicU32::new(0),
            send_timeout: AtomicU32::new(0),
            send_buffer: AtomicU32::new(UNSET),
            receive_buffer: AtomicU32::new(UNSET),
            reuse: AtomicBool::new(false),
            exclusive: AtomicBool::new(false),
            conditional: AtomicBool::new(false),
            handles: Mutex::new(Vec::new()),
            deferred: Mutex::new(Vec::new()),
            selection: Mutex::new(None),
        }
    }

    /// Its operations.
    pub fn operations(&self) -> &Io {
        &self.io
    }

    /// Whether it is a stream.
    pub fn is_stream(&self) -> bool {
        self.kind == SOCK_STREAM
    }

    /// What it still wants to be told.
    pub fn context(&self) -> Context {
        match self.context.load(Acquire) {
            1 => Context::Accepted,
            2 => Context::Connected,
            _ => Context::Whole,
        }
    }

    /// The same from now on.
    pub fn set_context(&self, context: Context) {
        self.context.store(context as u8, Release);
    }

    /// Puts it into the table under a further number.
    pub fn enter(self: &Arc<Self>) -> Answer<SOCKET> {
        let handle = table::insert(self.clone())?;
        self.note(handle);
        Ok(handle)
    }

    /// This number was given out by Winsock.
    pub fn note(&self, handle: SOCKET) {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
    }

    /// Whether the number was given out by Winsock, and not by `DuplicateHandle`.
    pub fn knows(&self, handle: SOCKET) -> bool {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).contains(&(handle & !3))
    }

    /// A socket that was accepted by this one: of the same kind, and as this one was set.
    pub fn accepted(&self, socket: Socket) -> SocketObject {
        let made = SocketObject::new(socket, self.family, self.kind, self.protocol, self.overlapped);
        made.inherit(self);
        made
    }

    /// Takes over what the plain calls of `other` go by.
    pub fn inherit(&self, other: &SocketObject) {
        self.nonblocking.store(other.nonblocking.load(Relaxed), Relaxed);
        for (mine, theirs) in [
            (&self.receive_timeout, &other.receive_timeout),
            (&self.send_timeout, &other.send_timeout),
            (&self.send_buffer, &other.send_buffer),
            (&self.receive_buffer, &other.receive_buffer),
        ] {
            mine.store(theirs.load(Relaxed), Relaxed);
        }
    }
}

/// The socket behind a number.
pub fn find(socket: SOCKET) -> Answer<Arc<SocketObject>> {
    startup::check()?;
    table::get(socket).map_err(|_| Fault(WSAENOTSOCK))
}

/// An address of the family, for what only asks for that.
fn any_of(family: c_int) -> Answer<Address> {
    match family {
        AF_INET => Ok(std::net::SocketAddr::from(([0; 4], 0)).into()),
        AF_INET6 => Ok(std::net::SocketAddr::from(([0u16; 8], 0)).into()),
        AF_UNIX => Ok(Address::Unix(Default::default())),
        _ => Err(Fault(WSAEAFNOSUPPORT)),
    }
}

/// What the numbers leave open.
fn settle(family: c_int, kind: c_int, protocol: c_int) -> Answer<(c_int, c_int, c_int)> {
    let kind = match (kind, protocol) {
        (0, IPPROTO_TCP) => SOCK_STREAM,
        (0, IPPROTO_UDP) => SOCK_DGRAM,
        (0, 0) => return Err(Fault(WSAEINVAL)),
        _ => kind,
    };
    let family = if family == AF_UNSPEC && protocol != 0 { AF_INET } else { family };
    if family == AF_UNSPEC {
        return Err(Fault(WSAEINVAL));
    }
    any_of(family)?;
    match (kind, protocol, family) {
        (SOCK_STREAM, 0, AF_UNIX) => Ok((family, kind, 0)),
        (_, _, AF_UNIX) if kind == SOCK_STREAM => Err(Fault(WSAEPROTONOSUPPORT)),
        (_, _, AF_UNIX) => Err(Fault(WSAESOCKTNOSUPPORT)),
        (SOCK_STREAM, 0 | IPPROTO_TCP, _) => Ok((family, kind, IPPROTO_TCP)),
        (SOCK_DGRAM, 0 | IPPROTO_UDP, _) => Ok((family, kind, IPPROTO_UDP)),
        (SOCK_STREAM | SOCK_DGRAM, ..) => Err(Fault(WSAEPROTONOSUPPORT)),
        _ => Err(Fault(WSAESOCKTNOSUPPORT)),
    }
}

fn make(family: c_int, kind: c_int, protocol: c_int, overlapped: bool) -> Answer<SOCKET> {
    startup::check()?;
    let (family, kind, protocol) = settle(family, kind, protocol)?;
    let like = any_of(family)?;
    let socket = if kind == SOCK_STREAM { Socket::stream(&like) } else { Socket::datagram(&like) }?;
    if family == AF_INET6 {
        // As on Windows, for IPv6 alone until it is said otherwise.
        super::options::switch(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, true)?;
    }
    Arc::new(SocketObject::new(socket, family, kind, protocol, overlapped)).enter()
}

/// `socket`: an overlapped one (S309).
#[unsafe(no_mangle)]
pub extern "C" fn proactor_socket(family: c_int, kind: c_int, protocol: c_int) -> SOCKET {
    answer::socket(make(family, kind, protocol, true))
}

fn make_with(
    (family, kind, protocol): (c_int, c_int, c_int),
    info: Option<duplicate::Ticket>,
    flags: DWORD,
) -> Answer<SOCKET> {
    startup::check()?;
    match info {
        Some(ticket) if ticket.is_one() => duplicate::redeem(ticket),
        Some(ticket) => {
            let or = |number, other| if number == FROM_PROTOCOL_INFO { other } else { number };
            let (family, kind) = (or(family, ticket.family), or(kind, ticket.kind));
            make(family, kind, or(protocol, ticket.protocol), flags & WSA_FLAG_OVERLAPPED != 0)
        }
        None => make(family, kind, protocol, flags & WSA_FLAG_OVERLAPPED != 0),
    }
}

/// `WSASocketA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSASocketA(
    family: c_int,
    kind: c_int,
    protocol: c_int,
    info: *const WSAPROTOCOL_INFOA,
    _group: DWORD,
    flags: DWORD,
) -> SOCKET {
    // SAFETY: NULL or a protocol's description, as documented.
    let ticket = unsafe { info.as_ref() }.map(duplicate::Ticket::of);
    answer::socket(make_with((family, kind, protocol), ticket, flags))
}

/// `WSASocketW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSASocketW(
    family: c_int,
    kind: c_int,
    protocol: c_int,
    info: *const WSAPROTOCOL_INFOW,
    _group: DWORD,
    flags: DWORD,
) -> SOCKET {
    // SAFETY: NULL or a protocol's description, as documented.
    let ticket = unsafe { info.as_ref() }.map(duplicate::Ticket::of);
    answer::socket(make_with((family, kind, protocol), ticket, flags))
}

/// `closesocket`. What is no socket stays open (S383).
#[unsafe(no_mangle)]
pub extern "C" fn closesocket(socket: SOCKET) -> c_int {
    answer::done(find(socket).and_then(|_| Ok(table::close(socket)?)))
}
