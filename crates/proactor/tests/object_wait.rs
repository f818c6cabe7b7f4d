//! Waits: what satisfies them, in which order, and what they take (group 12).

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use common::{PATIENCE, Random, eventually};
use proactor::Status;
use proactor::object::{
    Event, MAXIMUM_WAIT_OBJECTS, Mutex, Semaphore, Thread, Wait, Waitable, Waited, wait_all, wait_any,
    wait_one,
};

const SOON: Wait = Wait::at_most(PATIENCE);

fn index(index: usize) -> Result<Waited, Status> {
    Ok(Waited { index, abandoned: false })
}

fn events(count: usize) -> Vec<Event> {
    (0..count).map(|_| Event::auto(false)).collect()
}

fn list(events: &[Event]) -> Vec<&dyn Waitable> {
    events.iter().map(|event| event as &dyn Waitable).collect()
}

#[test]
fn s155_a_wait_is_satisfied_or_abandoned_or_its_time_passes() {
    let event = Event::manual(false);
    assert_eq!(wait_one(&event, Wait::NOW), Err(Status::TIMEOUT));
    event.set();
    assert_eq!(wait_one(&event, Wait::FOREVER), index(0));
    let mutex = Mutex::new(false);
    let owner = mutex.clone();
    std::thread::spawn(move || wait_one(&owner, Wait::FOREVER).map(|_| ())).join().unwrap().unwrap();
    assert_eq!(wait_one(&mutex, Wait::FOREVER), Ok(Waited { index: 0, abandoned: true }));
}

#[test]
fn s158_a_wait_takes_one_to_sixty_four_objects() {
    assert_eq!(MAXIMUM_WAIT_OBJECTS, 64);
    let events = events(65);
    events[63].set();
    for wait in [wait_any, wait_all] {
        assert_eq!(wait(&[], Wait::NOW), Err(Status::INVALID_PARAMETER));
        assert_eq!(wait(&list(&events), Wait::NOW), Err(Status::INVALID_PARAMETER));
    }
    assert_eq!(wait_any(&list(&events[..64]), Wait::NOW), index(63));
    for event in &events {
        event.set();
    }
    assert_eq!(wait_all(&list(&events[..64]), Wait::NOW), index(0));
    assert_eq!(events.iter().filter(|event| event.is_set()).count(), 1);
}

#[test]
fn s159_wait_any_takes_the_first_that_is_signalled_and_no_other() {
    let events = events(4);
    events[3].set();
    events[1].set();
    assert_eq!(wait_any(&list(&events), Wait::FOREVER), index(1));
    assert!(!events[1].is_set() && events[3].is_set());
}

#[test]
fn s160_repeating_it_walks_through_those_that_are_taken_and_stays_with_those_that_are_not() {
    let (one, manual, two) = (Event::auto(true), Event::manual(true), Event::auto(true));
    let objects: [&dyn Waitable; 3] = [&one, &manual, &two];
    assert_eq!(wait_any(&objects, Wait::NOW), index(0));
    for _ in 0..3 {
        assert_eq!(wait_any(&objects, Wait::NOW), index(1));
    }
    manual.reset();
    assert_eq!(wait_any(&objects, Wait::NOW), index(2));
    assert_eq!(wait_any(&objects, Wait::NOW), Err(Status::TIMEOUT));
}

#[test]
fn s161_until_all_are_signalled_none_is_taken_and_others_may_take_them() {
    let (one, two) = (Event::auto(true), Semaphore::new(0, 5).unwrap());
    let waiter = {
        let (one, two) = (one.clone(), two.clone());
        std::thread::spawn(move || wait_all(&[&one, &two], SOON))
    };
    // Somebody else takes the one that is signalled, as often as it likes.
    for _ in 0..100 {
        eventually("the event can be taken", || wait_one(&one, Wait::NOW).is_ok());
        one.set();
    }
    wait_one(&one, Wait::NOW).unwrap();
    two.release(1).unwrap();
    std::thread::yield_now();
    assert_eq!(two.count(), 1, "it waits for the event");
    one.set();
    assert_eq!(waiter.join().unwrap(), index(0));
    assert!(!one.is_set() && two.count() == 0);
}

#[test]
fn s161_many_waits_for_all_never_take_a_part() {
    // Three resources, of which every thread wants two: philosophers that can't starve each other to death.
    let forks: Vec<_> = (0..3).map(|_| Semaphore::new(1, 1).unwrap()).collect();
    let used: Vec<_> = (0..3).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for at in 0..3 {
            let (forks, used) = (&forks, &used);
            scope.spawn(move || {
                let (left, right) = (at, (at + 1) % 3);
                for _ in 0..3000 {
                    wait_all(&[&forks[left], &forks[right]], SOON).unwrap();
                    for fork in [left, right] {
                        assert_eq!(used[fork].fetch_add(1, SeqCst), 0, "fork {fork} is in two hands");
                    }
                    for fork in [left, right] {
                        used[fork].fetch_sub(1, SeqCst);
                        forks[fork].release(1).unwrap();
                    }
                }
            });
        }
    });
    assert!(forks.iter().all(|fork| fork.count() == 1));
}

#[test]
fn s162_a_wait_for_all_has_no_index() {
    let (one, two) = (Event::manual(true), Event::manual(true));
    assert_eq!(wait_all(&[&one, &two], Wait::FOREVER), index(0));
}

#[test]
fn s163_waiting_for_all_with_one_object_twice_is_refused_and_for_any_is_not() {
    let event = Event::auto(true);
    let same = event.clone();
    assert_eq!(wait_all(&[&event, &same], Wait::NOW), Err(Status::INVALID_PARAMETER));
    assert!(event.is_set());
    assert_eq!(wait_any(&[&event, &same], Wait::NOW), index(0));
    let waiter = {
        let event = event.clone();
        std::thread::spawn(move || wait_any(&[&event, &event.clone()], SOON))
    };
    event.set();
    assert_eq!(waiter.join().unwrap(), index(0));
    assert!(!event.is_set());
}

fn abandoned_mutex() -> Mutex {
    let mutex = Mutex::new(false);
    let owner = mutex.clone();
    std::thread::spawn(move || wait_one(&owner, Wait::FOREVER)).join().unwrap().unwrap();
    mutex
}

#[test]
fn s164_wait_any_says_which_mutex_was_abandoned_and_grants_it() {
    let (event, mutex) = (Event::auto(false), abandoned_mutex());
    let waited = wait_any(&[&event, &mutex], Wait::NOW);
    assert_eq!(waited, Ok(Waited { index: 1, abandoned: true }));
    assert!(mutex.is_mine());
    mutex.release().unwrap();
}

#[test]
fn s165_wait_all_says_that_one_was_abandoned() {
    let (event, mutex) = (Event::auto(true), abandoned_mutex());
    assert_eq!(wait_all(&[&event, &mutex], Wait::NOW), Ok(Waited { index: 0, abandoned: true }));
    assert!(mutex.is_mine() && !event.is_set());
    mutex.release().unwrap();
}

#[test]
fn s167_a_timeout_of_zero_looks_and_takes() {
    let event = Event::auto(true);
    assert_eq!(wait_one(&event, Wait::NOW), index(0));
    assert_eq!(wait_one(&event, Wait::NOW), Err(Status::TIMEOUT));
}

#[test]
fn s168_a_wait_keeps_its_object() {
    let event = Event::auto(false);
    let waiter = {
        let event = event.clone();
        std::thread::spawn(move || {
            let waited = wait_one(&event, SOON);
            drop(event);
            waited
        })
    };
    let last = event;
    last.set();
    drop(last);
    assert_eq!(waiter.join().unwrap(), index(0));
}

#[test]
fn s169_waiting_for_a_thread_changes_nothing() {
    let thread = Thread::spawn(|| 1).unwrap();
    for _ in 0..3 {
        assert_eq!(wait_one(&thread, SOON), index(0));
    }
}

#[test]
fn s171_waiters_go_in_the_order_in_which_they_came() {
    let event = Event::auto(false);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut waiters = Vec::new();
    for number in 0..5 {
        let (waiting, order) = (event.clone(), order.clone());
        let (tell, told) = std::sync::mpsc::channel();
        waiters.push(std::thread::spawn(move || {
            tell.send(rustix::thread::gettid()).unwrap();
            wait_one(&waiting, SOON).unwrap();
            order.lock().unwrap().push(number);
        }));
        common::asleep(told.recv().unwrap());
    }
    for gone in 0..5 {
        event.set();
        eventually("one more has gone", || order.lock().unwrap().len() == gone + 1);
    }
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
}

#[test]
fn s172_a_timeout_is_never_short() {
    let event = Event::auto(false);
    for millis in [1, 5, 20] {
        let timeout = Duration::from_millis(millis);
        let begin = Instant::now();
        assert_eq!(wait_one(&event, Wait::at_most(timeout)), Err(Status::TIMEOUT));
        assert!(begin.elapsed() >= timeout);
    }
}

#[test]
fn s173_whatever_can_be_waited_for_can_be_waited_for_together() {
    let (event, mutex) = (Event::auto(false), Mutex::new(false));
    let semaphore = Semaphore::new(1, 1).unwrap();
    let thread = Thread::spawn(|| 0).unwrap();
    event.set();
    let all: [&dyn Waitable; 4] = [&event, &mutex, &semaphore, &thread];
    assert_eq!(wait_all(&all, SOON), index(0));
    assert!(mutex.is_mine() && semaphore.count() == 0 && !event.is_set());
    mutex.release().unwrap();
}

#[test]
fn a_wait_beyond_the_clock_is_for_ever() {
    let event = Event::auto(false);
    let waiter = {
        let event = event.clone();
        std::thread::spawn(move || wait_one(&event, Wait::at_most(Duration::MAX)))
    };
    event.set();
    assert_eq!(waiter.join().unwrap(), index(0));
}

/// Eight threads wait for and signal sixty-four objects at random, and every unit that was put in is taken out
/// once: as many units as there were at the start are there at the end.
#[test]
fn random_waits_and_signals_keep_the_ledger_balanced() {
    let seconds =
        std::env::var("PROACTOR_STRESS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let semaphores: Vec<_> = (0..32).map(|_| Semaphore::new(2, 1_000_000).unwrap()).collect();
    let events: Vec<_> = (0..16).map(|_| Event::auto(true)).collect();
    let mutexes: Vec<_> = (0..16).map(|_| Mutex::new(false)).collect();
    let inside: Vec<_> = (0..16).map(|_| AtomicUsize::new(0)).collect();
    let (waits, misses) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let (semaphores, events, mutexes, inside) = (&semaphores, &events, &mutexes, &inside);
            let (waits, misses) = (&waits, &misses);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while Instant::now() < end {
                    // Which objects, none twice.
                    let mut chosen: Vec<usize> = (0..1 + random.below(4)).map(|_| random.below(64)).collect();
                    chosen.sort_unstable();
                    chosen.dedup();
                    let objects: Vec<&dyn Waitable> = chosen
                        .iter()
                        .map(|at| match at {
                            0..32 => &semaphores[*at] as &dyn Waitable,
                            32..48 => &events[at - 32],
                            _ => &mutexes[at - 48],
                        })
                        .collect();
                    let wait = Wait::at_most(Duration::from_micros(random.below(300) as u64));
                    let all = random.one_in(2);
                    let waited = if all { wait_all(&objects, wait) } else { wait_any(&objects, wait) };
                    let taken = match waited {
                        Ok(_) if all => chosen,
                        Ok(waited) => vec![chosen[waited.index]],
                        Err(status) => {
                            assert_eq!(status, Status::TIMEOUT);
                            misses.fetch_add(1, SeqCst);
                            continue;
                        }
                    };
                    waits.fetch_add(1, SeqCst);
                    for at in &taken {
                        if *at >= 48 {
                            assert_eq!(inside[at - 48].fetch_add(1, SeqCst), 0, "two own mutex {at}");
                        }
                    }
                    if random.one_in(50) {
                        std::thread::yield_now();
                    }
                    for at in taken {
                        match at {
                            0..32 => {
                                semaphores[at].release(1).unwrap();
                            }
                            32..48 => assert!(!events[at - 32].set(), "event {at} was set for one taken"),
                            _ => {
                                inside[at - 48].fetch_sub(1, SeqCst);
                                assert_eq!(mutexes[at - 48].release(), Ok(1));
                            }
                        }
                    }
                }
            });
        }
    });
    assert!(semaphores.iter().all(|semaphore| semaphore.count() == 2));
    assert!(events.iter().all(Event::is_set));
    assert!(mutexes.iter().all(|mutex| wait_one(mutex, Wait::NOW) == index(0)));
    let (waits, misses) = (waits.into_inner(), misses.into_inner());
    println!("{waits} waits satisfied, {misses} not in time");
    assert!(waits > 100, "{waits} waits were satisfied");
}

#[test]
fn s159_one_that_was_signalled_before_another_is_found_before_it() {
    const ROUNDS: usize = 20_000;
    let (first, second) = (Event::manual(false), Event::manual(false));
    let (begun, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                while begun.load(SeqCst) < round {
                    std::thread::yield_now();
                }
                (0..round % 40).for_each(|_| std::hint::spin_loop());
                first.set();
                second.set();
                done.store(round, SeqCst);
            }
        });
        for round in 1..=ROUNDS {
            second.reset();
            first.reset();
            begun.store(round, SeqCst);
            let waited = loop {
                let wait = if round % 2 == 0 { SOON } else { Wait::NOW };
                match wait_any(&[&first, &second], wait) {
                    Ok(waited) => break waited,
                    Err(_) => std::thread::yield_now(),
                }
            };
            assert_eq!(waited.index, 0);
            while done.load(SeqCst) < round {
                std::thread::yield_now();
            }
        }
    });
}
