//! What only the ring does.

use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::Pid;

use super::support::{Desk, Gate, PATIENCE, file_with, ring};
use crate::driver::file::probe::ENTRIES;
use crate::driver::file::ring::Ring;
use crate::driver::file::{Action, Backend};

fn each(test: impl Fn(&Ring, &Desk)) {
    if let Some(ring) = ring() {
        test(&ring, &Desk::new());
    }
}

fn pipe_pair() -> (Arc<OwnedFd>, PipeWriter) {
    let (reader, writer): (PipeReader, PipeWriter) = pipe().unwrap();
    (Arc::new(OwnedFd::from(reader)), writer)
}

/// Returns when everything submitted before has been handed to the kernel, for requests go there in order.
fn settle(ring: &Ring, desk: &Desk) {
    let file = file_with(0, b"x");
    assert_eq!(desk.read(ring, &file, 0, 1), b"x");
}

/// A field of the owner's status.
fn status(tid: Pid, field: &str) -> String {
    let path = format!("/proc/self/task/{}/status", tid.as_raw_nonzero());
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":"));
    line.unwrap().trim().to_owned()
}

/// Whether the owner sleeps without waking for 200 ms. It gets a few tries, for it may just be on its way to sleep.
fn sleeps(tid: Pid) -> bool {
    let switches = || (status(tid, "voluntary_ctxt_switches"), status(tid, "nonvoluntary_ctxt_switches"));
    (0..5).any(|_| {
        let before = switches();
        std::thread::sleep(Duration::from_millis(200));
        status(tid, "State").starts_with('S') && switches() == before
    })
}

#[test]
fn an_idle_ring_never_wakes() {
    each(|ring, desk| {
        settle(ring, desk);
        assert!(sleeps(ring.place().tid));
    });
}

#[test]
fn a_ring_that_waits_for_data_never_wakes() {
    each(|ring, desk| {
        let (reader, mut writer) = pipe_pair();
        rustix::io::ioctl_fionbio(&*reader, true).unwrap();
        let id = desk.submit(ring, desk.request(&reader, Action::Read, 0, &[&[0; 4]]));
        settle(ring, desk);
        assert!(sleeps(ring.place().tid), "a non-blocking descriptor is not asked again and again");
        writer.write_all(b"data").unwrap();
        let ended = desk.wait(id);
        assert_eq!((ended.end, &ended.bytes()[..]), (Ok(()), &b"data"[..]));
    });
}

#[test]
fn a_busy_owner_is_not_rung_for() {
    each(|ring, desk| {
        let file = file_with(0, b"x");
        let gate = Gate::close(desk, ring, &file);
        let rings = || rustix::io::read(&ring.shared.bell, &mut [0; 8]);
        // What was rung for until here.
        assert!(matches!(rings(), Ok(8) | Err(Errno::AGAIN)));
        let ids: Vec<u64> =
            (0..100).map(|_| desk.submit(ring, desk.request(&file, Action::Read, 0, &[&[0]]))).collect();
        assert_eq!(rings(), Err(Errno::AGAIN));
        gate.open(desk);
        assert!(ids.into_iter().all(|id| desk.wait(id).bytes() == b"x"));
    });
}

#[test]
fn a_read_that_waits_in_the_kernel_can_be_cancelled() {
    each(|ring, desk| {
        for non_blocking in [false, true] {
            let (reader, _writer) = pipe_pair();
            rustix::io::ioctl_fionbio(&*reader, non_blocking).unwrap();
            let id = desk.submit(ring, desk.request(&reader, Action::Read, 0, &[&[0; 4]]));
            settle(ring, desk);
            assert_eq!(ring.in_flight(), 1);
            assert!(ring.cancel(id));
            let ended = desk.wait(id);
            assert_eq!((ended.end, ended.moved), (Err(Errno::CANCELED), 0));
            assert!(!ring.cancel(id));
        }
    });
}

#[test]
fn a_cancelled_request_tells_what_it_had_moved() {
    each(|ring, desk| {
        let (reader, mut writer) = pipe_pair();
        writer.write_all(b"half").unwrap();
        let id = desk.submit(ring, desk.request(&reader, Action::Read, 0, &[&[0; 8]]));
        settle(ring, desk);
        // The answer with the first half came before the one that settled, so the rest has been asked for.
        assert!(ring.cancel(id));
        let ended = desk.wait(id);
        assert_eq!((ended.end, &ended.bytes()[..]), (Err(Errno::CANCELED), &b"half"[..]));
    });
}

#[test]
fn what_has_not_started_is_cancelled_without_starting() {
    each(|ring, desk| {
        let file = file_with(0, b"x");
        let gate = Gate::close(desk, ring, &file);
        let (started, starts) = channel();
        let ids: Vec<u64> = (0..2 * u64::from(ENTRIES))
            .map(|n| {
                let started = started.clone();
                let mut request = desk.request(&file, Action::Read, 0, &[&[0]]);
                request.on_start = Some(Box::new(move || started.send(n).unwrap()));
                desk.submit(ring, request)
            })
            .collect();
        let (unwanted, wanted): (Vec<u64>, Vec<u64>) = ids.into_iter().partition(|id| id % 2 == 0);
        for id in &unwanted {
            assert!(ring.cancel(*id));
        }
        gate.open(desk);
        for id in &unwanted {
            assert_eq!(desk.wait(*id).end, Err(Errno::CANCELED));
        }
        for id in &wanted {
            assert_eq!(desk.wait(*id).end, Ok(()));
        }
        assert_eq!(starts.try_iter().count(), wanted.len());
    });
}

#[test]
fn requests_beyond_the_slots_start_when_one_is_free() {
    each(|ring, desk| {
        let (reader, _writer) = pipe_pair();
        let stuck: Vec<u64> = (0..ENTRIES)
            .map(|_| desk.submit(ring, desk.request(&reader, Action::Read, 0, &[&[0; 4]])))
            .collect();
        let file = file_with(0, b"x");
        let behind = desk.submit(ring, desk.request(&file, Action::Read, 0, &[&[0]]));
        let unwanted = desk.submit(ring, desk.request(&file, Action::Read, 0, &[&[0]]));
        assert_eq!(ring.in_flight(), ENTRIES as usize + 2);
        // What waits for a slot can be cancelled while all slots are stuck.
        assert!(ring.cancel(unwanted));
        assert_eq!(desk.wait(unwanted).end, Err(Errno::CANCELED));
        assert!(ring.cancel(stuck[0]));
        assert_eq!(desk.wait(behind).bytes(), b"x");
        assert!(stuck[1..].iter().all(|id| ring.cancel(*id)));
        assert!(stuck.into_iter().all(|id| desk.wait(id).end == Err(Errno::CANCELED)));
    });
}

#[test]
fn a_ring_that_is_dropped_ends_what_it_had() {
    if let Some(ring) = ring() {
        let desk = Desk::new();
        let (reader, _writer) = pipe_pair();
        let ids: Vec<u64> = (0..ENTRIES + 10)
            .map(|_| desk.submit(&ring, desk.request(&reader, Action::Read, 0, &[&[0; 4]])))
            .collect();
        drop(ring);
        assert!(ids.into_iter().all(|id| desk.wait(id).end == Err(Errno::CANCELED)));
        assert_eq!(Arc::strong_count(&reader), 1, "nothing holds the file any more");
    }
}

#[test]
fn an_end_may_drop_the_ring() {
    if let Some(ring) = ring() {
        let desk = Desk::new();
        let ring = Arc::new(ring);
        let shared = Arc::downgrade(&ring.shared);
        let file = file_with(0, b"x");
        let (hand, handed) = channel::<Arc<Ring>>();
        let (say, done) = channel();
        let mut request = desk.request(&file, Action::Read, 0, &[&[0]]);
        request.on_end = Box::new(move |ended| {
            drop(handed.recv_timeout(PATIENCE).unwrap());
            say.send(ended.end).unwrap();
        });
        desk.submit(&*ring, request);
        hand.send(ring).unwrap();
        assert_eq!(done.recv_timeout(PATIENCE), Ok(Ok(())));
        // The owner ends by itself, with nobody to wait for it.
        let ended = (0..5000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            shared.strong_count() == 0
        });
        assert!(ended);
    }
}

#[test]
#[allow(unsafe_code)]
fn a_ring_closed_by_foreign_code_refuses_what_follows() {
    each(|ring, desk| {
        let (reader, _writer) = pipe_pair();
        let (say, ends) = channel();
        let mut stuck = desk.request(&reader, Action::Read, 0, &[&[0; 4]]);
        stuck.on_end = Box::new(move |ended| say.send(ended.end).unwrap());
        desk.submit(ring, stuck);
        settle(ring, desk);
        let null = std::fs::File::open("/dev/null").unwrap();
        // SAFETY: both are open; that the number then stands for another file is what is tested.
        assert_ne!(unsafe { libc::dup3(null.as_raw_fd(), ring.place().fd, libc::O_CLOEXEC) }, -1);
        let file = file_with(0, b"x");
        // The owner sleeps in the ring that was, and finds out when the first of these has woken it.
        let end = |_| desk.run(ring, desk.request(&file, Action::Append, 0, &[b"y"])).end;
        assert!((0..3).map(end).all(|end| end == Err(Errno::NOBUFS)));
        assert!(ends.try_recv().is_err(), "what the kernel may still write to is kept");
        assert_eq!(ring.in_flight(), 1);
    });
}
