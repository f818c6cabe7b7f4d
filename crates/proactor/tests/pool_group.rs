//! Cleanup groups, and what an instance does for its callback.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use common::{PATIENCE, eventually};
use proactor::Status;
use proactor::object::{Due, Event, Mutex, Semaphore, Wait, wait_one};
use proactor::pool::{self, CleanupGroup, Environment, Pending, Pool, Timer, Work, submit};

const SOON: Wait = Wait::at_most(PATIENCE);

fn single() -> Environment {
    let pool = Pool::new().unwrap();
    pool.set_maximum(1).unwrap();
    Environment::new().in_pool(&pool)
}

/// Begun, and may end.
fn events() -> (Event, Event) {
    (Event::manual(false), Event::manual(false))
}

#[test]
fn s407_closing_waits_for_the_callbacks_of_all_members() {
    let group = CleanupGroup::new();
    let environment = single().in_group(&group);
    let count = Arc::new(AtomicU32::new(0));
    let counting = || {
        let count = count.clone();
        move |_: &pool::Instance<'_>| {
            count.fetch_add(1, SeqCst);
        }
    };
    let work = Work::new(&environment, counting()).unwrap();
    (0..5).for_each(|_| work.submit().unwrap());
    (0..5).for_each(|_| submit(&environment, counting()).unwrap());
    group.close_members(Pending::Run, 0);
    assert_eq!((count.load(SeqCst), group.members()), (10, 0));
    assert_eq!(work.submit(), Err(Status::INVALID_HANDLE), "it is closed");
}

#[test]
fn s407_cancelled_members_are_told_once_on_the_thread_that_closes() {
    let group = CleanupGroup::new();
    let single = single();
    let (begun, go) = events();
    let (tell, wait) = (begun.clone(), go.clone());
    let not_called =
        single.clone().in_group(&group).on_cancel(|_| panic!("it has begun, and runs to its end"));
    let run = move |_: &pool::Instance<'_>| {
        tell.set();
        wait_one(&wait, SOON).unwrap();
    };
    submit(&not_called, run).unwrap();
    wait_one(&begun, SOON).unwrap();
    let (tell, cancelled) = channel();
    let member = |number: u32| {
        let tell = tell.clone();
        let told = move |context| tell.send((number, context, thread::current().id())).unwrap();
        single.clone().in_group(&group).on_cancel(told)
    };
    let work = Work::new(&member(1), |_| panic!("it is dropped")).unwrap();
    (0..10).for_each(|_| work.submit().unwrap());
    submit(&member(2), |_| panic!("it is dropped")).unwrap();
    let idle = Work::new(&member(3), |_| ()).unwrap();
    thread::scope(|scope| {
        let closer = scope.spawn(|| {
            group.close_members(Pending::Drop, 77);
            thread::current().id()
        });
        // All has been dropped by now, or will be before the thread is free.
        eventually("the members are out of the group", || group.members() == 0);
        go.set();
        let closer = closer.join().unwrap();
        let told: Vec<_> = cancelled.try_iter().collect();
        assert_eq!(told, [(1, 77, closer), (2, 77, closer), (3, 77, closer)]);
    });
    assert_eq!(idle.submit(), Err(Status::INVALID_HANDLE));
}

#[test]
fn a_closed_group_unsets_timers_and_waits() {
    let group = CleanupGroup::new();
    let environment = Environment::new().in_group(&group);
    let timer = Timer::new(&environment, |_| panic!("it is not due")).unwrap();
    let wait = pool::Wait::new(&environment, |_, _| panic!("nothing is signalled")).unwrap();
    let event = Event::auto(false);
    timer.set(Due::After(Duration::from_secs(3600)), None, Duration::ZERO).unwrap();
    wait.set(&event, None).unwrap();
    group.close_members(Pending::Drop, 0);
    assert!(!timer.is_set());
    event.set();
    assert!(event.is_set(), "nobody waits for it any more");
    let late = timer.set(Due::After(Duration::ZERO), None, Duration::ZERO);
    assert_eq!(late, Err(Status::INVALID_HANDLE));
    assert_eq!(wait.set(&event, None), Err(Status::INVALID_HANDLE));
    assert!(event.is_set());
}

#[test]
fn a_member_that_is_dropped_leaves_its_group() {
    let group = CleanupGroup::new();
    let environment = Environment::new().in_group(&group).on_cancel(|_| panic!("it has left"));
    let work = Work::new(&environment, |_| ()).unwrap();
    work.submit().unwrap();
    work.wait_for_callbacks(Pending::Run);
    assert_eq!(group.members(), 1);
    drop(work);
    eventually("it has left", || group.members() == 0);
    group.close_members(Pending::Drop, 0);
}

#[test]
fn s408_who_waits_goes_on_when_the_callback_leaves_its_object() {
    let group = CleanupGroup::new();
    let (begun, go) = events();
    let ended = Event::manual(false);
    let (tell, wait, end) = (begun.clone(), go.clone(), ended.clone());
    let work = Work::new(&Environment::new().in_group(&group), move |instance| {
        instance.disassociate_from_object();
        instance.disassociate_from_object();
        tell.set();
        wait_one(&wait, SOON).unwrap();
        end.set();
    });
    let work = work.unwrap();
    work.submit().unwrap();
    wait_one(&begun, SOON).unwrap();
    work.wait_for_callbacks(Pending::Run);
    group.close_members(Pending::Run, 0);
    assert!(!ended.is_set(), "it runs still");
    go.set();
    wait_one(&ended, SOON).unwrap();
}

#[test]
fn s409_what_is_asked_for_at_return_is_done_then() {
    let (begun, go) = events();
    let (event, semaphore) = (Event::manual(false), Semaphore::new(0, 2).unwrap());
    let mutex = Mutex::new(false);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (tell, wait) = (begun.clone(), go.clone());
    let (set, release, unlock, log) = (event.clone(), semaphore.clone(), mutex.clone(), order.clone());
    let finalized = (order.clone(), event.clone(), semaphore.clone());
    let environment = Environment::new().with_finalization(move |_| {
        let (log, event, semaphore) = &finalized;
        assert!(!event.is_set() && semaphore.count() == 0, "it comes before all that");
        log.lock().unwrap().push("finalized");
    });
    let run = move |instance: &pool::Instance<'_>| {
        wait_one(&unlock, SOON).unwrap();
        instance.set_event_at_return(&set).unwrap();
        instance.release_semaphore_at_return(&release, 2).unwrap();
        instance.release_mutex_at_return(&unlock).unwrap();
        let (left, freed) = (log.clone(), log.clone());
        instance.leave_at_return(move || left.lock().unwrap().push("left")).unwrap();
        instance.free_at_return(move || freed.lock().unwrap().push("freed")).unwrap();
        assert_eq!(instance.set_event_at_return(&set), Err(Status::INVALID_PARAMETER), "one of each");
        tell.set();
        wait_one(&wait, SOON).unwrap();
    };
    let work = Work::new(&environment, run).unwrap();
    work.submit().unwrap();
    wait_one(&begun, SOON).unwrap();
    assert!(!event.is_set() && semaphore.count() == 0 && order.lock().unwrap().is_empty());
    assert_eq!(wait_one(&mutex, Wait::NOW), Err(Status::TIMEOUT));
    go.set();
    work.wait_for_callbacks(Pending::Run);
    assert!(event.is_set() && semaphore.count() == 2);
    let waited = wait_one(&mutex, Wait::NOW).unwrap();
    assert!(!waited.abandoned, "it was released, and by its owner");
    assert_eq!(*order.lock().unwrap(), ["finalized", "left", "freed"]);
}
