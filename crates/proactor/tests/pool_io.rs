//! Handles whose operations complete in a pool.

mod common;

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use common::{PATIENCE, eventually};
use proactor::object::{Event, Thread, Wait, wait_one};
use proactor::pool::{CleanupGroup, Environment, Io, Pending, Pool, bind};
use proactor::{Modes, Op, Packet, Pipe, Port, Status, op};

const SOON: Wait = Wait::at_most(PATIENCE);

/// A pipe whose reader completes in a pool, and the packets that were called back.
struct Bound {
    reader: Pipe,
    writer: Pipe,
    io: Io,
    packets: Receiver<Packet<(), ()>>,
}

impl Bound {
    fn new(environment: &Environment) -> Bound {
        let (reader, writer) = Pipe::pair().unwrap();
        let (tell, packets) = channel();
        let io = Io::new(&reader, environment, move |_, packet| _ = tell.send(packet)).unwrap();
        Bound { reader, writer, io, packets }
    }

    fn recv(&self) {
        self.io.start().unwrap();
        self.reader.start(op::Recv::new(vec![0; 8])).unwrap();
    }

    fn send(&self, text: &'static str) {
        assert_eq!(self.writer.begin(op::Send::new(text)).unwrap().wait().bytes(), text.len());
    }

    #[track_caller]
    fn next(&self) -> Packet<(), ()> {
        self.packets.recv_timeout(PATIENCE).expect("a callback should have come")
    }
}

#[test]
fn s396_a_handle_is_bound_once() {
    let bound = Bound::new(&Environment::new());
    let again = Io::new(&bound.reader, &Environment::new(), |_, _| ());
    assert_eq!(again.err(), Some(Status::INVALID_PARAMETER));
    let port: Port<usize, usize> = Port::new(1).unwrap();
    assert_eq!(bound.reader.associate(&port, 1), Err(Status::INVALID_PARAMETER));
    bound.writer.associate(&port, 1).unwrap();
    let other = Io::new(&bound.writer, &Environment::new(), |_, _| ());
    assert_eq!(other.err(), Some(Status::INVALID_PARAMETER));
    bound.recv();
    bound.writer.start(op::Send::new("ping")).unwrap();
    assert_eq!(bound.next().bytes(), 4, "the first one holds");
}

#[test]
fn s397_a_refused_operation_is_taken_back() {
    let bound = Bound::new(&Environment::new());
    bound.io.start().unwrap();
    let refused = bound.reader.start(op::Send::new("a reader sends nothing"));
    assert!(refused.is_err());
    bound.io.cancel();
    assert_eq!(bound.io.wait_for_callbacks(Pending::Run), 0, "nothing is to come");
    bound.recv();
    bound.send("ping");
    assert_eq!(bound.next().bytes(), 4);
}

#[test]
fn s397_what_is_done_at_once_is_taken_back_s099_where_packets_are_skipped() {
    let bound = Bound::new(&Environment::new());
    bound.reader.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    bound.send("ping");
    bound.io.start().unwrap();
    let started = bound.reader.start(op::Recv::new(vec![0; 8])).unwrap();
    assert!(started.done().is_some());
    bound.io.cancel();
    bound.io.wait_for_callbacks(Pending::Run);
    assert!(bound.packets.try_recv().is_err());
}

#[test]
fn s398_what_is_done_at_once_is_called_back_as_well() {
    let bound = Bound::new(&Environment::new());
    bound.send("ping");
    bound.io.start().unwrap();
    let started = bound.reader.start(op::Recv::new(vec![0; 8])).unwrap();
    assert!(started.at_once());
    let packet = bound.next();
    assert_eq!((packet.bytes(), packet.status()), (4, Status::SUCCESS));
}

#[test]
fn s399_a_cancelled_operation_says_so() {
    let bound = Bound::new(&Environment::new());
    bound.recv();
    bound.reader.cancel_all().unwrap();
    let packet = bound.next();
    assert_eq!((packet.status(), packet.status().to_win32()), (Status::CANCELLED, 995));
}

#[test]
fn s400_what_was_not_announced_is_not_called_back() {
    let bound = Bound::new(&Environment::new());
    bound.reader.start(op::Recv::new(vec![0; 1])).unwrap();
    bound.send("x");
    bound.io.start().unwrap();
    bound.io.cancel();
    // Which packet came of it is known when the next has been called back: they are taken in order.
    eventually("the first is done", || bound.reader.pending() == 0);
    bound.recv();
    bound.send("ping");
    assert_eq!(bound.next().bytes(), 4);
    bound.io.wait_for_callbacks(Pending::Run);
    assert!(bound.packets.try_recv().is_err());
}

#[test]
fn s401_waiting_returns_when_all_that_was_announced_is_over() {
    let bound = Bound::new(&Environment::new());
    assert_eq!(bound.io.wait_for_callbacks(Pending::Run), 0);
    bound.recv();
    bound.io.start().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| bound.io.wait_for_callbacks(Pending::Run));
        bound.send("ping");
        assert_eq!(bound.next().bytes(), 4);
        assert!(!waiter.is_finished(), "one is announced still");
        bound.io.cancel();
        assert_eq!(waiter.join().unwrap(), 0);
    });
}

#[test]
fn s402_a_cancelling_wait_drops_callbacks_and_not_the_operations() {
    let bound = Bound::new(&Environment::new());
    bound.recv();
    assert_eq!(bound.io.wait_for_callbacks(Pending::Drop), 1);
    assert_eq!(bound.reader.pending(), 1, "it goes on");
    bound.send("dropped");
    eventually("it is done", || bound.reader.pending() == 0);
    bound.recv();
    bound.send("ping");
    assert_eq!(bound.next().bytes(), 4, "the next one is called back");
    assert!(bound.packets.try_recv().is_err());
}

#[test]
fn s403_a_closed_one_ends_with_its_last_operation() {
    let alive = Arc::new(());
    let (reader, writer) = Pipe::pair().unwrap();
    let (kept, (tell, hear)) = (alive.clone(), channel());
    let make = |kept: Arc<()>, tell: std::sync::mpsc::Sender<usize>, reader: &Pipe| {
        let call = move |_: &proactor::pool::Instance<'_>, packet: Packet<(), ()>| {
            let _kept = &kept;
            let _ = tell.send(packet.bytes());
        };
        Io::new(reader, &Environment::new(), call).unwrap()
    };
    let io = make(kept, tell, &reader);
    io.start().unwrap();
    reader.start(op::Recv::new(vec![0; 8])).unwrap();
    drop(io);
    assert_eq!(Arc::strong_count(&alive), 2, "something is to come still");
    assert_eq!(writer.begin(op::Send::new("ping")).unwrap().wait().bytes(), 4);
    assert_eq!(hear.recv_timeout(PATIENCE), Ok(4));
    eventually("it is gone", || Arc::strong_count(&alive) == 1);

    let (reader, _writer) = Pipe::pair().unwrap();
    let io = make(alive.clone(), channel().0, &reader);
    drop(io);
    eventually("nothing keeps one with nothing to come", || Arc::strong_count(&alive) == 1);
}

#[test]
fn s404_callbacks_of_one_handle_run_at_the_same_time() {
    let (reader, writer) = Pipe::pair().unwrap();
    let (together, go) = (Arc::new(AtomicU32::new(0)), Event::manual(false));
    let (counted, wait) = (together.clone(), go.clone());
    let io = Io::new(&reader, &Environment::new(), move |_, _| {
        counted.fetch_add(1, SeqCst);
        wait_one(&wait, SOON).unwrap();
    });
    let io = io.unwrap();
    for _ in 0..3 {
        io.start().unwrap();
        reader.start(op::Recv::new(vec![0; 1])).unwrap();
    }
    let _ = writer.begin(op::Send::new("abc")).unwrap().wait();
    eventually("all three run", || together.load(SeqCst) == 3);
    go.set();
    io.wait_for_callbacks(Pending::Run);
}

#[test]
fn a_thread_stays_for_packets_that_may_come() {
    let pool = Pool::new().unwrap();
    pool.set_idle_time(std::time::Duration::from_millis(1));
    let bound = Bound::new(&Environment::new().in_pool(&pool));
    bound.recv();
    eventually("only one is left", || pool.threads() == 1);
    bound.send("ping");
    assert_eq!(bound.next().bytes(), 4);
    drop(bound);
    eventually("none is left", || pool.threads() == 0);
}

#[test]
fn a_closed_group_refuses_announcements() {
    let group = CleanupGroup::new();
    let bound = Bound::new(&Environment::new().in_group(&group));
    bound.recv();
    group.close_members(Pending::Drop, 0);
    bound.send("ping");
    eventually("it is done", || bound.reader.pending() == 0);
    assert_eq!(bound.io.start(), Err(Status::INVALID_HANDLE));
    assert!(bound.packets.try_recv().is_err());
}

#[test]
fn s419_a_handle_is_bound_for_good_once() {
    let (reader, writer) = Pipe::pair().unwrap();
    let (tell, hear) = channel();
    bind(&reader, move |packet| _ = tell.send(packet)).unwrap();
    assert_eq!(bind(&reader, |_| ()), Err(Status::INVALID_PARAMETER));
    reader.start(op::Recv::new(vec![0; 8])).unwrap();
    reader.cancel_all().unwrap();
    assert_eq!(hear.recv_timeout(PATIENCE).unwrap().status(), Status::CANCELLED);
    let port: Port<usize, usize> = Port::new(1).unwrap();
    writer.associate(&port, 1).unwrap();
    assert_eq!(bind(&writer, |_| ()), Err(Status::INVALID_PARAMETER));
}

#[test]
fn s420_a_bound_handle_needs_no_announcements_and_skips_what_it_skips() {
    let (reader, writer) = Pipe::pair().unwrap();
    let (tell, hear) = channel();
    bind(&reader, move |packet| _ = tell.send(packet)).unwrap();
    reader.start(op::Recv::new(vec![0; 8])).unwrap();
    let _ = writer.begin(op::Send::new("ping")).unwrap().wait();
    let packet = hear.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(packet.op, Op::Recv(recv) if recv.data() == b"ping"));
    reader.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    let _ = writer.begin(op::Send::new("pong")).unwrap().wait();
    assert!(reader.start(op::Recv::new(vec![0; 8])).unwrap().done().is_some());
    reader.start(op::Recv::new(vec![0; 8])).unwrap();
    let _ = writer.begin(op::Send::new("next")).unwrap().wait();
    let packet = hear.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(packet.op, Op::Recv(recv) if recv.data() == b"next"));
}

fn sleeps(thread: &Thread) -> bool {
    let Some(id) = thread.kernel_id() else { return false };
    let stat = std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

#[test]
fn s402_who_waits_for_callbacks_hears_that_another_has_dropped_them() {
    let bound = Bound::new(&Environment::new());
    bound.io.start().unwrap();
    let io = bound.io.clone();
    let (tell, hear) = channel();
    let waits = Thread::spawn(move || {
        io.wait_for_callbacks(Pending::Run);
        let _ = tell.send(());
        0
    })
    .unwrap();
    // It sleeps, so that it has to be woken.
    eventually("it sleeps", || sleeps(&waits));
    assert_eq!(bound.io.wait_for_callbacks(Pending::Drop), 1);
    hear.recv_timeout(PATIENCE).expect("nothing is left to wait for");
}

#[test]
fn s403_closed_in_its_last_callback_nothing_of_it_is_left() {
    let (reader, writer) = Pipe::pair().unwrap();
    let captured = Arc::new(());
    let left = Arc::downgrade(&captured);
    let slot: Arc<Mutex<Option<Io>>> = Arc::default();
    let (mine, (tell, hear)) = (slot.clone(), channel());
    let io = Io::new(&reader, &Environment::new(), move |_, _| {
        let _keeps = &captured;
        drop(mine.lock().unwrap().take());
        let _ = tell.send(());
    });
    let io = io.unwrap();
    io.start().unwrap();
    *slot.lock().unwrap() = Some(io);
    reader.start(op::Recv::new(vec![0; 8])).unwrap();
    let _ = writer.begin(op::Send::new("ping")).unwrap().wait();
    hear.recv_timeout(PATIENCE).unwrap();
    eventually("it is gone", || left.strong_count() == 0);
}
