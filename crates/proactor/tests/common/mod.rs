//! What the test programs share: waiting with a bound, packets in a channel, pairs of sockets, and a process of
//! a test's own.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use proactor::{Op, OpId, Operation, Packet, Port, Refused, Socket, Started, Status, Workers};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again until `condition` holds.
///
/// # Panics
/// When it does not for a long time.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it never came about that {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A port with one worker that passes every packet on, in order, so that the test's own thread is no worker.
pub struct Packets {
    pub port: Port<usize, usize>,
    packets: Receiver<Packet<usize, usize>>,
    workers: Option<Workers>,
}

impl Packets {
    pub fn new() -> Packets {
        let port = Port::new(1).unwrap();
        let (tell, packets) = channel();
        let workers = Workers::start(&port, 1, move |packet| {
            // The test may have ended by then.
            let _ = tell.send(packet);
        });
        Packets { port, packets, workers: Some(workers.unwrap()) }
    }

    /// The next packet.
    pub fn next(&self) -> Packet<usize, usize> {
        self.packets.recv_timeout(PATIENCE).expect("a packet should have come")
    }

    /// Sees to it that nothing was queued before this call: what is posted now must come first.
    pub fn assert_none(&self) {
        const MARK: usize = 0x006d_6172_6b00;
        self.port.post(MARK, MARK).unwrap();
        let packet = self.next();
        assert!(matches!(packet.op, Op::Posted(MARK)), "an unexpected packet: {packet:?}");
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        self.port.close();
        if let Some(workers) = self.workers.take() {
            workers.join();
        }
    }
}

/// Takes the operation of one kind out of a packet.
#[macro_export]
macro_rules! expect {
    ($kind:ident, $packet:expr) => {
        match $packet {
            proactor::Packet { op: proactor::Op::$kind(op), .. } => op,
            packet => panic!("expected {}, not {packet:?}", stringify!($kind)),
        }
    };
}

/// What a start gives back.
pub type Start<O> = Result<Started<O>, Refused<O>>;

/// The name of an operation that has to wait.
#[track_caller]
pub fn pending<O: Operation>(start: Start<O>) -> OpId {
    match start {
        Ok(Started::Pending(id)) => id,
        Ok(started) => panic!("done at once: {:?}", started.id()),
        Err(refused) => panic!("{refused:?}"),
    }
}

/// The name of an operation that is done at once and whose packet is queued.
#[track_caller]
pub fn queued<O: Operation>(start: Start<O>) -> OpId {
    match start {
        Ok(Started::Queued(id)) => id,
        Ok(started) => panic!("not queued, done: {}", started.at_once()),
        Err(refused) => panic!("{refused:?}"),
    }
}

/// Why an operation was refused, and the operation.
#[track_caller]
pub fn refused<O: Operation>(start: Start<O>) -> (Status, O) {
    match start {
        Err(Refused { status, op }) => (status, op),
        Ok(started) => panic!("accepted, done: {}", started.at_once()),
    }
}

/// Closes a connection so that the peer's end is reset.
pub fn reset(peer: TcpStream) {
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A listening socket of ours at a free port of the loopback, and its address.
pub fn listener() -> (Socket, SocketAddr) {
    let socket = Socket::listen("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().ip().unwrap();
    (socket, address)
}

/// A connected TCP socket of ours and the peer's, which is a blocking one of the standard library.
pub fn tcp_pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    peer.set_nodelay(true).unwrap();
    (Socket::from_fd(ours).unwrap(), peer)
}

/// Bytes that differ at every place, so that any two streams that are mixed up show it.
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Random numbers that a seed gives again: Vigna's splitmix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Less than `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Waits until a thread of this process sleeps.
pub fn asleep(thread: rustix::thread::Pid) {
    let path = format!("/proc/self/task/{}/stat", thread.as_raw_nonzero());
    eventually("the thread sleeps", || {
        let stat = std::fs::read_to_string(&path).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
    });
}

/// Descriptors this process has open.
pub fn open_descriptors() -> usize {
    // One of them is the directory being read.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

const OWN_PROCESS: &str = "PROACTOR_TEST_IN_OWN_PROCESS";

/// Runs `body` in a process where no other test runs: what it counts and limits is its own. `name` is the test
/// that calls this.
pub fn in_own_process(name: &str, body: impl FnOnce()) {
    if std::env::var_os(OWN_PROCESS).is_some_and(|wanted| wanted == name) {
        return body();
    }
    let program = std::env::current_exe().unwrap();
    let child = Command::new(program)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(OWN_PROCESS, name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let (over, watched) = channel::<()>();
    // What hangs is killed: then this test fails, and tells what had been said until then.
    let watch = std::thread::spawn(move || {
        if watched.recv_timeout(6 * PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(over);
    watch.join().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    print!("{text}");
    assert!(output.status.success(), "{name} failed in its own process: {}\n{text}", output.status);
    assert!(text.contains("1 passed"), "{name} is not the name of a test:\n{text}");
}
