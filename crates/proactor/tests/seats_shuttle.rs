//! The seats under some thousands of random schedules, with more threads than loom could search: several posters,
//! workers that park in either place, poll, block, leave and come back. A wake-up that is lost shows as a deadlock.

#![allow(dead_code, reason = "the port uses the rest of the included files")]

use shuttle::sync::atomic;

mod checker {
    pub use shuttle::sync::{Arc, Condvar, Mutex};
}
#[path = "../src/port/gate.rs"]
mod gate;
#[path = "seats/mini.rs"]
mod mini;
#[path = "../src/port/seats.rs"]
mod seats;

use shuttle::rand::{Rng, thread_rng};
use shuttle::{check_pct, check_random, thread};

use mini::{Mini, Worker};
use seats::Place::{Parked, Polling};

const POSTERS: usize = 3;
const EACH: usize = 4;
const ALL: usize = POSTERS * EACH;

/// One worker's life: places, blocking and leaving at random, until the port is closed.
fn work(port: &Mini) {
    let mut worker = Worker::new(Polling);
    loop {
        worker.place = if thread_rng().gen_bool(0.5) { Polling } else { Parked };
        if thread_rng().gen_bool(0.2) {
            port.look();
        }
        let Some(number) = port.next(&mut worker) else { break };
        if thread_rng().gen_bool(0.3) {
            port.blocking(&mut worker, thread::yield_now);
        }
        port.done(&mut worker);
        if number == ALL {
            port.close();
        } else if thread_rng().gen_bool(0.2) {
            port.leave(&mut worker);
        }
    }
    port.leave(&mut worker);
}

fn crowd(limit: u16, workers: usize) {
    let port = Mini::new(limit);
    let mut threads = Vec::new();
    for _ in 0..workers {
        let port = port.clone();
        threads.push(thread::spawn(move || work(&port)));
    }
    for _ in 0..POSTERS {
        let port = port.clone();
        threads.push(thread::spawn(move || (0..EACH).for_each(|_| port.post())));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    port.assert_at_rest(ALL);
}

#[test]
fn nothing_is_lost_with_one_seat() {
    check_random(|| crowd(1, 4), 2000);
}

#[test]
fn nothing_is_lost_with_two_seats() {
    check_random(|| crowd(2, 5), 2000);
}

#[test]
fn nothing_is_lost_under_schedules_with_few_but_mean_preemptions() {
    check_pct(|| crowd(2, 4), 2000, 4);
    check_pct(|| crowd(1, 3), 2000, 3);
}

#[test]
fn close_returns_everybody_whatever_they_do() {
    let closing = || {
        let port = Mini::new(2);
        let workers: Vec<_> = (0..4)
            .map(|n| {
                let port = port.clone();
                thread::spawn(move || {
                    let mut worker = Worker::new(if n % 2 == 0 { Polling } else { Parked });
                    while port.next(&mut worker).is_some() {
                        port.blocking(&mut worker, thread::yield_now);
                        port.done(&mut worker);
                    }
                    port.leave(&mut worker);
                })
            })
            .collect();
        port.post();
        port.post();
        port.close();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        let counts = port.gate.counts();
        assert_eq!((counts.active, counts.polling, counts.parked), (0, 0, 0));
    };
    check_random(closing, 3000);
}
