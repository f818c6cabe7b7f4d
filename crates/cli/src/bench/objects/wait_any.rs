//! A wait for any of 64 events, beside a wait for one.

use proactor::object::{Event, MAXIMUM_WAIT_OBJECTS, Wait, Waitable, wait_any};

use super::Measurement;
use super::event_handoff::Events;
use super::handoff::{Handoff, compare};
use crate::bench::report::Target;

pub const MEASUREMENT: Measurement = Measurement {
    id: "wait-any",
    meaning: "Two threads hand over to each other, each waiting for any of 64 events of which the other sets one, a \
              different one each time. Beside it the same with a wait for one event. The wait has to look at 64 \
              objects, make itself known to each, and take its leave of each.",
    target: Target::AtMost(3.0),
    run: |measurement, effort| {
        compare(
            measurement,
            effort,
            ("any of 64 events, there and back", "one event, there and back"),
            AnyOf::default,
            Events::default,
        )
    },
};

struct AnyOf {
    there: Vec<Event>,
    back: Vec<Event>,
}

impl Default for AnyOf {
    fn default() -> AnyOf {
        let events = || (0..MAXIMUM_WAIT_OBJECTS).map(|_| Event::auto(false)).collect();
        AnyOf { there: events(), back: events() }
    }
}

/// Goes through all of them, in no order that a processor foresees by habit.
fn nth(events: &[Event], round: usize) -> &Event {
    &events[round * 37 % MAXIMUM_WAIT_OBJECTS]
}

fn wait(events: &[Event], round: usize) {
    let mut all: [&dyn Waitable; MAXIMUM_WAIT_OBJECTS] = [&events[0]; MAXIMUM_WAIT_OBJECTS];
    all.iter_mut().zip(events).for_each(|(place, event)| *place = event);
    let waited = wait_any(&all, Wait::FOREVER).expect("an endless wait ends when an event is set");
    assert_eq!(waited.index, round * 37 % MAXIMUM_WAIT_OBJECTS, "only one is set");
}

impl Handoff for AnyOf {
    fn call(&self, round: usize) {
        nth(&self.there, round).set();
    }

    fn be_called(&self, round: usize) {
        wait(&self.there, round);
    }

    fn answer(&self, round: usize) {
        nth(&self.back, round).set();
    }

    fn be_answered(&self, round: usize) {
        wait(&self.back, round);
    }
}
