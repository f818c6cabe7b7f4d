//! Timers of a pool: a callback at a time, once or again and again.
//!
//! The service thread says when one is due and puts its callback in the pool's line. A timer with a window is set to the
//! end of it, and is kept by its due time besides: whenever another timer of a pool is due, those whose window has begun
//! are due with it (S412).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use super::environment::Environment;
use super::instance::Instance;
use super::object::{Object, Pending, Stop};
use crate::object::{Due, as_monotonic, next_due, resolve};
use crate::service::{Expire, TimerKey, When, service};
use crate::status::Status;
use crate::sync::lock::Lock;

/// A timer whose callback runs in a pool (`CreateThreadpoolTimer`). Clones are the same; when the last is dropped it is
/// unset, and callbacks that are due run still.
///
/// ```
/// use std::sync::mpsc::channel;
/// use std::time::Duration;
/// use proactor::{object::Due, pool::{Environment, Timer}};
///
/// let (tell, hear) = channel();
/// let timer = Timer::new(&Environment::new(), move |_| { let _ = tell.send(()); })?;
/// timer.set(Due::After(Duration::from_millis(1)), Some(Duration::from_millis(5)), Duration::ZERO)?;
/// for _ in 0..3 {
///     hear.recv().unwrap(); // after 1, 6 and 11 milliseconds
/// }
/// assert!(timer.unset());
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct Timer {
    handle: Arc<Handle>,
}

struct Handle(Arc<Shared>);

struct Shared {
    object: Arc<Object>,
    setting: Lock<Setting>,
}

#[derive(Default)]
struct Setting {
    /// It was set and not unset since, whether it was due or not (S410).
    set: bool,
    next: Option<Next>,
    period: Option<Duration>,
    window: Duration,
}

/// The next time that it is due.
#[derive(Clone, Copy)]
struct Next {
    key: TimerKey,
    when: When,
    /// Its place among those that may be due earlier than they are set to.
    early: Option<Early>,
}

/// The beginning of a window, and a number that tells those of one time apart.
type Early = (Instant, u64);

/// Those whose window may have begun.
static EARLY: Lock<BTreeMap<Early, Weak<Shared>>> = Lock::new(BTreeMap::new());

impl Timer {
    /// A timer that is not set.
    ///
    /// Fails with `NO_BUFS` when the pool has [`MOST_OBJECTS`](super::Pool::MOST_OBJECTS).
    pub fn new(
        environment: &Environment,
        callback: impl Fn(&Instance<'_>) + Send + Sync + 'static,
    ) -> Result<Timer, Status> {
        let object = Object::new(environment, Box::new(move |instance, _| callback(instance)))?;
        let shared = Arc::new(Shared { object, setting: Lock::default() });
        let stop: Weak<Shared> = Arc::downgrade(&shared);
        shared.object.stops(stop);
        Ok(Timer { handle: Arc::new(Handle(shared)) })
    }

    /// Sets it (`SetThreadpoolTimerEx`): a callback is due then, and again each `period` if there is one (zero: there
    /// is none), counted from the due time. What it was set to before ends; callbacks that are due already stay so.
    /// Returns whether that had still been to come.
    ///
    /// With a `window` it may be due so much later, if another timer is due then (S412); a time on the wall clock is
    /// then taken for a time from now. What a pool has no thread for yet is not lost; times that
    /// nobody could look for count once.
    ///
    /// Fails with `INVALID_PARAMETER` for a period below a millisecond and times beyond what the clock counts, with
    /// `NO_BUFS` when 2^20 timers are set by the same clock, with `INVALID_HANDLE` once its group has closed it; also
    /// when there is no thread or memory for the service. The timer is then as it was.
    pub fn set(&self, due: Due, period: Option<Duration>, window: Duration) -> Result<bool, Status> {
        self.handle.0.set(due, period.filter(|period| !period.is_zero()), window)
    }

    /// Unsets it (`SetThreadpoolTimer` without a time); callbacks that are due already stay so. Returns whether one had
    /// still been to come.
    pub fn unset(&self) -> bool {
        self.handle.0.setting.lock().unset()
    }

    /// Whether it was set and not unset since, also when it was due only once and that is past (S410).
    pub fn is_set(&self) -> bool {
        self.handle.0.setting.lock().set
    }

    /// Waits for callbacks that are due or run, or drops those that have not begun (`WaitForThreadpoolTimerCallbacks`);
    /// not for the time at which the timer is due (S411). Returns how many were dropped.
    ///
    /// Blocks; from its own callback it would wait for itself.
    pub fn wait_for_callbacks(&self, pending: Pending) -> u64 {
        self.handle.0.object.wait(pending)
    }

    pub(super) fn object(&self) -> &Arc<Object> {
        &self.handle.0.object
    }

    /// Sets it if it is to come still (S431); returns whether it was.
    pub(super) fn change(&self, due: Due, period: Option<Duration>) -> Result<bool, Status> {
        let shared = &self.handle.0;
        if shared.setting.lock().next.is_none() {
            return Ok(false);
        }
        shared.set(due, period.filter(|period| !period.is_zero()), Duration::ZERO)?;
        Ok(true)
    }
}

impl Shared {
    fn set(self: &Arc<Self>, due: Due, period: Option<Duration>, window: Duration) -> Result<bool, Status> {
        let now = Instant::now();
        let due = match due {
            Due::At(at) if !window.is_zero() => {
                Due::After(at.duration_since(SystemTime::now()).unwrap_or_default())
            }
            due => due,
        };
        let when = resolve(due, period, now)?;
        if now.checked_add(window).is_none() {
            return Err(Status::INVALID_PARAMETER);
        }
        let mut setting = self.setting.lock();
        // Whoever closes it comes for the lock afterwards.
        self.object.is_open()?;
        let next = match when {
            Some(when) => Some(self.arm(when, window, false)?),
            None => None,
        };
        let before = setting.unset();
        *setting = Setting { set: true, next, period, window };
        if next.is_none() {
            self.due(&mut setting, now);
        }
        Ok(before)
    }

    /// Sets the clock.
    fn arm(self: &Arc<Self>, when: When, window: Duration, again: bool) -> Result<Next, Status> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let service = service()?;
        let me: Weak<Shared> = Arc::downgrade(self);
        let (early, late) = match when {
            When::Monotonic(due) if !window.is_zero() => match due.checked_add(window) {
                Some(late) => (Some((due, NEXT.fetch_add(1, Relaxed))), When::Monotonic(late)),
                None => (None, when),
            },
            _ => (None, when),
        };
        let key = match late {
            When::Monotonic(due) if again => service.set_timer_again(due, me.clone()),
            late => service.set_timer(late, me.clone())?,
        };
        if let Some(early) = early {
            EARLY.lock().insert(early, me);
        }
        Ok(Next { key, when, early })
    }

    /// It is due, and was to be at `due`.
    fn due(self: &Arc<Self>, setting: &mut Setting, due: Instant) {
        setting.next = None;
        if let Some(period) = setting.period
            && let Some(next) = next_due(due, period, Instant::now())
        {
            // The service runs: it is what says so, or has been asked for just now.
            setting.next = self.arm(When::Monotonic(next), setting.window, true).ok();
        }
        // Closed since: then nobody wants it.
        let _ = self.object.submit();
    }

    /// Another timer is due, and this one's window has begun.
    fn join(self: &Arc<Self>, early: Early) {
        let mut setting = self.setting.lock();
        let Some(next) = setting.next.filter(|next| next.early == Some(early)) else { return };
        if let Ok(service) = service() {
            service.cancel_timer(next.key);
        }
        self.due(&mut setting, early.0);
    }
}

impl Setting {
    /// Returns whether it had still been to come.
    fn unset(&mut self) -> bool {
        self.set = false;
        let Some(next) = self.next.take() else { return false };
        if let Some(early) = next.early {
            EARLY.lock().remove(&early);
        }
        if let Ok(service) = service() {
            service.cancel_timer(next.key);
        }
        true
    }
}

/// Those whose window has begun are due as well.
fn join_early() {
    let now = Instant::now();
    loop {
        let first = {
            let mut early = EARLY.lock();
            match early.first_entry() {
                Some(first) if first.key().0 <= now => first.remove_entry(),
                _ => return,
            }
        };
        if let (early, Some(timer)) = (first.0, first.1.upgrade()) {
            timer.join(early);
        }
    }
}

impl Expire for Shared {
    fn expired(self: Arc<Self>, key: TimerKey) {
        {
            let mut setting = self.setting.lock();
            let Some(next) = setting.next.filter(|next| next.key == key) else { return };
            if let Some(early) = next.early {
                EARLY.lock().remove(&early);
            }
            self.due(&mut setting, as_monotonic(next.when));
        }
        join_early();
    }
}

impl Stop for Shared {
    fn stop(&self) {
        self.setting.lock().unset();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.setting.lock().unset();
        self.0.object.close();
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("set", &self.is_set()).finish_non_exhaustive()
    }
}
