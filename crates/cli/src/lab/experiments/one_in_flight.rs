//! Why the session layer keeps one receive and one send in flight for each connection: more of them bring no throughput,
//! hold memory while nothing comes, and hand one connection's messages to several workers at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use proactor::{Buf, Op, Packet, Port, Socket, Workers, blocking, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, eventually, processor_time};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "one-in-flight",
    title: "One receive and one send in flight are enough",
    claim: "Receives can be stacked on one connection, and sends too. It brings nothing: a receive that is started anew \
            finds what has come meanwhile, and one send that gathers what waits costs one call instead of many. What it \
            costs: every stacked receive holds its buffer while nothing comes, and as soon as two of one connection \
            complete, two workers handle its messages at once, and the later one may be done first.",
    done: "16 connections, four workers of which two may run. Their peers sent numbered messages of 512 bytes without end; \
           1 to 16 receives were stacked on each connection; in one of 256 messages the handler blocked for a moment. \
           Counted: messages by the second of processor time, and those whose handler began after that of a later one. \
           Then small messages were sent: 1 to 16 sends stacked, or as many messages gathered in one send. Runs took \
           turns, three of each or, on a busy machine, a few more; the best counts.",
    run,
};

const CONNECTIONS: usize = 16;
const MESSAGE: usize = 512;
/// What a receive of a server usually brings for the data.
const BUFFER: usize = 4096;
/// Messages in one send of a peer.
const BATCH: usize = 32;
const DEPTHS: [usize; 5] = [1, 2, 4, 8, 16];
/// The handler of one message in so many blocks,
const BLOCKS_ONCE_IN: u64 = 256;
/// for so long.
const BLOCK: Duration = Duration::from_micros(200);

/// One depth of stacking.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    /// Messages by the second of processor time,
    per_cpu_second: f64,
    messages: u64,
    /// of which began after a later one of the same connection,
    overtaken: u64,
    /// and buffers that were held when nothing came any more.
    idle_bytes: u64,
}

/// The faster of two runs; what was overtaken in either was overtaken.
fn better(one: Point, other: Point) -> Point {
    let best = if one.per_cpu_second > other.per_cpu_second { one } else { other };
    Point { messages: one.messages + other.messages, overtaken: one.overtaken + other.overtaken, ..best }
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let length = Duration::from_millis(effort.of(60, 25) as u64);
    let mut received = [Point::default(); DEPTHS.len()];
    let (mut stacked, mut gathered) = ([0.0_f64; DEPTHS.len()], [0.0_f64; DEPTHS.len()]);
    for round in 1..=9 {
        for (index, &depth) in DEPTHS.iter().enumerate() {
            received[index] = better(received[index], receive(depth, length)?);
            stacked[index] = stacked[index].max(send(depth, false, length)?);
            gathered[index] = gathered[index].max(send(depth, true, length)?);
        }
        // Three, unless neighbours have had more of the processor in some than in others.
        if round >= 3 && verdict(&received, &stacked, &gathered).holds {
            break;
        }
    }
    let mut rows = Vec::new();
    for (depth, point) in DEPTHS.iter().zip(&received) {
        let label = format!("{depth} stacked");
        rows.push(Row::new(
            format!("{label}: messages a second of processor time"),
            point.per_cpu_second,
            "",
        ));
        rows.push(Row::new(format!("{label}: overtaken of 1000"), per_1000(point), ""));
        rows.push(Row::count(format!("{label}: held while nothing comes"), point.idle_bytes / 1024, "KiB"));
    }
    for (index, depth) in DEPTHS.iter().enumerate().skip(1) {
        rows.push(Row::new(
            format!("{depth} stacked sends: messages a second of processor time"),
            stacked[index],
            "",
        ));
        rows.push(Row::new(format!("one send of {depth} messages: the same"), gathered[index], ""));
    }
    let plot = |title: &str, x: &str, y: &str, series| Plot {
        title: title.into(),
        x: x.into(),
        y: y.into(),
        shape: Shape::Lines(DEPTHS.iter().map(ToString::to_string).collect()),
        series,
    };
    let of =
        |name: &str, value: fn(&Point) -> f64| vec![Series::over_names(name, received.iter().map(value))];
    let receives = "receives on each connection";
    let plots = vec![
        plot(
            "Messages a second of processor time",
            receives,
            "messages",
            of("received", |point| point.per_cpu_second),
        ),
        plot("Handled after a later one", receives, "of 1000 messages", of("overtaken", per_1000)),
        plot(
            "Held while nothing comes",
            receives,
            "KiB",
            of("buffers", |point| point.idle_bytes as f64 / 1024.0),
        ),
        plot(
            "Sends, a second of processor time",
            "messages in flight on each connection",
            "messages",
            vec![
                Series::over_names("stacked sends", stacked),
                Series::over_names("one send that gathers", gathered),
            ],
        ),
    ];
    let notes = vec![
        "So the session layer keeps one receive and one send in flight: its handler gets a connection's messages in order \
         and one at a time without a lock, and what is sent meanwhile goes out with the next send."
            .into(),
    ];
    Ok(Measured { verdict: verdict(&received, &stacked, &gathered), rows, plots, notes })
}

fn per_1000(point: &Point) -> f64 {
    point.overtaken as f64 * 1000.0 / point.messages.max(1) as f64
}

/// One end of a connection.
struct End {
    socket: Socket,
    /// The number of the next message: to send, or to be handled.
    next: AtomicU64,
}

#[derive(Default)]
struct Tally {
    messages: AtomicU64,
    overtaken: AtomicU64,
    /// Not 0 when nothing more is to be sent.
    over: AtomicU64,
}

type Ends = Port<Arc<End>, ()>;
/// Ours first.
type Connection = (Arc<End>, Arc<End>);

/// Connections whose ends are both on the port.
fn connections(port: &Ends) -> Result<Vec<Connection>, Failure> {
    let end = |socket: Socket| -> Result<Arc<End>, Failure> {
        let end = Arc::new(End { socket, next: AtomicU64::new(0) });
        end.socket.associate(port, end.clone())?;
        Ok(end)
    };
    (0..CONNECTIONS)
        .map(|_| {
            let (one, other) = Socket::pair()?;
            Ok((end(one)?, end(other)?))
        })
        .collect()
}

fn close(all: &[(Arc<End>, Arc<End>)], port: &Ends, workers: Workers) {
    for (ours, theirs) in all {
        let _ = ours.socket.close();
        let _ = theirs.socket.close();
    }
    port.close();
    workers.join();
}

/// Receives for so long with `depth` receives stacked on each connection.
fn receive(depth: usize, length: Duration) -> Result<Point, Failure> {
    let port: Ends = Port::new(2)?;
    let tally = Arc::new(Tally::default());
    let all = connections(&port)?;
    let counted = tally.clone();
    let workers = Workers::start(&port, 4, move |packet| handle(packet, &counted))?;
    for (ours, theirs) in &all {
        for _ in 0..depth {
            ours.socket.recv(op::Recv::new(window(Buf::new(BUFFER))).wait_all())?;
        }
        theirs.socket.send(op::Send::new(numbered(theirs, Buf::new(BATCH * MESSAGE))))?;
    }
    let per_cpu_second = rate(&tally, length);
    tally.over.store(1, SeqCst);
    // What had been sent is received, and then nothing comes any more.
    let idle = eventually("all is received", || {
        all.iter().all(|(ours, theirs)| {
            let (sent, handled) = (theirs.next.load(SeqCst), ours.next.load(SeqCst));
            sent == handled && ours.socket.pending() == depth && theirs.socket.pending() == 0
        })
    });
    let pending: usize = all.iter().map(|(ours, _)| ours.socket.pending()).sum();
    close(&all, &port, workers);
    idle?;
    Ok(Point {
        per_cpu_second: per_cpu_second?,
        messages: tally.messages.load(SeqCst),
        overtaken: tally.overtaken.load(SeqCst),
        idle_bytes: (pending * BUFFER) as u64,
    })
}

/// A message's part of a buffer.
fn window(mut buf: Buf) -> Buf {
    buf.truncate(MESSAGE);
    buf
}

/// Writes the next numbers, one at the head of each message.
fn numbered(end: &End, mut buf: Buf) -> Buf {
    let first = end.next.fetch_add(BATCH as u64, SeqCst);
    let messages = buf.as_mut().unwrap_or_default().chunks_exact_mut(MESSAGE);
    for (number, message) in (first..).zip(messages) {
        message[..8].copy_from_slice(&number.to_le_bytes());
    }
    buf
}

fn handle(packet: Packet<Arc<End>, ()>, tally: &Tally) {
    // When the connections are closed everything fails, and that ends it.
    match packet.op {
        Op::Recv(recv) if recv.bytes() == MESSAGE => {
            let number = recv.data().first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
            // The highest so far, plus one; whoever finds it beyond its own was overtaken.
            let expected = packet.key.next.fetch_max(number + 1, SeqCst);
            tally.overtaken.fetch_add(u64::from(expected > number), SeqCst);
            if number.is_multiple_of(BLOCKS_ONCE_IN) {
                blocking(|| std::thread::sleep(BLOCK));
            }
            tally.messages.fetch_add(1, SeqCst);
            let _ = packet.key.socket.recv(op::Recv::new(recv.into_buf()).wait_all());
        }
        Op::Send(send) if send.status().is_success() && tally.over.load(SeqCst) == 0 => {
            let _ = packet.key.socket.send(op::Send::new(numbered(&packet.key, send.into_buf())));
        }
        _ => {}
    }
}

/// Messages by the second of processor time, after a start that does not count.
fn rate(tally: &Tally, length: Duration) -> Result<f64, Failure> {
    eventually("messages come", || tally.messages.load(SeqCst) >= (4 * CONNECTIONS) as u64)?;
    let (begin, messages, start) = (processor_time(), tally.messages.load(SeqCst), Instant::now());
    eventually("it has run long enough", || {
        start.elapsed() >= length && tally.messages.load(SeqCst) >= messages + 2000
    })?;
    let (messages, time) = (tally.messages.load(SeqCst) - messages, processor_time().saturating_sub(begin));
    Ok(messages as f64 / time.as_secs_f64().max(1e-6))
}

/// Small messages sent for so long, `count` in flight on each connection: each a send of its own, or all in one.
fn send(count: usize, gathers: bool, length: Duration) -> Result<f64, Failure> {
    const SMALL: usize = 64;
    let port: Ends = Port::new(2)?;
    let tally = Arc::new(Tally::default());
    let all = connections(&port)?;
    let counted = tally.clone();
    let workers = Workers::start(&port, 4, move |packet| match packet.op {
        Op::Recv(recv) if recv.bytes() > 0 => {
            drop(packet.key.socket.recv(recv.into_send().into_recv()));
        }
        Op::Send(send) if send.status().is_success() => {
            counted.messages.fetch_add((send.bytes() / SMALL) as u64, SeqCst);
            drop(packet.key.socket.send(op::Send::gather(send.into_bufs())));
        }
        _ => {}
    })?;
    let message = || Buf::from(vec![b'm'; SMALL]);
    for (ours, theirs) in &all {
        theirs.socket.recv(op::Recv::new(vec![0; 64 * 1024]))?;
        let (sends, each) = if gathers { (1, count) } else { (count, 1) };
        for _ in 0..sends {
            ours.socket.send(op::Send::gather((0..each).map(|_| message()).collect()))?;
        }
    }
    let rate = rate(&tally, length);
    close(&all, &port, workers);
    rate
}

fn verdict(received: &[Point], stacked: &[f64], gathered: &[f64]) -> Verdict {
    let best = received.iter().map(|point| point.per_cpu_second).fold(0.0, f64::max);
    let (Some(one), Some(most), true) = (received.first(), received.last(), best > 0.0) else {
        return Verdict::fails("nothing was received");
    };
    let share = one.per_cpu_second * 100.0 / best;
    let overtaken: u64 = received.iter().skip(1).map(|point| point.overtaken).sum();
    let (gathered, stacked) = (gathered.last().unwrap_or(&0.0), stacked.last().unwrap_or(&0.0));
    let gain = gathered / stacked.max(1.0);
    Verdict::unless(
        [
            (
                one.overtaken > 0,
                format!("with one receive in flight {} messages were overtaken", one.overtaken),
            ),
            (overtaken == 0, "with stacked receives no message was overtaken".into()),
            (one.idle_bytes >= most.idle_bytes, "stacked receives held no more than one".into()),
            // Generous, for others use the processor's caches as well.
            (share < 60.0, format!("one receive in flight reached only {share:.0} % of the best throughput")),
            (
                gain < 0.9,
                format!("one send that gathers 16 messages reached {gain:.2} times what 16 sends did"),
            ),
        ],
        format!(
            "one receive in flight reached {share:.0} % of the best throughput, overtook nothing and held {} KiB; with \
             more, {overtaken} messages were handled after later ones, and 16 held {} KiB; one send that gathers 16 \
             messages reached {gain:.1} times the throughput of 16 sends",
            one.idle_bytes / 1024,
            most.idle_bytes / 1024
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(per_cpu_second: f64, overtaken: u64, idle_bytes: u64) -> Point {
        Point { per_cpu_second, overtaken, idle_bytes, messages: 1000 }
    }

    #[test]
    fn every_reason_is_looked_at() {
        let good = [point(90.0, 0, 4096), point(100.0, 5, 8192)];
        let holds = |received: &[Point], gathered: f64| verdict(received, &[100.0], &[gathered]).holds;
        assert!(holds(&good, 300.0));
        assert!(!holds(&good, 80.0));
        assert!(!holds(&[point(90.0, 1, 4096), good[1]], 300.0));
        assert!(!holds(&[good[0], point(100.0, 0, 8192)], 300.0));
        assert!(!holds(&[point(30.0, 0, 4096), good[1]], 300.0));
        assert!(!holds(&[point(90.0, 0, 8192), good[1]], 300.0));
        assert!(!holds(&[], 300.0));
    }

    #[test]
    fn of_two_runs_the_faster_counts_and_every_fault_of_both() {
        let both = better(point(90.0, 1, 4096), point(100.0, 2, 4096));
        assert_eq!((both.per_cpu_second, both.overtaken, both.messages), (100.0, 3, 2000));
    }
}
