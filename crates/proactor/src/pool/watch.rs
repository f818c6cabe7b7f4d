//! Threads that wait where no wait block can be left: for objects with names, which other processes signal, and for
//! mutexes, which only a thread can own.
//!
//! Each waits for up to 63 objects and an event of its own, by which it is told that there are more or fewer. It alone
//! decides how a wait ends, so that nothing is taken for one that was ended: who ends one waits for its word.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, PoisonError};
use std::time::{Duration, Instant};

use crate::object::body::Local;
use crate::object::named::Named;
use crate::object::{
    Builder, Event, MAXIMUM_WAIT_OBJECTS, Sealed, Target, Wait, Waitable, wait_any, wait_one,
};
use crate::status::Status;
use crate::sync::lock::Lock;
use crate::sync::seat::blocking;

/// Threads that wait so at one time, for 64,512 objects.
const MOST_WATCHERS: usize = 1024;
/// Objects of one thread, whose own event is one more.
const MOST_ENTRIES: usize = MAXIMUM_WAIT_OBJECTS - 1;
/// Without anything to wait for one ends after this time.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// An object that is kept for a wait.
#[derive(Clone)]
pub(super) enum Owned {
    Local(Arc<Local>),
    Named(Arc<Named>),
}

impl Sealed for Owned {
    fn target(&self) -> Target<'_> {
        match self {
            Owned::Local(local) => Target::Local(local),
            Owned::Named(named) => Target::Named(named),
        }
    }
}

impl Waitable for Owned {}

/// Who is told that a wait has ended, unless he has ended it.
pub(super) trait Told: Send + Sync {
    /// Comes on the thread that waited; it must not block.
    fn told(&self, number: u64, how: Status);
}

/// A wait that is under way, or was.
pub(super) struct Watch {
    watcher: Arc<Watcher>,
    number: u64,
}

impl Watch {
    pub(super) fn is(&self, number: u64) -> bool {
        self.number == number
    }

    /// Ends it; false if it had ended before, and was told.
    pub(super) fn end(self) -> bool {
        self.watcher.end(self.number)
    }
}

/// Begins to wait for an object.
///
/// Fails with `TOO_MANY_THREADS` when 1024 threads wait so, and as the start of a thread does.
pub(super) fn watch(object: Owned, deadline: Option<Instant>, tell: Arc<dyn Told>) -> Result<Watch, Status> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Relaxed);
    let entry = Entry { number, object, deadline, tell, ended: false };
    let mut watchers = WATCHERS.lock();
    let room = |watcher: &&Arc<Watcher>| watcher.state.lock().entries.len() < MOST_ENTRIES;
    let watcher = match watchers.iter().find(room) {
        Some(watcher) => watcher.clone(),
        None if watchers.len() >= MOST_WATCHERS => return Err(Status::TOO_MANY_THREADS),
        None => {
            let watcher = Watcher::start()?;
            watchers.push(watcher.clone());
            watcher
        }
    };
    watcher.state.lock().entries.push(entry);
    drop(watchers);
    watcher.changed.set();
    Ok(Watch { watcher, number })
}

/// A watcher is among these until it ends. Its state is locked after this.
static WATCHERS: Lock<Vec<Arc<Watcher>>> = Lock::new(Vec::new());

struct Watcher {
    /// To be set when there is something new in the state.
    changed: Event,
    state: Lock<State>,
    /// One that was to be ended is no longer among the entries.
    gone: Condvar,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    /// Those that were ended, until their enders have seen it.
    ended: Vec<u64>,
}

#[derive(Clone)]
struct Entry {
    number: u64,
    object: Owned,
    deadline: Option<Instant>,
    tell: Arc<dyn Told>,
    /// Somebody waits for it to be ended.
    ended: bool,
}

impl Watcher {
    fn start() -> Result<Arc<Watcher>, Status> {
        let watcher =
            Arc::new(Watcher { changed: Event::auto(false), state: Lock::default(), gone: Condvar::new() });
        let running = watcher.clone();
        Builder::new().name("pool-wait").spawn(move || {
            running.run();
            0
        })?;
        Ok(watcher)
    }

    fn end(&self, number: u64) -> bool {
        {
            let mut state = self.state.lock();
            let Some(entry) = state.entries.iter_mut().find(|entry| entry.number == number) else {
                return false;
            };
            entry.ended = true;
        }
        self.changed.set();
        blocking(|| {
            let mut state = self.state.lock();
            while state.entries.iter().any(|entry| entry.number == number) {
                state = self.gone.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let at = state.ended.iter().position(|ended| *ended == number);
            at.map(|at| state.ended.swap_remove(at)).is_some()
        })
    }

    fn run(self: Arc<Self>) {
        loop {
            let entries = self.entries();
            let mut objects: Vec<&dyn Waitable> = vec![&self.changed];
            objects.extend(entries.iter().map(|entry| -> &dyn Waitable { &entry.object }));
            let deadline = entries.iter().filter_map(|entry| entry.deadline).min();
            let wait = match deadline {
                Some(deadline) => Wait::at_most(deadline.saturating_duration_since(Instant::now())),
                None if entries.is_empty() => Wait::at_most(IDLE_TIME),
                None => Wait::FOREVER,
            };
            match wait_any(&objects, wait) {
                Ok(waited) if waited.index == 0 => {}
                Ok(waited) => {
                    let how = if waited.abandoned { Status::ABANDONED_WAIT_0 } else { Status::SUCCESS };
                    self.finish(entries[waited.index - 1].number, how);
                }
                Err(Status::TIMEOUT) if entries.is_empty() => {
                    if self.retire() {
                        return;
                    }
                }
                Err(Status::TIMEOUT) => {
                    let now = Instant::now();
                    let late = |entry: &&Entry| entry.deadline.is_some_and(|deadline| deadline <= now);
                    let late = entries.iter().filter(late);
                    late.for_each(|entry| self.finish(entry.number, Status::TIMEOUT));
                }
                Err(_) => self.finish_unreachable(&entries),
            }
        }
    }

    /// Takes off those that were ended; the others are to be waited for.
    fn entries(&self) -> Vec<Entry> {
        let mut state = self.state.lock();
        let State { entries, ended } = &mut *state;
        let gone: Vec<_> = entries.extract_if(.., |entry| entry.ended).collect();
        ended.extend(gone.iter().map(|entry| entry.number));
        if !gone.is_empty() {
            self.gone.notify_all();
        }
        entries.clone()
    }

    /// A wait is over. Whoever would end it now comes too late, and is to know that it was told.
    fn finish(&self, number: u64, how: Status) {
        let tell = {
            let state = self.state.lock();
            state.entries.iter().find(|entry| entry.number == number).map(|entry| entry.tell.clone())
        };
        if let Some(tell) = tell {
            tell.told(number, how);
        }
        let gone = {
            let mut state = self.state.lock();
            let at = state.entries.iter().position(|entry| entry.number == number);
            at.map(|at| state.entries.remove(at))
        };
        self.gone.notify_all();
        drop(gone);
    }

    /// One of the objects can't be waited for: those that can't be looked at any more end.
    fn finish_unreachable(&self, entries: &[Entry]) {
        for entry in entries {
            match wait_one(&entry.object, Wait::NOW) {
                Err(Status::TIMEOUT) => {}
                Err(status) => self.finish(entry.number, status),
                Ok(waited) if waited.abandoned => self.finish(entry.number, Status::ABANDONED_WAIT_0),
                Ok(_) => self.finish(entry.number, Status::SUCCESS),
            }
        }
    }

    /// Ends, if there is nothing to wait for still.
    fn retire(self: &Arc<Self>) -> bool {
        let mut watchers = WATCHERS.lock();
        if !self.state.lock().entries.is_empty() {
            return false;
        }
        watchers.retain(|watcher| !Arc::ptr_eq(watcher, self));
        true
    }
}
