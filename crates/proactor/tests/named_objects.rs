//! Objects with names, through the same calls as those without: alone, together, alerted, and by several handles.

use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use proactor::Status;
use proactor::object::{
    Due, Event, Existed, Mutex, Semaphore, Thread, Timer, Wait, set_namespace, signal_and_wait, wait_all,
    wait_any, wait_one,
};

mod common;
use common::eventually;

const SOON: Wait = Wait::at_most(Duration::from_millis(5));
const LONG: Wait = Wait::at_most(common::PATIENCE);

/// A name that no other test uses, in a directory that no other program does.
fn name(what: &str) -> String {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_namespace(&directory()).unwrap());
    format!("{what} of {:?} of {}", std::thread::current().id(), std::process::id())
}

/// One for all runs, since it stays.
fn directory() -> PathBuf {
    format!("/dev/shm/proactor-tests-{}", rustix::process::geteuid().as_raw()).into()
}

/// Another handle's set, while this thread waits.
fn meanwhile(act: impl FnOnce() + Send, wait: impl FnOnce()) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A moment in which the wait begins most of the time; it has to come right if it does not.
            std::thread::yield_now();
            act();
        });
        wait();
    });
}

#[test]
fn s180_creating_an_existing_event_opens_it_as_it_is() {
    let name = name("event");
    let (event, existed) = Event::create_named(&name, true, true).unwrap();
    assert_eq!(existed, Existed::No);
    let (again, existed) = Event::create_named(&name, false, false).unwrap();
    assert_eq!(existed, Existed::Yes);
    wait_one(&again, Wait::NOW).unwrap();
    assert!(again.is_set(), "it is manual still");
    assert!(event.reset() && !again.is_set());
    assert!(!again.set() && event.set());
}

#[test]
fn s218_another_kind_is_refused() {
    let name = name("object");
    let (_event, _) = Event::create_named(&name, true, true).unwrap();
    for refused in [
        Mutex::open(&name).map(drop),
        Semaphore::open(&name).map(drop),
        Timer::open(&name).map(drop),
        Mutex::create_named(&name, false).map(drop),
        Semaphore::create_named(&name, 0, 1).map(drop),
        Timer::create_named(&name, false).map(drop),
    ] {
        assert_eq!(refused, Err(Status::OBJECT_TYPE_MISMATCH));
    }
}

#[test]
fn s219_a_missing_name_is_not_found() {
    let name = name("object");
    for refused in [
        Event::open(&name).map(drop),
        Mutex::open(&name).map(drop),
        Semaphore::open(&name).map(drop),
        Timer::open(&name).map(drop),
    ] {
        assert_eq!(refused, Err(Status::OBJECT_NAME_NOT_FOUND));
    }
}

#[test]
fn a_mutex_goes_by_thread_and_is_abandoned_with_it() {
    let name = name("mutex");
    let (mutex, _) = Mutex::create_named(&name, true).unwrap();
    assert!(mutex.is_mine());
    let other = Mutex::open(&name).unwrap();
    assert!(!wait_one(&other, Wait::NOW).unwrap().abandoned);
    assert_eq!(other.release(), Ok(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(wait_one(&other, SOON), Err(Status::TIMEOUT));
            assert_eq!(other.release(), Err(Status::MUTANT_NOT_OWNED));
        });
    });
    assert_eq!(mutex.release(), Ok(1));
    let thread = Thread::spawn(move || {
        wait_one(&other, LONG).unwrap();
        std::mem::forget(other);
        7
    });
    let thread = thread.unwrap();
    wait_one(&thread, LONG).unwrap();
    // Abandoned by the time the end of the thread is told: it need not be missed first.
    assert!(wait_one(&mutex, Wait::NOW).unwrap().abandoned);
    assert_eq!(mutex.release(), Ok(1));
}

#[test]
fn waits_take_named_and_unnamed_objects_together() {
    let (named, _) = Event::create_named(&name("event"), false, false).unwrap();
    let (semaphore, _) = Semaphore::create_named(&name("semaphore"), 0, 5).unwrap();
    let unnamed = Event::auto(false);
    let all: [&dyn proactor::object::Waitable; 3] = [&unnamed, &named, &semaphore];
    assert_eq!(wait_any(&all, SOON), Err(Status::TIMEOUT));
    meanwhile(
        || assert_eq!(semaphore.release(1), Ok(0)),
        || assert_eq!(wait_any(&all, LONG).unwrap().index, 2),
    );
    meanwhile(|| assert!(!unnamed.set()), || assert_eq!(wait_any(&all, LONG).unwrap().index, 0));
    meanwhile(|| assert!(!named.set()), || assert_eq!(wait_any(&all, LONG).unwrap().index, 1));
    named.set();
    unnamed.set();
    assert_eq!(wait_all(&all, SOON), Err(Status::TIMEOUT));
    assert!(named.is_set() && unnamed.is_set(), "nothing is taken while one is missing");
    meanwhile(
        || assert_eq!(semaphore.release(1), Ok(0)),
        || assert_eq!(wait_all(&all, LONG).unwrap().index, 0),
    );
    assert!(!named.is_set() && !unnamed.is_set() && semaphore.count() == 0);
    let twice = [&named as &dyn proactor::object::Waitable, &unnamed, &unnamed];
    assert_eq!(wait_all(&twice, SOON), Err(Status::INVALID_PARAMETER));
    unnamed.set();
    assert_eq!(wait_any(&twice, SOON).unwrap().index, 1);
}

#[test]
fn an_unnamed_mutex_in_a_mixed_wait_is_owned_and_abandoned_as_any() {
    let (named, _) = Event::create_named(&name("event"), true, true).unwrap();
    let mutex = Mutex::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| wait_all(&[&named, &mutex], LONG).unwrap());
    });
    assert!(wait_all(&[&named, &mutex], LONG).unwrap().abandoned);
    assert_eq!(mutex.release(), Ok(1));
}

#[test]
fn a_call_ends_an_alertable_wait_for_a_named_object() {
    let (event, _) = Event::create_named(&name("event"), false, false).unwrap();
    let here = Thread::current();
    // Queued before the wait, and in it.
    here.queue_apc(|| ()).unwrap();
    assert_eq!(wait_one(&event, LONG.alertably()), Err(Status::USER_APC));
    meanwhile(
        || here.queue_apc(|| ()).unwrap(),
        || assert_eq!(wait_one(&event, LONG.alertably()), Err(Status::USER_APC)),
    );
    here.queue_apc(|| ()).unwrap();
    assert_eq!(wait_one(&event, SOON), Err(Status::TIMEOUT), "it was not alertable");
    assert_eq!(wait_one(&event, Wait::NOW.alertably()), Err(Status::USER_APC));
}

#[test]
fn a_worker_that_waits_for_a_named_object_is_replaced_at_once() {
    let (event, _) = Event::create_named(&name("event"), false, false).unwrap();
    let port: proactor::Port<usize, usize> = proactor::Port::new(1).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(packet) = port.get().unwrap() {
                    if packet.key == 1 {
                        // For the handler of the other packet.
                        wait_one(&event, LONG).unwrap();
                        port.close();
                    } else {
                        assert!(!event.set());
                    }
                }
            });
        }
        port.post(1, 0).unwrap();
        port.post(2, 0).unwrap();
    });
    assert!(port.snapshot().declared_blocked >= 1);
}

#[test]
fn signal_and_wait_takes_named_objects() {
    let (event, _) = Event::create_named(&name("event"), false, false).unwrap();
    for _ in 0..100 {
        signal_and_wait(&event, &event, Wait::NOW).unwrap();
    }
    let (mutex, _) = Mutex::create_named(&name("mutex"), false).unwrap();
    assert_eq!(signal_and_wait(&mutex, &event, Wait::NOW), Err(Status::MUTANT_NOT_OWNED));
}

#[test]
fn a_named_timer_is_set_by_one_handle_and_waited_for_by_another() {
    let name = name("timer");
    let (timer, _) = Timer::create_named(&name, false).unwrap();
    let other = Timer::open(&name).unwrap();
    let period = Duration::from_millis(2);
    assert_eq!(timer.set(Due::After(period), Some(period)), Ok(false));
    for _ in 0..3 {
        wait_one(&other, LONG).unwrap();
    }
    assert!(other.cancel());
    let _ = wait_one(&timer, Wait::NOW);
    assert_eq!(wait_one(&timer, SOON), Err(Status::TIMEOUT));
    let too_short = Some(Duration::from_micros(999));
    assert_eq!(timer.set(Due::After(period), too_short), Err(Status::INVALID_PARAMETER));
}

#[test]
fn a_named_timer_calls_the_thread_that_asked_until_another_setting_holds() {
    let name = name("timer");
    let (timer, _) = Timer::create_named(&name, true).unwrap();
    let other = Timer::open(&name).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let ask = |after| {
        let tell = tell.clone();
        timer.set_with_apc(Due::After(after), None, move |_| tell.send(()).unwrap()).unwrap();
    };
    ask(Duration::from_millis(1));
    assert_eq!(proactor::object::sleep(LONG.alertably()), Err(Status::USER_APC));
    told.try_recv().unwrap();
    assert!(timer.is_set());
    ask(Duration::from_millis(1));
    other.set(Due::After(Duration::ZERO), None).unwrap();
    eventually("it is due", || timer.is_set());
    // The call comes, and finds that its setting no longer holds.
    let _ = proactor::object::sleep(Wait::at_most(Duration::from_millis(10)).alertably());
    assert!(told.try_recv().is_err());
}

#[test]
fn s221_the_name_is_gone_with_the_last_handle() {
    let name = name("event");
    let (event, _) = Event::create_named(&name, true, true).unwrap();
    let clone = event.clone();
    drop(event);
    let open = Event::open(&name).unwrap();
    drop(clone);
    assert!(open.is_set());
    drop(open);
    assert_eq!(Event::open(&name).map(drop), Err(Status::OBJECT_NAME_NOT_FOUND));
}

#[test]
fn what_no_name_may_be_is_refused() {
    let name = name("event");
    let create = |name: &str| Event::create_named(name, true, true).map(|(_, existed)| existed);
    assert_eq!(create(""), Err(Status::OBJECT_NAME_INVALID));
    assert_eq!(create(&format!("a\\{name}")), Err(Status::OBJECT_PATH_NOT_FOUND));
    assert_eq!(create(&"x".repeat(261)), Err(Status::NAME_TOO_LONG));
    assert_eq!(create(&format!("Global\\{name}")), Ok(Existed::No));
    assert_eq!(create(&format!("../{name}")), Ok(Existed::No));
}

#[test]
fn the_library_says_where_its_names_are() {
    let (_event, _) = Event::create_named(&name("shown"), true, true).unwrap();
    assert!(std::fs::read_dir(directory()).unwrap().count() > 0);
    assert_eq!(set_namespace(std::path::Path::new("relative")), Err(Status::INVALID_PARAMETER));
}

/// Those who wait on threads of their own, all asleep.
fn sleepers<'scope, 'env>(
    scope: &'scope std::thread::Scope<'scope, 'env>,
    count: usize,
    wait: impl Fn() -> Result<proactor::object::Waited, Status> + Copy + Send + 'scope,
) -> Vec<std::thread::ScopedJoinHandle<'scope, Result<proactor::object::Waited, Status>>> {
    (0..count)
        .map(|_| {
            let (tell, told) = std::sync::mpsc::channel();
            let waiter = scope.spawn(move || {
                tell.send(rustix::thread::gettid()).unwrap();
                wait()
            });
            let thread = told.recv().unwrap();
            common::asleep(thread);
            waiter
        })
        .collect()
}

const ROUNDS: usize = 30;

#[test]
fn s174_two_sets_let_two_waiters_of_a_named_event_go() {
    let name = name("event");
    let (event, _) = Event::create_named(&name, false, false).unwrap();
    let other = Event::open(&name).unwrap();
    for _ in 0..ROUNDS {
        std::thread::scope(|scope| {
            let waiters = sleepers(scope, 3, || wait_one(&other, LONG));
            assert!(!event.set() && !event.set());
            // Both are granted already: there is nothing for who comes now.
            assert_eq!(wait_one(&event, Wait::NOW), Err(Status::TIMEOUT));
            assert!(!event.set() && !event.set(), "the fourth is for nobody who waits");
            waiters.into_iter().for_each(|waiter| {
                assert_eq!(waiter.join().unwrap().map(|waited| waited.abandoned), Ok(false))
            });
        });
        assert!(event.reset());
    }
}

#[test]
fn s174_two_sets_let_two_waiters_go_that_wait_for_a_named_object_too() {
    let (named, _) = Event::create_named(&name("event"), false, false).unwrap();
    let local = Event::auto(false);
    for _ in 0..ROUNDS {
        for (event, index) in [(&local, 0), (&named, 1)] {
            std::thread::scope(|scope| {
                let waiters = sleepers(scope, 2, || wait_any(&[&local, &named], LONG));
                assert!(!event.set() && !event.set() && !event.set());
                for waiter in waiters {
                    assert_eq!(waiter.join().unwrap().unwrap().index, index);
                }
            });
            assert!(event.reset() && !event.is_set());
        }
    }
}

#[test]
fn s175_a_reset_takes_back_no_set_from_those_who_wait() {
    let (named, _) = Event::create_named(&name("event"), true, false).unwrap();
    let (auto, _) = Event::create_named(&name("auto"), false, false).unwrap();
    let (local, signalled) = (Event::manual(false), Event::manual(true));
    for _ in 0..ROUNDS {
        std::thread::scope(|scope| {
            let waits = [
                sleepers(scope, 2, || wait_one(&named, LONG)),
                sleepers(scope, 1, || wait_any(&[&auto, &named], LONG)),
                sleepers(scope, 1, || wait_any(&[&local, &named], LONG)),
                sleepers(scope, 1, || wait_all(&[&signalled, &named], LONG)),
            ];
            assert!(!named.set() && named.reset() && !named.is_set());
            waits.into_iter().flatten().for_each(|waiter| {
                assert_eq!(waiter.join().unwrap().map(|waited| waited.abandoned), Ok(false))
            });
            let waits = sleepers(scope, 1, || wait_any(&[&named, &auto], LONG));
            assert!(!auto.set() && !auto.reset());
            waits.into_iter().for_each(|waiter| assert_eq!(waiter.join().unwrap().unwrap().index, 1));
        });
        assert_eq!(wait_any(&[&auto, &named, &local], Wait::NOW), Err(Status::TIMEOUT));
    }
}

#[test]
fn s176_a_pulse_and_a_set_and_reset_reach_waits_for_a_named_object_too() {
    let (named, _) = Event::create_named(&name("event"), true, false).unwrap();
    let (set, _) = Event::create_named(&name("set"), true, true).unwrap();
    let (local, auto) = (Event::manual(false), Event::auto(false));
    for round in 0..ROUNDS {
        std::thread::scope(|scope| {
            let mut waits = sleepers(scope, 2, || wait_any(&[&named, &local], LONG));
            waits.extend(sleepers(scope, 1, || wait_all(&[&set, &local], LONG)));
            if round % 2 == 0 {
                assert!(!local.pulse());
            } else {
                assert!(!local.set() && local.reset());
            }
            waits.into_iter().for_each(|waiter| {
                assert_eq!(waiter.join().unwrap().map(|waited| waited.abandoned), Ok(false))
            });
            let waits = sleepers(scope, 1, || wait_any(&[&named, &auto], LONG));
            assert!(!auto.pulse());
            waits.into_iter().for_each(|waiter| assert_eq!(waiter.join().unwrap().unwrap().index, 1));
        });
        assert_eq!(wait_any(&[&named, &local, &auto], Wait::NOW), Err(Status::TIMEOUT));
    }
}

#[test]
fn mixed_waits_that_time_out_and_are_satisfied_at_once_lose_nothing_and_take_nothing_twice() {
    const EACH: usize = 2000;
    let (named, _) = Semaphore::create_named(&name("semaphore"), 0, 100_000).unwrap();
    let (other, _) = Semaphore::create_named(&name("other"), 100_000, 100_000).unwrap();
    let local = Semaphore::new(0, 100_000).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let taken: Vec<[usize; 2]> = std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..3)
            .map(|at| {
                let (named, local, other, done) = (&named, &local, &other, &done);
                scope.spawn(move || {
                    let mut taken = [0; 2];
                    let wait = Wait::at_most(Duration::from_micros(30 * at));
                    loop {
                        // Said before the look, so that nothing comes after the last one.
                        let last = done.load(std::sync::atomic::Ordering::SeqCst);
                        match wait_any(&[local, named], wait) {
                            Ok(waited) => taken[waited.index] += 1,
                            Err(Status::TIMEOUT) if last => return taken,
                            Err(Status::TIMEOUT) => {}
                            Err(status) => panic!("{status}"),
                        }
                        // All or nothing, among the rest.
                        if wait_all(&[local, other], Wait::NOW).is_ok() {
                            taken[0] += 1;
                        }
                    }
                })
            })
            .collect();
        for _ in 0..EACH {
            local.release(1).unwrap();
            named.release(1).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect()
    });
    for index in 0..2 {
        assert_eq!(taken.iter().map(|taken| taken[index]).sum::<usize>(), EACH, "{taken:?}");
    }
    assert_eq!((local.count(), named.count()), (0, 0));
}
