//! Connections that end otherwise than they should: by a timeout, by a cancelled disconnect or connect. What comes
//! after is refused, fails or works, and none of it waits for what never comes.

#[path = "common/bounded.rs"]
mod bounded;
mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use bounded::{let_the_service_catch_up, outcome, soon};
use common::*;
use proactor::{Overlapped, Socket, Status, op};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A connection whose peer reads nothing, with a send that can't end before the kernel gives the peer up.
fn with_a_silent_peer() -> (Socket, TcpStream) {
    let (ours, peer) = tcp_pair();
    let patience = Duration::from_millis(200);
    ours.with_fd(|fd| socket2::SockRef::from(&fd).set_tcp_user_timeout(Some(patience))).unwrap().unwrap();
    ours.set_send_buffer(1 << 16).unwrap();
    (ours, peer)
}

/// Waits for the end of the send; probing the silent peer takes the kernel some seconds.
fn await_the_timeout(send: Overlapped<op::Send>) {
    let send = send.wait_timeout(PATIENCE).expect("the kernel should have given up");
    assert_eq!(send.status(), Status::IO_TIMEOUT);
}

const MORE_THAN_IS_BUFFERED: usize = 16 << 20;

#[test]
fn a_connection_that_timed_out_is_never_seen_as_a_graceful_end() {
    let (ours, _peer) = with_a_silent_peer();
    await_the_timeout(ours.begin(op::Send::new(vec![0; MORE_THAN_IS_BUFFERED])).unwrap());
    for _ in 0..3 {
        let end = outcome(ours.begin(op::Recv::new(vec![0; 64])));
        assert!(end.is_err_and(|status| status.is_error()), "{end:?}");
        let end = outcome(ours.begin(op::Send::new("x")));
        assert!(end.is_err_and(|status| status.is_error()), "{end:?}");
    }
}

#[test]
fn receives_that_wait_when_a_connection_times_out_all_fail() {
    let (ours, _peer) = with_a_silent_peer();
    let waiting: Vec<_> = (0..3).map(|_| ours.begin(op::Recv::new(vec![0; 64])).unwrap()).collect();
    let send = ours.begin(op::Send::new(vec![0; MORE_THAN_IS_BUFFERED])).unwrap();
    for (number, recv) in waiting.into_iter().enumerate() {
        let recv = recv.wait_timeout(PATIENCE).expect("the kernel should have given up");
        assert!(recv.status().is_error(), "receive {number}: {:?}", recv.result());
    }
    // The kernel tells one of them why; the other learns that it is over.
    assert!(outcome(Ok(send)).is_err());
    for _ in 0..3 {
        let end = outcome(ours.begin(op::Recv::new(vec![0; 64])));
        assert!(end.is_err_and(|status| status.is_error()), "{end:?}");
    }
}

#[test]
fn a_timed_out_connection_tells_every_packet_so() {
    let packets = Packets::new();
    let (ours, _peer) = with_a_silent_peer();
    ours.associate(&packets.port, 1).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 64])));
    pending(ours.recv(op::Recv::new(vec![0; 64])));
    pending(ours.send(op::Send::new(vec![0; MORE_THAN_IS_BUFFERED])));
    for _ in 0..3 {
        let packet = packets.next();
        assert!(packet.status().is_error(), "{packet:?}");
    }
    match ours.recv(op::Recv::new(vec![0; 64])) {
        Err(refused) => assert!(refused.status.is_error()),
        Ok(_) => assert!(packets.next().status().is_error()),
    }
}

#[test]
fn a_send_after_a_cancelled_reuse_does_not_wait() {
    let (ours, _peer) = tcp_pair();
    let disconnect = ours.begin(op::Disconnect::new().reuse()).unwrap();
    let_the_service_catch_up();
    disconnect.cancel().unwrap();
    assert_eq!(soon(disconnect).status(), Status::CANCELLED);
    let end = outcome(ours.begin(op::Send::new("x")));
    assert!(matches!(end, Ok(1) | Err(Status::PIPE_DISCONNECTED)), "{end:?}");
}

#[test]
fn a_send_behind_a_reuse_that_is_dropped_does_not_wait() {
    let (ours, mut peer) = tcp_pair();
    let disconnect = ours.begin(op::Disconnect::new().reuse()).unwrap();
    let behind = ours.begin(op::Send::new("x"));
    drop(disconnect);
    assert_eq!(outcome(behind), Err(Status::PIPE_DISCONNECTED));
    // The end was promised to the peer before.
    peer.set_read_timeout(Some(bounded::SOON)).unwrap();
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn s375_a_send_behind_a_pending_reuse_is_refused_and_the_next_connection_works() {
    let packets = Packets::new();
    let (listener, address) = listener();
    let accepted = || soon(listener.begin(op::Accept::new()).unwrap()).take_connection().unwrap();
    let ours = Socket::to_connect(&address.into()).unwrap();
    ours.associate(&packets.port, 1).unwrap();
    for round in 0..3 {
        pending(ours.connect(op::Connect::new(address)));
        assert_eq!(expect!(Connect, packets.next()).status(), Status::SUCCESS, "round {round}");
        let peer = accepted();

        queued(ours.send(op::Send::new("works")));
        assert_eq!(expect!(Send, packets.next()).result(), Ok(5));
        assert_eq!(soon(peer.begin(op::Recv::new(vec![0; 8])).unwrap()).data(), b"works");
        pending(ours.recv(op::Recv::new(vec![0; 8])));
        assert_eq!(outcome(peer.begin(op::Send::new("both ways"))), Ok(9));
        assert_eq!(expect!(Recv, packets.next()).data(), b"both way");
        queued(ours.recv(op::Recv::new(vec![0; 8])));
        assert_eq!(expect!(Recv, packets.next()).data(), b"s");

        pending(ours.disconnect(op::Disconnect::new().reuse()));
        let (status, send) = refused(ours.send(op::Send::new("late")));
        assert_eq!((status, &send.into_buf()[..]), (Status::PIPE_DISCONNECTED, &b"late"[..]));
        peer.close().unwrap();
        assert_eq!(expect!(Disconnect, packets.next()).status(), Status::SUCCESS);
        packets.assert_none();
    }
}

fn is_ready(fd: &impl AsFd, what: PollFlags, within: Duration) -> bool {
    let within = Timespec::try_from(within).unwrap();
    poll(&mut [PollFd::new(fd, what)], Some(&within)).unwrap() == 1
}

/// An address where connecting gets no answer: the backlog is full, so the kernel drops what asks. It holds
/// while what comes with it lives.
fn silent() -> (SocketAddr, Vec<socket2::Socket>) {
    let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let listener = new();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut kept = vec![listener];
    for _ in 0..16 {
        let filler = new();
        filler.set_nonblocking(true).unwrap();
        let _ = filler.connect(&address);
        let connected = is_ready(&filler, PollFlags::OUT, Duration::from_millis(200));
        kept.push(filler);
        if !connected {
            return (address.as_socket().unwrap(), kept);
        }
    }
    panic!("a backlog of 0 is never full here");
}

#[test]
fn after_a_cancelled_connect_another_is_tried_at_once() {
    let (silent, _kept) = silent();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ours = Socket::to_connect(&silent.into()).unwrap();
    for _ in 0..2 {
        let connect = ours.begin(op::Connect::new(silent)).unwrap();
        let_the_service_catch_up();
        assert!(!connect.is_complete(), "the backlog is full");
        connect.cancel().unwrap();
        assert_eq!(soon(connect).status(), Status::CANCELLED);
    }
    // That the kernel's socket is fit for another is not promised, that it is told is.
    if outcome(ours.begin(op::Connect::new(address))).is_ok() {
        assert_eq!(ours.peer_addr().unwrap().ip(), Some(address));
        listener.accept().unwrap().0.write_all(b"hello").unwrap();
        assert_eq!(soon(ours.begin(op::Recv::new(vec![0; 8])).unwrap()).data(), b"hello");
    }
}
