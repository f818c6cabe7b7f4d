//! `WSASend`, `WSARecv` and those to and from an address: with an OVERLAPPED operations of the core's, without one the
//! plain calls.

use std::ffi::c_int;

use proactor::{Operation, Status, op};

use super::answer::{self, Answer, Fault};
use super::calls;
use super::numbers::*;
use super::plain::{self, Memory};
use super::socket::{SocketObject, find};
use super::{address, names};
use crate::frames::call;
use crate::overlapped::{self, Began, Finish, Places};
use crate::types::*;

/// How a call wants to be told, beside its value.
#[derive(Clone, Copy)]
pub struct Telling {
    /// Not NULL.
    pub overlapped: *mut OVERLAPPED,
    /// Of a completion routine.
    pub routine: Option<Routine>,
    /// Where the count goes, or NULL.
    pub count: *mut DWORD,
    /// Where the flags go, or NULL.
    pub flags: *mut DWORD,
}

/// The flags of a call that has none to give back.
pub const NOWHERE: *mut DWORD = std::ptr::null_mut();

/// What a receive says of a message (S344).
pub fn flags_of(status: Status) -> DWORD {
    if status == Status::BUFFER_OVERFLOW { MSG_PARTIAL } else { 0 }
}

/// Starts an operation for an OVERLAPPED, and says what became of it at once.
///
/// # Safety
/// The OVERLAPPED and the operation's memory are its own until it ends; count and flags may be written to.
pub unsafe fn launch<O: Operation>(
    socket: &SocketObject,
    op: O,
    telling: Telling,
    finish: Option<Finish>,
) -> Answer<()> {
    let Telling { overlapped, routine, count, flags } = telling;
    let places = Places { count, flags };
    let io = socket.operations();
    // SAFETY: by the caller's promise, here and below.
    let began = unsafe {
        if !socket.overlapped {
            // S310
            let (status, bytes) = overlapped::start_and_wait(io, op, overlapped, finish)?;
            places.tell(status, bytes);
            return if status.is_success() { Ok(()) } else { Err(status.into()) };
        }
        match routine {
            Some(routine) => {
                let address = overlapped as usize;
                overlapped::start_with_routine(io, op, overlapped, (finish, places), move |status, bytes| {
                    let (error, flags) = (status.to_winsock() as usize, flags_of(status) as usize);
                    call(routine as usize, [error, bytes as DWORD as usize, address, flags, 0, 0]);
                })?
            }
            None => overlapped::start_telling(io, op, overlapped, finish, places)?,
        }
    };
    match began {
        Began::Pending => Err(Fault(WSA_IO_PENDING)),
        Began::Done { status, .. } if status.is_success() => Ok(()),
        Began::Done { status, .. } => Err(status.into()),
    }
}

/// Writes the count of a plain call, which must be asked for (S313).
///
/// # Safety
/// `count` is NULL or may be written to.
pub unsafe fn tell(count: *mut DWORD, call: impl FnOnce() -> Answer<(usize, Status)>) -> Answer<Status> {
    if count.is_null() {
        return Err(Fault(WSAEFAULT));
    }
    let (bytes, status) = call()?;
    // SAFETY: not NULL, and by the caller's promise.
    unsafe { count.write(bytes as DWORD) };
    Ok(status)
}

fn sent(count: usize) -> (usize, Status) {
    (count, Status::SUCCESS)
}

/// `WSASend`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSASend(
    socket: SOCKET,
    buffers: *const WSABUF,
    buffer_count: DWORD,
    count: *mut DWORD,
    flags: DWORD,
    overlapped: *mut OVERLAPPED,
    routine: Option<Routine>,
) -> c_int {
    answer::done_by(|| {
        // SAFETY: buffers and OVERLAPPED as documented, here and below.
        find(socket).and_then(|object| unsafe {
            let buffers = plain::buffers(buffers, buffer_count)?;
            if overlapped.is_null() {
                return tell(count, || calls::send(&object, buffers, flags).map(sent)).map(drop);
            }
            plain::check_send_flags(flags)?;
            let send = plain::send(&object, plain::to_send(buffers, 0));
            launch(&object, send, Telling { overlapped, routine, count, flags: NOWHERE }, None)
        })
    })
}

/// `WSASendTo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSASendTo(
    socket: SOCKET,
    buffers: *const WSABUF,
    buffer_count: DWORD,
    count: *mut DWORD,
    flags: DWORD,
    to: *const u8,
    to_len: c_int,
    overlapped: *mut OVERLAPPED,
    routine: Option<Routine>,
) -> c_int {
    answer::done_by(|| {
        // SAFETY: buffers, address and OVERLAPPED as documented, here and below.
        find(socket).and_then(|object| unsafe {
            let buffers = plain::buffers(buffers, buffer_count)?;
            if overlapped.is_null() {
                return tell(count, || calls::send_to(&object, buffers, flags, (to, to_len)).map(sent))
                    .map(drop);
            }
            plain::check_send_flags(flags)?;
            let memory = plain::to_send(buffers, 0);
            let telling = Telling { overlapped, routine, count, flags: NOWHERE };
            if object.is_stream() || to.is_null() {
                return launch(&object, plain::send(&object, memory), telling, None);
            }
            let to = address::read_from(to, to_len)?;
            names::fits(&object, &to)?;
            let send = match memory {
                Memory::One(buf) => op::SendTo::new(buf, to),
                Memory::Many(bufs) => op::SendTo::gather(bufs, to),
            };
            launch(&object, send, telling, None)
        })
    })
}

/// The flags a receive asks by.
///
/// # Safety
/// `flags` is NULL or may be read.
unsafe fn asked(flags: *mut DWORD) -> Answer<DWORD> {
    if flags.is_null() {
        return Err(Fault(WSAEFAULT));
    }
    // SAFETY: not NULL, and by the caller's promise.
    Ok(unsafe { flags.read() })
}

/// What a receive without an OVERLAPPED says with its flags.
///
/// # Safety
/// `flags` may be written to.
unsafe fn received(status: Answer<Status>, flags: *mut DWORD) -> Answer<()> {
    let status = status?;
    // SAFETY: by the caller's promise.
    unsafe { flags.write(flags_of(status)) };
    if status.is_warning() { Err(status.into()) } else { Ok(()) }
}

/// `WSARecv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSARecv(
    socket: SOCKET,
    buffers: *const WSABUF,
    buffer_count: DWORD,
    count: *mut DWORD,
    flags: *mut DWORD,
    overlapped: *mut OVERLAPPED,
    routine: Option<Routine>,
) -> c_int {
    answer::done_by(|| {
        // SAFETY: buffers and OVERLAPPED as documented, here and below.
        find(socket).and_then(|object| unsafe {
            let buffers = plain::buffers(buffers, buffer_count)?;
            let wanted = asked(flags)?;
            if overlapped.is_null() {
                return received(tell(count, || calls::receive(&object, buffers, wanted)), flags);
            }
            let recv = plain::receive(plain::to_fill(buffers)?, wanted)?;
            launch(&object, recv, Telling { overlapped, routine, count, flags }, None)
        })
    })
}

/// `WSARecvFrom`. Address and length are written when the datagram comes (S346).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSARecvFrom(
    socket: SOCKET,
    buffers: *const WSABUF,
    buffer_count: DWORD,
    count: *mut DWORD,
    flags: *mut DWORD,
    from: *mut u8,
    from_len: *mut c_int,
    overlapped: *mut OVERLAPPED,
    routine: Option<Routine>,
) -> c_int {
    answer::done_by(|| {
        // SAFETY: buffers, address and OVERLAPPED as documented, here and below.
        find(socket).and_then(|object| unsafe {
            let buffers = plain::buffers(buffers, buffer_count)?;
            let wanted = asked(flags)?;
            if overlapped.is_null() {
                let from = (from, from_len);
                return received(tell(count, || calls::receive_from(&object, buffers, wanted, from)), flags);
            }
            let telling = Telling { overlapped, routine, count, flags };
            let memory = plain::to_fill(buffers)?;
            if object.is_stream() || from.is_null() || from_len.is_null() {
                return launch(&object, plain::receive(memory, wanted)?, telling, None);
            }
            if from_len.read() < address::size_of_family(object.family) as c_int {
                return Err(Fault(WSAEFAULT));
            }
            let recv = plain::receive_from(memory, wanted)?;
            let (from, from_len) = (from as usize, from_len as usize);
            let finish: Finish = Box::new(move |end| {
                if let Some(sender) = end.address() {
                    // Both stay valid until the end, which this is.
                    address::write_to(sender, from as *mut u8, from_len as *mut c_int);
                }
            });
            launch(&object, recv, telling, Some(finish))
        })
    })
}

/// `WSAGetOverlappedResult`. Only sockets that Winsock gave out are taken (S322).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSAGetOverlappedResult(
    socket: SOCKET,
    overlapped: *mut OVERLAPPED,
    count: *mut DWORD,
    wait: BOOL,
    flags: *mut DWORD,
) -> BOOL {
    answer::truth(find(socket).and_then(|object| {
        if !object.knows(socket) {
            return Err(Fault(WSAENOTSOCK));
        }
        if overlapped.is_null() {
            return Err(Fault(WSA_INVALID_PARAMETER));
        }
        if count.is_null() || flags.is_null() {
            return Err(Fault(WSAEFAULT));
        }
        // SAFETY: none is NULL, and an OVERLAPPED as documented.
        unsafe {
            let (status, bytes) = overlapped::result(socket, overlapped, wait != FALSE)?;
            count.write(bytes as DWORD);
            flags.write(flags_of(status));
            if status.is_success() { Ok(()) } else { Err(status.into()) }
        }
    }))
}
