//! What can be asked of an object without waiting for it, the same with a name and without.

mod common;

use std::time::Duration;

use proactor::object::{
    Due, Event, Holding, Mutex, Semaphore, Thread, Timer, Wait, Waitable, same_object, set_namespace,
    wait_one,
};

/// A name that no other test uses, in a directory that no other program does.
fn name(what: &str) -> String {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let user = rustix::process::geteuid().as_raw();
        set_namespace(format!("/dev/shm/proactor-tests-{user}").as_ref()).unwrap();
    });
    format!("{what} to be asked, of {}", std::process::id())
}

#[test]
fn an_event_says_of_which_kind_it_is() {
    assert!(Event::manual(false).is_manual() && !Event::auto(true).is_manual());
    let (manual, _) = Event::create_named(&name("manual"), true, false).unwrap();
    let (auto, _) = Event::create_named(&name("auto"), false, true).unwrap();
    assert!(manual.is_manual() && !auto.is_manual());
}

#[test]
fn a_semaphore_says_how_far_it_counts() {
    let (named, _) = Semaphore::create_named(&name("semaphore"), 1, 9).unwrap();
    for semaphore in [Semaphore::new(1, 9).unwrap(), named] {
        semaphore.release(2).unwrap();
        assert_eq!((semaphore.count(), semaphore.most()), (3, 9));
    }
}

#[test]
fn s193_a_mutex_says_how_often_it_is_held_by_whom_and_that_it_was_abandoned() {
    let (named, _) = Mutex::create_named(&name("mutex"), false).unwrap();
    for mutex in [Mutex::new(false), named] {
        assert_eq!(mutex.holding(), Holding::default());
        for depth in 1..=2 {
            wait_one(&mutex, Wait::NOW).unwrap();
            assert_eq!(mutex.holding(), Holding { depth, mine: true, abandoned: false });
        }
        std::thread::scope(|scope| {
            let other = scope.spawn(|| mutex.holding());
            assert_eq!(other.join().unwrap(), Holding { depth: 2, mine: false, abandoned: false });
        });
        mutex.release().unwrap();
        mutex.release().unwrap();
        let end = mutex.clone();
        let thread = Thread::spawn(move || wait_one(&end, Wait::NOW).map_or(1, |_| 0)).unwrap();
        wait_one(&thread, Wait::at_most(common::PATIENCE)).unwrap();
        assert_eq!(mutex.holding(), Holding { depth: 0, mine: false, abandoned: true });
        assert!(wait_one(&mutex, Wait::NOW).unwrap().abandoned, "it is told to who takes it");
        assert_eq!(mutex.holding(), Holding { depth: 1, mine: true, abandoned: false });
    }
}

#[test]
fn a_timer_says_how_long_it_still_has() {
    let (named, _) = Timer::create_named(&name("timer"), true).unwrap();
    let hour = Duration::from_secs(3600);
    for timer in [Timer::manual(), named] {
        assert_eq!(timer.due_in(), None);
        timer.set(Due::After(hour), None).unwrap();
        let left = timer.due_in().unwrap();
        assert!(left <= hour && left > hour / 2, "{left:?}");
        timer.set(Due::At(std::time::SystemTime::now() + 2 * hour), None).unwrap();
        let left = timer.due_in().unwrap();
        assert!(left <= 2 * hour && left > hour, "{left:?}");
        timer.set(Due::After(Duration::ZERO), None).unwrap();
        wait_one(&timer, Wait::at_most(common::PATIENCE)).unwrap();
        assert_eq!(timer.due_in(), None, "that was the only time");
    }
}

#[test]
fn two_handles_to_one_object_are_told_from_two_objects() {
    let (one, other) = (Event::auto(false), Event::auto(false));
    let (named, _) = Event::create_named(&name("one"), false, false).unwrap();
    let again = Event::open(&name("one")).unwrap();
    let (another, _) = Event::create_named(&name("another"), false, false).unwrap();
    let same: [(&dyn Waitable, &dyn Waitable); 2] = [(&one, &one.clone()), (&named, &again)];
    assert!(same.iter().all(|(one, other)| same_object(*one, *other)));
    let mutex = Mutex::new(false);
    let different: [(&dyn Waitable, &dyn Waitable); 4] =
        [(&one, &other), (&named, &another), (&one, &named), (&one, &mutex)];
    assert!(!different.iter().any(|(one, other)| same_object(*one, *other)));
}
