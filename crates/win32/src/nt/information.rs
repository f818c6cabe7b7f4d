//! `NtQueryInformationFile` and `NtSetInformationFile`: what a file, pipe or socket says of itself, and what is set on
//! it, its port and the way it reports completions included.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proactor::raw::Io;
use proactor::{File, Modes, PipeModes, Status};

use super::ports::IO_STATUS_BLOCK;
use super::status;
use crate::filetime;
use crate::port::with_port;
use crate::table;
use crate::types::*;

/// `FILE_INFORMATION_CLASS`, as far as there is anything behind it.
mod class {
    pub const BASIC: i32 = 4;
    pub const STANDARD: i32 = 5;
    pub const ACCESS: i32 = 8;
    pub const POSITION: i32 = 14;
    pub const MODE: i32 = 16;
    pub const END_OF_FILE: i32 = 20;
    pub const PIPE: i32 = 23;
    pub const COMPLETION: i32 = 30;
    pub const NOTIFICATION: i32 = 41;
}

const FILE_SYNCHRONOUS_IO_NONALERT: ULONG = 0x20;
const FILE_ATTRIBUTE_NORMAL: ULONG = 0x80;
const FILE_ATTRIBUTE_READONLY: ULONG = 1;
#[repr(C)]
struct Basic {
    created: i64,
    accessed: i64,
    written: i64,
    changed: i64,
    attributes: ULONG,
}

#[repr(C)]
struct Standard {
    allocated: i64,
    end: i64,
    links: ULONG,
    delete_pending: u8,
    directory: u8,
}

#[repr(C)]
struct Completion {
    port: HANDLE,
    key: ULONG_PTR,
}

#[repr(C)]
struct Pipe {
    read_mode: ULONG,
    completion_mode: ULONG,
}

const _: () = assert!(size_of::<Basic>() == 40 && size_of::<Standard>() == 24 && size_of::<Pipe>() == 8);

/// Memory of the caller's for information.
#[derive(Clone, Copy)]
struct Room {
    start: *mut u8,
    length: usize,
}

impl Room {
    /// # Safety
    /// The memory may be written to.
    unsafe fn put<T>(self, information: T) -> Result<usize, Status> {
        if self.length < size_of::<T>() {
            return Err(Status::INFO_LENGTH_MISMATCH);
        }
        if self.start.is_null() {
            return Err(Status::ACCESS_VIOLATION);
        }
        // SAFETY: there is room, by the caller's promise; it need not be aligned.
        unsafe { self.start.cast::<T>().write_unaligned(information) };
        Ok(size_of::<T>())
    }

    /// # Safety
    /// The memory may be read, and any bytes are a `T`.
    unsafe fn get<T>(self) -> Result<T, Status> {
        if self.length < size_of::<T>() {
            return Err(Status::INFO_LENGTH_MISMATCH);
        }
        if self.start.is_null() {
            return Err(Status::ACCESS_VIOLATION);
        }
        // SAFETY: by the caller's promise.
        Ok(unsafe { self.start.cast::<T>().read_unaligned() })
    }
}

/// The same call for both.
///
/// # Safety
/// `block` is NULL or may be written to.
unsafe fn answer(
    file: HANDLE,
    block: *mut IO_STATUS_BLOCK,
    act: impl FnOnce(&Io, DWORD) -> Result<usize, Status>,
) -> NTSTATUS {
    if block.is_null() {
        return status(Status::ACCESS_VIOLATION);
    }
    let done = table::granted(file).and_then(|(object, granted)| {
        let io = object.io().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
        act(io, granted)
    });
    match done {
        Ok(count) => {
            // SAFETY: not NULL, and by the caller's promise.
            unsafe { block.write(IO_STATUS_BLOCK { Status: 0, Information: count }) };
            status(Status::SUCCESS)
        }
        Err(error) => status(error),
    }
}

fn file_of(io: &Io) -> Result<File, Status> {
    io.file().ok_or(Status::INVALID_PARAMETER)
}

fn metadata(io: &Io) -> Result<Metadata, Status> {
    file_of(io)?.metadata()
}

/// `NtQueryInformationFile`, of times, sizes, position, access, mode, the way completions are reported, and pipes.
/// `STATUS_INVALID_INFO_CLASS` of the rest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtQueryInformationFile(
    file: HANDLE,
    block: *mut IO_STATUS_BLOCK,
    information: LPVOID,
    length: ULONG,
    class: i32,
) -> NTSTATUS {
    let room = Room { start: information.cast(), length: length as usize };
    // SAFETY: memory as documented, in each case.
    unsafe {
        answer(file, block, |io, granted| match class {
            class::BASIC => room.put(basic(&metadata(io)?)),
            class::STANDARD => room.put(standard(&metadata(io)?)),
            class::ACCESS => room.put(granted),
            class::POSITION => room.put(file_of(io)?.position() as i64),
            class::MODE => room.put(if io.is_synchronous() { FILE_SYNCHRONOUS_IO_NONALERT } else { 0 }),
            class::PIPE => room.put(pipe(io)?),
            class::NOTIFICATION => room.put(ULONG::from(io.modes().bits())),
            _ => Err(Status::INVALID_INFO_CLASS),
        })
    }
}

fn basic(found: &Metadata) -> Basic {
    let time = |time: std::io::Result<SystemTime>| time.map_or(0, filetime::from_system);
    let written = time(found.modified());
    let since = Duration::new(found.ctime().unsigned_abs(), found.ctime_nsec() as u32);
    let changed = match found.ctime() < 0 {
        true => written,
        false => filetime::from_system(UNIX_EPOCH + since),
    };
    let read_only = found.permissions().readonly();
    Basic {
        // Not all file systems know.
        created: found.created().map_or(written.min(changed), filetime::from_system),
        accessed: time(found.accessed()),
        written,
        changed,
        attributes: if read_only { FILE_ATTRIBUTE_READONLY } else { FILE_ATTRIBUTE_NORMAL },
    }
}

fn standard(found: &Metadata) -> Standard {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Standard {
        allocated: signed(found.blocks().saturating_mul(512)),
        end: signed(found.len()),
        links: ULONG::try_from(found.nlink()).unwrap_or(ULONG::MAX),
        delete_pending: 0,
        directory: 0,
    }
}

fn pipe(io: &Io) -> Result<Pipe, Status> {
    let modes = io.named_pipe().ok_or(Status::INVALID_PARAMETER)?.info().modes;
    Ok(Pipe {
        read_mode: modes.contains(PipeModes::MESSAGES).into(),
        completion_mode: modes.contains(PipeModes::NO_WAIT).into(),
    })
}

/// `NtSetInformationFile`, of the position, the end, the port, the way completions are reported, and pipes.
/// `STATUS_INVALID_INFO_CLASS` of the rest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn NtSetInformationFile(
    file: HANDLE,
    block: *mut IO_STATUS_BLOCK,
    information: LPVOID,
    length: ULONG,
    class: i32,
) -> NTSTATUS {
    let room = Room { start: information.cast(), length: length as usize };
    // SAFETY: memory as documented, and each is numbers alone.
    unsafe {
        answer(file, block, |io, _| {
            match class {
                class::POSITION => file_of(io)?.set_position(offset(room.get()?)?)?,
                class::END_OF_FILE => file_of(io)?.set_len(offset(room.get()?)?)?,
                class::COMPLETION => associate(io, &room.get()?)?,
                class::NOTIFICATION => notify(io, room.get()?)?,
                class::PIPE => set_pipe(io, &room.get()?)?,
                _ => return Err(Status::INVALID_INFO_CLASS),
            }
            Ok(0)
        })
    }
}

fn offset(given: i64) -> Result<u64, Status> {
    u64::try_from(given).map_err(|_| Status::INVALID_PARAMETER)
}

fn associate(io: &Io, completion: &Completion) -> Result<(), Status> {
    with_port(completion.port, |port| io.associate(&port.port, completion.key))?
}

/// S095: bits that nobody knows say nothing, nor does that of an event on fast I/O, of which there is none (S096).
fn notify(io: &Io, flags: ULONG) -> Result<(), Status> {
    io.set_modes(Modes::from_bits_truncate(flags as u8))
}

fn set_pipe(io: &Io, pipe: &Pipe) -> Result<(), Status> {
    let named = io.named_pipe().ok_or(Status::INVALID_PARAMETER)?;
    if pipe.read_mode > 1 || pipe.completion_mode > 1 {
        return Err(Status::INVALID_PARAMETER);
    }
    let mut modes = PipeModes::empty();
    modes.set(PipeModes::MESSAGES, pipe.read_mode == 1);
    modes.set(PipeModes::NO_WAIT, pipe.completion_mode == 1);
    named.set_pipe_modes(modes)
}
