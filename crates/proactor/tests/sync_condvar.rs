//! Condition variables with critical sections and reader-writer locks.

mod common;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, eventually};
use proactor::Status;
use proactor::sync::{Condvar, CriticalSection, Mode, RawCriticalSection, RawRwLock, RwLock};

const SHORT: Duration = Duration::from_millis(20);

/// How many sleep there, as its debug text tells.
fn sleepers(condvar: &Condvar) -> usize {
    let text = format!("{condvar:?}");
    text.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[test]
fn s246_a_wake_without_sleepers_is_lost() {
    let (section, condvar) = (CriticalSection::new(()), Condvar::new());
    assert!(!condvar.wake_one());
    assert_eq!(condvar.wake_all(), 0);
    assert_eq!(condvar.wait_timeout(&mut section.enter(), SHORT), Err(Status::TIMEOUT));
}

#[test]
fn s247_a_timeout_comes_with_the_lock_taken_again() {
    let condvar = Condvar::new();
    let section = CriticalSection::new(());
    let mut held = section.enter();
    let started = Instant::now();
    assert_eq!(condvar.wait_timeout(&mut held, SHORT), Err(Status::TIMEOUT));
    assert!(started.elapsed() >= SHORT);
    assert_eq!(Status::TIMEOUT.to_win32(), 1460);
    thread::scope(|scope| assert!(scope.spawn(|| section.try_enter().is_none()).join().unwrap()));
    assert_eq!(sleepers(&condvar), 0);
}

#[test]
fn s248_the_lock_comes_back_in_the_same_mode() {
    let (lock, condvar) = (RwLock::new(0), Condvar::new());
    let mut shared = lock.read();
    assert_eq!(condvar.wait_timeout(&mut shared, SHORT), Err(Status::TIMEOUT));
    assert!(lock.try_read().is_some() && lock.try_write().is_none());
    drop(shared);
    let mut exclusive = lock.write();
    assert_eq!(condvar.wait_timeout(&mut exclusive, SHORT), Err(Status::TIMEOUT));
    assert!(lock.try_read().is_none());
    drop(exclusive);
    let raw = RawRwLock::new();
    for (mode, others_may_read) in [(Mode::Shared, true), (Mode::Exclusive, false)] {
        if others_may_read {
            raw.acquire_shared()
        } else {
            raw.acquire_exclusive()
        }
        assert_eq!(condvar.sleep_rwlock(&raw, mode, Some(SHORT)), Err(Status::TIMEOUT));
        assert_eq!(raw.is_held_exclusively(), !others_may_read);
        assert!(if others_may_read { raw.release_shared() } else { raw.release_exclusive() });
    }
}

#[test]
fn s248_the_lock_is_free_during_the_sleep() {
    let (lock, condvar) = (RwLock::new(false), Condvar::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut ready = lock.read();
            while !*ready {
                condvar.wait(&mut ready);
            }
        });
        eventually("it sleeps", || sleepers(&condvar) == 1);
        *lock.write() = true;
        assert!(condvar.wake_one());
    });
}

#[test]
fn s249_a_wake_in_time_counts_however_late_the_lock_comes() {
    let (section, condvar) = (CriticalSection::new(()), Condvar::new());
    let timeout = Duration::from_millis(500);
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let started = Instant::now();
            (condvar.wait_timeout(&mut section.enter(), timeout), started.elapsed())
        });
        eventually("it sleeps", || sleepers(&condvar) == 1);
        let held = section.enter();
        assert!(condvar.wake_one());
        thread::sleep(2 * timeout);
        drop(held);
        let (result, took) = sleeper.join().unwrap();
        assert!(result.is_ok() && took > timeout, "{result:?} after {took:?}");
    });
}

#[test]
fn s250_a_wake_with_nothing_changed_ends_the_wait_so_waits_are_looped() {
    let (section, condvar) = (CriticalSection::new(Cell::new(0)), Condvar::new());
    thread::scope(|scope| {
        let looped = scope.spawn(|| {
            let (mut held, mut waits) = (section.enter(), 0);
            while held.get() == 0 {
                condvar.wait(&mut held);
                waits += 1;
            }
            waits
        });
        eventually("it sleeps", || sleepers(&condvar) == 1);
        condvar.wake_all();
        eventually("it sleeps again", || sleepers(&condvar) == 1);
        section.enter().set(1);
        condvar.wake_all();
        assert_eq!(looped.join().unwrap(), 2);
    });
}

#[test]
fn s251_only_one_entry_is_left() {
    let (section, condvar) = (Arc::new(RawCriticalSection::default()), Arc::new(Condvar::new()));
    section.enter();
    section.enter();
    let (other, sleeper) = (section.clone(), condvar.clone());
    let (tell, told) = channel();
    let watcher = thread::spawn(move || {
        eventually("it sleeps", || sleepers(&sleeper) == 1);
        tell.send((other.recursion_count(), other.try_enter())).unwrap();
    });
    assert_eq!(condvar.sleep_section(&section, Some(Duration::from_millis(300))), Err(Status::TIMEOUT));
    let (recursion, entered) = told.recv_timeout(PATIENCE).unwrap();
    watcher.join().unwrap();
    assert_eq!((recursion, entered), (1, false), "nobody else got in");
    assert_eq!(section.recursion_count(), 2);
}

#[test]
fn wake_one_wakes_the_oldest() {
    let (section, condvar) = (CriticalSection::new(()), Condvar::new());
    let (tell, told) = channel();
    thread::scope(|scope| {
        for n in 0..3 {
            let (section, condvar, tell) = (&section, &condvar, tell.clone());
            scope.spawn(move || {
                condvar.wait(&mut section.enter());
                tell.send(n).unwrap();
            });
            eventually("it sleeps", || sleepers(condvar) == n + 1);
        }
        for n in 0..3 {
            assert!(condvar.wake_one());
            assert_eq!(told.recv_timeout(PATIENCE), Ok(n));
        }
    });
}

#[test]
fn nothing_is_lost_between_producers_and_consumers() {
    const EACH: u32 = 5_000;
    let (queue, changed) = (RwLock::new(Vec::new()), Condvar::new());
    let taken = thread::scope(|scope| {
        let consume = || {
            let (mut count, mut queue) = (0u32, queue.write());
            loop {
                match queue.pop() {
                    Some(0) => return count,
                    Some(_) => count += 1,
                    None => changed.wait(&mut queue),
                }
            }
        };
        let consumers = [scope.spawn(consume), scope.spawn(consume)];
        let produce = || {
            for n in 1..=EACH {
                queue.write().push(n);
                changed.wake_one();
            }
        };
        let producers = [scope.spawn(produce), scope.spawn(produce)];
        for producer in producers {
            producer.join().unwrap();
        }
        eventually("all is taken", || queue.read().is_empty());
        queue.write().extend([0, 0]);
        changed.wake_all();
        consumers.map(|consumer| consumer.join().unwrap())
    });
    assert_eq!(taken.iter().sum::<u32>(), 2 * EACH);
}
