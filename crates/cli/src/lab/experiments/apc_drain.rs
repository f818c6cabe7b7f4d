//! An alertable wait runs all calls before it returns, also those that calls queue (S125); no other wait runs any.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proactor::Status;
use proactor::object::{Event, Thread, Wait, sleep, wait_one};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, eventually, waits};
use crate::lab::report::{Measured, Row, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "apc-drain",
    title: "All queued calls run before the wait returns",
    claim: "Calls wait for their thread until it waits alertably; nothing else lets them run. Then all of them run, \
            oldest first, and those that they queue themselves as well, and only then does the wait return, once, with a \
            status that says so. A call that always queues another one never lets its thread go.",
    done: "Ten calls were queued to a thread, each of which queued another one nine times. The thread slept without being \
           alertable, then waited alertably for an event that was set: how many had run after the one and after the \
           other? And the same with a thread that was asleep when the first call came, and queued the rest.",
    run,
};

const QUEUED: usize = 10;
const GENERATIONS: usize = 10;

#[derive(Default)]
struct Facts {
    rounds: usize,
    /// Calls that ran in a wait that is not alertable.
    early: usize,
    /// Waits that returned with `USER_APC` when all calls had run, of those that found the calls waiting,
    drained: usize,
    /// and of those that a call woke.
    drained_asleep: usize,
    /// Rounds in which each generation ran before the next, and in the order it was queued.
    in_order: usize,
    /// Rounds in which the event was still set: the calls came first, and ended the wait.
    event_left: usize,
}

/// Who ran: generation and number.
type Ran = Arc<Mutex<Vec<(usize, usize)>>>;

fn ran(list: &Ran) -> Vec<(usize, usize)> {
    list.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A call that notes that it ran, and queues the next of its line.
fn queue(thread: &Thread, list: &Ran, generation: usize, number: usize) -> Result<(), Status> {
    let (same, list) = (thread.clone(), list.clone());
    thread.queue_apc(move || {
        list.lock().unwrap_or_else(PoisonError::into_inner).push((generation, number));
        if generation + 1 < GENERATIONS {
            // The thread runs this, so it has not ended; should the call be missing, it is counted as missing.
            let _ = queue(&same, &list, generation + 1, number);
        }
    })
}

fn expected() -> Vec<(usize, usize)> {
    let numbers = |generation| (0..QUEUED).map(move |number| (generation, number));
    (0..GENERATIONS).flat_map(numbers).collect()
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let rounds = effort.of(200, 40);
    let mut facts = Facts { rounds, ..Facts::default() };
    for _ in 0..rounds {
        found_waiting(&mut facts)?;
        facts.drained_asleep += usize::from(woken()?);
    }
    let all = QUEUED * GENERATIONS;
    Ok(Measured {
        verdict: verdict(&facts),
        rows: vec![
            Row::count("waits of each kind", rounds, ""),
            Row::count("calls for each, all but 10 queued by calls", all, ""),
            Row::count("ran in a wait that is not alertable", facts.early, ""),
            Row::count("all had run when the wait returned", facts.drained, ""),
            Row::count("the same, for a thread that was asleep", facts.drained_asleep, ""),
            Row::count("in the order they were queued", facts.in_order, ""),
            Row::count("the event that was set was left alone", facts.event_left, ""),
        ],
        plots: Vec::new(),
        notes: Vec::new(),
    })
}

/// The calls are there before the thread waits.
fn found_waiting(facts: &mut Facts) -> Result<(), Failure> {
    let (me, list, event) = (Thread::current(), Ran::default(), Event::auto(true));
    for number in 0..QUEUED {
        queue(&me, &list, 0, number)?;
    }
    sleep(Wait::at_most(Duration::from_micros(50)))?;
    facts.early += ran(&list).len();
    let waited = wait_one(&event, Wait::FOREVER.alertably());
    let ran = ran(&list);
    facts.drained += usize::from(waited == Err(Status::USER_APC) && ran.len() == QUEUED * GENERATIONS);
    facts.in_order += usize::from(ran == expected());
    facts.event_left += usize::from(event.is_set());
    Ok(())
}

/// The first call finds the thread asleep, and queues the others.
fn woken() -> Result<bool, Failure> {
    let list = Ran::default();
    let seen = list.clone();
    let thread = Thread::spawn(move || {
        let waited = sleep(Wait::FOREVER.alertably());
        u32::from(waited == Err(Status::USER_APC) && ran(&seen).len() == QUEUED * GENERATIONS)
    })?;
    let asleep = eventually("the thread sleeps", || waits(&thread));
    let target = thread.clone();
    thread.queue_apc(move || {
        for number in 0..QUEUED {
            // The thread runs this, so it has not ended.
            let _ = queue(&target, &list, 0, number);
        }
    })?;
    wait_one(&thread, Wait::FOREVER)?;
    asleep.map(|()| thread.exit_code() == Some(1))
}

fn verdict(facts: &Facts) -> Verdict {
    let Facts { rounds, early, drained, drained_asleep, in_order, event_left } = facts;
    Verdict::unless(
        [
            (*rounds == 0, "nothing was tried".into()),
            (*early > 0, format!("{early} calls ran in a wait that is not alertable")),
            (drained < rounds, format!("{} waits returned before all calls had run", rounds - drained)),
            (
                drained_asleep < rounds,
                format!("{} threads that were woken went on too soon", rounds - drained_asleep),
            ),
            (in_order < rounds, format!("{} times the order was another", rounds - in_order)),
            (event_left < rounds, format!("{} waits took the event as well", rounds - event_left)),
        ],
        format!("all {} calls had run in all {} waits, in order", QUEUED * GENERATIONS, 2 * rounds),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts =
        Facts { rounds: 5, early: 0, drained: 5, drained_asleep: 5, in_order: 5, event_left: 5 };

    #[test]
    fn each_failure_is_seen() {
        assert!(verdict(&GOOD).holds);
        assert!(!verdict(&Facts { early: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts { drained: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts { drained_asleep: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts { in_order: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts { event_left: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts::default()).holds);
    }

    #[test]
    fn generations_follow_each_other() {
        let expected = expected();
        assert_eq!(expected.len(), QUEUED * GENERATIONS);
        assert!(expected.is_sorted());
    }
}
