//! The end of a handle: by close, with what is pending reported; by drop, once nothing holds it any more.

mod common;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use common::*;
use proactor::{Op, Port, Socket, Started, Status, Workers, op};

const BIG: usize = 8 << 20;

/// What the kernel calls the socket, in the list of open descriptors.
fn name_of(socket: &Socket) -> String {
    let inode = socket.with_fd(|fd| rustix::fs::fstat(fd).unwrap().st_ino).unwrap();
    format!("socket:[{inode}]")
}

fn is_open(name: &str) -> bool {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    descriptors
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .any(|link| link.to_str() == Some(name))
}

fn assert_at_end(peer: &mut impl Read) {
    assert_eq!(peer.read(&mut [0; 4]).unwrap(), 0);
}

#[test]
fn s118_closing_a_socket_aborts_what_is_pending_s121_under_its_key() {
    let packets = Packets::new();
    let (ours, _peer) = tcp_pair();
    ours.associate(&packets.port, 11).unwrap();
    for tag in 0..3 {
        pending(ours.recv(op::Recv::new(vec![0; 16]).with_tag(tag)));
    }
    pending(ours.send(op::Send::new(vec![0; BIG]).with_tag(3)));
    let name = name_of(&ours);
    ours.close().unwrap();
    let mut tags = Vec::new();
    for _ in 0..4 {
        let packet = packets.next();
        assert_eq!((packet.key, packet.status()), (11, Status::CONNECTION_ABORTED));
        match packet.op {
            Op::Recv(recv) => {
                assert_eq!((recv.bytes(), recv.bufs()[0].len()), (0, 16));
                tags.push(recv.tag());
            }
            Op::Send(send) => tags.push(send.tag()),
            op => panic!("unexpected: {op:?}"),
        }
    }
    assert_eq!(tags, [0, 1, 2, 3]);
    packets.assert_none();
    assert!(!is_open(&name));
}

#[test]
fn s118_another_thread_may_close_and_an_overlapped_is_told_too() {
    let (ours, mut peer) = tcp_pair();
    let recv = ours.begin(op::Recv::new(vec![0; 16])).unwrap();
    thread::spawn({
        let ours = ours.clone();
        move || ours.close().unwrap()
    });
    assert_eq!(recv.wait().status(), Status::CONNECTION_ABORTED);
    assert_at_end(&mut peer);
}

#[test]
fn a_closed_handle_refuses_everything() {
    let packets = Packets::new();
    let (ours, _peer) = tcp_pair();
    ours.associate(&packets.port, 11).unwrap();
    let copy = ours.clone();
    assert!(!copy.is_closed());
    ours.close().unwrap();
    assert!(copy.is_closed());
    assert_eq!(copy.close(), Err(Status::INVALID_HANDLE));
    assert_eq!(refused(copy.recv(op::Recv::new(vec![0; 4]))).0, Status::INVALID_HANDLE);
    assert_eq!(refused(copy.send(op::Send::new("x"))).0, Status::INVALID_HANDLE);
    assert_eq!(copy.begin(op::Recv::new(vec![0; 4])).unwrap_err().status, Status::INVALID_HANDLE);
    assert_eq!(copy.associate(&packets.port, 1), Err(Status::INVALID_HANDLE));
    assert_eq!(copy.shutdown(proactor::How::Both), Err(Status::INVALID_HANDLE));
    assert_eq!(copy.local_addr(), Err(Status::INVALID_HANDLE));
    assert_eq!(copy.with_fd(|_| ()), Err(Status::INVALID_HANDLE));
    packets.assert_none();
}

#[test]
fn s115_dropping_one_of_two_handles_to_a_socket_cancels_nothing() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 11).unwrap();
    let copy = ours.clone();
    pending(copy.recv(op::Recv::new(vec![0; 16])));
    drop(copy);
    assert_eq!(ours.pending(), 1);
    peer.write_all(b"undisturbed").unwrap();
    let packet = packets.next();
    assert_eq!(packet.key, 11);
    assert_eq!(expect!(Recv, packet).data(), b"undisturbed");
}

#[test]
fn an_operation_keeps_its_socket_open_until_its_packet_is_dropped() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 11).unwrap();
    let name = name_of(&ours);
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    drop(ours);
    packets.assert_none();
    assert!(is_open(&name), "the receive keeps it");
    peer.write_all(b"still open").unwrap();
    let recv = expect!(Recv, packets.next());
    assert_eq!(recv.data(), b"still open");
    // The socket comes with its operation.
    let again = recv.socket().unwrap();
    queued(again.send(op::Send::new("yes")));
    drop(again);
    let mut answer = [0; 3];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"yes");
    drop(recv);
    assert!(is_open(&name), "its packet is not taken yet, or not dropped");
    drop(packets.next());
    eventually("the last that held it is gone", || !is_open(&name));
    assert_at_end(&mut peer);
}

#[test]
fn the_key_is_kept_as_long_as_the_handle_and_no_longer() {
    let port: Port<Arc<&str>> = Port::new(1).unwrap();
    let key = Arc::new("a session");
    let (dropped, _peer) = tcp_pair();
    dropped.associate(&port, key.clone()).unwrap();
    assert_eq!((Arc::strong_count(&key), port.snapshot().handles), (2, 1));
    drop(dropped);
    assert_eq!((Arc::strong_count(&key), port.snapshot().handles), (1, 0));

    let (closed, _peer) = tcp_pair();
    closed.associate(&port, key.clone()).unwrap();
    pending(closed.recv(op::Recv::new(vec![0; 4])));
    closed.close().unwrap();
    let packet = port.get().unwrap().unwrap();
    assert!(Arc::ptr_eq(&packet.key, &key));
    drop(packet);
    assert_eq!((Arc::strong_count(&key), port.snapshot().handles), (1, 0));
}

#[test]
fn s117_closing_a_listening_socket_cancels_its_accepts() {
    let packets = Packets::new();
    let (listening, address) = listener();
    listening.associate(&packets.port, 12).unwrap();
    for tag in 0..2 {
        pending(listening.accept(op::Accept::new().with_tag(tag)));
    }
    listening.close().unwrap();
    for tag in 0..2 {
        let packet = packets.next();
        assert_eq!((packet.key, packet.status()), (12, Status::CANCELLED));
        let mut accept = expect!(Accept, packet);
        assert_eq!((accept.tag(), accept.take_connection().is_none()), (tag, true));
    }
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn s119_closing_the_socket_that_an_accept_brings_aborts_the_accept() {
    let packets = Packets::new();
    let (listening, address) = listener();
    listening.associate(&packets.port, 12).unwrap();
    let accepting = Socket::stream(&address.into()).unwrap();
    pending(listening.accept(op::Accept::new().into_socket(&accepting)));
    accepting.close().unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status()), (12, Status::CANCELLED));
    // The listening socket goes on.
    pending(listening.accept(op::Accept::new()));
    let _client = std::net::TcpStream::connect(address).unwrap();
    assert_eq!(packets.next().status(), Status::SUCCESS);
}

#[test]
fn s116_a_descriptor_kept_elsewhere_does_not_keep_a_closed_handle_alive() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 11).unwrap();
    // What another process would have: the same socket by another descriptor.
    let elsewhere = ours.with_fd(|fd| fd.try_clone_to_owned().unwrap()).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    ours.close().unwrap();
    assert_eq!(packets.next().status(), Status::CONNECTION_ABORTED);
    peer.write_all(b"for the other").unwrap();
    let mut got = [0; 13];
    let count = loop {
        match rustix::io::read(elsewhere.as_fd(), &mut got) {
            Err(rustix::io::Errno::AGAIN) => thread::yield_now(),
            count => break count.unwrap(),
        }
    };
    assert_eq!(&got[..count], b"for the other");
    packets.assert_none();
    assert_eq!(packets.port.snapshot().handles, 0);
}

#[test]
fn s113_what_a_send_has_handed_over_arrives_although_its_thread_and_socket_are_gone() {
    let packets = Packets::new();
    let sent = pattern(1, 100_000);
    let (ours, mut peer) = tcp_pair();
    ours.set_send_buffer(1 << 20).unwrap();
    ours.associate(&packets.port, 11).unwrap();
    thread::spawn({
        let sent = sent.clone();
        move || queued(ours.send(op::Send::new(sent)))
    })
    .join()
    .unwrap();
    drop(packets.next());
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert!(got == sent);
}

#[test]
fn s330_everything_that_was_accepted_is_delivered_after_the_close() {
    let packets = Packets::new();
    let sent = pattern(2, 50 << 20);
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 11).unwrap();
    pending(ours.send(op::Send::new(sent.clone())));
    let reader = thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        got
    });
    let send = expect!(Send, packets.next());
    assert_eq!(send.result(), Ok(sent.len()));
    ours.close().unwrap();
    assert!(reader.join().unwrap() == sent);
}

#[test]
fn a_datagram_socket_that_is_closed_cancels_its_receives() {
    let packets = Packets::new();
    let socket = Socket::udp("127.0.0.1:0").unwrap();
    socket.associate(&packets.port, 11).unwrap();
    pending(socket.recv_from(op::RecvFrom::new(vec![0; 16])));
    socket.close().unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status()), (11, Status::CANCELLED));
}

#[test]
fn a_socket_closed_while_threads_use_it_ends_each_operation_once() {
    for round in 0..60 {
        let port: Port = Port::new(2).unwrap();
        let ends = Arc::new(AtomicUsize::new(0));
        let workers = Workers::start(&port, 2, {
            let ends = ends.clone();
            move |_| {
                ends.fetch_add(1, Relaxed);
            }
        })
        .unwrap();
        let (ours, mut peer) = tcp_pair();
        let name = name_of(&ours);
        ours.associate(&port, 1).unwrap();
        let starters: Vec<_> = (0..2)
            .map(|_| {
                let ours = ours.clone();
                thread::spawn(move || {
                    let mut started = 0;
                    loop {
                        let (recv, send) = (op::Recv::new(vec![0; 8]), op::Send::new("z"));
                        match (ours.recv(recv), ours.send(send)) {
                            (Err(one), Err(other)) => {
                                // The close came before, or while the call was made.
                                let closed = [Status::INVALID_HANDLE, Status::CONNECTION_ABORTED];
                                assert!(closed.contains(&one.status) && closed.contains(&other.status));
                                return started;
                            }
                            (recv, send) => started += usize::from(recv.is_ok()) + usize::from(send.is_ok()),
                        }
                        if started > 2000 {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        for _ in 0..round {
            peer.write_all(b"0123456789").unwrap();
        }
        ours.close().unwrap();
        let started: usize = starters.into_iter().map(|starter| starter.join().unwrap()).sum();
        eventually("every operation has ended", || ends.load(Relaxed) == started);
        eventually("nothing is under way", || ours.pending() == 0);
        eventually("the descriptor is closed", || !is_open(&name));
        eventually("the association has ended", || port.snapshot().handles == 0);
        port.close();
        workers.join();
        assert_eq!(ends.load(Relaxed), started);
    }
}

#[test]
fn the_same_operation_can_go_to_another_handle_and_lets_go_of_the_first() {
    let packets = Packets::new();
    let (first, mut first_peer) = tcp_pair();
    let (second, mut second_peer) = tcp_pair();
    first.associate(&packets.port, 1).unwrap();
    second.associate(&packets.port, 2).unwrap();
    let _ = first.send(op::Send::new("one").with_tag(9)).unwrap();
    drop(first);
    let send = expect!(Send, packets.next());
    assert!(matches!(second.send(send).unwrap(), Started::Queued(_)));
    let mut got = String::new();
    first_peer.read_to_string(&mut got).unwrap();
    assert_eq!(got, "one", "and then the end");
    let packet = packets.next();
    assert_eq!((packet.key, expect!(Send, packet).tag()), (2, 9));
    let mut got = [0; 3];
    second_peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"one");
}
