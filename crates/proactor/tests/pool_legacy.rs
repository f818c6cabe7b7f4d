//! Registered waits and timer queues.

mod common;

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use common::PATIENCE;
use proactor::Status;
use proactor::object::{Event, Semaphore, Wait, wait_one};
use proactor::pool::{How, QueueTimer, RegisteredWait, TimerQueue};

const MS: Duration = Duration::from_millis(1);
const FAR: Duration = Duration::from_secs(3600);
const SOON: Wait = Wait::at_most(PATIENCE);
const ONCE: How = How { once: true, in_one_thread: false, long: false };

fn registered(how: How) -> (RegisteredWait, Receiver<bool>) {
    let (tell, hear) = channel();
    let wait = RegisteredWait::new(how, move |_, late| _ = tell.send(late)).unwrap();
    (wait, hear)
}

#[track_caller]
fn next<T>(hear: &Receiver<T>) -> T {
    hear.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no callback came: {error}"))
}

/// A wait whose callback has begun and ends when it may; with what it says at its end.
fn running(how: How) -> (RegisteredWait, Event, Arc<AtomicU32>) {
    let (begun, go, ended) = (Event::auto(false), Event::manual(false), Arc::new(AtomicU32::new(0)));
    let (tell, wait, count) = (begun.clone(), go.clone(), ended.clone());
    let registered = RegisteredWait::new(how, move |_, _| {
        tell.set();
        wait_one(&wait, SOON).unwrap();
        count.fetch_add(1, SeqCst);
    });
    let registered = registered.unwrap();
    registered.begin(&Event::auto(true), None).unwrap();
    wait_one(&begun, SOON).unwrap();
    (registered, go, ended)
}

#[test]
fn s422_a_wait_goes_on_until_it_is_unregistered() {
    let (wait, hear) = registered(How::DEFAULT);
    let event = Event::manual(true);
    wait.begin(&event, None).unwrap();
    (0..5).for_each(|_| assert!(!next(&hear), "as long as it is set"));
    wait.unregister_and_wait();
    let _: Vec<_> = hear.try_iter().collect();
    event.reset();
    event.set();
    assert!(hear.try_recv().is_err());
}

#[test]
fn s422_a_wait_for_once_takes_once() {
    let (wait, hear) = registered(ONCE);
    let semaphore = Semaphore::new(2, 2).unwrap();
    wait.begin(&semaphore, None).unwrap();
    assert!(!next(&hear));
    wait.unregister_and_wait();
    assert!(hear.try_recv().is_err());
    assert_eq!(semaphore.count(), 1);
}

#[test]
fn s423_the_callback_is_told_whether_the_time_was_over() {
    let (wait, hear) = registered(How::DEFAULT);
    let event = Event::auto(true);
    wait.begin(&event, Some(MS)).unwrap();
    assert!(!next(&hear));
    assert!(next(&hear), "nothing has set it since");
    wait.unregister_and_wait();
    let (late, hear) = registered(ONCE);
    late.begin(&event, Some(Duration::ZERO)).unwrap();
    assert!(next(&hear));
}

#[test]
fn s424_unregistering_says_whether_a_callback_runs() {
    let (wait, go, ended) = running(How::DEFAULT);
    assert!(!wait.unregister(), "it runs");
    assert_eq!(ended.load(SeqCst), 0);
    go.set();
    wait.unregister_and_wait();
    assert_eq!(ended.load(SeqCst), 1);
    assert!(wait.unregister(), "afterwards none does");
    let (idle, hear) = registered(ONCE);
    idle.begin(&Event::auto(false), None).unwrap();
    assert!(idle.unregister());
    assert!(hear.try_recv().is_err());
}

#[test]
fn s425_unregistering_can_wait_or_set_an_event() {
    let (wait, go, ended) = running(How::DEFAULT);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            wait.unregister_and_wait();
            ended.load(SeqCst)
        });
        go.set();
        assert_eq!(waiter.join().unwrap(), 1, "it waited for the callback");
    });
    let (wait, go, ended) = running(How::DEFAULT);
    let done = Event::auto(false);
    assert!(!wait.unregister_and_set(&done));
    assert!(!done.is_set());
    go.set();
    wait_one(&done, SOON).unwrap();
    assert_eq!(ended.load(SeqCst), 1);
    let (idle, _hear) = registered(How::DEFAULT);
    idle.begin(&Event::auto(false), None).unwrap();
    assert!(idle.unregister_and_set(&done));
    assert!(done.is_set(), "at once, where none runs");
}

#[test]
fn s427_a_wait_for_once_can_be_unregistered_by_its_own_callback() {
    let how = How { in_one_thread: true, ..ONCE };
    for _ in 0..100 {
        let (tell, hear) = channel();
        let wait = RegisteredWait::new(how, move |wait, _| _ = tell.send(wait.unregister())).unwrap();
        // It is signalled before it is waited for.
        wait.begin(&Event::manual(true), None).unwrap();
        assert!(next(&hear));
    }
}

#[test]
fn s428_callbacks_in_the_wait_thread_run_one_after_the_other_in_one_thread() {
    let how = How { in_one_thread: true, ..ONCE };
    let seen: Arc<Mutex<Vec<ThreadId>>> = Arc::default();
    let inside = Arc::new(AtomicU32::new(0));
    let events: Vec<_> = (0..8).map(|_| Event::auto(false)).collect();
    let (tell, hear) = channel();
    let waits: Vec<_> = events
        .iter()
        .map(|event| {
            let (seen, inside, tell) = (seen.clone(), inside.clone(), tell.clone());
            let wait = RegisteredWait::new(how, move |_, _| {
                assert_eq!(inside.fetch_add(1, SeqCst), 0, "alone");
                thread::yield_now();
                seen.lock().unwrap().push(thread::current().id());
                inside.fetch_sub(1, SeqCst);
                let _ = tell.send(());
            });
            let wait = wait.unwrap();
            wait.begin(event, None).unwrap();
            wait
        })
        .collect();
    events.iter().for_each(|event| _ = event.set());
    (0..events.len()).for_each(|_| next(&hear));
    waits.iter().for_each(RegisteredWait::unregister_and_wait);
    let seen = seen.lock().unwrap();
    assert!(seen.len() == events.len() && seen.iter().all(|thread| *thread == seen[0]));
}

#[test]
fn a_wait_begins_once_and_ends_when_it_is_dropped() {
    let (wait, hear) = registered(How::DEFAULT);
    let event = Event::auto(false);
    wait.begin(&event, None).unwrap();
    assert_eq!(wait.begin(&event, None), Err(Status::INVALID_PARAMETER));
    drop(wait);
    event.set();
    assert!(event.is_set() && hear.recv().is_err());
}

fn timer(queue: &TimerQueue, how: How) -> (QueueTimer, Receiver<Instant>) {
    let (tell, hear) = channel();
    let timer = QueueTimer::new(queue, how, move |_| _ = tell.send(Instant::now())).unwrap();
    (timer, hear)
}

#[test]
fn s429_a_timer_fires_once_or_each_period() {
    let queue = TimerQueue::new();
    let begin = Instant::now();
    let ((once, once_hear), (again, again_hear)) = (timer(&queue, How::DEFAULT), timer(&queue, How::DEFAULT));
    once.begin(MS, Some(Duration::ZERO)).unwrap();
    again.begin(2 * MS, Some(3 * MS)).unwrap();
    for number in 0..4 {
        assert!(next(&again_hear) >= begin + 2 * MS + number * 3 * MS);
    }
    assert!(next(&once_hear) >= begin + MS);
    queue.delete_and_wait().unwrap();
    assert!(once_hear.try_recv().is_err());
}

/// A timer whose callback has begun and ends when it may.
fn firing(queue: &TimerQueue) -> (QueueTimer, Event, Arc<AtomicU32>) {
    let (begun, go, ended) = (Event::auto(false), Event::manual(false), Arc::new(AtomicU32::new(0)));
    let (tell, wait, count) = (begun.clone(), go.clone(), ended.clone());
    let timer = QueueTimer::new(queue, How::DEFAULT, move |_| {
        tell.set();
        wait_one(&wait, SOON).unwrap();
        count.fetch_add(1, SeqCst);
    });
    let timer = timer.unwrap();
    timer.begin(Duration::ZERO, None).unwrap();
    wait_one(&begun, SOON).unwrap();
    (timer, go, ended)
}

#[test]
fn s430_deleting_says_whether_a_callback_runs_or_waits_for_it() {
    let queue = TimerQueue::new();
    let (timer, go, ended) = firing(&queue);
    assert!(!timer.delete(), "it runs");
    go.set();
    timer.delete_and_wait();
    assert_eq!(ended.load(SeqCst), 1);
    let (timer, go, ended) = firing(&queue);
    let done = Event::auto(false);
    assert!(!timer.delete_and_set(&done));
    go.set();
    wait_one(&done, SOON).unwrap();
    assert_eq!(ended.load(SeqCst), 1);
}

#[test]
fn s430_a_timer_can_be_deleted_by_its_own_callback() {
    let (tell, hear) = channel();
    let timer = QueueTimer::new(&TimerQueue::of_process(), How::DEFAULT, move |timer| {
        let _ = tell.send(timer.delete());
    });
    let timer = timer.unwrap();
    timer.begin(MS, Some(MS)).unwrap();
    assert!(!next(&hear), "its own callback counts");
    timer.delete_and_wait();
    assert!(hear.try_recv().is_err());
    assert_eq!(timer.begin(MS, None), Err(Status::INVALID_HANDLE));
}

#[test]
fn s431_a_timer_that_has_fired_for_good_can_not_be_changed() {
    let queue = TimerQueue::new();
    let (fired, fired_hear) = timer(&queue, How::DEFAULT);
    fired.begin(Duration::ZERO, None).unwrap();
    next(&fired_hear);
    assert_eq!(fired.change(Duration::ZERO, Some(MS)), Ok(false));
    let (waiting, hear) = timer(&queue, How::DEFAULT);
    waiting.begin(FAR, None).unwrap();
    assert_eq!(waiting.change(MS, Some(2 * MS)), Ok(true));
    (0..3).for_each(|_| _ = next(&hear));
    queue.delete_and_wait().unwrap();
    assert!(fired_hear.try_recv().is_err());
}

#[test]
fn s432_a_deleted_timer_never_fires() {
    let queue = TimerQueue::new();
    let (deleted, deleted_hear) = timer(&queue, How::DEFAULT);
    let (other, hear) = timer(&queue, How::DEFAULT);
    deleted.begin(5 * MS, Some(MS)).unwrap();
    other.begin(10 * MS, Some(5 * MS)).unwrap();
    deleted.delete_and_wait();
    let _: Vec<_> = deleted_hear.try_iter().collect();
    (0..3).for_each(|_| _ = next(&hear));
    assert!(deleted_hear.try_recv().is_err());
    assert_eq!(deleted.change(MS, None), Err(Status::INVALID_HANDLE));
}

#[test]
fn s433_the_queue_of_the_process_stays() {
    let queue = TimerQueue::of_process();
    assert_eq!(queue.delete(), Err(Status::INVALID_HANDLE));
    assert_eq!(queue.delete_and_wait(), Err(Status::INVALID_HANDLE));
    let (timer, hear) = timer(&queue, How::DEFAULT);
    timer.begin(Duration::ZERO, None).unwrap();
    next(&hear);
}

#[test]
fn a_deleted_queue_ends_its_timers_and_takes_no_others() {
    let queue = TimerQueue::new();
    let (idle, hear) = timer(&queue, How::DEFAULT);
    idle.begin(FAR, None).unwrap();
    let (_running, go, ended) = firing(&queue);
    let done = Event::auto(false);
    assert_eq!(queue.delete_and_set(&done), Ok(false));
    assert_eq!(queue.delete(), Err(Status::INVALID_HANDLE));
    assert!(QueueTimer::new(&queue, How::DEFAULT, |_| ()).is_err());
    go.set();
    wait_one(&done, SOON).unwrap();
    assert_eq!(ended.load(SeqCst), 1);
    assert_eq!(idle.change(MS, None), Err(Status::INVALID_HANDLE));
    assert!(hear.try_recv().is_err());
}
