//! Events: set, reset and pulsed, one waiter at a time or all (group 13).

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::{PATIENCE, asleep, eventually};
use proactor::Status;
use proactor::object::{Event, Semaphore, Thread, Wait, Waited, wait_all, wait_any, wait_one};

const SOON: Wait = Wait::at_most(PATIENCE);

/// So many threads that run `wait`; all sleep when this returns.
fn sleepers(
    count: usize,
    wait: impl Fn() -> Result<Waited, Status> + Clone + Send + 'static,
) -> Vec<JoinHandle<Result<Waited, Status>>> {
    let start = |_| {
        let (tell, told) = std::sync::mpsc::channel();
        let wait = wait.clone();
        let thread = thread::spawn(move || {
            tell.send(rustix::thread::gettid()).unwrap();
            wait()
        });
        asleep(told.recv().unwrap());
        thread
    };
    (0..count).map(start).collect()
}

fn still_waiting(waiters: &[JoinHandle<Result<Waited, Status>>]) -> usize {
    waiters.iter().filter(|waiter| !waiter.is_finished()).count()
}

fn all_go(waiters: Vec<JoinHandle<Result<Waited, Status>>>) {
    for waiter in waiters {
        waiter.join().unwrap().unwrap();
    }
}

#[test]
fn s174_a_set_of_an_auto_reset_event_lets_one_go() {
    let event = Event::auto(false);
    let waiting = event.clone();
    let waiters = sleepers(3, move || wait_one(&waiting, SOON));
    for left in (0..3).rev() {
        assert!(!event.set(), "the wait has reset it");
        eventually("one has gone", || still_waiting(&waiters) == left);
        assert!(!event.is_set());
    }
    all_go(waiters);
}

#[test]
fn s174_with_nobody_waiting_it_stays_set_for_one_wait_however_often_it_is_set() {
    let event = Event::auto(false);
    event.set();
    event.set();
    assert!(wait_one(&event, Wait::NOW).is_ok());
    assert_eq!(wait_one(&event, Wait::NOW), Err(Status::TIMEOUT));
}

#[test]
fn s175_a_set_of_a_manual_reset_event_lets_all_go_until_it_is_reset() {
    let event = Event::manual(false);
    let waiting = event.clone();
    let waiters = sleepers(3, move || wait_one(&waiting, SOON));
    event.set();
    all_go(waiters);
    for _ in 0..2 {
        assert!(wait_one(&event, Wait::FOREVER).is_ok());
    }
    event.reset();
    assert_eq!(wait_one(&event, Wait::NOW), Err(Status::TIMEOUT));
}

#[test]
fn s176_a_pulse_lets_all_of_a_manual_reset_events_waiters_go_and_leaves_it_reset() {
    let (event, other) = (Event::manual(false), Semaphore::new(1, 1).unwrap());
    let (alone, both) = ((event.clone(), other.clone()), (event.clone(), other.clone()));
    let mut waiters = sleepers(2, move || wait_any(&[&Event::auto(false), &alone.0], SOON));
    waiters.extend(sleepers(1, move || wait_all(&[&both.0, &both.1], SOON)));
    assert!(!event.pulse());
    all_go(waiters);
    assert!(!event.is_set() && other.count() == 0);
}

#[test]
fn s176_a_pulse_lets_one_of_an_auto_reset_events_waiters_go() {
    let event = Event::auto(false);
    let waiting = event.clone();
    let waiters = sleepers(3, move || wait_one(&waiting, SOON));
    for left in (0..3).rev() {
        event.pulse();
        eventually("one has gone", || still_waiting(&waiters) == left);
        assert!(!event.is_set());
    }
    all_go(waiters);
}

#[test]
fn s176_a_pulse_with_nobody_waiting_only_resets() {
    for event in [Event::auto(true), Event::manual(true)] {
        assert!(event.pulse());
        assert!(!event.is_set() && !event.pulse());
    }
}

#[test]
fn s177_a_wait_for_all_misses_a_pulse_while_another_object_is_not_signalled() {
    let (event, other) = (Event::manual(false), Event::auto(false));
    let both = (event.clone(), other.clone());
    let waiters = sleepers(1, move || wait_all(&[&both.0, &both.1], SOON));
    event.pulse();
    other.set();
    assert!(other.is_set() && still_waiting(&waiters) == 1);
    // It still waits for the two together.
    event.pulse();
    all_go(waiters);
    assert!(!other.is_set());
}

#[test]
fn s178_a_thread_that_is_out_of_its_wait_misses_a_pulse() {
    let event = Event::manual(false);
    let waiting = event.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let (begin, begun) = std::sync::mpsc::channel();
    let thread = Thread::spawn(move || {
        begin.send(()).unwrap();
        let waited = wait_one(&waiting, Wait::FOREVER.alertably());
        assert_eq!(waited, Err(Status::USER_APC));
        tell.send(wait_one(&waiting, Wait::NOW)).unwrap();
        0
    })
    .unwrap();
    let pulsed = event.clone();
    // One queued before it would run before the start routine.
    begun.recv_timeout(PATIENCE).unwrap();
    // In the call the thread is not in its wait.
    thread.queue_apc(move || assert!(!pulsed.pulse())).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Err(Status::TIMEOUT));
    assert!(wait_one(&thread, SOON).is_ok());
}

#[test]
fn s179_set_reset_and_pulse_say_how_it_was() {
    for event in [Event::auto(false), Event::manual(false)] {
        assert_eq!((event.set(), event.set()), (false, true));
        assert_eq!((event.reset(), event.reset()), (true, false));
        event.set();
        assert_eq!((event.pulse(), event.pulse()), (true, false));
    }
}

#[test]
fn s183_no_more_waits_are_satisfied_than_sets_were_made() {
    let (event, satisfied) = (Event::auto(false), AtomicUsize::new(0));
    let over = Event::manual(false);
    const SETS: usize = 2000;
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while wait_any(&[&over, &event], SOON).unwrap().index == 1 {
                    satisfied.fetch_add(1, SeqCst);
                }
            });
        }
        let mut made = 0;
        for _ in 0..SETS {
            // One that is still set adds nothing.
            made += usize::from(!event.set());
            assert!(satisfied.load(SeqCst) <= made);
        }
        eventually("each set has satisfied one", || satisfied.load(SeqCst) == made);
        assert!(!event.is_set());
        over.set();
    });
}

#[test]
fn a_waiter_that_gave_up_takes_nothing() {
    // The timeout and the set come at about the same time: whoever wins, the unit is in one place.
    let event = Event::auto(false);
    let ends = [100, 30, 0].map(Duration::from_micros);
    for round in 0..600 {
        let (waiting, timeout) = (event.clone(), ends[round % ends.len()]);
        let waiter = thread::spawn(move || wait_one(&waiting, Wait::at_most(timeout)));
        event.set();
        let taken = waiter.join().unwrap().is_ok();
        assert_eq!(taken, !event.reset());
    }
}
