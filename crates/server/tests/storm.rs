//! Many sessions at once, ending in every way at any moment: each is told its end once, and nothing leaks.

mod common;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use common::{Kept, Random, eventually, open_descriptors, read_all, reset, say};
use proactor_server::{Framing, Full, Limits, Reason, SendError, Server, Timeouts};

#[test]
fn thousands_come_and_go_without_leaving_sessions_or_descriptors() {
    let kept = Kept::echo(Framing::lines());
    assert_eq!(say(&kept.connect(), b"warm\n"), b"warm\n");
    eventually("it is gone", || kept.server.sessions().counts().open == 0);
    let before = open_descriptors();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    assert_eq!(say(&kept.connect(), b"come\ngo\n"), b"come\ngo\n");
                }
            });
        }
    });
    eventually("all are gone", || kept.server.sessions().counts().open == 0);
    // Other tests of this program have some, for a while.
    eventually("the descriptors are back", || open_descriptors() <= before + 8);
    kept.assert_balanced();
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.accepted, counts.ordinary, counts.messages_in), (2001, 2001, 4001));
}

#[test]
fn ends_of_all_kinds_at_random_moments_are_told_once() {
    let builder = Server::builder(Framing::lines())
        .full(Full::DropMessage)
        .limits(Limits { queue_messages: 8, message: 64, ..Limits::default() })
        .timeouts(Timeouts {
            idle: Some(Duration::from_millis(3)),
            linger: Duration::from_millis(2),
            ..Timeouts::default()
        });
    let turn = AtomicUsize::new(0);
    let kept = Kept::new(builder, move |session, message| {
        let _ = session.send(message);
        match turn.fetch_add(1, SeqCst) % 64 {
            5 => session.close(),
            25 => session.abort(),
            // A panic that nobody prints.
            45 => std::panic::resume_unwind(Box::new(())),
            _ => {}
        }
    });
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|seed| {
                scope.spawn({
                    let kept = &kept;
                    move || (0..200).for_each(|round| client(kept, &mut Random(seed * 1000 + round)))
                })
            })
            .collect();
        // And somebody who ends any of them from outside.
        let (ender, over) = (&kept, &over);
        scope.spawn(move || {
            let mut random = Random(77);
            while !over.load(SeqCst) {
                for session in ender.server.sessions().all() {
                    match random.below(20) {
                        0 => session.abort(),
                        1 => session.close(),
                        _ => drop(session.send(b"hello from outside")),
                    }
                }
                thread::yield_now();
            }
        });
        clients.into_iter().for_each(|client| client.join().unwrap());
        over.store(true, SeqCst);
    });
    // A connection that was reset before it was accepted may never have become a session.
    eventually("nobody new comes", || {
        let before = kept.server.sessions().counts();
        thread::sleep(Duration::from_millis(20));
        before.open == 0 && before == kept.server.sessions().counts()
    });
    kept.assert_balanced();
    let Kept { server, book } = kept;
    let counts = server.shutdown(Duration::ZERO);
    let ended = counts.ordinary + counts.timeouts + counts.shortages + counts.faults;
    assert_eq!(counts.accepted, ended);
    assert_eq!(counts.accepted, book.lock().unwrap().sessions.len() as u64);
    assert!((600..=800).contains(&counts.accepted), "{counts:?}");
}

/// Says a few things, and goes in one of many ways.
fn client(kept: &Kept, random: &mut Random) {
    let mut peer = kept.connect();
    for _ in 0..random.below(6) {
        // It may have been dropped by now.
        let _ = match random.below(8) {
            0 => peer.write_all(&[b'x'; 100]),
            1 => peer.write_all(b"not who"),
            2 => peer.read(&mut [0; 64]).map(drop),
            _ => peer.write_all(b"a line\nand another\n"),
        };
    }
    match random.below(3) {
        0 => reset(peer),
        1 => drop(peer.shutdown(std::net::Shutdown::Write)),
        _ => drop(peer),
    }
}

#[test]
fn a_shutdown_lets_everything_queued_out() {
    let builder =
        Server::builder(Framing::lines()).limits(Limits { queue_bytes: 1 << 24, ..Limits::default() });
    let kept = Kept::new(builder, |_, _| {});
    let peers: Vec<_> = (0..5).map(|_| kept.connect()).collect();
    eventually("they are in", || kept.server.sessions().all().len() == 5);
    for session in kept.server.sessions().all() {
        for _ in 0..700 {
            session.send(&[b'x'; 20_000]).unwrap();
        }
    }
    let queued: usize = kept.server.sessions().all().iter().map(|session| session.queued().1).sum();
    assert!(queued > 0, "the kernel took all of it, and nothing is shown");
    let address = kept.server.local_addr().unwrap();
    let readers: Vec<_> =
        peers.into_iter().map(|peer| thread::spawn(move || read_all(&peer).len())).collect();
    let counts = kept.server.shutdown(Duration::from_secs(20));
    assert_eq!((counts.messages_lost, counts.open, counts.ordinary), (0, 0, 5));
    for reader in readers {
        assert_eq!(reader.join().unwrap(), 700 * 20_001);
    }
    assert!(std::net::TcpStream::connect(address).is_err(), "it still listens");
}

#[test]
fn a_shutdown_lets_the_running_handler_answer() {
    let entered = Arc::new(Barrier::new(2));
    let (enters, leaves) = (entered.clone(), Arc::new(Barrier::new(2)));
    let leave = leaves.clone();
    let kept = Kept::new(Server::builder(Framing::lines()), move |session, message| {
        enters.wait();
        leave.wait();
        session.send(message).unwrap();
    });
    let mut peer = kept.connect();
    peer.write_all(b"one\ntwo\n").unwrap();
    entered.wait();
    let Kept { server, book } = kept;
    let address = server.local_addr().unwrap();
    let ends = thread::spawn(move || server.shutdown(Duration::from_secs(20)));
    // From here on the shutdown has begun.
    eventually("it no longer listens", || std::net::TcpStream::connect(address).is_err());
    leaves.wait();
    assert_eq!(read_all(&peer), b"one\n");
    drop(peer);
    assert_eq!(ends.join().unwrap().faults, 0);
    let book = book.lock().unwrap();
    assert!(book.sessions.values().any(|entry| entry.messages == [b"one"]));
    assert!(book.sessions.values().all(|entry| entry.closed.len() == 1));
}

#[test]
fn a_shutdown_without_time_breaks_off_and_says_what_was_lost() {
    let builder = Server::builder(Framing::raw()).full(Full::DropMessage);
    let kept = Kept::new(builder, |_, _| {});
    let _peer = kept.connect();
    let session = kept.only_session();
    while session.send(&[0; 60_000]) != Err(SendError::Full) {}
    let Kept { server, book } = kept;
    let counts = server.shutdown(Duration::from_millis(10));
    assert!(counts.messages_lost > 0);
    assert_eq!(counts.timeouts, 1);
    let book = book.lock().unwrap();
    let reasons: Vec<Reason> = book.sessions.values().flat_map(|entry| entry.closed.clone()).collect();
    assert_eq!(reasons, [Reason::Timeout(proactor_server::Timeout::Drain)]);
}

#[test]
fn one_that_floods_does_not_keep_others_from_their_turn() {
    let kept = Kept::new(
        Server::builder(Framing::lines()).full(Full::DropMessage).concurrency(1),
        |session, message| {
            if message.len() < 10 {
                session.send(message).unwrap();
            }
        },
    );
    let over = Arc::new(AtomicBool::new(false));
    let (mut flood, stop) = (kept.connect(), over.clone());
    let flooder = thread::spawn(move || {
        let stream: Vec<u8> = b"a line of the flood\n".repeat(3000);
        while !stop.load(SeqCst) {
            flood.write_all(&stream).unwrap();
        }
    });
    eventually("it floods", || kept.server.sessions().counts().messages_in > 10_000);
    let start = Instant::now();
    let others: Vec<_> = (0..20).map(|_| kept.connect()).collect();
    for _ in 0..10 {
        for mut other in &others {
            other.write_all(b"hi\n").unwrap();
            other.read_exact(&mut [0; 3]).unwrap();
        }
    }
    println!("200 answers beside a flood in {:?}", start.elapsed());
    over.store(true, SeqCst);
    flooder.join().unwrap();
    assert_eq!(kept.server.sessions().counts().faults, 0);
}

#[test]
fn as_many_buffers_as_workers_serve_any_number_of_sessions() {
    let builder = Server::builder(Framing::lines()).limits(Limits {
        receive_buffers: 8,
        receive_buffer: 512,
        ..Limits::default()
    });
    let kept = Kept::new(builder, |session, message| {
        if message == b"5" {
            thread::sleep(Duration::from_millis(1));
        }
        session.send(message).unwrap();
    });
    let stream: Vec<u8> = (0..200).flat_map(|number| format!("{number}\n").into_bytes()).collect();
    let peers: Vec<_> = (0..100).map(|_| kept.connect()).collect();
    for mut peer in &peers {
        peer.write_all(&stream).unwrap();
    }
    for peer in &peers {
        assert_eq!(say(peer, b""), stream);
    }
    assert_eq!(kept.reasons(100), [Reason::PeerEnded; 100]);
    assert_eq!(kept.server.sessions().counts().shortages, 0);
}
