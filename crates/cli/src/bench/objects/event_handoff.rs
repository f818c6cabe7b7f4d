//! An auto-reset event to another thread and one back, beside the futexes that put the threads to sleep.

use std::sync::atomic::{AtomicU32, Ordering};

use proactor::Status;
use proactor::object::{Event, Wait, wait_one};
use rustix::thread::futex;

use super::Measurement;
use super::handoff::{Handoff, compare};
use crate::bench::report::Target;

pub const MEASUREMENT: Measurement = Measurement {
    id: "event-handoff",
    meaning: "A thread sets an auto-reset event that another waits for, and waits for one that the other sets: there \
              and back. Beside it the same with nothing but two futex words. The difference is what the object costs \
              when a thread has to sleep and be woken.",
    target: Target::AtMost(1.1),
    run: |measurement, effort| {
        compare(
            measurement,
            effort,
            ("an event there and one back", "a futex there and one back"),
            Events::default,
            Futexes::default,
        )
    },
};

/// A pair of auto-reset events.
pub struct Events {
    there: Event,
    back: Event,
}

impl Default for Events {
    fn default() -> Events {
        Events { there: Event::auto(false), back: Event::auto(false) }
    }
}

impl Events {
    /// Two that another process knows by the same name.
    pub fn named(name: &str) -> Result<Events, Status> {
        let event =
            |which| Event::create_named(&format!("{name}-{which}"), false, false).map(|(event, _)| event);
        Ok(Events { there: event("there")?, back: event("back")? })
    }
}

/// An endless wait for an event that is at hand has nothing to fail with.
fn wait(event: &Event) {
    wait_one(event, Wait::FOREVER).expect("an endless wait ends when the event is set");
}

impl Handoff for Events {
    fn call(&self, _: usize) {
        self.there.set();
    }

    fn be_called(&self, _: usize) {
        wait(&self.there);
    }

    fn answer(&self, _: usize) {
        self.back.set();
    }

    fn be_answered(&self, _: usize) {
        wait(&self.back);
    }
}

#[derive(Default)]
struct Futexes {
    there: AtomicU32,
    back: AtomicU32,
}

pub fn hand(word: &AtomicU32, flags: futex::Flags) {
    word.store(1, Ordering::Release);
    let _ = futex::wake(word, flags, 1);
}

pub fn take(word: &AtomicU32, flags: futex::Flags) {
    while word.swap(0, Ordering::Acquire) == 0 {
        let _ = futex::wait(word, flags, 0, None);
    }
}

impl Handoff for Futexes {
    fn call(&self, _: usize) {
        hand(&self.there, futex::Flags::PRIVATE);
    }

    fn be_called(&self, _: usize) {
        take(&self.there, futex::Flags::PRIVATE);
    }

    fn answer(&self, _: usize) {
        hand(&self.back, futex::Flags::PRIVATE);
    }

    fn be_answered(&self, _: usize) {
        take(&self.back, futex::Flags::PRIVATE);
    }
}
