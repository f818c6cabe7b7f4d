//! A critical section that four threads want all the time, beside another lock.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use proactor::sync::CriticalSection;

use super::Measurement;
use crate::bench::measure::Times;
use crate::bench::report::{Figure, Target};
use crate::lab::measure::{Effort, Failure};

pub const MEASUREMENT: Measurement = Measurement {
    id: "section-contended",
    meaning: "Four threads enter a critical section over and over, do a few instructions in it and about as much \
              outside. Beside it the same with a parking_lot::Mutex. The figure is the time per entry of all four \
              together; how long a thread spins, when it sleeps and who is woken decide it.",
    target: Target::AtLeast(0.9),
    run,
};

const THREADS: usize = 4;

/// Steps inside and as many outside, each in need of the one before.
const STEPS: u64 = 10;

fn steps(state: u64) -> u64 {
    (0..STEPS).fold(state, |state, _| black_box(state.wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ 1))
}

fn run(measurement: &Measurement, effort: Effort) -> Result<Vec<Figure>, Failure> {
    let length = Duration::from_millis(effort.of(20, 5) as u64);
    let section = CriticalSection::new(Cell::new(0u64));
    let mutex = Mutex::new(0u64);
    let mut enter = |times: &mut Times| {
        turn(length, times, &|| {
            let inside = section.enter();
            inside.set(steps(inside.get()));
        });
    };
    let mut lock = |times: &mut Times| {
        turn(length, times, &|| {
            let mut inside = mutex.lock();
            *inside = steps(*inside);
        });
    };
    let compared = measurement.rounds(effort).alternate(&mut enter, &mut lock)?;
    let names = ("CriticalSection, 4 threads", "parking_lot Mutex, 4 threads");
    Ok(vec![Figure::new(measurement.id, "", names, compared, measurement.target)])
}

/// All threads at once, for so long; adds the time per entry.
fn turn(length: Duration, times: &mut Times, entry: &(dyn Fn() + Sync)) {
    let (begin, over, entries) = (Barrier::new(THREADS + 1), AtomicBool::new(false), AtomicU64::new(0));
    let thread = || {
        begin.wait();
        let (mut mine, mut state) = (0, 1);
        while !over.load(Ordering::Relaxed) {
            entry();
            state = steps(state);
            mine += 1;
        }
        entries.fetch_add(mine, Ordering::Relaxed);
    };
    let took = std::thread::scope(|scope| {
        (0..THREADS).for_each(|_| {
            scope.spawn(thread);
        });
        begin.wait();
        let start = Instant::now();
        std::thread::sleep(length);
        over.store(true, Ordering::Relaxed);
        start.elapsed()
    });
    times.add(took, entries.load(Ordering::Relaxed).max(1));
}
