//! The heart of it: a worker that blocks gives its seat to another (S056), whatever it blocks on.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proactor::{Op, Port, Workers};

use super::Experiment;
use super::blockers::{Block, Blocker, blockers};
use crate::lab::measure::{Effort, Failure, PATIENCE, Times, eventually};
use crate::lab::report::{Measured, Plot, Row, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "blocked-worker",
    title: "A worker that blocks is replaced",
    claim: "When a running worker blocks, the port lets another one run: the processor stays busy, although the limit \
            says one. A wait the library knows of is announced and costs microseconds; any other is noticed by a \
            monitor that looks while work waits, within about a millisecond.",
    done: "Two workers, a limit of one. One packet makes its worker block, the packet behind it can only be taken by \
           the other. Measured: from just before the block to the handler of the packet behind. Each kind of block \
           many times; the blocked worker was released only after that, except where it blocks for a fixed time.",
    run,
};

/// A worker is to be replaced while it still blocks; it is released after this long at the latest.
const RELEASE_AFTER: Duration = Duration::from_secs(2);

/// A median beyond this is no replacement any more but luck.
const MEDIAN_BOUND_US: f64 = 20_000.0;

/// What came of one kind of block.
struct Seen {
    name: String,
    rounds: usize,
    /// Rounds in which the packet behind was taken while the worker still blocked.
    replaced: usize,
    /// It blocks for a fixed time, and on a busy machine that may be over first.
    timed: bool,
    times: Times,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let (blockers, notes) = blockers()?;
    let (mut seen, mut rows) = (Vec::new(), Vec::new());
    for blocker in blockers {
        let rounds = if blocker.timed { effort.of(25, 8) } else { effort.of(200, 40) };
        seen.push(rounds_of(&blocker, rounds)?);
    }
    for Seen { name, rounds, replaced, times, .. } in &seen {
        rows.push(Row::count(format!("{name}: replaced"), *replaced, &format!("of {rounds}")));
        rows.push(Row::new(format!("{name}: median"), times.median(), "us"));
        rows.push(Row::new(format!("{name}: 99 %"), times.percentile(99.0), "us"));
    }
    let plot = |title: &str, announced: bool| Plot {
        title: title.into(),
        x: "microseconds".into(),
        y: "% of the rounds".into(),
        shape: Shape::Histogram,
        series: seen
            .iter()
            .enumerate()
            .filter(|(index, _)| (*index < super::blockers::ANNOUNCED) == announced)
            .map(|(_, seen)| seen.times.histogram(&seen.name))
            .collect(),
    };
    let plots = vec![
        plot("Announced: from the block to the other worker's handler", true),
        plot("Found by the monitor: from the block to the other worker's handler", false),
    ];
    Ok(Measured { verdict: verdict(&seen), rows, plots, notes })
}

enum Message {
    Block(Block),
    Behind,
}

/// What the two handlers of a round tell.
#[derive(Default)]
struct Round {
    began: Mutex<Option<Instant>>,
    over: AtomicBool,
}

/// The packet behind was taken: how long after the block began, and whether that was still going on.
type Taken = (Option<Duration>, bool);

struct Stage {
    round: Round,
    taken: Mutex<Sender<Taken>>,
    back: Mutex<Sender<()>>,
}

impl Stage {
    fn handle(&self, message: Message) {
        match message {
            Message::Block(block) => {
                *lock(&self.round.began) = Some(Instant::now());
                block();
                self.round.over.store(true, SeqCst);
                let _ = lock(&self.back).send(());
            }
            Message::Behind => {
                let now = Instant::now();
                let still = !self.round.over.load(SeqCst);
                let began = *lock(&self.round.began);
                let _ = lock(&self.taken).send((began.map(|began| now - began), still));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rounds_of(blocker: &Blocker, rounds: usize) -> Result<Seen, Failure> {
    let port: Port<(), Message> = Port::new(1)?;
    let ((taken, take), (back, come)) = (mpsc::channel(), mpsc::channel());
    let stage = Arc::new(Stage { round: Round::default(), taken: taken.into(), back: back.into() });
    let handler = stage.clone();
    let workers = Workers::start(&port, 2, move |packet| {
        if let Op::Posted(message) = packet.op {
            handler.handle(message);
        }
    })?;
    let mut seen = Seen {
        name: blocker.name.into(),
        rounds,
        replaced: 0,
        timed: blocker.timed,
        times: Times::default(),
    };
    let mut result = Ok(());
    for _ in 0..rounds {
        result = one_round(&port, blocker, &stage.round, (&take, &come), &mut seen);
        if result.is_err() {
            break;
        }
    }
    port.close();
    workers.join();
    result.map(|()| seen)
}

fn one_round(
    port: &Port<(), Message>,
    blocker: &Blocker,
    round: &Round,
    (take, come): (&Receiver<Taken>, &Receiver<()>),
    seen: &mut Seen,
) -> Result<(), Failure> {
    eventually("both workers are parked", || port.snapshot().parked == 2)?;
    *lock(&round.began) = None;
    round.over.store(false, SeqCst);
    (blocker.arm)()?;
    port.post((), Message::Block(blocker.block.clone()))?;
    port.post((), Message::Behind)?;
    let first = take.recv_timeout(RELEASE_AFTER);
    (blocker.release)()?;
    // Without a replacement it comes when the worker itself is free again.
    let (time, still) = match first {
        Ok(taken) => taken,
        Err(_) => take.recv_timeout(PATIENCE)?,
    };
    come.recv_timeout(PATIENCE)?;
    if first.is_ok() && still {
        seen.replaced += 1;
        seen.times.add(time.unwrap_or_default());
    }
    Ok(())
}

fn verdict(all: &[Seen]) -> Verdict {
    let mut objections = Vec::new();
    for Seen { name, rounds, replaced, timed, times } in all {
        // Where the block ends by itself, a machine that is busy elsewhere may be late now and then.
        let enough = if *timed { rounds / 2 } else { *rounds };
        objections.push((
            *replaced < enough || *rounds == 0,
            format!(
                "{name}: in {} of {rounds} rounds the packet behind waited until the block was over",
                rounds - replaced
            ),
        ));
        let median = times.median();
        objections.push((
            median > MEDIAN_BOUND_US,
            format!("{name}: the replacement ran only after {median:.0} us"),
        ));
    }
    objections.push((all.is_empty(), "nothing was tried".into()));
    let (rounds, replaced) =
        all.iter().fold((0, 0), |sum, seen| (sum.0 + seen.rounds, sum.1 + seen.replaced));
    let medians = || all.iter().map(|seen| seen.times.median());
    let (least, most) = (medians().fold(f64::MAX, f64::min), medians().fold(0.0, f64::max));
    Verdict::unless(
        objections,
        format!(
            "replaced {replaced} times in {rounds}, {} kinds of block, medians {least:.0} to {most:.0} us",
            all.len()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(rounds: usize, replaced: usize, timed: bool, us: u64) -> Vec<Seen> {
        let mut times = Times::default();
        (0..replaced).for_each(|_| times.add(Duration::from_micros(us)));
        vec![Seen { name: "read".into(), rounds, replaced, timed, times }]
    }

    #[test]
    fn one_round_without_replacement_is_seen() {
        assert!(verdict(&seen(100, 100, false, 50)).holds);
        assert!(!verdict(&seen(100, 99, false, 50)).holds);
        assert!(!verdict(&seen(0, 0, false, 50)).holds);
        assert!(!verdict(&[]).holds);
    }

    #[test]
    fn a_block_that_ends_by_itself_may_end_first_now_and_then() {
        assert!(verdict(&seen(100, 60, true, 50)).holds);
        assert!(!verdict(&seen(100, 40, true, 50)).holds);
    }

    #[test]
    fn a_replacement_that_comes_late_is_seen() {
        assert!(!verdict(&seen(100, 100, false, 30_000)).holds);
    }
}
