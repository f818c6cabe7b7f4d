//! `WSASendMsg` and `WSARecvMsg`: datagrams with what travels beside them, in Windows' layout (`WSACMSGHDR`).

use std::ffi::c_int;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering::*;

use proactor::op::{self, Control};
use proactor::{Address, Status};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::overlapped::{NOWHERE, Telling, launch, tell};
use super::plain::{self, Memory};
use super::socket::find;
use super::{address, calls, names};
use crate::overlapped::Finish;
use crate::types::*;

/// A header: its length with what follows, level and kind.
const HEADER: usize = 16;
const PKTINFO: c_int = 19;
const IP_TTL: c_int = 4;
const IP_TOS: c_int = 3;
const IPV6_HOPLIMIT: c_int = 21;
const IPV6_TCLASS: c_int = 39;
/// The kernel's message of a destination is that much longer than Windows'.
const LONGER: usize = 8;

/// Puts one message behind the others, if there is room.
fn push(area: &mut [u8], used: &mut usize, level: c_int, kind: c_int, data: &[u8]) -> bool {
    let end = *used + HEADER + data.len().next_multiple_of(8);
    let Some(to) = area.get_mut(*used..end) else { return false };
    to.fill(0);
    to[..8].copy_from_slice(&(HEADER + data.len()).to_ne_bytes());
    to[8..12].copy_from_slice(&level.to_ne_bytes());
    to[12..16].copy_from_slice(&kind.to_ne_bytes());
    to[HEADER..HEADER + data.len()].copy_from_slice(data);
    *used = end;
    true
}

/// Writes what came beside a datagram; how long it is, and whether some had no room.
fn write(control: &Control, v6: bool, area: &mut [u8]) -> (usize, bool) {
    let (mut used, mut whole) = (0, true);
    let interface = control.interface().unwrap_or_default().to_ne_bytes();
    match control.destination() {
        Some(IpAddr::V4(to)) => {
            let data = [to.octets(), interface].concat();
            whole &= push(area, &mut used, IPPROTO_IP, PKTINFO, &data);
        }
        Some(IpAddr::V6(to)) => {
            let data = [&to.octets()[..], &interface].concat();
            whole &= push(area, &mut used, IPPROTO_IPV6, PKTINFO, &data);
        }
        None => {}
    }
    let level = if v6 { IPPROTO_IPV6 } else { IPPROTO_IP };
    for (number, kind) in [
        (control.hop_limit(), if v6 { IPV6_HOPLIMIT } else { IP_TTL }),
        (control.traffic_class(), if v6 { IPV6_TCLASS } else { IP_TOS }),
    ] {
        if let Some(number) = number {
            whole &= push(area, &mut used, level, kind, &c_int::from(number).to_ne_bytes());
        }
    }
    (used, !whole)
}

/// Reads what is to be sent beside a datagram.
fn read(mut area: &[u8]) -> Answer<Control> {
    let number = |data: &[u8]| data.first_chunk().map(|bytes| c_int::from_ne_bytes(*bytes));
    let octet = |data: &[u8]| number(data).and_then(|number| u8::try_from(number).ok());
    let mut control = Control::new();
    while area.len() >= HEADER {
        let word = |at: usize| area[at..].first_chunk().map_or(0, |bytes| c_int::from_ne_bytes(*bytes));
        let len = area.first_chunk().map_or(0, |bytes| usize::from_ne_bytes(*bytes));
        let data = area.get(HEADER..len).ok_or(Fault(WSAEINVAL))?;
        control = match (word(8), word(12)) {
            (IPPROTO_IP, PKTINFO) => {
                let from: [u8; 4] = *data.first_chunk().ok_or(Fault(WSAEINVAL))?;
                let index = data.get(4..).and_then(number).ok_or(Fault(WSAEINVAL))?;
                from_where(control, Ipv4Addr::from(from).into(), index)
            }
            (IPPROTO_IPV6, PKTINFO) => {
                let from: [u8; 16] = *data.first_chunk().ok_or(Fault(WSAEINVAL))?;
                let index = data.get(16..).and_then(number).ok_or(Fault(WSAEINVAL))?;
                from_where(control, Ipv6Addr::from(from).into(), index)
            }
            (IPPROTO_IP, IP_TTL) | (IPPROTO_IPV6, IPV6_HOPLIMIT) => {
                control.with_hop_limit(octet(data).ok_or(Fault(WSAEINVAL))?)
            }
            (IPPROTO_IP, IP_TOS) | (IPPROTO_IPV6, IPV6_TCLASS) => {
                control.with_traffic_class(octet(data).ok_or(Fault(WSAEINVAL))?)
            }
            _ => return Err(Fault(WSAEINVAL)),
        };
        area = area.get(len.next_multiple_of(8)..).unwrap_or_default();
    }
    Ok(control)
}

/// An unspecified address, or interface 0, leaves the choice open.
fn from_where(control: Control, source: IpAddr, index: c_int) -> Control {
    let control = if source.is_unspecified() { control } else { control.with_source(source) };
    if index == 0 { control } else { control.with_interface(index as u32) }
}

/// `WSASendMsg`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSASendMsg(
    handle: SOCKET,
    message: *const WSAMSG,
    flags: DWORD,
    count: *mut DWORD,
    overlapped: *mut OVERLAPPED,
    routine: Option<Routine>,
) -> c_int {
    answer::done_by(|| {
        // SAFETY: a message and an OVERLAPPED as documented, here and below.
        find(handle).and_then(|socket| unsafe {
            let message = message.as_ref().ok_or(Fault(WSAEFAULT))?;
            let buffers = plain::buffers(message.lpBuffers, message.dwBufferCount)?;
            plain::check_send_flags(flags)?;
            if socket.is_stream() {
                return Err(Fault(WSAEOPNOTSUPP));
            }
            let to = match message.name.is_null() {
                true => socket.socket.peer_addr().map_err(|_| Fault(WSAENOTCONN))?,
                false => address::read_from(message.name, message.namelen)?,
            };
            names::fits(&socket, &to)?;
            let mut send = match plain::to_send(buffers, 0) {
                Memory::One(buf) => op::SendTo::new(buf, to),
                Memory::Many(bufs) => op::SendTo::gather(bufs, to),
            };
            if !message.Control.buf.is_null() && message.Control.len > 0 {
                let area = std::slice::from_raw_parts(message.Control.buf, message.Control.len as usize);
                send = send.with_control(read(area)?);
            }
            if overlapped.is_null() {
                let sent = || {
                    let send = plain::complete(&socket, send, socket.send_timeout.load(Relaxed))?;
                    Ok((send.bytes(), Status::SUCCESS))
                };
                return tell(count, sent).map(drop);
            }
            launch(&socket, send, Telling { overlapped, routine, count, flags: NOWHERE }, None)
        })
    })
}

/// Fills in what a message says beside its data.
///
/// # Safety
/// The message and what it points to may be written to.
unsafe fn fill(
    message: *mut WSAMSG,
    v6: bool,
    sender: Option<&Address>,
    control: Option<&Control>,
    cut: bool,
) {
    // SAFETY: by the caller's promise, here and below.
    let message = unsafe { &mut *message };
    if let Some(sender) = sender {
        // SAFETY: the same.
        unsafe { address::write_to(sender, message.name, &raw mut message.namelen) };
    }
    let mut flags = if cut { MSG_TRUNC } else { 0 };
    let area = match message.Control.buf.is_null() {
        true => &mut [],
        // SAFETY: the same.
        false => unsafe { std::slice::from_raw_parts_mut(message.Control.buf, message.Control.len as usize) },
    };
    let (len, short) = control.map_or((0, false), |control| write(control, v6, area));
    message.Control.len = len as DWORD;
    if let Some(control) = control {
        flags = if control.is_datagram_cut() { MSG_TRUNC } else { 0 };
        flags |= if control.is_cut() || short { MSG_CTRUNC } else { 0 };
    }
    message.dwFlags = flags;
}

/// A receive with room for what the caller has room for.
fn receive(memory: Memory, flags: DWORD, message: &WSAMSG) -> Answer<op::RecvFrom> {
    let recv = plain::receive_from(memory, flags)?;
    let room = if message.Control.buf.is_null() { 0 } else { message.Control.len as usize };
    // What has no room even for the shortest is told so.
    let room = if room < HEADER + LONGER { 0 } else { room + LONGER };
    Ok(recv.with_control_room(room))
}

/// `WSARecvMsg`, to be had by `WSAIoctl`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSARecvMsg(
    handle: SOCKET,
    message: *mut WSAMSG,
    count: *mut DWORD,
    overlapped: *mut OVERLAPPED,
    routine: Option<Routine>,
) -> c_int {
    answer::done_by(|| {
        // SAFETY: a message and an OVERLAPPED as documented, here and below.
        find(handle).and_then(|socket| unsafe {
            let asked = message.as_ref().ok_or(Fault(WSAEFAULT))?;
            let buffers = plain::buffers(asked.lpBuffers, asked.dwBufferCount)?;
            if socket.is_stream() {
                return Err(Fault(WSAEOPNOTSUPP));
            }
            let recv = receive(plain::to_fill(buffers)?, asked.dwFlags, asked)?;
            let v6 = socket.family == AF_INET6;
            if overlapped.is_null() {
                let received = || -> Answer<calls::Received> {
                    let recv = plain::complete(&socket, recv, socket.receive_timeout.load(Relaxed))?;
                    fill(message, v6, recv.sender(), recv.control(), recv.status().is_warning());
                    Ok((recv.bytes(), recv.status()))
                };
                let status = tell(count, received)?;
                return if status.is_warning() { Err(status.into()) } else { Ok(()) };
            }
            let address = message as usize;
            let finish: Finish = Box::new(move |end| {
                if !end.status().is_error() {
                    let cut = end.status().is_warning();
                    fill(address as *mut WSAMSG, v6, end.address(), end.control(), cut);
                }
            });
            launch(&socket, recv, Telling { overlapped, routine, count, flags: NOWHERE }, Some(finish))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beside_a_datagram_is_read_as_it_was_written() {
        let mut area = [0; 64];
        let mut used = 0;
        assert!(push(&mut area, &mut used, IPPROTO_IP, PKTINFO, &[127, 0, 0, 2, 3, 0, 0, 0]));
        assert!(push(&mut area, &mut used, IPPROTO_IP, IP_TTL, &7_i32.to_ne_bytes()));
        assert!(!push(&mut area, &mut used, IPPROTO_IP, IP_TOS, &7_i32.to_ne_bytes()), "no room");
        let control = read(&area[..used]).unwrap();
        assert_eq!((control.source(), control.interface()), (Some([127, 0, 0, 2].into()), Some(3)));
        assert_eq!(control.hop_limit(), Some(7));
        assert_eq!(read(&[255; 16]).err(), Some(Fault(WSAEINVAL)));
    }
}
