//! Waiting: for one object, for any or all of several, alertably or not.
//!
//! The order of things in a wait is NT's: calls queued to the thread come before the objects and before the timeout
//! (S127, S131); the objects come before the timeout (S167); and a wait that ran calls returns, with what time is
//! left forgotten (S141).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::body::Local;
use super::dispatch::{self, Header};
use super::mutex;
use super::named::{self, Named};
use super::thread;
use super::waiter::{Outcome, Waiter};
use crate::status::Status;
use crate::sync::record::{self, Resource};
use crate::sync::seat::blocking;
use crate::sync::thread::ThreadNo;

/// Objects one wait takes at most (S158).
pub const MAXIMUM_WAIT_OBJECTS: usize = dispatch::MOST_OBJECTS;

/// How long to wait, and whether calls queued to this thread may run meanwhile.
///
/// ```
/// use std::time::Duration;
/// use proactor::object::Wait;
///
/// let wait = Wait::at_most(Duration::from_millis(20)).alertably();
/// assert!(wait.alertable);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// How long at most, on the monotonic clock (S172); `None` is for ever, zero only looks (S167).
    pub timeout: Option<Duration>,
    /// Whether calls queued to this thread (APCs) run in the wait and end it, with `USER_APC`.
    pub alertable: bool,
}

impl Wait {
    /// Until it happens.
    pub const FOREVER: Wait = Wait { timeout: None, alertable: false };
    /// Not at all: only look.
    pub const NOW: Wait = Wait { timeout: Some(Duration::ZERO), alertable: false };

    /// For so long.
    pub const fn at_most(timeout: Duration) -> Wait {
        Wait { timeout: Some(timeout), alertable: false }
    }

    /// The same, alertable.
    pub const fn alertably(self) -> Wait {
        Wait { alertable: true, ..self }
    }

    /// Until when, from now on; what is beyond the clock is for ever.
    pub(crate) fn deadline(self) -> Option<Instant> {
        self.timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }

    pub(crate) fn is_now(self) -> bool {
        self.timeout.is_some_and(|timeout| timeout.is_zero())
    }
}

/// How a wait was satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    /// Which object it was; 0 when all were waited for (S162).
    pub index: usize,
    /// A mutex taken by the wait was abandoned: its owner ended without releasing it, so what it protects may be
    /// half changed (S164, S165, S187).
    pub abandoned: bool,
}

/// What a wait is for, inside.
pub enum Target<'a> {
    /// An object of this process.
    Local(&'a Arc<Local>),
    /// One that other processes know by its name.
    Named(&'a Arc<Named>),
}

pub trait Sealed: Send + Sync {
    fn target(&self) -> Target<'_>;
}

/// What can be waited for (S173).
#[allow(private_bounds, reason = "only this crate's objects can be waited for")]
pub trait Waitable: Sealed {}

/// Whether two of them are one object (`CompareObjectHandles`): clones of one another, or one name opened twice.
///
/// ```
/// use proactor::object::{Event, same_object};
///
/// let event = Event::auto(false);
/// assert!(same_object(&event, &event.clone()));
/// assert!(!same_object(&event, &Event::auto(false)));
/// ```
pub fn same_object(one: &dyn Waitable, other: &dyn Waitable) -> bool {
    match (one.target(), other.target()) {
        (Target::Local(one), Target::Local(other)) => Arc::ptr_eq(&one.header, &other.header),
        (Target::Named(one), Target::Named(other)) => one.key() == other.key(),
        _ => false,
    }
}

/// What [`signal_and_wait`] can signal (S210).
#[allow(private_bounds, reason = "only this crate's objects can be signalled")]
pub trait Signal: Sealed {
    /// Sets an event, adds one to a semaphore, releases a mutex. Fails as that fails.
    fn signal(&self) -> Result<(), Status>;
}

/// Waits for one object (`WaitForSingleObjectEx`).
///
/// Blocks, unless the object is signalled or the timeout is zero; a worker of a port gives its seat to another
/// meanwhile. Fails with `TIMEOUT`, and with `USER_APC` when the wait is alertable and calls ran.
///
/// ```
/// use proactor::{Status, object::{Event, Wait, wait_one}};
///
/// let event = Event::manual(false);
/// assert_eq!(wait_one(&event, Wait::NOW), Err(Status::TIMEOUT));
/// event.set();
/// assert_eq!(wait_one(&event, Wait::FOREVER)?.index, 0);
/// # Ok::<(), Status>(())
/// ```
pub fn wait_one(object: &dyn Waitable, wait: Wait) -> Result<Waited, Status> {
    match object.target() {
        Target::Local(body) => wait_local(&[body], &[&body.header], &[&**body], false, wait),
        named => named::wait_for(&[named], false, wait),
    }
}

/// Waits until any of up to 64 objects is signalled (`WaitForMultipleObjectsEx`): the first in the list of those that
/// are, and only that one is taken (S159).
///
/// Fails as [`wait_one`] does, and with `INVALID_PARAMETER` for no object or more than 64 (S158).
pub fn wait_any(objects: &[&dyn Waitable], wait: Wait) -> Result<Waited, Status> {
    wait_several(objects, false, wait)
}

/// Waits until all of up to 64 objects are signalled at one moment, and takes all in one step; until then it takes
/// none (S161).
///
/// Fails as [`wait_any`] does, and with `INVALID_PARAMETER` if an object is there twice (S163).
///
/// ```
/// use proactor::{Status, object::{Event, Wait, wait_all}};
///
/// let (left, right) = (Event::auto(true), Event::auto(false));
/// assert_eq!(wait_all(&[&left, &right], Wait::NOW), Err(Status::TIMEOUT));
/// assert!(left.is_set(), "nothing is taken as long as one is missing");
/// # Ok::<(), Status>(())
/// ```
pub fn wait_all(objects: &[&dyn Waitable], wait: Wait) -> Result<Waited, Status> {
    wait_several(objects, true, wait)
}

/// Signals one object and waits for another (`SignalObjectAndWait`). The two are two steps to other threads (S214).
///
/// Fails as the signal fails, and then does not wait (S212); otherwise as [`wait_one`], with the signal done (S213,
/// S215).
///
/// ```
/// use proactor::object::{Event, Wait, signal_and_wait};
///
/// let event = Event::auto(false);
/// signal_and_wait(&event, &event, Wait::NOW)?;
/// assert!(!event.is_set());
/// # Ok::<(), proactor::Status>(())
/// ```
pub fn signal_and_wait(signal: &dyn Signal, object: &dyn Waitable, wait: Wait) -> Result<Waited, Status> {
    signal.signal()?;
    wait_one(object, wait)
}

/// Sleeps (`SleepEx`). A worker of a port gives its seat to another meanwhile; zero gives up the rest of the thread's
/// time slice.
///
/// Fails with `USER_APC` when the sleep is alertable and calls ran (S129).
pub fn sleep(wait: Wait) -> Result<(), Status> {
    if wait.alertable && thread::run_apcs() {
        return Err(Status::USER_APC);
    }
    if wait.is_now() {
        std::thread::yield_now();
        return Ok(());
    }
    match pause(&[], &[], false, wait) {
        Outcome::Alerted => Err(Status::USER_APC),
        Outcome::TimedOut => Ok(()),
        Outcome::Taken { .. } => unreachable!("there is nothing to take"),
    }
}

fn wait_several(objects: &[&dyn Waitable], all: bool, wait: Wait) -> Result<Waited, Status> {
    let (first, rest) = objects.split_first().ok_or(Status::INVALID_PARAMETER)?;
    if objects.len() > MAXIMUM_WAIT_OBJECTS {
        return Err(Status::INVALID_PARAMETER);
    }
    let Target::Local(first) = first.target() else { return wait_for_named(objects, all, wait) };
    let mut bodies = [first; MAXIMUM_WAIT_OBJECTS];
    let mut headers = [&first.header; MAXIMUM_WAIT_OBJECTS];
    let mut resources: [&dyn Resource; MAXIMUM_WAIT_OBJECTS] = [&**first; MAXIMUM_WAIT_OBJECTS];
    for (at, object) in rest.iter().enumerate() {
        let Target::Local(body) = object.target() else { return wait_for_named(objects, all, wait) };
        (bodies[at + 1], headers[at + 1], resources[at + 1]) = (body, &body.header, &**body);
    }
    let count = objects.len();
    if all && has_twice(&headers[..count]) {
        return Err(Status::INVALID_PARAMETER);
    }
    wait_local(&bodies[..count], &headers[..count], &resources[..count], all, wait)
}

fn wait_for_named(objects: &[&dyn Waitable], all: bool, wait: Wait) -> Result<Waited, Status> {
    let targets: Vec<_> = objects.iter().map(|object| object.target()).collect();
    named::wait_for(&targets, all, wait)
}

fn has_twice(headers: &[&Arc<Header>]) -> bool {
    let mut addresses: Vec<_> = headers.iter().map(|header| Arc::as_ptr(header)).collect();
    addresses.sort_unstable();
    addresses.windows(2).any(|pair| pair[0] == pair[1])
}

/// A wait in which all objects are this process's.
fn wait_local(
    bodies: &[&Arc<Local>],
    headers: &[&Arc<Header>],
    resources: &[&dyn Resource],
    all: bool,
    wait: Wait,
) -> Result<Waited, Status> {
    if wait.alertable && thread::run_apcs() {
        return Err(Status::USER_APC);
    }
    // A wait for one looks when it puts its block there.
    let looks = headers.len() > 1 || wait.is_now();
    let taken = if looks { dispatch::try_take(headers, all, ThreadNo::current().get()) } else { None };
    let outcome = match taken {
        Some(outcome) => outcome,
        None if wait.is_now() => Outcome::TimedOut,
        None => pause(headers, resources, all, wait),
    };
    match outcome {
        Outcome::Alerted => Err(Status::USER_APC),
        Outcome::TimedOut => Err(Status::TIMEOUT),
        Outcome::Taken { index, abandoned } => {
            let taken = if all { bodies } else { &bodies[index..=index] };
            taken.iter().filter(|body| body.is_mutex()).for_each(|body| mutex::owned_by_me(body));
            Ok(Waited { index, abandoned })
        }
    }
}

/// Waits until it is satisfied, over, or ended by calls, which have run when it returns.
fn pause(headers: &[&Arc<Header>], resources: &[&dyn Resource], all: bool, wait: Wait) -> Outcome {
    thread::with_mine(|me| pause_as(me, headers, resources, all, wait))
}

fn pause_as(
    me: &thread::Shared,
    headers: &[&Arc<Header>],
    resources: &[&dyn Resource],
    all: bool,
    wait: Wait,
) -> Outcome {
    let deadline = wait.deadline();
    let prepared = || {
        // A call queued before the wait could be alerted ends it now.
        if wait.alertable && me.has_apcs() {
            me.waiter.alert();
        }
    };
    let sleep = |waiter: &Waiter| {
        if !me.spins.until(|| !waiter.is_waiting()) {
            blocking(|| record::waiting(resources, all, || sleep_until(waiter, deadline)));
        }
    };
    loop {
        let outcome = match headers {
            [header] => dispatch::wait_for_one(&me.waiter, header, wait.alertable, prepared, sleep),
            _ => dispatch::wait(&me.waiter, headers, all, wait.alertable, prepared, sleep),
        };
        let taken = matches!(outcome, Outcome::Taken { .. });
        if !taken && wait.alertable && thread::run_apcs() {
            return Outcome::Alerted;
        }
        // Alerted by a call that was taken back before it could run: the wait goes on.
        if outcome != Outcome::Alerted {
            return outcome;
        }
    }
}

fn sleep_until(waiter: &Waiter, deadline: Option<Instant>) {
    while waiter.is_waiting() {
        if !waiter.parker.park(deadline) {
            waiter.time_out();
        }
    }
}
