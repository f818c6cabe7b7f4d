//! Ranges of a file that the kernel keeps for one open file description (`F_OFD_SETLK`): how processes see each other's
//! locks and share modes.
//!
//! A description has each byte either not at all, shared, or exclusively; to ask anew changes what it has. The kernel
//! gives all back with the last descriptor, however a process ends.

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

/// How a description has a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hold {
    None,
    Shared,
    Exclusive,
}

/// The first offset that a range can't reach into, for the kernel counts in signed numbers.
pub(crate) const BEYOND: u64 = i64::MAX as u64;

/// Has the range held so from now on. `AGAIN` when another description holds any of it; `BADF` when the descriptor is
/// not open for what is asked: for reading to share, for writing to exclude.
///
/// Neither waits, nor does anything for an empty range, which to the kernel would be everything from there on.
pub(crate) fn hold(fd: BorrowedFd<'_>, start: u64, len: u64, hold: Hold) -> Result<(), Errno> {
    if len == 0 {
        return Ok(());
    }
    let kind = match hold {
        Hold::None => libc::F_UNLCK,
        Hold::Shared => libc::F_RDLCK,
        Hold::Exclusive => libc::F_WRLCK,
    };
    match ask(fd, libc::F_OFD_SETLK, kind, start, len) {
        Ok(_) => Ok(()),
        // POSIX lets it be either.
        Err(Errno::ACCESS) => Err(Errno::AGAIN),
        Err(error) => Err(error),
    }
}

/// Whether another description has any of the range, in any way.
pub(crate) fn is_held_elsewhere(fd: BorrowedFd<'_>, start: u64, len: u64) -> Result<bool, Errno> {
    if len == 0 {
        return Ok(false);
    }
    let found = ask(fd, libc::F_OFD_GETLK, libc::F_WRLCK, start, len)?;
    Ok(i32::from(found.l_type) != libc::F_UNLCK)
}

fn ask(fd: BorrowedFd<'_>, what: i32, kind: i32, start: u64, len: u64) -> Result<libc::flock, Errno> {
    let fits = |value: u64| i64::try_from(value).map_err(|_| Errno::INVAL);
    // SAFETY: plain data for which zero is a value; with it `l_pid` is 0, as these commands demand.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = kind as i16;
    range.l_whence = libc::SEEK_SET as i16;
    (range.l_start, range.l_len) = (fits(start)?, fits(len)?);
    loop {
        // SAFETY: the descriptor is borrowed and the range valid for the time of the call.
        let result = unsafe { libc::fcntl(fd.as_raw_fd(), what, &mut range) };
        if result == 0 {
            return Ok(range);
        }
        match Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO) {
            Errno::INTR => {}
            error => return Err(error),
        }
    }
}
