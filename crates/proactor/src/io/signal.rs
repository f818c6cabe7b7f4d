//! A handle as an object to wait for: set when an operation completes, reset when one starts (S170).
//!
//! Which of several operations it was, nobody can tell (S077), so this is for handles with one at a time. Operations
//! that are begun as an [`Overlapped`](super::Overlapped) have an event of their own and leave the handle alone (S075,
//! S076). The object is made when somebody first waits; until then an operation pays nothing for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::*};

use super::handle::{Class, Handle, Modes};
use crate::object::body::Local;
use crate::object::state::State;
use crate::op::block::{Block, Flags};

/// What an operation is to the handle's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Its start resets it, its end sets it.
    Loud,
    /// It has an event, or is no operation.
    Silent,
}

impl Sort {
    pub(super) fn of(block: &Block) -> Sort {
        let apart = block.route.is_event() || block.flags.intersects(Flags::OWN_EVENT | Flags::AT_ONCE);
        if apart { Sort::Silent } else { Sort::Loud }
    }
}

/// How many operations are under way: the loud in the low half, the silent in the high one, and on top whether there
/// is an object to tell. In one word, so that whoever makes the object sees an operation, or that sees the object.
#[derive(Default)]
pub(super) struct InFlight(AtomicU64);

const LOUD: u64 = 1;
const SILENT: u64 = 1 << 32;
const LOUD_ONES: u64 = SILENT - 1;
const HAS_OBJECT: u64 = 1 << 63;
const ALL: u64 = HAS_OBJECT - 1;

fn step(sort: Sort) -> u64 {
    match sort {
        Sort::Loud => LOUD,
        Sort::Silent => SILENT,
    }
}

fn concerns(word: u64, sort: Sort) -> bool {
    word & HAS_OBJECT != 0 && sort == Sort::Loud
}

impl InFlight {
    /// True if the object is to be told.
    pub(super) fn add(&self, sort: Sort) -> bool {
        concerns(self.0.fetch_add(step(sort), Relaxed), sort)
    }

    /// Whether it was the last, and whether the object is to be told.
    pub(super) fn take(&self, sort: Sort) -> (bool, bool) {
        let before = self.0.fetch_sub(step(sort), AcqRel);
        (before & ALL == step(sort), concerns(before, sort))
    }

    pub(super) fn count(&self) -> u32 {
        let word = self.0.load(Acquire);
        ((word & LOUD_ONES) + ((word & ALL) >> 32)) as u32
    }

    /// Whether there is an object that an operation of this sort is told to.
    pub(super) fn concerns_object(&self, sort: Sort) -> bool {
        concerns(self.0.load(Acquire), sort)
    }

    pub(super) fn has_object(&self) -> bool {
        self.0.load(Acquire) & HAS_OBJECT != 0
    }

    /// From now on the object is told; returns whether a loud one is under way.
    fn tell_object(&self) -> bool {
        self.0.fetch_or(HAS_OBJECT, AcqRel) & LOUD_ONES != 0
    }
}

impl Handle {
    /// The object, made when it is first asked for: set, unless an operation is under way that will set it.
    pub(super) fn object(self: &Arc<Self>) -> &Arc<Local> {
        let object = self.extra_made().object.get_or_init(|| {
            let kind = match self.class {
                Class::Stream | Class::Datagram => "socket",
                Class::Pipe | Class::NamedPipe => "pipe",
                Class::File => "file",
            };
            Local::new(kind, State::Latch { set: false })
        });
        if !self.in_flight.has_object() {
            // Under the object's lock: an operation that starts or ends from here on tells it after this.
            object.header.signal(|state| {
                if !self.in_flight.has_object() {
                    *state = State::Latch { set: !self.in_flight.tell_object() };
                }
            });
            // What is under way was left to the port's workers, who need not come.
            let mut state = self.state.lock();
            if !(state.rx.is_idle() && state.tx.is_idle()) {
                // Without the service, workers alone can bring it about.
                let _ = self.ensure_watched(&mut state, true);
            }
        }
        object
    }

    #[cold]
    pub(super) fn unsignal(&self) {
        if let Some(object) = self.extra().and_then(|extra| extra.object.get()) {
            object.header.change(State::reset);
        }
    }

    #[cold]
    pub(super) fn signal(&self) {
        // S094
        if self.modes().contains(Modes::SKIP_SET_EVENT_ON_HANDLE) {
            return;
        }
        if let Some(object) = self.extra().and_then(|extra| extra.object.get()) {
            object.header.signal(State::set);
        }
    }
}
