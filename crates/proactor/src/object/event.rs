//! Events: something has happened, told to all who wait or to one.

use std::fmt;

use super::face::Body;
use super::named::{Existed, Kind, Named, New};
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
    body: Body,
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
        Event { body: Body::local("event", State::Event { manual, set }) }
    }

    /// One that other processes of this user can open by its name (`CreateEvent` with a name). If there is one
    /// already it is opened, whatever its type and state (S180); [`Existed`] says so.
    ///
    /// It does what one without a name does, with three exceptions. Of those who wait for an auto-reset one, up to
    /// 128 are served in the order in which they came, and the rest as they happen to look. A wait for all of several
    /// objects, one of which has a name, takes them when it finds all of them signalled: it may miss what was set and
    /// reset meanwhile (S174, S176). And a set that goes to a thread that is being killed may reach the next one only
    /// after a tenth of a second.
    ///
    /// Fails with `OBJECT_TYPE_MISMATCH` when the name is that of another kind of object (S218), and as
    /// [names](super::set_namespace) do.
    ///
    /// ```
    /// use proactor::object::{Event, Existed, Wait, wait_one};
    ///
    /// let name = format!("ready-{}", std::process::id());
    /// let (ready, existed) = Event::create_named(&name, true, false)?;
    /// assert_eq!(existed, Existed::No);
    /// Event::open(&name)?.set(); // most often by another process
    /// wait_one(&ready, Wait::FOREVER)?;
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn create_named(name: &str, manual: bool, set: bool) -> Result<(Event, Existed), Status> {
        let (named, existed) = Named::create(name, &New::Event { manual, set })?;
        Ok((Event { body: Body::Named(named) }, existed.into()))
    }

    /// The one that has this name (`OpenEvent`).
    ///
    /// Fails with `OBJECT_NAME_NOT_FOUND` when nobody has one open (S219), and as
    /// [`create_named`](Event::create_named).
    pub fn open(name: &str) -> Result<Event, Status> {
        Ok(Event { body: Body::Named(Named::open(name, Kind::Event)?) })
    }

    /// Sets it (`SetEvent`): one waiter goes, or all of a manual-reset one's; with nobody waiting it stays set.
    /// Returns whether it was set before (S179); setting it again adds nothing (S174).
    ///
    /// One with a name may be out of reach, as [`try_set`](Event::try_set) tells; this does nothing then.
    #[inline]
    pub fn set(&self) -> bool {
        match &self.body {
            Body::Local(local) => local.header.signal(State::set),
            Body::Named(_) => self.try_set().unwrap_or(false),
        }
    }

    /// Sets it, and tells when it can't.
    ///
    /// An event without a name can always be set. One with a name fails with `IO_TIMEOUT` when another process has
    /// been stopped at the wrong moment and not gone on for 10 seconds, and with `DATA_ERROR` when its memory was
    /// overwritten.
    pub fn try_set(&self) -> Result<bool, Status> {
        match &self.body {
            Body::Local(local) => Ok(local.header.signal(State::set)),
            Body::Named(named) => named.lock()?.set(),
        }
    }

    /// Resets it (`ResetEvent`); returns whether it was set (S179). See [`set`](Event::set) for one with a name.
    pub fn reset(&self) -> bool {
        self.try_reset().unwrap_or(false)
    }

    /// Resets it, and tells when it can't, as [`try_set`](Event::try_set).
    pub fn try_reset(&self) -> Result<bool, Status> {
        match &self.body {
            Body::Local(local) => Ok(local.header.change(State::reset)),
            Body::Named(named) => named.lock()?.reset(),
        }
    }

    /// Lets those go that wait at this moment, one of them if it is auto-reset, and leaves it reset (`PulseEvent`,
    /// S176). Returns whether it was set.
    ///
    /// A thread that is between two waits misses it, and so does a wait for all of several objects of which others
    /// are not signalled (S177, S178). Nothing new should rely on it. See [`set`](Event::set) for one with a name.
    pub fn pulse(&self) -> bool {
        self.try_pulse().unwrap_or(false)
    }

    /// Pulses it, and tells when it can't, as [`try_set`](Event::try_set).
    pub fn try_pulse(&self) -> Result<bool, Status> {
        match &self.body {
            Body::Local(local) => Ok(local.header.pulse()),
            Body::Named(named) => named.lock()?.pulse(),
        }
    }

    /// Whether it is set at this moment, without waiting and without resetting it.
    pub fn is_set(&self) -> bool {
        match &self.body {
            Body::Local(local) => local.header.look(|state| state.is_signalled(0)),
            Body::Named(named) => named.is_set(),
        }
    }

    /// Whether it stays set until it is reset.
    pub fn is_manual(&self) -> bool {
        match &self.body {
            Body::Local(local) => {
                local.header.look(|state| matches!(state, State::Event { manual: true, .. }))
            }
            Body::Named(named) => named.manual(),
        }
    }
}

impl Sealed for Event {
    fn target(&self) -> Target<'_> {
        self.body.target()
    }
}

impl Waitable for Event {}

impl Signal for Event {
    fn signal(&self) -> Result<(), Status> {
        self.try_set().map(|_| ())
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("set", &self.is_set()).finish()
    }
}
