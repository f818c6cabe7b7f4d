//! Completion ports: `CreateIoCompletionPort` and what takes and posts packets.

use std::cell::Cell;
use std::sync::Arc;

use proactor::object::{Wait, Waitable};
use proactor::{Op, Packet, Status};

use crate::error::{self, code};
use crate::frames::entered;
use crate::overlapped;
use crate::table::{self, Object};
use crate::types::*;

/// What `PostQueuedCompletionStatus` and `NtSetIoCompletion` post.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "they are their names")]
pub struct Posted {
    pub overlapped: usize,
    pub bytes: usize,
    pub status: Status,
}

/// A port as a handle's object.
pub struct PortObject {
    /// Its keys are the callers' numbers.
    pub port: proactor::Port<usize, Posted>,
}

impl Object for PortObject {
    fn kind(&self) -> &'static str {
        "completion port"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.port)
    }

    fn last_closed(&self) {
        self.port.close();
    }
}

thread_local! {
    /// The port this thread was with last, under the handle it gave: a worker asks for the same one again and again.
    static RECENT: Cell<Option<(HANDLE, Arc<PortObject>)>> = const { Cell::new(None) };
}

thread_local! {
    /// Where packets lie that are taken together; kept, so that a worker allocates nothing.
    static PACKETS: Cell<Vec<Packet<usize, Posted>>> = const { Cell::new(Vec::new()) };
}

/// Calls `f` with the port behind a handle.
pub fn with_port<R>(handle: HANDLE, f: impl FnOnce(&PortObject) -> R) -> Result<R, Status> {
    let recent = RECENT.try_with(Cell::take).ok().flatten();
    let recent = recent.filter(|(number, _)| *number == handle && table::still_open(handle));
    let recent = match recent {
        Some(recent) => recent,
        None => (handle, table::get::<PortObject>(handle)?),
    };
    let result = f(&recent.1);
    let _ = RECENT.try_with(|slot| slot.set(Some(recent)));
    Ok(result)
}

/// What a packet is to C: key, value (the OVERLAPPED), status, count.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "they are their names")]
pub struct Taken {
    pub key: usize,
    pub overlapped: usize,
    pub status: Status,
    pub bytes: usize,
}

impl From<&Packet<usize, Posted>> for Taken {
    /// From where the packet lies: it is too large to be moved for nothing.
    fn from(packet: &Packet<usize, Posted>) -> Taken {
        match packet.op {
            Op::Posted(Posted { overlapped, bytes, status }) => {
                Taken { key: packet.key, overlapped, status, bytes }
            }
            _ => Taken {
                key: packet.key,
                overlapped: overlapped::value_of(packet),
                status: packet.status(),
                bytes: packet.bytes(),
            },
        }
    }
}

/// The last error of a wait that brought no packet.
fn nothing(status: Status) -> BOOL {
    error::failed_with(match status {
        Status::TIMEOUT => code::WAIT_TIMEOUT,
        Status::USER_APC => code::WAIT_IO_COMPLETION,
        status => status.to_win32(),
    })
}

/// `CreateIoCompletionPort`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CreateIoCompletionPort(
    file: HANDLE,
    existing: HANDLE,
    key: ULONG_PTR,
    threads: DWORD,
) -> HANDLE {
    error::value_or(create(file, existing, key, threads), NULL)
}

fn create(file: HANDLE, existing: HANDLE, key: usize, threads: DWORD) -> Result<HANDLE, Status> {
    if file == INVALID_HANDLE_VALUE {
        // S004
        return if existing == NULL { new(threads) } else { Err(Status::INVALID_PARAMETER) };
    }
    let object = table::object(file)?;
    if object.is_synchronous() {
        return Err(Status::INVALID_PARAMETER);
    }
    let io = object.io().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
    if existing != NULL {
        with_port(existing, |port| io.associate(&port.port, key))??;
        return Ok(existing);
    }
    // S003
    let port = new(threads)?;
    let associated = with_port(port, |port| io.associate(&port.port, key)).and_then(|result| result);
    if let Err(status) = associated {
        // It was opened above, and is the caller's only now.
        let _ = table::close(port);
        return Err(status);
    }
    Ok(port)
}

/// A handle to a new port.
pub fn new(threads: DWORD) -> Result<HANDLE, Status> {
    let port = proactor::Port::new(threads as usize)?;
    table::insert(Arc::new(PortObject { port }))
}

/// `GetQueuedCompletionStatus`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetQueuedCompletionStatus(
    port: HANDLE,
    bytes: *mut DWORD,
    key: *mut ULONG_PTR,
    overlapped: *mut *mut OVERLAPPED,
    milliseconds: DWORD,
) -> BOOL {
    if overlapped.is_null() || bytes.is_null() || key.is_null() {
        return error::failed(Status::INVALID_PARAMETER);
    }
    let taken = with_port(port, |port| match error::timeout(milliseconds) {
        None => match port.port.get() {
            Ok(Some(ref packet)) => Ok(Taken::from(packet)),
            Ok(None) => Err(Status::ABANDONED_WAIT_0),
            Err(status) => Err(status),
        },
        Some(timeout) => match port.port.get_timeout(timeout) {
            Ok(ref packet) => Ok(Taken::from(packet)),
            Err(status) => Err(status),
        },
    });
    match taken.and_then(|taken| taken) {
        Ok(taken) => {
            // SAFETY: none is NULL, and they may be written to, as documented.
            unsafe {
                bytes.write(taken.bytes as DWORD);
                key.write(taken.key);
                overlapped.write(taken.overlapped as *mut OVERLAPPED);
            }
            // S032, S035, S039: a success leaves the last error alone.
            if taken.status.is_success() { TRUE } else { error::failed(taken.status) }
        }
        Err(status) => {
            // SAFETY: as above. S034: the others keep what they have.
            unsafe { overlapped.write(std::ptr::null_mut()) };
            nothing(status)
        }
    }
}

/// `GetQueuedCompletionStatusEx`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn GetQueuedCompletionStatusEx(
    port: HANDLE,
    entries: *mut OVERLAPPED_ENTRY,
    count: DWORD,
    removed: *mut DWORD,
    milliseconds: DWORD,
    alertable: BOOL,
) -> BOOL {
    if entries.is_null() || removed.is_null() || count == 0 {
        // S044
        return error::failed(Status::INVALID_PARAMETER);
    }
    let wait = error::wait(milliseconds, alertable);
    let put = |at, taken: Taken| {
        let entry = OVERLAPPED_ENTRY {
            lpCompletionKey: taken.key,
            lpOverlapped: taken.overlapped as *mut OVERLAPPED,
            Internal: taken.status.raw() as usize,
            dwNumberOfBytesTransferred: taken.bytes as DWORD,
        };
        // SAFETY: there are `count` entries, as documented, and no more packets than that.
        unsafe { entries.add(at).write(entry) };
    };
    match entered(|| take_many(port, count as usize, wait, put)) {
        Ok(number) => {
            // SAFETY: not NULL, and may be written to.
            unsafe { removed.write(number as DWORD) };
            TRUE
        }
        Err(status) => {
            // SAFETY: not NULL, and may be written to. S045: nothing to rely on.
            unsafe { removed.write(0) };
            nothing(status)
        }
    }
}

/// Packets that one call takes at most; more is a wish that nobody has to fulfil at once.
const MOST_AT_ONCE: usize = 1024;

/// Takes up to `most` packets, of which the first is waited for, and puts each where it belongs; how many there were.
pub fn take_many(
    port: HANDLE,
    most: usize,
    wait: Wait,
    mut put: impl FnMut(usize, Taken),
) -> Result<usize, Status> {
    let most = most.min(MOST_AT_ONCE);
    // A call that runs in the wait may take packets too: it finds none, and makes its own.
    let mut packets = PACKETS.try_with(Cell::take).unwrap_or_default();
    let count = with_port(port, |port| port.port.get_many(&mut packets, most, wait))??;
    for (at, packet) in packets.iter().enumerate() {
        put(at, Taken::from(packet));
    }
    packets.clear();
    let _ = PACKETS.try_with(|kept| kept.set(packets));
    Ok(count)
}

/// `PostQueuedCompletionStatus`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PostQueuedCompletionStatus(
    port: HANDLE,
    bytes: DWORD,
    key: ULONG_PTR,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    let posted = Posted { overlapped: overlapped as usize, bytes: bytes as usize, status: Status::SUCCESS };
    let result = with_port(port, |port| port.port.post(key, posted)).and_then(|result| result);
    error::succeeded(result)
}
