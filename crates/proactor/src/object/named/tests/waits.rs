//! What each kind of object does, among the threads of one process; with several handles, as several processes have.

use super::*;
use crate::object::named::guard::Look;
use crate::object::named::{Kind, New};
use crate::object::timer::Due;
use crate::sync::lock::Lock;
use crate::sync::park::Parker;
use crate::sync::record::{Owner, Resource};
use crate::sync::thread::ThreadNo;

const LONG: Duration = PATIENCE;
const SHORT: Duration = Duration::from_millis(5);

/// Two handles to one new object.
pub(super) fn two(room: &Room, name: &str, new: New) -> [Arc<Named>; 2] {
    let (first, existed) = Named::create_in(&room.space, name, &new).unwrap();
    assert!(!existed);
    [first, Named::open_in(&room.space, name, new.kind()).unwrap()]
}

pub(super) fn sleepers(named: &Named) -> u32 {
    let in_line = if named.kind == Kind::Event && !named.manual() { named.page.line().sleepers() } else { 0 };
    in_line + named.page.hot().waiters.load(Relaxed)
}

#[test]
fn an_auto_reset_event_lets_one_go_and_a_manual_one_all() {
    let room = Room::new();
    for (manual, let_go) in [(false, 1), (true, 3)] {
        let [event, other] = two(&room, if manual { "m" } else { "a" }, New::Event { manual, set: false });
        let gone = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    wait_one(&other, LONG).unwrap();
                    gone.fetch_add(1, Relaxed);
                });
            }
            eventually("three wait", || sleepers(&event) == 3);
            assert!(!event.lock().unwrap().set().unwrap());
            eventually("they go", || gone.load(Relaxed) == let_go);
            for waiting in (0..3 - let_go).rev() {
                eventually("the one before is gone", || !is_set(&event));
                assert!(!event.lock().unwrap().set().unwrap());
                eventually("the next goes", || gone.load(Relaxed) == 3 - waiting);
            }
        });
        assert_eq!(is_set(&event), manual);
        assert_eq!(event.lock().unwrap().reset(), Ok(manual));
        assert_eq!(sleepers(&event), 0);
    }
}

pub(super) fn is_set(event: &Named) -> bool {
    let mut guard = event.lock().unwrap();
    let look = Look { pulses: guard.pulses().unwrap(), thorough: true, ..Look::default() };
    let set = guard.is_signalled(look).unwrap();
    assert!(guard.release_mutex() == Err(Status::OBJECT_TYPE_MISMATCH));
    set
}

#[test]
fn a_pulse_lets_those_go_who_wait() {
    let room = Room::new();
    for (manual, let_go) in [(false, 1), (true, 2)] {
        let [event, other] = two(&room, if manual { "m" } else { "a" }, New::Event { manual, set: false });
        assert!(!event.lock().unwrap().pulse().unwrap(), "nobody waits");
        let gone = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    wait_one(&other, LONG).unwrap();
                    gone.fetch_add(1, Relaxed);
                });
            }
            eventually("two wait", || sleepers(&event) == 2);
            assert!(!event.lock().unwrap().pulse().unwrap());
            eventually("they go", || gone.load(Relaxed) == let_go);
            assert!(!is_set(&event));
            for _ in let_go..2 {
                event.lock().unwrap().set().unwrap();
            }
        });
        assert!(!is_set(&event));
    }
}

#[test]
fn a_semaphore_counts_and_has_a_bound() {
    let room = Room::new();
    let [semaphore, other] = two(&room, "s", New::Semaphore { count: 2, most: 3 });
    assert!(is_there(&other) && is_there(&semaphore) && !is_there(&other));
    assert_eq!(other.lock().unwrap().release(2), Ok(0));
    assert_eq!(semaphore.lock().unwrap().release(2), Err(Status::SEMAPHORE_LIMIT_EXCEEDED));
    assert_eq!(semaphore.lock().unwrap().release(0), Err(Status::INVALID_PARAMETER));
    assert_eq!(semaphore.lock().unwrap().release(1), Ok(2));
    let bad = Named::create_in(&room.space, "bad", &New::Semaphore { count: 2, most: 1 }).map(drop);
    assert_eq!(bad, Err(Status::INVALID_PARAMETER));
    assert_eq!(room.files(), 1);
}

#[test]
fn what_is_released_at_once_lets_as_many_go() {
    let room = Room::new();
    let [semaphore, other] = two(&room, "s", New::Semaphore { count: 0, most: 9 });
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| wait_one(&other, LONG).unwrap());
        }
        eventually("three wait", || sleepers(&semaphore) == 3);
        assert_eq!(semaphore.lock().unwrap().release(4), Ok(0));
    });
    assert!(is_there(&semaphore) && !is_there(&semaphore));
}

#[test]
fn a_mutex_is_owned_by_a_thread_and_as_often_as_it_is_taken() {
    let room = Room::new();
    let [mutex, other] = two(&room, "m", New::Mutex { owned: true });
    assert!(is_there(&other) && is_there(&mutex), "the owner takes it again, by any handle");
    let elsewhere = |f: fn(&Named) -> Result<u32, Status>| {
        std::thread::scope(|scope| scope.spawn(|| f(&other)).join().unwrap())
    };
    assert_eq!(elsewhere(|mutex| mutex.lock()?.release_mutex()), Err(Status::MUTANT_NOT_OWNED));
    assert_eq!(elsewhere(|mutex| wait_one(mutex, SHORT).map(|_| 0)), Err(Status::TIMEOUT));
    let me = crate::sync::record::current().unwrap().thread;
    assert_eq!(mutex.owner(), Owner::Thread(me));
    for held in (1..=3).rev() {
        assert_eq!(mutex.lock().unwrap().release_mutex(), Ok(held));
    }
    assert_eq!(mutex.lock().unwrap().release_mutex(), Err(Status::MUTANT_NOT_OWNED));
    assert_eq!(mutex.owner(), Owner::Nobody);
}

#[test]
fn s192_creating_an_existing_mutex_owned_does_not_own_it() {
    let room = Room::new();
    let [first, _] = two(&room, "m", New::Mutex { owned: false });
    let (second, existed) = Named::create_in(&room.space, "m", &New::Mutex { owned: true }).unwrap();
    assert!(existed);
    assert_eq!(second.lock().unwrap().release_mutex(), Err(Status::MUTANT_NOT_OWNED));
    assert_eq!(first.owner(), Owner::Nobody);
}

#[test]
fn a_mutex_whose_owner_ends_is_abandoned_and_says_so_once() {
    let room = Room::new();
    // One ends and says so, as threads that have a record do; the other is only missed.
    for tells in [true, false] {
        let [mutex, other] = two(&room, "m", New::Mutex { owned: false });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(is_there(&other) && is_there(&other));
                if tells {
                    Resource::abandon(&*other, ThreadNo::current());
                    assert_eq!(other.abandon(), Ok(false), "it is no longer the owner");
                }
            });
        });
        assert_eq!(wait_one(&mutex, LONG), Ok(Took { index: 0, abandoned: true }));
        assert_eq!(wait_one(&mutex, LONG), Ok(Took { index: 0, abandoned: false }));
        assert_eq!(
            mutex.lock().unwrap().release_mutex(),
            Ok(2),
            "how often the dead one had it is forgotten"
        );
        assert_eq!(mutex.lock().unwrap().release_mutex(), Ok(1));
        assert_eq!(wait_one(&mutex, SHORT), Ok(Took { index: 0, abandoned: false }));
        assert_eq!(mutex.lock().unwrap().release_mutex(), Ok(1));
    }
}

#[test]
fn a_timer_goes_off_once_or_again_and_again() {
    let room = Room::new();
    let [timer, other] = two(&room, "t", New::Timer { manual: false });
    assert!(!is_there(&timer));
    let begun = Instant::now();
    assert_eq!(
        timer.lock().unwrap().set_timer(Due::After(Duration::from_millis(30)), Duration::ZERO),
        Ok(false)
    );
    wait_one(&other, LONG).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(30));
    assert!(!is_there(&timer), "one wait takes it");

    let period = Duration::from_millis(10);
    assert_eq!(timer.lock().unwrap().set_timer(Due::After(period), period), Ok(false));
    let begun = Instant::now();
    for _ in 0..3 {
        wait_one(&other, LONG).unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_millis(20), "{:?}", begun.elapsed());
    assert_eq!(timer.lock().unwrap().cancel_timer(), Ok(true));
    let _ = is_there(&timer);
    assert_eq!(wait_one(&timer, Duration::from_millis(30)), Err(Status::TIMEOUT), "cancelled");
    assert_eq!(timer.lock().unwrap().goes_off_in(), Ok(None));
}

#[test]
fn a_timer_by_the_clock_of_the_day_and_one_that_is_late() {
    let room = Room::new();
    let [timer, other] = two(&room, "t", New::Timer { manual: true });
    let soon = std::time::SystemTime::now() + Duration::from_millis(20);
    assert_eq!(timer.lock().unwrap().set_timer(Due::At(soon), Duration::ZERO), Ok(false));
    wait_one(&other, LONG).unwrap();
    assert!(is_there(&timer) && is_there(&timer), "a manual one stays set");
    assert_eq!(timer.lock().unwrap().cancel_timer(), Ok(false), "it was due once");
    assert!(is_there(&timer));
    let past = std::time::UNIX_EPOCH;
    assert_eq!(timer.lock().unwrap().set_timer(Due::At(past), Duration::ZERO), Ok(true));
    assert!(is_there(&other), "a time that has passed is now");
    let far = Due::After(Duration::MAX);
    assert_eq!(timer.lock().unwrap().set_timer(far, Duration::ZERO), Ok(true));
    assert!(!is_there(&other), "setting it again resets it");
    assert_eq!(timer.lock().unwrap().set_timer(far, Duration::MAX), Err(Status::INVALID_PARAMETER));
}

#[test]
fn a_sleeper_learns_that_a_timer_was_set_anew() {
    let room = Room::new();
    let [timer, other] = two(&room, "t", New::Timer { manual: false });
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| wait_one(&other, LONG));
        eventually("it waits", || sleepers(&timer) == 1);
        timer.lock().unwrap().set_timer(Due::After(Duration::ZERO), Duration::ZERO).unwrap();
        assert_eq!(waits.join().unwrap(), Ok(Took { index: 0, abandoned: false }));
    });
}

#[test]
fn the_first_that_is_signalled_is_taken_and_only_that() {
    let room = Room::new();
    let new = New::Event { manual: false, set: false };
    let events: Vec<_> = ["c", "b", "a"].map(|name| two(&room, name, new)[0].clone()).into();
    let all: Vec<_> = events.iter().collect();
    assert_eq!(wait_for(&all, false, SHORT), Err(Status::TIMEOUT));
    for at in [2, 1] {
        events[at].lock().unwrap().set().unwrap();
    }
    assert_eq!(wait_for(&all, false, SHORT).map(|took| took.index), Ok(1));
    assert_eq!(wait_for(&all, false, SHORT).map(|took| took.index), Ok(2));
    assert_eq!(wait_for(&all, false, SHORT), Err(Status::TIMEOUT));
}

#[test]
fn all_are_taken_at_once_or_none() {
    let room = Room::new();
    let [event, _] = two(&room, "e", New::Event { manual: false, set: true });
    let [semaphore, _] = two(&room, "s", New::Semaphore { count: 0, most: 1 });
    let [mutex, _] = two(&room, "m", New::Mutex { owned: false });
    let all = [&event, &semaphore, &mutex];
    assert_eq!(wait_for(&all, true, SHORT), Err(Status::TIMEOUT));
    assert!(is_set(&event) && mutex.owner() == Owner::Nobody, "nothing is taken while one is missing");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            eventually("it waits", || sleepers(&semaphore) == 1);
            semaphore.lock().unwrap().release(1).unwrap();
        });
        assert_eq!(wait_for(&all, true, LONG), Ok(Took { index: 0, abandoned: false }));
    });
    assert!(!is_set(&event) && !is_there(&semaphore));
    assert_eq!(mutex.lock().unwrap().release_mutex(), Ok(1));
}

#[test]
fn too_many_none_and_one_twice_are_refused() {
    let room = Room::new();
    let [event, other] = two(&room, "e", New::Event { manual: true, set: true });
    assert_eq!(wait_for(&[], false, SHORT), Err(Status::INVALID_PARAMETER));
    assert_eq!(wait_for(&[&event; 65], false, SHORT), Err(Status::INVALID_PARAMETER));
    assert_eq!(wait_for(&[&event, &other], true, SHORT), Err(Status::INVALID_PARAMETER));
    assert_eq!(wait_for(&[&event, &other], false, SHORT).map(|took| took.index), Ok(0));
    assert_eq!(wait_for(&[&event; 64], false, SHORT).map(|took| took.index), Ok(0));
}

#[test]
fn no_signal_is_lost_and_none_is_taken_twice() {
    const EACH: u32 = 300;
    let room = Room::new();
    let [work, other] = two(&room, "work", New::Semaphore { count: 0, most: i32::MAX as u32 });
    let [stop, _] = two(&room, "stop", New::Event { manual: true, set: false });
    let taken = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while wait_for(&[&other, &stop], false, LONG).unwrap().index == 0 {
                    taken.fetch_add(1, Relaxed);
                }
            });
        }
        for _ in 0..EACH {
            work.lock().unwrap().release(2).unwrap();
        }
        eventually("all is taken", || taken.load(Relaxed) == 2 * EACH);
        stop.lock().unwrap().set().unwrap();
    });
    assert_eq!(taken.into_inner(), 2 * EACH);
    assert!(!is_there(&work));
}

/// One event of this process, as the objects of this process are seen by a wait.
struct Flag(Lock<bool>);

impl Locals for Flag {
    type Locked<'a> = std::sync::MutexGuard<'a, bool>;

    fn lock(&self) -> Self::Locked<'_> {
        self.0.lock()
    }
}

impl LockedLocals for std::sync::MutexGuard<'_, bool> {
    fn taken(&self) -> Option<(usize, bool)> {
        None
    }

    fn is_signalled(&mut self, _: usize) -> bool {
        **self
    }

    fn take(&mut self, _: usize) -> bool {
        **self = false;
        false
    }

    fn close(&mut self) {}

    fn miss(&mut self) {}
}

#[test]
fn objects_of_this_process_take_part() {
    let room = Room::new();
    let [event, other] = two(&room, "e", New::Event { manual: false, set: false });
    let (flag, parker) = (Flag(Lock::new(false)), Parker::default());
    let items = [Item::Named(&event), Item::Local(0)];
    let wait_here = |all| {
        let how = How { parker: Some(&parker), ..how(all, Some(LONG)) };
        wait(&items, &flag, &how).unwrap().index
    };
    let raise = || {
        *flag.0.lock() = true;
        parker.unpark();
    };
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| [wait_here(false), wait_here(false), wait_here(true)]);
        eventually("it waits", || sleepers(&other) == 1);
        raise();
        eventually("the flag is taken", || !*flag.0.lock());
        other.lock().unwrap().set().unwrap();
        eventually("the event is taken", || !is_set(&other));
        raise();
        eventually("it waits for both", || sleepers(&other) == 1);
        assert!(*flag.0.lock(), "one is not taken without the other");
        other.lock().unwrap().set().unwrap();
        assert_eq!(waits.join().unwrap(), [1, 0, 0]);
    });
    assert!(!is_set(&event) && !*flag.0.lock());
}

#[test]
fn an_alerted_wait_ends() {
    let room = Room::new();
    let [event, other] = two(&room, "e", New::Event { manual: false, set: false });
    let (alerted, parker) = (AtomicU32::new(0), Parker::default());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let is_alerted = || alerted.load(Relaxed) != 0;
            let how = How { parker: Some(&parker), alerted: &is_alerted, ..how(false, None) };
            wait(&[Item::Named(&event)], &NoLocals, &how)
        });
        eventually("it waits", || sleepers(&other) == 1);
        alerted.store(1, Relaxed);
        parker.unpark();
        assert_eq!(waits.join().unwrap(), Err(Status::USER_APC));
    });
    assert_eq!(sleepers(&event), 0);
}

#[test]
fn a_lock_that_was_held_by_somebody_dead_is_taken_over() {
    let room = Room::new();
    let [event, other] = two(&room, "e", New::Event { manual: false, set: false });
    std::thread::scope(|scope| {
        scope.spawn(|| std::mem::forget(other.lock().unwrap()));
    });
    assert_ne!(event.page.hot().lock.load(Relaxed), 0);
    assert!(!event.lock().unwrap().set().unwrap());
    assert_eq!(event.page.hot().lock.load(Relaxed), 0);
    assert!(is_there(&event));
}
