//! Files without io_uring: a few threads that make positioned calls.
//!
//! Threads start when there is work and none is idle, and end when idle for long. A call that has begun cannot be
//! taken back, so only a request still in the queue can be cancelled. For the same reason files without a position
//! (pipes, terminals) are refused by the kernel with `ESPIPE`: one of them could keep a thread for ever.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::{
    Action, Backend, Call, MAX_SLICES, Next, Request, after_call, guarded, next_call, shield_from_signals,
};

/// More would queue in the device all the same, and a file system serialises writers of one file.
const MOST_THREADS: usize = 4;
/// A thread costs about 100 us to start; a program that touches its files every few seconds should not pay that.
const IDLE: Duration = Duration::from_secs(10);

pub(super) struct Threads {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    most: usize,
    idle: Duration,
    in_flight: AtomicUsize,
    panics: AtomicU64,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(u64, Box<dyn Request>)>,
    /// Those started and not ended; of them `idle` wait for work.
    threads: usize,
    idle: usize,
}

impl Threads {
    pub(super) fn new() -> Threads {
        Threads::with(MOST_THREADS, IDLE)
    }

    pub(super) fn with(most: usize, idle: Duration) -> Threads {
        assert!(most > 0);
        let (in_flight, panics) = Default::default();
        let shared = Shared { state: Mutex::default(), work: Condvar::new(), most, idle, in_flight, panics };
        Threads { shared: Arc::new(shared) }
    }

    #[cfg(test)]
    pub(super) fn threads(&self) -> usize {
        self.shared.state().threads
    }

    fn start_thread(&self) {
        let shared = Arc::clone(&self.shared);
        let run = move || {
            shield_from_signals();
            shared.work();
        };
        if Builder::new().name("proactor-file".into()).spawn(run).is_ok() {
            return;
        }
        let mut state = self.shared.state();
        state.threads -= 1;
        // With any thread left the queue will be served, if more slowly.
        let refused = if state.threads == 0 { std::mem::take(&mut state.queue) } else { VecDeque::new() };
        drop(state);
        self.shared.work.notify_one();
        for (_, request) in refused {
            self.shared.end(request, Err(Errno::NOBUFS));
        }
    }
}

impl Backend for Threads {
    fn name(&self) -> &'static str {
        "threads"
    }

    fn submit(&self, id: u64, request: Box<dyn Request>) {
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        let mut state = self.shared.state();
        state.queue.push_back((id, request));
        // Each idle thread will take one; those woken but not yet running still count as idle, and so does what is
        // queued for them.
        let start = state.queue.len() > state.idle && state.threads < self.shared.most;
        if start {
            state.threads += 1;
        }
        drop(state);
        if start { self.start_thread() } else { self.shared.work.notify_one() }
    }

    fn cancel(&self, id: u64) -> bool {
        let mut state = self.shared.state();
        let Some(at) = state.queue.iter().position(|(queued, _)| *queued == id) else { return false };
        let found = state.queue.remove(at);
        drop(state);
        if let Some((_, request)) = found {
            self.shared.end(request, Err(Errno::CANCELED));
        }
        true
    }

    fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, request: Box<dyn Request>, end: Result<(), Errno>) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        guarded(&self.panics, || request.finish(end));
    }

    /// A thread's life.
    fn work(&self) {
        while let Some(mut request) = self.next() {
            let end = guarded(&self.panics, || carry_out(&mut *request)).unwrap_or(Err(Errno::IO));
            self.end(request, end);
        }
    }

    /// The oldest request waiting. None: there was none for long, and the caller no longer counts as a thread.
    fn next(&self) -> Option<Box<dyn Request>> {
        let mut state = self.state();
        if state.queue.is_empty() {
            state.idle += 1;
            let wait = self.work.wait_timeout_while(state, self.idle, |state| state.queue.is_empty());
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
        }
        let next = state.queue.pop_front();
        if next.is_none() {
            state.threads -= 1;
        }
        next.map(|(_, request)| request)
    }
}

/// All of a request, one call after another.
fn carry_out(request: &mut dyn Request) -> Result<(), Errno> {
    let mut memory = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; MAX_SLICES];
    let mut moved = false;
    loop {
        let result = match next_call(request, &mut memory) {
            Call::Over(end) => return end,
            Call::Flush => rustix::fs::fsync(request.fd()).map(|()| 0),
            Call::Move { slices, offset } => {
                transfer(request.fd(), request.action(), &memory[..slices], offset)
            }
        };
        match after_call(request, &mut moved, result) {
            Next::Over(end) => return end,
            Next::Again => {}
            Next::WhenReady => wait_until_ready(request)?,
        }
    }
}

fn transfer(fd: BorrowedFd<'_>, action: Action, memory: &[libc::iovec], offset: i64) -> Result<usize, Errno> {
    let (fd, list, count) = (fd.as_raw_fd(), memory.as_ptr(), memory.len() as i32);
    // SAFETY: the list names memory that the request keeps in its place until it is finished, and for a read nobody
    // else looks at it meanwhile; the descriptor is borrowed from the request.
    let result = unsafe {
        match action {
            Action::Read => libc::preadv(fd, list, count, offset),
            Action::Write => libc::pwritev(fd, list, count, offset),
            Action::Append => libc::pwritev2(fd, list, count, offset, libc::RWF_APPEND),
            Action::Flush => unreachable!("a flush moves nothing"),
        }
    };
    usize::try_from(result)
        .map_err(|_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

/// For a positioned file in non-blocking mode that takes it seriously.
fn wait_until_ready(request: &dyn Request) -> Result<(), Errno> {
    let events = if request.action() == Action::Read { PollFlags::IN } else { PollFlags::OUT };
    match poll(&mut [PollFd::from_borrowed_fd(request.fd(), events)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}
