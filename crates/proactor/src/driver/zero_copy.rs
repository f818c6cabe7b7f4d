//! Sends whose data stay in the caller's memory (`MSG_ZEROCOPY`), and the kernel's word that it has let go of them.
//!
//! Each send that takes anything has a number, counted from 0 for each socket and modulo 2^32. The word comes through
//! the socket's error queue as a range of numbers; neighbouring ranges may come as one, and in any order.
//! <https://docs.kernel.org/networking/msg_zerocopy.html>

#![allow(unsafe_code)]

use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};

use super::socket::{SEND, retry};
use crate::sync::park::timespec;

type Result<T> = std::result::Result<T, Errno>;

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Lets the socket be asked for it. Refused for Unix sockets, and by kernels without it.
pub(crate) fn enable(fd: BorrowedFd<'_>) -> Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open for the call, and the value is an int that the call only reads.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ZEROCOPY,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// Has the kernel send from these pages. What it takes, it may read until it says that it no longer does.
/// `ENOBUFS`: there is no memory to note it in, or more is pinned than the process may.
pub(crate) fn send(fd: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> Result<usize> {
    let flags = SEND | SendFlags::from_bits_retain(libc::MSG_ZEROCOPY as u32);
    let mut control = SendAncillaryBuffer::default();
    retry(|| rustix::net::sendmsg(fd, slices, &mut control, flags))
}

/// Sends from `first` to `last` are let go of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// The kernel has copied at least some of it after all.
    pub(crate) copied: bool,
}

/// Takes the next word from the error queue; whatever else is there is passed over.
pub(crate) fn next_release(fd: BorrowedFd<'_>) -> Option<Release> {
    /// Room for an error and an address, aligned as control messages must be.
    const ROOM: usize = 32;
    loop {
        let mut control = [0u64; ROOM];
        // SAFETY: a message header is plain data for which zero is a value.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control);
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        // SAFETY: the descriptor is open for the call, and the header points to memory that outlives it.
        let result = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) };
        if result < 0 {
            if last_error() == Errno::INTR {
                continue;
            }
            return None;
        }
        // SAFETY: the kernel has just filled the header and the memory it points to, which is still there.
        if let Some(release) = unsafe { release_in(&message) } {
            return Some(release);
        }
    }
}

/// # Safety
/// The header must have been filled by `recvmsg`, and its control memory still be there.
unsafe fn release_in(message: &libc::msghdr) -> Option<Release> {
    const ZEROCOPY: u8 = 5;
    const COPIED: u8 = 1;
    // SAFETY: the caller vouches for the header; the macros stay within the length it states.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !next.is_null() {
        // SAFETY: within the control memory, as the macro found it.
        let header = unsafe { next.read_unaligned() };
        let is_error = matches!(
            (header.cmsg_level, header.cmsg_type),
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR)
        );
        let len = size_of::<libc::cmsghdr>() + size_of::<libc::sock_extended_err>();
        if is_error && header.cmsg_len >= len {
            // SAFETY: the kernel wrote this structure there, all of it by the length just checked.
            let error: libc::sock_extended_err =
                unsafe { libc::CMSG_DATA(next).cast::<libc::sock_extended_err>().read_unaligned() };
            if error.ee_origin == ZEROCOPY && error.ee_errno == 0 {
                return Some(Release {
                    first: error.ee_info,
                    last: error.ee_data,
                    copied: error.ee_code & COPIED != 0,
                });
            }
        }
        // SAFETY: as above.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
    None
}

/// Whether the socket announces an error, or has something in its error queue.
pub(crate) fn has_error(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::empty())];
    let now = timespec(std::time::Duration::ZERO);
    matches!(rustix::event::poll(&mut fds, Some(&now)), Ok(count) if count > 0)
        && fds[0].revents().contains(PollFlags::ERR)
}

/// Bytes the peer has not acknowledged, as far as the kernel knows; also of a connection that is over.
pub(crate) fn unacknowledged(fd: BorrowedFd<'_>) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: the descriptor is open for the call, which writes one int.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if result == 0 { count.unsigned_abs() as usize } else { 0 }
}

/// Which sends of a socket the kernel still holds.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The number of the next send.
    next: u32,
    /// All before this one are let go of. It may be ahead of `next` for a moment: the kernel's word can come before
    /// whoever made the send has noted it.
    released: u32,
    /// Let go of out of turn, in no order.
    apart: Vec<(u32, u32)>,
}

/// Whether `a` comes before `b`: they are never half of all numbers apart.
pub(crate) fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

impl Ledger {
    #[cfg(test)]
    fn starting_at(next: u32) -> Ledger {
        Ledger { next, released: next, apart: Vec::new() }
    }

    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    pub(crate) fn sent(&mut self, count: u32) {
        self.next = self.next.wrapping_add(count);
    }

    /// Whether all before `end` are let go of.
    pub(crate) fn is_released(&self, end: u32) -> bool {
        !before(self.released, end)
    }

    /// Whether the kernel holds nothing.
    pub(crate) fn is_clear(&self) -> bool {
        self.is_released(self.next)
    }

    pub(crate) fn release(&mut self, first: u32, last: u32) {
        self.apart.push((first, last));
        // Few are ever out of turn: they are with different devices, or were sent again.
        while let Some(place) = self.apart.iter().position(|(first, _)| !before(self.released, *first)) {
            let (_, last) = self.apart.swap_remove(place);
            if !before(last, self.released) {
                self.released = last.wrapping_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_are_let_go_of_in_order_whatever_order_the_kernel_tells_them_in() {
        for start in [0, 5, u32::MAX - 3, u32::MAX] {
            let at = |n: u32| start.wrapping_add(n);
            let mut ledger = Ledger::starting_at(start);
            assert!(ledger.is_clear());
            ledger.sent(6);
            assert!(!ledger.is_released(at(1)) && ledger.is_released(at(0)));
            ledger.release(at(3), at(4));
            ledger.release(at(1), at(1));
            assert!(!ledger.is_released(at(1)));
            ledger.release(at(0), at(0));
            assert!(ledger.is_released(at(2)) && !ledger.is_released(at(3)));
            ledger.release(at(2), at(2));
            assert!(ledger.is_released(at(5)) && !ledger.is_clear());
            ledger.release(at(5), at(5));
            assert!(ledger.is_clear() && ledger.apart.is_empty());
        }
    }

    #[test]
    fn a_word_that_comes_before_the_send_is_noted_counts() {
        let mut ledger = Ledger::default();
        ledger.release(0, 1);
        ledger.sent(1);
        assert!(ledger.is_released(1));
        ledger.sent(1);
        assert!(ledger.is_clear());
        ledger.sent(1);
        assert!(!ledger.is_clear());
    }

    #[test]
    fn ranges_over_the_end_of_the_numbers_are_ranges() {
        let mut ledger = Ledger::starting_at(u32::MAX - 1);
        ledger.sent(5);
        ledger.release(u32::MAX - 1, 2);
        assert!(ledger.is_clear());
    }
}
