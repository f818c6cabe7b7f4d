//! `setsockopt` and `getsockopt`: Windows' numbers of options, and what each is here.

use std::ffi::{c_int, c_void};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};
use std::time::Duration;

use proactor::{Socket, Status};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::protocol;
use super::socket::{Context, SocketObject, UNSET, find};
use crate::types::*;

const SO_ACCEPTCONN: c_int = 2;
const SO_REUSEADDR: c_int = 4;
const SO_KEEPALIVE: c_int = 8;
const SO_DONTROUTE: c_int = 0x10;
const SO_BROADCAST: c_int = 0x20;
const SO_LINGER: c_int = 0x80;
const SO_OOBINLINE: c_int = 0x100;
const SO_DONTLINGER: c_int = !SO_LINGER;
const SO_EXCLUSIVEADDRUSE: c_int = !SO_REUSEADDR;
const SO_SNDBUF: c_int = 0x1001;
const SO_RCVBUF: c_int = 0x1002;
const SO_SNDTIMEO: c_int = 0x1005;
const SO_RCVTIMEO: c_int = 0x1006;
const SO_ERROR: c_int = 0x1007;
const SO_TYPE: c_int = 0x1008;
const SO_MAX_MSG_SIZE: c_int = 0x2003;
const SO_PROTOCOL_INFOA: c_int = 0x2004;
const SO_PROTOCOL_INFOW: c_int = 0x2005;
const SO_CONDITIONAL_ACCEPT: c_int = 0x3002;
const SO_UPDATE_ACCEPT_CONTEXT: c_int = 0x700b;
const SO_CONNECT_TIME: c_int = 0x700c;
const SO_UPDATE_CONNECT_CONTEXT: c_int = 0x7010;

/// How an option of the kernel's differs in its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    /// A number that is 0 or 1.
    Switch,
    Number,
    /// Seconds there, milliseconds here.
    Seconds,
    /// Whether datagrams may be taken apart: two of the kernel's ways to find out how long they may be.
    Whole,
    /// Bytes that are the same on both.
    Bytes,
}

/// The options that the kernel has, by Windows' level and number.
const KERNEL: &[(c_int, c_int, c_int, c_int, Value)] = &[
    (SOL_SOCKET, SO_KEEPALIVE, libc::SOL_SOCKET, libc::SO_KEEPALIVE, Value::Switch),
    (SOL_SOCKET, SO_DONTROUTE, libc::SOL_SOCKET, libc::SO_DONTROUTE, Value::Switch),
    (SOL_SOCKET, SO_BROADCAST, libc::SOL_SOCKET, libc::SO_BROADCAST, Value::Switch),
    (SOL_SOCKET, SO_OOBINLINE, libc::SOL_SOCKET, libc::SO_OOBINLINE, Value::Switch),
    (IPPROTO_TCP, 1, libc::IPPROTO_TCP, libc::TCP_NODELAY, Value::Switch),
    (IPPROTO_TCP, 3, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, Value::Number),
    (IPPROTO_TCP, 4, libc::IPPROTO_TCP, libc::TCP_MAXSEG, Value::Number),
    (IPPROTO_TCP, 5, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, Value::Seconds),
    (IPPROTO_TCP, 15, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, Value::Number),
    (IPPROTO_TCP, 16, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, Value::Number),
    (IPPROTO_TCP, 17, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, Value::Number),
    (IPPROTO_IP, 3, libc::IPPROTO_IP, libc::IP_TOS, Value::Number),
    (IPPROTO_IP, 4, libc::IPPROTO_IP, libc::IP_TTL, Value::Number),
    (IPPROTO_IP, 9, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, Value::Bytes),
    (IPPROTO_IP, 10, libc::IPPROTO_IP, libc::IP_MULTICAST_TTL, Value::Number),
    (IPPROTO_IP, 11, libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP, Value::Switch),
    (IPPROTO_IP, 12, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, Value::Bytes),
    (IPPROTO_IP, 13, libc::IPPROTO_IP, libc::IP_DROP_MEMBERSHIP, Value::Bytes),
    (IPPROTO_IP, 14, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, Value::Whole),
    (IPPROTO_IP, 19, libc::IPPROTO_IP, libc::IP_PKTINFO, Value::Switch),
    (IPPROTO_IP, 21, libc::IPPROTO_IP, libc::IP_RECVTTL, Value::Switch),
    (IPPROTO_IP, 40, libc::IPPROTO_IP, libc::IP_RECVTOS, Value::Switch),
    (IPPROTO_IPV6, 4, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, Value::Number),
    (IPPROTO_IPV6, 9, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_IF, Value::Number),
    (IPPROTO_IPV6, 10, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS, Value::Number),
    (IPPROTO_IPV6, 11, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP, Value::Switch),
    (IPPROTO_IPV6, 12, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, Value::Bytes),
    (IPPROTO_IPV6, 13, libc::IPPROTO_IPV6, libc::IPV6_DROP_MEMBERSHIP, Value::Bytes),
    (IPPROTO_IPV6, 14, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, Value::Whole),
    (IPPROTO_IPV6, 19, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, Value::Switch),
    (IPPROTO_IPV6, 21, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, Value::Switch),
    (IPPROTO_IPV6, 27, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, Value::Switch),
    (IPPROTO_IPV6, 40, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, Value::Switch),
];

fn last() -> Fault {
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    match errno {
        libc::ENOPROTOOPT | libc::EOPNOTSUPP => Fault(WSAENOPROTOOPT),
        errno => Status::from_errno(errno).into(),
    }
}

/// Sets an option of the kernel's.
fn set(socket: &Socket, level: c_int, name: c_int, value: &[u8]) -> Answer<()> {
    let result = socket.with_fd(|fd| {
        // SAFETY: the descriptor is open for the call, which reads the value only.
        unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                level,
                name,
                value.as_ptr().cast::<c_void>(),
                value.len() as libc::socklen_t,
            )
        }
    })?;
    if result == 0 { Ok(()) } else { Err(last()) }
}

/// Switches an option of the kernel's.
pub fn switch(socket: &Socket, level: c_int, name: c_int, on: bool) -> Answer<()> {
    set(socket, level, name, &c_int::from(on).to_ne_bytes())
}

/// Sets an option of the kernel's that is a number.
pub fn set_number(socket: &Socket, level: c_int, name: c_int, value: c_int) -> Answer<()> {
    set(socket, level, name, &value.to_ne_bytes())
}

/// An option of the kernel's that is a number.
pub fn number(socket: &Socket, level: c_int, name: c_int) -> Answer<c_int> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as libc::socklen_t;
    let result = socket.with_fd(|fd| {
        // SAFETY: the descriptor is open for the call, which writes no more than an int.
        unsafe {
            libc::getsockopt(fd.as_raw_fd(), level, name, (&raw mut value).cast::<c_void>(), &raw mut len)
        }
    })?;
    // Some are one byte.
    if len == 1 {
        value = c_int::from(value.to_ne_bytes()[0]);
    }
    if result == 0 { Ok(value) } else { Err(last()) }
}

/// A number as programs give it: an int, or in one byte whether something is on.
fn given(value: &[u8]) -> Answer<c_int> {
    match *value {
        [] => Err(Fault(WSAEFAULT)),
        [a, b, c, d, ..] => Ok(c_int::from_ne_bytes([a, b, c, d])),
        [byte, ..] => Ok(byte.into()),
    }
}

fn keep(flag: &AtomicBool, other: &AtomicBool, on: bool) -> Answer<()> {
    if on && other.load(Relaxed) {
        return Err(Fault(WSAEINVAL));
    }
    flag.store(on, Relaxed);
    Ok(())
}

fn set_of_socket(socket: &SocketObject, name: c_int, value: &[u8]) -> Answer<()> {
    match name {
        SO_UPDATE_ACCEPT_CONTEXT => {
            let handle = value.first_chunk().ok_or(Fault(WSAEFAULT))?;
            let listener = find(SOCKET::from_ne_bytes(*handle))?;
            if socket.context() != Context::Accepted {
                return Err(Fault(WSAEINVAL));
            }
            socket.inherit(&listener);
            socket.set_context(Context::Whole);
            return Ok(());
        }
        SO_UPDATE_CONNECT_CONTEXT => {
            socket.socket.peer_addr().map_err(|_| Fault(WSAENOTCONN))?;
            socket.set_context(Context::Whole);
            return Ok(());
        }
        SO_LINGER => {
            let [a, b, c, d] = *value.first_chunk().ok_or(Fault(WSAEFAULT))?;
            let (on, seconds) = (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]));
            return Ok(socket.socket.set_linger((on != 0).then(|| Duration::from_secs(seconds.into())))?);
        }
        _ => {}
    }
    let value = given(value)?;
    let milliseconds = |to: &AtomicU32| {
        to.store(value as u32, Relaxed);
        Ok(())
    };
    match name {
        SO_RCVTIMEO => milliseconds(&socket.receive_timeout),
        SO_SNDTIMEO => milliseconds(&socket.send_timeout),
        SO_SNDBUF => {
            socket.socket.set_send_buffer(usize::try_from(value).map_err(|_| Fault(WSAEINVAL))?)?;
            socket.send_buffer.store(value as u32, Relaxed);
            Ok(())
        }
        SO_RCVBUF => {
            socket.socket.set_recv_buffer(usize::try_from(value).map_err(|_| Fault(WSAEINVAL))?)?;
            socket.receive_buffer.store(value as u32, Relaxed);
            Ok(())
        }
        SO_REUSEADDR => keep(&socket.reuse, &socket.exclusive, value != 0),
        SO_EXCLUSIVEADDRUSE => keep(&socket.exclusive, &socket.reuse, value != 0),
        SO_CONDITIONAL_ACCEPT => {
            socket.conditional.store(value != 0, Relaxed);
            Ok(())
        }
        SO_DONTLINGER => Ok(socket.socket.set_linger((value == 0).then_some(Duration::ZERO))?),
        _ => Err(Fault(WSAENOPROTOOPT)),
    }
}

fn set_option(socket: &SocketObject, level: c_int, name: c_int, value: &[u8]) -> Answer<()> {
    let known = KERNEL.iter().find(|row| (row.0, row.1) == (level, name));
    let Some(&(_, _, level, name, kind)) = known else {
        return if level == SOL_SOCKET {
            set_of_socket(socket, name, value)
        } else {
            Err(Fault(WSAENOPROTOOPT))
        };
    };
    check_level(socket, level)?;
    let to = &socket.socket;
    match kind {
        Value::Bytes if value.len() < 4 => Err(Fault(WSAEFAULT)),
        Value::Bytes => set(to, level, name, value),
        Value::Switch => switch(to, level, name, given(value)? != 0),
        Value::Number => set_number(to, level, name, given(value)?),
        Value::Seconds => set_number(to, level, name, given(value)?.saturating_mul(1000)),
        Value::Whole => {
            let on = given(value)? != 0;
            set_number(to, level, name, if on { libc::IP_PMTUDISC_DO } else { libc::IP_PMTUDISC_DONT })
        }
    }
}

/// The kernel would set some of IPv4's options on IPv6 sockets; Windows has none of either on the other.
fn check_level(socket: &SocketObject, level: c_int) -> Answer<()> {
    let there = match level {
        libc::IPPROTO_TCP => socket.protocol == IPPROTO_TCP,
        libc::IPPROTO_IPV6 => socket.family == AF_INET6,
        libc::IPPROTO_IP => socket.family != AF_UNIX,
        _ => true,
    };
    if there { Ok(()) } else { Err(Fault(WSAENOPROTOOPT)) }
}

/// `setsockopt`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_setsockopt(
    socket: SOCKET,
    level: c_int,
    name: c_int,
    value: *const u8,
    len: c_int,
) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        let len = usize::try_from(len).map_err(|_| Fault(WSAEFAULT))?;
        let value = match value.is_null() {
            true => &[],
            // SAFETY: so many bytes, as documented.
            false => unsafe { std::slice::from_raw_parts(value, len) },
        };
        set_option(&socket, level, name, value)
    }))
}

/// What a connect in the background, or the kernel, has kept to tell.
fn error_of(socket: &SocketObject) -> Answer<c_int> {
    let status = match socket.socket.connect_error() {
        Some(status) => status,
        None => Status::from_errno(number(&socket.socket, libc::SOL_SOCKET, libc::SO_ERROR)?),
    };
    Ok(if status.is_error() { status.to_winsock() as c_int } else { 0 })
}

/// As set, or else as the kernel has it.
fn size_of_buffer(socket: &SocketObject, set: &AtomicU32, name: c_int) -> Answer<c_int> {
    match set.load(Relaxed) {
        UNSET => number(&socket.socket, libc::SOL_SOCKET, name),
        size => Ok(size as c_int),
    }
}

fn linger(socket: &SocketObject) -> Answer<(bool, u16)> {
    let mut value = libc::linger { l_onoff: 0, l_linger: 0 };
    let mut len = size_of::<libc::linger>() as libc::socklen_t;
    let result = socket.socket.with_fd(|fd| {
        // SAFETY: the descriptor is open for the call, which writes no more than two ints.
        unsafe {
            let to = (&raw mut value).cast::<c_void>();
            libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, to, &raw mut len)
        }
    })?;
    if result != 0 {
        return Err(last());
    }
    Ok((value.l_onoff != 0, value.l_linger as u16))
}

fn number_of_socket(socket: &SocketObject, name: c_int) -> Answer<c_int> {
    Ok(match name {
        SO_ACCEPTCONN => number(&socket.socket, libc::SOL_SOCKET, libc::SO_ACCEPTCONN)?,
        SO_RCVTIMEO => socket.receive_timeout.load(Relaxed) as c_int,
        SO_SNDTIMEO => socket.send_timeout.load(Relaxed) as c_int,
        SO_SNDBUF => size_of_buffer(socket, &socket.send_buffer, libc::SO_SNDBUF)?,
        SO_RCVBUF => size_of_buffer(socket, &socket.receive_buffer, libc::SO_RCVBUF)?,
        SO_REUSEADDR => socket.reuse.load(Relaxed).into(),
        SO_EXCLUSIVEADDRUSE => socket.exclusive.load(Relaxed).into(),
        SO_CONDITIONAL_ACCEPT => socket.conditional.load(Relaxed).into(),
        SO_DONTLINGER => (!linger(socket)?.0).into(),
        SO_ERROR => error_of(socket)?,
        SO_TYPE => socket.kind,
        SO_MAX_MSG_SIZE if !socket.is_stream() => 65507,
        // S362: seconds, or all ones.
        SO_CONNECT_TIME => match socket.socket.connect_time() {
            Some(time) => time.as_secs() as c_int,
            None => -1,
        },
        _ => return Err(Fault(WSAENOPROTOOPT)),
    })
}

/// An option's value as bytes.
fn option(socket: &SocketObject, level: c_int, name: c_int) -> Answer<Vec<u8>> {
    let known = KERNEL.iter().find(|row| (row.0, row.1) == (level, name));
    if let Some(&(_, _, level, name, kind)) = known {
        check_level(socket, level)?;
        let value = number(&socket.socket, level, name)?;
        return Ok(match kind {
            Value::Seconds => value / 1000,
            Value::Switch => c_int::from(value != 0),
            Value::Whole => c_int::from(value == libc::IP_PMTUDISC_DO),
            Value::Number | Value::Bytes => value,
        }
        .to_ne_bytes()
        .to_vec());
    }
    match (level, name) {
        (SOL_SOCKET, SO_LINGER) => {
            let (on, seconds) = linger(socket)?;
            Ok([u16::from(on).to_ne_bytes(), seconds.to_ne_bytes()].concat())
        }
        (SOL_SOCKET, SO_PROTOCOL_INFOA) => Ok(bytes_of(&protocol::of(socket, |letter| letter))),
        (SOL_SOCKET, SO_PROTOCOL_INFOW) => Ok(bytes_of(&protocol::of(socket, WCHAR::from))),
        (SOL_SOCKET, name) => Ok(number_of_socket(socket, name)?.to_ne_bytes().to_vec()),
        _ => Err(Fault(WSAENOPROTOOPT)),
    }
}

fn bytes_of<C>(info: &PROTOCOL_INFO<C>) -> Vec<u8> {
    // SAFETY: numbers side by side, without gaps: their sizes were seen to be those of Windows.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(info).cast(), size_of_val(info)) }.to_vec()
}

/// `getsockopt`. What says only whether something is on may be had in one byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_getsockopt(
    socket: SOCKET,
    level: c_int,
    name: c_int,
    value: *mut u8,
    len: *mut c_int,
) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        if value.is_null() || len.is_null() {
            return Err(Fault(WSAEFAULT));
        }
        // SAFETY: not NULL; a length, and so many bytes to write to, as documented.
        unsafe {
            let room = usize::try_from(len.read()).unwrap_or(0);
            let found = option(&socket, level, name)?;
            let flag = matches!(found[..], [0 | 1, 0, 0, 0]);
            if room < found.len() && !(flag && room > 0) {
                return Err(Fault(WSAEFAULT));
            }
            let count = room.min(found.len());
            std::ptr::copy_nonoverlapping(found.as_ptr(), value, count);
            len.write(count as c_int);
        }
        Ok(())
    }))
}
