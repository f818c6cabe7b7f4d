//! An operation that its starter waits for, instead of a port: an OVERLAPPED with an event in it.

use std::marker::PhantomData;
use std::os::fd::AsRawFd;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::handle::{Class, Handle};
use super::started::Refused;
use crate::object::body::Local;
use crate::object::state::State;
use crate::object::{Sealed, Target, Wait, Waitable, wait_one};
use crate::op::block::{Bell, Event, Kind};
use crate::op::{OpId, Operation};
use crate::status::Status;
use crate::sync::record::{self, Owner, Resource};
use crate::sync::seat::blocking;

/// An operation under way that completes to whoever holds this. No packet is queued for it, also when its
/// handle is associated with a port (S021).
///
/// It belongs to the thread that started it: when that ends, the operation is cancelled (S110). Dropping it
/// cancels the operation; its buffers are kept until the kernel is done with them.
///
/// ```
/// use proactor::{Socket, op};
///
/// let (a, b) = Socket::pair()?;
/// let recv = a.begin(op::Recv::new(vec![0; 16]))?;
/// assert!(!recv.is_complete());
/// let _ = b.begin(op::Send::new("hello"))?.wait();
/// assert_eq!(recv.wait().data(), b"hello");
/// # Ok::<(), proactor::Status>(())
/// ```
///
/// It can be waited for together with other objects, and is signalled once complete:
///
/// ```
/// use proactor::{Socket, object::{Event, Wait, wait_any}, op};
///
/// let (a, b) = Socket::pair()?;
/// let (stop, recv) = (Event::manual(false), a.begin(op::Recv::new(vec![0; 16]))?);
/// let _ = b.begin(op::Send::new("hello"))?.wait();
/// assert_eq!(wait_any(&[&stop, &recv], Wait::FOREVER)?.index, 1);
/// # Ok::<(), proactor::Status>(())
/// ```
pub struct Overlapped<O: Operation> {
    event: Arc<Event>,
    handle: Arc<Handle>,
    id: OpId,
    kind: Kind,
    /// The operation has been given back; there is nothing left to cancel.
    taken: bool,
    /// What threads wait for that wait for it as for an object; most have none.
    object: OnceLock<Arc<Local>>,
    what: PhantomData<fn() -> O>,
}

impl Handle {
    pub(super) fn start_overlapped<O: Operation>(
        self: &Arc<Self>,
        op: O,
    ) -> Result<Overlapped<O>, Refused<O>> {
        let event = Arc::new(Event::default());
        let kind = op.block().kind;
        let id = self.start_event(op, &event)?;
        let (handle, object) = (self.clone(), OnceLock::new());
        Ok(Overlapped { event, handle, id, kind, taken: false, object, what: PhantomData })
    }
}

impl<O: Operation> Overlapped<O> {
    /// Whether it is complete (`HasOverlappedIoCompleted`). Does not block.
    pub fn is_complete(&self) -> bool {
        self.event.is_set()
    }

    /// Waits until it is complete and gives the operation back (`GetOverlappedResult` with `bWait`). Blocks, not
    /// alertable; a worker's seat is given to another meanwhile.
    pub fn wait(mut self) -> O {
        if !self.event.is_set() {
            self.sleep(None);
        }
        match self.take() {
            Some(op) => op,
            None => unreachable!("only the holder takes it, and it is gone with it"),
        }
    }

    /// The same for a limited time; when that is over the operation is still under way and comes back as it is
    /// (`GetOverlappedResultEx`, `WAIT_TIMEOUT`). With zero this is a look (`ERROR_IO_INCOMPLETE`).
    pub fn wait_timeout(mut self, timeout: Duration) -> Result<O, Overlapped<O>> {
        if !self.event.is_set() && !timeout.is_zero() {
            let deadline = Instant::now().checked_add(timeout);
            self.sleep(deadline);
        }
        self.take().ok_or(self)
    }

    /// The same, alertable if `wait` is (`GetOverlappedResultEx`). One that is complete comes back at once.
    ///
    /// The error brings it back, still under way, and says why: `PENDING` when this was only a look, in which no calls
    /// run (S088); `TIMEOUT`; `USER_APC` when calls queued to this thread ran.
    ///
    /// ```
    /// use proactor::{Pipe, Status, object::{Thread, Wait}, op};
    ///
    /// let (reader, _writer) = Pipe::pair()?;
    /// let recv = reader.begin(op::Recv::new(vec![0; 16]))?;
    /// Thread::current().queue_apc(|| println!("in the wait"))?;
    /// let (status, recv) = recv.wait_within(Wait::FOREVER.alertably()).unwrap_err();
    /// assert!(status == Status::USER_APC && !recv.is_complete());
    /// # Ok::<(), Status>(())
    /// ```
    pub fn wait_within(mut self, wait: Wait) -> Result<O, (Status, Overlapped<O>)> {
        let status = match self.event.is_set() {
            true => Status::SUCCESS,
            false if wait.is_now() => Status::PENDING,
            false if wait.alertable => {
                wait_one(&self, wait).map_or_else(|status| status, |_| Status::SUCCESS)
            }
            false => {
                self.sleep(wait.deadline());
                Status::TIMEOUT
            }
        };
        if status == Status::USER_APC {
            return Err((status, self));
        }
        self.take().ok_or((status, self))
    }

    fn pending(&self) -> Pending {
        Pending {
            kind: self.kind,
            class: self.handle.class,
            // Closed meanwhile: then it is about to complete.
            number: self.handle.fd().map_or(-1, |fd| fd.as_raw_fd()),
        }
    }

    pub(super) fn event(&self) -> &Arc<Event> {
        &self.event
    }

    fn sleep(&self, deadline: Option<Instant>) {
        let pending = self.pending();
        blocking(|| record::waiting(&[&pending], false, || self.event.wait(deadline)));
    }

    fn take(&mut self) -> Option<O> {
        let block = self.event.take()?;
        self.taken = true;
        Some(O::from_block(block))
    }

    /// Asks for its end (`CancelIoEx`); does not wait for it (S103). `NOT_FOUND` when it is complete.
    pub fn cancel(&self) -> Result<(), Status> {
        self.handle.cancel(self.id)
    }

    /// Its name among those started on its handle.
    pub fn id(&self) -> OpId {
        self.id
    }
}

impl Bell for Local {
    fn ring(&self) {
        self.header.signal(State::set);
    }
}

impl<O: Operation> Sealed for Overlapped<O> {
    fn target(&self) -> Target<'_> {
        Target::Local(self.object.get_or_init(|| {
            let object = Local::new(self.pending().kind(), State::Latch { set: false });
            self.event.ring_at_end(object.clone());
            object
        }))
    }
}

impl<O: Operation> Waitable for Overlapped<O> {}

/// An operation as something that is waited for. Nobody in particular has to act: its peer is out of sight (S440).
struct Pending {
    kind: Kind,
    class: Class,
    number: i32,
}

impl Resource for Pending {
    fn kind(&self) -> &'static str {
        match (self.kind, self.class) {
            (Kind::Accept, _) => "pending accept on socket",
            (Kind::Connect, _) => "pending connect of socket",
            (Kind::Disconnect, _) => "pending disconnect of socket",
            (Kind::Recv, Class::Pipe | Class::NamedPipe) => "pending receive on pipe",
            (Kind::Recv | Kind::RecvFrom, _) => "pending receive on socket",
            (Kind::Send, Class::Pipe | Class::NamedPipe) => "pending send on pipe",
            (Kind::Listen, _) => "pending listen on pipe",
            (Kind::Flush, Class::NamedPipe) => "pending flush of pipe",
            (Kind::Send | Kind::SendTo, _) => "pending send on socket",
            (Kind::Transmit, _) => "pending transmit on socket",
            (Kind::Read, _) => "pending read of file",
            (Kind::Write, _) => "pending write of file",
            (Kind::Flush, _) => "pending flush of file",
            (Kind::Lock, _) => "pending lock of file",
        }
    }

    fn name(&self) -> Option<String> {
        None
    }

    /// The descriptor, as `/proc/PID/fd` has it.
    fn id(&self) -> u64 {
        u64::from(self.number.unsigned_abs())
    }

    fn owner(&self) -> Owner {
        Owner::Nobody
    }
}

impl<O: Operation> Drop for Overlapped<O> {
    fn drop(&mut self) {
        if !self.taken && !self.event.is_set() {
            let _ = self.handle.cancel(self.id);
        }
    }
}

impl<O: Operation> std::fmt::Debug for Overlapped<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Overlapped({:?}, complete: {})", self.id, self.is_complete())
    }
}
