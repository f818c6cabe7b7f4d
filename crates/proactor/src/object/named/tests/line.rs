//! The line of an event: who dies in it, and what is granted to whom.

use super::waits::{is_set, sleepers, two};
use super::*;
use crate::object::named::line::SPOTS;
use crate::object::named::{Holder, New};

const LONG: Duration = PATIENCE;

/// Threads that are in line and end without leaving it.
fn dead_in_line(event: &Named, count: usize) {
    for at in 0..count {
        let line_up = || {
            assert_eq!(event.lock().unwrap().line_up(), Some(at));
            Holder::me().unwrap()
        };
        let dead = std::thread::scope(|scope| scope.spawn(line_up).join().unwrap());
        eventually("it is gone", || !dead.lives());
    }
}

#[test]
fn what_was_granted_to_a_dead_waiter_is_given_back() {
    let room = Room::new();
    let [event, other] = two(&room, "e", New::Event { manual: false, set: false });
    dead_in_line(&event, 2);
    assert!(!event.lock().unwrap().set().unwrap());
    assert!(event.is_set(), "whoever looks closely finds it");
    assert!(is_there(&other) && !is_there(&other));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| wait_one(&other, LONG));
        eventually("it waits", || sleepers(&event) == 1);
        // To the second dead one; the living one finds out.
        assert!(!event.lock().unwrap().set().unwrap());
        assert_eq!(waits.join().unwrap(), Ok(Took { index: 0, abandoned: false }));
    });
    assert!(!is_there(&event) && !event.is_set());
    assert_eq!(event.page.hot().depth.load(Relaxed), 0, "nobody is in line");
}

#[test]
fn who_finds_the_line_full_of_dead_takes_the_place_of_one() {
    let room = Room::new();
    let [event, other] = two(&room, "e", New::Event { manual: false, set: false });
    dead_in_line(&event, SPOTS);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| wait_one(&other, LONG));
        eventually("it waits", || sleepers(&event) == 1);
        assert_eq!(event.lock().unwrap().line_up(), Some(1), "another dead one's");
        event.lock().unwrap().leave_line(1).unwrap();
        for _ in 0..SPOTS {
            event.lock().unwrap().set().unwrap();
        }
        assert_eq!(waits.join().unwrap(), Ok(Took { index: 0, abandoned: false }));
    });
}

#[test]
fn more_than_fit_into_the_line_go_one_by_one() {
    const MANY: u32 = SPOTS as u32 + 8;
    let room = Room::new();
    let [event, other] = two(&room, "e", New::Event { manual: false, set: false });
    let gone = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..MANY {
            scope.spawn(|| {
                wait_one(&other, LONG).unwrap();
                gone.fetch_add(1, Relaxed);
            });
        }
        eventually("all wait", || sleepers(&event) == MANY);
        for _ in 0..SPOTS {
            assert!(!event.lock().unwrap().set().unwrap());
        }
        for left in (0..8).rev() {
            eventually("the one before is gone", || !is_set(&event));
            event.lock().unwrap().set().unwrap();
            eventually("the next goes", || gone.load(Relaxed) >= MANY - left - 8);
        }
    });
    assert_eq!(gone.into_inner(), MANY);
    assert!(!is_set(&event));
}

#[test]
fn what_is_granted_twice_to_one_wait_goes_to_the_next() {
    let room = Room::new();
    let new = New::Event { manual: false, set: false };
    let ([first, _], [second, _]) = (two(&room, "a", new), two(&room, "b", new));
    let spots = [&first, &second].map(|event| {
        let spot = event.lock().unwrap().line_up().unwrap();
        assert!(!event.lock().unwrap().set().unwrap());
        assert!(!event.is_set(), "it is this thread's");
        spot
    });
    second.lock().unwrap().leave_line(spots[1]).unwrap();
    assert!(is_there(&second) && !is_there(&second));
    // Who fails runs off, and leaves it too.
    first.run_off(spots[0]);
    assert!(is_there(&first) && !is_there(&first));
}

#[test]
fn what_was_half_given_back_is_given_back_by_the_next() {
    let room = Room::new();
    let [event, other] = two(&room, "e", New::Event { manual: false, set: false });
    dead_in_line(&event, 1);
    event.lock().unwrap().set().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let guard = other.lock().unwrap();
            // As far as one may have come who is killed in the middle.
            event.page.hot().state.store(1 << 8, Relaxed);
            std::mem::forget(guard);
        });
    });
    assert!(is_there(&event) && !is_there(&event));
    assert_eq!(event.page.hot().state.load(Relaxed), 0);
}
