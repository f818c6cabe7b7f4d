//! When a packet is queued: once for whatever was accepted, never for what was refused.

mod common;

use std::io::{Read, Write};
use std::net::SocketAddr;

use common::*;
use proactor::{Address, File, How, Op, Pipe, Socket, Status, op};

#[test]
fn s017_an_operation_that_succeeds_at_once_queues_exactly_one_packet() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 3).unwrap();
    queued(ours.send(op::Send::new("question")));
    let packet = packets.next();
    assert_eq!((packet.key, packet.status(), packet.bytes()), (3, Status::SUCCESS, 8));
    packets.assert_none();

    let mut question = [0; 8];
    peer.read_exact(&mut question).unwrap();
    peer.write_all(b"answer").unwrap();
    // Once this is complete, the answer is known to be here.
    let _ = ours.recv(op::Recv::zero_byte()).unwrap();
    assert!(matches!(packets.next().op, Op::Recv(_)));
    queued(ours.recv(op::Recv::new(vec![0; 16])));
    let packet = packets.next();
    assert_eq!((packet.key, packet.status(), packet.bytes()), (3, Status::SUCCESS, 6));
    packets.assert_none();
}

#[test]
fn s018_an_operation_that_fails_at_once_queues_no_packet_and_comes_back_with_its_buffer() {
    let packets = Packets::new();
    let (ours, peer) = tcp_pair();
    ours.associate(&packets.port, 3).unwrap();
    pending(ours.recv(op::Recv::zero_byte()));
    reset(peer);
    assert_eq!(packets.next().status(), Status::CONNECTION_RESET);

    let memory = vec![7; 100];
    let address = memory.as_ptr();
    let (status, send) = refused(ours.send(op::Send::new(memory).with_tag(77)));
    assert_eq!((status, send.status(), send.tag()), (Status::CONNECTION_RESET, status, 77));
    let memory = send.into_buf().into_vec();
    assert_eq!((memory.as_ptr(), memory.len()), (address, 100), "the same memory");

    let nowhere: Address = "127.0.0.1:9".parse::<SocketAddr>().unwrap().into();
    let unconnected = Socket::stream(&nowhere).unwrap();
    unconnected.associate(&packets.port, 4).unwrap();
    assert_eq!(refused(unconnected.recv(op::Recv::new(vec![0; 8]))).0, Status::CONNECTION_INVALID);
    assert_eq!((ours.pending(), unconnected.pending()), (0, 0));
    packets.assert_none();
}

#[test]
fn a_refused_operation_can_be_started_elsewhere() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 3).unwrap();
    let nowhere: Address = "127.0.0.1:9".parse::<SocketAddr>().unwrap().into();
    let (_, send) = refused(Socket::stream(&nowhere).unwrap().send(op::Send::new("second try")));
    queued(ours.send(send));
    assert_eq!(expect!(Send, packets.next()).result(), Ok(10));
    let mut got = [0; 10];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"second try");
}

#[test]
fn s019_an_operation_that_fails_later_queues_its_packet() {
    let packets = Packets::new();
    let (ours, peer) = tcp_pair();
    ours.associate(&packets.port, 3).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 16]).with_tag(12)));
    reset(peer);
    let packet = packets.next();
    assert_eq!((packet.key, packet.status()), (3, Status::CONNECTION_RESET));
    assert_eq!(expect!(Recv, packet).tag(), 12);
    packets.assert_none();
}

#[test]
fn s020_a_warning_is_a_completion_and_has_its_packet() {
    let packets = Packets::new();
    let (ours, theirs) = Socket::datagram_pair().unwrap();
    ours.associate(&packets.port, 3).unwrap();
    let _ = theirs.begin(op::Send::new("too long")).unwrap().wait();
    queued(ours.recv(op::Recv::new(vec![0; 3])));
    let packet = packets.next();
    assert_eq!((packet.status(), packet.bytes()), (Status::BUFFER_OVERFLOW, 3));
    packets.assert_none();
}

#[test]
fn s021_an_overlapped_on_an_associated_handle_queues_no_packet() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 3).unwrap();
    // Done at once, done later, cancelled, and failed later.
    assert_eq!(ours.begin(op::Send::new("at once")).unwrap().wait().result(), Ok(7));
    let recv = ours.begin(op::Recv::new(vec![0; 16])).unwrap();
    assert!(!recv.is_complete());
    peer.write_all(b"later").unwrap();
    assert_eq!(recv.wait().data(), b"later");
    let recv = ours.begin(op::Recv::new(vec![0; 16])).unwrap();
    recv.cancel().unwrap();
    assert_eq!(recv.wait().status(), Status::CANCELLED);
    let recv = ours.begin(op::Recv::new(vec![0; 16])).unwrap();
    reset(peer);
    assert_eq!(recv.wait().status(), Status::CONNECTION_RESET);
    packets.assert_none();
}

#[test]
fn s021_overlapped_and_port_operations_take_their_turns_on_one_socket() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 3).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 1])));
    let second = ours.begin(op::Recv::new(vec![0; 1])).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 1])));
    peer.write_all(b"abc").unwrap();
    assert_eq!(second.wait().data(), b"b");
    assert_eq!(expect!(Recv, packets.next()).data(), b"a");
    assert_eq!(expect!(Recv, packets.next()).data(), b"c");
    packets.assert_none();
}

#[test]
fn s024_calls_that_are_no_operations_queue_nothing() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 3).unwrap();
    ours.set_nodelay(true).unwrap();
    ours.with_fd(|fd| rustix::net::send(fd, b"behind its back", rustix::net::SendFlags::empty()))
        .unwrap()
        .unwrap();
    ours.shutdown(How::Both).unwrap();
    let mut got = String::new();
    peer.read_to_string(&mut got).unwrap();
    assert_eq!(got, "behind its back");
    let datagram = Socket::udp("127.0.0.1:0").unwrap();
    datagram.associate(&packets.port, 4).unwrap();
    let own = datagram.local_addr().unwrap();
    datagram.set_peer(Some(&own)).unwrap();
    packets.assert_none();
}

#[test]
fn s025_every_kind_of_operation_queues_its_packet() {
    let packets = Packets::new();
    let (listening, address) = listener();
    listening.associate(&packets.port, 1).unwrap();
    pending(listening.accept(op::Accept::new()));
    let client = Socket::to_connect(&address.into()).unwrap();
    client.associate(&packets.port, 2).unwrap();
    pending(client.connect(op::Connect::new(address)));
    let mut accepted = None;
    for _ in 0..2 {
        match packets.next() {
            proactor::Packet { key: 1, op: Op::Accept(mut accept) } => accepted = accept.take_connection(),
            packet => assert_eq!((packet.key, expect!(Connect, packet).result()), (2, Ok(0))),
        }
    }
    let accepted = accepted.unwrap();
    accepted.associate(&packets.port, 3).unwrap();
    pending(accepted.recv(op::Recv::new(vec![0; 8])));
    queued(client.send(op::Send::new("hello")));
    let (one, other) = (packets.next(), packets.next());
    let (send, recv) = if one.key == 2 { (one, other) } else { (other, one) };
    assert_eq!(expect!(Send, send).result(), Ok(5));
    assert_eq!(expect!(Recv, recv).data(), b"hello");
    pending(client.disconnect(op::Disconnect::new()));
    assert_eq!(expect!(Disconnect, packets.next()).result(), Ok(0));

    let datagram = Socket::udp("127.0.0.1:0").unwrap();
    datagram.associate(&packets.port, 4).unwrap();
    queued(datagram.send_to(op::SendTo::new("to myself", datagram.local_addr().unwrap())));
    assert_eq!(expect!(SendTo, packets.next()).result(), Ok(9));
    let _ = datagram.recv_from(op::RecvFrom::new(vec![0; 16])).unwrap();
    assert_eq!(expect!(RecvFrom, packets.next()).data(), b"to myself");

    let (reader, writer) = Pipe::pair().unwrap();
    reader.associate(&packets.port, 5).unwrap();
    writer.associate(&packets.port, 6).unwrap();
    queued(writer.send(op::Send::new("piped")));
    assert_eq!(expect!(Send, packets.next()).result(), Ok(5));
    queued(reader.recv(op::Recv::new(vec![0; 16])));
    assert_eq!(expect!(Recv, packets.next()).data(), b"piped");

    let path = std::env::temp_dir().join(format!("proactor-packets-{}", std::process::id()));
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.associate(&packets.port, 7).unwrap();
    let _ = file.write(op::Write::new(0, "stored")).unwrap();
    assert_eq!(expect!(Write, packets.next()).result(), Ok(6));
    let _ = file.read(op::Read::new(0, vec![0; 16])).unwrap();
    assert_eq!(expect!(Read, packets.next()).data(), b"stored");
    pending(file.flush(op::Flush::new()));
    assert_eq!(expect!(Flush, packets.next()).result(), Ok(0));
    packets.assert_none();
}

#[test]
fn s026_a_cancelled_operation_queues_a_packet_that_says_so() {
    let packets = Packets::new();
    let (ours, _peer) = tcp_pair();
    ours.associate(&packets.port, 3).unwrap();
    let id = pending(ours.recv(op::Recv::new(vec![0; 16])));
    ours.cancel(id).unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status(), packet.bytes()), (3, Status::CANCELLED, 0));
    packets.assert_none();
}

#[test]
fn s027_closing_a_socket_with_nothing_pending_queues_nothing() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 3).unwrap();
    ours.close().unwrap();
    assert_eq!(peer.read(&mut [0; 4]).unwrap(), 0);
    let (dropped, mut peer) = tcp_pair();
    dropped.associate(&packets.port, 4).unwrap();
    drop(dropped);
    assert_eq!(peer.read(&mut [0; 4]).unwrap(), 0);
    packets.assert_none();
}

#[test]
fn s030_packets_come_in_the_order_of_completion() {
    let packets = Packets::new();
    let pairs: Vec<_> = (0..5).map(|_| tcp_pair()).collect();
    for (key, (ours, _)) in pairs.iter().enumerate() {
        ours.associate(&packets.port, key).unwrap();
    }
    let mut random = Random::new(30);
    let order: Vec<usize> = (0..500).map(|_| random.below(6)).collect();
    for (tag, key) in order.iter().enumerate() {
        match pairs.get(*key) {
            Some((ours, _)) => {
                queued(ours.send(op::Send::new("x").with_tag(tag)));
            }
            None => packets.port.post(*key, tag).unwrap(),
        }
    }
    for (tag, key) in order.into_iter().enumerate() {
        let packet = packets.next();
        let number = match packet.op {
            Op::Send(send) => send.tag(),
            Op::Posted(number) => number,
            op => panic!("unexpected: {op:?}"),
        };
        assert_eq!((packet.key, number), (key, tag));
    }
}

#[test]
fn an_operation_without_a_port_or_an_overlapped_leaves_no_trace() {
    let (ours, mut peer) = tcp_pair();
    pending(ours.recv(op::Recv::new(vec![0; 4])));
    peer.write_all(b"nobody sees this").unwrap();
    eventually("the operation is over", || ours.pending() == 0);
    let recv = ours.begin(op::Recv::new(vec![0; 64])).unwrap().wait();
    assert_eq!(recv.data(), b"dy sees this", "its four bytes went with it");
}
