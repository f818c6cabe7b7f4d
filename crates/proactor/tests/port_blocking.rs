//! A worker that blocks lets another in, however it blocks: one seat, two workers, and a first packet whose
//! handler ends only after the second packet's.

mod common;
#[path = "common/crew.rs"]
mod crew;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, eventually};
use crew::{Closes, kernel_id, state_of};
use proactor::diagnose::PortSnapshot;
use proactor::{Packet, Pipe, Port, Status, blocking, op};

/// Runs `block` as the handler of the first packet; the second packet's has to end before it. `unblock` ends the
/// first.
fn lets_another_in(block: impl FnOnce(&Port) + Send, unblock: impl FnOnce()) -> PortSnapshot {
    let port: Port = Port::new(1).unwrap();
    let (tell, told) = channel();
    let block = Mutex::new(Some(block));
    thread::scope(|scope| {
        let _closes = Closes(&port);
        for _ in 0..2 {
            let tell = tell.clone();
            let (port, block) = (&port, &block);
            scope.spawn(move || {
                while let Some(packet) = port.get().unwrap() {
                    if packet.key == 1 {
                        let block = block.lock().unwrap().take().unwrap();
                        block(port);
                    }
                    tell.send(packet.key).unwrap();
                }
            });
        }
        port.post(1, 0).unwrap();
        port.post(2, 0).unwrap();
        let first = told.recv_timeout(PATIENCE);
        unblock();
        assert_eq!(first, Ok(2), "another worker was let in");
        assert_eq!(told.recv_timeout(PATIENCE), Ok(1));
        port.snapshot()
    })
}

#[test]
fn s054_s055_a_raw_read_of_a_pipe() {
    let (read, write) = rustix::pipe::pipe().unwrap();
    let counts = lets_another_in(
        |_| assert_eq!(rustix::io::read(&read, &mut [0; 8]), Ok(1)),
        || assert_eq!(rustix::io::write(&write, b"x"), Ok(1)),
    );
    assert!(counts.found_blocked >= 1 && counts.declared_blocked == 0, "{counts:?}");
}

#[test]
fn s055_a_sleep() {
    let counts = lets_another_in(|_| thread::sleep(Duration::from_millis(300)), || ());
    assert!(counts.found_blocked >= 1, "{counts:?}");
}

#[test]
fn s055_a_mutex() {
    let mutex = Mutex::new(());
    let held = mutex.lock().unwrap();
    let counts = lets_another_in(|_| drop(mutex.lock().unwrap()), || drop(held));
    assert!(counts.found_blocked >= 1, "{counts:?}");
}

#[test]
fn s055_a_condition_variable() {
    let (flag, changed) = (Mutex::new(false), Condvar::new());
    let wait = |_: &Port| drop(changed.wait_while(flag.lock().unwrap(), |flag| !*flag).unwrap());
    let signal = || {
        *flag.lock().unwrap() = true;
        changed.notify_all();
    };
    let counts = lets_another_in(wait, signal);
    assert!(counts.found_blocked >= 1, "{counts:?}");
}

#[test]
fn s055_a_park() {
    let sleeper = Mutex::new(None);
    let park = |_: &Port| {
        *sleeper.lock().unwrap() = Some(thread::current());
        thread::park();
    };
    // If nobody was let in, it never parked either; then there is nothing to end.
    lets_another_in(park, || sleeper.lock().unwrap().iter().for_each(thread::Thread::unpark));
}

#[test]
fn s055_a_file_lock() {
    let path = std::env::temp_dir().join(format!("proactor-flock-{}", std::process::id()));
    let (ours, theirs) = (std::fs::File::create(&path).unwrap(), std::fs::File::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    ours.lock().unwrap();
    let counts = lets_another_in(|_| theirs.lock().unwrap(), || ours.unlock().unwrap());
    assert!(counts.found_blocked >= 1, "{counts:?}");
}

/// Holds a write lease on a program: whoever opens it, to run it for instance, waits until the lease is given up.
const HOLD_LEASE: &str = "
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
sys.stdin.readline()
";

/// A thread that starts a program sleeps without interruption until the program runs (`vfork`).
#[test]
fn s055_an_uninterruptible_wait() {
    let program = std::env::temp_dir().join(format!("proactor-true-{}", std::process::id()));
    std::fs::copy("/bin/true", &program).unwrap();
    let mut holder = Command::new("python3")
        .args(["-c", HOLD_LEASE])
        .arg(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n", "this file system grants no leases");
    let (tell, told) = channel();
    let run = |_: &Port| {
        tell.send(kernel_id()).unwrap();
        assert!(Command::new(&program).status().unwrap().success());
    };
    let give_up = || {
        let starter = told.recv_timeout(PATIENCE).unwrap();
        eventually("it can't be interrupted", || state_of(starter) == 'D');
        // Not by closing it: the child that waits to become the program has a copy of this pipe.
        holder.stdin.take().unwrap().write_all(b"enough\n").unwrap();
    };
    let counts = lets_another_in(run, give_up);
    holder.wait().unwrap();
    std::fs::remove_file(&program).unwrap();
    assert!(counts.found_blocked >= 1, "{counts:?}");
}

#[test]
fn blocking_says_so_and_costs_no_look() {
    for through_the_port in [true, false] {
        let (tell, told) = channel::<()>();
        let wait = move || told.recv().unwrap();
        let counts = lets_another_in(
            |port| if through_the_port { port.blocking(wait) } else { blocking(wait) },
            || tell.send(()).unwrap(),
        );
        assert!(counts.declared_blocked >= 1, "{counts:?}");
    }
}

#[test]
fn an_overlapped_wait_says_that_it_blocks() {
    let (reader, writer) = Pipe::pair().unwrap();
    let counts = lets_another_in(
        |_| assert_eq!(reader.begin(op::Recv::new(vec![0; 8])).unwrap().wait().data(), b"x"),
        || drop(writer.begin(op::Send::new("x")).unwrap().wait()),
    );
    assert!(counts.declared_blocked >= 1, "{counts:?}");
}

#[test]
fn blocking_inside_blocking_gives_one_seat_up() {
    let (tell, told) = channel::<()>();
    let counts =
        lets_another_in(move |_| blocking(|| blocking(|| told.recv().unwrap())), || tell.send(()).unwrap());
    assert_eq!(counts.declared_blocked, 1, "{counts:?}");
}

#[test]
fn blocking_in_a_thread_that_is_no_worker_just_runs() {
    assert_eq!(blocking(|| 42), 42);
}

#[test]
fn a_panic_while_blocking_leaves_the_seats_as_they_were() {
    let port: Port = Port::new(1).unwrap();
    port.post(1, 0).unwrap();
    assert_eq!(port.get_timeout(PATIENCE).unwrap().key, 1);
    let panicked =
        std::panic::catch_unwind(|| blocking(|| std::panic::resume_unwind(Box::new("as expected"))));
    assert!(panicked.is_err());
    assert_eq!((port.snapshot().running, port.snapshot().blocked), (1, 0));
    // The seat is this thread's: it takes the next packet with it.
    port.post(2, 0).unwrap();
    assert_eq!(port.get_timeout(PATIENCE).unwrap().key, 2);
}

#[test]
fn a_worker_found_blocked_is_counted_in_when_it_runs_again() {
    let port: Port = Port::new(1).unwrap();
    let crew = crew::Crew::new(&port, 2);
    crew.park(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    crew.park(1);
    let (tell, told) = channel::<()>();
    crew.run(0, move || told.recv().unwrap());
    port.post(2, 0).unwrap();
    assert_eq!(crew.took(), (1, Some(2)));
    assert_eq!((port.snapshot().running, port.snapshot().blocked), (1, 1));
    tell.send(()).unwrap();
    // Both run now, more than the limit; work that waits makes the monitor look.
    crew.finish(0);
    port.post(3, 0).unwrap();
    crew.take(0);
    let taken = eventually_counts(&port);
    crew.assert_nobody_took();
    assert_eq!(taken, (1, 1), "it gave its seat back and waits behind the one that runs");
    crew.take(1);
    assert_eq!(crew.took(), (1, Some(3)));
}

fn eventually_counts(port: &Port) -> (usize, usize) {
    let counts = || (port.snapshot().running, port.snapshot().parked);
    eventually("one is parked", || counts().1 == 1);
    crew::let_the_monitor_look(port);
    counts()
}

#[test]
fn work_that_the_running_worker_was_to_reach_soon_does_not_wait_for_ever() {
    // Handlers that took no time at all make a wake seem not worth it; then one of them never ends.
    let port: Port = Port::new(2).unwrap();
    let (tell, told) = channel();
    let gate = Arc::new(Mutex::new(()));
    let workers = {
        let gate = gate.clone();
        proactor::Workers::start(&port, 2, move |Packet { key, .. }| {
            if key == 1 {
                drop(gate.lock().unwrap());
            }
            tell.send(key).unwrap();
        })
    };
    let workers = workers.unwrap();
    (0..2000).for_each(|_| port.post(0, 0).unwrap());
    (0..2000).for_each(|_| assert_eq!(told.recv_timeout(PATIENCE), Ok(0)));
    let held = gate.lock().unwrap();
    port.post(1, 0).unwrap();
    port.post(2, 0).unwrap();
    let second = told.recv_timeout(PATIENCE);
    drop(held);
    assert_eq!(second, Ok(2));
    assert_eq!(told.recv_timeout(PATIENCE), Ok(1));
    port.close();
    workers.join();
}

#[test]
fn a_seat_is_not_given_up_twice() {
    let port: Port = Port::new(1).unwrap();
    let (tell, told) = channel::<()>();
    let crew = crew::Crew::new(&port, 2);
    crew.park(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    crew.park(1);
    // The monitor finds it blocked in a raw wait, and then it says that it blocks.
    let (first, first_told) = channel::<()>();
    crew.run(0, move || {
        first_told.recv().unwrap();
        blocking(|| told.recv().unwrap());
    });
    port.post(2, 0).unwrap();
    assert_eq!(crew.took(), (1, Some(2)));
    first.send(()).unwrap();
    eventually("it says so", || port.snapshot().blocked == 1 && port.snapshot().running == 1);
    tell.send(()).unwrap();
    crew.finish(0);
    assert_eq!(port.snapshot().blocked, 0);
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT);
}
