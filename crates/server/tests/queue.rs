//! The send queue is bounded, whatever the rule at its end, and whatever the peer does not read.

mod common;

use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{Kept, eventually, read_all};
use proactor_server::{Framing, Full, Limits, Reason, SendError, Server, Timeout, Timeouts};

const MESSAGE: usize = 32 << 10;

fn limits() -> Limits {
    Limits { queue_messages: 20, queue_bytes: 8 * MESSAGE, ..Limits::default() }
}

fn silent(full: Full, limits: Limits) -> Kept {
    Kept::new(Server::builder(Framing::raw()).full(full).limits(limits), |_, _| {})
}

#[test]
fn a_full_queue_drops_the_message_where_that_is_the_rule_and_what_was_taken_arrives() {
    let kept = silent(Full::DropMessage, limits());
    let peer = kept.connect();
    let session = kept.only_session();
    let mut taken = 0;
    let refused = loop {
        match session.send(&[taken as u8; MESSAGE]) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 10_000, "it never filled");
        let (messages, bytes) = session.queued();
        assert!(messages <= 20 && bytes <= 8 * MESSAGE, "{messages} messages, {bytes} bytes");
    };
    assert_eq!(refused, SendError::Full);
    assert_eq!(kept.server.sessions().counts().messages_dropped, 1);
    session.close();
    let all = read_all(&peer);
    assert_eq!(all.len(), taken * MESSAGE);
    assert!(all.chunks(MESSAGE).enumerate().all(|(at, chunk)| chunk.iter().all(|byte| *byte == at as u8)));
    drop(peer);
    assert_eq!(kept.only_reason(), Reason::Closed);
}

#[test]
fn a_queue_is_bounded_in_messages_too() {
    let kept = silent(Full::DropMessage, Limits { queue_messages: 5, ..Limits::default() });
    let _peer = kept.connect();
    let session = kept.only_session();
    // What the kernel has no room for, and then single bytes.
    eventually("the kernel is full", || {
        while session.queued().0 == 0 && session.send(&[1; 64 << 10]).is_ok() {}
        session.queued().0 > 0
    });
    while session.send(&[2]).is_ok() {
        assert!(session.queued().0 <= 5);
    }
    assert_eq!(session.send(&[2]), Err(SendError::Full));
}

#[test]
fn a_full_queue_drops_the_session_where_that_is_the_rule() {
    let kept = silent(Full::DropSession, limits());
    let _peer = kept.connect();
    let session = kept.only_session();
    let mut tries = 0;
    while session.send(&[0; MESSAGE]).is_ok() {
        tries += 1;
        assert!(tries < 10_000, "it never filled");
    }
    assert_eq!(kept.only_reason(), Reason::QueueFull);
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.shortages, counts.faults, counts.open), (1, 0, 0));
    assert!(counts.messages_lost > 0);
}

#[test]
fn a_full_queue_blocks_the_sender_where_that_is_the_rule_and_nothing_is_lost() {
    let builder = Server::builder(Framing::lines()).full(Full::Wait).limits(limits());
    let kept = Kept::new(builder, |session, _| {
        for number in 0..200u8 {
            session.send(&[number + 20; MESSAGE]).unwrap();
            let (messages, bytes) = session.queued();
            assert!(messages <= 20 && bytes <= 8 * MESSAGE);
        }
    });
    let mut slow = kept.connect();
    slow.write_all(b"go\n").unwrap();
    let session = kept.only_session();
    eventually("it fills", || session.queued().1 > 7 * MESSAGE);
    // Somebody else is served meanwhile.
    let other = kept.connect();
    (&other).write_all(b"go\n").unwrap();
    (&other).read_exact(&mut vec![0; 200 * (MESSAGE + 1)]).unwrap();
    let mut all = vec![0; 200 * (MESSAGE + 1)];
    slow.read_exact(&mut all).unwrap();
    assert!(all.chunks(MESSAGE + 1).enumerate().all(|(at, chunk)| chunk[0] == at as u8 + 20));
    assert_eq!(kept.server.sessions().counts().panics, 0);
}

#[test]
fn who_waits_for_room_is_told_when_the_session_ends() {
    let kept = silent(Full::Wait, limits());
    let peer = kept.connect();
    let session = kept.only_session();
    let (tell, told) = channel();
    let sender = session.clone();
    let waits = thread::spawn(move || {
        loop {
            if let Err(error) = sender.send(&[0; MESSAGE]) {
                return error;
            }
            let _ = tell.send(());
        }
    });
    eventually("it fills", || session.queued().1 > 7 * MESSAGE);
    while told.try_recv().is_ok() {}
    session.abort();
    assert_eq!(waits.join().unwrap(), SendError::Closed);
    assert_eq!(kept.only_reason(), Reason::Aborted);
    drop(peer);
}

#[test]
fn not_all_workers_wait_for_room_so_that_somebody_sees_it() {
    let refused = Arc::new(Mutex::new(0));
    let count = refused.clone();
    let builder = Server::builder(Framing::lines()).full(Full::Wait).limits(limits());
    let kept = Kept::new(builder, move |session, _| {
        for _ in 0..300 {
            match session.send(&[b'x'; MESSAGE]) {
                Ok(()) => {}
                Err(SendError::Full) => *count.lock().unwrap() += 1,
                Err(error) => panic!("{error}"),
            }
        }
    });
    // More than there are workers, none of whom reads.
    let peers: Vec<_> = (0..12).map(|_| kept.connect()).collect();
    peers.iter().for_each(|mut peer| peer.write_all(b"go\n").unwrap());
    eventually("somebody does not wait", || *refused.lock().unwrap() > 0);
    for peer in peers {
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(read_all(&peer).len() > 8 * MESSAGE);
    }
    kept.reasons(12);
    kept.assert_balanced();
}

#[test]
fn an_empty_queue_takes_one_message_of_any_size() {
    let limits = Limits { queue_bytes: 10, message: 1 << 20, ..Limits::default() };
    let kept = silent(Full::DropMessage, limits);
    let mut peer = kept.connect();
    let session = kept.only_session();
    session.send(&vec![5; 1 << 20]).unwrap();
    let mut all = vec![0; 1 << 20];
    peer.read_exact(&mut all).unwrap();
    assert!(session.send(&vec![5; (1 << 20) + 1]).is_err());
}

#[test]
fn messages_of_many_threads_stay_whole() {
    let builder = Server::builder(Framing::lines()).full(Full::Wait).limits(limits());
    let kept = Kept::new(builder, |_, _| {});
    let peer = kept.connect();
    let session = kept.only_session();
    let senders: Vec<_> = (0..4u8)
        .map(|number| {
            let session = session.clone();
            thread::spawn(move || {
                for length in 1..1000usize {
                    session.send(&vec![b'a' + number; length]).unwrap();
                }
            })
        })
        .collect();
    let end = thread::spawn(move || {
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        session.close();
    });
    let all = read_all(&peer);
    end.join().unwrap();
    let mut next = [1; 4];
    for line in all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert!(line.iter().all(|byte| *byte == line[0]), "messages were mixed up");
        let sender = usize::from(line[0] - b'a');
        assert_eq!(line.len(), next[sender], "a message of a thread was overtaken or lost");
        next[sender] += 1;
    }
    assert_eq!(next, [1000; 4]);
}

#[test]
fn a_reader_that_reads_nothing_is_dropped_when_its_time_is_over() {
    let time = Duration::from_millis(150);
    let builder = Server::builder(Framing::raw())
        .full(Full::Wait)
        .limits(limits())
        .timeouts(Timeouts { slow_reader: Some(time), ..Timeouts::default() });
    let kept = Kept::new(builder, |session, _| while session.send(&[0; MESSAGE]).is_ok() {});
    let mut peer = kept.connect();
    let start = Instant::now();
    peer.write_all(b"go").unwrap();
    assert_eq!(kept.only_reason(), Reason::Timeout(Timeout::SlowReader));
    assert!(start.elapsed() >= time);
    assert_eq!(kept.server.sessions().counts().timeouts, 1);
}
