//! Waits of a pool.

mod common;

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use common::{PATIENCE, eventually};
use proactor::Status;
use proactor::object::{self, Due, Event, Mutex, Process, Semaphore, Thread, Waitable, wait_one};
use proactor::pool::{Environment, Pending, Pool, Wait, Work};

const MS: Duration = Duration::from_millis(1);

fn wait() -> (Wait, Receiver<Status>) {
    wait_in(&Environment::new())
}

fn wait_in(environment: &Environment) -> (Wait, Receiver<Status>) {
    let (tell, hear) = channel();
    let wait = Wait::new(environment, move |_, how| _ = tell.send(how));
    (wait.unwrap(), hear)
}

fn next(hear: &Receiver<Status>) -> Status {
    hear.recv_timeout(PATIENCE).unwrap()
}

/// A name that no other run of a test has.
fn name(of: &str) -> String {
    format!("pool-{of}-{}", std::process::id())
}

#[test]
fn s413_a_wait_is_for_one_callback_and_tells_how_it_ended() {
    let (wait, hear) = wait();
    let event = Event::manual(true);
    assert_eq!(wait.set(&event, None), Ok(false));
    assert_eq!(next(&hear), Status::SUCCESS);
    wait.wait_for_callbacks(Pending::Run);
    assert!(hear.try_recv().is_err(), "only once, although it is set still");
    wait.set(&event, None).unwrap();
    assert_eq!(next(&hear), Status::SUCCESS);
    event.reset();
    for timeout in [
        Due::After(Duration::ZERO),
        Due::After(MS),
        Due::At(SystemTime::now() + MS),
        Due::At(SystemTime::UNIX_EPOCH),
    ] {
        wait.set(&event, Some(timeout)).unwrap();
        assert_eq!(next(&hear), Status::TIMEOUT, "{timeout:?}");
    }
    wait.set(&event, None).unwrap();
    assert_eq!(wait.set(&event, None), Ok(true), "it had still been waiting");
    event.set();
    assert_eq!(next(&hear), Status::SUCCESS);
    wait.wait_for_callbacks(Pending::Run);
    assert!(hear.try_recv().is_err(), "the first one was replaced");
}

#[test]
fn s413_an_object_comes_before_a_time_that_is_over() {
    let (wait, hear) = wait();
    wait.set(&Event::manual(true), Some(Due::After(Duration::ZERO))).unwrap();
    assert_eq!(next(&hear), Status::SUCCESS);
}

#[test]
fn s414_each_callback_takes_the_object_once() {
    let semaphore = Semaphore::new(0, 10).unwrap();
    let ((first, first_hear), (second, second_hear)) = (wait(), wait());
    first.set(&semaphore, None).unwrap();
    second.set(&semaphore, None).unwrap();
    semaphore.release(1).unwrap();
    assert_eq!(next(&first_hear), Status::SUCCESS, "the oldest wait gets it");
    assert_eq!(semaphore.count(), 0);
    assert!(second.unset(), "the other waits still");
    assert!(second_hear.try_recv().is_err());
    semaphore.release(3).unwrap();
    first.set(&semaphore, None).unwrap();
    second.set(&semaphore, None).unwrap();
    assert_eq!((next(&first_hear), next(&second_hear)), (Status::SUCCESS, Status::SUCCESS));
    assert_eq!(semaphore.count(), 1);
}

#[test]
fn s414_under_signals_from_many_threads_nothing_is_taken_twice_or_lost() {
    const MANY: u32 = 400;
    let semaphore = Semaphore::new(0, MANY).unwrap();
    let (tell, hear) = channel();
    let waits: Vec<_> = (0..MANY)
        .map(|number| {
            let tell = tell.clone();
            let wait = Wait::new(&Environment::new(), move |_, how| _ = tell.send((number, how))).unwrap();
            wait.set(&semaphore, Some(Due::After(PATIENCE))).unwrap();
            wait
        })
        .collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..MANY / 8).for_each(|_| _ = semaphore.release(1)));
        }
        scope.spawn(|| waits.iter().rev().take(50).for_each(|wait| _ = wait.unset()));
    });
    waits.iter().for_each(|wait| _ = wait.wait_for_callbacks(Pending::Run));
    let told: Vec<_> = hear.try_iter().collect();
    assert!(told.iter().all(|(_, how)| *how == Status::SUCCESS));
    let mut numbers: Vec<_> = told.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), told.len(), "one callback each");
    assert_eq!(told.len() as u32 + semaphore.count(), MANY / 2, "one unit for each callback");
}

#[test]
fn s415_an_object_that_everybody_has_closed_is_waited_for_still() {
    let ((wait, hear), (timed, timed_hear)) = (wait(), wait());
    let event = Event::auto(false);
    let far = event.clone();
    wait.set(&event, None).unwrap();
    drop(event);
    timed.set(&Event::auto(false), Some(Due::After(MS))).unwrap();
    assert_eq!(next(&timed_hear), Status::TIMEOUT);
    far.set();
    assert_eq!(next(&hear), Status::SUCCESS);
}

#[test]
fn s416_waiting_for_callbacks_ends_no_wait() {
    let (wait, hear) = wait();
    let event = Event::auto(false);
    wait.set(&event, None).unwrap();
    assert_eq!(wait.wait_for_callbacks(Pending::Drop), 0);
    event.set();
    assert_eq!(next(&hear), Status::SUCCESS);
}

#[test]
fn s416_a_cancelling_wait_drops_callbacks_that_have_not_begun() {
    let pool = Pool::new().unwrap();
    pool.set_maximum(1).unwrap();
    let environment = Environment::new().in_pool(&pool);
    let (begun, go) = (Event::auto(false), Event::auto(false));
    let (tell, blocks) = (begun.clone(), go.clone());
    let blocker = Work::new(&environment, move |_| {
        tell.set();
        wait_one(&blocks, object::Wait::at_most(PATIENCE)).unwrap();
    });
    let blocker = blocker.unwrap();
    blocker.submit().unwrap();
    wait_one(&begun, object::Wait::at_most(PATIENCE)).unwrap();
    let (wait, hear) = wait_in(&environment);
    let event = Event::manual(true);
    wait.set(&event, None).unwrap();
    assert_eq!(wait.wait_for_callbacks(Pending::Drop), 1);
    go.set();
    blocker.wait_for_callbacks(Pending::Run);
    assert!(hear.try_recv().is_err());
}

#[test]
fn an_unset_or_dropped_wait_takes_nothing() {
    let event = Event::auto(false);
    let (first, first_hear) = wait();
    first.set(&event, Some(Due::After(Duration::from_secs(3600)))).unwrap();
    assert!(first.unset());
    assert!(!first.unset());
    let (second, second_hear) = wait();
    second.set(&event, None).unwrap();
    drop(second);
    event.set();
    assert!(event.is_set());
    assert!(first_hear.try_recv().is_err() && second_hear.recv().is_err());
}

#[test]
fn everything_that_threads_wait_for_can_be_waited_for() {
    let (wait, hear) = wait();
    let expect = |object: &dyn Waitable, what: &str| {
        wait.set(object, Some(Due::After(PATIENCE))).unwrap();
        assert_eq!(next(&hear), Status::SUCCESS, "{what}");
    };
    expect(&Thread::spawn(|| 0).unwrap(), "a thread");
    let mut child = std::process::Command::new("true").spawn().unwrap();
    expect(&Process::from_child(&child).unwrap(), "a process");
    child.wait().unwrap();
    let timer = object::Timer::manual();
    timer.set(Due::After(MS), None).unwrap();
    expect(&timer, "a timer");
    let port: proactor::Port<usize, usize> = proactor::Port::new(1).unwrap();
    wait.set(&port, Some(Due::After(PATIENCE))).unwrap();
    port.post(1, 1).unwrap();
    assert_eq!(next(&hear), Status::SUCCESS, "a port");
    expect(&Mutex::new(false), "a mutex");
}

#[test]
fn a_mutex_whose_owner_has_ended_is_abandoned() {
    let (wait, hear) = wait();
    let mutex = Mutex::new(false);
    let theirs = mutex.clone();
    let owner = std::thread::spawn(move || wait_one(&theirs, object::Wait::FOREVER));
    owner.join().unwrap().unwrap();
    wait.set(&mutex, None).unwrap();
    assert_eq!(next(&hear), Status::ABANDONED_WAIT_0);
    assert_eq!(wait_one(&mutex, object::Wait::NOW), Err(Status::TIMEOUT), "a thread of the library has it");
}

#[test]
fn objects_with_names_are_waited_for_more_than_one_thread_can() {
    const MANY: usize = 70;
    let events: Vec<_> = (0..MANY)
        .map(|number| Event::create_named(&name(&format!("many-{number}")), false, false).unwrap().0)
        .collect();
    let waits: Vec<_> = events
        .iter()
        .map(|event| {
            let (wait, hear) = wait();
            wait.set(event, None).unwrap();
            (wait, hear)
        })
        .collect();
    for (event, (_, hear)) in events.iter().zip(&waits).rev() {
        event.set();
        assert_eq!(next(hear), Status::SUCCESS);
        assert!(!event.is_set());
    }
}

#[test]
fn a_wait_for_a_name_ends_with_its_time_or_when_it_is_unset() {
    let (event, _) = Event::create_named(&name("timed"), false, false).unwrap();
    let (wait, hear) = wait();
    wait.set(&event, Some(Due::After(MS))).unwrap();
    assert_eq!(next(&hear), Status::TIMEOUT);
    wait.set(&event, Some(Due::After(PATIENCE))).unwrap();
    assert!(wait.unset() && !wait.unset());
    event.set();
    assert!(event.is_set() && hear.try_recv().is_err());
    assert_eq!(wait.set(&event, None), Ok(false));
    assert_eq!(next(&hear), Status::SUCCESS);
    eventually("it was taken", || !event.is_set());
}
