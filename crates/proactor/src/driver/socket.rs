//! The calls that move data through sockets and pipes, none of which ever blocks: one function a call, with
//! the kernel's errors as they come, except that an interrupted call is made again.

#![allow(unsafe_code)]

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags, SocketAddrAny, SocketFlags,
};

use super::sendfile::without_pipe_signal;
use crate::sync::park::timespec;

type Result<T> = std::result::Result<T, Errno>;

pub(super) fn retry<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

pub(super) fn recv_flags(peek: bool) -> RecvFlags {
    // Every descriptor of ours is non-blocking already; the flag is for those that were handed to us and are
    // shared with somebody who changes that.
    RecvFlags::DONTWAIT | if peek { RecvFlags::PEEK } else { RecvFlags::empty() }
}

pub(crate) fn recv(fd: BorrowedFd<'_>, bytes: &mut [u8], peek: bool) -> Result<usize> {
    retry(|| rustix::net::recv(fd, &mut *bytes, recv_flags(peek)).map(|(count, _)| count))
}

/// What a receive with everything around it brought.
pub(crate) struct Received {
    pub(crate) bytes: usize,
    pub(crate) truncated: bool,
    pub(crate) sender: Option<SocketAddrAny>,
}

pub(crate) fn recv_message(
    fd: BorrowedFd<'_>,
    slices: &mut [IoSliceMut<'_>],
    peek: bool,
) -> Result<Received> {
    let mut control = RecvAncillaryBuffer::default();
    let message = retry(|| rustix::net::recvmsg(fd, slices, &mut control, recv_flags(peek)))?;
    Ok(Received {
        bytes: message.bytes,
        truncated: message.flags.contains(ReturnFlags::TRUNC),
        sender: message.address,
    })
}

pub(super) const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    retry(|| rustix::net::send(fd, bytes, SEND))
}

pub(crate) fn send_gather(fd: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> Result<usize> {
    let mut control = SendAncillaryBuffer::default();
    retry(|| rustix::net::sendmsg(fd, slices, &mut control, SEND))
}

pub(crate) fn send_to(fd: BorrowedFd<'_>, slices: &[IoSlice<'_>], to: &SocketAddrAny) -> Result<usize> {
    let mut control = SendAncillaryBuffer::default();
    retry(|| rustix::net::sendmsg_addr(fd, to, slices, &mut control, SEND))
}

pub(crate) fn read(fd: BorrowedFd<'_>, slices: &mut [IoSliceMut<'_>]) -> Result<usize> {
    retry(|| rustix::io::readv(fd, slices))
}

pub(crate) fn write(fd: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> Result<usize> {
    without_pipe_signal(|| retry(|| rustix::io::writev(fd, slices)))
}

pub(crate) fn accept(fd: BorrowedFd<'_>) -> Result<(OwnedFd, Option<SocketAddrAny>)> {
    retry(|| rustix::net::acceptfrom_with(fd, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC))
}

/// Whether a receive would find data or an end now.
pub(crate) fn is_readable(fd: BorrowedFd<'_>) -> bool {
    shows(fd, PollFlags::IN | PollFlags::RDHUP)
}

/// What a receive from a pipe would meet now.
pub(crate) enum PipeState {
    Data,
    Empty,
    /// Nothing more will come.
    Broken,
}

pub(crate) fn pipe_state(fd: BorrowedFd<'_>) -> PipeState {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    let now = timespec(Duration::ZERO);
    match rustix::event::poll(&mut fds, Some(&now)) {
        Ok(count) if count > 0 && fds[0].revents().contains(PollFlags::IN) => PipeState::Data,
        Ok(count) if count > 0 => PipeState::Broken,
        _ => PipeState::Empty,
    }
}

/// Whether the peer has sent its last, received by us or not.
pub(crate) fn has_ended(fd: BorrowedFd<'_>) -> bool {
    shows(fd, PollFlags::RDHUP)
}

/// Whether any of `flags`, an error or a hang-up is there now.
fn shows(fd: BorrowedFd<'_>, flags: PollFlags) -> bool {
    !told(fd, flags).is_empty()
}

/// Which of `flags` are there now; an error and a hang-up also if they are not among them.
pub(crate) fn told(fd: BorrowedFd<'_>, flags: PollFlags) -> PollFlags {
    let mut fds = [PollFd::from_borrowed_fd(fd, flags)];
    let now = timespec(Duration::ZERO);
    match rustix::event::poll(&mut fds, Some(&now)) {
        Ok(count) if count > 0 => fds[0].revents(),
        _ => PollFlags::empty(),
    }
}

/// The same of several, once there is something to tell of any, or the time is over, or a signal has come.
pub(crate) fn told_of_any(list: &[(BorrowedFd<'_>, PollFlags)], wait: Duration) -> Vec<PollFlags> {
    let mut fds: Vec<_> = list.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
    match rustix::event::poll(&mut fds, Some(&timespec(wait))) {
        Ok(_) => fds.iter().map(|fd| fd.revents()).collect(),
        Err(_) => vec![PollFlags::empty(); list.len()],
    }
}

/// The error the socket has kept, if any; taken from it.
pub(crate) fn take_error(fd: BorrowedFd<'_>) -> Result<()> {
    match rustix::net::sockopt::socket_error(fd) {
        Ok(kept) => kept,
        Err(error) => Err(error),
    }
}

/// What the peer of a Unix socket has not received yet of what went out, in the kernel's bytes, which are more. A few
/// may be left after the last was received, so that only dozens are something.
pub(crate) fn unreceived(fd: BorrowedFd<'_>) -> Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: the descriptor is open for the call, which writes one int.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if result == 0 { Ok(usize::try_from(count).unwrap_or(0)) } else { Err(last_error()) }
}

/// Who is at the other end of a socket with an address in the file system, or was when it was connected.
pub(crate) struct Peer {
    /// Its process; `None` for one that this process can't see, being of a PID namespace that is not below its own.
    pub(crate) process: Option<u32>,
    pub(crate) user: u32,
}

pub(crate) fn peer(fd: BorrowedFd<'_>) -> Result<Peer> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of_val(&found) as libc::socklen_t;
    // SAFETY: the descriptor is open for the call, which writes no more than `length` bytes into three plain
    // integers, any value of which is valid.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut found).cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(last_error());
    }
    // What knows nobody says so in this way: no process, and the user -1.
    if length as usize != size_of_val(&found) || found.uid == u32::MAX {
        return Err(Errno::NOTCONN);
    }
    Ok(Peer::from(found))
}

impl From<libc::ucred> for Peer {
    fn from(found: libc::ucred) -> Peer {
        Peer { process: u32::try_from(found.pid).ok().filter(|process| *process > 0), user: found.uid }
    }
}

/// Has a bind to port 0 leave the choice of the port to the connect that follows.
pub(crate) fn bind_without_port(fd: BorrowedFd<'_>) -> Result<()> {
    set_option(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, true)
}

/// Switches an option of a socket that is on or off.
pub(crate) fn set_option(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, on: bool) -> Result<()> {
    let on = libc::c_int::from(on);
    // SAFETY: the descriptor is open for the call, and the value is an int that the call only reads.
    let result = unsafe {
        let length = size_of_val(&on) as libc::socklen_t;
        libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const on).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// Why the call that was just made failed.
pub(super) fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_peer_is_told_and_one_out_of_sight_is_nobodys_number() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let found = peer(one.as_fd()).unwrap();
        assert_eq!(found.process, Some(std::process::id()));
        assert_eq!(found.user, rustix::process::geteuid().as_raw());
        let hidden = Peer::from(libc::ucred { pid: 0, uid: 7, gid: 7 });
        assert_eq!((hidden.process, hidden.user), (None, 7));
        let alone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(peer(alone.as_fd()).err(), Some(Errno::NOTCONN));
    }
}
