//! `DisconnectEx`, `WSASendDisconnect` and `WSARecvDisconnect`.

use std::ffi::c_int;

use proactor::{How, Status, op};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::overlapped::{NOWHERE, Telling, launch};
use super::socket::{Context, find};
use crate::overlapped::Finish;
use crate::types::*;

/// `TF_REUSE_SOCKET`.
const REUSE: DWORD = 2;

/// `DisconnectEx`, to be had by `WSAIoctl`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn DisconnectEx(
    handle: SOCKET,
    overlapped: *mut OVERLAPPED,
    flags: DWORD,
    reserved: DWORD,
) -> BOOL {
    let disconnect = || -> Answer<()> {
        let socket = find(handle)?;
        if reserved != 0 || flags & !REUSE != 0 {
            return Err(Fault(WSAEINVAL));
        }
        let reuse = flags & REUSE != 0;
        let op = op::Disconnect::new();
        let op = if reuse { op.reuse() } else { op };
        if overlapped.is_null() {
            // S376
            let done = socket.socket.begin(op)?.wait();
            done.result()?;
            if reuse {
                socket.set_context(Context::Whole);
            }
            return Ok(());
        }
        let renewed = socket.clone();
        let finish = reuse.then(|| -> Finish {
            Box::new(move |end| {
                if end.status().is_success() {
                    renewed.set_context(Context::Whole);
                }
            })
        });
        let count = std::ptr::null_mut();
        // SAFETY: an OVERLAPPED as documented.
        unsafe { launch(&socket, op, Telling { overlapped, routine: None, count, flags: NOWHERE }, finish) }
    };
    answer::truth(disconnect())
}

/// `WSASendDisconnect`: a shutdown of sending. No protocol here has data of its own for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSASendDisconnect(socket: SOCKET, data: *const WSABUF) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        // SAFETY: NULL or a buffer as documented.
        if unsafe { data.as_ref() }.is_some_and(|data| data.len > 0) {
            return Err(Fault(WSAEOPNOTSUPP));
        }
        Ok(socket.socket.shutdown(How::Send)?)
    }))
}

/// `WSARecvDisconnect`: a shutdown of receiving. There are no data to be had with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSARecvDisconnect(socket: SOCKET, data: *mut WSABUF) -> c_int {
    answer::done(find(socket).and_then(|socket| {
        if !socket.is_stream() {
            return Err(Fault(WSAEOPNOTSUPP));
        }
        // SAFETY: NULL or a buffer as documented.
        if unsafe { data.as_ref() }.is_some_and(|data| data.len > 0) {
            return Err(Fault(WSAEOPNOTSUPP));
        }
        match socket.socket.shutdown(How::Receive) {
            Err(Status::CONNECTION_INVALID) => Err(Fault(WSAENOTCONN)),
            shut => Ok(shut?),
        }
    }))
}
