//! Sending the same to many: framed once, in memory they share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::handler::Face;
use crate::session::{Inner, Session};

/// A message as it goes on the wire, made by [`Sessions::frame`](crate::Sessions::frame). Clones share the bytes.
#[derive(Clone, Debug)]
pub struct Frame(pub(crate) Arc<[u8]>);

/// What became of a message for many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Sessions that have it queued.
    pub sent: usize,
    /// Sessions that were closing, or whose queue was full.
    pub missed: usize,
}

pub(crate) fn deliver<'a>(frame: &Frame, to: impl Iterator<Item = &'a Session>) -> Delivery {
    let mut delivery = Delivery::default();
    for session in to {
        match session.send_frame(frame) {
            Ok(()) => delivery.sent += 1,
            Err(_) => delivery.missed += 1,
        }
    }
    delivery
}

/// A set of sessions that are told the same. One that ends leaves by itself.
///
/// Clones are the same room. A room keeps no connection open.
#[derive(Clone, Default)]
pub struct Room(Arc<Mutex<Members>>);

#[derive(Default)]
struct Members {
    /// By address, which nobody else has for as long as the weak pointer lives.
    all: HashMap<usize, Weak<Inner<dyn Face>>>,
    /// At so many it is time to look who has ended: twice as many as there were after the last look.
    crowd: usize,
}

const SMALL: usize = 16;

fn address(session: &Session) -> usize {
    Arc::as_ptr(&session.0).cast::<()>().addr()
}

impl Members {
    /// Forgets those who have ended; the others.
    fn present(&mut self) -> Vec<Session> {
        let mut present = Vec::with_capacity(self.all.len());
        self.all.retain(|_, member| {
            let session = member.upgrade().map(Session).filter(Session::is_open);
            let stays = session.is_some();
            present.extend(session);
            stays
        });
        self.crowd = (2 * present.len()).max(SMALL);
        present
    }
}

impl Room {
    /// An empty room.
    pub fn new() -> Room {
        Room::default()
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a session; false when it was in.
    pub fn join(&self, session: &Session) -> bool {
        let mut members = self.members();
        if members.all.len() >= members.crowd.max(SMALL) {
            members.present();
        }
        members.all.insert(address(session), Arc::downgrade(&session.0)).is_none()
    }

    /// Removes a session; false when it was not in.
    pub fn leave(&self, session: &Session) -> bool {
        self.members().all.remove(&address(session)).is_some()
    }

    /// The sessions in it that are open.
    pub fn present(&self) -> Vec<Session> {
        self.members().present()
    }

    /// Sends to all of them. Under [`Full::Wait`](crate::Full::Wait) it waits for each; the room is not locked
    /// meanwhile.
    pub fn send(&self, frame: &Frame) -> Delivery {
        deliver(frame, self.present().iter())
    }

    /// Sends to all but one.
    pub fn send_except(&self, frame: &Frame, except: &Session) -> Delivery {
        deliver(frame, self.present().iter().filter(|session| session.id() != except.id()))
    }
}
