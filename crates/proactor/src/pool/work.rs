//! Callbacks that run because somebody asks for it.

use std::fmt;
use std::sync::Arc;

use super::environment::Environment;
use super::instance::Instance;
use super::object::{Object, Pending};
use crate::status::Status;
use crate::sync::lock::Lock;

/// A callback that runs once for each time it is submitted (`CreateThreadpoolWork`, S405). Clones are the same; when the
/// last is dropped, what was submitted runs still.
///
/// ```
/// use proactor::pool::{Environment, Pending, Work};
///
/// let work = Work::new(&Environment::new(), |_| println!("in a thread of the pool"))?;
/// work.submit()?;
/// work.wait_for_callbacks(Pending::Run);
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct Work {
    handle: Arc<Handle>,
}

struct Handle(Arc<Object>);

impl Work {
    /// Work that `callback` does.
    ///
    /// Fails with `NO_BUFS` when the pool has [`MOST_OBJECTS`](super::Pool::MOST_OBJECTS).
    pub fn new(
        environment: &Environment,
        callback: impl Fn(&Instance<'_>) + Send + Sync + 'static,
    ) -> Result<Work, Status> {
        let object = Object::new(environment, Box::new(move |instance, _| callback(instance)))?;
        Ok(Work { handle: Arc::new(Handle(object)) })
    }

    /// Has the callback run once more (`SubmitThreadpoolWork`). Never blocks.
    ///
    /// Fails with `INVALID_HANDLE` once its group has closed it.
    pub fn submit(&self) -> Result<(), Status> {
        self.handle.0.submit()
    }

    /// Waits for the callbacks that were submitted, or drops those that have not begun and waits for the others
    /// (`WaitForThreadpoolWorkCallbacks`). Returns how many were dropped.
    ///
    /// Blocks; from its own callback it would wait for itself.
    pub fn wait_for_callbacks(&self, pending: Pending) -> u64 {
        self.handle.0.wait(pending)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

/// Runs `callback` once (`TrySubmitThreadpoolCallback`). In a group it is a member until it has run.
///
/// Fails with `NO_BUFS` when the pool has [`MOST_OBJECTS`](super::Pool::MOST_OBJECTS).
pub fn submit(
    environment: &Environment,
    callback: impl FnOnce(&Instance<'_>) + Send + 'static,
) -> Result<(), Status> {
    let callback = Lock::new(Some(callback));
    let run = move |instance: &Instance<'_>, _| {
        let callback = callback.lock().take();
        if let Some(callback) = callback {
            callback(instance);
        }
    };
    Object::simple(environment, Box::new(run))?.submit()
}

/// Runs `call` once in the pool of the process (`QueueUserWorkItem`, S421); `long` if it may take its time.
///
/// Fails as [`submit`] does.
///
/// ```
/// proactor::pool::queue_work(false, || println!("in some thread"))?;
/// # Ok::<(), proactor::Status>(())
/// ```
pub fn queue_work(long: bool, call: impl FnOnce() + Send + 'static) -> Result<(), Status> {
    let environment = Environment::new();
    let environment = if long { environment.runs_long() } else { environment };
    submit(&environment, move |_| call())
}
