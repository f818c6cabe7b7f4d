//! Handles whose operations complete in a pool.
//!
//! A handle is bound to the pool's port, for its lifetime as to any port. A completion runs the callback if an operation
//! was announced for it, so that callbacks can be waited for and dropped before they come.

use std::fmt;
use std::sync::{Arc, Weak};

use super::environment::Environment;
use super::instance::Instance;
use super::object::{Object, Pending};
use crate::io::{File, Io as AnyIo, Pipe, Socket};
use crate::port::{Packet, Port};
use crate::status::Status;
use crate::sync::lock::Lock;

/// What a pool's port knows of where a packet comes from.
#[derive(Clone)]
pub(super) enum Key {
    /// An object is in line.
    Line,
    Io(Weak<Shared>),
    Bound(Arc<Bound>),
}

impl Key {
    /// An operation of its handle has completed.
    pub(super) fn complete(self, packet: Packet<(), ()>) {
        match self {
            Key::Line => {}
            Key::Io(io) => {
                if let Some(io) = io.upgrade() {
                    io.complete(packet);
                }
            }
            Key::Bound(bound) => bound.object.complete_always(|_| (bound.callback)(packet)),
        }
    }
}

/// A handle that completes in a pool (`CreateThreadpoolIo`). Clones are the same; when the last is dropped, what was
/// announced still has its callback (S403).
///
/// Each operation is announced by [`start`](Io::start) *before* it is started. One that then queues no packet, since it
/// was refused, or done at once on a handle that skips those, takes that back by [`cancel`](Io::cancel) (S397). A
/// completion that was not announced runs no callback (S400).
///
/// ```
/// use std::sync::mpsc::channel;
/// use proactor::{Op, Pipe, op, pool::{Environment, Io}};
///
/// let (tell, hear) = channel();
/// let (reader, writer) = Pipe::pair()?;
/// let io = Io::new(&reader, &Environment::new(), move |_, packet| { let _ = tell.send(packet.op); })?;
/// io.start()?;
/// if let Err(refused) = reader.start(op::Recv::new(vec![0; 8])) {
///     io.cancel();
///     return Err(refused.status);
/// }
/// let _ = writer.begin(op::Send::new("ping"))?.wait();
/// let Ok(Op::Recv(recv)) = hear.recv() else { unreachable!() };
/// assert_eq!(recv.bytes(), 4);
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct Io {
    handle: Arc<Handle>,
}

struct Handle(Arc<Shared>);

type Callback = Box<dyn Fn(&Instance<'_>, Packet<(), ()>) + Send + Sync>;

pub(super) struct Shared {
    object: Arc<Object>,
    callback: Callback,
    /// Itself, while there is no handle and something announced may still complete.
    kept: Lock<Option<Arc<Shared>>>,
}

/// A handle that was bound without an object: it is the pool's for good.
pub(super) struct Bound {
    object: Arc<Object>,
    callback: Box<dyn Fn(Packet<(), ()>) + Send + Sync>,
}

/// What can be bound to a pool.
#[allow(private_bounds, reason = "only this crate's handles can be bound")]
pub trait Bind: Associate {}

trait Associate {
    fn associate_with(&self, port: &Port<Key, ()>, key: Key) -> Result<(), Status>;
}

macro_rules! bind {
    ($($name:ident)*) => {$(
        impl Associate for $name {
            fn associate_with(&self, port: &Port<Key, ()>, key: Key) -> Result<(), Status> {
                self.associate(port, key)
            }
        }

        impl Bind for $name {}
    )*};
}

bind!(Socket File Pipe AnyIo);

impl Io {
    /// Binds a handle to the pool (S396). `callback` gets the packet of each completed
    /// operation that was announced.
    ///
    /// Fails with `INVALID_PARAMETER` when the handle has a port already, of a pool or another (S007); with `NO_BUFS`
    /// when the pool has [`MOST_OBJECTS`](super::Pool::MOST_OBJECTS); as [`Socket::associate`] does otherwise, and as
    /// the start of a thread does.
    pub fn new(
        handle: &impl Bind,
        environment: &Environment,
        callback: impl Fn(&Instance<'_>, Packet<(), ()>) + Send + Sync + 'static,
    ) -> Result<Io, Status> {
        let object = Object::new(environment, Box::new(|_, _| ()))?;
        object.owner.crew.bound()?;
        // From here on it is unbound when it is dropped.
        let shared = Arc::new(Shared { object, callback: Box::new(callback), kept: Lock::default() });
        let crew = &shared.object.owner.crew;
        let io = Io { handle: Arc::new(Handle(shared.clone())) };
        handle.associate_with(&crew.port, Key::Io(Arc::downgrade(&shared)))?;
        Ok(io)
    }

    /// Announces an operation that is about to be started (`StartThreadpoolIo`).
    ///
    /// Fails with `INVALID_HANDLE` once its group has closed it.
    pub fn start(&self) -> Result<(), Status> {
        self.handle.0.object.announce()
    }

    /// Takes one announcement back: its operation will queue no packet (`CancelThreadpoolIo`, S397). It does not cancel an
    /// operation.
    pub fn cancel(&self) {
        let settled = self.handle.0.object.settle(false);
        debug_assert!(!settled.runs, "nothing has completed");
    }

    /// Waits until everything that was announced has been called back or taken back, or drops the callbacks of what has
    /// not completed, and waits for those that run (`WaitForThreadpoolIoCallbacks`, S401, S402). The operations go on in
    /// any case: they are not cancelled. Returns how many callbacks were dropped.
    ///
    /// Blocks; from its own callback it would wait for itself.
    pub fn wait_for_callbacks(&self, pending: Pending) -> u64 {
        self.handle.0.object.wait(pending)
    }
}

impl Shared {
    fn complete(self: Arc<Self>, packet: Packet<(), ()>) {
        let settled = self.object.settle(true);
        if settled.runs {
            self.object.call(|instance| (self.callback)(instance, packet));
        }
        if settled.last {
            let kept = self.kept.lock().take();
            drop(kept);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.object.owner.crew.unbound();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let shared = &self.0;
        // Under the lock: the last completion comes for it.
        let mut kept = shared.kept.lock();
        if !shared.object.close() {
            *kept = Some(shared.clone());
        }
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

/// Binds a handle to the pool of the process for good (`BindIoCompletionCallback`): `callback` gets every operation that
/// completes with a packet, without announcements (S420). What a handle that skips packets does at once has none.
///
/// Fails as [`Io::new`] does, also for a handle that was bound before (S419).
///
/// ```
/// use std::sync::mpsc::channel;
/// use proactor::{Op, Pipe, op, pool};
///
/// let (tell, hear) = channel();
/// let (reader, writer) = Pipe::pair()?;
/// pool::bind(&reader, move |packet| { let _ = tell.send(packet.op); })?;
/// let _ = reader.start(op::Recv::new(vec![0; 8]))?;
/// let _ = writer.begin(op::Send::new("ping"))?.wait();
/// assert!(matches!(hear.recv(), Ok(Op::Recv(recv)) if recv.bytes() == 4));
/// # Ok::<(), proactor::Status>(())
/// ```
pub fn bind(
    handle: &impl Bind,
    callback: impl Fn(Packet<(), ()>) + Send + Sync + 'static,
) -> Result<(), Status> {
    let object = Object::new(&Environment::new(), Box::new(|_, _| ()))?;
    let owner = object.owner.clone();
    owner.crew.bound()?;
    let bound = Arc::new(Bound { object, callback: Box::new(callback) });
    handle.associate_with(&owner.crew.port, Key::Bound(bound)).inspect_err(|_| owner.crew.unbound())
}
