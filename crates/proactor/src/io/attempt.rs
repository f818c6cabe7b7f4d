//! Operations that do not wait, and connects that nobody waits for: what a socket's plain calls are made of.
//!
//! An attempt goes no further than the kernel can take it now. It queues nothing, tells no port, and never overtakes what
//! is pending. A connect in the background is kept by nobody; how it ended the socket remembers.

use std::time::Duration;

use super::handle::{Class, Facts, Handle};
use super::run::Begun;
use super::socket::Socket;
use super::started::Refused;
use crate::object::Wait;
use crate::op::block::{Flags, Kind, Route};
use crate::op::sealed::Sealed;
use crate::op::{self, Address, Operation};
use crate::status::Status;

impl Handle {
    /// Performs what can be performed now; `DEVICE_NOT_READY` if that is nothing.
    pub(super) fn attempt<O: Operation>(self: &std::sync::Arc<Self>, op: O) -> Result<O, Refused<O>> {
        let mut block = op.into_block();
        let plain = !block.flags.intersects(Flags::BROUGHT | Flags::FIRST_RECEIVE);
        let can =
            matches!(block.kind, Kind::Accept | Kind::Recv | Kind::RecvFrom | Kind::Send | Kind::SendTo);
        if !(plain && can && self.is_polled()) {
            return Err(Refused { status: Status::INVALID_PARAMETER, op: O::from_block(block) });
        }
        block.flags |= Flags::AT_ONCE;
        match self.begin(block, Route::Port) {
            Ok(Begun::Done(mut block)) => {
                block.flags -= Flags::AT_ONCE;
                Ok(O::from_block(block))
            }
            Ok(Begun::Pending(_) | Begun::Queued(_)) => unreachable!("an attempt is over when it returns"),
            Err((status, mut block)) => {
                block.flags -= Flags::AT_ONCE;
                Err(Refused { status, op: O::from_block(block) })
            }
        }
    }
}

impl Socket {
    /// Does at once what can be done of a receive, a send or an accept, and hands it back; no packet is queued (S024).
    /// `DEVICE_NOT_READY` when it would have to wait, also for others that were started before it (`WSAEWOULDBLOCK`). A
    /// send on a stream may then have gone out in part, as its count says; so may a receive that waits for all.
    ///
    /// ```
    /// use proactor::{Socket, Status, op};
    ///
    /// let (ours, theirs) = Socket::pair()?;
    /// let refused = ours.attempt(op::Recv::new(vec![0; 8])).unwrap_err();
    /// assert_eq!(refused.status, Status::DEVICE_NOT_READY);
    /// theirs.attempt(op::Send::new("ping"))?;
    /// assert_eq!(ours.attempt(refused.op)?.data(), b"ping");
    /// # Ok::<(), Status>(())
    /// ```
    pub fn attempt<O: Operation>(&self, op: O) -> Result<O, Refused<O>> {
        self.0.attempt(op)
    }

    /// Connects, and blocks until that is done (`connect`); a socket without an address gets one. No packet is queued
    /// (S024). Calls queued to this thread run meanwhile (S372); a worker's seat is given to another. On a datagram
    /// socket this is [`set_peer`](Socket::set_peer).
    ///
    /// `WSAEALREADY` while another connect is under way, `CONNECTION_ACTIVE` on a connected socket, `INVALID_PARAMETER`
    /// on one that listens.
    pub fn connect_and_wait(&self, to: &Address) -> Result<(), Status> {
        if self.0.class == Class::Datagram {
            return self.set_peer(Some(to));
        }
        self.prepare_connect()?;
        let mut under_way = self.begin(op::Connect::new(to.clone()))?;
        loop {
            match under_way.wait_within(Wait::FOREVER.alertably()) {
                Ok(done) => return done.result().map(drop),
                Err((_, again)) => under_way = again,
            }
        }
    }

    /// Performs an operation in this call, as a blocking call of Winsock does: what can be done at once runs no calls
    /// queued to this thread (S143); what has to wait does, and goes on waiting (S142). After `timeout` it ends with
    /// `IO_TIMEOUT`, or with what was moved. [`cancel_synchronous_io`](crate::object::Thread::cancel_synchronous_io)
    /// ends it as well.
    ///
    /// Blocks; a worker's seat is given to another meanwhile. The error brings the operation back as it fails at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use proactor::{Socket, Status, object::Thread, op};
    ///
    /// let (ours, _theirs) = Socket::pair()?;
    /// Thread::current().queue_apc(|| println!("in the call"))?;
    /// let recv = ours.perform_within(op::Recv::new(vec![0; 8]), Some(Duration::from_millis(1)))?;
    /// assert_eq!(recv.status(), Status::IO_TIMEOUT);
    /// # Ok::<(), Status>(())
    /// ```
    pub fn perform_within<O: Operation>(&self, op: O, timeout: Option<Duration>) -> Result<O, Refused<O>> {
        self.0.perform_through_calls(op, timeout)
    }

    /// Connects a stream while the caller goes on (`connect` on a non-blocking socket), also when its thread ends. A
    /// socket without an address gets one. How it ends [`ready`](Socket::ready) and
    /// [`connect_error`](Socket::connect_error) say. Refused as [`connect_and_wait`](Socket::connect_and_wait).
    pub fn connect_in_background(&self, to: &Address) -> Result<(), Status> {
        if self.0.class != Class::Stream {
            return Err(Status::INVALID_PARAMETER);
        }
        self.prepare_connect()?;
        let mut block = op::Connect::new(to.clone()).into_block();
        block.flags |= Flags::BACKGROUND;
        match self.0.begin(block, Route::Nobody) {
            Ok(_) => Ok(()),
            Err((status, _)) => Err(status),
        }
    }

    /// Why the last connect in the background failed; `None` if it did not, or another was started since.
    pub fn connect_error(&self) -> Option<Status> {
        self.0.state.lock().seldom()?.connect_error
    }

    fn prepare_connect(&self) -> Result<(), Status> {
        let mut state = self.0.state.lock();
        if state.fd.is_none() {
            return Err(Status::INVALID_HANDLE);
        }
        if state.facts.contains(Facts::ENGAGED) {
            return Err(Status::WSAEALREADY);
        }
        if state.seldom().is_some() {
            state.seldom_mut().connect_error = None;
        }
        if !state.facts.contains(Facts::LISTENING) {
            // The kernel chooses an address with the connect.
            state.facts |= Facts::BOUND;
        }
        Ok(())
    }
}
