//! All sessions by number. A place is used again by a later session, under another generation, so that the
//! number of one that has ended finds nothing for ever.

use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::chunks::Chunks;
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

struct Slots {
    all: Chunks<Slot>,
    /// The first place without a session, each of which names the next; [`NONE`] after the last.
    free: u32,
    open: usize,
    /// The server has ended.
    sealed: bool,
}

/// No place: there are fewer.
const NONE: u32 = u32::MAX;

/// A place. Whoever is in it knows its number; a free one keeps the generation of its last.
enum Slot {
    Free { next: u32, generation: u32 },
    Taken(Session),
}

impl Slots {
    fn find(&self, index: u32) -> Option<&Session> {
        match self.all.get(index as usize)? {
            Slot::Taken(session) => Some(session),
            Slot::Free { .. } => None,
        }
    }
}

impl Table {
    pub(crate) fn new(most: usize) -> Table {
        let slots = Slots { all: Chunks::default(), free: NONE, open: 0, sealed: false };
        Table { most, slots: RwLock::new(slots) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Slots> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slots> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a new session into a free place; `None` when there are as many as may be.
    pub(crate) fn insert(&self, make: impl FnOnce(SessionId) -> Session) -> Option<Session> {
        let mut slots = self.write();
        if slots.open == self.most || slots.sealed {
            return None;
        }
        if slots.free == NONE {
            let index = slots.all.len() as u32;
            slots.all.push(Slot::Free { next: NONE, generation: 0 });
            slots.free = index;
        }
        let index = slots.free;
        let Slot::Free { next, generation } = slots.all[index] else {
            unreachable!("a free place has no session")
        };
        let session = make(SessionId { index, generation: generation + 1 });
        slots.all[index] = Slot::Taken(session.clone());
        slots.free = next;
        slots.open += 1;
        Some(session)
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<Session> {
        self.read().find(id.index).filter(|session| session.id() == id).cloned()
    }

    /// Frees the place; true when it was the last session.
    pub(crate) fn remove(&self, id: SessionId) -> bool {
        let (removed, last) = {
            let mut slots = self.write();
            let free = Slot::Free { next: slots.free, generation: id.generation };
            let removed = std::mem::replace(&mut slots.all[id.index], free);
            // A place that has had its last number is left out: the next session there would have the first one's.
            if id.generation < u32::MAX {
                slots.free = id.index;
            }
            slots.open -= 1;
            (removed, slots.open == 0)
        };
        let left = matches!(&removed, Slot::Taken(session) if session.id() == id);
        assert!(left, "a session leaves its own place, and once");
        last
    }

    /// The session in a place.
    pub(crate) fn at(&self, index: u32) -> Option<Session> {
        self.read().find(index).cloned()
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
        let slots = self.read();
        let mut all = Vec::with_capacity(slots.open);
        all.extend((0..slots.all.len() as u32).filter_map(|index| slots.find(index).cloned()));
        all
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_place_costs_no_more_than_the_way_to_its_session() {
        assert_eq!(size_of::<super::Slot>(), size_of::<super::Session>());
    }
}
