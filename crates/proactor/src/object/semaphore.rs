//! Semaphores: a count of what may be taken.

use std::fmt;

use super::face::Body;
use super::named::{Existed, Kind, Named, New};
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
    body: Body,
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
        Ok(Semaphore { body: Body::local("semaphore", State::Semaphore { count, most }) })
    }

    /// One that other processes of this user can open by its name (`CreateSemaphore` with a name). If there is one
    /// already it is opened, whatever its count and maximum; [`Existed`] says so.
    ///
    /// Fails as [`new`](Semaphore::new), with `OBJECT_TYPE_MISMATCH` when the name is that of another kind of object
    /// (S218), and as [names](super::set_namespace) do.
    pub fn create_named(name: &str, count: u32, most: u32) -> Result<(Semaphore, Existed), Status> {
        let (named, existed) = Named::create(name, &New::Semaphore { count, most })?;
        Ok((Semaphore { body: Body::Named(named) }, existed.into()))
    }

    /// The one that has this name (`OpenSemaphore`).
    ///
    /// Fails with `OBJECT_NAME_NOT_FOUND` when nobody has one open (S219), and as
    /// [`create_named`](Semaphore::create_named).
    pub fn open(name: &str) -> Result<Semaphore, Status> {
        Ok(Semaphore { body: Body::Named(Named::open(name, Kind::Semaphore)?) })
    }

    /// Adds `by` in one step and lets up to so many waiters go (`ReleaseSemaphore`); returns the count before
    /// (S196).
    ///
    /// Fails with `SEMAPHORE_LIMIT_EXCEEDED` when the count would exceed its maximum, and changes nothing then
    /// (S197); with `INVALID_PARAMETER` when `by` is 0 (S198); one with a name also as
    /// [`Event::try_set`](super::Event::try_set).
    pub fn release(&self, by: u32) -> Result<u32, Status> {
        if by == 0 {
            return Err(Status::INVALID_PARAMETER);
        }
        match &self.body {
            Body::Local(local) => {
                let released = local.header.signal(|state| state.release(by));
                released.map_err(|_| Status::SEMAPHORE_LIMIT_EXCEEDED)
            }
            Body::Named(named) => named.lock()?.release(by),
        }
    }

    /// How many may be taken at this moment.
    pub fn count(&self) -> u32 {
        match &self.body {
            Body::Local(local) => local.header.look(|state| match state {
                State::Semaphore { count, .. } => *count,
                _ => unreachable!("a semaphore stays one"),
            }),
            Body::Named(named) => named.count(),
        }
    }

    /// The highest count it may have.
    pub fn most(&self) -> u32 {
        match &self.body {
            Body::Local(local) => local.header.look(|state| match state {
                State::Semaphore { most, .. } => *most,
                _ => unreachable!("a semaphore stays one"),
            }),
            Body::Named(named) => named.most(),
        }
    }
}

impl Sealed for Semaphore {
    fn target(&self) -> Target<'_> {
        self.body.target()
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
