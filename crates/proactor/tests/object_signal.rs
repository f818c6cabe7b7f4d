//! Signalling one object and waiting for another in one call (group 17).

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use common::PATIENCE;
use proactor::Status;
use proactor::object::{Event, Mutex, Semaphore, Signal, Thread, Wait, Waited, signal_and_wait, wait_one};

const SOON: Wait = Wait::at_most(PATIENCE);
const TAKEN: Result<Waited, Status> = Ok(Waited { index: 0, abandoned: false });

#[test]
fn s210_events_semaphores_and_mutexes_are_signalled_and_then_it_waits() {
    let (event, semaphore, mutex) = (Event::auto(false), Semaphore::new(0, 2).unwrap(), Mutex::new(true));
    let ready = Event::manual(true);
    let signals: [&dyn Signal; 3] = [&event, &semaphore, &mutex];
    for signal in signals {
        assert_eq!(signal_and_wait(signal, &ready, Wait::FOREVER), TAKEN);
    }
    assert!(event.is_set() && semaphore.count() == 1 && !mutex.is_mine());
}

#[test]
fn s211_one_auto_reset_event_can_be_both() {
    let event = Event::auto(false);
    for _ in 0..10_000 {
        assert_eq!(signal_and_wait(&event, &event, Wait::NOW), TAKEN);
        assert!(!event.is_set());
    }
}

#[test]
fn s212_what_can_not_be_signalled_is_not_waited_for() {
    let (full, mutex) = (Semaphore::new(1, 1).unwrap(), Mutex::new(false));
    let awaited = Event::auto(true);
    let refused =
        [signal_and_wait(&full, &awaited, Wait::FOREVER), signal_and_wait(&mutex, &awaited, Wait::FOREVER)];
    assert_eq!(refused, [Err(Status::SEMAPHORE_LIMIT_EXCEEDED), Err(Status::MUTANT_NOT_OWNED)]);
    assert!(awaited.is_set() && full.count() == 1);
}

#[test]
fn s213_a_timeout_does_not_undo_the_signal() {
    let (signalled, never) = (Event::manual(false), Event::auto(false));
    for wait in [Wait::NOW, Wait::at_most(Duration::from_millis(2))] {
        assert_eq!(signal_and_wait(&signalled, &never, wait), Err(Status::TIMEOUT));
        assert!(signalled.reset());
    }
}

#[test]
fn s214_others_see_the_signal_before_the_wait_has_begun() {
    // Whoever waits for the signal may be first to take what the caller is to wait for.
    let (turn, unit) = (Event::auto(false), Semaphore::new(1, 1).unwrap());
    let taken = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            let (turn, unit, taken) = (&turn, &unit, &taken);
            scope.spawn(move || {
                for _ in 0..500 {
                    match signal_and_wait(turn, unit, Wait::at_most(Duration::from_micros(50))) {
                        Ok(_) => {
                            assert_eq!(taken.fetch_add(1, SeqCst), 0, "one unit was taken by two");
                            taken.fetch_sub(1, SeqCst);
                            unit.release(1).unwrap();
                        }
                        Err(status) => assert_eq!(status, Status::TIMEOUT),
                    }
                }
            });
        }
    });
    assert!(turn.is_set() && unit.count() == 1);
}

#[test]
fn s215_alertably_it_runs_calls_after_the_signal() {
    let (signalled, awaited) = (Event::auto(false), Event::auto(true));
    let (seen, told) = std::sync::mpsc::channel();
    let signal = signalled.clone();
    Thread::current().queue_apc(move || seen.send(signal.is_set()).unwrap()).unwrap();
    let waited = signal_and_wait(&signalled, &awaited, Wait::FOREVER.alertably());
    assert_eq!(waited, Err(Status::USER_APC));
    assert_eq!(told.try_recv(), Ok(true));
    assert!(awaited.is_set(), "the call came before the object");
}

#[test]
fn a_mutex_is_handed_over_and_its_owner_sleeps_until_it_is_told() {
    let (mutex, done) = (Mutex::new(true), Event::auto(false));
    let (theirs, tell) = (mutex.clone(), done.clone());
    let other = thread::spawn(move || {
        assert_eq!(wait_one(&theirs, SOON), TAKEN);
        tell.set();
        theirs.release()
    });
    assert_eq!(signal_and_wait(&mutex, &done, SOON), TAKEN);
    assert_eq!(other.join().unwrap(), Ok(1));
    assert_eq!(wait_one(&mutex, SOON), TAKEN);
    mutex.release().unwrap();
}
