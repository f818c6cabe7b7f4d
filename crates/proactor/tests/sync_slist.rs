//! Interlocked operations and lists.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicI32, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst,
};
use std::thread;

use proactor::sync::{Interlocked, RawSList, SList, SListEntry, SpinLock};

#[test]
fn s262_what_they_return() {
    let word = AtomicI32::new(i32::MAX);
    assert_eq!(word.increment(), i32::MIN, "the new value, which wraps");
    assert_eq!(word.decrement(), i32::MAX, "the new value");
    assert_eq!(word.exchange(5), i32::MAX);
    assert_eq!(word.exchange_add(-6), 5);
    assert_eq!(word.compare_exchange_value(12, 0), -1, "it was not 0");
    assert_eq!(word.compare_exchange_value(12, -1), -1);
    assert_eq!(word.and(9), 12);
    assert_eq!(word.or(3), 8);
    assert_eq!(word.xor(1), 11);
    assert_eq!(word.load(SeqCst), 10);
    assert_eq!(AtomicI64::new(-1).increment(), 0);
    assert_eq!(AtomicU32::new(0).decrement(), u32::MAX);
    assert_eq!(AtomicU64::new(1 << 40).exchange_add(1), 1 << 40);
}

/// Dekker's rule with relaxed accesses around the interlocked ones: at least one of the two sees the other.
#[test]
fn s262_they_are_full_barriers() {
    const ROUNDS: usize = 20_000;
    for _ in 0..ROUNDS / 1000 {
        let words: Vec<_> =
            (0..1000).map(|_| [(); 2].map(|()| (AtomicU32::new(0), AtomicI32::new(0)))).collect();
        let saw = [(); 2].map(|()| (0..1000).map(|_| AtomicU32::new(0)).collect::<Vec<_>>());
        let start = std::sync::Barrier::new(2);
        thread::scope(|scope| {
            for me in 0..2 {
                let (words, saw, start) = (&words, &saw, &start);
                scope.spawn(move || {
                    start.wait();
                    for (round, pair) in words.iter().enumerate() {
                        pair[me].0.store(1, Relaxed);
                        pair[me].1.increment();
                        saw[me][round].store(pair[1 - me].0.load(Relaxed), Relaxed);
                    }
                });
            }
        });
        for (a, b) in saw[0].iter().zip(&saw[1]) {
            assert!(a.load(Relaxed) + b.load(Relaxed) > 0, "neither saw the other");
        }
    }
}

#[repr(C, align(16))]
struct Numbered {
    entry: SListEntry,
    number: usize,
}

fn entries(count: usize) -> Vec<Numbered> {
    (0..count).map(|number| Numbered { entry: SListEntry::new(), number }).collect()
}

fn of(numbered: &Numbered) -> NonNull<SListEntry> {
    NonNull::from(numbered).cast()
}

#[allow(unsafe_code)]
fn push(list: &RawSList, numbered: &Numbered) -> Option<NonNull<SListEntry>> {
    // SAFETY: the tests keep their entries until the list is gone, and push none that is in it.
    unsafe { list.push(of(numbered)) }
}

#[test]
fn s263_push_gives_the_head_before_pop_the_head_and_flush_the_chain() {
    let (list, all) = (RawSList::new(), entries(3));
    assert_eq!((list.pop(), list.flush(), list.first()), (None, None, None));
    assert_eq!(push(&list, &all[0]), None);
    assert_eq!(push(&list, &all[1]), Some(of(&all[0])));
    assert_eq!(push(&list, &all[2]), Some(of(&all[1])));
    assert_eq!((list.depth(), list.first()), (3, Some(of(&all[2]))));
    assert_eq!(list.pop(), Some(of(&all[2])));
    assert_eq!(list.depth(), 2);
    assert_eq!(list.flush(), Some(of(&all[1])));
    assert_eq!((all[1].entry.next(), all[0].entry.next()), (Some(of(&all[0])), None));
    assert_eq!((list.depth(), list.pop(), list.flush()), (0, None, None));
}

#[test]
fn s264_the_depth_wraps_at_65536() {
    let list = SList::new();
    (0..65_535u32).for_each(|n| list.push(n));
    assert_eq!(list.depth(), u16::MAX);
    list.push(65_535);
    assert_eq!(list.depth(), 0);
    assert!(!list.is_empty());
    assert_eq!(list.pop(), Some(65_535));
    assert_eq!(list.depth(), u16::MAX);
    assert!(list.take_all().eq((0..65_535).rev()));
}

#[test]
#[allow(unsafe_code)]
fn s265_the_count_of_a_list_that_is_pushed_is_believed() {
    let (list, all) = (RawSList::new(), entries(4));
    push(&list, &all[3]);
    for n in 0..2 {
        all[n].entry.set_next(Some(of(&all[n + 1])));
    }
    // SAFETY: the chain leads from the first to the last, and the entries outlive the list.
    let before = unsafe { list.push_list(of(&all[0]), of(&all[2]), 77) };
    assert_eq!(before, Some(of(&all[3])));
    assert_eq!(list.depth(), 78);
    for numbered in &all {
        assert_eq!(list.pop(), Some(of(numbered)));
    }
    assert_eq!((list.pop(), list.depth()), (None, 74));
    assert_eq!(all[2].number, 2);
}

#[test]
fn s266_headers_and_entries_are_aligned_to_16() {
    assert_eq!((size_of::<RawSList>(), align_of::<RawSList>()), (16, 16));
    assert_eq!(align_of::<SListEntry>(), 16);
}

/// Entries that come back to the head while others look at it: each of them is out once for each time it was in.
#[test]
fn s267_entries_that_come_back_confuse_no_pop() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 40_000;
    let (list, all) = (RawSList::new(), entries(3));
    let owned: Vec<_> = all.iter().map(|_| AtomicUsize::new(0)).collect();
    for numbered in &all {
        push(&list, numbered);
    }
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let out = [list.pop(), list.pop()].map(|entry| {
                        entry.map(|entry| {
                            let n = all.iter().position(|numbered| of(numbered) == entry).unwrap();
                            assert_eq!(owned[n].fetch_add(1, SeqCst), 0, "it was out already");
                            n
                        })
                    });
                    for n in out.into_iter().flatten() {
                        owned[n].fetch_sub(1, SeqCst);
                        push(&list, &all[n]);
                    }
                }
            });
        }
    });
    assert_eq!(list.depth(), 3);
    let mut left: Vec<_> = std::iter::from_fn(|| list.pop()).collect();
    left.sort();
    assert!(left.into_iter().eq(all.iter().map(of)));
}

/// Values are freed by whoever takes them, while others pop: nobody looks at what is gone.
#[test]
fn s267_entries_that_are_freed_are_not_looked_at() {
    const EACH: usize = 20_000;
    let list = SList::new();
    let (sum, live) = (AtomicUsize::new(0), Arc::new(()));
    thread::scope(|scope| {
        for pusher in 0..2 {
            let (list, live) = (&list, &live);
            scope.spawn(move || {
                (0..EACH).for_each(|n| list.push((pusher * EACH + n, live.clone(), vec![n; n % 64])));
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let (number, _, filler) = loop {
                        match list.pop() {
                            Some(value) => break value,
                            None => thread::yield_now(),
                        }
                    };
                    assert!(filler.iter().all(|n| *n == number % EACH));
                    sum.fetch_add(number, SeqCst);
                }
            });
        }
    });
    assert!(list.is_empty());
    assert_eq!(sum.load(SeqCst), EACH * (2 * EACH - 1));
    assert_eq!(Arc::strong_count(&live), 1);
}

#[test]
fn what_is_left_in_a_list_is_dropped_once() {
    let live = Arc::new(());
    let list = SList::new();
    (0..10).for_each(|_| list.push(live.clone()));
    let mut taken = list.take_all();
    assert!(taken.next().is_some());
    (0..5).for_each(|_| list.push(live.clone()));
    assert_eq!(Arc::strong_count(&live), 15);
    drop(taken);
    assert_eq!(Arc::strong_count(&live), 6);
    drop(list);
    assert_eq!(Arc::strong_count(&live), 1);
}

#[test]
fn a_spin_lock_lets_one_in() {
    const EACH: u64 = 100_000;
    let lock = SpinLock::new(0u64);
    thread::scope(|scope| {
        (0..3).for_each(|_| drop(scope.spawn(|| (0..EACH).for_each(|_| *lock.lock() += 1))));
    });
    let held = lock.lock();
    assert!(lock.try_lock().is_none());
    assert_eq!(*held, 3 * EACH);
}
