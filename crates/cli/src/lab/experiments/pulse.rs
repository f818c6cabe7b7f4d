//! A pulse lets those go that wait at this moment, and nobody else (S176, S177).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use proactor::object::{Event, Semaphore, Thread, Wait, Waitable, wait_one};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, PATIENCE, Work, eventually, waits};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "pulse",
    title: "A pulse is missed by whoever is between two waits",
    claim: "A pulse lets those go that wait at this moment and leaves the event reset. A thread that is between two \
            waits, if only to do what the last one was for, never learns of it. What is set stays until it is \
            taken, and what is counted loses nothing: new programs have no use for a pulse.",
    done: "An event was pulsed, and another one set, while the thread that waits for them was between two waits, and while \
           it waited. Then one thread worked for 5 us after each wait, and another one pulsed for it every 10 us; and \
           the same with a semaphore released each time.",
    run,
};

#[derive(Default)]
struct Facts {
    rounds: usize,
    /// Seen by a thread that was between two waits,
    pulses_between: usize,
    sets_between: usize,
    /// and by one that waited.
    pulses_waiting: usize,
    sets_waiting: usize,
    waiting_rounds: usize,
    /// In full flight.
    signals: usize,
    pulses_seen: usize,
    releases_seen: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let mut facts = Facts { rounds: effort.of(10_000, 1000), ..Facts::default() };
    between(&mut facts);
    facts.waiting_rounds = effort.of(100, 20);
    for _ in 0..facts.waiting_rounds {
        facts.pulses_waiting += usize::from(while_waiting(Event::pulse)? == (true, false));
        facts.sets_waiting += usize::from(while_waiting(Event::set)? == (true, true));
    }
    facts.signals = effort.of(20_000, 4000);
    let work = Work::calibrated();
    let event = Event::auto(false);
    facts.pulses_seen = in_flight(&event, facts.signals, work, || {
        event.pulse();
    })?;
    let semaphore = Semaphore::new(0, u32::MAX >> 1)?;
    facts.releases_seen = in_flight(&semaphore, facts.signals, work, || {
        // Its maximum is beyond what is released here.
        let _ = semaphore.release(1);
    })?;
    let share = |seen: usize, of: usize| seen as f64 * 100.0 / of.max(1) as f64;
    let plot = Plot {
        title: "Signals that the thread learnt of".into(),
        x: "".into(),
        y: "% of the signals".into(),
        shape: Shape::Bars(vec!["between two waits".into(), "while waiting".into(), "in full flight".into()]),
        series: vec![
            Series::over_names(
                "pulse",
                [
                    share(facts.pulses_between, facts.rounds),
                    share(facts.pulses_waiting, facts.waiting_rounds),
                    share(facts.pulses_seen, facts.signals),
                ],
            ),
            Series::over_names(
                "set or release",
                [
                    share(facts.sets_between, facts.rounds),
                    share(facts.sets_waiting, facts.waiting_rounds),
                    share(facts.releases_seen, facts.signals),
                ],
            ),
        ],
    };
    Ok(Measured { verdict: verdict(&facts), rows: rows(&facts), plots: vec![plot], notes: Vec::new() })
}

fn rows(facts: &Facts) -> Vec<Row> {
    vec![
        Row::count("between two waits: signals of each kind", facts.rounds, ""),
        Row::count("between two waits: pulses seen", facts.pulses_between, ""),
        Row::count("between two waits: sets seen", facts.sets_between, ""),
        Row::count("while waiting: signals of each kind", facts.waiting_rounds, ""),
        Row::count("while waiting: pulses seen", facts.pulses_waiting, ""),
        Row::count("while waiting: sets seen", facts.sets_waiting, ""),
        Row::count("in full flight: signals of each kind", facts.signals, ""),
        Row::count("in full flight: pulses seen", facts.pulses_seen, ""),
        Row::count("in full flight: releases of a semaphore seen", facts.releases_seen, ""),
    ]
}

/// Signals while nobody waits, then waits without patience.
fn between(facts: &mut Facts) {
    let (pulsed, set) = (Event::auto(false), Event::auto(false));
    for _ in 0..facts.rounds {
        pulsed.pulse();
        facts.pulses_between += usize::from(wait_one(&pulsed, Wait::NOW).is_ok());
        set.set();
        facts.sets_between += usize::from(wait_one(&set, Wait::NOW).is_ok());
    }
}

/// Whether a thread that is known to wait for a manual-reset event goes, and whether the event is set after that.
fn while_waiting(signal: fn(&Event) -> bool) -> Result<(bool, bool), Failure> {
    let event = Event::manual(false);
    let waited = event.clone();
    let thread = Thread::spawn(move || u32::from(wait_one(&waited, Wait::at_most(PATIENCE)).is_ok()))?;
    let waiting = eventually("the thread waits", || waits(&thread));
    signal(&event);
    wait_one(&thread, Wait::FOREVER)?;
    waiting.map(|()| (thread.exit_code() == Some(1), event.is_set()))
}

/// How many signals a thread learns of that works between its waits.
fn in_flight<W>(object: &W, signals: usize, work: Work, signal: impl Fn()) -> Result<usize, Failure>
where
    W: Waitable + Clone + 'static,
{
    let (seen, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (waited, counted, ended) = (object.clone(), seen.clone(), over.clone());
    let thread = Thread::spawn(move || {
        while !ended.load(SeqCst) {
            if wait_one(&waited, Wait::at_most(Duration::from_millis(20))).is_ok() {
                counted.fetch_add(1, SeqCst);
                work.burn(5.0);
            }
        }
        0
    })?;
    let begun = eventually("the thread waits", || waits(&thread));
    for _ in 0..signals {
        signal();
        work.burn(10.0);
    }
    // Nothing more comes: what is still there to be seen is seen before a wait ends for want of a signal.
    let mut before = usize::MAX;
    let settled = eventually("nothing is left to be seen", || {
        let now = seen.load(SeqCst);
        std::thread::sleep(Duration::from_millis(25));
        std::mem::replace(&mut before, now) == now
    });
    over.store(true, SeqCst);
    wait_one(&thread, Wait::FOREVER)?;
    begun.and(settled).map(|()| seen.load(SeqCst))
}

fn verdict(facts: &Facts) -> Verdict {
    let Facts { rounds, pulses_between, sets_between, pulses_waiting, waiting_rounds, .. } = facts;
    let Facts { sets_waiting, signals, pulses_seen, releases_seen, .. } = facts;
    Verdict::unless(
        [
            (rounds * waiting_rounds * signals == 0, "something was not tried".into()),
            (*pulses_between > 0, format!("{pulses_between} pulses were seen by a thread that did not wait")),
            (sets_between < rounds, format!("{} sets were lost", rounds - sets_between)),
            (
                pulses_waiting < waiting_rounds,
                format!("{} pulses did not let a waiting thread go", waiting_rounds - pulses_waiting),
            ),
            (
                sets_waiting < waiting_rounds,
                format!("{} sets did not let a waiting thread go", waiting_rounds - sets_waiting),
            ),
            (releases_seen != signals, format!("{releases_seen} of {signals} releases were seen")),
            (pulses_seen > signals, format!("{pulses_seen} of {signals} pulses were seen")),
        ],
        format!(
            "between two waits all {rounds} pulses were missed and no set; in full flight {} of {signals} pulses",
            signals.saturating_sub(*pulses_seen)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts = Facts {
        rounds: 5,
        pulses_between: 0,
        sets_between: 5,
        pulses_waiting: 3,
        sets_waiting: 3,
        waiting_rounds: 3,
        signals: 9,
        pulses_seen: 4,
        releases_seen: 9,
    };

    #[test]
    fn each_failure_is_seen() {
        assert!(verdict(&GOOD).holds);
        assert!(!verdict(&Facts { pulses_between: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts { sets_between: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts { pulses_waiting: 2, ..GOOD }).holds);
        assert!(!verdict(&Facts { sets_waiting: 2, ..GOOD }).holds);
        assert!(!verdict(&Facts { releases_seen: 8, ..GOOD }).holds);
        assert!(!verdict(&Facts { pulses_seen: 10, ..GOOD }).holds);
        assert!(!verdict(&Facts::default()).holds);
    }
}
