//! A request that records what happens to it, and files to use it on.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use crate::driver::file::ring::Ring;
use crate::driver::file::threads::Threads;
use crate::driver::file::{Action, Backend, Request};

/// Longer than any of these can take on a loaded machine; reaching it means that something is never going to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The ring, or nothing where io_uring may not be had; unless it was asked for, when that is a failure.
pub(super) fn ring() -> Option<Ring> {
    match Ring::start() {
        Ok(ring) => Some(ring),
        Err(why) if std::env::var("PROACTOR_BACKEND").is_ok_and(|name| name == "io_uring") => panic!("{why}"),
        Err(why) => {
            eprintln!("not tested with a ring: {why}");
            None
        }
    }
}

pub(super) fn backends() -> Vec<Arc<dyn Backend>> {
    let threads: Arc<dyn Backend> = Arc::new(Threads::new());
    ring().map(|ring| Arc::new(ring) as Arc<dyn Backend>).into_iter().chain([threads]).collect()
}

/// How a request ended.
pub(super) struct Ended {
    pub(super) id: u64,
    pub(super) end: Result<(), Errno>,
    pub(super) moved: usize,
    pub(super) pieces: Vec<Piece>,
}

impl Ended {
    /// What was read, of all pieces in order.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let all: Vec<u8> = self.pieces.iter().flat_map(|piece| piece.bytes().iter().copied()).collect();
        all[..self.moved].to_vec()
    }
}

/// Memory that starts on a page, so that it serves unbuffered files too.
pub(super) struct Piece {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Piece {
    pub(super) fn new(bytes: &[u8]) -> Piece {
        let mut memory = vec![0; bytes.len() + 4096];
        let start = memory.as_ptr().align_offset(4096);
        memory[start..start + bytes.len()].copy_from_slice(bytes);
        Piece { memory, start, length: bytes.len() }
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

pub(super) struct Transfer {
    pub(super) fd: Arc<OwnedFd>,
    pub(super) action: Action,
    pub(super) start: u64,
    pub(super) pieces: Vec<Piece>,
    /// Called when the backend first asks for the memory, that is when it starts on the request.
    pub(super) on_start: Option<Box<dyn FnOnce() + Send>>,
    pub(super) on_end: Box<dyn FnOnce(Ended) + Send>,
    moved: usize,
    id: u64,
}

impl Request for Transfer {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn action(&self) -> Action {
        self.action
    }

    fn offset(&self) -> u64 {
        self.start + self.moved as u64
    }

    fn slices(&mut self, out: &mut [libc::iovec]) -> usize {
        if let Some(call) = self.on_start.take() {
            call();
        }
        let mut skip = self.moved;
        let mut count = 0;
        for piece in &mut self.pieces {
            let bytes = piece.bytes_mut();
            let skipped = skip.min(bytes.len());
            skip -= skipped;
            let rest = &mut bytes[skipped..];
            if count < out.len() && !rest.is_empty() {
                out[count] = libc::iovec { iov_base: rest.as_mut_ptr().cast(), iov_len: rest.len() };
                count += 1;
            }
        }
        count
    }

    fn advance(&mut self, n: usize) -> bool {
        assert!(n > 0);
        self.moved += n;
        let total: usize = self.pieces.iter().map(|piece| piece.length).sum();
        assert!(self.moved <= total);
        self.moved < total
    }

    fn finish(self: Box<Self>, end: Result<(), Errno>) {
        let Transfer { id, moved, pieces, on_end, .. } = *self;
        on_end(Ended { id, end, moved, pieces });
    }
}

/// Makes requests and collects their ends.
pub(super) struct Desk {
    next: AtomicU64,
    say: Sender<Ended>,
    ends: Receiver<Ended>,
    early: Mutex<HashMap<u64, Ended>>,
}

impl Desk {
    pub(super) fn new() -> Desk {
        let (say, ends) = channel();
        Desk { next: AtomicU64::new(1), say, ends, early: Mutex::default() }
    }

    /// A request whose end comes to this desk.
    pub(super) fn request(
        &self,
        file: &Arc<OwnedFd>,
        action: Action,
        start: u64,
        pieces: &[&[u8]],
    ) -> Box<Transfer> {
        let say = self.say.clone();
        Box::new(Transfer {
            fd: Arc::clone(file),
            action,
            start,
            pieces: pieces.iter().map(|bytes| Piece::new(bytes)).collect(),
            on_start: None,
            on_end: Box::new(move |ended| drop(say.send(ended))),
            moved: 0,
            id: 0,
        })
    }

    pub(super) fn submit(&self, backend: &dyn Backend, mut request: Box<Transfer>) -> u64 {
        request.id = self.next.fetch_add(1, Ordering::Relaxed);
        let id = request.id;
        backend.submit(id, request);
        id
    }

    /// Waits for one request's end; the ends of others are kept for when they are asked for.
    pub(super) fn wait(&self, id: u64) -> Ended {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(ended) = early.remove(&id) {
                return ended;
            }
            let ended = self.ends.recv_timeout(PATIENCE).expect("a request never ended");
            assert!(early.insert(ended.id, ended).is_none(), "a request ended twice");
        }
    }

    /// Whether any end came that nobody waited for.
    pub(super) fn is_empty(&self) -> bool {
        self.ends.try_recv().is_err() && self.early.lock().unwrap().is_empty()
    }

    pub(super) fn run(&self, backend: &dyn Backend, request: Box<Transfer>) -> Ended {
        let id = self.submit(backend, request);
        self.wait(id)
    }

    pub(super) fn write(&self, backend: &dyn Backend, file: &Arc<OwnedFd>, start: u64, bytes: &[u8]) {
        let ended = self.run(backend, self.request(file, Action::Write, start, &[bytes]));
        assert_eq!((ended.end, ended.moved), (Ok(()), bytes.len()));
    }

    pub(super) fn read(
        &self,
        backend: &dyn Backend,
        file: &Arc<OwnedFd>,
        start: u64,
        length: usize,
    ) -> Vec<u8> {
        let ended = self.run(backend, self.request(file, Action::Read, start, &[&vec![0; length]]));
        assert_eq!(ended.end, Ok(()));
        ended.bytes()
    }
}

/// Holds a backend's thread at the start of a request until it is let go.
pub(super) struct Gate {
    reached: Receiver<()>,
    release: Sender<()>,
    pub(super) id: u64,
}

impl Gate {
    /// Returns when the thread is held.
    pub(super) fn close(desk: &Desk, backend: &dyn Backend, file: &Arc<OwnedFd>) -> Gate {
        let (say, reached) = channel();
        let (release, released) = channel();
        let mut request = desk.request(file, Action::Read, 0, &[&[0; 1]]);
        request.on_start = Some(Box::new(move || {
            say.send(()).unwrap();
            released.recv_timeout(PATIENCE).expect("a gate never opened");
        }));
        let id = desk.submit(backend, request);
        reached.recv_timeout(PATIENCE).expect("a request never started");
        Gate { reached, release, id }
    }

    pub(super) fn open(self, desk: &Desk) {
        self.release.send(()).unwrap();
        assert_eq!(desk.wait(self.id).end, Ok(()));
        assert!(self.reached.try_recv().is_err(), "started twice");
    }
}

/// A path beside the test program, which is on a disk where the temporary directory may not be.
fn path() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut path = std::env::current_exe().unwrap();
    path.set_file_name(format!("proactor-file-{}-{count}", std::process::id()));
    path
}

/// A new file without a name, with these flags added and this content.
pub(super) fn file_with(flags: i32, content: &[u8]) -> Arc<OwnedFd> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = path();
    std::fs::write(&path, content).unwrap();
    let file = File::options().read(true).write(true).custom_flags(flags).open(&path);
    std::fs::remove_file(&path).unwrap();
    Arc::new(OwnedFd::from(file.unwrap()))
}

pub(super) fn file() -> Arc<OwnedFd> {
    file_with(0, b"")
}

pub(super) fn length(file: &OwnedFd) -> u64 {
    rustix::fs::fstat(file).unwrap().st_size as u64
}
