//! Readiness from the kernel: an epoll set, and an event descriptor in it to call a waiter back by.
//!
//! Everything is registered once, edge-triggered, and never armed again. The kernel queues the threads that wait
//! on a set newest first and wakes one for an event, which is the order a port wants; the event descriptor is
//! never read: each write to it is an edge of its own.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use rustix::event::epoll;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::io::Errno;

use crate::sync::park::timespec;

pub(crate) use rustix::event::epoll::EventFlags;

/// Events one wait brings at most: enough to spare calls, few enough that other seats find some too.
pub(crate) const HARVEST: usize = 16;

/// The longest a wait takes at once. The call that every kernel has counts milliseconds in 31 bits, 24 days;
/// beyond that it is another one, which Linux has from 5.11 on and filters may forbid.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The kernel has no wait finer than that, or something between us and it (valgrind is one) hides it.
static ONLY_MILLISECONDS: AtomicBool = AtomicBool::new(false);

const _: () = assert!(size_of::<epoll::Event>() == size_of::<libc::epoll_event>());

/// What the set's own event descriptor is registered as; sources never use it.
const CALL: u64 = u64::MAX;

const INTEREST: EventFlags = EventFlags::IN
    .union(EventFlags::PRI)
    .union(EventFlags::OUT)
    .union(EventFlags::RDHUP)
    .union(EventFlags::ET);

pub(crate) struct Poller {
    set: OwnedFd,
    call: OwnedFd,
}

/// What one wait brought.
pub(crate) struct Harvest {
    events: [epoll::Event; HARVEST],
    len: usize,
}

impl Harvest {
    pub(crate) fn new() -> Harvest {
        let none = epoll::Event { flags: EventFlags::empty(), data: epoll::EventData::new_u64(0) };
        Harvest { events: [none; HARVEST], len: 0 }
    }

    /// The token and the event of each source; calls are left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, EventFlags)> + '_ {
        self.events[..self.len]
            .iter()
            .map(|event| {
                let event = *event;
                (event.data.u64(), event.flags)
            })
            .filter(|(token, _)| *token != CALL)
    }
}

impl Poller {
    pub(crate) fn new() -> Result<Poller, Errno> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let call = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&set, &call, epoll::EventData::new_u64(CALL), EventFlags::IN | EventFlags::ET)?;
        Ok(Poller { set, call })
    }

    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Errno> {
        debug_assert_ne!(token, CALL);
        epoll::add(&self.set, fd, epoll::EventData::new_u64(token), INTEREST)
    }

    /// Has what is ready now announced once more, after everything else that is.
    pub(crate) fn add_anew(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), Errno> {
        debug_assert_ne!(token, CALL);
        epoll::modify(&self.set, fd, epoll::EventData::new_u64(token), INTEREST)
    }

    /// Registers another set, for the next time something is to be had from it, and no more until it is armed again.
    pub(crate) fn add_once(&self, other: &Poller, token: u64) -> Result<(), Errno> {
        debug_assert_ne!(token, CALL);
        epoll::add(&self.set, other, epoll::EventData::new_u64(token), EventFlags::IN | EventFlags::ONESHOT)
    }

    /// Asks once more; what is to be had already counts.
    pub(crate) fn arm(&self, other: &Poller, token: u64) -> Result<(), Errno> {
        epoll::modify(
            &self.set,
            other,
            epoll::EventData::new_u64(token),
            EventFlags::IN | EventFlags::ONESHOT,
        )
    }

    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) {
        // ENOENT and EBADF: it has gone already, which is what was wanted.
        let _ = epoll::delete(&self.set, fd);
    }

    /// Waits for events, a call, the timeout (`None`: for ever), a signal, or a day: the caller looks at its clock
    /// and comes again.
    pub(crate) fn wait(&self, harvest: &mut Harvest, timeout: Option<Duration>) {
        let timeout = timeout.map(|timeout| timeout.min(LONGEST));
        let older = ONLY_MILLISECONDS.load(Relaxed);
        let waited = if older {
            self.wait_in_milliseconds(harvest, timeout)
        } else {
            epoll::wait(&self.set, &mut harvest.events[..], timeout.map(timespec).as_ref())
        };
        harvest.len = match waited {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(Errno::NOSYS) if !older => {
                ONLY_MILLISECONDS.store(true, Relaxed);
                0
            }
            Err(error) => unreachable!("epoll_wait on a set of ours: {error}"),
        };
    }

    /// By the older call, which counts milliseconds: a wait is never shorter than asked for.
    fn wait_in_milliseconds(&self, harvest: &mut Harvest, timeout: Option<Duration>) -> Result<usize, Errno> {
        let milliseconds = timeout
            .map_or(-1, |timeout| i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
        // SAFETY: an `epoll::Event` is the kernel's structure, and there are `HARVEST` of them to be written to.
        let count = unsafe {
            let events = harvest.events.as_mut_ptr().cast::<libc::epoll_event>();
            libc::epoll_wait(self.set.as_raw_fd(), events, HARVEST as i32, milliseconds)
        };
        usize::try_from(count).map_err(|_| {
            let error = std::io::Error::last_os_error();
            Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
        })
    }

    /// What there is, without waiting. A call is for one who waits, so it is passed on: swallowed here, nobody
    /// would come, and no further call would be made while this one seems to be on its way.
    pub(crate) fn look(&self, harvest: &mut Harvest) {
        self.wait(harvest, Some(Duration::ZERO));
        if harvest.iter().count() < harvest.len {
            self.call();
        }
    }

    /// What there is, without waiting, for one who does not wait here: calls are taken as well. True if there was one;
    /// it is the caller's to find out whether it was for somebody.
    pub(crate) fn take(&self, harvest: &mut Harvest) -> bool {
        self.wait(harvest, Some(Duration::ZERO));
        harvest.iter().count() < harvest.len
    }

    /// Wakes one waiter, or keeps the next one from sleeping.
    pub(crate) fn call(&self) {
        // EAGAIN: 2^64 - 2 calls that nobody read; the counter is far from zero and stays readable.
        let _ = rustix::io::write(&self.call, &1u64.to_ne_bytes());
    }

    /// Whether a wait would return at once, without taking anything.
    pub(crate) fn is_ready(&self) -> bool {
        let mut fds = [PollFd::new(&self.set, PollFlags::IN)];
        let now = timespec(Duration::ZERO);
        matches!(rustix::event::poll(&mut fds, Some(&now)), Ok(n) if n > 0)
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_not_lost_and_every_one_is_an_edge() {
        let poller = Poller::new().unwrap();
        let mut harvest = Harvest::new();
        for _ in 0..3 {
            assert!(!poller.is_ready());
            poller.call();
            assert!(poller.is_ready());
            poller.wait(&mut harvest, None);
            assert_eq!((harvest.len, harvest.iter().count()), (1, 0));
            poller.wait(&mut harvest, Some(Duration::ZERO));
            assert_eq!(harvest.len, 0);
        }
    }

    #[test]
    fn the_longest_wait_needs_no_newer_call() {
        let milliseconds = i32::try_from(LONGEST.as_millis());
        assert!(milliseconds.is_ok(), "or the kernel must have epoll_pwait2");
        let poller = Poller::new().unwrap();
        poller.call();
        poller.wait(&mut Harvest::new(), Some(Duration::MAX));
    }

    #[test]
    fn the_older_call_waits_as_well_and_never_shorter() {
        let poller = Poller::new().unwrap();
        let mut harvest = Harvest::new();
        let started = std::time::Instant::now();
        let timeout = Duration::from_micros(1_100);
        assert_eq!(poller.wait_in_milliseconds(&mut harvest, Some(timeout)), Ok(0));
        assert!(started.elapsed() >= timeout);
        assert_eq!(poller.wait_in_milliseconds(&mut harvest, Some(Duration::ZERO)), Ok(0));
        let (read, write) = rustix::pipe::pipe().unwrap();
        poller.add(read.as_fd(), 7).unwrap();
        rustix::io::write(&write, b"x").unwrap();
        assert_eq!(poller.wait_in_milliseconds(&mut harvest, None), Ok(1));
        harvest.len = 1;
        let (token, flags) = harvest.iter().next().unwrap();
        assert!(token == 7 && flags.contains(EventFlags::IN));
    }

    #[test]
    fn a_look_leaves_calls_to_those_who_wait() {
        let poller = Poller::new().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        poller.add(read.as_fd(), 7).unwrap();
        rustix::io::write(&write, b"x").unwrap();
        poller.call();
        let mut harvest = Harvest::new();
        poller.look(&mut harvest);
        assert_eq!(harvest.iter().map(|(token, _)| token).collect::<Vec<_>>(), [7]);
        assert!(poller.is_ready(), "the call is still to be had");
        poller.wait(&mut harvest, None);
        poller.look(&mut harvest);
        assert!(!poller.is_ready(), "and is made once");
    }

    #[test]
    fn a_set_within_a_set_tells_once_for_each_time_it_is_armed() {
        let (outer, inner) = (Poller::new().unwrap(), Poller::new().unwrap());
        outer.add_once(&inner, 3).unwrap();
        let mut harvest = Harvest::new();
        for _ in 0..2 {
            inner.call();
            outer.wait(&mut harvest, None);
            assert_eq!(harvest.iter().map(|(token, _)| token).collect::<Vec<_>>(), [3]);
            inner.call();
            outer.wait(&mut harvest, Some(Duration::ZERO));
            assert_eq!(harvest.len, 0, "it is not armed");
            outer.arm(&inner, 3).unwrap();
            outer.wait(&mut harvest, None);
            assert_eq!(harvest.len, 1, "what was there before counts");
            assert!(inner.take(&mut harvest), "the call");
            outer.arm(&inner, 3).unwrap();
            outer.wait(&mut harvest, Some(Duration::ZERO));
            assert_eq!(harvest.len, 0, "there is nothing any more");
        }
    }

    #[test]
    fn an_edge_comes_once() {
        let poller = Poller::new().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        poller.add(read.as_fd(), 7).unwrap();
        rustix::io::write(&write, b"x").unwrap();
        let mut harvest = Harvest::new();
        poller.wait(&mut harvest, None);
        assert_eq!(harvest.iter().map(|(token, _)| token).collect::<Vec<_>>(), [7]);
        poller.wait(&mut harvest, Some(Duration::ZERO));
        assert_eq!(harvest.len, 0);
        poller.remove(read.as_fd());
        rustix::io::write(&write, b"x").unwrap();
        poller.wait(&mut harvest, Some(Duration::ZERO));
        assert_eq!(harvest.len, 0);
    }
}
