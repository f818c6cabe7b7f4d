//! Sessions by address on one datagram socket: who sends from an address that is new begins one.
//!
//! One receive is under way, and it is started again only when what it brought lies with its session; so the datagrams
//! of a peer are handled in the order they came in, whichever workers take them.
//!
//! Addresses can be forged. A session is half open until its peer speaks again after this side has sent to it: only who
//! can receive at an address is expected to know when. Half-open sessions are bounded apart from all sessions, and a
//! new one beyond that ends the oldest, so that a flood of forged addresses displaces forged ones.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proactor::{Status, op};

use crate::end::{Reason, Timeout, add, one};
use crate::handler::{Handler, Side};
use crate::server::Shared;
use crate::session::{Apart, Inner, Peer, Session};
use crate::table::SessionId;

#[derive(Default)]
pub(crate) struct Datagrams {
    book: Mutex<Book>,
    half_open: AtomicUsize,
}

#[derive(Default)]
struct Book {
    sessions: HashMap<SocketAddr, SessionId>,
    /// In the order they came; some of them are no longer half open.
    newcomers: VecDeque<SessionId>,
}

impl Datagrams {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session is no longer half open.
    pub(crate) fn settled(&self) {
        self.half_open.fetch_sub(1, AcqRel);
    }

    /// A session has ended. Its address may have a later one.
    pub(crate) fn forget(&self, address: &SocketAddr, id: SessionId) {
        let mut book = self.book();
        if book.sessions.get(address) == Some(&id) {
            book.sessions.remove(address);
        }
        if book.sessions.is_empty() {
            // An idle server keeps no memory for a flood that is over.
            *book = Book::default();
        }
    }
}

impl Shared {
    /// A datagram has come: it is given to its session, the next receive is started, and then the session handles it
    /// unless another worker is at that.
    pub(crate) fn datagram_came<H: Handler>(self: &Arc<Self>, recv: op::RecvFrom) {
        let sender = recv.sender().and_then(|address| address.ip());
        let session = match (recv.result(), sender) {
            (Ok(count), Some(address)) => {
                add(&self.counters.bytes_in, count);
                self.deliver::<H>(address, recv.data())
            }
            (Err(Status::BUFFER_OVERFLOW), _) => {
                one(&self.counters.datagrams_dropped);
                None
            }
            // What became of an earlier send, or the socket is closed, which the next start tells.
            _ => None,
        };
        self.receive_datagram(recv.into_reply().into_recv_from());
        match session {
            Some((session, true)) => session.begin_datagrams(),
            Some((session, false)) => session.attend(),
            None => {}
        }
    }

    pub(crate) fn receive_datagram(&self, recv: op::RecvFrom) {
        self.start_again(recv, |socket, recv| socket.recv_from(recv).map(drop));
    }

    /// The session whose receive token the caller now has, and whether it is new.
    fn deliver<H: Handler>(self: &Arc<Self>, address: SocketAddr, data: &[u8]) -> Option<(Session, bool)> {
        let id = self.datagrams.book().sessions.get(&address).copied();
        if let Some(session) = id.and_then(|id| self.table.get(id)) {
            return session.deliver(data).then_some((session, false));
        }
        let Some(session) = self.welcome_peer::<H>(address) else {
            one(&self.counters.refused);
            return None;
        };
        one(&self.counters.accepted);
        session.deliver(data);
        Some((session, true))
    }

    fn welcome_peer<H: Handler>(self: &Arc<Self>, address: SocketAddr) -> Option<Session> {
        if self.is_stopping() {
            return None;
        }
        let mut half_open = 0;
        let welcome = |id| {
            // Before anybody can see it, and end it.
            half_open = self.datagrams.half_open.fetch_add(1, AcqRel) + 1;
            let apart = Some(Apart::Peer(Peer::new(id, address)));
            Session(Arc::new(Inner::new(id, self.clone(), self.listener.clone(), apart, Side::<H>::new())))
        };
        let Some(session) = self.table.insert(welcome) else {
            // The next one may find a place.
            self.displace();
            return None;
        };
        self.wheel.insert(session.id().index(), self.periods.shortest);
        {
            let mut book = self.datagrams.book();
            book.sessions.insert(address, session.id());
            book.newcomers.push_back(session.id());
            if book.newcomers.len() > 2 * self.limits.half_open {
                book.newcomers.retain(|id| self.table.get(*id).is_some_and(|session| session.is_half_open()));
            }
        }
        if half_open > self.limits.half_open {
            self.displace();
        }
        if self.is_stopping() {
            // A shutdown may have looked for sessions before this was one.
            session.leave();
        }
        Some(session)
    }

    /// Ends the oldest session that is half open.
    fn displace(&self) {
        loop {
            let Some(id) = self.datagrams.book().newcomers.pop_front() else { return };
            if let Some(session) = self.table.get(id).filter(Session::is_half_open) {
                return session.fail(Reason::Timeout(Timeout::HalfOpen));
            }
        }
    }
}
