//! Semaphores: a count of what may be taken.

use std::fmt;
use std::sync::Arc;

use super::body::Local;
use super::state::State;
use super::wait::{Sealed, Signal, Target, Waitable};
use crate::status::Status;

/// A semaphore (`CreateSemaphore`): signalled while its count is above zero; each satisfied wait takes one (S195).
/// Clones are the same semaphore.
///
/// ```
/// use proactor::object::{Semaphore, Wait, wait_one};
///
/// let places = Semaphore::new(1, 1)?;
/// wait_one(&places, Wait::NOW)?;
/// assert_eq!(places.release(1)?, 0);
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct Semaphore {
    body: Arc<Local>,
}

/// The count that Windows' signed parameter can hold.
const MOST: u32 = i32::MAX as u32;

impl Semaphore {
    /// One with `count` to begin with and `most` at most.
    ///
    /// Fails with `INVALID_PARAMETER` when `most` is 0 or beyond 2^31 - 1, or `count` is beyond it (S199).
    pub fn new(count: u32, most: u32) -> Result<Semaphore, Status> {
        if most == 0 || most > MOST || count > most {
            return Err(Status::INVALID_PARAMETER);
        }
        Ok(Semaphore { body: Local::new("semaphore", State::Semaphore { count, most }) })
    }

    /// Adds `by` in one step and lets up to so many waiters go (`ReleaseSemaphore`); returns the count before
    /// (S196).
    ///
    /// Fails with `SEMAPHORE_LIMIT_EXCEEDED` when the count would exceed its maximum, and changes nothing then
    /// (S197); with `INVALID_PARAMETER` when `by` is 0 (S198).
    pub fn release(&self, by: u32) -> Result<u32, Status> {
        if by == 0 {
            return Err(Status::INVALID_PARAMETER);
        }
        let released = self.body.header.signal(|state| state.release(by));
        released.map_err(|_| Status::SEMAPHORE_LIMIT_EXCEEDED)
    }

    /// How many may be taken at this moment.
    pub fn count(&self) -> u32 {
        self.body.header.look(|state| match state {
            State::Semaphore { count, .. } => *count,
            _ => unreachable!("a semaphore stays one"),
        })
    }
}

impl Sealed for Semaphore {
    fn target(&self) -> Target<'_> {
        Target::Local(&self.body)
    }
}

impl Waitable for Semaphore {}

impl Signal for Semaphore {
    fn signal(&self) -> Result<(), Status> {
        self.release(1).map(|_| ())
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("count", &self.count()).finish()
    }
}
