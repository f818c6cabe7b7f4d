//! Calls queued to one thread: where they run, in which order, and what they do to a wait (group 10).

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{PATIENCE, Random, asleep, eventually};
use proactor::object::{
    Builder, Event, Thread, Wait, signal_and_wait, sleep, test_alert, wait_all, wait_any, wait_one,
};
use proactor::{Pipe, Port, Status, op};
use rustix::thread::gettid;

const SOON: Wait = Wait::at_most(PATIENCE).alertably();
const AT_ONCE: Wait = Wait::NOW.alertably();

/// What the calls of a test have done, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<usize>>>);

impl Diary {
    fn write(&self, what: usize) {
        self.0.lock().unwrap().push(what);
    }

    /// Queues a call to this thread that writes.
    fn call(&self, what: usize) {
        let diary = self.clone();
        Thread::current().queue_apc(move || diary.write(what)).unwrap();
    }

    /// What has been written since the last time.
    fn read(&self) -> Vec<usize> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[test]
fn s122_s123_calls_run_in_their_thread_in_each_kind_of_alertable_wait() {
    let (event, other) = (Event::manual(false), Event::auto(false));
    let port: Port = Port::new(1).unwrap();
    let (reader, _writer) = Pipe::pair().unwrap();
    let me = gettid();
    let waits: Vec<Box<dyn FnMut() -> Option<Status>>> = vec![
        Box::new(|| sleep(SOON).err()),
        Box::new(|| wait_one(&event, SOON).err()),
        Box::new(|| wait_any(&[&event, &other], SOON).err()),
        Box::new(|| wait_all(&[&event, &other], SOON).err()),
        Box::new(|| signal_and_wait(&other, &event, SOON).err()),
        Box::new(|| port.get_many(&mut Vec::new(), 1, SOON).err()),
        Box::new(|| {
            let recv = reader.begin(op::Recv::new(vec![0; 1])).unwrap();
            recv.wait_within(SOON).err().map(|(status, _)| status)
        }),
    ];
    for mut wait in waits {
        let ran = Arc::new(AtomicBool::new(false));
        let runs = ran.clone();
        let thread = Thread::current();
        // Queued by another thread, and run by this one.
        let queues = std::thread::spawn(move || thread.queue_apc(move || runs.store(gettid() == me, SeqCst)));
        queues.join().unwrap().unwrap();
        assert!(!ran.load(SeqCst));
        assert_eq!(wait(), Some(Status::USER_APC));
        assert!(ran.load(SeqCst));
    }
}

#[test]
fn s123_a_call_that_comes_during_the_wait_ends_it() {
    let (told, tell) = channel();
    let thread = Thread::spawn(move || {
        let (event, other) = (Event::manual(false), Event::auto(false));
        let (reader, _writer) = Pipe::pair().unwrap();
        let recv = reader.begin(op::Recv::new(vec![0; 1])).unwrap();
        told.send(gettid()).unwrap();
        let ends = [
            sleep(SOON).err(),
            wait_one(&event, SOON).err(),
            wait_any(&[&event, &other], SOON).err(),
            wait_all(&[&event, &other], SOON).err(),
            recv.wait_within(SOON).err().map(|(status, _)| status),
        ];
        u32::from(ends != [Some(Status::USER_APC); 5])
    })
    .unwrap();
    let id = tell.recv().unwrap();
    for _ in 0..5 {
        asleep(id);
        let (ran, runs) = channel();
        thread.queue_apc(move || ran.send(()).unwrap()).unwrap();
        runs.recv_timeout(PATIENCE).unwrap();
    }
    wait_one(&thread, SOON).unwrap();
    assert_eq!(thread.exit_code(), Some(0));
}

#[test]
fn s124_one_wait_runs_all_that_are_queued_in_order_and_ends_once() {
    let diary = Diary::default();
    (0..5).for_each(|n| diary.call(n));
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(diary.read(), [0, 1, 2, 3, 4]);
    assert_eq!(sleep(AT_ONCE), Ok(()));
}

#[test]
fn s125_calls_that_a_call_queues_run_in_the_same_wait() {
    fn again(diary: Diary, left: usize) {
        diary.write(left);
        if left > 0 {
            Thread::current().queue_apc(move || again(diary, left - 1)).unwrap();
        }
    }
    let diary = Diary::default();
    let first = diary.clone();
    Thread::current().queue_apc(move || again(first, 3)).unwrap();
    diary.call(9);
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(diary.read(), [3, 9, 2, 1, 0]);
}

#[test]
fn s126_an_alertable_wait_within_a_call_runs_those_behind_it() {
    let diary = Diary::default();
    let outer = diary.clone();
    Thread::current()
        .queue_apc(move || {
            outer.write(1);
            assert_eq!(sleep(SOON), Err(Status::USER_APC));
            outer.write(4);
            // There is none left.
            assert_eq!(sleep(AT_ONCE), Ok(()));
        })
        .unwrap();
    (2..=3).for_each(|n| diary.call(n));
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(diary.read(), [1, 2, 3, 4]);
}

#[test]
fn s127_a_call_goes_before_a_signalled_object_which_stays_signalled() {
    let (event, other) = (Event::auto(true), Event::manual(true));
    let diary = Diary::default();
    let short = Wait::at_most(Duration::from_millis(2)).alertably();
    for wait in [SOON, Wait::FOREVER.alertably(), short, AT_ONCE] {
        diary.call(0);
        assert_eq!(wait_one(&event, wait), Err(Status::USER_APC));
        diary.call(1);
        assert_eq!(wait_any(&[&event, &other], wait), Err(Status::USER_APC));
        diary.call(2);
        assert_eq!(wait_all(&[&event, &other], wait), Err(Status::USER_APC));
        assert_eq!(diary.read(), [0, 1, 2]);
        assert!(event.is_set());
    }
    assert!(wait_one(&event, AT_ONCE).is_ok());
}

#[test]
fn s128_a_call_that_signals_the_object_ends_the_wait_and_the_next_one_gets_it() {
    let event = Event::auto(false);
    let sets = event.clone();
    Thread::current().queue_apc(move || _ = sets.set()).unwrap();
    assert_eq!(wait_one(&event, SOON), Err(Status::USER_APC));
    assert!(wait_one(&event, SOON).is_ok());
    // The same when the call comes during the wait.
    let (told, tell) = channel();
    let waits = event.clone();
    let thread = Thread::spawn(move || {
        told.send(gettid()).unwrap();
        u32::from(wait_one(&waits, SOON) != Err(Status::USER_APC) || wait_one(&waits, SOON).is_err())
    })
    .unwrap();
    asleep(tell.recv().unwrap());
    let sets = event.clone();
    thread.queue_apc(move || _ = sets.set()).unwrap();
    wait_one(&thread, SOON).unwrap();
    assert_eq!(thread.exit_code(), Some(0));
}

#[test]
fn s129_a_sleep_of_no_time_runs_what_waits_or_returns() {
    let diary = Diary::default();
    assert_eq!(sleep(AT_ONCE), Ok(()));
    diary.call(1);
    assert_eq!(sleep(AT_ONCE), Err(Status::USER_APC));
    assert_eq!(sleep(AT_ONCE), Ok(()));
    assert_eq!(diary.read(), [1]);
}

#[test]
fn s130_a_wait_that_is_not_alertable_neither_runs_nor_loses_calls() {
    let (event, unset) = (Event::manual(true), Event::auto(false));
    let diary = Diary::default();
    diary.call(1);
    let short = Wait::at_most(Duration::from_millis(5));
    assert_eq!(sleep(short), Ok(()));
    assert_eq!(wait_one(&unset, short), Err(Status::TIMEOUT));
    assert!(wait_any(&[&unset, &event], short).is_ok());
    assert_eq!(wait_all(&[&unset, &event], short), Err(Status::TIMEOUT));
    assert!(diary.read().is_empty());
    assert!(test_alert());
    assert_eq!(diary.read(), [1]);
}

#[test]
fn s131_calls_go_before_the_timeout() {
    let unset = Event::manual(false);
    let diary = Diary::default();
    diary.call(1);
    assert_eq!(wait_one(&unset, AT_ONCE), Err(Status::USER_APC));
    diary.call(2);
    assert_eq!(wait_any(&[&unset, &unset], AT_ONCE), Err(Status::USER_APC));
    assert_eq!(diary.read(), [1, 2]);
    assert_eq!(wait_one(&unset, AT_ONCE), Err(Status::TIMEOUT));
}

#[test]
fn s132_calls_to_a_thread_that_has_not_begun_run_before_its_start_routine() {
    let diary = Diary::default();
    let starts = diary.clone();
    let held = Builder::new().suspended(true).spawn(move || {
        starts.write(9);
        // What was queued has run.
        u32::from(test_alert())
    });
    let thread = held.unwrap();
    for n in 0..3 {
        let diary = diary.clone();
        thread.queue_apc(move || diary.write(n)).unwrap();
    }
    assert!(diary.read().is_empty());
    thread.resume();
    wait_one(&thread, SOON).unwrap();
    assert_eq!((diary.read(), thread.exit_code()), (vec![0, 1, 2, 9], Some(0)));
}

#[test]
fn s133_calls_are_taken_until_the_thread_has_ended() {
    let stop = Event::manual(false);
    let stops = stop.clone();
    let thread = Thread::spawn(move || wait_one(&stops, Wait::FOREVER).map_or(1, |_| 0)).unwrap();
    assert_eq!(thread.queue_apc(|| ()), Ok(()));
    stop.set();
    wait_one(&thread, SOON).unwrap();
    assert_eq!(thread.queue_apc(|| ()), Err(Status::UNSUCCESSFUL));
}

/// Says that it was dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn s114_calls_queued_to_a_thread_that_ends_are_dropped_without_being_run() {
    let (ran, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (begun, stop) = (Event::manual(false), Event::manual(false));
    let (begins, stops) = (begun.clone(), stop.clone());
    let thread = Thread::spawn(move || {
        begins.set();
        wait_one(&stops, Wait::FOREVER).map_or(1, |_| 0)
    })
    .unwrap();
    // What is queued before that would run before the start routine.
    wait_one(&begun, SOON).unwrap();
    for _ in 0..10 {
        let (ran, guard) = (ran.clone(), Dropped(dropped.clone()));
        let call = move || {
            ran.fetch_add(1, SeqCst);
            drop(guard);
        };
        thread.queue_apc(call).unwrap();
    }
    stop.set();
    wait_one(&thread, SOON).unwrap();
    assert_eq!((ran.load(SeqCst), dropped.load(SeqCst)), (0, 10));
}

#[test]
fn s135_a_call_to_the_own_thread_is_just_queued() {
    let diary = Diary::default();
    diary.call(1);
    assert!(diary.read().is_empty());
    assert_eq!(sleep(AT_ONCE), Err(Status::USER_APC));
    assert_eq!(diary.read(), [1]);
}

#[test]
fn s137_calls_can_be_run_without_a_wait() {
    let diary = Diary::default();
    assert!(!test_alert());
    (0..2).for_each(|n| diary.call(n));
    assert!(test_alert());
    assert_eq!(diary.read(), [0, 1]);
    assert!(!test_alert());
}

#[test]
fn s141_a_wait_that_ran_calls_returns_whatever_time_is_left() {
    let begun = Instant::now();
    let unset = Event::manual(false);
    let thread = Thread::current();
    let queues = std::thread::spawn(move || thread.queue_apc(|| ()).unwrap());
    assert_eq!(wait_one(&unset, SOON), Err(Status::USER_APC));
    assert!(begun.elapsed() < PATIENCE);
    queues.join().unwrap();
}

#[test]
fn s144_s090_the_plain_wait_for_an_operation_runs_no_calls() {
    let (reader, writer) = Pipe::pair().unwrap();
    let diary = Diary::default();
    let recv = reader.begin(op::Recv::new(vec![0; 4])).unwrap();
    diary.call(1);
    let recv = recv.wait_timeout(Duration::from_millis(5)).unwrap_err();
    let (status, recv) = recv.wait_within(Wait::at_most(Duration::from_millis(5))).unwrap_err();
    assert_eq!(status, Status::TIMEOUT);
    let _ = writer.begin(op::Send::new("done")).unwrap();
    assert_eq!(recv.wait().data(), b"done");
    assert!(diary.read().is_empty());
    assert!(test_alert());
}

#[test]
fn s088_an_alertable_wait_for_an_operation_ends_by_it_by_a_call_or_by_its_time() {
    let (reader, writer) = Pipe::pair().unwrap();
    let diary = Diary::default();
    let recv = reader.begin(op::Recv::new(vec![0; 4])).unwrap();
    diary.call(1);
    // A look runs no calls.
    let (status, recv) = recv.wait_within(AT_ONCE).unwrap_err();
    assert_eq!((status, diary.read()), (Status::PENDING, vec![]));
    let (status, recv) = recv.wait_within(SOON).unwrap_err();
    assert_eq!((status, diary.read()), (Status::USER_APC, vec![1]));
    let (status, recv) = recv.wait_within(Wait::at_most(Duration::from_millis(5)).alertably()).unwrap_err();
    assert_eq!((status, recv.is_complete()), (Status::TIMEOUT, false));
    let ends = std::thread::spawn(move || drop(writer.begin(op::Send::new("done")).unwrap().wait()));
    assert_eq!(recv.wait_within(SOON).unwrap().data(), b"done");
    ends.join().unwrap();
}

#[test]
fn a_call_that_panics_ends_its_wait_and_leaves_the_others_queued() {
    let diary = Diary::default();
    Thread::current().queue_apc(|| panic!("in a call, as the test wants")).unwrap();
    diary.call(1);
    let end = std::panic::catch_unwind(|| sleep(SOON));
    assert!(end.is_err());
    assert!(diary.read().is_empty());
    assert!(test_alert());
    assert_eq!(diary.read(), [1]);
}

/// How many a thread queues, and how many threads do.
const CALLS: usize = 2000;
const QUEUERS: usize = 8;

/// The next that each queuer is to be heard with.
#[derive(Default)]
struct Ledger {
    next: [usize; QUEUERS],
    total: usize,
}

#[test]
fn calls_from_eight_threads_run_once_each_and_in_the_order_of_their_queuer() {
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (told, tell) = channel();
    let books = ledger.clone();
    let target = std::thread::spawn(move || {
        told.send(Thread::current()).unwrap();
        run_calls(&books);
    });
    let thread = tell.recv().unwrap();
    let queuers: Vec<_> = (0..QUEUERS)
        .map(|queuer| {
            let (thread, ledger) = (thread.clone(), ledger.clone());
            std::thread::spawn(move || {
                for number in 0..CALLS {
                    let ledger = ledger.clone();
                    let call = move || {
                        let mut ledger = ledger.lock().unwrap();
                        assert_eq!(ledger.next[queuer], number);
                        ledger.next[queuer] += 1;
                        ledger.total += 1;
                    };
                    thread.queue_apc(call).unwrap();
                    if number % 64 == 0 {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    queuers.into_iter().for_each(|queuer| queuer.join().unwrap());
    target.join().unwrap();
    assert_eq!(ledger.lock().unwrap().next, [CALLS; QUEUERS]);
}

/// Waits in every way there is, alertably and not, until all calls have run.
fn run_calls(ledger: &Mutex<Ledger>) {
    let mut random = Random::new(7);
    let (port, event): (Port, _) = (Port::new(1).unwrap(), Event::auto(false));
    let (reader, writer) = Pipe::pair().unwrap();
    let routines = Arc::new(AtomicUsize::new(0));
    let mut started = 0;
    let short = Wait::at_most(Duration::from_millis(1));
    while ledger.lock().unwrap().total < CALLS * QUEUERS {
        let wait = if random.one_in(3) { short } else { SOON };
        match random.below(6) {
            0 => _ = sleep(if wait == SOON { SOON } else { Wait::NOW }),
            1 => _ = wait_one(&event, wait),
            2 => {
                event.set();
                _ = wait_one(&event, wait);
            }
            3 => _ = port.get_many(&mut Vec::new(), 3, wait),
            4 => {
                port.post(0, 1).unwrap();
                _ = port.get_timeout(PATIENCE);
            }
            _ => {
                let counts = routines.clone();
                let routine = move |recv: op::Recv| _ = counts.fetch_add(recv.bytes(), SeqCst);
                reader.start_with_routine(op::Recv::new(vec![0; 1]), routine).unwrap();
                let _ = writer.begin(op::Send::new("x")).unwrap().wait();
                started += 1;
            }
        }
        if ledger.lock().unwrap().total == CALLS * QUEUERS {
            break;
        }
    }
    eventually("every routine has run", || {
        let _ = sleep(AT_ONCE);
        routines.load(SeqCst) == started
    });
}

#[test]
fn a_thread_that_ends_while_others_queue_to_it_drops_what_it_does_not_run() {
    for round in 0..50 {
        let (ran, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let thread = Thread::spawn(move || {
            (0..round % 4).for_each(|_| _ = sleep(AT_ONCE));
            0
        })
        .unwrap();
        let queuers: Vec<_> = (0..4)
            .map(|_| {
                let (thread, ran, dropped) = (thread.clone(), ran.clone(), dropped.clone());
                std::thread::spawn(move || {
                    let mut queued = 0;
                    loop {
                        let (ran, guard) = (ran.clone(), Dropped(dropped.clone()));
                        let call = move || {
                            ran.fetch_add(1, SeqCst);
                            drop(guard);
                        };
                        match thread.queue_apc(call) {
                            Ok(()) => queued += 1,
                            Err(Status::UNSUCCESSFUL) => return queued + 1,
                            // It is slow to end, and has as many as there can be.
                            Err(status) => {
                                assert_eq!(status, Status::INSUFFICIENT_RESOURCES);
                                queued += 1;
                            }
                        }
                        if queued % 16 == 0 {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let given: usize = queuers.into_iter().map(|queuer| queuer.join().unwrap()).sum();
        wait_one(&thread, SOON).unwrap();
        assert_eq!(dropped.load(SeqCst), given);
        assert!(ran.load(SeqCst) < given);
    }
}
