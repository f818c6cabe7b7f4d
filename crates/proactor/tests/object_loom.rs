//! Waits and signals under every schedule and every order of memory that loom can tell apart, up to a number of
//! preemptions. A wake-up that is lost shows as a deadlock, what is taken twice as a count that does not add up.

#![allow(unsafe_code, reason = "places for objects, in an order")]
#![allow(dead_code, reason = "objects use the rest of the included files")]

mod checker {
    pub use loom::sync::{Condvar, Mutex, MutexGuard};
}
mod atomic {
    pub use crate::mini::{Guard, Lock, Parker};
    pub use loom::sync::atomic::{AtomicU64, Ordering};
}
#[path = "../src/object/dispatch.rs"]
mod dispatch;
#[path = "object/mini.rs"]
mod mini;
#[path = "../src/object/state.rs"]
mod state;
#[path = "../src/object/waiter.rs"]
mod waiter;

use std::sync::Arc;

use dispatch::Header;
use loom::thread::{self, JoinHandle};
use mini::Until::{self, Alerted, Satisfied, TimedOut};
use mini::{AUTO, MANUAL, MUTEX, Me, left, objects, release, semaphore, set, taken, unlock};
use waiter::Outcome;

fn check(preemptions: usize, schedule: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(schedule);
}

/// A thread of its own that waits for any of these.
fn any(number: u32, objects: &[&Arc<Header>], until: Until) -> JoinHandle<Outcome> {
    waits(number, objects, false, until)
}

fn all(number: u32, objects: &[&Arc<Header>], until: Until) -> JoinHandle<Outcome> {
    waits(number, objects, true, until)
}

fn waits(number: u32, objects: &[&Arc<Header>], all: bool, until: Until) -> JoinHandle<Outcome> {
    let objects: Vec<_> = objects.iter().map(|object| (*object).clone()).collect();
    thread::spawn(move || {
        let objects: Vec<_> = objects.iter().collect();
        Me::new(number).wait(&objects, all, until, || ())
    })
}

fn takes(thread: JoinHandle<Outcome>) -> u32 {
    taken(thread.join().unwrap()).into()
}

#[test]
fn a_set_between_the_look_and_the_sleep_is_not_lost() {
    check(3, || {
        let [event] = objects([AUTO]);
        let waiter = any(1, &[&event], Satisfied);
        set(&event);
        assert_eq!(waiter.join().unwrap(), Outcome::Taken { index: 0, abandoned: false });
        assert_eq!(left(&event), 0);
    });
}

#[test]
fn one_set_satisfies_one_of_two() {
    check(3, || {
        let [event] = objects([AUTO]);
        let waiters = [1, 2].map(|number| any(number, &[&event], TimedOut));
        set(&event);
        let taken: u32 = waiters.into_iter().map(takes).sum();
        assert_eq!(taken + left(&event), 1);
    });
}

#[test]
fn two_units_satisfy_two() {
    check(3, || {
        let [semaphore] = objects([semaphore(0)]);
        let waiters = [1, 2].map(|number| any(number, &[&semaphore], Satisfied));
        release(&semaphore, 2);
        assert_eq!(waiters.into_iter().map(takes).sum::<u32>(), 2);
        assert_eq!(left(&semaphore), 0);
    });
}

/// Who is called instead of a thread that sleeps.
#[derive(Default)]
struct Called(std::sync::atomic::AtomicU32);

impl waiter::Satisfied for Called {
    fn satisfied(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_wait_without_a_thread_is_called_or_ended_and_takes_only_if_it_is_called() {
    check(3, || {
        let [event] = objects([AUTO]);
        let called = Arc::new(Called::default());
        let waiter = Arc::new(waiter::Waiter::calling(called.clone()));
        assert!(!dispatch::take_or_call(&waiter, &event));
        let setter = {
            let event = event.clone();
            thread::spawn(move || set(&event))
        };
        let ended = waiter.time_out();
        if ended {
            dispatch::untold(&waiter, &[&event]);
        }
        setter.join().unwrap();
        let calls = called.0.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!((calls, left(&event)), if ended { (0, 1) } else { (1, 0) });
    });
}

#[test]
fn waits_with_and_without_a_thread_share_what_is_signalled() {
    check(3, || {
        let [semaphore] = objects([semaphore(0)]);
        let called = Arc::new(Called::default());
        let without = Arc::new(waiter::Waiter::calling(called.clone()));
        let with = any(1, &[&semaphore], Satisfied);
        let taken = dispatch::take_or_call(&without, &semaphore);
        release(&semaphore, 2);
        assert_eq!(takes(with), 1);
        let calls = called.0.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!((taken, calls, left(&semaphore)), (false, 1, 0));
    });
}

#[test]
fn a_wait_for_any_of_two_signalled_at_once_takes_one() {
    check(3, || {
        let events = objects([AUTO, AUTO]);
        let setters = events.clone().map(|event| thread::spawn(move || set(&event)));
        let outcome = Me::new(1).any(&[&events[0], &events[1]], Satisfied);
        setters.into_iter().for_each(|setter| setter.join().unwrap());
        let Outcome::Taken { index, .. } = outcome else { panic!("it was {outcome:?}") };
        assert_eq!((left(&events[index]), left(&events[1 - index])), (0, 1));
    });
}

#[test]
fn one_object_twice_in_a_wait_is_taken_once() {
    check(3, || {
        let [semaphore] = objects([semaphore(0)]);
        let waiter = any(1, &[&semaphore, &semaphore], Satisfied);
        release(&semaphore, 2);
        assert_eq!(takes(waiter), 1);
        assert_eq!(left(&semaphore), 1);
    });
}

#[test]
fn a_wait_for_all_goes_when_the_last_is_signalled_whoever_signals_it() {
    check(3, || {
        let [one, two] = objects([AUTO, AUTO]);
        let waiter = all(1, &[&one, &two], Satisfied);
        let other = {
            let one = one.clone();
            thread::spawn(move || set(&one))
        };
        set(&two);
        assert_eq!(takes(waiter), 1);
        other.join().unwrap();
        assert_eq!((left(&one), left(&two)), (0, 0));
    });
}

#[test]
fn two_waits_for_all_take_all_or_nothing() {
    check(3, || {
        let [one, two] = objects([semaphore(0), semaphore(0)]);
        let waiters = [all(1, &[&one, &two], TimedOut), all(2, &[&two, &one], TimedOut)];
        release(&one, 1);
        release(&two, 1);
        let taken: u32 = waiters.into_iter().map(takes).sum();
        assert!(taken <= 1);
        assert_eq!((left(&one), left(&two)), (1 - taken, 1 - taken));
    });
}

#[test]
fn two_waits_for_all_both_go_when_there_is_enough() {
    check(3, || {
        let [one, two] = objects([semaphore(0), semaphore(1)]);
        let waiters = [all(1, &[&one, &two], Satisfied), all(2, &[&two, &one], Satisfied)];
        release(&one, 2);
        release(&two, 1);
        assert_eq!(waiters.into_iter().map(takes).sum::<u32>(), 2);
        assert_eq!((left(&one), left(&two)), (0, 0));
    });
}

#[test]
fn a_wait_for_all_gets_what_another_took_and_gave_back() {
    check(3, || {
        let [one, two] = objects([semaphore(0), semaphore(0)]);
        let waiter = all(1, &[&one, &two], Satisfied);
        let borrower = {
            let one = one.clone();
            thread::spawn(move || {
                if taken(Me::new(2).any(&[&one], TimedOut)) {
                    release(&one, 1);
                }
            })
        };
        release(&two, 1);
        release(&one, 1);
        assert_eq!(takes(waiter), 1);
        borrower.join().unwrap();
        assert_eq!((left(&one), left(&two)), (0, 0));
    });
}

#[test]
fn a_wait_for_all_does_not_keep_those_behind_it_from_what_it_can_not_have() {
    check(3, || {
        let [one, never] = objects([semaphore(0), AUTO]);
        let stuck = all(1, &[&one, &never], Satisfied);
        let goes = any(2, &[&one], Satisfied);
        release(&one, 1);
        assert_eq!(takes(goes), 1);
        release(&one, 1);
        set(&never);
        assert_eq!(takes(stuck), 1);
        assert_eq!((left(&one), left(&never)), (0, 0));
    });
}

#[test]
fn of_a_claim_a_timeout_and_an_alert_one_wins_and_only_the_claim_takes() {
    for (until, wait_for_all) in [(TimedOut, false), (TimedOut, true), (Alerted, false), (Alerted, true)] {
        check(3, move || {
            let objects = objects([semaphore(0), semaphore(1)]);
            let me = Me::new(1);
            let (waiter, theirs) = (me.0.clone(), objects.clone());
            let thread = thread::spawn(move || {
                let objects: Vec<_> = theirs.iter().take(if wait_for_all { 2 } else { 1 }).collect();
                me.wait(&objects, wait_for_all, until, || ())
            });
            let alerts = (until == Alerted).then(|| thread::spawn(move || waiter.alert()));
            release(&objects[0], 1);
            let taken = takes(thread);
            alerts.into_iter().for_each(|alerts| alerts.join().unwrap());
            assert_eq!(left(&objects[0]), 1 - taken);
            assert_eq!(left(&objects[1]), if wait_for_all { 1 - taken } else { 1 });
        });
    }
}

#[test]
fn an_alert_ends_a_wait_that_was_prepared_for_it() {
    check(3, || {
        let ([event], me) = (objects([AUTO]), Me::new(1));
        let waiter = me.0.clone();
        let enlisted = Arc::new(mini::Parker::default());
        let there = enlisted.clone();
        let thread = thread::spawn(move || me.wait(&[&event], false, Alerted, || there.unpark()));
        enlisted.park();
        waiter.alert();
        assert_eq!(thread.join().unwrap(), Outcome::Alerted);
    });
}

#[test]
fn a_late_claim_of_one_wait_does_not_end_the_next() {
    check(3, || {
        let [one, two] = objects([semaphore(0), semaphore(0)]);
        let thread = {
            let (one, two) = (one.clone(), two.clone());
            thread::spawn(move || {
                let me = Me::new(1);
                let first = taken(me.any(&[&one, &two], TimedOut));
                let second = me.any(&[&two], Satisfied);
                assert_eq!(second, Outcome::Taken { index: 0, abandoned: false });
                u32::from(first) + 1
            })
        };
        let other = {
            let one = one.clone();
            thread::spawn(move || release(&one, 1))
        };
        release(&two, 2);
        let taken = thread.join().unwrap();
        other.join().unwrap();
        assert_eq!(taken + left(&one) + left(&two), 3);
    });
}

#[test]
fn a_late_claim_of_a_wait_for_all_does_not_end_the_next() {
    check(3, || {
        let [one, two] = objects([semaphore(0), semaphore(0)]);
        let thread = {
            let (one, two) = (one.clone(), two.clone());
            thread::spawn(move || {
                let me = Me::new(1);
                let first = taken(me.all(&[&one, &two], TimedOut));
                // One unit of this is left, or there will be.
                let second = me.any(&[&one], Satisfied);
                assert_eq!(second, Outcome::Taken { index: 0, abandoned: false });
                u32::from(first)
            })
        };
        release(&two, 1);
        release(&one, 1);
        release(&one, 1);
        let both = thread.join().unwrap();
        assert_eq!((left(&one), left(&two)), (1 - both, 1 - both));
    });
}

#[test]
fn a_pulse_lets_those_go_that_wait() {
    check(3, || {
        let [one, two] = objects([MANUAL, semaphore(1)]);
        let enlisted = Arc::new(mini::Parker::default());
        let (there, event, other) = (enlisted.clone(), one.clone(), two.clone());
        let waiter =
            thread::spawn(move || Me::new(1).wait(&[&event, &other], true, Satisfied, || there.unpark()));
        enlisted.park();
        one.pulse();
        assert_eq!(takes(waiter), 1);
        assert_eq!((left(&one), left(&two)), (0, 0));
    });
}

#[test]
fn a_pulse_of_an_auto_reset_event_lets_one_go_and_a_set_another() {
    check(3, || {
        let [event] = objects([AUTO]);
        let waiters = [1, 2].map(|number| any(number, &[&event], TimedOut));
        event.pulse();
        let by_pulse = left(&event);
        assert_eq!(by_pulse, 0);
        set(&event);
        let taken: u32 = waiters.into_iter().map(takes).sum();
        assert!((1..=2).contains(&(taken + left(&event))));
    });
}

#[test]
fn a_pulse_takes_nothing_from_a_wait_for_all_that_can_not_go() {
    check(3, || {
        let [event, other] = objects([AUTO, semaphore(0)]);
        let waiter = all(1, &[&event, &other], TimedOut);
        let pulser = {
            let event = event.clone();
            thread::spawn(move || event.pulse())
        };
        release(&other, 1);
        let taken = takes(waiter);
        pulser.join().unwrap();
        assert_eq!((left(&event), left(&other)), (0, 1 - taken));
    });
}

#[test]
fn a_mutex_has_one_owner_and_is_found_abandoned_once() {
    check(3, || {
        let [mutex] = objects([MUTEX]);
        let dies = {
            let mutex = mutex.clone();
            thread::spawn(move || {
                let me = Me::new(1);
                assert!(taken(me.any(&[&mutex], Satisfied)));
                assert!(mutex.signal(|state| state.abandon(me.0.thread)));
            })
        };
        let found = || {
            let mutex = mutex.clone();
            move |me: &Me| {
                let outcome = me.any(&[&mutex], Satisfied);
                assert_eq!(mutex.look(|state| state.owner()), Some(me.0.thread));
                unlock(&mutex, me);
                u32::from(outcome == Outcome::Taken { index: 0, abandoned: true })
            }
        };
        let (theirs, mine) = (found(), found());
        let other = thread::spawn(move || theirs(&Me::new(2)));
        let mut abandoned = mine(&Me::new(3));
        abandoned += other.join().unwrap();
        dies.join().unwrap();
        // Nobody has come after the abandonment yet, if it was not found.
        abandoned += mine(&Me::new(4));
        assert_eq!(abandoned, 1);
    });
}

#[test]
fn who_is_only_told_looks_in_time() {
    check(3, || {
        let [event] = objects([AUTO]);
        let told = {
            let event = event.clone();
            thread::spawn(move || Me::new(1).told(&event))
        };
        let other = any(2, &[&event], TimedOut);
        set(&event);
        if takes(other) == 1 {
            set(&event);
        }
        told.join().unwrap();
        assert_eq!(left(&event), 0);
    });
}
