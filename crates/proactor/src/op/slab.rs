//! Where operation blocks live: a slab of the process, of limited capacity, and the pointer that owns a place in it.
//!
//! It is NT's pool of I/O request packets. A block keeps its address from start to packet, and its place has a
//! generation, so that a name of an operation that is gone never means the next one there. Memory is made chunk by
//! chunk when first needed, each twice as large as the one before, and is never moved or given back; a page of it
//! that was never used takes none.
//!
//! What the limit counts are *places that are taken*, by blocks and by operations that sleep without one
//! ([`Reserved`]). A block that is made while all are taken lives on the heap, and is not started from there.
#![allow(unsafe_code)]

use std::alloc::{Layout, handle_alloc_error};
use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering::*};

use super::block::Block;
use crate::driver::pages;
use crate::sync::lock::Lock;

#[cfg(test)]
mod tests;

/// What an operation's block takes at most, in bytes. An IRP takes about 500.
pub(crate) const MOST_BYTES: usize = 192;
const _: () = assert!(size_of::<Place>() <= MOST_BYTES, "a block with its place is small");

/// Places in the first chunk. Chunk n has `FIRST << n`.
const FIRST: u32 = 64;
const CHUNKS: usize = 22;
const MOST_PLACES: u32 = FIRST * ((1 << CHUNKS) - 1);

/// The index of a place that is not in the slab.
const HEAP: u32 = u32::MAX;

/// Free places that a thread keeps for itself, and how many it takes or gives back at a time.
const KEPT: usize = 32;
const BATCH: usize = KEPT / 2;

/// Operations there may be until somebody says otherwise, which the first port does.
const CAPACITY: usize = 1 << 20;

/// Names a block for as long as it lives, and nothing afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BlockId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// All zeros are a free place that was never used.
#[repr(C)]
struct Place {
    /// Odd while a block lives here. Wraps after two thousand million blocks in one place.
    generation: AtomicU32,
    /// Written by whoever takes the place, read by whoever owns the block.
    index: u32,
    block: MaybeUninit<Block>,
}

struct Slab {
    /// A chunk is published once it is there, and stays.
    chunks: [AtomicPtr<Place>; CHUNKS],
    taken: AtomicUsize,
    capacity: AtomicUsize,
    free: Lock<Free>,
}

struct Free {
    slots: Vec<u32>,
    /// Places from here on were never used.
    next: u32,
}

static SLAB: Slab = Slab {
    chunks: [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS],
    taken: AtomicUsize::new(0),
    capacity: AtomicUsize::new(CAPACITY),
    free: Lock::new(Free { slots: Vec::new(), next: 0 }),
};

thread_local!(static KEEP: RefCell<Keep> = const { RefCell::new(Keep { slots: [0; KEPT], count: 0 }) });

/// A thread's own free places: the one freed last is used first, for it is in the cache.
struct Keep {
    slots: [u32; KEPT],
    count: usize,
}

/// Operations that have a place, whether their block is there or they sleep.
pub(crate) fn in_use() -> usize {
    SLAB.taken.load(Relaxed)
}

/// The most operations there can be.
pub(crate) fn capacity() -> usize {
    SLAB.capacity.load(Relaxed)
}

/// Sets it. What is there stays, also when that is more.
pub(crate) fn set_capacity(operations: usize) {
    SLAB.capacity.store(operations.min(MOST_PLACES as usize), Relaxed);
}

/// Sets it unless somebody has.
pub(crate) fn set_default_capacity(operations: usize) {
    let operations = operations.min(MOST_PLACES as usize);
    let _ = SLAB.capacity.compare_exchange(CAPACITY, operations, Relaxed, Relaxed);
}

/// Whether the block of this name is still the one that was named.
#[cfg_attr(not(test), allow(dead_code, reason = "for faces that name operations by number"))]
pub(crate) fn is_live(id: BlockId) -> bool {
    SLAB.generation(id.slot).is_some_and(|generation| {
        let generation = generation.load(Acquire);
        generation == id.generation && generation % 2 == 1
    })
}

/// The right to a place, of an operation whose block is not there.
pub(crate) struct Reserved(());

impl Reserved {
    /// `None` when all are taken.
    fn take() -> Option<Reserved> {
        let capacity = SLAB.capacity.load(Relaxed);
        let mut taken = SLAB.taken.load(Relaxed);
        while taken < capacity {
            match SLAB.taken.compare_exchange_weak(taken, taken + 1, Relaxed, Relaxed) {
                Ok(_) => return Some(Reserved(())),
                Err(now) => taken = now,
            }
        }
        None
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        SLAB.taken.fetch_sub(1, Relaxed);
    }
}

impl Slab {
    fn place(&self, slot: u32) -> Option<NonNull<Place>> {
        if slot >= MOST_PLACES {
            return None;
        }
        let (chunk, offset) = chunk_of(slot);
        let first = NonNull::new(self.chunks[chunk].load(Acquire))?;
        // SAFETY: chunk n is one allocation of `FIRST << n` places, and `chunk_of` keeps the offset below that.
        Some(unsafe { first.add(offset) })
    }

    fn generation(&self, slot: u32) -> Option<&AtomicU32> {
        let place = self.place(slot)?;
        // SAFETY: chunks are never freed, and all their bytes were written, with zeros, before they were published.
        // This borrows the generation alone, which nobody borrows mutably, and not the block beside it.
        Some(unsafe { &(*place.as_ptr()).generation })
    }

    /// Makes the chunk of a place; under the lock of the free ones, so that only one does.
    fn make_chunk_of(&self, slot: u32) {
        let (chunk, _) = chunk_of(slot);
        if !self.chunks[chunk].load(Relaxed).is_null() {
            return;
        }
        let layout = Layout::array::<Place>((FIRST as usize) << chunk).expect("chunks are bounded");
        const { assert!(align_of::<Place>() <= pages::PAGE, "a mapping begins on a page") };
        // Zeros are a value of `Place`: an atomic, an integer, and memory that need not be initialised.
        let Some(memory) = pages::map(layout.size()) else { handle_alloc_error(layout) };
        self.chunks[chunk].store(memory.cast().as_ptr(), Release);
    }

    /// Moves up to `count` free places to `out`; fewer only if the last chunk is full.
    fn refill(&self, count: usize, out: &mut Keep) {
        let mut free = self.free.lock();
        for _ in 0..count {
            let slot = match free.slots.pop() {
                Some(slot) => slot,
                None if free.next < MOST_PLACES => {
                    self.make_chunk_of(free.next);
                    free.next += 1;
                    free.next - 1
                }
                None => return,
            };
            out.push(slot);
        }
    }

    /// A free place, which is the caller's from now on.
    fn pick(&self) -> Option<u32> {
        let picked = KEEP.try_with(|keep| {
            let mut keep = keep.borrow_mut();
            if keep.count == 0 {
                self.refill(BATCH, &mut keep);
            }
            keep.pop()
        });
        picked.unwrap_or_else(|_| {
            // The thread is ending, and has given its own back.
            let mut one = Keep { slots: [0; KEPT], count: 0 };
            self.refill(1, &mut one);
            one.pop()
        })
    }

    fn give_back(&self, slot: u32) {
        let kept = KEEP.try_with(|keep| {
            let mut keep = keep.borrow_mut();
            if keep.count == KEPT {
                let oldest = &keep.slots[..BATCH];
                self.free.lock().slots.extend_from_slice(oldest);
                keep.slots.copy_within(BATCH.., 0);
                keep.count -= BATCH;
            }
            keep.push(slot);
        });
        if kept.is_err() {
            self.free.lock().slots.push(slot);
        }
    }
}

impl Keep {
    fn push(&mut self, slot: u32) {
        self.slots[self.count] = slot;
        self.count += 1;
    }

    fn pop(&mut self) -> Option<u32> {
        self.count = self.count.checked_sub(1)?;
        Some(self.slots[self.count])
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        if self.count > 0 {
            SLAB.free.lock().slots.extend_from_slice(&self.slots[..self.count]);
            self.count = 0;
        }
    }
}

/// The chunk a place is in, and which of its places it is: chunk n begins at `FIRST * (2^n - 1)`.
fn chunk_of(slot: u32) -> (usize, usize) {
    let chunk = (slot / FIRST + 1).ilog2();
    let begin = FIRST * ((1 << chunk) - 1);
    (chunk as usize, (slot - begin) as usize)
}

/// An operation's block, and its place in the slab. It keeps its address from start to packet.
pub struct Irp(NonNull<Place>);

// SAFETY: an `Irp` owns its block as a `Box` does; the place around it is shared by nobody but through its atomic
// generation. `is_send_and_sync` below holds the block to both.
unsafe impl Send for Irp {}
// SAFETY: the same; a shared `Irp` gives out shared borrows of the block and nothing else.
unsafe impl Sync for Irp {}

const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Block>()
};

impl Irp {
    /// In the slab, or on the heap when all places are taken.
    pub(crate) fn new(block: Block) -> Irp {
        match Reserved::take() {
            Some(place) => Irp::redeem(place, block),
            None => Irp::on_heap(block),
        }
    }

    /// The block of an operation that has kept its place. Cannot fail.
    pub(crate) fn redeem(place: Reserved, block: Block) -> Irp {
        let Some(slot) = SLAB.pick() else { return Irp::on_heap(block) };
        let Some(memory) = SLAB.place(slot) else { unreachable!("only places of made chunks are picked") };
        // The block has it now.
        std::mem::forget(place);
        // SAFETY: a slot is on one free list or owned by one block, and this one was just taken off a list: nobody
        // else touches its index and block. Whoever freed it was done before it put it on the list, and the list's
        // lock, or being the same thread, makes that happen before this.
        unsafe {
            (&raw mut (*memory.as_ptr()).index).write(slot);
            (&raw mut (*memory.as_ptr()).block).write(MaybeUninit::new(block));
        }
        let irp = Irp(memory);
        irp.generation().fetch_add(1, Release);
        irp
    }

    #[cold]
    fn on_heap(block: Block) -> Irp {
        let place = Place { generation: AtomicU32::new(0), index: HEAP, block: MaybeUninit::new(block) };
        Irp(NonNull::from(Box::leak(Box::new(place))))
    }

    fn index(&self) -> u32 {
        // SAFETY: the place is this pointer's own and was written when it was taken.
        unsafe { (*self.0.as_ptr()).index }
    }

    fn generation(&self) -> &AtomicU32 {
        // SAFETY: the place lives at least as long as this pointer; only the generation is borrowed.
        unsafe { &(*self.0.as_ptr()).generation }
    }

    /// Its name; none on the heap.
    pub(crate) fn id(&self) -> Option<BlockId> {
        let slot = self.index();
        (slot != HEAP).then(|| BlockId { slot, generation: self.generation().load(Relaxed) })
    }

    /// The same in the slab, or as it is when all places are taken.
    pub(crate) fn settled(self) -> Result<Irp, Irp> {
        if self.index() != HEAP {
            return Ok(self);
        }
        match Reserved::take() {
            Some(place) => Ok(Irp::redeem(place, self.into_block().0)),
            None => Err(self),
        }
    }

    /// Gives the memory back and keeps the place, if it had one.
    pub(crate) fn into_block(self) -> (Block, Option<Reserved>) {
        let place = self.0;
        std::mem::forget(self);
        // SAFETY: the pointer is gone without its drop, so the block is moved out once, and its memory, which is
        // freed next, not looked at again.
        unsafe {
            let block = (&raw const (*place.as_ptr()).block).read().assume_init();
            (block, free(place))
        }
    }
}

/// Frees the memory of a block that has been moved out or dropped. What is left is its right to a place.
///
/// # Safety
/// The place was an `Irp`'s, which is gone; its block is not used again.
unsafe fn free(place: NonNull<Place>) -> Option<Reserved> {
    // SAFETY: nobody else has it, by the caller's promise.
    let slot = unsafe { (*place.as_ptr()).index };
    if slot == HEAP {
        // SAFETY: such a place comes from `Box::leak` in `on_heap`, and is made a box again once. Its block is
        // `MaybeUninit`, and so not dropped.
        drop(unsafe { Box::from_raw(place.as_ptr()) });
        return None;
    }
    // SAFETY: a place of the slab lives for ever; only the generation is borrowed.
    unsafe { &(*place.as_ptr()).generation }.fetch_add(1, Release);
    SLAB.give_back(slot);
    Some(Reserved(()))
}

impl Deref for Irp {
    type Target = Block;

    #[inline]
    fn deref(&self) -> &Block {
        // SAFETY: a block is there from `redeem` or `on_heap` until the pointer is gone, and is borrowed as it is.
        unsafe { (*self.0.as_ptr()).block.assume_init_ref() }
    }
}

impl DerefMut for Irp {
    #[inline]
    fn deref_mut(&mut self) -> &mut Block {
        // SAFETY: the same, and `self` is borrowed mutably.
        unsafe { (*self.0.as_ptr()).block.assume_init_mut() }
    }
}

impl Drop for Irp {
    fn drop(&mut self) {
        /// Frees the place also when dropping the block panics, as a user's message in it may.
        struct Freed(NonNull<Place>);
        impl Drop for Freed {
            fn drop(&mut self) {
                // SAFETY: made by the drop of the `Irp` only, after which neither it nor its block is used.
                drop(unsafe { free(self.0) });
            }
        }
        let freed = Freed(self.0);
        // SAFETY: the block is there until now, and is dropped here once.
        unsafe { (*freed.0.as_ptr()).block.assume_init_drop() };
    }
}
