//! What only the threads do.

use std::io::pipe;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::support::{Desk, Gate, file_with};
use crate::driver::file::threads::Threads;
use crate::driver::file::{Action, Backend};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn only_what_is_queued_can_be_cancelled() {
    let (threads, desk) = (Threads::with(1, LONG), Desk::new());
    let file = file_with(0, b"x");
    let gate = Gate::close(&desk, &threads, &file);
    let kept = desk.submit(&threads, desk.request(&file, Action::Read, 0, &[&[0]]));
    let mut request = desk.request(&file, Action::Read, 0, &[&[0]]);
    request.on_start = Some(Box::new(|| panic!("started after it was cancelled")));
    let unwanted = desk.submit(&threads, request);
    assert_eq!(threads.in_flight(), 3);
    assert!(!threads.cancel(gate.id), "its call has begun");
    assert!(threads.cancel(unwanted));
    assert_eq!(desk.wait(unwanted).end, Err(Errno::CANCELED));
    assert!(!threads.cancel(unwanted));
    gate.open(&desk);
    assert_eq!(desk.wait(kept).bytes(), b"x");
    assert_eq!((threads.in_flight(), threads.panics()), (0, 0));
}

#[test]
fn threads_are_started_as_needed_and_no_more_than_allowed() {
    let (threads, desk) = (Threads::with(3, LONG), Desk::new());
    let file = file_with(0, b"x");
    assert_eq!(threads.threads(), 0);
    for expected in 1..=3 {
        // One after another needs one thread; the gate then holds it.
        let gate = Gate::close(&desk, &threads, &file);
        assert_eq!(threads.threads(), expected);
        // Three held and one waiting: no fourth.
        if expected == 3 {
            let behind = desk.submit(&threads, desk.request(&file, Action::Read, 0, &[&[0]]));
            assert_eq!(threads.threads(), 3);
            gate.open(&desk);
            assert_eq!(desk.wait(behind).bytes(), b"x");
        } else {
            std::mem::forget(gate);
        }
    }
}

#[test]
fn idle_threads_end_and_new_ones_start() {
    let (threads, desk) = (Threads::with(4, Duration::from_millis(1)), Desk::new());
    let file = file_with(0, b"x");
    for _ in 0..3 {
        assert_eq!(desk.read(&threads, &file, 0, 1), b"x");
        let ended = (0..5000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            threads.threads() == 0
        });
        assert!(ended);
    }
}

#[test]
fn a_file_without_positions_is_refused() {
    let (threads, desk) = (Threads::new(), Desk::new());
    let (reader, _writer) = pipe().unwrap();
    let reader = Arc::new(OwnedFd::from(reader));
    let ended = desk.run(&threads, desk.request(&reader, Action::Read, 0, &[&[0; 4]]));
    assert_eq!(ended.end, Err(Errno::SPIPE));
}
