//! Files through io_uring: a ring kept by one thread, which alone submits to it and reaps from it.
//!
//! No worker ever submits, because a request on a ring belongs to the thread that submitted it: it would die with a
//! worker that leaves, and its completion would wait for a worker that is busy. Requests reach the owner through a
//! queue. The owner sleeps in the kernel only after it has said so and then found the queue empty; who puts
//! something in looks, afterwards, whether the owner said so, and rings a bell the ring waits on. Each writes its own
//! word before it reads the other's (Dekker), so at least one of them sees the other, and a busy owner costs nobody a
//! system call.
#![allow(unsafe_code)]

use std::collections::HashSet;
use std::os::fd::OwnedFd;
#[cfg(test)]
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{Builder, JoinHandle};

use crossbeam_queue::SegQueue;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
#[cfg(test)]
use rustix::thread::Pid;

use super::owner::Owner;
use super::{Backend, Request, WhyNot, guarded, shield_from_signals};

/// The ring as everyone but its owner sees it.
pub(super) struct Ring {
    pub(super) shared: Arc<Shared>,
    owner: Option<JoinHandle<()>>,
}

/// Where the owner is to be seen from outside.
#[cfg(test)]
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) tid: Pid,
    pub(super) fd: RawFd,
}

pub(super) enum Message {
    Start(u64, Box<dyn Request>),
    Cancel(u64),
}

/// What the owner shares with everyone.
pub(super) struct Shared {
    pub(super) inbox: SegQueue<Message>,
    /// Written by the owner before it looks into `inbox` for the last time; cleared by whoever rings the bell, so
    /// that one of many submitters does.
    pub(super) asleep: AtomicBool,
    /// An eventfd that the ring polls. It is never read: each write is an edge, and it has 2^64 of them.
    pub(super) bell: OwnedFd,
    /// Those submitted and not yet ended: what `cancel` and `in_flight` answer from.
    ids: Mutex<HashSet<u64>>,
    pub(super) closing: AtomicBool,
    /// The ring can no longer be entered. Set once, by the owner, and looked at after each message put in, with the
    /// same order of writing and reading as `asleep`.
    pub(super) broken: AtomicBool,
    pub(super) panics: AtomicU64,
    /// Set before the ring is anyone's.
    #[cfg(test)]
    place: std::sync::OnceLock<Place>,
}

impl Ring {
    /// Starts the owner and its ring.
    pub(super) fn start() -> Result<Ring, WhyNot> {
        let failed = |errno: Errno| WhyNot::Other { errno: errno.raw_os_error() };
        let shared = Arc::new(Shared {
            inbox: SegQueue::new(),
            asleep: AtomicBool::new(false),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed)?,
            ids: Mutex::new(HashSet::new()),
            closing: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            panics: AtomicU64::new(0),
            #[cfg(test)]
            place: std::sync::OnceLock::new(),
        });
        let (say, started) = mpsc::channel();
        let theirs = Arc::clone(&shared);
        let run = move || {
            shield_from_signals();
            // The kernel binds a ring to the thread that creates it.
            match super::probe::set_up() {
                Ok(ring) => {
                    #[cfg(test)]
                    theirs
                        .place
                        .get_or_init(|| Place { tid: rustix::thread::gettid(), fd: ring.as_raw_fd() });
                    let owner = Owner::new(ring, theirs);
                    // The other end waits for exactly this.
                    let _ = say.send(Ok(()));
                    owner.run();
                }
                Err(why) => drop(say.send(Err(why))),
            }
        };
        let owner = Builder::new()
            .name("proactor-files".into())
            .spawn(run)
            .map_err(|error| WhyNot::NoThread { errno: error.raw_os_error().unwrap_or(libc::EAGAIN) })?;
        match started.recv() {
            Ok(Ok(())) => Ok(Ring { shared, owner: Some(owner) }),
            Ok(Err(why)) => Err(why),
            // It ended without a word, so it panicked: there was no memory for its tables.
            Err(_) => Err(WhyNot::NoThread { errno: libc::ENOMEM }),
        }
    }

    #[cfg(test)]
    pub(super) fn place(&self) -> Place {
        *self.shared.place.get().expect("the owner has started")
    }

    fn tell(&self, message: Message) {
        self.shared.inbox.push(message);
        fence(Ordering::SeqCst);
        if self.shared.broken.load(Ordering::Relaxed) {
            return self.shared.refuse_inbox();
        }
        self.wake();
    }

    fn wake(&self) {
        if self.shared.asleep.load(Ordering::Relaxed) && self.shared.asleep.swap(false, Ordering::Relaxed) {
            // It cannot fail: a full counter would need 2^64 writes.
            let _ = rustix::io::write(&self.shared.bell, &1u64.to_ne_bytes());
        }
    }
}

impl Backend for Ring {
    fn name(&self) -> &'static str {
        "io_uring"
    }

    fn submit(&self, id: u64, request: Box<dyn Request>) {
        let new = self.shared.ids().insert(id);
        debug_assert!(new, "request {id} is in flight already");
        self.tell(Message::Start(id, request));
    }

    fn cancel(&self, id: u64) -> bool {
        let found = self.shared.ids().contains(&id);
        if found {
            self.tell(Message::Cancel(id));
        }
        found
    }

    fn in_flight(&self) -> usize {
        self.shared.ids().len()
    }

    fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }
}

/// Cancels what is in flight and waits for it to end, for until then the kernel may write to its memory.
impl Drop for Ring {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.wake();
        if let Some(owner) = self.owner.take()
            // Dropped by a request's end, on the owner: it cannot wait for itself, and ends after this.
            && owner.thread().id() != std::thread::current().id()
        {
            let _ = owner.join();
        }
    }
}

impl Shared {
    pub(super) fn ids(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a request; from here on its id may be used again.
    pub(super) fn end(&self, id: u64, request: Box<dyn Request>, end: Result<(), Errno>) {
        self.ids().remove(&id);
        guarded(&self.panics, || request.finish(end));
    }

    /// Ends what no owner will take any more.
    pub(super) fn refuse_inbox(&self) {
        while let Some(message) = self.inbox.pop() {
            if let Message::Start(id, request) = message {
                self.end(id, request, Err(Errno::NOBUFS));
            }
        }
    }
}
