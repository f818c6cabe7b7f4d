//! Data that are there are received, whatever lies before them: the kernel ends a receive early at an urgent byte,
//! at a message with descriptors and at the end of a packet, and a short count is no proof that there is no more.

#[path = "common/bounded.rs"]
mod bounded;
mod common;

use std::io::{IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use bounded::{let_the_service_catch_up, outcome, soon};
use common::*;
use proactor::{Overlapped, Pipe, Refused, Socket, Status, op};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pipe::PipeFlags;

type Begun = Result<Overlapped<op::Recv>, Refused<op::Recv>>;

/// Lets a receive wait, so that the kernel has been asked to tell of data and has told of these.
fn warm_up(recv: impl Fn(op::Recv) -> Begun, mut peer: impl Write) {
    let waiting = recv(op::Recv::new(vec![0; 64])).unwrap();
    peer.write_all(b"warm").unwrap();
    assert_eq!(soon(waiting).data(), b"warm");
}

/// Receives until so much has come, each time into more room than there are bytes.
#[track_caller]
fn collect(recv: impl Fn(op::Recv) -> Begun, len: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < len {
        let recv = soon(recv(op::Recv::new(vec![0; 64])).unwrap());
        assert_ne!(recv.result(), Ok(0), "the end after {all:?}");
        all.extend_from_slice(recv.data());
    }
    all
}

#[test]
fn data_behind_an_urgent_byte_are_received() {
    let (ours, mut peer) = tcp_pair();
    warm_up(|recv| ours.begin(recv), &peer);
    for _ in 0..3 {
        peer.write_all(b"abc").unwrap();
        assert_eq!(socket2::SockRef::from(&peer).send_out_of_band(b"!").unwrap(), 1);
        peer.write_all(b"def").unwrap();
        let_the_service_catch_up();
        assert_eq!(collect(|recv| ours.begin(recv), 6), b"abcdef");
    }
}

#[test]
fn data_behind_an_urgent_byte_are_received_by_packets() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 1).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 64])));
    peer.write_all(b"warm").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"warm");
    peer.write_all(b"abc").unwrap();
    assert_eq!(socket2::SockRef::from(&peer).send_out_of_band(b"!").unwrap(), 1);
    peer.write_all(b"def").unwrap();
    let mut all = Vec::new();
    while all.len() < 6 {
        let _ = ours.recv(op::Recv::new(vec![0; 64])).unwrap();
        all.extend_from_slice(expect!(Recv, packets.next()).data());
    }
    assert_eq!(all, b"abcdef");
}

/// Sends data with a descriptor beside them, which our receives take no notice of.
fn send_with_descriptor(peer: &UnixStream, data: &[u8]) {
    let null = std::fs::File::open("/dev/null").unwrap();
    let descriptors = [null.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let sent = rustix::net::sendmsg(peer, &[IoSlice::new(data)], &mut control, SendFlags::empty());
    assert_eq!(sent, Ok(data.len()));
}

#[test]
fn data_behind_a_message_with_a_descriptor_are_received() {
    let (ours, mut peer) = UnixStream::pair().unwrap();
    let ours = Socket::from_fd(ours).unwrap();
    warm_up(|recv| ours.begin(recv), &peer);
    for _ in 0..3 {
        send_with_descriptor(&peer, b"one");
        peer.write_all(b"two").unwrap();
        send_with_descriptor(&peer, b"three");
        let_the_service_catch_up();
        assert_eq!(collect(|recv| ours.begin(recv), 11), b"onetwothree");
    }
}

#[test]
fn packets_of_a_pipe_in_packet_mode_are_received_one_after_the_other() {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::DIRECT | PipeFlags::CLOEXEC).unwrap();
    let reader = Pipe::from_fd(reader).unwrap();
    let mut writer = std::fs::File::from(writer);
    warm_up(|recv| reader.begin(recv), &writer);
    for _ in 0..3 {
        for packet in [b"one", b"two", b"six"] {
            writer.write_all(packet).unwrap();
        }
        let_the_service_catch_up();
        for packet in [b"one", b"two", b"six"] {
            assert_eq!(soon(reader.begin(op::Recv::new(vec![0; 64])).unwrap()).data(), packet);
        }
    }
}

/// A connection where three bytes are there and a peek waits for more.
fn with_a_peek_that_waits() -> (Socket, std::net::TcpStream, Overlapped<op::Recv>) {
    let (ours, mut peer) = tcp_pair();
    warm_up(|recv| ours.begin(recv), &peer);
    let peek = ours.begin(op::Recv::new(vec![0; 10]).peek().wait_all()).unwrap();
    peer.write_all(b"abc").unwrap();
    let_the_service_catch_up();
    assert!(!peek.is_complete());
    (ours, peer, peek)
}

#[test]
fn data_that_a_cancelled_peek_waited_with_are_received() {
    let (ours, _peer, peek) = with_a_peek_that_waits();
    peek.cancel().unwrap();
    assert_eq!(soon(peek).status(), Status::CANCELLED);
    assert_eq!(soon(ours.begin(op::Recv::new(vec![0; 10])).unwrap()).data(), b"abc");
}

#[test]
fn a_receive_that_waits_behind_a_peek_gets_the_data_when_that_is_dropped() {
    let (ours, _peer, peek) = with_a_peek_that_waits();
    let next = ours.begin(op::Recv::new(vec![0; 10])).unwrap();
    assert!(!next.is_complete());
    drop(peek);
    assert_eq!(soon(next).data(), b"abc");
}

#[test]
fn a_zero_byte_receive_from_a_pipe_without_a_writer_says_that_it_is_broken() {
    let (reader, writer) = Pipe::pair().unwrap();
    let waiting = reader.begin(op::Recv::zero_byte()).unwrap();
    assert!(!waiting.is_complete());
    drop(writer);
    assert_eq!(soon(waiting).result(), Err(Status::PIPE_BROKEN));
    for _ in 0..3 {
        assert_eq!(outcome(reader.begin(op::Recv::zero_byte())), Err(Status::PIPE_BROKEN));
    }
    let (reader, writer) = Pipe::pair().unwrap();
    drop(writer);
    assert_eq!(outcome(reader.begin(op::Recv::zero_byte())), Err(Status::PIPE_BROKEN));
}

#[test]
fn a_zero_byte_receive_from_a_pipe_with_data_left_succeeds_although_the_writer_is_gone() {
    let (reader, writer) = Pipe::pair().unwrap();
    assert_eq!(outcome(writer.begin(op::Send::new("left"))), Ok(4));
    drop(writer);
    assert_eq!(outcome(reader.begin(op::Recv::zero_byte())), Ok(0));
    assert_eq!(soon(reader.begin(op::Recv::new(vec![0; 10])).unwrap()).data(), b"left");
    assert_eq!(outcome(reader.begin(op::Recv::zero_byte())), Err(Status::PIPE_BROKEN));
}
