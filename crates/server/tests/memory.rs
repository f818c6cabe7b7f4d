//! What an idle session costs. Alone in its program, so that nobody else's memory is counted; the peers are in a
//! program of their own, which is this one again.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::eventually;
use proactor::{BufPool, Port, Socket, op};
use proactor_server::{Framing, Handler, Server, Session, Timeouts};

const SESSIONS: usize = 10_000;
/// What is made once, and the first doublings of tables, are not a session's.
const WARM_UP: usize = 600;
/// Peers that come together; a divisor of both, and no more than a backlog holds.
const BATCH: usize = 50;

/// What the session layer may add to a socket with a receive under way, in bytes: session, place in the table,
/// timers, and what the allocator needs beside them.
const MOST: usize = 130;

/// All that an idle session costs, in bytes.
const MOST_IN_ALL: usize = 400;

/// Tells this program that it is the peers, and of whom.
const PEERS_OF: &str = "PROACTOR_TEST_PEERS_OF";

/// Bytes of this process that are in memory and its own.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux 4.5 has it");
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Another process: peers that come when they are told to and stay until it is killed.
struct Peers(Child);

impl Peers {
    fn of(address: std::net::SocketAddr) -> Peers {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "an_idle_session_that_was_busy_costs_little", "--nocapture"]);
        command.env(PEERS_OF, address.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        Peers(command.spawn().unwrap())
    }

    /// So many more connect. With words, those go out in pieces and come back.
    fn come(&mut self, count: usize, words: bool) {
        let kind = if words { "speak" } else { "stay" };
        writeln!(self.0.stdin.as_mut().unwrap(), "{count} {kind}").unwrap();
    }

    /// Waits until the peers have done what they were told.
    fn done(&mut self) {
        let lines = BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap()).lines();
        lines.map(Result::unwrap).find(|line| line.ends_with("done")).expect("the peers failed");
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What the other process does.
fn be_peers(address: &str) {
    let mut peers = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (count, kind) = line.split_once(' ').unwrap();
        for _ in 0..count.parse::<usize>().unwrap() / BATCH {
            let mut batch: Vec<_> = (0..BATCH).map(|_| TcpStream::connect(address).unwrap()).collect();
            if kind == "speak" {
                // Cut up, so that buffers, queues and unfinished messages have been in use.
                batch.iter_mut().for_each(|peer| peer.write_all(b"one\ntwo\nthr").unwrap());
                batch.iter_mut().for_each(|peer| peer.write_all(b"ee\n").unwrap());
                batch.iter_mut().for_each(|peer| peer.read_exact(&mut [0; 14]).unwrap());
            }
            peers.append(&mut batch);
        }
        println!("done");
    }
}

/// Memory for each of many that `make` sees to.
fn each(mut make: impl FnMut(usize)) -> usize {
    make(WARM_UP);
    let before = resident();
    make(SESSIONS);
    (resident() - before) / SESSIONS
}

/// Keeps no book.
struct Quiet;

impl Handler for Quiet {
    type State = ();

    fn connected(&self, _: &Session) {}

    fn message(&self, session: &Session, (): &mut (), message: &[u8]) {
        session.send(message).unwrap();
    }
}

/// A socket with a receive under way, and nothing else.
fn bare() -> usize {
    let port: Port = Port::new(1).unwrap();
    let pool = BufPool::new(4096, 1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peers = Peers::of(listener.local_addr().unwrap());
    let mut held = Vec::with_capacity(2 * SESSIONS);
    each(|count| {
        for at in 0..count {
            if at % BATCH == 0 {
                peers.come(BATCH, false);
                peers.done();
            }
            let ours = Socket::from_fd(listener.accept().unwrap().0).unwrap();
            ours.associate(&port, 1).unwrap();
            let _ = ours.recv(op::Recv::pooled(&pool)).unwrap();
            held.push(ours);
        }
    })
}

#[test]
fn an_idle_session_that_was_busy_costs_little() {
    if let Ok(address) = std::env::var(PEERS_OF) {
        return be_peers(&address);
    }
    let bare = bare();
    let timeouts = Timeouts { idle: Some(Duration::from_secs(600)), ..Timeouts::default() };
    let server = Server::builder(Framing::lines()).timeouts(timeouts).workers(8);
    let server = server.listen("127.0.0.1:0", Quiet).unwrap();
    let mut peers = Peers::of(server.local_addr().unwrap());
    let whole = each(|count| {
        peers.come(count, true);
        peers.done();
    });
    println!("an idle session: {whole} bytes, {bare} of them for its socket and its receive");
    assert_eq!(server.sessions().counts().open, SESSIONS + WARM_UP);
    assert!(whole <= bare + MOST, "{whole} bytes, {bare} without the session layer");
    assert!(whole <= MOST_IN_ALL, "{whole} bytes in all");
    drop(peers);
    eventually("they are gone", || server.sessions().counts().open == 0);
}
