//! A server under attack, in a process of its own, and what has to hold whatever the attack was.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use proactor_server::{Builder, Counts, Endian, Framing, Handler, Reason, Server, Session, Width};

use super::{PATIENCE, eventually, open_descriptors};

const WORKERS: usize = 8;

pub const MIB: usize = 1 << 20;

/// What the process may take beside what its limits allow: stacks of threads, and what the allocator holds back.
pub const SLACK: usize = 12 * MIB;

/// Bytes of this process that are in memory and its own. The file is open already: there may be no descriptors.
fn resident(status: &File) -> usize {
    let mut text = [0; 4096];
    let count = status.read_at(&mut text, 0).unwrap();
    let status = std::str::from_utf8(&text[..count]).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux 4.5 has it");
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Sockets this process has open.
fn open_sockets() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = links.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

const OWN_PROCESS: &str = "PROACTOR_TEST_IN_OWN_PROCESS";

/// Runs `body` in a process where no other test runs: what it counts and limits is its own. `name` is the test
/// that calls this.
pub fn in_own_process(name: &str, body: impl FnOnce()) {
    if std::env::var_os(OWN_PROCESS).is_some_and(|wanted| wanted == name) {
        // What hangs ends by itself, and this test fails.
        thread::spawn(|| {
            thread::sleep(5 * PATIENCE);
            eprintln!("it hangs");
            std::process::abort();
        });
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(OWN_PROCESS, name)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    print!("{text}");
    assert!(output.status.success(), "{name} failed in its own process: {}\n{text}", output.status);
    assert!(text.contains("1 passed"), "{name} is not the name of a test:\n{text}");
}

/// How many beginnings and ends a handler was told. A session's state is in one place at a time, so it has no two
/// ends; that each has one is to be shown.
#[derive(Default)]
pub struct Told {
    pub connected: AtomicUsize,
    pub closed: AtomicUsize,
}

struct Counting<F> {
    told: Arc<Told>,
    act: F,
}

impl<F: Fn(&Session, &[u8]) + Send + Sync + 'static> Handler for Counting<F> {
    type State = ();

    fn connected(&self, _: &Session) {
        self.told.connected.fetch_add(1, SeqCst);
    }

    fn message(&self, session: &Session, (): &mut (), message: &[u8]) {
        (self.act)(session, message);
    }

    fn closed(&self, _: &Session, (): (), _: Reason) {
        self.told.closed.fetch_add(1, SeqCst);
    }
}

/// The server that is attacked.
pub struct Attacked {
    pub server: Server,
    pub address: SocketAddr,
    told: Arc<Told>,
}

/// Messages behind four bytes of length.
pub fn framing() -> Framing {
    Framing::length(Width::Four, Endian::Big)
}

pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut frame = (message.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    frame
}

/// Answers with what was said, and is content if that can't be.
pub fn echo(session: &Session, message: &[u8]) {
    let _ = session.send(message);
}

impl Attacked {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub fn counts(&self) -> Counts {
        self.server.sessions().counts()
    }

    /// So many sessions are open, sooner or later.
    #[track_caller]
    pub fn open(&self, count: usize) {
        eventually("so many sessions are open", || self.counts().open == count);
    }
}

/// One that behaves: says numbered messages one after the other and is answered each.
#[track_caller]
pub fn behave(mut stream: &TcpStream, rounds: u32) {
    for round in 0..rounds {
        let message = frame(format!("round {round}").as_bytes());
        stream.write_all(&message).unwrap();
        let mut back = vec![0; message.len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, message, "an answer is lost or out of order");
    }
}

/// Well-behaved sessions from before to after an attack. Every one of their messages must be answered, in order.
pub struct Behaved {
    over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<u64>>,
}

impl Behaved {
    pub fn start(attacked: &Attacked, count: usize) -> Behaved {
        let over = Arc::new(AtomicBool::new(false));
        let one = |_| {
            let (stream, over) = (attacked.connect(), over.clone());
            thread::spawn(move || {
                let mut answers = 0;
                while !over.load(SeqCst) {
                    behave(&stream, 10);
                    answers += 10;
                    thread::sleep(Duration::from_millis(1));
                }
                answers
            })
        };
        let threads = (0..count).map(one).collect();
        Behaved { over, threads }
    }

    /// Answers they had.
    #[track_caller]
    pub fn end(mut self) -> u64 {
        self.over.store(true, SeqCst);
        let threads = std::mem::take(&mut self.threads);
        threads.into_iter().map(|thread| thread.join().expect("a behaved session was not served")).sum()
    }
}

/// Whatever happens meanwhile, nobody waits for its end in vain.
impl Drop for Behaved {
    fn drop(&mut self) {
        self.over.store(true, SeqCst);
    }
}

struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Starts a server, lets three well-behaved sessions go on for all of the attack, and shows what has to hold in the
/// end: memory was never more than `most` above what it was, descriptors are what they were, nobody behaved was
/// lost, every beginning has one end, and the server serves on. Returns what the server counted.
pub fn under_attack(
    builder: Builder,
    most: usize,
    act: impl Fn(&Session, &[u8]) + Send + Sync + 'static,
    attack: impl FnOnce(&Attacked),
) -> Counts {
    let told = Arc::<Told>::default();
    let handler = Counting { told: told.clone(), act };
    let server = builder.workers(WORKERS).listen("127.0.0.1:0", handler).unwrap();
    let attacked = Attacked { address: server.local_addr().unwrap(), server, told };
    let sockets = open_sockets();
    // Threads, arenas and tables are there before it is measured.
    Behaved::start(&attacked, 3).end();
    attacked.open(0);
    eventually("sockets are given back", || open_sockets() == sockets);
    let status = File::open("/proc/self/status").unwrap();
    let (memory, descriptors) = (resident(&status), open_descriptors());
    let (over, peak) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) {
                peak.fetch_max(resident(&status), SeqCst);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let _over = SetAtEnd(&over);
        let behaved = Behaved::start(&attacked, 3);
        attacked.open(3);
        attack(&attacked);
        // Also after it.
        behave(&attacked.connect(), 100);
        assert!(behaved.end() > 0);
    });
    attacked.open(0);
    eventually("sockets are given back", || open_sockets() == sockets);
    // A worker that was looked at while it blocked keeps one to be looked at again.
    assert!(open_descriptors() <= descriptors + WORKERS, "descriptors are left open");
    let more = peak.into_inner().saturating_sub(memory);
    println!(
        "{} KiB at first, {} KiB more at the worst, {} KiB allowed",
        memory >> 10,
        more >> 10,
        most >> 10
    );
    assert!(more <= most, "{} KiB more, {} KiB are allowed", more >> 10, most >> 10);
    let Attacked { server, told, .. } = attacked;
    let counts = server.shutdown(Duration::from_secs(5));
    println!("{counts:?}");
    assert_eq!(told.connected.load(SeqCst), told.closed.load(SeqCst), "an end was told to each");
    assert_eq!(told.connected.load(SeqCst) as u64, counts.accepted);
    assert_eq!(counts.ordinary + counts.timeouts + counts.shortages + counts.faults, counts.accepted);
    counts
}
