//! A server whose memory for pending operations runs out: one session goes, the server lives.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proactor::{Buf, Limits, Op, Port, Socket, Status, Workers, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, eventually};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "enobufs",
    title: "Out of buffers, one session is dropped and the server lives",
    claim: "When the limit of locked pages is reached, the start of an operation fails with NO_BUFS (WSAENOBUFS), and \
            nothing else happens. The right answer is to drop the session that asked: the others are served as \
            before, and when some of them leave there is room for new ones.",
    done: "An echo server on a port that may lock so many pages, one for each session's pending receive, and clients \
           that come one by one, half as many again as there is room for. Each that was kept sent a message and got it \
           back. Then some left, and as many new ones came.",
    run,
};

const PAGE: usize = 4096;

struct Server {
    port: Port<usize>,
    listener: Socket,
    workers: Option<Workers>,
    table: Arc<Table>,
    address: std::net::SocketAddr,
}

#[derive(Default)]
struct Table {
    sessions: Mutex<BTreeMap<usize, Socket>>,
    accepted: AtomicUsize,
    /// Sessions dropped for want of memory, by the order in which they came.
    dropped: Mutex<Vec<usize>>,
    errors: AtomicUsize,
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    room: usize,
    clients: usize,
    /// Sessions there were after each client.
    alive: Vec<usize>,
    dropped: Vec<usize>,
    echoed: usize,
    refused: u64,
    peak: usize,
    left: usize,
    new_echoed: usize,
    errors: usize,
    locked_at_end: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let room = effort.of(64, 24);
    let seen = measure(room)?;
    let rows = vec![
        Row::count("pages the port may lock", seen.room, ""),
        Row::count("clients that came", seen.clients, ""),
        Row::count("kept", seen.alive.last().copied().unwrap_or(0), ""),
        Row::count("dropped for want of memory", seen.dropped.len(), ""),
        Row::count("messages echoed at the limit", seen.echoed, ""),
        Row::count("starts refused", seen.refused, ""),
        Row::count("most pages locked at one time", seen.peak, ""),
        Row::count("clients that left", seen.left, ""),
        Row::count("new ones that were served instead", seen.new_echoed, ""),
        Row::count("pages locked when all had left", seen.locked_at_end, ""),
    ];
    let plot = Plot {
        title: "Sessions of a server with a limit".into(),
        x: "clients that have come".into(),
        y: "sessions".into(),
        shape: Shape::Lines((1..=seen.alive.len()).map(|n| n.to_string()).collect()),
        series: vec![
            Series::over_names("kept", seen.alive.iter().map(|alive| *alive as f64)),
            Series::over_names("came", (1..=seen.alive.len()).map(|n| n as f64)),
        ],
    };
    Ok(Measured { verdict: verdict(&seen), rows, plots: vec![plot], notes: Vec::new() })
}

fn measure(room: usize) -> Result<Seen, Failure> {
    let server = Server::start(room)?;
    let mut seen = Seen { room, clients: room + room / 2, ..Seen::default() };
    let mut clients = Vec::new();
    for number in 0..seen.clients {
        clients.push(server.client(number + 1)?);
        seen.alive.push(server.table.alive());
    }
    seen.dropped = server.table.dropped.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut kept: Vec<TcpStream> = clients
        .into_iter()
        .enumerate()
        .filter(|(number, _)| !seen.dropped.contains(number))
        .map(|(_, client)| client)
        .collect();
    seen.echoed = kept.iter_mut().filter_map(|client| echo(client).ok()).count();
    let port = server.port.snapshot();
    (seen.refused, seen.peak) = (port.refused, port.locked_peak / PAGE);
    seen.left = room / 4;
    kept.truncate(kept.len() - seen.left);
    let rest = kept.len();
    eventually("those who left are gone", || server.table.alive() == rest)?;
    for number in 0..seen.left {
        let mut client = server.client(seen.clients + number + 1)?;
        seen.new_echoed += usize::from(echo(&mut client).is_ok());
        kept.push(client);
    }
    drop(kept);
    eventually("all are gone", || server.table.alive() == 0)?;
    seen.locked_at_end = server.port.snapshot().locked_bytes / PAGE;
    seen.errors = server.table.errors.load(SeqCst);
    Ok(seen)
}

/// A message there and back.
fn echo(client: &mut TcpStream) -> std::io::Result<()> {
    let (message, mut back) = (*b"a message", [0; 9]);
    client.write_all(&message)?;
    client.read_exact(&mut back)?;
    if back == message { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

impl Server {
    fn start(room: usize) -> Result<Server, Failure> {
        let limits = Limits { locked_bytes: room * PAGE, ..Limits::default() };
        let port: Port<usize> = Port::with_limits(0, limits)?;
        let listener = Socket::listen("127.0.0.1:0")?;
        let address = listener.local_addr()?.ip().ok_or("an Internet socket has an address")?;
        listener.associate(&port, usize::MAX)?;
        let table = Arc::new(Table::default());
        listener.accept(op::Accept::new())?;
        let (shared, on, ear) = (table.clone(), port.clone(), listener.clone());
        let workers =
            Workers::start(&port, 2, move |packet| shared.handle(&on, &ear, packet.key, packet.op))?;
        Ok(Server { port, listener, workers: Some(workers), table, address })
    }

    /// Connects, and waits until the server has made up its mind about it.
    fn client(&self, number: usize) -> Result<TcpStream, Failure> {
        let client = TcpStream::connect(self.address)?;
        client.set_read_timeout(Some(Duration::from_secs(5)))?;
        eventually("the connection is taken", || self.table.accepted.load(SeqCst) >= number)?;
        Ok(client)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.listener.close();
        self.port.close();
        if let Some(workers) = self.workers.take() {
            workers.join();
        }
    }
}

impl Table {
    fn alive(&self) -> usize {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn end(&self, number: usize) {
        let socket = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        if let Some(socket) = socket {
            let _ = socket.close();
        }
    }

    /// An operation could not be started.
    fn cannot(&self, number: usize, status: Status) {
        if status == Status::NO_BUFS {
            self.dropped.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        } else {
            self.errors.fetch_add(1, SeqCst);
        }
        self.end(number);
    }

    fn socket(&self, number: usize) -> Option<Socket> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    fn receive(&self, number: usize, socket: &Socket, recv: op::Recv) {
        if let Err(refused) = socket.recv(recv) {
            self.cannot(number, refused.status);
        }
    }

    fn handle(&self, port: &Port<usize>, listener: &Socket, key: usize, op: Op) {
        match op {
            Op::Accept(mut accept) => {
                if let Some(socket) = accept.take_connection() {
                    let number = self.accepted.load(SeqCst);
                    self.sessions
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(number, socket.clone());
                    match socket.associate(port, number) {
                        Ok(()) => {
                            self.receive(number, &socket, op::Recv::new(Buf::aligned(PAGE, PAGE)));
                        }
                        Err(status) => self.cannot(number, status),
                    }
                    self.accepted.fetch_add(1, SeqCst);
                }
                // It fails only once the listener is closed.
                let _ = listener.accept(op::Accept::new());
            }
            Op::Recv(recv) if recv.status().is_success() && recv.bytes() > 0 => {
                if let Some(socket) = self.socket(key)
                    && let Err(refused) = socket.send(recv.into_send())
                {
                    self.cannot(key, refused.status);
                }
            }
            Op::Send(send) if send.status().is_success() => {
                if let Some(socket) = self.socket(key) {
                    self.receive(key, &socket, send.into_recv());
                }
            }
            _ => self.end(key),
        }
    }
}

fn verdict(seen: &Seen) -> Verdict {
    let expected: Vec<usize> = (seen.room..seen.clients).collect();
    Verdict::unless(
        [
            (
                seen.dropped != expected,
                format!("those without room were not the ones dropped: {:?}", seen.dropped),
            ),
            (seen.echoed != seen.room, format!("{} of {} that had room were served", seen.echoed, seen.room)),
            (seen.peak > seen.room, format!("{} pages were locked at one time", seen.peak)),
            (
                seen.new_echoed != seen.left,
                format!("{} left, and {} were served instead", seen.left, seen.new_echoed),
            ),
            (seen.errors > 0, format!("{} errors of another kind", seen.errors)),
            (seen.locked_at_end > 0, format!("{} pages stayed locked", seen.locked_at_end)),
        ],
        format!(
            "of {} clients the {} that came when all was taken were dropped, the {} others were served, and {} new ones \
             after as many had left",
            seen.clients,
            seen.dropped.len(),
            seen.echoed,
            seen.new_echoed
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Seen {
        Seen {
            room: 2,
            clients: 3,
            dropped: vec![2],
            echoed: 2,
            peak: 2,
            left: 1,
            new_echoed: 1,
            ..Seen::default()
        }
    }

    #[test]
    fn each_part_of_the_claim_is_looked_at() {
        assert!(verdict(&good()).holds);
        let bad: [fn(&mut Seen); 6] = [
            |seen| seen.dropped = vec![1],
            |seen| seen.echoed = 1,
            |seen| seen.peak = 3,
            |seen| seen.new_echoed = 0,
            |seen| seen.errors = 1,
            |seen| seen.locked_at_end = 1,
        ];
        for spoil in bad {
            let mut seen = good();
            spoil(&mut seen);
            assert!(!verdict(&seen).holds, "{seen:?}");
        }
    }
}
