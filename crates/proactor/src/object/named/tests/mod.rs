//! Objects with names, from inside: in one process, in several, with damaged files, and with processes that are killed.

mod files;
mod killed;
mod line;
mod names;
mod processes;
mod waits;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::wait::{How, Item, Locals, LockedLocals, Took, wait};
use super::{Named, Space};
use crate::Status;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it never came about that {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A namespace of a test's own, gone with it.
struct Room {
    path: PathBuf,
    space: Arc<Space>,
}

impl Room {
    fn new() -> Room {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let path = PathBuf::from(format!("/dev/shm/proactor-test-{}-{number}", std::process::id()));
        Room { space: Space::at(&path).unwrap(), path }
    }

    fn files(&self) -> usize {
        std::fs::read_dir(&self.path).unwrap().count()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// No object of this process takes part.
struct NoLocals;

impl Locals for NoLocals {
    type Locked<'a> = NoLocals;

    fn lock(&self) -> NoLocals {
        NoLocals
    }
}

impl LockedLocals for NoLocals {
    fn taken(&self) -> Option<(usize, bool)> {
        None
    }

    fn is_signalled(&mut self, _: usize) -> bool {
        false
    }

    fn take(&mut self, _: usize) -> bool {
        false
    }

    fn close(&mut self) {}

    fn miss(&mut self) {}
}

fn how<'a>(all: bool, at_most: Option<Duration>) -> How<'a> {
    let deadline = at_most.map(|at_most| Instant::now() + at_most);
    How { all, deadline, parker: None, alerted: &|| false, spins: None, resources: &[] }
}

fn wait_one(named: &Named, at_most: Duration) -> Result<Took, Status> {
    wait(&[Item::Named(named)], &NoLocals, &how(false, Some(at_most)))
}

fn wait_for(named: &[&Arc<Named>], all: bool, at_most: Duration) -> Result<Took, Status> {
    let items: Vec<_> = named.iter().map(|named| Item::Named(named)).collect();
    wait(&items, &NoLocals, &how(all, Some(at_most)))
}

/// Takes it if it can be had now.
fn is_there(named: &Named) -> bool {
    match wait_one(named, Duration::ZERO) {
        Ok(_) => true,
        Err(Status::TIMEOUT) => false,
        Err(status) => panic!("{status}"),
    }
}

const ROLE: &str = "PROACTOR_TEST_ROLE";
const ROOM: &str = "PROACTOR_TEST_ROOM";

/// What this process is to do in a test, if it is a child of it; and where.
fn role() -> Option<(String, Arc<Space>)> {
    let role = std::env::var(ROLE).ok()?;
    let room = std::env::var_os(ROOM)?;
    Some((role, Space::at(Path::new(&room)).unwrap()))
}

/// A child says that it has come so far.
fn say(what: &str) {
    // The harness of the test writes to the same place.
    println!("\n@{what}");
    std::io::stdout().flush().unwrap();
}

/// A child waits until it is told to go on; it ends with its parent.
fn listen() {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).unwrap_or(0) == 0 {
        std::process::exit(0);
    }
}

/// Another process, in the same test function.
struct Other {
    child: Child,
    hears: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
}

impl Other {
    /// `test` is the path of the calling test from this module on.
    fn start(test: &str, role: &str, room: &Room) -> Other {
        let program = std::env::current_exe().unwrap();
        let path = format!("object::named::tests::{test}");
        let mut child = Command::new(program)
            .args([&path, "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(ROOM, &room.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (hears, says) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Other { child, hears, says }
    }

    /// Waits until it says that.
    fn has_said(&mut self, what: &str) {
        let mut line = String::new();
        while self.says.read_line(&mut line).unwrap() != 0 {
            if line.trim_end().strip_prefix('@') == Some(what) {
                return;
            }
            line.clear();
        }
        panic!("it ended before it said {what}: {:?}", self.child.wait());
    }

    fn go_on(&mut self) {
        self.hears.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// It ends by itself, and well.
    fn ends(mut self) {
        drop(self.hears.take());
        let mut rest = String::new();
        while self.says.read_line(&mut rest).unwrap_or(0) != 0 {}
        assert!(self.child.wait().unwrap().success(), "{rest}");
        assert!(rest.contains("1 passed"), "not the name of a test: {rest}");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Random numbers that a seed gives again: Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
