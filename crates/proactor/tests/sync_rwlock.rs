//! The slim reader-writer lock: who shares it, who waits, and what its word says.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use common::{PATIENCE, eventually};
use proactor::sync::{RawRwLock, RwLock};

/// Takes the lock in a thread of its own, says so, and gives it back when it is told to.
fn takes(lock: &Arc<RawRwLock>, exclusive: bool) -> (Receiver<()>, impl FnOnce() + use<>) {
    let ((tell, told), (end, ended)) = (channel(), channel::<()>());
    let lock = lock.clone();
    let thread = thread::spawn(move || {
        if exclusive {
            lock.acquire_exclusive()
        } else {
            lock.acquire_shared()
        }
        tell.send(()).unwrap();
        ended.recv().unwrap();
        assert!(if exclusive { lock.release_exclusive() } else { lock.release_shared() });
    });
    let finish = move || {
        end.send(()).unwrap();
        thread.join().unwrap();
    };
    (told, finish)
}

fn is_in(told: &Receiver<()>) {
    told.recv_timeout(PATIENCE).expect("it should have got the lock");
}

/// The lowest bit of the word: a writer has the lock, or is next to have it.
fn writer_comes(lock: &RawRwLock) {
    eventually("the writer is known", || lock.raw_value() & 1 == 1);
}

#[test]
fn s238_one_word_that_is_zero_at_first() {
    assert_eq!(size_of::<RawRwLock>(), size_of::<*const ()>());
    assert_eq!(RawRwLock::new().raw_value(), 0);
    static LOCK: RwLock<u32> = RwLock::new(1);
    assert_eq!(*LOCK.read(), 1);
}

#[test]
fn s239_nobody_gets_it_twice_if_one_is_exclusive() {
    let lock = RawRwLock::new();
    lock.acquire_exclusive();
    assert!(!lock.try_acquire_exclusive() && !lock.try_acquire_shared(), "although it is this thread's");
    assert!(lock.release_exclusive());
    lock.acquire_shared();
    assert!(!lock.try_acquire_exclusive());
    assert!(lock.release_shared());
    assert_eq!(lock.raw_value(), 0);
}

#[test]
fn s239_a_thread_waits_for_itself_until_another_releases() {
    let lock = Arc::new(RawRwLock::new());
    for (first, second) in [(true, true), (true, false), (false, true)] {
        let (tell, told) = channel();
        let other = lock.clone();
        let thread = thread::spawn(move || {
            if first {
                other.acquire_exclusive()
            } else {
                other.acquire_shared()
            }
            tell.send(()).unwrap();
            if second {
                other.acquire_exclusive()
            } else {
                other.acquire_shared()
            }
            tell.send(()).unwrap();
            assert!(if second { other.release_exclusive() } else { other.release_shared() });
        });
        is_in(&told);
        // Bits 1 and 2: somebody sleeps.
        eventually("it sleeps", || lock.raw_value() & 6 != 0);
        assert!(told.try_recv().is_err());
        assert!(if first { lock.release_exclusive() } else { lock.release_shared() });
        is_in(&told);
        thread.join().unwrap();
    }
    assert_eq!(lock.raw_value(), 0);
}

#[test]
fn s240_readers_nest_while_no_writer_waits() {
    let lock = RawRwLock::new();
    lock.acquire_shared();
    lock.acquire_shared();
    assert!(lock.release_shared() && lock.release_shared() && !lock.release_shared());
    assert_eq!(lock.raw_value(), 0);
}

#[test]
fn s241_a_writer_that_waits_goes_before_the_reader_that_came_after_it() {
    let lock = Arc::new(RawRwLock::new());
    lock.acquire_shared();
    let (writer, end_writer) = takes(&lock, true);
    writer_comes(&lock);
    let (reader, end_reader) = takes(&lock, false);
    eventually("the reader sleeps", || lock.raw_value() & 2 != 0);
    assert!(writer.try_recv().is_err());
    assert!(lock.release_shared());
    is_in(&writer);
    assert!(reader.try_recv().is_err(), "the reader is still out");
    end_writer();
    is_in(&reader);
    end_reader();
    assert_eq!(lock.raw_value(), 0);
}

#[test]
fn s242_a_try_fails_for_readers_behind_a_writer_that_waits_and_for_writers_while_it_is_held() {
    let lock = Arc::new(RawRwLock::new());
    lock.acquire_shared();
    assert!(lock.try_acquire_shared(), "no writer waits");
    assert!(lock.release_shared());
    let (writer, end_writer) = takes(&lock, true);
    writer_comes(&lock);
    assert!(!lock.try_acquire_shared() && !lock.try_acquire_exclusive());
    assert!(lock.release_shared());
    is_in(&writer);
    assert!(!lock.try_acquire_shared() && !lock.try_acquire_exclusive());
    end_writer();
    assert!(lock.try_acquire_exclusive());
}

#[test]
fn s243_another_thread_may_release_it() {
    let lock = Arc::new(RawRwLock::new());
    for exclusive in [true, false] {
        let other = lock.clone();
        let take = move || if exclusive { other.acquire_exclusive() } else { other.acquire_shared() };
        thread::spawn(take).join().unwrap();
        assert!(lock.is_held());
        assert!(if exclusive { lock.release_exclusive() } else { lock.release_shared() });
        assert_eq!(lock.raw_value(), 0);
    }
}

#[test]
fn s244_releasing_the_raw_value_1_leaves_0() {
    let word = std::sync::atomic::AtomicU64::new(1);
    // SAFETY: the lock is that word and nothing else.
    #[allow(unsafe_code)]
    let lock = unsafe { &*(&raw const word).cast::<RawRwLock>() };
    assert!(lock.is_held_exclusively() && !lock.try_acquire_shared());
    assert!(lock.release_exclusive());
    assert_eq!(lock.raw_value(), 0);
}

#[test]
fn what_is_not_held_is_not_released() {
    let lock = RawRwLock::new();
    assert!(!lock.release_exclusive() && !lock.release_shared());
    lock.acquire_shared();
    assert!(!lock.release_exclusive());
    assert!(lock.release_shared());
    assert_eq!(lock.raw_value(), 0);
}

#[test]
fn readers_see_whole_changes_and_no_change_is_lost() {
    const EACH: u64 = 20_000;
    let lock = RwLock::new((0u64, 0u64));
    thread::scope(|scope| {
        for writes in [true, true, false, false] {
            let lock = &lock;
            scope.spawn(move || {
                for _ in 0..EACH {
                    if writes {
                        let mut pair = lock.write();
                        pair.0 += 1;
                        pair.1 += 1;
                    } else {
                        let pair = lock.read();
                        assert_eq!(pair.0, pair.1);
                    }
                }
            });
        }
    });
    assert_eq!(lock.into_inner(), (2 * EACH, 2 * EACH));
}

#[test]
fn giving_back_what_is_not_shared_disturbs_nobody() {
    const ROUNDS: usize = 100_000;
    let (lock, over) = (RawRwLock::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) {
                assert!(!lock.release_shared(), "nobody shares it");
            }
        });
        for _ in 0..ROUNDS {
            lock.acquire_exclusive();
            assert!(lock.release_exclusive());
        }
        over.store(true, SeqCst);
    });
    assert_eq!(lock.raw_value(), 0);
}
