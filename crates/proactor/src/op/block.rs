//! The block that describes one request from its start to its packet: NT's IRP and OVERLAPPED in one.
//!
//! It is made once, keeps its address, and is used again by whatever operation follows on the same buffer.

use std::any::Any;
use std::io::{IoSlice, IoSliceMut};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use bitflags::bitflags;

use super::address::Address;
use super::buf::Buf;
use super::charge::Charge;
use super::control::Control;
use super::element::Parts;
use super::end::End;
use super::pool::BufPool;
use super::slab::Irp;
use crate::driver::descriptor::Descriptor;
use crate::status::Status;
use crate::sync::thread::ThreadNo;

/// Buffers one operation may gather or scatter.
pub(crate) const MAX_BUFS: usize = 64;

/// Names an operation among those started on the same handle, to cancel it by. Never used twice on a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(pub(crate) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Accept,
    Connect,
    Disconnect,
    Recv,
    Send,
    RecvFrom,
    SendTo,
    Read,
    Write,
    Flush,
    Transmit,
    Lock,
    Listen,
}

bitflags! {
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Flags: u16 {
        /// Leaves the data in the socket.
        const PEEK = 1;
        /// Completes only when the buffers are full.
        const WAIT_ALL = 2;
        /// The socket is to be used again after the disconnect.
        const REUSE = 4;
        /// A write that goes to the end of the file.
        const APPEND = 8;
        /// An accept that also waits for the first data.
        const FIRST_RECEIVE = 16;
        /// Reported as pending whatever the speed.
        const ALWAYS_PENDING = 32;
        /// An accept into a socket of the caller's.
        const BROUGHT = 64;
        /// A transmit that ends the connection after its last byte.
        const DISCONNECT = 128;
        /// A send from the caller's own pages.
        const ZERO_COPY = 256;
        /// Of which something was copied all the same.
        const COPIED = 512;
        /// It has an event of its own, which is told in place of its handle.
        const OWN_EVENT = 1024;
        /// Over when its start returns, whatever it came to.
        const AT_ONCE = 2048;
        /// A connect that nobody waits for, and no thread's.
        const BACKGROUND = 4096;
        /// Its starter waits for it: a synchronous handle takes no other.
        const IN_TURN = 8192;
        /// A lock that nobody shares.
        const EXCLUSIVE = 16384;
        /// There is nothing to be done for it: it is complete when it is started.
        const NOTHING = 32768;
    }
}

#[derive(Debug, Default)]
pub(crate) enum Bufs {
    #[default]
    None,
    One(Buf),
    Many(Vec<Buf>),
    /// Among ranges of files.
    Parts(Box<Parts>),
}

impl Bufs {
    pub(crate) fn as_slice(&self) -> &[Buf] {
        match self {
            Bufs::None => &[],
            Bufs::One(buf) => std::slice::from_ref(buf),
            Bufs::Many(bufs) => bufs,
            Bufs::Parts(parts) => &parts.bufs,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [Buf] {
        match self {
            Bufs::None => &mut [],
            Bufs::One(buf) => std::slice::from_mut(buf),
            Bufs::Many(bufs) => bufs,
            Bufs::Parts(parts) => &mut parts.bufs,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().iter().map(|buf| buf.len()).sum()
    }

    /// What is left after the first `skip` bytes, for a gathering call. Returns how many entries were filled.
    pub(crate) fn slices<'a>(&'a self, skip: usize, out: &mut [IoSlice<'a>; MAX_BUFS]) -> usize {
        let (mut skip, mut count) = (skip, 0);
        for buf in self.as_slice() {
            let begin = skip.min(buf.len());
            skip -= begin;
            if begin < buf.len() && count < MAX_BUFS {
                out[count] = IoSlice::new(&buf[begin..]);
                count += 1;
            }
        }
        count
    }

    /// The same for a scattering call. Memory that can't be written to is passed over; a start with such a
    /// buffer is refused before it comes to this.
    pub(crate) fn slices_mut<'a>(&'a mut self, skip: usize, out: &mut [IoSliceMut<'a>; MAX_BUFS]) -> usize {
        let (mut skip, mut count) = (skip, 0);
        for buf in self.as_mut_slice() {
            let Some(bytes) = buf.as_mut() else { continue };
            let begin = skip.min(bytes.len());
            skip -= begin;
            if begin < bytes.len() && count < MAX_BUFS {
                out[count] = IoSliceMut::new(&mut bytes[begin..]);
                count += 1;
            }
        }
        count
    }
}

/// Where the news of a completion goes.
#[derive(Default)]
pub(crate) enum Route {
    /// To the port the handle is associated with when the operation completes.
    #[default]
    Port,
    /// To whoever waits on this event; no packet is queued.
    Event(Arc<Event>),
    /// To nobody but the observer; no packet is queued.
    Nobody,
    /// To the thread that started it, which runs this; no packet is queued.
    Routine(Box<dyn Routine>),
}

impl Route {
    pub(crate) fn is_port(&self) -> bool {
        matches!(self, Route::Port)
    }

    pub(crate) fn is_event(&self) -> bool {
        matches!(self, Route::Event(_))
    }
}

/// What is to run once an operation is complete.
pub(crate) trait Routine: Send + Sync {
    /// The operation is complete. Has the routine run where it belongs, not here.
    fn complete(self: Box<Self>, block: Irp);
}

/// Sees a completed operation before anybody else is told of it. It must not block.
pub(crate) type Observer = fn(&End<'_>);

pub struct Block {
    pub(crate) kind: Kind,
    /// How far a request of several steps has come; its meaning belongs to the kind.
    pub(crate) stage: u8,
    pub(crate) flags: Flags,
    pub(crate) thread: ThreadNo,
    /// What it holds; nothing before its start and after its end.
    pub(crate) charge: Charge,
    pub(crate) status: Status,
    pub(crate) id: OpId,
    /// Moved so far; the count when complete.
    pub(crate) bytes: usize,
    pub(crate) offset: u64,
    pub(crate) tag: usize,
    pub(crate) bufs: Bufs,
    pub(crate) route: Route,
    pub(crate) pool: Option<BufPool>,
    pub(crate) observer: Option<Observer>,
    /// The handle it was started on; kept open by it.
    pub(crate) owner: Option<Arc<dyn Any + Send + Sync>>,
    seldom: Option<Box<Seldom>>,
}

/// What few operations have; made for those and kept by the block.
#[derive(Default)]
pub(crate) struct Seldom {
    pub(crate) address: Option<Address>,
    /// What comes, or goes, beside a datagram.
    pub(crate) control: Option<Box<Control>>,
    /// The file, while a backend moves its data or a lock of it is waited for.
    pub(crate) file: Option<Descriptor>,
    /// Bytes of a lock.
    pub(crate) length: u64,
    /// The accepted socket of an accept.
    pub(crate) other: Option<Arc<dyn Any + Send + Sync>>,
    /// What its observer needs.
    pub(crate) luggage: Option<Box<dyn Any + Send + Sync>>,
}

impl Block {
    #[allow(clippy::new_ret_no_self, reason = "a block is nowhere but in its place")]
    pub(crate) fn new(kind: Kind) -> Irp {
        Irp::new(Block::blank(kind))
    }

    pub(crate) fn blank(kind: Kind) -> Block {
        Block {
            kind,
            stage: 0,
            flags: Flags::empty(),
            thread: ThreadNo::NONE,
            charge: Charge::default(),
            status: Status::SUCCESS,
            id: OpId(0),
            bytes: 0,
            offset: 0,
            tag: 0,
            bufs: Bufs::None,
            route: Route::Port,
            pool: None,
            observer: None,
            owner: None,
            seldom: None,
        }
    }

    pub(crate) fn seldom(&self) -> Option<&Seldom> {
        self.seldom.as_deref()
    }

    pub(crate) fn seldom_mut(&mut self) -> &mut Seldom {
        self.seldom.get_or_insert_default()
    }

    pub(crate) fn address(&self) -> Option<&Address> {
        self.seldom()?.address.as_ref()
    }

    pub(crate) fn control(&self) -> Option<&Control> {
        self.seldom()?.control.as_deref()
    }

    pub(crate) fn take_control(&mut self) -> Option<Box<Control>> {
        self.seldom.as_mut()?.control.take()
    }

    /// It is final, and nobody has been told.
    #[inline]
    pub(crate) fn observe(&self) {
        if let Some(observer) = self.observer {
            observer(&End(self));
        }
    }

    pub(crate) fn result(&self) -> Result<usize, Status> {
        if self.status.is_success() { Ok(self.bytes) } else { Err(self.status) }
    }
}

/// What `hEvent` is to an OVERLAPPED: where a completed operation waits for the one who asked for it.
#[derive(Default)]
pub(crate) struct Event {
    done: Mutex<Option<Irp>>,
    set: Condvar,
    bell: OnceLock<Arc<dyn Bell>>,
}

/// Somebody else who is to know that an operation is complete.
pub(crate) trait Bell: Send + Sync {
    fn ring(&self);
}

impl Event {
    pub(crate) fn complete(&self, block: Irp) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        debug_assert!(done.is_none(), "an operation completes once");
        *done = Some(block);
        drop(done);
        self.set.notify_all();
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }

    /// Rings the bell when it is set, also if it is already. Once.
    pub(crate) fn ring_at_end(&self, bell: Arc<dyn Bell>) {
        let bell = self.bell.get_or_init(|| bell);
        // Whoever completes it sets it first and looks for a bell afterwards.
        if self.is_set() {
            bell.ring();
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(crate) fn take(&self) -> Option<Irp> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Blocks until it is set or the deadline has passed; true when set.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while done.is_none() {
            done = match deadline {
                None => self.set.wait(done).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let Some(left) = at.checked_duration_since(Instant::now()) else { return false };
                    self.set.wait_timeout(done, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}
