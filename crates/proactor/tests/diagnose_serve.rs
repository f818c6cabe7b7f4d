//! Looking into a process from outside: what it tells, to whom, and that nobody can keep it.

mod common;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use common::{PATIENCE, eventually, in_own_process};
use proactor::diagnose::{self, WorkerState};
use proactor::{Port, Status, Wait, Workers, object};

/// A folder of this process's own as the place of its socket.
fn own_place() -> PathBuf {
    let place = std::env::temp_dir().join(format!("proactor-serve-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir(&place).unwrap();
    // SAFETY: this process runs this one test, and no other thread of it reads the environment now.
    #[allow(unsafe_code)]
    unsafe {
        std::env::set_var("XDG_RUNTIME_DIR", &place);
    }
    place
}

fn socket(place: &std::path::Path) -> PathBuf {
    place.join(format!("proactor/{}.diagnosis", std::process::id()))
}

fn me() -> u32 {
    std::process::id()
}

#[test]
fn a_process_is_looked_into_while_all_its_workers_are_stuck() {
    in_own_process("a_process_is_looked_into_while_all_its_workers_are_stuck", || {
        let _diagnosis = diagnose::serve().unwrap();
        let stuck = Barrier::new(3);
        let never = object::Event::manual(false);
        let port: Port = Port::new(2).unwrap();
        std::thread::scope(|scope| {
            let (stuck, never) = (&stuck, &never);
            for number in 0..2 {
                let port = port.clone();
                let builder = std::thread::Builder::new().name(format!("stuck-{number}"));
                let work = move || {
                    port.get().unwrap();
                    stuck.wait();
                    object::wait_one(never, Wait::FOREVER).unwrap();
                };
                builder.spawn_scoped(scope, work).unwrap();
            }
            (0..10).for_each(|n| port.post(n, n).unwrap());
            stuck.wait();
            let mut seen = None;
            eventually("both workers are seen blocked", || {
                let report = diagnose::look_into(me()).unwrap();
                let port = report.snapshot.ports[0].clone();
                let blocked = port.workers.iter().all(|worker| worker.state == WorkerState::Blocked);
                seen = Some(report);
                port.workers.len() == 2 && blocked
            });
            let report = seen.unwrap();
            assert_eq!((report.process, report.omitted), (me(), 0));
            let port = &report.snapshot.ports[0];
            assert_eq!((port.limit, port.blocked, port.queued, port.packets), (2, 2, 8, 2));
            assert_eq!(port.limits.workers, proactor::Limits::default().workers);
            for worker in &port.workers {
                assert!(worker.name.starts_with("stuck-") && worker.packets == 1, "{worker:?}");
                let chain = report.wait_chain(worker.thread).unwrap().to_string();
                assert!(chain.contains("waits for event #"), "{chain}");
            }
            assert!(report.deadlocks().is_empty());
            never.set();
        });
    });
}

#[test]
fn the_socket_is_the_users_alone_and_goes_with_the_last_who_serves() {
    in_own_process("the_socket_is_the_users_alone_and_goes_with_the_last_who_serves", || {
        let place = own_place();
        assert_eq!(diagnose::look_into(me()).err(), Some(Status::OBJECT_NAME_NOT_FOUND));
        let first = diagnose::serve().unwrap();
        let second = diagnose::serve().unwrap();
        let mode = |path: PathBuf| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(place.join("proactor")), mode(socket(&place))), (0o700, 0o600));
        assert!(diagnose::serving().contains(&me()));
        drop(first);
        assert!(diagnose::look_into(me()).is_ok());
        drop(second);
        assert!(!socket(&place).exists());
        assert_eq!(diagnose::look_into(me()).err(), Some(Status::OBJECT_NAME_NOT_FOUND));
        assert!(!diagnose::serving().contains(&me()));
        drop(diagnose::serve().unwrap());
        std::fs::remove_dir_all(place).unwrap();
    });
}

#[test]
fn what_a_killed_process_left_behind_is_swept_and_is_in_nobodys_way() {
    in_own_process("what_a_killed_process_left_behind_is_swept_and_is_in_nobodys_way", || {
        let place = own_place();
        let folder = place.join("proactor");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        // One of a process that is gone, and one of a process that had this one's number.
        let gone = folder.join("4294967295.diagnosis");
        drop(std::os::unix::net::UnixListener::bind(&gone).unwrap());
        drop(std::os::unix::net::UnixListener::bind(socket(&place)).unwrap());
        assert_eq!(diagnose::look_into(me()).err(), Some(Status::OBJECT_NAME_NOT_FOUND));
        let _diagnosis = diagnose::serve().unwrap();
        assert!(!gone.exists());
        assert!(diagnose::look_into(me()).is_ok());
        std::fs::remove_dir_all(place).unwrap();
    });
}

#[test]
fn a_folder_that_is_open_to_others_is_passed_over() {
    in_own_process("a_folder_that_is_open_to_others_is_passed_over", || {
        let place = own_place();
        let folder = place.join("proactor");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o770)).unwrap();
        let diagnosis = diagnose::serve().unwrap();
        assert!(!socket(&place).exists());
        assert!(diagnose::look_into(me()).is_ok(), "it serves in the next place");
        drop(diagnosis);
        std::fs::remove_dir_all(place).unwrap();
    });
}

#[test]
fn nobody_can_keep_it_busy_or_fill_it_up() {
    in_own_process("nobody_can_keep_it_busy_or_fill_it_up", || {
        let place = own_place();
        let _diagnosis = diagnose::serve().unwrap();
        let connect = || {
            let stream = UnixStream::connect(socket(&place)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream
        };
        // Whoever sends what is no request is sent away; so is one that sends without end.
        for request in [&b"reports\n"[..], b"\n", b"\0\xff\n", &[b'r'; 4096]] {
            let mut stream = connect();
            // It may have been sent away before it has said all.
            let _ = stream.write_all(request);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            assert_eq!(answer, b"", "{request:?}");
        }
        // As many as there may be say nothing, and the next is told so.
        let idle: Vec<_> = (0..8).map(|_| connect()).collect();
        let began = Instant::now();
        eventually("one too many is told so", || {
            matches!(diagnose::look_into(me()), Err(Status::DEVICE_BUSY))
        });
        // They are sent away by themselves, and then there is room again.
        for mut stream in idle {
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
        assert!(began.elapsed() > Duration::from_millis(500), "they had their time");
        eventually("there is room again", || diagnose::look_into(me()).is_ok());
        std::fs::remove_dir_all(place).unwrap();
    });
}

#[test]
fn a_client_that_does_not_read_its_answer_keeps_nobody() {
    in_own_process("a_client_that_does_not_read_its_answer_keeps_nobody", || {
        let place = own_place();
        let _diagnosis = diagnose::serve().unwrap();
        // So many workers that an answer is more than a socket holds.
        let limits = proactor::Limits { workers: 4, ..Default::default() };
        let ports: Vec<Port> =
            (0..2000).map(|_| Port::with_limits(1, limits.clone())).map_while(Result::ok).collect();
        let mut lazy = UnixStream::connect(socket(&place)).unwrap();
        lazy.write_all(b"report\n").unwrap();
        let report = diagnose::look_into(me()).unwrap();
        assert_eq!(report.snapshot.ports.len(), ports.len());
        // It is sent away in time: what was under way ends, and is no whole report.
        let mut text = String::new();
        eventually("the lazy one is sent away", || {
            let peek = rustix::net::send(&lazy, b"\n", rustix::net::SendFlags::NOSIGNAL);
            peek.is_err()
        });
        let _ = lazy.read_to_string(&mut text);
        assert!(text.starts_with("proactor-diagnosis 1\n"), "{text:.100}");
        assert!(ports.len() < 400 || !text.contains("\nend "), "{} bytes", text.len());
        std::fs::remove_dir_all(place).unwrap();
    });
}

#[test]
fn many_ask_at_once_and_every_one_is_answered_or_told_to_come_again() {
    in_own_process("many_ask_at_once_and_every_one_is_answered_or_told_to_come_again", || {
        let _diagnosis = diagnose::serve().unwrap();
        let port: Port = Port::new(1).unwrap();
        let workers = Workers::start(&port, 4, |_| {}).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        match diagnose::look_into(me()) {
                            Ok(report) => assert_eq!(report.snapshot.ports.len(), 1),
                            Err(status) => assert_eq!(status, Status::DEVICE_BUSY),
                        }
                    }
                });
            }
        });
        assert!(diagnose::look_into(me()).is_ok());
        port.close();
        workers.join();
    });
}

#[test]
fn a_hundred_who_connect_at_once_are_all_accepted() {
    in_own_process("a_hundred_who_connect_at_once_are_all_accepted", || {
        let place = own_place();
        let _diagnosis = diagnose::serve().unwrap();
        let start = Barrier::new(100);
        let ask = || {
            start.wait();
            let mut stream = UnixStream::connect(socket(&place)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // One that is told that it is too many may be gone before it has asked.
            let _ = stream.write_all(b"report\n");
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8(answer).unwrap()
        };
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|asking| asking.join().unwrap()).collect()
        });
        let answered =
            |answer: &&String| answer.starts_with("proactor-diagnosis 1\n") && answer.contains("\nend ");
        let count = answers.iter().filter(answered).count();
        let busy = answers.iter().filter(|answer| *answer == "proactor-diagnosis busy\n").count();
        assert!(count > 0 && count + busy == 100, "{count} answered, {busy} told to come again");
        std::fs::remove_dir_all(place).unwrap();
    });
}

#[test]
fn what_cannot_be_looked_into_is_an_error_by_name() {
    assert_eq!(diagnose::look_into(u32::MAX).err(), Some(Status::NOT_FOUND));
    // Of root, or of this user and without the library.
    let first = diagnose::look_into(1).err();
    assert!(matches!(first, Some(Status::ACCESS_DENIED | Status::OBJECT_NAME_NOT_FOUND)), "{first:?}");
}
