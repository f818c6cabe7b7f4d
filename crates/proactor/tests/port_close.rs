//! The end of a port: everybody returns, nothing waits, nothing leaks.

mod common;
#[path = "common/crew.rs"]
mod crew;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, eventually, in_own_process, open_descriptors};
use proactor::{Port, Socket, Status, Wait, Workers, op};

#[test]
fn s068_close_wakes_every_waiter_abandoned() {
    for seats in [1, 4] {
        let port: Port = Port::new(seats).unwrap();
        thread::scope(|scope| {
            let mut waiters = Vec::new();
            for n in 0..6 {
                let port = &port;
                waiters.push(scope.spawn(move || match n % 3 {
                    0 => port.get_timeout(PATIENCE).map(|_| ()),
                    1 => port.get_many(&mut Vec::new(), 4, Wait::default()).map(|_| ()),
                    _ => {
                        port.get().map(|packet| assert!(packet.is_none())).and(Err(Status::ABANDONED_WAIT_0))
                    }
                }));
            }
            eventually("all wait", || port.snapshot().parked == 6);
            port.close();
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), Err(Status::ABANDONED_WAIT_0));
            }
        });
        let counts = port.snapshot();
        assert_eq!((counts.running, counts.parked, counts.blocked), (0, 0, 0));
    }
}

#[test]
fn s068_the_last_clone_dropped_closes_the_port() {
    let port: Port = Port::new(1).unwrap();
    let workers = Workers::start(&port, 3, |_| ()).unwrap();
    let clone = port.clone();
    drop(port);
    clone.post(1, 1).unwrap();
    drop(clone);
    assert_eq!(workers.join(), 0);
}

#[test]
fn s068_waiters_while_all_seats_are_taken_are_woken_too() {
    let port = Port::new(1).unwrap();
    let crew = crew::Crew::new(&port, 3);
    crew.park(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    crew.park(1);
    crew.park(2);
    port.post(2, 0).unwrap();
    port.close();
    let mut back = [crew.took(), crew.took()];
    back.sort();
    assert_eq!(back, [(1, None), (2, None)]);
    crew.take(0);
    assert_eq!(crew.took(), (0, None), "the running one learns it when it comes back");
}

#[test]
fn s071_a_closed_port_is_an_invalid_handle() {
    let port: Port = Port::new(1).unwrap();
    port.close();
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::INVALID_HANDLE);
    assert_eq!(port.get_many(&mut Vec::new(), 1, Wait::default()).unwrap_err(), Status::INVALID_HANDLE);
    assert_eq!(port.post(1, 1), Err(Status::INVALID_HANDLE));
    assert!(port.get().unwrap().is_none());
    port.close();
}

#[test]
fn s072_handles_keep_what_is_left_of_the_port_and_packets_go_nowhere() {
    let port: Port = Port::new(1).unwrap();
    let id = port.snapshot().id;
    let is_there = || proactor::snapshot().ports.iter().any(|port| port.id == id);
    let (socket, peer) = Socket::pair().unwrap();
    socket.associate(&port, 1).unwrap();
    let waiting = socket.recv(op::Recv::new(vec![0; 8])).unwrap();
    drop(port);
    assert!(is_there(), "the handle holds it");
    assert_eq!(socket.cancel(waiting.id().unwrap()), Err(Status::NOT_FOUND), "closing has ended it");
    // This one completes at once, and its packet is dropped with its buffer.
    let held: Arc<[u8]> = Arc::new([0; 8]);
    assert!(socket.send(op::Send::new(held.clone())).unwrap().at_once());
    assert_eq!((Arc::strong_count(&held), socket.pending()), (1, 0));
    assert_eq!(
        peer.begin(op::Recv::new(vec![0; 8])).unwrap().wait().bytes(),
        8,
        "the operation was performed"
    );
    drop(socket);
    assert!(!is_there());
}

#[test]
fn s073_packets_that_nobody_took_are_dropped() {
    let held = Arc::new(());
    let port: Port<usize, Arc<()>> = Port::new(1).unwrap();
    (0..10_000).for_each(|n| port.post(n, held.clone()).unwrap());
    let (socket, _peer) = Socket::pair().unwrap();
    socket.associate(&port, 1).unwrap();
    socket.recv(op::Recv::new(vec![0; 8])).unwrap();
    assert_eq!(socket.pending(), 1);
    port.close();
    assert_eq!((Arc::strong_count(&held), socket.pending(), port.snapshot().queued), (1, 0, 0));
}

#[test]
fn a_handler_may_close_its_port() {
    let port: Port = Port::new(2).unwrap();
    let inner = port.clone();
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let workers = Workers::start(&port, 4, move |_| {
        counted.fetch_add(1, SeqCst);
        inner.close();
    });
    let workers = workers.unwrap();
    eventually("all wait", || port.snapshot().parked == 4);
    port.post(1, 1).unwrap();
    assert_eq!(workers.join(), 0);
    assert_eq!(taken.load(SeqCst), 1);
}

#[test]
fn a_post_while_the_port_closes_is_taken_dropped_or_refused() {
    for _ in 0..50 {
        let held = Arc::new(());
        let port: Port<usize, Arc<()>> = Port::new(2).unwrap();
        let workers = Workers::start(&port, 2, drop).unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut refused = 0;
                    while refused < 3 {
                        match port.post(1, held.clone()) {
                            Ok(()) => {}
                            Err(Status::INVALID_HANDLE) => refused += 1,
                            // The workers are slow.
                            Err(Status::TOO_MANY_POSTS) => thread::yield_now(),
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                });
            }
            eventually("some are taken", || port.snapshot().packets > 100);
            port.close();
        });
        workers.join();
        assert_eq!(Arc::strong_count(&held), 1, "a message was left behind");
    }
}

#[test]
fn ports_opened_and_closed_leave_no_descriptors() {
    in_own_process("ports_opened_and_closed_leave_no_descriptors", || {
        let used = |workers: bool| {
            let port: Port = Port::new(1).unwrap();
            let (socket, peer) = Socket::pair().unwrap();
            socket.associate(&port, 1).unwrap();
            if workers {
                let handlers = Workers::start(&port, 2, |_| ()).unwrap();
                socket.recv(op::Recv::new(vec![0; 8])).unwrap();
                peer.begin(op::Send::new("x")).unwrap().wait();
                port.post(1, 1).unwrap();
                eventually("both are taken", || port.snapshot().packets == 2);
                port.close();
                handlers.join();
            }
        };
        // The library's own thread and its descriptors come with the first use.
        used(true);
        let before = open_descriptors();
        (0..3000).for_each(|_| used(false));
        (0..50).for_each(|_| used(true));
        eventually("all is closed", || open_descriptors() == before);
    });
}
