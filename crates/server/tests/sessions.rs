//! Sessions against real sockets: messages in order, ends told once, numbers that go stale.

mod common;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use common::{Kept, eventually, read_all, say};
use proactor_server::{
    Endian, FrameError, Framing, Full, Handler, Limits, Reason, SendError, Server, Session, SessionId, Width,
};

#[test]
fn each_framing_comes_back_as_it_went_also_byte_by_byte() {
    let mut framings = vec![Framing::lines(), Framing::delimiter(b"\0\0")];
    for width in [Width::One, Width::Two, Width::Four] {
        framings.extend([Framing::length(width, Endian::Big), Framing::length(width, Endian::Little)]);
    }
    for framing in framings {
        let messages: [&[u8]; 4] = [b"a", b"two words", b"", &[b'z'; 200]];
        let stream: Vec<u8> = messages.iter().flat_map(|each| framing.encode(each, 1000).unwrap()).collect();
        let kept = Kept::echo(framing.clone());
        let (whole, mut bytes) = (kept.connect(), kept.connect());
        assert_eq!(say(&whole, &stream), stream, "{framing:?}");
        for byte in &stream {
            bytes.write_all(&[*byte]).unwrap();
        }
        let mut back = vec![0; stream.len()];
        bytes.read_exact(&mut back).unwrap();
        assert_eq!(back, stream, "{framing:?}, byte by byte");
        drop(bytes);
        assert_eq!(kept.reasons(2), [Reason::PeerEnded; 2]);
        assert!(kept.book.lock().unwrap().sessions.values().all(|entry| entry.messages == messages));
    }
}

#[test]
fn raw_bytes_come_back() {
    let kept = Kept::echo(Framing::raw());
    let stream: Vec<u8> = (0..300_000u32).map(|at| (at ^ (at >> 8)) as u8).collect();
    let mut peer = kept.connect();
    let reader = peer.try_clone().unwrap();
    let back = std::thread::spawn(move || read_all(&reader));
    for chunk in stream.chunks(10_000) {
        peer.write_all(chunk).unwrap();
    }
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(back.join().unwrap(), stream);
}

#[test]
fn a_hundred_thousand_tiny_messages_in_few_packets_come_back_in_order() {
    let builder = Server::builder(Framing::lines()).limits(Limits {
        queue_messages: 1 << 20,
        queue_bytes: 1 << 24,
        ..Limits::default()
    });
    let kept = Kept::new(builder, |session, message| session.send(message).unwrap());
    let stream: Vec<u8> = (0..100_000).flat_map(|number| format!("{number}\n").into_bytes()).collect();
    let (mut peer, expected) = (kept.connect(), stream.clone());
    let reader = peer.try_clone().unwrap();
    let back = std::thread::spawn(move || read_all(&reader));
    peer.write_all(&stream).unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(back.join().unwrap() == expected, "some message was lost or overtaken");
    assert_eq!(kept.only_reason(), Reason::PeerEnded);
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.messages_in, counts.messages_out), (100_000, 100_000));
    assert_eq!((counts.ordinary, counts.faults, counts.open), (1, 0, 0));
}

#[test]
fn frames_that_are_none_cost_their_session_by_name_and_no_other() {
    let kept = Kept::echo(Framing::length(Width::Four, Endian::Big));
    let mut good = kept.connect();
    good.write_all(b"\0\0\0\x02ok").unwrap();
    let mut back = [0; 6];
    good.read_exact(&mut back).unwrap();

    let mut bad = kept.connect();
    bad.write_all(&[0xFF; 64]).unwrap();
    let claimed = FrameError::TooLong { claimed: u32::MAX as usize, most: Limits::default().message };
    assert_eq!(kept.only_reason(), Reason::Frame(claimed));
    let truncated = kept.connect();
    assert_eq!(say(&truncated, b"\0\0\0\x05abc"), b"");
    eventually("the truncated one ends", || kept.server.sessions().all().len() == 1);
    assert!(kept.reasons(2).contains(&Reason::Frame(FrameError::Truncated)));

    good.write_all(b"\0\0\0\0\0\0\0\x02ok").unwrap();
    let mut back = [0; 10];
    good.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"\0\0\0\0\0\0\0\x02ok");
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.faults, counts.ordinary), (2, 0));
}

#[test]
fn a_peer_that_ends_its_side_still_gets_every_answer() {
    let builder = Server::builder(Framing::lines()).full(Full::Wait);
    let kept = Kept::new(builder, |session, _| {
        for _ in 0..64 {
            session.send(&[b'x'; 1 << 15]).unwrap();
        }
    });
    let answer = say(&kept.connect(), b"more\nmore\n");
    assert_eq!(answer.len(), 2 * 64 * ((1 << 15) + 1));
    assert_eq!(kept.only_reason(), Reason::PeerEnded);
}

#[test]
fn a_session_that_closes_itself_sends_what_it_queued_and_takes_no_more() {
    let kept = Kept::new(Server::builder(Framing::lines()), |session, _| {
        session.send(&vec![b'x'; 60_000]).unwrap();
        session.close();
        assert_eq!(session.send(b"late"), Err(SendError::Closed));
    });
    let mut peer = kept.connect();
    // The second line is dropped, and does not spoil the answer to the first.
    peer.write_all(b"bye\nand more\n").unwrap();
    assert_eq!(read_all(&peer).len(), 60_001);
    drop(peer);
    assert_eq!(kept.only_reason(), Reason::Closed);
    assert_eq!(kept.book.lock().unwrap().sessions.values().next().unwrap().messages.len(), 1);
}

#[test]
fn the_number_of_a_session_that_has_ended_finds_nothing_for_ever() {
    let kept = Kept::echo(Framing::lines());
    let mut seen = Vec::new();
    for _ in 0..20 {
        let peer = kept.connect();
        let session = kept.only_session();
        let id = session.id();
        assert_eq!(SessionId::from_u64(id.as_u64()), id);
        assert_eq!(kept.server.sessions().get(id).unwrap().id(), id);
        drop(peer);
        eventually("it ends", || kept.server.sessions().get(id).is_none());
        assert_eq!(session.send(b"anybody?"), Err(SendError::Closed));
        assert!(!session.is_open());
        seen.push(id);
    }
    let _peer = kept.connect();
    kept.only_session();
    assert!(seen.iter().all(|id| kept.server.sessions().get(*id).is_none()));
    assert!(kept.server.sessions().get(SessionId::from_u64(u64::MAX)).is_none());
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 20);
}

#[test]
fn a_handler_that_panics_costs_its_session_only() {
    let kept = Kept::new(Server::builder(Framing::lines()), |session, message| {
        assert_ne!(message, b"panic");
        session.send(message).unwrap();
    });
    let (mut other, bad) = (kept.connect(), kept.connect());
    other.write_all(b"one\n").unwrap();
    (&bad).write_all(b"panic\nnever\n").unwrap();
    assert_eq!(kept.only_reason(), Reason::Panicked);
    assert_eq!(say(&other, b"two\n"), b"one\ntwo\n");
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.panics, counts.faults), (1, 1));
}

/// Panics wherever it is told to.
struct Trap {
    at_connect: bool,
    closed: Arc<AtomicUsize>,
}

impl Handler for Trap {
    type State = ();
    fn connected(&self, _: &Session) {
        assert!(!self.at_connect, "as the test wants");
    }
    fn message(&self, _: &Session, _: &mut (), _: &[u8]) {}
    fn closed(&self, _: &Session, (): (), _: Reason) {
        self.closed.fetch_add(1, SeqCst);
        panic!("as the test wants");
    }
}

#[test]
fn panics_at_the_beginning_and_at_the_end_are_counted_and_leave_nothing_behind() {
    for at_connect in [true, false] {
        let closed = Arc::<AtomicUsize>::default();
        let trap = Trap { at_connect, closed: closed.clone() };
        let server = Server::builder(Framing::lines()).listen("127.0.0.1:0", trap).unwrap();
        for _ in 0..3 {
            let peer = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
            // A beginning that panics resets the connection, which may be before this.
            let _ = peer.shutdown(std::net::Shutdown::Write);
            let _ = (&peer).read(&mut [0]);
        }
        eventually("all are gone", || {
            let counts = server.sessions().counts();
            counts.accepted == 3 && counts.open == 0
        });
        // Who did not get through the beginning is told no end.
        assert_eq!(closed.load(SeqCst), if at_connect { 0 } else { 3 });
        assert_eq!(server.sessions().counts().panics, 3);
    }
}

#[test]
fn messages_of_one_session_never_run_at_once_and_those_of_several_do() {
    let (inside, most) = (Arc::new(Mutex::new(Vec::<SessionId>::new())), Arc::new(AtomicUsize::new(0)));
    let meeting = Arc::new(Barrier::new(3));
    let (insiders, highest, meet) = (inside.clone(), most.clone(), meeting.clone());
    let kept = Kept::new(Server::builder(Framing::lines()).concurrency(3), move |session, message| {
        {
            let mut inside = insiders.lock().unwrap();
            assert!(!inside.contains(&session.id()), "two workers in one session");
            inside.push(session.id());
            highest.fetch_max(inside.len(), SeqCst);
        }
        if message == b"meet" {
            proactor::blocking(|| meet.wait());
        }
        insiders.lock().unwrap().retain(|id| *id != session.id());
        session.send(message).unwrap();
    });
    let peers: Vec<_> = (0..2).map(|_| kept.connect()).collect();
    let stream = b"a\nb\nmeet\nc\nd\n";
    peers.iter().for_each(|mut peer| peer.write_all(stream).unwrap());
    // Both are in their handlers at the same time, or this never returns.
    meeting.wait();
    for peer in &peers {
        assert_eq!(say(peer, b""), stream);
    }
    assert!(most.load(SeqCst) >= 2);
    assert_eq!(kept.server.sessions().counts().panics, 0);
}

#[test]
fn connections_beyond_the_limit_are_closed_and_counted() {
    let builder = Server::builder(Framing::lines()).limits(Limits { sessions: 3, ..Limits::default() });
    let kept = Kept::new(builder, |session, message| session.send(message).unwrap());
    let inside: Vec<_> = (0..3).map(|_| kept.connect()).collect();
    eventually("three are in", || kept.server.sessions().all().len() == 3);
    assert_eq!((&kept.connect()).read(&mut [0]).unwrap_or(0), 0);
    eventually("it is counted", || kept.server.sessions().counts().refused == 1);
    for peer in &inside {
        assert_eq!(say(peer, b"hi\n"), b"hi\n");
    }
    eventually("they are gone", || kept.server.sessions().all().is_empty());
    assert_eq!(say(&kept.connect(), b"again\n"), b"again\n");
}

#[test]
fn limits_that_serve_nobody_are_refused() {
    for limits in [
        Limits { sessions: 0, ..Limits::default() },
        Limits { message: 0, ..Limits::default() },
        Limits { queue_bytes: 0, ..Limits::default() },
        Limits { receive_buffers: 1, ..Limits::default() },
    ] {
        let trap = Trap { at_connect: false, closed: Arc::default() };
        let refused = Server::builder(Framing::raw()).limits(limits).listen("127.0.0.1:0", trap).err();
        assert_eq!(refused, Some(proactor::Status::INVALID_PARAMETER));
    }
}

#[test]
fn a_server_that_is_dropped_tells_every_end() {
    let kept = Kept::echo(Framing::lines());
    let peers: Vec<_> = (0..10).map(|_| kept.connect()).collect();
    eventually("they are in", || kept.server.sessions().all().len() == 10);
    let Kept { server, book } = kept;
    drop(server);
    for entry in book.lock().unwrap().sessions.values() {
        assert_eq!(entry.closed, [Reason::Shutdown]);
    }
    for mut peer in &peers {
        peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0);
    }
}
