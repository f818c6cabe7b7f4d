//! Completion ports: packets, the seats of those who may run, and the monitor that finds the blocked.

mod alertable;
pub(crate) mod core;
mod gate;
mod limits;
mod lookout;
mod member;
mod monitor;
mod pace;
mod packet;
mod park;
mod seats;
mod signal;
pub(crate) mod sink;
mod snapshot;
mod take;
mod worker;
mod workers;

/// What the gate's words are made of; the model checkers put theirs in this place.
mod atomic {
    pub(super) use crate::sync::fence::fence;
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::core::Core;
pub use self::limits::{Limits, processors};
use self::member::Member;
pub use self::packet::Packet;
pub(crate) use self::snapshot::ports;
pub use self::snapshot::{PortSnapshot, WorkerSnapshot, WorkerState};
use self::take::Until;
pub use self::workers::Workers;
use crate::object::Wait;
use crate::status::Status;
use crate::sync::seat::blocking;

/// A completion port (`CreateIoCompletionPort`): a queue of packets and the pool of threads that take them.
///
/// A worker is any thread that calls [`get`](Port::get). At most `concurrency` of them run at once; the one
/// that parked last runs next; and when a running one blocks, another is let in. `K` is what a handle is
/// associated with, and is cloned into each of its packets: a number, or an `Arc` of a session. `M` is what
/// [`post`](Port::post) carries.
///
/// Clones are the same port. When the last is dropped, or on [`close`](Port::close), every waiter returns.
///
/// ```
/// use proactor::{Op, Port};
///
/// let port: Port<&str> = Port::new(0)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         while let Some(packet) = port.get().unwrap() {
///             assert_eq!(packet.key, "greeting");
///             let Op::Posted(number) = packet.op else { unreachable!() };
///             assert_eq!(number, 42);
///             port.close();
///         }
///     });
///     port.post("greeting", 42).unwrap();
/// });
/// # Ok::<(), proactor::Status>(())
/// ```
pub struct Port<K = usize, M = usize>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    handle: Arc<Handle<K, M>>,
}

/// What all clones share; the last one closes the port, although associated handles may keep its core.
struct Handle<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    core: Arc<Core<K, M>>,
}

impl<K, M> Port<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    /// A port that lets `concurrency` workers run at once; 0 means one per processor this process may use. The
    /// value stays as it is for the port's life (S005).
    ///
    /// Fails with `TOO_MANY_THREADS` beyond 32767, `TOO_MANY_OPENED_FILES` without descriptors.
    pub fn new(concurrency: usize) -> Result<Port<K, M>, Status> {
        Port::with_limits(concurrency, Limits::default())
    }

    /// The same with limits of the caller's. `INVALID_PARAMETER` for limits under which nothing could be done.
    pub fn with_limits(concurrency: usize, limits: Limits) -> Result<Port<K, M>, Status> {
        limits.check(concurrency)?;
        let concurrency = if concurrency == 0 { processors() } else { concurrency };
        let concurrency = u16::try_from(concurrency).map_err(|_| Status::TOO_MANY_THREADS)?;
        let core = Core::new(concurrency, limits)?;
        snapshot::register(&core);
        Ok(Port { handle: Arc::new(Handle { core }) })
    }

    pub(crate) fn core(&self) -> &Arc<Core<K, M>> {
        &self.handle.core
    }

    /// How many workers may run at once.
    pub fn concurrency(&self) -> usize {
        self.core().gate.limit().into()
    }

    /// Queues a packet of the caller's own (`PostQueuedCompletionStatus`). Does not block.
    ///
    /// Fails with `TOO_MANY_POSTS` when [`Limits::posts`] packets wait, `INVALID_HANDLE` once the port is
    /// closed. A packet that was accepted is taken exactly once, unless the port is closed first.
    pub fn post(&self, key: K, message: M) -> Result<(), Status> {
        self.core().post(key, message)
    }

    /// Takes the oldest packet; waits until there is one and a seat is free
    /// (`GetQueuedCompletionStatus`, S032). `None`: the port was closed.
    ///
    /// The calling thread becomes a worker of this port, and leaves the one it was with (S053, S060). Not
    /// alertable (S050); [`get_alertable`](Port::get_alertable) is. Fails with `TOO_MANY_THREADS` when [`Limits::workers`] threads are associated already.
    #[inline]
    pub fn get(&self) -> Result<Option<Packet<K, M>>, Status> {
        if let Some(packet) = self.core().quick() {
            return Ok(Some(packet));
        }
        match self.take(Until::Forever) {
            Ok(packet) => Ok(Some(packet)),
            Err(Status::ABANDONED_WAIT_0 | Status::INVALID_HANDLE) => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// The same with a limit to the wait; zero polls (S040).
    ///
    /// Fails with `TIMEOUT`; with `ABANDONED_WAIT_0` when the port is closed during the wait (S068), and
    /// `INVALID_HANDLE` when it was closed before (S071).
    pub fn get_timeout(&self, timeout: Duration) -> Result<Packet<K, M>, Status> {
        self.take(until(Some(timeout)))
    }

    /// Takes up to `most` packets in queue order and appends them to `out`; waits for the first one only
    /// (`GetQueuedCompletionStatusEx`, S042, S043). Returns how many.
    ///
    /// Fails as [`get_timeout`](Port::get_timeout) does, with `INVALID_PARAMETER` when `most` is 0 (S044), and in an
    /// alertable wait as [`get_alertable`](Port::get_alertable) does.
    pub fn get_many(&self, out: &mut Vec<Packet<K, M>>, most: usize, wait: Wait) -> Result<usize, Status> {
        if most == 0 {
            return Err(Status::INVALID_PARAMETER);
        }
        let core = self.core();
        self.open()?;
        if wait.alertable {
            let count =
                core.alertable(until(wait.timeout), |member, first| self.fill(out, most, member, first));
            return count.inspect_err(|status| self.left_with(*status));
        }
        let member = core.enter()?;
        let first = core.next(&member, until(wait.timeout)).inspect_err(|status| self.left_with(*status))?;
        Ok(self.fill(out, most, &member, first))
    }

    /// Takes a packet as [`get_timeout`](Port::get_timeout) does, in an alertable wait: calls queued to this thread run
    /// and end it, with `USER_APC` (S046).
    ///
    /// What comes first is NT's: for a worker of this port a packet that is there, then calls, then the timeout; a
    /// thread that is no worker of this port yet runs its calls first, and does not become one by that (S048, S049).
    /// Calls run while the worker holds a seat, if need be one over the limit, as it runs on in any case.
    ///
    /// Blocks. Readiness from the kernel comes by way of the library's own thread in this wait, which costs a few
    /// microseconds more than in the others. Fails also as that thread's start does.
    ///
    /// ```
    /// use proactor::{Port, Status, object::Thread};
    ///
    /// let port: Port = Port::new(1)?;
    /// Thread::current().queue_apc(|| println!("in the wait"))?;
    /// assert_eq!(port.get_alertable(None).err(), Some(Status::USER_APC));
    /// # Ok::<(), Status>(())
    /// ```
    pub fn get_alertable(&self, timeout: Option<Duration>) -> Result<Packet<K, M>, Status> {
        self.open()?;
        let packet = self.core().alertable(until(timeout), |_, packet| packet);
        packet.inspect_err(|status| self.left_with(*status))
    }

    /// More packets after the first, up to `most`; returns how many there are then.
    fn fill(&self, out: &mut Vec<Packet<K, M>>, most: usize, member: &Member, first: Packet<K, M>) -> usize {
        let core = self.core();
        out.push(first);
        let mut count = 1;
        while count < most {
            let Some(packet) = core.more(member) else { break };
            out.push(packet);
            count += 1;
        }
        member.batch.set(u32::try_from(count).unwrap_or(u32::MAX));
        count
    }

    #[inline(never)]
    fn take(&self, until: Until) -> Result<Packet<K, M>, Status> {
        let core = self.core();
        self.open()?;
        let member = core.enter()?;
        core.next(&member, until).inspect_err(|status| self.left_with(*status))
    }

    fn open(&self) -> Result<(), Status> {
        let core = self.core();
        if core.is_closed() {
            member::leave(core.id);
            return Err(Status::INVALID_HANDLE);
        }
        Ok(())
    }

    /// A worker of a closed port is nobody's worker (S053).
    fn left_with(&self, status: Status) {
        if status == Status::ABANDONED_WAIT_0 {
            member::leave(self.core().id);
        }
    }

    /// Runs `f`, which may block, without this worker's seat. The same as the free function
    /// [`blocking`], which finds the port by itself.
    pub fn blocking<R>(&self, f: impl FnOnce() -> R) -> R {
        blocking(f)
    }

    /// Closes the port: every waiter returns at once with "abandoned" (S068), packets that wait are dropped
    /// (S073), and operations whose packets would come here are cancelled. Handles stay open; their keys are
    /// dropped, for no packet will need them.
    pub fn close(&self) {
        self.core().close();
    }

    /// What the port is doing, cheap enough to ask for every second.
    pub fn snapshot(&self) -> PortSnapshot {
        snapshot::PortInfo::snapshot(&**self.core())
    }
}

fn until(timeout: Option<Duration>) -> Until {
    match timeout {
        None => Until::Forever,
        Some(Duration::ZERO) => Until::Now,
        // What is beyond the clock is for ever.
        Some(timeout) => Instant::now().checked_add(timeout).map_or(Until::Forever, Until::At),
    }
}

impl<K, M> Drop for Handle<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn drop(&mut self) {
        self.core.close();
    }
}

impl<K, M> Clone for Port<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn clone(&self) -> Self {
        Port { handle: self.handle.clone() }
    }
}

impl<K, M> fmt::Debug for Port<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port {} ({:?} of {} seats)", self.core().id, self.core().counts(), self.concurrency())
    }
}
