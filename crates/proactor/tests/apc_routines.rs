//! Completion routines: operations whose end is a call in the thread that started them (group 11).

mod common;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use common::{PATIENCE, asleep, eventually, tcp_pair};
use proactor::object::{Thread, Wait, sleep, test_alert, wait_one};
use proactor::{File, Modes, Operation, Pipe, Port, Refused, Socket, Status, op};
use rustix::thread::gettid;

const SOON: Wait = Wait::at_most(PATIENCE).alertably();
const AT_ONCE: Wait = Wait::NOW.alertably();

/// A routine that passes its operation on.
fn pass<O: Operation>() -> (impl FnOnce(O) + Send + 'static, Receiver<O>) {
    let (tell, told) = channel();
    (move |op| tell.send(op).unwrap(), told)
}

/// A file of the test's own, gone with it.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, contents: &[u8]) -> Temporary {
        let path = std::env::temp_dir().join(format!("proactor-{name}-{}", std::process::id()));
        std::fs::write(&path, contents).unwrap();
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Waits alertably until `done`; a wait may end for another routine first.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    eventually(what, || {
        let _ = sleep(AT_ONCE);
        done()
    });
}

#[test]
fn s145_the_routine_runs_in_the_starting_thread_and_never_within_the_start() {
    let (ours, theirs) = Socket::pair().unwrap();
    let _ = theirs.begin(op::Send::new("there")).unwrap().wait();
    let me = gettid();
    let (tell, told) = channel();
    let routine = move |recv: op::Recv| tell.send((gettid(), recv.data().to_vec())).unwrap();
    ours.start_with_routine(op::Recv::new(vec![0; 8]), routine).unwrap();
    // The data were there; the routine is queued, and nothing but an alertable wait runs it.
    assert!(told.try_recv().is_err());
    assert_eq!(sleep(Wait::at_most(std::time::Duration::from_millis(5))), Ok(()));
    assert!(told.try_recv().is_err());
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(told.try_recv().unwrap(), (me, b"there".to_vec()));
}

#[test]
fn s145_a_routine_of_one_that_had_to_wait_ends_the_wait_of_its_thread() {
    let (reader, writer) = Pipe::pair().unwrap();
    let (told, tell) = channel();
    let thread = Thread::spawn(move || {
        let (routine, ran) = pass::<op::Recv>();
        reader.start_with_routine(op::Recv::new(vec![0; 8]), routine).unwrap();
        told.send(gettid()).unwrap();
        let ended = sleep(SOON) == Err(Status::USER_APC);
        u32::from(!ended || ran.try_recv().unwrap().data() != b"later")
    })
    .unwrap();
    asleep(tell.recv().unwrap());
    let _ = writer.begin(op::Send::new("later")).unwrap().wait();
    wait_one(&thread, SOON).unwrap();
    assert_eq!(thread.exit_code(), Some(0));
}

#[test]
fn s145_a_routine_ends_the_alertable_removal_of_a_worker() {
    let port: Port = Port::new(1).unwrap();
    let (reader, writer) = Pipe::pair().unwrap();
    let (told, tell) = channel();
    let thread = Thread::spawn(move || {
        let (routine, ran) = pass::<op::Recv>();
        reader.start_with_routine(op::Recv::new(vec![0; 8]), routine).unwrap();
        told.send(gettid()).unwrap();
        let ended = port.get_alertable(Some(PATIENCE)).err() == Some(Status::USER_APC);
        u32::from(!ended || ran.try_recv().unwrap().data() != b"later")
    })
    .unwrap();
    asleep(tell.recv().unwrap());
    let _ = writer.begin(op::Send::new("later")).unwrap().wait();
    wait_one(&thread, SOON).unwrap();
    assert_eq!(thread.exit_code(), Some(0));
}

#[test]
fn s149_the_routine_has_the_status_the_count_and_the_operation_with_its_buffer() {
    let (ours, peer) = tcp_pair();
    let (routine, ran) = pass::<op::Recv>();
    let recv = op::Recv::new(vec![7; 16]).with_tag(42);
    let id = ours.start_with_routine(recv, routine).unwrap();
    std::io::Write::write_all(&mut &peer, b"abc").unwrap();
    wait_until("the routine has run", || {
        ran.try_recv().is_ok_and(|recv| {
            assert_eq!((recv.status(), recv.bytes(), recv.data()), (Status::SUCCESS, 3, &b"abc"[..]));
            assert_eq!((recv.tag(), recv.id()), (42, id));
            true
        })
    });
    // One that fails has its status, and its buffer all the same.
    let (routine, ran) = pass::<op::Recv>();
    ours.start_with_routine(op::Recv::new(vec![7; 16]), routine).unwrap();
    ours.cancel_all().unwrap();
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    let recv = ran.try_recv().unwrap();
    assert_eq!((recv.status(), recv.bytes()), (Status::CANCELLED, 0));
    // And it can be started again as it is.
    let (routine, ran) = pass::<op::Recv>();
    ours.start_with_routine(recv, routine).unwrap();
    std::io::Write::write_all(&mut &peer, b"de").unwrap();
    wait_until("the routine has run", || ran.try_recv().is_ok_and(|recv| recv.data() == b"de"));
}

#[test]
fn s150_a_read_beyond_the_end_ends_so_in_its_routine() {
    let temporary = Temporary::new("routine-eof", b"four");
    let file = File::open(&temporary.0).unwrap();
    let (routine, ran) = pass::<op::Read>();
    file.start_with_routine(op::Read::new(4, vec![0; 8]), routine).unwrap();
    let mut read = None;
    wait_until("the routine has run", || {
        read = ran.try_recv().ok();
        read.is_some()
    });
    assert_eq!(read.unwrap().status(), Status::END_OF_FILE);
}

#[test]
fn s148_a_start_whose_end_is_a_warning_succeeds_and_the_routine_is_told() {
    let (ours, theirs) = Socket::datagram_pair().unwrap();
    let _ = theirs.begin(op::Send::new("more than that")).unwrap().wait();
    let (routine, ran) = pass::<op::Recv>();
    assert!(ours.start_with_routine(op::Recv::new(vec![0; 4]), routine).is_ok());
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    let recv = ran.try_recv().unwrap();
    assert_eq!((recv.status(), recv.data()), (Status::BUFFER_OVERFLOW, &b"more"[..]));
}

#[test]
fn files_are_read_and_written_with_routines() {
    let temporary = Temporary::new("routine-file", b"");
    let file = File::options().read(true).write(true).open(&temporary.0).unwrap();
    let (routine, wrote) = pass::<op::Write>();
    file.start_with_routine(op::Write::new(0, "contents"), routine).unwrap();
    wait_until("it is written", || wrote.try_recv().is_ok_and(|write| write.result() == Ok(8)));
    let (routine, flushed) = pass::<op::Flush>();
    file.start_with_routine(op::Flush::new(), routine).unwrap();
    wait_until("it is flushed", || flushed.try_recv().is_ok_and(|flush| flush.result() == Ok(0)));
    let (routine, read) = pass::<op::Read>();
    file.start_with_routine(op::Read::new(3, vec![0; 16]), routine).unwrap();
    wait_until("it is read", || read.try_recv().is_ok_and(|read| read.data() == b"tents"));
}

#[test]
fn s151_routines_of_one_socket_are_never_nested_but_those_of_another_are() {
    let ((ours, theirs), (other, others)) = (Socket::pair().unwrap(), Socket::pair().unwrap());
    let log: Arc<Mutex<Vec<&str>>> = Arc::default();
    let (write, first, second, third) = (log.clone(), log.clone(), log.clone(), log.clone());
    let outer = move |_: op::Recv| {
        first.lock().unwrap().push("first begins");
        // The second of this socket has to wait; the other socket's does not.
        assert_eq!(sleep(SOON), Err(Status::USER_APC));
        assert_eq!(sleep(AT_ONCE), Ok(()));
        assert!(!test_alert());
        first.lock().unwrap().push("first ends");
    };
    ours.start_with_routine(op::Recv::new(vec![0; 1]), outer).unwrap();
    ours.start_with_routine(op::Recv::new(vec![0; 1]), move |_| second.lock().unwrap().push("second"))
        .unwrap();
    other
        .start_with_routine(op::Recv::new(vec![0; 1]), move |_| third.lock().unwrap().push("of the other"))
        .unwrap();
    // All three are queued, in this order.
    let _ = theirs.begin(op::Send::new("12")).unwrap().wait();
    eventually("both are complete", || ours.pending() == 0);
    let _ = others.begin(op::Send::new("3")).unwrap().wait();
    eventually("all are complete", || other.pending() == 0);
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    let expected = ["first begins", "of the other", "first ends", "second"];
    assert_eq!(*write.lock().unwrap(), expected);
}

#[test]
fn s151_a_routine_may_start_the_next_of_its_socket() {
    fn again(socket: Socket, left: usize, sum: Arc<AtomicUsize>) {
        let next = socket.clone();
        let routine = move |recv: op::Recv| {
            sum.fetch_add(usize::from(recv.data()[0]), SeqCst);
            if left > 1 {
                again(next, left - 1, sum);
            }
        };
        socket.start_with_routine(op::Recv::new(vec![0; 1]), routine).unwrap();
    }
    let (ours, theirs) = Socket::pair().unwrap();
    let sum = Arc::new(AtomicUsize::new(0));
    let _ = theirs.begin(op::Send::new((1..=100).collect::<Vec<u8>>())).unwrap().wait();
    again(ours, 100, sum.clone());
    // They all run in one wait, for what each needs is there.
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(sum.load(SeqCst), 5050);
}

#[test]
fn s152_one_wait_runs_all_routines_that_are_queued_and_data_go_out_in_the_order_of_the_starts() {
    let (ours, theirs) = Socket::pair().unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    for part in ["one, ", "two, ", "three"] {
        let ran = ran.clone();
        let routine = move |send: op::Send| _ = ran.fetch_add(send.bytes(), SeqCst);
        ours.start_with_routine(op::Send::new(part), routine).unwrap();
    }
    eventually("all are sent", || ours.pending() == 0);
    assert_eq!(ran.load(SeqCst), 0);
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(ran.load(SeqCst), 15);
    let recv = theirs.begin(op::Recv::new(vec![0; 15]).wait_all()).unwrap().wait();
    assert_eq!(recv.data(), b"one, two, three");
}

#[test]
fn s146_s147_an_operation_with_a_routine_sets_no_event_of_the_callers() {
    // What is begun with an event and what has a routine are two kinds of starts: neither is told of the other.
    let (ours, theirs) = Socket::pair().unwrap();
    let (routine, ran) = pass::<op::Recv>();
    ours.start_with_routine(op::Recv::new(vec![0; 2]), routine).unwrap();
    let other = ours.begin(op::Recv::new(vec![0; 2])).unwrap();
    let _ = theirs.begin(op::Send::new("12")).unwrap().wait();
    wait_until("the routine has run", || ran.try_recv().is_ok());
    assert!(!other.is_complete());
    let _ = theirs.begin(op::Send::new("34")).unwrap().wait();
    assert_eq!(other.wait().data(), b"34");
    assert!(!test_alert());
}

#[test]
fn s153_waiting_for_the_handle_itself_the_handle_may_come_first_and_the_routine_stays() {
    let (ours, theirs) = Socket::pair().unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let start = |ours: &Socket| {
        let runs = ran.clone();
        let routine = move |recv: op::Recv| _ = runs.fetch_add(recv.bytes(), SeqCst);
        ours.start_with_routine(op::Recv::new(vec![0; 2]), routine).unwrap();
    };
    // Complete before the wait begins, and during it.
    let _ = theirs.begin(op::Send::new("12")).unwrap().wait();
    start(&ours);
    assert_eq!(wait_one(&ours, SOON), Err(Status::USER_APC));
    assert_eq!(ran.load(SeqCst), 2);
    assert!(wait_one(&ours, Wait::NOW).is_ok());
    start(&ours);
    assert_eq!(wait_one(&ours, Wait::NOW), Err(Status::TIMEOUT));
    let me = gettid();
    let sends = std::thread::spawn(move || {
        asleep(me);
        drop(theirs.begin(op::Send::new("34")).unwrap().wait());
    });
    // The handle is told before the routine is queued, so whoever waits for it may have it first.
    assert!(wait_one(&ours, SOON).is_ok());
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(ran.load(SeqCst), 4);
    sends.join().unwrap();
}

#[test]
fn a_handle_with_a_port_takes_no_routines() {
    let port: Port = Port::new(1).unwrap();
    let (ours, _theirs) = Socket::pair().unwrap();
    ours.associate(&port, 1).unwrap();
    let refused = ours.start_with_routine(op::Recv::new(vec![3; 2]), |_| unreachable!());
    let Err(Refused { status, op }) = refused else { panic!("it was taken") };
    assert_eq!((status, op.into_buf().len()), (Status::INVALID_PARAMETER, 2));
    assert_eq!(ours.pending(), 0);
}

#[test]
fn one_that_is_refused_drops_its_routine_and_gives_the_operation_back() {
    let (reader, _writer) = Pipe::pair().unwrap();
    let guard = Arc::new(());
    let held = guard.clone();
    let refused = reader.start_with_routine(op::Send::new("no"), move |_| drop(held));
    assert_eq!(refused.err().map(|refused| refused.status), Some(Status::ACCESS_DENIED));
    assert_eq!(Arc::strong_count(&guard), 1);
    assert!(!test_alert());
}

#[test]
fn a_handle_that_skips_packets_still_runs_routines() {
    let (ours, theirs) = Socket::pair().unwrap();
    ours.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    let _ = theirs.begin(op::Send::new("12")).unwrap().wait();
    let (routine, ran) = pass::<op::Recv>();
    ours.start_with_routine(op::Recv::new(vec![0; 2]), routine).unwrap();
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(ran.try_recv().unwrap().data(), b"12");
}

#[test]
fn closing_the_handle_ends_its_operations_each_with_its_routine() {
    let (ours, _theirs) = Socket::pair().unwrap();
    let (tell, told): (Sender<Status>, _) = channel();
    for _ in 0..3 {
        let tell = tell.clone();
        ours.start_with_routine(op::Recv::new(vec![0; 2]), move |recv| tell.send(recv.status()).unwrap())
            .unwrap();
    }
    ours.close().unwrap();
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [Status::CONNECTION_ABORTED; 3]);
}

#[test]
fn s112_a_routine_of_a_dead_thread_never_runs_and_its_operation_is_cancelled() {
    let (ours, theirs) = Socket::pair().unwrap();
    let (ran, guard) = (Arc::new(AtomicBool::new(false)), Arc::new(()));
    let (runs, held, socket) = (ran.clone(), guard.clone(), ours.clone());
    let thread = Thread::spawn(move || {
        let routine = move |_: op::Recv| {
            runs.store(true, SeqCst);
            drop(held);
        };
        socket.start_with_routine(op::Recv::new(vec![0; 2]), routine).unwrap();
        0
    })
    .unwrap();
    wait_one(&thread, SOON).unwrap();
    eventually("the operation has ended", || ours.pending() == 0);
    eventually("the routine is dropped", || Arc::strong_count(&guard) == 1);
    // What comes is the next one's.
    let _ = theirs.begin(op::Send::new("12")).unwrap().wait();
    assert_eq!(ours.begin(op::Recv::new(vec![0; 2])).unwrap().wait().data(), b"12");
    assert!(!ran.load(SeqCst) && !test_alert());
}

#[test]
fn s112_a_routine_that_waits_when_its_thread_ends_is_dropped() {
    let (ours, theirs) = Socket::pair().unwrap();
    let guard = Arc::new(());
    let (held, socket) = (guard.clone(), ours.clone());
    let thread = Thread::spawn(move || {
        let _ = theirs.begin(op::Send::new("12")).unwrap().wait();
        let routine = move |_: op::Recv| {
            drop(held);
            panic!("it has no thread to run in");
        };
        socket.start_with_routine(op::Recv::new(vec![0; 2]), routine).unwrap();
        0
    })
    .unwrap();
    wait_one(&thread, SOON).unwrap();
    eventually("the routine is dropped", || Arc::strong_count(&guard) == 1);
    assert_eq!(ours.pending(), 0);
}

#[test]
fn connections_are_accepted_made_and_ended_with_routines() {
    let listener = Socket::listen("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap().ip().unwrap();
    let (routine, accepted) = pass::<op::Accept>();
    listener.start_with_routine(op::Accept::new(), routine).unwrap();
    let client = Socket::to_connect(&address.into()).unwrap();
    let (routine, connected) = pass::<op::Connect>();
    client.start_with_routine(op::Connect::new(address), routine).unwrap();
    wait_until("it is connected", || connected.try_recv().is_ok_and(|connect| connect.status().is_success()));
    let mut accept = None;
    wait_until("it is accepted", || {
        accept = accepted.try_recv().ok();
        accept.is_some()
    });
    let server = accept.unwrap().take_connection().unwrap();
    let (routine, gone) = pass::<op::Recv>();
    server.start_with_routine(op::Recv::new(vec![0; 2]), routine).unwrap();
    let (routine, left) = pass::<op::Disconnect>();
    client.start_with_routine(op::Disconnect::new(), routine).unwrap();
    wait_until("it has left", || left.try_recv().is_ok_and(|left| left.status().is_success()));
    wait_until("the peer sees it", || gone.try_recv().is_ok_and(|recv| recv.result() == Ok(0)));
}

#[test]
fn s151_only_routines_of_the_same_socket_wait_for_each_other_whatever_took_the_memory_of_a_closed_one() {
    const SOCKETS: usize = 150;
    let (first, peer) = Socket::pair().unwrap();
    let owner = Arc::new(Mutex::new(Some(first)));
    let (closes, ran) = (owner.clone(), Arc::new(AtomicUsize::new(0)));
    let count = ran.clone();
    let outer = move |recv: op::Recv| {
        drop(recv);
        drop(closes.lock().unwrap().take());
        let mut kept = Vec::new();
        for _ in 0..SOCKETS {
            let (socket, peer) = Socket::pair().unwrap();
            let count = count.clone();
            let routine = move |_: op::Recv| {
                count.fetch_add(1, SeqCst);
            };
            socket.start_with_routine(op::Recv::new(vec![0; 1]), routine).unwrap();
            peer.begin(op::Send::new("x")).unwrap().wait().result().unwrap();
            kept.push((socket, peer));
        }
        eventually("all have run in this wait", || {
            test_alert();
            count.load(SeqCst) == SOCKETS
        });
    };
    owner.lock().unwrap().as_ref().unwrap().start_with_routine(op::Recv::new(vec![0; 8]), outer).unwrap();
    peer.begin(op::Send::new("x")).unwrap().wait().result().unwrap();
    assert_eq!(sleep(SOON), Err(Status::USER_APC));
    assert_eq!(ran.load(SeqCst), SOCKETS);
}
