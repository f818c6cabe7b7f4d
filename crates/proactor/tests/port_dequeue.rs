//! Taking packets: one or many, with a limit to the wait or without, and what was posted as it was.

mod common;
#[path = "common/crew.rs"]
mod crew;

use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, eventually};
use crew::Crew;
use proactor::{Op, Port, Socket, Status, Wait, op};

const NOW: Wait = Wait { timeout: Some(Duration::ZERO), alertable: false };

#[test]
fn s030_posts_of_one_thread_come_in_their_order() {
    let port: Port = Port::new(1).unwrap();
    // More than any ring holds, so that the overflow is in it.
    (0..50_000).for_each(|n| port.post(n, n).unwrap());
    for n in 0..50_000 {
        assert_eq!(port.get_timeout(Duration::ZERO).unwrap().key, n);
    }
}

#[test]
fn s032_a_failed_operation_comes_with_its_key_status_and_count() {
    let port: Port = Port::new(1).unwrap();
    let (socket, peer) = Socket::pair().unwrap();
    socket.associate(&port, 5).unwrap();
    socket.recv(op::Recv::new(vec![0; 8]).wait_all()).unwrap();
    peer.begin(op::Send::new("abc")).unwrap().wait();
    // Once the three bytes are in, the rest is given up.
    assert_eq!(port.get_timeout(Duration::from_millis(1)).unwrap_err(), Status::TIMEOUT);
    socket.cancel_all().unwrap();
    let packet = port.get_timeout(PATIENCE).unwrap();
    assert_eq!((packet.key, packet.status()), (5, Status::CANCELLED));
    assert_eq!(packet.bytes(), expect!(Recv, packet).bytes());
}

#[test]
fn s033_nothing_dequeued_says_why() {
    let port: Port = Port::new(2).unwrap();
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| port.get_timeout(PATIENCE).unwrap_err());
        eventually("it waits", || port.snapshot().parked == 1);
        port.close();
        assert_eq!(waiter.join().unwrap(), Status::ABANDONED_WAIT_0);
    });
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::INVALID_HANDLE);
}

#[test]
fn s037_s038_what_is_posted_comes_back_as_it_was_and_with_success() {
    let port: Port = Port::new(1).unwrap();
    for (key, message) in [(0, 0), (1, usize::MAX), (usize::MAX, 1), (0xdead_beef, 0x1234)] {
        port.post(key, message).unwrap();
        let packet = port.get_timeout(Duration::ZERO).unwrap();
        assert_eq!((packet.key, packet.status(), packet.bytes()), (key, Status::SUCCESS, 0));
        assert!(matches!(packet.op, Op::Posted(same) if same == message));
    }
}

#[test]
fn s040_zero_polls_and_no_timeout_waits_for_ever() {
    let port = Port::new(2).unwrap();
    let begin = Instant::now();
    for _ in 0..100 {
        assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT);
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    let crew = Crew::new(&port, 1);
    crew.park(0);
    thread::sleep(Duration::from_millis(30));
    crew.assert_nobody_took();
    port.post(3, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(3)));
}

#[test]
fn a_timeout_is_waited_for_and_beyond_the_clock_is_for_ever() {
    let port: Port = Port::new(2).unwrap();
    let begin = Instant::now();
    assert_eq!(port.get_timeout(Duration::from_millis(20)).unwrap_err(), Status::TIMEOUT);
    assert!(begin.elapsed() >= Duration::from_millis(20));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| port.get_timeout(Duration::MAX).map(|packet| packet.key));
        eventually("it waits", || port.snapshot().parked == 1);
        port.post(1, 0).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(1));
    });
}

#[test]
fn s042_many_succeed_although_each_operation_failed() {
    let port: Port = Port::new(1).unwrap();
    let (socket, _peer) = Socket::pair().unwrap();
    socket.associate(&port, 1).unwrap();
    (0..3).for_each(|_| drop(socket.recv(op::Recv::new(vec![0; 8])).unwrap()));
    socket.cancel_all().unwrap();
    let mut packets = Vec::new();
    assert_eq!(port.get_many(&mut packets, 8, NOW), Ok(3));
    assert!(packets.iter().all(|packet| packet.status() == Status::CANCELLED));
}

#[test]
fn s043_many_are_taken_in_order_and_only_the_first_is_waited_for() {
    let port: Port = Port::new(2).unwrap();
    (0..5).for_each(|n| port.post(n, 0).unwrap());
    let mut packets = Vec::new();
    assert_eq!(port.get_many(&mut packets, 3, NOW), Ok(3));
    assert_eq!(port.get_many(&mut packets, 3, Wait::default()), Ok(2), "it does not wait for a third");
    assert!(packets.iter().map(|packet| packet.key).eq(0..5), "{packets:?}");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| port.get_many(&mut Vec::new(), 3, Wait::default()));
        eventually("it waits", || port.snapshot().parked == 1);
        port.post(5, 0).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(1));
    });
}

#[test]
fn s044_none_wanted_is_an_invalid_parameter_and_takes_nothing() {
    let port: Port = Port::new(1).unwrap();
    port.post(1, 1).unwrap();
    let mut packets = Vec::new();
    assert_eq!(port.get_many(&mut packets, 0, NOW), Err(Status::INVALID_PARAMETER));
    assert!(packets.is_empty());
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap().key, 1);
}

#[test]
fn s045_a_timeout_brings_no_count_and_appends_nothing() {
    let port: Port = Port::new(1).unwrap();
    let mut packets = Vec::new();
    assert_eq!(port.get_many(&mut packets, 4, NOW), Err(Status::TIMEOUT));
    assert!(packets.is_empty());
}

#[test]
fn a_socket_has_its_turn_however_many_posts_come() {
    let port: Port = Port::new(1).unwrap();
    let (socket, peer) = Socket::pair().unwrap();
    socket.associate(&port, 1000).unwrap();
    socket.recv(op::Recv::new(vec![0; 8])).unwrap();
    peer.begin(op::Send::new("x")).unwrap().wait();
    // For each packet taken another is posted: the queue is never empty.
    (0..10).for_each(|n| port.post(n, 0).unwrap());
    let found = (0..1000).find(|_| {
        let key = port.get_timeout(Duration::ZERO).unwrap().key;
        port.post(key, 0).unwrap();
        key == 1000
    });
    assert!(found.is_some(), "the socket starves");
}
