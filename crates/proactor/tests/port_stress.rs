//! Many at once: no packet is lost, none is taken twice, and the order of each poster holds.

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, Random, eventually};
use proactor::{Port, Status, blocking};

/// One packet at a time, each on its own: if its wake-up were lost, nothing else would come to make up for it.
#[test]
fn a_posted_packet_is_never_lost() {
    const ROUNDS: usize = 20_000;
    for seats in [1, 2] {
        let port: Port = Port::new(seats).unwrap();
        let taken = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some(packet) = port.get().unwrap() {
                        assert_eq!(packet.key, taken.load(Relaxed));
                        taken.fetch_add(1, Release);
                    }
                });
            }
            let mut random = Random::new(seats as u64);
            let lost = (0..ROUNDS).find(|round| {
                // Sometimes it comes while the worker is still awake, sometimes when it sleeps.
                for _ in 0..random.below(300) {
                    std::hint::spin_loop();
                }
                port.post(*round, 0).unwrap();
                let deadline = Instant::now() + PATIENCE;
                while taken.load(Acquire) <= *round && Instant::now() < deadline {
                    thread::yield_now();
                }
                taken.load(Acquire) <= *round
            });
            port.close();
            assert_eq!(lost, None);
        });
    }
}

const POSTERS: usize = 4;
const EACH: usize = 50_000;

/// What a worker of the crowd does with a packet: mostly nothing, now and then it blocks or goes elsewhere.
fn handle(random: &mut Random, elsewhere: &Port) {
    match random.below(2000) {
        0 => thread::sleep(Duration::from_micros(200)),
        1..4 => blocking(|| thread::sleep(Duration::from_micros(50))),
        4..8 => blocking(thread::yield_now),
        8 => assert_eq!(elsewhere.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT),
        _ => {}
    }
}

#[test]
fn a_crowd_takes_each_packet_exactly_once() {
    let (port, elsewhere): (Port, Port) = (Port::new(2).unwrap(), Port::new(8).unwrap());
    let seen: Vec<AtomicU8> = (0..POSTERS * EACH).map(|_| AtomicU8::new(0)).collect();
    let all = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for worker in 0..8 {
            let (port, elsewhere, seen, all, done) = (&port, &elsewhere, &seen, &all, &done);
            scope.spawn(move || {
                let mut random = Random::new(worker);
                while !done.load(Acquire) {
                    // A life of some thousand packets; then the thread ends, and another takes its place.
                    thread::scope(|scope| {
                        scope.spawn(|| {
                            for _ in 0..1000 + random.below(3000) {
                                let Some(packet) = port.get().unwrap() else { return };
                                seen[packet.key].fetch_add(1, Relaxed);
                                all.fetch_add(1, Release);
                                handle(&mut random, elsewhere);
                            }
                        });
                    });
                }
            });
        }
        for poster in 0..POSTERS {
            let port = &port;
            scope.spawn(move || (0..EACH).for_each(|n| port.post(poster * EACH + n, 0).unwrap()));
        }
        let deadline = Instant::now() + 3 * PATIENCE;
        while all.load(Acquire) < POSTERS * EACH && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        done.store(true, Release);
        port.close();
    });
    let lost = seen.iter().filter(|seen| seen.load(Relaxed) == 0).count();
    let doubled = seen.iter().filter(|seen| seen.load(Relaxed) > 1).count();
    assert_eq!((lost, doubled), (0, 0));
    let counts = port.snapshot();
    assert_eq!((counts.running, counts.blocked, counts.parked, counts.queued), (0, 0, 0, 0));
}

#[test]
fn one_worker_sees_each_posters_packets_in_order() {
    let port: Port = Port::new(1).unwrap();
    let last = Mutex::new([None; POSTERS]);
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while let Some(packet) = port.get().unwrap() {
                let last = &mut last.lock().unwrap()[packet.key / EACH];
                assert!(last.is_none_or(|last| last < packet.key), "{last:?} came before {}", packet.key);
                *last = Some(packet.key);
                taken.fetch_add(1, Release);
            }
        });
        let posters: Vec<_> = (0..POSTERS)
            .map(|poster| {
                let port = &port;
                scope.spawn(move || (0..EACH).for_each(|n| port.post(poster * EACH + n, 0).unwrap()))
            })
            .collect();
        posters.into_iter().for_each(|poster| poster.join().unwrap());
        eventually("all is taken", || taken.load(Acquire) == POSTERS * EACH);
        port.close();
    });
}
