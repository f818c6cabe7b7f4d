//! What a thread and those who know it share: its calls, its park, its end.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::*};
use std::sync::{Arc, OnceLock, Weak};

use super::Thread;
use super::builder::Gate;
use super::synchronous::Stop;
use crate::object::apc;
use crate::object::body::Local;
use crate::object::state::State;
use crate::object::waiter::Waiter;
use crate::status::Status;
use crate::sync::late::{Late, Slot};
use crate::sync::lock::Lock;
use crate::sync::record;
use crate::sync::spins::Spins;
use crate::sync::thread::{ThreadNo, kernel_id};

/// Above any exit code: the thread has not ended.
const RUNS: u64 = 1 << 32;

pub(crate) struct Shared {
    pub(crate) waiter: Arc<Waiter>,
    pub(super) body: Arc<Local>,
    pub(super) name: Option<String>,
    pub(super) gate: Gate,
    pub(crate) spins: Spins,
    thread: ThreadNo,
    apcs: apc::Queue,
    /// The synchronous calls that the thread is in, innermost last.
    pub(super) calls: Lock<Vec<Arc<dyn Stop>>>,
    exit_code: AtomicU64,
    /// 0 before it has begun and after its end.
    kernel_id: AtomicI32,
    /// What that was, also after its end.
    id: AtomicI32,
    /// What a face keeps with it.
    pub(super) luggage: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// The threads that are known and run, by the kernel's ids.
static KNOWN: Lock<BTreeMap<i32, Weak<Shared>>> = Lock::new(BTreeMap::new());

/// The known thread that the kernel has under this id.
pub(super) fn of_kernel_id(id: u32) -> Option<Arc<Shared>> {
    KNOWN.lock().get(&id.cast_signed())?.upgrade()
}

impl Shared {
    pub(super) fn new(thread: ThreadNo, name: Option<String>, gate: Gate) -> Arc<Shared> {
        Arc::new(Shared {
            waiter: Arc::new(Waiter::new(thread.get())),
            body: Local::of_thread(thread),
            name,
            gate,
            spins: Spins::default(),
            thread,
            apcs: apc::Queue::default(),
            calls: Lock::default(),
            exit_code: AtomicU64::new(RUNS),
            kernel_id: AtomicI32::new(0),
            id: AtomicI32::new(0),
            luggage: OnceLock::new(),
        })
    }

    /// Queues a call; returns its number.
    pub(crate) fn queue(&self, call: Box<dyn FnOnce() + Send>) -> Result<u64, Status> {
        let queued = self.apcs.push(call)?;
        let id = queued.id;
        self.alert_for(queued);
        Ok(id)
    }

    /// Queues a completion routine. Routines of one group, other than 0, are never nested (S151). It is dropped when
    /// the thread has ended (S112).
    pub(crate) fn queue_routine(&self, group: usize, routine: Box<dyn apc::Call>) {
        if let Some(queued) = self.apcs.push_grouped(group, routine) {
            self.alert_for(queued);
        }
    }

    /// After the push: a wait that begins now finds the call by itself.
    fn alert_for(&self, queued: apc::Queued) {
        if queued.runnable {
            self.waiter.alert();
            if let Some(alert) = queued.alert {
                alert.alert();
            }
        }
    }

    /// Ends the alertable wait that the thread is in, whatever it waits for.
    pub(crate) fn alert(&self) {
        self.waiter.alert();
        if let Some(alert) = self.apcs.alert() {
            alert.alert();
        }
    }

    /// Calls that are queued from now on end the sleep of this thread where `alert` does; true if one is there
    /// already. Only the thread itself asks for this, and ends it with `None`.
    pub(crate) fn alert_at(&self, alert: Option<Arc<dyn apc::Alert>>) -> bool {
        self.apcs.set_alert(alert)
    }

    /// Queues the call of a timer, of which there is one for each timer at most, without ending the thread's wait:
    /// the timer is signalled first, and [`alert`](Shared::alert) comes after that.
    pub(crate) fn queue_silently(&self, call: Box<dyn FnOnce() + Send>) -> Result<u64, Status> {
        self.apcs.push_counted(call).map(|queued| queued.id)
    }

    /// Takes a call back that has not run; false if it has, or runs.
    pub(crate) fn take_back(&self, id: u64) -> bool {
        self.apcs.take_back(id)
    }

    pub(crate) fn has_apcs(&self) -> bool {
        self.apcs.is_due()
    }

    /// No call reaches it any more.
    pub(super) fn refuse_apcs(&self) {
        self.apcs.close();
    }

    pub(crate) fn exit_code(&self) -> Option<u32> {
        u32::try_from(self.exit_code.load(Acquire)).ok()
    }

    pub(super) fn kernel_id(&self) -> Option<u32> {
        u32::try_from(self.kernel_id.load(Acquire)).ok().filter(|id| *id != 0)
    }

    /// The kernel's id, also after the thread's end; 0 before it has begun.
    pub(super) fn id(&self) -> u32 {
        self.id.load(Acquire).unsigned_abs()
    }

    /// The thread has begun.
    pub(super) fn begin(self: &Arc<Self>) {
        let id = kernel_id();
        self.id.store(id, Release);
        self.kernel_id.store(id, Release);
        self.thread.adopt();
        KNOWN.lock().insert(id, Arc::downgrade(self));
    }

    /// Nobody finds it by its id any more, which another thread may have next.
    fn forget(&self) {
        let mut known = KNOWN.lock();
        let id = self.id.load(Relaxed);
        if known.get(&id).is_some_and(|known| std::ptr::eq(known.as_ptr(), self)) {
            known.remove(&id);
        }
    }

    /// The thread ends.
    pub(super) fn end(&self, exit_code: u32) {
        self.apcs.close();
        // Before the end is told: who waits for it finds what the thread has left behind.
        if let Some(record) = record::of(self.thread) {
            record.abandon_all();
        }
        self.forget();
        self.kernel_id.store(0, Release);
        self.exit_code.store(exit_code.into(), Release);
        self.body.header.signal(State::set);
    }
}

/// This thread's entry; its end is the thread's.
struct Mine {
    shared: Arc<Shared>,
    exit_code: Cell<u32>,
}

impl Drop for Mine {
    fn drop(&mut self) {
        self.shared.end(self.exit_code.get());
    }
}

thread_local!(static SLOT: Slot<Mine> = const { Cell::new(std::ptr::null()) });

static MINE: Late<Mine> = Late::new(&SLOT, false);

/// This thread, as others know it.
pub(crate) fn mine() -> Arc<Shared> {
    with_mine(Arc::clone)
}

/// Does something with what others know of this thread.
#[inline]
pub(crate) fn with_mine<R>(with: impl FnOnce(&Arc<Shared>) -> R) -> R {
    let make = || Mine { shared: foreign(), exit_code: Cell::new(0) };
    MINE.with(make, |mine| match mine {
        Some(mine) => with(&mine.shared),
        // It has ended, to all others; what it still does it does as a thread that nobody can reach.
        None => with(&nobody()),
    })
}

/// A thread after its end: it can wait, and nothing else.
#[cold]
fn nobody() -> Arc<Shared> {
    let shared = Shared::new(ThreadNo::current(), None, Gate::open());
    shared.id.store(kernel_id(), Release);
    shared.end(0);
    shared
}

/// A thread that was not started here.
fn foreign() -> Arc<Shared> {
    let name = std::thread::current().name().map(String::from);
    let shared = Shared::new(ThreadNo::current(), name, Gate::open());
    shared.begin();
    shared
}

/// This thread, which has just begun, is `shared`.
pub(super) fn become_known(shared: &Arc<Shared>) {
    shared.begin();
    let mut first = false;
    let make = || {
        first = true;
        Mine { shared: shared.clone(), exit_code: Cell::new(Thread::PANICKED) }
    };
    let known = MINE.with(make, |mine| mine.is_some());
    if !known {
        // Without a key for it the thread could not tell its end: it tells that now, and runs all the same.
        return shared.end(Thread::PANICKED);
    }
    assert!(first, "nothing of ours runs in a thread before this");
}

/// What this thread ends with.
pub(super) fn set_exit_code(exit_code: u32) {
    MINE.peek(|mine| mine.map(|mine| mine.exit_code.set(exit_code)));
}

/// Runs the calls queued to this thread; returns whether there were any.
pub(crate) fn run_apcs() -> bool {
    // Without an entry nothing was ever queued.
    MINE.peek(|mine| mine.is_some_and(|mine| mine.shared.apcs.run()))
}
