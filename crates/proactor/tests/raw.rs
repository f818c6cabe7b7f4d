//! What faces in other languages stand on: observers, callers' memory, numbers, quiet starts.
#![allow(unsafe_code)]

use std::sync::Mutex;
use std::time::Duration;

use proactor::object::{Event, Wait, wait_one};
use proactor::raw::{self, End, Io};
use proactor::{File, Modes, Operation, Pipe, Port, Socket, Started, Status, op};

/// What was seen: number, status, bytes. Numbers are one test's own.
static SEEN: Mutex<Vec<(usize, Status, usize)>> = Mutex::new(Vec::new());

fn see(end: &End<'_>) {
    SEEN.lock().unwrap().push((end.tag(), end.status(), end.bytes()));
}

fn seen(number: usize) -> Vec<(Status, usize)> {
    let all = SEEN.lock().unwrap();
    all.iter().filter(|end| end.0 == number).map(|end| (end.1, end.2)).collect()
}

fn watched<O: Operation>(op: O, number: usize) -> O {
    raw::observed(raw::tagged(op, number), see)
}

fn pair() -> (Io, Io) {
    let (one, other) = Socket::pair().unwrap();
    (one.into(), other.into())
}

#[test]
fn the_end_is_seen_once_before_the_packet() {
    let port: Port = Port::new(1).unwrap();
    let (ours, theirs) = pair();
    ours.associate(&port, 7).unwrap();
    assert!(matches!(ours.start(watched(op::Recv::new(vec![0; 8]), 101)), Ok(Started::Pending(_))));
    assert_eq!(seen(101), []);
    let _ = theirs.begin(op::Send::new("ping")).unwrap();
    let packet = port.get_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!((packet.key, packet.tag(), packet.bytes()), (7, 101, 4));
    assert_eq!(seen(101), [(Status::SUCCESS, 4)]);
    // One that is done at once has been seen when its start returns.
    let _ = ours.start(watched(op::Send::new("pong"), 102)).unwrap();
    assert_eq!(seen(102), [(Status::SUCCESS, 4)]);
    assert_eq!(port.get_timeout(Duration::from_secs(10)).unwrap().tag(), 102);
}

#[test]
fn the_end_is_seen_also_where_no_packet_comes() {
    let port: Port = Port::new(1).unwrap();
    let (ours, _theirs) = pair();
    ours.associate(&port, 0).unwrap();
    ours.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    assert!(matches!(ours.start(watched(op::Send::new("pong"), 111)), Ok(Started::Done(_))));
    assert_eq!(seen(111), [(Status::SUCCESS, 4)]);
    assert!(matches!(ours.start_quietly(watched(op::Send::new("again"), 112)), Ok(Started::Queued(_))));
    assert_eq!(seen(112), [(Status::SUCCESS, 5)]);
    let pending = ours.start_quietly(watched(op::Recv::new(vec![0; 8]), 113)).unwrap();
    assert!(!pending.at_once());
    ours.close().unwrap();
    assert_eq!(seen(113), [(Status::CONNECTION_ABORTED, 0)]);
    assert_eq!(port.get_timeout(Duration::ZERO).err(), Some(Status::TIMEOUT));
    // What is refused has no end.
    assert!(ours.start(watched(op::Send::new("late"), 114)).is_err());
    assert_eq!(seen(114), []);
}

#[test]
fn s100_operations_are_cancelled_by_their_number() {
    let port: Port = Port::new(1).unwrap();
    let (ours, _theirs) = pair();
    ours.associate(&port, 0).unwrap();
    for number in [121, 122, 123] {
        let _ = ours.start(watched(op::Recv::new(vec![0; 8]), number)).unwrap();
    }
    assert_eq!(ours.cancel_tagged(122), Ok(()));
    assert_eq!((seen(122), seen(121)), (vec![(Status::CANCELLED, 0)], vec![]));
    assert_eq!(ours.cancel_tagged(122), Err(Status::NOT_FOUND));
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap().tag(), 122);
    ours.cancel_all().unwrap();
    assert_eq!((seen(121), seen(123)), (vec![(Status::CANCELLED, 0)], vec![(Status::CANCELLED, 0)]));
}

#[test]
fn s105_a_number_names_operations_of_its_own_handle_only() {
    let (ours, theirs) = pair();
    let mine = ours.start_quietly(watched(op::Recv::new(vec![0; 8]), 131)).unwrap();
    assert!(mine.id().is_some());
    assert_eq!(theirs.cancel_tagged(131), Err(Status::NOT_FOUND));
    assert_eq!(ours.cancel_tagged(131), Ok(()));
}

#[test]
fn s076_an_operation_with_an_event_leaves_its_handle_alone() {
    let (ours, theirs) = pair();
    let loud = ours.start(watched(op::Recv::new(vec![0; 1]), 141)).unwrap();
    assert!(!loud.at_once() && wait_one(&ours, Wait::NOW).is_err());
    let own = raw::with_own_event(watched(op::Recv::new(vec![0; 1]), 142));
    let _ = ours.start(own).unwrap();
    let _ = theirs.begin(op::Send::new("a")).unwrap();
    wait_one(&ours, Wait::at_most(Duration::from_secs(10))).unwrap();
    let again = ours.start(watched(op::Recv::new(vec![0; 1]), 143)).unwrap();
    assert!(!again.at_once());
    let _ = theirs.begin(op::Send::new("b")).unwrap();
    while seen(142).is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(wait_one(&ours, Wait::NOW).err(), Some(Status::TIMEOUT), "another is still under way");
}

#[test]
fn luggage_travels_with_its_operation() {
    fn set(end: &End<'_>) {
        end.luggage::<Event>().expect("it was given one").set();
    }
    let (ours, theirs) = pair();
    let event = Event::manual(false);
    let recv = raw::observed(op::Recv::new(vec![0; 8]), set);
    let recv = ours.begin(raw::with_luggage(recv, Box::new(event.clone()))).unwrap();
    assert!(!event.is_set());
    let _ = theirs.begin(op::Send::new("x")).unwrap();
    assert_eq!((recv.wait().bytes(), event.is_set()), (1, true));
}

#[test]
fn the_callers_memory_is_filled_and_sent_in_place() {
    let (reader, writer) = Pipe::pair().unwrap();
    let (mut into, from) = ([0; 8], *b"in place");
    // SAFETY: both live longer than the operations, which are waited for, and are left alone meanwhile.
    let (into_buf, from_buf) =
        unsafe { (raw::memory(into.as_mut_ptr(), 8), raw::memory_to_send(from.as_ptr(), 8)) };
    assert_eq!(writer.begin(op::Send::new(from_buf)).unwrap().wait().bytes(), 8);
    assert_eq!(reader.begin(op::Recv::new(into_buf)).unwrap().wait().bytes(), 8);
    assert_eq!(&into, b"in place");
}

#[test]
fn memory_to_send_is_not_received_into_and_none_is_at_no_address() {
    let (reader, _writer) = Pipe::pair().unwrap();
    let from = [0; 8];
    // SAFETY: it is not used: the start is refused.
    let buf = unsafe { raw::memory_to_send(from.as_ptr(), 8) };
    let refused = reader.begin(op::Recv::new(buf)).unwrap_err();
    assert_eq!(refused.status, Status::INVALID_USER_BUFFER);
    // SAFETY: there is no memory at no address.
    assert!(unsafe { raw::memory(std::ptr::null_mut(), 8) }.is_empty());
}

#[test]
fn an_address_that_is_not_mapped_is_an_error_of_the_operation() {
    let (ours, theirs) = pair();
    let _ = theirs.begin(op::Send::new("data")).unwrap();
    // SAFETY: nobody else has memory there; the kernel is the one who looks.
    let (into, from) = unsafe { (raw::memory(16 as *mut u8, 8), raw::memory_to_send(16 as *const u8, 8)) };
    let recv = ours.begin(op::Recv::new(into)).map(|recv| recv.wait().status());
    assert_eq!(recv.unwrap_or_else(|refused| refused.status), Status::ACCESS_VIOLATION);
    let send = ours.begin(op::Send::new(from)).map(|send| send.wait().status());
    assert_eq!(send.unwrap_or_else(|refused| refused.status), Status::ACCESS_VIOLATION);
}

#[test]
fn s111_with_an_event_of_its_own_it_ends_with_its_thread_also_at_a_port() {
    let port: Port = Port::new(1).unwrap();
    let (ours, _theirs) = pair();
    ours.associate(&port, 0).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = ours.start(watched(op::Recv::new(vec![0; 8]), 151)).unwrap();
            let evented = raw::with_own_event(watched(op::Recv::new(vec![0; 8]), 152));
            let _ = ours.start(evented).unwrap();
        });
    });
    let packet = port.get_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!((packet.tag(), packet.status()), (152, Status::CANCELLED));
    assert_eq!(seen(151), []);
    // A packet that has just been queued may count for a moment longer.
    while ours.pending() != 1 {
        std::thread::yield_now();
    }
}

#[test]
fn what_is_told_by_its_event_or_its_handle_needs_no_worker() {
    fn set(end: &End<'_>) {
        end.luggage::<Event>().expect("it was given one").set();
    }
    let wait = Wait::at_most(Duration::from_secs(10));
    let port: Port = Port::new(1).unwrap();
    let (ours, theirs) = pair();
    ours.associate(&port, 0).unwrap();
    let event = Event::manual(false);
    let recv = raw::with_own_event(raw::observed(op::Recv::new(vec![0; 1]), set));
    let _ = ours.start(raw::with_luggage(recv, Box::new(event.clone()))).unwrap();
    let _ = theirs.begin(op::Send::new("a")).unwrap();
    wait_one(&event, wait).unwrap();
    // Before the first wait for the handle, and after it.
    for text in ["b", "c"] {
        let _ = ours.start(op::Recv::new(vec![0; 1])).unwrap();
        let writer = theirs.clone();
        let later = std::thread::spawn(move || writer.begin(op::Send::new(text)).map(|send| send.wait()));
        wait_one(&ours, wait).unwrap();
        let _ = later.join().unwrap();
    }
    for _ in 0..3 {
        assert_eq!(port.get_timeout(Duration::from_secs(10)).unwrap().bytes(), 1);
    }
}

#[test]
fn a_lock_that_is_had_at_once_is_seen_where_no_packet_comes() {
    let path = std::env::temp_dir().join(format!("proactor-raw-lock-{}", std::process::id()));
    let port: Port = Port::new(1).unwrap();
    let file = File::options().read(true).write(true).create(true).delete_on_close(true).open(&path).unwrap();
    let file = Io::from(file);
    file.associate(&port, 0).unwrap();
    file.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    assert!(matches!(file.start(watched(op::Lock::exclusive(0, 1), 201)), Ok(Started::Done(_))));
    assert_eq!(seen(201), [(Status::SUCCESS, 0)]);
    assert!(matches!(file.start(watched(op::Lock::exclusive(1, 1).at_once(), 202)), Ok(Started::Done(_))));
    assert_eq!(seen(202), [(Status::SUCCESS, 0)]);
    assert!(matches!(
        file.start(raw::with_own_event(watched(op::Lock::exclusive(2, 1), 203))),
        Ok(Started::Done(_))
    ));
    assert_eq!((seen(203).len(), file.pending()), (1, 0));
}
