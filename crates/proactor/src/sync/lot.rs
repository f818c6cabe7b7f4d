//! Where threads sleep until somebody wakes them by an address: first in, first out for each address.
//!
//! A lock's own word says only that somebody sleeps; who, and in which order, stands here, in one table for the
//! whole process, so that a lock is as small as its word and costs nothing to make. The rule: whether to sleep is
//! decided, and a sleeper is put into the queue, under one lock of the bucket; whoever wakes takes that lock after
//! it changed what the decision looked at. So a wake is never lost. The idea is that of Linux' futex (Franke,
//! Russell and Kirkwood, 2002) and of WebKit's parking lot (Pizlo, 2016).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::lock::Lock;
use super::park::Parker;
use super::place;
use super::record::{Resource, waiting};
use super::seat::blocking;

/// What an address is slept on for. What one kind sleeps for is never woken by another, so no program that wakes
/// by an address of its own choice reaches into a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A wait on an address that the program asked for.
    Address,
    /// The queue of a lock, or of whatever else has only one.
    Queue,
    /// A writer that waits for the readers before it.
    Readers,
    /// Who waits for the last thread to be out of a barrier.
    Leavers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub address: usize,
    pub kind: Kind,
}

impl Key {
    pub fn of<T>(what: &T, kind: Kind) -> Key {
        Key { address: std::ptr::from_ref(what).addr(), kind }
    }
}

pub struct Sleeper {
    key: Key,
    /// Whatever the lock wants to know of its sleepers.
    mark: u8,
    parker: Arc<Parker>,
}

pub type Bucket = Lock<VecDeque<Sleeper>>;

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slept {
    /// There was no need to.
    Not,
    Woken,
    TimedOut,
}

/// A sleep that is about to be.
pub struct Sleep<'a> {
    pub key: Key,
    pub mark: u8,
    /// Before all others of the key: for one that was woken in vain.
    pub first: bool,
    /// What it is that the thread waits for, for whoever reads wait chains.
    pub resource: &'a dyn Resource,
    pub deadline: Option<Instant>,
}

impl<'a> Sleep<'a> {
    pub fn new(key: Key, resource: &'a dyn Resource) -> Sleep<'a> {
        Sleep { key, mark: 0, first: false, resource, deadline: None }
    }

    /// Sleeps if `agree`, which is asked under the bucket's lock. `before` runs once the sleeper can be woken;
    /// `late` under the bucket's lock, when the deadline has passed and nobody had woken it.
    ///
    /// Gives up the seat, and stands in the thread's record, while it sleeps.
    pub fn sleep(self, agree: impl FnOnce() -> bool, before: impl FnOnce(), late: impl FnOnce()) -> Slept {
        let bucket = place::bucket(self.key.address);
        let mine = place::parker();
        {
            let mut queue = bucket.lock();
            if !agree() {
                return Slept::Not;
            }
            mine.prepare();
            let sleeper = Sleeper { key: self.key, mark: self.mark, parker: Arc::clone(&mine) };
            if self.first { queue.push_front(sleeper) } else { queue.push_back(sleeper) }
        }
        before();
        if blocking(|| waiting(&[self.resource], false, || mine.park(self.deadline))) {
            return Slept::Woken;
        }
        let mut queue = bucket.lock();
        if let Some(at) = queue.iter().position(|sleeper| Arc::ptr_eq(&sleeper.parker, &mine)) {
            queue.remove(at);
            late();
            return Slept::TimedOut;
        }
        drop(queue);
        // Somebody took it out of the queue in time; the permit is on its way, and must not be left to the next
        // sleep.
        mine.park(None);
        Slept::Woken
    }
}

/// Wakes the key's sleepers from the oldest on for as long as `choose` takes the next, by its mark.
///
/// `then` is told how many were taken and whether others are left, under the bucket's lock. After it nothing but
/// the sleepers' own places is touched: what the address belonged to may be gone.
pub fn wake_while(key: Key, mut choose: impl FnMut(u8) -> bool, then: impl FnOnce(usize, bool)) -> usize {
    let (mut oldest, mut others) = (None, Vec::new());
    let mut queue = place::bucket(key.address).lock();
    let (mut at, mut taken, mut left) = (0, 0, false);
    while at < queue.len() {
        if queue[at].key != key {
            at += 1;
        } else if choose(queue[at].mark) {
            let parker = queue.remove(at).map(|sleeper| sleeper.parker);
            taken += 1;
            // Mostly there is one, and then nothing is allocated.
            if oldest.is_none() { oldest = parker } else { others.extend(parker) }
        } else {
            left = true;
            break;
        }
    }
    then(taken, left);
    drop(queue);
    oldest.iter().chain(&others).for_each(|parker| parker.unpark());
    taken
}

/// Wakes the oldest, if there is any.
pub fn wake_one(key: Key, then: impl FnOnce(usize, bool)) -> usize {
    let mut first = true;
    wake_while(key, |_| std::mem::take(&mut first), then)
}

pub fn wake_all(key: Key, then: impl FnOnce(usize)) -> usize {
    wake_while(key, |_| true, |taken, _| then(taken))
}
