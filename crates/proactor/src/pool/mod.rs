//! A pool of threads that runs callbacks: work, timers, waits for objects, and completed operations.
//!
//! The threads of a [`Pool`] are the workers of a port of its own. So as many callbacks run at once as there are
//! processors, and **when a callback blocks another thread goes on in its place at once**, up to the pool's maximum of
//! 500 threads (S418). Callbacks are plain blocking code. What has nobody to run it when it comes, starts a thread; a
//! thread that has had nothing to do for a while ends.
//!
//! | | runs its callback |
//! |---|---|
//! | [`Work`] | once for each [`submit`](Work::submit) |
//! | [`Timer`] | when it is due, and again each period |
//! | [`Wait`] | once, when an object is signalled or the time is over |
//! | [`Io`] | for each completed operation of a handle |
//! | [`queue_work`] | once, in any thread of the pool (`QueueUserWorkItem`) |
//! | [`RegisteredWait`] | each time an object is signalled, until it is unregistered |
//! | [`TimerQueue`] | as [`Timer`], with deletions that can wait |
//!
//! An [`Environment`] says in which pool, in which [`CleanupGroup`], and how urgently; an [`Instance`] is what a callback
//! knows of itself. Callbacks of one object may run at the same time as each other (S404), and a pool serves its objects
//! in turn, one callback each (S406).
//!
//! **A callback that panics** is over, and nothing else is: what it was to do at its return is done, those who wait for
//! it go on, its thread takes the next one, and [`Pool::panics`] counts it.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use proactor::pool::{Environment, Pending, Work};
//!
//! let count = Arc::new(AtomicU32::new(0));
//! let counted = count.clone();
//! let work = Work::new(&Environment::new(), move |_| {
//!     counted.fetch_add(1, Ordering::Relaxed);
//! })?;
//! (0..10).try_for_each(|_| work.submit())?;
//! work.wait_for_callbacks(Pending::Run);
//! assert_eq!(count.load(Ordering::Relaxed), 10);
//! # Ok::<(), proactor::Status>(())
//! ```

mod crew;
mod environment;
mod group;
mod instance;
mod io;
mod object;
mod queue;
mod registered;
mod timer;
mod wait;
mod watch;
mod work;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::crew::{Crew, Owner};
pub use self::environment::{Environment, Priority};
pub use self::group::CleanupGroup;
pub use self::instance::Instance;
pub use self::io::{Bind, Io, bind};
pub use self::object::Pending;
pub use self::queue::{QueueTimer, TimerQueue};
pub use self::registered::{How, RegisteredWait};
pub use self::timer::Timer;
pub use self::wait::Wait;
pub use self::work::{Work, queue_work, submit};
use crate::status::Status;

/// Threads that run callbacks (`CreateThreadpool`). Clones are the same pool; its threads end when the last clone and
/// the last object made in it are gone.
///
/// ```
/// use proactor::pool::{Environment, Pool, submit};
///
/// let pool = Pool::new()?;
/// pool.set_maximum(4)?;
/// submit(&Environment::new().in_pool(&pool), |_| println!("in one of four threads"))?;
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct Pool {
    owner: Arc<Owner>,
}

impl Pool {
    /// Threads a pool has at most unless it is told otherwise (S418).
    pub const DEFAULT_MAXIMUM: usize = 500;
    /// Threads a pool can be allowed.
    pub const MOST_THREADS: usize = crew::MOST_THREADS;
    /// Objects and submitted callbacks a pool has at one time; the next is refused with `NO_BUFS`.
    pub const MOST_OBJECTS: usize = crew::MOST_OBJECTS;

    /// A pool of its own, without threads as yet.
    ///
    /// Fails with `TOO_MANY_OPENED_FILES` for want of a descriptor.
    pub fn new() -> Result<Pool, Status> {
        Ok(Pool { owner: Owner::new()? })
    }

    /// The one that a process has, for environments that name no other. It never ends.
    ///
    /// Fails as [`new`](Pool::new) does, as long as nobody has had it.
    pub fn of_process() -> Result<Pool, Status> {
        static POOL: OnceLock<Pool> = OnceLock::new();
        match POOL.get() {
            Some(pool) => Ok(pool.clone()),
            None => {
                let made = Pool::new()?;
                Ok(POOL.get_or_init(|| made).clone())
            }
        }
    }

    /// Threads it keeps, whether they have anything to do or not (`SetThreadpoolThreadMinimum`); the missing ones
    /// are started now. A maximum below becomes the same.
    ///
    /// Fails with `TOO_MANY_THREADS` beyond [`MOST_THREADS`](Pool::MOST_THREADS), and as the start of a thread does;
    /// the minimum is then as it was.
    pub fn set_minimum(&self, threads: usize) -> Result<(), Status> {
        self.crew().set_minimum(threads)
    }

    /// Threads it has at most (`SetThreadpoolThreadMaximum`); 0 counts as 1. A minimum above becomes the same. Threads
    /// that are too many end when they have nothing to do.
    ///
    /// Fails with `TOO_MANY_THREADS` beyond [`MOST_THREADS`](Pool::MOST_THREADS).
    pub fn set_maximum(&self, threads: usize) -> Result<(), Status> {
        self.crew().set_maximum(threads)
    }

    /// After how long without anything to do a thread ends; 30 seconds unless it is set.
    pub fn set_idle_time(&self, idle: Duration) {
        self.crew().set_idle_time(idle);
    }

    /// The stack of threads that are started from now on, in bytes (`SetThreadpoolStackInformation`); `None` is the
    /// default of any thread.
    pub fn set_stack_size(&self, bytes: Option<usize>) {
        self.crew().set_stack_size(bytes);
    }

    /// Threads it has at this moment.
    pub fn threads(&self) -> usize {
        self.crew().threads()
    }

    /// Callbacks that have panicked so far.
    pub fn panics(&self) -> u64 {
        self.crew().panics()
    }

    fn crew(&self) -> &Arc<Crew> {
        &self.owner.crew
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).field("panics", &self.panics()).finish()
    }
}
