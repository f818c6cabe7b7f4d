//! Peers that mean harm: each costs its own session at most. All limits and times are short, and stated.

mod common;

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::attack::{Attacked, MIB, SLACK, behave, echo, frame, framing, in_own_process, under_attack};
use common::{PATIENCE, Random, eventually, reset};
use proactor_server::{Builder, Full, Limits, Server, Timeouts};

const MESSAGE: usize = 16 << 10;
const QUEUE: usize = 128 << 10;
const RECEIVE: usize = 4096;
const CROWD: usize = 24;

#[allow(clippy::needless_update, reason = "what else there may be limits of is as it is at first")]
fn builder() -> Builder {
    Server::builder(framing()).limits(Limits {
        sessions: 1000,
        message: MESSAGE,
        queue_messages: 256,
        queue_bytes: QUEUE,
        receive_buffer: RECEIVE,
        receive_buffers: 32,
        ..Limits::default()
    })
}

fn short(millis: u64) -> Timeouts {
    let time = Duration::from_millis(millis);
    Timeouts { idle: None, half_open: Some(time), slow_reader: Some(time), linger: time }
}

/// Each of a crowd does the same on a connection and a thread of its own; their connections.
fn crowd(attacked: &Attacked, does: impl Fn(&mut TcpStream) + Sync) -> Vec<TcpStream> {
    thread::scope(|scope| {
        let one = |_| {
            let (mut stream, does) = (attacked.connect(), &does);
            scope.spawn(move || {
                does(&mut stream);
                stream
            })
        };
        let threads: Vec<_> = (0..CROWD).map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Writes and never reads, until the connection is over.
fn write_until_over(stream: &mut TcpStream) {
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let (asks, start, mut at) = (frame(&[7; 8000]).repeat(4), Instant::now(), 0);
    loop {
        match stream.write(&asks[at..]) {
            Ok(count) => at = (at + count) % asks.len(),
            // The kernel takes no more while nobody receives: the session waits until its time is over.
            Err(error) if is_late(&error) => {}
            Err(_) => return,
        }
        assert!(start.elapsed() < PATIENCE, "who never reads is not dropped");
    }
}

fn is_late(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Whether the server has ended it, once all that is left has been read.
fn is_over(mut stream: &TcpStream) -> bool {
    loop {
        match stream.read(&mut [0; 65_536]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return !is_late(&error),
        }
    }
}

#[test]
fn readers_that_never_read_cost_their_queue_and_then_their_session() {
    in_own_process("readers_that_never_read_cost_their_queue_and_then_their_session", || {
        let most = CROWD * (QUEUE + MESSAGE) + SLACK;
        let counts = under_attack(builder(), most, echo, |attacked| {
            crowd(attacked, write_until_over);
        });
        assert_eq!(counts.shortages as usize, CROWD, "{counts:?}");
    });
}

#[test]
fn readers_that_never_read_are_dropped_in_time_where_only_messages_are_dropped() {
    in_own_process("readers_that_never_read_are_dropped_in_time_where_only_messages_are_dropped", || {
        let builder = builder().full(Full::DropMessage).timeouts(Timeouts { half_open: None, ..short(200) });
        let counts = under_attack(builder, CROWD * (QUEUE + MESSAGE) + SLACK, echo, |attacked| {
            crowd(attacked, write_until_over);
        });
        assert_eq!(counts.timeouts as usize, CROWD, "{counts:?}");
    });
}

#[test]
fn readers_that_never_read_hold_no_worker_for_ever_where_senders_wait() {
    in_own_process("readers_that_never_read_hold_no_worker_for_ever_where_senders_wait", || {
        let builder = builder().full(Full::Wait).timeouts(Timeouts { half_open: None, ..short(200) });
        let counts = under_attack(builder, CROWD * (QUEUE + MESSAGE) + SLACK, echo, |attacked| {
            crowd(attacked, write_until_over);
        });
        assert_eq!(counts.timeouts as usize, CROWD, "{counts:?}");
    });
}

#[test]
fn writers_of_a_byte_now_and_then_are_half_open_until_their_time_is_over() {
    in_own_process("writers_of_a_byte_now_and_then_are_half_open_until_their_time_is_over", || {
        let builder = builder().timeouts(Timeouts { slow_reader: None, ..short(400) });
        let counts = under_attack(builder, SLACK, echo, |attacked| {
            let streams = crowd(attacked, |stream| {
                let bytes = frame(&[7; 8000]);
                let ended = bytes.iter().any(|byte| {
                    thread::sleep(Duration::from_millis(5));
                    stream.write_all(&[*byte]).is_err()
                });
                assert!(ended, "the server let it finish");
            });
            assert!(streams.iter().all(is_over));
        });
        assert_eq!(counts.timeouts as usize, CROWD, "{counts:?}");
    });
}

#[test]
fn those_who_say_nothing_are_dropped_and_meanwhile_hold_nothing() {
    in_own_process("those_who_say_nothing_are_dropped_and_meanwhile_hold_nothing", || {
        let builder = builder().timeouts(Timeouts { slow_reader: None, ..short(600) });
        let counts = under_attack(builder, MIB + SLACK, echo, |attacked| {
            let silent: Vec<_> = (0..400).map(|_| attacked.connect()).collect();
            assert!(silent.iter().all(is_over));
        });
        assert_eq!(counts.timeouts, 400, "{counts:?}");
    });
}

#[test]
fn a_claim_of_4_gib_costs_its_session_and_no_memory() {
    in_own_process("a_claim_of_4_gib_costs_its_session_and_no_memory", || {
        let counts = under_attack(builder(), SLACK, echo, |attacked| {
            for _ in 0..4 {
                let streams = crowd(attacked, |stream| {
                    // It may be reset before all is written.
                    let _ = stream.write_all(&u32::MAX.to_be_bytes());
                    let _ = stream.write_all(&[1; 5000]);
                });
                assert!(streams.iter().all(is_over));
            }
        });
        assert_eq!(counts.faults as usize, 4 * CROWD, "{counts:?}");
    });
}

#[test]
fn a_message_that_is_never_finished_costs_its_length_and_one_receive_at_most() {
    in_own_process("a_message_that_is_never_finished_costs_its_length_and_one_receive_at_most", || {
        const MANY: usize = 1000 - 10;
        let most = MANY * (MESSAGE + RECEIVE) + SLACK;
        let counts = under_attack(builder(), most, echo, |attacked| {
            let whole = frame(&[7; MESSAGE]);
            let streams: Vec<_> = (0..MANY)
                .map(|_| {
                    let mut stream = attacked.connect();
                    stream.write_all(&whole[..MESSAGE]).unwrap();
                    stream
                })
                .collect();
            eventually("all have been received", || attacked.counts().bytes_in as usize >= MANY * MESSAGE);
            behave(&attacked.connect(), 100);
            for mut stream in streams {
                stream.write_all(&whole[MESSAGE..]).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let mut back = Vec::new();
                stream.read_to_end(&mut back).unwrap();
                assert!(back == whole, "what was finished in the end is answered");
            }
        });
        assert_eq!(counts.ordinary, counts.accepted, "{counts:?}");
    });
}

#[test]
fn messages_without_a_byte_are_messages_each_of_them() {
    in_own_process("messages_without_a_byte_are_messages_each_of_them", || {
        const EACH: usize = 2000;
        let counts = under_attack(builder().full(Full::Wait), CROWD * QUEUE + SLACK, echo, |attacked| {
            let empty = frame(b"").repeat(EACH);
            crowd(attacked, |stream| {
                let mut reader = stream.try_clone().unwrap();
                let wanted = empty.len();
                let reads = thread::spawn(move || reader.read_exact(&mut vec![9; wanted]));
                stream.write_all(&empty).unwrap();
                reads.join().unwrap().expect("all of them are answered");
            });
        });
        assert!(counts.messages_out as usize >= CROWD * EACH);
        assert_eq!((counts.messages_dropped, counts.messages_lost), (0, 0));
    });
}

#[test]
fn garbage_costs_those_who_send_it() {
    in_own_process("garbage_costs_those_who_send_it", || {
        let counts = under_attack(builder(), CROWD * (2 * MESSAGE + QUEUE) + SLACK, echo, |attacked| {
            for seed in 0..4 {
                crowd(attacked, |stream| {
                    let mut random = Random(seed ^ u64::from(stream.local_addr().unwrap().port()));
                    let mut garbage: Vec<u8> = (0..20_000).map(|_| random.below(256) as u8).collect();
                    // Some begin well: messages that are whole, or claim what is allowed.
                    if random.below(2) == 0 {
                        let begins = frame(&garbage[..random.below(3000)]);
                        garbage.splice(..0, begins);
                    }
                    for piece in garbage.chunks(1 + random.below(5000)) {
                        if stream.write_all(piece).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        assert!(counts.faults > 0, "{counts:?}");
    });
}

#[test]
fn connections_that_are_reset_at_once_leave_nothing_behind() {
    in_own_process("connections_that_are_reset_at_once_leave_nothing_behind", || {
        const EACH: usize = 60;
        under_attack(builder(), MIB + SLACK, echo, |attacked| {
            crowd(attacked, |_| {
                for round in 0..EACH {
                    let mut stream = attacked.connect();
                    match round % 4 {
                        // A message, the beginning of one, nothing, and an end in good order.
                        0 => stream.write_all(&frame(b"hello")).unwrap(),
                        1 => stream.write_all(&[0, 0]).unwrap(),
                        2 => {}
                        _ => {
                            drop(stream);
                            continue;
                        }
                    }
                    reset(stream);
                }
            });
        });
    });
}

#[test]
fn hundreds_of_thousands_of_tiny_messages_are_all_answered_in_order() {
    in_own_process("hundreds_of_thousands_of_tiny_messages_are_all_answered_in_order", || {
        const EACH: u32 = 60_000;
        let builder = builder().full(Full::Wait);
        let counts = under_attack(builder, 4 * (QUEUE + MIB) + SLACK, echo, |attacked| {
            thread::scope(|scope| {
                for _ in 0..4 {
                    let stream = attacked.connect();
                    let mut reader = stream.try_clone().unwrap();
                    scope.spawn(move || {
                        let mut numbered = std::io::BufWriter::new(&stream);
                        (0..EACH).for_each(|at| numbered.write_all(&frame(&at.to_be_bytes()[1..])).unwrap());
                        numbered.flush().unwrap();
                    });
                    scope.spawn(move || {
                        let mut back = [0; 7 * 1000];
                        for thousand in 0..EACH / 1000 {
                            reader.read_exact(&mut back).unwrap();
                            for (answer, at) in back.chunks(7).zip(1000 * thousand..) {
                                assert_eq!(answer, frame(&at.to_be_bytes()[1..]));
                            }
                        }
                    });
                }
            });
        });
        assert!(counts.messages_in >= u64::from(4 * EACH));
        assert_eq!((counts.messages_dropped, counts.messages_lost), (0, 0));
    });
}

#[test]
fn beside_one_that_floods_a_hundred_are_answered_in_order_and_completely() {
    in_own_process("beside_one_that_floods_a_hundred_are_answered_in_order_and_completely", || {
        let builder = builder().full(Full::DropMessage);
        let counts = under_attack(builder, 8 * MIB + SLACK, echo, |attacked| {
            let crowd: Vec<_> = (0..100).map(|_| attacked.connect()).collect();
            let mut flood = attacked.connect();
            let mut drain = flood.try_clone().unwrap();
            let stop = flood.try_clone().unwrap();
            thread::scope(|scope| {
                scope.spawn(move || {
                    let bytes = frame(b"a flood").repeat(1000);
                    while flood.write_all(&bytes).is_ok() {}
                });
                scope.spawn(move || while drain.read(&mut [0; 65_536]).is_ok_and(|count| count > 0) {});
                eventually("it floods", || attacked.counts().messages_in > 20_000);
                let speakers: Vec<_> = crowd
                    .chunks(25)
                    .map(|streams| scope.spawn(|| streams.iter().for_each(|stream| behave(stream, 20))))
                    .collect();
                speakers.into_iter().for_each(|speaker| speaker.join().unwrap());
                stop.shutdown(Shutdown::Both).unwrap();
            });
        });
        assert_eq!(counts.shortages + counts.timeouts, 0, "{counts:?}");
    });
}
