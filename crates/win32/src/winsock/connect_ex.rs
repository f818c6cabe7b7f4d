//! `ConnectEx`.

use std::ffi::c_int;

use proactor::{op, raw};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::overlapped::{NOWHERE, Telling, launch};
use super::socket::{Context, find};
use super::{address, names};
use crate::overlapped::Finish;
use crate::types::*;

/// `ConnectEx`, to be had by `WSAIoctl`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ConnectEx(
    handle: SOCKET,
    name: *const u8,
    len: c_int,
    data: *const u8,
    data_len: DWORD,
    sent: *mut DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    let connect = || -> Answer<()> {
        let socket = find(handle)?;
        if overlapped.is_null() {
            return Err(Fault(WSA_INVALID_PARAMETER));
        }
        // SAFETY: an address as documented.
        let to = unsafe { address::read_from(name, len) }?;
        names::fits(&socket, &to)?;
        let mut connect = op::Connect::new(to);
        if !data.is_null() && data_len > 0 {
            // SAFETY: the memory is the operation's, as documented.
            connect = connect.with_data(unsafe { raw::memory_to_send(data, data_len as usize) });
        }
        let connected = socket.clone();
        let finish: Finish = Box::new(move |end| {
            if end.status().is_success() {
                connected.set_context(Context::Connected);
            }
        });
        let telling = Telling { overlapped, routine: None, count: sent, flags: NOWHERE };
        // SAFETY: OVERLAPPED and memory as documented.
        unsafe { launch(&socket, connect, telling, Some(finish)) }
    };
    answer::truth(connect())
}
