//! Accepting connections (S352 to S366, and what S015, S105, S110, S117 and S119 say of accepts).

mod common;
#[path = "common/streams.rs"]
mod streams;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::{Packets, eventually};
use proactor::{Address, Socket, Started, Status, op};
use streams::{Client, Place};

/// What a connection's time is counted in.
const TICK: Duration = Duration::from_nanos(62_500_000);

const LISTENER: usize = 1;
const ACCEPTED: usize = 2;

/// The place's listener on a port, under its key.
fn on_port(place: &Place) -> Packets {
    let packets = Packets::new();
    place.listener.associate(&packets.port, LISTENER).unwrap();
    packets
}

fn accept_from(place: &Place, packets: &Packets) -> Socket {
    let _ = place.listener.accept(op::Accept::new()).unwrap();
    expect!(Accept, packets.next()).take_connection().unwrap()
}

fn with_data(tag: usize) -> op::Accept {
    op::Accept::receive_first(vec![0; 100]).with_tag(tag)
}

/// An accept, tag 1, that has taken the silent client which is returned, and waits for its first data.
fn silent(place: &Place, packets: &Packets, accept: op::Accept) -> Box<dyn Client> {
    let _ = place.listener.accept(accept.with_tag(1)).unwrap();
    let _ = place.listener.accept(op::Accept::new().with_tag(2)).unwrap();
    let client = place.client();
    let _second = place.client();
    // The second has its connection, so the first has had its own for longer.
    assert_eq!(expect!(Accept, packets.next()).tag(), 2);
    packets.assert_none();
    client
}

#[test]
fn s353_the_listening_socket_must_listen() {
    for place in Place::both() {
        let unbound = Socket::stream(&place.address).unwrap();
        assert_eq!(unbound.accept(op::Accept::new()).unwrap_err().status, Status::INVALID_PARAMETER);
    }
    let bound = Socket::stream(&Place::tcp().address).unwrap();
    bound.bind(&Address::Ip("127.0.0.1:0".parse().unwrap())).unwrap();
    assert_eq!(bound.accept(op::Accept::new()).unwrap_err().status, Status::INVALID_PARAMETER);
    let datagram = Socket::udp("127.0.0.1:0").unwrap();
    assert_eq!(datagram.accept(op::Accept::new()).unwrap_err().status, Status::INVALID_PARAMETER);
    let (connected, _peer) = Socket::pair().unwrap();
    assert_eq!(connected.accept(op::Accept::new()).unwrap_err().status, Status::INVALID_PARAMETER);
}

#[test]
fn s353_the_accepting_socket_must_be_fresh_and_a_stream() {
    let place = Place::tcp();
    let refused = |socket: &Socket| {
        let accept = op::Accept::new().into_socket(socket);
        place.listener.accept(accept).unwrap_err().status
    };
    let bound = Socket::stream(&place.address).unwrap();
    bound.bind(&Address::Ip("127.0.0.1:0".parse().unwrap())).unwrap();
    assert_eq!(refused(&bound), Status::INVALID_PARAMETER, "bound");
    bound.listen_on().unwrap();
    assert_eq!(refused(&bound), Status::INVALID_PARAMETER, "listening");
    assert_eq!(refused(&place.listener), Status::INVALID_PARAMETER, "itself");
    let (connected, _peer) = Socket::pair().unwrap();
    assert_eq!(refused(&connected), Status::INVALID_PARAMETER, "connected");
    let datagram = Socket::datagram(&place.address).unwrap();
    assert_eq!(refused(&datagram), Status::INVALID_PARAMETER, "datagrams");
    let closed = Socket::stream(&place.address).unwrap();
    closed.close().unwrap();
    assert_eq!(refused(&closed), Status::INVALID_HANDLE, "closed");
    eventually("nothing is under way", || place.listener.pending() == 0);
}

#[test]
fn s353_two_listeners_that_accept_into_each_other_are_both_refused() {
    let (one, other) = (Place::tcp(), Place::tcp());
    let try_often = |listener: &Socket, into: &Socket| {
        for _ in 0..2000 {
            let refused = listener.accept(op::Accept::new().into_socket(into)).unwrap_err();
            assert_eq!(refused.status, Status::INVALID_PARAMETER);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| try_often(&one.listener, &other.listener));
        try_often(&other.listener, &one.listener);
    });
}

#[test]
fn s354_a_socket_takes_part_in_one_accept_at_a_time() {
    for place in Place::both() {
        let packets = on_port(&place);
        let socket = Socket::stream(&place.address).unwrap();
        let started = place.listener.accept(op::Accept::new().into_socket(&socket)).unwrap();
        let again = place.listener.accept(op::Accept::new().into_socket(&socket));
        assert_eq!(again.unwrap_err().status, Status::INVALID_PARAMETER);
        let connect = socket.connect(op::Connect::new(place.address.clone()));
        assert_eq!(connect.unwrap_err().status, Status::INVALID_PARAMETER, "nor is it connected meanwhile");

        // Once the accept is over the socket is as it was.
        place.listener.cancel(started.id().unwrap()).unwrap();
        assert_eq!(packets.next().status(), Status::CANCELLED);
        let _ = place.listener.accept(op::Accept::new().into_socket(&socket)).unwrap();
        let mut client = place.client();
        let mut accept = expect!(Accept, packets.next());
        assert_eq!(accept.status(), Status::SUCCESS);
        assert_eq!(accept.take_connection().unwrap().peer_addr(), socket.peer_addr());
        let _ = socket.begin(op::Send::new("through the socket that was brought")).unwrap().wait();
        let mut word = [0; 7];
        client.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"through");
    }
}

#[test]
fn s356_without_data_the_accept_completes_with_the_connection() {
    for place in Place::both() {
        let packets = on_port(&place);
        let started = place.listener.accept(op::Accept::new()).unwrap();
        assert!(matches!(started, Started::Pending(_)), "there is no connection yet");
        packets.assert_none();
        let _silent = place.client();
        let mut accept = expect!(Accept, packets.next());
        assert_eq!(accept.result(), Ok(0));
        assert!(accept.take_connection().is_some());
        assert!(accept.take_connection().is_none(), "once");
    }
}

#[test]
fn s357_with_data_the_accept_waits_for_a_silent_client() {
    for place in Place::both() {
        let packets = on_port(&place);
        let mut client = silent(&place, &packets, with_data(1));
        assert_eq!(place.listener.pending(), 1);
        client.write_all(b"x").unwrap();
        let accept = expect!(Accept, packets.next());
        assert_eq!((accept.tag(), accept.data()), (1, &b"x"[..]), "one byte is enough");
        eventually("nothing is under way", || place.listener.pending() == 0);
    }
}

#[test]
fn s357_a_silent_client_holds_up_no_other() {
    let place = Place::tcp();
    let packets = on_port(&place);
    let mut clients = Vec::new();
    for tag in 0..20 {
        let _ = place.listener.accept(with_data(tag)).unwrap();
        clients.push(place.client());
    }
    for tag in (0..20).rev() {
        clients[tag].write_all(&[tag as u8]).unwrap();
        let accept = expect!(Accept, packets.next());
        assert_eq!((accept.tag(), accept.data()), (tag, &[tag as u8][..]));
    }
}

#[test]
fn s358_a_client_that_leaves_without_a_word_completes_the_accept_with_nothing() {
    for place in Place::both() {
        let packets = on_port(&place);
        let client = silent(&place, &packets, with_data(1));
        drop(client);
        let mut accept = expect!(Accept, packets.next());
        assert_eq!(accept.result(), Ok(0));
        let recv = accept.take_connection().unwrap().begin(op::Recv::new(vec![0; 8])).unwrap().wait();
        assert_eq!(recv.result(), Ok(0), "its end can be received again");
        // And the same when it has come and gone before anybody accepts.
        drop(place.client());
        let _ = place.listener.accept(with_data(3)).unwrap();
        assert_eq!(expect!(Accept, packets.next()).result(), Ok(0));
    }
}

#[test]
fn s359_the_count_is_of_the_data_only_and_the_rest_is_received_later() {
    for place in Place::both() {
        let packets = on_port(&place);
        let mut client = place.client();
        client.write_all(b"0123456789").unwrap();
        let _ = place.listener.accept(op::Accept::receive_first(vec![0; 4])).unwrap();
        let mut accept = expect!(Accept, packets.next());
        assert_eq!((accept.bytes(), accept.data()), (4, &b"0123"[..]));
        let recv = accept.take_connection().unwrap().begin(op::Recv::new(vec![0; 100])).unwrap().wait();
        assert_eq!(recv.data(), b"456789");
    }
}

#[test]
fn s360_the_accept_knows_both_addresses() {
    let place = Place::tcp();
    let packets = on_port(&place);
    let Address::Ip(address) = place.address else { unreachable!() };
    let client = std::net::TcpStream::connect(address).unwrap();
    let _ = place.listener.accept(op::Accept::new()).unwrap();
    let mut accept = expect!(Accept, packets.next());
    assert_eq!(accept.peer(), Some(&Address::Ip(client.local_addr().unwrap())));
    let connection = accept.take_connection().unwrap();
    assert_eq!(connection.local_addr().unwrap(), place.address);
}

#[test]
fn s361_an_accepted_socket_can_do_everything_at_once() {
    let place = Place::tcp();
    let packets = on_port(&place);
    let mut client = place.client();
    let connection = accept_from(&place, &packets);
    assert_eq!(connection.local_addr().unwrap(), place.address);
    assert!(connection.peer_addr().is_ok());
    connection.set_nodelay(true).unwrap();
    connection.shutdown(proactor::How::Send).unwrap();
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn s362_a_silent_client_is_found_by_the_time_it_has_been_connected() {
    for place in Place::both() {
        let packets = on_port(&place);
        let socket = Socket::stream(&place.address).unwrap();
        assert_eq!(socket.connect_time(), None);
        let before = Instant::now();
        let mut client = silent(&place, &packets, with_data(1).into_socket(&socket));
        let found = || socket.connect_time().unwrap();
        assert!(found() <= before.elapsed() + TICK);
        eventually("it has been silent for long", || found() >= Duration::from_millis(250));
        assert!(found() <= before.elapsed() + TICK);
        client.write_all(b"at last").unwrap();
        let mut accept = expect!(Accept, packets.next());
        assert!(accept.take_connection().unwrap().connect_time() >= Some(Duration::from_millis(250)));
        socket.close().unwrap();
        assert_eq!(socket.connect_time(), None);
    }
}

#[test]
fn s363_s015_the_packet_has_the_listeners_key_and_the_connection_is_associated_apart() {
    for place in Place::both() {
        let packets = on_port(&place);
        let brought = Socket::stream(&place.address).unwrap();
        brought.associate(&packets.port, ACCEPTED).unwrap();
        let _ = place.listener.accept(with_data(0).into_socket(&brought)).unwrap();
        let mut client = place.client();
        client.write_all(b"first").unwrap();
        let packet = packets.next();
        assert_eq!(packet.key, LISTENER);
        assert_eq!(expect!(Accept, packet).data(), b"first");
        packets.assert_none();

        // From now on it has its own key, and the association from before the accept.
        let _ = brought.recv(op::Recv::new(vec![0; 100])).unwrap();
        client.write_all(b"second").unwrap();
        let packet = packets.next();
        assert_eq!(packet.key, ACCEPTED);
        assert_eq!(expect!(Recv, packet).data(), b"second");
        assert_eq!(brought.associate(&packets.port, 3), Err(Status::INVALID_PARAMETER));

        // A connection that nobody brought has no port until it is given one.
        let mut other = place.client();
        let connection = accept_from(&place, &packets);
        connection.associate(&packets.port, 4).unwrap();
        let _ = connection.recv(op::Recv::new(vec![0; 100])).unwrap();
        other.write_all(b"third").unwrap();
        assert_eq!(packets.next().key, 4);
    }
}

#[test]
fn s364_stacked_accepts_take_the_connections_in_order() {
    for place in Place::both() {
        let packets = on_port(&place);
        for tag in 0..50 {
            let _ = place.listener.accept(op::Accept::new().with_tag(tag)).unwrap();
        }
        let mut clients: Vec<_> = (0..50).map(|_| place.client()).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            client.write_all(&[n as u8]).unwrap();
        }
        for n in 0..50 {
            let mut accept = expect!(Accept, packets.next());
            assert_eq!(accept.tag(), n);
            let recv = accept.take_connection().unwrap().begin(op::Recv::new(vec![0; 8])).unwrap().wait();
            assert_eq!(recv.data(), [n as u8]);
        }
    }
}

#[test]
fn s366_connections_in_the_backlog_are_taken_at_once() {
    for place in Place::both() {
        let packets = on_port(&place);
        let _clients: Vec<_> = (0..10).map(|_| place.client()).collect();
        for _ in 0..10 {
            let started = place.listener.accept(op::Accept::new()).unwrap();
            assert!(matches!(started, Started::Queued(_)), "{started:?}");
            assert_eq!(expect!(Accept, packets.next()).result(), Ok(0));
        }
    }
}

#[test]
fn s105_cancelling_on_the_accepting_socket_does_nothing() {
    let place = Place::tcp();
    let packets = on_port(&place);
    let socket = Socket::stream(&place.address).unwrap();
    let _ = place.listener.accept(op::Accept::new().into_socket(&socket)).unwrap();
    assert_eq!(socket.cancel_all(), Err(Status::NOT_FOUND));
    assert_eq!(socket.cancel_mine(), Ok(()));
    packets.assert_none();
    let _client = place.client();
    assert_eq!(packets.next().status(), Status::SUCCESS);
}

#[test]
fn s104_cancelling_finds_an_accept_whose_client_is_silent() {
    for place in Place::both() {
        let packets = on_port(&place);
        let mut client = silent(&place, &packets, with_data(1));
        place.listener.cancel_all().unwrap();
        let mut accept = expect!(Accept, packets.next());
        assert_eq!((accept.status(), accept.bytes()), (Status::CANCELLED, 0));
        assert!(accept.take_connection().is_none());
        assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0, "nobody has the connection any more");
        assert_eq!(place.listener.cancel_all(), Err(Status::NOT_FOUND));
    }
}

#[test]
fn s105_nor_when_its_connection_has_arrived_and_its_first_data_have_not() {
    for place in Place::both() {
        let packets = on_port(&place);
        let socket = Socket::stream(&place.address).unwrap();
        let mut client = silent(&place, &packets, with_data(1).into_socket(&socket));
        assert_eq!(socket.cancel_all(), Err(Status::NOT_FOUND));
        assert_eq!(socket.cancel_mine(), Ok(()));
        packets.assert_none();
        client.write_all(b"goes on").unwrap();
        assert_eq!(expect!(Accept, packets.next()).data(), b"goes on");
    }
}

/// A cancellation that was granted is followed by the packet, however the accept stood at that moment: waiting
/// for a client, taking one, or waiting for its data.
#[test]
fn s104_a_granted_cancellation_of_an_accept_brings_its_packet_at_any_moment() {
    let packets = Packets::new();
    for _ in 0..2000 {
        let place = Place::unix();
        place.listener.associate(&packets.port, LISTENER).unwrap();
        let started = place.listener.accept(with_data(0)).unwrap();
        let client = std::thread::scope(|scope| {
            let client = scope.spawn(|| place.client());
            while place.listener.cancel(started.id().unwrap()).is_err() {
                std::hint::spin_loop();
            }
            client.join().unwrap()
        });
        assert_eq!(packets.next().status(), Status::CANCELLED);
        drop(client);
    }
}

#[test]
fn s104_a_socket_brought_to_a_cancelled_accept_can_be_brought_again() {
    for place in Place::both() {
        let packets = on_port(&place);
        let socket = Socket::stream(&place.address).unwrap();
        socket.associate(&packets.port, ACCEPTED).unwrap();
        let _client = silent(&place, &packets, with_data(1).into_socket(&socket));
        place.listener.cancel_all().unwrap();
        assert_eq!(packets.next().status(), Status::CANCELLED);
        let _ = place.listener.accept(op::Accept::new().into_socket(&socket)).unwrap();
        let mut next = place.client();
        assert_eq!(packets.next().status(), Status::SUCCESS);
        next.write_all(b"hello").unwrap();
        let _ = socket.recv(op::Recv::new(vec![0; 8])).unwrap();
        let packet = packets.next();
        assert_eq!((packet.key, expect!(Recv, packet).data()), (ACCEPTED, &b"hello"[..]));
    }
}

#[test]
fn s117_closing_the_listener_cancels_its_accepts_silent_clients_included() {
    for place in Place::both() {
        let packets = on_port(&place);
        let mut client = silent(&place, &packets, with_data(1));
        let _ = place.listener.accept(op::Accept::new().with_tag(3)).unwrap();
        place.listener.close().unwrap();
        let mut tags: Vec<_> = (0..2)
            .map(|_| {
                let packet = packets.next();
                assert_eq!((packet.key, packet.status()), (LISTENER, Status::CANCELLED), "S121");
                expect!(Accept, packet).tag()
            })
            .collect();
        tags.sort_unstable();
        assert_eq!(tags, [1, 3]);
        assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0);
        assert_eq!(packets.port.snapshot().handles, 0);
    }
}

#[test]
fn s119_closing_the_accepting_socket_cancels_the_accept() {
    for place in Place::both() {
        let packets = on_port(&place);
        let socket = Socket::stream(&place.address).unwrap();
        let _ = place.listener.accept(op::Accept::new().into_socket(&socket)).unwrap();
        let _ = place.listener.accept(op::Accept::new().with_tag(7)).unwrap();
        socket.close().unwrap();
        assert_eq!(packets.next().status(), Status::CANCELLED);
        // The next accept is not affected.
        let _client = place.client();
        let accept = expect!(Accept, packets.next());
        assert_eq!((accept.tag(), accept.status()), (7, Status::SUCCESS));
    }
}

#[test]
fn s119_closing_it_when_a_connection_has_arrived_aborts_the_accept() {
    for place in Place::both() {
        let packets = on_port(&place);
        let socket = Socket::stream(&place.address).unwrap();
        let mut client = silent(&place, &packets, with_data(1).into_socket(&socket));
        socket.close().unwrap();
        let packet = packets.next();
        assert_eq!((packet.key, packet.status()), (LISTENER, Status::CONNECTION_ABORTED));
        assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0);
        eventually("nothing is under way", || place.listener.pending() == 0);
    }
}

#[test]
fn s110_an_accept_that_no_port_receives_ends_with_its_thread() {
    for place in Place::both() {
        std::thread::scope(|scope| {
            let (give, take) = std::sync::mpsc::channel();
            let waits = place.listener.begin(op::Accept::new()).unwrap();
            let listener = &place.listener;
            scope.spawn(move || {
                let overlapped = listener.begin(with_data(1)).unwrap();
                give.send(overlapped).unwrap();
            });
            let overlapped = take.recv().unwrap();
            assert_eq!(overlapped.wait().status(), Status::CANCELLED);
            assert!(!waits.is_complete(), "this thread's goes on");
            let _client = place.client();
            assert_eq!(waits.wait().result(), Ok(0));
        });
    }
}

#[test]
fn an_accept_is_used_again_without_a_trace_of_its_last_connection() {
    let place = Place::tcp();
    let packets = on_port(&place);
    let mut accept = with_data(0);
    for n in 0..5u8 {
        let _ = place.listener.accept(accept).unwrap();
        let mut client = place.client();
        client.write_all(&[n; 3]).unwrap();
        accept = expect!(Accept, packets.next());
        assert_eq!(accept.data(), [n; 3]);
        assert!(accept.take_connection().is_some());
    }
    eventually("the listener has nothing under way", || place.listener.pending() == 0);
}
