//! The counts of the seats against a plain model that keeps the state of every worker by itself.

#![allow(dead_code, reason = "the port uses the rest of the included file")]

#[path = "../src/port/seats.rs"]
mod seats;

use proptest::prelude::*;
use seats::{Counts, Place, Wake};

const WORKERS: usize = 6;

/// Where a worker is. One that is blocked, or has never come, is `Out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worker {
    Out,
    Seated,
    Waits(Place),
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Arrive(usize),
    Release(usize),
    Resume(usize),
    Park(usize, Place),
    Unpark(usize),
    Work { worth: bool },
    Watch,
    Close,
}

struct Model {
    limit: usize,
    workers: [Worker; WORKERS],
    waking: bool,
    closed: bool,
}

impl Model {
    fn count(&self, what: Worker) -> usize {
        self.workers.iter().filter(|worker| **worker == what).count()
    }

    fn active(&self) -> usize {
        self.count(Worker::Seated)
    }

    fn counts(&self) -> Counts {
        let count = |what| u16::try_from(self.count(what)).unwrap();
        Counts {
            active: count(Worker::Seated),
            polling: count(Worker::Waits(Place::Polling)),
            parked: count(Worker::Waits(Place::Parked)),
            waking: self.waking,
            closed: self.closed,
        }
    }

    /// A worker that is nobody's wants a seat.
    fn let_in(&mut self, worker: usize) -> bool {
        let free = self.active() < self.limit && !self.closed;
        if free {
            self.workers[worker] = Worker::Seated;
        }
        free
    }

    fn wake(&mut self, wanted: bool) -> Wake {
        let nobody = self.waking || self.closed || self.active() >= self.limit || !wanted;
        let wake = if nobody {
            Wake::Nobody
        } else if self.count(Worker::Waits(Place::Polling)) > 0 {
            Wake::Polling
        } else if self.count(Worker::Waits(Place::Parked)) > 0 {
            Wake::Parked
        } else {
            Wake::Nobody
        };
        self.waking |= wake != Wake::Nobody;
        wake
    }

    /// The new counts, if the event can happen now; each answer has to be the same on both sides.
    fn apply(&mut self, counts: Counts, event: Event) -> Result<Option<Counts>, TestCaseError> {
        let limit = u16::try_from(self.limit).unwrap();
        let before = self.active();
        let after = match event {
            Event::Arrive(worker) if self.workers[worker] == Worker::Out => {
                let (after, seated) = counts.arrive(limit);
                prop_assert_eq!(seated, self.let_in(worker));
                after
            }
            Event::Release(worker) if self.workers[worker] == Worker::Seated => {
                self.workers[worker] = Worker::Out;
                counts.release()
            }
            Event::Resume(worker) if self.workers[worker] == Worker::Out => {
                self.workers[worker] = Worker::Seated;
                counts.resume()
            }
            Event::Park(worker, place) if !matches!(self.workers[worker], Worker::Waits(_)) => {
                let seated = self.workers[worker] == Worker::Seated;
                self.workers[worker] = Worker::Waits(place);
                counts.park(seated, place)
            }
            Event::Unpark(worker) => {
                let Worker::Waits(place) = self.workers[worker] else { return Ok(None) };
                let (after, seated) = counts.unpark(place, limit);
                self.workers[worker] = Worker::Out;
                self.waking = false;
                prop_assert_eq!(seated, self.let_in(worker));
                after
            }
            Event::Work { worth } => {
                let (after, wake) = counts.work(limit, worth);
                let wanted = worth || before == 0;
                prop_assert_eq!(wake, self.wake(wanted));
                after
            }
            Event::Watch => {
                let (after, wake) = counts.watch(limit);
                let wanted = self.count(Worker::Waits(Place::Polling)) == 0;
                prop_assert_eq!(wake, self.wake(wanted));
                after
            }
            Event::Close => {
                self.closed = true;
                counts.close()
            }
            _ => return Ok(None),
        };
        if self.active() > before && !matches!(event, Event::Resume(_)) {
            prop_assert!(self.active() <= self.limit, "only who resumes goes over the limit");
        }
        Ok(Some(after))
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let worker = 0..WORKERS;
    let place = prop_oneof![Just(Place::Polling), Just(Place::Parked)];
    let event = prop_oneof![
        4 => worker.clone().prop_map(Event::Arrive),
        2 => worker.clone().prop_map(Event::Release),
        2 => worker.clone().prop_map(Event::Resume),
        4 => (worker.clone(), place).prop_map(|(worker, place)| Event::Park(worker, place)),
        4 => worker.prop_map(Event::Unpark),
        4 => any::<bool>().prop_map(|worth| Event::Work { worth }),
        1 => Just(Event::Watch),
    ];
    // A closed port has little left to show: it is closed near the end, if at all.
    (prop::collection::vec(event.clone(), 0..200), any::<bool>(), prop::collection::vec(event, 0..20))
        .prop_map(|(mut events, close, rest)| {
            if close {
                events.push(Event::Close);
            }
            events.extend(rest);
            events
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_counts_are_those_of_the_workers(limit in 1usize..5, events in events()) {
        let mut model =
            Model { limit, workers: [Worker::Out; WORKERS], waking: false, closed: false };
        let mut counts = Counts::default();
        for event in events {
            let Some(after) = model.apply(counts, event)? else { continue };
            prop_assert_eq!(after, model.counts(), "after {:?}", event);
            prop_assert_eq!(Counts::unpack(after.pack()), after);
            prop_assert_eq!(usize::from(after.spare()) + model.active() + model.count(Worker::Out), WORKERS);
            counts = after;
        }
    }
}
