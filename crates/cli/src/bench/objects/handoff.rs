//! There and back: one thread hands over to another, which hands back, over and over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use proactor::object::{Builder, Thread, Wait, wait_one};

use super::Measurement;
use crate::bench::measure::{Place, Times, places, stay_on};
use crate::bench::report::Figure;
use crate::lab::measure::{Effort, Failure};

/// A way to hand over. Rounds are counted from 0, by both threads alike.
pub trait Handoff: Send + Sync + 'static {
    /// Before the first round, where the two are threads of one process.
    fn meet(&self, _partner: &Thread) {}
    /// Hands over to the partner.
    fn call(&self, round: usize);
    /// The partner waits for the call,
    fn be_called(&self, round: usize);
    /// and hands back.
    fn answer(&self, round: usize);
    /// Waits for the answer.
    fn be_answered(&self, round: usize);
}

/// The thread that answers, until this is dropped.
struct Partner<H: Handoff> {
    handoff: Arc<H>,
    thread: Thread,
    end: Arc<AtomicBool>,
    round: usize,
}

impl<H: Handoff> Partner<H> {
    fn start(handoff: H, place: Place) -> Result<Partner<H>, Failure> {
        let (handoff, end) = (Arc::new(handoff), Arc::new(AtomicBool::new(false)));
        let (answers, ends) = (handoff.clone(), end.clone());
        let answer = move || {
            // Refused, it runs where it may: slower or faster, for both sides alike.
            let _ = stay_on(place.there);
            for round in 0.. {
                answers.be_called(round);
                if ends.load(Ordering::Acquire) {
                    break;
                }
                answers.answer(round);
            }
            0
        };
        let thread = Builder::new().name("partner").spawn(answer)?;
        handoff.meet(&thread);
        Ok(Partner { handoff, thread, end, round: 0 })
    }

    fn rounds(&mut self, rounds: usize, times: &mut Times) {
        there_and_back(&*self.handoff, &mut self.round, rounds, times);
    }
}

/// There and back so many times, each timed.
pub fn there_and_back(handoff: &impl Handoff, round: &mut usize, rounds: usize, times: &mut Times) {
    for _ in 0..rounds {
        let start = Instant::now();
        handoff.call(*round);
        handoff.be_answered(*round);
        times.add(start.elapsed(), 1);
        *round += 1;
    }
}

impl<H: Handoff> Drop for Partner<H> {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        self.handoff.call(self.round);
        let _ = wait_one(&self.thread, Wait::FOREVER);
    }
}

/// Two ways to hand over, on one processor and on two.
pub fn compare<A: Handoff, B: Handoff>(
    measurement: &Measurement,
    effort: Effort,
    names: (&'static str, &'static str),
    ours: impl Fn() -> A,
    peer: impl Fn() -> B,
) -> Result<Vec<Figure>, Failure> {
    let in_block = effort.of(400, 100);
    let one = |place: Place| {
        stay_on(place.here)?;
        let mut ours = Partner::start(ours(), place)?;
        let mut peer = Partner::start(peer(), place)?;
        let compared = measurement
            .rounds(effort)
            .alternate(&mut |times| ours.rounds(in_block, times), &mut |times| {
                peer.rounds(in_block, times)
            })?;
        Ok(Figure::new(measurement.id, place.name, names, compared, measurement.target))
    };
    places()?.into_iter().map(one).collect()
}
