//! `WSADuplicateSocket`: a ticket for a socket that another call, in this process or another, makes a socket of.
//!
//! In this process it is the same socket under a further number. Another process gets the descriptor itself, by
//! `pidfd_getfd`, and so must be allowed to look into this one; what was set for plain calls, and the association with a
//! port, stay behind.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use proactor::{Socket, Status};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::protocol;
use super::socket::{SocketObject, find};
use crate::table::{self, HandleFlags};
use crate::types::*;

/// Marks a description that stands for a socket.
const MARK: DWORD = 0x5052_4f41;

/// What is in a protocol's description when it stands for a socket; and what it says else.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    mark: DWORD,
    process: DWORD,
    handle: DWORD,
    descriptor: c_int,
    overlapped: bool,
    /// `iAddressFamily`.
    pub family: c_int,
    /// `iSocketType`.
    pub kind: c_int,
    /// `iProtocol`.
    pub protocol: c_int,
}

impl Ticket {
    /// What a description says.
    pub fn of<C>(info: &PROTOCOL_INFO<C>) -> Ticket {
        Ticket {
            mark: info.dwProviderReserved,
            process: info.dwServiceFlags2,
            handle: info.dwServiceFlags3,
            descriptor: info.dwServiceFlags4 as c_int >> 1,
            overlapped: info.dwServiceFlags4 & 1 != 0,
            family: info.iAddressFamily,
            kind: info.iSocketType,
            protocol: info.iProtocol,
        }
    }

    /// Whether it stands for a socket.
    pub fn is_one(&self) -> bool {
        self.mark == MARK
    }
}

fn stamp<C: Copy>(handle: SOCKET, process: DWORD, letter: impl Fn(u8) -> C) -> Answer<PROTOCOL_INFO<C>> {
    let socket = find(handle)?;
    let there = i32::try_from(process).is_ok_and(|process| {
        process > 0
            && Pid::from_raw(process)
                .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    });
    if !there {
        return Err(Fault(WSAEINVAL));
    }
    let descriptor = socket.socket.with_fd(|fd| fd.as_raw_fd())?;
    let mut info = protocol::of(&socket, letter);
    info.dwProviderReserved = MARK;
    info.dwServiceFlags2 = std::process::id();
    info.dwServiceFlags3 = handle as DWORD;
    info.dwServiceFlags4 = (descriptor as DWORD) << 1 | DWORD::from(socket.overlapped);
    Ok(info)
}

/// The descriptor that another process has under a number.
fn descriptor_of(process: DWORD, number: c_int) -> Answer<OwnedFd> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or(Fault(WSAEINVAL))?;
    let process = pidfd_open(process, PidfdFlags::empty()).map_err(Status::from)?;
    Ok(pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).map_err(Status::from)?)
}

/// The socket that a ticket stands for.
pub fn redeem(ticket: Ticket) -> Answer<SOCKET> {
    if ticket.process == std::process::id() {
        let socket = find(ticket.handle as SOCKET).map_err(|_| Fault(WSAEINVAL))?;
        let handle = table::duplicate(ticket.handle as SOCKET, HandleFlags::empty())?;
        socket.note(handle);
        return Ok(handle);
    }
    let socket = Socket::from_fd(descriptor_of(ticket.process, ticket.descriptor)?);
    let socket = match socket {
        Err(Status::OBJECT_TYPE_MISMATCH) => return Err(Fault(WSAEINVAL)),
        socket => socket?,
    };
    let Ticket { family, kind, protocol, overlapped, .. } = ticket;
    Arc::new(SocketObject::new(socket, family, kind, protocol, overlapped)).enter()
}

/// `WSADuplicateSocketA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSADuplicateSocketA(
    socket: SOCKET,
    process: DWORD,
    info: *mut WSAPROTOCOL_INFOA,
) -> c_int {
    answer::done(stamp(socket, process, |letter| letter).and_then(|stamped| {
        // SAFETY: a description to fill, as documented.
        unsafe { fill(info, stamped) }
    }))
}

/// `WSADuplicateSocketW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSADuplicateSocketW(
    socket: SOCKET,
    process: DWORD,
    info: *mut WSAPROTOCOL_INFOW,
) -> c_int {
    answer::done(stamp(socket, process, WCHAR::from).and_then(|stamped| {
        // SAFETY: a description to fill, as documented.
        unsafe { fill(info, stamped) }
    }))
}

/// # Safety
/// `to` is NULL or may be written to.
unsafe fn fill<T>(to: *mut T, what: T) -> Answer<()> {
    if to.is_null() {
        return Err(Fault(WSAEFAULT));
    }
    // SAFETY: not NULL, and by the caller's promise.
    unsafe { to.write(what) };
    Ok(())
}
