//! What a face (an event, a mutex, ...) holds: its object, as it is shared by all who have it.

use std::sync::{Arc, Weak};

use super::dispatch::Header;
use super::state::State;
use crate::sync::record::{Owner, Resource};
use crate::sync::thread::ThreadNo;

/// Who is told before a thread sleeps for an object that is brought up to date only while somebody waits for it.
pub(crate) trait Watcher: Send + Sync {
    fn awaited(&self);
}

/// An object of this process.
pub struct Local {
    pub(crate) header: Arc<Header>,
    kind: &'static str,
    id: u64,
    /// The thread whose end signals it.
    thread: Option<ThreadNo>,
    watcher: Option<Weak<dyn Watcher>>,
}

impl Local {
    pub(crate) fn new(kind: &'static str, state: State) -> Arc<Local> {
        Arc::new(Local::with(kind, state, None))
    }

    /// The object of a thread.
    pub(crate) fn of_thread(thread: ThreadNo) -> Arc<Local> {
        Arc::new(Local::with("thread", State::Latch { set: false }, Some(thread)))
    }

    /// An object whose watcher is told when somebody waits for it.
    pub(crate) fn watched(kind: &'static str, state: State, watcher: Weak<dyn Watcher>) -> Arc<Local> {
        Arc::new(Local { watcher: Some(watcher), ..Local::with(kind, state, None) })
    }

    fn with(kind: &'static str, state: State, thread: Option<ThreadNo>) -> Local {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Local { header: Arc::new(Header::new(state)), kind, id, thread, watcher: None }
    }

    pub(crate) fn is_mutex(&self) -> bool {
        self.kind == "mutex"
    }

    /// As a thread's record keeps what the thread owns.
    pub(crate) fn weak(self: &Arc<Self>) -> Weak<dyn Resource> {
        let weak: Weak<Local> = Arc::downgrade(self);
        weak
    }
}

impl Resource for Local {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn owner(&self) -> Owner {
        let owner = self.header.look(State::owner).map(ThreadNo::from_raw);
        owner.or(self.thread).map_or(Owner::Nobody, Owner::Thread)
    }

    fn is_waited_for(&self) {
        if let Some(watcher) = self.watcher.as_ref().and_then(Weak::upgrade) {
            watcher.awaited();
        }
    }

    fn abandon(&self, owner: ThreadNo) {
        self.header.signal(|state| state.abandon(owner.get()));
    }
}
