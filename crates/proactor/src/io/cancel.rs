//! Cancelling: one operation, those of a thread, or all; for close and thread exit as well.
//!
//! Cancellation is a request (S102). What waits in a queue ends at once; what another thread is performing this
//! moment ends with its call, unless that completes it.

use std::sync::Arc;

use super::direction::{Side, Tag};
use super::handle::Handle;
use crate::driver::file;
use crate::op::OpId;
use crate::op::slab::Irp;
use crate::status::Status;
use crate::sync::thread::ThreadNo;

impl Handle {
    /// Cancels what `which` names; returns how many. Their packets say `CANCELLED`.
    pub(super) fn cancel_where(self: &Arc<Self>, which: impl Fn(&Tag) -> bool + Copy) -> usize {
        let mut cut = Vec::new();
        let mut count = self.take_where(which, &mut cut);
        count += cut.len();
        for block in cut {
            self.complete_for_owner(block, Status::CANCELLED);
        }
        if count > 0 {
            // What waited behind them.
            self.run(Side::Rx, None);
            self.run(Side::Tx, None);
        }
        count
    }

    /// Takes out of the queues what `which` names; marks what is being performed, and what the file backend
    /// has, to be cancelled, and returns how many of those.
    pub(super) fn take_where(
        self: &Arc<Self>,
        which: impl Fn(&Tag) -> bool + Copy,
        cut: &mut Vec<Irp>,
    ) -> usize {
        let (transfers, children, mut count) = {
            let mut state = self.state.lock();
            // What the kernel reads from it can't be asked to forget.
            let mut count = state.held().filter(|tag| which(tag)).count();
            for side in [Side::Rx, Side::Tx] {
                let performed = state.current(side, self.place()).as_ref().is_some_and(which);
                let before = cut.len();
                state.take(side, which, cut);
                let direction = state.side(side);
                if performed {
                    direction.cancel_current();
                    count += 1;
                }
                let some = cut.len() > before;
                if some {
                    direction.try_anew();
                }
                if some && side == Side::Tx && self.hold_cut(&mut state, cut, before) {
                    count += 1;
                }
            }
            self.end_if_due(&mut state);
            let (transfers, children) = state.seldom().map_or_else(Default::default, |seldom| {
                let transfers = seldom.transfers.iter().filter(|(tag, _)| which(tag));
                (transfers.map(|(_, name)| *name).collect::<Vec<u64>>(), seldom.children.clone())
            });
            (transfers, children, count)
        };
        self.take_waiting(which, cut);
        count += transfers.len();
        for id in transfers {
            // A call that has begun may be past stopping; it was asked to end all the same (S102).
            file::backend().cancel(id);
        }
        for child in children {
            count += child.cancel_adopted(self.place(), &which);
        }
        count
    }

    /// Of the operations that wait here those that were started on the handle at `owner`.
    fn cancel_adopted(self: &Arc<Self>, owner: usize, which: &dyn Fn(&Tag) -> bool) -> usize {
        self.cancel_where(|tag| tag.owner == owner && which(tag))
    }

    /// What [`Tag::owner`] is for operations of this handle.
    pub(super) fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Cancels of the operations of this handle, and of no other (S105).
    pub(super) fn cancel_own(self: &Arc<Self>, which: impl Fn(&Tag) -> bool + Copy) -> usize {
        let me = self.place();
        self.cancel_where(|tag| tag.owner == me && which(tag))
    }

    /// One operation (`CancelIoEx` with an OVERLAPPED).
    pub(super) fn cancel(self: &Arc<Self>, id: OpId) -> Result<(), Status> {
        self.found(self.cancel_own(|tag| tag.id == id))
    }

    /// Those that carry this number of the caller's (`CancelIoEx` with an OVERLAPPED).
    pub(super) fn cancel_tagged(self: &Arc<Self>, number: usize) -> Result<(), Status> {
        self.found(self.cancel_own(|tag| tag.number == number))
    }

    /// All of them (`CancelIoEx` without).
    pub(super) fn cancel_all(self: &Arc<Self>) -> Result<(), Status> {
        self.found(self.cancel_own(|_| true))
    }

    /// Those that this thread started (`CancelIo`); none is no error (S101).
    pub(super) fn cancel_mine(self: &Arc<Self>) -> Result<(), Status> {
        let me = ThreadNo::current();
        self.cancel_own(|tag| tag.thread == me);
        if self.is_closed() { Err(Status::INVALID_HANDLE) } else { Ok(()) }
    }

    /// A thread has ended: what it started here and no port is to receive (S110, S111).
    pub(super) fn cancel_of_dead(self: &Arc<Self>, thread: ThreadNo) {
        let portless = self.link.get().is_none();
        self.cancel_own(|tag| tag.thread == thread && (tag.apart || tag.evented || portless));
    }

    fn found(&self, count: usize) -> Result<(), Status> {
        match count {
            0 if self.is_closed() => Err(Status::INVALID_HANDLE),
            0 => Err(Status::NOT_FOUND),
            _ => Ok(()),
        }
    }
}
