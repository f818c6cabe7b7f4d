//! Timers of a pool that may be late. Any other timer of the process may be what they wait for, so this is a program of
//! its own, and one test.

mod common;

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::PATIENCE;
use proactor::object::Due;
use proactor::pool::{Environment, Timer};

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
fn s412_a_window_lets_a_timer_wait_for_another() {
    let (early, early_at) = timer();
    let (other, other_at) = timer();
    let begin = Instant::now();
    // Due at 10, or at 40 with the other; alone it would be at 3610.
    early.set(Due::After(10 * MS), None, Duration::from_secs(3600)).unwrap();
    other.set(Due::After(40 * MS), None, NONE).unwrap();
    assert!(next(&other_at) >= begin + 40 * MS);
    assert!(next(&early_at) >= begin + 40 * MS, "it came with the other");
    assert!(early.is_set());
    early.set(Due::After(MS), None, 5 * MS).unwrap();
    next(&early_at);

    // One whose window has not begun stays.
    let (late, late_at) = timer();
    let (other, other_at) = timer();
    late.set(LATER, None, MS).unwrap();
    other.set(Due::After(MS), None, NONE).unwrap();
    next(&other_at);
    assert!(late.unset(), "it is to come still");
    assert!(late_at.try_recv().is_err());
}
