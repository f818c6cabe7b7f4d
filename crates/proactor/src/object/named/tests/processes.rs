//! The same with several processes: what one does the other sees, and what a dead one leaves behind.

use super::*;
use crate::object::named::{Kind, New};
use crate::sync::record::{Owner, Resource};

const UNSET: New = New::Event { manual: false, set: false };

#[test]
fn two_processes_share_an_object() {
    if let Some((_, space)) = role() {
        let ping = Named::open_in(&space, "ping", Kind::Event).unwrap();
        let (pong, existed) = Named::create_in(&space, "pong", &UNSET).unwrap();
        assert!(existed);
        for _ in 0..200 {
            wait_one(&ping, PATIENCE).unwrap();
            pong.lock().unwrap().set().unwrap();
        }
        return;
    }
    let room = Room::new();
    let (ping, _) = Named::create_in(&room.space, "ping", &UNSET).unwrap();
    let (pong, _) = Named::create_in(&room.space, "pong", &UNSET).unwrap();
    let other = Other::start("processes::two_processes_share_an_object", "pong", &room);
    for _ in 0..200 {
        ping.lock().unwrap().set().unwrap();
        wait_one(&pong, PATIENCE).unwrap();
    }
    other.ends();
}

#[test]
fn s282_an_object_survives_its_creator_while_a_handle_is_open() {
    if let Some((_, space)) = role() {
        let (_semaphore, existed) =
            Named::create_in(&space, "s", &New::Semaphore { count: 2, most: 5 }).unwrap();
        assert!(!existed);
        say("made");
        listen();
        return;
    }
    let room = Room::new();
    for killed in [false, true] {
        let test = "processes::s282_an_object_survives_its_creator_while_a_handle_is_open";
        let mut other = Other::start(test, "creator", &room);
        other.has_said("made");
        let semaphore = Named::open_in(&room.space, "s", Kind::Semaphore).unwrap();
        if killed {
            other.kill();
        } else {
            other.go_on();
            other.ends();
        }
        assert!(is_there(&semaphore));
        let again = Named::open_in(&room.space, "s", Kind::Semaphore).unwrap();
        assert!(is_there(&again) && !is_there(&again));
        drop((semaphore, again));
        let gone = Named::open_in(&room.space, "s", Kind::Semaphore).map(drop);
        assert_eq!(gone, Err(Status::OBJECT_NAME_NOT_FOUND));
    }
}

#[test]
fn s191_a_mutex_whose_process_ends_is_abandoned() {
    if let Some((role, space)) = role() {
        let (mutex, _) = Named::create_in(&space, "m", &New::Mutex { owned: false }).unwrap();
        wait_one(&mutex, PATIENCE).unwrap();
        assert!(is_there(&mutex));
        say("owned");
        listen();
        // Exits owning it, or is killed before.
        assert_eq!(role, "exits");
        return;
    }
    let room = Room::new();
    let (mutex, _) = Named::create_in(&room.space, "m", &New::Mutex { owned: false }).unwrap();
    for killed in [false, true] {
        let role = if killed { "is killed" } else { "exits" };
        let mut other = Other::start("processes::s191_a_mutex_whose_process_ends_is_abandoned", role, &room);
        other.has_said("owned");
        let Owner::Foreign { process, .. } = mutex.owner() else { panic!("its owner is another process") };
        assert_eq!(process, other.child.id());
        assert_eq!(wait_one(&mutex, Duration::from_millis(50)), Err(Status::TIMEOUT));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                let took = wait_one(&mutex, PATIENCE);
                assert_eq!(mutex.lock().unwrap().release_mutex(), Ok(1));
                (took, Instant::now())
            });
            eventually("it waits", || mutex.page.hot().waiters.load(Relaxed) == 1);
            let died = if killed {
                other.kill();
                Instant::now()
            } else {
                other.go_on();
                other.ends();
                Instant::now()
            };
            let (took, at) = waits.join().unwrap();
            assert_eq!(took, Ok(Took { index: 0, abandoned: true }));
            // It is found within 200 ms; on a busy machine the one who finds it has to be let run first.
            let found = at.saturating_duration_since(died);
            assert!(found < Duration::from_secs(2), "it took {found:?}");
        });
        assert_eq!(wait_one(&mutex, Duration::ZERO), Ok(Took { index: 0, abandoned: false }));
        assert_eq!(mutex.lock().unwrap().release_mutex(), Ok(1));
    }
}

#[test]
fn s221_the_name_goes_with_the_last_process_however_it_ends() {
    if let Some((_, space)) = role() {
        let (_event, _) = Named::create_in(&space, "e", &New::Event { manual: true, set: true }).unwrap();
        say("made");
        listen();
        return;
    }
    let room = Room::new();
    let mut other =
        Other::start("processes::s221_the_name_goes_with_the_last_process_however_it_ends", "maker", &room);
    other.has_said("made");
    assert_eq!(room.files(), 1);
    other.kill();
    let gone = Named::open_in(&room.space, "e", Kind::Event).map(drop);
    assert_eq!(gone, Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(room.files(), 0);
    let (event, existed) = Named::create_in(&room.space, "e", &UNSET).unwrap();
    assert!(!existed && !is_there(&event), "nothing of the old one is left");
}
