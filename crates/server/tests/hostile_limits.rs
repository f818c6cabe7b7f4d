//! What runs out: descriptors, sessions, buffers. Those who have theirs are served meanwhile, and those who had to
//! wait afterwards.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use common::attack::{MIB, SLACK, behave, echo, frame, framing, in_own_process, under_attack};
use common::{PATIENCE, eventually};
use proactor_server::{Full, Limits, Server, Session};
use socket2::{Domain, Socket, Type};

#[test]
fn without_descriptors_sessions_go_on_and_who_waits_to_be_accepted_is_in_the_end() {
    in_own_process("without_descriptors_sessions_go_on_and_who_waits_to_be_accepted_is_in_the_end", || {
        const WAIT: usize = 40;
        const LEFT: usize = 10;
        let counts = under_attack(Server::builder(framing()), MIB + SLACK, echo, |attacked| {
            let known = attacked.connect();
            behave(&known, 1);
            // Their descriptors are this process's too, so they are taken first.
            let sockets: Vec<_> =
                (0..WAIT).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()).collect();
            let mut hoard = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                hoard.push(file);
            }
            hoard.truncate(hoard.len() - LEFT);
            for socket in &sockets {
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.connect(&attacked.address.into()).unwrap();
                let _ = socket.send(&frame(b"hello")).unwrap();
            }
            eventually("no more can be accepted", || proactor::snapshot().accept_pauses > 0);
            behave(&known, 200);
            drop(hoard);
            for mut socket in &sockets {
                let mut back = [0; 9];
                socket.read_exact(&mut back).unwrap();
                assert_eq!(back, *frame(b"hello"), "what was said before the accept is not lost");
            }
        });
        assert_eq!(counts.ordinary, counts.accepted, "{counts:?}");
    });
}

#[test]
fn connections_beyond_the_sessions_there_may_be_are_closed_and_others_come_again() {
    in_own_process("connections_beyond_the_sessions_there_may_be_are_closed_and_others_come_again", || {
        const SESSIONS: usize = 100;
        let builder = Server::builder(framing()).limits(Limits { sessions: SESSIONS, ..Limits::default() });
        let counts = under_attack(builder, MIB + SLACK, echo, |attacked| {
            for _ in 0..3 {
                let crowd: Vec<_> = (0..2 * SESSIONS).map(|_| attacked.connect()).collect();
                let hello = frame(b"hello");
                let served = crowd.iter().filter(|stream| {
                    let mut stream: &std::net::TcpStream = stream;
                    let mut back = [0; 9];
                    stream.write_all(&hello).is_ok() && stream.read_exact(&mut back).is_ok() && back == *hello
                });
                // Three are the well-behaved ones.
                assert_eq!(served.count(), SESSIONS - 3);
                drop(crowd);
                eventually("there is room again", || attacked.counts().open == 3);
            }
        });
        assert!(counts.refused as usize >= 3 * SESSIONS, "{counts:?}");
    });
}

#[test]
fn without_receive_buffers_a_session_ends_by_name_and_what_was_handled_is_answered_in_order() {
    in_own_process(
        "without_receive_buffers_a_session_ends_by_name_and_what_was_handled_is_answered_in_order",
        few_receive_buffers,
    );
}

fn few_receive_buffers() {
    let limits = Limits { receive_buffers: 32, receive_buffer: 256, ..Limits::default() };
    let builder = Server::builder(framing()).limits(limits).full(Full::Wait);
    let act = |session: &Session, message: &[u8]| {
        // Those who behave say text.
        if message[0] < 8 {
            thread::sleep(Duration::from_millis(1));
        }
        echo(session, message);
    };
    let mut broken = 0;
    let counts = under_attack(builder, 4 * MIB + SLACK, act, |attacked| {
        let all: Vec<u8> = (0..=255).flat_map(|byte| frame(&[byte; 32])).collect();
        let streams: Vec<_> = (0..60).map(|_| attacked.connect()).collect();
        for mut stream in &streams {
            // Whoever is dropped may be so before all is said.
            let _ = stream.write_all(&all);
            let _ = stream.shutdown(Shutdown::Write);
        }
        for mut stream in &streams {
            let mut back = Vec::new();
            let ended = stream.read_to_end(&mut back);
            assert!(all.starts_with(&back), "answers are out of order");
            broken += u64::from(ended.is_err() || back != all);
        }
    });
    assert_eq!((counts.shortages, counts.faults), (broken, 0), "{counts:?}");
}
