//! How a handle reports completions: all by packet, or without one when it is done at once.

mod common;

use std::io::Write;

use common::*;
use proactor::{Modes, Op, Pipe, Socket, Started, Status, op};

fn skipping(packets: &Packets) -> (Socket, std::net::TcpStream) {
    let (ours, peer) = tcp_pair();
    ours.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    ours.associate(&packets.port, 8).unwrap();
    (ours, peer)
}

#[test]
fn s092_a_success_at_once_queues_no_packet_and_is_handed_back() {
    let packets = Packets::new();
    let (ours, mut peer) = skipping(&packets);
    let send = ours.send(op::Send::new("at once").with_tag(4)).unwrap().done().unwrap();
    assert_eq!((send.result(), send.tag(), &send.into_buf()[..]), (Ok(7), 4, &b"at once"[..]));
    peer.write_all(b"here").unwrap();
    let ready = ours.begin(op::Recv::zero_byte()).unwrap().wait();
    assert_eq!(ready.result(), Ok(0));
    let recv = ours.recv(op::Recv::new(vec![0; 8])).unwrap().done().unwrap();
    assert_eq!(recv.data(), b"here");
    eventually("nothing is under way", || ours.pending() == 0);
    packets.assert_none();
}

#[test]
fn s092_what_had_to_wait_queues_its_packet_whatever_its_outcome() {
    let packets = Packets::new();
    let (ours, mut peer) = skipping(&packets);
    pending(ours.recv(op::Recv::new(vec![0; 4])));
    peer.write_all(b"late").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"late");
    let id = pending(ours.recv(op::Recv::new(vec![0; 4])));
    ours.cancel(id).unwrap();
    assert_eq!(packets.next().status(), Status::CANCELLED);
    pending(ours.recv(op::Recv::new(vec![0; 4])));
    reset(peer);
    assert_eq!(packets.next().status(), Status::CONNECTION_RESET);
    packets.assert_none();
}

#[test]
fn s092_only_success_is_skipped_a_warning_at_once_has_its_packet() {
    let packets = Packets::new();
    let (ours, theirs) = Socket::datagram_pair().unwrap();
    ours.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    ours.associate(&packets.port, 8).unwrap();
    let _ = theirs.begin(op::Send::new("too long")).unwrap().wait();
    queued(ours.recv(op::Recv::new(vec![0; 3])));
    assert_eq!(packets.next().status(), Status::BUFFER_OVERFLOW);
}

#[test]
fn s092_a_skipping_handle_may_send_from_within_the_start_and_go_on_at_once() {
    let packets = Packets::new();
    let (reader, writer) = Pipe::pair().unwrap();
    writer.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    writer.associate(&packets.port, 8).unwrap();
    let mut send = op::Send::new(pattern(1, 1000));
    let mut done = 0;
    // The same block over and over, until the pipe is full.
    loop {
        match writer.send(send).unwrap() {
            Started::Done(again) => send = again,
            Started::Pending(_) => break,
            Started::Queued(_) => panic!("a packet was queued for a success at once"),
        }
        done += 1;
    }
    assert!(done >= 16);
    packets.assert_none();
    let all = reader.begin(op::Recv::new(vec![0; (done + 1) * 1000]).wait_all()).unwrap().wait();
    assert_eq!(all.result(), Ok((done + 1) * 1000));
    assert_eq!(expect!(Send, packets.next()).result(), Ok(1000));
}

#[test]
fn s093_connects_and_disconnects_are_always_pending_so_their_packets_come() {
    let packets = Packets::new();
    let (listening, address) = listener();
    let client = Socket::to_connect(&address.into()).unwrap();
    client.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    client.associate(&packets.port, 8).unwrap();
    pending(client.connect(op::Connect::new(address)));
    assert_eq!(expect!(Connect, packets.next()).result(), Ok(0));
    pending(client.disconnect(op::Disconnect::new()));
    assert_eq!(expect!(Disconnect, packets.next()).result(), Ok(0));
    drop(listening);
    packets.assert_none();
}

#[test]
fn s094_an_overlapped_is_complete_whatever_the_modes() {
    let packets = Packets::new();
    let (ours, mut peer) = skipping(&packets);
    ours.set_modes(Modes::SKIP_SET_EVENT_ON_HANDLE).unwrap();
    let send = ours.begin(op::Send::new("x")).unwrap();
    assert!(send.is_complete());
    let recv = ours.begin(op::Recv::new(vec![0; 4])).unwrap();
    peer.write_all(b"y").unwrap();
    assert_eq!((send.wait().result(), recv.wait().data()), (Ok(1), &b"y"[..]));
    packets.assert_none();
}

#[test]
fn s095_modes_add_up_and_stay() {
    let (ours, _peer) = tcp_pair();
    assert_eq!(ours.modes(), Modes::empty());
    ours.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    ours.set_modes(Modes::empty()).unwrap();
    assert_eq!(ours.modes(), Modes::SKIP_COMPLETION_PORT_ON_SUCCESS);
    ours.set_modes(Modes::SKIP_SET_EVENT_ON_HANDLE).unwrap();
    assert_eq!(ours.modes(), Modes::all());
    ours.set_modes(Modes::from_bits_retain(0x84)).unwrap();
    assert!(ours.modes().contains(Modes::all()), "unknown bits are no error");
    ours.close().unwrap();
    assert_eq!(ours.set_modes(Modes::empty()), Err(Status::INVALID_HANDLE));
}

#[test]
fn a_mode_that_is_set_later_holds_from_then_on() {
    let packets = Packets::new();
    let (ours, _peer) = tcp_pair();
    ours.associate(&packets.port, 8).unwrap();
    queued(ours.send(op::Send::new("with")));
    ours.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    assert!(ours.send(op::Send::new("without")).unwrap().done().is_some());
    assert!(matches!(packets.next().op, Op::Send(send) if send.bytes() == 4));
    packets.assert_none();
}
