//! What a socket could do now, without doing it: `select`, `WSAPoll` and network events look here.
//!
//! The kernel tells what it knows; what it does not tell apart as NT does (a socket that was never connected, a connect
//! that failed, data before an end) the handle's facts decide.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use bitflags::bitflags;
use rustix::event::PollFlags;

use super::direction::Side;
use super::handle::{Class, Facts, Handle};
use super::socket::Socket;
use crate::driver::descriptor::Descriptor;
use crate::driver::socket;
use crate::status::Status;
use crate::sync::seat::blocking;

bitflags! {
    /// What can be done with a socket, or has become of it. The first six are Winsock's network events (`FD_READ` to
    /// `FD_CLOSE`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Ready: u8 {
        /// There is something to receive.
        const READ = 1;
        /// There is room for something to send.
        const WRITE = 2;
        /// There is urgent data.
        const URGENT = 4;
        /// There is a connection to accept.
        const ACCEPT = 8;
        /// It is connected, or as a network event: a connect has ended.
        const CONNECT = 16;
        /// The connection has ended, and all that came before the end was received.
        const CLOSE = 32;
        /// A connect in the background has failed.
        const FAILED = 64;
        /// The handle was closed.
        const GONE = 128;
    }
}

/// What the kernel is to be asked about a socket.
enum Ask {
    Nothing,
    This(Descriptor, PollFlags),
}

/// So often a wait looks at what nobody announces: closes, and connects of sockets that were not connected before.
const LOOK: Duration = Duration::from_millis(20);

/// The kernel keeps telling of an end that nobody asked about.
const BREATH: Duration = Duration::from_millis(1);

impl Handle {
    /// What the handle itself knows, and what the kernel is to be asked.
    fn ask(&self, wanted: Ready) -> (Ready, Ask) {
        let state = self.state.lock();
        let Some(fd) = state.fd.clone() else { return (Ready::GONE, Ask::Nothing) };
        let mut flags = PollFlags::empty();
        if wanted.intersects(Ready::READ | Ready::ACCEPT | Ready::CLOSE) {
            flags |= PollFlags::IN | PollFlags::RDHUP;
        }
        if wanted.contains(Ready::WRITE) {
            flags |= PollFlags::OUT;
        }
        if wanted.contains(Ready::URGENT) {
            flags |= PollFlags::PRI;
        }
        let alive = self.class != Class::Stream
            || state.facts.intersects(Facts::LISTENING | Facts::CONNECTED | Facts::ENGAGED);
        if alive {
            if state.facts.contains(Facts::ENGAGED) {
                flags |= PollFlags::OUT;
            }
            return (Ready::empty(), Ask::This(fd, flags));
        }
        let failed = state.seldom().is_some_and(|seldom| seldom.connect_error.is_some());
        (if failed { Ready::FAILED } else { Ready::empty() }, Ask::Nothing)
    }

    /// What the kernel's answer means, and how the connection ended if it has.
    fn understand(self: &std::sync::Arc<Self>, fd: &Descriptor, told: PollFlags) -> (Ready, Status) {
        if told.is_empty() {
            return (Ready::empty(), Status::SUCCESS);
        }
        let engaged = {
            let mut state = self.state.lock();
            let engaged = state.facts.contains(Facts::ENGAGED);
            if engaged {
                state.tx.event(false);
            }
            engaged
        };
        if engaged {
            // Whoever hears of it takes the connect further.
            self.run(Side::Tx, None);
        }
        let mut state = self.state.lock();
        let facts = state.facts;
        let mut ready = Ready::empty();
        if self.class == Class::Datagram {
            ready.set(Ready::READ, told.intersects(PollFlags::IN | PollFlags::ERR));
            ready.set(Ready::WRITE, told.contains(PollFlags::OUT));
            return (ready, Status::SUCCESS);
        }
        if facts.contains(Facts::LISTENING) {
            ready.set(Ready::ACCEPT, told.contains(PollFlags::IN));
            return (ready, Status::SUCCESS);
        }
        if !facts.contains(Facts::CONNECTED) || facts.contains(Facts::ENGAGED) {
            return (ready, Status::SUCCESS);
        }
        ready |= Ready::CONNECT;
        ready.set(Ready::WRITE, told.contains(PollFlags::OUT));
        ready.set(Ready::URGENT, told.contains(PollFlags::PRI));
        let failed = told.contains(PollFlags::ERR) && state.zero().is_none();
        let ended = told.intersects(PollFlags::RDHUP | PollFlags::HUP) || failed;
        let data = told.contains(PollFlags::IN)
            && (!ended || rustix::io::ioctl_fionread(fd.as_fd()).is_ok_and(|count| count > 0));
        ready.set(Ready::READ, data);
        ready.set(Ready::CLOSE, ended && !data);
        let mut status = Status::SUCCESS;
        if ended && !data {
            if failed && let Err(error) = socket::take_error(fd.as_fd()) {
                // The kernel tells it once.
                state.broken = state.broken.or(Some(Status::from(error)));
            }
            status = state.broken.unwrap_or(Status::SUCCESS);
        }
        (ready, status)
    }

    /// What could be done now, and how the connection ended if it has.
    pub(super) fn level(self: &std::sync::Arc<Self>) -> (Ready, Status) {
        match self.ask(Ready::all()) {
            (ready, Ask::Nothing) => (ready, Status::SUCCESS),
            (_, Ask::This(fd, flags)) => {
                let told = socket::told(fd.as_fd(), flags);
                let (mut ready, status) = self.understand(&fd, told);
                if !ready.contains(Ready::CONNECT) && self.class == Class::Stream {
                    ready |= self.ask(Ready::empty()).0;
                }
                (ready, status)
            }
        }
    }
}

impl Socket {
    /// What could be done with it now. Takes nothing from it, and disturbs no operation that is pending.
    ///
    /// ```
    /// use proactor::{Ready, Socket, op};
    ///
    /// let (ours, theirs) = Socket::pair()?;
    /// assert_eq!(ours.ready(), Ready::WRITE | Ready::CONNECT);
    /// theirs.attempt(op::Send::new("ping"))?;
    /// assert!(ours.ready().contains(Ready::READ));
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn ready(&self) -> Ready {
        self.0.level().0
    }

    /// Waits until one of several sockets can do some of what is wanted of it, or the time is over (`select`). Returns
    /// what each of them can do of that; `GONE` of a handle that was closed is never left out. `None` waits for ever. A
    /// worker's seat is given to another meanwhile.
    ///
    /// ```
    /// use std::time::Duration;
    /// use proactor::{Ready, Socket, op};
    ///
    /// let (ours, theirs) = Socket::pair()?;
    /// assert_eq!(Socket::wait_ready(&[(&ours, Ready::READ)], Some(Duration::ZERO)), [Ready::empty()]);
    /// theirs.attempt(op::Send::new("ping"))?;
    /// assert_eq!(Socket::wait_ready(&[(&ours, Ready::READ)], None), [Ready::READ]);
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn wait_ready(sockets: &[(&Socket, Ready)], timeout: Option<Duration>) -> Vec<Ready> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut wait = Duration::ZERO;
        loop {
            let mut found: Vec<Ready> = Vec::with_capacity(sockets.len());
            let mut asked = Vec::with_capacity(sockets.len());
            for (at, (socket, wanted)) in sockets.iter().enumerate() {
                let (known, ask) = socket.0.ask(*wanted);
                found.push(known & (*wanted | Ready::GONE));
                if let Ask::This(fd, flags) = ask {
                    asked.push((at, fd, flags));
                }
            }
            if found.iter().any(|ready| !ready.is_empty()) {
                wait = Duration::ZERO;
            }
            let list: Vec<_> = asked.iter().map(|(_, fd, flags)| (fd.as_fd(), *flags)).collect();
            let told = match wait.is_zero() {
                true => socket::told_of_any(&list, wait),
                false => blocking(|| socket::told_of_any(&list, wait)),
            };
            for ((at, fd, _), told) in asked.iter().zip(&told) {
                let (socket, wanted) = &sockets[*at];
                found[*at] |= socket.0.understand(fd, *told).0 & *wanted;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let over =
                timeout.is_some_and(|timeout| timeout.is_zero()) || left.is_some_and(|left| left.is_zero());
            if over || found.iter().any(|ready| !ready.is_empty()) {
                return found;
            }
            if told.iter().any(|told| !told.is_empty()) {
                blocking(|| std::thread::sleep(BREATH));
            }
            wait = left.map_or(LOOK, |left| left.min(LOOK));
        }
    }
}
