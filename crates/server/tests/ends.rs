//! What the peer sees of an end: one in good order is an end, a break is a reset; and no end takes for ever.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Kept, eventually};
use proactor_server::{Endian, Framing, Full, Limits, Reason, Server, Timeout, Timeouts, Width};

const TIME: Duration = Duration::from_millis(100);

/// Reads until the end, and says how that was.
fn end_of(peer: &TcpStream) -> Option<ErrorKind> {
    let mut peer = peer;
    std::io::copy(&mut peer, &mut std::io::sink()).err().map(|error| error.kind())
}

#[test]
fn a_frame_that_is_none_a_time_that_is_over_and_an_abort_end_with_a_reset() {
    let builder = Server::builder(Framing::length(Width::Two, Endian::Big))
        .limits(Limits { message: 1000, ..Limits::default() })
        .timeouts(Timeouts { half_open: Some(TIME), ..Timeouts::default() });
    let kept = Kept::new(builder, |session, _| session.abort());
    let (mut bad, silent, mut aborted) = (kept.connect(), kept.connect(), kept.connect());
    bad.write_all(&[0xFF; 2]).unwrap();
    aborted.write_all(&[0, 0]).unwrap();
    for peer in [&bad, &silent, &aborted] {
        assert_eq!(end_of(peer), Some(ErrorKind::ConnectionReset));
    }
    let reasons = kept.reasons(3);
    assert!(reasons.contains(&Reason::Timeout(Timeout::HalfOpen)) && reasons.contains(&Reason::Aborted));
}

#[test]
fn a_close_and_a_shutdown_end_without_one() {
    let kept = Kept::new(Server::builder(Framing::lines()), |session, _| session.close());
    let (mut closed, staying) = (kept.connect(), kept.connect());
    closed.write_all(b"bye\n").unwrap();
    assert_eq!(end_of(&closed), None);
    drop(closed);
    let Kept { server, .. } = kept;
    let ends = std::thread::spawn(move || server.shutdown(Duration::from_secs(20)));
    assert_eq!(end_of(&staying), None);
    drop(staying);
    assert_eq!(ends.join().unwrap().faults, 0);
}

#[test]
fn a_close_does_not_wait_for_ever_for_a_peer_that_may_be_slow() {
    let builder = Server::builder(Framing::raw())
        .full(Full::DropMessage)
        .limits(Limits { queue_bytes: 1 << 20, ..Limits::default() })
        .timeouts(Timeouts { slow_reader: None, linger: TIME, ..Timeouts::default() });
    let kept = Kept::new(builder, |session, _| {
        while session.send(&[0; 32 << 10]).is_ok() {}
        session.close();
    });
    let mut peer = kept.connect();
    peer.write_all(b"go").unwrap();
    assert_eq!(kept.only_reason(), Reason::Timeout(Timeout::SlowReader));
    assert!(kept.server.sessions().counts().messages_lost > 0);
}

#[test]
fn who_sent_much_at_once_takes_turns_with_others() {
    const LINES: usize = 10_000;
    let order = Arc::new(Mutex::new(Vec::new()));
    let (go, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (orders, went, begins) = (order.clone(), go.clone(), begun.clone());
    let builder = Server::builder(Framing::lines()).concurrency(1);
    let kept = Kept::new(builder, move |_, line| {
        if begins.fetch_add(1, SeqCst) == 0 {
            // It runs all the while, so nobody else is let in.
            while !went.load(SeqCst) {
                std::hint::spin_loop();
            }
        }
        orders.lock().unwrap().push(line.len());
    });
    let (mut flood, mut other) = (kept.connect(), kept.connect());
    eventually("both are in", || kept.server.sessions().all().len() == 2);
    flood.write_all(&b"x\n".repeat(LINES)).unwrap();
    eventually("the flood is being handled", || begun.load(SeqCst) > 0);
    other.write_all(b"me too\n").unwrap();
    go.store(true, SeqCst);
    eventually("all is handled", || order.lock().unwrap().len() == LINES + 1);
    let turn = order.lock().unwrap().iter().position(|length| *length == 6).unwrap();
    assert!(turn < LINES / 2, "the other had to wait for {turn} messages of the flood");
}

#[test]
fn what_is_left_when_a_turn_is_over_is_handled_before_the_end() {
    let kept = Kept::new(Server::builder(Framing::lines()), |_, _| {});
    let mut peer = kept.connect();
    peer.write_all(&b"x\n".repeat(8000)).unwrap();
    drop(peer);
    assert_eq!(kept.only_reason(), Reason::PeerEnded);
    assert_eq!(kept.server.sessions().counts().messages_in, 8000);
}

#[test]
fn a_peer_that_is_reset_reads_no_end() {
    let kept = Kept::new(Server::builder(Framing::lines()), |session, _| {
        session.send(b"answer").unwrap();
    });
    let mut peer = kept.connect();
    peer.write_all(b"ask\n").unwrap();
    let mut answer = [0; 7];
    peer.read_exact(&mut answer).unwrap();
    kept.only_session().abort();
    assert_eq!(end_of(&peer), Some(ErrorKind::ConnectionReset));
}
