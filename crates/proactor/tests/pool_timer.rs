//! Timers of a pool.

mod common;

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

use common::PATIENCE;
use proactor::Status;
use proactor::object::{Due, Event, Wait, wait_one};
use proactor::pool::{Environment, Pending, Pool, Timer};

const MS: Duration = Duration::from_millis(1);
const NONE: Duration = Duration::ZERO;
const LATER: Due = Due::After(Duration::from_secs(3600));

/// A timer, and when its callbacks began.
fn timer() -> (Timer, Receiver<Instant>) {
    let (tell, hear) = channel();
    let timer = Timer::new(&Environment::new(), move |_| _ = tell.send(Instant::now()));
    (timer.unwrap(), hear)
}

fn next(hear: &Receiver<Instant>) -> Instant {
    hear.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn s410_a_timer_stays_set_until_it_is_unset() {
    let (timer, hear) = timer();
    assert!(!timer.is_set());
    for due in
        [Due::After(MS), Due::At(SystemTime::now() + MS), Due::After(NONE), Due::At(SystemTime::UNIX_EPOCH)]
    {
        timer.set(due, None, NONE).unwrap();
        next(&hear);
        assert!(timer.is_set(), "it was due, and is set still: {due:?}");
    }
    assert!(!timer.unset(), "nothing was to come");
    assert!(!timer.is_set());
    assert_eq!(timer.set(LATER, None, NONE), Ok(false));
    assert_eq!(timer.set(LATER, None, NONE), Ok(true), "it had been to come");
    assert!(timer.unset());
}

#[test]
fn a_period_is_kept_from_the_due_time_until_it_is_unset() {
    let (timer, hear) = timer();
    let begin = Instant::now();
    timer.set(Due::After(2 * MS), Some(3 * MS), NONE).unwrap();
    for number in 0..4 {
        assert!(next(&hear) >= begin + 2 * MS + number * 3 * MS);
    }
    assert!(timer.unset());
    timer.wait_for_callbacks(Pending::Drop);
    let _: Vec<_> = hear.try_iter().collect();
    timer.set(Due::After(10 * MS), None, NONE).unwrap();
    next(&hear);
    assert!(hear.try_recv().is_err(), "nothing of the period came after");
}

#[test]
fn s411_a_wait_for_callbacks_does_not_wait_for_the_due_time() {
    let (begun, go) = (Event::auto(false), Event::auto(false));
    let (tell, wait) = (begun.clone(), go.clone());
    let timer = Timer::new(&Environment::new(), move |_| {
        tell.set();
        wait_one(&wait, Wait::at_most(PATIENCE)).unwrap();
    });
    let timer = timer.unwrap();
    timer.set(LATER, None, NONE).unwrap();
    assert_eq!(timer.wait_for_callbacks(Pending::Run), 0);
    assert!(timer.is_set());
    timer.set(Due::After(NONE), None, NONE).unwrap();
    wait_one(&begun, Wait::at_most(PATIENCE)).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| timer.wait_for_callbacks(Pending::Run));
        assert!(!waiter.is_finished(), "one runs");
        go.set();
        assert_eq!(waiter.join().unwrap(), 0);
    });
}

#[test]
fn what_no_clock_counts_is_refused_and_changes_nothing() {
    let (timer, _hear) = timer();
    timer.set(LATER, None, NONE).unwrap();
    let refused = Err(Status::INVALID_PARAMETER);
    assert_eq!(timer.set(Due::After(Duration::MAX), None, NONE), refused);
    assert_eq!(timer.set(LATER, Some(Duration::from_micros(1)), NONE), refused);
    assert_eq!(timer.set(LATER, None, Duration::MAX), refused);
    assert!(timer.is_set() && timer.unset());
}

#[test]
fn an_unset_drops_nothing_that_is_due_and_a_cancelling_wait_does() {
    let pool = Pool::new().unwrap();
    pool.set_maximum(1).unwrap();
    let environment = Environment::new().in_pool(&pool);
    let (begun, go) = (Event::auto(false), Event::auto(false));
    let (tell, wait) = (begun.clone(), go.clone());
    let blocker = proactor::pool::Work::new(&environment, move |_| {
        tell.set();
        wait_one(&wait, Wait::at_most(PATIENCE)).unwrap();
    });
    let blocker = blocker.unwrap();
    blocker.submit().unwrap();
    wait_one(&begun, Wait::at_most(PATIENCE)).unwrap();
    let (tell, hear) = channel();
    let timer = Timer::new(&environment, move |_| _ = tell.send(())).unwrap();
    timer.set(Due::After(NONE), None, NONE).unwrap();
    timer.unset();
    timer.set(Due::After(NONE), None, NONE).unwrap();
    assert_eq!(timer.wait_for_callbacks(Pending::Drop), 2, "both were due");
    timer.set(Due::After(NONE), None, NONE).unwrap();
    drop(timer);
    go.set();
    assert_eq!(hear.recv_timeout(PATIENCE), Ok(()), "what is due runs when its timer is gone");
    blocker.wait_for_callbacks(Pending::Run);
    assert!(hear.try_recv().is_err());
}
