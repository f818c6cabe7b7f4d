//! Waits of a pool: a callback when an object is signalled.
//!
//! No thread waits for an object of this process: a wait block is left on it, and whoever signals it takes it for the
//! wait and puts the callback in the pool's line. So it is taken exactly once for each callback (S414), and a wait costs
//! no thread. Objects with names, which other processes signal, and mutexes, which a thread owns, are waited for by
//! threads, up to 63 objects each (`watch.rs`).

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use super::environment::Environment;
use super::instance::Instance;
use super::object::{Object, Pending, Stop};
use super::watch::{self, Owned, Told, Watch};
use crate::object::body::Local;
use crate::object::dispatch;
use crate::object::waiter::{Satisfied, Waiter};
use crate::object::{Due, Target, Waitable, resolve};
use crate::service::{Expire, TimerKey, service};
use crate::status::Status;
use crate::sync::lock::Lock;
use crate::sync::record::Resource;

/// A wait whose callback runs in a pool (`CreateThreadpoolWait`). Clones are the same; when the last is dropped it is
/// unset, and a callback that is due runs still.
///
/// ```
/// use std::sync::mpsc::channel;
/// use proactor::{Status, object::Event, pool::{Environment, Wait}};
///
/// let (tell, hear) = channel();
/// let event = Event::auto(false);
/// let wait = Wait::new(&Environment::new(), move |_, how| { let _ = tell.send(how); })?;
/// wait.set(&event, None)?;
/// event.set();
/// assert_eq!(hear.recv(), Ok(Status::SUCCESS));
/// assert!(!event.is_set(), "it was taken for the callback");
/// # Ok::<(), Status>(())
/// ```
#[derive(Clone)]
pub struct Wait {
    handle: Arc<Handle>,
}

struct Handle(Arc<Shared>);

pub(super) struct Shared {
    object: Arc<Object>,
    on: Lock<Option<On>>,
}

/// What it waits for.
enum On {
    /// By a block on it.
    Block { waiter: Arc<Waiter>, call: Arc<Call>, local: Arc<Local>, timer: Option<TimerKey> },
    /// By a thread.
    Watch(Watch),
}

impl Wait {
    /// A wait for nothing as yet. `callback` is told how it ended: `SUCCESS` when the object was signalled, `TIMEOUT`
    /// when the time was over, `ABANDONED_WAIT_0` when it was a mutex whose owner had ended (S413); an object with a
    /// name that is out of reach ends it with the status that [`Event::try_set`](crate::object::Event::try_set) has.
    ///
    /// Fails with `NO_BUFS` when the pool has [`MOST_OBJECTS`](super::Pool::MOST_OBJECTS).
    pub fn new(
        environment: &Environment,
        callback: impl Fn(&Instance<'_>, Status) + Send + Sync + 'static,
    ) -> Result<Wait, Status> {
        let object = Object::new(environment, Box::new(callback))?;
        let shared = Arc::new(Shared { object, on: Lock::default() });
        let stop: Weak<Shared> = Arc::downgrade(&shared);
        shared.object.stops(stop);
        Ok(Wait { handle: Arc::new(Handle(shared)) })
    }

    /// Waits for the object (`SetThreadpoolWaitEx`): one callback is due when it is signalled, and has taken it then
    /// (S414), or when the time is over; without a time it waits for ever, and `Due::After` zero only looks. What it
    /// waited for before it does no longer; callbacks that are due already stay so. Returns whether it had still been
    /// waiting.
    ///
    /// The object is kept until then, whether others still have it or not (S415). A mutex is taken by a thread of the
    /// library, and nobody can release it: do not wait for one so.
    ///
    /// Fails with `INVALID_PARAMETER` for times beyond what the clock counts, `NO_BUFS` when 2^16 callbacks of this
    /// wait are due or 2^20 timers are set, `INVALID_HANDLE` once its group has closed it, and for objects that
    /// threads wait for as the start of a thread does. It then waits for nothing.
    pub fn set(&self, object: &dyn Waitable, timeout: Option<Due>) -> Result<bool, Status> {
        self.handle.0.set(&owned(object), timeout)
    }

    /// Waits no longer (`SetThreadpoolWait` without an object); a callback that is due already stays so. Returns whether
    /// it had still been waiting.
    pub fn unset(&self) -> bool {
        self.handle.0.unset()
    }

    /// Waits for callbacks that are due or run, or drops those that have not begun (`WaitForThreadpoolWaitCallbacks`).
    /// The wait itself goes on (S416). Returns how many were dropped.
    ///
    /// Blocks; from its own callback it would wait for itself.
    pub fn wait_for_callbacks(&self, pending: Pending) -> u64 {
        self.handle.0.object.wait(pending)
    }

    pub(super) fn set_owned(&self, object: &Owned, timeout: Option<Due>) -> Result<bool, Status> {
        self.handle.0.set(object, timeout)
    }

    pub(super) fn object(&self) -> &Arc<Object> {
        &self.handle.0.object
    }
}

impl Shared {
    fn set(self: &Arc<Self>, object: &Owned, timeout: Option<Due>) -> Result<bool, Status> {
        let before = self.unset();
        self.object.has_room_for_cause()?;
        let other = match object {
            Owned::Local(local) if !local.is_mutex() => self.set_on_block(local, timeout)?,
            _ => {
                let deadline = timeout.map(deadline_of).transpose()?;
                let mut on = self.on.lock();
                // Whoever closes it comes for the lock afterwards.
                self.object.is_open()?;
                let watch = watch::watch(object.clone(), deadline, self.clone())?;
                on.replace(On::Watch(watch))
            }
        };
        // Somebody else has set it meanwhile.
        other.map(On::end);
        Ok(before)
    }

    /// Returns what another thread has set it to meanwhile.
    fn set_on_block(
        self: &Arc<Self>,
        local: &Arc<Local>,
        timeout: Option<Due>,
    ) -> Result<Option<On>, Status> {
        // The outer `None`: for ever. The inner: no longer than a look.
        let when = timeout.map(|due| resolve(due, None, Instant::now())).transpose()?;
        let call = Arc::new(Call { wait: self.clone(), told: AtomicBool::new(false) });
        let waiter = Arc::new(Waiter::calling(call.clone()));
        let mut on = self.on.lock();
        self.object.is_open()?;
        if dispatch::take_or_call(&waiter, &local.header) {
            self.object.submit_cause(Status::SUCCESS)?;
            return Ok(on.take());
        }
        let mut block = On::Block { waiter, call, local: local.clone(), timer: None };
        match when {
            None => {}
            Some(None) => {
                if block.end() {
                    self.object.submit_cause(Status::TIMEOUT)?;
                }
                return Ok(on.take());
            }
            Some(Some(when)) => {
                let me: Weak<Shared> = Arc::downgrade(self);
                match service().and_then(|service| service.set_timer(when, me)) {
                    Ok(key) => block.set_timer(key),
                    Err(status) => {
                        block.end();
                        return Err(status);
                    }
                }
            }
        }
        let other = on.replace(block);
        drop(on);
        // Not before: it may signal the object, and that comes for the lock.
        local.is_waited_for();
        Ok(other)
    }

    /// Returns whether it had still been waiting. What had not is in the pool's line when this returns.
    fn unset(&self) -> bool {
        let on = self.on.lock().take();
        on.is_some_and(On::end)
    }

    /// A wait for this object is satisfied.
    fn satisfied(&self) {
        let on = {
            let mut on = self.on.lock();
            match &*on {
                // Another one may have been begun since.
                Some(On::Block { waiter, .. }) if !waiter.is_waiting() => on.take(),
                _ => None,
            }
        };
        if let Some(On::Block { timer, .. }) = on {
            cancel(timer);
        }
    }
}

impl On {
    fn set_timer(&mut self, key: TimerKey) {
        if let On::Block { timer, .. } = self {
            *timer = Some(key);
        }
    }

    /// Ends it; false if it was satisfied before. Then its callback is in line when this returns.
    fn end(self) -> bool {
        match self {
            On::Watch(watch) => watch.end(),
            On::Block { waiter, call, local, timer } => {
                cancel(timer);
                let ended = waiter.time_out();
                if ended {
                    dispatch::untold(&waiter, &[&local.header]);
                } else {
                    call.tell();
                }
                ended
            }
        }
    }
}

fn cancel(timer: Option<TimerKey>) {
    if let Some(key) = timer
        && let Ok(service) = service()
    {
        service.cancel_timer(key);
    }
}

/// On the monotonic clock, for threads that wait.
fn deadline_of(due: Due) -> Result<Instant, Status> {
    let after = match due {
        Due::After(after) => after,
        Due::At(at) => at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO),
    };
    Instant::now().checked_add(after).ok_or(Status::INVALID_PARAMETER)
}

/// What is called when the object was taken for the wait. It keeps the wait until then.
struct Call {
    wait: Arc<Shared>,
    told: AtomicBool,
}

impl Call {
    /// Puts the callback in line: whoever signalled does, or whoever found the wait satisfied before.
    fn tell(&self) {
        if !self.told.swap(true, AcqRel) {
            self.wait.object.submit_late_cause(Status::SUCCESS);
        }
    }
}

impl Satisfied for Call {
    fn satisfied(&self) {
        self.wait.satisfied();
        self.tell();
    }
}

impl Told for Shared {
    fn told(&self, number: u64, how: Status) {
        {
            let mut on = self.on.lock();
            if matches!(&*on, Some(On::Watch(watch)) if watch.is(number)) {
                on.take();
            }
        }
        self.object.submit_late_cause(how);
    }
}

impl Expire for Shared {
    fn expired(self: Arc<Self>, key: TimerKey) {
        let mut on = self.on.lock();
        if !matches!(&*on, Some(On::Block { timer, .. }) if *timer == Some(key)) {
            return;
        }
        // In line before anybody else has the lock: after an unset nothing comes any more.
        if on.take().is_some_and(On::end) {
            self.object.submit_late_cause(Status::TIMEOUT);
        }
    }
}

impl Stop for Shared {
    fn stop(&self) {
        self.unset();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.unset();
        self.0.object.close();
    }
}

pub(super) fn owned(object: &dyn Waitable) -> Owned {
    match object.target() {
        Target::Local(local) => Owned::Local(local.clone()),
        Target::Named(named) => Owned::Named(named.clone()),
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("waits", &self.handle.0.on.lock().is_some()).finish_non_exhaustive()
    }
}
