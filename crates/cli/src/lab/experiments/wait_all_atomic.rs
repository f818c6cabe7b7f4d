//! A wait for all of several objects takes all of them in one step or none (S161).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use proactor::Status;
use proactor::object::{Event, Thread, Wait, Waitable, wait_all, wait_one};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, PATIENCE, eventually, waits};
use crate::lab::report::{Measured, Row, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "wait-all-atomic",
    title: "A wait for all takes all in one step or none",
    claim: "Whoever takes one object after the other holds the first while waiting for the second, and threads that do \
            so in a circle wait for ever. A wait for all takes nothing until all can be had at one moment, so nobody \
            holds anything while waiting, and the others may use what is free meanwhile.",
    done: "Four threads at a round table, an auto-reset event between each two, each thread in need of the two beside \
           it. First they took one and then the other, and all held one before any reached for its second, which they \
           waited for 5 ms. Then they took both in one wait, thousands of times. At last a thread waited for two events, \
           one of them set, and another thread took and returned that one meanwhile.",
    run,
};

const THREADS: usize = 4;

#[derive(Default)]
struct Facts {
    naive_rounds: usize,
    /// Threads that held one and did not get the other.
    naive_stuck: usize,
    /// Meals to be had with one wait for both,
    wanted: usize,
    /// those that came about,
    had: usize,
    /// and those in which another one had the same object.
    shared: usize,
    /// Waits that found one of the two in use, and had to wait for both.
    waited: usize,
    /// How often a free object was wanted that another one's wait for all waited for as well,
    free_wanted: usize,
    /// and how often it was to be had.
    free_had: usize,
    /// When both were there, the wait took both.
    both_taken: bool,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let mut facts = Facts { naive_rounds: effort.of(40, 10), ..Facts::default() };
    for _ in 0..facts.naive_rounds {
        facts.naive_stuck += one_after_the_other()?;
    }
    both_at_once(effort.of(1500, 200), &mut facts)?;
    meanwhile(effort.of(10_000, 1000), &mut facts)?;
    let held = facts.naive_rounds * THREADS;
    Ok(Measured {
        verdict: verdict(&facts),
        rows: vec![
            Row::count("one after the other: threads that held one", held, ""),
            Row::count("one after the other: did not get the second", facts.naive_stuck, ""),
            Row::count("both in one wait: wanted", facts.wanted, ""),
            Row::count("both in one wait: had", facts.had, ""),
            Row::count("both in one wait: one of them in use", facts.shared, ""),
            Row::count("both in one wait: found one missing, and waited", facts.waited, ""),
            Row::count("taken by another meanwhile", facts.free_had, ""),
        ],
        plots: Vec::new(),
        notes: Vec::new(),
    })
}

fn table() -> Arc<Vec<Event>> {
    Arc::new((0..THREADS).map(|_| Event::auto(true)).collect())
}

/// How many of the threads are stuck.
fn one_after_the_other() -> Result<usize, Failure> {
    let (table, meeting, stuck) = (table(), Barrier::new(THREADS), AtomicUsize::new(0));
    let seat = |seat: usize| -> Result<(), Status> {
        let (left, right) = (&table[seat], &table[(seat + 1) % THREADS]);
        wait_one(left, Wait::FOREVER)?;
        meeting.wait();
        let second = wait_one(right, Wait::at_most(Duration::from_millis(5)));
        // Whoever gave back before all have tried would help another one out.
        meeting.wait();
        match second {
            Ok(_) => {
                right.set();
            }
            Err(_) => {
                stuck.fetch_add(1, SeqCst);
            }
        }
        left.set();
        Ok(())
    };
    at_all_seats(&seat)?;
    Ok(stuck.load(SeqCst))
}

/// Runs it for each seat, on a thread of its own.
fn at_all_seats(seat: &(dyn Fn(usize) -> Result<(), Status> + Sync)) -> Result<(), Failure> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || seat(number))).collect();
        threads.into_iter().try_for_each(|thread| Ok(thread.join().map_err(|_| "a thread panicked")??))
    })
}

fn both_at_once(meals: usize, facts: &mut Facts) -> Result<(), Failure> {
    let table = table();
    let in_use: Vec<_> = (0..THREADS).map(|_| AtomicBool::new(false)).collect();
    let [had, shared, waited] = [const { AtomicUsize::new(0) }; 3];
    let seat = |seat: usize| -> Result<(), Status> {
        let places = [seat, (seat + 1) % THREADS];
        for _ in 0..meals {
            let both: [&dyn Waitable; 2] = [&table[places[0]], &table[places[1]]];
            if wait_all(&both, Wait::NOW).is_err() {
                waited.fetch_add(1, SeqCst);
                wait_all(&both, Wait::at_most(PATIENCE))?;
            }
            for place in places {
                shared.fetch_add(usize::from(in_use[place].swap(true, SeqCst)), SeqCst);
            }
            had.fetch_add(1, SeqCst);
            // The others come to find something missing; each takes its own time, or they fall into step.
            std::thread::sleep(Duration::from_micros(20 * seat as u64 + 1));
            for place in places {
                in_use[place].store(false, SeqCst);
            }
            places.iter().for_each(|place| {
                table[*place].set();
            });
            // Without a moment in which both are free the neighbours would never get both: nobody keeps one for them.
            std::thread::sleep(Duration::from_micros(1));
        }
        Ok(())
    };
    let ended = at_all_seats(&seat);
    facts.waited = waited.load(SeqCst);
    (facts.wanted, facts.had, facts.shared) = (THREADS * meals, had.load(SeqCst), shared.load(SeqCst));
    ended
}

/// A thread waits for two, of which one is free: others may have it.
fn meanwhile(times: usize, facts: &mut Facts) -> Result<(), Failure> {
    let (free, missing) = (Event::auto(true), Event::auto(false));
    let (one, other) = (free.clone(), missing.clone());
    let thread =
        Thread::spawn(move || u32::from(wait_all(&[&one, &other], Wait::at_most(PATIENCE)).is_ok()))?;
    eventually("the thread waits for both", || waits(&thread))?;
    facts.free_wanted = times;
    for _ in 0..times {
        facts.free_had += usize::from(wait_one(&free, Wait::NOW).is_ok());
        free.set();
    }
    missing.set();
    wait_one(&thread, Wait::FOREVER)?;
    facts.both_taken = thread.exit_code() == Some(1) && !free.is_set() && !missing.is_set();
    Ok(())
}

fn verdict(facts: &Facts) -> Verdict {
    let Facts { naive_rounds, naive_stuck, wanted, had, shared, free_wanted, free_had, both_taken, .. } =
        facts;
    let held = naive_rounds * THREADS;
    Verdict::unless(
        [
            (held * wanted * free_wanted == 0, "something was not tried".into()),
            (*naive_stuck < held, format!("{} of {held} got the second after all", held - naive_stuck)),
            (had < wanted, format!("{had} of {wanted} waits for both were satisfied")),
            (*shared > 0, format!("{shared} times two had the same object")),
            (free_had < free_wanted, format!("{} times a wait held one of two", free_wanted - free_had)),
            (!both_taken, "the wait for both did not take both".into()),
        ],
        format!("one after the other all {held} stuck; in one wait all {wanted} went"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts = Facts {
        naive_rounds: 2,
        naive_stuck: 8,
        wanted: 9,
        had: 9,
        shared: 0,
        waited: 3,
        free_wanted: 7,
        free_had: 7,
        both_taken: true,
    };

    #[test]
    fn each_failure_is_seen() {
        assert!(verdict(&GOOD).holds);
        assert!(!verdict(&Facts { naive_stuck: 7, ..GOOD }).holds);
        assert!(!verdict(&Facts { had: 8, ..GOOD }).holds);
        assert!(!verdict(&Facts { shared: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts { free_had: 6, ..GOOD }).holds);
        assert!(!verdict(&Facts { both_taken: false, ..GOOD }).holds);
        assert!(!verdict(&Facts::default()).holds);
    }
}
