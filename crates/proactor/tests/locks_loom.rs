//! The locks under every schedule and every order of memory that loom can tell apart, up to a number of preemptions:
//! nobody is inside with somebody else, and no wake-up is lost, which would show as a deadlock.

#![allow(dead_code, reason = "the library uses the rest of the included files")]
#![allow(unsafe_code, reason = "what loom guards is reached through pointers")]

use loom as scheduler;
use loom::sync::atomic;

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
use std::time::Instant;

use loom::cell::UnsafeCell;
use loom::thread::spawn;
use stand_ins::number as thread;
use stand_ins::{condvar, rwlock, section};
use stand_ins::{lock, park, pause, place, record, seat};

/// Something that is wrong to touch while another thread does; loom sees to that.
#[derive(Default)]
struct Guarded(UnsafeCell<u32>);

// SAFETY: loom reports every access that another one meets.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn add(&self) {
        // SAFETY: loom has checked that nobody else has it now.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }

    fn get(&self) -> u32 {
        // SAFETY: loom has checked that nobody changes it now.
        self.0.with(|value| unsafe { *value })
    }
}

fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Runs each of `others` in a thread, and the last here.
fn side_by_side<const N: usize>(others: [Box<dyn FnOnce() + Send>; N], last: impl FnOnce()) {
    let threads = others.map(spawn);
    last();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn one_at_a_time_is_in_a_section_and_all_come_in() {
    check(2, || {
        let shared = Arc::new((section(), Guarded::default()));
        let visit = || {
            let shared = shared.clone();
            move || {
                let (section, value) = &*shared;
                section.enter();
                value.add();
                section.leave();
            }
        };
        side_by_side([Box::new(visit()), Box::new(visit())], visit());
        assert_eq!(shared.1.get(), 3);
        assert_eq!(shared.0.lock_count(), -1);
    });
}

#[test]
fn a_section_that_is_entered_twice_is_left_twice() {
    check(3, || {
        let shared = Arc::new((section(), Guarded::default()));
        let visit = |twice: bool| {
            let shared = shared.clone();
            move || {
                let (section, value) = &*shared;
                section.enter();
                assert!(section.try_enter());
                section.leave();
                if twice {
                    section.enter();
                    section.leave();
                }
                value.add();
                section.leave();
            }
        };
        side_by_side([Box::new(visit(true))], visit(false));
        assert_eq!(shared.1.get(), 2);
    });
}

#[test]
fn writers_are_alone_and_all_come_in() {
    check(2, || {
        let shared = Arc::new((rwlock(), Guarded::default()));
        let write = || {
            let shared = shared.clone();
            move || {
                shared.0.acquire_exclusive();
                shared.1.add();
                assert!(shared.0.release_exclusive());
            }
        };
        side_by_side([Box::new(write()), Box::new(write())], write());
        assert_eq!(shared.1.get(), 3);
        assert_eq!(shared.0.raw_value(), 0);
    });
}

#[test]
fn a_writer_and_readers_come_in() {
    check(2, || {
        let shared = Arc::new((rwlock(), Guarded::default()));
        let read = || {
            let shared = shared.clone();
            move || {
                shared.0.acquire_shared();
                assert!(shared.1.get() <= 1);
                assert!(shared.0.release_shared());
            }
        };
        side_by_side([Box::new(read()), Box::new(read())], || {
            shared.0.acquire_exclusive();
            shared.1.add();
            assert!(shared.0.release_exclusive());
        });
        assert_eq!(shared.0.raw_value(), 0);
    });
}

#[test]
fn two_writers_and_a_reader_come_in() {
    check(2, || {
        let shared = Arc::new((rwlock(), Guarded::default()));
        let write = || {
            let shared = shared.clone();
            move || {
                shared.0.acquire_exclusive();
                shared.1.add();
                assert!(shared.0.release_exclusive());
            }
        };
        side_by_side([Box::new(write()), Box::new(write())], || {
            shared.0.acquire_shared();
            let first = shared.1.get();
            assert!(first <= 2 && shared.1.get() == first);
            assert!(shared.0.release_shared());
        });
        assert_eq!(shared.0.raw_value(), 0);
    });
}

#[test]
fn whoever_sleeps_before_the_change_is_woken() {
    check(3, || {
        let shared = Arc::new((section(), condvar(), Guarded::default()));
        let wait = || {
            let shared = shared.clone();
            move || {
                let (section, changed, value) = &*shared;
                section.enter();
                while value.get() == 0 {
                    assert!(changed.sleep(None, || section.leave()));
                    section.enter();
                }
                section.leave();
            }
        };
        side_by_side([Box::new(wait())], || {
            let (section, changed, value) = &*shared;
            section.enter();
            value.add();
            section.leave();
            changed.wake(1);
        });
    });
}

#[test]
fn a_wake_goes_to_one_that_still_sleeps() {
    check(2, || {
        let shared = Arc::new((rwlock(), condvar(), Guarded::default()));
        let patient = shared.clone();
        let wait = move || {
            let (lock, changed, value) = &*patient;
            lock.acquire_exclusive();
            while value.get() == 0 {
                assert!(changed.sleep(None, || assert!(lock.release_exclusive())));
                lock.acquire_exclusive();
            }
            assert!(lock.release_exclusive());
        };
        let hasty = shared.clone();
        let wait_and_pass_on = move || {
            let (lock, changed, _) = &*hasty;
            lock.acquire_exclusive();
            let woken = changed.sleep(Some(Instant::now()), || assert!(lock.release_exclusive()));
            if woken {
                changed.wake(1);
            }
        };
        side_by_side([Box::new(wait), Box::new(wait_and_pass_on)], || {
            let (lock, changed, value) = &*shared;
            lock.acquire_exclusive();
            value.add();
            assert!(lock.release_exclusive());
            changed.wake(1);
        });
    });
}
