//! One-time initialisation in its two modes, barriers, and waits on an address.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, eventually};
use proactor::Status;
use proactor::sync::{Barrier, Begun, Once, wait_on_address, wake_all, wake_one};

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn s252_it_runs_once_while_others_wait() {
    let (once, runs) = (Once::new(), AtomicU32::new(0));
    thread::scope(|scope| {
        let (begin, begun) = channel();
        let (end, ended) = channel::<()>();
        let (once, runs) = (&once, &runs);
        scope.spawn(move || {
            let built: Result<usize, Status> = once.execute(|| {
                begin.send(()).unwrap();
                ended.recv().unwrap();
                runs.fetch_add(1, SeqCst);
                Ok(0x40)
            });
            assert_eq!(built, Ok(0x40));
        });
        begun.recv_timeout(PATIENCE).unwrap();
        let others = [(); 2].map(|()| {
            scope.spawn(move || {
                once.execute(|| {
                    runs.fetch_add(1, SeqCst);
                    Ok::<_, Status>(0x80)
                })
            })
        });
        // Bit 2: somebody sleeps.
        eventually("one waits", || once.raw_value() & 4 != 0);
        end.send(()).unwrap();
        for other in others {
            assert_eq!(other.join().unwrap(), Ok(0x40));
        }
    });
    assert_eq!(runs.load(SeqCst), 1);
}

#[test]
fn s252_a_failure_leaves_it_to_the_next() {
    let once = Once::new();
    assert_eq!(once.execute(|| Err(Status::ACCESS_DENIED)), Err(Status::ACCESS_DENIED));
    assert_eq!(once.raw_value(), 0);
    let panicked = std::panic::catch_unwind(|| {
        once.execute(|| -> Result<usize, Status> { std::panic::resume_unwind(Box::new("as expected")) })
    });
    assert!(panicked.is_err());
    assert_eq!(once.raw_value(), 0);
    assert_eq!(once.execute(|| Ok::<_, Status>(8)), Ok(8));
}

#[test]
fn s252_a_failure_lets_one_that_waits_try() {
    let once = Once::new();
    assert_eq!(once.begin(), Ok(Begun::Pending));
    thread::scope(|scope| {
        let other = scope.spawn(|| once.execute(|| Ok::<_, Status>(12)));
        eventually("it waits", || once.raw_value() & 4 != 0);
        once.fail().unwrap();
        assert_eq!(other.join().unwrap(), Ok(12));
    });
}

#[test]
fn s253_two_bits_are_the_state_and_a_context_has_them_clear() {
    let once = Once::new();
    assert_eq!(once.begin(), Ok(Begun::Pending));
    assert_eq!(once.raw_value() & 3, 1);
    for context in [1, 2, 3, 0x41] {
        assert_eq!(once.complete(context), Err(Status::INVALID_PARAMETER));
        assert_eq!(once.raw_value() & 3, 1, "it is still being done");
    }
    assert_eq!(once.complete(0x40), Ok(()));
    assert_eq!(once.raw_value(), 0x42);
    assert_eq!(once.begin(), Ok(Begun::Done(0x40)));
    let once = Once::new();
    assert_eq!(once.begin_together(), Ok(Begun::Pending));
    assert_eq!(once.raw_value() & 3, 3);
    assert_eq!(once.complete_together(2), Err(Status::INVALID_PARAMETER));
    assert_eq!(once.complete_together(0x40), Ok(()));
    assert_eq!(once.raw_value(), 0x42);
    let once = Once::new();
    assert_eq!(once.execute(|| Ok::<_, Status>(2)), Err(Status::INVALID_PARAMETER));
    assert_eq!(once.raw_value(), 0, "what left no valid context was not done");
}

#[test]
fn s254_a_check_of_what_is_not_done_fails() {
    let once = Once::new();
    assert_eq!(once.check(), Err(Status::UNSUCCESSFUL));
    assert_eq!(Status::UNSUCCESSFUL.to_win32(), 31, "ERROR_GEN_FAILURE");
    once.begin().unwrap();
    assert_eq!(once.check(), Err(Status::UNSUCCESSFUL));
    once.complete(4).unwrap();
    assert_eq!(once.check(), Ok(4));
}

#[test]
fn s255_the_modes_do_not_mix() {
    let once = Once::new();
    once.begin().unwrap();
    assert_eq!(once.begin_together(), Err(Status::INVALID_PARAMETER));
    assert_eq!(once.complete_together(4), Err(Status::INVALID_PARAMETER));
    once.complete(4).unwrap();
    assert_eq!(once.complete(4), Err(Status::UNSUCCESSFUL), "it is done");
    let once = Once::new();
    once.begin_together().unwrap();
    assert_eq!(once.begin(), Err(Status::INVALID_PARAMETER));
    assert_eq!(once.complete(4), Err(Status::INVALID_PARAMETER));
    assert_eq!(once.fail(), Err(Status::INVALID_PARAMETER));
    assert_eq!(Once::new().complete(4), Err(Status::UNSUCCESSFUL), "it was not begun");
}

#[test]
fn s255_of_several_at_once_the_first_to_finish_wins() {
    let once = Once::new();
    assert_eq!(once.begin_together(), Ok(Begun::Pending));
    assert_eq!(once.begin_together(), Ok(Begun::Pending));
    assert_eq!(once.complete_together(0x10), Ok(()));
    assert_eq!(once.complete_together(0x20), Err(Status::UNSUCCESSFUL));
    assert_eq!(once.check(), Ok(0x10));
    assert_eq!(once.begin_together(), Ok(Begun::Done(0x10)));
}

#[test]
fn s256_one_thread_of_each_round_is_told_so() {
    const THREADS: u32 = 3;
    const ROUNDS: usize = 2_000;
    let barrier = Barrier::new(THREADS).unwrap();
    let (arrived, told) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    arrived.fetch_add(1, SeqCst);
                    let last = barrier.wait();
                    assert!(arrived.load(SeqCst) >= round * THREADS as usize, "all came before any went");
                    told.fetch_add(usize::from(last), SeqCst);
                }
            });
        }
    });
    assert_eq!(told.load(SeqCst), ROUNDS);
    assert_eq!(Barrier::new(0).unwrap_err(), Status::INVALID_PARAMETER);
    assert!(Barrier::new(1).unwrap().wait());
}

#[test]
fn s256_deleting_waits_for_those_inside() {
    let barrier = Arc::new(Barrier::new(2).unwrap());
    let (tell, told) = channel();
    barrier.set_spin_count(0);
    let waiter = barrier.clone();
    let waits = thread::spawn(move || waiter.wait());
    eventually("one has come", || barrier.arrived() == 1);
    let deleter = barrier.clone();
    let deletes = thread::spawn(move || {
        tell.send(None).unwrap();
        deleter.wait_for_leavers();
        tell.send(Some(())).unwrap();
    });
    assert_eq!(told.recv_timeout(PATIENCE), Ok(None));
    assert!(told.recv_timeout(SHORT).is_err(), "one is inside");
    assert!(barrier.wait());
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Some(())));
    assert!(!waits.join().unwrap());
    deletes.join().unwrap();
}

#[test]
fn s257_words_of_one_two_four_and_eight_bytes() {
    macro_rules! size {
        ($atomic:ident, $most:expr) => {{
            let word = Arc::new($atomic::new(0));
            let other = word.clone();
            let waiter = thread::spawn(move || {
                while other.load(SeqCst) == 0 {
                    wait_on_address(&*other, 0, None).unwrap();
                }
            });
            word.store($most, SeqCst);
            wake_one(Arc::as_ptr(&word));
            waiter.join().unwrap();
            assert_eq!(wait_on_address(&*word, $most, Some(SHORT)), Err(Status::TIMEOUT));
        }};
    }
    size!(AtomicU8, u8::MAX);
    size!(AtomicU16, u16::MAX);
    size!(AtomicU32, u32::MAX);
    // All of it is compared.
    size!(AtomicU64, 1 << 63);
}

#[test]
fn s258_another_value_returns_at_once_and_the_same_times_out() {
    let word = AtomicU32::new(7);
    assert_eq!(wait_on_address(&word, 8, None), Ok(()));
    assert_eq!(wait_on_address(&word, 8, Some(Duration::ZERO)), Ok(()));
    let started = Instant::now();
    assert_eq!(wait_on_address(&word, 7, Some(SHORT)), Err(Status::TIMEOUT));
    assert!(started.elapsed() >= SHORT);
    assert_eq!(wait_on_address(&word, 7, Some(Duration::ZERO)), Err(Status::TIMEOUT));
}

#[test]
fn s259_wakes_of_nobody_do_no_harm_and_never_read_the_address() {
    assert!(!wake_one(std::ptr::null::<u8>()));
    assert_eq!(wake_all(std::ptr::null::<u8>()), 0);
    let nowhere = std::ptr::without_provenance::<u64>(8);
    assert!(!wake_one(nowhere));
    assert_eq!(wake_all(nowhere), 0);
    let word = AtomicU8::new(0);
    assert!(!wake_one(&word));
    assert_eq!(wait_on_address(&word, 0, Some(SHORT)), Err(Status::TIMEOUT), "and are not kept");
}

#[test]
fn s260_a_wake_may_come_with_the_value_unchanged() {
    let word = Arc::new(AtomicU16::new(3));
    let waiters = [(); 2].map(|()| {
        let word = word.clone();
        thread::spawn(move || wait_on_address(&*word, 3, None))
    });
    let mut woken = 0;
    eventually("both were woken", || {
        woken += wake_all(Arc::as_ptr(&word));
        woken == 2
    });
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), Ok(()));
    }
    assert_eq!(word.load(SeqCst), 3);
}

#[test]
fn no_handover_by_address_is_lost() {
    const ROUNDS: u8 = 200;
    let turn = AtomicU8::new(0);
    thread::scope(|scope| {
        for parity in [0u8, 1] {
            let turn = &turn;
            scope.spawn(move || {
                for _ in 0..ROUNDS / 2 {
                    loop {
                        let now = turn.load(SeqCst);
                        if now % 2 == parity {
                            break;
                        }
                        wait_on_address(turn, now, None).unwrap();
                    }
                    turn.fetch_add(1, SeqCst);
                    wake_one(turn);
                }
            });
        }
    });
    assert_eq!(turn.load(SeqCst), ROUNDS);
}
