//! Critical sections: who is in, how often, and what the words of one say.

mod common;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;

use common::{PATIENCE, eventually};
use proactor::sync::{CriticalSection, RawCriticalSection};

fn words(section: &RawCriticalSection) -> (i32, i32, bool) {
    (section.lock_count(), section.recursion_count(), section.owning_thread() != 0)
}

#[test]
fn s229_an_owner_enters_again_and_the_words_say_so() {
    let section = RawCriticalSection::default();
    assert_eq!(words(&section), (-1, 0, false));
    section.enter();
    assert_eq!(words(&section), (-2, 1, true));
    assert!(section.is_mine());
    section.enter();
    assert_eq!(words(&section), (-2, 2, true));
    section.leave();
    assert_eq!(words(&section), (-2, 1, true));
    section.leave();
    assert_eq!(words(&section), (-1, 0, false));
}

#[test]
fn s229_the_owning_thread_is_another_number_in_another_thread() {
    let section = Arc::new(RawCriticalSection::default());
    section.enter();
    let mine = section.owning_thread();
    section.leave();
    let other = section.clone();
    let theirs = thread::spawn(move || {
        other.enter();
        let number = other.owning_thread();
        other.leave();
        number
    });
    assert_ne!(theirs.join().unwrap(), mine);
}

#[test]
fn s230_try_enter_takes_what_is_free_or_ones_own_and_never_waits() {
    let section = CriticalSection::new(());
    let first = section.try_enter().expect("it is free");
    let second = section.try_enter().expect("it is this thread's");
    thread::scope(|scope| {
        assert!(scope.spawn(|| section.try_enter().is_none()).join().unwrap());
        drop(first);
        assert!(scope.spawn(|| section.try_enter().is_none()).join().unwrap());
        drop(second);
        assert!(scope.spawn(|| section.try_enter().is_some()).join().unwrap());
    });
}

#[test]
fn s231_leaving_wakes_at_most_one() {
    const SLEEPERS: u32 = 3;
    let section = Arc::new(RawCriticalSection::new(0));
    let (tell, told) = channel();
    let go = Arc::new(AtomicU32::new(0));
    section.enter();
    let threads: Vec<_> = (0..SLEEPERS)
        .map(|_| {
            let (section, tell, go) = (section.clone(), tell.clone(), go.clone());
            thread::spawn(move || {
                section.enter();
                tell.send(()).unwrap();
                eventually("it may go on", || go.load(SeqCst) > 0);
                go.fetch_sub(1, SeqCst);
                section.leave();
            })
        })
        .collect();
    eventually("all sleep", || section.sleepers() == SLEEPERS);
    section.leave();
    for left in (0..SLEEPERS).rev() {
        told.recv_timeout(PATIENCE).expect("one comes in");
        assert_eq!(section.sleepers(), left, "the others were left asleep");
        assert!(told.try_recv().is_err(), "only one is in");
        go.fetch_add(1, SeqCst);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(words(&section), (-1, 0, false));
}

#[test]
fn s232_leaving_what_nobody_owns_is_put_right_by_the_next_to_enter() {
    let section = RawCriticalSection::default();
    section.leave();
    assert_eq!(words(&section), (-1, -1, false));
    section.leave();
    assert_eq!(words(&section), (-1, -2, false));
    section.enter();
    assert_eq!(words(&section), (-2, 1, true));
    section.leave();
    assert_eq!(words(&section), (-1, 0, false));
}

#[test]
fn s233_a_thread_that_ends_inside_leaves_it_closed() {
    let section = Arc::new(RawCriticalSection::default());
    let other = section.clone();
    thread::spawn(move || other.enter()).join().unwrap();
    assert!(!section.try_enter());
    assert_eq!(words(&section), (-2, 1, true));
}

#[test]
fn s236_the_spin_count_is_kept_and_changes_nothing_else() {
    let section = CriticalSection::with_spin_count(Cell::new(0), 7);
    assert_eq!(section.set_spin_count(0), 7);
    assert_eq!(section.set_spin_count(4000), 0);
    thread::scope(|scope| {
        for spins in [0, 4000] {
            section.set_spin_count(spins);
            let add = || (0..1000).for_each(|_| section.enter().update_by_one());
            let others = [scope.spawn(add), scope.spawn(add)];
            for other in others {
                other.join().unwrap();
            }
        }
    });
    assert_eq!(section.enter().get(), 4000);
}

trait Count {
    fn update_by_one(&self);
}

impl Count for Cell<u32> {
    fn update_by_one(&self) {
        self.set(self.get() + 1);
    }
}

#[test]
fn s237_deleting_an_owned_section_does_not_fail() {
    let own = Box::new(RawCriticalSection::default());
    own.enter();
    drop(own);
    let foreign = Arc::new(RawCriticalSection::default());
    let other = foreign.clone();
    thread::spawn(move || other.enter()).join().unwrap();
    assert!(Arc::into_inner(foreign).is_some());
}

#[test]
fn the_counts_tell_how_it_was_entered() {
    let section = CriticalSection::with_spin_count((), 0);
    let held = section.enter();
    thread::scope(|scope| {
        scope.spawn(|| drop(section.enter()));
        // SAFETY: nothing is left through it.
        #[allow(unsafe_code)]
        let raw = unsafe { section.raw() };
        eventually("it sleeps", || raw.sleepers() == 1);
        drop(held);
    });
    let entries = section.entries();
    assert_eq!((entries.all, entries.contended, entries.slept), (2, 1, 1));
}

#[test]
fn a_ledger_that_many_threads_write_is_whole() {
    const EACH: usize = 20_000;
    let ledger = CriticalSection::new(RefCell::new(Vec::new()));
    thread::scope(|scope| {
        for writer in 0..4usize {
            let ledger = &ledger;
            scope.spawn(move || {
                for n in 0..EACH {
                    let outer = ledger.enter();
                    let inner = ledger.enter();
                    inner.borrow_mut().push((writer, n));
                    drop(outer);
                }
            });
        }
    });
    let ledger = ledger.into_inner().into_inner();
    assert_eq!(ledger.len(), 4 * EACH);
    for writer in 0..4 {
        assert!(ledger.iter().filter(|entry| entry.0 == writer).map(|entry| entry.1).eq(0..EACH));
    }
}
