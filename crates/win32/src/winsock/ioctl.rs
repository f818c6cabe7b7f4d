//! `ioctlsocket` and `WSAIoctl`, with the functions that are had by GUID.

use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering::*;

use proactor::raw;

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::overlapped::{NOWHERE, Telling, launch};
use super::socket::{SocketObject, find};
use super::{accept_ex, connect_ex, disconnect, message, options, select, transmit};
use crate::types::*;

const FIONBIO: DWORD = 0x8004_667e;
const FIONREAD: DWORD = 0x4004_667f;
const SIOCATMARK: DWORD = 0x4004_7307;
const SIO_GET_EXTENSION_FUNCTION_POINTER: DWORD = 0xc800_0006;
const SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER: DWORD = 0xc800_0024;
const SIO_KEEPALIVE_VALS: DWORD = 0x9800_0004;
const SIO_UDP_CONNRESET: DWORD = 0x9800_000c;
const SIO_BASE_HANDLE: DWORD = 0x4800_0022;

const MSWSOCK: [u8; 8] = [0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92];

fn guid(data1: u32, data2: u16, data3: u16, data4: [u8; 8]) -> GUID {
    GUID { Data1: data1, Data2: data2, Data3: data3, Data4: data4 }
}

/// The function that a GUID stands for.
fn extension(wanted: GUID) -> Option<usize> {
    let table = [
        (guid(0xb536_7df0, 0xcbac, 0x11cf, MSWSOCK), transmit::TransmitFile as *const c_void),
        (guid(0xb536_7df1, 0xcbac, 0x11cf, MSWSOCK), accept_ex::AcceptEx as *const c_void),
        (guid(0xb536_7df2, 0xcbac, 0x11cf, MSWSOCK), accept_ex::GetAcceptExSockaddrs as *const c_void),
        (
            guid(0x25a2_07b9, 0xddf3, 0x4660, [0x8e, 0xe9, 0x76, 0xe5, 0x8c, 0x74, 0x06, 0x3e]),
            connect_ex::ConnectEx as *const c_void,
        ),
        (
            guid(0x7fda_2e11, 0x8630, 0x436f, [0xa0, 0x31, 0xf5, 0x36, 0xa6, 0xee, 0xc1, 0x57]),
            disconnect::DisconnectEx as *const c_void,
        ),
        (
            guid(0xf689_d7c8, 0x6f1f, 0x436b, [0x8a, 0x53, 0xe5, 0x4f, 0xe3, 0x51, 0xc3, 0x22]),
            message::WSARecvMsg as *const c_void,
        ),
        (
            guid(0xa441_e712, 0x754f, 0x43ca, [0x84, 0xa7, 0x0d, 0xee, 0x44, 0xcf, 0x60, 0x6d]),
            message::WSASendMsg as *const c_void,
        ),
        (
            guid(0x18c7_6f85, 0xdc66, 0x4964, [0x97, 0x2e, 0x23, 0xc2, 0x72, 0x38, 0x31, 0x2b]),
            select::WSAPoll as *const c_void,
        ),
    ];
    table.iter().find(|(guid, _)| *guid == wanted).map(|(_, function)| *function as usize)
}

fn set_blocking(socket: &SocketObject, blocking: bool) -> Answer<()> {
    // Network events are for sockets that do not block.
    if blocking && socket.socket.selects_events() {
        return Err(Fault(WSAEINVAL));
    }
    socket.nonblocking.store(!blocking, Relaxed);
    Ok(())
}

fn available(socket: &SocketObject) -> Answer<u32> {
    let count = socket.socket.with_fd(|fd| rustix::io::ioctl_fionread(fd))?;
    count.map(|count| u32::try_from(count).unwrap_or(u32::MAX)).map_err(|_| Fault(WSAEINVAL))
}

/// Whether what is received next is the urgent data. They are announced and not kept apart.
fn at_mark(socket: &SocketObject) -> bool {
    !socket.socket.ready().contains(proactor::Ready::URGENT)
}

/// `ioctlsocket`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ioctlsocket(socket: SOCKET, command: LONG, value: *mut u32) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        if value.is_null() {
            return Err(Fault(WSAEFAULT));
        }
        // SAFETY: not NULL, and a number as documented.
        unsafe {
            match command as DWORD {
                FIONBIO => set_blocking(&socket, value.read() == 0)?,
                FIONREAD => value.write(available(&socket)?),
                SIOCATMARK => value.write(at_mark(&socket).into()),
                _ => return Err(Fault(WSAEOPNOTSUPP)),
            }
        }
        Ok(())
    }))
}

/// What goes in and comes out of a control call.
#[derive(Clone, Copy)]
struct Areas {
    input: *const u8,
    input_len: DWORD,
    output: *mut u8,
    output_len: DWORD,
}

impl Areas {
    /// # Safety
    /// The areas are as they say, or NULL.
    unsafe fn read<T: Copy>(&self) -> Answer<T> {
        if self.input.is_null() || (self.input_len as usize) < size_of::<T>() {
            return Err(Fault(WSAEFAULT));
        }
        // SAFETY: by the caller's promise; of the length that was just seen.
        Ok(unsafe { self.input.cast::<T>().read_unaligned() })
    }

    /// # Safety
    /// The areas are as they say, or NULL.
    unsafe fn write<T>(&self, value: T) -> Answer<u32> {
        if self.output.is_null() || (self.output_len as usize) < size_of::<T>() {
            return Err(Fault(WSAEFAULT));
        }
        // SAFETY: by the caller's promise; of the length that was just seen.
        unsafe { self.output.cast::<T>().write_unaligned(value) };
        Ok(size_of::<T>() as u32)
    }
}

/// `tcp_keepalive`: whether, and milliseconds before the first and between the others.
#[repr(C)]
#[derive(Clone, Copy)]
struct KeepAlive {
    on: u32,
    time: u32,
    interval: u32,
}

fn keep_alive(socket: &SocketObject, values: KeepAlive) -> Answer<()> {
    if socket.protocol != IPPROTO_TCP {
        return Err(Fault(WSAEOPNOTSUPP));
    }
    // Whole seconds here, and at least one.
    let seconds = |milliseconds: u32| milliseconds.div_ceil(1000).clamp(1, 32767) as c_int;
    if values.on != 0 {
        if values.time == 0 || values.interval == 0 {
            return Err(Fault(WSAEINVAL));
        }
        let tcp = |name, value| options::set_number(&socket.socket, libc::IPPROTO_TCP, name, value);
        tcp(libc::TCP_KEEPIDLE, seconds(values.time))?;
        tcp(libc::TCP_KEEPINTVL, seconds(values.interval))?;
        // As many as Windows makes.
        tcp(libc::TCP_KEEPCNT, 10)?;
    }
    options::switch(&socket.socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, values.on != 0)
}

/// Does it; the bytes that came out.
///
/// # Safety
/// The areas are as they say, or NULL.
unsafe fn control(handle: SOCKET, socket: &SocketObject, command: DWORD, areas: Areas) -> Answer<u32> {
    // SAFETY: by the caller's promise, here and below.
    unsafe {
        match command {
            FIONBIO => set_blocking(socket, areas.read::<u32>()? == 0).map(|()| 0),
            FIONREAD => areas.write(available(socket)?),
            SIOCATMARK => areas.write(u32::from(at_mark(socket))),
            SIO_GET_EXTENSION_FUNCTION_POINTER => {
                let wanted = areas.read::<GUID>()?;
                if areas.output.is_null() || (areas.output_len as usize) < size_of::<usize>() {
                    return Err(Fault(WSAEFAULT));
                }
                areas.write(extension(wanted).ok_or(Fault(WSAEINVAL))?)
            }
            SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER => Err(Fault(WSAEOPNOTSUPP)),
            SIO_KEEPALIVE_VALS => keep_alive(socket, areas.read()?).map(|()| 0),
            SIO_UDP_CONNRESET => {
                if socket.is_stream() {
                    return Err(Fault(WSAEOPNOTSUPP));
                }
                socket.socket.tell_unreachable(areas.read::<u32>()? != 0)?;
                Ok(0)
            }
            SIO_BASE_HANDLE => areas.write(handle & !3),
            _ => Err(Fault(WSAEOPNOTSUPP)),
        }
    }
}

/// `WSAIoctl`. What is done at once is told as any operation is (S324).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSAIoctl(
    handle: SOCKET,
    command: DWORD,
    input: *const u8,
    input_len: DWORD,
    output: *mut u8,
    output_len: DWORD,
    returned: *mut DWORD,
    overlapped: *mut OVERLAPPED,
    routine: Option<Routine>,
) -> c_int {
    answer::done(find(handle).and_then(|socket| {
        if returned.is_null() && overlapped.is_null() {
            return Err(Fault(WSAEFAULT));
        }
        // SAFETY: areas and OVERLAPPED as documented.
        unsafe {
            let count = control(handle, &socket, command, Areas { input, input_len, output, output_len })?;
            if overlapped.is_null() {
                returned.write(count);
                return Ok(());
            }
            let telling = Telling { overlapped, routine, count: std::ptr::null_mut(), flags: NOWHERE };
            if !returned.is_null() {
                // Not later: once it is told of, this may be gone.
                returned.write(count);
            }
            launch(&socket, raw::nothing(), telling, None)
        }
    }))
}
