//! Handles and ports as objects to wait for (S064 to S066, S070, S075 to S077, S094, S170, S173).

mod common;

use std::sync::mpsc::channel;
use std::time::Duration;

use common::{PATIENCE, asleep, eventually};
use proactor::object::{
    Event, Mutex, Semaphore, Thread, Timer, Wait, Waitable, sleep, wait_all, wait_any, wait_one,
};
use proactor::{File, Modes, Op, Pipe, Port, Socket, Status, op};
use rustix::thread::gettid;

const SOON: Wait = Wait::at_most(PATIENCE);

fn is_signalled(object: &dyn Waitable) -> bool {
    match wait_one(object, Wait::NOW) {
        Ok(_) => true,
        Err(status) => {
            assert_eq!(status, Status::TIMEOUT);
            false
        }
    }
}

#[test]
fn s013_the_association_signals_the_handle_although_an_operation_is_pending() {
    let port: Port = Port::new(1).unwrap();
    let (ours, _theirs) = Socket::pair().unwrap();
    let _ = ours.start(op::Recv::new(vec![0; 1])).unwrap();
    assert_eq!(wait_one(&ours, Wait::NOW).err(), Some(Status::TIMEOUT));
    ours.associate(&port, 0).unwrap();
    wait_one(&ours, Wait::NOW).unwrap();
    // The next start resets it as any other.
    let _ = ours.start(op::Recv::new(vec![0; 1])).unwrap();
    assert_eq!(wait_one(&ours, Wait::NOW).err(), Some(Status::TIMEOUT));
}

#[test]
fn s170_a_handle_is_signalled_reset_by_a_start_and_set_by_a_completion() {
    let (reader, writer) = Pipe::pair().unwrap();
    assert!(is_signalled(&reader) && is_signalled(&writer));
    for _ in 0..3 {
        reader.recv(op::Recv::new(vec![0; 4])).unwrap();
        assert!(!is_signalled(&reader));
        assert!(is_signalled(&writer), "it is another handle");
        let _ = writer.begin(op::Send::new("data")).unwrap().wait();
        wait_one(&reader, SOON).unwrap();
        assert!(is_signalled(&reader), "a wait takes nothing");
    }
}

#[test]
fn s170_sockets_and_files_too() {
    let (ours, theirs) = Socket::pair().unwrap();
    ours.recv(op::Recv::new(vec![0; 4])).unwrap();
    // First asked for while an operation is under way.
    assert!(!is_signalled(&ours));
    let _ = theirs.begin(op::Send::new("data")).unwrap().wait();
    wait_one(&ours, SOON).unwrap();
    let file = File::open("/proc/version").unwrap();
    assert!(is_signalled(&file));
    let _ = file.read(op::Read::new(0, vec![0; 10])).unwrap();
    wait_one(&file, SOON).unwrap();
    assert!(is_signalled(&file.clone()), "a clone is the same handle");
}

#[test]
fn s170_a_thread_that_waits_is_woken_by_the_completion() {
    let (ours, theirs) = Socket::pair().unwrap();
    ours.recv(op::Recv::new(vec![0; 4])).unwrap();
    let (told, tell) = channel();
    let waits = ours.clone();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (waits, told) = (waits.clone(), told.clone());
            std::thread::spawn(move || {
                told.send(gettid()).unwrap();
                wait_one(&waits, SOON).unwrap();
            })
        })
        .collect();
    tell.iter().take(3).for_each(asleep);
    let _ = theirs.begin(op::Send::new("data")).unwrap().wait();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn s170_cancelling_and_closing_signal_as_completions_do() {
    let (ours, _theirs) = Socket::pair().unwrap();
    ours.recv(op::Recv::new(vec![0; 4])).unwrap();
    assert!(!is_signalled(&ours));
    ours.cancel_all().unwrap();
    assert!(is_signalled(&ours));
    ours.recv(op::Recv::new(vec![0; 4])).unwrap();
    assert!(!is_signalled(&ours));
    ours.close().unwrap();
    assert!(is_signalled(&ours));
}

#[test]
fn s077_with_two_operations_the_end_of_either_signals() {
    let (ours, theirs) = Socket::pair().unwrap();
    ours.recv(op::Recv::new(vec![0; 4])).unwrap();
    ours.recv(op::Recv::new(vec![0; 4])).unwrap();
    assert!(!is_signalled(&ours));
    let _ = theirs.begin(op::Send::new("data")).unwrap().wait();
    wait_one(&ours, SOON).unwrap();
    assert_eq!(ours.pending(), 1);
}

#[test]
fn s075_s076_an_operation_with_an_event_leaves_the_handle_alone() {
    let (ours, theirs) = Socket::pair().unwrap();
    assert!(is_signalled(&ours));
    let first = ours.begin(op::Recv::new(vec![0; 4])).unwrap();
    assert!(is_signalled(&ours), "its start resets its own event");
    ours.recv(op::Recv::new(vec![0; 4])).unwrap();
    assert!(!is_signalled(&ours) && !is_signalled(&first));
    let _ = theirs.begin(op::Send::new("data")).unwrap().wait();
    wait_one(&first, SOON).unwrap();
    assert!(!is_signalled(&ours), "its end sets its own event");
    assert_eq!(first.wait().data(), b"data");
    let _ = theirs.begin(op::Send::new("more")).unwrap().wait();
    wait_one(&ours, SOON).unwrap();
}

#[test]
fn s094_a_handle_may_be_told_not_to_signal() {
    let (ours, theirs) = Socket::pair().unwrap();
    ours.set_modes(Modes::SKIP_SET_EVENT_ON_HANDLE).unwrap();
    assert!(is_signalled(&ours));
    ours.recv(op::Recv::new(vec![0; 4])).unwrap();
    let _ = theirs.begin(op::Send::new("data")).unwrap().wait();
    eventually("it is complete", || ours.pending() == 0);
    assert!(!is_signalled(&ours));
    // An event of its own is set all the same.
    let with_event = ours.begin(op::Recv::new(vec![0; 4])).unwrap();
    let _ = theirs.begin(op::Send::new("data")).unwrap().wait();
    wait_one(&with_event, SOON).unwrap();
}

#[test]
fn an_operation_can_be_waited_for_before_and_after_its_end() {
    let (ours, theirs) = Socket::pair().unwrap();
    let stop = Event::manual(false);
    let recv = ours.begin(op::Recv::new(vec![0; 4])).unwrap();
    assert_eq!(wait_any(&[&stop, &recv], Wait::NOW), Err(Status::TIMEOUT));
    let _ = theirs.begin(op::Send::new("data")).unwrap().wait();
    assert_eq!(wait_any(&[&stop, &recv], SOON).unwrap().index, 1);
    assert!(is_signalled(&recv), "it stays so");
    assert_eq!(recv.wait().data(), b"data");
    // First asked for when it is complete.
    let send = theirs.begin(op::Send::new("data")).unwrap();
    assert!(send.is_complete() && is_signalled(&send));
}

#[test]
fn s064_a_port_is_signalled_while_packets_wait_and_a_wait_takes_none() {
    let port: Port = Port::new(1).unwrap();
    assert!(!is_signalled(&port));
    port.post(1, 7).unwrap();
    port.post(1, 8).unwrap();
    for _ in 0..3 {
        wait_one(&port, SOON).unwrap();
    }
    assert!(port.get_timeout(Duration::ZERO).is_ok());
    assert!(is_signalled(&port));
    assert!(port.get_timeout(Duration::ZERO).is_ok());
    assert!(!is_signalled(&port));
}

/// Threads that wait for the port and then say so.
fn waiters(
    port: &Port,
    count: usize,
) -> (Vec<std::thread::JoinHandle<()>>, std::sync::mpsc::Receiver<usize>) {
    let (told, tell) = channel();
    let (woke, woken) = channel();
    let threads = (0..count)
        .map(|number| {
            let (port, told, woke) = (port.clone(), told.clone(), woke.clone());
            std::thread::spawn(move || {
                told.send(gettid()).unwrap();
                wait_one(&port, SOON).unwrap();
                woke.send(number).unwrap();
            })
        })
        .collect();
    tell.iter().take(count).for_each(asleep);
    (threads, woken)
}

#[test]
fn s065_all_threads_that_wait_for_the_port_wake_for_one_packet() {
    let port: Port = Port::new(1).unwrap();
    let (threads, _woken) = waiters(&port, 3);
    port.post(1, 7).unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(port.get_timeout(Duration::ZERO).is_ok(), "the packet is still there");
}

#[test]
fn s066_a_packet_that_a_waiting_worker_takes_wakes_nobody_who_waits_for_the_port() {
    let port: Port = Port::new(1).unwrap();
    let (took, taken) = channel();
    let (go, gone) = channel::<()>();
    let worker_port = port.clone();
    let (told, tell) = channel();
    let worker = std::thread::spawn(move || {
        told.send(gettid()).unwrap();
        took.send(worker_port.get().unwrap().is_some()).unwrap();
        gone.recv().unwrap();
    });
    asleep(tell.recv().unwrap());
    eventually("the worker has parked", || port.snapshot().parked == 1);
    let (threads, woken) = waiters(&port, 2);
    port.post(1, 7).unwrap();
    assert_eq!(taken.recv_timeout(PATIENCE), Ok(true));
    assert!(woken.try_recv().is_err());
    // The next one finds no worker waiting.
    port.post(1, 8).unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(woken.try_iter().count(), 2);
    go.send(()).unwrap();
    worker.join().unwrap();
}

#[test]
fn s070_closing_the_port_ends_the_waits_for_it() {
    let port: Port = Port::new(1).unwrap();
    let (threads, _woken) = waiters(&port, 2);
    port.close();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(is_signalled(&port));
}

#[test]
fn a_completed_operation_signals_its_port_although_no_worker_looks() {
    let port: Port = Port::new(1).unwrap();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&port, 1).unwrap();
    for round in 0..20 {
        ours.recv(op::Recv::new(vec![0; 4])).unwrap();
        assert!(!is_signalled(&port), "round {round}");
        let (threads, _woken) = waiters(&port, 1);
        let _ = theirs.begin(op::Send::new("data")).unwrap().wait();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let packet = port.get_timeout(Duration::ZERO).unwrap();
        let Op::Recv(recv) = packet.op else { panic!("a receive") };
        assert_eq!(recv.data(), b"data");
    }
}

#[test]
fn a_completed_operation_signals_its_port_while_its_workers_are_busy() {
    let port: Port = Port::new(1).unwrap();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&port, 1).unwrap();
    ours.recv(op::Recv::new(vec![0; 4])).unwrap();
    let (busy, is_busy) = channel();
    let (go, gone) = channel::<()>();
    let worker_port = port.clone();
    let worker = std::thread::spawn(move || {
        assert!(worker_port.get().unwrap().is_some());
        busy.send(()).unwrap();
        gone.recv().unwrap();
        worker_port.get().unwrap().is_some()
    });
    port.post(1, 7).unwrap();
    is_busy.recv().unwrap();
    let (threads, _woken) = waiters(&port, 2);
    let _ = theirs.begin(op::Send::new("data")).unwrap().wait();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    go.send(()).unwrap();
    assert!(worker.join().unwrap());
}

#[test]
fn s173_handles_and_ports_are_waited_for_together_with_objects() {
    let port: Port = Port::new(1).unwrap();
    let (reader, _writer) = Pipe::pair().unwrap();
    reader.recv(op::Recv::new(vec![0; 4])).unwrap();
    let thread = Thread::spawn(|| 0).unwrap();
    wait_one(&thread, SOON).unwrap();
    let (event, mutex, semaphore) = (Event::auto(true), Mutex::new(false), Semaphore::new(1, 1).unwrap());
    let timer = Timer::auto();
    let all: [&dyn Waitable; 7] = [&port, &reader, &event, &mutex, &semaphore, &thread, &timer];
    assert_eq!(wait_any(&all, Wait::NOW).unwrap().index, 2);
    port.post(1, 7).unwrap();
    assert_eq!(wait_any(&all, Wait::NOW).unwrap().index, 0);
    assert_eq!(wait_all(&[&port, &reader], Wait::NOW), Err(Status::TIMEOUT));
    reader.cancel_all().unwrap();
    assert!(wait_all(&[&port, &reader, &mutex], SOON).is_ok());
}

#[test]
fn s170_a_handle_whose_only_operation_is_pending_is_never_signalled() {
    const ROUNDS: usize = 5000;
    let (socket, peer) = Socket::pair().unwrap();
    assert!(is_signalled(&socket));
    let (next, asked) = channel::<()>();
    let sender = std::thread::spawn(move || {
        while asked.recv().is_ok() {
            peer.begin(op::Send::new("x")).unwrap().wait().result().unwrap();
        }
    });
    for _ in 0..ROUNDS {
        // The one before it has just come by its routine, from another thread.
        socket.start_with_routine(op::Recv::new(vec![0; 1]), |_| ()).unwrap();
        assert!((0..50).all(|_| !is_signalled(&socket)));
        next.send(()).unwrap();
        while sleep(Wait::FOREVER.alertably()) != Err(Status::USER_APC) {}
    }
    drop(next);
    sender.join().unwrap();
}
