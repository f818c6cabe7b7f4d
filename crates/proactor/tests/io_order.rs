//! Receives on a stream complete in the order they were started, whoever starts them (S316).

mod common;

use std::io::Write;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use common::*;
use proactor::{Port, Socket, op};

/// A TCP socket whose packets come to `packets` under a key, and its peer.
fn associated(packets: &Packets, key: usize) -> (Socket, std::net::TcpStream) {
    let (ours, peer) = tcp_pair();
    ours.associate(&packets.port, key).unwrap();
    (ours, peer)
}

#[test]
fn s316_stacked_receives_are_filled_in_order_each_with_its_exact_count() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    for (tag, size) in [100, 200, 150].into_iter().enumerate() {
        pending(ours.recv(op::Recv::new(vec![0; size]).with_tag(tag)));
    }
    assert_eq!(ours.pending(), 3);
    let sent = pattern(1, 450);
    peer.write_all(&sent).unwrap();
    let mut got = Vec::new();
    for (tag, size) in [100, 200, 150].into_iter().enumerate() {
        let recv = expect!(Recv, packets.next());
        assert_eq!((recv.tag(), recv.result()), (tag, Ok(size)));
        got.extend_from_slice(recv.data());
    }
    assert_eq!(got, sent);
}

#[test]
fn s316_receives_stacked_deeply_on_a_trickle_of_data_keep_its_order() {
    const ROUNDS: usize = 200;
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    let sent = pattern(2, 40 * ROUNDS);
    let writer = thread::spawn({
        let sent = sent.clone();
        move || {
            let mut random = Random::new(3);
            let mut rest = &sent[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at((1 + random.below(90)).min(rest.len()));
                peer.write_all(now).unwrap();
                rest = later;
            }
            peer
        }
    });
    let (mut got, mut started, mut taken) = (Vec::new(), 0, 0);
    while got.len() < sent.len() {
        while started < taken + 8 {
            let _ = ours.recv(op::Recv::new(vec![0; 64]).with_tag(started)).unwrap();
            started += 1;
        }
        let recv = expect!(Recv, packets.next());
        assert_eq!(recv.tag(), taken, "in the order they were started");
        assert_ne!(recv.bytes(), 0);
        got.extend_from_slice(recv.data());
        taken += 1;
    }
    assert_eq!(got, sent);
    drop(writer.join().unwrap());
    for tag in taken..started {
        let recv = expect!(Recv, packets.next());
        assert_eq!((recv.tag(), recv.result()), (tag, Ok(0)), "the others meet the end, in order");
    }
}

#[test]
fn s316_one_worker_sees_the_order_although_another_thread_starts_the_receives() {
    const RECEIVES: usize = 20_000;
    const STACKED: usize = 4;
    let port: Port<usize, usize> = Port::new(1).unwrap();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&port, 5).unwrap();
    let writer = thread::spawn(move || {
        let mut random = Random::new(7);
        // Its end is the reader's: it has what it wants then.
        while peer.write_all(&[1; 24][..1 + random.below(24)]).is_ok() {}
    });
    let (taken, start) = channel();
    let worker = thread::spawn({
        let port = port.clone();
        move || {
            for tag in 0..RECEIVES {
                let recv = expect!(Recv, port.get_timeout(PATIENCE).unwrap());
                assert_eq!(recv.tag(), tag, "in the order they were started");
                // The starter may have started all it wants.
                let _ = taken.send(());
            }
        }
    });
    for tag in 0..RECEIVES {
        if tag >= STACKED && start.recv().is_err() {
            break;
        }
        let _ = ours.recv(op::Recv::new(vec![0; 8]).with_tag(tag)).unwrap();
    }
    worker.join().unwrap();
    ours.set_linger(Some(Duration::ZERO)).unwrap();
    ours.close().unwrap();
    writer.join().unwrap();
}
