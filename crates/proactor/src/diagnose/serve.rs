//! Being looked into: a socket at which this process tells what it is doing, to its own user and to root.
//!
//! It is served by the library's service thread, so it answers when every worker is stuck. That thread has other
//! things to do, so nobody can keep it: nothing here blocks; there are so many clients at most, each with a request
//! of so many bytes and so much time; and a report that was expensive is told again for a while before the next
//! one is made.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};

use super::place::Folder;
use super::report::report;
use super::wire;
use crate::driver::epoll::EventFlags;
use crate::driver::socket::peer;
use crate::op::slab::Irp;
use crate::service::table::Source;
use crate::service::{Tick, service, weak_source};
use crate::status::Status;
use crate::sync::lock::Lock;

/// Clients at one time; the next is told that it is one too many.
const MOST_CLIENTS: usize = 8;
/// Connections that are accepted in one go,
const MOST_ACCEPTS: usize = 16;
/// and how long the next have to wait then, while the service thread sees to others.
const REST: Duration = Duration::from_millis(2);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 16;
/// A request is longer: whoever sends it is not one of ours.
const MOST_REQUEST: usize = 64;
/// A client that has not asked and taken its answer after so long is sent away.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at the clients, and before accepting is tried again where descriptors have run out.
const LOOK: Duration = Duration::from_millis(250);
/// A report is told again for so long at least,
const FRESH: Duration = Duration::from_millis(20);
/// and for so many times as long as it took to make: that is at most a twentieth of the service thread's time.
const FRESH_TIMES: u32 = 19;

/// While it exists, this process can be looked into from outside by [`look_into`](super::look_into),
/// `proactor wait-chain` and `proactor top`, also when every worker of it is stuck. Dropping the last one ends that.
#[derive(Debug)]
#[must_use = "dropping it ends what it stands for"]
pub struct Diagnosis(());

/// The server, and how many stand for it.
static SERVED: Lock<Option<(Arc<Server>, usize)>> = Lock::new(None);

/// Lets this process be looked into by its user, and by root.
///
/// It makes a socket in `$XDG_RUNTIME_DIR/proactor`, `/run/user/UID/proactor` or `/tmp/proactor-UID`, a folder that only
/// the user may enter; who connects is asked for its user besides. The socket is removed with the [`Diagnosis`]; one
/// that a killed process leaves behind is removed by whoever next looks there. Costs nothing while nobody looks.
///
/// Does not block. `ACCESS_DENIED` when the folder belongs to somebody else or is open to others,
/// `ADDRESS_ALREADY_EXISTS` when a process of the same number serves there already, from another part of a container
/// that shares the folder; `TOO_MANY_OPENED_FILES` without descriptors, `TOO_MANY_THREADS` when the service thread could not be started.
///
/// ```
/// let diagnosis = proactor::diagnose::serve()?;
/// let report = proactor::diagnose::look_into(std::process::id())?;
/// assert!(report.deadlocks().is_empty());
/// # drop(diagnosis);
/// # Ok::<(), proactor::Status>(())
/// ```
pub fn serve() -> Result<Diagnosis, Status> {
    let mut served = SERVED.lock();
    match &mut *served {
        Some((_, count)) => *count += 1,
        None => *served = Some((Server::start()?, 1)),
    }
    Ok(Diagnosis(()))
}

impl Drop for Diagnosis {
    fn drop(&mut self) {
        let mut served = SERVED.lock();
        if let Some((server, count)) = &mut *served {
            *count -= 1;
            if *count == 0 {
                // Under the lock, so that who serves next finds the place empty.
                server.stop();
                *served = None;
            }
        }
    }
}

struct Server {
    me: Weak<Server>,
    process: u32,
    folder: Folder,
    listener: OwnedFd,
    token: OnceLock<u64>,
    rest: Arc<Rest>,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    clients: Vec<Arc<Client>>,
    /// Somebody could not be accepted, and no event will say so again.
    accept_again: bool,
    /// So many have come that accepting rests for a moment, whatever events say.
    resting: bool,
    ticking: bool,
    stopped: bool,
    /// The last report, and until when it is fresh.
    report: Option<(Arc<str>, Instant)>,
}

impl Server {
    fn start() -> Result<Arc<Server>, Status> {
        let process = std::process::id();
        let service = service()?;
        let folder = Folder::make()?;
        // What the dead have left; also so that the folder does not fill up where nobody ever looks.
        let _ = folder.processes();
        let listener = folder.listen(process, BACKLOG)?;
        let server = Arc::new_cyclic(|me| Server {
            me: me.clone(),
            process,
            folder,
            listener,
            token: OnceLock::new(),
            rest: Arc::new(Rest(me.clone())),
            state: Lock::default(),
        });
        match service.attach(server.listener.as_fd(), weak_source(&server)) {
            Ok(token) => {
                let _ = server.token.set(token);
                Ok(server)
            }
            Err(status) => {
                server.folder.remove(process);
                Err(status)
            }
        }
    }

    fn stop(&self) {
        // A child that was forked off has the parent's socket in its hands, not its own.
        if std::process::id() == self.process {
            self.folder.remove(self.process);
        }
        if let (Some(token), Ok(service)) = (self.token.get(), service()) {
            service.detach(Some(self.listener.as_fd()), *token);
        }
        let clients = {
            let mut state = self.state.lock();
            state.stopped = true;
            std::mem::take(&mut state.clients)
        };
        drop(clients);
    }

    /// Accepts those who wait; false when there may be more of them than can be had at once.
    fn accept(&self) -> bool {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        for _ in 0..MOST_ACCEPTS {
            match rustix::net::accept_with(&self.listener, flags) {
                Ok(fd) => self.welcome(fd),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => return true,
                Err(_) => {
                    self.state.lock().accept_again = true;
                    self.tick_on();
                    return true;
                }
            }
        }
        false
    }

    /// Accepts, and goes on after a rest until nobody waits: events come only for those who connect later.
    fn accept_all(&self) {
        if self.state.lock().resting || self.accept() {
            return;
        }
        if let Ok(service) = service() {
            self.state.lock().resting = true;
            let rest: Weak<Rest> = Arc::downgrade(&self.rest);
            service.tick_after(REST, rest);
        }
    }

    fn welcome(&self, fd: OwnedFd) {
        let Ok(peer) = peer(fd.as_fd()) else { return };
        if peer.user != 0 && peer.user != rustix::process::geteuid().as_raw() {
            return;
        }
        let client = Arc::new(Client {
            server: self.me.clone(),
            fd,
            token: OnceLock::new(),
            until: Instant::now() + PATIENCE,
            talk: Lock::default(),
        });
        {
            let mut state = self.state.lock();
            if state.stopped {
                return;
            }
            if state.clients.len() >= MOST_CLIENTS {
                drop(state);
                let line = format!("{}\n", wire::BUSY_LINE);
                let _ = rustix::net::send(&client.fd, line.as_bytes(), SendFlags::NOSIGNAL);
                return;
            }
            state.clients.push(client.clone());
        }
        let Ok(service) = service() else { return self.dismiss(&client) };
        match service.attach(client.fd.as_fd(), weak_source(&client)) {
            Ok(token) => {
                let _ = client.token.set(token);
                self.tick_on();
            }
            Err(_) => self.dismiss(&client),
        }
    }

    fn dismiss(&self, client: &Arc<Client>) {
        let gone = {
            let mut state = self.state.lock();
            let at = state.clients.iter().position(|other| Arc::ptr_eq(other, client));
            at.map(|at| state.clients.swap_remove(at))
        };
        drop(gone);
    }

    fn tick_on(&self) {
        if !std::mem::replace(&mut self.state.lock().ticking, true)
            && let Ok(service) = service()
        {
            let me: Weak<Server> = self.me.clone();
            service.tick_after(LOOK, me);
        }
    }

    /// A report as text. Only the service thread calls this.
    fn text(&self) -> Arc<str> {
        let began = Instant::now();
        if let Some((text, until)) = &self.state.lock().report
            && *until > began
        {
            return text.clone();
        }
        let text: Arc<str> = wire::encode(&report()).into();
        let now = Instant::now();
        let until = now + FRESH.max((now - began) * FRESH_TIMES);
        self.state.lock().report = Some((text.clone(), until));
        text
    }
}

impl Source for Server {
    fn ready(self: Arc<Self>, _: EventFlags, _: bool) -> Option<Irp> {
        self.accept_all();
        None
    }

    fn abandon(self: Arc<Self>) {}

    fn pending(&self) -> usize {
        0
    }
}

impl Tick for Server {
    fn tick(self: Arc<Self>) -> Option<Duration> {
        let now = Instant::now();
        let (late, again) = {
            let mut state = self.state.lock();
            let late: Vec<_> = state.clients.extract_if(.., |client| client.until <= now).collect();
            // Nobody holds on to a report that nobody asks for.
            state.report.take_if(|(_, until)| *until <= now);
            (late, std::mem::take(&mut state.accept_again))
        };
        drop(late);
        if again {
            self.accept_all();
        }
        let mut state = self.state.lock();
        state.ticking = state.accept_again || !state.clients.is_empty() || state.report.is_some();
        state.ticking.then_some(LOOK)
    }
}

/// Goes on with accepting.
struct Rest(Weak<Server>);

impl Tick for Rest {
    fn tick(self: Arc<Self>) -> Option<Duration> {
        let server = self.0.upgrade()?;
        if !server.accept() {
            return Some(REST);
        }
        server.state.lock().resting = false;
        None
    }
}

struct Client {
    server: Weak<Server>,
    fd: OwnedFd,
    token: OnceLock<u64>,
    until: Instant,
    talk: Lock<Talk>,
}

/// How far the conversation has come.
#[derive(Default)]
struct Talk {
    asked: Vec<u8>,
    answer: Option<Arc<str>>,
    sent: usize,
}

/// Why a conversation does not go on now.
enum Pause {
    /// The socket has nothing more, or takes nothing more, at the moment.
    Later,
    Over,
}

impl Client {
    /// Goes on as far as it goes without waiting.
    fn talk(&self, server: &Server) -> Pause {
        let talk = &mut *self.talk.lock();
        let answer = match &talk.answer {
            Some(answer) => answer.clone(),
            None => match self.listen(&mut talk.asked) {
                Ok(()) => talk.answer.insert(server.text()).clone(),
                Err(pause) => return pause,
            },
        };
        while talk.sent < answer.len() {
            match rustix::net::send(&self.fd, &answer.as_bytes()[talk.sent..], SendFlags::NOSIGNAL) {
                Ok(sent) => talk.sent += sent,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Pause::Later,
                Err(_) => return Pause::Over,
            }
        }
        Pause::Over
    }

    /// Takes the request; fine once it is whole.
    fn listen(&self, asked: &mut Vec<u8>) -> Result<(), Pause> {
        let mut some = [0; MOST_REQUEST];
        loop {
            match rustix::net::recv(&self.fd, &mut some[..], RecvFlags::empty()) {
                Ok((0, _)) => return Err(Pause::Over),
                Ok((count, _)) => asked.extend_from_slice(&some[..count.min(some.len())]),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Err(Pause::Later),
                Err(_) => return Err(Pause::Over),
            }
            if let Some(end) = asked.iter().position(|byte| *byte == b'\n') {
                return if asked[..end] == *wire::REQUEST.as_bytes() { Ok(()) } else { Err(Pause::Over) };
            }
            if asked.len() >= MOST_REQUEST {
                return Err(Pause::Over);
            }
        }
    }
}

impl Source for Client {
    fn ready(self: Arc<Self>, _: EventFlags, _: bool) -> Option<Irp> {
        if let Some(server) = self.server.upgrade()
            && let Pause::Over = self.talk(&server)
        {
            server.dismiss(&self);
        }
        None
    }

    fn abandon(self: Arc<Self>) {}

    fn pending(&self) -> usize {
        0
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let (Some(token), Ok(service)) = (self.token.get(), service()) {
            service.detach(Some(self.fd.as_fd()), *token);
        }
    }
}
