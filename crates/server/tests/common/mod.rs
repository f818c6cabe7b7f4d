//! What the test programs share: a handler that keeps a book, servers, and waiting with a bound.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod attack;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proactor_server::{Builder, Framing, Handler, Reason, Server, Session, SessionId};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again until `condition` holds.
///
/// # Panics
/// When it does not for a long time.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it never came about that {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What happened to each session, in order.
#[derive(Default)]
pub struct Book {
    pub sessions: HashMap<SessionId, Entry>,
}

#[derive(Clone, Default)]
pub struct Entry {
    pub connected: usize,
    pub messages: Vec<Vec<u8>>,
    pub closed: Vec<Reason>,
}

/// Keeps a book, and does with each message what the test wants.
pub struct Recorder<F> {
    pub book: Arc<Mutex<Book>>,
    pub act: F,
}

impl<F: Fn(&Session, &[u8]) + Send + Sync + 'static> Handler for Recorder<F> {
    type State = usize;

    fn connected(&self, session: &Session) -> usize {
        let mut book = self.book.lock().unwrap();
        let entry = book.sessions.entry(session.id()).or_default();
        entry.connected += 1;
        0
    }

    fn message(&self, session: &Session, count: &mut usize, message: &[u8]) {
        *count += 1;
        {
            let mut book = self.book.lock().unwrap();
            let entry = book.sessions.get_mut(&session.id()).expect("connected comes first");
            assert!(entry.closed.is_empty(), "a message after the end");
            entry.messages.push(message.to_vec());
            assert_eq!(entry.messages.len(), *count, "the state is the session's own");
        }
        (self.act)(session, message);
    }

    fn closed(&self, session: &Session, _: usize, reason: Reason) {
        let mut book = self.book.lock().unwrap();
        book.sessions.get_mut(&session.id()).expect("connected comes first").closed.push(reason);
    }
}

/// A server with a book.
pub struct Kept {
    pub server: Server,
    pub book: Arc<Mutex<Book>>,
}

impl Kept {
    pub fn new(builder: Builder, act: impl Fn(&Session, &[u8]) + Send + Sync + 'static) -> Kept {
        let book = Arc::<Mutex<Book>>::default();
        let handler = Recorder { book: book.clone(), act };
        Kept { server: builder.workers(8).listen("127.0.0.1:0", handler).unwrap(), book }
    }

    pub fn echo(framing: Framing) -> Kept {
        Kept::new(Server::builder(framing), |session, message| {
            let _ = session.send(message);
        })
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.local_addr().unwrap()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Why the only session ended.
    #[track_caller]
    pub fn only_reason(&self) -> Reason {
        self.reasons(1)[0]
    }

    /// Why the sessions ended, once so many have.
    #[track_caller]
    pub fn reasons(&self, count: usize) -> Vec<Reason> {
        eventually("the sessions end", || self.ended().len() >= count);
        let reasons = self.ended();
        assert_eq!(reasons.len(), count);
        reasons
    }

    fn ended(&self) -> Vec<Reason> {
        let book = self.book.lock().unwrap();
        book.sessions.values().flat_map(|entry| entry.closed.clone()).collect()
    }

    /// The session that is open.
    #[track_caller]
    pub fn only_session(&self) -> Session {
        eventually("there is a session", || self.server.sessions().all().len() == 1);
        self.server.sessions().all().remove(0)
    }

    /// Every session was told its beginning and its end once.
    #[track_caller]
    pub fn assert_balanced(&self) {
        let book = self.book.lock().unwrap();
        for (id, entry) in &book.sessions {
            assert_eq!((entry.connected, entry.closed.len()), (1, 1), "session {id}: {:?}", entry.closed);
        }
    }
}

/// Reads what comes until the end.
#[track_caller]
pub fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Says everything, ends, and returns everything that is said back.
#[track_caller]
pub fn say(mut stream: &TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_all(stream)
}

/// Closes a connection so that the other end is reset.
pub fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Descriptors this process has open.
pub fn open_descriptors() -> usize {
    // One of them is the directory being read.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// Random numbers that a seed gives again: Vigna's splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}
