//! What a send from the caller's own pages costs and saves, against the size of the message (S331).

use std::hint::black_box;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use proactor::op::ZERO_COPY_FROM;
use proactor::{Buf, Op, Port, Socket, op, snapshot};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, processor_time, take};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};
use crate::say;

pub const EXPERIMENT: Experiment = Experiment {
    id: "zero-copy",
    title: "A send without a copy",
    claim: "A send can leave its data in the caller's memory until the peer has them (SO_SNDBUF = 0 on Windows). That \
            saves a copy and costs the pinning of pages and a word from the kernel when it has let go: it pays for \
            large messages, over a network. To itself a machine always copies after all; it says so, and then the \
            socket is asked no more.",
    done: "Messages of 1 KiB to 1 MiB were sent one at a time over TCP on loopback, with and without a copy, on fresh \
           connections for every three, since one is asked no more after a few that were copied. Processor time is \
           that of both ends. What a copy costs was measured apart, between memories that are in no cache.",
    run,
};

const KIB: usize = 1 << 10;
const SIZES: [usize; 6] = [KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 1024 * KIB];

/// Sends on one connection: fewer than it takes until the socket is asked no more.
const EACH: usize = 3;

/// One way of sending, for one size: per message.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

struct Point {
    size: usize,
    plain: Cost,
    zero: Cost,
    copy: Duration,
}

#[derive(Default)]
struct Facts {
    sends: usize,
    /// Of the sends without a copy: those that were copied after all, as they say,
    said_copied: usize,
    /// as the counts of the process say,
    counted_copied: usize,
    /// and those that were copied at once.
    fallen_back: usize,
    short: usize,
    /// Of twenty on one connection, those before it was asked no more.
    before_giving_up: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let connections = effort.of(60, 6);
    let (mut facts, mut points) = (Facts::default(), Vec::new());
    for size in SIZES {
        // In turns, and the best of three: whoever else is on the machine disturbs both alike.
        let rounds: Vec<_> = (0..3)
            .map(|_| {
                Ok((
                    exchange(size, connections, false, &mut facts)?,
                    exchange(size, connections, true, &mut facts)?,
                ))
            })
            .collect::<Result<_, Failure>>()?;
        points.push(Point {
            size,
            plain: best(rounds.iter().map(|round| round.0)),
            zero: best(rounds.iter().map(|round| round.1)),
            copy: copying(size),
        });
    }
    facts.before_giving_up = until_given_up()?;
    Ok(Measured {
        verdict: verdict(&facts),
        rows: rows(&facts, &points),
        plots: plots(&points),
        notes: vec![
            format!(
                "The kernel copied after all, and later: what is in these figures of a send without a copy is its own cost \
                 on top of the copy. Where a network card takes the data from the pages it pays from the size on at which \
                 a copy costs more than that: here {}. The library's own threshold is {}.",
                pays_from(&points).map_or("none of these".into(), |size| say::bytes(size as u64)),
                say::bytes(ZERO_COPY_FROM as u64)
            ),
            "A send without a copy is complete when the peer has it, an ordinary one when the kernel has: one at a \
             time, it waits longer."
                .into(),
        ],
    })
}

fn best(costs: impl Iterator<Item = Cost> + Clone) -> Cost {
    Cost {
        wall: costs.clone().map(|cost| cost.wall).min().unwrap_or_default(),
        cpu: costs.map(|cost| cost.cpu).min().unwrap_or_default(),
    }
}

/// The smallest size from which on a copy costs more than a send without one has of its own.
fn pays_from(points: &[Point]) -> Option<usize> {
    let pays = |point: &&Point| point.copy > point.zero.cpu.saturating_sub(point.plain.cpu);
    let tail = points.iter().rev().take_while(pays);
    tail.last().map(|point| point.size)
}

/// Sends messages of one size over so many connections, one at a time.
fn exchange(size: usize, connections: usize, zero_copy: bool, facts: &mut Facts) -> Result<Cost, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port: Port = Port::new(0)?;
    let (mut sockets, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..connections {
        peers.push(TcpStream::connect(listener.local_addr()?)?);
        let socket = Socket::from_fd(listener.accept()?.0)?;
        socket.set_nodelay(true)?;
        // So that the kernel takes a message at once.
        socket.set_send_buffer(4 << 20)?;
        socket.associate(&port, 0)?;
        sockets.push(socket);
    }
    let reader = thread::spawn(move || read(peers, size));
    let before = snapshot().zero_copy;
    let (start, cpu) = (Instant::now(), processor_time());
    let mut buf = Buf::new(size);
    for socket in &sockets {
        for _ in 0..EACH {
            buf.reset();
            let send = op::Send::new(buf);
            let _ = socket.send(if zero_copy { send.zero_copy() } else { send })?;
            let Op::Send(send) = take(&port, "a send")?.op else {
                return Err("a packet of another operation".into());
            };
            facts.short += usize::from(send.result() != Ok(size));
            facts.said_copied += usize::from(send.was_copied());
            buf = send.into_buf();
        }
    }
    let messages = connections * EACH;
    reader.join().map_err(|_| "the reader panicked")??;
    let cost =
        Cost { wall: start.elapsed() / messages as u32, cpu: (processor_time() - cpu) / messages as u32 };
    if zero_copy {
        let after = snapshot().zero_copy;
        facts.sends += messages;
        facts.counted_copied += (after.copied - before.copied) as usize;
        facts.fallen_back += (after.fallen_back - before.fallen_back) as usize;
    }
    Ok(cost)
}

fn read(peers: Vec<TcpStream>, size: usize) -> std::io::Result<()> {
    let mut memory = vec![0; size];
    for mut peer in peers {
        for _ in 0..EACH {
            peer.read_exact(&mut memory)?;
        }
    }
    Ok(())
}

/// How many of twenty sends on one connection go out without a copy before it is asked no more.
fn until_given_up() -> Result<usize, Failure> {
    const SIZE: usize = 16 * KIB;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut peer = TcpStream::connect(listener.local_addr()?)?;
    let socket = Socket::from_fd(listener.accept()?.0)?;
    let before = snapshot().zero_copy;
    for _ in 0..20 {
        let send = socket.begin(op::Send::new(vec![0; SIZE]).zero_copy())?;
        peer.read_exact(&mut [0; SIZE])?;
        send.wait().result()?;
    }
    Ok((snapshot().zero_copy.copied - before.copied) as usize)
}

/// What it costs to copy so much that is in no cache.
fn copying(size: usize) -> Duration {
    const ALL: usize = 64 << 20;
    let (from, mut to) = (vec![1u8; ALL], vec![0u8; ALL]);
    let pass = |to: &mut [u8]| {
        let start = processor_time();
        for (from, to) in from.chunks_exact(size).zip(to.chunks_exact_mut(size)) {
            to.copy_from_slice(black_box(from));
        }
        black_box(&to[0]);
        (processor_time() - start) / (ALL / size) as u32
    };
    (0..3).map(|_| pass(&mut to)).min().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn rows(facts: &Facts, points: &[Point]) -> Vec<Row> {
    let mut rows = vec![
        Row::count("sends without a copy", facts.sends, ""),
        Row::count("of them copied after all, as each said", facts.said_copied, ""),
        Row::count("of them copied at once", facts.fallen_back, ""),
        Row::count("of 20 on one connection, until it was asked no more", facts.before_giving_up, ""),
    ];
    for point in points {
        let size = say::bytes(point.size as u64);
        let rate = |cost: Cost| point.size as f64 / (1 << 20) as f64 / cost.wall.as_secs_f64().max(1e-9);
        rows.push(Row::new(format!("{size}: with a copy"), rate(point.plain), "MiB/s"));
        rows.push(Row::new(format!("{size}: without"), rate(point.zero), "MiB/s"));
        rows.push(Row::new(
            format!("{size}: processor time with a copy"),
            micros(point.plain.cpu),
            "us a message",
        ));
        rows.push(Row::new(
            format!("{size}: processor time without"),
            micros(point.zero.cpu),
            "us a message",
        ));
        rows.push(Row::new(format!("{size}: a copy of so much"), micros(point.copy), "us"));
    }
    rows
}

fn plots(points: &[Point]) -> Vec<Plot> {
    let names = || Shape::Lines(points.iter().map(|point| say::bytes(point.size as u64)).collect());
    let rate = |cost: Cost, size: usize| size as f64 / (1 << 20) as f64 / cost.wall.as_secs_f64().max(1e-9);
    let per_kib = |time: Duration, size: usize| micros(time) / (size as f64 / KIB as f64);
    vec![
        Plot {
            title: "Throughput, one message at a time".into(),
            x: "message".into(),
            y: "MiB/s".into(),
            shape: names(),
            series: vec![
                Series::over_names("with a copy", points.iter().map(|point| rate(point.plain, point.size))),
                Series::over_names("without", points.iter().map(|point| rate(point.zero, point.size))),
            ],
        },
        Plot {
            title: "Processor time of both ends".into(),
            x: "message".into(),
            y: "us per KiB".into(),
            shape: names(),
            series: vec![
                Series::over_names(
                    "with a copy",
                    points.iter().map(|point| per_kib(point.plain.cpu, point.size)),
                ),
                Series::over_names("without", points.iter().map(|point| per_kib(point.zero.cpu, point.size))),
                Series::over_names("a copy", points.iter().map(|point| per_kib(point.copy, point.size))),
            ],
        },
    ]
}

fn verdict(facts: &Facts) -> Verdict {
    let Facts { sends, said_copied, counted_copied, fallen_back, short, before_giving_up } = facts;
    Verdict::unless(
        [
            (*sends == 0, "nothing was sent without a copy".into()),
            (*short > 0, format!("{short} sends report another count than they asked for")),
            (
                counted_copied + fallen_back != *said_copied,
                format!(
                    "{said_copied} sends say that they were copied, and the counts say {counted_copied} and {fallen_back}"
                ),
            ),
            (*fallen_back == *sends, "the kernel takes nothing without a copy".into()),
            (
                *before_giving_up >= 20 && *said_copied > 0,
                "the kernel copied all of it, and was asked again and again".into(),
            ),
        ],
        format!(
            "{sends} sends complete when the peer had them, {said_copied} of them copied after all; a connection was asked no more after {before_giving_up}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts =
        Facts { sends: 9, said_copied: 9, counted_copied: 8, fallen_back: 1, short: 0, before_giving_up: 4 };

    #[test]
    fn what_the_sends_say_is_what_is_counted() {
        assert!(verdict(&GOOD).holds);
        assert!(!verdict(&Facts { said_copied: 8, ..GOOD }).holds);
        assert!(!verdict(&Facts { short: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts { sends: 0, ..GOOD }).holds);
        assert!(!verdict(&Facts { before_giving_up: 20, ..GOOD }).holds);
        assert!(!verdict(&Facts { fallen_back: 9, counted_copied: 0, ..GOOD }).holds);
    }

    #[test]
    fn it_pays_from_where_a_copy_costs_more_and_goes_on_to() {
        let point = |size, zero, copy| Point {
            size,
            plain: Cost { cpu: Duration::from_micros(10), ..Cost::default() },
            zero: Cost { cpu: Duration::from_micros(zero), ..Cost::default() },
            copy: Duration::from_micros(copy),
        };
        assert_eq!(pays_from(&[point(1, 12, 1), point(2, 12, 3), point(4, 12, 6)]), Some(2));
        assert_eq!(pays_from(&[point(1, 12, 3), point(2, 14, 3), point(4, 12, 6)]), Some(4));
        assert_eq!(pays_from(&[point(1, 12, 1)]), None);
    }
}
