//! From a file to a stream socket without a buffer of ours: `sendfile`, and holding back what is not a full packet.

#![allow(unsafe_code)]

use std::io::IoSlice;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, sockopt};

use super::socket::{SEND, retry};

type Result<T> = std::result::Result<T, Errno>;

/// Sends from memory. With `more` the last packet, if it is not full, waits for what follows.
pub(crate) fn send_part(fd: BorrowedFd<'_>, slices: &[IoSlice<'_>], more: bool) -> Result<usize> {
    let mut control = SendAncillaryBuffer::default();
    let flags = if more { SEND | SendFlags::MORE } else { SEND };
    retry(|| rustix::net::sendmsg(fd, slices, &mut control, flags))
}

/// Whether a call without a flag of its own would block on the descriptor.
pub(crate) fn may_block(fd: BorrowedFd<'_>) -> bool {
    // It fails for no descriptor that is open.
    rustix::fs::fcntl_getfl(fd).is_ok_and(|flags| !flags.contains(rustix::fs::OFlags::NONBLOCK))
}

/// Makes a call whose EPIPE does not end the program.
pub(crate) fn without_pipe_signal<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    let shield = PipeSignal::hold();
    let result = call();
    shield.release(matches!(result, Err(Errno::PIPE)));
    result
}

/// Moves up to `count` bytes from `offset` of the file to the socket; 0 at the end of the file. The socket must not
/// be one that [`may_block`]; the disk may.
pub(crate) fn send_file(
    fd: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
) -> Result<usize> {
    let shield = PipeSignal::hold();
    let mut at = offset;
    let result = match retry(|| rustix::fs::sendfile(fd, file, Some(&mut at), count)) {
        // A file system that gives its pages to nobody.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => copy(fd, file, offset, count),
        result => result,
    };
    shield.release(result == Err(Errno::PIPE));
    result
}

/// The same through a buffer, which blocks on no socket. What the socket does not take is read again.
pub(crate) fn copy(fd: BorrowedFd<'_>, file: BorrowedFd<'_>, offset: u64, count: usize) -> Result<usize> {
    let mut bytes = [0; 16 * 1024];
    let room = count.min(bytes.len());
    match retry(|| rustix::io::pread(file, &mut bytes[..room], offset))? {
        0 => Ok(0),
        read => send_part(fd, &[IoSlice::new(&bytes[..read])], false),
    }
}

/// Has the kernel keep back what does not fill a packet, or send it now. What is no TCP socket sends at once anyway.
pub(crate) fn hold_back(fd: BorrowedFd<'_>, on: bool) {
    let _ = sockopt::set_tcp_cork(fd, on);
}

/// `sendfile` can't be told to leave SIGPIPE out, as a send can. It comes to the thread that made the call, where it is
/// held and taken away.
struct PipeSignal {
    set: libc::sigset_t,
    before: libc::sigset_t,
}

impl PipeSignal {
    fn hold() -> PipeSignal {
        // SAFETY: signal sets are plain data for which zero is a value, and every call gets valid pointers to them.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGPIPE);
            // It fails only for an unknown first argument.
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
            PipeSignal { set, before }
        }
    }

    /// `raised`: the call ended with EPIPE.
    fn release(self, raised: bool) {
        // SAFETY: as above.
        unsafe {
            // Who holds it himself may have one from elsewhere, which is not to be taken.
            if raised && libc::sigismember(&raw const self.before, libc::SIGPIPE) == 0 {
                let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
                libc::sigtimedwait(&raw const self.set, std::ptr::null_mut(), &raw const now);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut());
        }
    }
}
