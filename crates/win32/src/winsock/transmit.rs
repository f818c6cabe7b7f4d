//! `TransmitFile`.

use proactor::{File, op, raw};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::overlapped::{NOWHERE, Telling, launch};
use super::socket::{Context, find};
use crate::overlapped::{self, Finish};
use crate::table;
use crate::types::*;

const DISCONNECT: DWORD = 1;
const REUSE: DWORD = 2;
/// Who does the work, and when it counts as done, are wishes.
const WISHES: DWORD = 0x04 | 0x10 | 0x20;

/// Which part of which file.
fn part(handle: HANDLE, len: DWORD, offset: impl FnOnce(&File) -> u64) -> Answer<op::Transmit> {
    let object = table::object(handle).map_err(|_| Fault(WSAENOTSOCK))?;
    let file = object.io().and_then(|io| io.file()).ok_or(Fault(WSAEINVAL))?;
    Ok(op::Transmit::file(&file, offset(&file), len.into()))
}

/// Puts what comes before and after around it.
///
/// # Safety
/// The memory is the operation's until it is over.
unsafe fn surround(mut transmit: op::Transmit, around: &TRANSMIT_FILE_BUFFERS) -> Answer<op::Transmit> {
    if around.HeadLength > 0 && around.Head.is_null() || around.TailLength > 0 && around.Tail.is_null() {
        return Err(Fault(WSAEFAULT));
    }
    // SAFETY: by the caller's promise.
    unsafe {
        if around.HeadLength > 0 {
            transmit = transmit.head(raw::memory_to_send(around.Head, around.HeadLength as usize));
        }
        if around.TailLength > 0 {
            transmit = transmit.tail(raw::memory_to_send(around.Tail, around.TailLength as usize));
        }
    }
    Ok(transmit)
}

/// `TransmitFile`. How much goes out at a time is the kernel's affair.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TransmitFile(
    handle: SOCKET,
    file: HANDLE,
    len: DWORD,
    _len_at_a_time: DWORD,
    overlapped: *mut OVERLAPPED,
    around: *const TRANSMIT_FILE_BUFFERS,
    flags: DWORD,
) -> BOOL {
    let transmit = || -> Answer<()> {
        let socket = find(handle)?;
        if flags & !(DISCONNECT | REUSE | WISHES) != 0 {
            return Err(Fault(WSAEINVAL));
        }
        let mut transmit = match file {
            NULL => op::Transmit::new(),
            file if !overlapped.is_null() => {
                // SAFETY: an OVERLAPPED as documented.
                part(file, len, |_| unsafe { overlapped::offset_of(overlapped) })?
            }
            file => part(file, len, File::position)?,
        };
        // SAFETY: NULL or as documented.
        if let Some(around) = unsafe { around.as_ref() } {
            // SAFETY: the same.
            transmit = unsafe { surround(transmit, around) }?;
        }
        if flags & REUSE != 0 {
            transmit = transmit.reuse();
        } else if flags & DISCONNECT != 0 {
            transmit = transmit.disconnect();
        }
        if overlapped.is_null() {
            let done = socket.socket.begin(transmit)?.wait();
            done.result()?;
            return Ok(());
        }
        let renewed = socket.clone();
        let finish = (flags & REUSE != 0).then(|| -> Finish {
            Box::new(move |end| {
                if end.status().is_success() {
                    renewed.set_context(Context::Whole);
                }
            })
        });
        let count = std::ptr::null_mut();
        // SAFETY: OVERLAPPED and memory as documented.
        unsafe {
            launch(&socket, transmit, Telling { overlapped, routine: None, count, flags: NOWHERE }, finish)
        }
    };
    answer::truth(transmit())
}
