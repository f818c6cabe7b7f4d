//! What a port may hold at most, in one place.

use super::seats::Counts;
use crate::op::charge::PAGE;
use crate::service::table::MOST_HANDLES;
use crate::status::Status;

/// The limits of a port. Beyond each lies an error by name, never a panic and never the loss of anything that
/// was accepted before.
///
/// ```
/// use proactor::{Limits, Port};
/// let limits = Limits { workers: 64, ..Limits::default() };
/// let port: Port = Port::with_limits(4, limits)?;
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads associated with the port at one time. The next one's `get` fails with `TOO_MANY_THREADS`.
    pub workers: usize,
    /// Packets waiting before a post fails with `TOO_MANY_POSTS`. Packets of operations are always accepted,
    /// for there are no more of them than operations.
    pub posts: usize,
    /// Handles associated at one time; the next association fails with `NO_BUFS`.
    pub handles: usize,
    /// Bytes that buffers of pending operations may lock, rounded down to whole pages of 4 KiB. The next start that
    /// needs more fails with `NO_BUFS`. Default: as many as the process may ([`budget`](crate::budget)).
    pub locked_bytes: usize,
    /// Operations between their start and the taking of their packet. The next start fails with `NO_BUFS`. Default: as
    /// many as there can be in the process.
    pub blocks: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            workers: 1024,
            posts: 1 << 20,
            handles: 1 << 20,
            locked_bytes: usize::MAX,
            blocks: usize::MAX,
        }
    }
}

impl Limits {
    pub(crate) fn check(&self, concurrency: usize) -> Result<(), Status> {
        let most = usize::from(Counts::MOST);
        if self.workers == 0 || self.handles == 0 || self.handles > MOST_HANDLES as usize {
            return Err(Status::INVALID_PARAMETER);
        }
        if self.locked_bytes < PAGE || self.blocks == 0 {
            return Err(Status::INVALID_PARAMETER);
        }
        if self.workers > most || concurrency > most {
            return Err(Status::TOO_MANY_THREADS);
        }
        Ok(())
    }
}

/// Processors this process may use: its affinity and its control group's quota, whichever is less.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
