//! Timer queues: the older kind of timers, which are deleted one by one or together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use super::object::Pending;
use super::registered::How;
use super::timer::Timer;
use crate::object::{Due, Event};
use crate::status::Status;
use crate::sync::lock::Lock;

/// Timers that can be deleted together (`CreateTimerQueue`). Clones are the same; when the last is dropped its timers
/// are deleted.
///
/// ```
/// use std::sync::mpsc::channel;
/// use std::time::Duration;
/// use proactor::pool::{How, QueueTimer, TimerQueue};
///
/// let (tell, hear) = channel();
/// let queue = TimerQueue::new();
/// let timer = QueueTimer::new(&queue, How::DEFAULT, move |_| { let _ = tell.send(()); })?;
/// timer.begin(Duration::from_millis(1), None)?;
/// assert_eq!(hear.recv(), Ok(()));
/// queue.delete_and_wait()?;
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct TimerQueue {
    handle: Arc<QueueHandle>,
}

struct QueueHandle(Arc<Queue>);

#[derive(Default)]
struct Queue {
    /// The one that a process has: it can't be deleted (S433).
    of_process: bool,
    timers: Lock<Timers>,
}

#[derive(Default)]
struct Timers {
    next: u64,
    deleted: bool,
    all: BTreeMap<u64, Weak<Inner>>,
}

/// A timer of a queue (`CreateTimerQueueTimer`). Clones are the same; when the last is dropped it is deleted.
///
/// It is made first and begins then, so that its callback finds it complete: it gets the timer itself.
#[derive(Clone)]
pub struct QueueTimer {
    handle: Arc<TimerHandle>,
}

struct TimerHandle {
    inner: Arc<Inner>,
    number: u64,
    queue: Weak<Queue>,
}

struct Inner {
    timer: OnceLock<Timer>,
    state: Lock<State>,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    New,
    Begun,
    Deleted,
}

impl TimerQueue {
    /// A queue without timers.
    pub fn new() -> TimerQueue {
        TimerQueue::make(false)
    }

    fn make(of_process: bool) -> TimerQueue {
        let queue = Queue { of_process, timers: Lock::default() };
        TimerQueue { handle: Arc::new(QueueHandle(Arc::new(queue))) }
    }

    /// The one that a process has, for timers that name no other (S433).
    pub fn of_process() -> TimerQueue {
        static QUEUE: OnceLock<TimerQueue> = OnceLock::new();
        QUEUE.get_or_init(|| TimerQueue::make(true)).clone()
    }

    /// Deletes it and all its timers (`DeleteTimerQueue`): callbacks that have not begun do not come. Returns whether
    /// none runs either. Timers are refused with `INVALID_HANDLE` afterwards.
    ///
    /// Fails with `INVALID_HANDLE` for the one of the process, and when it was deleted before.
    pub fn delete(&self) -> Result<bool, Status> {
        let timers = self.handle.0.delete()?;
        Ok(timers.iter().fold(true, |idle, timer| timer.delete(None) & idle))
    }

    /// The same; waits until no callback runs (`DeleteTimerQueueEx` with `INVALID_HANDLE_VALUE`).
    ///
    /// Blocks; from the callback of one of its timers it would wait for itself.
    pub fn delete_and_wait(&self) -> Result<(), Status> {
        let timers = self.handle.0.delete()?;
        for timer in &timers {
            timer.delete(None);
        }
        timers.iter().for_each(|timer| timer.wait());
        Ok(())
    }

    /// The same; a thread of the pool sets the event once no callback runs (`DeleteTimerQueueEx` with an event).
    pub fn delete_and_set(&self, event: &Event) -> Result<bool, Status> {
        let timers = self.handle.0.delete()?;
        let idle = timers.iter().fold(true, |idle, timer| timer.delete(None) & idle);
        let event = event.clone();
        if idle {
            event.set();
            return Ok(true);
        }
        // Somebody has to wait for all of them; that may take as long as the callbacks do.
        super::queue_work(true, move || {
            timers.iter().for_each(|timer| timer.wait());
            event.set();
        })?;
        Ok(false)
    }
}

impl Default for TimerQueue {
    fn default() -> TimerQueue {
        TimerQueue::new()
    }
}

impl Queue {
    fn delete(&self) -> Result<Vec<Arc<Inner>>, Status> {
        let mut timers = self.timers.lock();
        if self.of_process || std::mem::replace(&mut timers.deleted, true) {
            return Err(Status::INVALID_HANDLE);
        }
        Ok(timers.all.values().filter_map(Weak::upgrade).collect())
    }
}

impl Drop for QueueHandle {
    fn drop(&mut self) {
        for timer in self.0.delete().unwrap_or_default() {
            timer.delete(None);
        }
    }
}

impl QueueTimer {
    /// A timer that has not begun.
    ///
    /// Fails with `NO_BUFS` when the pool has [`MOST_OBJECTS`](super::Pool::MOST_OBJECTS), `INVALID_HANDLE` when the queue
    /// was deleted.
    pub fn new(
        queue: &TimerQueue,
        how: How,
        callback: impl Fn(&QueueTimer) + Send + Sync + 'static,
    ) -> Result<QueueTimer, Status> {
        let queue = &queue.handle.0;
        let inner = Arc::new(Inner { timer: OnceLock::new(), state: Lock::default() });
        let number = {
            let mut timers = queue.timers.lock();
            if timers.deleted {
                return Err(Status::INVALID_HANDLE);
            }
            timers.next += 1;
            let number = timers.next;
            timers.all.insert(number, Arc::downgrade(&inner));
            number
        };
        let handle = Arc::new(TimerHandle { inner: inner.clone(), number, queue: Arc::downgrade(queue) });
        let weak = Arc::downgrade(&handle);
        let timer = Timer::new(&how.environment()?, move |_| {
            // Without a handle it is deleted.
            if let Some(handle) = weak.upgrade() {
                callback(&QueueTimer { handle });
            }
        })?;
        inner.timer.get_or_init(|| timer);
        Ok(QueueTimer { handle })
    }

    /// Begins: due after so long, and again each `period` (zero: only once, S429).
    ///
    /// Fails as [`Timer::set`] does; with `INVALID_PARAMETER` also when it has begun before, `INVALID_HANDLE` when it
    /// was deleted.
    pub fn begin(&self, due: Duration, period: Option<Duration>) -> Result<(), Status> {
        let inner = &self.handle.inner;
        let mut state = inner.state.lock();
        match *state {
            State::New => {}
            State::Begun => return Err(Status::INVALID_PARAMETER),
            State::Deleted => return Err(Status::INVALID_HANDLE),
        }
        inner.timer().set(Due::After(due), period, Duration::ZERO)?;
        *state = State::Begun;
        Ok(())
    }

    /// Sets it anew (`ChangeTimerQueueTimer`). One that was due only once, and has been, stays as it is (S431); returns
    /// whether it was changed.
    ///
    /// Fails as [`begin`](QueueTimer::begin) does.
    pub fn change(&self, due: Duration, period: Option<Duration>) -> Result<bool, Status> {
        let inner = &self.handle.inner;
        let state = inner.state.lock();
        if *state == State::Deleted {
            return Err(Status::INVALID_HANDLE);
        }
        inner.timer().change(Due::After(due), period)
    }

    /// Deletes it (`DeleteTimerQueueTimer`): callbacks that have not begun do not come (S432). Returns whether none runs
    /// either; from the callback itself that is never so (S430).
    pub fn delete(&self) -> bool {
        self.handle.inner.delete(None)
    }

    /// The same; the event is set once no callback runs, which may be at once.
    pub fn delete_and_set(&self, event: &Event) -> bool {
        self.handle.inner.delete(Some(event.clone()))
    }

    /// Deletes it and waits until no callback runs.
    ///
    /// Blocks; from its own callback it would wait for itself.
    pub fn delete_and_wait(&self) {
        self.handle.inner.delete(None);
        self.handle.inner.wait();
    }
}

impl Inner {
    fn timer(&self) -> &Timer {
        self.timer.get().expect("it is there before anybody has the timer")
    }

    /// Returns whether no callback runs.
    fn delete(&self, event: Option<Event>) -> bool {
        *self.state.lock() = State::Deleted;
        // The queue may be deleted before the timer is complete.
        let Some(timer) = self.timer.get() else { return true };
        timer.unset();
        timer.object().drop_and_tell(event)
    }

    fn wait(&self) {
        if let Some(timer) = self.timer.get() {
            timer.wait_for_callbacks(Pending::Drop);
        }
    }
}

impl Drop for TimerHandle {
    fn drop(&mut self) {
        self.inner.delete(None);
        if let Some(queue) = self.queue.upgrade() {
            queue.timers.lock().all.remove(&self.number);
        }
    }
}

impl fmt::Debug for TimerQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerQueue").field("timers", &self.handle.0.timers.lock().all.len()).finish()
    }
}

impl fmt::Debug for QueueTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueTimer").finish_non_exhaustive()
    }
}
