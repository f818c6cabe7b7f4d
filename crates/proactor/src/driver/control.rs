//! Datagrams together with what travels beside them: control messages, in the kernel's own layout (`cmsg(3)`).
//!
//! What a message means belongs to who reads it; here is only where it begins and how long it is.

#![allow(unsafe_code)]

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::{SocketAddrAny, addr::SocketAddrStorage};

use super::socket::{Received, last_error, recv_flags, retry};

/// Bytes of control messages with one datagram: several times what all kinds known here need together.
pub(crate) const MOST: usize = 512;

const SEND: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Control messages, one behind the other.
pub(crate) struct Messages {
    /// Words, for the alignment that the kernel's headers want.
    memory: [u64; MOST / size_of::<u64>()],
    /// Bytes in use: `len <= MOST`.
    len: usize,
}

impl Messages {
    pub(crate) fn new() -> Messages {
        Messages { memory: [0; _], len: 0 }
    }

    /// Adds one. False, and nothing changed, where there is no room for it.
    pub(crate) fn push(&mut self, level: libc::c_int, kind: libc::c_int, data: &[u8]) -> bool {
        if data.len() > MOST {
            return false;
        }
        // SAFETY: arithmetic on a length that was just bounded.
        let (space, length) =
            unsafe { (libc::CMSG_SPACE(data.len() as u32), libc::CMSG_LEN(data.len() as u32)) };
        if self.len + space as usize > MOST {
            return false;
        }
        // SAFETY: the header and its data lie within the memory, which was just seen to have room for them; `len` is a
        // sum of spaces, each a multiple of the header's alignment, as is the memory's own address.
        unsafe {
            let header = self.memory.as_mut_ptr().cast::<u8>().add(self.len).cast::<libc::cmsghdr>();
            (*header).cmsg_len = length as _;
            (*header).cmsg_level = level;
            (*header).cmsg_type = kind;
            std::ptr::copy_nonoverlapping(data.as_ptr(), libc::CMSG_DATA(header), data.len());
        }
        self.len += space as usize;
        true
    }

    /// Shows each: its level, its kind and its bytes. The last may have been cut: then it shows what there is of it.
    pub(crate) fn each(&self, mut show: impl FnMut(libc::c_int, libc::c_int, &[u8])) {
        let begin = self.memory.as_ptr().cast::<u8>();
        // SAFETY: arithmetic.
        let before = unsafe { libc::CMSG_LEN(0) } as usize;
        let mut at = 0;
        while at + before <= self.len {
            // SAFETY: a whole header lies here, initialised, at a multiple of its alignment from memory that has it.
            let header = unsafe { begin.add(at).cast::<libc::cmsghdr>().read() };
            #[allow(clippy::unnecessary_cast, reason = "some C libraries have a shorter one")]
            let says = header.cmsg_len as usize;
            let Some(says) = says.checked_sub(before) else { return };
            let len = says.min(self.len - at - before);
            // SAFETY: `at + before + len` is not beyond `self.len`, and nobody changes the memory meanwhile.
            let data = unsafe { std::slice::from_raw_parts(begin.add(at + before), len) };
            show(header.cmsg_level, header.cmsg_type, data);
            // SAFETY: arithmetic on a length that is bounded by the memory's.
            at += unsafe { libc::CMSG_SPACE(len as u32) } as usize;
        }
    }
}

/// Receives a datagram and, in at most `room` bytes, what comes beside it. Also says whether that was cut.
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    slices: &mut [IoSliceMut<'_>],
    peek: bool,
    room: usize,
    messages: &mut Messages,
) -> Result<(Received, bool), Errno> {
    let mut sender = MaybeUninit::<SocketAddrStorage>::uninit();
    // SAFETY: all zeros is a message without anything.
    let mut whole: libc::msghdr = unsafe { std::mem::zeroed() };
    whole.msg_iov = slices.as_mut_ptr().cast();
    whole.msg_iovlen = slices.len() as _;
    whole.msg_control = messages.memory.as_mut_ptr().cast();
    let flags = recv_flags(peek).bits() as libc::c_int;
    let bytes = retry(|| {
        whole.msg_name = sender.as_mut_ptr().cast();
        whole.msg_namelen = size_of::<SocketAddrStorage>() as libc::socklen_t;
        whole.msg_controllen = room.min(MOST) as _;
        // SAFETY: the descriptor is open for the call; an `IoSliceMut` has the layout of an iovec; name and control
        // area are as long as is said, and live as long as the call.
        let result = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut whole, flags) };
        usize::try_from(result).map_err(|_| last_error())
    })?;
    messages.len = (whole.msg_controllen as usize).min(MOST);
    let named = whole.msg_namelen as usize >= size_of::<libc::sa_family_t>();
    // SAFETY: the kernel wrote that many bytes of an address there.
    let sender = named.then(|| unsafe { SocketAddrAny::new(sender, whole.msg_namelen) });
    let truncated = whole.msg_flags & libc::MSG_TRUNC != 0;
    Ok((Received { bytes, truncated, sender }, whole.msg_flags & libc::MSG_CTRUNC != 0))
}

/// Sends a datagram with control messages.
pub(crate) fn send_to(
    fd: BorrowedFd<'_>,
    slices: &[IoSlice<'_>],
    to: &SocketAddrAny,
    messages: &Messages,
) -> Result<usize, Errno> {
    // SAFETY: all zeros is a message without anything.
    let mut whole: libc::msghdr = unsafe { std::mem::zeroed() };
    whole.msg_name = to.as_ptr().cast_mut().cast();
    whole.msg_namelen = to.addr_len();
    whole.msg_iov = slices.as_ptr().cast_mut().cast();
    whole.msg_iovlen = slices.len() as _;
    if messages.len > 0 {
        whole.msg_control = messages.memory.as_ptr().cast_mut().cast();
        whole.msg_controllen = messages.len as _;
    }
    retry(|| {
        // SAFETY: the descriptor is open for the call, which only reads what the message points to; an `IoSlice` has the
        // layout of an iovec.
        let result = unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const whole, SEND) };
        usize::try_from(result).map_err(|_| last_error())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(messages: &Messages) -> Vec<(i32, i32, Vec<u8>)> {
        let mut all = Vec::new();
        messages.each(|level, kind, data| all.push((level, kind, data.to_vec())));
        all
    }

    #[test]
    fn what_is_put_in_comes_out_and_no_more_than_there_is_room_for() {
        let mut messages = Messages::new();
        assert_eq!(shown(&messages), []);
        assert!(messages.push(1, 2, b"odd") && messages.push(3, 4, b"") && messages.push(5, 6, &[7; 21]));
        let all = [(1, 2, b"odd".to_vec()), (3, 4, Vec::new()), (5, 6, vec![7; 21])];
        assert_eq!(shown(&messages), all);
        assert!(!messages.push(1, 1, &[0; MOST]) && !messages.push(1, 1, &[0; MOST + 1]));
        assert_eq!(shown(&messages), all);
        while messages.push(8, 9, &[1; 16]) {}
        assert!(messages.len <= MOST && shown(&messages).len() > 10);
    }

    #[test]
    fn a_message_that_was_cut_shows_what_is_there_of_it() {
        let mut messages = Messages::new();
        assert!(messages.push(1, 2, &[3; 12]) && messages.push(4, 5, &[6; 12]));
        let whole = messages.len;
        for len in 0..=whole {
            messages.len = len;
            let all = shown(&messages);
            let header = size_of::<libc::cmsghdr>();
            let there = |at: usize| (len >= at + header).then(|| (len - at - header).min(12));
            let expected: Vec<_> = [there(0), there(whole / 2)].into_iter().flatten().collect();
            assert_eq!(all.iter().map(|(_, _, data)| data.len()).collect::<Vec<_>>(), expected, "{len}");
            assert!(all.iter().all(|(_, _, data)| data.iter().all(|byte| matches!(byte, 3 | 6))));
        }
        // A header that lies about its length is not believed.
        messages.len = whole;
        messages.memory[whole / 2 / 8] = u64::MAX;
        assert_eq!(shown(&messages)[1].2.len(), whole / 2 - size_of::<libc::cmsghdr>());
        messages.memory[0] = 0;
        assert_eq!(shown(&messages), []);
    }
}
