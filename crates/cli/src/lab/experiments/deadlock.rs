//! The four conditions of a deadlock, made with real threads, found while it lasts, and each taken away in turn.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};

use proactor::object::{Builder, Mutex, Semaphore, Thread, Wait, wait_all, wait_one};
use proactor::{Status, diagnose};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, PATIENCE, eventually};
use crate::lab::report::{Measured, Row, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "deadlock",
    title: "Four conditions make a deadlock; without any one of them there is none",
    claim: "Threads wait for each other for ever when four things come together: each object has one owner at a time; who \
            has one waits for another; nobody takes anything away from anybody; and they wait in a circle. The circle \
            can be found while it lasts, and a program that does without one of the four has none.",
    done: "Three threads with three mutexes: each takes one, and when all have one, its neighbour's. The library was asked \
           for deadlocks; then one thread was told, by a queued call, to give up and give back. After that, without one \
           condition at a time: objects with room for two; both mutexes in one wait; the lower one first.",
    run,
};

const THREADS: usize = 3;

#[derive(Default)]
struct Facts {
    rounds: usize,
    /// Circles that were found, of the three threads and nobody else.
    found: usize,
    /// Threads that went on after one had given way.
    freed: usize,
    /// Threads that got both without the one condition, of three in each round.
    shared: usize,
    at_once: usize,
    ordered: usize,
    /// Deadlocks that were reported when all was over.
    reported_without: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let rounds = effort.of(50, 10);
    let mut facts = Facts { rounds, ..Facts::default() };
    let mut told = String::new();
    for _ in 0..rounds {
        told = with_all_four(&mut facts)?;
        facts.shared += room_for_two()?;
        facts.at_once += both(|mutexes, seat| {
            wait_all(&[&mutexes[seat], &mutexes[(seat + 1) % THREADS]], Wait::at_most(PATIENCE)).map(|_| ())
        })?;
        facts.ordered += both(|mutexes, seat| {
            let (one, other) = (seat, (seat + 1) % THREADS);
            wait_one(&mutexes[one.min(other)], Wait::at_most(PATIENCE))?;
            std::thread::yield_now();
            wait_one(&mutexes[one.max(other)], Wait::at_most(PATIENCE)).map(|_| ())
        })?;
        facts.reported_without += diagnose::deadlocks().len();
    }
    let threads = rounds * THREADS;
    let lines = told.lines().map(|line| line.trim().to_owned());
    Ok(Measured {
        verdict: verdict(&facts),
        rows: vec![
            Row::count("rounds, of three threads each", rounds, ""),
            Row::count("with all four: circles found", facts.found, ""),
            Row::count("preemption: threads that went on when one gave way", facts.freed, &of(threads)),
            Row::count("no exclusion: threads that got both", facts.shared, &of(threads)),
            Row::count("no hold and wait: threads that got both", facts.at_once, &of(threads)),
            Row::count("no circle: threads that got both", facts.ordered, &of(threads)),
            Row::count("reported when all was over", facts.reported_without, ""),
        ],
        plots: Vec::new(),
        notes: lines.collect(),
    })
}

fn of(threads: usize) -> String {
    format!("of {threads}")
}

fn mutexes() -> Arc<Vec<Mutex>> {
    Arc::new((0..THREADS).map(|_| Mutex::new(false)).collect())
}

/// Each thread has one and wants the next one's. Returns what the library says of it.
fn with_all_four(facts: &mut Facts) -> Result<String, Failure> {
    let (mutexes, meeting) = (mutexes(), Arc::new(Barrier::new(THREADS)));
    let threads = (0..THREADS)
        .map(|seat| {
            let (mutexes, meeting) = (mutexes.clone(), meeting.clone());
            Builder::new().name(format!("philosopher {}", seat + 1)).spawn(move || {
                let first = wait_one(&mutexes[seat], Wait::NOW);
                meeting.wait();
                let next = &mutexes[(seat + 1) % THREADS];
                // The call that tells a thread to give way ends this wait.
                let second = wait_one(next, Wait::at_most(PATIENCE).alertably());
                let back = mutexes[seat].release();
                let went = match second {
                    Ok(_) => next.release().is_ok(),
                    Err(status) => status == Status::USER_APC,
                };
                u32::from(first.is_ok() && back.is_ok() && went)
            })
        })
        .collect::<Result<Vec<_>, Status>>()?;
    let mut told = String::new();
    let found = eventually("the circle is found", || {
        // One that has not begun has no id yet.
        let ids: Vec<_> = threads.iter().filter_map(Thread::kernel_id).collect();
        let ours = |deadlock: &diagnose::Deadlock| {
            deadlock.threads.len() == THREADS
                && deadlock.threads.iter().all(|thread| ids.contains(&thread.id))
        };
        let found = diagnose::deadlocks().into_iter().find(ours);
        found.map(|deadlock| told = deadlock.to_string()).is_some()
    });
    facts.found += usize::from(found.is_ok());
    // Refused by a thread that has ended, which is none that has to give way.
    let _ = threads[0].queue_apc(|| ());
    for thread in &threads {
        wait_one(thread, Wait::FOREVER)?;
        facts.freed += usize::from(thread.exit_code() == Some(1));
    }
    Ok(told)
}

/// The same, with objects that two may have.
fn room_for_two() -> Result<usize, Failure> {
    let objects =
        (0..THREADS).map(|_| Semaphore::new(2, 2)).collect::<Result<Vec<_>, Status>>().map(Arc::new)?;
    let meeting = Barrier::new(THREADS);
    count(&|seat| {
        let next = &objects[(seat + 1) % THREADS];
        wait_one(&objects[seat], Wait::at_most(PATIENCE))?;
        meeting.wait();
        wait_one(next, Wait::at_most(PATIENCE))?;
        objects[seat].release(1)?;
        next.release(1).map(|_| ())
    })
}

/// Mutexes, taken in another way; they are held for a moment so that the threads meet.
fn both(take: impl Fn(&[Mutex], usize) -> Result<(), Status> + Sync) -> Result<usize, Failure> {
    let (mutexes, meeting) = (mutexes(), Barrier::new(THREADS));
    count(&|seat| {
        meeting.wait();
        take(&mutexes, seat)?;
        std::thread::yield_now();
        mutexes[seat].release()?;
        mutexes[(seat + 1) % THREADS].release().map(|_| ())
    })
}

/// How many of the threads come through.
fn count(seat: &(dyn Fn(usize) -> Result<(), Status> + Sync)) -> Result<usize, Failure> {
    let through = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let through = &through;
            scope.spawn(move || through.fetch_add(usize::from(seat(number).is_ok()), SeqCst));
        }
    });
    Ok(through.load(SeqCst))
}

fn verdict(facts: &Facts) -> Verdict {
    let Facts { rounds, found, freed, shared, at_once, ordered, reported_without } = facts;
    let threads = rounds * THREADS;
    let stuck = |through: &usize| threads - through.min(&threads);
    Verdict::unless(
        [
            (*rounds == 0, "nothing was tried".into()),
            (found < rounds, format!("{found} of {rounds} deadlocks were found")),
            (*freed < threads, format!("{} threads did not go on when one gave way", stuck(freed))),
            (*shared < threads, format!("{} threads stuck at objects with room for two", stuck(shared))),
            (*at_once < threads, format!("{} threads stuck with one wait for both", stuck(at_once))),
            (*ordered < threads, format!("{} threads stuck in spite of the order", stuck(ordered))),
            (*reported_without > 0, format!("{reported_without} deadlocks were reported where none is")),
        ],
        format!("all {rounds} circles were found, and without any one of the conditions all threads went on"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts =
        Facts { rounds: 2, found: 2, freed: 6, shared: 6, at_once: 6, ordered: 6, reported_without: 0 };

    #[test]
    fn each_failure_is_seen() {
        assert!(verdict(&GOOD).holds);
        assert!(!verdict(&Facts { found: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts { freed: 5, ..GOOD }).holds);
        assert!(!verdict(&Facts { shared: 5, ..GOOD }).holds);
        assert!(!verdict(&Facts { at_once: 5, ..GOOD }).holds);
        assert!(!verdict(&Facts { ordered: 5, ..GOOD }).holds);
        assert!(!verdict(&Facts { reported_without: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts::default()).holds);
    }
}
