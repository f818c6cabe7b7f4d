//! A steady state of objects allocates nothing: setting, taking and giving back, alone and with another thread that
//! sleeps and is woken.

#[path = "../src/driver/counting.rs"]
mod counting;

use std::sync::Barrier;
use std::time::Duration;

use counting::{Counting, allocations};
use proactor::object::{Event, Mutex, Semaphore, Wait, Waitable, signal_and_wait, sleep, wait_any, wait_one};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM_UP: usize = 500;
const ROUNDS: usize = 5_000;
const SOON: Wait = Wait::at_most(Duration::from_secs(20));

/// Runs `round` until everything that grows has grown, then many times more, and counts what those allocate.
fn allocated(mut round: impl FnMut()) -> u64 {
    (0..WARM_UP).for_each(|_| round());
    let before = allocations();
    (0..ROUNDS).for_each(|_| round());
    allocations() - before
}

#[test]
fn what_need_not_sleep_allocates_nothing() {
    let (auto, manual) = (Event::auto(false), Event::manual(false));
    let (semaphore, mutex) = (Semaphore::new(1, 9).unwrap(), Mutex::new(false));
    let objects: [&dyn Waitable; 4] = [&auto, &manual, &semaphore, &mutex];
    let allocated = allocated(|| {
        auto.set();
        wait_one(&auto, SOON).unwrap();
        manual.set();
        wait_any(&objects, SOON).unwrap();
        manual.pulse();
        assert_eq!(wait_any(&objects, Wait::NOW.alertably()).unwrap().index, 2);
        semaphore.release(1).unwrap();
        wait_one(&mutex, SOON).unwrap();
        wait_one(&mutex, SOON).unwrap();
        mutex.release().unwrap();
        signal_and_wait(&mutex, &mutex, SOON).unwrap();
        mutex.release().unwrap();
        sleep(Wait::NOW).unwrap();
    });
    assert_eq!(allocated, 0, "in {ROUNDS} rounds");
}

#[test]
fn a_timeout_allocates_nothing() {
    let (one, two) = (Event::auto(false), Event::auto(false));
    let soon = Wait::at_most(Duration::from_nanos(1));
    let allocated = allocated(|| {
        assert!(wait_one(&one, soon).is_err());
        assert!(wait_any(&[&one, &two], soon.alertably()).is_err());
        sleep(soon).unwrap();
    });
    assert_eq!(allocated, 0, "in {ROUNDS} rounds");
}

/// Two threads that hand a turn to and fro; both are counted.
#[test]
fn sleeping_and_waking_allocate_nothing() {
    let turns = [Event::auto(false), Event::auto(false)];
    let (never, mutex) = (Semaphore::new(0, 1).unwrap(), Mutex::new(false));
    let serve = || {
        turns[1].set();
        wait_any(&[&never, &turns[0]], SOON).unwrap();
    };
    let answer = || {
        wait_one(&turns[1], SOON).unwrap();
        wait_one(&mutex, SOON).unwrap();
        turns[0].set();
        mutex.release().unwrap();
    };
    // Whether anybody ever sleeps for an object is a matter of luck; its line is made when the first one does.
    let sleeps_once = |objects: &[&dyn Waitable]| {
        assert!(wait_any(objects, Wait::at_most(Duration::from_millis(1))).is_err());
    };
    wait_one(&mutex, SOON).unwrap();
    let (slept, ready) = (Barrier::new(3), Barrier::new(3));
    let counts = std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            sleeps_once(&[&never, &turns[0]]);
            slept.wait();
            ready.wait();
            allocated(serve)
        });
        let answerer = scope.spawn(|| {
            sleeps_once(&[&turns[1]]);
            sleeps_once(&[&mutex]);
            slept.wait();
            ready.wait();
            allocated(answer)
        });
        slept.wait();
        mutex.release().unwrap();
        ready.wait();
        [server, answerer].map(|player| player.join().unwrap())
    });
    assert_eq!(counts, [0, 0], "in {ROUNDS} rounds each");
}
