//! Connections that a peer resets: every operation is told, also those that come later.

mod common;

use std::io::{Read, Write};
use std::thread;

use common::*;
use proactor::{Socket, Status, op};

/// Waits until the kernel knows that the connection is over.
fn await_reset(socket: &proactor::Socket) {
    use rustix::event::{PollFd, PollFlags, poll};
    eventually("the reset has arrived", || {
        socket
            .with_fd(|fd| {
                let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
                poll(&mut fds, None).unwrap();
                fds[0].revents().contains(PollFlags::HUP)
            })
            .unwrap()
    });
}

#[test]
fn a_reset_connection_reports_an_error_and_not_success() {
    let packets = Packets::new();
    let (ours, peer) = tcp_pair();
    ours.associate(&packets.port, 9).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    reset(peer);
    let packet = packets.next();
    assert_eq!((packet.key, packet.status(), packet.bytes()), (9, Status::CONNECTION_RESET, 0));
    for _ in 0..3 {
        let (status, recv) = refused(ours.recv(op::Recv::new(vec![7; 16])));
        assert_eq!((status, recv.into_buf().len()), (Status::CONNECTION_RESET, 16));
        let (status, send) = refused(ours.send(op::Send::new("anyone?")));
        assert_eq!((status, &send.into_buf()[..]), (Status::CONNECTION_RESET, &b"anyone?"[..]));
    }
    packets.assert_none();
}

#[test]
fn s339_every_receive_that_waits_is_told_of_the_reset_s341_which_leaves_no_error_behind() {
    let packets = Packets::new();
    let (ours, peer) = tcp_pair();
    ours.associate(&packets.port, 9).unwrap();
    for tag in 0..3 {
        pending(ours.recv(op::Recv::new(vec![0; 16]).with_tag(tag)));
    }
    reset(peer);
    for tag in 0..3 {
        let recv = expect!(Recv, packets.next());
        assert_eq!((recv.tag(), recv.status(), recv.bytes()), (tag, Status::CONNECTION_RESET, 0));
    }
    let kept = ours.with_fd(|fd| rustix::net::sockopt::socket_error(fd)).unwrap();
    assert_eq!(kept, Ok(Ok(())), "SO_ERROR is 0");
}

#[test]
fn s340_after_a_reset_that_nobody_waited_for_operations_are_refused() {
    for receives_first in [true, false] {
        let packets = Packets::new();
        let (ours, peer) = tcp_pair();
        ours.associate(&packets.port, 9).unwrap();
        reset(peer);
        await_reset(&ours);
        for round in 0..4 {
            let status = if (round % 2 == 0) == receives_first {
                refused(ours.recv(op::Recv::new(vec![0; 16]))).0
            } else {
                refused(ours.send(op::Send::new("x"))).0
            };
            assert_eq!(status, Status::CONNECTION_RESET);
        }
        packets.assert_none();
    }
}

#[test]
fn data_that_came_before_a_reset_are_received_before_it_is_told() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 9).unwrap();
    peer.write_all(b"farewell").unwrap();
    reset(peer);
    await_reset(&ours);
    queued(ours.recv(op::Recv::new(vec![0; 16])));
    assert_eq!(expect!(Recv, packets.next()).data(), b"farewell");
    // At once, or by packet where a short count was taken for "nothing more" before the port saw the reset.
    match ours.recv(op::Recv::new(vec![0; 16])) {
        Err(refused) => assert_eq!(refused.status, Status::CONNECTION_RESET),
        Ok(_) => assert_eq!(packets.next().status(), Status::CONNECTION_RESET),
    }
    assert_eq!(refused(ours.recv(op::Recv::new(vec![0; 16]))).0, Status::CONNECTION_RESET);
}

#[test]
fn a_receive_and_a_send_that_wait_are_both_told_of_the_reset() {
    // Two threads meet the reset at once, and the kernel gives the error to only one of them.
    for _ in 0..50 {
        let packets = Packets::new();
        let (ours, mut peer) = tcp_pair();
        ours.associate(&packets.port, 9).unwrap();
        ours.set_send_buffer(1).unwrap();
        pending(ours.send(op::Send::new(vec![1; 8 << 20])));
        peer.read_exact(&mut [0; 1000]).unwrap();
        pending(ours.recv(op::Recv::new(vec![0; 16])));
        let trying = thread::spawn({
            let ours = ours.clone();
            move || {
                // A receive that is done at once with nothing would be a graceful end, and there was none.
                loop {
                    match ours.recv(op::Recv::new(vec![0; 16])) {
                        Err(refused) => return refused.status,
                        Ok(_) => thread::yield_now(),
                    }
                }
            }
        });
        reset(peer);
        assert_eq!(trying.join().unwrap(), Status::CONNECTION_RESET);
        for _ in 0..2 {
            let packet = packets.next();
            assert_eq!(packet.status(), Status::CONNECTION_RESET, "{packet:?}");
        }
        while ours.pending() > 0 {
            assert_eq!(packets.next().status(), Status::CONNECTION_RESET);
        }
    }
}

#[test]
fn a_reset_that_a_send_was_told_of_is_never_a_graceful_end_to_a_receive() {
    for round in 0..200 {
        let (ours, mut peer) = tcp_pair();
        let receiver = thread::spawn({
            let ours = ours.clone();
            move || {
                loop {
                    let start = ours.begin(op::Recv::new(vec![0; 16]));
                    match start.map(|recv| recv.wait()) {
                        Ok(recv) if recv.status() == Status::CONNECTION_RESET => return,
                        Ok(recv) => assert_ne!(recv.result(), Ok(0), "round {round}: no end, a reset"),
                        Err(refused) => return assert_eq!(refused.status, Status::CONNECTION_RESET),
                    }
                }
            }
        });
        let sender = thread::spawn({
            let ours = ours.clone();
            move || {
                loop {
                    match ours.begin(op::Send::new("x")).map(|send| send.wait().status()) {
                        Ok(Status::SUCCESS) => {}
                        Ok(status) => return assert_eq!(status, Status::CONNECTION_RESET),
                        Err(refused) => return assert_eq!(refused.status, Status::CONNECTION_RESET),
                    }
                }
            }
        });
        for _ in 0..round {
            peer.write_all(b"y").unwrap();
        }
        reset(peer);
        sender.join().unwrap();
        receiver.join().unwrap();
    }
}

#[test]
fn a_unix_peer_that_closes_with_data_unread_has_reset_the_connection() {
    let packets = Packets::new();
    let (ours, theirs) = proactor::Socket::pair().unwrap();
    ours.associate(&packets.port, 9).unwrap();
    queued(ours.send(op::Send::new("unread")));
    assert_eq!(packets.next().bytes(), 6);
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    drop(theirs);
    assert_eq!(packets.next().status(), Status::CONNECTION_RESET);
    assert_eq!(refused(ours.send(op::Send::new("x"))).0, Status::CONNECTION_RESET);
}

#[test]
fn what_a_unix_peer_sent_before_it_closed_is_received_although_a_send_failed() {
    let (ours, theirs) = Socket::pair().unwrap();
    assert_eq!(theirs.begin(op::Send::new("last words")).unwrap().wait().result(), Ok(10));
    theirs.close().unwrap();
    // How it is told is the kernel's matter; that it fails is not.
    let failed = match ours.begin(op::Send::new("too late")) {
        Ok(send) => send.wait().status(),
        Err(refused) => refused.status,
    };
    assert_eq!(failed, Status::CONNECTION_RESET);
    let received = ours.begin(op::Recv::new(vec![0; 64])).unwrap().wait();
    assert_eq!((received.result(), received.data()), (Ok(10), &b"last words"[..]));
}
