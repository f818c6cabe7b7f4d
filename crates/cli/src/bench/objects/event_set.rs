//! Setting an event that nobody waits for, beside an uncontended mutex.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use proactor::object::Event;

use super::Measurement;
use crate::bench::measure::Times;
use crate::bench::report::{Figure, Target};
use crate::lab::measure::{Effort, Failure};

pub const MEASUREMENT: Measurement = Measurement {
    id: "event-set",
    meaning: "Setting an event that nobody waits for and that is not set yet. Beside it locking and unlocking a \
              std::sync::Mutex that nobody else wants, the measure of the machine. Neither needs the kernel.",
    target: Target::Nanoseconds(20.0),
    run,
};

/// So many that reading the clock counts for little, and few enough to stay in the first cache.
const OBJECTS: usize = 128;

fn run(measurement: &Measurement, effort: Effort) -> Result<Vec<Figure>, Failure> {
    let in_block = effort.of(2000, 200);
    let events: Vec<_> = (0..OBJECTS).map(|_| Event::auto(false)).collect();
    let mutexes: Vec<_> = (0..OBJECTS).map(|_| Mutex::new(0u64)).collect();
    let mut set = |times: &mut Times| {
        for _ in 0..in_block {
            let start = Instant::now();
            for event in &events {
                black_box(event.set());
            }
            times.add(start.elapsed(), OBJECTS as u64);
            for event in &events {
                event.reset();
            }
        }
    };
    let mut lock = |times: &mut Times| {
        for _ in 0..in_block {
            let start = Instant::now();
            for mutex in &mutexes {
                *black_box(mutex.lock().unwrap_or_else(PoisonError::into_inner)) += 1;
            }
            times.add(start.elapsed(), OBJECTS as u64);
        }
    };
    let compared = measurement.rounds(effort).alternate(&mut set, &mut lock)?;
    let names = ("Event::set, nobody waits", "std Mutex, lock and unlock");
    Ok(vec![Figure::new(measurement.id, "", names, compared, measurement.target)])
}
