//! Why a port has a limit: threads in reserve cost nothing, threads that all run cost switches and order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use proactor::{Op, Port, Socket, Workers, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, Times, Work, context_switches, eventually};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "thread-count",
    title: "More threads, not more throughput",
    claim: "More running threads than processors bring nothing but context switches, and requests that wait for their \
            thread's next turn. With a concurrency limit the number of threads no longer matters: those over the limit \
            sleep.",
    done: "128 connections whose ends echo a message to and fro, each end on the port; 20 us of a processor for each \
           message. Throughput, context switches (from /proc) and the time a handler took from its beginning to its \
           end, for 1 to 64 threads: with a limit of one worker per processor, and with a limit as high as the number \
           of threads.",
    run,
};

const CONNECTIONS: usize = 128;
const HANDLER_US: f64 = 20.0;
const MESSAGE: usize = 64;

/// One run.
#[derive(Clone, Debug, Default)]
struct Point {
    threads: usize,
    per_second: f64,
    switches_per_1000: f64,
    handler_99: f64,
    most_running: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let counts: &[usize] = if effort.quick { &[1, 4, 64] } else { &[1, 2, 4, 8, 16, 32, 64] };
    let (length, work) = (Duration::from_millis(effort.of(150, 80) as u64), Work::calibrated());
    let processors = proactor::processors();
    let (mut limited, mut free) = (Vec::new(), Vec::new());
    for &threads in counts {
        limited.push(echo(threads, processors, length, work)?);
        free.push(echo(threads, threads, length, work)?);
    }
    let mut rows = Vec::new();
    for (name, points) in [("limit = processors", &limited), ("limit = threads", &free)] {
        for point in points.iter().filter(|point| [1, 4, 64].contains(&point.threads)) {
            let label = format!("{name}, {} threads", point.threads);
            rows.push(Row::new(format!("{label}: throughput"), point.per_second, "messages/s"));
            rows.push(Row::new(
                format!("{label}: context switches"),
                point.switches_per_1000,
                "per 1000 messages",
            ));
            rows.push(Row::new(format!("{label}: longest handlers, 99 %"), point.handler_99, "us"));
        }
    }
    let plot = |title: &str, y: &str, value: fn(&Point) -> f64| Plot {
        title: title.into(),
        x: "threads".into(),
        y: y.into(),
        shape: Shape::Lines(counts.iter().map(ToString::to_string).collect()),
        series: vec![
            Series::over_names("limit = processors", limited.iter().map(value)),
            Series::over_names("limit = threads", free.iter().map(value)),
        ],
    };
    let plots = vec![
        plot("Throughput", "messages a second", |point| point.per_second),
        plot("Context switches", "per 1000 messages", |point| point.switches_per_1000),
        plot("A handler's 20 us, from beginning to end: 99 %", "microseconds", |point| point.handler_99),
    ];
    let notes = vec![format!("This process may use {processors} processors.")];
    Ok(Measured { verdict: verdict(&limited, processors), rows, plots, notes })
}

#[derive(Default)]
struct Tally {
    handled: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
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
        counted.most.fetch_max(counted.running.fetch_add(1, SeqCst) + 1, SeqCst);
        // When the connections are closed everything fails, and that ends it.
        match packet.op {
            Op::Recv(recv) if recv.status().is_success() => {
                let start = Instant::now();
                work.burn(HANDLER_US);
                let took = start.elapsed();
                if counted.handled.fetch_add(1, SeqCst) % 8 == 0
                    && let Ok(mut times) = timed.try_lock()
                {
                    times.add(took);
                }
                let _ = packet.key.send(recv.into_send());
            }
            Op::Send(send) => drop(packet.key.recv(send.into_recv())),
            _ => {}
        }
        counted.running.fetch_sub(1, SeqCst);
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
    let (handled, seconds, switches) = seen?;
    let handler_99 = times.lock().map_or(0.0, |times| times.percentile(99.0));
    Ok(Point {
        threads,
        per_second: handled / seconds,
        switches_per_1000: switches * 1000.0 / handled.max(1.0),
        handler_99,
        most_running: tally.most.load(SeqCst),
    })
}

/// Messages, seconds and switches, after a start that does not count.
fn watch(tally: &Tally, length: Duration) -> Result<(f64, f64, f64), Failure> {
    eventually("every connection has echoed", || tally.handled.load(SeqCst) >= 4 * CONNECTIONS)?;
    let (handled, switches, start) = (tally.handled.load(SeqCst), context_switches(), Instant::now());
    std::thread::sleep(length);
    let (more, more_switches, took) = (tally.handled.load(SeqCst), context_switches(), start.elapsed());
    Ok(((more - handled) as f64, took.as_secs_f64(), more_switches.saturating_sub(switches) as f64))
}

fn verdict(limited: &[Point], processors: usize) -> Verdict {
    let best = limited.iter().map(|point| point.per_second).fold(0.0, f64::max);
    let (Some(last), true) = (limited.last(), best > 0.0) else {
        return Verdict::fails("nothing was echoed");
    };
    let most = limited.iter().map(|point| point.most_running).max().unwrap_or(0);
    let share = last.per_second * 100.0 / best;
    Verdict::unless(
        [
            (most > processors, format!("{most} workers ran at once with a limit of {processors}")),
            // Generous, for others use the machine as well; a pool that suffered from 64 threads would lose more.
            (
                share < 50.0,
                format!(
                    "with {} threads the limited port reached only {share:.0} % of its best",
                    last.threads
                ),
            ),
        ],
        format!(
            "with {} threads the limited port kept {share:.0} % of its best throughput, and never more than {most} ran at once",
            last.threads
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(threads: usize, per_second: f64, most_running: usize) -> Point {
        Point { threads, per_second, most_running, ..Point::default() }
    }

    #[test]
    fn a_fall_and_a_limit_not_kept_are_seen() {
        assert!(verdict(&[point(2, 100.0, 2), point(64, 90.0, 2)], 2).holds);
        assert!(!verdict(&[point(2, 100.0, 2), point(64, 40.0, 2)], 2).holds);
        assert!(!verdict(&[point(2, 100.0, 2), point(64, 90.0, 3)], 2).holds);
        assert!(!verdict(&[point(2, 0.0, 0)], 2).holds);
        assert!(!verdict(&[], 2).holds);
    }
}
