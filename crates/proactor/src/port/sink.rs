//! A port as its handles see it: without the types of its key and message.

use std::os::fd::{AsFd, BorrowedFd};

use super::core::Core;
use crate::op::ledger::Ledger;
use crate::op::slab::Irp;
use crate::status::Status;
use crate::sync::newest::Newest;

/// Where the packets of a handle go.
pub(crate) trait Sink: Send + Sync {
    /// Queues the packet of a completed operation. Its number in the queue, unless it is not wanted any more.
    fn deliver(&self, token: u64, block: Irp) -> Option<u64>;
    /// Whether a worker has that packet, and all before it.
    fn has_passed(&self, newest: &Newest) -> bool;
    /// Watches a further descriptor under the same token: a socket that is used again has a new one.
    fn watch(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Status>;
    /// Announces once more what is ready of a descriptor that is watched, after everything else that is.
    fn watch_anew(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Status>;
    /// Stops watching a descriptor. One that is closed everywhere needs no such word; a duplicate that lives
    /// on elsewhere would go on bringing events.
    fn unwatch(&self, fd: BorrowedFd<'_>);
    /// Whether nobody will take packets any more.
    fn is_closed(&self) -> bool;
    /// Ends the association.
    fn detach(&self, token: u64);
    /// What its operations are charged to.
    fn ledger(&self) -> &Ledger;
}

impl<K, M> Sink for Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn deliver(&self, token: u64, block: Irp) -> Option<u64> {
        Core::deliver(self, token, block)
    }

    fn has_passed(&self, newest: &Newest) -> bool {
        self.queue.has_passed(newest)
    }

    fn watch(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Status> {
        Ok(self.poller.add(fd.as_fd(), token)?)
    }

    fn watch_anew(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Status> {
        Ok(self.poller.add_anew(fd, token)?)
    }

    fn unwatch(&self, fd: BorrowedFd<'_>) {
        self.poller.remove(fd);
    }

    fn is_closed(&self) -> bool {
        Core::is_closed(self)
    }

    fn detach(&self, token: u64) {
        drop(self.table.remove(token));
    }

    fn ledger(&self) -> &Ledger {
        &self.account
    }
}
