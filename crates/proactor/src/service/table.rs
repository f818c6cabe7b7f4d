//! The handles associated with a port: for each a key, and where its readiness goes.
//!
//! A slot is found by number without a search, and its memory stays where it is, so a lookup takes only the
//! slot's own lock. The generation in a token tells an event of a handle that has gone from one of the handle
//! that has its slot now.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering::*};
use std::sync::{Arc, OnceLock, Weak};

use crate::driver::epoll::EventFlags;
use crate::op::slab::Irp;
use crate::sync::lock::Lock;

/// What a port knows of a handle.
pub(crate) trait Source: Send + Sync {
    /// The kernel says that something can be done. It is done, and everything that completes is delivered;
    /// with `direct` the first packet meant for the port that asks is returned instead of being queued.
    fn ready(self: Arc<Self>, events: EventFlags, direct: bool) -> Option<Irp>;

    /// The port is closed: whatever would complete to it is cancelled, for nobody will ever see it.
    fn abandon(self: Arc<Self>);

    /// Operations under way.
    fn pending(&self) -> usize;
}

/// Slots are made in chunks, eight for each doubling of what there is: at most an eighth is more than is needed.
const FIRST: u32 = 64;
const DOUBLINGS: usize = 20;
const PARTS: u32 = 8;
const CHUNKS: usize = DOUBLINGS * PARTS as usize;

/// As many handles as a port can have.
pub(crate) const MOST_HANDLES: u32 = FIRST * ((1 << DOUBLINGS) - 1);

/// Each beside its generation, so that a slot takes one word more than what is in it.
enum Slot<K> {
    Free(u32),
    /// The port is closed, and the key was taken out.
    Keyless(u32, Weak<dyn Source>),
    Used(u32, K, Weak<dyn Source>),
}

impl<K> Slot<K> {
    fn generation(&self) -> u32 {
        match self {
            Slot::Free(generation) | Slot::Keyless(generation, _) | Slot::Used(generation, ..) => *generation,
        }
    }

    fn source(&self) -> Option<&Weak<dyn Source>> {
        match self {
            Slot::Free(_) => None,
            Slot::Keyless(_, source) | Slot::Used(_, _, source) => Some(source),
        }
    }

    fn key(&self) -> Option<&K> {
        match self {
            Slot::Used(_, key, _) => Some(key),
            _ => None,
        }
    }

    /// Takes the key out and leaves the handle.
    fn take_key(&mut self) -> Option<K> {
        match std::mem::replace(self, Slot::Free(0)) {
            Slot::Used(generation, key, source) => {
                *self = Slot::Keyless(generation, source);
                Some(key)
            }
            other => {
                *self = other;
                None
            }
        }
    }
}

type Chunk<K> = OnceLock<Box<[Lock<Slot<K>>]>>;

pub(crate) struct Table<K> {
    chunks: [Chunk<K>; CHUNKS],
    free: Lock<Free>,
    used: AtomicU32,
}

#[derive(Default)]
struct Free {
    slots: Vec<u32>,
    next: u32,
}

impl<K: Clone> Table<K> {
    pub(crate) fn new() -> Table<K> {
        Table { chunks: [const { OnceLock::new() }; CHUNKS], free: Lock::default(), used: AtomicU32::new(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.used.load(Relaxed) as usize
    }

    /// Gives the key back when there are as many as there can be.
    pub(crate) fn insert(&self, key: K, source: Weak<dyn Source>, limit: u32) -> Result<u64, K> {
        let index = {
            let mut free = self.free.lock();
            if self.used.load(Relaxed) >= limit.min(MOST_HANDLES) {
                return Err(key);
            }
            self.used.fetch_add(1, Relaxed);
            free.slots.pop().unwrap_or_else(|| {
                free.next += 1;
                free.next - 1
            })
        };
        let Some(slot) = self.slot(index) else { unreachable!("the limit is within the chunks") };
        let mut slot = slot.lock();
        let Slot::Free(generation) = *slot else { unreachable!("a free slot is empty") };
        *slot = Slot::Used(generation, key, source);
        Ok(u64::from(generation) << 32 | u64::from(index))
    }

    /// Returns the key, to be dropped where nothing is locked: it is the user's, and its drop may run anything.
    pub(crate) fn remove(&self, token: u64) -> Option<K> {
        let slot = self.slot(token as u32)?;
        let old = {
            let mut slot = slot.lock();
            let generation = slot.generation();
            if generation != (token >> 32) as u32 || slot.source().is_none() {
                return None;
            }
            std::mem::replace(&mut *slot, Slot::Free(generation.wrapping_add(1)))
        };
        let mut free = self.free.lock();
        free.slots.push(token as u32);
        self.used.fetch_sub(1, Relaxed);
        drop(free);
        if let Slot::Used(_, key, _) = old { Some(key) } else { None }
    }

    /// Takes all keys out; the handles stay.
    pub(crate) fn take_keys(&self) -> Vec<K> {
        let slots = self.chunks.iter().filter_map(OnceLock::get).flatten();
        slots.filter_map(|slot| slot.lock().take_key()).collect()
    }

    pub(crate) fn key(&self, token: u64) -> Option<K> {
        self.with(token, |slot| copy(slot.key()?))
    }

    /// The key is missing if the port is closed, or if it can't be copied.
    pub(crate) fn lookup(&self, token: u64) -> Option<(Option<K>, Arc<dyn Source>)> {
        // The source first: a key that was cloned for nothing would be dropped under the slot's lock.
        self.with(token, |slot| {
            let source = slot.source()?.upgrade()?;
            Some((slot.key().and_then(copy), source))
        })
    }

    /// Every handle there is at some moment during the call.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Arc<dyn Source>)) {
        for chunk in self.chunks.iter().filter_map(OnceLock::get) {
            for slot in chunk {
                let source = slot.lock().source().and_then(Weak::upgrade);
                if let Some(source) = source {
                    visit(source);
                }
            }
        }
    }

    fn with<R>(&self, token: u64, read: impl FnOnce(&Slot<K>) -> Option<R>) -> Option<R> {
        let slot = self.slot(token as u32)?.lock();
        if slot.generation() == (token >> 32) as u32 { read(&slot) } else { None }
    }

    fn slot(&self, index: u32) -> Option<&Lock<Slot<K>>> {
        if index >= MOST_HANDLES {
            return None;
        }
        // Doubling n begins at FIRST * (2^n - 1) and makes as many slots as there were before, and FIRST more.
        let doubling = (index / FIRST + 1).ilog2();
        let part = (FIRST << doubling) / PARTS;
        let at = index - FIRST * ((1 << doubling) - 1);
        let chunk = self.chunks.get((doubling * PARTS + at / part) as usize)?;
        let slots = chunk.get_or_init(|| (0..part).map(|_| Lock::new(Slot::Free(0))).collect());
        slots.get((at % part) as usize)
    }
}

/// A copy of a user's key. One whose `clone` panics costs its packet, and nothing else that is under way.
fn copy<K: Clone>(key: &K) -> Option<K> {
    catch_unwind(AssertUnwindSafe(|| key.clone())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;
    impl Source for Nothing {
        fn ready(self: Arc<Self>, _: EventFlags, _: bool) -> Option<Irp> {
            None
        }
        fn abandon(self: Arc<Self>) {}
        fn pending(&self) -> usize {
            0
        }
    }

    #[test]
    fn a_token_outlives_its_slot_without_finding_the_next_tenant() {
        let table = Table::new();
        let source: Arc<dyn Source> = Arc::new(Nothing);
        let first = table.insert("first", Arc::downgrade(&source), 10).unwrap();
        assert_eq!(table.key(first), Some("first"));
        table.remove(first);
        table.remove(first);
        let second = table.insert("second", Arc::downgrade(&source), 10).unwrap();
        assert_eq!(second as u32, first as u32, "the slot is used again");
        assert_eq!((table.key(first), table.key(second)), (None, Some("second")));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn many_slots_each_keep_their_own() {
        let table = Table::new();
        let source: Arc<dyn Source> = Arc::new(Nothing);
        let tokens: Vec<_> =
            (0..5000).map(|n| table.insert(n, Arc::downgrade(&source), MOST_HANDLES).unwrap()).collect();
        for (n, token) in tokens.iter().enumerate() {
            assert_eq!(table.key(*token), Some(n));
        }
        assert_eq!(table.insert(0, Arc::downgrade(&source), 5000), Err(0));
        let mut seen = 0;
        table.for_each(|_| seen += 1);
        assert_eq!(seen, 5000);
    }

    #[test]
    fn a_token_of_nowhere_finds_nothing() {
        let table = Table::<u8>::new();
        assert!(table.lookup(0).is_none());
        assert!(table.lookup(u64::MAX >> 1).is_none());
    }
}
