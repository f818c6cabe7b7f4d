//! Names: one namespace for all kinds, whose entries come and go with the handles.

use super::*;
use crate::object::named::{Kind, New};

const SET: New = New::Event { manual: true, set: true };
const UNSET: New = New::Event { manual: false, set: false };

#[test]
fn s180_creating_an_existing_name_opens_it_and_ignores_type_and_state() {
    let room = Room::new();
    let (first, existed) = Named::create_in(&room.space, "event", &SET).unwrap();
    assert!(!existed);
    let (second, existed) = Named::create_in(&room.space, "event", &UNSET).unwrap();
    assert!(existed);
    assert_eq!(first.key(), second.key());
    // Still set, and still manual: two waits go through.
    assert!(is_there(&second) && is_there(&second));
    assert!(first.lock().unwrap().reset().unwrap());
    assert!(!is_there(&second));
}

#[test]
fn s217_one_case_sensitive_namespace_for_all_kinds() {
    let room = Room::new();
    let (lower, _) = Named::create_in(&room.space, "name", &SET).unwrap();
    let (upper, existed) = Named::create_in(&room.space, "NAME", &UNSET).unwrap();
    assert!(!existed && lower.key() != upper.key());
    let (global, existed) = Named::create_in(&room.space, "Global\\name", &UNSET).unwrap();
    assert!(!existed && lower.key() != global.key());
    let (local, existed) = Named::create_in(&room.space, "Local\\name", &UNSET).unwrap();
    assert!(existed && lower.key() == local.key());
}

#[test]
fn s218_a_name_of_another_kind_is_refused() {
    let room = Room::new();
    let all = [
        UNSET,
        New::Mutex { owned: false },
        New::Semaphore { count: 0, most: 1 },
        New::Timer { manual: true },
    ];
    for (at, made) in all.iter().enumerate() {
        let (_kept, _) = Named::create_in(&room.space, "object", made).unwrap();
        for (other, wanted) in all.iter().enumerate() {
            let created = Named::create_in(&room.space, "object", wanted).map(|(_, existed)| existed);
            let opened = Named::open_in(&room.space, "object", wanted.kind()).map(drop);
            if at == other {
                assert_eq!((created, opened), (Ok(true), Ok(())));
            } else {
                assert_eq!(created, Err(Status::OBJECT_TYPE_MISMATCH));
                assert_eq!(opened, Err(Status::OBJECT_TYPE_MISMATCH));
            }
        }
    }
    assert_eq!(Status::OBJECT_TYPE_MISMATCH.to_win32(), 6);
}

#[test]
fn s219_a_missing_name_is_not_found_and_none_is_invalid() {
    let room = Room::new();
    let missing = Named::open_in(&room.space, "nothing", Kind::Mutex).map(drop);
    assert_eq!(missing, Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(Status::OBJECT_NAME_NOT_FOUND.to_win32(), 2);
    assert_eq!(Named::open_in(&room.space, "", Kind::Mutex).map(drop), Err(Status::OBJECT_NAME_INVALID));
}

#[test]
fn s221_the_name_disappears_with_the_last_handle() {
    let room = Room::new();
    let (first, _) = Named::create_in(&room.space, "event", &SET).unwrap();
    let second = Named::open_in(&room.space, "event", Kind::Event).unwrap();
    drop(first);
    assert!(is_there(&second));
    assert!(Named::open_in(&room.space, "event", Kind::Event).is_ok());
    drop(second);
    let gone = Named::open_in(&room.space, "event", Kind::Event).map(drop);
    assert_eq!(gone, Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(room.files(), 0);
    let (third, existed) = Named::create_in(&room.space, "event", &UNSET).unwrap();
    assert!(!existed && !is_there(&third));
}

#[test]
fn a_name_that_would_leave_the_directory_stays_in_it() {
    let room = Room::new();
    let above = room.path.parent().unwrap().join("proactor-escaped");
    for name in
        ["../proactor-escaped", "/dev/shm/proactor-escaped", "..", ".", "a/../../proactor-escaped", "x\0y"]
    {
        let (object, existed) = Named::create_in(&room.space, name, &SET).unwrap();
        assert!(!existed && is_there(&object), "{name}");
        assert_eq!(room.files(), 1, "{name}");
        assert!(!above.exists(), "{name}");
    }
    let created = Named::create_in(&room.space, "Local\\..\\x", &SET).map(drop);
    assert_eq!(created, Err(Status::OBJECT_PATH_NOT_FOUND));
    assert_eq!(Status::OBJECT_PATH_NOT_FOUND.to_win32(), 3);
}

#[test]
fn only_the_user_may_open_an_object() {
    use std::os::unix::fs::PermissionsExt;
    let room = Room::new();
    let (_object, _) = Named::create_in(&room.space, "private", &SET).unwrap();
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&room.path), 0o700);
    for entry in std::fs::read_dir(&room.path).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_name_that_comes_and_goes_all_the_time_is_never_half_there() {
    let room = Room::new();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let space = &room.space;
            scope.spawn(move || {
                for round in 0..500 {
                    // More than all can take.
                    let count = 10_000 + seed * 1000 + round;
                    let new = New::Semaphore { count, most: i32::MAX as u32 };
                    let (object, existed) = Named::create_in(space, "busy", &new).unwrap();
                    // Whoever made it, it had something in it from the first moment on, and it still has its name.
                    assert!(is_there(&object) || existed);
                    let again = Named::open_in(space, "busy", Kind::Semaphore).unwrap();
                    assert_eq!(object.key(), again.key());
                }
            });
        }
    });
    assert_eq!(room.files(), 0);
}
