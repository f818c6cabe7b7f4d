//! The concurrency value: how many workers run at once, whatever the number of threads (S054, S055).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use proactor::{Port, Workers};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, Work, eventually};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "concurrency-limit",
    title: "The concurrency value bounds who runs at once",
    claim: "A port has as many threads as one likes, but lets only so many of them run at once as its concurrency \
            value says. The rest are in reserve for those that block.",
    done: "Eight workers on a port, limit 1 to 4, and handlers that keep a processor busy for 100 us and never block. \
           Each counted itself in at its beginning and out at its end; the highest count ever seen is shown.",
    run,
};

const WORKERS: usize = 8;
const LIMITS: [usize; 4] = [1, 2, 3, 4];
const HANDLER_US: f64 = 100.0;

/// What was seen at one limit.
struct Seen {
    limit: usize,
    most: usize,
    handled: usize,
    per_second: f64,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let (jobs, work) = (effort.of(4000, 600), Work::calibrated());
    let seen = LIMITS.iter().map(|limit| at_limit(*limit, jobs, work)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    for Seen { limit, most, per_second, .. } in &seen {
        rows.push(Row::count(format!("limit {limit}: most running at once"), *most, "workers"));
        rows.push(Row::new(format!("limit {limit}: throughput"), *per_second, "packets/s"));
    }
    let names = || LIMITS.iter().map(|limit| format!("limit {limit}")).collect();
    let plots = vec![
        Plot {
            title: "Workers running at once".into(),
            x: "".into(),
            y: "workers".into(),
            shape: Shape::Bars(names()),
            series: vec![
                Series::over_names("limit", seen.iter().map(|seen| seen.limit as f64)),
                Series::over_names("most ever seen", seen.iter().map(|seen| seen.most as f64)),
            ],
        },
        Plot {
            title: "Throughput".into(),
            x: "".into(),
            y: "packets a second".into(),
            shape: Shape::Bars(names()),
            series: vec![Series::over_names("packets a second", seen.iter().map(|seen| seen.per_second))],
        },
    ];
    let processors = proactor::processors();
    let notes = vec![format!(
        "This process may use {processors} processors: on a quiet machine more workers at once bring no more packets."
    )];
    Ok(Measured { verdict: verdict(&seen, jobs), rows, plots, notes })
}

#[derive(Default)]
struct Tally {
    running: AtomicUsize,
    most: AtomicUsize,
    handled: AtomicUsize,
}

fn at_limit(limit: usize, jobs: usize, work: Work) -> Result<Seen, Failure> {
    let port: Port = Port::new(limit)?;
    let tally = Arc::new(Tally::default());
    let counted = tally.clone();
    let workers = Workers::start(&port, WORKERS, move |_| {
        counted.most.fetch_max(counted.running.fetch_add(1, SeqCst) + 1, SeqCst);
        work.burn(HANDLER_US);
        counted.running.fetch_sub(1, SeqCst);
        counted.handled.fetch_add(1, SeqCst);
    })?;
    let start = Instant::now();
    for number in 0..jobs {
        port.post(0, number)?;
    }
    let finished = eventually("all packets are handled", || tally.handled.load(SeqCst) >= jobs);
    let took = start.elapsed().as_secs_f64();
    port.close();
    workers.join();
    finished?;
    let (most, handled) = (tally.most.load(SeqCst), tally.handled.load(SeqCst));
    Ok(Seen { limit, most, handled, per_second: handled as f64 / took })
}

fn verdict(seen: &[Seen], jobs: usize) -> Verdict {
    let mut objections = Vec::new();
    for Seen { limit, most, handled, .. } in seen {
        objections.push((most > limit, format!("{most} workers ran at once with a limit of {limit}")));
        objections.push((*most == 0, format!("nobody ran with a limit of {limit}")));
        objections.push((
            *handled != jobs,
            format!("{handled} of {jobs} packets were handled with a limit of {limit}"),
        ));
    }
    let list: Vec<_> = seen.iter().map(|seen| format!("{} of {}", seen.most, seen.limit)).collect();
    Verdict::unless(objections, format!("most running at once: {}", list.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(limit: usize, most: usize, handled: usize) -> Vec<Seen> {
        vec![Seen { limit, most, handled, per_second: 1.0 }]
    }

    #[test]
    fn one_too_many_and_one_packet_lost_are_seen() {
        assert!(verdict(&seen(2, 2, 9), 9).holds);
        assert!(verdict(&seen(2, 1, 9), 9).holds);
        assert!(!verdict(&seen(2, 3, 9), 9).holds);
        assert!(!verdict(&seen(2, 0, 9), 9).holds);
        assert!(!verdict(&seen(2, 2, 8), 9).holds);
    }
}
