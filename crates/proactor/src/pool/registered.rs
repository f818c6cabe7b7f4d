//! Registered waits: the older kind, which goes on until it is unregistered.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::environment::Environment;
use super::object::Pending;
use super::wait::{self, Wait};
use super::watch::Owned;
use crate::object::{Due, Event, Waitable};
use crate::status::Status;
use crate::sync::lock::Lock;
use crate::sync::thread::ThreadNo;

/// How the callbacks of the older kind are run (`WT_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Only the first time (`WT_EXECUTEONLYONCE`).
    pub once: bool,
    /// In one thread that runs all such callbacks one after the other (`WT_EXECUTEINWAITTHREAD`,
    /// `WT_EXECUTEINTIMERTHREAD`, `WT_EXECUTEINPERSISTENTTHREAD`, S428), and never ends.
    pub in_one_thread: bool,
    /// They may take their time (`WT_EXECUTELONGFUNCTION`).
    pub long: bool,
}

impl How {
    /// Again and again, in any thread of the process' pool.
    pub const DEFAULT: How = How { once: false, in_one_thread: false, long: false };

    pub(super) fn environment(self) -> Result<Environment, Status> {
        let environment = Environment::new();
        let environment = if self.long { environment.runs_long() } else { environment };
        if self.in_one_thread { environment.in_one_thread() } else { Ok(environment) }
    }
}

/// A wait that calls back each time its object is signalled, or its time is over (`RegisterWaitForSingleObject`), until
/// it is unregistered. Clones are the same; when the last is dropped it is unregistered.
///
/// It is made first and begins then, so that its callback finds it complete (S427): it gets the wait itself, and whether
/// the time was over (S423). The next wait begins when the callback has returned: a manual-reset event that stays set
/// calls back without a pause (S422), one callback after the other.
///
/// ```
/// use std::sync::mpsc::channel;
/// use proactor::{object::Event, pool::{How, RegisteredWait}};
///
/// let (tell, hear) = channel();
/// let event = Event::auto(true);
/// let wait = RegisteredWait::new(How::DEFAULT, move |_, late| { let _ = tell.send(late); })?;
/// wait.begin(&event, None)?;
/// assert_eq!(hear.recv(), Ok(false));
/// event.set();
/// assert_eq!(hear.recv(), Ok(false));
/// wait.unregister_and_wait();
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct RegisteredWait {
    handle: Arc<Handle>,
}

struct Handle(Arc<Shared>);

type Callback = Box<dyn Fn(&RegisteredWait, bool) + Send + Sync>;

struct Shared {
    how: How,
    wait: OnceLock<Wait>,
    /// What it waits for; nothing once it is unregistered.
    on: Lock<Option<(Owned, Option<Duration>)>>,
    callback: Callback,
    /// Which thread runs the callback, if that is the one thread.
    caller: AtomicU32,
}

impl RegisteredWait {
    /// A wait that has not begun.
    ///
    /// Fails with `NO_BUFS` when the pool has [`MOST_OBJECTS`](super::Pool::MOST_OBJECTS).
    pub fn new(
        how: How,
        callback: impl Fn(&RegisteredWait, bool) + Send + Sync + 'static,
    ) -> Result<RegisteredWait, Status> {
        let shared = Arc::new(Shared {
            how,
            wait: OnceLock::new(),
            on: Lock::default(),
            callback: Box::new(callback),
            caller: AtomicU32::new(ThreadNo::NONE.get()),
        });
        let handle = Arc::new(Handle(shared.clone()));
        // Whoever is called back has the wait; the wait does not keep itself.
        let weak = Arc::downgrade(&handle);
        let wait = Wait::new(&how.environment()?, move |_, status| {
            // Without a handle it is unregistered.
            if let Some(handle) = weak.upgrade() {
                RegisteredWait { handle }.call(status);
            }
        })?;
        shared.wait.get_or_init(|| wait);
        Ok(RegisteredWait { handle })
    }

    /// Begins to wait for the object, each time so long.
    ///
    /// Fails as [`Wait::set`] does, with `INVALID_PARAMETER` also when it has begun before.
    pub fn begin(&self, object: &dyn Waitable, timeout: Option<Duration>) -> Result<(), Status> {
        let shared = &self.handle.0;
        let object = wait::owned(object);
        // Held meanwhile: who unregisters it comes before or after.
        let mut on = shared.on.lock();
        if on.is_some() {
            return Err(Status::INVALID_PARAMETER);
        }
        shared.wait().set_owned(&object, timeout.map(Due::After))?;
        *on = Some((object, timeout));
        Ok(())
    }

    /// Ends it (`UnregisterWait`): callbacks that have not begun do not come. Returns whether none runs either (S424). A
    /// callback [in one thread](How::in_one_thread) that ends its own wait does not count itself (S427).
    pub fn unregister(&self) -> bool {
        let shared = &self.handle.0;
        let quiet = shared.end(None);
        quiet || shared.caller.load(Relaxed) == ThreadNo::current().get()
    }

    /// The same; the event is set once no callback runs (`UnregisterWaitEx` with an event, S425), which may be at once.
    pub fn unregister_and_set(&self, event: &Event) -> bool {
        self.handle.0.end(Some(event.clone()))
    }

    /// Ends it and waits until no callback runs (`UnregisterWaitEx` with `INVALID_HANDLE_VALUE`).
    ///
    /// Blocks; from its own callback it would wait for itself.
    pub fn unregister_and_wait(&self) {
        let shared = &self.handle.0;
        shared.end(None);
        shared.wait().wait_for_callbacks(Pending::Drop);
    }

    fn call(&self, status: Status) {
        let shared = &self.handle.0;
        if shared.how.in_one_thread {
            shared.caller.store(ThreadNo::current().get(), Relaxed);
        }
        (shared.callback)(self, status == Status::TIMEOUT);
        shared.caller.store(ThreadNo::NONE.get(), Relaxed);
        if shared.how.once {
            return;
        }
        let on = shared.on.lock();
        if let Some((object, timeout)) = &*on {
            // Refused only for want of a timer or thread: it then ends, as one that nobody can serve.
            let _ = shared.wait().set_owned(object, timeout.map(Due::After));
        }
    }
}

impl Shared {
    fn wait(&self) -> &Wait {
        self.wait.get().expect("it is there before anybody has the wait")
    }

    fn end(&self, event: Option<Event>) -> bool {
        // Before the wait is unset: a callback that ends now begins no other, or has begun it before that.
        let on = self.on.lock().take();
        drop(on);
        self.wait().unset();
        self.wait().object().drop_and_tell(event)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.0.wait.get().is_some() {
            self.0.end(None);
        }
    }
}

impl fmt::Debug for RegisteredWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredWait").field("how", &self.handle.0.how).finish_non_exhaustive()
    }
}
