//! Waits and signals under some thousands of random schedules, with more threads than loom could search: waits for
//! one, any and all, that time out, are alerted, come back and give back what they took. A wake-up that is lost
//! shows as a deadlock.

#![allow(unsafe_code, reason = "places for objects, in an order")]
#![allow(dead_code, reason = "objects use the rest of the included files")]

mod checker {
    pub use shuttle::sync::{Condvar, Mutex, MutexGuard};
}
mod atomic {
    pub use crate::mini::{Guard, Lock, Parker};
    pub use shuttle::sync::atomic::{AtomicU64, Ordering};
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
use mini::Until::{Alerted, Satisfied, TimedOut};
use mini::{AUTO, MANUAL, MUTEX, Me, left, objects, release, semaphore, set, unlock};
use shuttle::rand::{Rng, thread_rng};
use shuttle::{check_pct, check_random, thread};
use state::State;
use waiter::Outcome;

const THREADS: u32 = 4;
const ROUNDS: usize = 3;

/// Whom an object is given back by; an auto-reset event serves as a lock here.
fn give_back(object: &Header, me: &Me) {
    match object.look(State::clone) {
        State::Event { .. } => set(object),
        State::Semaphore { .. } => release(object, 1),
        _ => unlock(object, me),
    }
}

/// Takes some objects in one of the ways there are, and gives them back.
fn borrow(all: &[Arc<Header>], me: &Me) {
    let mut chosen: Vec<usize> = (0..all.len()).filter(|_| thread_rng().gen_bool(0.6)).collect();
    if chosen.is_empty() {
        chosen.push(thread_rng().gen_range(0..all.len()));
    }
    if thread_rng().gen_bool(0.5) {
        chosen.reverse();
    }
    let list: Vec<_> = chosen.iter().map(|at| &all[*at]).collect();
    let until = [Satisfied, Satisfied, TimedOut, Alerted][thread_rng().gen_range(0..4)];
    let wait_for_all = thread_rng().gen_bool(0.5);
    let Outcome::Taken { index, .. } = me.wait(&list, wait_for_all, until, || ()) else { return };
    let taken = if wait_for_all { &list[..] } else { &list[index..=index] };
    for object in taken {
        if let Some(owner) = object.look(State::owner) {
            assert_eq!(owner, me.0.thread);
        } else {
            assert!(!matches!(object.look(State::clone), State::Mutex { .. }), "a mutex taken has an owner");
        }
    }
    thread::yield_now();
    taken.iter().for_each(|object| give_back(object, me));
}

fn crowd() {
    let all = objects([AUTO, semaphore(2), MUTEX]);
    set(&all[0]);
    let mut threads = Vec::new();
    let mut waiters = Vec::new();
    for number in 1..=THREADS {
        let (all, me) = (all.clone(), Me::new(number));
        waiters.push(me.0.clone());
        threads.push(thread::spawn(move || (0..ROUNDS).for_each(|_| borrow(&all, &me))));
    }
    threads.push(thread::spawn(move || waiters.iter().for_each(|waiter| waiter.alert())));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(all.map(|object| left(&object)), [1, 2, 1]);
}

#[test]
fn what_is_borrowed_in_any_way_comes_back() {
    check_random(crowd, 3000);
    check_pct(crowd, 3000, 4);
}

/// Producers put units in, one or several at once; consumers wait for any of the two semaphores or for both, until
/// all is taken. Nobody times out: who is not woken although there is enough, hangs.
#[test]
fn every_unit_reaches_somebody() {
    let flow = || {
        let [one, two] = objects([semaphore(0), semaphore(0)]);
        let both = [one.clone(), two.clone()];
        let mut threads = Vec::new();
        for number in 1..=4 {
            let both = both.clone();
            threads.push(thread::spawn(move || {
                let me = Me::new(number);
                let list: Vec<_> = both.iter().collect();
                // Two of them take pairs, and two what the pairs leave: four units of each are put in.
                match number {
                    1 | 2 => {
                        assert_eq!(me.all(&list, Satisfied), Outcome::Taken { index: 0, abandoned: false })
                    }
                    _ => {
                        let which = &list[number as usize - 3..=number as usize - 3];
                        me.any(which, Satisfied);
                        me.any(which, Satisfied);
                    }
                }
            }));
        }
        for object in [one.clone(), two.clone()] {
            threads.push(thread::spawn(move || {
                release(&object, 1);
                release(&object, 2);
                release(&object, 1);
            }));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((left(&one), left(&two)), (0, 0));
    };
    check_random(flow, 3000);
    check_pct(flow, 3000, 3);
}

/// A manual-reset event lets all go who wait when it is set or pulsed, whatever else they wait for.
#[test]
fn a_pulse_lets_all_go_who_wait() {
    let pulsed = || {
        let [event, other] = objects([MANUAL, semaphore(1)]);
        let enlisted = Arc::new(mini::Parker::default());
        let mut threads = Vec::new();
        for number in 1..=3 {
            let (event, other, there) = (event.clone(), other.clone(), enlisted.clone());
            threads.push(thread::spawn(move || {
                let me = Me::new(number);
                let list: &[&Arc<Header>] = if number == 3 { &[&other, &event] } else { &[&event] };
                me.wait(list, number == 3, Satisfied, || there.unpark())
            }));
            // One after the other, so that all three wait now.
            enlisted.park();
        }
        event.pulse();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Outcome::Taken { index: 0, abandoned: false });
        }
        assert_eq!((left(&event), left(&other)), (0, 0));
    };
    check_random(pulsed, 1000);
}
