//! All sessions by number. A place is used again by a later session, under another generation, so that the
//! number of one that has ended finds nothing for ever.

use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::session::Session;

/// Names one session among all that a server ever had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    index: u32,
    generation: u32,
}

impl SessionId {
    /// As one number, to put into a message or a log.
    pub fn as_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// And back. A number that never was one's finds nothing.
    pub fn from_u64(number: u64) -> SessionId {
        SessionId { index: number as u32, generation: (number >> 32) as u32 }
    }

    pub(crate) fn index(self) -> u32 {
        self.index
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

pub(crate) struct Table {
    most: usize,
    slots: RwLock<Slots>,
}

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    /// Places without a session.
    free: Vec<u32>,
    open: usize,
    /// The server has ended.
    sealed: bool,
}

struct Slot {
    generation: u32,
    /// The wheel has this place, once.
    timed: bool,
    session: Option<Session>,
}

/// A place for a session, and whether the wheel is still to learn of it.
pub(crate) struct Place {
    pub(crate) session: Session,
    pub(crate) untimed: bool,
}

impl Table {
    pub(crate) fn new(most: usize) -> Table {
        Table { most, slots: RwLock::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Slots> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slots> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a new session into a free place; `None` when there are as many as may be.
    pub(crate) fn insert(&self, make: impl FnOnce(SessionId) -> Session) -> Option<Place> {
        let mut slots = self.write();
        if slots.open == self.most || slots.sealed {
            return None;
        }
        let index = match slots.free.pop() {
            Some(index) => index,
            None => {
                slots.all.push(Slot { generation: 0, timed: false, session: None });
                (slots.all.len() - 1) as u32
            }
        };
        slots.open += 1;
        let slot = &mut slots.all[index as usize];
        assert!(slot.session.is_none(), "a free place has no session");
        slot.generation = slot.generation.wrapping_add(1);
        let session = make(SessionId { index, generation: slot.generation });
        slot.session = Some(session.clone());
        Some(Place { session, untimed: !std::mem::replace(&mut slot.timed, true) })
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<Session> {
        let slots = self.read();
        let slot = slots.all.get(id.index as usize)?;
        slot.session.clone().filter(|_| slot.generation == id.generation)
    }

    /// Frees the place; true when it was the last session.
    pub(crate) fn remove(&self, id: SessionId) -> bool {
        let (removed, last) = {
            let mut slots = self.write();
            let slot = &mut slots.all[id.index as usize];
            assert_eq!(slot.generation, id.generation, "a session leaves its own place");
            let removed = slot.session.take();
            assert!(removed.is_some(), "a session leaves once");
            slots.free.push(id.index);
            slots.open -= 1;
            (removed, slots.open == 0)
        };
        drop(removed);
        last
    }

    /// The session in a place the wheel has come to. If there is none, the wheel no longer has the place.
    pub(crate) fn due(&self, index: u32) -> Option<Session> {
        if let Some(session) = self.read().all[index as usize].session.clone() {
            return Some(session);
        }
        let mut slots = self.write();
        let slot = &mut slots.all[index as usize];
        slot.timed = slot.session.is_some();
        slot.session.clone()
    }

    /// If there is no session, lets in no more; false if there is one.
    pub(crate) fn seal(&self) -> bool {
        let mut slots = self.write();
        slots.sealed |= slots.open == 0;
        slots.sealed
    }

    pub(crate) fn open(&self) -> usize {
        self.read().open
    }

    pub(crate) fn all(&self) -> Vec<Session> {
        self.read().all.iter().filter_map(|slot| slot.session.clone()).collect()
    }
}
