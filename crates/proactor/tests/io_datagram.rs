//! Datagrams: boundaries, truncation, addresses, and ports at which nobody is.

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use common::*;
use proactor::{Address, Buf, BufPool, How, Socket, Status, op};

/// A UDP socket whose packets come to `packets` under key 4, and its address.
fn udp(packets: &Packets) -> (Socket, SocketAddr) {
    let socket = Socket::udp("127.0.0.1:0").unwrap();
    socket.associate(&packets.port, 4).unwrap();
    let address = socket.local_addr().unwrap().ip().unwrap();
    (socket, address)
}

fn peer() -> (UdpSocket, SocketAddr) {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = peer.local_addr().unwrap();
    (peer, address)
}

/// A path for a socket that nobody has yet.
fn free_path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("proactor-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn s345_a_datagram_that_is_too_long_is_cut_and_says_so_and_its_rest_is_lost() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let (peer, _) = peer();
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 4])));
    peer.send_to(b"too long", address).unwrap();
    let packet = packets.next();
    assert_eq!((packet.status(), packet.bytes()), (Status::BUFFER_OVERFLOW, 4));
    assert_eq!(expect!(RecvFrom, packet).data(), b"too ");
    peer.send_to(b"next", address).unwrap();
    let _ = ours.recv_from(op::RecvFrom::new(vec![0; 4])).unwrap();
    let packet = packets.next();
    assert_eq!(packet.status(), Status::SUCCESS, "one that just fits is whole");
    assert_eq!(expect!(RecvFrom, packet).data(), b"next");
}

#[test]
fn s336_a_zero_byte_receive_takes_a_datagram_and_cuts_all_of_it() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let (peer, _) = peer();
    pending(ours.recv(op::Recv::zero_byte()));
    peer.send_to(b"gone", address).unwrap();
    let packet = packets.next();
    assert_eq!((packet.status(), packet.bytes()), (Status::BUFFER_OVERFLOW, 0));
    peer.send_to(b"", address).unwrap();
    let _ = ours.recv(op::Recv::zero_byte()).unwrap();
    assert_eq!(packets.next().status(), Status::SUCCESS, "an empty one is whole");
    pending(ours.recv(op::Recv::new(vec![0; 8])));
}

#[test]
fn s346_a_receive_brings_the_address_of_the_sender_and_can_be_answered() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let (peer, from) = peer();
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 64])));
    for round in 0..3 {
        let text = format!("round {round}");
        peer.send_to(text.as_bytes(), address).unwrap();
        let recv = expect!(RecvFrom, packets.next());
        assert_eq!((recv.sender(), recv.data()), (Some(&Address::Ip(from)), text.as_bytes()));
        queued(ours.send_to(recv.into_reply()));
        let send = expect!(SendTo, packets.next());
        assert_eq!(send.result(), Ok(text.len()));
        let mut got = [0; 64];
        assert_eq!(peer.recv_from(&mut got).unwrap(), (text.len(), address));
        assert_eq!(&got[..text.len()], text.as_bytes());
        pending(ours.recv_from(send.into_recv_from()));
    }
}

#[test]
fn each_receive_takes_one_datagram_in_order_empty_ones_too() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let (peer, _) = peer();
    for tag in 0..5 {
        pending(ours.recv_from(op::RecvFrom::new(vec![0; 16]).with_tag(tag)));
    }
    let sent = ["one", "", "three", "four", ""];
    for text in sent {
        peer.send_to(text.as_bytes(), address).unwrap();
    }
    for (tag, text) in sent.iter().enumerate() {
        let recv = expect!(RecvFrom, packets.next());
        assert_eq!((recv.tag(), recv.status(), recv.data()), (tag, Status::SUCCESS, text.as_bytes()));
    }
}

#[test]
fn a_datagram_is_gathered_and_scattered() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let parts = || ["ab", "", "cdef", "g"].map(Buf::from).into();
    queued(ours.send_to(op::SendTo::gather(parts(), address)));
    assert_eq!(expect!(SendTo, packets.next()).result(), Ok(7));
    let _ = ours.recv_from(op::RecvFrom::scatter(vec![Buf::new(1), Buf::new(4), Buf::new(9)])).unwrap();
    let recv = expect!(RecvFrom, packets.next());
    assert_eq!((recv.result(), recv.data()), (Ok(7), &b"a"[..]));
    let bufs = recv.into_bufs();
    assert_eq!((&bufs[1][..], &bufs[2][..2]), (&b"bcde"[..], &b"fg"[..]));
}

#[test]
fn a_pooled_receive_of_datagrams_borrows_only_when_one_is_there() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let (peer, _) = peer();
    let pool = BufPool::new(64, 1);
    pending(ours.recv_from(op::RecvFrom::pooled(&pool)));
    assert_eq!(pool.lent(), 0);
    peer.send_to(b"first", address).unwrap();
    let first = expect!(RecvFrom, packets.next());
    peer.send_to(b"second", address).unwrap();
    match ours.recv_from(op::RecvFrom::pooled(&pool)) {
        Ok(_) => assert_eq!(packets.next().status(), Status::NO_BUFS),
        Err(refused) => assert_eq!(refused.status, Status::NO_BUFS),
    }
    assert_eq!((first.data(), pool.lent()), (&b"first"[..], 1));
    drop(first);
    let _ = ours.recv_from(op::RecvFrom::pooled(&pool)).unwrap();
    assert_eq!(expect!(RecvFrom, packets.next()).data(), b"second");
}

#[test]
fn s347_a_send_gives_a_socket_without_an_address_one() {
    let packets = Packets::new();
    let (peer, to) = peer();
    let ours = Socket::datagram(&to.into()).unwrap();
    ours.associate(&packets.port, 4).unwrap();
    queued(ours.send_to(op::SendTo::new("who am I", to)));
    assert_eq!(expect!(SendTo, packets.next()).result(), Ok(8));
    let (count, own) = peer.recv_from(&mut [0; 16]).unwrap();
    assert_eq!((count, own.port()), (8, ours.local_addr().unwrap().ip().unwrap().port()));
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16])));
    peer.send_to(b"you", own).unwrap();
    assert_eq!(expect!(RecvFrom, packets.next()).data(), b"you");
}

#[test]
fn s348_a_port_at_which_nobody_is_fails_the_receive_that_waits() {
    let packets = Packets::new();
    let (ours, _) = udp(&packets);
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    ours.set_peer(Some(&nobody.into())).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    queued(ours.send(op::Send::new("anyone?")));
    let (one, other) = (packets.next(), packets.next());
    let (send, recv) = if matches!(one.op, proactor::Op::Send(_)) { (one, other) } else { (other, one) };
    assert_eq!(expect!(Send, send).result(), Ok(7));
    assert_eq!((recv.status(), recv.bytes()), (Status::PORT_UNREACHABLE, 0));
    // It was about that datagram only.
    pending(ours.recv(op::Recv::new(vec![0; 16])));
}

#[test]
fn s348_a_socket_without_a_peer_is_told_of_nothing() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16])));
    for _ in 0..3 {
        queued(ours.send_to(op::SendTo::new("anyone?", nobody)));
        assert_eq!(expect!(SendTo, packets.next()).result(), Ok(7));
    }
    packets.assert_none();
    let (peer, _) = peer();
    peer.send_to(b"somebody", address).unwrap();
    assert_eq!(expect!(RecvFrom, packets.next()).data(), b"somebody");
}

#[test]
fn s348_who_does_not_want_to_know_is_not_told() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    ours.tell_unreachable(false).unwrap();
    ours.set_peer(Some(&nobody.into())).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    for _ in 0..3 {
        queued(ours.send(op::Send::new("anyone?")));
        assert_eq!(expect!(Send, packets.next()).result(), Ok(7));
    }
    packets.assert_none();
    let late = UdpSocket::bind(nobody).unwrap();
    late.send_to(b"me", address).unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"me");
    assert_eq!(Socket::pair().unwrap().0.tell_unreachable(false), Err(Status::NOT_SUPPORTED));
}

#[test]
fn s349_a_peer_can_be_set_changed_and_taken_away() {
    let packets = Packets::new();
    let (ours, _) = udp(&packets);
    let ((first, one), (second, two)) = (peer(), peer());
    for (peer, address) in [(&first, one), (&second, two), (&first, one)] {
        ours.set_peer(Some(&address.into())).unwrap();
        assert_eq!(ours.peer_addr(), Ok(Address::Ip(address)));
        queued(ours.send(op::Send::new("hello")));
        assert_eq!(expect!(Send, packets.next()).result(), Ok(5));
        assert_eq!(peer.recv(&mut [0; 16]).unwrap(), 5);
    }
    ours.set_peer(None).unwrap();
    assert_eq!(ours.peer_addr().map_err(|status| status.to_winsock()), Err(10057), "WSAENOTCONN");
    assert_eq!(refused(ours.send(op::Send::new("to whom?"))).0, Status::CONNECTION_INVALID);
    packets.assert_none();
}

#[test]
fn s349_each_direction_of_a_datagram_socket_can_be_shut() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let (peer, to) = peer();
    ours.set_peer(Some(&to.into())).unwrap();
    ours.shutdown(How::Send).unwrap();
    assert_eq!(refused(ours.send(op::Send::new("x"))).0, Status::PIPE_DISCONNECTED);
    assert_eq!(refused(ours.send_to(op::SendTo::new("x", to))).0, Status::PIPE_DISCONNECTED);
    peer.send_to(b"still", address).unwrap();
    let _ = ours.recv(op::Recv::new(vec![0; 8])).unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"still");
    ours.shutdown(How::Receive).unwrap();
    assert_eq!(refused(ours.recv(op::Recv::new(vec![0; 8]))).0, Status::PIPE_DISCONNECTED);
    assert_eq!(refused(ours.recv_from(op::RecvFrom::new(vec![0; 8]))).0, Status::PIPE_DISCONNECTED);
}

#[test]
fn s350_nothing_is_received_on_a_socket_without_an_address() {
    let (_, to) = peer();
    let ours = Socket::datagram(&to.into()).unwrap();
    assert_eq!(refused(ours.recv_from(op::RecvFrom::new(vec![0; 8]))).0, Status::INVALID_PARAMETER);
    assert_eq!(refused(ours.recv(op::Recv::new(vec![0; 8]))).0, Status::INVALID_PARAMETER);
    assert_eq!(refused(ours.send(op::Send::new("no peer"))).0, Status::CONNECTION_INVALID);
}

#[test]
fn one_that_no_packet_can_hold_is_refused() {
    let packets = Packets::new();
    let (ours, address) = udp(&packets);
    let (status, send) = refused(ours.send_to(op::SendTo::new(vec![0; 65_508], address)));
    assert_eq!((status, send.into_buf().len()), (Status::INVALID_BUFFER_SIZE, 65_508));
    queued(ours.send_to(op::SendTo::new(vec![1; 65_507], address)));
    assert_eq!(packets.next().bytes(), 65_507);
}

#[test]
fn unix_datagrams_bring_the_path_of_their_sender() {
    let packets = Packets::new();
    let (here, there) = (free_path("dgram-here"), free_path("dgram-there"));
    let ours = Socket::unix_datagram(&here).unwrap();
    ours.associate(&packets.port, 4).unwrap();
    let theirs = UnixDatagram::bind(&there).unwrap();
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16])));
    theirs.send_to(b"from a path", &here).unwrap();
    let recv = expect!(RecvFrom, packets.next());
    assert_eq!((recv.sender(), recv.data()), (Some(&Address::Unix(there.clone())), &b"from a path"[..]));
    queued(ours.send_to(recv.into_reply()));
    assert_eq!(expect!(SendTo, packets.next()).result(), Ok(11));
    assert_eq!(theirs.recv(&mut [0; 16]).unwrap(), 11);

    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16])));
    UnixDatagram::unbound().unwrap().send_to(b"from nowhere", &here).unwrap();
    let recv = expect!(RecvFrom, packets.next());
    assert_eq!(recv.sender(), Some(&Address::Unix(PathBuf::new())), "a sender without a name");
    for path in [&here, &there] {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_unix_datagram_socket_of_anyones_receives() {
    let packets = Packets::new();
    let path = free_path("dgram-foreign");
    let ours = Socket::from_fd(UnixDatagram::bind(&path).unwrap()).unwrap();
    ours.associate(&packets.port, 4).unwrap();
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16])));
    UnixDatagram::unbound().unwrap().send_to(b"here", &path).unwrap();
    assert_eq!(expect!(RecvFrom, packets.next()).data(), b"here");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn datagrams_wait_for_a_slow_reader_and_none_is_lost() {
    let packets = Packets::new();
    let (ours, theirs) = Socket::datagram_pair().unwrap();
    ours.associate(&packets.port, 4).unwrap();
    const COUNT: usize = 600;
    for number in 0..COUNT {
        let _ = ours.send(op::Send::new(number.to_le_bytes().to_vec()).with_tag(number)).unwrap();
    }
    assert!(ours.pending() > 0, "the kernel keeps only a few");
    for number in 0..COUNT {
        let recv = theirs.begin(op::Recv::new(vec![0; 16])).unwrap().wait();
        assert_eq!(recv.data(), number.to_le_bytes());
    }
    for number in 0..COUNT {
        let send = expect!(Send, packets.next());
        assert_eq!((send.tag(), send.result()), (number, Ok(8)));
    }
}

#[test]
fn a_send_to_a_full_unix_socket_goes_on_when_there_is_room() {
    let folder = std::env::temp_dir().join(format!("proactor-full-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("receiver");
    let receiver = Socket::unix_datagram(&path).unwrap();
    let address = proactor::Address::from(path.as_path());
    let filler = Socket::datagram(&address).unwrap();
    // More than the kernel queues for one receiver; the last of them waits for room.
    let mut sent: Vec<_> =
        (0..2000).map(|_| filler.begin(op::SendTo::new("x", address.clone())).unwrap()).collect();
    let last = sent.pop().unwrap();
    assert!(!last.is_complete());
    let mut received = 0;
    while received < 2000 {
        received += receiver.begin(op::RecvFrom::new(vec![0; 4])).unwrap().wait().bytes();
    }
    assert_eq!(last.wait().result(), Ok(1));
    assert!(sent.into_iter().all(|send| send.wait().result() == Ok(1)));
    std::fs::remove_dir_all(&folder).unwrap();
}
