//! A worker that blocks in a wait, a sleep or for a thread is replaced at once: nobody has to find it blocked.

mod common;
#[path = "common/crew.rs"]
mod crew;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex as Lock};
use std::thread;

use common::PATIENCE;
use crew::{Closes, Crew};
use proactor::object::{
    Event, Mutex, Semaphore, Thread, Wait, signal_and_wait, sleep, wait_all, wait_any, wait_one,
};
use proactor::{Port, Status};

const SOON: Wait = Wait::at_most(PATIENCE);

/// Runs `block` as the handler of the first packet of a port with one seat; the second packet's has to end before
/// it, without anybody having looked whether the first worker is blocked.
fn lets_another_in<B, U>(block: impl FnOnce() -> B + Send, unblock: impl FnOnce() -> U) {
    let port: Port = Port::new(1).unwrap();
    let (tell, told) = channel();
    let block = Lock::new(Some(block));
    thread::scope(|scope| {
        let _closes = Closes(&port);
        for _ in 0..2 {
            let tell = tell.clone();
            let (port, block) = (&port, &block);
            scope.spawn(move || {
                while let Some(packet) = port.get().unwrap() {
                    if packet.key == 1 {
                        let block = block.lock().unwrap().take().unwrap();
                        block();
                    }
                    tell.send(packet.key).unwrap();
                }
            });
        }
        port.post(1, 0).unwrap();
        port.post(2, 0).unwrap();
        let first = told.recv_timeout(PATIENCE);
        unblock();
        assert_eq!(first, Ok(2), "another worker was let in");
        assert_eq!(told.recv_timeout(PATIENCE), Ok(1));
        let counts = port.snapshot();
        assert_eq!((counts.found_blocked, counts.declared_blocked), (0, 1), "{counts:?}");
    });
}

#[test]
fn s055_in_a_wait_for_one_object() {
    let event = Event::auto(false);
    lets_another_in(|| wait_one(&event, SOON).unwrap(), || event.set());
    let semaphore = Semaphore::new(0, 1).unwrap();
    lets_another_in(|| wait_one(&semaphore, SOON).unwrap(), || semaphore.release(1));
    let mutex = Mutex::new(true);
    lets_another_in(|| wait_one(&mutex, SOON).unwrap(), || mutex.release());
}

#[test]
fn s055_in_a_wait_for_any_or_all_of_several() {
    let (one, two) = (Event::auto(false), Event::auto(false));
    lets_another_in(|| wait_any(&[&one, &two], SOON).unwrap(), || two.set());
    let set_both = || {
        one.set();
        two.set();
    };
    lets_another_in(|| wait_all(&[&one, &two], SOON).unwrap(), set_both);
}

#[test]
fn s055_in_a_wait_after_a_signal() {
    let (signalled, awaited) = (Event::auto(false), Event::auto(false));
    let block = || signal_and_wait(&signalled, &awaited, SOON).unwrap();
    lets_another_in(block, || {
        assert!(signalled.is_set());
        awaited.set();
    });
}

#[test]
fn s055_in_a_wait_for_a_thread() {
    let go = Event::manual(false);
    let waits = go.clone();
    let thread = Thread::spawn(move || wait_one(&waits, SOON).map_or(1, |_| 0)).unwrap();
    lets_another_in(|| wait_one(&thread, SOON).unwrap(), || go.set());
}

#[test]
fn s055_in_a_sleep() {
    let asleep = Arc::new(Lock::new(None));
    let sleeper = asleep.clone();
    let block = move || {
        *sleeper.lock().unwrap() = Some(Thread::current());
        assert_eq!(sleep(SOON.alertably()), Err(Status::USER_APC));
    };
    // It ends by a call, so that it lasts as long as it has to.
    lets_another_in(block, || {
        let thread = asleep.lock().unwrap().take().unwrap();
        thread.queue_apc(|| ()).unwrap();
    });
}

#[test]
fn a_wait_that_need_not_sleep_gives_nothing_up() {
    let port: Port = Port::new(1).unwrap();
    let crew = Crew::new(&port, 1);
    crew.park(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    crew.run(0, || {
        let (set, unset) = (Event::manual(true), Event::auto(false));
        for _ in 0..100 {
            assert!(wait_one(&set, SOON).is_ok());
            assert!(wait_any(&[&unset, &set], SOON).is_ok());
            assert_eq!(wait_one(&unset, Wait::NOW), Err(Status::TIMEOUT));
            assert_eq!(sleep(Wait::NOW), Ok(()));
        }
    });
    crew.finish(0);
    assert_eq!(port.snapshot().declared_blocked, 0);
}

#[test]
fn s056_one_whose_wait_is_over_runs_on_and_gets_back_in_behind_the_other() {
    let port: Port = Port::new(1).unwrap();
    let crew = Crew::new(&port, 2);
    crew.park(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    crew.park(1);
    let event = Event::auto(false);
    let waits = event.clone();
    crew.run(0, move || assert!(wait_one(&waits, SOON).is_ok()));
    port.post(2, 0).unwrap();
    assert_eq!(crew.took(), (1, Some(2)));
    assert_eq!((port.snapshot().running, port.snapshot().blocked), (1, 1));
    event.set();
    crew.finish(0);
    assert_eq!((port.snapshot().running, port.snapshot().blocked), (2, 0), "it runs on at once");
    port.post(3, 0).unwrap();
    crew.take(0);
    // Over the limit it does not get the next packet before the other has come back.
    common::eventually("it is parked", || port.snapshot().parked == 1);
    crew.assert_nobody_took();
    crew.take(1);
    assert_eq!(crew.took(), (1, Some(3)));
}

#[test]
fn many_workers_that_wait_for_each_other_all_get_on() {
    // One seat, a round of eight: each worker gives its neighbour a unit and waits for its own.
    let port: Port = Port::new(1).unwrap();
    let units: Vec<_> = (0..8).map(|_| Semaphore::new(0, 1000).unwrap()).collect();
    let (tell, told) = channel();
    thread::scope(|scope| {
        let _closes = Closes(&port);
        for _ in 0..8 {
            let (port, units, tell) = (&port, &units, tell.clone());
            scope.spawn(move || {
                while let Some(packet) = port.get().unwrap() {
                    for _ in 0..200 {
                        units[(packet.key + 1) % 8].release(1).unwrap();
                        wait_one(&units[packet.key], SOON).unwrap();
                    }
                    tell.send(packet.key).unwrap();
                }
            });
        }
        (0..8).for_each(|key| port.post(key, 0).unwrap());
        (0..8).for_each(|_| assert!(told.recv_timeout(PATIENCE).is_ok()));
        assert_eq!(port.snapshot().blocked, 0);
    });
}
