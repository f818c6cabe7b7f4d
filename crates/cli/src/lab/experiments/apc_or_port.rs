//! A queued call reaches one particular thread (S122, S124); a port spreads work over all of its workers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use proactor::object::{Thread, Wait, sleep, wait_one};
use proactor::{Port, Workers};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, Work, eventually};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "apc-or-port",
    title: "A queued call reaches one thread, a port spreads",
    claim: "A call (APC) queued to a thread runs in that thread and in no other, however busy it is and however idle \
            the others are. That is what it is for: to tell one thread something. Work that anybody may do belongs in a \
            port, where every worker that is free takes from one queue.",
    done: "Four threads waited alertably, and all jobs were queued to the first of them, 100 us of a processor each. \
           Then the same jobs were posted to a port with four workers, all of which may run. Who did how many, and how \
           many were under way at once?",
    run,
};

const THREADS: usize = 4;
const JOB_US: f64 = 100.0;

/// Who did how many, and how many were under way at once at most.
#[derive(Default)]
struct Tally {
    by: Mutex<HashMap<ThreadId, usize>>,
    under_way: AtomicUsize,
    most: AtomicUsize,
    done: AtomicUsize,
}

impl Tally {
    fn job(&self, work: Work) {
        self.most.fetch_max(self.under_way.fetch_add(1, SeqCst) + 1, SeqCst);
        work.burn(JOB_US);
        self.under_way.fetch_sub(1, SeqCst);
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        *by.entry(thread::current().id()).or_default() += 1;
        drop(by);
        self.done.fetch_add(1, SeqCst);
    }

    fn seen(&self, start: Instant) -> Seen {
        let by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts: Vec<_> = by.values().copied().collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        counts.resize(THREADS.max(counts.len()), 0);
        Seen { counts, most: self.most.load(SeqCst), milliseconds: start.elapsed().as_secs_f64() * 1e3 }
    }
}

/// What came of one way. Threads that did nothing are counted as 0.
struct Seen {
    counts: Vec<usize>,
    most: usize,
    milliseconds: f64,
}

impl Seen {
    fn threads(&self) -> usize {
        self.counts.iter().filter(|count| **count > 0).count()
    }

    fn done(&self) -> usize {
        self.counts.iter().sum()
    }
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let (jobs, work) = (effort.of(1000, 300), Work::calibrated());
    let (calls, port) = (by_calls(jobs, work)?, by_port(jobs, work)?);
    let mut rows = vec![Row::count("jobs", jobs, "")];
    for (name, seen) in [("calls", &calls), ("port", &port)] {
        rows.push(Row::count(format!("{name}: threads that did any"), seen.threads(), "of 4"));
        rows.push(Row::count(format!("{name}: done by the busiest thread"), seen.counts[0], ""));
        rows.push(Row::count(format!("{name}: most under way at once"), seen.most, ""));
        rows.push(Row::new(format!("{name}: time for all"), seen.milliseconds, "ms"));
    }
    let plot = Plot {
        title: "Jobs by thread, busiest first".into(),
        x: "thread".into(),
        y: "jobs".into(),
        shape: Shape::Bars((1..=THREADS).map(|rank| format!("#{rank}")).collect()),
        series: vec![
            Series::over_names("queued to one thread", calls.counts.iter().map(|count| *count as f64)),
            Series::over_names("posted to a port", port.counts.iter().map(|count| *count as f64)),
        ],
    };
    Ok(Measured { verdict: verdict(&calls, &port, jobs), rows, plots: vec![plot], notes: Vec::new() })
}

fn by_calls(jobs: usize, work: Work) -> Result<Seen, Failure> {
    let (tally, over) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
    let mut threads = Vec::new();
    for _ in 0..THREADS {
        let over = over.clone();
        threads.push(Thread::spawn(move || {
            while !over.load(SeqCst) {
                // It ends whenever calls have run.
                let _ = sleep(Wait::FOREVER.alertably());
            }
            0
        })?);
    }
    let start = Instant::now();
    for _ in 0..jobs {
        let tally = tally.clone();
        threads[0].queue_apc(move || tally.job(work))?;
    }
    let finished = eventually("all calls have run", || tally.done.load(SeqCst) == jobs);
    let seen = tally.seen(start);
    over.store(true, SeqCst);
    for thread in &threads {
        // One that has ended already needs no call to end.
        let _ = thread.queue_apc(|| ());
        wait_one(thread, Wait::FOREVER)?;
    }
    finished.map(|()| seen)
}

fn by_port(jobs: usize, work: Work) -> Result<Seen, Failure> {
    let port: Port = Port::new(THREADS)?;
    let tally = Arc::new(Tally::default());
    let counted = tally.clone();
    let workers = Workers::start(&port, THREADS, move |_| counted.job(work))?;
    let start = Instant::now();
    for number in 0..jobs {
        port.post(0, number)?;
    }
    let finished = eventually("all packets are handled", || tally.done.load(SeqCst) == jobs);
    let seen = tally.seen(start);
    port.close();
    workers.join();
    finished.map(|()| seen)
}

fn verdict(calls: &Seen, port: &Seen, jobs: usize) -> Verdict {
    let (calls_done, port_done) = (calls.done(), port.done());
    Verdict::unless(
        [
            (jobs == 0, "nothing was tried".into()),
            (calls_done != jobs, format!("{calls_done} of {jobs} calls ran")),
            (port_done != jobs, format!("{port_done} of {jobs} packets were handled")),
            (calls.threads() != 1, format!("calls queued to one thread ran in {}", calls.threads())),
            (calls.most != 1, format!("{} calls of one thread were under way at once", calls.most)),
            (port.threads() < 2, "one worker of the port did everything".into()),
        ],
        format!("one thread ran all {jobs} calls; {} workers shared the packets", port.threads()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(counts: &[usize], most: usize) -> Seen {
        Seen { counts: counts.to_vec(), most, milliseconds: 1.0 }
    }

    #[test]
    fn each_failure_is_seen() {
        let (calls, port) = (seen(&[10, 0, 0, 0], 1), seen(&[4, 3, 2, 1], 3));
        assert!(verdict(&calls, &port, 10).holds);
        assert!(!verdict(&seen(&[9, 1, 0, 0], 1), &port, 10).holds, "two threads ran calls");
        assert!(!verdict(&seen(&[10, 0, 0, 0], 2), &port, 10).holds, "two calls at once");
        assert!(!verdict(&calls, &seen(&[10, 0, 0, 0], 1), 10).holds, "nothing was spread");
        assert!(!verdict(&calls, &port, 11).holds, "one was lost");
        assert!(!verdict(&seen(&[0; 4], 0), &seen(&[0; 4], 0), 0).holds, "nothing shows nothing");
    }
}
