//! Whoever sleeps on a futex relies on somebody else to watch the kernel's queue: a worker in it, or the monitor.

mod common;
#[path = "common/crew.rs"]
mod crew;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::Duration;

use common::{eventually, pending};
use crew::Crew;
use proactor::{Port, Socket, Status, op};

fn readable_later(port: &Port, key: usize) -> (Socket, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    let ours = Socket::from_fd(ours).unwrap();
    ours.associate(port, key).unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 8])));
    (ours, peer)
}

/// The worker that watches leaves the queue to nobody when its time is over; then the one that runs blocks.
/// Returns false when `watching` was over before all the others had their places.
fn the_watcher_goes(watching: Duration) -> bool {
    let port = Port::new(1).unwrap();
    let crew = Crew::new(&port, 3);
    let mut sockets = [10, 11, 12].map(|key| readable_later(&port, key));
    let mut write = |n: usize| sockets[n].1.write_all(b"x").unwrap();
    crew.park(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    // The second is woken while the first has the only seat, and sleeps on its futex from then on.
    crew.park(1);
    write(0);
    eventually("it has put that aside", || port.snapshot().queued == 1 && port.snapshot().parked == 1);
    let left = Arc::new(AtomicBool::new(false));
    let (go_on, waits) = channel::<()>();
    crew.run(2, {
        let (port, left) = (port.clone(), left.clone());
        move || {
            let came = port.get_timeout(watching).map(|packet| packet.key);
            left.store(came == Err(Status::TIMEOUT), SeqCst);
            let _ = waits.recv();
        }
    });
    eventually("the third waits", || port.snapshot().parked == 2 || left.load(SeqCst));
    write(1);
    eventually("it has put that aside", || port.snapshot().queued == 2 || left.load(SeqCst));
    if left.load(SeqCst) {
        return false;
    }
    for key in [10, 11] {
        crew.take(0);
        assert_eq!(crew.took(), (0, Some(key)));
    }
    eventually("the monitor rests", || {
        let before = port.snapshot().monitor_ticks;
        sleep(Duration::from_millis(20));
        port.snapshot().monitor_ticks == before
    });
    if left.load(SeqCst) {
        return false;
    }
    eventually("the third goes without a packet", || left.load(SeqCst));
    let (free, blocks) = channel::<()>();
    crew.run(0, move || {
        let _ = blocks.recv();
    });
    write(2);
    assert_eq!(crew.took(), (1, Some(12)));
    drop((go_on, free));
    true
}

#[test]
fn the_kernel_s_queue_is_watched_when_the_last_watcher_goes() {
    let long_enough =
        (0..4).map(|n| Duration::from_millis(200) * 4u32.pow(n)).find(|time| the_watcher_goes(*time));
    assert!(long_enough.is_some(), "this machine is too slow to show it");
}
