//! Mutex objects: owned by threads, entered again, abandoned (group 14).

mod common;

use std::sync::mpsc::channel;
use std::thread;

use common::{PATIENCE, asleep};
use proactor::Status;
use proactor::object::{Event, Mutex, Thread, Wait, Waited, wait_all, wait_any, wait_one};

const SOON: Wait = Wait::at_most(PATIENCE);
const TAKEN: Result<Waited, Status> = Ok(Waited { index: 0, abandoned: false });
const ABANDONED: Result<Waited, Status> = Ok(Waited { index: 0, abandoned: true });

/// What another thread gets when it asks once; it gives back what it got.
fn another(mutex: &Mutex) -> Result<Waited, Status> {
    thread::scope(|scope| {
        let asks = || {
            let waited = wait_one(mutex, Wait::NOW);
            if waited.is_ok() {
                mutex.release().unwrap();
            }
            waited
        };
        scope.spawn(asks).join().unwrap()
    })
}

/// One that a thread took so often before it ended.
fn abandoned(holds: usize) -> Mutex {
    let mutex = Mutex::new(false);
    let theirs = mutex.clone();
    let routine = move || (0..holds).for_each(|_| assert_eq!(wait_one(&theirs, SOON), TAKEN));
    thread::spawn(routine).join().unwrap();
    mutex
}

#[test]
fn s184_its_owner_takes_it_again_and_gives_it_back_as_often() {
    let mutex = Mutex::new(true);
    for _ in 0..3 {
        assert_eq!(wait_one(&mutex, Wait::FOREVER), TAKEN);
    }
    for held in (2..=4).rev() {
        assert_eq!(mutex.release(), Ok(held));
        assert_eq!(another(&mutex), Err(Status::TIMEOUT));
    }
    assert_eq!(mutex.release(), Ok(1));
    assert_eq!(another(&mutex), TAKEN);
}

#[test]
fn s184_waits_for_several_enter_it_again_too() {
    let (mutex, event) = (Mutex::new(true), Event::manual(true));
    assert_eq!(wait_any(&[&mutex, &event], Wait::NOW), TAKEN);
    assert_eq!(wait_all(&[&event, &mutex], Wait::NOW), TAKEN);
    // Also when it has to sleep for the other.
    event.reset();
    let me = rustix::thread::gettid();
    thread::scope(|scope| {
        scope.spawn(|| {
            asleep(me);
            event.set();
        });
        assert_eq!(wait_all(&[&event, &mutex], SOON), TAKEN);
    });
    assert_eq!([(); 4].map(|()| mutex.release()), [Ok(4), Ok(3), Ok(2), Ok(1)]);
}

#[test]
fn s185_it_belongs_to_the_thread_and_any_clone_gives_it_back() {
    let mutex = Mutex::new(false);
    let other = mutex.clone();
    assert_eq!(wait_one(&mutex, SOON), TAKEN);
    assert!(other.is_mine());
    assert_eq!(other.release(), Ok(1));
    assert!(!mutex.is_mine());
}

#[test]
fn s186_only_its_owner_gives_it_back() {
    let mutex = Mutex::new(false);
    assert_eq!(mutex.release(), Err(Status::MUTANT_NOT_OWNED));
    assert_eq!(wait_one(&mutex, SOON), TAKEN);
    thread::scope(|scope| {
        let other = scope.spawn(|| mutex.release());
        assert_eq!(other.join().unwrap(), Err(Status::MUTANT_NOT_OWNED));
    });
    assert!(mutex.is_mine());
    assert_eq!(mutex.release(), Ok(1));
    assert_eq!(mutex.release(), Err(Status::MUTANT_NOT_OWNED));
}

#[test]
fn s187_when_its_owner_ends_one_waiter_gets_it_abandoned_and_once() {
    let mutex = Mutex::new(false);
    let (waiting, theirs) = (mutex.clone(), mutex.clone());
    let (tell, told) = channel();
    let (end, ends) = channel::<()>();
    let owner = thread::spawn(move || {
        (0..3).for_each(|_| assert_eq!(wait_one(&theirs, SOON), TAKEN));
        tell.send(()).unwrap();
        let _ = ends.recv();
    });
    told.recv().unwrap();
    let (tell, told) = channel();
    let waiter = thread::spawn(move || {
        tell.send(rustix::thread::gettid()).unwrap();
        let waited = wait_one(&waiting, SOON);
        // Held three times by the one who ended, and once by this one.
        (waited, waiting.release(), waiting.release())
    });
    asleep(told.recv().unwrap());
    drop(end);
    owner.join().unwrap();
    let (waited, first, second) = waiter.join().unwrap();
    assert_eq!((waited, first, second), (ABANDONED, Ok(1), Err(Status::MUTANT_NOT_OWNED)));
}

#[test]
fn s188_it_is_told_once_that_it_was_abandoned() {
    let mutex = abandoned(1);
    assert_eq!(wait_one(&mutex, SOON), ABANDONED);
    assert_eq!(wait_one(&mutex, SOON), TAKEN, "the same owner again");
    assert_eq!((mutex.release(), mutex.release()), (Ok(2), Ok(1)));
    assert_eq!(another(&mutex), TAKEN);
    assert_eq!(wait_one(&mutex, SOON), TAKEN);
    mutex.release().unwrap();
}

#[test]
fn s189_it_stays_abandoned_until_somebody_takes_it() {
    let mutex = abandoned(5);
    assert_eq!(mutex.release(), Err(Status::MUTANT_NOT_OWNED));
    assert_eq!(wait_all(&[&mutex, &Event::auto(false)], Wait::NOW), Err(Status::TIMEOUT));
    assert_eq!(wait_any(&[&Event::auto(true), &mutex], Wait::NOW), TAKEN, "the event, that is");
    assert_eq!(another(&mutex), ABANDONED);
}

#[test]
fn s190_dropping_it_gives_nothing_back() {
    let mutex = Mutex::new(false);
    let (theirs, waiting) = (mutex.clone(), mutex);
    let (tell, told) = channel();
    let (end, ends) = channel::<()>();
    let owner = thread::spawn(move || {
        assert_eq!(wait_one(&theirs, SOON), TAKEN);
        drop(theirs);
        tell.send(()).unwrap();
        let _ = ends.recv();
    });
    told.recv().unwrap();
    assert_eq!(wait_one(&waiting, Wait::NOW), Err(Status::TIMEOUT));
    let (tell, told) = channel();
    let waiter = thread::spawn(move || {
        tell.send(rustix::thread::gettid()).unwrap();
        wait_one(&waiting, SOON)
    });
    asleep(told.recv().unwrap());
    assert!(!waiter.is_finished());
    drop(end);
    owner.join().unwrap();
    assert_eq!(waiter.join().unwrap(), ABANDONED);
}

#[test]
fn s193_a_release_says_how_often_it_was_held() {
    let mutex = Mutex::new(true);
    assert_eq!(wait_one(&mutex, SOON), TAKEN);
    // NT counts down from 1: held twice is -1 there, held once 0.
    assert_eq!((mutex.release(), mutex.release()), (Ok(2), Ok(1)));
}

#[test]
fn one_that_is_taken_again_and_given_up_partly_is_abandoned_still() {
    let mutex = Mutex::new(false);
    let theirs = mutex.clone();
    let owner = Thread::spawn(move || {
        assert!(wait_one(&theirs, SOON).is_ok() && wait_one(&theirs, SOON).is_ok());
        theirs.release().unwrap();
        0
    });
    assert!(wait_one(&owner.unwrap(), SOON).is_ok());
    assert_eq!(wait_one(&mutex, Wait::NOW), ABANDONED);
    mutex.release().unwrap();
}

#[test]
fn one_that_was_given_back_is_not_abandoned() {
    let mutex = Mutex::new(false);
    let theirs = mutex.clone();
    let owner = Thread::spawn(move || {
        for _ in 0..100 {
            assert_eq!(wait_one(&theirs, SOON), TAKEN);
            theirs.release().unwrap();
        }
        0
    });
    assert!(wait_one(&owner.unwrap(), SOON).is_ok());
    assert_eq!(wait_one(&mutex, Wait::NOW), TAKEN);
    mutex.release().unwrap();
}

#[test]
fn one_of_several_taken_together_is_abandoned_with_the_rest() {
    let mutexes = [(); 3].map(|()| Mutex::new(false));
    let theirs = mutexes.clone();
    let owner = Thread::spawn(move || {
        assert_eq!(wait_all(&[&theirs[2], &theirs[0], &theirs[1]], SOON), TAKEN);
        theirs[1].release().unwrap();
        0
    });
    assert!(wait_one(&owner.unwrap(), SOON).is_ok());
    let found = mutexes.each_ref().map(|mutex| wait_one(mutex, Wait::NOW));
    assert_eq!(found, [ABANDONED, TAKEN, ABANDONED]);
    mutexes.iter().for_each(|mutex| assert_eq!(mutex.release(), Ok(1)));
}

/// Owners end while others wait, release and end in turn: everybody who waits gets it, and whoever follows one that
/// ended is told so.
#[test]
fn it_is_handed_on_through_any_number_of_ends() {
    let mutex = Mutex::new(false);
    let threads: Vec<_> = (0..40)
        .map(|number| {
            let mutex = mutex.clone();
            thread::spawn(move || {
                let abandoned = wait_one(&mutex, SOON).unwrap().abandoned;
                assert!(mutex.is_mine());
                let leaves_it = number % 2 == 0;
                if !leaves_it {
                    assert_eq!(mutex.release(), Ok(1));
                }
                (usize::from(abandoned), usize::from(leaves_it))
            })
        })
        .collect();
    let (mut found, mut left) = (0, 0);
    for thread in threads {
        let (abandoned, leaves_it) = thread.join().unwrap();
        (found, left) = (found + abandoned, left + leaves_it);
    }
    found += usize::from(wait_one(&mutex, Wait::NOW).unwrap().abandoned);
    assert_eq!((found, left), (20, 20));
    mutex.release().unwrap();
}

struct TakesAtItsEnd(Mutex);

impl Drop for TakesAtItsEnd {
    fn drop(&mut self) {
        assert!(wait_one(&self.0, Wait::NOW).is_ok());
    }
}

thread_local!(static LATE: std::cell::RefCell<Option<TakesAtItsEnd>> = const { std::cell::RefCell::new(None) });

#[test]
fn one_taken_while_its_thread_ends_is_abandoned_too() {
    let mutex = Mutex::new(false);
    let late = mutex.clone();
    // Set first, so dropped after what the first wait sets up.
    let thread = Thread::spawn(move || {
        LATE.set(Some(TakesAtItsEnd(late)));
        assert!(wait_one(&Mutex::new(false), Wait::NOW).is_ok());
        0
    });
    assert!(wait_one(&thread.unwrap(), SOON).is_ok());
    assert_eq!(wait_one(&mutex, Wait::NOW), ABANDONED);
    mutex.release().unwrap();
}
