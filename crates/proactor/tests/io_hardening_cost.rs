//! What must cost nothing and leave nothing behind: waiting for room, one awaited operation, a handle that is gone,
//! a peer that floods. Each is measured in a process of its own.

#[path = "common/bounded.rs"]
mod bounded;
mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use bounded::{let_the_service_catch_up, outcome, soon};
use common::*;
use proactor::{Address, File, Op, Port, Socket, Status, Workers, op};

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A Unix datagram socket with so many datagrams queued that it takes no more.
fn full_queue() -> (UnixDatagram, Address, usize) {
    let path = std::env::temp_dir().join(format!("proactor-full-queue-{}", std::process::id()));
    let receiver = UnixDatagram::bind(&path).unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    let mut queued = 0;
    while filler.send_to(b"fill", &path).is_ok() {
        queued += 1;
    }
    (receiver, Address::from(path.as_path()), queued)
}

/// Sees to it that this process sleeps most of the time, and that the send is still waiting.
fn assert_idle(sender: &Socket) {
    let (begin, before) = (Instant::now(), processor_time());
    // Not for anything to happen: this is what is measured.
    thread::sleep(Duration::from_millis(500));
    let (elapsed, used) = (begin.elapsed(), processor_time() - before);
    assert!(used < elapsed / 5, "{used:?} of a processor in {elapsed:?}: something spins");
    assert_eq!(sender.pending(), 1);
}

#[test]
fn a_send_to_a_full_unix_queue_waits_idle_and_goes_on_with_room() {
    in_own_process("a_send_to_a_full_unix_queue_waits_idle_and_goes_on_with_room", || {
        let (receiver, address, queued) = full_queue();
        let sender = Socket::datagram(&address).unwrap();
        let send = sender.begin(op::SendTo::new("mine", address.clone())).unwrap();
        assert_idle(&sender);
        for _ in 0..queued {
            assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 4);
        }
        assert_eq!(soon(send).result(), Ok(4));

        let packets = Packets::new();
        let filler = UnixDatagram::unbound().unwrap();
        filler.set_nonblocking(true).unwrap();
        let Address::Unix(path) = &address else { unreachable!() };
        while filler.send_to(b"fill", path).is_ok() {}
        sender.associate(&packets.port, 1).unwrap();
        pending(sender.send_to(op::SendTo::new("mine", address.clone())));
        assert_idle(&sender);
        receiver.recv(&mut [0; 8]).unwrap();
        assert_eq!(expect!(SendTo, packets.next()).result(), Ok(4));
        std::fs::remove_file(path).unwrap();
    });
}

/// How often the library's own thread has gone to sleep.
fn service_sleeps() -> u64 {
    let mut sleeps = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        // A thread of a name of its own may have ended since it was listed.
        let comm = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        if comm.starts_with("proactor-servic") {
            let status = std::fs::read_to_string(path.join("status")).unwrap();
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
            sleeps += line.split_whitespace().last().unwrap().parse::<u64>().unwrap();
        }
    }
    sleeps
}

/// Sees to it that traffic on an associated socket does not wake the library's own thread.
fn assert_served_by_its_port_alone(port: &Port, ours: Socket, mut peer: TcpStream) {
    const ROUNDS: u64 = 300;
    let echo = ours.clone();
    let workers = Workers::start(port, 1, move |packet| match packet.op {
        Op::Recv(recv) if recv.bytes() > 0 => drop(echo.send(recv.into_send()).unwrap()),
        Op::Send(send) => drop(echo.recv(send.into_recv()).unwrap()),
        _ => {}
    })
    .unwrap();
    let _ = ours.recv(op::Recv::new(vec![0; 1])).unwrap();
    let round_trip = |peer: &mut TcpStream| {
        peer.write_all(b"x").unwrap();
        peer.read_exact(&mut [0]).unwrap();
    };
    // What is left to tidy up may be tidied up by the first of them.
    for _ in 0..10 {
        round_trip(&mut peer);
    }
    let before = service_sleeps();
    for _ in 0..ROUNDS {
        round_trip(&mut peer);
    }
    let woken = service_sleeps().saturating_sub(before);
    port.close();
    workers.join();
    assert!(woken < ROUNDS / 10, "the service thread woke {woken} times for {ROUNDS} round trips");
}

#[test]
fn one_awaited_operation_leaves_no_cost_on_an_associated_socket() {
    in_own_process("one_awaited_operation_leaves_no_cost_on_an_associated_socket", || {
        let port: Port = Port::new(1).unwrap();
        let (ours, mut peer) = tcp_pair();
        ours.associate(&port, 1).unwrap();
        let awaited = ours.begin(op::Recv::new(vec![0; 1])).unwrap();
        peer.write_all(b"1").unwrap();
        assert_eq!(soon(awaited).bytes(), 1);
        assert_served_by_its_port_alone(&port, ours, peer);
    });
}

#[test]
fn an_accept_with_first_data_leaves_no_cost_on_the_accepted_socket() {
    in_own_process("an_accept_with_first_data_leaves_no_cost_on_the_accepted_socket", || {
        let port: Port = Port::new(1).unwrap();
        let (listener, address) = listener();
        let ours = Socket::stream(&address.into()).unwrap();
        ours.associate(&port, 1).unwrap();
        let accept = op::Accept::receive_first(vec![0; 1]).into_socket(&ours);
        let accept = listener.begin(accept).unwrap();
        let mut peer = TcpStream::connect(address).unwrap();
        peer.set_nodelay(true).unwrap();
        peer.write_all(b"1").unwrap();
        assert_eq!(soon(accept).data(), b"1");
        assert_served_by_its_port_alone(&port, ours, peer);
    });
}

#[test]
fn a_dropped_handle_over_a_shared_descriptor_leaves_its_port() {
    in_own_process("a_dropped_handle_over_a_shared_descriptor_leaves_its_port", || {
        let packets = Packets::new();
        let (kept, mut peer) = {
            let (ours, peer) = tcp_pair();
            (ours.with_fd(|fd| fd.try_clone_to_owned().unwrap()).unwrap(), peer)
        };
        let mut numbers = Vec::new();
        for key in 0..20 {
            let fd = kept.try_clone().unwrap();
            numbers.push(fd.as_raw_fd());
            let ours = Socket::from_fd(fd).unwrap();
            assert_eq!(ours.associate(&packets.port, key), Ok(()), "round {key}, numbers {numbers:?}");
            pending(ours.recv(op::Recv::new(vec![0; 8])));
            peer.write_all(b"hello").unwrap();
            let packet = packets.next();
            assert_eq!(packet.key, key);
            assert_eq!(expect!(Recv, packet).data(), b"hello");
            drop(ours);
            eventually("the port has forgotten it", || packets.port.snapshot().handles == 0);
        }
        numbers.dedup();
        assert!(numbers.len() < 20, "no number came again: {numbers:?}");
        packets.assert_none();
    });
}

#[test]
fn a_dropped_handle_over_a_shared_descriptor_leaves_the_service() {
    in_own_process("a_dropped_handle_over_a_shared_descriptor_leaves_the_service", || {
        let (kept, mut peer) = {
            let (ours, peer) = tcp_pair();
            (ours.with_fd(|fd| fd.try_clone_to_owned().unwrap()).unwrap(), peer)
        };
        for _ in 0..20 {
            let ours = Socket::from_fd(kept.try_clone().unwrap()).unwrap();
            let recv = ours.begin(op::Recv::new(vec![0; 8])).unwrap();
            peer.write_all(b"hello").unwrap();
            assert_eq!(soon(recv).data(), b"hello");
        }
    });
}

#[test]
fn opening_and_dropping_a_file_starts_no_thread() {
    in_own_process("opening_and_dropping_a_file_starts_no_thread", || {
        let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
        let before = threads();
        for _ in 0..5 {
            drop(File::open("/proc/version").unwrap());
            assert_eq!(threads(), before);
        }
    });
}

/// Writes as fast as it can, from two threads, until the connection is over.
fn flood(peer: &TcpStream) -> Vec<thread::JoinHandle<()>> {
    let flood = |mut peer: TcpStream| {
        let data = vec![0; 1 << 20];
        while peer.write_all(&data).is_ok() {}
    };
    (0..2).map(|_| peer.try_clone().unwrap()).map(|peer| thread::spawn(move || flood(peer))).collect()
}

#[test]
fn a_reuse_ends_by_itself_although_the_peer_floods_and_posts_are_handled_meanwhile() {
    in_own_process("a_reuse_ends_by_itself_although_the_peer_floods_and_posts_are_handled_meanwhile", || {
        let packets = Packets::new();
        let (ours, peer) = tcp_pair();
        ours.associate(&packets.port, 1).unwrap();
        let flooding = flood(&peer);
        pending(ours.disconnect(op::Disconnect::new().reuse()));
        let begin = Instant::now();
        let mut ended = None;
        let mut worst = Duration::ZERO;
        while ended.is_none() {
            assert!(begin.elapsed() < PATIENCE, "it goes on as long as the flood; worst post {worst:?}");
            let posted = Instant::now();
            packets.port.post(2, 7).unwrap();
            loop {
                match packets.next().op {
                    Op::Posted(7) => break,
                    Op::Disconnect(disconnect) => ended = Some(disconnect),
                    other => panic!("{other:?}"),
                }
            }
            worst = worst.max(posted.elapsed());
            thread::yield_now();
        }
        assert!(worst < Duration::from_secs(2), "a post waited {worst:?}");
        // What a peer did that never ends is no graceful end, but it is one.
        assert_ne!(ended.unwrap().status(), Status::PENDING);
        ours.close().unwrap();
        drop(peer);
        flooding.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn starting_a_reuse_returns_although_the_peer_floods_and_others_are_served_meanwhile() {
    in_own_process(
        "starting_a_reuse_returns_although_the_peer_floods_and_others_are_served_meanwhile",
        || {
            let (ours, peer) = tcp_pair();
            let flooding = flood(&peer);
            let begin = Instant::now();
            let disconnect = ours.begin(op::Disconnect::new().reuse()).unwrap();
            assert!(begin.elapsed() < Duration::from_secs(2), "the start took {:?}", begin.elapsed());
            while !disconnect.is_complete() {
                assert!(begin.elapsed() < PATIENCE, "it goes on as long as the flood");
                let_the_service_catch_up();
            }
            let end = outcome(Ok(disconnect));
            assert_ne!(end, Err(Status::PENDING));
            ours.close().unwrap();
            drop(peer);
            flooding.into_iter().for_each(|thread| thread.join().unwrap());
        },
    );
}
