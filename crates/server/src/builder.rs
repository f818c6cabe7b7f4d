//! What a server is made of, and the ways to make one.

use std::net::ToSocketAddrs;

use proactor::{Socket, Status};

use crate::framing::Framing;
use crate::handler::Handler;
use crate::limits::{Full, Limits, Timeouts};
use crate::server::{Key, Server};

/// How a server is made.
///
/// ```
/// use std::time::Duration;
/// use proactor_server::{Framing, Full, Handler, Limits, Server, Session, Timeouts};
///
/// struct Echo;
/// impl Handler for Echo {
///     type State = ();
///     fn connected(&self, _: &Session) {}
///     fn message(&self, session: &Session, _: &mut (), message: &[u8]) {
///         let _ = session.send(message);
///     }
/// }
///
/// let server = Server::builder(Framing::lines())
///     .limits(Limits { sessions: 1000, ..Limits::default() })
///     .timeouts(Timeouts { idle: Some(Duration::from_secs(300)), ..Timeouts::default() })
///     .full(Full::DropMessage)
///     .listen("127.0.0.1:0", Echo)?;
/// let drained = server.shutdown(Duration::from_secs(1));
/// assert_eq!(drained.messages_lost, 0);
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) framing: Framing,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) full: Full,
    pub(crate) workers: usize,
    pub(crate) concurrency: usize,
    pub(crate) zero_copy: Option<usize>,
}

impl Builder {
    /// What there may be at most.
    pub fn limits(mut self, limits: Limits) -> Builder {
        self.limits = limits;
        self
    }

    /// How long things may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Builder {
        self.timeouts = timeouts;
        self
    }

    /// What a send does at a full queue.
    pub fn full(mut self, full: Full) -> Builder {
        self.full = full;
        self
    }

    /// Threads that handle messages: more than run at once, since they stand in for those that block. 4 a processor
    /// and at least 8 unless set.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.workers = workers;
        self
    }

    /// Workers that run at once; 0, as at first, is one a processor.
    pub fn concurrency(mut self, concurrency: usize) -> Builder {
        self.concurrency = concurrency;
        self
    }

    /// From how many bytes on a send goes out from the pages it is in instead of a copy
    /// ([`Send::zero_copy`](proactor::op::Send::zero_copy)); `None`: never.
    ///
    /// 256 KiB unless set, which is more than where it begins to pay
    /// ([`ZERO_COPY_FROM`](proactor::op::ZERO_COPY_FROM)): such a send is over when the peer has acknowledged it, and a
    /// session has one send under way, so one goes out in each round trip. A session whose sends the kernel copied all
    /// the same, as on the loopback, does not try again. [`Counts::zero_copy`](crate::Counts) counts them.
    pub fn zero_copy(mut self, from: Option<usize>) -> Builder {
        self.zero_copy = from;
        self
    }

    /// Listens on TCP and serves. Does not block.
    ///
    /// Fails as [`Socket::listen`] does, with `INVALID_PARAMETER` for limits under which nothing could be served
    /// (zeros; fewer receive buffers than workers), `TOO_MANY_THREADS` without threads.
    pub fn listen<H: Handler>(self, address: impl ToSocketAddrs, handler: H) -> Result<Server, Status> {
        self.limits.check(self.workers)?;
        self.serve(Socket::listen(address)?, handler)
    }

    /// Serves the datagrams that come to a UDP address: each address that they come from is a session, and each of
    /// them a message, also an empty one. Does not block.
    ///
    /// What a session is sent goes out a message a datagram, of at most 65,507 bytes. While its handler runs, a few
    /// datagrams wait for it; more are dropped, and so are those longer than a message may be. A session ends by its
    /// [idle](Timeouts::idle) time, which has to be set, or by this side; for a peer can't end it.
    ///
    /// Addresses can be forged. A session is *half open* until its peer speaks again after it was sent something. There
    /// are at most [`Limits::half_open`] of those: a new one ends the oldest, as [`Timeout::HalfOpen`](crate::Timeout).
    /// A flood of forged addresses then displaces its own, and a peer that answers within the time in which so many
    /// more come gets through. Who forges an address can guess when to speak again: a protocol that has to be sure
    /// sends a number that its peer has to repeat, and [aborts](crate::Session::abort) sessions that do not.
    ///
    /// Fails as [`listen`](Builder::listen) does, and with `INVALID_PARAMETER` without an idle time, or with a framing
    /// that is not [raw](Framing::raw).
    pub fn listen_datagrams<H: Handler>(
        self,
        address: impl ToSocketAddrs,
        handler: H,
    ) -> Result<Server, Status> {
        self.limits.check(self.workers)?;
        if !self.framing.is_raw() || self.timeouts.idle.is_none() {
            return Err(Status::INVALID_PARAMETER);
        }
        Server::run(self, Socket::udp(address)?, Key::Datagrams, handler)
    }

    /// Serves what connects to a stream socket that listens already: one at a Unix path, or inherited.
    pub fn serve<H: Handler>(self, listener: Socket, handler: H) -> Result<Server, Status> {
        self.limits.check(self.workers)?;
        Server::run(self, listener, Key::Listener, handler)
    }
}
