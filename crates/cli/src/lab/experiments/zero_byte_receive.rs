//! What a connection holds while nothing comes: a receive with a buffer of its own keeps that buffer (S333), a receive
//! without one, or with one that is lent when there is data, keeps none (S334).

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};

use proactor::{Buf, BufPool, Op, Packet, Port, Socket, op};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::Experiment;
use crate::descriptors;
use crate::lab::measure::{Effort, Failure, take};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};
use crate::say;

pub const EXPERIMENT: Experiment = Experiment {
    id: "zero-byte-receive",
    title: "A connection that waits without a buffer holds none",
    claim: "Most connections of a server are idle, and each has a receive pending. If that receive brings a buffer, the \
            buffer is held for as long as the peer is silent. A receive of zero bytes only waits for data, and one from a \
            pool is lent a buffer when there is data: then memory grows with the connections that are busy, not \
            with those that are there.",
    done: "Three processes made more and more connections. On each one message of 4 KiB came, was taken, and then \
           nothing any more: the next receive was pending, with 4 KiB of its own, with zero bytes, or on a pool. Measured: \
           what of the process was in memory (RssAnon) against the number of connections.",
    run,
};

/// Of a message, and of the buffer for it.
const MESSAGE: usize = 4096;

/// Steps in which connections are made; what each step adds is what is looked at.
const STEPS: usize = 5;

/// How a connection waits, in the words of the command line.
const KINDS: [(&str, &str); 3] = [("held", "4 KiB each"), ("zero", "zero bytes"), ("pooled", "from a pool")];

/// Connections, and bytes of the process in memory.
type Point = (usize, f64);

fn run(effort: Effort) -> Result<Measured, Failure> {
    // Both ends of each connection are of one process.
    let most = (descriptors::raise().unwrap_or(u64::MAX) / 2).saturating_sub(100);
    let step = effort.of(1000, 200).min(usize::try_from(most)? / STEPS);
    let mut all = Vec::new();
    for (kind, _) in KINDS {
        all.push(held_by(kind, step)?);
    }
    let mut rows = vec![Row::count("idle connections at the end", STEPS * step, "")];
    for ((_, name), points) in KINDS.iter().zip(&all) {
        rows.push(Row::new(format!("{name}: a connection holds"), each(points), "bytes"));
        rows.push(Row::new(format!("{name}: all together"), grown(points) / 1024.0, "KiB"));
    }
    let axis = (0..=STEPS).map(|number| (number * step).to_string()).collect();
    let plots = vec![Plot {
        title: "Memory of idle connections".into(),
        x: "connections".into(),
        y: "KiB more than without any".into(),
        shape: Shape::Lines(axis),
        series: (KINDS.iter().zip(&all))
            .map(|((_, name), points)| {
                let base = points.first().map_or(0.0, |first| first.1);
                Series::over_names(*name, points.iter().map(|point| (point.1 - base).max(0.0) / 1024.0))
            })
            .collect(),
    }];
    let notes = vec![
        "What the kernel keeps for a connection is not counted; it is the same in all three.".into(),
        "A buffer that has never been written to would not be in memory yet: that is why a message came first.".into(),
    ];
    let [held, zero, pooled] = [0, 1, 2].map(|index| each(&all[index]));
    Ok(Measured { verdict: verdict(held, zero, pooled), rows, plots, notes })
}

/// What the connections of all steps added.
fn grown(points: &[Point]) -> f64 {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => (last.1 - first.1).max(0.0),
        _ => 0.0,
    }
}

/// What one connection adds: by all steps but the first, in which what is made once is made.
fn each(points: &[Point]) -> f64 {
    match (points.get(1), points.last()) {
        (Some(first), Some(last)) if last.0 > first.0 => {
            (last.1 - first.1).max(0.0) / (last.0 - first.0) as f64
        }
        _ => 0.0,
    }
}

/// Asks a process of its own, whose memory nothing else has been in.
fn held_by(kind: &str, step: usize) -> Result<Vec<Point>, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["lab", "--hold-idle", &format!("{kind}:{step}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let out = child.stdout.take().ok_or("the other process's output is not to be had")?;
    let points: Result<Vec<Point>, Failure> = BufReader::new(out).lines().map(|line| point(&line?)).collect();
    // It says itself what went wrong, on the standard error.
    let ended = child.wait()?;
    let points = points?;
    if ended.success() && points.len() == STEPS + 1 {
        Ok(points)
    } else {
        Err(format!("the process that was to hold idle connections ended with {ended}").into())
    }
}

fn point(line: &str) -> Result<Point, Failure> {
    let (connections, bytes) = line.split_once(' ').ok_or("a line without two numbers")?;
    Ok((connections.parse()?, bytes.parse()?))
}

/// What the other process does: connections in steps, and after each a line with their number and its memory.
pub fn hold_idle(order: &str) -> Result<ExitCode, String> {
    let hold = || -> Result<(), Failure> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let (kind, step) = order.split_once(':').ok_or("no kind and number")?;
        let step = step.parse()?;
        descriptors::raise();
        let mut idle = Idle::new(kind)?;
        say::line(&format_args!("0 {}", resident()?));
        for number in 1..=STEPS {
            for _ in 0..step {
                idle.another()?;
            }
            say::line(&format_args!("{} {}", number * step, resident()?));
        }
        Ok(())
    };
    hold().map(|()| ExitCode::SUCCESS).map_err(|error| format!("holding {order}: {error}"))
}

/// Connections that were busy once.
struct Idle {
    port: Port<Socket, ()>,
    kind: String,
    pool: BufPool,
    /// What a zero-byte receive's data are taken with; one for all.
    shared: Buf,
    ends: Vec<(Socket, UnixStream)>,
}

impl Idle {
    fn new(kind: &str) -> Result<Idle, Failure> {
        if KINDS.iter().all(|known| known.0 != kind) {
            return Err(format!("there is no kind '{kind}'").into());
        }
        let pool = BufPool::new(MESSAGE, 4);
        let idle = Idle {
            port: Port::new(1)?,
            kind: kind.into(),
            pool,
            shared: Buf::new(MESSAGE),
            ends: Vec::new(),
        };
        Ok(idle)
    }

    /// One more: a message comes and is taken, and the next receive is pending.
    fn another(&mut self) -> Result<(), Failure> {
        let (ours, mut peer) = UnixStream::pair()?;
        let ours = Socket::from_fd(ours)?;
        ours.associate(&self.port, ours.clone())?;
        let first = match self.kind.as_str() {
            "held" => op::Recv::new(vec![0; MESSAGE]),
            "zero" => op::Recv::zero_byte(),
            _ => op::Recv::pooled(&self.pool),
        };
        ours.recv(first)?;
        peer.write_all(&[b'm'; MESSAGE])?;
        let recv = self.received()?;
        let next = match self.kind.as_str() {
            "held" => recv.into_send().into_recv(),
            "zero" => {
                ours.recv(op::Recv::new(std::mem::take(&mut self.shared)))?;
                self.shared = whole(self.received()?)?.into_buf();
                recv
            }
            _ => {
                drop(whole(recv)?);
                op::Recv::pooled(&self.pool)
            }
        };
        ours.recv(next)?;
        if ours.pending() != 1 || self.pool.lent() != 0 {
            return Err("a connection is not idle that should be".into());
        }
        self.ends.push((ours, peer));
        Ok(())
    }

    fn received(&self) -> Result<op::Recv, Failure> {
        match take(&self.port, "a message")? {
            Packet { op: Op::Recv(recv), .. } if recv.status().is_success() => Ok(recv),
            _ => Err("another packet than that of a receive".into()),
        }
    }
}

fn whole(recv: op::Recv) -> Result<op::Recv, Failure> {
    if recv.bytes() == MESSAGE { Ok(recv) } else { Err("a message came in parts".into()) }
}

/// Bytes of this process that are in memory and its own.
fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .ok_or("no RssAnon: Linux 4.5 has it")?;
    let kib: u64 = line.split_whitespace().next().ok_or("RssAnon without a number")?.parse()?;
    Ok(kib * 1024)
}

fn verdict(held: f64, zero: f64, pooled: f64) -> Verdict {
    let least = MESSAGE as f64;
    Verdict::unless(
        [
            (
                held < least,
                format!("a pending 4 KiB receive held {held:.0} bytes: its buffer was not in memory"),
            ),
            (
                held - zero < 0.9 * least,
                format!("a zero-byte receive held {zero:.0} bytes, one with a buffer {held:.0}"),
            ),
            (
                held - pooled < 0.9 * least,
                format!("a pooled receive held {pooled:.0} bytes, one with a buffer {held:.0}"),
            ),
        ],
        format!(
            "an idle connection held {held:.0} bytes with a buffer of its own, {zero:.0} with a zero-byte receive and \
             {pooled:.0} with a pooled one"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_buffer_after_all_is_seen() {
        assert!(verdict(4700.0, 600.0, 620.0).holds);
        assert!(!verdict(4700.0, 4700.0, 620.0).holds);
        assert!(!verdict(4700.0, 600.0, 1500.0).holds);
        assert!(!verdict(900.0, 600.0, 620.0).holds);
    }

    #[test]
    fn what_is_made_once_is_no_connections() {
        let points = [(0, 1e6), (100, 9e6), (200, 9.5e6), (300, 10e6)];
        assert_eq!((each(&points), grown(&points)), (5000.0, 9e6));
        assert_eq!((each(&points[..1]), grown(&[])), (0.0, 0.0));
    }

    #[test]
    fn lines_are_two_numbers() {
        assert_eq!(point("200 4096").ok(), Some((200, 4096.0)));
        assert!(point("200").is_err() && point("").is_err() && point("a b").is_err());
    }
}
