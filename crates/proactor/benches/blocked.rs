//! How soon a blocked worker is replaced, for each of the three ways to find out, and what the monitor costs.
//!
//! `cargo bench -p proactor --bench blocked`. A port with one seat and two workers: the first takes a packet and
//! blocks while another packet waits; measured is the time from the last instruction before the block to the first
//! of the other worker's handler.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use proactor::{Op, Port, Socket, op};

const ROUNDS: usize = 400;

/// What the first worker does: blocks until `end` comes true in its own way.
type Block = Box<dyn Fn() + Sync>;
/// What ends it, called by the worker that was let in.
type End = Box<dyn Fn() + Sync>;

fn main() {
    println!("time from a worker's block to its replacement's first instruction, us, {ROUNDS} rounds each\n");
    println!("{:<34} {:>8} {:>8} {:>8} {:>8}", "way to block", "median", "90 %", "99 %", "most");
    for (name, block, end) in ways() {
        report(name, &replaced(&block, &end));
    }
    monitor_cost();
    herd();
}

fn report(name: &str, times: &Histogram<u64>) {
    let at = |q: f64| times.value_at_quantile(q) as f64 / 1000.0;
    println!(
        "{name:<34} {:>8.1} {:>8.1} {:>8.1} {:>8.1}",
        at(0.5),
        at(0.9),
        at(0.99),
        times.max() as f64 / 1000.0
    );
}

fn ways() -> Vec<(&'static str, Block, End)> {
    let mut ways: Vec<(&'static str, Block, End)> = Vec::new();

    let (ours, theirs) = Socket::pair().unwrap();
    ways.push((
        "own: Overlapped::wait",
        Box::new(move || drop(ours.begin(op::Recv::new(vec![0; 1])).unwrap().wait())),
        Box::new(move || drop(theirs.begin(op::Send::new("x")).unwrap().wait())),
    ));
    let (tell, told) = mpsc::sync_channel::<()>(8);
    let told = std::sync::Mutex::new(told);
    ways.push((
        "declared: blocking(|| ..)",
        Box::new(move || proactor::blocking(|| told.lock().unwrap().recv().unwrap())),
        Box::new(move || tell.send(()).unwrap()),
    ));
    let (read, write) = rustix::pipe::pipe().unwrap();
    ways.push((
        "monitor: read of a pipe",
        Box::new(move || {
            rustix::io::read(read.as_fd(), &mut [0; 1][..]).unwrap();
        }),
        Box::new(move || {
            rustix::io::write(write.as_fd(), b"x").unwrap();
        }),
    ));
    ways.push((
        "monitor: nanosleep, 10 ms",
        Box::new(|| std::thread::sleep(Duration::from_millis(10))),
        Box::new(|| {}),
    ));
    let word: &'static AtomicU32 = Box::leak(Box::new(AtomicU32::new(0)));
    let flags = rustix::thread::futex::Flags::PRIVATE;
    ways.push((
        "monitor: futex",
        Box::new(move || {
            while word.swap(0, SeqCst) == 0 {
                let _ = rustix::thread::futex::wait(word, flags, 0, None);
            }
        }),
        Box::new(move || {
            word.store(1, SeqCst);
            let _ = rustix::thread::futex::wake(word, flags, 1);
        }),
    ));
    ways.push(flock());
    ways.push((
        "monitor: vfork, 10 ms (uninterr.)",
        Box::new(|| {
            // SAFETY: the child shares this thread's stack until it ends: it only sleeps and ends, by system calls
            // that write nothing but their own locals.
            unsafe {
                #[allow(deprecated)]
                let child = libc::vfork();
                if child == 0 {
                    let time = libc::timespec { tv_sec: 0, tv_nsec: 10_000_000 };
                    libc::nanosleep(&time, std::ptr::null_mut());
                    libc::_exit(0);
                }
                libc::waitpid(child, std::ptr::null_mut(), 0);
            }
        }),
        Box::new(|| {}),
    ));
    ways
}

/// The other worker holds the lock from before the block until it is let in; then it lets go, and takes the lock
/// again before the next round, when the first worker is done with it.
fn flock() -> (&'static str, Block, End) {
    use rustix::fs::{FlockOperation, flock};
    let path = std::env::temp_dir().join(format!("proactor-bench-lock-{}", std::process::id()));
    let held: &'static File = Box::leak(Box::new(File::create(&path).unwrap()));
    let wanted = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    flock(held, FlockOperation::LockExclusive).unwrap();
    let done: &'static AtomicU32 = Box::leak(Box::new(AtomicU32::new(0)));
    (
        "monitor: flock",
        Box::new(move || {
            flock(&wanted, FlockOperation::LockExclusive).unwrap();
            flock(&wanted, FlockOperation::Unlock).unwrap();
            done.store(1, SeqCst);
        }),
        Box::new(move || {
            flock(held, FlockOperation::Unlock).unwrap();
            while done.swap(0, SeqCst) == 0 {
                std::thread::yield_now();
            }
            flock(held, FlockOperation::LockExclusive).unwrap();
        }),
    )
}

const BLOCK: usize = 1;
const REPLACE: usize = 2;

fn replaced(block: &Block, end: &End) -> Histogram<u64> {
    let port: Port = Port::new(1).unwrap();
    let begin = Instant::now();
    let blocked_at = AtomicU64::new(0);
    let now = || begin.elapsed().as_nanos() as u64;
    let mut times = Histogram::new(3).unwrap();
    let (report, reported) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (port, blocked_at, report) = (&port, &blocked_at, report.clone());
            scope.spawn(move || {
                while let Some(packet) = port.get().unwrap() {
                    let Op::Posted(what) = packet.op else { unreachable!() };
                    if what == BLOCK {
                        // The packet that the other worker is to take is there before the block.
                        port.post(0, REPLACE).unwrap();
                        blocked_at.store(now(), SeqCst);
                        block();
                        report.send(None).unwrap();
                    } else {
                        let at = now();
                        end();
                        report.send(Some(at - blocked_at.load(SeqCst))).unwrap();
                    }
                }
            });
        }
        for _ in 0..ROUNDS {
            port.post(0, BLOCK).unwrap();
            for _ in 0..2 {
                if let Some(time) = reported.recv().unwrap() {
                    times.record(time).unwrap();
                }
            }
            // Both are parked again, and the monitor has had time to go to sleep now and then.
            while port.snapshot().parked < 2 {
                std::thread::yield_now();
            }
        }
        port.close();
    });
    times
}

/// Processor time of the service thread, in nanoseconds.
fn service_time() -> u64 {
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        if name.trim() == "proactor-servic" {
            let schedstat = std::fs::read_to_string(path.join("schedstat")).unwrap();
            return schedstat.split(' ').next().unwrap().parse().unwrap();
        }
    }
    0
}

/// All seats are busy and work waits; then the same port with nothing to do.
fn monitor_cost() {
    const SECONDS: u64 = 2;
    println!("\nwhat the monitor costs, {SECONDS} s each");
    for seats in [1, 2, 8] {
        let port: Port = Port::new(seats).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..seats + 1 {
                scope.spawn(|| {
                    while let Some(packet) = port.get().unwrap() {
                        let Op::Posted(until) = packet.op else { unreachable!() };
                        // Busy on its processor, never blocked.
                        let begin = Instant::now();
                        while begin.elapsed() < Duration::from_millis(until as u64) {
                            std::hint::spin_loop();
                        }
                    }
                });
            }
            for _ in 0..seats {
                port.post(0, SECONDS as usize * 1000 + 200).unwrap();
            }
            while port.snapshot().running < seats {
                std::thread::yield_now();
            }
            port.post(0, 0).unwrap();
            let (time, ticks) = (service_time(), port.snapshot().monitor_ticks);
            std::thread::sleep(Duration::from_secs(SECONDS));
            let (used, looks) = (service_time() - time, port.snapshot().monitor_ticks - ticks);
            println!(
                "{seats} seats busy, work waits:  {:>5.2} % of a processor, {} looks a second",
                used as f64 / (SECONDS * 10_000_000) as f64,
                looks / SECONDS
            );
            while port.snapshot().running > 0 {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_millis(100));
            let (time, ticks) = (service_time(), port.snapshot().monitor_ticks);
            std::thread::sleep(Duration::from_secs(SECONDS));
            println!(
                "{seats} seats, nothing to do:    {:>5.2} % of a processor, {} looks",
                (service_time() - time) as f64 / (SECONDS * 10_000_000) as f64,
                port.snapshot().monitor_ticks - ticks
            );
            port.close();
        });
    }
}

/// Context switches of all threads of this process so far.
fn switches() -> u64 {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
        sum += status
            .lines()
            .filter(|line| line.contains("ctxt_switches"))
            .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
            .sum::<u64>();
    }
    sum
}

/// Eight parked workers, one producer that posts a packet at a time.
fn herd() {
    const PACKETS: u64 = 20_000;
    println!("\n8 parked workers and one producer, {PACKETS} packets, each posted when the last is handled");
    let port: Port = Port::new(0).unwrap();
    let handled = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(_packet) = port.get().unwrap() {
                    handled.fetch_add(1, SeqCst);
                }
            });
        }
        while port.snapshot().parked < 8 {
            std::thread::yield_now();
        }
        let before = switches();
        for packet in 0..PACKETS {
            port.post(0, 0).unwrap();
            // The producer spins, so that the switches counted are the workers'.
            while handled.load(SeqCst) <= packet {
                std::hint::spin_loop();
            }
        }
        println!("context switches per packet: {:.2}", (switches() - before) as f64 / PACKETS as f64);
        port.close();
    });
}
