//! Handlers that panic, that block, and that do not return for long: the other sessions are served meanwhile.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::attack::{MIB, SLACK, behave, echo, frame, framing, in_own_process, under_attack};
use common::eventually;
use proactor_server::{Builder, Full, Limits, Server, Session};

fn builder() -> Builder {
    let limits = Limits { message: 4096, receive_buffer: 4096, receive_buffers: 300, ..Limits::default() };
    Server::builder(framing()).limits(limits).full(Full::Wait)
}

/// Answers, but for messages that name what is wrong with their handler.
fn act(session: &Session, message: &[u8]) {
    match message {
        b"panic" => panic!("a handler's panic, which is wanted here"),
        b"block" => thread::sleep(Duration::from_millis(10)),
        _ => {}
    }
    echo(session, message);
}

/// Says everything and ends; what is answered.
fn say(mut stream: &TcpStream, bytes: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut back = Vec::new();
    // A session that broke may be reset, with what was on its way.
    let _ = stream.read_to_end(&mut back);
    back
}

#[test]
fn handlers_that_panic_cost_their_sessions() {
    in_own_process("handlers_that_panic_cost_their_sessions", || {
        const MANY: usize = 200;
        // The message and the trace of each go where nobody looks.
        std::panic::set_hook(Box::new(|_| {}));
        let counts = under_attack(builder(), MIB + SLACK, act, |attacked| {
            for _ in 0..MANY {
                let stream = attacked.connect();
                let back = say(&stream, &[frame(b"one"), frame(b"panic"), frame(b"two")].concat());
                assert!(frame(b"one").starts_with(&back), "{back:?}");
            }
        });
        assert_eq!((counts.panics as usize, counts.faults as usize), (MANY, MANY), "{counts:?}");
    });
}

#[test]
fn handlers_that_block_in_a_tenth_of_messages_lose_nothing_and_keep_the_order() {
    in_own_process("handlers_that_block_in_a_tenth_of_messages_lose_nothing_and_keep_the_order", || {
        let counts = under_attack(builder(), MIB + SLACK, act, |attacked| {
            let ten: Vec<Vec<u8>> =
                (0..10).map(|at| if at == 7 { frame(b"block") } else { frame(&[at; 20]) }).collect();
            let all = ten.concat().repeat(4);
            thread::scope(|scope| {
                for _ in 0..20 {
                    let (stream, all) = (attacked.connect(), &all);
                    scope.spawn(move || assert!(say(&stream, all) == *all));
                }
            });
        });
        assert_eq!((counts.ordinary, counts.messages_lost), (counts.accepted, 0), "{counts:?}");
    });
}

#[test]
fn handlers_that_do_not_return_hold_their_workers_and_no_session_of_others() {
    in_own_process("handlers_that_do_not_return_hold_their_workers_and_no_session_of_others", || {
        // One of the eight workers is left.
        const STUCK: usize = 7;
        let gate = Arc::new((AtomicUsize::new(0), Barrier::new(STUCK + 1)));
        let waits = gate.clone();
        let act = move |session: &Session, message: &[u8]| {
            if message == b"wait" {
                waits.0.fetch_add(1, SeqCst);
                waits.1.wait();
            }
            echo(session, message);
        };
        let counts = under_attack(builder(), MIB + SLACK, act, |attacked| {
            let stuck: Vec<_> = (0..STUCK).map(|_| attacked.connect()).collect();
            let wait = [frame(b"wait"), frame(b"after")].concat();
            stuck.iter().for_each(|mut stream| stream.write_all(&wait).unwrap());
            eventually("all of them are held", || gate.0.load(SeqCst) == STUCK);
            behave(&attacked.connect(), 200);
            gate.1.wait();
            for stream in &stuck {
                assert_eq!(say(stream, b""), wait, "what came meanwhile is handled after it");
            }
        });
        assert_eq!((counts.ordinary, counts.messages_lost), (counts.accepted, 0), "{counts:?}");
    });
}
