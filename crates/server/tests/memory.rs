//! What an idle session costs. Alone in its program, so that nobody else's memory is counted.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::eventually;
use proactor::{BufPool, Port, Socket, op};
use proactor_server::{Framing, Handler, Server, Session, Timeouts};

const SESSIONS: usize = 4000;
/// What is made once, and the first doublings of tables, are not a session's.
const WARM_UP: usize = 500;

/// What the session layer may add to a socket with a receive under way, in bytes: session, place in the table,
/// timers, and what the allocator needs beside them.
const MOST: usize = 400;

/// Bytes of this process that are in memory and its own.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux 4.5 has it");
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Memory for each of many that `make` makes.
fn each(mut make: impl FnMut()) -> usize {
    (0..WARM_UP).for_each(|_| make());
    let before = resident();
    (0..SESSIONS).for_each(|_| make());
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
fn bare(held: &mut Vec<(TcpStream, Socket)>) -> usize {
    let port: Port = Port::new(1).unwrap();
    let pool = BufPool::new(4096, 1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    each(|| {
        let peer = TcpStream::connect(address).unwrap();
        let ours = Socket::from_fd(listener.accept().unwrap().0).unwrap();
        ours.associate(&port, 1).unwrap();
        let _ = ours.recv(op::Recv::pooled(&pool)).unwrap();
        held.push((peer, ours));
    })
}

#[test]
fn an_idle_session_that_was_busy_adds_at_most_400_bytes_to_its_socket() {
    let bare = bare(&mut Vec::with_capacity(2 * SESSIONS));
    let timeouts = Timeouts { idle: Some(Duration::from_secs(600)), ..Timeouts::default() };
    let server = Server::builder(Framing::lines()).timeouts(timeouts).workers(8);
    let server = server.listen("127.0.0.1:0", Quiet).unwrap();
    let address = server.local_addr().unwrap();
    let mut peers = Vec::with_capacity(2 * SESSIONS);
    let whole = each(|| {
        let mut peer = TcpStream::connect(address).unwrap();
        // Cut up, so that buffers, queues and unfinished messages have been in use.
        peer.write_all(b"one\ntwo\nthr").unwrap();
        peer.write_all(b"ee\n").unwrap();
        peer.read_exact(&mut [0; 14]).unwrap();
        peers.push(peer);
    });
    println!("an idle session: {whole} bytes, {bare} of them for its socket and its receive");
    assert!(whole <= bare + MOST, "{whole} bytes, {bare} without the session layer");
    drop(peers);
    eventually("they are gone", || server.sessions().counts().open == 0);
}
