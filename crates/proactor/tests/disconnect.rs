//! Ends of connections: disconnecting, with and without reuse, shutting a half, and closing (S373 to S383).

mod common;
#[path = "common/streams.rs"]
mod streams;

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use common::{Packets, eventually, pattern, pending, refused, tcp_pair};
use proactor::{Address, How, Operation, Socket, Started, Status, op};
use streams::{Client, Place};

const KEY: usize = 6;

/// A connection of ours on a port, and its client.
fn connection(place: &Place, packets: &Packets) -> (Socket, Box<dyn Client>) {
    let client = place.client();
    let mut accept = place.listener.begin(op::Accept::new()).unwrap().wait();
    let socket = accept.take_connection().unwrap();
    socket.associate(&packets.port, KEY).unwrap();
    (socket, client)
}

fn each(test: impl Fn(Socket, Box<dyn Client>, &Packets, &Place)) {
    for place in Place::both() {
        let packets = Packets::new();
        let (socket, client) = connection(&place, &packets);
        test(socket, client, &packets, &place);
    }
}

fn read_all(client: &mut Box<dyn Client>) -> Vec<u8> {
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    all
}

#[test]
fn s373_disconnecting_a_socket_that_is_not_connected_is_refused() {
    for place in Place::both() {
        let refused = |socket: &Socket, disconnect| socket.disconnect(disconnect).unwrap_err().status;
        let fresh = Socket::to_connect(&place.address).unwrap();
        for socket in [&fresh, &place.listener] {
            assert_eq!(refused(socket, op::Disconnect::new()), Status::CONNECTION_INVALID);
            assert_eq!(refused(socket, op::Disconnect::new().reuse()), Status::CONNECTION_INVALID);
        }
    }
    assert_eq!(Status::CONNECTION_INVALID.to_winsock(), 10057, "WSAENOTCONN");
}

#[test]
fn s374_without_reuse_it_ends_sending_and_nothing_else() {
    each(|socket, mut client, packets, place| {
        let started = socket.disconnect(op::Disconnect::new()).unwrap();
        assert!(matches!(started, Started::Pending(_)), "S093");
        let packet = packets.next();
        assert_eq!((packet.key, packet.status(), packet.bytes()), (KEY, Status::SUCCESS, 0));
        assert!(read_all(&mut client).is_empty());
        client.write_all(b"still there?").unwrap();
        let _ = socket.recv(op::Recv::new(vec![0; 100])).unwrap();
        assert_eq!(expect!(Recv, packets.next()).data(), b"still there?");
        assert_eq!(socket.send(op::Send::new("no")).unwrap_err().status, Status::PIPE_DISCONNECTED);
        let connect = socket.connect(op::Connect::new(place.address.clone()));
        assert_eq!(connect.unwrap_err().status, Status::CONNECTION_ACTIVE);
        assert_eq!(socket.local_addr().unwrap(), place.address);
        assert!(socket.peer_addr().is_ok());
    });
    assert_eq!(Status::PIPE_DISCONNECTED.to_winsock(), 10058, "WSAESHUTDOWN");
}

#[test]
fn s374_a_connected_socket_that_was_disconnected_is_still_connected() {
    let place = Place::tcp();
    let socket = Socket::to_connect(&place.address).unwrap();
    assert!(socket.begin(op::Connect::new(place.address.clone())).unwrap().wait().status().is_success());
    assert!(socket.begin(op::Disconnect::new()).unwrap().wait().status().is_success());
    let again = socket.connect(op::Connect::new(place.address.clone()));
    assert_eq!(again.unwrap_err().status, Status::CONNECTION_ACTIVE);
}

#[test]
fn s374_what_was_sent_before_goes_out_before_the_end() {
    each(|socket, mut client, packets, _| {
        let parts: Vec<_> = (0..8).map(|n| pattern(n, (1 << 20) + 17 * n as usize)).collect();
        for (tag, part) in parts.iter().enumerate() {
            let _ = socket.send(op::Send::new(part.clone()).with_tag(tag)).unwrap();
        }
        let _ = socket.disconnect(op::Disconnect::new()).unwrap();
        let all = read_all(&mut client);
        assert!(all == parts.concat(), "{} bytes came", all.len());
        for (tag, part) in parts.iter().enumerate() {
            let send = expect!(Send, packets.next());
            assert_eq!((send.tag(), send.result()), (tag, Ok(part.len())));
        }
        assert_eq!(expect!(Disconnect, packets.next()).status(), Status::SUCCESS);
    });
}

#[test]
fn s375_with_reuse_it_waits_for_the_peers_end() {
    each(|socket, mut client, packets, _| {
        let started = socket.disconnect(op::Disconnect::new().reuse()).unwrap();
        assert!(matches!(started, Started::Pending(_)));
        assert!(read_all(&mut client).is_empty());
        packets.assert_none();
        client.write_all(b"nobody reads this").unwrap();
        packets.assert_none();
        drop(client);
        assert_eq!(expect!(Disconnect, packets.next()).status(), Status::SUCCESS);
        assert_eq!(socket.send(op::Send::new("no")).unwrap_err().status, Status::CONNECTION_INVALID);
    });
}

#[test]
fn s375_a_reuse_of_a_peer_that_reads_only_after_it_has_written_all_completes() {
    each(|socket, mut client, packets, place| {
        // So much the kernel takes although nobody reads it yet.
        let unread = if matches!(place.address, Address::Ip(_)) { 1 << 20 } else { 50_000 };
        let ours = pattern(1, 8 << 20);
        let theirs = pattern(2, 16 << 20);
        let _ = socket.send(op::Send::new(ours.clone())).unwrap();
        let _ = socket.disconnect(op::Disconnect::new().reuse()).unwrap();
        let reader = std::thread::spawn(move || {
            let half = theirs.len() / 2;
            let mut first = vec![0; (8 << 20) - unread];
            client.read_exact(&mut first).unwrap();
            client.write_all(&theirs[..half]).unwrap();
            let mut rest = vec![0; unread];
            client.read_exact(&mut rest).unwrap();
            client.write_all(&theirs[half..]).unwrap();
            first.extend_from_slice(&rest);
            first
        });
        assert_eq!(expect!(Send, packets.next()).result(), Ok(ours.len()));
        assert_eq!(expect!(Disconnect, packets.next()).status(), Status::SUCCESS);
        assert!(reader.join().unwrap() == ours);
    });
}

/// The same handle and key serve one connection after the other, accepted and connected in turn.
#[test]
fn s375_s377_a_disconnected_socket_is_accepted_into_and_connected_again_under_its_key() {
    for place in Place::both() {
        let packets = Packets::new();
        place.listener.associate(&packets.port, 1).unwrap();
        let socket = Socket::stream(&place.address).unwrap();
        socket.associate(&packets.port, KEY).unwrap();
        for round in 0..6u8 {
            let mut peer: Box<dyn Client> = if round % 2 == 0 {
                let _ = place.listener.accept(op::Accept::new().into_socket(&socket)).unwrap();
                let client = place.client();
                assert_eq!(packets.next().key, 1);
                client
            } else {
                let _ = socket.connect(op::Connect::new(place.address.clone())).unwrap();
                let packet = packets.next();
                assert_eq!((packet.key, packet.status()), (KEY, Status::SUCCESS));
                accepted(&place)
            };
            peer.write_all(&[round; 5]).unwrap();
            let _ = socket.recv(op::Recv::new(vec![0; 100])).unwrap();
            let packet = packets.next();
            assert_eq!((packet.key, expect!(Recv, packet).data()), (KEY, &[round; 5][..]));
            let _ = socket.send(op::Send::new(vec![round; 9])).unwrap();
            assert_eq!(packets.next().bytes(), 9);
            let _ = socket.disconnect(op::Disconnect::new().reuse()).unwrap();
            assert_eq!(read_all(&mut peer), [round; 9]);
            drop(peer);
            let packet = packets.next();
            assert_eq!((packet.key, packet.status()), (KEY, Status::SUCCESS));
            assert_eq!(socket.associate(&packets.port, 7), Err(Status::INVALID_PARAMETER), "S377");
        }
        assert_eq!(packets.port.snapshot().handles, 2);
    }
}

/// The next connection of a place, as a blocking stream.
fn accepted(place: &Place) -> Box<dyn Client> {
    let mut accept = place.listener.begin(op::Accept::new()).unwrap().wait();
    let connection = accept.take_connection().unwrap();
    let fd = connection.with_fd(|fd| fd.try_clone_to_owned().unwrap()).unwrap();
    drop((accept, connection));
    match &place.address {
        Address::Ip(_) => {
            let stream = std::net::TcpStream::from(fd);
            stream.set_nonblocking(false).unwrap();
            Box::new(stream)
        }
        Address::Unix(_) => {
            let stream = std::os::unix::net::UnixStream::from(fd);
            stream.set_nonblocking(false).unwrap();
            Box::new(stream)
        }
    }
}

#[test]
fn s375_a_reuse_that_is_pending_is_cancelled_and_leaves_a_connection_that_has_ended_sending() {
    each(|socket, mut client, packets, _| {
        let started = socket.disconnect(op::Disconnect::new().reuse()).unwrap();
        packets.assert_none();
        socket.cancel(started.id().unwrap()).unwrap();
        assert_eq!(packets.next().status(), Status::CANCELLED);
        assert!(read_all(&mut client).is_empty());
        socket.close().unwrap();
    });
}

#[test]
fn sending_stays_over_while_any_reuse_waits() {
    each(|socket, client, packets, _| {
        let reuse = || op::Disconnect::new().reuse();
        let is_over = || refused(socket.send(op::Send::new("more"))).0 == Status::PIPE_DISCONNECTED;
        let mut started = Vec::new();
        for disconnect in [reuse(), op::Disconnect::new(), reuse()] {
            started.push(pending(socket.disconnect(disconnect)));
            assert!(is_over());
        }
        // One that is no longer waited for, and the other still.
        socket.cancel(started.pop().unwrap()).unwrap();
        assert_eq!(packets.next().status(), Status::CANCELLED);
        assert!(is_over());
        client.end_sending();
        for id in started {
            assert_eq!(expect!(Disconnect, packets.next()).id(), id);
        }
    });
}

#[test]
fn s376_without_a_port_it_is_waited_for_and_can_be_repeated() {
    each(|socket, mut client, packets, _| {
        for _ in 0..3 {
            assert_eq!(socket.begin(op::Disconnect::new()).unwrap().wait().result(), Ok(0));
        }
        assert!(read_all(&mut client).is_empty());
        // S024
        packets.assert_none();
    });
}

#[test]
fn s379_shutting_sending_twice_succeeds_and_only_a_connection_can_be_shut() {
    each(|socket, _client, packets, place| {
        socket.shutdown(How::Send).unwrap();
        socket.shutdown(How::Send).unwrap();
        for how in [How::Receive, How::Send, How::Both] {
            let fresh = Socket::to_connect(&place.address).unwrap();
            assert_eq!(fresh.shutdown(how), Err(Status::CONNECTION_INVALID), "unconnected");
            assert_eq!(place.listener.shutdown(how), Err(Status::CONNECTION_INVALID), "listening");
        }
        // S024
        packets.assert_none();
    });
}

#[test]
fn s380_after_shutting_receiving_only_the_receives_that_wait_complete() {
    each(|socket, mut client, packets, _| {
        let _ = socket.recv(op::Recv::new(vec![0; 100]).with_tag(1)).unwrap();
        socket.shutdown(How::Receive).unwrap();
        let refused = socket.recv(op::Recv::new(vec![0; 100])).unwrap_err();
        assert_eq!(refused.status, Status::PIPE_DISCONNECTED);
        packets.assert_none();
        client.write_all(b"data that arrive").unwrap();
        let recv = expect!(Recv, packets.next());
        assert_eq!((recv.tag(), recv.data()), (1, &b"data that arrive"[..]));
        let _ = socket.send(op::Send::new("sending goes on")).unwrap();
        packets.next();
        socket.close().unwrap();
        assert_eq!(read_all(&mut client), b"sending goes on");
    });
}

#[test]
fn s381_after_shutting_sending_the_peer_sees_the_end() {
    each(|socket, mut client, packets, _| {
        let _ = socket.send(op::Send::new("last words")).unwrap();
        packets.next();
        socket.shutdown(How::Send).unwrap();
        assert_eq!(socket.send(op::Send::new("no")).unwrap_err().status, Status::PIPE_DISCONNECTED);
        assert_eq!(read_all(&mut client), b"last words");
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0, "S338");
        client.write_all(b"receiving goes on").unwrap();
        let _ = socket.recv(op::Recv::new(vec![0; 100])).unwrap();
        assert_eq!(expect!(Recv, packets.next()).data(), b"receiving goes on");
    });
}

#[test]
fn s381_sends_that_wait_go_out_before_the_end() {
    each(|socket, mut client, packets, _| {
        let parts: Vec<_> = (0..4).map(|n| pattern(n, 2 << 20)).collect();
        for part in &parts {
            let _ = socket.send(op::Send::new(part.clone())).unwrap();
        }
        socket.shutdown(How::Send).unwrap();
        assert_eq!(socket.send(op::Send::new("no")).unwrap_err().status, Status::PIPE_DISCONNECTED);
        assert!(read_all(&mut client) == parts.concat());
        for part in &parts {
            assert_eq!(expect!(Send, packets.next()).result(), Ok(part.len()));
        }
    });
}

#[test]
fn s382_closing_without_lingering_resets() {
    let (socket, mut peer) = tcp_pair();
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    socket.close().unwrap();
    let error = peer.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn s382_closing_otherwise_ends_gracefully() {
    let (socket, mut peer) = tcp_pair();
    let _ = socket.begin(op::Send::new("farewell")).unwrap().wait();
    socket.close().unwrap();
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "farewell");
}

#[test]
fn s383_what_is_no_socket_is_not_taken_for_one() {
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(Socket::from_fd(file).unwrap_err(), Status::OBJECT_TYPE_MISMATCH);
}

#[test]
fn s113_what_a_completed_send_took_arrives_after_the_socket_is_closed() {
    each(|socket, mut client, packets, _| {
        let data = pattern(3, 60_000);
        let _ = socket.send(op::Send::new(data.clone())).unwrap();
        assert_eq!(packets.next().bytes(), data.len());
        socket.close().unwrap();
        assert_eq!(socket.close(), Err(Status::INVALID_HANDLE));
        assert!(read_all(&mut client) == data);
    });
}

#[test]
fn s027_closing_with_nothing_pending_queues_nothing() {
    each(|socket, _client, packets, _| {
        socket.close().unwrap();
        packets.assert_none();
        eventually("the port has forgotten it", || packets.port.snapshot().handles == 0);
    });
}
