//! Semaphores: counted, up to a maximum (group 15).

mod common;

use std::thread;

use common::{PATIENCE, asleep, eventually};
use proactor::Status;
use proactor::object::{Semaphore, Wait, wait_one};

const SOON: Wait = Wait::at_most(PATIENCE);

#[test]
fn s195_a_wait_takes_one_while_there_is_any() {
    let semaphore = Semaphore::new(2, 3).unwrap();
    for left in [1, 0] {
        assert!(wait_one(&semaphore, Wait::NOW).is_ok());
        assert_eq!(semaphore.count(), left);
    }
    assert_eq!(wait_one(&semaphore, Wait::NOW), Err(Status::TIMEOUT));
    semaphore.release(1).unwrap();
    assert!(wait_one(&semaphore, Wait::FOREVER).is_ok());
}

#[test]
fn s196_a_release_adds_in_one_step_and_says_what_there_was() {
    let semaphore = Semaphore::new(0, 10).unwrap();
    assert_eq!((semaphore.release(3), semaphore.release(4)), (Ok(0), Ok(3)));
    assert_eq!(semaphore.count(), 7);
}

#[test]
fn s196_it_lets_as_many_go_as_it_adds() {
    let semaphore = Semaphore::new(0, 10).unwrap();
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let waiting = semaphore.clone();
            let (tell, told) = std::sync::mpsc::channel();
            let waiter = thread::spawn(move || {
                tell.send(rustix::thread::gettid()).unwrap();
                wait_one(&waiting, SOON)
            });
            asleep(told.recv().unwrap());
            waiter
        })
        .collect();
    let waiting = || waiters.iter().filter(|waiter| !waiter.is_finished()).count();
    assert_eq!(semaphore.release(3), Ok(0));
    eventually("three have gone", || waiting() == 1);
    assert_eq!(semaphore.count(), 0);
    assert_eq!(semaphore.release(3), Ok(0));
    eventually("all have gone", || waiting() == 0);
    assert_eq!(semaphore.count(), 2);
    waiters.into_iter().for_each(|waiter| assert!(waiter.join().unwrap().is_ok()));
}

#[test]
fn s197_beyond_its_maximum_nothing_changes() {
    let semaphore = Semaphore::new(1, 3).unwrap();
    for by in [3, 4, i32::MAX as u32, u32::MAX] {
        assert_eq!(semaphore.release(by), Err(Status::SEMAPHORE_LIMIT_EXCEEDED), "{by}");
        assert_eq!(semaphore.count(), 1);
    }
    assert_eq!(semaphore.release(2), Ok(1));
    assert_eq!(semaphore.release(1), Err(Status::SEMAPHORE_LIMIT_EXCEEDED));
    let most = Semaphore::new(i32::MAX as u32, i32::MAX as u32).unwrap();
    assert_eq!(most.release(1), Err(Status::SEMAPHORE_LIMIT_EXCEEDED));
}

#[test]
fn s198_a_release_of_none_is_refused() {
    let semaphore = Semaphore::new(1, 3).unwrap();
    assert_eq!(semaphore.release(0), Err(Status::INVALID_PARAMETER));
    assert_eq!(semaphore.count(), 1);
}

#[test]
fn s199_it_begins_within_its_maximum_which_is_above_zero() {
    for (count, most) in [(0, 0), (1, 0), (2, 1), (0, 1 << 31), (1 << 31, 1 << 31), (u32::MAX, u32::MAX)] {
        let refused = Semaphore::new(count, most);
        assert!(matches!(refused, Err(Status::INVALID_PARAMETER)), "{count} of {most}");
    }
    for (count, most) in [(0, 1), (1, 1), (i32::MAX as u32, i32::MAX as u32)] {
        assert_eq!(Semaphore::new(count, most).unwrap().count(), count);
    }
}
