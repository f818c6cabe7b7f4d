//! Starting threads: a name, a stack, and a start that can be held back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::shared::{Shared, become_known, run_apcs, set_exit_code};
use super::{Priority, Thread};
use crate::status::Status;
use crate::sync::lock::Lock;
use crate::sync::park::Parker;
use crate::sync::thread::{ThreadNo, kernel_id};

/// How a thread is to be started.
///
/// ```
/// use proactor::object::{Builder, Wait, wait_one};
///
/// let thread = Builder::new().name("patient").suspended(true).spawn(|| 3)?;
/// assert_eq!(thread.resume(), 1);
/// wait_one(&thread, Wait::FOREVER)?;
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
    suspended: bool,
    priority: Option<Priority>,
}

impl Builder {
    /// A thread like any other: Rust's default stack, no name, begun at once.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Its name, in wait chains and for the kernel, which keeps 15 bytes of it.
    pub fn name(self, name: impl Into<String>) -> Builder {
        Builder { name: Some(name.into()), ..self }
    }

    /// The size of its stack in bytes; the system may round it up.
    pub fn stack_size(self, bytes: usize) -> Builder {
        Builder { stack_size: Some(bytes), ..self }
    }

    /// Whether it only begins when it is [resumed](Thread::resume) (`CREATE_SUSPENDED`, S270).
    pub fn suspended(self, suspended: bool) -> Builder {
        Builder { suspended, ..self }
    }

    /// The priority it begins with; without this call, and if it is not allowed, that of the thread that starts it.
    pub fn priority(self, priority: Priority) -> Builder {
        Builder { priority: Some(priority), ..self }
    }

    /// Starts it. It ends with what `start` returns.
    ///
    /// Fails with `INVALID_PARAMETER` for a name with a zero byte, and when the system has no thread or memory to
    /// give.
    pub fn spawn(self, start: impl FnOnce() -> u32 + Send + 'static) -> Result<Thread, Status> {
        let mut builder = std::thread::Builder::new();
        if let Some(name) = &self.name {
            if name.contains('\0') {
                return Err(Status::INVALID_PARAMETER);
            }
            builder = builder.name(name.clone());
        }
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        let gate = Gate::new(u32::from(self.suspended));
        let shared = Shared::new(ThreadNo::new(), self.name, gate);
        let mine = shared.clone();
        let priority = self.priority;
        let started = builder.spawn(move || run(mine, priority, start)).map_err(Status::from)?;
        // Its end is told by its object.
        drop(started);
        Ok(Thread { shared })
    }
}

fn run(shared: Arc<Shared>, priority: Option<Priority>, start: impl FnOnce() -> u32) {
    // Before others know the thread and may give it another.
    if let (Some(priority), Ok(id)) = (priority, u32::try_from(kernel_id())) {
        // Refused: it begins with the priority it has.
        let _ = priority.give_to(id);
    }
    become_known(&shared);
    if let Err(exit_code) = shared.gate.pass() {
        return set_exit_code(exit_code);
    }
    let exit_code = catch_unwind(AssertUnwindSafe(|| {
        // S132
        run_apcs();
        start()
    }));
    set_exit_code(exit_code.unwrap_or_else(exit_code_of));
}

/// What [`exit`] unwinds with.
struct Exit(u32);

pub(super) fn exit(exit_code: u32) -> ! {
    let known = super::mine();
    assert!(known.gate.is_ours(), "only a thread that was started as an object can end with an exit code");
    // Not a panic: nobody is told, and no hook runs.
    resume_unwind(Box::new(Exit(exit_code)))
}

fn exit_code_of(payload: Box<dyn Any + Send>) -> u32 {
    payload.downcast_ref::<Exit>().map_or(Thread::PANICKED, |exit| exit.0)
}

/// What holds a thread back from its start routine.
pub(crate) struct Gate {
    inner: Lock<Inner>,
    parker: Parker,
}

struct Inner {
    suspended: u32,
    begun: bool,
    terminated: Option<u32>,
    /// The thread was started here.
    ours: bool,
}

/// As many suspensions as NT counts (`MAXIMUM_SUSPEND_COUNT`).
const MOST_SUSPENDED: u32 = 127;

impl Gate {
    fn new(suspended: u32) -> Gate {
        let inner = Inner { suspended, begun: false, terminated: None, ours: true };
        Gate { inner: Lock::new(inner), parker: Parker::default() }
    }

    /// The gate of a thread that was not started here.
    pub(super) fn open() -> Gate {
        let inner = Inner { suspended: 0, begun: true, terminated: None, ours: false };
        Gate { inner: Lock::new(inner), parker: Parker::default() }
    }

    fn is_ours(&self) -> bool {
        self.inner.lock().ours
    }

    /// Waits until the thread may begin; the error is the exit code of one that is not to begin at all.
    fn pass(&self) -> Result<(), u32> {
        loop {
            {
                let mut inner = self.inner.lock();
                if let Some(exit_code) = inner.terminated {
                    return Err(exit_code);
                }
                if inner.suspended == 0 {
                    inner.begun = true;
                    return Ok(());
                }
            }
            self.parker.park(None);
        }
    }

    pub(super) fn resume(&self) -> u32 {
        let before = {
            let mut inner = self.inner.lock();
            let before = inner.suspended;
            inner.suspended = before.saturating_sub(1);
            before
        };
        if before == 1 {
            self.parker.unpark();
        }
        before
    }

    pub(super) fn suspend(&self) -> Result<u32, Status> {
        let mut inner = self.inner.lock();
        if inner.terminated.is_some() {
            return Err(Status::ACCESS_DENIED);
        }
        if inner.begun {
            return Err(Status::NOT_SUPPORTED);
        }
        if inner.suspended >= MOST_SUSPENDED {
            return Err(Status::SUSPEND_COUNT_EXCEEDED);
        }
        inner.suspended += 1;
        Ok(inner.suspended - 1)
    }

    pub(super) fn terminate(&self, exit_code: u32) -> Result<(), Status> {
        {
            let mut inner = self.inner.lock();
            if inner.begun {
                return Err(Status::NOT_SUPPORTED);
            }
            inner.terminated.get_or_insert(exit_code);
            inner.suspended = 0;
        }
        self.parker.unpark();
        Ok(())
    }
}
