//! One direction of a handle: the operations that wait in it, and what is known of its readiness.
//!
//! One thread at a time performs the front operation, outside the handle's lock; `busy` says that somebody
//! does. Readiness that comes meanwhile is noted, so that "would block" from before it does not hide it.

use std::collections::VecDeque;
use std::sync::Arc;

use bitflags::bitflags;

use crate::op::OpId;
use crate::op::block::{Block, Flags};
use crate::op::slab::Irp;
use crate::sync::thread::ThreadNo;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Rx,
    Tx,
}

/// What cancelling needs to know of an operation that is out of the queue while it is performed.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    pub(super) id: OpId,
    pub(super) thread: ThreadNo,
    /// Its completion goes to an event or a routine, apart from any port.
    pub(super) apart: bool,
    /// Where the handle is that it was started on: an accept may wait in the queue of the connection it took.
    pub(super) owner: usize,
    /// The caller's own.
    pub(super) number: usize,
    /// It ends with its thread although its packet goes to a port: it has an event as well (S111).
    pub(super) evented: bool,
}

/// What few callers say of an operation, and a direction does not keep of the one that is being performed.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) number: usize,
    pub(super) evented: bool,
}

impl Said {
    pub(super) fn of(block: &Block) -> Said {
        Said { number: block.tag, evented: block.flags.contains(Flags::OWN_EVENT) }
    }

    pub(super) fn is_nothing(self) -> bool {
        self.number == 0 && !self.evented
    }
}

impl Tag {
    pub(super) fn of(block: &Block) -> Tag {
        Tag {
            id: block.id,
            thread: block.thread,
            apart: !block.route.is_port(),
            owner: block.owner.as_ref().map_or(0, |owner| Arc::as_ptr(owner).addr()),
            number: block.tag,
            evented: block.flags.contains(Flags::OWN_EVENT),
        }
    }
}

bitflags! {
    #[derive(Clone, Copy, Default)]
    struct Marks: u8 {
        /// Readiness came since the attempt that is being made began.
        const NEWS = 1;
        /// It waits for what nobody announces, and is not to be tried before its time.
        const PAUSED = 2;
        /// Of the operation that is being performed: its completion goes apart from any port.
        const APART = 4;
        /// It was started on another handle.
        const FOREIGN = 8;
        /// It is to end as cancelled instead of waiting on.
        const CANCEL = 16;
        /// The one operation of this side sleeps; see `sleep.rs`.
        const ASLEEP = 32;
        /// The front is tried again when what the other side performs is through.
        const AFTER_OTHER = 64;
        /// The operation that is being performed disconnects for reuse.
        const LEAVES = 128;
    }
}

pub(super) struct Direction {
    /// The front is kept apart: one pending operation, the usual case, then needs no memory of the queue's.
    front: Option<Irp>,
    /// Made when a second one waits, and kept.
    #[expect(clippy::box_collection, reason = "most directions have none, and are three words smaller so")]
    rest: Option<Box<VecDeque<Irp>>>,
    /// The operation that is being performed, or sleeps, and its thread; it is not in the queue. 0: there is none.
    id: OpId,
    thread: ThreadNo,
    /// The last call did not find it drained.
    pub(super) ready: bool,
    /// Somebody performs operations of this side now, and nobody else does.
    pub(super) busy: bool,
    marks: Marks,
    /// An end or an error was announced: a short count no longer means that there is nothing more.
    pub(super) ended: bool,
}

impl Direction {
    /// One whose readiness nobody knows yet: it is tried.
    pub(super) fn untried() -> Direction {
        Direction {
            front: None,
            rest: None,
            id: OpId(0),
            thread: ThreadNo::NONE,
            ready: true,
            busy: false,
            marks: Marks::empty(),
            ended: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.front.is_none() && !self.sleeps()
    }

    fn sleeps(&self) -> bool {
        self.marks.contains(Marks::ASLEEP)
    }

    /// Nothing waits and nothing is being performed.
    pub(super) fn is_idle(&self) -> bool {
        self.is_empty() && !self.busy
    }

    fn queued(&self) -> impl Iterator<Item = &Irp> {
        self.front.iter().chain(self.rest.iter().flat_map(|rest| rest.iter()))
    }

    /// The operation whose turn it is; not one that sleeps.
    pub(super) fn front(&self) -> Option<&Irp> {
        self.front.as_ref()
    }

    /// The operation that waits alone.
    pub(super) fn only(&self) -> Option<&Irp> {
        self.front.as_ref().filter(|_| self.rest.as_ref().is_none_or(|rest| rest.is_empty()))
    }

    /// The one that sleeps is awake before another comes to this side.
    pub(super) fn push_back(&mut self, block: Irp) {
        debug_assert!(!self.sleeps());
        match self.front {
            None => self.front = Some(block),
            Some(_) => self.rest.get_or_insert_default().push_back(block),
        }
    }

    pub(super) fn push_front(&mut self, block: Irp) {
        debug_assert!(!self.sleeps());
        if let Some(second) = self.front.replace(block) {
            self.rest.get_or_insert_default().push_front(second);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Irp> {
        let front = self.front.take()?;
        self.front = self.rest.as_mut().and_then(|rest| rest.pop_front());
        Some(front)
    }

    /// Takes out, in order, those that `which` names.
    pub(super) fn take(&mut self, which: impl Fn(&Tag) -> bool, out: &mut Vec<Irp>) {
        for _ in 0..self.queued().count() {
            let Some(block) = self.pop() else { break };
            if which(&Tag::of(&block)) { out.push(block) } else { self.push_back(block) }
        }
    }

    /// An attempt begins: whoever makes it has the block.
    pub(super) fn begin(&mut self, block: &Block, me: usize) {
        debug_assert!(!self.sleeps() && !self.performs());
        let tag = Tag::of(block);
        self.busy = true;
        self.id = tag.id;
        self.thread = tag.thread;
        self.marks -= Marks::NEWS;
        self.marks.set(Marks::APART, tag.apart);
        self.marks.set(Marks::FOREIGN, tag.owner != me);
        self.marks.set(Marks::LEAVES, block.flags.contains(Flags::REUSE));
    }

    /// The attempt is over. Whether readiness came meanwhile, and whether the operation was cancelled.
    pub(super) fn end(&mut self) -> (bool, bool) {
        let found = (self.marks.contains(Marks::NEWS), self.marks.contains(Marks::CANCEL));
        self.id = OpId(0);
        self.marks -= Marks::CANCEL;
        self.busy = !self.is_empty();
        found
    }

    /// Whether an operation is being performed.
    pub(super) fn performs(&self) -> bool {
        self.id.0 != 0 && !self.sleeps()
    }

    /// Whether an operation that disconnects for reuse waits here or is being performed.
    pub(super) fn leaves(&self) -> bool {
        let performed = self.performs() && self.marks.contains(Marks::LEAVES);
        performed || self.queued().any(|block| block.flags.contains(Flags::REUSE))
    }

    /// The operation that is being performed. `me` owns it, or `adopter`, which has it wait here.
    /// The operation that is being performed, of which its caller `said` something.
    pub(super) fn current(&self, me: usize, adopter: usize, said: Said) -> Option<Tag> {
        let owner = if self.marks.contains(Marks::FOREIGN) { adopter } else { me };
        let apart = self.marks.contains(Marks::APART);
        let Said { number, evented } = said;
        self.performs().then_some(Tag { id: self.id, thread: self.thread, apart, owner, number, evented })
    }

    pub(super) fn cancel_current(&mut self) {
        self.marks |= Marks::CANCEL;
    }

    /// Its only operation sleeps from now on.
    pub(super) fn fall_asleep(&mut self) -> Option<Irp> {
        debug_assert!(!self.busy);
        let block = self.front.take()?;
        self.marks |= Marks::ASLEEP;
        (self.id, self.thread) = (block.id, block.thread);
        Some(block)
    }

    /// What cancelling needs to know of the one that sleeps, which the handle at `owner` started.
    pub(super) fn sleeping(&self, owner: usize) -> Tag {
        debug_assert!(self.sleeps());
        Tag { id: self.id, thread: self.thread, apart: false, owner, number: 0, evented: false }
    }

    /// The one that slept waits in the queue again.
    pub(super) fn wake(&mut self, mut block: Irp) {
        (block.id, block.thread) = (self.id, self.thread);
        self.id = OpId(0);
        self.marks -= Marks::ASLEEP;
        self.front = Some(block);
    }

    pub(super) fn event(&mut self, ended: bool) {
        self.marks |= Marks::NEWS;
        self.ready = !self.marks.contains(Marks::PAUSED);
        self.ended |= ended;
    }

    /// Whether an operation of this side is told apart from the port, or was started on another handle than `me`. Of the
    /// one that is being performed its caller `said` something.
    pub(super) fn is_awaited(&self, me: usize, said: Said) -> bool {
        let elsewhere = |tag: Tag| tag.apart || tag.evented || tag.owner != me;
        self.queued().any(|block| elsewhere(Tag::of(block)))
            || self.current(me, 0, said).is_some_and(elsewhere)
    }

    /// How the front ended can't be told before what the other side performs is through.
    pub(super) fn wait_for_other(&mut self) {
        self.marks |= Marks::AFTER_OTHER;
        self.ready = false;
    }

    /// What the other side performed is through. Whether the front waits for that.
    pub(super) fn other_is_through(&mut self) -> bool {
        let waits = self.marks.contains(Marks::AFTER_OTHER);
        if waits {
            self.marks -= Marks::AFTER_OTHER;
            self.event(false);
        }
        waits
    }

    /// Readiness does not count until `go_on`: an attempt may itself cause some.
    pub(super) fn pause(&mut self) {
        self.marks |= Marks::PAUSED;
        self.ready = false;
    }

    pub(super) fn go_on(&mut self) {
        self.marks -= Marks::PAUSED;
        self.event(false);
    }

    /// The front has changed otherwise than by completing: what comes now may not wait for the same thing.
    pub(super) fn try_anew(&mut self) {
        self.ready = !self.marks.contains(Marks::PAUSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::block::Kind;

    fn block(id: u64) -> Irp {
        let mut block = Block::new(Kind::Recv);
        block.id = OpId(id);
        block
    }

    fn ids(direction: &mut Direction) -> Vec<u64> {
        std::iter::from_fn(|| direction.pop()).map(|block| block.id.0).collect()
    }

    #[test]
    fn the_order_holds_when_some_are_taken_out_and_one_comes_back() {
        let mut direction = Direction::untried();
        (1..=6).for_each(|id| direction.push_back(block(id)));
        let first = direction.pop().unwrap();
        let mut taken = Vec::new();
        direction.take(|tag| tag.id.0 % 2 == 0, &mut taken);
        direction.push_front(first);
        assert_eq!(taken.iter().map(|block| block.id.0).collect::<Vec<_>>(), [2, 4, 6]);
        assert_eq!(ids(&mut direction), [1, 3, 5]);
        assert!(direction.is_empty());
    }
}
