//! What of a handle changes, under its lock: descriptor, directions, what has become of the connection.
//!
//! What few handles have is kept apart, so that those that merely wait are small.

use std::sync::{Arc, Weak};

use super::direction::{Direction, Said, Side, Tag};
use super::handle::{Facts, Handle, Modes};
use super::select::Selection;
use super::since::Since;
use super::sleep::Sleeper;
use super::zero_copy::ZeroCopy;
use crate::driver::descriptor::Descriptor;
use crate::op::OpId;
use crate::op::block::Block;
use crate::status::Status;

pub(super) struct State {
    pub(super) fd: Option<Descriptor>,
    pub(super) rx: Direction,
    pub(super) tx: Direction,
    pub(super) facts: Facts,
    pub(super) modes: Modes,
    /// A direction has paused, and the service will try it again.
    pub(super) paused: bool,
    pub(super) connected: Since,
    pub(super) next_id: u64,
    /// How the connection failed, once somebody was told; the kernel tells it once.
    pub(super) broken: Option<Status>,
    /// What the receive that sleeps needs again.
    pub(super) sleeper: Option<Sleeper>,
    seldom: Option<Box<Seldom>>,
}

/// What becomes of few handles.
#[derive(Default)]
pub(super) struct Seldom {
    /// Set while the service thread watches the descriptor, for want of a port.
    pub(super) watched_by_service: Option<u64>,
    /// File transfers that are with the backend, and their names there.
    pub(super) transfers: Vec<(Tag, u64)>,
    /// Accepted sockets whose first data an accept waits for.
    pub(super) children: Vec<Arc<Handle>>,
    /// The accept that is to put its connection here.
    pub(super) engaged_by: Option<(Weak<Handle>, OpId)>,
    /// Where the handle is whose accept waits here for first data, or was the last to.
    pub(super) adopter: usize,
    /// Of the operations that are being performed on the two sides.
    said: [Said; 2],
    /// Why the last connect in the background failed.
    pub(super) connect_error: Option<Status>,
    /// Network events, if somebody selected some.
    pub(super) selection: Option<Box<Selection>>,
    /// Once something was sent without a copy.
    pub(super) zero: Option<Box<ZeroCopy>>,
}

impl State {
    pub(super) fn new(fd: Descriptor, facts: Facts) -> State {
        State {
            fd: Some(fd),
            rx: Direction::untried(),
            tx: Direction::untried(),
            facts,
            modes: Modes::empty(),
            paused: false,
            connected: Since::now_if(facts.contains(Facts::CONNECTED)),
            next_id: 0,
            broken: None,
            sleeper: None,
            seldom: None,
        }
    }

    pub(super) fn side(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Rx => &mut self.rx,
            Side::Tx => &mut self.tx,
        }
    }

    pub(super) fn seldom(&self) -> Option<&Seldom> {
        self.seldom.as_deref()
    }

    pub(super) fn seldom_mut(&mut self) -> &mut Seldom {
        self.seldom.get_or_insert_default()
    }

    pub(super) fn selection(&mut self) -> Option<&mut Selection> {
        self.seldom.as_mut()?.selection.as_deref_mut()
    }

    pub(super) fn watched_by_service(&self) -> Option<u64> {
        self.seldom()?.watched_by_service
    }

    /// The service watches no longer; what it was to be told that by, if it did.
    pub(super) fn unwatched(&mut self) -> Option<u64> {
        self.seldom.as_mut()?.watched_by_service.take()
    }

    /// No accept puts its connection here any longer; the one that was to, if there was.
    pub(super) fn disengaged(&mut self) -> Option<(Weak<Handle>, OpId)> {
        self.seldom.as_mut()?.engaged_by.take()
    }

    /// Whether somebody who can't rely on the port's workers waits for an operation of the handle at `me`.
    pub(super) fn is_awaited(&self, me: usize) -> bool {
        let [rx, tx] = self.seldom().map_or_else(Default::default, |seldom| seldom.said);
        self.rx.is_awaited(me, rx) || self.tx.is_awaited(me, tx)
    }

    /// The operation that is being performed on a side of the handle at `me`.
    pub(super) fn current(&mut self, side: Side, me: usize) -> Option<Tag> {
        let (adopter, said) = self
            .seldom()
            .map_or_else(Default::default, |seldom| (seldom.adopter, seldom.said[side as usize]));
        self.side(side).current(me, adopter, said)
    }

    /// The operation is performed from now on, by the calling thread, for the handle at `me`.
    pub(super) fn begin(&mut self, side: Side, block: &Block, me: usize) {
        let said = Said::of(block);
        if !said.is_nothing() {
            self.seldom_mut().said[side as usize] = said;
        } else if let Some(seldom) = &mut self.seldom {
            seldom.said[side as usize] = said;
        }
        self.side(side).begin(block, me);
    }

    pub(super) fn name(&mut self) -> OpId {
        self.next_id += 1;
        OpId(self.next_id)
    }
}
