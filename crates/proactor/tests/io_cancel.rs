//! Cancelling: one operation, all of a handle, those of a thread; and what a cancelled one reports.

mod common;

use std::io::{Read, Write};
use std::sync::Barrier;
use std::thread;

use common::*;
use proactor::{Op, Port, Socket, Status, op};

const BIG: usize = 8 << 20;

fn associated(packets: &Packets) -> (Socket, std::net::TcpStream) {
    let (ours, peer) = tcp_pair();
    ours.associate(&packets.port, 2).unwrap();
    (ours, peer)
}

fn recv(tag: usize) -> op::Recv {
    op::Recv::new(vec![0; 4]).with_tag(tag)
}

#[test]
fn s100_one_is_cancelled_by_its_name_and_the_others_go_on_in_order() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets);
    let ids: Vec<_> = (0..4).map(|tag| pending(ours.recv(recv(tag)))).collect();
    for which in [2, 0] {
        ours.cancel(ids[which]).unwrap();
        let cancelled = expect!(Recv, packets.next());
        assert_eq!((cancelled.tag(), cancelled.status()), (which, Status::CANCELLED));
        assert_eq!(ours.cancel(ids[which]), Err(Status::NOT_FOUND), "once");
    }
    peer.write_all(b"ones3333").unwrap();
    for (tag, data) in [(1, b"ones"), (3, b"3333")] {
        let done = expect!(Recv, packets.next());
        assert_eq!((done.tag(), done.data()), (tag, &data[..]));
    }
    assert_eq!(ours.cancel(ids[1]), Err(Status::NOT_FOUND), "it is complete");
}

#[test]
fn s100_cancel_all_ends_those_of_every_thread_and_in_both_directions() {
    let packets = Packets::new();
    let (ours, _peer) = associated(&packets);
    pending(ours.recv(recv(0)));
    thread::scope(|scope| {
        scope.spawn(|| pending(ours.recv(recv(1)))).join().unwrap();
        scope.spawn(|| pending(ours.send(op::Send::new(vec![0; BIG]).with_tag(2)))).join().unwrap();
    });
    ours.cancel_all().unwrap();
    let mut tags: Vec<_> = (0..3)
        .map(|_| {
            let packet = packets.next();
            assert_eq!((packet.key, packet.status()), (2, Status::CANCELLED));
            match packet.op {
                Op::Recv(recv) => recv.tag(),
                Op::Send(send) => send.tag(),
                op => panic!("unexpected: {op:?}"),
            }
        })
        .collect();
    tags.sort_unstable();
    assert_eq!((tags, ours.pending()), (vec![0, 1, 2], 0));
    packets.assert_none();
}

#[test]
fn s100_cancel_mine_ends_only_those_of_the_thread_that_calls() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets);
    pending(ours.recv(recv(0)));
    thread::scope(|scope| {
        scope.spawn(|| {
            pending(ours.recv(recv(1)));
            pending(ours.recv(recv(2)));
            ours.cancel_mine().unwrap();
        });
    });
    for tag in [1, 2] {
        let cancelled = expect!(Recv, packets.next());
        assert_eq!((cancelled.tag(), cancelled.status()), (tag, Status::CANCELLED));
    }
    peer.write_all(b"mine").unwrap();
    let done = expect!(Recv, packets.next());
    assert_eq!((done.tag(), done.data()), (0, &b"mine"[..]));
}

#[test]
fn s101_with_nothing_pending_cancel_mine_succeeds_and_the_others_find_nothing() {
    let packets = Packets::new();
    let (ours, _peer) = associated(&packets);
    let id = queued(ours.send(op::Send::new("x")));
    assert_eq!(ours.cancel_mine(), Ok(()));
    assert_eq!(ours.cancel_all(), Err(Status::NOT_FOUND));
    assert_eq!(ours.cancel(id), Err(Status::NOT_FOUND));
    ours.close().unwrap();
    assert_eq!(ours.cancel_mine(), Err(Status::INVALID_HANDLE));
    assert_eq!(ours.cancel_all(), Err(Status::INVALID_HANDLE));
    assert_eq!(ours.cancel(id), Err(Status::INVALID_HANDLE));
}

#[test]
fn s102_one_that_is_cancelled_while_its_data_come_ends_once_and_loses_none() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets);
    let (mut sent, mut got) = (Vec::new(), Vec::new());
    let (mut cancelled, mut completed) = (0, 0);
    for round in 0..400usize {
        let id = match ours.recv(recv(round)).unwrap() {
            proactor::Started::Pending(id) => Some(id),
            _ => None,
        };
        let together = Barrier::new(2);
        let bytes = pattern(round as u64, 4);
        thread::scope(|scope| {
            scope.spawn(|| {
                together.wait();
                peer.write_all(&bytes).unwrap();
            });
            together.wait();
            if let Some(id) = id {
                let _ = ours.cancel(id);
            }
        });
        sent.extend_from_slice(&bytes);
        let done = expect!(Recv, packets.next());
        assert_eq!(done.tag(), round);
        match done.result() {
            Ok(_) => completed += 1,
            Err(status) => {
                assert_eq!((status, done.bytes()), (Status::CANCELLED, 0));
                cancelled += 1;
            }
        }
        got.extend_from_slice(done.data());
    }
    packets.assert_none();
    assert_eq!(cancelled + completed, 400);
    while got.len() < sent.len() {
        let _ = ours.recv(recv(0)).unwrap();
        got.extend_from_slice(expect!(Recv, packets.next()).data());
    }
    assert_eq!(got, sent);
}

#[test]
fn s103_cancelling_does_not_wait_for_the_packet_to_be_taken() {
    let port: Port<usize> = Port::new(1).unwrap();
    let (ours, _peer) = tcp_pair();
    ours.associate(&port, 2).unwrap();
    let id = pending(ours.recv(recv(0)));
    ours.cancel(id).unwrap();
    assert_eq!(port.snapshot().queued, 1, "nobody has taken it");
    assert_eq!(port.get().unwrap().unwrap().status(), Status::CANCELLED);
}

#[test]
fn s104_a_cancelled_one_reports_so_with_0_bytes_by_its_own_way() {
    let packets = Packets::new();
    let (ours, _peer) = associated(&packets);
    let by_event = ours.begin(recv(0)).unwrap();
    pending(ours.recv(recv(1)));
    ours.cancel_all().unwrap();
    let by_event = by_event.wait();
    assert_eq!((by_event.status(), by_event.bytes()), (Status::CANCELLED, 0));
    let by_packet = expect!(Recv, packets.next());
    assert_eq!((by_packet.tag(), by_packet.result()), (1, Err(Status::CANCELLED)));
    assert_eq!((by_packet.bytes(), by_packet.into_buf().len()), (0, 4));
    packets.assert_none();
}

#[test]
fn a_send_that_is_cancelled_half_out_says_how_much_is_out_and_those_behind_it_follow() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets);
    ours.set_send_buffer(1).unwrap();
    let big = pattern(1, BIG);
    let id = pending(ours.send(op::Send::new(big.clone())));
    pending(ours.send(op::Send::new("the next one")));
    let mut got = vec![0; 50_000];
    peer.read_exact(&mut got).unwrap();
    ours.cancel(id).unwrap();
    let cut = expect!(Send, packets.next());
    assert_eq!(cut.status(), Status::CANCELLED);
    let out = cut.bytes();
    assert!((got.len()..BIG).contains(&out));
    got.resize(out + 12, 0);
    peer.read_exact(&mut got[50_000..]).unwrap();
    assert!(got[..out] == big[..out], "exactly what it says is out");
    assert_eq!(&got[out..], b"the next one");
    assert_eq!(expect!(Send, packets.next()).result(), Ok(12));
}

#[test]
fn a_receive_of_all_that_is_cancelled_half_full_brings_what_it_has() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets);
    let id = pending(ours.recv(op::Recv::new(vec![0; 8]).wait_all()));
    peer.write_all(b"half").unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 8])));
    eventually("the half has been received", || {
        ours.with_fd(|fd| rustix::io::ioctl_fionread(fd).unwrap()).unwrap() == 0
    });
    ours.cancel(id).unwrap();
    let cut = expect!(Recv, packets.next());
    assert_eq!((cut.status(), cut.data()), (Status::CANCELLED, &b"half"[..]));
    peer.write_all(b"rest").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"rest");
}

#[test]
fn s105_an_accept_belongs_to_the_listening_socket_and_not_to_the_one_it_accepts_into() {
    let packets = Packets::new();
    let (listening, address) = listener();
    listening.associate(&packets.port, 1).unwrap();
    let accepting = Socket::stream(&address.into()).unwrap();
    let id = pending(listening.accept(op::Accept::new().into_socket(&accepting)));
    assert_eq!(accepting.cancel_mine(), Ok(()));
    assert_eq!(accepting.cancel_all(), Err(Status::NOT_FOUND));
    assert_eq!(listening.pending(), 1);
    packets.assert_none();
    listening.cancel(id).unwrap();
    assert_eq!(packets.next().status(), Status::CANCELLED);
}

#[test]
fn s106_a_send_that_the_kernel_has_taken_is_complete_and_there_is_nothing_to_cancel() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets);
    queued(ours.send(op::Send::new(pattern(1, 10_000))));
    assert_eq!(ours.cancel_all(), Err(Status::NOT_FOUND));
    let mut got = vec![0; 10_000];
    peer.read_exact(&mut got).unwrap();
    assert!(got == pattern(1, 10_000));
}

#[test]
fn two_threads_that_cancel_one_operation_end_it_once() {
    for _ in 0..200 {
        let packets = Packets::new();
        let (ours, _theirs) = Socket::pair().unwrap();
        ours.associate(&packets.port, 2).unwrap();
        let id = pending(ours.recv(recv(0)));
        let together = Barrier::new(2);
        let found: usize = thread::scope(|scope| {
            let threads = [(); 2].map(|()| {
                scope.spawn(|| {
                    together.wait();
                    usize::from(ours.cancel(id).is_ok())
                })
            });
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((found, packets.next().status()), (1, Status::CANCELLED));
        packets.assert_none();
    }
}
