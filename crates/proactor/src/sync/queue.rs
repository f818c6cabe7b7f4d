//! A queue for any number of producers and consumers: first in, first out, unbounded in blocks that are used
//! again, so that it allocates only while it grows.
//!
//! The shape is the block list of crossbeam's channel: two positions, each an index and a block, taken by
//! compare-and-swap, and per slot a state that says what has been done to it. What differs: a consumer near the
//! end looks at its slot *before* it takes the position, so it never touches the producers' position, and waits
//! for no producer that was stopped half way; and blocks are kept until the queue goes, which is what makes that
//! look sound, since a slot that is looked at too late is still a slot.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering::*};

use crossbeam_utils::{Backoff, CachePadded};

use super::lock::Lock;
use super::newest::Newest;

/// Indexes a block spans; the last of them stands for "the next block is being put in place".
const LAP: usize = 64;
const SLOTS: usize = LAP - 1;

/// The value is in the slot.
const WRITTEN: u8 = 1;
/// It has been taken out.
const READ: u8 = 2;
/// Everybody before this slot is done with the block; whoever reads here goes on with giving it back.
const HANDED_ON: u8 = 4;

struct Slot<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    state: AtomicU8,
}

struct Block<T> {
    /// Set once all slots have their producers. Read by every consumer, so not beside what they write.
    next: CachePadded<AtomicPtr<Block<T>>>,
    slots: [Slot<T>; SLOTS],
}

impl<T> Block<T> {
    fn alloc() -> *mut Block<T> {
        let slot = || Slot { value: UnsafeCell::new(MaybeUninit::uninit()), state: AtomicU8::new(0) };
        Box::into_raw(Box::new(Block {
            next: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
            slots: std::array::from_fn(|_| slot()),
        }))
    }
}

struct Position<T> {
    /// Only grows, and is never used twice: 2^64 is out of reach.
    index: AtomicUsize,
    /// The block of `index`. Stored before an index in it is.
    block: AtomicPtr<Block<T>>,
}

pub(crate) struct Queue<T> {
    head: CachePadded<Position<T>>,
    tail: CachePadded<Position<T>>,
    /// Beyond this many entries `push_within` refuses.
    limit: usize,
    /// The limit is so near that every push has to count.
    near_limit: AtomicBool,
    /// Blocks nobody uses. Every block is either here or in the list from head to tail.
    shelf: Lock<Vec<*mut Block<T>>>,
}

// SAFETY: values move from thread to thread, one at a time: a slot's value is written by the one producer that won
// its index and read by the one consumer that did, with the state's release and acquire between them.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as above; no reference to a value is ever given out.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    pub(crate) fn new(limit: usize) -> Queue<T> {
        let first = Block::alloc();
        let position = || Position { index: AtomicUsize::new(0), block: AtomicPtr::new(first) };
        Queue {
            head: CachePadded::new(position()),
            tail: CachePadded::new(position()),
            limit,
            near_limit: AtomicBool::new(limit <= 2 * LAP),
            shelf: Lock::new(Vec::new()),
        }
    }

    /// Gives the entry back when as many wait as the limit allows. Producers at the same instant may each find
    /// the last place free.
    #[inline]
    pub(crate) fn push_within(&self, entry: T) -> Result<(), T> {
        if self.near_limit.load(Relaxed) && self.len() >= self.limit {
            return Err(entry);
        }
        self.push(entry);
        Ok(())
    }

    /// The number it returns is larger than that of any entry before; see [`has_passed`](Queue::has_passed).
    #[inline]
    pub(crate) fn push(&self, entry: T) -> u64 {
        let backoff = Backoff::new();
        loop {
            let index = self.tail.index.load(Acquire);
            let block = self.tail.block.load(Acquire);
            let offset = index % LAP;
            if offset == SLOTS {
                backoff.snooze();
                continue;
            }
            if self.tail.index.compare_exchange_weak(index, index + 1, AcqRel, Relaxed).is_err() {
                backoff.spin();
                continue;
            }
            // SAFETY: the index was `index` from its load to the exchange, so `block` is its block, and a block
            // is not freed while the queue lives.
            let block = unsafe { &*block };
            if offset + 1 == SLOTS {
                self.extend(index, block);
            }
            let slot = &block.slots[offset];
            // SAFETY: winning the index makes this thread the only one to write the slot, and nobody reads it
            // before `WRITTEN` is set.
            unsafe { (*slot.value.get()).write(entry) };
            // A read-modify-write as the last step, on which the callers' fences rely.
            slot.state.fetch_or(WRITTEN, AcqRel);
            return index as u64;
        }
    }

    /// Puts the next block in place, by whoever took the last slot of this one.
    #[cold]
    fn extend(&self, index: usize, block: &Block<T>) {
        let next = self.shelf.lock().pop().unwrap_or_else(Block::alloc);
        block.next.store(next, Release);
        self.tail.block.store(next, Release);
        self.tail.index.store(index + 2, Release);
        let near = self.len().saturating_add(2 * LAP) >= self.limit;
        if near != self.near_limit.load(Relaxed) {
            self.near_limit.store(near, Relaxed);
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        let backoff = Backoff::new();
        loop {
            let index = self.head.index.load(Acquire);
            let block = self.head.block.load(Acquire);
            let offset = index % LAP;
            if offset == SLOTS {
                backoff.snooze();
                continue;
            }
            // SAFETY: blocks are not freed while the queue lives. It may be in use for other indexes by now; then
            // the look below means nothing, and the index shows it.
            let block = unsafe { &*block };
            let slot = &block.slots[offset];
            // With a block behind this one the slot has its producer, and need not be looked at before it is won:
            // where consumers compete, a look would only fetch a line that another is writing to.
            let behind = !block.next.load(Acquire).is_null();
            if !behind && slot.state.load(Acquire) & WRITTEN == 0 {
                if self.head.index.load(Acquire) == index {
                    return None;
                }
                continue;
            }
            if self.head.index.compare_exchange_weak(index, index + 1, AcqRel, Relaxed).is_err() {
                backoff.spin();
                continue;
            }
            if offset + 1 == SLOTS {
                // The producer of the last slot put the next block in place before it wrote the value, and we have
                // seen one of the two.
                self.head.block.store(block.next.load(Acquire), Release);
                self.head.index.store(index + 2, Release);
            }
            // A producer that was stopped between its index and its value is waited for; this is rare.
            while slot.state.load(Acquire) & WRITTEN == 0 {
                backoff.snooze();
            }
            // SAFETY: the index was `index` from its load to the exchange, so this is its slot, and it is written;
            // winning the index makes this thread the only one to read it.
            let entry = unsafe { (*slot.value.get()).assume_init_read() };
            if offset + 1 == SLOTS {
                self.give_back(block, 0);
            } else if slot.state.fetch_or(READ, AcqRel) & HANDED_ON != 0 {
                self.give_back(block, offset + 1);
            }
            return Some(entry);
        }
    }

    /// Shelves a block once all its slots have been read; by the reader of the last slot, or, for slots that are
    /// still being read then, by their readers one after the other.
    fn give_back(&self, block: &Block<T>, from: usize) {
        // The last slot's reader began this, so it needs no look.
        for slot in &block.slots[from..SLOTS - 1] {
            let done = slot.state.load(Acquire) & READ != 0;
            if !done && slot.state.fetch_or(HANDED_ON, AcqRel) & READ == 0 {
                return;
            }
        }
        for slot in &block.slots {
            slot.state.store(0, Relaxed);
        }
        block.next.store(ptr::null_mut(), Relaxed);
        self.shelf.lock().push(ptr::from_ref(block).cast_mut());
    }

    /// Whether the entry that [`Newest`] knows, and so all before it, has been taken or is being taken.
    #[inline]
    pub(crate) fn has_passed(&self, newest: &Newest) -> bool {
        newest.is_passed(|| self.head.index.load(Acquire) as u64)
    }

    /// Whether a pop would find nothing now. An entry whose push has not returned may not count yet.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let backoff = Backoff::new();
        loop {
            let index = self.head.index.load(Acquire);
            let block = self.head.block.load(Acquire);
            let offset = index % LAP;
            if offset == SLOTS {
                backoff.snooze();
                continue;
            }
            // SAFETY: as in `pop`.
            let written = unsafe { &*block }.slots[offset].state.load(Acquire) & WRITTEN != 0;
            if self.head.index.load(Acquire) == index {
                return !written;
            }
        }
    }

    /// How many entries there are, at some moment during the call or near it.
    pub(crate) fn len(&self) -> usize {
        let entries = |index: usize| index / LAP * SLOTS + (index % LAP).min(SLOTS);
        // The head first: it can't have overtaken a tail that is read later.
        let head = entries(self.head.index.load(Acquire));
        entries(self.tail.index.load(Acquire)) - head
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        while let Some(entry) = self.pop() {
            drop(entry);
        }
        let last = *self.tail.block.get_mut();
        let shelf = std::mem::take(&mut *self.shelf.lock());
        for block in shelf.into_iter().chain([last]) {
            // SAFETY: nobody else has the queue, every block came from `Block::alloc`, and with the queue empty each
            // is on the shelf, once, or is the one that head and tail share.
            drop(unsafe { Box::from_raw(block) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn the_order_holds_over_many_blocks_and_blocks_are_used_again() {
        let queue = Queue::new(usize::MAX);
        let (mut next_in, mut next_out) = (0u64, 0u64);
        for round in 0..50 {
            for _ in 0..500 + round {
                queue.push(next_in);
                next_in += 1;
            }
            assert_eq!(queue.len() as u64, next_in - next_out);
            while next_out < next_in - round {
                assert_eq!(queue.pop(), Some(next_out));
                next_out += 1;
            }
        }
        while next_out < next_in {
            assert_eq!(queue.pop(), Some(next_out));
            next_out += 1;
        }
        assert!(queue.pop().is_none() && queue.is_empty());
        assert_eq!(queue.len(), 0);
        assert!(queue.shelf.lock().len() < 14, "550 entries fit into 9 blocks, and those are kept");
    }

    #[test]
    fn an_entry_has_passed_once_it_is_taken_and_not_before() {
        let queue = Queue::new(usize::MAX);
        let numbers: Vec<_> = (0..200).map(|n| queue.push(n)).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next));
        for (n, number) in numbers.iter().enumerate() {
            let newest = Newest::default();
            assert!(queue.has_passed(&newest), "there is none");
            newest.note(*number);
            assert!(!queue.has_passed(&newest));
            assert_eq!(queue.pop(), Some(n));
            assert!(queue.has_passed(&newest));
        }
    }

    #[test]
    fn beyond_the_limit_the_entry_comes_back() {
        for limit in [1, 62, 63, 64, 500, 10_000] {
            let queue = Queue::new(limit);
            for round in 0..3 {
                (0..limit).for_each(|n| queue.push_within(n).unwrap());
                assert_eq!(queue.push_within(7777), Err(7777), "limit {limit}, round {round}");
                queue.push(1);
                assert_eq!(queue.len(), limit + 1);
                while queue.pop().is_some() {}
            }
        }
    }

    #[test]
    fn what_is_left_is_dropped_once() {
        let entry = Arc::new(());
        for count in [0, 1, 62, 63, 64, 1000] {
            let queue = Queue::new(usize::MAX);
            (0..count).for_each(|_| _ = queue.push(entry.clone()));
            (0..count / 3).for_each(|_| drop(queue.pop()));
            drop(queue);
            assert_eq!(Arc::strong_count(&entry), 1);
        }
    }

    #[test]
    fn nothing_is_lost_or_doubled_and_each_producers_order_holds() {
        const EACH: u64 = 100_000;
        const PRODUCERS: u64 = 3;
        let queue = Arc::new(Queue::new(usize::MAX));
        let taken = Arc::new(AtomicU64::new(0));
        let sum = Arc::new(AtomicU64::new(0));
        std::thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let queue = queue.clone();
                scope.spawn(move || (0..EACH).for_each(|n| _ = queue.push(Box::new((producer, n)))));
            }
            for _ in 0..3 {
                let (queue, taken, sum) = (queue.clone(), taken.clone(), sum.clone());
                scope.spawn(move || {
                    let mut last = [None; PRODUCERS as usize];
                    while taken.load(Relaxed) < EACH * PRODUCERS {
                        let Some(entry) = queue.pop() else {
                            std::thread::yield_now();
                            continue;
                        };
                        let (producer, n) = *entry;
                        let last = &mut last[producer as usize];
                        assert!(
                            last.is_none_or(|last| last < n),
                            "a thread sees each producer's entries in order"
                        );
                        *last = Some(n);
                        sum.fetch_add(n, Relaxed);
                        taken.fetch_add(1, Relaxed);
                    }
                });
            }
        });
        assert!(queue.is_empty());
        assert_eq!(sum.load(Relaxed), PRODUCERS * EACH * (EACH - 1) / 2);
    }
}
