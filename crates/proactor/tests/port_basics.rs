//! Making ports, and associating handles with them.

mod common;

use std::os::fd::OwnedFd;
use std::time::Duration;

use common::{PATIENCE, Packets, listener, tcp_pair};
use proactor::{Limits, Op, Port, Socket, Status, op, processors};

#[test]
fn s005_zero_seats_means_one_for_each_processor() {
    assert_eq!(Port::<usize>::new(0).unwrap().concurrency(), processors());
    assert_eq!(Port::<usize>::new(3).unwrap().concurrency(), 3);
    assert_eq!(Port::<usize>::new(3).unwrap().clone().snapshot().limit, 3);
}

#[test]
fn s006_a_blocking_descriptor_becomes_overlapped_and_can_be_associated() {
    let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let packets = Packets::new();
    let socket = Socket::from_fd(OwnedFd::from(ours)).unwrap();
    socket.associate(&packets.port, 1).unwrap();
    assert!(!socket.recv(op::Recv::new(vec![0; 8])).unwrap().at_once(), "it does not block");
    socket.cancel_all().unwrap();
    assert_eq!(packets.next().status(), Status::CANCELLED);
}

#[test]
fn s007_a_handle_is_associated_once_for_its_life() {
    let (one, other) = (Port::<usize>::new(1).unwrap(), Port::<usize>::new(1).unwrap());
    let (socket, _peer) = Socket::pair().unwrap();
    socket.associate(&one, 1).unwrap();
    assert_eq!(socket.associate(&one, 1), Err(Status::INVALID_PARAMETER));
    assert_eq!(socket.associate(&other, 2), Err(Status::INVALID_PARAMETER));
    one.close();
    assert_eq!(socket.associate(&other, 2), Err(Status::INVALID_PARAMETER), "also when its port is closed");
}

#[test]
fn s008_a_clone_completes_to_the_same_port_under_the_same_key() {
    let packets = Packets::new();
    let (socket, peer) = tcp_pair();
    socket.associate(&packets.port, 125).unwrap();
    let clone = socket.clone();
    assert_eq!(clone.associate(&packets.port, 1), Err(Status::INVALID_PARAMETER));
    clone.recv(op::Recv::new(vec![0; 8])).unwrap();
    drop(socket);
    drop(peer);
    let packet = packets.next();
    assert_eq!((packet.key, packet.status(), packet.bytes()), (125, Status::SUCCESS, 0));
}

#[test]
fn s009_what_was_started_before_the_association_queues_its_packet() {
    let packets = Packets::new();
    let (socket, peer) = Socket::pair().unwrap();
    assert!(!socket.recv(op::Recv::new(vec![0; 8])).unwrap().at_once());
    socket.associate(&packets.port, 7).unwrap();
    peer.begin(op::Send::new("late")).unwrap().wait();
    let packet = packets.next();
    assert_eq!(packet.key, 7);
    assert_eq!(expect!(Recv, packet).data(), b"late");
}

#[test]
fn s014_any_number_of_handles_share_a_port_and_keys_may_be_alike_or_zero() {
    let packets = Packets::new();
    let pairs: Vec<_> = (0..100).map(|_| Socket::pair().unwrap()).collect();
    for (n, (socket, peer)) in pairs.iter().enumerate() {
        socket.associate(&packets.port, n % 2).unwrap();
        socket.recv(op::Recv::new(vec![0; 8]).with_tag(n)).unwrap();
        peer.begin(op::Send::new("x")).unwrap().wait();
        let packet = packets.next();
        assert_eq!(packet.key, n % 2);
        assert_eq!(expect!(Recv, packet).tag(), n);
    }
    assert_eq!(packets.port.snapshot().handles, 100);
}

#[test]
fn s015_an_accept_has_the_key_of_the_listening_socket() {
    let packets = Packets::new();
    let (listener, address) = listener();
    listener.associate(&packets.port, 125).unwrap();
    let accepting = Socket::stream(&address.into()).unwrap();
    accepting.associate(&packets.port, 236).unwrap();
    listener.accept(op::Accept::new().into_socket(&accepting)).unwrap();
    let _client = std::net::TcpStream::connect(address).unwrap();
    let packet = packets.next();
    assert_eq!(packet.key, 125);
    assert!(matches!(packet.op, Op::Accept(_)));
    packets.assert_none();
}

#[test]
fn a_closed_port_or_handle_can_not_be_associated() {
    let port: Port = Port::new(1).unwrap();
    let (socket, other) = Socket::pair().unwrap();
    other.close().unwrap();
    assert_eq!(other.associate(&port, 1), Err(Status::INVALID_HANDLE));
    port.close();
    assert_eq!(socket.associate(&port, 1), Err(Status::INVALID_HANDLE));
}

#[test]
fn a_port_beyond_what_counts_hold_is_refused() {
    assert_eq!(Port::<usize>::new(32768).unwrap_err(), Status::TOO_MANY_THREADS);
    let limits = |workers, handles| Limits { workers, handles, ..Limits::default() };
    for wrong in [limits(0, 1), limits(1, 0), limits(1, usize::MAX)] {
        assert_eq!(Port::<usize>::with_limits(1, wrong).unwrap_err(), Status::INVALID_PARAMETER);
    }
    assert_eq!(Port::<usize>::with_limits(1, limits(40_000, 1)).unwrap_err(), Status::TOO_MANY_THREADS);
}

#[test]
fn keys_and_messages_of_any_kind_are_carried() {
    let port: Port<String, Box<dyn FnOnce() -> u8 + Send>> = Port::new(1).unwrap();
    port.post("call".into(), Box::new(|| 42)).unwrap();
    let packet = port.get_timeout(PATIENCE).unwrap();
    let Op::Posted(message) = packet.op else { panic!("not what was posted") };
    assert_eq!((packet.key.as_str(), message()), ("call", 42));
    assert!(matches!(port.get_timeout(Duration::ZERO), Err(Status::TIMEOUT)));
}
