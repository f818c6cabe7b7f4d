//! Processes that are killed at random moments, a few thousand times, while they do everything that can be done.
//! Afterwards every object is in order, and what a mutex protects is half done only where its next owner was told.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::*;
use crate::object::named::{Kind, New};
use crate::object::timer::Due;

const TEST: &str = "killed::any_moment_leaves_every_object_in_order";
const CHILDREN: usize = 4;
/// How long the killing goes on.
const TIME: Duration = Duration::from_secs(8);

const OBJECTS: [(&str, New); 6] = [
    ("auto", New::Event { manual: false, set: false }),
    ("manual", New::Event { manual: true, set: false }),
    ("semaphore", New::Semaphore { count: 1, most: 3 }),
    ("timer", New::Timer { manual: false }),
    ("mutex", New::Mutex { owned: false }),
    ("Global\\mutex", New::Mutex { owned: false }),
];
const MUTEX: usize = 4;

/// Any of these is right, depending on what the others have done; nothing else is.
fn expect<T>(result: Result<T, Status>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Status::TIMEOUT | Status::MUTANT_NOT_OWNED | Status::SEMAPHORE_LIMIT_EXCEEDED) => None,
        Err(status) => panic!("{status}"),
    }
}

/// Two numbers in a file, which the mutex keeps equal.
struct Ledger(File);

impl Ledger {
    fn numbers(&self) -> [u64; 2] {
        let mut bytes = [0; 16];
        self.0.read_exact_at(&mut bytes, 0).unwrap();
        let (left, right) = bytes.split_at(8);
        [left, right].map(|half| u64::from_le_bytes(half.try_into().unwrap()))
    }

    fn enter(&self, abandoned: bool) {
        let [left, right] = self.numbers();
        assert!(
            abandoned || left == right,
            "{left} and {right}, and nobody said that the mutex was abandoned"
        );
        let next = left.max(right) + 1;
        for at in [0, 8] {
            self.0.write_all_at(&next.to_le_bytes(), at).unwrap();
        }
    }
}

fn one_thing(space: &Arc<Space>, ledger: &Ledger, random: &mut Random) {
    let (name, new) = &OBJECTS[random.below(OBJECTS.len())];
    let (object, _) = Named::create_in(space, name, new).unwrap();
    let at_most = Duration::from_micros(random.below(300) as u64);
    match new.kind() {
        Kind::Event => match random.below(4) {
            0 => drop(expect(object.lock().unwrap().set())),
            1 => drop(expect(object.lock().unwrap().reset())),
            2 => drop(expect(object.lock().unwrap().pulse())),
            _ => drop(expect(wait_one(&object, at_most))),
        },
        Kind::Semaphore => match random.below(2) {
            0 => drop(expect(object.lock().unwrap().release(1))),
            _ => drop(expect(wait_one(&object, at_most))),
        },
        Kind::Timer => match random.below(3) {
            0 => drop(expect(object.lock().unwrap().set_timer(Due::After(at_most), at_most))),
            1 => drop(expect(object.lock().unwrap().cancel_timer())),
            _ => drop(expect(wait_one(&object, at_most))),
        },
        Kind::Mutex => {
            let Some(took) = expect(wait_one(&object, at_most)) else { return };
            if *name == OBJECTS[MUTEX].0 {
                ledger.enter(took.abandoned);
            }
            assert_eq!(object.lock().unwrap().release_mutex(), Ok(1));
        }
    }
    if random.below(8) == 0 {
        several(space, random, at_most);
    }
}

/// Waits for two of them, and gives mutexes back.
fn several(space: &Arc<Space>, random: &mut Random, at_most: Duration) {
    // Not the one with the ledger.
    let others = [0, 1, 2, 3, 5];
    let first = random.below(others.len());
    let second = (first + 1 + random.below(others.len() - 1)) % others.len();
    let two = [first, second].map(|at| {
        let (name, new) = &OBJECTS[others[at]];
        Named::create_in(space, name, new).unwrap().0
    });
    let all = random.below(2) == 0;
    if expect(wait_for(&[&two[0], &two[1]], all, at_most)).is_some() {
        for object in two.iter().filter(|object| object.kind == Kind::Mutex) {
            let _ = expect(object.lock().unwrap().release_mutex());
        }
    }
}

#[test]
fn any_moment_leaves_every_object_in_order() {
    if let Some((seed, space)) = role() {
        let ledger = Ledger(ledger_file(Path::new(&std::env::var_os(ROOM).unwrap())));
        let mut random = Random(seed.parse().unwrap());
        say("ready");
        // Ends with its parent, should that not come to kill it.
        std::thread::spawn(|| {
            listen();
            std::process::exit(1);
        });
        loop {
            one_thing(&space, &ledger, &mut random);
        }
    }
    let room = Room::new();
    File::create(room.path.join("ledger")).unwrap().write_all(&[0; 16]).unwrap();
    // Half of the objects stay, half come and go with the children.
    let kept: Vec<_> = OBJECTS
        .iter()
        .step_by(2)
        .map(|(name, new)| Named::create_in(&room.space, name, new).unwrap().0)
        .collect();
    let begun = Instant::now();
    let kills: usize = std::thread::scope(|scope| {
        let killers: Vec<_> = (0..CHILDREN)
            .map(|at| {
                let room = &room;
                scope.spawn(move || kill_one_after_another(room, at as u64, begun + TIME))
            })
            .collect();
        killers.into_iter().map(|killer| killer.join().unwrap()).sum()
    });
    println!("{kills} processes were killed in {:?}", begun.elapsed());
    assert!(kills > 50, "{kills} kills show little");
    all_is_in_order(&room, &kept);
}

fn ledger_file(room: &Path) -> File {
    File::options().read(true).write(true).open(room.join("ledger")).unwrap()
}

fn kill_one_after_another(room: &Room, seed: u64, until: Instant) -> usize {
    let mut random = Random(seed);
    let mut kills = 0;
    while Instant::now() < until {
        let mut other = Other::start(TEST, &random.next().to_string(), room);
        other.has_said("ready");
        std::thread::sleep(Duration::from_micros(random.below(4000) as u64));
        assert!(other.child.try_wait().unwrap().is_none(), "it ended by itself");
        other.kill();
        kills += 1;
    }
    kills
}

fn all_is_in_order(room: &Room, kept: &[Arc<Named>]) {
    let ledger = Ledger(ledger_file(&room.path));
    let begun = Instant::now();
    for (name, new) in OBJECTS {
        let (object, _) = Named::create_in(&room.space, name, &new).unwrap();
        assert_eq!(object.kind, new.kind());
        match new.kind() {
            Kind::Event => {
                let _ = object.lock().unwrap().set().unwrap();
            }
            Kind::Semaphore => drop(expect(object.lock().unwrap().release(1))),
            Kind::Timer => {
                let zero = Duration::ZERO;
                let _ = object.lock().unwrap().set_timer(Due::After(zero), zero).unwrap();
            }
            Kind::Mutex => {}
        }
        let took = wait_one(&object, PATIENCE).unwrap();
        if name == OBJECTS[MUTEX].0 {
            ledger.enter(took.abandoned);
        }
        if new.kind() == Kind::Mutex {
            assert_eq!(object.lock().unwrap().release_mutex(), Ok(1));
        }
        assert_eq!(object.page.hot().lock.load(Relaxed), 0, "{name} is still locked");
    }
    assert!(begun.elapsed() < PATIENCE);
    // Only what is open has a name, and the ledger is there.
    drop(Space::at(&room.path).unwrap());
    assert_eq!(room.files(), kept.len() + 1);
}
