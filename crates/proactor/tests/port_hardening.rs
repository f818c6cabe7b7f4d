//! Rare ways into a port that everybody else must not notice: a monitor that could not start, workers that only
//! poll, handlers that go to another port, a panic on the library's own thread. And the counts are exact.

#[path = "common/bounded.rs"]
mod bounded;
mod common;
#[path = "common/crew.rs"]
mod crew;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bounded::soon;
use common::{PATIENCE, eventually, in_own_process, open_descriptors, pending};
use crew::Closes;
use proactor::{Op, Port, Socket, Status, Wait, Workers, blocking, op};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const NOW: Wait = Wait { timeout: Some(Duration::ZERO), alertable: false };

/// Blocks until its sender is gone.
fn block_on(told: &Mutex<Receiver<()>>) {
    let _ = told.lock().unwrap().recv();
}

/// Sees to it that a worker which blocks without a word is found out: the monitor is there.
fn assert_blocked_workers_are_found(port: &Port) {
    let (tell, told) = channel();
    let (go_on, wait) = channel();
    let wait = Mutex::new(wait);
    let workers = Workers::start(port, 2, move |packet| {
        tell.send(packet.key).unwrap();
        if packet.key == 1 {
            block_on(&wait);
        }
    });
    port.post(1, 0).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(1));
    port.post(2, 0).unwrap();
    let second = told.recv_timeout(bounded::SOON);
    drop(go_on);
    port.close();
    workers.unwrap().join();
    assert_eq!(second, Ok(2), "a worker that blocks keeps the next one out");
}

#[test]
fn the_monitor_starts_once_there_are_descriptors_for_it() {
    in_own_process("the_monitor_starts_once_there_are_descriptors_for_it", || {
        let port: Port = Port::new(1).unwrap();
        let (tell, told) = channel();
        let (go_on, wait) = channel();
        let wait = Mutex::new(wait);
        let workers = Workers::start(&port, 2, move |packet| {
            tell.send(packet.key).unwrap();
            if packet.key == 1 {
                block_on(&wait);
            }
        });
        eventually("both wait", || port.snapshot().parked == 2);
        let limit = Rlimit { current: Some(open_descriptors() as u64 + 10), ..getrlimit(Resource::Nofile) };
        setrlimit(Resource::Nofile, limit).unwrap();
        let filling: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        port.post(1, 0).unwrap();
        assert_eq!(told.recv_timeout(PATIENCE), Ok(1));
        port.post(2, 0).unwrap();
        assert_eq!(port.snapshot().monitor_ticks, 0, "there was one already: this shows nothing");
        drop(filling);
        port.post(3, 0).unwrap();
        let others = [(); 2].map(|()| told.recv_timeout(bounded::SOON));
        drop(go_on);
        port.close();
        workers.unwrap().join();
        assert_eq!(others, [Ok(2), Ok(3)]);
        // The process has a monitor now, for every port.
        assert_blocked_workers_are_found(&Port::new(1).unwrap());
    });
}

#[test]
fn a_worker_that_only_polls_is_let_in_for_one_that_blocks() {
    let port: Port = Port::new(1).unwrap();
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT, "and has the seat now");
    port.post(7, 0).unwrap();
    thread::scope(|scope| {
        let polls = scope.spawn(|| {
            eventually("it gets the packet", || {
                port.get_timeout(Duration::ZERO).is_ok_and(|packet| packet.key == 7)
            });
        });
        // This blocks without a word.
        polls.join().unwrap();
    });
    assert!(port.snapshot().found_blocked > 0);
}

#[test]
fn a_worker_that_only_polls_is_let_in_for_what_the_kernel_has_too() {
    let port: Port = Port::new(1).unwrap();
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT, "and has the seat now");
    let (ours, peer) = Socket::pair().unwrap();
    ours.associate(&port, 7).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 8])));
    assert_eq!(soon(peer.begin(op::Send::new("x")).unwrap()).result(), Ok(1));
    thread::scope(|scope| {
        let polls = scope.spawn(|| {
            eventually("it gets the packet", || {
                port.get_timeout(Duration::ZERO).is_ok_and(|packet| packet.bytes() == 1)
            });
        });
        polls.join().unwrap();
    });
}

#[test]
fn a_handler_may_take_from_another_port_and_stays_a_worker_of_its_own() {
    let (own, other): (Port, Port) = (Port::new(1).unwrap(), Port::new(1).unwrap());
    let (tell, told) = channel();
    let (go_on, wait) = channel();
    let wait = Mutex::new(wait);
    let first = Workers::start(&own, 1, {
        let (other, tell) = (other.clone(), tell.clone());
        move |packet| {
            if packet.key == 1 {
                assert_eq!(other.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT);
            }
            // The test may have ended by then.
            let _ = tell.send(packet.key);
            if packet.key == 2 {
                blocking(|| block_on(&wait));
            }
        }
    });
    let (own_closes, other_closes) = (Closes(&own), Closes(&other));
    own.post(1, 0).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(1));
    eventually("it waits at its own port again", || own.snapshot().parked == 1);
    assert_eq!(other.snapshot().running, 0, "and holds no seat of the other");
    own.post(2, 0).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(2));
    eventually("its seat is given up", || own.snapshot().running == 0);
    assert_eq!(own.snapshot().declared_blocked, 1, "by its own word");
    // Somebody else takes its place at its own port, and at the other the seat is free.
    let second = Workers::start(&own, 1, move |packet| tell.send(packet.key).unwrap());
    own.post(3, 0).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(3));
    other.post(4, 0).unwrap();
    assert_eq!(
        thread::scope(|scope| scope.spawn(|| other.get_timeout(PATIENCE)).join()).unwrap().unwrap().key,
        4
    );
    drop(go_on);
    drop((own_closes, other_closes));
    assert_eq!((first.unwrap().join(), second.unwrap().join()), (0, 0));
    assert_eq!(own.snapshot().packets, 3);
}

/// Its clone panics when it is armed, and disarms it.
struct Key(Arc<AtomicBool>);

impl Clone for Key {
    fn clone(&self) -> Key {
        if self.0.swap(false, SeqCst) {
            // Not a panic of the test's own, so nothing is printed.
            std::panic::resume_unwind(Box::new("as expected"));
        }
        Key(self.0.clone())
    }
}

#[test]
fn a_key_that_panics_on_the_library_s_thread_stops_nothing_of_others() {
    in_own_process("a_key_that_panics_on_the_library_s_thread_stops_nothing_of_others", || {
        let port: Port<Key> = Port::new(1).unwrap();
        let (ours, peer) = Socket::pair().unwrap();
        let armed = Arc::new(AtomicBool::new(false));
        ours.associate(&port, Key(armed.clone())).unwrap();
        // What is awaited has the library's thread serve this socket, which then also queues the packet.
        let awaited = ours.begin(op::Recv::new(vec![0; 1])).unwrap();
        pending(ours.recv(op::Recv::new(vec![0; 1])));
        armed.store(true, SeqCst);
        assert_eq!(soon(peer.begin(op::Send::new("xx")).unwrap()).result(), Ok(2));
        assert_eq!(soon(awaited).bytes(), 1);
        // Nobody has come to this port, and this thread has only sent.
        eventually("the key panics", || !armed.load(SeqCst));
        assert_blocked_workers_are_found(&Port::new(1).unwrap());
        bounded::let_the_service_catch_up();
    });
}

/// A port with one worker that passes operations on, and waits where a posted receiver tells it to.
struct Counted {
    port: Port<usize, Receiver<()>>,
    held: Receiver<()>,
    told: Receiver<(usize, usize)>,
    workers: Option<Workers>,
}

impl Counted {
    fn new() -> Counted {
        let port: Port<usize, Receiver<()>> = Port::new(1).unwrap();
        let ((at_it, held), (tell, told)) = (channel(), channel());
        let workers = Workers::start(&port, 1, move |packet| {
            let bytes = packet.bytes();
            // The test may have ended by then.
            match packet.op {
                Op::Posted(wait) => drop((at_it.send(()), wait.recv())),
                _ => drop(tell.send((packet.key, bytes))),
            }
        });
        Counted { port, held, told, workers: Some(workers.unwrap()) }
    }

    /// While the worker can't look, `f` makes a lot ready at once.
    fn meanwhile(&self, f: impl FnOnce()) {
        let (go_on, wait) = channel();
        self.port.post(0, wait).unwrap();
        self.held.recv_timeout(PATIENCE).unwrap();
        f();
        drop(go_on);
    }

    /// The key and the bytes of the next packet.
    fn next(&self) -> (usize, usize) {
        self.told.recv_timeout(PATIENCE).expect("a packet should have come")
    }

    fn pair(&self, key: usize) -> (Socket, UnixStream) {
        let (ours, peer) = UnixStream::pair().unwrap();
        let ours = Socket::from_fd(ours).unwrap();
        ours.associate(&self.port, key).unwrap();
        pending(ours.recv(op::Recv::new(vec![0; 8])));
        (ours, peer)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.port.close();
        if let Some(workers) = self.workers.take() {
            workers.join();
        }
    }
}

#[test]
fn what_comes_in_batches_is_counted_to_the_byte() {
    // Several harvests each time, and the worker past its first packets, which it takes with more care.
    const SOCKETS: usize = 100;
    const ROUNDS: usize = 20;
    let counted = Counted::new();
    let mut pairs: Vec<_> = (0..SOCKETS).map(|key| counted.pair(key)).collect();
    let mut sent = 0;
    for round in 0..ROUNDS {
        counted.meanwhile(|| {
            for (n, (_, peer)) in pairs.iter_mut().enumerate() {
                let len = (n + round) % 8 + 1;
                peer.write_all(&[0; 8][..len]).unwrap();
                sent += len;
            }
        });
        for _ in 0..SOCKETS {
            let (key, bytes) = counted.next();
            assert_eq!(bytes, (key + round) % 8 + 1);
            if round + 1 < ROUNDS {
                pending(pairs[key].0.recv(op::Recv::new(vec![0; 8])));
            }
        }
    }
    let counts = counted.port.snapshot();
    // One post each round held the worker.
    assert_eq!((counts.bytes, counts.packets), (sent as u64, ((SOCKETS + 1) * ROUNDS) as u64));
}

#[test]
fn readiness_that_brings_nothing_is_no_packet() {
    const ROUNDS: usize = 60;
    let counted = Counted::new();
    for _ in 0..ROUNDS {
        let mut pairs: Vec<_> = (0..3).map(|key| counted.pair(key)).collect();
        counted.meanwhile(|| {
            for (_, peer) in &mut pairs {
                peer.write_all(b"x").unwrap();
            }
            // Its readiness stands in the kernel's queue between two that bring something.
            pairs[1].0.cancel_all().unwrap();
        });
        let mut packets = [(); 3].map(|()| counted.next());
        packets.sort();
        assert_eq!(packets, [(0, 1), (1, 0), (2, 1)]);
    }
    let counts = counted.port.snapshot();
    assert_eq!((counts.bytes, counts.packets), (2 * ROUNDS as u64, 4 * ROUNDS as u64));
}

#[test]
fn a_closed_port_keeps_nobody_who_comes_for_many() {
    let port: Port = Port::new(1).unwrap();
    let mut packets = Vec::new();
    port.post(1, 0).unwrap();
    assert_eq!(port.get_many(&mut packets, 4, NOW), Ok(1));
    port.close();
    assert_eq!(port.snapshot().running, 1, "this thread has not come back yet");
    for wait in [Wait::default(), NOW] {
        assert_eq!(port.get_many(&mut packets, 4, wait), Err(Status::INVALID_HANDLE));
        assert_eq!(port.snapshot().running, 0);
    }
    assert_eq!(packets.len(), 1);
    // A member would say so here.
    blocking(|| ());
    let counts = port.snapshot();
    assert_eq!((counts.declared_blocked, counts.blocked, counts.packets), (0, 0, 1));
}
