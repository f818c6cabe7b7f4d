//! The seats under every schedule and every order of memory that loom can tell apart, up to a number of
//! preemptions: two workers, and a main thread that posts. A wake-up that is lost shows as a deadlock.

#![allow(dead_code, reason = "the port uses the rest of the included files")]

use loom::sync::atomic;

mod checker {
    pub use loom::sync::{Arc, Condvar, Mutex};
}
#[path = "../src/port/gate.rs"]
mod gate;
#[path = "seats/mini.rs"]
mod mini;
#[path = "../src/port/seats.rs"]
mod seats;

use loom::thread;

use checker::Arc;
use mini::{Mini, Permit, Worker};
use seats::Place::{self, Parked, Polling};

/// Runs two workers, each with `work`, and the main thread with `lead`, under all schedules.
fn check(
    preemptions: usize,
    limit: u16,
    places: [Place; 2],
    taken: usize,
    work: impl Fn(&Mini, &mut Worker) + Clone + Send + Sync + 'static,
    lead: impl Fn(&Mini) + Send + Sync + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let port = Mini::new(limit);
        let workers = places.map(|place| {
            let (port, work) = (port.clone(), work.clone());
            thread::spawn(move || {
                let mut worker = Worker::new(place);
                work(&port, &mut worker);
                port.leave(&mut worker);
            })
        });
        lead(&port);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        port.assert_at_rest(taken);
    });
}

/// Takes all there is; whoever takes the last packet closes the port.
fn take_all(last: usize) -> impl Fn(&Mini, &mut Worker) + Clone + Send + Sync {
    move |port, worker| {
        while let Some(number) = port.next(worker) {
            port.done(worker);
            if number == last {
                port.close();
            }
        }
    }
}

fn post_two(port: &Mini) {
    port.post();
    port.post();
}

#[test]
fn no_packet_is_left_behind_with_one_seat() {
    check(2, 1, [Polling, Polling], 2, take_all(2), post_two);
}

#[test]
fn no_packet_is_left_behind_with_one_seat_and_sleepers() {
    check(2, 1, [Parked, Parked], 2, take_all(2), post_two);
}

#[test]
fn no_packet_is_left_behind_with_two_seats() {
    check(2, 2, [Polling, Polling], 2, take_all(2), post_two);
}

#[test]
fn no_packet_is_left_behind_with_two_seats_and_a_sleeper() {
    check(2, 2, [Polling, Parked], 2, take_all(2), post_two);
}

/// The handler of the first packet runs until the second is taken: with a second seat free it has to be.
fn two_meet(place: Place, preemptions: usize) {
    loom::lazy_static! {
        static ref MET: Arc<Permit> = Arc::default();
    }
    let work = |port: &Mini, worker: &mut Worker| {
        while let Some(number) = port.next(worker) {
            match number {
                1 => MET.take(),
                _ => MET.give(),
            }
            port.done(worker);
            if number == 1 {
                port.close();
            }
        }
    };
    check(preemptions, 2, [place; 2], 2, work, post_two);
}

#[test]
fn two_packets_are_handled_at_once_with_two_seats() {
    two_meet(Polling, 2);
}

#[test]
fn two_packets_are_handled_at_once_by_sleepers() {
    two_meet(Parked, 2);
}

/// The same with one seat: the first worker says that it blocks, and the second is let in.
fn another_is_let_in(place: Place, preemptions: usize) {
    loom::lazy_static! {
        static ref MET: Arc<Permit> = Arc::default();
    }
    let work = |port: &Mini, worker: &mut Worker| {
        while let Some(number) = port.next(worker) {
            match number {
                1 => port.blocking(worker, || MET.take()),
                _ => MET.give(),
            }
            port.done(worker);
            if number == 1 {
                port.close();
            }
        }
    };
    check(preemptions, 1, [place; 2], 2, work, post_two);
}

#[test]
fn a_worker_that_blocks_lets_another_in() {
    another_is_let_in(Polling, 2);
    another_is_let_in(Parked, 2);
}

#[test]
fn a_worker_that_leaves_lets_another_in() {
    let work = |port: &Mini, worker: &mut Worker| {
        // Whoever took the first packet goes; the other has to get the second.
        while let Some(number) = port.next(worker) {
            port.done(worker);
            match number {
                1 => return,
                _ => port.close(),
            }
        }
    };
    check(2, 1, [Polling, Polling], 2, work, post_two);
    check(2, 1, [Parked, Parked], 2, work, post_two);
}

#[test]
fn close_wakes_everybody() {
    check(3, 1, [Polling, Polling], 0, take_all(9), Mini::close);
    check(3, 2, [Parked, Parked], 0, take_all(9), Mini::close);
    check(3, 1, [Polling, Parked], 0, take_all(9), Mini::close);
}
