//! Sessions by address on a UDP socket: messages in order, ends told once, and floods of addresses bounded.

mod common;

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use common::{Book, Kept, PATIENCE, Recorder, eventually};
use proactor::Status;
use proactor_server::{
    Builder, Framing, Full, Limits, Reason, SendError, Server, Session, SessionId, Timeout, Timeouts,
};

fn builder() -> Builder {
    Server::builder(Framing::raw())
        .timeouts(Timeouts { idle: Some(Duration::from_secs(60)), ..Timeouts::default() })
}

fn serve(builder: Builder, act: impl Fn(&Session, &[u8]) + Send + Sync + 'static) -> Kept {
    let book = Arc::<Mutex<Book>>::default();
    let handler = Recorder { book: book.clone(), act };
    Kept { server: builder.workers(8).listen_datagrams("127.0.0.1:0", handler).unwrap(), book }
}

fn echo(builder: Builder) -> Kept {
    serve(builder, |session, message| {
        let _ = session.send(message);
    })
}

fn peer(kept: &Kept) -> UdpSocket {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.connect(kept.server.local_addr().unwrap()).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer
}

#[track_caller]
fn receive(peer: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 70_000];
    let count = peer.recv(&mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

/// Says something and returns what is said back.
#[track_caller]
fn ask(peer: &UdpSocket, bytes: &[u8]) -> Vec<u8> {
    peer.send(bytes).unwrap();
    receive(peer)
}

#[test]
fn each_address_is_a_session_and_each_datagram_a_message() {
    let kept = echo(builder());
    let peers: Vec<_> = (0..10).map(|_| peer(&kept)).collect();
    for (number, peer) in peers.iter().enumerate() {
        for message in [format!("first of {number}"), String::new(), format!("third of {number}")] {
            assert_eq!(ask(peer, message.as_bytes()), message.as_bytes());
        }
    }
    let sessions = kept.server.sessions().all();
    assert_eq!(sessions.len(), 10);
    let mut addresses: Vec<_> = peers.iter().map(|peer| Some(peer.local_addr().unwrap())).collect();
    let mut known: Vec<_> = sessions.iter().map(|session| session.peer_addr().unwrap().ip()).collect();
    addresses.sort();
    known.sort();
    assert_eq!(addresses, known);
    assert!(kept.book.lock().unwrap().sessions.values().all(|entry| entry.messages.len() == 3));
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.accepted, counts.messages_in, counts.refused), (10, 30, 0));
}

#[test]
fn the_datagrams_of_a_peer_are_handled_one_after_the_other_in_their_order() {
    let seen = Arc::new(Mutex::new((Vec::<SessionId>::new(), Vec::new())));
    let see = seen.clone();
    let kept = serve(builder().concurrency(4), move |session, message| {
        {
            let mut seen = see.lock().unwrap();
            assert!(!seen.0.contains(&session.id()), "two workers in one session");
            seen.0.push(session.id());
            seen.1.push((session.id(), message.to_vec()));
        }
        std::thread::yield_now();
        see.lock().unwrap().0.retain(|id| *id != session.id());
        session.send(message).unwrap();
    });
    let peers: Vec<_> = (0..4).map(|_| peer(&kept)).collect();
    for round in 0..100u8 {
        // Some at once, but no more than wait for a session.
        peers.iter().for_each(|peer| (0..10).for_each(|at| assert_eq!(peer.send(&[round, at]).unwrap(), 2)));
        for peer in &peers {
            (0..10).for_each(|at| assert_eq!(receive(peer), [round, at]));
        }
    }
    eventually("all are known to be out", || kept.server.sessions().counts().messages_out == 4000);
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.panics, counts.messages_in, counts.datagrams_dropped), (0, 4000, 0));
}

#[test]
fn a_handler_that_blocks_holds_up_its_own_session_and_no_other() {
    let meeting = Arc::new(Barrier::new(2));
    let meet = meeting.clone();
    let kept = serve(builder(), move |session, message| {
        if message == b"block" {
            proactor::blocking(|| meet.wait());
        }
        session.send(message).unwrap();
    });
    let (blocked, other) = (peer(&kept), peer(&kept));
    blocked.send(b"block").unwrap();
    blocked.send(b"after").unwrap();
    (0..50).for_each(|_| assert_eq!(ask(&other, b"hi"), b"hi"));
    meeting.wait();
    assert_eq!((receive(&blocked), receive(&blocked)), (b"block".to_vec(), b"after".to_vec()));
}

#[test]
fn what_waits_for_a_handler_is_bounded_and_the_rest_is_dropped_and_counted() {
    let meeting = Arc::new(Barrier::new(2));
    let meet = meeting.clone();
    let kept = serve(builder(), move |_, message| {
        if message == b"block" {
            proactor::blocking(|| meet.wait());
        }
    });
    let peer = peer(&kept);
    peer.send(b"block").unwrap();
    eventually("it blocks", || kept.server.sessions().counts().messages_in == 1);
    eventually("it is full", || {
        peer.send(b"x").unwrap();
        kept.server.sessions().counts().datagrams_dropped > 10
    });
    meeting.wait();
    peer.send(b"last").unwrap();
    eventually("what waited is handled", || kept.server.sessions().counts().messages_in > 60);
    assert!(kept.server.sessions().counts().messages_in < 1000);
}

#[test]
fn too_long_is_dropped_in_and_refused_out() {
    let kept = echo(builder().limits(Limits { message: 100, ..Limits::default() }));
    let small = peer(&kept);
    small.send(&[1; 101]).unwrap();
    assert_eq!(ask(&small, &[2; 100]), [2; 100]);
    assert_eq!(kept.server.sessions().counts().datagrams_dropped, 1);
    let session = kept.only_session();
    assert!(matches!(session.send(&[0; 101]), Err(SendError::Frame(_))));

    let kept = serve(builder().limits(Limits { message: 1 << 20, ..Limits::default() }), |_, _| {});
    let large = peer(&kept);
    large.send(b"hello").unwrap();
    let session = kept.only_session();
    assert!(matches!(session.send(&[0; 65_508]), Err(SendError::Frame(_))));
    session.send(&[3; 60_000]).unwrap();
    assert_eq!(receive(&large).len(), 60_000);
}

#[test]
fn an_idle_peer_is_forgotten_and_may_come_again_as_another_session() {
    let time = Duration::from_millis(100);
    let times = Timeouts { idle: Some(time), half_open: None, ..Timeouts::default() };
    let kept = echo(Server::builder(Framing::raw()).timeouts(times));
    let peer = peer(&kept);
    let start = Instant::now();
    assert_eq!(ask(&peer, b"one"), b"one");
    assert_eq!(kept.only_reason(), Reason::Timeout(Timeout::Idle));
    assert!(start.elapsed() >= time);
    assert_eq!(ask(&peer, b"two"), b"two");
    kept.reasons(2);
    kept.assert_balanced();
    eventually("nobody is left", || kept.server.sessions().counts().open == 0);
}

#[test]
fn close_lets_what_is_queued_out_and_is_told_once_also_when_many_end_it() {
    let kept = serve(builder(), |session, message| {
        for at in 0..10u8 {
            session.send(&[at]).unwrap();
        }
        match message {
            b"close" => session.close(),
            b"panic" => std::panic::resume_unwind(Box::new(())),
            _ => session.abort(),
        }
        session.close();
        session.abort();
    });
    let peers: Vec<_> = (0..3).map(|_| peer(&kept)).collect();
    peers[0].send(b"close").unwrap();
    peers[1].send(b"abort").unwrap();
    peers[2].send(b"panic").unwrap();
    let reasons = kept.reasons(3);
    assert!(reasons.contains(&Reason::Aborted) && reasons.contains(&Reason::Panicked));
    kept.assert_balanced();
}

#[test]
fn close_sends_everything_first() {
    let kept = serve(builder(), |session, _| {
        (0..100u8).for_each(|at| session.send(&[at]).unwrap());
        session.close();
        assert_eq!(session.send(b"late"), Err(SendError::Closed));
    });
    let peer = peer(&kept);
    peer.send(b"go").unwrap();
    (0..100u8).for_each(|at| assert_eq!(receive(&peer), [at]));
    assert_eq!(kept.only_reason(), Reason::Closed);
}

#[test]
fn a_flood_of_addresses_displaces_its_own_and_not_those_who_answer() {
    let limits = Limits { half_open: 20, ..Limits::default() };
    let kept = echo(builder().limits(limits));
    let honest: Vec<_> = (0..5).map(|_| peer(&kept)).collect();
    for peer in &honest {
        assert_eq!(ask(peer, b"hello"), b"hello");
        assert_eq!(ask(peer, b"and again"), b"and again");
    }
    // Each says one thing and never reads.
    let flood: Vec<_> = (0..300).map(|_| peer(&kept)).collect();
    for (sent, forged) in flood.iter().enumerate() {
        forged.send(b"who am I").unwrap();
        // One at a time, or the socket's buffer would drop some.
        eventually("it has come", || kept.server.sessions().counts().accepted == 6 + sent as u64);
    }
    eventually("the oldest are gone", || kept.server.sessions().counts().open == 25);
    let newcomer = peer(&kept);
    assert_eq!(ask(&newcomer, b"hello"), b"hello");
    for peer in honest.iter().chain([&newcomer]) {
        assert_eq!(ask(peer, b"still here"), b"still here");
    }
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.faults, counts.shortages), (0, 0));
    assert!(counts.timeouts >= 280, "{counts:?}");
}

#[test]
fn sessions_beyond_the_limit_are_refused_and_make_room() {
    let limits = Limits { sessions: 3, ..Limits::default() };
    let kept = echo(builder().limits(limits));
    let peers: Vec<_> = (0..4).map(|_| peer(&kept)).collect();
    for peer in &peers[..3] {
        assert_eq!(ask(peer, b"hello"), b"hello");
    }
    // The first two are known to be there, the third is not.
    for peer in &peers[..2] {
        assert_eq!(ask(peer, b"again"), b"again");
    }
    peers[3].send(b"is there room").unwrap();
    eventually("it is refused", || kept.server.sessions().counts().refused >= 1);
    assert_eq!(kept.only_reason(), Reason::Timeout(Timeout::HalfOpen));
    eventually("there is a place", || kept.server.sessions().counts().open == 2);
    assert_eq!(ask(&peers[3], b"and now"), b"and now");
}

#[test]
fn who_says_one_thing_and_no_more_is_half_open_for_so_long() {
    let times = Timeouts {
        idle: Some(Duration::from_secs(60)),
        half_open: Some(Duration::from_millis(100)),
        ..Timeouts::default()
    };
    let kept = echo(Server::builder(Framing::raw()).timeouts(times));
    let (answers, silent) = (peer(&kept), peer(&kept));
    assert_eq!(ask(&answers, b"one"), b"one");
    assert_eq!(ask(&answers, b"two"), b"two");
    assert_eq!(ask(&silent, b"one"), b"one");
    assert_eq!(kept.only_reason(), Reason::Timeout(Timeout::HalfOpen));
    assert_eq!(ask(&answers, b"three"), b"three");
}

#[test]
fn a_shutdown_lets_everything_queued_out_and_tells_every_end() {
    let kept = serve(builder().full(Full::Wait), |session, _| {
        (0..50u8).for_each(|at| session.send(&[at]).unwrap());
    });
    let peers: Vec<_> = (0..5).map(|_| peer(&kept)).collect();
    peers.iter().for_each(|peer| assert_eq!(peer.send(b"go").unwrap(), 2));
    eventually("all are handled", || kept.server.sessions().counts().messages_in == 5);
    let Kept { server, book } = kept;
    let counts = server.shutdown(Duration::from_secs(20));
    assert_eq!((counts.messages_lost, counts.messages_out, counts.open), (0, 250, 0));
    for peer in &peers {
        (0..50u8).for_each(|at| assert_eq!(receive(peer), [at]));
        peer.set_nonblocking(true).unwrap();
        assert_eq!(peer.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    assert!(book.lock().unwrap().sessions.values().all(|entry| entry.closed == [Reason::Shutdown]));
}

#[test]
fn without_an_idle_time_or_with_a_framing_there_is_no_server() {
    for builder in [Server::builder(Framing::raw()), builder_of_lines()] {
        let handler = Recorder { book: Arc::default(), act: |_: &Session, _: &[u8]| {} };
        let refused = builder.listen_datagrams("127.0.0.1:0", handler).err();
        assert_eq!(refused, Some(Status::INVALID_PARAMETER));
    }
}

fn builder_of_lines() -> Builder {
    Server::builder(Framing::lines())
        .timeouts(Timeouts { idle: Some(Duration::from_secs(60)), ..Timeouts::default() })
}
