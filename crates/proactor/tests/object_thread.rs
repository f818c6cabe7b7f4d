//! Threads as objects: how they begin, are held back, end, and what they leave behind (group 24).

mod common;

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{PATIENCE, eventually, in_own_process, tcp_pair};
use proactor::object::{
    Builder, Event, Mutex, Priority, Thread, Wait, exit_thread, sleep, test_alert, wait_any, wait_one,
};
use proactor::{Port, Status, op};

const SOON: Wait = Wait::at_most(PATIENCE);

fn ended(thread: &Thread) -> Option<u32> {
    wait_one(thread, SOON).unwrap();
    thread.exit_code()
}

/// A thread that runs until the event is set.
fn until(event: &Event) -> Thread {
    let event = event.clone();
    Thread::spawn(move || wait_one(&event, SOON).map_or(1, |_| 0)).unwrap()
}

fn suspended(start: impl FnOnce() -> u32 + Send + 'static) -> Thread {
    Builder::new().suspended(true).spawn(start).unwrap()
}

#[test]
fn s268_it_has_an_exit_code_once_it_has_ended() {
    let go = Event::manual(false);
    let thread = until(&go);
    assert_eq!(thread.exit_code(), None);
    go.set();
    assert_eq!(ended(&thread), Some(0));
    for exit_code in [7, 259, u32::MAX] {
        assert_eq!(ended(&Thread::spawn(move || exit_code).unwrap()), Some(exit_code));
        assert_eq!(ended(&Thread::spawn(move || exit_thread(exit_code)).unwrap()), Some(exit_code));
        let terminated = suspended(|| 1);
        terminated.terminate(exit_code).unwrap();
        assert_eq!(ended(&terminated), Some(exit_code));
    }
}

struct Tells(Arc<AtomicBool>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn s268_exit_thread_drops_what_is_on_the_stack_and_runs_nothing_after_it() {
    let dropped = Arc::new(AtomicBool::new(false));
    let tells = Tells(dropped.clone());
    let thread = Thread::spawn(move || {
        let _tells = tells;
        let deep = || exit_thread(5);
        deep()
    });
    assert_eq!(ended(&thread.unwrap()), Some(5));
    assert!(dropped.load(SeqCst));
}

#[test]
fn s268_a_call_may_end_its_thread() {
    let after = Arc::new(AtomicBool::new(false));
    let seen = after.clone();
    let thread = Thread::spawn(move || {
        let _ = sleep(SOON.alertably());
        seen.store(true, SeqCst);
        1
    });
    let thread = thread.unwrap();
    thread.queue_apc(|| exit_thread(9)).unwrap();
    assert_eq!(ended(&thread), Some(9));
    assert!(!after.load(SeqCst));
    let early = suspended(|| 1);
    early.queue_apc(|| exit_thread(8)).unwrap();
    early.resume();
    assert_eq!(ended(&early), Some(8));
}

struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            resume_unwind(Box::new("on purpose, too"));
        }
    }
}

#[test]
fn a_panic_has_an_exit_code_of_its_own_and_takes_nobody_along() {
    let thread = Thread::spawn(|| resume_unwind(Box::new("on purpose"))).unwrap();
    assert_eq!(ended(&thread), Some(Thread::PANICKED));
    let thread = Thread::spawn(|| resume_unwind(Box::new(PanicsAgain))).unwrap();
    assert_eq!(ended(&thread), Some(Thread::PANICKED));
    let thread = suspended(|| 1);
    thread.queue_apc(|| resume_unwind(Box::new("in a call"))).unwrap();
    thread.resume();
    assert_eq!(ended(&thread), Some(Thread::PANICKED));
}

#[test]
fn exit_thread_is_for_threads_that_have_an_exit_code() {
    let refused = std::thread::spawn(|| std::panic::catch_unwind(|| exit_thread(1)).is_err());
    assert!(refused.join().unwrap());
}

#[test]
fn s269_it_is_signalled_from_its_end_on() {
    let go = Event::manual(false);
    let thread = until(&go);
    assert_eq!(wait_one(&thread, Wait::NOW), Err(Status::TIMEOUT));
    go.set();
    for _ in 0..3 {
        assert!(wait_one(&thread, SOON).is_ok());
    }
    assert!(wait_one(&thread.clone(), Wait::NOW).is_ok());
    assert_eq!(thread.kernel_id(), None);
}

#[test]
fn s269_a_thread_that_is_none_of_ours_is_signalled_by_its_end_too() {
    let (tell, told) = channel();
    let (end, ends) = channel::<()>();
    let foreign = std::thread::spawn(move || {
        tell.send(Thread::current()).unwrap();
        let _ = ends.recv();
    });
    let thread = told.recv().unwrap();
    assert_eq!((wait_one(&thread, Wait::NOW), thread.exit_code()), (Err(Status::TIMEOUT), None));
    assert_eq!((thread.resume(), thread.suspend()), (0, Err(Status::NOT_SUPPORTED)));
    drop(end);
    assert_eq!(ended(&thread), Some(0));
    foreign.join().unwrap();
    assert_eq!(thread.queue_apc(|| ()), Err(Status::UNSUCCESSFUL));
}

#[test]
fn s270_a_suspended_thread_begins_when_its_count_is_zero() {
    let begun = Event::manual(false);
    let tell = begun.clone();
    let thread = suspended(move || u32::from(tell.set()));
    assert_eq!((thread.suspend(), thread.suspend()), (Ok(1), Ok(2)));
    assert_eq!((thread.resume(), thread.resume()), (3, 2));
    assert_eq!(wait_any(&[&begun, &thread], Wait::at_most(Duration::from_millis(2))), Err(Status::TIMEOUT));
    assert_eq!(thread.resume(), 1);
    assert_eq!((ended(&thread), thread.resume()), (Some(0), 0));
    assert!(begun.is_set());
}

#[test]
fn a_thread_is_suspended_127_times_and_no_more() {
    let thread = suspended(|| 0);
    (1..127).for_each(|count| assert_eq!(thread.suspend(), Ok(count)));
    assert_eq!(thread.suspend(), Err(Status::SUSPEND_COUNT_EXCEEDED));
    (1..=127).rev().for_each(|count| assert_eq!(thread.resume(), count));
    assert_eq!(ended(&thread), Some(0));
}

#[test]
fn s271_a_thread_that_has_ended_is_not_suspended_and_resumes_to_nothing() {
    for terminated in [false, true] {
        let thread = suspended(|| 0);
        if terminated {
            thread.terminate(0).unwrap()
        } else {
            assert_eq!(thread.resume(), 1)
        }
        assert_eq!(ended(&thread), Some(0));
        assert_eq!((thread.suspend(), thread.resume()), (Err(Status::ACCESS_DENIED), 0));
    }
}

#[test]
fn s272_a_thread_that_runs_is_not_terminated_nor_suspended() {
    let go = Event::manual(false);
    let thread = until(&go);
    eventually("it has begun", || match thread.suspend() {
        Ok(_) => thread.resume() == 0,
        refused => refused == Err(Status::NOT_SUPPORTED),
    });
    assert_eq!(thread.terminate(1), Err(Status::NOT_SUPPORTED));
    go.set();
    assert_eq!(ended(&thread), Some(0));
    assert_eq!(thread.terminate(1), Err(Status::ACCESS_DENIED));
}

#[test]
fn s273_a_thread_that_never_began_is_terminated_without_running_anything() {
    let ran = Arc::new(AtomicUsize::new(0));
    let (in_start, in_call) = (ran.clone(), ran.clone());
    let dropped = Arc::new(AtomicBool::new(false));
    let tells = Tells(dropped.clone());
    let thread = suspended(move || {
        let _tells = tells;
        in_start.fetch_add(1, SeqCst);
        0
    });
    thread.suspend().unwrap();
    thread.queue_apc(move || assert_eq!(in_call.fetch_add(1, SeqCst), 0)).unwrap();
    thread.terminate(42).unwrap();
    assert_eq!(thread.queue_apc(|| ()), Err(Status::UNSUCCESSFUL));
    assert_eq!(ended(&thread), Some(42));
    assert_eq!(ran.load(SeqCst), 0);
    assert!(dropped.load(SeqCst), "what it was to run is dropped");
    assert_eq!(thread.terminate(43), Err(Status::ACCESS_DENIED));
    assert_eq!(thread.exit_code(), Some(42));
}

#[test]
fn resuming_and_terminating_at_once_does_one_of_them() {
    for _ in 0..200 {
        let thread = suspended(|| 1);
        let other = thread.clone();
        let terminator = std::thread::spawn(move || other.terminate(2));
        thread.resume();
        let terminated = terminator.join().unwrap();
        let exit_code = ended(&thread).unwrap();
        assert_eq!(exit_code, if terminated.is_ok() { 2 } else { 1 }, "{terminated:?}");
    }
}

#[test]
fn s132_calls_queued_before_it_begins_run_before_its_start_routine_in_order() {
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = |what: u32| {
        let order = order.clone();
        move || order.lock().unwrap().push(what)
    };
    let last = note(9);
    let thread = suspended(move || {
        last();
        0
    });
    (1..=3).for_each(|what| thread.queue_apc(note(what)).unwrap());
    let (of_call, another) = (note(4), note(5));
    // What a call queues runs before the start routine as well.
    thread
        .queue_apc(move || {
            of_call();
            Thread::current().queue_apc(another).unwrap();
        })
        .unwrap();
    thread.resume();
    assert_eq!(ended(&thread), Some(0));
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4, 5, 9]);
}

#[test]
fn calls_that_never_ran_are_dropped_with_the_thread() {
    let (go, dropped) = (Event::manual(false), Arc::new(AtomicBool::new(false)));
    let (thread, tells) = (until(&go), Tells(dropped.clone()));
    thread.queue_apc(move || drop(tells)).unwrap();
    go.set();
    assert_eq!(ended(&thread), Some(0));
    assert!(dropped.load(SeqCst));
    assert!(!test_alert());
}

thread_local!(static LATE: RefCell<Option<AtItsEnd>> = const { RefCell::new(None) });

struct AtItsEnd(Arc<AtomicBool>);

impl Drop for AtItsEnd {
    fn drop(&mut self) {
        // Waits, sleeps and asks who it is, with most of its thread-local data gone.
        let event = Event::auto(true);
        assert!(wait_one(&event, Wait::NOW).is_ok());
        assert_eq!(wait_one(&event, Wait::at_most(Duration::from_millis(1))), Err(Status::TIMEOUT));
        assert_eq!(sleep(Wait::at_most(Duration::from_millis(1)).alertably()), Ok(()));
        assert_eq!(Thread::current().id(), Thread::current_id());
        self.0.store(true, SeqCst);
    }
}

#[test]
fn a_thread_may_wait_while_its_thread_local_data_is_dropped() {
    for ours in [true, false] {
        let done = Arc::new(AtomicBool::new(false));
        let late = AtItsEnd(done.clone());
        let routine = move || {
            LATE.set(Some(late));
            assert!(wait_one(&Event::auto(true), SOON).is_ok());
            let _ = Thread::current();
            0
        };
        if ours {
            assert_eq!(ended(&Thread::spawn(routine).unwrap()), Some(0));
        } else {
            std::thread::spawn(routine).join().unwrap();
        }
        assert!(done.load(SeqCst));
    }
}

#[test]
fn what_it_leaves_behind_is_left_before_its_end_is_told() {
    for round in 0..50 {
        let (mutex, theirs) = (Mutex::new(false), tcp_pair());
        let (owned, socket) = (mutex.clone(), theirs.0.clone());
        let (tell, told) = channel();
        let thread = Thread::spawn(move || {
            assert!(wait_one(&owned, SOON).is_ok());
            tell.send(socket.begin(op::Recv::new(vec![0; 8])).unwrap()).unwrap();
            if round % 2 == 0 { exit_thread(1) } else { 1 }
        });
        let thread = thread.unwrap();
        assert_eq!(ended(&thread), Some(1));
        assert!(wait_one(&mutex, Wait::NOW).unwrap().abandoned);
        mutex.release().unwrap();
        let recv = told.recv().unwrap();
        assert!(recv.is_complete(), "what was under way is cancelled");
        assert_eq!(recv.wait().status(), Status::CANCELLED);
        assert_eq!(theirs.0.pending(), 0);
    }
}

#[test]
fn a_worker_that_ends_lets_another_in_before_its_end_is_told() {
    let port: Port = Port::new(1).unwrap();
    let taken = Event::auto(false);
    let worker = |which: usize| {
        let (port, taken) = (port.clone(), taken.clone());
        Thread::spawn(move || {
            let packet = port.get().unwrap().unwrap();
            taken.set();
            u32::try_from(packet.key + 10 * which).unwrap()
        })
    };
    let first = worker(1).unwrap();
    port.post(1, 0).unwrap();
    assert!(wait_one(&taken, SOON).is_ok());
    assert_eq!(ended(&first), Some(11));
    assert_eq!(port.snapshot().running, 0, "its seat is free");
    // Two that wait, one seat: each ends after one packet, and the other has to be let in.
    let others = [worker(2).unwrap(), worker(3).unwrap()];
    port.post(1, 0).unwrap();
    port.post(2, 0).unwrap();
    let codes: u32 = others.iter().map(|thread| ended(thread).unwrap()).sum();
    assert_eq!(codes, 53);
}

#[test]
fn it_has_a_name() {
    let (tell, told) = channel();
    let thread = Builder::new().name("a patient one").stack_size(256 << 10).spawn(move || {
        let comm = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
        tell.send((std::thread::current().name().map(String::from), comm)).unwrap();
        0
    });
    let thread = thread.unwrap();
    let (name, comm) = told.recv().unwrap();
    assert_eq!((name.as_deref(), comm.trim_end()), (Some("a patient one"), "a patient one"));
    assert_eq!(thread.name(), Some("a patient one"));
    assert_eq!(Thread::spawn(|| 0).unwrap().name(), None);
    assert!(matches!(Builder::new().name("with\0zero").spawn(|| 0), Err(Status::INVALID_PARAMETER)));
}

#[test]
fn a_stack_that_can_not_be_had_is_an_error() {
    for bytes in [usize::MAX, usize::MAX / 2, 1 << 60] {
        let refused = Builder::new().stack_size(bytes).spawn(|| 0).map(drop);
        assert!(refused.is_err(), "{bytes} bytes");
    }
    assert_eq!(ended(&Builder::new().stack_size(0).spawn(|| 3).unwrap()), Some(3));
}

#[test]
fn threads_beyond_what_the_system_gives_are_an_error() {
    in_own_process("threads_beyond_what_the_system_gives_are_an_error", || {
        let stop = Event::manual(false);
        // Address space for some threads of this size and no more.
        let limit = rustix::process::Rlimit { current: Some(8 << 30), maximum: Some(8 << 30) };
        rustix::process::setrlimit(rustix::process::Resource::As, limit).unwrap();
        let mut threads = Vec::new();
        let status = loop {
            let waits = stop.clone();
            let started =
                Builder::new().stack_size(1 << 30).spawn(move || wait_one(&waits, SOON).map_or(1, |_| 0));
            match started {
                Ok(thread) => threads.push(thread),
                Err(status) => break status,
            }
            assert!(threads.len() < 9);
        };
        println!("{} threads, then {status}", threads.len());
        stop.set();
        threads.iter().for_each(|thread| assert_eq!(ended(thread), Some(0)));
    });
}

#[test]
fn it_competes_as_its_priority_says() {
    let nice = |thread: &Thread| {
        let path = format!("/proc/self/task/{}/stat", thread.kernel_id().unwrap());
        let stat = std::fs::read_to_string(path).unwrap();
        let rest = stat.rsplit(')').next().unwrap();
        rest.split_whitespace().nth(16).unwrap().parse::<i32>().unwrap()
    };
    let go = Event::manual(false);
    let thread = until(&go);
    let own = Thread::current();
    assert_eq!(thread.priority(), own.priority(), "it has that of the thread that started it");
    let steps = [(Priority::BelowNormal, 5), (Priority::Lowest, 10), (Priority::Idle, 19)];
    // Anybody may go down from where the tests were started.
    for (priority, expected) in steps.into_iter().filter(|(_, step)| *step >= nice(&own)) {
        thread.set_priority(priority).unwrap();
        assert_eq!((thread.priority(), nice(&thread)), (Ok(priority), expected));
    }
    match thread.set_priority(Priority::TimeCritical) {
        Ok(()) => assert_eq!(nice(&thread), -20),
        Err(status) => assert_eq!((status, nice(&thread)), (Status::ACCESS_DENIED, 19)),
    }
    go.set();
    assert_eq!(ended(&thread), Some(0));
    assert_eq!(thread.set_priority(Priority::Normal), Err(Status::INVALID_CID));
    assert_eq!(thread.priority(), Err(Status::INVALID_CID));
}

#[test]
fn it_begins_with_the_priority_it_was_given() {
    let of_itself = || u32::from(Thread::current().priority() == Ok(Priority::Idle));
    assert_eq!(ended(&Builder::new().priority(Priority::Idle).spawn(of_itself).unwrap()), Some(1));
    // Also when it is set while the thread is held back, whether the kernel knows the thread yet or not.
    for _ in 0..50 {
        let thread = suspended(of_itself);
        thread.set_priority(Priority::Idle).unwrap();
        assert_eq!(thread.priority(), Ok(Priority::Idle));
        thread.resume();
        assert_eq!(ended(&thread), Some(1));
    }
}

thread_local!(static AT_THE_END: RefCell<Option<Box<dyn std::any::Any>>> = const { RefCell::new(None) });

/// Runs the closure when the thread's own data goes.
struct AtTheEnd<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtTheEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn at_the_end(run: impl FnMut() + 'static) {
    AT_THE_END.set(Some(Box::new(AtTheEnd(run))));
}

#[test]
fn what_a_foreign_thread_still_owns_while_its_own_data_goes_is_its_own() {
    // Its data is used before anything of the library's, so it would go last of all thread-local data.
    let mutex = Mutex::new(false);
    let (late, (tell, told)) = (mutex.clone(), channel());
    let thread = std::thread::spawn(move || {
        let taken = late.clone();
        at_the_end(move || tell.send((late.is_mine(), late.release())).unwrap());
        wait_one(&taken, SOON).unwrap();
    });
    thread.join().unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), (true, Ok(1)));
    assert!(!wait_one(&mutex, Wait::NOW).unwrap().abandoned);
}

#[test]
fn what_a_foreign_thread_takes_while_its_own_data_goes_is_abandoned_and_its_end_is_told_after() {
    let mutex = Mutex::new(false);
    let (late, (tell, told)) = (mutex.clone(), channel());
    let thread = std::thread::spawn(move || {
        at_the_end(move || {
            wait_one(&late, SOON).unwrap();
            tell.send(Thread::current()).unwrap();
        });
        let other = Mutex::new(true);
        other.release().unwrap();
    });
    let seen = told.recv_timeout(PATIENCE).unwrap();
    thread.join().unwrap();
    assert_eq!(ended(&seen), Some(0));
    assert!(seen.queue_apc(|| ()).is_err());
    assert!(wait_one(&mutex, SOON).unwrap().abandoned);
}

#[test]
fn a_call_that_never_ran_and_panics_as_it_is_dropped_takes_nothing_with_it() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = dropped.clone();
    let thread = Thread::spawn(move || {
        for _ in 0..3 {
            let count = count.clone();
            let bomb = AtTheEnd(move || {
                count.fetch_add(1, SeqCst);
                panic!("as it is dropped");
            });
            Thread::current().queue_apc(move || drop(bomb)).unwrap();
        }
        5
    });
    assert_eq!(ended(&thread.unwrap()), Some(5));
    assert_eq!(dropped.load(SeqCst), 3);
}

#[test]
fn a_known_thread_is_found_by_its_id_while_it_runs_and_keeps_its_id() {
    let go = Arc::new(Event::manual(false));
    let wait = go.clone();
    let thread = Thread::spawn(move || {
        wait_one(&*wait, Wait::FOREVER).unwrap();
        Thread::current_id()
    })
    .unwrap();
    let id = thread.id();
    let found = Thread::open(id).unwrap();
    found.queue_apc(|| ()).unwrap();
    go.set();
    wait_one(&found, Wait::FOREVER).unwrap();
    assert_eq!((thread.exit_code(), thread.id()), (Some(id), id));
    assert_eq!(Thread::open(u32::MAX).err(), Some(Status::INVALID_CID));
}
