//! The process's limit of locked pages, which all ports and all handles without one share. Each test in a process of
//! its own.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use common::{Random, in_own_process, pending, refused, tcp_pair};
use proactor::budget::{self, Budget, usage};
use proactor::{Buf, Limits, Op, Port, Socket, Status, op};

const PAGE: usize = 4096;

fn limit(pages: usize) {
    budget::set(Budget { locked_bytes: pages * PAGE, ..Budget::default() }).unwrap();
}

fn pages(count: usize) -> Buf {
    Buf::aligned(count * PAGE, PAGE)
}

#[test]
fn s333_the_process_s_limit_holds_for_all_ports_together() {
    in_own_process("s333_the_process_s_limit_holds_for_all_ports_together", || {
        limit(10);
        let (one, two): (Port, Port) = (Port::new(1).unwrap(), Port::new(1).unwrap());
        let ((a, _pa), (b, _pb), (c, _pc)) = (tcp_pair(), tcp_pair(), tcp_pair());
        a.associate(&one, 1).unwrap();
        b.associate(&two, 2).unwrap();
        let id = pending(a.recv(op::Recv::new(pages(6))));
        let other = pending(b.recv(op::Recv::new(pages(3))));
        let (status, recv) = refused(b.recv(op::Recv::new(pages(2))));
        assert_eq!((status, status.to_winsock()), (Status::NO_BUFS, 10055));
        let alone = c.begin(op::Recv::new(pages(1))).unwrap();
        assert!(c.begin(op::Recv::new(pages(1))).is_err());
        assert_eq!((usage().locked_bytes, usage().locked_peak), (10 * PAGE, 10 * PAGE));
        assert_eq!((usage().refused, two.snapshot().refused), (2, 1));
        // What one port lets go, the other may have.
        a.cancel(id).unwrap();
        b.recv(recv).unwrap();
        drop(alone);
        pending(b.recv(op::Recv::new(pages(5))));
        b.cancel(other).unwrap();
        drop(two);
        drop(one);
        assert_eq!(usage().locked_bytes, 0);
    });
}

#[test]
fn a_lower_limit_takes_nothing_away_and_lets_nothing_in() {
    in_own_process("a_lower_limit_takes_nothing_away_and_lets_nothing_in", || {
        limit(10);
        let (socket, _peer) = Socket::pair().unwrap();
        let eight = socket.begin(op::Recv::new(pages(8))).unwrap();
        limit(4);
        assert_eq!((usage().locked_bytes, usage().limits.locked_bytes), (8 * PAGE, 4 * PAGE));
        assert!(socket.begin(op::Recv::new(pages(1))).is_err());
        assert!(socket.begin(op::Recv::zero_byte()).is_ok());
        drop(eight);
        let four = socket.begin(op::Recv::new(pages(4))).unwrap();
        assert!(socket.begin(op::Recv::new(pages(1))).is_err());
        drop(four);
        assert_eq!(usage().locked_bytes, 0);
    });
}

#[test]
fn credit_that_lies_idle_in_one_port_is_no_shortage_of_another() {
    in_own_process("credit_that_lies_idle_in_one_port_is_no_shortage_of_another", || {
        // Enough for lumps of 64 pages.
        const ALL: usize = 64 << 10;
        limit(ALL);
        let ports: Vec<Port> = (0..4).map(|_| Port::new(1).unwrap()).collect();
        let pairs: Vec<_> = (0..4).map(|_| tcp_pair()).collect();
        for (port, (socket, _)) in ports.iter().zip(&pairs) {
            socket.associate(port, 1).unwrap();
            pending(socket.recv(op::Recv::new(pages(100))));
            socket.cancel_all().unwrap();
        }
        assert_eq!(usage().locked_bytes, 0);
        let memory = std::sync::Arc::<[u8]>::from(vec![0; 16 * PAGE]);
        drop(memory);
        let ids: Vec<_> = (0..ALL / 64).map(|_| pending(pairs[0].0.recv(op::Recv::new(pages(64))))).collect();
        assert_eq!(usage().locked_bytes, ALL * PAGE, "all of it may be one port's");
        refused(pairs[1].0.recv(op::Recv::new(pages(1))));
        pairs[0].0.cancel(ids[0]).unwrap();
        pending(pairs[1].0.recv(op::Recv::new(pages(64))));
        refused(pairs[0].0.recv(op::Recv::new(pages(1))));
    });
}

#[test]
fn a_port_that_is_short_does_not_count_its_own_idle_credit_twice() {
    in_own_process("a_port_that_is_short_does_not_count_its_own_idle_credit_twice", || {
        // Of so many pages two are drawn together.
        const ALL: usize = 2048;
        limit(ALL);
        let ports: Vec<Port> = (0..2).map(|_| Port::new(1).unwrap()).collect();
        let pairs: Vec<_> = (0..2).map(|_| tcp_pair()).collect();
        pairs.iter().zip(&ports).for_each(|(pair, port)| pair.0.associate(port, 1).unwrap());
        pending(pairs[0].0.recv(op::Recv::new(pages(1))));
        pending(pairs[1].0.recv(op::Recv::new(pages(ALL - 2))));
        refused(pairs[0].0.recv(op::Recv::new(pages(2))));
        pending(pairs[0].0.recv(op::Recv::new(pages(1))));
        assert_eq!(usage().locked_bytes, ALL * PAGE);
    });
}

/// One thread's random starts, cancels and closes, on sockets that all threads share.
fn play(seed: u64, sockets: &[Socket], peers: &[Socket], end: Instant, counts: &[AtomicU64; 2]) {
    let mut random = Random::new(seed);
    while Instant::now() < end {
        let at = random.below(sockets.len());
        let (socket, peer) = (&sockets[at], &peers[at]);
        let started = match random.below(8) {
            0..=3 => socket.recv(op::Recv::new(pages(1 + random.below(4)))).map(drop).map_err(Status::from),
            4 => socket
                .recv(op::Recv::new(pages(1 + random.below(4))).wait_all())
                .map(drop)
                .map_err(Status::from),
            5 => socket.send(op::Send::new(pages(1 + random.below(4)))).map(drop).map_err(Status::from),
            6 => peer.begin(op::Send::new(vec![1; random.below(9000)])).map(drop).map_err(Status::from),
            _ => {
                let _ = socket.cancel_mine();
                Ok(())
            }
        };
        match started {
            Ok(()) => counts[0].fetch_add(1, Relaxed),
            Err(Status::NO_BUFS) => counts[1].fetch_add(1, Relaxed),
            Err(status) => panic!("{status:?}"),
        };
    }
}

#[test]
fn under_random_starts_cancels_and_closes_the_limit_holds_and_all_comes_back() {
    in_own_process("under_random_starts_cancels_and_closes_the_limit_holds_and_all_comes_back", || {
        const ALL: usize = 40;
        limit(ALL);
        let limits = || Limits { locked_bytes: 25 * PAGE, blocks: 30, ..Limits::default() };
        let ports: Vec<Port> = (0..2).map(|_| Port::with_limits(2, limits()).unwrap()).collect();
        let (mut sockets, mut peers) = (Vec::new(), Vec::new());
        for n in 0..12 {
            let (socket, peer) = Socket::pair().unwrap();
            socket.associate(&ports[n % 2], n).unwrap();
            sockets.push(socket);
            peers.push(peer);
        }
        let counts = [AtomicU64::new(0), AtomicU64::new(0)];
        let end = Instant::now() + Duration::from_millis(800);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for port in &ports {
                for _ in 0..2 {
                    scope.spawn(|| while let Ok(Some(_)) = port.get() {});
                }
            }
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    let used = usage().locked_bytes;
                    assert!(used <= ALL * PAGE, "{used} bytes are in use");
                    for port in &ports {
                        let now = port.snapshot();
                        assert!(now.locked_bytes <= 25 * PAGE && now.blocks <= 30, "{now:?}");
                    }
                    std::thread::yield_now();
                }
            });
            let players: Vec<_> = (0..3)
                .map(|seed| {
                    let (sockets, peers, counts) = (&sockets, &peers, &counts);
                    scope.spawn(move || play(seed, sockets, peers, end, counts))
                })
                .collect();
            players.into_iter().for_each(|player| player.join().unwrap());
            sockets.iter().for_each(|socket| socket.close().unwrap());
            common::eventually("every packet was taken", || {
                ports.iter().all(|port| port.snapshot().blocks == 0)
            });
            assert!(ports.iter().all(|port| port.snapshot().locked_bytes == 0));
            over.store(true, Relaxed);
            ports.iter().for_each(Port::close);
        });
        drop(peers);
        assert_eq!(usage().locked_bytes, 0);
        assert!(counts.iter().all(|count| count.load(Relaxed) > 0), "{counts:?}");
    });
}

#[test]
fn a_port_that_goes_gives_its_credit_back() {
    in_own_process("a_port_that_goes_gives_its_credit_back", || {
        limit(4);
        for _ in 0..10 {
            let port: Port = Port::new(1).unwrap();
            let (socket, peer) = tcp_pair();
            socket.associate(&port, 1).unwrap();
            pending(socket.recv(op::Recv::new(pages(4))));
            port.close();
            drop((port, socket, peer));
        }
        let (socket, _peer) = tcp_pair();
        let port: Port = Port::new(1).unwrap();
        socket.associate(&port, 1).unwrap();
        pending(socket.recv(op::Recv::new(pages(4))));
        socket.cancel_all().unwrap();
        assert!(matches!(port.get().unwrap().unwrap().op, Op::Recv(_)));
    });
}
