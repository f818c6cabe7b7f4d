//! What a thread leaves behind when it ends: cancelled, unless a port is to receive it.

mod common;

use std::io::Write;
use std::thread;

use common::*;
use proactor::{Overlapped, Pipe, Socket, Status, op};

fn recv(tag: usize) -> op::Recv {
    op::Recv::new(vec![0; 16]).with_tag(tag)
}

/// Starts a receive from a thread that has ended when this returns.
fn begun_by_another(ours: &Socket) -> Overlapped<op::Recv> {
    let ours = ours.clone();
    thread::spawn(move || ours.begin(recv(1)).unwrap()).join().unwrap()
}

#[test]
fn s110_what_no_port_is_to_receive_is_cancelled_with_its_thread() {
    let (ours, mut peer) = tcp_pair();
    let recv = begun_by_another(&ours).wait();
    assert_eq!((recv.tag(), recv.status(), recv.bytes()), (1, Status::CANCELLED, 0));
    eventually("nothing is under way", || ours.pending() == 0);
    peer.write_all(b"kept").unwrap();
    assert_eq!(ours.begin(self::recv(2)).unwrap().wait().data(), b"kept");
}

#[test]
fn s110_an_operation_without_a_port_ends_with_its_thread() {
    let (ours, mut peer) = tcp_pair();
    let starter = ours.clone();
    thread::spawn(move || pending(starter.recv(recv(1)))).join().unwrap();
    eventually("nothing is under way", || ours.pending() == 0);
    peer.write_all(b"kept").unwrap();
    assert_eq!(ours.begin(recv(2)).unwrap().wait().data(), b"kept");
}

#[test]
fn s110_the_operations_of_other_threads_stay() {
    let (ours, mut peer) = tcp_pair();
    let mine = ours.begin(recv(0)).unwrap();
    assert_eq!(begun_by_another(&ours).wait().status(), Status::CANCELLED);
    assert!(!mine.is_complete());
    peer.write_all(b"mine").unwrap();
    assert_eq!(mine.wait().data(), b"mine");
}

#[test]
fn s110_a_thread_may_leave_operations_on_many_handles() {
    let pipes: Vec<_> = (0..200).map(|_| Pipe::pair().unwrap()).collect();
    let readers: Vec<_> = pipes.iter().map(|(reader, _)| reader.clone()).collect();
    let left = thread::spawn(move || {
        let twice = readers.iter().chain(&readers);
        twice.map(|reader| reader.begin(op::Recv::new(vec![0; 4])).unwrap()).collect::<Vec<_>>()
    });
    for recv in left.join().unwrap() {
        assert_eq!(recv.wait().status(), Status::CANCELLED);
    }
    assert!(pipes.iter().all(|(reader, _)| reader.pending() == 0));
}

#[test]
fn s111_with_a_port_an_operation_survives_its_thread() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 6).unwrap();
    let starter = ours.clone();
    thread::spawn(move || pending(starter.recv(recv(1)))).join().unwrap();
    packets.assert_none();
    peer.write_all(b"survived").unwrap();
    let packet = packets.next();
    assert_eq!(packet.key, 6);
    assert_eq!(expect!(Recv, packet).data(), b"survived");
}

#[test]
fn s111_an_overlapped_does_not_survive_its_thread_although_its_handle_has_a_port() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, 6).unwrap();
    pending(ours.recv(recv(0)));
    assert_eq!(begun_by_another(&ours).wait().status(), Status::CANCELLED);
    peer.write_all(b"mine").unwrap();
    let recv = expect!(Recv, packets.next());
    assert_eq!((recv.tag(), recv.data()), (0, &b"mine"[..]));
    packets.assert_none();
}

#[test]
fn s111_what_was_started_before_the_association_survives_with_it() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    let (start, started) = std::sync::mpsc::channel();
    let (finish, finished) = std::sync::mpsc::channel::<()>();
    let starter = thread::spawn({
        let ours = ours.clone();
        move || {
            start.send(pending(ours.recv(recv(1)))).unwrap();
            let _ = finished.recv();
        }
    });
    started.recv().unwrap();
    ours.associate(&packets.port, 6).unwrap();
    drop(finish);
    starter.join().unwrap();
    peer.write_all(b"in time").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"in time");
}

#[test]
fn a_thread_that_panics_leaves_nothing_behind_either() {
    let (ours, _peer) = tcp_pair();
    let starter = ours.clone();
    let panicked = thread::spawn(move || {
        pending(starter.recv(recv(1)));
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(panicked.join().is_err());
    eventually("nothing is under way", || ours.pending() == 0);
}
