//! The locks beside those of `parking_lot`, in turns of one run, so that whatever else the machine does meets both.
//!
//! `cargo bench -p proactor --bench locks`
//!
//! For what is uncontended each line gives the least time over the rounds, and the ratio of the two (less is
//! better); for what is contended the median of the throughput, and of the ratios within the rounds (more is better).

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use proactor::sync::{CriticalSection, RwLock, SpinLock};

const ROUNDS: usize = 31;
const STEPS: u32 = 1_000_000;
const THREADS: usize = 4;
const SPELL: Duration = Duration::from_millis(100);

/// Nanoseconds for one step, alone.
fn alone(step: impl Fn()) -> f64 {
    let started = Instant::now();
    (0..STEPS).for_each(|_| step());
    started.elapsed().as_secs_f64() * 1e9 / f64::from(STEPS)
}

/// Million steps in a second, by all threads together. A thread knows its number.
fn together(step: impl Fn(usize) + Sync) -> f64 {
    let (start, stop, done) = (Barrier::new(THREADS + 1), AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (start, stop, done, step) = (&start, &stop, &done, &step);
            scope.spawn(move || {
                start.wait();
                let mut steps = 0;
                while !stop.load(Relaxed) {
                    step(thread);
                    steps += 1;
                }
                done.fetch_add(steps, Relaxed);
            });
        }
        start.wait();
        let started = Instant::now();
        std::thread::sleep(SPELL);
        stop.store(true, Relaxed);
        started.elapsed()
    });
    done.load(Relaxed) as f64 / SPELL.as_secs_f64() / 1e6
}

/// What is done outside of a lock, so that it is not all there is.
fn elsewhere(pauses: u32) {
    (0..pauses).for_each(|n| {
        black_box(n);
    });
}

/// What it takes when nothing else gets in the way.
fn least(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn compare(what: &str, unit: &str, ours: impl Fn() -> f64, theirs: impl Fn() -> f64) {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if wanted.is_some_and(|wanted| !what.contains(&wanted)) {
        return;
    }
    let (mut our, mut their, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (a, b) = if round % 2 == 0 {
            let a = ours();
            (a, theirs())
        } else {
            let b = theirs();
            (ours(), b)
        };
        our.push(a);
        their.push(b);
        ratio.push(a / b);
    }
    let (our, their, ratio) = match unit {
        "ns" => (least(&our), least(&their), least(&our) / least(&their)),
        _ => (median(our), median(their), median(ratio)),
    };
    println!("{what:<58} {our:>8.2} {their:>8.2} {unit:<6} {ratio:>5.2}");
}

fn main() {
    println!("{:<58} {:>8} {:>8} {:<6} {:>5}", "", "ours", "theirs", "", "ratio");
    sections();
    rwlocks();
    let (ours, theirs) =
        (CachePadded::new(SpinLock::new(0u64)), CachePadded::new(parking_lot::Mutex::new(0u64)));
    compare(
        "spin lock | Mutex, alone",
        "ns",
        || alone(|| *ours.lock() += 1),
        || alone(|| *theirs.lock() += 1),
    );
}

fn sections() {
    let (ours, theirs) = (
        CachePadded::new(CriticalSection::new(Cell::new(0u64))),
        CachePadded::new(parking_lot::ReentrantMutex::new(Cell::new(0u64))),
    );
    let add = |value: &Cell<u64>| value.set(value.get() + 1);
    compare(
        "critical section | ReentrantMutex, alone",
        "ns",
        || alone(|| add(&ours.enter())),
        || alone(|| add(&theirs.lock())),
    );
    let (outer_ours, outer_theirs) = (ours.enter(), theirs.lock());
    compare(
        "critical section | ReentrantMutex, once more",
        "ns",
        || alone(|| add(&ours.enter())),
        || alone(|| add(&theirs.lock())),
    );
    drop((outer_ours, outer_theirs));
    let theirs = CachePadded::new(parking_lot::Mutex::new(0u64));
    for outside in [0, 50, 500] {
        let what = format!("critical section | Mutex, 4 threads, {outside} steps outside");
        let us = |_| {
            add(&ours.enter());
            elsewhere(outside);
        };
        let they = |_| {
            *theirs.lock() += 1;
            elsewhere(outside);
        };
        compare(&what, "M/s", || together(us), || together(they));
    }
}

fn rwlocks() {
    let (ours, theirs) =
        (CachePadded::new(RwLock::new(0u64)), CachePadded::new(parking_lot::RwLock::new(0u64)));
    compare(
        "RwLock | RwLock, write, alone",
        "ns",
        || alone(|| *ours.write() += 1),
        || alone(|| *theirs.write() += 1),
    );
    let (read_ours, read_theirs) = (
        || {
            black_box(*ours.read());
        },
        || {
            black_box(*theirs.read());
        },
    );
    compare("RwLock | RwLock, read, alone", "ns", || alone(read_ours), || alone(read_theirs));
    for (what, writers) in [("4 readers", 0), ("1 writer, 3 readers", 1), ("4 writers", 4)] {
        let us = |thread| {
            if thread < writers {
                *ours.write() += 1
            } else {
                read_ours()
            }
            elsewhere(50);
        };
        let they = |thread| {
            if thread < writers {
                *theirs.write() += 1
            } else {
                read_theirs()
            }
            elsewhere(50);
        };
        compare(&format!("RwLock | RwLock, {what}"), "M/s", || together(us), || together(they));
    }
}
