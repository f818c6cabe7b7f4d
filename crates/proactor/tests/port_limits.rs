//! The limits of a port: each is an error by name, and nothing that was accepted is lost.

mod common;

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use common::PATIENCE;
use proactor::{Limits, Port, Socket, Status, Workers};

#[test]
fn s031_posts_beyond_the_limit_are_refused_and_none_before_is_lost() {
    const POSTS: usize = 10_000;
    let port: Port = Port::with_limits(1, Limits { posts: POSTS, ..Limits::default() }).unwrap();
    let accepted = (0..).take_while(|n| port.post(*n, 0).is_ok()).count();
    assert_eq!(accepted, POSTS);
    assert_eq!(port.post(0, 0), Err(Status::TOO_MANY_POSTS));
    for n in 0..POSTS {
        assert_eq!(port.get_timeout(Duration::ZERO).unwrap().key, n);
    }
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT);
    port.post(1, 1).unwrap();
}

#[test]
fn more_workers_than_the_limit_are_refused() {
    let port: Port = Port::with_limits(4, Limits { workers: 2, ..Limits::default() }).unwrap();
    assert!(matches!(Workers::start(&port, 3, |_| ()), Err(Status::TOO_MANY_THREADS)));
    assert!(matches!(Workers::start(&port, 0, |_| ()), Err(Status::INVALID_PARAMETER)));
    let poll = || port.get_timeout(Duration::ZERO).unwrap_err();
    thread::scope(|scope| {
        let (end, ended) = channel::<()>();
        let (tell, told) = channel();
        let members = [ended, channel().1].map(|ended| {
            let tell = tell.clone();
            scope.spawn(move || {
                tell.send(poll()).unwrap();
                // Ends when the test drops its sender; the other one has none and ends at once.
                let _ = ended.recv();
            })
        });
        assert_eq!([told.recv(), told.recv()], [Ok(Status::TIMEOUT); 2]);
        let [stays, goes] = members;
        goes.join().unwrap();
        // One of the two has left: this thread takes its place, and a third finds none.
        assert_eq!(poll(), Status::TIMEOUT);
        assert_eq!(scope.spawn(poll).join().unwrap(), Status::TOO_MANY_THREADS);
        assert_eq!(poll(), Status::TIMEOUT, "members stay members");
        drop(end);
        stays.join().unwrap();
        assert_eq!(scope.spawn(poll).join().unwrap(), Status::TIMEOUT);
    });
}

#[test]
fn more_handles_than_the_limit_are_refused() {
    let port: Port = Port::with_limits(1, Limits { handles: 2, ..Limits::default() }).unwrap();
    let (one, two) = Socket::pair().unwrap();
    let (three, _four) = Socket::pair().unwrap();
    one.associate(&port, 1).unwrap();
    two.associate(&port, 2).unwrap();
    assert_eq!(three.associate(&port, 3), Err(Status::NO_BUFS));
    drop(one);
    three.associate(&port, 3).unwrap();
}

#[test]
fn a_panic_in_a_handler_ends_that_handler_only() {
    let port: Port = Port::new(1).unwrap();
    let (tell, told) = channel();
    let workers = Workers::start(&port, 2, move |packet| {
        if packet.key % 3 == 1 {
            // Not a panic of the test's own, so nothing is printed.
            std::panic::resume_unwind(Box::new("as expected"));
        }
        tell.send(packet.key).unwrap();
    });
    let workers = workers.unwrap();
    (0..30).for_each(|n| port.post(n, 0).unwrap());
    let mut keys: Vec<usize> = (0..20).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
    keys.sort();
    assert!(keys.iter().all(|key| key % 3 != 1));
    port.close();
    assert_eq!(workers.join(), 10);
    assert_eq!(port.snapshot().packets, 30);
}
