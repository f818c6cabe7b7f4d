//! Connecting (S367 to S372).

mod common;
#[path = "common/streams.rs"]
mod streams;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use common::{PATIENCE, Packets, eventually, pattern};
use proactor::object::{Thread, Wait, wait_one};
use proactor::{Address, Modes, Socket, Started, Status, op};
use rustix::net::{AddressFamily, SocketType};
use streams::{Place, free_path};

const KEY: usize = 5;

/// A socket that may be connected to `address`, on a port.
fn on_port(address: &Address, packets: &Packets) -> Socket {
    let socket = Socket::to_connect(address).unwrap();
    socket.associate(&packets.port, KEY).unwrap();
    socket
}

/// An address of this machine where nobody listens, of each family.
fn nobodys() -> [Address; 2] {
    // Bound and not listening: whoever connects is refused.
    let bound = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    rustix::net::bind(&bound, &any).unwrap();
    // Kept for good, or another test would listen there.
    let taken = std::mem::ManuallyDrop::new(std::net::TcpListener::from(bound)).local_addr().unwrap();
    [taken.into(), free_path().as_path().into()]
}

#[test]
fn s367_the_socket_must_be_bound_and_neither_listening_nor_connected() {
    let place = Place::tcp();
    let connect =
        |socket: &Socket| socket.connect(op::Connect::new(place.address.clone())).unwrap_err().status;
    assert_eq!(connect(&Socket::stream(&place.address).unwrap()), Status::INVALID_PARAMETER, "unbound");
    assert_eq!(connect(&place.listener), Status::INVALID_PARAMETER, "listening");
    assert_eq!(connect(&Socket::udp("127.0.0.1:0").unwrap()), Status::INVALID_PARAMETER, "datagrams");
    let packets = Packets::new();
    let socket = on_port(&place.address, &packets);
    let _ = socket.connect(op::Connect::new(place.address.clone())).unwrap();
    assert_eq!(packets.next().status(), Status::SUCCESS);
    assert_eq!(connect(&socket), Status::CONNECTION_ACTIVE);
    assert_eq!(Status::CONNECTION_ACTIVE.to_winsock(), 10056, "WSAEISCONN");
}

#[test]
fn s367_one_connect_at_a_time() {
    let place = full();
    let packets = Packets::new();
    let socket = on_port(&place.address, &packets);
    let _ = socket.connect(op::Connect::new(place.address.clone())).unwrap();
    let again = socket.connect(op::Connect::new(place.address.clone()));
    assert_eq!(again.unwrap_err().status, Status::INVALID_PARAMETER);
    socket.cancel_all().unwrap();
    assert_eq!(packets.next().status(), Status::CANCELLED);
}

#[test]
fn s368_s093_a_connect_is_always_pending_and_its_packet_always_comes() {
    for place in Place::both() {
        let packets = Packets::new();
        for skip in [false, true] {
            let socket = on_port(&place.address, &packets);
            if skip {
                socket.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
            }
            let started = socket.connect(op::Connect::new(place.address.clone()).with_tag(3)).unwrap();
            assert!(matches!(started, Started::Pending(_)), "{started:?}");
            let packet = packets.next();
            assert_eq!(packet.key, KEY);
            let connect = expect!(Connect, packet);
            assert_eq!((connect.tag(), connect.result()), (3, Ok(0)));
            packets.assert_none();
        }
    }
}

#[test]
fn s368_s370_a_refused_connect_is_pending_and_its_packet_says_so() {
    let packets = Packets::new();
    for address in nobodys() {
        let socket = on_port(&address, &packets);
        let started = socket.connect(op::Connect::new(address)).unwrap();
        assert!(matches!(started, Started::Pending(_)), "{started:?}");
        let packet = packets.next();
        assert_eq!((packet.key, packet.status(), packet.bytes()), (KEY, Status::CONNECTION_REFUSED, 0));
        packets.assert_none();
    }
    assert_eq!(Status::CONNECTION_REFUSED.to_win32(), 1225, "GetQueuedCompletionStatus");
    assert_eq!(Status::CONNECTION_REFUSED.to_winsock(), 10061, "WSAGetOverlappedResult");
}

#[test]
fn s370_the_holder_of_an_overlapped_connect_is_told_of_the_refusal() {
    for address in nobodys() {
        let socket = Socket::to_connect(&address).unwrap();
        let connect = socket.begin(op::Connect::new(address)).unwrap().wait();
        assert_eq!(connect.result(), Err(Status::CONNECTION_REFUSED));
    }
}

#[test]
fn s370_a_refused_socket_can_be_connected_elsewhere() {
    let packets = Packets::new();
    for (nobody, place) in nobodys().into_iter().zip(Place::both()) {
        let socket = on_port(&nobody, &packets);
        for _ in 0..3 {
            let _ = socket.connect(op::Connect::new(nobody.clone())).unwrap();
            assert_eq!(packets.next().status(), Status::CONNECTION_REFUSED);
        }
        let _ = socket.connect(op::Connect::new(place.address.clone())).unwrap();
        assert_eq!(packets.next().status(), Status::SUCCESS);
        assert_eq!(socket.peer_addr().unwrap(), place.address);
    }
}

#[test]
fn s369_first_data_are_sent_and_counted() {
    for place in Place::both() {
        let packets = Packets::new();
        let socket = on_port(&place.address, &packets);
        let _ = socket.connect(op::Connect::new(place.address.clone()).with_data("good day")).unwrap();
        let accept = place.listener.begin(op::Accept::receive_first(vec![0; 100])).unwrap().wait();
        assert_eq!(accept.data(), b"good day");
        let connect = expect!(Connect, packets.next());
        assert_eq!(connect.result(), Ok(8));
        assert_eq!(&connect.into_buf()[..], b"good day");
    }
}

#[test]
fn s369_first_data_larger_than_any_buffer_arrive_whole_and_before_what_is_sent_next() {
    for place in Place::both() {
        let packets = Packets::new();
        let socket = on_port(&place.address, &packets);
        let data = pattern(1, 8 << 20);
        let _ = socket.connect(op::Connect::new(place.address.clone()).with_data(data.clone())).unwrap();
        let mut accept = place.listener.begin(op::Accept::new()).unwrap().wait();
        packets.assert_none();
        let connection = accept.take_connection().unwrap();
        let mut got = Vec::new();
        while got.len() < data.len() {
            let recv = connection.begin(op::Recv::new(vec![0; 1 << 20])).unwrap().wait();
            assert_ne!(recv.result(), Ok(0), "the connection ended early");
            got.extend_from_slice(recv.data());
        }
        assert!(got == data);
        assert_eq!(expect!(Connect, packets.next()).result(), Ok(data.len()));
    }
}

#[test]
fn s362_a_socket_knows_how_long_it_has_been_connected() {
    let place = Place::tcp();
    let socket = Socket::to_connect(&place.address).unwrap();
    let connect = socket.begin(op::Connect::new(place.address.clone())).unwrap();
    assert_eq!(connect.wait().result(), Ok(0));
    assert!(socket.connect_time().is_some_and(|time| time < PATIENCE));
    eventually("it has been connected for long", || socket.connect_time() > Some(Duration::from_millis(100)));
    let accepted = place.listener.begin(op::Accept::new()).unwrap().wait().take_connection().unwrap();
    assert!(accepted.connect_time() < socket.connect_time(), "an accepted one counts from its accept");
    // One that is to be used again is a new one.
    let disconnect = socket.begin(op::Disconnect::new().reuse()).unwrap();
    drop(accepted);
    assert_eq!(disconnect.wait().status(), Status::SUCCESS);
    assert_eq!(socket.connect_time(), None);
    assert_eq!(
        (place.listener.connect_time(), Socket::udp("127.0.0.1:0").unwrap().connect_time()),
        (None, None)
    );
}

#[test]
fn s371_a_connected_socket_can_do_everything_at_once() {
    let place = Place::tcp();
    let packets = Packets::new();
    let socket = on_port(&place.address, &packets);
    let _ = socket.connect(op::Connect::new(place.address.clone())).unwrap();
    let mut accept = place.listener.begin(op::Accept::new()).unwrap().wait();
    packets.next();
    assert_eq!(socket.peer_addr().unwrap(), place.address);
    assert_eq!(Some(&socket.local_addr().unwrap()), accept.peer());
    socket.shutdown(proactor::How::Send).unwrap();
    let recv = accept.take_connection().unwrap().begin(op::Recv::new(vec![0; 8])).unwrap().wait();
    assert_eq!(recv.result(), Ok(0));
}

/// A listener that answers nobody: its backlog is full. Whoever connects now waits.
struct Full {
    address: Address,
    _listener: rustix::fd::OwnedFd,
    _waiting: Vec<rustix::fd::OwnedFd>,
}

fn full() -> Full {
    let listener = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    rustix::net::bind(&listener, &any).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let listener = std::net::TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    let flags = rustix::net::SocketFlags::NONBLOCK | rustix::net::SocketFlags::CLOEXEC;
    let waiting = (0..4)
        .map(|_| {
            let fd = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
            // In progress, which is as much as can be had.
            let _ = rustix::net::connect(&fd, &address);
            fd
        })
        .collect();
    Full { address: address.into(), _listener: listener.into(), _waiting: waiting }
}

#[test]
fn s104_a_connect_that_nobody_answers_is_cancelled() {
    let place = full();
    let packets = Packets::new();
    let socket = on_port(&place.address, &packets);
    let started = socket.connect(op::Connect::new(place.address.clone()).with_data("never sent")).unwrap();
    packets.assert_none();
    socket.cancel(started.id().unwrap()).unwrap();
    let connect = expect!(Connect, packets.next());
    assert_eq!((connect.status(), connect.bytes()), (Status::CANCELLED, 0));
    assert_eq!(&connect.into_buf()[..], b"never sent", "the buffer comes back");
    assert_eq!(socket.cancel_all(), Err(Status::NOT_FOUND));
}

#[test]
fn s372_who_waits_for_a_connect_may_be_called_meanwhile() {
    let place = full();
    let socket = Socket::to_connect(&place.address).unwrap();
    let connect = socket.begin(op::Connect::new(place.address.clone())).unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    for calls in 1..=2 {
        let count = ran.clone();
        let call = move || {
            count.fetch_add(1, SeqCst);
        };
        Thread::current().queue_apc(call).unwrap();
        assert_eq!(wait_one(&connect, Wait::at_most(PATIENCE).alertably()), Err(Status::USER_APC));
        assert_eq!(ran.load(SeqCst), calls, "the call ran in the wait");
        assert!(!connect.is_complete(), "and the connect goes on");
    }
    socket.cancel_all().unwrap();
    assert_eq!(connect.wait().status(), Status::CANCELLED);
}

#[test]
fn s121_closing_a_socket_that_connects_brings_its_packet() {
    let place = full();
    let packets = Packets::new();
    let socket = on_port(&place.address, &packets);
    let _ = socket.connect(op::Connect::new(place.address.clone())).unwrap();
    socket.close().unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status()), (KEY, Status::CANCELLED));
    assert_eq!(packets.port.snapshot().handles, 0);
}

#[test]
fn s018_an_address_that_can_not_be_connected_to_fails_by_packet() {
    // A stream to a path that is a file, and to a family that the socket is not of.
    let path = free_path();
    std::fs::write(&path, "no socket").unwrap();
    let packets = Packets::new();
    let address = Address::from(path.as_path());
    let socket = on_port(&address, &packets);
    let _ = socket.connect(op::Connect::new(address)).unwrap();
    assert_eq!(packets.next().status(), Status::CONNECTION_REFUSED);
    std::fs::remove_file(&path).unwrap();
    let _ = socket.connect(op::Connect::new(Place::tcp().address.clone())).unwrap();
    assert!(packets.next().status().is_error());
}

#[test]
fn many_connects_at_once_each_complete_once_with_their_own_peer() {
    const MANY: usize = 200;
    for place in Place::both() {
        let packets = Packets::new();
        let sockets: Vec<_> = (0..MANY).map(|_| on_port(&place.address, &packets)).collect();
        std::thread::scope(|scope| {
            let listener = &place.listener;
            scope.spawn(move || {
                for _ in 0..MANY {
                    let accept = op::Accept::receive_first(vec![0; 8]);
                    let mut accept = listener.begin(accept).unwrap().wait();
                    let word = accept.data().to_vec();
                    let reply = accept.take_connection().unwrap().begin(op::Send::new(word)).unwrap().wait();
                    assert_eq!(reply.result(), Ok(8));
                }
            });
            for (n, socket) in sockets.iter().enumerate() {
                let connect = op::Connect::new(place.address.clone()).with_data(n.to_le_bytes().to_vec());
                let _ = socket.connect(connect.with_tag(n)).unwrap();
            }
            let mut seen = [false; MANY];
            for _ in 0..MANY {
                let connect = expect!(Connect, packets.next());
                assert_eq!(connect.result(), Ok(8));
                assert!(!std::mem::replace(&mut seen[connect.tag()], true), "completed twice");
            }
        });
        for (n, socket) in sockets.iter().enumerate() {
            let recv = socket.begin(op::Recv::new(vec![0; 16])).unwrap().wait();
            assert_eq!(recv.data(), n.to_le_bytes());
        }
    }
}

#[test]
fn a_standard_listener_sees_what_was_sent_with_the_connect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Ip(listener.local_addr().unwrap());
    let packets = Packets::new();
    let socket = on_port(&address, &packets);
    let _ = socket.connect(op::Connect::new(address).with_data("to the point")).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let mut word = [0; 12];
    peer.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"to the point");
    assert_eq!(packets.next().bytes(), 12);
    peer.write_all(b"indeed").unwrap();
    let _ = socket.recv(op::Recv::new(vec![0; 32])).unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"indeed");
}
