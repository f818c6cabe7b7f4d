//! Wait chains and deadlocks, made of real threads that wait for real things.

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::{eventually, in_own_process};
use proactor::diagnose::{
    self, ChainNode, MOST_NODES, ObjectOwner, ThreadInfo, ThreadState, deadlocks, threads, wait_chain,
};
use proactor::object::{self, Event, Mutex, Semaphore, Thread, Waitable, wait_all, wait_any, wait_one};
use proactor::sync::{CriticalSection, RwLock};
use proactor::{Socket, Status, Wait, op};

/// The thread of that name, once it is there and `holds` of it.
fn thread_when(name: &str, mut holds: impl FnMut(&ThreadInfo) -> bool) -> ThreadInfo {
    let mut found = None;
    eventually(&format!("thread {name} is as it should be"), || {
        found = threads().into_iter().find(|thread| thread.name == name && holds(thread));
        found.is_some()
    });
    found.unwrap()
}

/// The thread of that name, once it waits for `count` objects.
fn waiting_for(name: &str, count: usize) -> ThreadInfo {
    thread_when(name, |thread| {
        thread.state == ThreadState::Blocked
            && thread.waits.last().is_some_and(|wait| wait.objects.len() == count)
    })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::Builder::new().name(name.into()).spawn(work).unwrap()
}

/// What stands at each node: the name of a thread or the kind of an object.
fn nodes(thread: &ThreadInfo) -> Vec<String> {
    let chain = wait_chain(thread.id).unwrap();
    let text = |node: &ChainNode| match node {
        ChainNode::Thread { name, .. } => name.clone().unwrap_or_default(),
        ChainNode::Object(object) => object.kind.clone(),
        _ => unreachable!(),
    };
    chain.nodes.iter().map(text).collect()
}

#[test]
fn s434_a_chain_alternates_from_the_thread_that_was_asked_about() {
    in_own_process("s434_a_chain_alternates_from_the_thread_that_was_asked_about", || {
        let (first, second) = (Mutex::new(false), Arc::new(CriticalSection::new(())));
        let (held, end) = (Arc::new(Barrier::new(3)), Event::manual(false));
        // c runs (it holds the section and is in nobody's wait), b holds the mutex and waits for the section, and a
        // waits for the mutex.
        let c = {
            let (second, held, end) = (second.clone(), held.clone(), end.clone());
            spawn("c", move || {
                // A thread that has never owned or waited for anything is not known by the lock it is in.
                let _known = Mutex::new(true);
                let inside = second.enter();
                held.wait();
                while !end.is_set() {
                    thread::yield_now();
                }
                drop(inside);
            })
        };
        let b = {
            let (first, second, held) = (first.clone(), second.clone(), held.clone());
            spawn("b", move || {
                wait_one(&first, Wait::FOREVER).unwrap();
                held.wait();
                drop(second.enter());
                first.release().unwrap();
            })
        };
        held.wait();
        let a = {
            let first = first.clone();
            spawn("a", move || {
                wait_one(&first, Wait::FOREVER).unwrap();
                first.release().unwrap();
            })
        };
        let (in_b, in_a) = (waiting_for("b", 1), waiting_for("a", 1));
        // Until b is found to own the mutex, which it did long before.
        eventually("the chain is whole", || nodes(&in_a).len() == 5);
        assert_eq!(nodes(&in_a), ["a", "mutex", "b", "critical section", "c"]);
        assert_eq!(nodes(&in_b), ["b", "critical section", "c"]);
        let chain = wait_chain(in_a.id).unwrap();
        assert!(!chain.is_cycle && !chain.truncated);
        assert!(matches!(chain.nodes[0], ChainNode::Thread { id, .. } if id == in_a.id));
        let text = chain.to_string();
        assert!(text.starts_with("a (thread ") && text.contains(", held by b (thread "), "{text}");
        // Who runs is a chain of one.
        let in_c = thread_when("c", |thread| thread.state == ThreadState::Running);
        assert_eq!(nodes(&in_c), ["c"]);
        assert!(in_b.owns.iter().any(|object| object.kind == "mutex"), "{in_b:?}");
        end.set();
        [a, b, c].into_iter().for_each(|thread| thread.join().unwrap());
        assert!(deadlocks().is_empty());
    });
}

/// Threads that hold one mutex each and want the next one's. When all of them do, it is a circle; but each can be
/// called out of its wait, which no chain can know of.
struct Ring {
    name: &'static str,
    threads: Vec<thread::JoinHandle<()>>,
    calls: Vec<Thread>,
    stop: Event,
}

impl Ring {
    /// `count` threads, of which the first `wants` want the next one's mutex; the others wait for an event. All wait.
    fn start(name: &'static str, count: usize, wants: usize) -> Ring {
        Ring::of(name, (0..count).map(|_| Mutex::new(false)).collect(), wants)
    }

    fn of(name: &'static str, mutexes: Vec<Mutex>, wants: usize) -> Ring {
        let count = mutexes.len();
        let (held, stop) = (Arc::new(Barrier::new(count)), Event::manual(false));
        let (tell, told) = channel();
        let threads = (0..count).map(|number| {
            let (mine, next) = (mutexes[number].clone(), mutexes[(number + 1) % count].clone());
            let (held, stop, tell) = (held.clone(), stop.clone(), tell.clone());
            spawn(&format!("{name}-{number}"), move || {
                wait_one(&mine, Wait::FOREVER).unwrap();
                held.wait();
                tell.send(Thread::current()).unwrap();
                let object: &dyn Waitable = if number < wants { &next } else { &stop };
                match wait_one(object, Wait::FOREVER.alertably()) {
                    Ok(_) if number < wants => drop(next.release()),
                    end => assert!(end.is_ok() || end == Err(Status::USER_APC), "{end:?}"),
                }
                mine.release().unwrap();
            })
        });
        let threads = threads.collect();
        let calls = (0..count).map(|_| told.recv().unwrap()).collect();
        let ring = Ring { name, threads, calls, stop };
        (0..count).for_each(|number| drop(ring.thread(number)));
        ring
    }

    /// One of them, waiting.
    fn thread(&self, number: usize) -> ThreadInfo {
        waiting_for(&format!("{}-{number}", self.name), 1)
    }

    /// Calls all of them out of their waits; where nothing is stuck some have ended by themselves.
    fn end(self) {
        self.stop.set();
        for call in &self.calls {
            let _ = call.queue_apc(|| {});
        }
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn s435_a_circle_is_a_deadlock_with_what_each_holds() {
    in_own_process("s435_a_circle_is_a_deadlock_with_what_each_holds", || {
        let ring = Ring::start("ring", 3, 3);
        eventually("the circle is closed", || deadlocks().len() == 1);
        let deadlock = deadlocks().swap_remove(0);
        assert_eq!(deadlock.threads.len(), 3);
        for (number, thread) in deadlock.threads.iter().enumerate() {
            let next = &deadlock.threads[(number + 1) % 3];
            let wanted = &thread.waits.objects[0];
            assert_eq!(wanted.owner, Some(ObjectOwner::Thread(next.id)));
            assert!(next.holds.iter().any(|held| held.id == wanted.id && held.kind == "mutex"), "{deadlock}");
        }
        let text = deadlock.to_string();
        for name in ["ring-0 (thread ", "ring-1 (thread ", "ring-2 (thread "] {
            assert!(text.contains(name), "{text}");
        }
        let chain = wait_chain(ring.thread(1).id).unwrap();
        assert!(chain.is_cycle && chain.nodes.len() == 6, "{chain}");
        ring.end();
        assert!(deadlocks().is_empty());
    });
}

#[test]
fn s435_a_chain_into_a_circle_is_one_and_its_thread_is_not_in_the_deadlock() {
    in_own_process("s435_a_chain_into_a_circle_is_one_and_its_thread_is_not_in_the_deadlock", || {
        let ring = Ring::start("ring", 2, 2);
        let behind = ring.calls[0].clone();
        let joiner = spawn("joiner", move || assert!(wait_one(&behind, Wait::FOREVER).is_ok()));
        let joiner_seen = waiting_for("joiner", 1);
        eventually("the circle is closed", || deadlocks().len() == 1);
        let chain = wait_chain(joiner_seen.id).unwrap();
        assert!(chain.is_cycle, "{chain}");
        assert_eq!(nodes(&joiner_seen)[..2], ["joiner", "thread"]);
        assert!(deadlocks()[0].threads.iter().all(|thread| thread.name != "joiner"));
        ring.end();
        joiner.join().unwrap();
    });
}

#[test]
fn s436_at_most_sixteen_nodes_are_given_and_what_is_given_is_valid() {
    in_own_process("s436_at_most_sixteen_nodes_are_given_and_what_is_given_is_valid", || {
        let ring = Ring::start("ring", 12, 11);
        eventually("the chain from its middle is whole", || nodes(&ring.thread(5)).len() == 14);
        let fits = wait_chain(ring.thread(5).id).unwrap();
        assert!(!fits.truncated, "{fits}");
        let cut = wait_chain(ring.thread(0).id).unwrap();
        assert!(cut.truncated && !cut.is_cycle && cut.nodes.len() == MOST_NODES);
        for (number, node) in cut.nodes.iter().enumerate() {
            match node {
                ChainNode::Thread { name, .. } => {
                    assert_eq!(name.as_deref(), Some(&*format!("ring-{}", number / 2)));
                }
                ChainNode::Object(object) => assert!(number % 2 == 1 && object.kind == "mutex"),
                _ => unreachable!(),
            }
        }
        ring.end();
    });
}

#[test]
fn s437_an_unknown_thread_is_not_found_and_a_long_chain_keeps_its_beginning() {
    in_own_process("s437_an_unknown_thread_is_not_found_and_a_long_chain_keeps_its_beginning", || {
        assert_eq!(wait_chain(0), Err(Status::NOT_FOUND));
        assert_eq!(wait_chain(u32::MAX), Err(Status::NOT_FOUND));
        let gone = Thread::spawn(|| 0).unwrap();
        wait_one(&gone, Wait::FOREVER).unwrap();
        // Also a circle is cut when it has more threads than a chain has room for; it is a deadlock all the same.
        let ring = Ring::start("ring", 10, 10);
        eventually("the circle is closed", || deadlocks().len() == 1);
        assert_eq!(deadlocks()[0].threads.len(), 10);
        let chain = wait_chain(ring.thread(3).id).unwrap();
        assert!(chain.truncated && chain.nodes.len() == MOST_NODES);
        assert!(matches!(&chain.nodes[0], ChainNode::Thread { name: Some(name), .. } if name == "ring-3"));
        ring.end();
    });
}

#[test]
fn s439_a_chain_stops_at_the_first_thread_of_another_process() {
    const TEST: &str = "s439_a_chain_stops_at_the_first_thread_of_another_process";
    const OWNER: &str = "PROACTOR_TEST_OWNER_OF_THE_MUTEX";
    in_own_process(TEST, || {
        if std::env::var_os(OWNER).is_some() {
            let (mutex, _) = Mutex::create_named("theirs", true).unwrap();
            println!(
                "\nowned by {}",
                diagnose::threads().iter().find(|thread| !thread.owns.is_empty()).unwrap().id
            );
            // Until the other process is done with this one.
            let _ = std::io::stdin().read_to_string(&mut String::new());
            mutex.release().unwrap();
            return;
        }
        let place = std::env::temp_dir().join(format!("proactor-chain-{}", std::process::id()));
        object::set_namespace(&place).unwrap();
        let mut owner = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
            .env(OWNER, "yes")
            .env("PROACTOR_NAMESPACE", &place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Kept, so that what the other process says at its end finds a reader.
        let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
        let thread: u32 = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("owned by ")?.parse().ok())
            .expect("the other process owns the mutex");
        let mutex = Mutex::open("theirs").unwrap();
        let waiter = spawn("waiter", move || {
            let _ = wait_one(&mutex, Wait::FOREVER).unwrap();
            mutex.release().unwrap();
        });
        let seen = waiting_for("waiter", 1);
        let mut chain = wait_chain(seen.id).unwrap();
        eventually("the chain is whole", || {
            chain = wait_chain(seen.id).unwrap();
            chain.nodes.len() == 3
        });
        assert!(!chain.is_cycle && !chain.truncated);
        let ChainNode::Thread { id, name, foreign, .. } = &chain.nodes[2] else { panic!("{chain}") };
        assert_eq!((*id, name, *foreign), (thread, &None, Some(owner.id())));
        let end = format!("waits for mutex \"theirs\", held by thread {thread} of process {}", owner.id());
        assert!(chain.to_string().ends_with(&end), "{chain}");
        assert!(deadlocks().is_empty());
        drop(owner.stdin.take());
        waiter.join().unwrap();
        assert!(owner.wait().unwrap().success());
        std::fs::remove_dir_all(place).unwrap();
    });
}

#[test]
fn a_circle_through_objects_with_names_is_found_at_the_first_look() {
    in_own_process("a_circle_through_objects_with_names_is_found_at_the_first_look", || {
        let place = std::env::temp_dir().join(format!("proactor-named-{}", std::process::id()));
        object::set_namespace(&place).unwrap();
        let make = |name| Mutex::create_named(name, false).unwrap().0;
        let ring = Ring::of("named", vec![make("first"), make("second")], 2);
        eventually("the circle is closed", || deadlocks().len() == 1);
        // Such waits are taken up anew now and then, and that must not hide them.
        for _ in 0..500 {
            let found = deadlocks();
            assert_eq!(found.len(), 1);
            assert!(found[0].to_string().contains("holds mutex \"first\" and waits for mutex \"second\""));
        }
        ring.end();
        std::fs::remove_dir_all(place).unwrap();
    });
}

#[test]
fn s440_locks_mutexes_and_threads_have_owners_and_events_semaphores_and_io_have_none() {
    in_own_process(
        "s440_locks_mutexes_and_threads_have_owners_and_events_semaphores_and_io_have_none",
        || {
            let end = Event::manual(false);
            let holder_has = Arc::new(Barrier::new(2));
            let (mutex, section) = (Mutex::new(false), Arc::new(CriticalSection::new(())));
            let lock = Arc::new(RwLock::new(()));
            let (tell, told) = channel();
            let holder = {
                let (mutex, section, lock) = (mutex.clone(), section.clone(), lock.clone());
                let (end, has) = (end.clone(), holder_has.clone());
                spawn("holder", move || {
                    wait_one(&mutex, Wait::FOREVER).unwrap();
                    let (inside, written) = (section.enter(), lock.write());
                    tell.send(Thread::current()).unwrap();
                    has.wait();
                    wait_one(&end, Wait::FOREVER).unwrap();
                    drop((inside, written));
                    mutex.release().unwrap();
                })
            };
            holder_has.wait();
            let its = told.recv().unwrap();
            let of_holder = Some(ObjectOwner::Thread(waiting_for("holder", 1).id));
            let (semaphore, event) = (Semaphore::new(0, 1).unwrap(), Event::auto(false));
            let (ours, theirs) = Socket::pair().unwrap();
            let recv = ours.begin(op::Recv::new(vec![0; 8])).unwrap();
            let waiters = [
                spawn("mutex", {
                    let mutex = mutex.clone();
                    move || {
                        wait_one(&mutex, Wait::FOREVER).unwrap();
                        mutex.release().unwrap();
                    }
                }),
                spawn("section", move || drop(section.enter())),
                spawn("lock", move || drop(lock.write())),
                spawn("join", move || {
                    wait_one(&its, Wait::FOREVER).unwrap();
                }),
                spawn("semaphore", {
                    let semaphore = semaphore.clone();
                    move || {
                        wait_one(&semaphore, Wait::FOREVER).unwrap();
                    }
                }),
                spawn("event", {
                    let event = event.clone();
                    move || {
                        wait_one(&event, Wait::FOREVER).unwrap();
                    }
                }),
                spawn("io", move || assert_eq!(recv.wait().data(), b"over")),
            ];
            let expected = [
                ("mutex", "mutex", of_holder),
                ("section", "critical section", of_holder),
                ("lock", "reader-writer lock", of_holder),
                ("join", "thread", of_holder),
                ("semaphore", "semaphore", None),
                ("event", "event", None),
                ("io", "pending receive on socket", None),
            ];
            for (name, kind, owner) in expected {
                let waiter = thread_when(name, |thread| {
                    let object = thread.waits.last().and_then(|wait| wait.objects.first());
                    object.is_some_and(|object| object.kind == kind && object.owner == owner)
                });
                // Where nobody owns what it waits for, the chain ends there.
                let nodes = nodes(&waiter);
                assert_eq!(nodes.len(), if owner.is_some() { 4 } else { 2 }, "{nodes:?}");
            }
            assert!(deadlocks().is_empty());
            end.set();
            event.set();
            semaphore.release(1).unwrap();
            theirs.begin(op::Send::new("over")).unwrap().wait();
            waiters.into_iter().chain([holder]).for_each(|thread| thread.join().unwrap());
        },
    );
}

#[test]
fn s441_a_chain_is_a_snapshot() {
    in_own_process("s441_a_chain_is_a_snapshot", || {
        let ring = Ring::start("ring", 2, 1);
        let seen = ring.thread(0);
        eventually("the chain is whole", || nodes(&seen).len() == 4);
        let chain = wait_chain(seen.id).unwrap();
        ring.end();
        assert_eq!(chain.nodes.len(), 4, "what was taken stays");
        assert_eq!(wait_chain(seen.id), Err(Status::NOT_FOUND), "and what is there now is something else");
    });
}

#[test]
fn s441_waits_that_come_and_go_never_look_like_a_circle() {
    in_own_process("s441_waits_that_come_and_go_never_look_like_a_circle", || {
        // Two threads want two locks at once, each in both orders, and never hold one while they wait for the other;
        // chains put together from different moments would see circles all the time.
        let locks = Arc::new([CriticalSection::new(()), CriticalSection::new(())]);
        let mutexes = Arc::new([Mutex::new(false), Mutex::new(false)]);
        let stop = Event::manual(false);
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let (locks, mutexes, stop) = (locks.clone(), mutexes.clone(), stop.clone());
                spawn(&format!("busy-{number}"), move || {
                    let mut turn = number;
                    while !stop.is_set() {
                        turn += 1;
                        drop(locks[turn % 2].enter());
                        wait_one(&mutexes[turn / 2 % 2], Wait::FOREVER).unwrap();
                        thread::yield_now();
                        mutexes[turn / 2 % 2].release().unwrap();
                        let both = [&mutexes[0] as &dyn Waitable, &mutexes[1]];
                        wait_all(&both, Wait::FOREVER).unwrap();
                        mutexes.iter().for_each(|mutex| assert_eq!(mutex.release(), Ok(1)));
                    }
                })
            })
            .collect();
        for _ in 0..3000 {
            let found = deadlocks();
            assert!(found.is_empty(), "{}", found[0]);
        }
        stop.set();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_wait_for_any_with_a_way_out_is_no_deadlock_and_a_wait_for_all_is() {
    in_own_process("a_wait_for_any_with_a_way_out_is_no_deadlock_and_a_wait_for_all_is", || {
        let (a, b, out) = (Mutex::new(true), Mutex::new(false), Event::auto(false));
        let (tell, told) = channel();
        // It holds b and wants a, which this test's own thread ("main" to it) holds.
        let other = {
            let (a, b) = (a.clone(), b.clone());
            spawn("other", move || {
                wait_one(&b, Wait::FOREVER).unwrap();
                tell.send(()).unwrap();
                wait_one(&a, Wait::FOREVER).unwrap();
                a.release().unwrap();
                b.release().unwrap();
            })
        };
        told.recv().unwrap();
        waiting_for("other", 1);
        let me = Thread::current();
        let looks = |expected: usize, how: &'static str| {
            let (me, out) = (me.clone(), out.clone());
            spawn("looker", move || {
                let id = me.kernel_id().unwrap();
                let waits = |count| {
                    threads().iter().any(|thread| {
                        thread.id == id && thread.waits.last().is_some_and(|wait| wait.objects.len() == count)
                    })
                };
                eventually("the test's thread waits", || waits(2));
                if expected > 0 {
                    eventually("it is a deadlock", || deadlocks().len() == expected);
                    let text = deadlocks()[0].to_string();
                    assert!(text.contains(how), "{text}");
                    me.queue_apc(|| {}).unwrap();
                } else {
                    for _ in 0..100 {
                        assert!(deadlocks().is_empty());
                    }
                    let chain = wait_chain(id).unwrap();
                    assert!(!chain.is_cycle, "{chain}");
                    out.set();
                }
            })
        };
        let looker = looks(0, "");
        assert_eq!(wait_any(&[&b, &out], Wait::FOREVER).unwrap().index, 1);
        looker.join().unwrap();
        let looker = looks(1, "waits for all of");
        assert_eq!(wait_all(&[&out, &b], Wait::FOREVER.alertably()), Err(Status::USER_APC));
        looker.join().unwrap();
        // All its ways lead to one who waits for it.
        let more = Mutex::new(false);
        let third = {
            let (a, more) = (a.clone(), more.clone());
            spawn("third", move || {
                wait_one(&more, Wait::FOREVER).unwrap();
                wait_one(&a, Wait::FOREVER).unwrap();
                a.release().unwrap();
                more.release().unwrap();
            })
        };
        waiting_for("third", 1);
        let looker = looks(1, "waits for any of");
        assert_eq!(wait_any(&[&b, &more], Wait::FOREVER.alertably()), Err(Status::USER_APC));
        looker.join().unwrap();
        a.release().unwrap();
        other.join().unwrap();
        third.join().unwrap();
    });
}

#[test]
fn a_worker_that_holds_a_lock_is_known_though_it_never_waited_here() {
    in_own_process("a_worker_that_holds_a_lock_is_known_though_it_never_waited_here", || {
        let section = Arc::new(CriticalSection::new(()));
        let port: proactor::Port = proactor::Port::new(1).unwrap();
        let (inside, out) = (channel(), channel::<()>());
        let worker = {
            let (port, section) = (port.clone(), section.clone());
            spawn("worker", move || {
                port.get().unwrap();
                let _inside = section.enter();
                inside.0.send(()).unwrap();
                // In a driver of somebody else's, say.
                let _ = out.1.recv();
            })
        };
        port.post(0, 0).unwrap();
        inside.1.recv().unwrap();
        let waiter = spawn("waiter", move || drop(section.enter()));
        let waiter_seen = waiting_for("waiter", 1);
        thread_when("worker", |thread| thread.state == ThreadState::Blocked);
        let text = wait_chain(waiter_seen.id).unwrap().to_string();
        assert!(text.contains(", held by worker (thread "), "{text}");
        assert!(text.ends_with("is blocked in something outside of this library"), "{text}");
        drop(out.0);
        [worker, waiter].into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_sleep_is_a_wait_for_nothing_and_ends_a_chain() {
    let sleeper = spawn("sleeper", || {
        let _ = proactor::object::sleep(Wait::at_most(Duration::from_secs(60)).alertably());
    });
    let seen =
        thread_when("sleeper", |thread| thread.state == ThreadState::Blocked && !thread.name.is_empty());
    assert_eq!(nodes(&seen).len(), 1);
    assert!(diagnose::report().threads.iter().any(|thread| thread.id == seen.id));
    // It ends with the process.
    drop(sleeper);
}
