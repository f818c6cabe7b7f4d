//! A session on a datagram socket that it shares with others: what came waits in it, and the socket is never closed
//! for it.
//!
//! Between datagrams the receive token lies in the session. Whoever brings a datagram takes it up; so does whoever
//! breaks the session, and posts the end.

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;

use super::layered::Apart;
use super::{Phase, Session, State};
use crate::end::one;
use crate::handler::{MESSAGES, MILLIS};
use crate::server::Event;
use crate::table::SessionId;

/// The longest that IPv4 carries; a longer one would cost its session.
pub(super) const MOST: usize = 65_507;

/// Datagrams that wait in a session while its handler runs: many, if they are small. What comes then is dropped, as
/// the network might have done.
const INBOX: usize = 64;

/// Who sends and is sent datagrams.
pub(crate) struct Peer {
    pub(super) address: SocketAddr,
    /// What tells the session from a packet of the socket.
    pub(super) tag: usize,
    /// It was sent something.
    pub(super) answered: AtomicBool,
}

impl Peer {
    pub(crate) fn new(id: SessionId, address: SocketAddr) -> Peer {
        Peer { address, tag: id.as_u64() as usize, answered: AtomicBool::new(false) }
    }
}

impl Session {
    pub(super) fn peer(&self) -> Option<&Peer> {
        match self.0.apart.as_deref()? {
            Apart::Peer(peer) => Some(peer),
            Apart::Layer(_) => None,
        }
    }

    pub(crate) fn is_half_open(&self) -> bool {
        let state = self.0.state();
        state.phase == Phase::Open && !state.opened
    }

    /// It speaks again after it was answered, or its end has begun.
    pub(super) fn settle_newcomer(&self, state: &mut State) {
        if !std::mem::replace(&mut state.opened, true) && self.peer().is_some() {
            self.0.shared.datagrams.settled();
        }
    }

    /// A datagram for it. True if the caller has the receive token now.
    pub(crate) fn deliver(&self, data: &[u8]) -> bool {
        let shared = &self.0.shared;
        let mut state = self.0.state();
        if state.phase != Phase::Open {
            return false;
        }
        let inbox = &mut state.busy().inbox;
        let bytes: usize = inbox.iter().map(|waits| waits.len()).sum::<usize>() + data.len();
        if !inbox.is_empty() && (inbox.len() >= INBOX || bytes > shared.limits.message) {
            one(&shared.counters.datagrams_dropped);
            return false;
        }
        inbox.push_back(data.into());
        std::mem::take(&mut state.parked)
    }

    /// A new one, by the holder of its receive token.
    pub(crate) fn begin_datagrams(&self) {
        self.connect_handler();
        self.attend();
    }

    /// Handles what came, by the holder of the receive token.
    pub(crate) fn attend(&self) {
        let (begun, mut handled) = (self.now(), 0);
        loop {
            let mut state = self.0.state();
            match state.phase {
                Phase::Open => {}
                Phase::Closing if state.sending => {
                    // The sends bring it back.
                    state.parked = true;
                    return;
                }
                Phase::Closing | Phase::Broken => {
                    drop(state);
                    return self.finish();
                }
                Phase::Over => return,
            }
            if handled == MESSAGES || self.now().wrapping_sub(begun) >= MILLIS {
                drop(state);
                return self.post(Event::Attend);
            }
            let Some(data) = state.busy().inbox.pop_front() else {
                state.parked = true;
                state.settle();
                return;
            };
            drop(state);
            self.face().datagram(self, &data);
            handled += 1;
        }
    }

    /// What breaks a stream is that its socket is closed. Here the token is taken up if it lies here.
    pub(super) fn break_peer(&self, state: &mut State) {
        if std::mem::take(&mut state.parked) {
            self.post(Event::Finish);
        }
    }
}
