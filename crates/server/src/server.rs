//! The server: its listening socket, its workers, and its orderly end.

use std::any::Any;
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use proactor::{Address, BufPool, Modes, Op, Packet, Port, Socket, Status, Workers, op, processors};

use crate::builder::Builder;
use crate::datagrams::Datagrams;
use crate::end::{Counters, Counts, one};
use crate::framing::{FrameError, Framing};
use crate::handler::{Handler, Side};
use crate::limits::{Full, Limits, Periods, Timeouts};
use crate::room::{Delivery, Frame, deliver};
use crate::session::{Apart, Inner, Outgoing, Session, Waiter};
use crate::table::{SessionId, Table};
use crate::wheel::Wheel;

/// Accepts under way at once, so that a burst of connections is taken by several workers.
const ACCEPTS: usize = 4;
/// Starts refused one after the other, each for something that failed before, until something else must be wrong.
const TRIES: usize = 64;
/// Then it is tried again after so long.
const PAUSE: Duration = Duration::from_millis(50);
/// No datagram is longer.
const DATAGRAM: usize = 1 << 16;
/// Posts a session can have in the queue: either token, or the end.
const POSTS: usize = 3;

/// What a socket is associated with.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Listener,
    /// A datagram socket, which is the sessions' own.
    Datagrams,
    /// By number, which takes less in the port's table than the session would. One that has ended is not found, and
    /// what comes for it then is of no concern: its end has been told.
    Session(SessionId),
}

/// What a session posts to itself.
pub(crate) enum Event {
    /// It had its turns of receives; the receive token.
    Receive(op::Recv),
    /// It had its turn of messages; the receive token.
    Resume(op::Recv),
    /// It had its turn of datagrams; the receive token.
    Attend,
    /// It had its turns of sends; the send token.
    Send(Outgoing),
    /// The sends are through and the peer had ended before; the receive token.
    Finish,
}

/// What all sessions of a server share.
pub(crate) struct Shared {
    pub(crate) port: Port<Key, Event>,
    pub(crate) framing: Framing,
    pub(crate) limits: Limits,
    pub(crate) periods: Periods,
    pub(crate) full: Full,
    /// Sends of so many bytes are not copied.
    pub(crate) zero_copy: usize,
    pub(crate) pool: BufPool,
    pub(crate) counters: Counters,
    pub(crate) wheel: Wheel,
    /// Of the type that all sessions are made for.
    pub(crate) handler: Box<dyn Any + Send + Sync>,
    pub(crate) datagrams: Datagrams,
    pub(crate) listener: Socket,
    pub(crate) table: Table,
    workers: usize,
    /// No more sessions are let in.
    stopping: AtomicBool,
    /// Workers that wait for room in a queue.
    waiters: AtomicUsize,
    /// Locked to tell, or to wait for, the last session's end.
    last: Mutex<()>,
    empty: Condvar,
}

thread_local! {
    /// Whose worker this thread is: the address of its `Shared`.
    static WORKS_FOR: Cell<usize> = const { Cell::new(0) };
}

impl Shared {
    /// What a worker does with a packet.
    fn work<H: Handler>(self: &Arc<Self>, packet: Packet<Key, Event>) {
        WORKS_FOR.set(Arc::as_ptr(self).addr());
        match (packet.key, packet.op) {
            (_, Op::Accept(accept)) => self.accepted::<H>(accept),
            (Key::Session(id), op) => {
                if let Some(session) = self.table.get(id) {
                    serve(&session, op);
                }
            }
            (Key::Datagrams, Op::RecvFrom(recv)) => self.datagram_came::<H>(recv),
            (Key::Datagrams, Op::SendTo(send)) => self.datagram_sent(send),
            _ => {}
        }
    }

    fn is_worker(&self) -> bool {
        WORKS_FOR.get() == std::ptr::from_ref(self).addr()
    }

    fn accept(&self, accept: op::Accept) {
        self.start_again(accept, |socket, accept| socket.accept(accept).map(drop));
    }

    /// Starts what has to be under way for as long as the socket is open.
    pub(crate) fn start_again<O>(
        &self,
        mut op: O,
        start: impl Fn(&Socket, O) -> Result<(), proactor::Refused<O>>,
    ) {
        let mut tries = 0;
        while let Err(refused) = start(&self.listener, op) {
            if self.listener.is_closed() {
                return;
            }
            one(&self.counters.refused);
            op = refused.op;
            tries += 1;
            if tries % TRIES == 0 {
                proactor::blocking(|| std::thread::sleep(PAUSE));
            }
        }
    }

    /// A session may have ended before its last send did.
    fn datagram_sent(&self, send: op::SendTo) {
        if let Some(session) = self.table.get(SessionId::from_u64(send.tag() as u64)) {
            let result = send.result();
            session.send_completed(Outgoing::Datagram(send), result);
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    fn accepted<H: Handler>(self: &Arc<Self>, mut accept: op::Accept) {
        let connection = accept.take_connection();
        if !self.listener.is_closed() {
            // First of all somebody waits for the next one.
            self.accept(accept);
        }
        let Some(connection) = connection else { return };
        match self.welcome::<H>(connection) {
            Some(session) => {
                one(&self.counters.accepted);
                session.begin();
            }
            None => one(&self.counters.refused),
        }
    }

    fn welcome<H: Handler>(self: &Arc<Self>, connection: Socket) -> Option<Session> {
        // What is done at once needs no packet: the worker goes on by itself.
        connection.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).ok()?;
        // An answer that waits for the acknowledgement of the one before is late. Not every stream is TCP.
        let _ = connection.set_nodelay(true);
        let apart = self.framing.layer().ok()?.map(|layer| Apart::Layer(Mutex::new(layer)));
        let session = self.table.insert(|id| {
            let side = Side::<H>::new();
            Session(Arc::new(Inner::new(id, self.clone(), connection.clone(), apart, side)))
        })?;
        let id = session.id();
        self.wheel.insert(id.index(), self.periods.shortest);
        if connection.associate(&self.port, Key::Session(id)).is_err() {
            self.gone(id);
            return None;
        }
        if self.is_stopping() {
            // A shutdown may have looked for sessions before this was one.
            session.leave();
        }
        Some(session)
    }

    /// A session has ended.
    pub(crate) fn gone(&self, id: SessionId) {
        if self.table.remove(id) {
            let _waiting = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            self.empty.notify_all();
        }
    }

    /// Leave to wait for room in a queue. Of the workers one is kept, who sees that there is room.
    pub(crate) fn waiter(&self) -> Option<Waiter<'_>> {
        if !self.is_worker() {
            return Some(Waiter(None));
        }
        let most = self.workers - 1;
        let entered = self.waiters.fetch_update(AcqRel, Acquire, |now| (now < most).then_some(now + 1));
        entered.is_ok().then(|| Waiter(Some(&self.waiters)))
    }

    /// Waits until no session is left, and lets in no more then; false when the deadline came first.
    fn wait_until_sealed(&self, deadline: Option<Instant>) -> bool {
        proactor::blocking(|| {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            while !self.table.seal() {
                last = match deadline {
                    None => self.empty.wait(last).unwrap_or_else(PoisonError::into_inner),
                    Some(at) => {
                        let Some(left) = at.checked_duration_since(Instant::now()) else { return false };
                        self.empty.wait_timeout(last, left).unwrap_or_else(PoisonError::into_inner).0
                    }
                };
            }
            true
        })
    }
}

/// What a session does with its packet.
fn serve(session: &Session, op: Op<Event>) {
    match op {
        Op::Recv(recv) => session.receive_completed(recv),
        Op::Send(send) => {
            let result = send.result();
            session.send_completed(Outgoing::Stream(send), result);
        }
        Op::Transmit(transmit) => {
            let result = transmit.result();
            session.send_completed(Outgoing::File(transmit), result);
        }
        Op::Posted(Event::Receive(recv)) => session.receive_again(recv),
        Op::Posted(Event::Resume(recv)) => session.resume(recv),
        Op::Posted(Event::Send(send)) => session.pump(send),
        Op::Posted(Event::Finish) => session.finish(),
        Op::Posted(Event::Attend) => session.attend(),
        _ => {}
    }
}

/// The sessions of a server. Clones are the same; they do not keep the server running.
#[derive(Clone)]
pub struct Sessions(pub(crate) Arc<Shared>);

impl Sessions {
    /// The session of that number, unless it has ended.
    pub fn get(&self, id: SessionId) -> Option<Session> {
        self.0.table.get(id)
    }

    /// All of them, at this moment.
    pub fn all(&self) -> Vec<Session> {
        self.0.table.all()
    }

    /// A message framed once, to be sent to many.
    pub fn frame(&self, message: &[u8]) -> Result<Frame, FrameError> {
        Ok(Frame(self.0.framing.encode(message, self.0.limits.message)?.into()))
    }

    /// Sends a message to all.
    pub fn broadcast(&self, frame: &Frame) -> Delivery {
        deliver(frame, self.all().iter())
    }

    /// What has been done so far.
    pub fn counts(&self) -> Counts {
        self.0.counters.now(self.0.table.open())
    }
}

/// A server that runs. Dropping it breaks all sessions off.
pub struct Server {
    sessions: Sessions,
    running: Option<Running>,
}

struct Running {
    workers: Workers,
    wheel: JoinHandle<()>,
    /// The socket is the sessions' own, and not for listening.
    datagrams: bool,
}

impl Server {
    /// A server to be, with this framing and default limits.
    pub fn builder(framing: Framing) -> Builder {
        Builder {
            framing,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            full: Full::default(),
            workers: (4 * processors()).max(8),
            concurrency: 0,
            zero_copy: Some(4 * op::ZERO_COPY_FROM),
        }
    }

    pub(crate) fn run<H: Handler>(
        made: Builder,
        listener: Socket,
        key: Key,
        handler: H,
    ) -> Result<Server, Status> {
        let limits = proactor::Limits {
            workers: made.workers,
            posts: made.limits.sessions.saturating_mul(POSTS),
            handles: (made.limits.sessions + ACCEPTS).min(1 << 20),
            locked_bytes: made.limits.locked_bytes,
            blocks: made.limits.blocks,
        };
        let port = Port::with_limits(made.concurrency, limits)?;
        listener.associate(&port, key)?;
        let periods = Periods::new(&made.timeouts);
        let shared = Arc::new(Shared {
            port,
            framing: made.framing,
            pool: BufPool::new(made.limits.receive_buffer, made.limits.receive_buffers),
            table: Table::new(made.limits.sessions),
            limits: made.limits,
            wheel: Wheel::new(periods.shortest),
            periods,
            full: made.full,
            zero_copy: made.zero_copy.unwrap_or(usize::MAX),
            counters: Counters::default(),
            handler: Box::new(handler),
            datagrams: Datagrams::default(),
            listener,
            stopping: AtomicBool::new(false),
            workers: made.workers,
            waiters: AtomicUsize::new(0),
            last: Mutex::new(()),
            empty: Condvar::new(),
        });
        let ours = shared.clone();
        let workers = Workers::start(&shared.port, made.workers, move |packet| ours.work::<H>(packet))?;
        let turned = shared.clone();
        let turn = move || turned.wheel.turn(|index| Some(turned.table.at(index)?.look()));
        let Ok(wheel) = std::thread::Builder::new().name("session-times".into()).spawn(turn) else {
            shared.port.close();
            workers.join();
            return Err(Status::TOO_MANY_THREADS);
        };
        let datagrams = matches!(key, Key::Datagrams);
        match key {
            Key::Datagrams => {
                shared.receive_datagram(op::RecvFrom::new(vec![0; shared.limits.message.min(DATAGRAM)]));
            }
            _ => (0..ACCEPTS).for_each(|_| shared.accept(op::Accept::new())),
        }
        Ok(Server { sessions: Sessions(shared), running: Some(Running { workers, wheel, datagrams }) })
    }

    /// Where it listens; `INVALID_ADDRESS` if that is no Internet address.
    pub fn local_addr(&self) -> Result<SocketAddr, Status> {
        self.sessions.0.listener.local_addr()?.ip().ok_or(Status::INVALID_ADDRESS)
    }

    /// Where it listens, Internet or Unix.
    pub fn address(&self) -> Result<Address, Status> {
        self.sessions.0.listener.local_addr()
    }

    /// Its sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// What its port is doing.
    pub fn port(&self) -> proactor::diagnose::PortSnapshot {
        self.sessions.0.port.snapshot()
    }

    /// Ends in good order: accepts no more, lets running handlers return and everything queued go out, for as long as
    /// `within`; breaks off what is left; waits until every session has been told its end and the workers have ended.
    ///
    /// Blocks; a handler that never returns keeps it. To be called from outside of handlers. The counts at the end:
    /// `messages_lost` is what there was no time for.
    pub fn shutdown(mut self, within: Duration) -> Counts {
        self.stop(within)
    }

    fn stop(&mut self, within: Duration) -> Counts {
        let shared = &self.sessions.0;
        let Some(running) = self.running.take() else { return self.sessions.counts() };
        shared.stopping.store(true, SeqCst);
        if !running.datagrams {
            // It is ours. One for datagrams still has to send.
            let _ = shared.listener.close();
        }
        let deadline = Instant::now().checked_add(within);
        shared.table.all().iter().for_each(Session::leave);
        if !shared.wait_until_sealed(deadline) {
            self.evict_all();
        }
        shared.wheel.stop();
        let _ = shared.listener.close();
        shared.port.close();
        running.workers.join();
        // It runs nothing of the user's, so it does not panic.
        let _ = running.wheel.join();
        self.sessions.counts()
    }

    /// Breaks off what is left, and again what was accepted meanwhile.
    fn evict_all(&self) {
        const AGAIN: Duration = Duration::from_millis(20);
        let shared = &self.sessions.0;
        loop {
            shared.table.all().iter().for_each(Session::evict);
            if shared.wait_until_sealed(Some(Instant::now() + AGAIN)) {
                return;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A handler can't wait for its own worker: then the others end the sessions, and all of it with the process.
        if !self.sessions.0.is_worker() {
            self.stop(Duration::ZERO);
        }
    }
}
