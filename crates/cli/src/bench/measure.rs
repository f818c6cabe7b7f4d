//! Two that do the same, in turns: their times, and the ratio of each turn.
//!
//! Whatever disturbs the machine for longer than a turn disturbs both. What disturbs a few operations does not move
//! the median of a turn, and what disturbs a few turns does not move the median of the ratios.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::report::{Latency, Spread};
use crate::lab::measure::Failure;

/// How long each operation took. In picoseconds: the shortest take a few nanoseconds.
pub struct Times {
    all: Histogram<u64>,
    /// Those of the block that is under way.
    block: Vec<u64>,
}

impl Times {
    fn new() -> Result<Times, Failure> {
        Ok(Times { all: Histogram::new(3)?, block: Vec::new() })
    }

    /// So many operations, one after the other, took `time`; counted by their mean.
    pub fn add(&mut self, time: Duration, operations: u64) {
        let mean = time.as_nanos() * 1000 / u128::from(operations.max(1));
        // Half a year is 2^64 ps: it fits, and so does the histogram grow as it must.
        let mean = u64::try_from(mean).unwrap_or(u64::MAX);
        let _ = self.all.record_n(mean, operations);
        self.block.push(mean);
    }

    /// The median of the block that ends here.
    fn end_block(&mut self) -> f64 {
        self.block.sort_unstable();
        let median = self.block.get(self.block.len() / 2).copied().unwrap_or(0);
        self.block.clear();
        median as f64
    }

    fn latency(&self) -> Latency {
        let at = |share| self.all.value_at_quantile(share) as f64 / 1000.0;
        Latency { median_ns: at(0.5), p90_ns: at(0.9), p99_ns: at(0.99) }
    }
}

/// What one side does in its turn.
pub type Block<'a> = &'a mut dyn FnMut(&mut Times);

/// What came of it: the times of both, and ours in proportion to the peer's in each round.
pub struct Compared {
    pub ours: Latency,
    pub peer: Latency,
    /// Time of ours by time of the peer.
    pub ratio: Spread,
}

/// How much is done, and who is told how far it is.
pub struct Rounds<'a> {
    pub rounds: usize,
    pub name: &'a str,
}

impl Rounds<'_> {
    /// Lets the two take turns; who comes first changes from round to round.
    pub fn alternate(&self, ours: Block<'_>, peer: Block<'_>) -> Result<Compared, Failure> {
        let (mut our_times, mut peer_times) = (Times::new()?, Times::new()?);
        // One round unmeasured: threads start, memory is touched.
        ours(&mut Times::new()?);
        peer(&mut Times::new()?);
        let mut ratios = Vec::new();
        for round in 0..self.rounds {
            self.tell(round);
            if round.is_multiple_of(2) {
                ours(&mut our_times);
                peer(&mut peer_times);
            } else {
                peer(&mut peer_times);
                ours(&mut our_times);
            }
            ratios.push(our_times.end_block() / peer_times.end_block());
        }
        Ok(Compared { ours: our_times.latency(), peer: peer_times.latency(), ratio: Spread::of(ratios) })
    }

    fn tell(&self, round: usize) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K{}: round {} of {} ...", self.name, round + 1, self.rounds);
            let _ = std::io::stderr().flush();
        }
    }
}

/// Which processors two threads run on.
#[derive(Clone, Copy)]
pub struct Place {
    pub name: &'static str,
    pub here: usize,
    pub there: usize,
}

/// Both on one processor, and each on its own where there are two.
pub fn places() -> Result<Vec<Place>, Failure> {
    let allowed = sched_getaffinity(None)?;
    let mut usable = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
    let first = usable.next().ok_or("no processor may be used")?;
    let mut places = vec![Place { name: "one processor", here: first, there: first }];
    places.extend(usable.next().map(|second| Place { name: "two processors", here: first, there: second }));
    Ok(places)
}

/// The calling thread runs on that processor only.
pub fn stay_on(cpu: usize) -> Result<(), Failure> {
    let mut only = CpuSet::new();
    only.set(cpu);
    Ok(sched_setaffinity(None, &only)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_the_medians_of_blocks() {
        let rounds = Rounds { rounds: 5, name: "test" };
        let mut ours = |times: &mut Times| {
            times.add(Duration::from_nanos(3000), 1000);
            times.add(Duration::from_nanos(3000), 1000);
            times.add(Duration::from_millis(8), 1);
        };
        let mut peer = |times: &mut Times| times.add(Duration::from_nanos(2000), 1000);
        let compared = rounds.alternate(&mut ours, &mut peer).expect("nothing can fail");
        assert!((compared.ratio.median - 1.5).abs() < 1e-9);
        assert_eq!(compared.ratio.rounds, 5);
        assert!((compared.ours.median_ns - 3.0).abs() < 0.01);
    }

    #[test]
    fn one_disturbed_round_does_not_move_the_median() {
        let rounds = Rounds { rounds: 9, name: "test" };
        let mut calls = 0;
        let mut ours = |times: &mut Times| {
            calls += 1;
            times.add(Duration::from_nanos(if calls == 5 { 1_000_000 } else { 100 }), 1);
        };
        let mut peer = |times: &mut Times| times.add(Duration::from_nanos(100), 1);
        let compared = rounds.alternate(&mut ours, &mut peer).expect("nothing can fail");
        assert_eq!(compared.ratio.median, 1.0);
        assert!(compared.ratio.most > 100.0);
    }
}
