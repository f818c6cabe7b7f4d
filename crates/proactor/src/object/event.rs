//! Events: something has happened, told to all who wait or to one.

use std::fmt;
use std::sync::Arc;

use super::body::Local;
use super::state::State;
use super::wait::{Sealed, Signal, Target, Waitable};
use crate::status::Status;

/// An event (`CreateEvent`). A manual-reset one lets every waiter go until it is reset; an auto-reset one lets one
/// waiter go and resets itself. Clones are the same event.
///
/// Setting and resetting take some 20 ns when nobody waits; none of it blocks.
///
/// ```
/// use proactor::object::{Event, Wait, wait_one};
///
/// let done = Event::auto(false);
/// std::thread::scope(|scope| {
///     scope.spawn(|| done.set());
///     wait_one(&done, Wait::FOREVER).unwrap();
/// });
/// assert!(!done.is_set(), "the wait has reset it");
/// ```
#[derive(Clone)]
pub struct Event {
    body: Arc<Local>,
}

impl Event {
    /// One that stays set until it is [reset](Event::reset) (S175).
    pub fn manual(set: bool) -> Event {
        Event::new(true, set)
    }

    /// One that each satisfied wait resets (S174).
    pub fn auto(set: bool) -> Event {
        Event::new(false, set)
    }

    fn new(manual: bool, set: bool) -> Event {
        Event { body: Local::new("event", State::Event { manual, set }) }
    }

    /// Sets it (`SetEvent`): one waiter goes, or all of a manual-reset one's; with nobody waiting it stays set.
    /// Returns whether it was set before (S179); setting it again adds nothing (S174).
    pub fn set(&self) -> bool {
        self.body.header.signal(State::set)
    }

    /// Resets it (`ResetEvent`); returns whether it was set (S179).
    pub fn reset(&self) -> bool {
        self.body.header.change(State::reset)
    }

    /// Lets those go that wait at this moment, one of them if it is auto-reset, and leaves it reset (`PulseEvent`,
    /// S176). Returns whether it was set.
    ///
    /// A thread that is between two waits misses it, and so does a wait for all of several objects of which others
    /// are not signalled (S177, S178). Nothing new should rely on it.
    pub fn pulse(&self) -> bool {
        self.body.header.pulse()
    }

    /// Whether it is set at this moment, without waiting and without resetting it.
    pub fn is_set(&self) -> bool {
        self.body.header.look(|state| state.is_signalled(0))
    }
}

impl Sealed for Event {
    fn target(&self) -> Target<'_> {
        Target::Local(&self.body)
    }
}

impl Waitable for Event {}

impl Signal for Event {
    fn signal(&self) -> Result<(), Status> {
        self.set();
        Ok(())
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("set", &self.is_set()).finish()
    }
}
