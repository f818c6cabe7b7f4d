//! What travels beside a datagram: destination, interface, hops and class, on the way in and on the way out.

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use common::*;
use proactor::{Socket, Status, op};
use socket2::SockRef;

const ALL: op::Beside = op::Beside::all();

/// A UDP socket at all addresses of a family that is told `beside`, with key 4, and its port.
fn everywhere(packets: &Packets, any: &str, beside: op::Beside) -> (Socket, u16) {
    let socket = Socket::udp((any, 0)).unwrap();
    socket.associate(&packets.port, 4).unwrap();
    socket.set_control(beside).unwrap();
    let port = socket.local_addr().unwrap().ip().unwrap().port();
    (socket, port)
}

fn peer(address: &str) -> UdpSocket {
    let peer = UdpSocket::bind((address, 0)).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer
}

fn loopback_index() -> u32 {
    std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap().trim().parse().unwrap()
}

/// Whether this machine has IPv6 at all; a container may not.
fn has_v6() -> bool {
    let has = UdpSocket::bind("[::1]:0").is_ok();
    if !has {
        eprintln!("no IPv6 here: not tried");
    }
    has
}

const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const THREE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

#[test]
fn s351_a_receive_tells_where_a_datagram_was_sent_to_and_how_it_came() {
    let packets = Packets::new();
    let (ours, port) = everywhere(&packets, "0.0.0.0", ALL);
    let peer = peer("127.0.0.1");
    peer.set_ttl(7).unwrap();
    SockRef::from(&peer).set_tos_v4(0x28).unwrap();
    for to in [THREE, ONE] {
        // One that waits and one that finds it there.
        pending(ours.recv_from(op::RecvFrom::new(vec![0; 16]).with_control()));
        for _ in 0..2 {
            peer.send_to(b"hello", (to, port)).unwrap();
        }
        let first = expect!(RecvFrom, packets.next());
        queued(ours.recv_from(op::RecvFrom::new(vec![0; 16]).with_control()));
        for recv in [first, expect!(RecvFrom, packets.next())] {
            assert_eq!((recv.status(), recv.data()), (Status::SUCCESS, &b"hello"[..]));
            assert_eq!(recv.sender().unwrap().ip(), Some(peer.local_addr().unwrap()));
            let control = recv.control().unwrap();
            assert_eq!(control.destination(), Some(IpAddr::V4(to)));
            assert_eq!(control.interface(), Some(loopback_index()));
            assert_eq!((control.hop_limit(), control.traffic_class()), (Some(7), Some(0x28)));
            assert!(!control.is_cut() && !control.is_datagram_cut() && control.others().is_empty());
        }
    }
}

#[test]
fn s351_only_what_was_asked_for_comes() {
    let packets = Packets::new();
    let (ours, port) = everywhere(&packets, "0.0.0.0", ALL);
    let peer = peer("127.0.0.1");
    for beside in
        [op::Beside::HOP_LIMIT, op::Beside::DESTINATION, op::Beside::TRAFFIC_CLASS, op::Beside::empty()]
    {
        ours.set_control(beside).unwrap();
        peer.send_to(b"x", (ONE, port)).unwrap();
        let _ = ours.recv_from(op::RecvFrom::new(vec![0; 16]).with_control()).unwrap();
        let recv = expect!(RecvFrom, packets.next());
        let control = recv.control().unwrap();
        let came = [
            (op::Beside::DESTINATION, control.destination().is_some() && control.interface().is_some()),
            (op::Beside::HOP_LIMIT, control.hop_limit().is_some()),
            (op::Beside::TRAFFIC_CLASS, control.traffic_class().is_some()),
        ];
        for (kind, came) in came {
            assert_eq!(came, beside.contains(kind), "{kind:?} of {beside:?}");
        }
        assert_eq!(recv.result(), Ok(1));
    }
    // Who does not want it is not bothered with it, and that is no truncation.
    ours.set_control(ALL).unwrap();
    peer.send_to(b"x", (ONE, port)).unwrap();
    let _ = ours.recv_from(op::RecvFrom::new(vec![0; 16])).unwrap();
    let recv = expect!(RecvFrom, packets.next());
    assert_eq!((recv.result(), recv.control()), (Ok(1), None));
}

#[test]
fn s351_too_little_room_for_control_data_is_a_warning_of_its_own() {
    let packets = Packets::new();
    let (ours, port) = everywhere(&packets, "0.0.0.0", op::Beside::DESTINATION);
    let peer = peer("127.0.0.1");
    // What one needs is more than 16 bytes, and more than nothing.
    for (buffer, room, whole, complete) in [
        (16, 512, true, true),
        (16, 16, true, false),
        (16, 0, true, false),
        (4, 512, false, true),
        (4, 16, false, false),
    ] {
        for waits in [true, false] {
            let recv = op::RecvFrom::new(vec![0; buffer]).with_control_room(room);
            if waits {
                pending(ours.recv_from(recv));
                peer.send_to(b"datagram", (THREE, port)).unwrap();
            } else {
                peer.send_to(b"datagram", (THREE, port)).unwrap();
                queued(ours.recv_from(recv));
            }
            let recv = expect!(RecvFrom, packets.next());
            let expected = if whole && complete { Status::SUCCESS } else { Status::BUFFER_OVERFLOW };
            assert_eq!(recv.status(), expected, "{buffer} bytes, {room} beside");
            assert_eq!(recv.data(), &b"datagram"[..buffer.min(8)]);
            let control = recv.control().unwrap();
            assert_eq!((control.is_datagram_cut(), control.is_cut()), (!whole, !complete));
            assert_eq!(control.destination(), complete.then_some(IpAddr::V4(THREE)));
        }
    }
}

#[test]
fn s351_a_reply_comes_from_the_address_that_was_asked() {
    let packets = Packets::new();
    let (ours, port) = everywhere(&packets, "0.0.0.0", ALL);
    let peer = peer("127.0.0.1");
    let mut recv = op::RecvFrom::new(vec![0; 16]).with_control();
    for asked in [THREE, ONE, THREE] {
        let _ = ours.recv_from(recv).unwrap();
        peer.send_to(b"who are you?", (asked, port)).unwrap();
        let reply = expect!(RecvFrom, packets.next()).into_reply();
        assert_eq!(reply.control().unwrap().source(), Some(IpAddr::V4(asked)));
        queued(ours.send_to(reply));
        let sent = expect!(SendTo, packets.next());
        assert_eq!(sent.result(), Ok(12));
        assert_eq!(peer.recv_from(&mut [0; 16]).unwrap(), (12, SocketAddr::from((asked, port))));
        // And the next receive brings it again.
        recv = sent.into_recv_from();
        assert_eq!(recv.control(), op::RecvFrom::new(vec![]).with_control().control());
    }
    // Without, the system chooses.
    let _ = ours.recv_from(op::RecvFrom::new(vec![0; 16])).unwrap();
    peer.send_to(b"and you?", (THREE, port)).unwrap();
    queued(ours.send_to(expect!(RecvFrom, packets.next()).into_reply()));
    assert_eq!(peer.recv_from(&mut [0; 16]).unwrap(), (8, SocketAddr::from((ONE, port))));
}

#[test]
fn s351_a_send_brings_its_source_its_hops_and_its_class() {
    let packets = Packets::new();
    let (ours, port) = everywhere(&packets, "0.0.0.0", ALL);
    let sender = Socket::udp("0.0.0.0:0").unwrap();
    let to = SocketAddr::from((ONE, port));
    let control = op::Control::new().with_source(THREE).with_interface(loopback_index());
    let control = control.with_hop_limit(9).with_traffic_class(0x50);
    let send = op::SendTo::gather(vec!["he".into(), "llo".into()], to).with_control(control.clone());
    assert_eq!(send.control(), Some(&control));
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16]).with_control()));
    assert_eq!(sender.begin(send).unwrap().wait().result(), Ok(5));
    let recv = expect!(RecvFrom, packets.next());
    assert_eq!(recv.data(), b"hello");
    assert_eq!(recv.sender().unwrap().ip().unwrap().ip(), IpAddr::V4(THREE));
    let came = recv.control().unwrap();
    assert_eq!((came.hop_limit(), came.traffic_class()), (Some(9), Some(0x50)));
}

#[test]
fn s351_a_source_that_cannot_be_is_refused_and_nothing_is_sent() {
    let packets = Packets::new();
    let (ours, port) = everywhere(&packets, "0.0.0.0", ALL);
    let to = SocketAddr::from((ONE, port));
    // An address for documentation, which is nobody's; one of another family; no hops; an interface that is not there.
    for (control, status) in [
        (op::Control::new().with_source([203, 0, 113, 1]), Status::NETWORK_UNREACHABLE),
        (op::Control::new().with_source(std::net::Ipv6Addr::LOCALHOST), Status::INVALID_PARAMETER),
        (op::Control::new().with_hop_limit(0), Status::INVALID_PARAMETER),
        (op::Control::new().with_interface(0x7fff_fff0), Status::NO_SUCH_DEVICE),
    ] {
        let (got, send) = refused(ours.send_to(op::SendTo::new("x", to).with_control(control.clone())));
        assert_eq!((got, send.control()), (status, Some(&control)));
    }
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16])));
    packets.assert_none();
}

#[test]
fn s351_the_same_of_ipv6() {
    if !has_v6() {
        return;
    }
    let packets = Packets::new();
    let (ours, port) = everywhere(&packets, "::", ALL);
    let peer = peer("::1");
    let here = peer.local_addr().unwrap();
    SockRef::from(&peer).set_unicast_hops_v6(11).unwrap();
    SockRef::from(&peer).set_tclass_v6(0x48).unwrap();
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16]).with_control()));
    peer.send_to(b"six", ("::1", port)).unwrap();
    let recv = expect!(RecvFrom, packets.next());
    let control = recv.control().unwrap();
    assert_eq!((control.destination(), control.interface()), (Some(here.ip()), Some(loopback_index())));
    assert_eq!((control.hop_limit(), control.traffic_class()), (Some(11), Some(0x48)));
    queued(ours.send_to(recv.into_reply()));
    assert_eq!(peer.recv_from(&mut [0; 16]).unwrap(), (3, SocketAddr::from((here.ip(), port))));
    // And out, of a socket that would choose otherwise.
    let _ = packets.next();
    let sender = Socket::udp("[::]:0").unwrap();
    let control = op::Control::new().with_source(here.ip()).with_hop_limit(5).with_traffic_class(0x88);
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16]).with_control()));
    let send = op::SendTo::new("out", SocketAddr::from((here.ip(), port))).with_control(control);
    assert_eq!(sender.begin(send).unwrap().wait().result(), Ok(3));
    let recv = expect!(RecvFrom, packets.next());
    let came = recv.control().unwrap();
    assert_eq!((recv.data(), came.hop_limit(), came.traffic_class()), (&b"out"[..], Some(5), Some(0x88)));
}

#[test]
fn s351_an_ipv6_socket_is_told_of_ipv4s_datagrams_too() {
    if !has_v6() {
        return;
    }
    let packets = Packets::new();
    let (ours, port) = everywhere(&packets, "::", ALL);
    let peer = peer("127.0.0.1");
    peer.set_ttl(13).unwrap();
    pending(ours.recv_from(op::RecvFrom::new(vec![0; 16]).with_control()));
    peer.send_to(b"four", (THREE, port)).unwrap();
    let recv = expect!(RecvFrom, packets.next());
    let control = recv.control().unwrap();
    assert_eq!((control.destination(), control.hop_limit()), (Some(IpAddr::V4(THREE)), Some(13)));
    queued(ours.send_to(recv.into_reply()));
    assert_eq!(peer.recv_from(&mut [0; 16]).unwrap(), (4, SocketAddr::from((THREE, port))));
}

#[test]
fn s351_only_datagram_sockets_of_the_internet_have_control_data() {
    let (stream, _peer) = tcp_pair();
    let (unix, other) = Socket::datagram_pair().unwrap();
    for socket in [&stream, &unix] {
        assert_eq!(socket.set_control(ALL), Err(Status::NOT_SUPPORTED));
    }
    assert_eq!(
        refused(unix.recv_from(op::RecvFrom::new(vec![0; 4]).with_control())).0,
        Status::NOT_SUPPORTED
    );
    let control = op::Control::new().with_hop_limit(3);
    let send = op::SendTo::new("x", std::path::Path::new("/nowhere")).with_control(control);
    assert_eq!(refused(unix.send_to(send)).0, Status::NOT_SUPPORTED);
    drop(other);
}
