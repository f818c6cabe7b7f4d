//! The operations a user starts, one type each; all of them are a block and what of it makes sense for them.

use std::fmt;

use super::address::Address;
use super::block::{Block, Bufs, Flags, Kind, OpId};
use super::buf::Buf;
use super::element::{Element, Parts};
use super::pool::BufPool;
use super::slab::Irp;
use crate::status::Status;

mod datagram;

pub(crate) mod sealed {
    use super::{Block, Irp};

    pub trait Sealed: Sized + std::marker::Send + 'static {
        #[doc(hidden)]
        fn into_block(self) -> Irp;
        #[doc(hidden)]
        fn from_block(block: Irp) -> Self;
        #[doc(hidden)]
        fn block(&self) -> &Block;
    }
}

/// An operation that can be started on a handle and comes back when it is complete.
pub trait Operation: sealed::Sealed {
    /// How it ended. `SUCCESS` before it is started, `PENDING` while it is under way.
    fn status(&self) -> Status {
        self.block().status
    }

    /// The bytes moved; when it failed half way, those that were moved before.
    fn bytes(&self) -> usize {
        self.block().bytes
    }

    /// The count, or why not.
    fn result(&self) -> Result<usize, Status> {
        self.block().result()
    }

    /// Its name among those started on its handle.
    fn id(&self) -> OpId {
        self.block().id
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub struct $name(Irp);

        impl sealed::Sealed for $name {
            fn into_block(self) -> Irp {
                self.0
            }
            fn from_block(block: Irp) -> Self {
                debug_assert_eq!(block.kind, Kind::$name);
                $name(block)
            }
            fn block(&self) -> &Block {
                &self.0
            }
        }

        impl Operation for $name {}

        impl $name {
            /// How it ended.
            pub fn status(&self) -> Status {
                self.0.status
            }

            /// The bytes moved; when it failed half way, those that were moved before.
            pub fn bytes(&self) -> usize {
                self.0.bytes
            }

            /// The count, or why not.
            pub fn result(&self) -> Result<usize, Status> {
                self.0.result()
            }

            /// A number of the caller's that travels with the operation: what programs on Windows keep
            /// behind their OVERLAPPED.
            pub fn with_tag(mut self, tag: usize) -> Self {
                self.0.tag = tag;
                self
            }

            /// The caller's number; 0 unless set.
            pub fn tag(&self) -> usize {
                self.0.tag
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("status", &self.0.status)
                    .field("bytes", &self.0.bytes)
                    .field("bufs", &self.0.bufs)
                    .finish_non_exhaustive()
            }
        }
    )*

        /// What a packet carries: a completed operation, or what somebody posted.
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum Op<M = usize> {
            $(
                #[doc = concat!("A completed [`", stringify!($name), "`].")]
                $name($name),
            )*
            /// What `Port::post` was given.
            Posted(M),
        }

        impl<M> Op<M> {
            pub(crate) fn from_block(block: Irp) -> Op<M> {
                match block.kind {
                    $(Kind::$name => Op::$name($name(block)),)*
                }
            }

            pub(crate) fn as_block(&self) -> Option<&Block> {
                match self {
                    $(Op::$name(op) => Some(&op.0),)*
                    Op::Posted(_) => None,
                }
            }
        }
    };
}

operations! {
    /// Takes a connection from a listening socket (`AcceptEx`).
    Accept
    /// Connects a bound socket, and may send first data with it (`ConnectEx`).
    Connect
    /// Ends a connection after what was sent, and may make the socket ready for another (`DisconnectEx`).
    Disconnect
    /// Receives from a stream, a pipe, or a datagram socket (`WSARecv`).
    Recv
    /// Sends to a stream, a pipe, or a datagram socket's peer (`WSASend`). It completes when all is sent.
    Send
    /// Receives a datagram and its sender (`WSARecvFrom`).
    RecvFrom
    /// Sends a datagram to an address (`WSASendTo`).
    SendTo
    /// Reads from a file at an offset (`ReadFile`, `ReadFileScatter`).
    Read
    /// Writes to a file at an offset, or to its end (`WriteFile`, `WriteFileGather`).
    Write
    /// Brings a file's data to the disk (`FlushFileBuffers`).
    Flush
    /// Sends ranges of files and pieces of memory as one stream (`TransmitFile`, `TransmitPackets`).
    Transmit
    /// Locks a range of a file (`LockFileEx`).
    Lock
    /// Has an instance of a named pipe wait for a client (`ConnectNamedPipe`).
    Listen
}

/// The offset that stands for the position of the file (`FILE_USE_FILE_POINTER_POSITION`).
pub(crate) const AT_POSITION: u64 = u64::MAX - 1;

fn with_bufs(kind: Kind, bufs: Bufs) -> Irp {
    let mut block = Block::new(kind);
    block.bufs = bufs;
    block
}

/// The buffers of an operation that has one, or several.
macro_rules! buffers {
    ($($name:ident)*) => {$(
        impl $name {
            /// The buffers, in order.
            pub fn bufs(&self) -> &[Buf] {
                self.0.bufs.as_slice()
            }

            /// Takes the first buffer out; an empty one if there is none.
            pub fn into_buf(mut self) -> Buf {
                match std::mem::take(&mut self.0.bufs) {
                    Bufs::None => Buf::default(),
                    Bufs::One(buf) => buf,
                    Bufs::Many(bufs) => bufs.into_iter().next().unwrap_or_default(),
                    Bufs::Parts(parts) => parts.bufs.into_iter().next().unwrap_or_default(),
                }
            }

            /// Takes all the buffers out.
            pub fn into_bufs(mut self) -> Vec<Buf> {
                match std::mem::take(&mut self.0.bufs) {
                    Bufs::None => Vec::new(),
                    Bufs::One(buf) => vec![buf],
                    Bufs::Many(bufs) => bufs,
                    Bufs::Parts(parts) => parts.bufs,
                }
            }
        }
    )*};
}
buffers!(Accept Connect Recv Send RecvFrom SendTo Read Write Transmit);

/// The bytes that came, of an operation that brings some.
macro_rules! data {
    ($($name:ident)*) => {$(
        impl $name {
            /// The bytes that came into the first buffer.
            pub fn data(&self) -> &[u8] {
                self.0.bufs.as_slice().first().map_or(&[], |buf| &buf[..self.0.bytes.min(buf.len())])
            }
        }
    )*};
}
data!(Accept Recv RecvFrom Read);

/// Turns what was received into something to send: the same block and buffer, the window cut to the count.
fn filled(mut block: Irp, kind: Kind) -> Irp {
    let mut left = block.bytes;
    for buf in block.bufs.as_mut_slice() {
        buf.truncate(left);
        left -= buf.len().min(left);
    }
    block.kind = kind;
    block.flags = Flags::empty();
    block
}

/// And back: the window opened to all the buffer holds; a pooled buffer goes home until data comes.
fn emptied(mut block: Irp, kind: Kind) -> Irp {
    match block.pool {
        Some(_) => block.bufs = Bufs::None,
        None => block.bufs.as_mut_slice().iter_mut().for_each(Buf::reset),
    }
    block.kind = kind;
    block.flags = Flags::empty();
    block
}

impl Recv {
    /// Into one buffer. Its window's length is the most that is received; with an empty one see
    /// [`zero_byte`](Recv::zero_byte).
    pub fn new(buf: impl Into<Buf>) -> Recv {
        Recv(with_bufs(Kind::Recv, Bufs::One(buf.into())))
    }

    /// Waits until there is something to receive, and receives nothing: a connection that waits this way holds
    /// no memory (S334). On a datagram socket it takes and drops the datagram (S336).
    pub fn zero_byte() -> Recv {
        Recv(Block::new(Kind::Recv))
    }

    /// Into several buffers; each is filled before the next (S319). At most 64.
    pub fn scatter(bufs: Vec<Buf>) -> Recv {
        Recv(with_bufs(Kind::Recv, Bufs::Many(bufs)))
    }

    /// Into a buffer that is taken from `pool` when there is data. `NO_BUFS` if it is empty then; the data
    /// stay where they are.
    pub fn pooled(pool: &BufPool) -> Recv {
        let mut block = Block::new(Kind::Recv);
        block.pool = Some(pool.clone());
        Recv(block)
    }

    /// Leaves the data in the socket (`MSG_PEEK`).
    pub fn peek(mut self) -> Recv {
        self.0.flags |= Flags::PEEK;
        self
    }

    /// Completes only when the buffers are full, or with what came before the peer ended (`MSG_WAITALL`).
    pub fn wait_all(mut self) -> Recv {
        self.0.flags |= Flags::WAIT_ALL;
        self
    }

    /// To send back what came, from the same buffer.
    pub fn into_send(self) -> Send {
        Send(filled(self.0, Kind::Send))
    }
}

/// The bytes from which on a [`zero_copy`](Send::zero_copy) send may be cheaper than a copy.
///
/// Pinning the pages and hearing of them again costs some 7 to 19 us of a processor beside what any send costs, and that
/// is what a copy of 16 to 64 KiB costs: `proactor lab zero-copy` measures both, and `docs/lab.md` has what it found.
/// Only over a network is a copy saved at all; who sends much to the same peer should stop asking when
/// [`was_copied`](Send::was_copied) says so.
pub const ZERO_COPY_FROM: usize = 64 << 10;

impl Send {
    /// From one buffer.
    pub fn new(buf: impl Into<Buf>) -> Send {
        Send(with_bufs(Kind::Send, Bufs::One(buf.into())))
    }

    /// From several, in order. At most 64.
    pub fn gather(bufs: Vec<Buf>) -> Send {
        Send(with_bufs(Kind::Send, Bufs::Many(bufs)))
    }

    /// Sends from these very pages instead of a copy, as Windows does with `SO_SNDBUF` 0 (S331): the operation is
    /// complete, and its buffers come back, only when the kernel has let go of them, which on TCP is when the peer has
    /// acknowledged them. Others may be started meanwhile; all complete in order.
    ///
    /// Worth it from [`ZERO_COPY_FROM`](super::ZERO_COPY_FROM) bytes on, over a network: on the loopback the kernel
    /// copies after all. Where it can't be had it is a send like any other: on sockets other than TCP, when the kernel
    /// is short of memory to note it in, and on one whose last few sends the kernel copied all the same.
    /// [`was_copied`](Send::was_copied) tells.
    ///
    /// A cancel does not stop what the kernel has taken: the operation ends as cancelled if not all of it was, and is
    /// held until the kernel has let go. Closing the socket holds it as well. A peer that then acknowledges nothing for
    /// two seconds, or not all in thirty, is reset, and what it has not acknowledged ends with `CONNECTION_ABORTED`.
    ///
    /// ```
    /// use proactor::{Socket, op};
    ///
    /// let (ours, theirs) = Socket::pair()?;
    /// let send = ours.begin(op::Send::new("hello").zero_copy())?.wait();
    /// assert_eq!((send.bytes(), send.was_copied()), (5, true), "a Unix socket always copies");
    /// # drop(theirs);
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn zero_copy(mut self) -> Send {
        self.0.flags |= Flags::ZERO_COPY;
        self
    }

    /// Of a completed [`zero_copy`](Send::zero_copy): whether any of it was copied after all.
    pub fn was_copied(&self) -> bool {
        self.0.flags.contains(Flags::COPIED)
    }

    /// To receive again into the same buffer.
    pub fn into_recv(self) -> Recv {
        Recv(emptied(self.0, Kind::Recv))
    }
}

impl Accept {
    /// Completes when a connection is there (S356).
    #[allow(clippy::new_without_default)]
    pub fn new() -> Accept {
        Accept(Block::new(Kind::Accept))
    }

    /// Completes when a connection is there and its first data are in `buf`, or it has ended without any: a
    /// silent client keeps the operation waiting (S357, S358).
    pub fn receive_first(buf: impl Into<Buf>) -> Accept {
        let mut block = with_bufs(Kind::Accept, Bufs::One(buf.into()));
        block.flags |= Flags::FIRST_RECEIVE;
        Accept(block)
    }

    /// The address of the peer.
    pub fn peer(&self) -> Option<&Address> {
        self.0.address()
    }

    pub(crate) fn block_mut(&mut self) -> &mut Block {
        &mut self.0
    }
}

impl Connect {
    /// To `address`.
    pub fn new(address: impl Into<Address>) -> Connect {
        let mut block = Block::new(Kind::Connect);
        block.seldom_mut().address = Some(address.into());
        block.flags |= Flags::ALWAYS_PENDING;
        Connect(block)
    }

    /// Sends `buf` once connected; the operation completes with its count (S369).
    pub fn with_data(mut self, buf: impl Into<Buf>) -> Connect {
        self.0.bufs = Bufs::One(buf.into());
        self
    }
}

impl Disconnect {
    /// After what was sent before: the peer sees the end, receiving goes on (S374).
    #[allow(clippy::new_without_default)]
    pub fn new() -> Disconnect {
        let mut block = Block::new(Kind::Disconnect);
        block.flags |= Flags::ALWAYS_PENDING;
        Disconnect(block)
    }

    /// Also waits for the peer's end, and leaves a socket that can be connected, or accepted into, again
    /// (S375): `TF_REUSE_SOCKET`.
    pub fn reuse(mut self) -> Disconnect {
        self.0.flags |= Flags::REUSE;
        self
    }
}

impl Read {
    /// At `offset`, into one buffer, as long as its window.
    pub fn new(offset: u64, buf: impl Into<Buf>) -> Read {
        Read::at(offset, Bufs::One(buf.into()))
    }

    /// At `offset`, into several buffers; each is filled before the next. At most 64.
    pub fn scatter(offset: u64, bufs: Vec<Buf>) -> Read {
        Read::at(offset, Bufs::Many(bufs))
    }

    /// Where the position of a synchronous file is, which it then moves; other files refuse it (S287).
    pub fn at_position(buf: impl Into<Buf>) -> Read {
        Read::new(AT_POSITION, buf)
    }

    fn at(offset: u64, bufs: Bufs) -> Read {
        let mut block = with_bufs(Kind::Read, bufs);
        block.offset = offset;
        Read(block)
    }

    /// Where it began; completion does not change it (S079).
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// To write what was read, from the same buffer, at `offset`.
    pub fn into_write(self, offset: u64) -> Write {
        let mut block = filled(self.0, Kind::Write);
        block.offset = offset;
        Write(block)
    }
}

impl Write {
    /// At `offset`, from one buffer.
    pub fn new(offset: u64, buf: impl Into<Buf>) -> Write {
        Write::at(offset, Bufs::One(buf.into()))
    }

    /// At `offset`, from several, in order. At most 64.
    pub fn gather(offset: u64, bufs: Vec<Buf>) -> Write {
        Write::at(offset, Bufs::Many(bufs))
    }

    /// At the end of the file, wherever that is when it is written (S286).
    pub fn append(buf: impl Into<Buf>) -> Write {
        let mut write = Write::at(u64::MAX, Bufs::One(buf.into()));
        write.0.flags |= Flags::APPEND;
        write
    }

    /// Where the position of a synchronous file is, which it then moves; other files refuse it (S287).
    pub fn at_position(buf: impl Into<Buf>) -> Write {
        Write::new(AT_POSITION, buf)
    }

    fn at(offset: u64, bufs: Bufs) -> Write {
        let mut block = with_bufs(Kind::Write, bufs);
        block.offset = offset;
        Write(block)
    }

    /// Where it began; completion does not change it (S079).
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// To read again into the same buffer, at `offset`.
    pub fn into_read(self, offset: u64) -> Read {
        let mut block = emptied(self.0, Kind::Read);
        block.offset = offset;
        Read(block)
    }
}

impl Flush {
    /// Of everything written before it completes.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Flush {
        let mut block = Block::new(Kind::Flush);
        block.flags |= Flags::ALWAYS_PENDING;
        Flush(block)
    }
}

impl Lock {
    /// For this file object alone: nobody else reads or writes these bytes, or locks any of them (S303).
    pub fn exclusive(offset: u64, len: u64) -> Lock {
        let mut lock = Lock::shared(offset, len);
        lock.0.flags |= Flags::EXCLUSIVE;
        lock
    }

    /// To be shared: nobody writes to these bytes, this file object included, or locks any of them exclusively.
    pub fn shared(offset: u64, len: u64) -> Lock {
        let mut block = Block::new(Kind::Lock);
        block.offset = offset;
        block.seldom_mut().length = len;
        Lock(block)
    }

    /// At once or not at all (`LOCKFILE_FAIL_IMMEDIATELY`).
    pub fn at_once(mut self) -> Lock {
        self.0.flags |= Flags::AT_ONCE;
        self
    }

    /// Where the range begins.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// Its bytes; also none, at a place between two.
    pub fn length(&self) -> u64 {
        self.0.seldom().map_or(0, |seldom| seldom.length)
    }
}

impl Listen {
    /// Until a client has connected.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Listen {
        Listen(Block::new(Kind::Listen))
    }
}

impl Transmit {
    /// Nothing yet: a connected socket succeeds with 0 bytes (S384).
    #[allow(clippy::new_without_default)]
    pub fn new() -> Transmit {
        let mut block = Block::new(Kind::Transmit);
        block.flags |= Flags::ALWAYS_PENDING;
        block.bufs = Bufs::Parts(Box::default());
        Transmit(block)
    }

    /// Before everything else, from memory (`TRANSMIT_FILE_BUFFERS`).
    pub fn head(mut self, buf: impl Into<Buf>) -> Transmit {
        self.parts().push_front(Element::Memory(buf.into()));
        self
    }

    /// After everything so far, from memory (`TRANSMIT_FILE_BUFFERS`).
    pub fn tail(mut self, buf: impl Into<Buf>) -> Transmit {
        self.parts().push(Element::Memory(buf.into()));
        self
    }

    /// After everything so far, in order (`TransmitPackets`). At most 64 in all, heads and tails among them.
    pub fn packets(mut self, elements: impl IntoIterator<Item = Element>) -> Transmit {
        elements.into_iter().for_each(|element| self.parts().push(element));
        self
    }

    /// Ends sending after the last byte (`TF_DISCONNECT`): as a [`Disconnect`] right behind it would.
    pub fn disconnect(mut self) -> Transmit {
        self.0.flags |= Flags::DISCONNECT;
        self
    }

    /// Ends the connection after the last byte, waits for the peer's end, and leaves a socket that can be accepted into
    /// again, but not connected (`TF_DISCONNECT | TF_REUSE_SOCKET`, S378).
    pub fn reuse(mut self) -> Transmit {
        self.0.flags |= Flags::REUSE;
        self
    }

    /// Takes all elements out, in order.
    pub fn into_elements(mut self) -> Vec<Element> {
        std::mem::take(self.parts()).into_elements()
    }

    fn parts(&mut self) -> &mut Parts {
        if !matches!(self.0.bufs, Bufs::Parts(_)) {
            self.0.bufs = Bufs::Parts(Box::default());
        }
        match &mut self.0.bufs {
            Bufs::Parts(parts) => parts,
            _ => unreachable!("it was put there"),
        }
    }
}
