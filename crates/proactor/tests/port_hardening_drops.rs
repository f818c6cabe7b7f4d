//! Keys and messages are the user's: their clones and drops may run anything, also what comes back to the port or
//! the handle that drops them, and nothing locks, overflows or leaks for it.

#[path = "common/bounded.rs"]
mod bounded;
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;

use bounded::soon;
use common::{PATIENCE, in_own_process, pending};
use proactor::{Limits, Port, Socket, Status, op};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Closes its socket, with whatever is under way on it.
struct Closes {
    socket: Socket,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Closes {
    fn drop(&mut self) {
        let _ = self.socket.close();
        self.dropped.fetch_add(1, SeqCst);
    }
}

/// As a thread's stack, far too little for as many messages one inside the other.
const STACK: usize = 128 << 10;
const MESSAGES: usize = 1900;

/// Messages, each with a socket on the same port that has a receive under way, are dropped by `end`.
fn messages_that_close_sockets_are_dropped(end: fn(Port<usize, Closes>)) {
    let descriptors = Some(2 * MESSAGES as u64 + 100);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: descriptors, ..limit }).expect("so many descriptors");
    let port: Port<usize, Closes> = Port::new(1).unwrap();
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut peers = Vec::new();
    for number in 0..MESSAGES {
        let (socket, peer) = Socket::pair().unwrap();
        socket.associate(&port, number).unwrap();
        pending(socket.recv(op::Recv::new(vec![0; 8])));
        port.post(number, Closes { socket, dropped: dropped.clone() }).unwrap();
        peers.push(peer);
    }
    thread::Builder::new().stack_size(STACK).spawn(move || end(port)).unwrap().join().unwrap();
    assert_eq!(dropped.load(SeqCst), MESSAGES);
    // Each is closed, or a receive of its peer would wait.
    for peer in peers {
        assert_eq!(soon(peer.begin(op::Recv::new(vec![0; 8])).unwrap()).result(), Ok(0));
    }
}

#[test]
fn closing_a_full_port_needs_no_stack_for_each_message() {
    in_own_process("closing_a_full_port_needs_no_stack_for_each_message", || {
        messages_that_close_sockets_are_dropped(|port| port.close());
    });
}

#[test]
fn dropping_a_full_port_needs_no_stack_for_each_message() {
    in_own_process("dropping_a_full_port_needs_no_stack_for_each_message", || {
        messages_that_close_sockets_are_dropped(drop);
    });
}

/// An association fails, and its key, which is dropped with it, closes the very socket.
fn a_refused_key_closes_its_socket(make: fn() -> Port<Arc<Closes>>, status: Status) {
    let (tell, told) = channel();
    // On a thread that can be left behind: a lock that waits for itself waits for ever.
    let associates = thread::spawn(move || {
        let port = make();
        let (socket, peer) = Socket::pair().unwrap();
        let dropped = Arc::new(AtomicUsize::new(0));
        let key = Closes { socket: socket.clone(), dropped: dropped.clone() };
        let refused = socket.associate(&port, Arc::new(key));
        tell.send((refused, dropped.load(SeqCst), socket, peer)).unwrap();
    });
    let Ok((refused, dropped, socket, peer)) = told.recv_timeout(bounded::SOON) else {
        panic!("the association waits for what it holds itself");
    };
    associates.join().unwrap();
    assert_eq!((refused, dropped), (Err(status), 1));
    let closed = socket.begin(op::Recv::new(vec![0; 8])).unwrap_err();
    assert_eq!(closed.status, Status::INVALID_HANDLE);
    assert_eq!(soon(peer.begin(op::Recv::new(vec![0; 8])).unwrap()).result(), Ok(0));
}

#[test]
fn a_key_refused_at_the_limit_may_close_the_handle() {
    fn full() -> Port<Arc<Closes>> {
        let port = Port::with_limits(1, Limits { handles: 1, ..Limits::default() }).unwrap();
        let (socket, _) = Socket::pair().unwrap();
        let key = Closes { socket: socket.clone(), dropped: Arc::default() };
        socket.associate(&port, Arc::new(key)).unwrap();
        port
    }
    a_refused_key_closes_its_socket(full, Status::NO_BUFS);
}

#[test]
fn a_key_refused_by_a_closed_port_may_close_the_handle() {
    fn closed() -> Port<Arc<Closes>> {
        let port = Port::new(1).unwrap();
        port.close();
        port
    }
    a_refused_key_closes_its_socket(closed, Status::INVALID_HANDLE);
}

/// The key of a socket is that socket: nothing but the end of the port lets go of it.
fn a_key_that_owns_its_socket(under_way: bool, end: fn(Port<Arc<Socket>>)) {
    let port: Port<Arc<Socket>> = Port::new(1).unwrap();
    let (socket, peer) = Socket::pair().unwrap();
    let socket = Arc::new(socket);
    socket.associate(&port, socket.clone()).unwrap();
    if under_way {
        pending(socket.recv(op::Recv::new(vec![0; 8])));
    }
    let receive = peer.begin(op::Recv::new(vec![0; 8])).unwrap();
    drop(socket);
    assert!(!receive.is_complete(), "the port's key keeps it open");
    end(port);
    assert_eq!(soon(receive).result(), Ok(0));
}

#[test]
fn a_closed_port_lets_go_of_sockets_that_are_their_own_keys() {
    for under_way in [false, true] {
        a_key_that_owns_its_socket(under_way, |port| port.close());
        a_key_that_owns_its_socket(under_way, drop);
    }
}

#[test]
fn keys_are_dropped_when_the_port_closes_although_their_handles_stay() {
    let port: Port<Arc<()>> = Port::new(1).unwrap();
    let (socket, peer) = Socket::pair().unwrap();
    let key = Arc::new(());
    socket.associate(&port, key.clone()).unwrap();
    assert_eq!(Arc::strong_count(&key), 2);
    port.close();
    assert_eq!(Arc::strong_count(&key), 1);
    // The socket still works, and its association can go without its key.
    let receive = socket.begin(op::Recv::new(vec![0; 8])).unwrap();
    assert_eq!(soon(peer.begin(op::Send::new("x")).unwrap()).result(), Ok(1));
    assert_eq!(receive.wait_timeout(PATIENCE).unwrap().data(), b"x");
    drop(socket);
    assert_eq!(soon(peer.begin(op::Recv::new(vec![0; 8])).unwrap()).result(), Ok(0));
    assert_eq!(port.snapshot().handles, 0);
}
