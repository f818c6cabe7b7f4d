//! The threads of a pool, and the objects that have a callback to run.
//!
//! An object that has something to run is once in the line, however often it is to run: who takes it off puts it back at
//! the end before running one callback, so that objects are served in turn (S406) and yet by several threads at once.
//! For each place in the line a packet is in the port, and the port decides which thread takes it.
//!
//! The port replaces a blocked worker by one that is parked. So there is always to be one parked while another is busy:
//! who takes a packet and leaves nobody behind starts a thread first, as long as there may be more.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::environment::Priority;
use super::io::Key;
use super::object::Object;
use crate::object::Builder;
use crate::op::Op;
use crate::port::{Limits, Packet, Port};
use crate::service::{Tick, service};
use crate::status::Status;
use crate::sync::lock::Lock;

/// As many as a port can count.
pub(super) const MOST_THREADS: usize = 0x7FFF;
pub(super) const MOST_OBJECTS: usize = 1 << 20;

/// Long enough that a thread is there when the next minute's work comes in bursts, short enough that those of one
/// burst do not stay.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Until the next try to start a thread where there was none to be had.
const AGAIN: Duration = Duration::from_millis(50);

/// What keeps a pool's threads: its clones and its objects.
pub(super) struct Owner {
    pub(super) crew: Arc<Crew>,
}

impl Owner {
    pub(super) fn new() -> Result<Arc<Owner>, Status> {
        // As many posts as objects: one that is in line once is never refused.
        let limits = Limits { workers: MOST_THREADS, posts: MOST_OBJECTS, ..Limits::default() };
        let port = Port::with_limits(0, limits)?;
        let crew = Arc::new_cyclic(|me| Crew {
            me: me.clone(),
            port,
            state: Lock::new(State {
                line: Default::default(),
                threads: 0,
                busy: 0,
                minimum: 0,
                maximum: super::Pool::DEFAULT_MAXIMUM,
                bound: 0,
                objects: 0,
                idle_time: IDLE_TIME,
                stack_size: None,
            }),
            panics: AtomicU64::new(0),
        });
        Ok(Arc::new(Owner { crew }))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.crew.port.close();
    }
}

pub(super) struct Crew {
    me: Weak<Crew>,
    pub(super) port: Port<Key, ()>,
    state: Lock<State>,
    panics: AtomicU64,
}

struct State {
    /// By priority, the most urgent first.
    line: [VecDeque<Arc<Object>>; Priority::COUNT],
    threads: usize,
    /// Those that run a callback.
    busy: usize,
    minimum: usize,
    maximum: usize,
    /// Handles whose packets come here: with any, one thread stays to take them.
    bound: usize,
    objects: usize,
    idle_time: Duration,
    /// Of threads that start from now on; none is the default.
    stack_size: Option<usize>,
}

impl State {
    /// Whether a thread is to be started so that one is spare; it counts from now on.
    fn grows(&mut self) -> bool {
        let grows = self.threads == self.busy && self.threads < self.maximum;
        self.threads += usize::from(grows);
        grows
    }

    /// Whether handles complete here, and there is no thread that would take their packets.
    fn lacks_a_taker(&self) -> bool {
        self.bound > 0 && self.threads == 0
    }

    fn has_work(&self) -> bool {
        self.line.iter().any(|line| !line.is_empty())
    }

    /// Whether one with nothing to do may go.
    fn is_dispensable(&self) -> bool {
        let kept = self.minimum.max(usize::from(self.bound > 0));
        !self.has_work() && self.threads > kept
    }
}

impl Crew {
    /// Puts an object in line. It is there once, and has been counted, so the port has a place for it.
    pub(super) fn line_up(&self, object: Arc<Object>) {
        let priority = object.priority;
        let grows = {
            let mut state = self.state.lock();
            state.line[priority as usize].push_back(object);
            state.grows()
        };
        let posted = self.port.post(Key::Line, ());
        debug_assert!(posted.is_ok(), "an object keeps its pool: {posted:?}");
        if grows {
            self.start();
        }
    }

    /// A thread that is counted already. Without it nothing is lost: others come for the work, or somebody tries again.
    fn start(&self) {
        if self.try_start().is_err()
            && let Ok(service) = service()
        {
            let again: Weak<dyn Tick> = self.me.clone();
            service.tick_after(AGAIN, again);
        }
    }

    fn try_start(&self) -> Result<(), Status> {
        let started = self.me.upgrade().ok_or(Status::INVALID_HANDLE).and_then(|me| {
            let stack_size = self.state.lock().stack_size;
            let builder = Builder::new().name("pool");
            let builder = stack_size.into_iter().fold(builder, Builder::stack_size);
            builder.spawn(move || {
                me.run();
                0
            })
        });
        if started.is_err() {
            self.state.lock().threads -= 1;
        }
        started.map(drop)
    }

    /// What a thread of the pool does.
    fn run(&self) {
        loop {
            let idle_time = self.state.lock().idle_time;
            match self.port.get_timeout(idle_time) {
                Ok(packet) => self.serve(packet),
                Err(Status::TIMEOUT) => {
                    let mut state = self.state.lock();
                    if state.is_dispensable() {
                        state.threads -= 1;
                        return;
                    }
                }
                // The pool is closed.
                Err(_) => {
                    self.state.lock().threads -= 1;
                    return;
                }
            }
        }
    }

    fn serve(&self, packet: Packet<Key, ()>) {
        let (object, grows) = {
            let mut state = self.state.lock();
            state.busy += 1;
            let posted = matches!(packet.op, Op::Posted(()));
            let first = if posted { state.line.iter_mut().find_map(VecDeque::pop_front) } else { None };
            (first, state.grows())
        };
        if grows {
            self.start();
        }
        // A callback's own panic is caught where it is called; this one comes from dropping what it had.
        let served = catch_unwind(AssertUnwindSafe(|| match packet {
            Packet { key: Key::Line, .. } => {
                if let Some(object) = object {
                    object.run_next();
                }
            }
            Packet { key, op } => key.complete(Packet { key: (), op }),
        }));
        if served.is_err() {
            self.panicked();
        }
        self.state.lock().busy -= 1;
    }

    /// Whether another thread is there, or can be, for what a callback that runs long keeps from its thread.
    pub(super) fn has_another(&self) -> Result<(), Status> {
        let grows = {
            let mut state = self.state.lock();
            if state.threads > state.busy {
                return Ok(());
            }
            state.grows()
        };
        if grows { self.try_start() } else { Err(Status::TOO_MANY_THREADS) }
    }

    /// An object of this pool is made.
    pub(super) fn admit(&self) -> Result<(), Status> {
        let mut state = self.state.lock();
        if state.objects >= MOST_OBJECTS {
            return Err(Status::NO_BUFS);
        }
        state.objects += 1;
        Ok(())
    }

    pub(super) fn dismiss(&self) {
        self.state.lock().objects -= 1;
    }

    /// A handle is bound to the port: from now on a thread is there for its packets.
    pub(super) fn bound(&self) -> Result<(), Status> {
        let first = {
            let mut state = self.state.lock();
            state.bound += 1;
            let first = state.threads == 0;
            state.threads += usize::from(first);
            first
        };
        if first && let Err(status) = self.try_start() {
            self.unbound();
            return Err(status);
        }
        Ok(())
    }

    pub(super) fn unbound(&self) {
        self.state.lock().bound -= 1;
    }

    pub(super) fn set_minimum(&self, minimum: usize) -> Result<(), Status> {
        if minimum > MOST_THREADS {
            return Err(Status::TOO_MANY_THREADS);
        }
        while self.counts_one_more(minimum) {
            self.try_start()?;
        }
        let mut state = self.state.lock();
        state.minimum = minimum;
        state.maximum = state.maximum.max(minimum);
        Ok(())
    }

    fn counts_one_more(&self, minimum: usize) -> bool {
        let mut state = self.state.lock();
        let missing = state.threads < minimum;
        state.threads += usize::from(missing);
        missing
    }

    pub(super) fn set_maximum(&self, maximum: usize) -> Result<(), Status> {
        if maximum > MOST_THREADS {
            return Err(Status::TOO_MANY_THREADS);
        }
        let grows = {
            let mut state = self.state.lock();
            state.maximum = maximum.max(1);
            state.minimum = state.minimum.min(state.maximum);
            state.has_work() && state.grows()
        };
        if grows {
            self.start();
        }
        Ok(())
    }

    pub(super) fn set_idle_time(&self, idle: Duration) {
        self.state.lock().idle_time = idle;
    }

    pub(super) fn set_stack_size(&self, bytes: Option<usize>) {
        self.state.lock().stack_size = bytes;
    }

    pub(super) fn threads(&self) -> usize {
        self.state.lock().threads
    }

    pub(super) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    pub(super) fn panics(&self) -> u64 {
        self.panics.load(Relaxed)
    }
}

impl Tick for Crew {
    /// A thread could not be started. As long as there is nobody for the work, tries again.
    fn tick(self: Arc<Self>) -> Option<Duration> {
        let grows = {
            let mut state = self.state.lock();
            (state.has_work() || state.lacks_a_taker()) && state.grows()
        };
        if grows && self.try_start().is_err() { Some(AGAIN) } else { None }
    }
}
