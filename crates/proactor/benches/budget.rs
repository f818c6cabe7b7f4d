//! What the accounting of locked memory and of operations costs.
//!
//! `cargo bench -p proactor --bench budget` prints what one operation is charged, and the throughput of an echo, whose
//! every receive has to wait. `-- --echo SECONDS` prints the throughput alone, for a comparison with a build in which
//! nothing is charged: run both in turn, many times, for a machine's own pace changes more than what is looked for.
//! Times are the processor's, so that what else runs on the machine has the least part in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use proactor::{Op, Port, Socket, Workers, op};

const CONNECTIONS: usize = 50;
const MESSAGE: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let echo_for = arguments.iter().position(|argument| argument == "--echo");
    if let Some(seconds) = echo_for.and_then(|at| arguments.get(at + 1)?.parse().ok()) {
        println!("{:.0}", echo(Duration::from_secs_f64(seconds)));
        return;
    }
    println!("start and cancel of a receive that has to wait, one thread, median of 9 rounds:");
    for (name, size) in [("zero-byte, which locks nothing", 0), ("one page", 4096), ("16 pages", 16 * 4096)] {
        println!("  {name}: {:.0} ns", start_and_cancel(size));
    }
    println!("echo of {MESSAGE} bytes, {CONNECTIONS} connections, both ends on one port:");
    for _ in 0..3 {
        println!("  {:.0} messages a second of processor time", echo(Duration::from_secs(1)));
    }
}

/// Time of a processor that this process has had, in seconds.
fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn buf(size: usize) -> op::Recv {
    match size {
        0 => op::Recv::zero_byte(),
        size => op::Recv::new(proactor::Buf::aligned(size, 4096)),
    }
}

/// Nanoseconds for a start, a cancel and the taking of the packet.
fn start_and_cancel(size: usize) -> f64 {
    const ROUND: u32 = 50_000;
    let port: Port = Port::new(1).unwrap();
    let (socket, _peer) = Socket::pair().unwrap();
    socket.associate(&port, 0).unwrap();
    // From here on the socket is known to be drained, so that starts make no system call.
    let mut recv = Some(buf(size));
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let begin = processor_time();
            for _ in 0..ROUND {
                let started = socket.recv(recv.take().unwrap()).unwrap();
                socket.cancel(started.id().unwrap()).unwrap();
                let Op::Recv(back) = port.get().unwrap().unwrap().op else { unreachable!() };
                recv = Some(back);
            }
            (processor_time() - begin) * 1e9 / f64::from(ROUND)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[4]
}

/// Messages for each second of processor time, from one end to the other.
fn echo(length: Duration) -> f64 {
    let port: Port<Socket, ()> = Port::new(0).unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let sockets: Vec<Socket> = (0..CONNECTIONS)
        .flat_map(|_| {
            let (one, other) = Socket::pair().unwrap();
            one.associate(&port, one.clone()).unwrap();
            other.associate(&port, other.clone()).unwrap();
            [one, other]
        })
        .collect();
    let (counted, ending) = (count.clone(), over.clone());
    let workers = Workers::start(&port, proactor::processors(), move |packet| {
        if ending.load(Relaxed) {
            return;
        }
        match packet.op {
            Op::Recv(recv) if recv.bytes() > 0 => {
                counted.fetch_add(1, Relaxed);
                let _ = packet.key.send(recv.into_send());
            }
            Op::Send(send) => drop(packet.key.recv(send.into_recv())),
            _ => {}
        }
    })
    .unwrap();
    for pair in sockets.chunks_exact(2) {
        let _ = pair[0].recv(op::Recv::new(vec![0; MESSAGE])).unwrap();
        let _ = pair[1].send(op::Send::new(vec![1; MESSAGE])).unwrap();
    }
    std::thread::sleep(length / 4);
    let (before, begin) = (count.load(Relaxed), processor_time());
    std::thread::sleep(length);
    let rate = (count.load(Relaxed) - before) as f64 / (processor_time() - begin);
    over.store(true, Relaxed);
    for socket in &sockets {
        let _ = socket.close();
    }
    port.close();
    workers.join();
    rate
}
