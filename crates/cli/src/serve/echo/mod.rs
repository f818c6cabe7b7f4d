//! The echo server: every byte back to where it came from. Also the example of how a server is written on a port.
//!
//! One receive *or* one send of a session is under way at any time. The operation goes round with its session:
//! receive, send from the same buffer, receive again; it keeps the socket open, and the session has ended when
//! nobody starts it again. While it waits for its peer it holds no buffer.

mod counts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use std::sync::mpsc::Sender;

use proactor::diagnose::PortSnapshot;
use proactor::files::{self, Choice};
use proactor::{BufPool, Limits, Modes, Op, Packet, Port, Socket, Started, Status, Workers, op};

use self::counts::{Counters, Counts, one};
use super::arguments::{
    buffer_size, concurrency, default_workers, locked_bytes, session_count, worker_count,
};
use super::{End, Running, address};
use crate::{descriptors, say};

/// Accepts under way at once, so that a burst of connections is taken by several workers.
const ACCEPTS: usize = 16;
/// Errors an accept may end in, one after the other, before it is given up: those of the network pass.
const ACCEPT_TRIES: usize = 64;
/// Lines about faults, altogether; the rest are only counted.
const FAULT_LINES: u64 = 100;

/// Send back every byte that comes.
///
/// Accepts TCP connections and sends everything back in order, until the peer has ended. Ctrl-C or SIGTERM ends
/// the server: it accepts no more, closes the connections, prints a summary and exits with status 0. A second one
/// ends it at once.
///
/// Peers that reset or vanish are counted and not logged: they do that every day. Faults are logged in a line
/// each on the standard error, 100 at most, and counted.
///
/// A connection that waits for its peer holds no buffer. It takes one from the pool when data have come, and keeps
/// it until they are sent back, so only peers that do not read hold on to one. A connection that has data when all
/// buffers are taken is dropped, and counted as such: it costs that peer its connection and the others nothing.
#[derive(clap::Args)]
#[command(
    max_term_width = 100,
    after_help = "\
Each second it prints one line (not with --quiet), such as

  12 s  10,000 connections   412,330 messages/s    6.3 MiB/s  running 2 blocked 0 parked 6  queue 14

A message is one receive that brought data. `running` workers have a seat, `blocked` ones wait inside a handler \
and have lent their seat to another, `parked` ones wait for work; `queue` counts packets that wait for workers. \
Behind that come, if there are any: accept pauses (no descriptors were left), connections refused beyond the limit, \
connections dropped for want of buffers, faults.

Examples:
  proactor serve echo                        on 127.0.0.1:7000; try `nc 127.0.0.1 7000`
  proactor serve echo --listen [::]:0        on a free port; the first line says which
  proactor serve echo --workers 2 --concurrency 2 --quiet > summary.txt"
)]
pub struct Args {
    /// Where to listen, as HOST:PORT. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7000")]
    pub listen: String,
    /// Threads that take packets, 1 to 32767. More than run at once: they stand in for those that block.
    /// [default: 4 a processor, at least 8]
    #[arg(long, value_name = "N", value_parser = worker_count)]
    pub workers: Option<usize>,
    /// Threads that run at once, at most 32767. 0 is one a processor.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = concurrency)]
    pub concurrency: usize,
    /// What moves file data: auto, io_uring or threads. The echo server moves none, so this matters only to
    /// those who try whether it can be had.
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = str::parse::<Choice>)]
    pub backend: Choice,
    /// The size of a buffer in bytes, 1 to 1073741824: the most that one receive brings.
    #[arg(long, value_name = "BYTES", default_value_t = 16_384, value_parser = buffer_size)]
    pub buffer: usize,
    /// The most buffers there are, for all connections together. Made when first needed, and kept.
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub buffers: usize,
    /// The most connections at one time. One beyond is closed at once, and counted as refused. [default: no limit
    /// but that of descriptors]
    #[arg(long, value_name = "N", value_parser = session_count)]
    pub limit_sessions: Option<usize>,
    /// Memory that sends under way may lock, in whole pages of 4 KiB, as in 64M or 1G. A connection whose send would be
    /// beyond is dropped, and counted as such. [default: a quarter of the machine's]
    #[arg(long, value_name = "BYTES", value_parser = locked_bytes)]
    pub limit_locked: Option<usize>,
    /// Print no figures; only where it listens, faults, and the summary.
    #[arg(short, long)]
    pub quiet: bool,
}

/// The key of a connection is its peer; what is posted is a receive whose turn is yet to come.
type EchoPort = Port<SocketAddr, op::Recv>;

/// The running server.
pub struct Echo {
    server: Arc<Server>,
    workers: Workers,
    address: SocketAddr,
}

/// What the workers share.
struct Server {
    port: EchoPort,
    listener: Socket,
    buffers: BufPool,
    counters: Counters,
    fault_lines: AtomicU64,
    /// Connections there are, and the most there may be.
    open: AtomicUsize,
    most: usize,
    /// Accepts that have not been given up.
    accepts: AtomicUsize,
    tell: Sender<End>,
}

impl Echo {
    pub fn start(args: &Args, tell: Sender<End>) -> Result<Echo, String> {
        choose(args.backend);
        let workers = args.workers.unwrap_or_else(default_workers);
        if args.buffers < workers {
            return Err(format!(
                "--buffers {} is too few for {workers} workers, each of which may need one: give at least \
                 {workers}, or fewer --workers",
                args.buffers
            ));
        }
        address::tell_capacity(descriptors::raise(), workers as u64);
        let listener = address::listen(&args.listen)?;
        let mut limits = Limits { workers, ..Limits::default() };
        limits.locked_bytes = args.limit_locked.unwrap_or(limits.locked_bytes);
        let refused = |status| say::cannot_start(workers, status);
        let port = EchoPort::with_limits(args.concurrency, limits).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let address = address.ip().ok_or("the listening socket has no Internet address")?;
        listener.associate(&port, address).map_err(refused)?;
        let server = Arc::new(Server {
            port,
            listener,
            buffers: BufPool::new(args.buffer, args.buffers),
            counters: Counters::default(),
            fault_lines: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            most: args.limit_sessions.unwrap_or(usize::MAX),
            accepts: AtomicUsize::new(ACCEPTS),
            tell,
        });
        let shared = server.clone();
        let workers =
            Workers::start(&server.port, workers, move |packet| shared.handle(packet)).map_err(refused)?;
        for _ in 0..ACCEPTS {
            server.accept(op::Accept::new());
        }
        Ok(Echo { server, workers, address })
    }
}

impl Running for Echo {
    type Counts = Counts;

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn counts(&self) -> Counts {
        let mut counts = self.server.counters.now();
        counts.faults += self.workers.panics();
        counts
    }

    fn port(&self) -> PortSnapshot {
        self.server.port.snapshot()
    }

    /// Accepts no more, closes all connections and waits for the workers to end.
    fn stop(self) -> Counts {
        // It is ours and closed once, so this cannot fail.
        let _ = self.server.listener.close();
        self.server.port.close();
        let panics = self.workers.join();
        let mut counts = self.server.counters.now();
        counts.faults += panics;
        counts
    }
}

impl Server {
    fn handle(&self, packet: Packet<SocketAddr, op::Recv>) {
        match packet.op {
            Op::Accept(accept) => self.accepted(accept),
            Op::Recv(recv) | Op::Posted(recv) => self.received(packet.key, recv),
            Op::Send(send) => self.sent(packet.key, send),
            _ => {}
        }
    }

    fn accept(&self, mut accept: op::Accept) {
        for _ in 0..ACCEPT_TRIES {
            match self.listener.accept(accept) {
                Ok(_) => return,
                Err(_) if self.listener.is_closed() => return,
                Err(refused) => {
                    self.fault(&"a connection could not be accepted", refused.status);
                    accept = refused.op;
                }
            }
        }
        if self.accepts.fetch_sub(1, AcqRel) == 1 {
            let _ = self.tell.send(End::Failed(
                "nobody can be accepted any more: the lines above say why; start the server again".to_owned(),
            ));
        }
    }

    fn accepted(&self, mut accept: op::Accept) {
        if self.listener.is_closed() {
            return;
        }
        let (connection, peer) = (accept.take_connection(), accept.peer().and_then(|peer| peer.ip()));
        let status = accept.status();
        // First of all somebody waits for the next one.
        self.accept(accept);
        match (connection, peer) {
            (Some(connection), Some(peer)) => self.welcome(&connection, peer),
            _ => self.fault(&"a connection could not be accepted", status),
        }
    }

    fn welcome(&self, connection: &Socket, peer: SocketAddr) {
        let open = self.open.fetch_update(AcqRel, Acquire, |open| (open < self.most).then_some(open + 1));
        if open.is_err() {
            // It closes with the last that refers to it.
            return one(&self.counters.refused);
        }
        one(&self.counters.accepted);
        let prepared = connection
            .associate(&self.port, peer)
            // A send or a receive that is done at once needs no packet: the worker goes on by itself.
            .and_then(|()| connection.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS));
        // An echo that waits for the acknowledgement of the one before is late. A peer that has gone already is
        // met by the receive.
        let _ = connection.set_nodelay(true);
        match prepared {
            Ok(()) => self.receive(peer, connection, op::Recv::pooled(&self.buffers)),
            Err(status) => self.ended(peer, status),
        }
    }

    fn receive(&self, peer: SocketAddr, connection: &Socket, recv: op::Recv) {
        match connection.recv(recv) {
            // There is more already. It waits for its turn behind the others, or one peer could keep a worker
            // to itself. There is one post a connection at most, so the limit is never met; a port that is
            // closed takes none, and the connection ends with it.
            Ok(Started::Done(recv)) => drop(self.port.post(peer, recv)),
            Ok(_) => {}
            Err(refused) => self.ended(peer, refused.status),
        }
    }

    fn received(&self, peer: SocketAddr, recv: op::Recv) {
        let count = match recv.result() {
            Ok(count) if count > 0 => count,
            Ok(_) => return self.ended(peer, Status::SUCCESS),
            Err(status) => return self.ended(peer, status),
        };
        one(&self.counters.messages);
        self.counters.bytes.fetch_add(count as u64, Relaxed);
        let Ok(connection) = recv.socket() else { return };
        match connection.send(recv.into_send()) {
            Ok(Started::Done(send)) => self.receive(peer, &connection, send.into_recv()),
            Ok(_) => {}
            Err(refused) => self.ended(peer, refused.status),
        }
    }

    fn sent(&self, peer: SocketAddr, send: op::Send) {
        match (send.result(), send.socket()) {
            (Ok(_), Ok(connection)) => self.receive(peer, &connection, send.into_recv()),
            (Ok(_), Err(_)) => {}
            (Err(status), _) => self.ended(peer, status),
        }
    }

    /// The session is over. Its operation is dropped after this, and the socket with it.
    fn ended(&self, peer: SocketAddr, status: Status) {
        self.open.fetch_sub(1, AcqRel);
        one(&self.counters.ended);
        match status {
            Status::SUCCESS => {}
            status if status.is_shortage() => one(&self.counters.dropped),
            status if status.is_ordinary() => one(&self.counters.reset),
            status => self.fault(&peer, status),
        }
    }

    fn fault(&self, what: &dyn std::fmt::Display, status: Status) {
        one(&self.counters.faults);
        match self.fault_lines.fetch_add(1, Relaxed) {
            ..FAULT_LINES => say::aside(&format_args!("fault: {what}: {}", say::plain(status))),
            FAULT_LINES => say::aside(&"fault: there are more; from here on they are only counted"),
            _ => {}
        }
    }
}

/// Says who will serve files. That nobody will ask for any is no reason to hide what was asked for in vain.
fn choose(choice: Choice) {
    if choice == Choice::IoUring
        && let Err(why) = files::probe_io_uring()
    {
        say::aside(&format_args!("warning: --backend io_uring: {why}; the echo server does not need it"));
    }
    // It fails only once files are served, and none is yet.
    let _ = files::set_choice(choice);
}
