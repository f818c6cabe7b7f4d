//! Budgets: what pending operations may hold, of the process and of each port.
//!
//! An operation that waits keeps the memory of its buffers from being used otherwise, in whole pages, and a block that
//! describes it. Both are limited, as on NT (S333). At a limit the start is refused with `NO_BUFS` and nothing else
//! happens: the operation comes back with its buffers, the stream is where it was, whatever is under way goes on, and
//! as soon as something is released there is room again.
//!
//! # What is charged, and when
//!
//! - An operation is charged the [pages] that the windows of its buffers touch once it has to wait, until it is
//!   complete. What completes at once is never charged, but for operations that a first try may leave half done (sends
//!   on streams, writes, connects, receives and accepts that wait for all or for first data): those are charged before
//!   the try, for afterwards it would be too late to refuse them.
//! - A zero-byte receive is charged nothing, nor is one from a pool, which has no buffer while it waits; one from a
//!   pool that waits for all of it is charged as if it had its buffer.
//! - An operation on a handle with a port counts for that port from its start until its packet is taken, or until it
//!   is complete where there is no packet.
//! - An accept that waits for first data stays with the listening socket's port.
//!
//! The limits of a port are in [`Limits`](crate::Limits), what it has in use in
//! [`PortSnapshot`](crate::diagnose::PortSnapshot).

use super::handle::Handle;
use crate::driver::memory;
use crate::op::block::Block;
use crate::op::charge::{Charge, PAGE, touched};
use crate::op::ledger::{self, Ledger};
use crate::op::slab;
use crate::status::Status;

/// What all pending operations of this process may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of memory that they lock, rounded down to pages of 4 KiB. Default: a quarter of the machine's memory, or
    /// of what the process's control group may use if that is less.
    pub locked_bytes: usize,
    /// Operations there are at one time, started or not, each a block of at most 192 bytes. What is made beyond it can't
    /// be started until others are dropped. Default: as many as a 64th of that memory has room for, between 4,096 and
    /// 16,777,216.
    pub blocks: usize,
}

/// What pending operations of this process hold at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Bytes of memory that they lock: whole pages.
    pub locked_bytes: usize,
    /// The most there were at one time. Ports draw what they need in lumps of at most 1 MiB, which count here.
    pub locked_peak: usize,
    /// Operations there are, as [`Budget::blocks`] counts them.
    pub blocks: usize,
    /// Starts that were refused with `NO_BUFS` because a limit was reached, the process's or a port's.
    pub refused: u64,
    /// The limits that hold.
    pub limits: Budget,
}

impl Usage {
    /// Of a process that told nothing about it.
    pub(crate) const UNKNOWN: Usage = Usage {
        locked_bytes: 0,
        locked_peak: 0,
        blocks: 0,
        refused: 0,
        limits: Budget { locked_bytes: 0, blocks: 0 },
    };
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            locked_bytes: usize::try_from(memory::default_locked()).unwrap_or(usize::MAX) / PAGE * PAGE,
            blocks: ledger::default_blocks(),
        }
    }
}

/// Sets the limits of this process, from now on. What is held beyond lower ones stays until it is released; until
/// then nothing is added to it. Does not block.
///
/// Fails with `INVALID_PARAMETER` for limits under which nothing could wait: less than a page, or no blocks.
///
/// ```
/// use proactor::{Socket, Status, budget::{self, Budget}, op};
///
/// budget::set(Budget { locked_bytes: 8192, ..Budget::default() })?;
/// let (socket, _peer) = Socket::pair()?;
/// let refused = socket.begin(op::Recv::new(vec![0; 65536])).err().unwrap();
/// assert_eq!(refused.status, Status::NO_BUFS);
/// assert_eq!(refused.op.into_buf().len(), 65536);
/// let waits = socket.begin(op::Recv::new(vec![0; 1000]))?;
/// # drop(waits);
/// # Ok::<(), Status>(())
/// ```
pub fn set(budget: Budget) -> Result<(), Status> {
    if budget.locked_bytes < PAGE || budget.blocks == 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    ledger::set_limits((budget.locked_bytes / PAGE) as u64, budget.blocks);
    Ok(())
}

/// What pending operations hold now, and the limits. Some 20 ns a port.
pub fn usage() -> Usage {
    let total = ledger::total();
    let bytes = |pages: u64| usize::try_from(pages.saturating_mul(PAGE as u64)).unwrap_or(usize::MAX);
    Usage {
        locked_bytes: bytes(total.pages),
        locked_peak: bytes(total.peak),
        blocks: slab::in_use(),
        refused: total.refused,
        limits: Budget { locked_bytes: bytes(total.limit), blocks: slab::capacity() },
    }
}

/// The memory that the defaults are made from, in bytes: the machine's, and what control groups allow of it (`None`:
/// all).
pub fn memory() -> (u64, Option<u64>) {
    (memory::machine(), crate::cgroup::memory())
}

/// The pages of 4 KiB that a window of memory lies in, which is what a pending operation on it is charged.
///
/// ```
/// let memory = proactor::Buf::aligned(8192, 4096);
/// assert_eq!(proactor::budget::pages(&memory[..1024]), 1);
/// assert_eq!(proactor::budget::pages(&memory[4000..5024]), 2);
/// assert_eq!(proactor::budget::pages(&[]), 0);
/// ```
pub fn pages(window: &[u8]) -> usize {
    touched(window.as_ptr().addr(), window.len()) as usize
}

impl Handle {
    /// An operation is started: counts it, and charges its pages if it waits, or may wait with a part of it done.
    pub(super) fn admit(&self, block: &mut Block, waits: bool) -> Result<(), Status> {
        debug_assert_eq!(block.charge, Charge::default(), "what has ended holds nothing");
        let pages = if waits || block.goes_by_parts() { block.pages() } else { 0 };
        let charge = Charge::new(self.link.get().is_some(), most(pages)?);
        if charge.at_port() || pages > 0 {
            self.account(charge).take(u64::from(charge.at_port()), pages)?;
        }
        block.charge = charge;
        Ok(())
    }

    /// The operation has to wait from here on: charges its pages, if that was not done before.
    pub(super) fn charge(&self, block: &mut Block) -> Result<(), Status> {
        if block.charge.pages() > 0 {
            return Ok(());
        }
        let pages = most(block.pages())?;
        if pages > 0 {
            self.account(block.charge).take(0, pages)?;
            block.charge = block.charge.with_pages(pages);
        }
        Ok(())
    }

    /// The operation waits no more: its pages are free. On the handle it was started on.
    pub(super) fn unlock(&self, block: &mut Block) {
        let pages = block.charge.pages();
        if pages > 0 {
            self.account(block.charge).give(0, pages);
            block.charge = block.charge.with_pages(0);
        }
    }

    /// The operation has ended, and no packet will be taken for it.
    pub(super) fn discharge(&self, block: &mut Block) {
        let charge = std::mem::take(&mut block.charge);
        if charge != Charge::default() {
            self.account(charge).give(u64::from(charge.at_port()), charge.pages());
        }
    }

    fn account(&self, charge: Charge) -> &Ledger {
        match self.link.get().filter(|_| charge.at_port()) {
            Some(link) => link.sink.ledger(),
            None => ledger::portless(),
        }
    }
}

fn most(pages: u64) -> Result<u64, Status> {
    if pages > Charge::MOST {
        ledger::count_refusal();
        return Err(Status::NO_BUFS);
    }
    Ok(pages)
}
