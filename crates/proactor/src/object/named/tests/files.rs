//! What is found in the directory: leftovers, files that are damaged, foreign, or not ours; and no room for more.

use std::fs::{File, OpenOptions, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, chown, symlink};

use super::*;
use crate::object::named::space::{Hold, hold};
use crate::object::named::{Kind, New};
use crate::object::timer::Due;

const SET: New = New::Event { manual: true, set: true };
const KINDS: [New; 4] = [
    New::Event { manual: false, set: true },
    New::Mutex { owned: false },
    New::Semaphore { count: 3, most: 9 },
    New::Timer { manual: false },
];

/// A file that somebody holds.
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Another test may be starting a process at this moment, which has all descriptors until it runs its program.
        assert_eq!(hold(self.0.as_fd(), Hold::Not), Ok(true));
    }
}

/// One under the name "x".
fn held(room: &Room, bytes: &[u8]) -> Held {
    let path = room.path.join("l.x");
    let _ = std::fs::remove_file(&path);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    assert_eq!(hold(file.as_fd(), Hold::Shared), Ok(true));
    Held(file)
}

/// The bytes of a good object.
fn good(room: &Room, new: &New) -> Vec<u8> {
    let (_kept, _) = Named::create_in(&room.space, "x", new).unwrap();
    std::fs::read(room.path.join("l.x")).unwrap()
}

fn both(room: &Room, new: &New) -> [Result<(), Status>; 2] {
    let created = Named::create_in(&room.space, "x", new).map(drop);
    [created, Named::open_in(&room.space, "x", new.kind()).map(drop)]
}

#[test]
fn a_leftover_is_as_good_as_gone_whatever_is_in_it() {
    let room = Room::new();
    let bytes = good(&room, &SET);
    for bytes in [&bytes[..], &bytes[..100], &[0xAA; 9000], &[]] {
        drop(held(&room, bytes));
        let opened = Named::open_in(&room.space, "x", Kind::Event).map(drop);
        assert_eq!(opened, Err(Status::OBJECT_NAME_NOT_FOUND));
        assert_eq!(room.files(), 0);
        drop(held(&room, bytes));
        let (_event, existed) = Named::create_in(&room.space, "x", &SET).unwrap();
        assert!(!existed);
    }
}

#[test]
fn opening_the_namespace_sweeps_leftovers_and_nothing_else() {
    let room = Room::new();
    let (kept, _) = Named::create_in(&room.space, "kept", &SET).unwrap();
    for name in ["l.a", "g.b", "l.%2f"] {
        let file = File::create(room.path.join(name)).unwrap();
        file.set_permissions(Permissions::from_mode(0o600)).unwrap();
    }
    File::create(room.path.join("somebody's")).unwrap();
    std::fs::create_dir(room.path.join("l.directory")).unwrap();
    let _again = Space::at(&room.path).unwrap();
    assert_eq!(room.files(), 3);
    assert!(is_there(&kept));
}

#[test]
fn a_file_that_is_truncated_is_refused() {
    let room = Room::new();
    let bytes = good(&room, &SET);
    for len in [0, 1, 63, 64, 200, 4095] {
        let _held = held(&room, &bytes[..len]);
        assert_eq!(both(&room, &SET), [Err(Status::DATA_ERROR); 2], "{len}");
    }
    let _held = held(&room, &[&bytes[..], &[0]].concat());
    assert_eq!(both(&room, &SET), [Err(Status::DATA_ERROR); 2]);
    let _held = held(&room, &bytes);
    assert_eq!(both(&room, &SET), [Ok(()); 2], "the file itself was good");
}

#[test]
fn another_version_and_another_namespace_are_refused() {
    let room = Room::new();
    let bytes = good(&room, &SET);
    for (at, status) in [
        (0, Status::DATA_ERROR),
        (8, Status::NOT_SUPPORTED),
        (24, Status::NOT_SUPPORTED),
        (32, Status::NOT_SUPPORTED),
        (40, Status::OBJECT_NAME_COLLISION),
        (41, Status::DATA_ERROR),
        (128, Status::OBJECT_NAME_COLLISION),
    ] {
        let mut other = bytes.clone();
        other[at] ^= 0xF0;
        let _held = held(&room, &other);
        assert_eq!(both(&room, &SET), [Err(status); 2], "{at}");
    }
}

#[test]
fn random_bytes_are_refused_or_used_and_nothing_else() {
    let room = Room::new();
    let mut random = Random(1);
    for round in 0..2000 {
        let new = &KINDS[round % KINDS.len()];
        let mut bytes = good(&room, new);
        if round % 16 == 0 {
            bytes.iter_mut().for_each(|byte| *byte = random.next() as u8);
        }
        for _ in 0..1 + random.below(4) {
            let at = random.below(256);
            bytes[at] = random.next() as u8;
        }
        // A lock that was held by somebody dead costs 20 ms each time.
        if round % 8 != 0 {
            bytes[64..72].fill(0);
        }
        let _held = held(&room, &bytes);
        let Ok(object) = Named::open_in(&room.space, "x", new.kind()) else { continue };
        use_it(&object);
    }
}

#[test]
fn an_object_that_is_overwritten_while_it_is_open_gives_errors_and_no_more() {
    let room = Room::new();
    let mut random = Random(2);
    let objects = KINDS.map(|new| {
        let name = format!("{:?}", new.kind());
        let (object, _) = Named::create_in(&room.space, &name, &new).unwrap();
        (object, OpenOptions::new().write(true).open(room.path.join(format!("l.{name}"))).unwrap())
    });
    for round in 0..4000 {
        let (object, file) = &objects[round % objects.len()];
        let word = match random.below(4) {
            0 => random.next(),
            1 => random.next() & 0xFF,
            2 => u64::MAX << random.below(64),
            _ => 1 << random.below(64),
        };
        let hot = 72 + 8 * random.below(7) as u64;
        let at = match round % 64 {
            0 => 64,
            1..8 => random.below(4088) as u64,
            _ => hot,
        };
        file.write_all_at(&word.to_le_bytes(), at).unwrap();
        if at == 64 || round % 64 != 1 {
            use_it(object);
        }
        file.write_all_at(&[0; 8], 64).unwrap();
    }
}

/// Does everything that can be done to it; whatever comes of it, it comes soon.
fn use_it(object: &Arc<Named>) {
    let begun = Instant::now();
    let _ = object.lock().map(|mut guard| {
        let _ = (guard.set(), guard.pulse(), guard.reset(), guard.release(1), guard.release_mutex());
        let _ = (guard.set_timer(Due::After(Duration::ZERO), Duration::from_nanos(1)), guard.goes_off_in());
        let _ = (guard.cancel_timer(), guard.pulses());
    });
    let _ = wait_one(object, Duration::ZERO);
    let _ = wait_one(object, Duration::from_micros(200));
    let _ = (object.abandon(), object.holder().and_then(crate::object::named::Holder::process));
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
}

#[test]
fn what_is_no_file_is_refused() {
    let room = Room::new();
    let path = room.path.join("l.x");
    symlink("/etc/passwd", &path).unwrap();
    assert_eq!(both(&room, &SET), [Err(Status::REPARSE_POINT_NOT_RESOLVED); 2]);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(both(&room, &SET), [Err(Status::FILE_IS_A_DIRECTORY); 2]);
    std::fs::remove_dir(&path).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(both(&room, &SET), [Err(Status::DATA_ERROR); 2]);
}

#[test]
fn what_others_may_use_or_own_is_refused() {
    let room = Room::new();
    let bytes = good(&room, &SET);
    let file = held(&room, &bytes);
    file.0.set_permissions(Permissions::from_mode(0o640)).unwrap();
    assert_eq!(both(&room, &SET), [Err(Status::ACCESS_DENIED); 2]);
    file.0.set_permissions(Permissions::from_mode(0o600)).unwrap();
    assert_eq!(both(&room, &SET), [Ok(()); 2]);

    let at = |path: &Path| Space::at(path).map(drop);
    std::fs::set_permissions(&room.path, Permissions::from_mode(0o750)).unwrap();
    assert_eq!(at(&room.path), Err(Status::ACCESS_DENIED));
    std::fs::set_permissions(&room.path, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(at(&room.path), Ok(()));

    if !rustix::process::geteuid().is_root() {
        println!("not tried: only root can give files away");
        return;
    }
    chown(room.path.join("l.x"), Some(65534), None).unwrap();
    assert_eq!(both(&room, &SET), [Err(Status::ACCESS_DENIED); 2]);
    chown(&room.path, Some(65534), None).unwrap();
    assert_eq!(at(&room.path), Err(Status::ACCESS_DENIED));
}

#[test]
fn a_place_that_is_no_directory_is_refused() {
    let room = Room::new();
    let at = |path: &Path| Space::at(path).map(drop);
    let (file, link) = (room.path.join("file"), room.path.join("link"));
    File::create(&file).unwrap();
    symlink(&room.path, &link).unwrap();
    assert_eq!(at(&file), Err(Status::NOT_A_DIRECTORY));
    assert_eq!(at(&link), Err(Status::NOT_A_DIRECTORY));
    assert_eq!(at(Path::new("relative")), Err(Status::INVALID_PARAMETER));
    assert!(at(&room.path.join("missing/deep")).is_err());
}

#[test]
fn where_there_is_no_room_nothing_is_half_made() {
    let room = Room::new();
    let tiny = room.path.join("tiny");
    std::fs::create_dir(&tiny).unwrap();
    if !mount_tiny(&tiny) {
        println!("not tried: only root can mount a small file system");
        return;
    }
    let space = Space::at(&tiny).unwrap();
    let mut made = Vec::new();
    let refused = loop {
        match Named::create_in(&space, &format!("object {}", made.len()), &SET) {
            Ok((object, _)) => made.push(object),
            Err(status) => break status,
        }
    };
    assert_eq!(refused, Status::DISK_FULL);
    let files = std::fs::read_dir(&tiny).unwrap().count();
    assert!(made.len() == files && files > 0, "{files} files for {} objects", made.len());
    assert!(made.iter().all(|object| is_there(object)), "memory that was promised is there");
    made.pop();
    assert!(Named::create_in(&space, "again", &SET).is_ok());
    drop((made, space));
    assert!(Command::new("umount").arg("-l").arg(&tiny).status().unwrap().success());
}

fn mount_tiny(at: &Path) -> bool {
    let done = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "tiny"])
        .arg(at)
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}
