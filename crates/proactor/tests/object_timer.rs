//! Waitable timers (group 16).

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant, SystemTime};

use common::{PATIENCE, eventually};
use proactor::Status;
use proactor::object::{Due, Event, Thread, Timer, Wait, sleep, test_alert, wait_all, wait_any, wait_one};

const SOON: Wait = Wait::at_most(PATIENCE);
const FAR: Due = Due::After(Duration::from_secs(3600));
const NOW: Due = Due::After(Duration::ZERO);
const MS: Duration = Duration::from_millis(1);

fn after(milliseconds: u32) -> Due {
    Due::After(milliseconds * MS)
}

/// A routine that sends what it is given.
fn tell(tell: &Sender<SystemTime>) -> impl FnMut(SystemTime) + Send + 'static {
    let tell = tell.clone();
    move |at| tell.send(at).unwrap()
}

#[test]
fn s172_a_timeout_and_a_relative_timer_are_never_early_on_the_monotonic_clock() {
    let timer = Timer::auto();
    for milliseconds in [1, 3, 7] {
        let begin = Instant::now();
        timer.set(after(milliseconds), None).unwrap();
        wait_one(&timer, SOON).unwrap();
        assert!(begin.elapsed() >= milliseconds * MS);
        let begin = Instant::now();
        assert_eq!(wait_one(&timer, Wait::at_most(milliseconds * MS)), Err(Status::TIMEOUT));
        assert!(begin.elapsed() >= milliseconds * MS);
    }
}

#[test]
fn s200_a_due_time_is_relative_or_a_time_of_the_wall_clock() {
    let relative = Timer::manual();
    let begin = Instant::now();
    relative.set(after(5), None).unwrap();
    let absolute = Timer::manual();
    let at = SystemTime::now() + 5 * MS;
    absolute.set(Due::At(at), None).unwrap();
    wait_all(&[&relative, &absolute], SOON).unwrap();
    assert!(begin.elapsed() >= 5 * MS);
    assert!(SystemTime::now() >= at);
}

#[test]
fn s200_the_earliest_of_many_wall_clock_timers_comes_first() {
    let begin = SystemTime::now();
    let timers: Vec<_> = (0..20u32).map(|_| Timer::manual()).collect();
    for (number, timer) in (0..).zip(&timers) {
        timer.set(Due::At(begin + (20 - number) * MS), None).unwrap();
    }
    for milliseconds in 1..=20 {
        wait_one(&timers[20 - milliseconds as usize], SOON).unwrap();
        assert!(SystemTime::now() >= begin + milliseconds * MS);
    }
}

#[test]
fn s201_setting_an_active_timer_again_restarts_it() {
    let timer = Timer::manual();
    assert_eq!(timer.set(after(5), None), Ok(false));
    timer.set(FAR, None).unwrap();
    let begin = Instant::now();
    assert_eq!(wait_one(&timer, Wait::at_most(20 * MS)), Err(Status::TIMEOUT));
    assert!(begin.elapsed() >= 20 * MS);
    timer.set(NOW, None).unwrap();
    assert!(timer.is_set());
    assert_eq!(timer.set(FAR, None), Ok(true), "it was signalled");
    assert!(!timer.is_set());
}

#[test]
fn s201_who_waits_goes_on_waiting_for_the_new_setting() {
    let timer = Timer::auto();
    timer.set(FAR, None).unwrap();
    let waits = Arc::new(Barrier::new(2));
    let waiter = {
        let (timer, waits) = (timer.clone(), waits.clone());
        std::thread::spawn(move || {
            waits.wait();
            wait_one(&timer, SOON)
        })
    };
    waits.wait();
    for _ in 0..100 {
        timer.set(FAR, None).unwrap();
        assert!(!waiter.is_finished());
    }
    timer.set(after(1), None).unwrap();
    assert!(waiter.join().unwrap().is_ok());
}

#[test]
fn s201_a_call_that_is_queued_and_has_not_begun_is_taken_back() {
    let (told, calls) = channel();
    let timer = Timer::manual();
    timer.set_with_apc(NOW, None, tell(&told)).unwrap();
    assert!(timer.is_set());
    timer.set(FAR, None).unwrap();
    assert!(!test_alert(), "nothing is queued");
    timer.set_with_apc(NOW, None, tell(&told)).unwrap();
    assert!(timer.set_with_apc(NOW, None, tell(&told)).unwrap());
    assert!(test_alert());
    assert_eq!(calls.try_iter().count(), 1, "the second one only");
    timer.set_with_apc(NOW, None, tell(&told)).unwrap();
    assert!(!timer.cancel(), "it has been due");
    assert!(!test_alert());
}

#[test]
fn s202_an_auto_timer_is_consumed_by_one_wait() {
    let timer = Timer::auto();
    timer.set(after(1), None).unwrap();
    wait_one(&timer, SOON).unwrap();
    assert_eq!(wait_one(&timer, Wait::NOW), Err(Status::TIMEOUT));
    timer.set(NOW, None).unwrap();
    let other = Event::auto(false);
    assert_eq!(wait_any(&[&other, &timer], Wait::NOW).map(|waited| waited.index), Ok(1));
    assert_eq!(wait_any(&[&other, &timer], Wait::NOW), Err(Status::TIMEOUT));
}

#[test]
fn s202_a_manual_timer_stays_signalled_also_when_periodic() {
    let timer = Timer::manual();
    timer.set(after(1), Some(2 * MS)).unwrap();
    for _ in 0..3 {
        wait_one(&timer, SOON).unwrap();
        assert!(timer.is_set());
    }
    timer.set(FAR, None).unwrap();
    assert!(!timer.is_set());
}

#[test]
fn s202_a_periodic_auto_timer_lets_one_go_each_time() {
    let timer = Timer::auto();
    let begin = Instant::now();
    timer.set(after(3), Some(4 * MS)).unwrap();
    for period in 0..5 {
        wait_one(&timer, SOON).unwrap();
        assert!(begin.elapsed() >= (3 + 4 * period) * MS, "not before its turn");
    }
}

#[test]
fn periods_that_nobody_waited_for_count_once() {
    let timer = Timer::auto();
    timer.set(NOW, Some(4 * MS)).unwrap();
    std::thread::sleep(40 * MS);
    let begin = Instant::now();
    let mut counted = 0;
    while wait_one(&timer, Wait::NOW).is_ok() {
        counted += 1;
    }
    let since = begin.elapsed().as_millis() / 4;
    assert!((1..=2 + since).contains(&counted), "{counted} for eleven due times, and those since");
}

#[test]
fn s203_cancel_stops_it_and_leaves_its_state() {
    let timer = Timer::manual();
    // It might have been due before the cancel, if this thread had to wait for a processor.
    eventually("a cancel is in time", || {
        timer.set(after(5), None).unwrap();
        timer.cancel()
    });
    assert!(!timer.cancel());
    assert_eq!(wait_one(&timer, Wait::at_most(15 * MS)), Err(Status::TIMEOUT));
    timer.set(NOW, Some(5 * MS)).unwrap();
    assert!(timer.cancel(), "its next period");
    assert!(timer.is_set(), "and is as it was");
    wait_one(&timer, Wait::NOW).unwrap();
}

#[test]
fn s204_a_period_of_zero_is_none_and_one_below_a_millisecond_is_refused() {
    let timer = Timer::auto();
    timer.set(after(1), Some(Duration::ZERO)).unwrap();
    wait_one(&timer, SOON).unwrap();
    assert!(!timer.cancel(), "there is no second time");
    timer.set(FAR, None).unwrap();
    let short = Timer::SHORTEST_PERIOD - Duration::from_nanos(1);
    assert_eq!(timer.set(NOW, Some(short)), Err(Status::INVALID_PARAMETER));
    assert_eq!(timer.set(Due::After(Duration::MAX), None), Err(Status::INVALID_PARAMETER));
    assert_eq!(timer.set(NOW, Some(Duration::MAX)), Err(Status::INVALID_PARAMETER));
    assert!(!timer.is_set());
    assert!(timer.cancel(), "what it was set to before stands");
}

#[test]
fn s205_the_call_comes_to_the_thread_that_set_it_in_its_alertable_wait() {
    let (told, calls) = channel();
    let timer = Timer::manual();
    let begin = SystemTime::now();
    let caller = std::thread::current().id();
    let routine = move |at| told.send((std::thread::current().id(), at)).unwrap();
    timer.set_with_apc(after(2), None, routine).unwrap();
    wait_one(&timer, SOON).unwrap();
    assert!(calls.try_recv().is_err(), "that wait was not alertable");
    let other = std::thread::spawn(|| (sleep(Wait::NOW.alertably()), test_alert()));
    assert_eq!(other.join().unwrap(), (Ok(()), false), "and it is no other thread's");
    eventually("the call is queued", || sleep(Wait::NOW.alertably()) == Err(Status::USER_APC));
    let (thread, at) = calls.try_recv().unwrap();
    assert_eq!(thread, caller);
    assert!(at >= begin + MS && at <= SystemTime::now());
}

#[test]
fn s205_the_call_ends_an_alertable_sleep_and_finds_the_timer_signalled() {
    let timer = Timer::manual();
    let (told, calls) = channel();
    let seen = timer.clone();
    timer.set_with_apc(after(2), None, move |_| told.send(seen.is_set()).unwrap()).unwrap();
    assert_eq!(sleep(SOON.alertably()), Err(Status::USER_APC));
    assert_eq!(calls.try_recv(), Ok(true));
    timer.cancel();
}

#[test]
fn s206_a_periodic_timer_has_one_call_queued_at_most() {
    let (told, calls) = channel();
    let (timer, beat) = (Timer::manual(), Timer::auto());
    timer.set_with_apc(after(1), Some(MS), tell(&told)).unwrap();
    beat.set(after(2), Some(2 * MS)).unwrap();
    for _ in 0..10 {
        wait_one(&beat, SOON).unwrap();
    }
    let begin = Instant::now();
    assert!(test_alert());
    assert!(timer.cancel());
    let since = begin.elapsed().as_millis() as usize;
    let ran = calls.try_iter().count();
    assert!((1..=2 + since).contains(&ran), "{ran} calls: one for all that was missed, and those since");
}

#[test]
fn s206_each_period_queues_a_call_once_the_one_before_has_run() {
    let (told, calls) = channel();
    let timer = Timer::auto();
    let begin = SystemTime::now();
    timer.set_with_apc(after(1), Some(2 * MS), tell(&told)).unwrap();
    for number in 0..5 {
        assert_eq!(sleep(SOON.alertably()), Err(Status::USER_APC));
        let at = calls.try_recv().unwrap();
        // Not in whole: the wall clock may run a little slower than the other.
        assert!(at >= begin + 2 * number * MS);
    }
}

/// Has a thread set two timers to one due time, with and without a call, and end. False if that took too long.
fn set_and_end(with: &Timer, without: &Timer, held: &Arc<()>) -> bool {
    let begin = Instant::now();
    let setter = {
        let (with, without, held) = (with.clone(), without.clone(), held.clone());
        Thread::spawn(move || {
            let routine = move |_| drop(held.clone());
            with.set_with_apc(after(30), Some(MS), routine).unwrap();
            without.set(after(30), None).unwrap();
            0
        })
    };
    wait_one(&setter.unwrap(), SOON).unwrap();
    begin.elapsed() < 30 * MS
}

#[test]
fn s207_the_end_of_the_thread_cancels_a_timer_with_a_call() {
    let (with, without) = (Timer::manual(), Timer::manual());
    let held = Arc::new(());
    eventually("the thread ends in time", || set_and_end(&with, &without, &held));
    wait_one(&without, SOON).unwrap();
    // Due before the other, so it would have been signalled before it.
    assert!(!with.is_set());
    eventually("the routine is dropped", || Arc::strong_count(&held) == 1);
    assert!(!with.cancel());
}

#[test]
fn s207_also_when_its_call_was_queued_already_and_then_it_stays_signalled() {
    let (timer, held) = (Timer::manual(), Arc::new(()));
    let setter = {
        let (timer, held) = (timer.clone(), held.clone());
        Thread::spawn(move || {
            timer.set_with_apc(NOW, Some(5 * MS), move |_| drop(held.clone())).unwrap();
            0
        })
    };
    wait_one(&setter.unwrap(), SOON).unwrap();
    assert!(timer.is_set());
    eventually("the routine is dropped", || Arc::strong_count(&held) == 1);
    assert!(!timer.cancel(), "there is no next period");
    assert!(timer.is_set());
}

#[test]
fn s208_a_due_time_that_has_passed_signals_at_once() {
    let past = [NOW, Due::At(SystemTime::UNIX_EPOCH), Due::At(SystemTime::now())];
    for due in past {
        let timer = Timer::auto();
        timer.set(due, None).unwrap();
        assert_eq!(wait_one(&timer, Wait::NOW).map(|waited| waited.index), Ok(0));
    }
    let (told, calls) = channel();
    let timer = Timer::auto();
    timer.set_with_apc(Due::At(SystemTime::UNIX_EPOCH), None, tell(&told)).unwrap();
    assert_eq!(sleep(Wait::NOW.alertably()), Err(Status::USER_APC));
    assert!(calls.try_recv().unwrap() > SystemTime::UNIX_EPOCH, "when it was found, not when it was due");
}

#[test]
fn an_alertable_wait_for_the_timer_itself_ends_with_the_timer_and_the_call_comes_next() {
    let (told, calls) = channel();
    let timer = Timer::auto();
    // If it is due before the wait has begun, the call comes first.
    eventually("the wait begins in time", || {
        timer.set_with_apc(after(5), None, tell(&told)).unwrap();
        let waited = wait_one(&timer, SOON.alertably());
        assert_eq!(calls.try_iter().count(), usize::from(waited == Err(Status::USER_APC)));
        waited.is_ok()
    });
    eventually("the call is queued", test_alert);
    assert_eq!(calls.try_iter().count(), 1);
}

#[test]
fn a_routine_may_set_and_cancel_its_own_timer() {
    let timer = Timer::auto();
    let (told, calls) = channel();
    let (again, count) = (timer.clone(), Arc::new(AtomicUsize::new(0)));
    let routine = move |at| {
        if count.fetch_add(1, SeqCst) == 2 {
            assert!(again.cancel());
        }
        told.send(at).unwrap();
    };
    timer.set_with_apc(after(1), Some(MS), routine).unwrap();
    let mut ran = 0;
    while ran < 3 {
        assert_eq!(sleep(SOON.alertably()), Err(Status::USER_APC));
        ran += calls.try_iter().count();
    }
    assert_eq!(sleep(Wait::at_most(10 * MS).alertably()), Ok(()));
    assert_eq!((ran, calls.try_iter().count()), (3, 0));
    let (told, calls) = channel();
    let again = timer.clone();
    let routine = move |_| {
        again.set_with_apc(NOW, None, tell(&told)).unwrap();
    };
    timer.set_with_apc(NOW, None, routine).unwrap();
    assert!(test_alert());
    assert_eq!(calls.try_iter().count(), 1, "a call queued by a call runs in the same wait");
}

#[test]
fn a_routine_is_not_entered_again_from_a_wait_of_its_own() {
    let timer = Timer::auto();
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (within, deepest) = (inside.clone(), most.clone());
    let routine = move |_| {
        deepest.fetch_max(within.fetch_add(1, SeqCst) + 1, SeqCst);
        let _ = sleep(Wait::at_most(5 * MS).alertably());
        within.fetch_sub(1, SeqCst);
    };
    timer.set_with_apc(NOW, Some(MS), routine).unwrap();
    assert_eq!(sleep(SOON.alertably()), Err(Status::USER_APC));
    assert!(timer.cancel());
    assert_eq!((inside.load(SeqCst), most.load(SeqCst)), (0, 1));
}

#[test]
fn a_routine_that_panics_does_so_in_its_thread_and_the_timer_goes_on() {
    let (told, calls) = channel();
    let timer = Timer::auto();
    let mut first = true;
    let mut tell = tell(&told);
    let routine = move |at| {
        assert!(!std::mem::take(&mut first), "the first call fails");
        tell(at);
    };
    timer.set_with_apc(after(1), Some(MS), routine).unwrap();
    let failed = std::panic::catch_unwind(|| sleep(SOON.alertably()));
    assert!(failed.is_err());
    assert_eq!(sleep(SOON.alertably()), Err(Status::USER_APC));
    assert!(calls.try_iter().count() >= 1);
}

#[test]
fn the_last_drop_stops_it_and_frees_what_its_routine_holds() {
    let held = Arc::new(());
    let timer = Timer::manual();
    let (other, hold) = (timer.clone(), held.clone());
    timer.set_with_apc(NOW, Some(MS), move |_| drop(hold.clone())).unwrap();
    drop(timer);
    assert!(other.is_set());
    drop(other);
    eventually("the routine is dropped", || Arc::strong_count(&held) == 1);
    assert!(!test_alert(), "its call was taken back");
}

#[test]
fn a_routine_that_has_run_for_the_last_time_is_dropped() {
    let held = Arc::new(());
    let timer = Timer::manual();
    let hold = held.clone();
    timer.set_with_apc(NOW, None, move |_| drop(hold.clone())).unwrap();
    assert!(test_alert());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn tens_of_thousands_of_timers_each_come_and_none_is_early() {
    let begin = Instant::now();
    let timers: Vec<_> = (0..20_000u32).map(|_| Timer::manual()).collect();
    for (number, timer) in (0..).zip(&timers) {
        timer.set(after(1 + number * 7919 % 100), None).unwrap();
    }
    for (number, timer) in (0..).zip(&timers) {
        if number % 3 == 0 {
            timer.set(FAR, None).unwrap();
        }
    }
    for (number, timer) in (0..).zip(&timers).filter(|(number, _)| number % 3 != 0) {
        wait_one(timer, SOON).unwrap();
        assert!(begin.elapsed() >= (1 + number * 7919 % 100) * MS);
    }
    for timer in timers.iter().step_by(3) {
        assert!(!timer.is_set() && timer.cancel());
    }
}

#[test]
fn setting_cancelling_and_expiring_at_once_never_leaves_a_timer_that_is_both() {
    let timer = Timer::manual();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..2000 {
                    match round % 3 {
                        0 => timer.set(Due::After(Duration::from_micros(50)), Some(MS)).unwrap(),
                        1 => timer.set_with_apc(NOW, Some(MS), |_| ()).unwrap(),
                        _ => timer.cancel(),
                    };
                    test_alert();
                }
            });
        }
    });
    timer.set(FAR, None).unwrap();
    assert_eq!(wait_one(&timer, Wait::at_most(10 * MS)), Err(Status::TIMEOUT), "nothing old is left");
    assert!(timer.cancel());
    assert!(!test_alert());
}
