//! Accepts that wait for the first data of a connection they have put into a socket of the caller's: the packet is
//! the listener's, so nothing of that socket's own port, its workers or its end, may keep it.

#[path = "common/bounded.rs"]
mod bounded;
mod common;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use bounded::{let_the_service_catch_up, soon};
use common::*;
use proactor::{Port, Socket, Status, op};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

fn is_ready(fd: &impl AsFd, what: PollFlags, within: Duration) -> bool {
    let within = Timespec::try_from(within).unwrap();
    poll(&mut [PollFd::new(fd, what)], Some(&within)).unwrap() == 1
}

/// Connects, and returns when the accept has taken the connection: it waits for the first data then.
fn connect_and_be_taken(listener: &Socket, address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    eventually("the connection is taken", || {
        !listener.with_fd(|fd| is_ready(&fd, PollFlags::IN, Duration::ZERO)).unwrap()
    });
    client
}

/// A socket whose port nobody takes packets from.
fn accepting_socket_of_an_idle_port(address: SocketAddr) -> (Socket, Port) {
    let port = Port::new(1).unwrap();
    let socket = Socket::stream(&address.into()).unwrap();
    socket.associate(&port, 2).unwrap();
    (socket, port)
}

#[test]
fn an_accept_into_the_socket_of_a_closed_port_completes_to_its_own() {
    let packets = Packets::new();
    let (listener, address) = listener();
    listener.associate(&packets.port, 1).unwrap();
    let (brought, port) = accepting_socket_of_an_idle_port(address);
    pending(listener.accept(op::Accept::receive_first(vec![0; 8]).into_socket(&brought)));
    port.close();
    packets.assert_none();
    TcpStream::connect(address).unwrap().write_all(b"data").unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status()), (1, Status::SUCCESS));
    assert_eq!(expect!(Accept, packet).data(), b"data");
}

#[test]
fn an_accept_that_waits_for_data_completes_although_the_accepting_sockets_port_closes() {
    let packets = Packets::new();
    let (listener, address) = listener();
    listener.associate(&packets.port, 1).unwrap();
    let (brought, port) = accepting_socket_of_an_idle_port(address);
    pending(listener.accept(op::Accept::receive_first(vec![0; 8]).into_socket(&brought)));
    let mut client = connect_and_be_taken(&listener, address);
    port.close();
    packets.assert_none();
    client.write_all(b"data").unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status()), (1, Status::SUCCESS));
    assert_eq!(expect!(Accept, packet).data(), b"data");
}

#[test]
fn an_accept_that_waits_for_data_needs_no_workers_of_the_accepting_sockets_port() {
    let packets = Packets::new();
    let (listener, address) = listener();
    listener.associate(&packets.port, 1).unwrap();
    let (brought, _port) = accepting_socket_of_an_idle_port(address);
    pending(listener.accept(op::Accept::receive_first(vec![0; 8]).into_socket(&brought)));
    let mut client = connect_and_be_taken(&listener, address);
    packets.assert_none();
    client.write_all(b"data").unwrap();
    assert_eq!(expect!(Accept, packets.next()).data(), b"data");
}

#[test]
fn an_awaited_accept_that_waits_for_data_needs_no_workers_of_the_accepting_sockets_port() {
    let (listener, address) = listener();
    let (brought, _port) = accepting_socket_of_an_idle_port(address);
    let accept = op::Accept::receive_first(vec![0; 8]).into_socket(&brought);
    let accept = listener.begin(accept).unwrap();
    let mut client = connect_and_be_taken(&listener, address);
    let_the_service_catch_up();
    client.write_all(b"data").unwrap();
    assert_eq!(soon(accept).data(), b"data");
}

#[test]
fn an_accept_taken_while_the_accepting_sockets_port_closes_waits_for_its_data() {
    // The port closes at every moment between the connection's coming and the wait for its data.
    for _ in 0..300 {
        let packets = Packets::new();
        let (listener, address) = listener();
        listener.associate(&packets.port, 1).unwrap();
        let (brought, port) = accepting_socket_of_an_idle_port(address);
        pending(listener.accept(op::Accept::receive_first(vec![0; 8]).into_socket(&brought)));
        let mut client = std::thread::scope(|scope| {
            let closing = scope.spawn(|| port.close());
            let client = TcpStream::connect(address).unwrap();
            closing.join().unwrap();
            client
        });
        packets.assert_none();
        client.write_all(b"data").unwrap();
        assert_eq!(expect!(Accept, packets.next()).data(), b"data");
    }
}
