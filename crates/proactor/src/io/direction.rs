//! One direction of a handle: the operations that wait in it, and what is known of its readiness.
//!
//! One thread at a time performs the front operation, outside the handle's lock; `busy` says that somebody
//! does. Readiness that comes meanwhile is counted, so that "would block" from before it does not hide it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::op::OpId;
use crate::op::block::Block;
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
}

impl Tag {
    pub(super) fn of(block: &Block) -> Tag {
        Tag {
            id: block.id,
            thread: block.thread,
            apart: !block.route.is_port(),
            owner: block.owner.as_ref().map_or(0, |owner| Arc::as_ptr(owner).addr()),
        }
    }
}

#[derive(Default)]
pub(super) struct Direction {
    /// The front is kept apart: one pending operation, the usual case, then needs no memory of the queue's.
    front: Option<Irp>,
    rest: VecDeque<Irp>,
    /// The last call did not find it drained.
    pub(super) ready: bool,
    /// Readiness events so far.
    pub(super) edges: u32,
    /// An end or an error was announced: a short count no longer means that there is nothing more.
    pub(super) ended: bool,
    /// Somebody performs operations of this side now, and nobody else does.
    pub(super) busy: bool,
    /// The operation that is being performed; it is not in the queue.
    pub(super) current: Option<Tag>,
    /// The current one is to end as cancelled instead of waiting on.
    pub(super) cancel_current: bool,
    /// It waits for what nobody announces, and is not to be tried before its time.
    paused: bool,
}

impl Direction {
    /// One whose readiness nobody knows yet: it is tried.
    pub(super) fn untried() -> Direction {
        Direction { ready: true, ..Direction::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.front.is_none()
    }

    /// Nothing waits and nothing is being performed.
    pub(super) fn is_idle(&self) -> bool {
        self.is_empty() && !self.busy
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.front.is_some()) + self.rest.len()
    }

    pub(super) fn push_back(&mut self, block: Irp) {
        match self.front {
            None => self.front = Some(block),
            Some(_) => self.rest.push_back(block),
        }
    }

    pub(super) fn push_front(&mut self, block: Irp) {
        if let Some(second) = self.front.replace(block) {
            self.rest.push_front(second);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Irp> {
        let front = self.front.take()?;
        self.front = self.rest.pop_front();
        Some(front)
    }

    /// Takes out, in order, those that `which` names.
    pub(super) fn take(&mut self, which: impl Fn(&Tag) -> bool, out: &mut Vec<Irp>) {
        for _ in 0..self.len() {
            let Some(block) = self.pop() else { break };
            if which(&Tag::of(&block)) { out.push(block) } else { self.push_back(block) }
        }
    }

    pub(super) fn event(&mut self, ended: bool) {
        self.edges = self.edges.wrapping_add(1);
        self.ready = !self.paused;
        self.ended |= ended;
    }

    /// Whether an operation of this side completes apart from the port, or was started on another handle than `me`.
    pub(super) fn is_awaited(&self, me: usize) -> bool {
        let elsewhere = |tag: Tag| tag.apart || tag.owner != me;
        let mut queued = self.front.iter().chain(&self.rest);
        queued.any(|block| elsewhere(Tag::of(block))) || self.current.is_some_and(elsewhere)
    }

    /// Readiness does not count until `go_on`: an attempt may itself cause some.
    pub(super) fn pause(&mut self) {
        self.paused = true;
        self.ready = false;
    }

    pub(super) fn go_on(&mut self) {
        self.paused = false;
        self.event(false);
    }

    /// The front has changed otherwise than by completing: what comes now may not wait for the same thing.
    pub(super) fn try_anew(&mut self) {
        self.ready = !self.paused;
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
        let mut direction = Direction::default();
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
