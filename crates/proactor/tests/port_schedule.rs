//! Who runs when: order of release, the concurrency limit, and what a worker's seat is given back for.

mod common;
#[path = "common/crew.rs"]
mod crew;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{PATIENCE, eventually, in_own_process};
use crew::{Crew, burn, let_the_monitor_look};
use proactor::{Limits, Port, Status, Workers, blocking};

#[test]
fn s052_the_newest_waiter_is_released_first() {
    let port = Port::new(3).unwrap();
    let crew = Crew::new(&port, 3);
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1]] {
        order.iter().for_each(|worker| crew.park(*worker));
        for worker in order.iter().rev() {
            port.post(7, 0).unwrap();
            assert_eq!(crew.took(), (*worker, Some(7)), "after {order:?}");
        }
    }
}

#[test]
fn s053_a_thread_belongs_to_the_port_it_took_from_last() {
    let (one, other) = (Port::new(2).unwrap(), Port::<usize>::new(2).unwrap());
    let mut crew = Crew::new(&one, 1);
    let poll = |port: &Port| {
        let port = port.clone();
        crew.run(0, move || assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT));
        crew.finish(0);
    };
    let running = || (one.snapshot().running, other.snapshot().running);
    assert_eq!(running(), (0, 0), "no removal, no association");
    poll(&one);
    assert_eq!(running(), (1, 0));
    poll(&other);
    assert_eq!(running(), (0, 1));
    poll(&one);
    assert_eq!(running(), (1, 0));
    crew.end(0);
    assert_eq!(running(), (0, 0), "the thread has ended");
}

#[test]
fn s053_a_closed_port_has_no_members() {
    let port: Port = Port::with_limits(1, Limits { workers: 1, ..Limits::default() }).unwrap();
    let crew = Crew::new(&port, 1);
    crew.park(0);
    port.close();
    assert_eq!(crew.took(), (0, None));
    let counts = port.snapshot();
    assert_eq!((counts.running, counts.parked, counts.blocked), (0, 0, 0));
}

#[test]
fn s056_a_resumed_worker_may_be_one_too_many_and_nobody_new_is_let_in() {
    let port = Port::new(1).unwrap();
    let crew = Crew::new(&port, 3);
    crew.take(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    let (resume, told_to_resume) = channel();
    crew.run(0, move || blocking(|| told_to_resume.recv().unwrap()));
    crew.park(1);
    port.post(2, 0).unwrap();
    assert_eq!(crew.took(), (1, Some(2)), "the first one blocks");
    crew.park(2);

    resume.send(()).unwrap();
    crew.finish(0);
    assert_eq!(port.snapshot().running, 2, "nobody is stopped");
    port.post(3, 0).unwrap();
    let_the_monitor_look(&port);
    crew.assert_nobody_took();

    // One of the two comes back for more: one too many still, it has to wait although a packet is there.
    crew.take(0);
    eventually("it is parked", || port.snapshot().parked == 2);
    let_the_monitor_look(&port);
    crew.assert_nobody_took();
    assert_eq!((port.snapshot().running, port.snapshot().queued), (1, 1));
    crew.take(1);
    assert_eq!(crew.took(), (1, Some(3)), "below the limit again");
}

#[test]
fn s057_s058_at_the_limit_packets_wait_and_the_running_worker_takes_them_in_order() {
    let port = Port::new(1).unwrap();
    let crew = Crew::new(&port, 2);
    crew.park(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    crew.park(1);
    port.post(2, 0).unwrap();
    port.post(3, 0).unwrap();
    let_the_monitor_look(&port);
    crew.assert_nobody_took();
    let counts = port.snapshot();
    assert_eq!((counts.running, counts.parked, counts.queued), (1, 1, 2));
    for key in [2, 3] {
        crew.take(0);
        assert_eq!(crew.took(), (0, Some(key)));
        assert_eq!(port.snapshot().parked, 1, "the waiter was not disturbed");
    }
}

#[test]
fn s059_with_one_seat_and_work_all_the_time_one_thread_does_it_all() {
    const PACKETS: usize = 3000;
    in_own_process("s059_with_one_seat_and_work_all_the_time_one_thread_does_it_all", || {
        let port: Port = Port::new(1).unwrap();
        let go = Arc::new(AtomicBool::new(false));
        let taken = Arc::new([const { AtomicUsize::new(0) }; 4]);
        let next = Arc::new(AtomicUsize::new(0));
        thread_local!(static ME: std::cell::Cell<usize> = const { std::cell::Cell::new(usize::MAX) });
        let workers = {
            let (go, taken) = (go.clone(), taken.clone());
            Workers::start(&port, 4, move |_| {
                if ME.get() == usize::MAX {
                    ME.set(next.fetch_add(1, SeqCst));
                }
                while !go.load(SeqCst) {
                    std::hint::spin_loop();
                }
                burn(Duration::from_micros(20));
                taken[ME.get()].fetch_add(1, SeqCst);
            })
        };
        let workers = workers.unwrap();
        eventually("all are parked", || port.snapshot().parked == 4);
        (0..PACKETS).for_each(|n| port.post(n, 0).unwrap());
        go.store(true, SeqCst);
        eventually("all is done", || taken.iter().map(|n| n.load(SeqCst)).sum::<usize>() == PACKETS);
        assert_eq!(taken[0].load(SeqCst), PACKETS, "the first to come did it all");
        port.close();
        workers.join();
    });
}

#[test]
fn s060_a_thread_that_goes_to_another_port_gives_its_seat_back() {
    let (port, other) = (Port::new(1).unwrap(), Port::<usize>::new(1).unwrap());
    let crew = Crew::new(&port, 2);
    crew.park(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    crew.park(1);
    port.post(2, 0).unwrap();
    let_the_monitor_look(&port);
    crew.assert_nobody_took();
    crew.run(0, move || assert!(other.get_timeout(Duration::ZERO).is_err()));
    assert_eq!(crew.took(), (1, Some(2)));
}

#[test]
fn s061_a_thread_that_ends_gives_its_seat_back() {
    let port = Port::new(1).unwrap();
    let mut crew = Crew::new(&port, 2);
    crew.park(0);
    port.post(1, 0).unwrap();
    assert_eq!(crew.took(), (0, Some(1)));
    crew.park(1);
    port.post(2, 0).unwrap();
    let_the_monitor_look(&port);
    crew.assert_nobody_took();
    crew.end(0);
    assert_eq!(crew.took(), (1, Some(2)));
}

#[test]
fn s063_two_waiters_get_the_first_two_of_three_posts() {
    let port = Port::new(3).unwrap();
    let crew = Crew::new(&port, 3);
    crew.park(0);
    crew.park(1);
    (1..4).for_each(|key| port.post(key, 0).unwrap());
    let mut first_two = [crew.took(), crew.took()];
    first_two.sort_by_key(|took| took.1);
    assert_eq!(first_two, [(1, Some(1)), (0, Some(2))], "newest first");
    crew.take(2);
    assert_eq!(crew.took(), (2, Some(3)));
}

/// Workers that only compute: how many were ever in a handler at once.
fn most_at_once(limit: usize, workers: usize, packets: usize) -> usize {
    let port: Port = Port::new(limit).unwrap();
    let (inside, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let crew = Workers::start(&port, workers, move |_| {
        seen.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
        burn(Duration::from_micros(300));
        inside.fetch_sub(1, SeqCst);
    });
    let crew = crew.unwrap();
    (0..packets).for_each(|n| port.post(n, 0).unwrap());
    eventually("all is done", || port.snapshot().packets == packets as u64 && port.snapshot().running == 0);
    port.close();
    assert_eq!(crew.join(), 0);
    most.load(SeqCst)
}

#[test]
fn the_limit_holds_with_four_busy_workers() {
    in_own_process("the_limit_holds_with_four_busy_workers", || {
        assert_eq!(most_at_once(1, 4, 400), 1);
        assert!(most_at_once(2, 4, 800) <= 2);
        assert!(most_at_once(3, 4, 800) <= 3);
    });
}

#[test]
fn all_seats_are_used_at_once() {
    for limit in [2, 4] {
        let port: Port = Port::new(limit).unwrap();
        let inside = Arc::new(AtomicUsize::new(0));
        let here = inside.clone();
        let workers = Workers::start(&port, limit + 2, move |_| {
            here.fetch_add(1, SeqCst);
            // They leave only together.
            let deadline = std::time::Instant::now() + PATIENCE;
            while here.load(SeqCst) < limit && std::time::Instant::now() < deadline {
                std::thread::yield_now();
            }
        });
        (0..limit).for_each(|n| port.post(n, 0).unwrap());
        eventually("all meet", || inside.load(SeqCst) == limit);
        port.close();
        workers.unwrap().join();
    }
}

#[test]
fn a_worker_without_a_processor_is_not_blocked() {
    in_own_process("a_worker_without_a_processor_is_not_blocked", || {
        let port = Port::new(1).unwrap();
        let crew = Crew::new(&port, 2);
        crew.take(0);
        port.post(1, 0).unwrap();
        assert_eq!(crew.took(), (0, Some(1)));
        crew.park(1);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // It gets only a share of a processor, and for most of the time none at all.
            for _ in 0..3 * proactor::processors() {
                scope.spawn(|| {
                    while !stop.load(SeqCst) {
                        std::hint::spin_loop();
                    }
                });
            }
            crew.run(0, || burn(Duration::from_millis(400)));
            port.post(2, 0).unwrap();
            let before = port.snapshot().monitor_ticks;
            crew.take(0);
            let took = crew.took();
            stop.store(true, SeqCst);
            assert_eq!(took, (0, Some(2)), "the same one took it, once it had time");
            assert!(port.snapshot().monitor_ticks > before + 10, "the monitor has looked");
            assert_eq!(port.snapshot().found_blocked, 0);
        });
    });
}

#[test]
fn an_idle_port_costs_no_looks() {
    let port: Port = Port::new(2).unwrap();
    let workers = Workers::start(&port, 3, |_| std::thread::sleep(Duration::from_millis(2))).unwrap();
    (0..20).for_each(|n| port.post(n, 0).unwrap());
    let mut ticks = 0;
    eventually("the monitor has stopped", || {
        std::thread::sleep(Duration::from_millis(30));
        let before = std::mem::replace(&mut ticks, port.snapshot().monitor_ticks);
        port.snapshot().packets == 20 && before == ticks
    });
    // All three wait, so nothing but a timer of the monitor's own could make it look in this time.
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(port.snapshot().monitor_ticks, ticks);
    port.close();
    workers.join();
}
