//! Dispatcher objects: what threads wait for, and the calls that reach one particular thread.
//!
//! Every object is signalled or not. One call waits for any or all of up to 64 of them, whatever they are, and an
//! [alertable](Wait::alertable) wait also runs the calls queued to its thread (APCs). In one process none of it needs
//! a system call unless a thread has to sleep or be woken. A worker of a [`Port`](crate::Port) that waits here gives
//! its seat to another for that time.
//!
//! ```
//! use proactor::object::{Event, Semaphore, Wait, wait_any};
//!
//! let stop = Event::manual(false);
//! let work = Semaphore::new(2, 10)?;
//! let waited = wait_any(&[&stop, &work], Wait::FOREVER)?;
//! assert_eq!(waited.index, 1);
//! # Ok::<(), proactor::Status>(())
//! ```

mod apc;
pub(crate) mod body;
pub(crate) mod dispatch;
mod event;
mod face;
mod mutex;
pub(crate) mod named;
mod process;
mod semaphore;
pub(crate) mod state;
pub(crate) mod thread;
mod timer;
mod wait;
pub(crate) mod waiter;

/// What the dispatcher is made of; the model checkers put theirs in this place.
mod atomic {
    pub(super) use crate::sync::lock::Lock;
    pub(super) use crate::sync::park::Parker;
    pub(super) use std::sync::MutexGuard as Guard;
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
}

pub use self::event::Event;
pub use self::mutex::{Holding, Mutex};
pub use self::named::{Existed, set_namespace};
pub use self::process::{Exit, Process};
pub use self::semaphore::Semaphore;
pub use self::thread::{Builder, Priority, Thread, exit_thread, test_alert};
pub use self::timer::{Due, Timer};
pub(crate) use self::timer::{as_monotonic, next_due, resolve};
pub use self::wait::{
    MAXIMUM_WAIT_OBJECTS, Signal, Wait, Waitable, Waited, same_object, signal_and_wait, sleep, wait_all,
    wait_any, wait_one,
};
pub(crate) use self::wait::{Sealed, Target};
