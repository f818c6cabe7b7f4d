//! A critical section that nobody else wants, beside another recursive lock.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

use parking_lot::ReentrantMutex;
use proactor::sync::CriticalSection;

use super::Measurement;
use crate::bench::measure::Times;
use crate::bench::report::{Figure, Target};
use crate::lab::measure::{Effort, Failure};

pub const MEASUREMENT: Measurement = Measurement {
    id: "section-alone",
    meaning: "Entering and leaving a critical section that nobody else wants. Beside it locking and unlocking a \
              parking_lot::ReentrantMutex, which may be taken again by its owner as well. Neither needs the kernel; \
              the cost is two atomic instructions and knowing which thread this is.",
    target: Target::AtMost(1.1),
    run,
};

/// Operations between two readings of the clock.
const RUN: u64 = 1000;

fn run(measurement: &Measurement, effort: Effort) -> Result<Vec<Figure>, Failure> {
    let runs = effort.of(200, 20);
    let section = CriticalSection::new(Cell::new(0u64));
    let mutex = ReentrantMutex::new(Cell::new(0u64));
    let mut enter = |times: &mut Times| {
        for _ in 0..runs {
            let start = Instant::now();
            for _ in 0..RUN {
                let inside = black_box(&section).enter();
                inside.set(inside.get() + 1);
            }
            times.add(start.elapsed(), RUN);
        }
    };
    let mut lock = |times: &mut Times| {
        for _ in 0..runs {
            let start = Instant::now();
            for _ in 0..RUN {
                let inside = black_box(&mutex).lock();
                inside.set(inside.get() + 1);
            }
            times.add(start.elapsed(), RUN);
        }
    };
    let compared = measurement.rounds(effort).alternate(&mut enter, &mut lock)?;
    let names = ("CriticalSection, enter and leave", "parking_lot ReentrantMutex, lock and unlock");
    Ok(vec![Figure::new(measurement.id, "", names, compared, measurement.target)])
}
