//! Times: none is early, and what has a right to be slow is left alone.

mod common;

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Kept, eventually};
use proactor_server::{Framing, Reason, Server, Timeout, Timeouts};

const TIME: Duration = Duration::from_millis(120);

fn server(timeouts: Timeouts) -> Kept {
    Kept::new(Server::builder(Framing::lines()).timeouts(timeouts), |session, message| {
        session.send(message).unwrap();
    })
}

fn none() -> Timeouts {
    Timeouts { idle: None, half_open: None, slow_reader: None, ..Timeouts::default() }
}

#[test]
fn who_connects_and_says_nothing_whole_is_dropped() {
    let kept = server(Timeouts { half_open: Some(TIME), ..none() });
    let (start, mut peer) = (Instant::now(), kept.connect());
    peer.write_all(b"half a li").unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0);
    assert!(start.elapsed() >= TIME);
    assert_eq!(kept.only_reason(), Reason::Timeout(Timeout::HalfOpen));
    assert!(!kept.only_reason().is_ordinary());
    assert_eq!(kept.server.sessions().counts().timeouts, 1);
}

#[test]
fn who_has_said_one_thing_is_no_longer_half_open() {
    let kept = server(Timeouts { half_open: Some(TIME), ..none() });
    let (mut speaks, mut silent) = (kept.connect(), kept.connect());
    speaks.write_all(b"hello\n").unwrap();
    // The silent one came second and ends, so the time of the first is over as well.
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
    speaks.write_all(b"still here\n").unwrap();
    let mut back = [0; 17];
    speaks.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello\nstill here\n");
}

#[test]
fn who_says_nothing_for_long_is_idle_and_who_speaks_is_not() {
    let kept = server(Timeouts { idle: Some(TIME), ..none() });
    let (mut quiet, mut speaks) = (kept.connect(), kept.connect());
    let mut start = Instant::now();
    quiet.write_all(b"once\n").unwrap();
    quiet.read_exact(&mut [0; 5]).unwrap();
    let ended = loop {
        speaks.write_all(b"word\n").unwrap();
        speaks.read_exact(&mut [0; 5]).unwrap();
        if let Some(entry) =
            kept.book.lock().unwrap().sessions.values().find(|entry| !entry.closed.is_empty())
        {
            break entry.clone();
        }
        assert!(start.elapsed() < common::PATIENCE, "the quiet one is never dropped");
        std::thread::yield_now();
    };
    assert_eq!((ended.closed[0], &ended.messages[0][..]), (Reason::Timeout(Timeout::Idle), &b"once"[..]));
    assert!(start.elapsed() >= TIME);
    // Then it is quiet itself.
    start = Instant::now();
    assert_eq!(speaks.read(&mut [0]).unwrap_or(0), 0);
    assert!(start.elapsed() + Duration::from_millis(20) >= TIME);
    assert_eq!(kept.reasons(2), [Reason::Timeout(Timeout::Idle); 2]);
}

#[test]
fn a_trickle_that_never_makes_a_message_is_idle() {
    let kept = server(Timeouts { idle: Some(TIME), ..none() });
    let mut peer = kept.connect();
    let start = Instant::now();
    while peer.write_all(b"x").is_ok() {
        assert!(start.elapsed() < common::PATIENCE, "the trickle goes on");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(start.elapsed() >= TIME);
    assert_eq!(kept.only_reason(), Reason::Timeout(Timeout::Idle));
}

#[test]
fn time_in_a_handler_is_not_idle() {
    let looked = Arc::new(Mutex::new(false));
    let seen = looked.clone();
    let builder = Server::builder(Framing::lines())
        .timeouts(Timeouts { idle: Some(Duration::from_millis(20)), ..none() });
    let kept = Kept::new(builder, move |session, message| {
        if message == b"think" {
            std::thread::sleep(Duration::from_millis(200));
            *seen.lock().unwrap() = session.is_open();
        }
        session.send(message).unwrap();
    });
    let mut peer = kept.connect();
    peer.write_all(b"think\n").unwrap();
    peer.read_exact(&mut [0; 6]).unwrap();
    assert!(*looked.lock().unwrap(), "it was dropped while it thought");
}

#[test]
fn a_peer_that_does_not_end_its_side_is_waited_for_only_so_long() {
    let builder = Server::builder(Framing::lines()).timeouts(Timeouts { linger: TIME, ..none() });
    let kept = Kept::new(builder, |session, _| session.close());
    let mut peer = kept.connect();
    let start = Instant::now();
    peer.write_all(b"bye\n").unwrap();
    // It sees the end at once, and stays.
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    assert_eq!(kept.only_reason(), Reason::Closed);
    assert!(start.elapsed() >= TIME);
    eventually("nothing is left", || kept.server.sessions().counts().open == 0);
}

#[test]
fn a_thousand_sessions_on_one_wheel_each_have_their_own_time() {
    let kept = server(Timeouts { idle: Some(TIME), ..none() });
    let start = Instant::now();
    let peers: Vec<_> = (0..1000).map(|_| kept.connect()).collect();
    let reasons = kept.reasons(1000);
    assert!(start.elapsed() >= TIME);
    assert!(reasons.iter().all(|reason| *reason == Reason::Timeout(Timeout::Idle)));
    kept.assert_balanced();
    drop(peers);
}
