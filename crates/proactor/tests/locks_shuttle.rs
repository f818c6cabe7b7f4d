//! The locks under some thousands of random schedules, with more threads than loom could search: whoever is inside
//! without others, and all come in. A wake-up that is lost shows as a deadlock.

#![allow(dead_code, reason = "the library uses the rest of the included files")]

use shuttle as scheduler;
use shuttle::sync::atomic;

#[path = "locks/checker.rs"]
mod checker;
#[path = "../src/sync/lot.rs"]
mod lot;
#[path = "../src/sync/raw_condvar.rs"]
mod raw_condvar;
#[path = "../src/sync/raw_rwlock.rs"]
mod raw_rwlock;
#[path = "../src/sync/raw_section.rs"]
mod raw_section;
#[path = "locks/stand_ins.rs"]
mod stand_ins;

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::{spawn, yield_now};
use shuttle::{check_pct, check_random};
use stand_ins::number as thread;
use stand_ins::{condvar, rwlock, section};
use stand_ins::{lock, park, pause, place, record, seat};

const EACH: usize = 4;

/// Who is inside: readers count up, a writer down.
#[derive(Default)]
struct Inside(AtomicIsize);

impl Inside {
    fn alone(&self) {
        assert_eq!(self.0.fetch_sub(1, SeqCst), 0, "somebody else is inside");
        yield_now();
        assert_eq!(self.0.fetch_add(1, SeqCst), -1, "somebody came in");
    }

    fn together(&self) {
        assert!(self.0.fetch_add(1, SeqCst) >= 0, "a writer is inside");
        yield_now();
        assert!(self.0.fetch_sub(1, SeqCst) > 0, "a writer came in");
    }
}

fn crowd(threads: usize, life: impl Fn() + Clone + Send + 'static) {
    let threads: Vec<_> = (0..threads).map(|_| spawn(life.clone())).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn sections() {
    let shared = Arc::new((section(), Inside::default()));
    let visitors = shared.clone();
    crowd(4, move || {
        let (section, inside) = &*visitors;
        for _ in 0..EACH {
            if !thread_rng().gen_bool(0.2) || !section.try_enter() {
                section.enter();
            }
            if thread_rng().gen_bool(0.3) {
                section.enter();
                section.leave();
            }
            inside.alone();
            section.leave();
        }
    });
    let (section, _) = &*shared;
    assert_eq!((section.lock_count(), section.recursion_count(), section.owning_thread()), (-1, 0, 0));
}

fn rwlocks() {
    let shared = Arc::new((rwlock(), Inside::default()));
    let visitors = shared.clone();
    crowd(5, move || {
        let (lock, inside) = &*visitors;
        for _ in 0..EACH {
            let (writes, tries) = (thread_rng().gen_bool(0.4), thread_rng().gen_bool(0.2));
            if writes {
                if !tries || !lock.try_acquire_exclusive() {
                    lock.acquire_exclusive();
                }
                inside.alone();
                assert!(lock.release_exclusive());
            } else {
                if !tries || !lock.try_acquire_shared() {
                    lock.acquire_shared();
                }
                inside.together();
                assert!(lock.release_shared());
            }
        }
    });
    assert_eq!(shared.0.raw_value(), 0);
}

/// Producers and consumers of a count that a section protects. Some consumers are in a hurry and come again.
fn condvars() {
    const TASKS: usize = 6;
    let shared = Arc::new((section(), condvar(), AtomicUsize::new(0), AtomicUsize::new(0)));
    let consumers: Vec<_> = (0..3)
        .map(|_| {
            let shared = shared.clone();
            spawn(move || {
                let (section, changed, tasks, done) = &*shared;
                section.enter();
                while done.load(SeqCst) < TASKS {
                    if tasks.load(SeqCst) > 0 {
                        tasks.fetch_sub(1, SeqCst);
                        if done.fetch_add(1, SeqCst) + 1 == TASKS {
                            changed.wake(usize::MAX);
                        }
                        continue;
                    }
                    let deadline = thread_rng().gen_bool(0.3).then(Instant::now);
                    let woken = changed.sleep(deadline, || section.leave());
                    assert!(woken || deadline.is_some());
                    section.enter();
                }
                section.leave();
            })
        })
        .collect();
    let producer = shared.clone();
    crowd(2, move || {
        let (section, changed, tasks, _) = &*producer;
        for _ in 0..TASKS / 2 {
            section.enter();
            tasks.fetch_add(1, SeqCst);
            section.leave();
            changed.wake(1);
        }
    });
    consumers.into_iter().for_each(|consumer| consumer.join().unwrap());
    assert_eq!(shared.1.sleepers.load(atomic::Ordering::SeqCst), 0);
}

#[test]
fn sections_let_one_in_at_a_time_and_all_in_the_end() {
    check_random(sections, 3000);
    check_pct(sections, 2000, 3);
}

#[test]
fn writers_are_alone_and_all_come_in() {
    check_random(rwlocks, 3000);
    check_pct(rwlocks, 2000, 4);
}

#[test]
fn no_task_is_left_with_consumers_asleep() {
    check_random(condvars, 3000);
    check_pct(condvars, 2000, 3);
}
