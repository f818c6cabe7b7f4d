//! The one thread of the library's own: it ticks monitors, tries again what had to pause, expires timers, and
//! serves handles that have no port and the exits of processes. Started when first needed; asleep without a timer
//! when there is nothing to do.

mod clocks;
pub(crate) mod table;
mod timers;

use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use self::clocks::{ALARM, Clocks};
use self::table::{MOST_HANDLES, Source, Table};
use crate::driver::epoll::{Harvest, Poller};
use crate::status::Status;
use crate::sync::lock::Lock;

pub(crate) use self::clocks::{Expire, TimerKey, When};

/// Something that is to be looked at from time to time.
pub(crate) trait Tick: Send + Sync {
    /// Looks; returns in how long to look again, or `None` when there is no more need.
    fn tick(self: Arc<Self>) -> Option<Duration>;
}

pub(crate) struct Service {
    poller: Poller,
    table: Table<()>,
    clocks: Clocks,
}

/// The service, with its thread running.
///
/// Fails without descriptors, memory or threads; that may pass, so the next call tries again.
pub(crate) fn service() -> Result<&'static Service, Status> {
    static SERVICE: OnceLock<Arc<Service>> = OnceLock::new();
    static STARTING: Lock<()> = Lock::new(());
    if let Some(service) = SERVICE.get() {
        return Ok(service);
    }
    let _one_at_a_time = STARTING.lock();
    if let Some(service) = SERVICE.get() {
        return Ok(service);
    }
    let service = Service { poller: Poller::new()?, table: Table::new(), clocks: Clocks::new() };
    let service = Arc::new(service);
    let running = service.clone();
    std::thread::Builder::new()
        .name("proactor-service".into())
        .stack_size(256 * 1024)
        .spawn(move || running.run())
        .map_err(Status::from)?;
    Ok(SERVICE.get_or_init(|| service))
}

impl Service {
    /// Ticks `what` after `delay` for the first time.
    pub(crate) fn tick_after(&self, delay: Duration, what: Weak<dyn Tick>) {
        self.clocks.tick(&self.poller, Instant::now() + delay, what);
    }

    /// Tells `what` when the time comes. A timer that is not the earliest wakes nobody.
    ///
    /// `NO_BUFS` when as many timers are set as there can be; the first by the wall clock needs a descriptor.
    pub(crate) fn set_timer(&self, when: When, what: Weak<dyn Expire>) -> Result<TimerKey, Status> {
        self.clocks.set(&self.poller, when, what)
    }

    /// Sets the next expiry of a timer that has just expired. Never refused.
    pub(crate) fn set_timer_again(&self, due: Instant, what: Weak<dyn Expire>) -> TimerKey {
        self.clocks.set_again(&self.poller, due, what)
    }

    /// False when it has expired, or is about to be told so.
    pub(crate) fn cancel_timer(&self, key: TimerKey) -> bool {
        self.clocks.cancel(key)
    }

    /// Watches a descriptor whose handle has no port.
    pub(crate) fn attach(&self, fd: BorrowedFd<'_>, source: Weak<dyn Source>) -> Result<u64, Status> {
        let token = self.table.insert((), source, MOST_HANDLES).map_err(|()| Status::NO_BUFS)?;
        self.poller.add(fd, token).inspect_err(|_| {
            self.table.remove(token);
        })?;
        Ok(token)
    }

    /// Watches another set: tells its source once that something is to be had there, and again after each
    /// [`arm`](Service::arm).
    pub(crate) fn attach_once(&self, set: &Poller, source: Weak<dyn Source>) -> Result<u64, Status> {
        let token = self.table.insert((), source, MOST_HANDLES).map_err(|()| Status::NO_BUFS)?;
        self.poller.add_once(set, token).inspect_err(|_| {
            self.table.remove(token);
        })?;
        Ok(token)
    }

    /// Asks once more; what is to be had already counts.
    pub(crate) fn arm(&self, set: &Poller, token: u64) {
        let armed = self.poller.arm(set, token);
        debug_assert!(armed.is_ok(), "what was added can be armed: {armed:?}");
    }

    /// Watches a further descriptor under the same token.
    pub(crate) fn watch(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Status> {
        Ok(self.poller.add(fd, token)?)
    }

    /// Announces once more what is ready of a descriptor that is watched, after everything else that is.
    pub(crate) fn watch_anew(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Status> {
        Ok(self.poller.add_anew(fd, token)?)
    }

    pub(crate) fn detach(&self, fd: Option<BorrowedFd<'_>>, token: u64) {
        if let Some(fd) = fd {
            self.poller.remove(fd);
        }
        self.table.remove(token);
    }

    fn run(&self) {
        // The default slack of 50 us would be half of the shortest pause. Refused: the looks come later.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1000));
        let mut harvest = Harvest::new();
        loop {
            let timeout = self.clocks.expire(&self.poller);
            self.poller.wait(&mut harvest, timeout);
            for (token, events) in harvest.iter() {
                if token == ALARM {
                    self.clocks.ring();
                } else if let Some((_, source)) = self.table.lookup(token) {
                    guarded(|| source.ready(events, false));
                }
            }
        }
    }
}

/// Ticks `what` from the service thread, if there can be one; without it nothing is watched, and `doctor`
/// says so.
pub(crate) fn tick_soon(what: Weak<dyn Tick>) -> bool {
    let Ok(service) = service() else { return false };
    service.tick_after(Duration::ZERO, what);
    true
}

/// Runs what may end in code of the user's (a key that is cloned or dropped): its panic ends that step, not the
/// thread on which every port of the process relies.
pub(crate) fn guarded<R>(step: impl FnOnce() -> Option<R>) -> Option<R> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or(None)
}

/// So that a source can be kept in a table as what it is.
pub(crate) fn weak_source<S: Source + 'static>(source: &Arc<S>) -> Weak<dyn Source> {
    let source: Weak<S> = Arc::downgrade(source);
    source
}
