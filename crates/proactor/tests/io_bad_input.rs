//! Mistakes of the caller's: each has a status by name, and nothing is lost by it.

mod common;

use std::net::{SocketAddr, UdpSocket};

use common::*;
use proactor::{Address, Buf, File, How, Pipe, Socket, Status, op};

fn nowhere() -> Address {
    "127.0.0.1:9".parse::<SocketAddr>().unwrap().into()
}

#[test]
fn nothing_is_received_into_memory_that_is_not_ones_own() {
    let (one, other) = Socket::pair().unwrap();
    let _ = other.begin(op::Send::new("kept")).unwrap().wait();
    let (status, recv) = refused(one.recv(op::Recv::new("static memory")));
    assert_eq!((status, &recv.into_buf()[..]), (Status::INVALID_USER_BUFFER, &b"static memory"[..]));
    let shared: std::sync::Arc<[u8]> = vec![7; 8].into();
    let mixed = vec![Buf::new(2), Buf::from(shared.clone())];
    assert_eq!(refused(one.recv(op::Recv::scatter(mixed))).0, Status::INVALID_USER_BUFFER);
    assert_eq!(shared[..], [7; 8]);
    let recv = one.begin(op::Recv::new(vec![0; 8])).unwrap().wait();
    assert_eq!(recv.data(), b"kept");
}

#[test]
fn operations_of_another_kind_of_handle_are_refused() {
    let (stream, _peer) = tcp_pair();
    let datagram = Socket::udp("127.0.0.1:0").unwrap();
    let (reader, writer) = Pipe::pair().unwrap();
    let file = File::open("/proc/version").unwrap();
    let wrong = Status::INVALID_PARAMETER;
    assert_eq!(refused(stream.start(op::RecvFrom::new(vec![0; 4]))).0, wrong);
    assert_eq!(refused(stream.start(op::SendTo::new("x", nowhere()))).0, wrong);
    assert_eq!(refused(stream.start(op::Read::new(0, vec![0; 4]))).0, wrong);
    assert_eq!(refused(stream.start(op::Flush::new())).0, wrong);
    assert_eq!(refused(datagram.start(op::Accept::new())).0, wrong);
    assert_eq!(refused(datagram.start(op::Connect::new(nowhere()))).0, wrong);
    assert_eq!(refused(datagram.start(op::Disconnect::new())).0, wrong);
    assert_eq!(refused(reader.start(op::RecvFrom::new(vec![0; 4]))).0, wrong);
    assert_eq!(refused(writer.start(op::Write::new(0, "x"))).0, wrong);
    assert_eq!(refused(writer.start(op::Connect::new(nowhere()))).0, wrong);
    assert_eq!(refused(file.start(op::Recv::new(vec![0; 4]))).0, Status::OBJECT_TYPE_MISMATCH);
    assert_eq!(refused(file.start(op::Send::new("x"))).0, Status::OBJECT_TYPE_MISMATCH);
    assert_eq!(refused(stream.accept(op::Accept::new())).0, wrong, "it does not listen");
    assert_eq!(stream.set_peer(Some(&nowhere())), Err(wrong));
    assert_eq!([stream.pending(), datagram.pending(), reader.pending(), file.pending()], [0; 4]);
}

#[test]
fn descriptors_of_another_kind_are_not_taken_over() {
    let file = || std::fs::File::open("/proc/version").unwrap();
    assert_eq!(Socket::from_fd(file()).unwrap_err(), Status::OBJECT_TYPE_MISMATCH);
    assert_eq!(Pipe::from_fd(file()).unwrap_err(), Status::OBJECT_TYPE_MISMATCH);
    let (socket, _) = tcp_pair();
    let descriptor = socket.with_fd(|fd| fd.try_clone_to_owned().unwrap()).unwrap();
    assert_eq!(Pipe::from_fd(descriptor).unwrap_err(), Status::OBJECT_TYPE_MISMATCH);
    let (pipe, _other) = std::io::pipe().unwrap();
    assert_eq!(Socket::from_fd(pipe).unwrap_err(), Status::OBJECT_TYPE_MISMATCH);
}

#[test]
fn addresses_that_are_taken_or_anothers_are_refused_by_name() {
    let (_listening, address) = listener();
    assert_eq!(Socket::listen(address).unwrap_err(), Status::ADDRESS_ALREADY_EXISTS);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(Socket::udp(taken.local_addr().unwrap()).unwrap_err(), Status::ADDRESS_ALREADY_EXISTS);
    // 192.0.2.0/24 is for documentation: no host has it.
    assert_eq!(Socket::listen("192.0.2.1:0").unwrap_err(), Status::INVALID_ADDRESS_COMPONENT);
    assert_eq!(Socket::udp("192.0.2.1:0").unwrap_err(), Status::INVALID_ADDRESS_COMPONENT);
    let path = std::env::temp_dir().join(format!("proactor-taken-{}", std::process::id()));
    std::fs::write(&path, "").unwrap();
    assert_eq!(Socket::listen_unix(&path).unwrap_err(), Status::ADDRESS_ALREADY_EXISTS);
    assert_eq!(Socket::unix_datagram(&path).unwrap_err(), Status::ADDRESS_ALREADY_EXISTS);
    std::fs::remove_file(path).unwrap();
    let long = "x".repeat(200);
    assert!(Socket::listen_unix(long).unwrap_err().is_error());
    let none: &[SocketAddr] = &[];
    assert_eq!(Socket::listen(none).unwrap_err(), Status::INVALID_ADDRESS);
    let bound = Socket::stream(&nowhere()).unwrap();
    bound.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    assert_eq!(bound.bind(&nowhere()), Err(Status::INVALID_PARAMETER), "once");
}

#[test]
fn s379_what_is_not_connected_is_not_shut() {
    let unconnected = Socket::stream(&nowhere()).unwrap();
    assert_eq!(unconnected.shutdown(How::Send), Err(Status::CONNECTION_INVALID));
    let (listening, _) = listener();
    assert_eq!(listening.shutdown(How::Both), Err(Status::CONNECTION_INVALID));
}
