//! The worker that parked last is the one released (S047): its cache is warm, and the others may sleep on.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use proactor::{Port, Workers};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, PATIENCE, eventually};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "release-order",
    title: "The worker that parked last runs next",
    claim: "Of the workers that wait, a port releases the one that came last. With little to do it is the same one over \
            and over: its stack and its data are still in the cache, and the others can sleep for good. A pool that \
            serves its threads in turn touches all of them.",
    done: "Eight workers, packets posted one at a time, each only when all eight were parked again: who took how \
           many? The same with eight threads on one mutex and condition variable, where the one that has waited longest is \
           woken.",
    run,
};

const WORKERS: usize = 8;

/// Who took the packets, one after the other.
type Takers = Vec<ThreadId>;

fn run(effort: Effort) -> Result<Measured, Failure> {
    let packets = effort.of(1000, 200);
    let (ours, turns) = (port_pool(packets)?, queue_pool(packets)?);
    let (our_shares, turn_shares) = (shares(&ours), shares(&turns));
    let names = (1..=WORKERS).map(|rank| format!("#{rank}")).collect();
    let rows = vec![
        Row::count("packets", packets, ""),
        Row::new("port: taken by the busiest worker", our_shares[0], "%"),
        Row::new("port: taken by the worker that parked last", repeated(&ours), "%"),
        Row::count(
            "port: workers that took any",
            our_shares.iter().filter(|share| **share > 0.0).count(),
            "of 8",
        ),
        Row::new("in turn: taken by the busiest thread", turn_shares[0], "%"),
        Row::count(
            "in turn: threads that took any",
            turn_shares.iter().filter(|share| **share > 0.0).count(),
            "of 8",
        ),
    ];
    let plot = Plot {
        title: "Share of the packets, busiest worker first".into(),
        x: "worker".into(),
        y: "% of the packets".into(),
        shape: Shape::Bars(names),
        series: vec![
            Series::over_names("port, newest first", our_shares.iter().copied()),
            Series::over_names("pool, oldest first", turn_shares.iter().copied()),
        ],
    };
    Ok(Measured { verdict: verdict(&ours, packets), rows, plots: vec![plot], notes: Vec::new() })
}

fn port_pool(packets: usize) -> Result<Takers, Failure> {
    let port: Port = Port::new(1)?;
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let workers = Workers::start(&port, WORKERS, move |_| {
        let tell = tell.lock().unwrap_or_else(PoisonError::into_inner);
        // The other end is gone only when the experiment has failed.
        let _ = tell.send(thread::current().id());
    })?;
    let one = || {
        eventually("all workers are parked", || port.snapshot().parked == WORKERS)?;
        port.post(0, 0)?;
        Ok(told.recv_timeout(PATIENCE)?)
    };
    let takers = (0..packets).map(|_| one()).collect();
    port.close();
    workers.join();
    takers
}

/// What a pool is without a port: a queue, and threads that wait for it in turn.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    packets: VecDeque<usize>,
    waiting: usize,
    closed: bool,
}

impl Queue {
    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, tell: &Sender<ThreadId>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while state.packets.is_empty() && !state.closed {
                state.waiting += 1;
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
            }
            if state.packets.pop_front().is_none() {
                return;
            }
            let _ = tell.send(thread::current().id());
        }
    }
}

fn queue_pool(packets: usize) -> Result<Takers, Failure> {
    let (queue, (tell, told)) = (Arc::new(Queue::default()), mpsc::channel());
    let threads: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (queue, tell) = (queue.clone(), tell.clone());
            thread::spawn(move || queue.serve(&tell))
        })
        .collect();
    let takers = feed(&queue, &told, packets);
    queue.with(|state| state.closed = true);
    queue.filled.notify_all();
    for thread in threads {
        thread.join().map_err(|_| "a thread of the pool panicked")?;
    }
    takers
}

fn feed(queue: &Queue, told: &Receiver<ThreadId>, packets: usize) -> Result<Takers, Failure> {
    let one = |number| {
        eventually("all threads wait", || queue.with(|state| state.waiting == WORKERS))?;
        queue.with(|state| state.packets.push_back(number));
        queue.filled.notify_one();
        Ok(told.recv_timeout(PATIENCE)?)
    };
    (0..packets).map(one).collect()
}

/// What each took of a hundred, the busiest first; as many as there are workers.
fn shares(takers: &[ThreadId]) -> Vec<f64> {
    let mut counts = HashMap::new();
    takers.iter().for_each(|taker| *counts.entry(*taker).or_insert(0u32) += 1);
    let mut shares: Vec<_> =
        counts.values().map(|count| f64::from(*count) * 100.0 / takers.len() as f64).collect();
    shares.sort_by(|one, other| other.total_cmp(one));
    shares.resize(WORKERS.max(shares.len()), 0.0);
    shares
}

/// How many of a hundred packets went to the worker that took the one before: it parked last.
fn repeated(takers: &[ThreadId]) -> f64 {
    let same = takers.windows(2).filter(|pair| pair[0] == pair[1]).count();
    same as f64 * 100.0 / takers.len().saturating_sub(1).max(1) as f64
}

fn verdict(takers: &[ThreadId], packets: usize) -> Verdict {
    let same = repeated(takers);
    Verdict::unless(
        [
            (takers.len() != packets, format!("{} of {packets} packets were taken", takers.len())),
            // A worker may be counted as parked a moment before it sleeps.
            (same < 90.0, format!("only {same:.1} % of the packets went to the worker that parked last")),
        ],
        format!("{same:.1} % of the packets went to the worker that had parked last"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(count: usize) -> Vec<ThreadId> {
        let one = |_| thread::spawn(|| thread::current().id()).join().expect("it only asks for its name");
        (0..count).map(one).collect()
    }

    #[test]
    fn taking_turns_does_not_pass_for_newest_first() {
        let ids = threads(WORKERS);
        let in_turn: Takers = ids.iter().copied().cycle().take(100).collect();
        assert!(!verdict(&in_turn, 100).holds);
        assert!((shares(&in_turn)[0] - 13.0).abs() < 0.1);
        let same = vec![ids[0]; 100];
        assert!(verdict(&same, 100).holds);
        assert!(!verdict(&same, 101).holds, "one was lost");
        assert!(!verdict(&[], 0).holds, "nothing shows nothing");
    }
}
