//! Sockets beside a flood of posts.

use std::sync::atomic::{AtomicU64, Ordering::*};

use proactor::{Op, Port, Socket, op};

/// A handler that posts two packets for each it takes keeps the queue from ever being empty.
#[test]
fn a_flood_of_posts_does_not_keep_a_socket_waiting() {
    let port: Port<u64> = Port::new(1).unwrap();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&port, 0).unwrap();
    ours.recv(op::Recv::new(vec![0; 8])).unwrap();
    let taken = AtomicU64::new(0);
    let (waited, more_than) = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut sent_at = None;
            loop {
                let packet = port.get().unwrap().unwrap();
                let now = taken.fetch_add(1, Relaxed);
                match packet.op {
                    Op::Recv(recv) => {
                        assert_eq!(recv.data(), b"hello");
                        return (now - sent_at.unwrap(), port.snapshot().queued);
                    }
                    _ if now == 100 => {
                        theirs.begin(op::Send::new("hello")).unwrap().wait();
                        sent_at = Some(now);
                        port.post(1, 0).unwrap();
                    }
                    _ => {
                        port.post(1, 0).unwrap();
                        if port.snapshot().queued < 1000 {
                            port.post(1, 0).unwrap();
                        }
                    }
                }
            }
        });
        port.post(1, 0).unwrap();
        worker.join().unwrap()
    });
    assert!(more_than > 0, "the queue was never empty");
    // It is taken from the kernel within some 60 packets, and then waits its turn behind those in the queue.
    assert!(waited < 1000 + 200, "{waited} packets went before");
}
