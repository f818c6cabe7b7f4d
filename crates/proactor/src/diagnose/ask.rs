//! Looking into another process: finding those that can be, and asking one for its report.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::place::{Folder, user_of};
use super::report::Report;
use super::wire;
use crate::driver::socket::peer;
use crate::status::Status;

/// How long a process may take to answer. It answers at once unless it is stopped, or its machine is.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a process is doing that serves diagnosis (see [`serve`](super::serve)); it may be one of another user for root.
///
/// Blocks until the answer is there, 5 s at most; takes text of 4 MiB at most, and no text can do harm.
///
/// - `NOT_FOUND`: there is no such process.
/// - `OBJECT_NAME_NOT_FOUND`: it does not serve diagnosis.
/// - `ACCESS_DENIED`: it belongs to another user.
/// - `TIMEOUT`: it does not answer, for instance because it is stopped.
/// - `DEVICE_BUSY`: too many look into it at this moment; try again.
/// - `DATA_ERROR`: what it answers is no report, or one of another version, or it claims more threads (32,768), or
///   waits or objects of theirs (262,144), than it may.
pub fn look_into(process: u32) -> Result<Report, Status> {
    let owner = user_of(process).ok_or(Status::NOT_FOUND)?;
    let me = rustix::process::geteuid();
    if owner != me.as_raw() && !me.is_root() {
        return Err(Status::ACCESS_DENIED);
    }
    for folder in Folder::all(owner) {
        match folder.connect(process) {
            Ok(socket) if is_of(&socket, process, owner) => return ask(socket),
            Err(Errno::AGAIN) => return Err(Status::DEVICE_BUSY),
            // A socket of another process, one that a process left behind, or none: it may be in another folder.
            _ => {}
        }
    }
    Err(Status::OBJECT_NAME_NOT_FOUND)
}

/// The processes that can be looked into: those of this user, for root those of all users.
pub fn serving() -> Vec<u32> {
    let me = rustix::process::geteuid();
    let users = if me.is_root() { all_users() } else { BTreeSet::from([me.as_raw()]) };
    let folders = users.into_iter().flat_map(Folder::all);
    let processes: BTreeSet<u32> = folders.flat_map(|folder| folder.processes()).collect();
    processes.into_iter().filter(|process| user_of(*process).is_some()).collect()
}

/// The users who have processes.
fn all_users() -> BTreeSet<u32> {
    let Ok(folder) = std::fs::read_dir("/proc") else { return BTreeSet::new() };
    folder.filter_map(|entry| user_of(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// Whether it is really that process which listens there.
fn is_of(socket: &OwnedFd, process: u32, owner: u32) -> bool {
    peer(socket.as_fd()).is_ok_and(|peer| peer.process == Some(process) && peer.user == owner)
}

fn ask(socket: OwnedFd) -> Result<Report, Status> {
    let until = Instant::now() + PATIENCE;
    let mut stream = UnixStream::from(socket);
    stream.set_nonblocking(false).map_err(Status::from)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(Status::from)?;
    // One that has answered already, being too busy, may have closed its end.
    let asked = stream.write_all(format!("{}\n", wire::REQUEST).as_bytes());
    let mut text = Vec::new();
    let mut some = vec![0; 64 << 10];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Status::TIMEOUT);
        }
        stream.set_read_timeout(Some(left)).map_err(Status::from)?;
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&some[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Status::TIMEOUT),
            Err(_) => break,
        }
        if text.len() > wire::MOST_TEXT {
            return Err(Status::DATA_ERROR);
        }
    }
    match wire::decode(&text) {
        Some(report) => Ok(report),
        None if text.starts_with(wire::BUSY_LINE.as_bytes()) => Err(Status::DEVICE_BUSY),
        None => Err(asked.err().map_or(Status::DATA_ERROR, Status::from)),
    }
}
