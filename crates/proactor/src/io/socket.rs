//! Sockets, stream and datagram, Internet and Unix: one type for all, as in Winsock.

use std::any::Any;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::net::{self, AddressFamily, Shutdown, SocketFlags, SocketType, sockopt};

use super::face::handle_methods;
use super::handle::{Class, Facts, Handle};
use super::started::{Refused, Started};
use crate::driver::socket::{bind_without_port, set_option};
use crate::op::block::Flags;
use crate::op::{self, Address};
use crate::status::Status;

/// A socket whose operations are overlapped.
///
/// Clones are the same socket. An operation under way keeps it open; it closes when the last clone and the last
/// operation are gone, or by [`close`](Socket::close).
///
/// ```
/// use proactor::{Op, Port, Socket, op};
///
/// let port: Port<&str> = Port::new(0)?;
/// let (ours, theirs) = Socket::pair()?;
/// ours.associate(&port, "ours")?;
/// ours.recv(op::Recv::new(vec![0; 64]))?;
/// let _ = theirs.begin(op::Send::new("hello"))?;
///
/// let packet = port.get()?.unwrap();
/// let Op::Recv(recv) = packet.op else { unreachable!() };
/// assert_eq!((packet.key, recv.data()), ("ours", &b"hello"[..]));
/// # Ok::<(), proactor::Status>(())
/// ```
pub struct Socket(pub(super) Arc<Handle>);

handle_methods!(Socket, "let (handle, _other) = proactor::Socket::pair()?;");

/// Which half of a connection to shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// No more receives are started (`SD_RECEIVE`).
    Receive,
    /// No more is sent; the peer sees the end (`SD_SEND`).
    Send,
    /// Both (`SD_BOTH`).
    Both,
}

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Connections that wait to be accepted; the system's own limit, often 4096, holds as well.
const BACKLOG: i32 = 4096;

fn family(address: &Address) -> AddressFamily {
    match address {
        Address::Ip(SocketAddr::V4(_)) => AddressFamily::INET,
        Address::Ip(SocketAddr::V6(_)) => AddressFamily::INET6,
        Address::Unix(_) => AddressFamily::UNIX,
    }
}

/// The first of a name's addresses that `make` succeeds with, or the last error.
fn first_of(
    addresses: impl ToSocketAddrs,
    make: impl Fn(Address) -> Result<Socket, Status>,
) -> Result<Socket, Status> {
    let mut last = Status::INVALID_ADDRESS;
    for address in addresses.to_socket_addrs().map_err(Status::from)? {
        match make(address.into()) {
            Ok(socket) => return Ok(socket),
            Err(status) => last = status,
        }
    }
    Err(last)
}

/// A socket of the same kind as another.
pub(super) fn alike(fd: &OwnedFd) -> Result<OwnedFd, Status> {
    let (family, kind) = (sockopt::socket_domain(fd)?, sockopt::socket_type(fd)?);
    Ok(net::socket_with(family, kind, FLAGS, None)?)
}

impl Socket {
    fn make(family: AddressFamily, kind: SocketType) -> Result<Socket, Status> {
        let fd = net::socket_with(family, kind, FLAGS, None)?;
        let class = if kind == SocketType::STREAM { Class::Stream } else { Class::Datagram };
        let mut facts = Facts::empty();
        facts.set(Facts::INTERNET, family != AddressFamily::UNIX);
        Ok(Socket(Handle::new(class, fd, facts)))
    }

    /// A stream socket that is neither bound nor connected, of the kind that can talk to `peer`
    /// (`WSASocket`): for [`bind`](Socket::bind), [`connect`](Socket::connect), or to be accepted into.
    pub fn stream(peer: &Address) -> Result<Socket, Status> {
        Socket::make(family(peer), SocketType::STREAM)
    }

    /// A stream socket that can be connected to `peer` at once: bound to any address, as
    /// [`connect`](Socket::connect) demands.
    pub fn to_connect(peer: &Address) -> Result<Socket, Status> {
        let socket = Socket::stream(peer)?;
        match peer {
            Address::Ip(_) => {
                // The port is chosen when the peer is known, so that many peers can share one.
                bind_without_port(socket.0.fd()?.as_fd())?;
                let any: SocketAddr = match peer {
                    Address::Ip(SocketAddr::V6(_)) => ([0u16; 8], 0).into(),
                    _ => ([0u8; 4], 0).into(),
                };
                socket.bind(&any.into())?;
            }
            // A Unix client needs no name.
            Address::Unix(_) => socket.0.state.lock().facts |= Facts::BOUND,
        }
        Ok(socket)
    }

    /// A listening TCP socket. The address may be taken again at once after a server that ended.
    ///
    /// Fails with `ADDRESS_ALREADY_EXISTS` when the port is in use, `INVALID_ADDRESS_COMPONENT` when the
    /// address is not one of this machine's, `ACCESS_DENIED` for ports below 1024 without the right.
    pub fn listen(addresses: impl ToSocketAddrs) -> Result<Socket, Status> {
        first_of(addresses, |address| {
            let socket = Socket::stream(&address)?;
            sockopt::set_socket_reuseaddr(&*socket.0.fd()?, true)?;
            socket.bind(&address)?;
            socket.listen_on()?;
            Ok(socket)
        })
    }

    /// A listening Unix stream socket. The path must not exist; it stays when the socket is closed.
    pub fn listen_unix(path: impl AsRef<Path>) -> Result<Socket, Status> {
        let address = Address::from(path.as_ref());
        let socket = Socket::stream(&address)?;
        socket.bind(&address)?;
        socket.listen_on()?;
        Ok(socket)
    }

    /// A UDP socket at an address.
    pub fn udp(addresses: impl ToSocketAddrs) -> Result<Socket, Status> {
        first_of(addresses, |address| {
            let socket = Socket::make(family(&address), SocketType::DGRAM)?;
            socket.bind(&address)?;
            Ok(socket)
        })
    }

    /// A Unix datagram socket at a path that must not exist.
    pub fn unix_datagram(path: impl AsRef<Path>) -> Result<Socket, Status> {
        let address = Address::from(path.as_ref());
        let socket = Socket::datagram(&address)?;
        socket.bind(&address)?;
        Ok(socket)
    }

    /// A datagram socket without an address, of the kind that can send to `peer`.
    pub fn datagram(peer: &Address) -> Result<Socket, Status> {
        Socket::make(family(peer), SocketType::DGRAM)
    }

    /// Two connected Unix stream sockets.
    pub fn pair() -> Result<(Socket, Socket), Status> {
        Socket::pair_of(SocketType::STREAM, Class::Stream)
    }

    /// Two connected Unix datagram sockets.
    pub fn datagram_pair() -> Result<(Socket, Socket), Status> {
        Socket::pair_of(SocketType::DGRAM, Class::Datagram)
    }

    fn pair_of(kind: SocketType, class: Class) -> Result<(Socket, Socket), Status> {
        let (one, other) = net::socketpair(AddressFamily::UNIX, kind, FLAGS, None)?;
        let facts = Facts::BOUND | Facts::CONNECTED;
        Ok((Socket(Handle::new(class, one, facts)), Socket(Handle::new(class, other, facts))))
    }

    /// Takes over a descriptor of anyone's, and makes it non-blocking.
    ///
    /// `OBJECT_TYPE_MISMATCH` when it is no socket, or one that is neither stream nor datagram;
    /// `INVALID_HANDLE` when it is closed.
    pub fn from_fd(fd: impl Into<OwnedFd>) -> Result<Socket, Status> {
        let fd = fd.into();
        let kind = match sockopt::socket_type(&fd) {
            Ok(kind) => kind,
            Err(rustix::io::Errno::NOTSOCK) => return Err(Status::OBJECT_TYPE_MISMATCH),
            Err(error) => return Err(error.into()),
        };
        let class = match kind {
            SocketType::STREAM => Class::Stream,
            SocketType::DGRAM => Class::Datagram,
            _ => return Err(Status::OBJECT_TYPE_MISMATCH),
        };
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        let mut facts = Facts::empty();
        let family = sockopt::socket_domain(&fd)?;
        facts.set(Facts::INTERNET, family == AddressFamily::INET || family == AddressFamily::INET6);
        if sockopt::socket_acceptconn(&fd)? {
            facts |= Facts::LISTENING | Facts::BOUND;
        } else if net::getpeername(&fd).is_ok() {
            facts |= Facts::CONNECTED | Facts::BOUND;
        } else {
            let bound = match net::getsockname(&fd)? {
                any if any.address_family() == AddressFamily::UNIX => {
                    any.addr_len() > size_of::<u16>() as u32
                }
                any => address_of(Some(any))?.ip().is_some_and(|own| own.port() != 0),
            };
            facts.set(Facts::BOUND, bound);
        }
        Ok(Socket(Handle::new(class, fd, facts)))
    }

    /// Gives the socket its address (`bind`).
    pub fn bind(&self, address: &Address) -> Result<(), Status> {
        let fd = self.0.fd()?;
        net::bind(&*fd, &address.to_any()?)?;
        self.0.state.lock().facts |= Facts::BOUND;
        Ok(())
    }

    /// Makes a bound stream socket listen (`listen`).
    pub fn listen_on(&self) -> Result<(), Status> {
        self.listen_for(BACKLOG)
    }

    /// The same, with so many connections at most that wait to be accepted; the system's own limit holds as well. Once
    /// more on a socket that listens it changes that number. `INVALID_PARAMETER` on a socket without an address,
    /// `CONNECTION_ACTIVE` on one that is connected.
    pub fn listen_for(&self, backlog: i32) -> Result<(), Status> {
        let fd = self.0.fd()?;
        {
            let facts = self.0.state.lock().facts;
            if facts.contains(Facts::CONNECTED) {
                return Err(Status::CONNECTION_ACTIVE);
            }
            if !facts.contains(Facts::BOUND) || facts.contains(Facts::ENGAGED) {
                return Err(Status::INVALID_PARAMETER);
            }
        }
        net::listen(&*fd, backlog.clamp(1, BACKLOG))?;
        let mut state = self.0.state.lock();
        state.facts |= Facts::LISTENING;
        // A socket that did not listen yet seemed to have ended.
        state.rx.ended = false;
        Ok(())
    }

    /// Sets a datagram socket's peer, another one, or none (`connect`, S349).
    pub fn set_peer(&self, peer: Option<&Address>) -> Result<(), Status> {
        if self.0.class != Class::Datagram {
            return Err(Status::INVALID_PARAMETER);
        }
        let fd = self.0.fd()?;
        match peer {
            Some(peer) => net::connect(&*fd, &peer.to_any()?)?,
            None => net::connect_unspec(&*fd)?,
        }
        self.0.state.lock().facts |= Facts::BOUND;
        Ok(())
    }

    /// Whether an operation is told that an earlier datagram met no socket (`SIO_UDP_CONNRESET`, S348), as it is until
    /// this says otherwise. `NOT_SUPPORTED` by what is no datagram socket.
    pub fn tell_unreachable(&self, told: bool) -> Result<(), Status> {
        if self.0.class != Class::Datagram {
            return Err(Status::NOT_SUPPORTED);
        }
        self.0.state.lock().facts.set(Facts::UNTOLD, !told);
        Ok(())
    }

    /// Says what is to come beside each datagram that is received with
    /// [`with_control`](op::RecvFrom::with_control), and nothing else (`IP_PKTINFO` and its like, S351). It holds for
    /// datagrams that come from now on. `NOT_SUPPORTED` by a socket that is not a datagram socket of the Internet.
    pub fn set_control(&self, beside: op::Beside) -> Result<(), Status> {
        use libc::{IPPROTO_IP as V4, IPPROTO_IPV6 as V6};
        let fd = self.0.fd()?;
        let internet = self.0.state.lock().facts.contains(Facts::INTERNET);
        if self.0.class != Class::Datagram || !internet {
            return Err(Status::NOT_SUPPORTED);
        }
        let is_v6 = sockopt::socket_domain(&*fd)? == AddressFamily::INET6;
        // An IPv6 socket is told of IPv4's datagrams as well: of their destination in its own way, of the rest in theirs.
        let (own, destination) = if is_v6 { (V6, libc::IPV6_RECVPKTINFO) } else { (V4, libc::IP_PKTINFO) };
        let mut options = vec![
            (own, destination, op::Beside::DESTINATION),
            (V4, libc::IP_RECVTTL, op::Beside::HOP_LIMIT),
            (V4, libc::IP_RECVTOS, op::Beside::TRAFFIC_CLASS),
        ];
        if is_v6 {
            options.push((V6, libc::IPV6_RECVHOPLIMIT, op::Beside::HOP_LIMIT));
            options.push((V6, libc::IPV6_RECVTCLASS, op::Beside::TRAFFIC_CLASS));
        }
        for (level, name, kind) in options {
            set_option(fd.as_fd(), level, name, beside.contains(kind))?;
        }
        Ok(())
    }

    /// Takes the next connection; the packet goes to this socket's port with its key (`AcceptEx`, S363).
    pub fn accept(&self, accept: op::Accept) -> Result<Started<op::Accept>, Refused<op::Accept>> {
        self.0.start(accept)
    }

    /// Connects; always pending, whatever comes of it (`ConnectEx`, S368). The socket must be bound (S367).
    pub fn connect(&self, connect: op::Connect) -> Result<Started<op::Connect>, Refused<op::Connect>> {
        self.0.start(connect)
    }

    /// Ends the connection once all sends before it are out (`DisconnectEx`).
    pub fn disconnect(
        &self,
        disconnect: op::Disconnect,
    ) -> Result<Started<op::Disconnect>, Refused<op::Disconnect>> {
        self.0.start(disconnect)
    }

    /// Receives (`WSARecv`). Several stacked on one socket are filled in the order they were started (S316).
    pub fn recv(&self, recv: op::Recv) -> Result<Started<op::Recv>, Refused<op::Recv>> {
        self.0.start(recv)
    }

    /// Sends (`WSASend`): completes with the whole count (S328). Several go out in the order they were started.
    pub fn send(&self, send: op::Send) -> Result<Started<op::Send>, Refused<op::Send>> {
        self.0.start(send)
    }

    /// Sends ranges of files and pieces of memory as one stream (`TransmitFile`, `TransmitPackets`), in order with other
    /// sends. The count is of all of it (S385). Always pending (S386).
    ///
    /// Nothing is copied through this process: it needs no buffer, whatever the file's size. Data that are not in the
    /// page cache are waited for by the thread that sends them, the caller or a worker, which is then replaced as any
    /// that blocks; on a socket without a port that thread is the one of timers.
    ///
    /// `CONNECTION_INVALID` when the socket is not connected or no stream (S384); what is wrong with an element as
    /// [`Element::file`](op::Element::file) has it; `INVALID_PARAMETER` for more than 64. The packet says `END_OF_FILE`,
    /// with the count so far and nothing sent of what follows, when a file ends before a range of a stated length;
    /// otherwise as for sends.
    ///
    /// ```
    /// use proactor::{File, Socket, op};
    ///
    /// # let path = std::env::temp_dir().join(format!("proactor-transmit-{}", std::process::id()));
    /// # std::fs::write(&path, "0123456789").unwrap();
    /// let file = File::open(&path)?;
    /// let (ours, theirs) = Socket::pair()?;
    /// let sent = ours.begin(op::Transmit::file(&file, 3, 4).head("<").tail(">"))?.wait();
    /// assert_eq!(sent.bytes(), 6);
    /// assert_eq!(theirs.begin(op::Recv::new(vec![0; 6]).wait_all())?.wait().data(), b"<3456>");
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn transmit(&self, transmit: op::Transmit) -> Result<Started<op::Transmit>, Refused<op::Transmit>> {
        self.0.start(transmit)
    }

    /// Receives a datagram and its sender (`WSARecvFrom`).
    pub fn recv_from(&self, recv: op::RecvFrom) -> Result<Started<op::RecvFrom>, Refused<op::RecvFrom>> {
        self.0.start(recv)
    }

    /// Sends a datagram (`WSASendTo`).
    pub fn send_to(&self, send: op::SendTo) -> Result<Started<op::SendTo>, Refused<op::SendTo>> {
        self.0.start(send)
    }

    /// Shuts a half of the connection (`shutdown`): no operation, no packet (S024). Sends that wait go out before
    /// the end, receives that wait still get what comes (S380). `CONNECTION_INVALID` when not connected (S379).
    pub fn shutdown(&self, how: How) -> Result<(), Status> {
        let fd = self.0.fd()?;
        let stream = self.0.class == Class::Stream;
        let mut state = self.0.state.lock();
        if stream && !state.facts.contains(Facts::CONNECTED) {
            return Err(Status::CONNECTION_INVALID);
        }
        if how != How::Receive {
            if state.tx.is_empty() && !state.tx.performs() {
                net::shutdown(&*fd, Shutdown::Write)?;
            } else {
                state.facts |= Facts::END_DUE;
            }
        }
        // The kernel would end a receive that is pending; on NT it still gets what comes (S380).
        match how {
            How::Receive => state.facts |= Facts::RECV_SHUT,
            How::Send => state.facts |= Facts::SEND_SHUT,
            How::Both => state.facts |= Facts::RECV_SHUT | Facts::SEND_SHUT,
        }
        Ok(())
    }

    /// Sends every write at once instead of collecting small ones (`TCP_NODELAY`).
    pub fn set_nodelay(&self, on: bool) -> Result<(), Status> {
        Ok(sockopt::set_tcp_nodelay(&*self.0.fd()?, on)?)
    }

    /// How the connection is closed: `Some(zero)` resets it (S382).
    pub fn set_linger(&self, linger: Option<std::time::Duration>) -> Result<(), Status> {
        Ok(sockopt::set_socket_linger(&*self.0.fd()?, linger)?)
    }

    /// The size of the kernel's send buffer, in bytes (`SO_SNDBUF`).
    pub fn set_send_buffer(&self, bytes: usize) -> Result<(), Status> {
        Ok(sockopt::set_socket_send_buffer_size(&*self.0.fd()?, bytes)?)
    }

    /// The size of the kernel's receive buffer, in bytes (`SO_RCVBUF`).
    pub fn set_recv_buffer(&self, bytes: usize) -> Result<(), Status> {
        Ok(sockopt::set_socket_recv_buffer_size(&*self.0.fd()?, bytes)?)
    }

    /// The socket's own address (`getsockname`).
    pub fn local_addr(&self) -> Result<Address, Status> {
        address_of(Some(net::getsockname(&*self.0.fd()?)?))
    }

    /// The peer's address (`getpeername`).
    pub fn peer_addr(&self) -> Result<Address, Status> {
        address_of(net::getpeername(&*self.0.fd()?)?)
    }

    /// How long the connection has lasted, to a sixteenth of a second; `None` if there is none (`SO_CONNECT_TIME`, S362).
    /// That of a socket that was accepted counts from its accept, also while that waits for first data: a client that
    /// is connected and silent is found so. That of a descriptor that was taken over counts from then.
    pub fn connect_time(&self) -> Option<std::time::Duration> {
        let state = self.0.state.lock();
        state.fd.as_ref()?;
        state.connected.elapsed()
    }

    /// Lends the descriptor to `f`, for options this type has no method for.
    pub fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> Result<R, Status> {
        let fd = self.0.fd()?;
        Ok(f(fd.as_fd()))
    }
}

fn address_of(any: Option<net::SocketAddrAny>) -> Result<Address, Status> {
    any.as_ref().and_then(Address::from_any).ok_or(Status::INVALID_ADDRESS)
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("local", &self.local_addr().ok())
            .field("peer", &self.peer_addr().ok())
            .field("pending", &self.pending())
            .finish()
    }
}

fn socket_of(owner: &Option<Arc<dyn Any + Send + Sync>>) -> Option<Socket> {
    owner.clone()?.downcast::<Handle>().ok().map(Socket)
}

macro_rules! sockets_of {
    ($($name:ident)*) => {$(
        impl op::$name {
            /// The socket it was started on. `INVALID_HANDLE` if it never was, or was on a pipe.
            pub fn socket(&self) -> Result<Socket, Status> {
                let block = op::sealed::Sealed::block(self);
                let socket = socket_of(&block.owner).filter(|socket| matches!(socket.0.class, Class::Stream | Class::Datagram));
                socket.ok_or(Status::INVALID_HANDLE)
            }
        }
    )*};
}
sockets_of!(Accept Connect Disconnect Recv Send RecvFrom SendTo Transmit);

impl op::Accept {
    /// Accepts into a socket of the caller's, one that is neither bound nor connected nor in another accept
    /// (S353, S354): its key and port, if any, stay.
    pub fn into_socket(mut self, socket: &Socket) -> op::Accept {
        let block = self.block_mut();
        block.seldom_mut().other = Some(socket.0.clone());
        block.flags |= Flags::BROUGHT;
        self
    }

    /// The accepted connection; once.
    pub fn take_connection(&mut self) -> Option<Socket> {
        if !self.status().is_success() {
            return None;
        }
        let block = self.block_mut();
        block.flags -= Flags::BROUGHT;
        let other = block.seldom_mut().other.take();
        socket_of(&other)
    }
}
