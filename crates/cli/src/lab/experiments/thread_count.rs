//! Why a port has a limit: threads in reserve cost nothing, threads that all run cost switches and order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use proactor::{Op, Port, Socket, Workers, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, Times, Work, context_switches, eventually, processor_time};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};
use crate::say;

pub const EXPERIMENT: Experiment = Experiment {
    id: "thread-count",
    title: "More threads, not more throughput",
    claim: "More running threads than processors bring no throughput, but a thread that must give up its processor in \
            the middle of a request keeps that request until its next turn, and all those who wait for a lock it holds. \
            With a concurrency limit the number of threads no longer matters: those over the limit sleep.",
    done: "128 connections whose ends echo a message to and fro, each end on the port; 20 us of a processor for each \
           message, 2 of them under a lock that all share. Throughput, context switches (from /proc) and the time a handler took from its beginning to its \
           end, for 1 to 64 threads: with a limit of one worker per processor, and with a limit as high as the number \
           of threads.",
    run,
};

const CONNECTIONS: usize = 128;
const HANDLER_US: f64 = 20.0;
/// Of a handler's work, what it does under a lock that all share, as most servers have one.
const LOCKED_US: f64 = 2.0;
const MESSAGE: usize = 64;

/// One run. Messages are counted by the second of processor time, for what neighbours take of the processors
/// says nothing about the port.
#[derive(Clone, Debug, Default)]
struct Point {
    threads: usize,
    per_cpu_second: f64,
    per_second: f64,
    switches_per_1000: f64,
    handler_999: f64,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let counts: &[usize] = if effort.quick { &[1, 4, 64] } else { &[1, 2, 4, 8, 16, 32, 64] };
    let (length, work) = (Duration::from_millis(effort.of(80, 60) as u64), Work::calibrated());
    let processors = proactor::processors();
    let (mut limited, mut free) = (Vec::new(), Vec::new());
    for &threads in counts {
        limited.push(better_of_two(threads, processors, length, work)?);
        free.push(better_of_two(threads, threads, length, work)?);
    }
    let mut rows = Vec::new();
    for (name, points) in [("limited", &limited), ("no limit", &free)] {
        for point in points.iter().filter(|point| [1, 4, 64].contains(&point.threads)) {
            let label = format!("{name}, {}", say::counted(point.threads as u64, "thread"));
            rows.push(Row::new(format!("{label}: messages a second"), point.per_second, ""));
            rows.push(Row::new(format!("{label}: a second of processor time"), point.per_cpu_second, ""));
            rows.push(Row::new(format!("{label}: switches per 1000"), point.switches_per_1000, ""));
            rows.push(Row::new(format!("{label}: handler, 99.9 %"), point.handler_999, "us"));
        }
    }
    let plot = |title: &str, y: &str, value: fn(&Point) -> f64| Plot {
        title: title.into(),
        x: "threads".into(),
        y: y.into(),
        shape: Shape::Lines(counts.iter().map(ToString::to_string).collect()),
        series: vec![
            Series::over_names("limited to the processors", limited.iter().map(value)),
            Series::over_names("no limit", free.iter().map(value)),
        ],
    };
    let plots = vec![
        plot("Messages a second of processor time", "messages", |point| point.per_cpu_second),
        plot("Context switches", "per 1000 messages", |point| point.switches_per_1000),
        plot("A handler's 20 us, from beginning to end: 99.9 %", "milliseconds", |point| {
            point.handler_999 / 1000.0
        }),
    ];
    let notes = vec![
        format!("This process may use {processors} processors."),
        "The switches with the limit are those of the monitor, which looks while work waits, and of workers that \
         stand in for one that waits for the lock."
            .into(),
    ];
    Ok(Measured { verdict: verdict(&limited, &free, processors), rows, plots, notes })
}

#[derive(Default)]
struct Tally {
    handled: AtomicUsize,
}

/// What neighbours do to one run they hardly do to both.
fn better_of_two(threads: usize, limit: usize, length: Duration, work: Work) -> Result<Point, Failure> {
    let (one, other) = (echo(threads, limit, length, work)?, echo(threads, limit, length, work)?);
    Ok(if one.per_cpu_second > other.per_cpu_second { one } else { other })
}

/// Echoes for so long and returns what was seen in the middle of it.
fn echo(threads: usize, limit: usize, length: Duration, work: Work) -> Result<Point, Failure> {
    let port: Port<Socket, ()> = Port::new(limit)?;
    let tally = Arc::new(Tally::default());
    let times = Arc::new(std::sync::Mutex::new(Times::default()));
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        let (one, other) = Socket::pair()?;
        one.associate(&port, one.clone())?;
        other.associate(&port, other.clone())?;
        sockets.extend([one, other]);
    }
    let (counted, timed) = (tally.clone(), times.clone());
    let workers = Workers::start(&port, threads, move |packet| {
        // When the connections are closed everything fails, and that ends it.
        match packet.op {
            Op::Recv(recv) if recv.status().is_success() => {
                let start = Instant::now();
                work.burn(HANDLER_US - LOCKED_US);
                if let Ok(mut times) = timed.lock() {
                    work.burn(LOCKED_US);
                    times.add(start.elapsed());
                }
                counted.handled.fetch_add(1, SeqCst);
                let _ = packet.key.send(recv.into_send());
            }
            Op::Send(send) => drop(packet.key.recv(send.into_recv())),
            _ => {}
        }
    })?;
    for pair in sockets.chunks_exact(2) {
        let _ = pair[0].recv(op::Recv::new(vec![0; MESSAGE]))?;
        let _ = pair[1].send(op::Send::new(vec![b'x'; MESSAGE]))?;
    }
    let seen = watch(&tally, length);
    for socket in &sockets {
        let _ = socket.close();
    }
    port.close();
    workers.join();
    let (handled, seconds, cpu_seconds, switches) = seen?;
    let handler_999 = times.lock().map_or(0.0, |times| times.percentile(99.9));
    Ok(Point {
        threads,
        per_cpu_second: handled / cpu_seconds.max(1e-6),
        per_second: handled / seconds,
        switches_per_1000: switches * 1000.0 / handled.max(1.0),
        handler_999,
    })
}

/// Messages, seconds, seconds of processor time and switches, after a start that does not count.
fn watch(tally: &Tally, length: Duration) -> Result<(f64, f64, f64, f64), Failure> {
    eventually("every connection has echoed", || tally.handled.load(SeqCst) >= 4 * CONNECTIONS)?;
    let now = || (tally.handled.load(SeqCst), Instant::now(), processor_time(), context_switches());
    let (handled, time, processor, switches) = now();
    std::thread::sleep(length);
    let (more, later, more_processor, more_switches) = now();
    Ok((
        (more - handled) as f64,
        (later - time).as_secs_f64(),
        (more_processor.saturating_sub(processor)).as_secs_f64(),
        more_switches.saturating_sub(switches) as f64,
    ))
}

fn verdict(limited: &[Point], free: &[Point], processors: usize) -> Verdict {
    let best = limited.iter().map(|point| point.per_cpu_second).fold(0.0, f64::max);
    let (Some(last), Some(last_free), true) = (limited.last(), free.last(), best > 0.0) else {
        return Verdict::fails("nothing was echoed");
    };
    let (threads, share) = (last.threads, last.per_cpu_second * 100.0 / best);
    // Where nearly every thread has a processor of its own, none waits for another.
    let crowded = threads >= 8 * processors;
    let (kept, lost) = (last.handler_999, last_free.handler_999);
    Verdict::unless(
        [
            // Generous, for others use the caches as well.
            (
                share < 60.0,
                format!("with {threads} threads the limited port fell to {share:.0} % of its best"),
            ),
            (
                crowded && kept * 2.0 > lost,
                format!(
                    "with {threads} threads a handler took {kept:.0} us with the limit and {lost:.0} us without"
                ),
            ),
        ],
        format!(
            "with {threads} threads the limited port kept {share:.0} % of its best throughput by processor time, and of \
             1000 handlers all but one were over in {:.1} ms; without the limit in {:.1} ms",
            kept / 1000.0,
            lost / 1000.0
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(threads: usize, per_cpu_second: f64, handler_999: f64) -> Point {
        Point { threads, per_cpu_second, handler_999, ..Point::default() }
    }

    #[test]
    fn a_fall_with_the_limit_and_none_without_are_seen() {
        let free = [point(2, 100.0, 50.0), point(64, 90.0, 90_000.0)];
        assert!(verdict(&[point(2, 100.0, 50.0), point(64, 90.0, 60.0)], &free, 2).holds);
        assert!(!verdict(&[point(2, 100.0, 50.0), point(64, 30.0, 60.0)], &free, 2).holds);
        assert!(!verdict(&[point(2, 100.0, 50.0), point(64, 90.0, 80_000.0)], &free, 2).holds);
        assert!(verdict(&[point(2, 100.0, 50.0), point(64, 90.0, 80_000.0)], &free, 64).holds);
        assert!(!verdict(&[point(2, 0.0, 0.0)], &free, 2).holds);
        assert!(!verdict(&[], &[], 2).holds);
    }
}
