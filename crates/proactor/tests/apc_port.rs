//! Alertable removals: calls queued to a worker end its `get` (groups 3 and 10).

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{PATIENCE, asleep, eventually};
use proactor::object::{Thread, Wait, test_alert};
use proactor::{Op, Packet, Port, Socket, Status, op};
use rustix::thread::gettid;

const SOON: Option<Duration> = Some(PATIENCE);
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

/// Queues a call to this thread that counts itself.
fn call(calls: &Arc<AtomicUsize>) {
    let calls = calls.clone();
    Thread::current().queue_apc(move || _ = calls.fetch_add(1, SeqCst)).unwrap();
}

fn posted(packet: Result<Packet<usize, usize>, Status>) -> usize {
    match packet {
        Ok(Packet { op: Op::Posted(message), .. }) => message,
        other => panic!("not a posted packet: {other:?}"),
    }
}

/// A thread that does `work` after it has said which one it is.
fn spawn<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> (std::thread::JoinHandle<R>, Thread, rustix::thread::Pid) {
    let (tell, told) = channel();
    let thread = std::thread::spawn(move || {
        tell.send((Thread::current(), gettid())).unwrap();
        work()
    });
    let (object, id) = told.recv().unwrap();
    (thread, object, id)
}

#[test]
fn s046_a_call_that_waits_runs_and_ends_the_removal_s131_before_its_timeout() {
    let port: Port = Port::new(1).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let mut packets = Vec::new();
    for timeout in [AT_ONCE, SOON, None] {
        call(&calls);
        let wait = Wait { timeout, alertable: true };
        assert_eq!(port.get_many(&mut packets, 4, wait), Err(Status::USER_APC));
        call(&calls);
        assert_eq!(port.get_alertable(timeout).err(), Some(Status::USER_APC));
    }
    assert_eq!(calls.load(SeqCst), 6);
    assert!(packets.is_empty());
    assert_eq!(port.get_alertable(AT_ONCE).err(), Some(Status::TIMEOUT));
    assert_eq!(port.get_alertable(Some(Duration::from_millis(5))).err(), Some(Status::TIMEOUT));
}

#[test]
fn s047_s050_a_removal_that_is_not_alertable_runs_no_calls_s130_and_loses_none() {
    let port: Port = Port::new(1).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    call(&calls);
    let soon = Duration::from_millis(5);
    assert_eq!(port.get_timeout(soon).err(), Some(Status::TIMEOUT));
    assert_eq!(port.get_many(&mut Vec::new(), 4, Wait::at_most(soon)), Err(Status::TIMEOUT));
    port.post(0, 7).unwrap();
    assert!(port.get().unwrap().is_some());
    assert_eq!(calls.load(SeqCst), 0);
    assert!(test_alert());
    assert_eq!(calls.load(SeqCst), 1);
}

#[test]
fn s048_a_packet_goes_first_for_a_worker_of_the_port_and_a_call_for_any_other_thread() {
    let (port, other): (Port, Port) = (Port::new(1).unwrap(), Port::new(1).unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    (1..=3).for_each(|message| port.post(0, message).unwrap());
    // It is no worker of any port yet.
    call(&calls);
    assert_eq!(port.get_alertable(SOON).err(), Some(Status::USER_APC));
    assert_eq!(posted(port.get_alertable(SOON)), 1);
    // Now it is this port's.
    call(&calls);
    assert_eq!(posted(port.get_alertable(SOON)), 2);
    assert_eq!(calls.load(SeqCst), 1);
    // And now another's.
    assert_eq!(other.get_timeout(Duration::ZERO).err(), Some(Status::TIMEOUT));
    assert_eq!(port.get_alertable(SOON).err(), Some(Status::USER_APC));
    assert_eq!(calls.load(SeqCst), 2);
    assert_eq!(posted(port.get_alertable(SOON)), 3);
}

#[test]
fn s049_a_removal_that_a_call_ends_makes_nobody_a_worker() {
    let port: Port = Port::new(2).unwrap();
    let (of, calls) = (port.clone(), Arc::new(AtomicUsize::new(0)));
    let workers = move || of.snapshot().workers.len();
    call(&calls);
    assert_eq!(port.get_alertable(SOON).err(), Some(Status::USER_APC));
    assert_eq!(workers(), 0);
    // Also when the call comes while it is parked.
    let parks = port.clone();
    let (thread, object, id) = spawn(move || {
        let ended = parks.get_alertable(SOON).err();
        (ended, parks.snapshot().workers.len())
    });
    eventually("it has parked", || workers() == 1);
    asleep(id);
    object.queue_apc(|| ()).unwrap();
    assert_eq!(thread.join().unwrap(), (Some(Status::USER_APC), 0));
    // One that was a worker stays one.
    port.post(0, 1).unwrap();
    assert_eq!(posted(port.get_alertable(SOON)), 1);
    call(&calls);
    assert_eq!(port.get_alertable(SOON).err(), Some(Status::USER_APC));
    assert_eq!(workers(), 1);
}

#[test]
fn s122_s123_a_call_wakes_the_one_worker_it_is_for() {
    let port: Port = Port::new(1).unwrap();
    let (tell, ended) = channel();
    let workers: Vec<_> = (0..4)
        .map(|number| {
            let (port, tell) = (port.clone(), tell.clone());
            spawn(move || {
                loop {
                    match port.get_alertable(None) {
                        Err(Status::ABANDONED_WAIT_0 | Status::INVALID_HANDLE) => return,
                        packet => tell.send((number, packet.err())).unwrap(),
                    }
                }
            })
        })
        .collect();
    for round in 0..20 {
        for (number, (_, thread, id)) in workers.iter().enumerate() {
            asleep(*id);
            let (ran, runs) = channel();
            let id = *id;
            thread.queue_apc(move || ran.send(gettid() == id).unwrap()).unwrap();
            assert_eq!(runs.recv_timeout(PATIENCE), Ok(true), "round {round}");
            assert_eq!(ended.recv_timeout(PATIENCE), Ok((number, Some(Status::USER_APC))));
        }
    }
    assert!(ended.try_recv().is_err(), "nobody else was woken");
    eventually("all are parked", || port.snapshot().parked == 4);
    assert_eq!(port.snapshot().running, 0);
    port.close();
    workers.into_iter().for_each(|(thread, ..)| thread.join().unwrap());
}

#[test]
fn s052_of_workers_that_wait_alertably_the_newest_gets_the_packet() {
    let port: Port = Port::new(4).unwrap();
    let (tell, told) = channel();
    let workers: Vec<_> = (0..3)
        .map(|number| {
            let (port, tell) = (port.clone(), tell.clone());
            let worker = spawn(move || tell.send((number, posted(port.get_alertable(SOON)))).unwrap());
            asleep(worker.2);
            worker
        })
        .collect();
    for message in 0..3 {
        port.post(0, message).unwrap();
        assert_eq!(told.recv_timeout(PATIENCE), Ok((2 - message, message)));
    }
    workers.into_iter().for_each(|(thread, ..)| thread.join().unwrap());
}

#[test]
fn s062_what_a_call_posts_is_queued_and_the_next_removal_takes_it() {
    let port: Port = Port::new(1).unwrap();
    let posts = port.clone();
    Thread::current().queue_apc(move || posts.post(0, 5).unwrap()).unwrap();
    assert_eq!(port.get_alertable(SOON).err(), Some(Status::USER_APC));
    assert_eq!(posted(port.get_alertable(SOON)), 5);
    // The same while it is parked: the poster is the waiter itself.
    let parks = port.clone();
    let (thread, object, id) =
        spawn(move || (parks.get_alertable(SOON).err(), posted(parks.get_alertable(SOON))));
    asleep(id);
    let posts = port.clone();
    object.queue_apc(move || posts.post(0, 6).unwrap()).unwrap();
    assert_eq!(thread.join().unwrap(), (Some(Status::USER_APC), 6));
}

#[test]
fn s069_closing_ends_an_alertable_removal_as_abandoned() {
    let port: Port = Port::new(1).unwrap();
    let parks = port.clone();
    let (thread, _, id) = spawn(move || {
        let wait = Wait::FOREVER.alertably();
        (parks.get_many(&mut Vec::new(), 2, wait).err(), parks.get_alertable(None).err())
    });
    asleep(id);
    port.close();
    let ends = (Some(Status::ABANDONED_WAIT_0), Some(Status::INVALID_HANDLE));
    assert_eq!(thread.join().unwrap(), ends);
}

#[test]
fn a_call_runs_with_a_seat_even_if_it_is_one_over_the_limit() {
    let port: Port = Port::new(1).unwrap();
    let (go, gone) = channel::<()>();
    let (tell, told) = channel();
    let (runs, took) = (port.clone(), tell.clone());
    let (runner, ..) = spawn(move || {
        took.send(posted(runs.get_timeout(PATIENCE))).unwrap();
        // It keeps its seat: nothing waits for which the monitor would look at it.
        gone.recv().unwrap();
    });
    port.post(0, 7).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(7));
    let parks = port.clone();
    let (waiter, object, id) = spawn(move || {
        // So that it is a worker of the port.
        assert_eq!(parks.get_timeout(Duration::ZERO).err(), Some(Status::TIMEOUT));
        parks.get_alertable(SOON).err()
    });
    eventually("it has parked", || port.snapshot().parked == 1);
    asleep(id);
    assert_eq!(port.snapshot().running, 1);
    let looks = port.clone();
    object.queue_apc(move || tell.send(looks.snapshot().running).unwrap()).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(2));
    assert_eq!(waiter.join().unwrap(), Some(Status::USER_APC));
    go.send(()).unwrap();
    runner.join().unwrap();
    eventually("both seats are given back", || port.snapshot().running == 0);
}

/// A server of one connection whose workers wait alertably.
fn serve(port: &Port<usize, usize>, tell: &Sender<Vec<u8>>) {
    loop {
        match port.get_alertable(None) {
            Ok(Packet { op: Op::Recv(recv), .. }) => {
                tell.send(recv.data().to_vec()).unwrap();
                let socket = recv.socket().unwrap();
                let _ = socket.recv(recv);
            }
            Ok(_) | Err(Status::USER_APC) => {}
            Err(_) => return,
        }
    }
}

#[test]
fn what_the_kernel_has_ready_comes_to_workers_that_wait_alertably() {
    let port: Port = Port::new(2).unwrap();
    let (tell, told) = channel();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let (port, tell) = (port.clone(), tell.clone());
            spawn(move || serve(&port, &tell))
        })
        .collect();
    workers.iter().for_each(|(_, _, id)| asleep(*id));
    // Associated while all of them sleep.
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&port, 0).unwrap();
    ours.recv(op::Recv::new(vec![0; 8])).unwrap();
    for round in 0..200_u32 {
        if round % 20 == 0 {
            workers.iter().for_each(|(_, _, id)| asleep(*id));
        }
        if round % 3 == 0 {
            let (_, thread, _) = &workers[round as usize % 3];
            thread.queue_apc(|| ()).unwrap();
        }
        theirs.begin(op::Send::new(round.to_le_bytes().to_vec())).unwrap().wait();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), round.to_le_bytes());
    }
    eventually("all are parked", || port.snapshot().parked == 3);
    let ticks = || port.snapshot().monitor_ticks;
    eventually("nobody looks any more", || {
        let before = ticks();
        std::thread::sleep(Duration::from_millis(5));
        ticks() == before
    });
    port.close();
    workers.into_iter().for_each(|(thread, ..)| thread.join().unwrap());
}

/// Four workers wait alertably at two seats; eight threads post, queue calls to all of them, and send. Every packet, call
/// and byte comes once, and the calls of one thread to one worker in order.
#[test]
fn packets_and_calls_to_many_workers_all_come_once() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 500;
    let port: Port = Port::new(2).unwrap();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&port, 1).unwrap();
    ours.recv(op::Recv::new(vec![0; 3])).unwrap();
    let (packets, bytes, calls) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (port, packets, bytes) = (port.clone(), packets.clone(), bytes.clone());
            spawn(move || {
                loop {
                    match port.get_alertable(None) {
                        Ok(Packet { op: Op::Recv(recv), .. }) => {
                            bytes.fetch_add(recv.bytes(), SeqCst);
                            let _ = recv.socket().unwrap().recv(recv);
                        }
                        Ok(_) => _ = packets.fetch_add(1, SeqCst),
                        Err(Status::USER_APC) => {}
                        Err(_) => return,
                    }
                }
            })
        })
        .collect();
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (port, workers, calls, theirs) = (&port, &workers, &calls, &theirs);
            scope.spawn(move || {
                let order: Vec<_> = workers.iter().map(|_| Arc::new(AtomicUsize::new(0))).collect();
                for round in 0..ROUNDS {
                    port.post(0, round).unwrap();
                    let to = (round + number) % workers.len();
                    let (calls, seen, expected) = (calls.clone(), order[to].clone(), round / workers.len());
                    let call = move || {
                        assert_eq!(seen.fetch_add(1, SeqCst), expected);
                        calls.fetch_add(1, SeqCst);
                    };
                    workers[to].1.queue_apc(call).unwrap();
                    if round % 4 == 0 {
                        drop(theirs.begin(op::Send::new("x")).unwrap().wait());
                    }
                }
            });
        }
    });
    eventually("every packet has come", || packets.load(SeqCst) == THREADS * ROUNDS);
    eventually("every call has come", || calls.load(SeqCst) == THREADS * ROUNDS);
    eventually("every byte has come", || bytes.load(SeqCst) == THREADS * ROUNDS / 4);
    eventually("all are parked", || port.snapshot().parked == 4);
    assert_eq!(port.snapshot().running, 0);
    port.close();
    workers.into_iter().for_each(|(thread, ..)| thread.join().unwrap());
}
