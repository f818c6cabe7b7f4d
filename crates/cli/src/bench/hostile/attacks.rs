//! The attacks: what each does to a server, for as long as it lasts, and what it may cost.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::load::connect;
use super::victim::{BLOCK, MESSAGE, QUEUE, QUEUED};

/// Where and how long.
#[derive(Clone, Copy)]
pub struct Ground {
    pub address: SocketAddr,
    pub until: Instant,
    pub seed: u64,
}

/// What those who behave are owed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Owed {
    /// To be served, however fast.
    Service,
    /// Their 99th percentile is at most so many times what it is without.
    Latency(f64),
    /// Their throughput is at least so much of what it is without.
    Throughput(f64),
}

pub struct Attack {
    pub id: &'static str,
    /// What is done.
    pub done: &'static str,
    /// Sessions it has at once, at most, and what the limits let each hold.
    pub sessions: usize,
    pub each: usize,
    pub victim: &'static [&'static str],
    pub behaved: usize,
    pub owed: Owed,
    /// What happens without the attack, where that is more than nothing: the same load without what hurts.
    pub quiet: Option<fn(Ground)>,
    pub run: fn(Ground),
}

const IMPATIENT: &[&str] = &["--impatient", "--obey"];
/// A session without buffers, and what the allocator needs beside it.
const SESSION: usize = 1 << 10;
/// A message that has begun: its vector grows by doubling, and one more receive.
const UNFINISHED: usize = 2 * (MESSAGE + (16 << 10));
/// A queue, its buffers' heads included.
const QUEUE_FULL: usize = QUEUE + QUEUED * 128 + UNFINISHED;

const PLAIN: Attack = Attack {
    id: "",
    done: "",
    sessions: 64,
    each: SESSION,
    victim: IMPATIENT,
    behaved: 20,
    owed: Owed::Service,
    quiet: None,
    run: |_| {},
};

pub const ATTACKS: &[Attack] = &[
    Attack {
        id: "never-read",
        done: "24 connections ask for 8 KB each time and never read an answer; dropped, they come again",
        sessions: 48,
        each: QUEUE_FULL,
        run: never_read,
        ..PLAIN
    },
    Attack {
        id: "slow-write",
        done: "100 connections write one byte of a message every 50 ms",
        sessions: 300,
        run: slow_write,
        ..PLAIN
    },
    Attack { id: "half-open", done: "400 connections say nothing", sessions: 1200, run: half_open, ..PLAIN },
    Attack {
        id: "reset-flood",
        done: "two threads connect and reset at once, one time in two after a message",
        sessions: 2000,
        run: reset_flood,
        ..PLAIN
    },
    Attack {
        id: "claim-4-gib",
        done: "two threads send prefixes that claim 4 GiB, and some of it",
        sessions: 2000,
        run: claims,
        ..PLAIN
    },
    Attack {
        id: "unfinished",
        done: "200 connections send 64,000 bytes of a message of 65,536 and no more",
        sessions: 400,
        each: UNFINISHED,
        run: unfinished,
        ..PLAIN
    },
    Attack {
        id: "garbage",
        done: "two threads send random bytes, some behind a good message",
        sessions: 2000,
        run: garbage,
        ..PLAIN
    },
    Attack {
        id: "zero-length",
        done: "one connection sends messages of 0 bytes without a pause and reads what comes",
        each: QUEUE_FULL,
        sessions: 1,
        run: |ground| pour(ground, &[0; 4]),
        ..PLAIN
    },
    Attack {
        id: "tiny-messages",
        done: "one connection sends messages of 1 byte without a pause and reads what comes: a million a few seconds",
        each: QUEUE_FULL,
        sessions: 1,
        run: |ground| pour(ground, &[0, 0, 0, 1, b'.']),
        ..PLAIN
    },
    Attack {
        id: "flood",
        done: "one connection sends messages of 1 KB without a pause and reads what comes, while 100 behave",
        each: QUEUE_FULL,
        sessions: 1,
        behaved: 100,
        owed: Owed::Latency(3.0),
        run: |ground| pour(ground, &framed(&[b'.'; 1000])),
        ..PLAIN
    },
    Attack {
        id: "panics",
        done: "two threads send messages whose handler panics",
        sessions: 2000,
        run: panics,
        ..PLAIN
    },
    Attack {
        id: "blocking",
        done: "16 connections speak each millisecond; one message in ten blocks its handler for 10 ms",
        sessions: 16,
        behaved: 50,
        owed: Owed::Throughput(0.9),
        quiet: Some(|ground| speak(ground, false)),
        run: |ground| speak(ground, true),
        ..PLAIN
    },
    Attack {
        id: "sessions",
        done: "400 connections to a server of 100 sessions at most",
        sessions: 100,
        victim: &["--sessions", "100", "--impatient"],
        run: half_open,
        ..PLAIN
    },
    Attack {
        id: "descriptors",
        done: "400 connections to a server of 200 descriptors at most",
        sessions: 200,
        victim: &["--descriptors", "200", "--impatient"],
        run: half_open,
        ..PLAIN
    },
];

pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = (message.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    frame
}

impl Ground {
    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// A connection, unless the server has no room for one.
    fn connect(&self) -> Option<TcpStream> {
        let stream = connect(self.address).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    }

    /// Again and again on two threads, each with a number of its own.
    fn twice(&self, does: impl Fn(u64) + Sync) {
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let does = &does;
                scope.spawn(move || {
                    let mut turn = self.seed ^ (thread << 32);
                    while self.goes_on() {
                        does(turn);
                        turn += 1;
                    }
                });
            }
        });
    }
}

/// The next connection's end is a reset: it leaves no port behind that waits.
fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Whether the other side has ended it.
fn is_over(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0; 4096]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Keeps so many connections, each doing something every few milliseconds until it is over.
fn keep(
    ground: Ground,
    count: usize,
    pause: Duration,
    mut does: impl FnMut(&mut TcpStream, &mut usize) -> bool,
) {
    let mut all: Vec<Option<(TcpStream, usize)>> = (0..count).map(|_| None).collect();
    while ground.goes_on() {
        for place in &mut all {
            match place {
                None => *place = ground.connect().map(|stream| (stream, 0)),
                Some((stream, at)) => {
                    if !does(stream, at) {
                        *place = None;
                    }
                }
            }
            if !ground.goes_on() {
                break;
            }
        }
        std::thread::sleep(pause);
    }
    all.iter().flatten().for_each(|(stream, _)| reset(stream));
}

fn never_read(ground: Ground) {
    let asks = framed(&[b'.'; 8000]);
    keep(ground, 24, Duration::from_millis(1), |stream, at| {
        for _ in 0..8 {
            match stream.write(&asks[*at..]) {
                Ok(count) => *at = (*at + count) % asks.len(),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    });
}

fn slow_write(ground: Ground) {
    let whole = framed(&[b'.'; 8000]);
    keep(ground, 100, Duration::from_millis(50), |stream, at| {
        *at += 1;
        stream.write(&whole[*at - 1..*at]).is_ok() && !is_over(stream)
    });
}

fn half_open(ground: Ground) {
    keep(ground, 400, Duration::from_millis(20), |stream, _| !is_over(stream));
}

fn unfinished(ground: Ground) {
    let whole = framed(&[b'.'; MESSAGE]);
    keep(ground, 200, Duration::from_millis(5), |stream, at| {
        if *at < 64_000 {
            match stream.write(&whole[*at..64_000]) {
                Ok(count) => *at += count,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        !is_over(stream)
    });
}

fn reset_flood(ground: Ground) {
    ground.twice(|turn| {
        let Some(mut stream) = ground.connect() else { return };
        if turn.is_multiple_of(2) {
            let _ = stream.write(&framed(b"hello"));
        }
        reset(&stream);
    });
}

/// Sends something on a connection of its own and waits for its end.
fn once(ground: Ground, bytes: &[u8]) {
    let Some(mut stream) = ground.connect() else { return };
    reset(&stream);
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
    let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
    if stream.write_all(bytes).is_ok() {
        while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
    }
}

fn claims(ground: Ground) {
    let claim = [&[0xFF; 4][..], &[b'.'; 5000]].concat();
    ground.twice(|_| once(ground, &claim));
}

fn panics(ground: Ground) {
    let both = [framed(b"before"), framed(b"p"), framed(b"after")].concat();
    ground.twice(|_| once(ground, &both));
}

fn garbage(ground: Ground) {
    ground.twice(|turn| {
        // Marsaglia's xorshift.
        let mut state = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut bytes = if turn.is_multiple_of(2) { framed(b"well begun") } else { Vec::new() };
        for _ in 0..1000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_ne_bytes());
        }
        once(ground, &bytes);
    });
}

/// One connection that sends without a pause; what comes back is read by another thread.
fn pour(ground: Ground, message: &[u8]) {
    let many = message.repeat((64 << 10) / message.len());
    while ground.goes_on() {
        let Ok(mut stream) = connect(ground.address) else { continue };
        let Ok(mut drain) = stream.try_clone() else { continue };
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut buffer = vec![0; 64 << 10];
                while drain.read(&mut buffer).is_ok_and(|count| count > 0) {}
            });
            while ground.goes_on() && stream.write_all(&many).is_ok() {}
            let _ = stream.shutdown(std::net::Shutdown::Both);
        });
    }
}

/// Some that say ten messages and wait for each answer; the handler of the tenth blocks, or its speaker waits as long
/// by itself.
fn speak(ground: Ground, block: bool) {
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(move || {
                let Ok(mut stream) = connect(ground.address) else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let mut turn = 0u32;
                while ground.goes_on() {
                    turn += 1;
                    let tenth = turn.is_multiple_of(10);
                    let says = if tenth && block { b"b---------" } else { b"----------" };
                    let mut back = [0; 14];
                    if stream.write_all(&framed(says)).is_err() || stream.read_exact(&mut back).is_err() {
                        return;
                    }
                    std::thread::sleep(if tenth && !block { BLOCK } else { Duration::from_millis(1) });
                }
                reset(&stream);
            });
        }
    });
}
