//! A worker of a port that sleeps in one of the locks is replaced at once, and says so itself: one seat, two
//! workers, and a first packet whose handler ends only after the second packet's.

mod common;

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;

use common::PATIENCE;
use proactor::Port;
use proactor::sync::{Barrier, Begun, Condvar, CriticalSection, Once, RwLock, wait_on_address, wake_one};

/// Blocks the handler of the first packet in `block`; the handler of the second lets it go on by `unblock`.
fn lets_another_in(block: impl Fn() + Sync, unblock: impl Fn() + Sync) {
    let port: Port = Port::new(1).unwrap();
    let (tell, told) = channel();
    thread::scope(|scope| {
        for _ in 0..2 {
            let (port, tell, block, unblock) = (&port, tell.clone(), &block, &unblock);
            scope.spawn(move || {
                while let Some(packet) = port.get().unwrap() {
                    if packet.key == 1 {
                        block()
                    } else {
                        unblock()
                    }
                    tell.send(packet.key).unwrap();
                }
            });
        }
        port.post(1, 0).unwrap();
        port.post(2, 0).unwrap();
        let ended = [told.recv_timeout(PATIENCE), told.recv_timeout(PATIENCE)];
        let counts = port.snapshot();
        port.close();
        assert!(ended.contains(&Ok(1)) && ended.contains(&Ok(2)), "another worker was let in: {ended:?}");
        assert!(counts.declared_blocked >= 1, "{counts:?}");
    });
}

/// Holds something in a thread of its own until it is told to let go.
fn held_until<R>(hold: impl FnOnce() -> R + Send, then: impl FnOnce(&(dyn Fn() + Sync))) {
    let (let_go, told) = channel::<()>();
    let (tell, holds) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let held = hold();
            tell.send(()).unwrap();
            told.recv_timeout(PATIENCE).unwrap();
            drop(held);
        });
        holds.recv_timeout(PATIENCE).unwrap();
        let let_go = std::sync::Mutex::new(let_go);
        then(&|| let_go.lock().unwrap().send(()).unwrap());
    });
}

#[test]
fn a_critical_section() {
    let section = CriticalSection::new(());
    held_until(|| section.enter(), |let_go| lets_another_in(|| drop(section.enter()), let_go));
}

#[test]
fn a_reader_writer_lock_in_each_mode() {
    let lock = RwLock::new(());
    held_until(|| lock.write(), |let_go| lets_another_in(|| drop(lock.read()), let_go));
    held_until(|| lock.write(), |let_go| lets_another_in(|| drop(lock.write()), let_go));
    held_until(|| lock.read(), |let_go| lets_another_in(|| drop(lock.write()), let_go));
}

#[test]
fn a_condition_variable_of_ours() {
    let (ready, changed) = (RwLock::new(false), Condvar::new());
    let wait = || {
        let mut ready = ready.read();
        while !*ready {
            changed.wait(&mut ready);
        }
    };
    let wake = || {
        *ready.write() = true;
        changed.wake_all();
    };
    lets_another_in(wait, wake);
}

#[test]
fn a_barrier() {
    let barrier = Barrier::new(2).unwrap();
    lets_another_in(
        || {
            barrier.wait();
        },
        || {
            barrier.wait();
        },
    );
}

#[test]
fn an_address() {
    let word = AtomicU32::new(0);
    let wait = || {
        while word.load(SeqCst) == 0 {
            wait_on_address(&word, 0, None).unwrap();
        }
    };
    let wake = || {
        word.store(1, SeqCst);
        wake_one(&word);
    };
    lets_another_in(wait, wake);
}

#[test]
fn a_one_time_initialisation() {
    let once = Once::new();
    assert_eq!(once.begin(), Ok(Begun::Pending));
    lets_another_in(|| assert_eq!(once.begin(), Ok(Begun::Done(16))), || once.complete(16).unwrap());
}
