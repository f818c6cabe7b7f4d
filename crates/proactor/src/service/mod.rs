//! The one thread of the library's own: it ticks monitors, tries again what had to pause, and serves handles
//! that have no port. Started when first needed; asleep without a timer when there is nothing to do.

pub(crate) mod table;

use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use self::table::{MOST_HANDLES, Source, Table};
use crate::driver::epoll::{Harvest, Poller};
use crate::status::Status;
use crate::sync::lock::Lock;

/// Something that is to be looked at from time to time.
pub(crate) trait Tick: Send + Sync {
    /// Looks; returns in how long to look again, or `None` when there is no more need.
    fn tick(&self) -> Option<Duration>;
}

pub(crate) struct Service {
    poller: Poller,
    table: Table<()>,
    /// What was asked for since the thread last looked.
    asked: Lock<Vec<(Instant, Weak<dyn Tick>)>>,
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
    let service = Service { poller: Poller::new()?, table: Table::new(), asked: Lock::default() };
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
        self.asked.lock().push((Instant::now() + delay, what));
        self.poller.call();
    }

    /// Watches a descriptor whose handle has no port.
    pub(crate) fn attach(&self, fd: BorrowedFd<'_>, source: Weak<dyn Source>) -> Result<u64, Status> {
        let token = self.table.insert((), source, MOST_HANDLES).map_err(|()| Status::NO_BUFS)?;
        self.poller.add(fd, token).inspect_err(|_| {
            self.table.remove(token);
        })?;
        Ok(token)
    }

    /// Watches a further descriptor under the same token.
    pub(crate) fn watch(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Status> {
        Ok(self.poller.add(fd, token)?)
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
        let mut ticks: Vec<(Instant, Weak<dyn Tick>)> = Vec::new();
        let mut harvest = Harvest::new();
        loop {
            ticks.append(&mut self.asked.lock());
            let now = Instant::now();
            ticks.retain_mut(|(due, what)| {
                if *due > now {
                    return what.strong_count() > 0;
                }
                match guarded(|| what.upgrade()?.tick()) {
                    Some(again) => {
                        *due = now + again;
                        true
                    }
                    None => false,
                }
            });
            let next = ticks.iter().map(|(due, _)| *due).min();
            let timeout = next.map(|due| due.saturating_duration_since(Instant::now()));
            self.poller.wait(&mut harvest, timeout);
            for (token, events) in harvest.iter() {
                if let Some((_, source)) = self.table.lookup(token) {
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
fn guarded<R>(step: impl FnOnce() -> Option<R>) -> Option<R> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or(None)
}

/// So that a source can be kept in a table as what it is.
pub(crate) fn weak_source<S: Source + 'static>(source: &Arc<S>) -> Weak<dyn Source> {
    let source: Weak<S> = Arc::downgrade(source);
    source
}
