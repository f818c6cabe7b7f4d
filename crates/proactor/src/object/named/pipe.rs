//! Where the instances of a named pipe are, and where its clients find one that listens: a directory for each pipe,
//! beside the user's objects.
//!
//! - The file `pipe` in it says what the instances have in common. Byte n of it is locked as long as instance n is
//!   there (the kernel drops the lock with the process); byte 0 is, while somebody changes what is there.
//! - A socket `WHEN.n` is there from the moment when instance n listens until a client has connected to it; it takes
//!   one. Clients take the oldest.
//! - Word n of a table in the file names the connection that instance n disconnected last. So a client whose other
//!   end has gone can tell whether that was a disconnect or a close.
//!
//! What is left when nobody has an instance is a dead process' leftover, and goes when its name is used next, or when a
//! process opens the namespace.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, inotify};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::time::ClockId;

use super::lock::PATIENCE;
use super::name::pipe_directory;
use super::space::{self, Hold, Space, status};
use crate::status::{Result, Status};
use crate::sync::park::timespec;
use crate::sync::seat;

const FILE: &str = "pipe";
const MAGIC: &[u8; 8] = b"pipe  1\n";
/// The name stands here, after its length.
const NAME_AT: usize = 64;
/// What comes before the table; the longest name fits in it.
const HEADER: usize = 1024;
/// Instances of a pipe whose number has no limit of its own.
const MOST: u32 = 16_384;
/// The byte that guards changes.
const GUARD: u32 = 0;

/// What all instances of a pipe have in common; the first decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) messages: bool,
    /// Data may go from client to server.
    pub(crate) inbound: bool,
    pub(crate) outbound: bool,
    /// None: as many as there can be.
    pub(crate) most: Option<u8>,
    /// As they were asked for, of the server's end.
    pub(crate) out_size: u32,
    pub(crate) in_size: u32,
    pub(crate) timeout: Duration,
}

/// The directory and the file of a pipe, opened by one of its ends.
pub(crate) struct Place {
    space: Arc<Space>,
    dir: OwnedFd,
    file: OwnedFd,
    name: String,
    pub(crate) shared: Shared,
}

/// One connection of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) slot: u32,
    /// When the instance began to listen for it, which no other connection of this pipe did.
    pub(crate) when: u64,
}

impl Connection {
    fn file(self) -> String {
        format!("{:016x}.{}", self.when, self.slot)
    }

    fn of_file(file: &str) -> Option<Connection> {
        let (when, slot) = file.split_once('.')?;
        Some(Connection { slot: slot.parse().ok()?, when: u64::from_str_radix(when, 16).ok()? })
    }

    fn word(self) -> u64 {
        HEADER as u64 + u64::from(self.slot) * 8
    }
}

/// An instance's place, until it is given up.
pub(crate) type Slot = u32;

impl Place {
    /// A new instance of a pipe, which is made if it is not there. `first`: it must not be.
    pub(crate) fn create(name: &str, wanted: &Shared, first: bool) -> Result<(Place, Slot)> {
        let (space, name) = (Space::standard()?, name.to_lowercase());
        let directory = pipe_directory(&name)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match rustix::fs::mkdirat(space.dir(), &*directory, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(status(errno)),
            }
            let Some((dir, file)) = open(&space, &directory, OFlags::CREATE)? else { continue };
            guard(file.as_fd(), Hold::Alone)?;
            let mut place = Place { space: space.clone(), dir, file, name: name.clone(), shared: *wanted };
            // Who closed the last instance may have taken it all away meanwhile.
            if rustix::fs::fstat(&place.file).map_err(status)?.st_nlink > 0 {
                let slot = place.settle(first);
                place.unguard();
                return slot.map(|slot| (place, slot));
            }
        }
        Err(Status::IO_TIMEOUT)
    }

    /// Under the guard: what holds for all, and a place for one more.
    fn settle(&mut self, first: bool) -> Result<Slot> {
        if !space::is_held(self.file.as_fd(), 1, 0)? {
            unlink_sockets(&self.dir);
            self.write_header()?;
        } else if first {
            return Err(Status::ACCESS_DENIED);
        } else {
            let there = self.read_header()?.ok_or(Status::DATA_ERROR)?;
            let kind = |shared: &Shared| (shared.messages, shared.inbound, shared.outbound);
            if kind(&there) != kind(&self.shared) {
                return Err(Status::ACCESS_DENIED);
            }
            self.shared = there;
        }
        let most = self.shared.most.map_or(MOST, u32::from);
        for slot in 1..=most {
            // One look shows an instance of another descriptor; the attempt decides.
            if space::hold_byte(self.file.as_fd(), Hold::Alone, slot)? {
                return Ok(slot);
            }
        }
        Err(Status::INSTANCE_NOT_AVAILABLE)
    }

    /// The pipe of this name, for a client. `OBJECT_NAME_NOT_FOUND` if there is none.
    pub(crate) fn find(name: &str) -> Result<Place> {
        let (space, name) = (Space::standard()?, name.to_lowercase());
        let directory = pipe_directory(&name)?;
        let found = open(&space, &directory, OFlags::empty())?;
        let (dir, file) = found.ok_or(Status::OBJECT_NAME_NOT_FOUND)?;
        guard(file.as_fd(), Hold::Shared)?;
        let mut place = Place { space, dir, file, name, shared: Shared::default() };
        let header = place.read_header();
        place.unguard();
        place.shared = header?.ok_or(Status::OBJECT_NAME_NOT_FOUND)?;
        Ok(place)
    }

    /// Makes an instance listen: a socket that one client can connect to.
    pub(crate) fn listen(&self, slot: Slot) -> Result<(OwnedFd, Connection)> {
        let now = rustix::time::clock_gettime(ClockId::Monotonic);
        let when = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
        let connection = Connection { slot, when };
        let socket = socket()?;
        let (file, unready) = (connection.file(), format!("unready.{slot}"));
        // A dead process may have left it.
        let _ = rustix::fs::unlinkat(&self.dir, &*unready, AtFlags::empty());
        rustix::net::bind(&socket, &self.address(&unready)?).map_err(status)?;
        // A queue of this length has room for one.
        rustix::net::listen(&socket, 0).map_err(status)?;
        rustix::fs::renameat(&self.dir, &*unready, &self.dir, &*file).map_err(status)?;
        Ok((socket, connection))
    }

    /// The instance listens no more.
    pub(crate) fn unlisten(&self, connection: Connection) {
        // The client that connected did this already.
        let _ = rustix::fs::unlinkat(&self.dir, connection.file(), AtFlags::empty());
    }

    /// Connects a client. `PIPE_NOT_AVAILABLE` when no instance listens.
    pub(crate) fn connect(&self) -> Result<(OwnedFd, Connection)> {
        for connection in self.listening()? {
            let socket = socket()?;
            match rustix::net::connect(&socket, &self.address(&connection.file())?) {
                Ok(()) => {
                    self.unlisten(connection);
                    return Ok((socket, connection));
                }
                // Another client was first; or its process has died, and who comes next sweeps.
                Err(Errno::NOENT | Errno::AGAIN | Errno::CONNREFUSED) => {}
                Err(errno) => return Err(status(errno)),
            }
        }
        Err(if self.has_instances()? { Status::PIPE_NOT_AVAILABLE } else { Status::OBJECT_NAME_NOT_FOUND })
    }

    /// What can be connected to, the oldest first.
    fn listening(&self) -> Result<Vec<Connection>> {
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.dir).map_err(status)?.map_while(std::result::Result::ok) {
            found.extend(entry.file_name().to_str().ok().and_then(Connection::of_file));
        }
        found.sort_unstable_by_key(|connection| connection.when);
        Ok(found)
    }

    fn has_instances(&self) -> Result<bool> {
        space::is_held(self.file.as_fd(), 1, 0)
    }

    /// Instances there are, in all processes. Called by an end that is no instance, or for slot `mine`.
    pub(crate) fn instances(&self, mine: Option<Slot>) -> Result<u32> {
        let most = self.shared.most.map_or(MOST, u32::from);
        let mut count = u32::from(mine.is_some());
        for slot in (1..=most).filter(|slot| Some(*slot) != mine) {
            count += u32::from(space::is_held(self.file.as_fd(), slot, 1)?);
            if slot % 64 == 0
                && !space::is_held(self.file.as_fd(), slot, 0)?
                && mine.is_none_or(|mine| mine <= slot)
            {
                break;
            }
        }
        Ok(count)
    }

    /// Waits until an instance can be connected to (`WaitNamedPipe`). Blocks.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Result<()> {
        let watch =
            inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).map_err(status)?;
        let path = format!("/proc/self/fd/{}", self.dir.as_raw_fd());
        inotify::add_watch(&watch, path, inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::DELETE)
            .map_err(status)?;
        loop {
            if !self.has_instances()? {
                return Err(Status::OBJECT_NAME_NOT_FOUND);
            }
            if self.listening()?.iter().any(|connection| self.has(connection.slot)) {
                return Ok(());
            }
            // A process that is killed takes its instances with it and moves no file.
            const LOOK: Duration = Duration::from_millis(100);
            let left = deadline.map_or(LOOK, |at| at.saturating_duration_since(Instant::now()).min(LOOK));
            if left.is_zero() {
                return Err(Status::IO_TIMEOUT);
            }
            let mut fds = [PollFd::new(&watch, PollFlags::IN)];
            let polled = seat::blocking(|| rustix::event::poll(&mut fds, Some(&timespec(left))));
            if polled.is_ok_and(|count| count > 0) {
                // What happened is seen by looking; only that it did was asked.
                let _ = rustix::io::read(&watch, &mut [0; 4096]);
            }
        }
    }

    fn has(&self, slot: Slot) -> bool {
        space::is_held(self.file.as_fd(), slot, 1).unwrap_or(false)
    }

    /// Notes that the server has disconnected a client, who then finds no data of before.
    pub(crate) fn note_disconnect(&self, connection: Connection) -> Result<()> {
        let written = rustix::io::pwrite(&self.file, &connection.when.to_le_bytes(), connection.word());
        written.map(|_| ()).map_err(status)
    }

    /// Whether the server disconnected this connection.
    pub(crate) fn was_disconnected(&self, connection: Connection) -> bool {
        let mut word = [0; 8];
        let read = rustix::io::pread(&self.file, &mut word, connection.word());
        // A later one of the same instance: this one must have ended first.
        read == Ok(8) && u64::from_le_bytes(word) >= connection.when
    }

    /// Gives up an instance. The last takes the pipe away.
    pub(crate) fn leave(&self, slot: Slot) {
        let guarded = guard(self.file.as_fd(), Hold::Alone).is_ok();
        let _ = space::hold_byte(self.file.as_fd(), Hold::Not, slot);
        if guarded
            && self.has_instances() == Ok(false)
            && let Ok(directory) = pipe_directory(&self.name)
        {
            remove(&self.space, &directory, &self.dir);
        }
        self.unguard();
    }

    fn unguard(&self) {
        let _ = space::hold_byte(self.file.as_fd(), Hold::Not, GUARD);
    }

    /// By way of the descriptor: a socket's address has room for 107 bytes only.
    fn address(&self, file: &str) -> Result<SocketAddrUnix> {
        let path = format!("/proc/self/fd/{}/{file}", self.dir.as_raw_fd());
        SocketAddrUnix::new(path).map_err(status)
    }

    fn write_header(&self) -> Result<()> {
        let Shared { messages, inbound, outbound, most, out_size, in_size, timeout } = self.shared;
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&[messages.into(), inbound.into(), outbound.into(), most.unwrap_or(0)]);
        header[12..16].copy_from_slice(&out_size.to_le_bytes());
        header[16..20].copy_from_slice(&in_size.to_le_bytes());
        let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        header[24..32].copy_from_slice(&timeout.to_le_bytes());
        let name = self.name.as_bytes();
        header[NAME_AT - 4..NAME_AT].copy_from_slice(&(name.len() as u32).to_le_bytes());
        header[NAME_AT..NAME_AT + name.len()].copy_from_slice(name);
        rustix::fs::ftruncate(&self.file, 0).map_err(status)?;
        match rustix::io::pwrite(&self.file, &header, 0).map_err(status)? {
            HEADER => Ok(()),
            _ => Err(Status::DISK_FULL),
        }
    }

    /// None: nobody has made it.
    fn read_header(&self) -> Result<Option<Shared>> {
        let mut header = [0; HEADER];
        match rustix::io::pread(&self.file, &mut header, 0).map_err(status)? {
            0 => return Ok(None),
            HEADER if header.starts_with(MAGIC) => {}
            _ => return Err(Status::DATA_ERROR),
        }
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let name = header.get(NAME_AT..NAME_AT + number(NAME_AT - 4) as usize).ok_or(Status::DATA_ERROR)?;
        if name != self.name.as_bytes() {
            return Err(Status::OBJECT_NAME_COLLISION);
        }
        Ok(Some(Shared {
            messages: header[8] != 0,
            inbound: header[9] != 0,
            outbound: header[10] != 0,
            most: Some(header[11]).filter(|most| *most != 0),
            out_size: number(12),
            in_size: number(16),
            timeout: Duration::from_millis(u64::from_le_bytes(std::array::from_fn(|i| header[24 + i]))),
        }))
    }
}

/// Takes away the directory of a pipe if it is a dead process' leftover.
pub(super) fn sweep(space: &Space, directory: &str) {
    let Ok(Some((dir, file))) = open(space, directory, OFlags::empty()) else { return };
    if space::hold_byte(file.as_fd(), Hold::Alone, GUARD) == Ok(true)
        && space::is_held(file.as_fd(), 1, 0) == Ok(false)
    {
        remove(space, directory, &dir);
    }
    let _ = space::hold_byte(file.as_fd(), Hold::Not, GUARD);
}

/// Under the guard: nobody has an instance.
fn remove(space: &Space, directory: &str, dir: &OwnedFd) {
    unlink_sockets(dir);
    // In this order, so that a pipe that is found has its file.
    let _ = rustix::fs::unlinkat(dir, FILE, AtFlags::empty());
    let _ = rustix::fs::unlinkat(space.dir(), directory, AtFlags::REMOVEDIR);
}

/// Nobody listens.
fn unlink_sockets(dir: &OwnedFd) {
    let Ok(entries) = Dir::read_from(dir) else { return };
    for entry in entries.map_while(std::result::Result::ok) {
        let file = entry.file_name();
        if !matches!(file.to_bytes(), b"." | b"..") && file.to_bytes() != FILE.as_bytes() {
            let _ = rustix::fs::unlinkat(dir, file, AtFlags::empty());
        }
    }
}

/// A socket, of which neither end is anything yet.
pub(crate) fn socket() -> Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(status)
}

/// The directory of a pipe and its file, if they are there.
fn open(space: &Space, directory: &str, create: OFlags) -> Result<Option<(OwnedFd, OwnedFd)>> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match rustix::fs::openat(space.dir(), directory, flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(status(errno)),
    };
    space::is_ours_alone(&rustix::fs::fstat(&dir).map_err(status)?)?;
    let flags =
        OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | create;
    match rustix::fs::openat(&dir, FILE, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(Some((dir, file))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(status(errno)),
    }
}

/// Takes the guard of a pipe's file, which nobody holds for long.
fn guard(file: BorrowedFd<'_>, how: Hold) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !space::hold_byte(file, how, GUARD)? {
        if Instant::now() >= deadline {
            return Err(Status::IO_TIMEOUT);
        }
        seat::blocking(|| std::thread::sleep(Duration::from_micros(100)));
    }
    Ok(())
}
