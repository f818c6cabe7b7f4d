//! Threads as objects: their calls, their exit, and the handle by which others know them.

mod builder;
mod priority;
mod shared;
mod synchronous;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

pub use self::builder::Builder;
pub use self::priority::Priority;
pub(crate) use self::shared::{Shared, mine, run_apcs, with_mine};
pub(crate) use self::synchronous::Stop;
pub(crate) use super::apc::{Alert, Call};
use super::wait::{Sealed, Target, Waitable};
use crate::status::Status;
use crate::sync::thread::known_kernel_id;

/// A thread (`CreateThread`, `OpenThread`): signalled once it has ended, for ever (S269). Clones are the same thread.
///
/// Those started by [`Thread::spawn`] or a [`Builder`] have an exit code; any other thread can be had with
/// [`Thread::current`], for calls to be queued to it and to be waited for.
///
/// ```
/// use proactor::object::{Thread, Wait, wait_one};
///
/// let thread = Thread::spawn(|| 7)?;
/// wait_one(&thread, Wait::FOREVER)?;
/// assert_eq!(thread.exit_code(), Some(7));
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct Thread {
    shared: Arc<Shared>,
}

impl Thread {
    /// Starts a thread that runs `start` and ends with what it returns.
    ///
    /// Fails when the system has no thread or memory to give.
    pub fn spawn(start: impl FnOnce() -> u32 + Send + 'static) -> Result<Thread, Status> {
        Builder::new().spawn(start)
    }

    /// The thread that asks.
    pub fn current() -> Thread {
        Thread { shared: mine() }
    }

    /// The thread of this process that the kernel knows by this id (`OpenThread`), if it was started as an object or
    /// has been asked for as one before, such as by [`current`](Thread::current).
    ///
    /// Fails with `INVALID_CID` for any other.
    ///
    /// ```
    /// use proactor::object::Thread;
    ///
    /// let me = Thread::current();
    /// assert_eq!(Thread::open(me.id())?.id(), Thread::current_id());
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn open(id: u32) -> Result<Thread, Status> {
        shared::of_kernel_id(id).map(|shared| Thread { shared }).ok_or(Status::INVALID_CID)
    }

    /// The kernel's id of the thread that asks (`GetCurrentThreadId`).
    pub fn current_id() -> u32 {
        known_kernel_id()
    }

    /// The kernel's id (`GetThreadId`), also after the thread's end, when it may be another's. A thread that is just
    /// being started is waited for.
    pub fn id(&self) -> u32 {
        loop {
            match self.shared.id() {
                0 => std::thread::yield_now(),
                id => return id,
            }
        }
    }

    /// What a face keeps with the thread.
    pub(crate) fn luggage(&self) -> &OnceLock<Arc<dyn Any + Send + Sync>> {
        &self.shared.luggage
    }

    /// Queues a call to the thread (`QueueUserAPC`): it runs there, in the thread's next alertable wait or, if the
    /// thread has not begun, before its start routine (S122, S132). Never blocks.
    ///
    /// Fails with `UNSUCCESSFUL` when the thread has ended (S133), `INSUFFICIENT_RESOURCES` when a million calls
    /// wait. A call that never gets to run is dropped with the thread.
    ///
    /// ```
    /// use proactor::{Status, object::{Thread, Wait, sleep}};
    ///
    /// Thread::current().queue_apc(|| println!("in the wait"))?;
    /// assert_eq!(sleep(Wait::FOREVER.alertably()), Err(Status::USER_APC));
    /// # Ok::<(), Status>(())
    /// ```
    pub fn queue_apc(&self, call: impl FnOnce() + Send + 'static) -> Result<(), Status> {
        self.shared.queue(Box::new(call)).map(|_| ())
    }

    /// How it ended (`GetExitCodeThread`): what its start routine returned or [`exit_thread`] was given, 0 if it is
    /// none of ours, [`PANICKED`](Thread::PANICKED) if its start routine panicked; `None` while it runs (S268).
    pub fn exit_code(&self) -> Option<u32> {
        self.shared.exit_code()
    }

    /// The exit code of a thread whose start routine panicked: `STATUS_UNSUCCESSFUL`.
    pub const PANICKED: u32 = Status::UNSUCCESSFUL.raw();

    /// Takes one off the suspend count (`ResumeThread`) and returns what it was; at 0 the thread begins (S270). A
    /// thread that has begun, or ended, has a count of 0 (S271).
    pub fn resume(&self) -> u32 {
        self.shared.gate.resume()
    }

    /// Adds one to the suspend count of a thread that has not begun yet (`SuspendThread`) and returns what it was.
    ///
    /// Fails with `ACCESS_DENIED` when it has ended (S271), `SUSPEND_COUNT_EXCEEDED` at 127, and `NOT_SUPPORTED`
    /// once it has begun: stopping a thread wherever it happens to be would leave locked what it has locked, the
    /// allocator included.
    pub fn suspend(&self) -> Result<u32, Status> {
        if self.exit_code().is_some() {
            return Err(Status::ACCESS_DENIED);
        }
        self.shared.gate.suspend()
    }

    /// Ends a thread that has not begun (`TerminateThread`): its start routine never runs, nor do calls queued to it
    /// (S273).
    ///
    /// Fails with `ACCESS_DENIED` when it has ended, and `NOT_SUPPORTED` once it has begun, for the reason
    /// [`suspend`](Thread::suspend) has.
    pub fn terminate(&self, exit_code: u32) -> Result<(), Status> {
        if self.exit_code().is_some() {
            return Err(Status::ACCESS_DENIED);
        }
        self.shared.gate.terminate(exit_code)?;
        self.shared.refuse_apcs();
        Ok(())
    }

    /// Sets how the thread competes for processors with others (`SetThreadPriority`), from its start if it has not
    /// begun.
    ///
    /// Fails with `ACCESS_DENIED` when more than the thread has is asked for without the right to it
    /// (`CAP_SYS_NICE`, or RLIMIT_NICE), `INVALID_CID` when the thread has ended.
    pub fn set_priority(&self, priority: Priority) -> Result<(), Status> {
        priority.give_to(self.in_kernel()?)
    }

    /// The priority nearest to what the thread has.
    ///
    /// Fails with `INVALID_CID` when the thread has ended.
    pub fn priority(&self) -> Result<Priority, Status> {
        Priority::of(self.in_kernel()?)
    }

    /// The kernel's id of a thread that has not ended; one that is just being started is waited for.
    fn in_kernel(&self) -> Result<u32, Status> {
        loop {
            match self.kernel_id() {
                Some(id) => return Ok(id),
                None if self.exit_code().is_some() => return Err(Status::INVALID_CID),
                None => std::thread::yield_now(),
            }
        }
    }

    /// The kernel's id of the thread, as `/proc/self/task` has it; `None` in the moment in which it is being started,
    /// and after its end.
    pub fn kernel_id(&self) -> Option<u32> {
        self.shared.kernel_id()
    }

    /// The name given at its start.
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }
}

/// Ends this thread with an exit code (`ExitThread`), as if its start routine returned it: what is on its stack is
/// dropped.
///
/// # Panics
/// On a thread that [`Thread::spawn`] or a [`Builder`] did not start: it has no exit code.
pub fn exit_thread(exit_code: u32) -> ! {
    builder::exit(exit_code)
}

/// Runs the calls queued to this thread, without waiting (`NtTestAlert`); returns whether there were any (S137).
pub fn test_alert() -> bool {
    run_apcs()
}

impl Sealed for Thread {
    fn target(&self) -> Target<'_> {
        Target::Local(&self.shared.body)
    }
}

impl Waitable for Thread {}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("name", &self.shared.name)
            .field("kernel_id", &self.kernel_id())
            .field("exit_code", &self.exit_code())
            .finish()
    }
}
