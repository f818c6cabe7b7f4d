//! `ReadFileScatter` and `WriteFileGather`: one page of memory for each piece of an unbuffered file.

use proactor::raw::{self, Io};
use proactor::{Buf, Status, op};

use super::{APPEND_DATA, READ_DATA, Target, WRITE_DATA, target};
use crate::error::{self, code};
use crate::overlapped::{self, Began};
use crate::types::*;

/// What each element names: a page, as `GetSystemInfo` says.
const PAGE: usize = 4096;

/// `FILE_SEGMENT_ELEMENT`: a pointer, however wide those are.
pub type Segment = u64;

/// The memory that the elements name, `len` bytes of it; pages that follow each other are one piece.
///
/// # Safety
/// There are as many elements as it takes pages for `len` bytes, and the memory they name is the operation's until its
/// end.
unsafe fn pieces(
    segments: *const Segment,
    len: usize,
    buffer: unsafe fn(usize, usize) -> Buf,
) -> Result<Vec<Buf>, Status> {
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for at in 0..len.div_ceil(PAGE) {
        // SAFETY: by the caller's promise.
        let start = unsafe { segments.add(at).read() } as usize;
        let size = PAGE.min(len - at * PAGE);
        if start == 0 || !start.is_multiple_of(PAGE) {
            return Err(Status::INVALID_PARAMETER);
        }
        match pieces.last_mut() {
            Some((before, count)) if *before + *count == start => *count += size,
            _ => pieces.push((start, size)),
        }
    }
    // SAFETY: by the caller's promise.
    Ok(pieces.into_iter().map(|(start, size)| unsafe { buffer(start, size) }).collect())
}

/// What both have in common. S305
///
/// # Safety
/// The OVERLAPPED is valid, if it is not NULL; the elements as [`pieces`].
unsafe fn transfer<O: proactor::Operation>(
    handle: HANDLE,
    one_of: DWORD,
    segments: *const Segment,
    overlapped: *mut OVERLAPPED,
    op: impl FnOnce(u64) -> Result<O, Status>,
) -> BOOL {
    let began = target(handle, one_of).and_then(|target| {
        let Target::Io(object) = target else { return Err(Status::INVALID_PARAMETER) };
        let io = object.io().ok_or(Status::OBJECT_TYPE_MISMATCH)?;
        let unbuffered = io.file().is_some_and(|file| file.alignment().is_some());
        if !unbuffered || io.is_synchronous() || overlapped.is_null() || segments.is_null() {
            return Err(Status::INVALID_PARAMETER);
        }
        // SAFETY: by the caller's promise.
        unsafe { start(io, op(overlapped::offset_of(overlapped))?, overlapped) }
    });
    match began {
        Ok(Began::Pending) => error::failed_with(code::ERROR_IO_PENDING),
        Ok(Began::Done { status, .. }) if status.is_success() => TRUE,
        Ok(Began::Done { status, .. }) | Err(status) => error::failed(status),
    }
}

/// # Safety
/// As [`overlapped::start`].
unsafe fn start<O: proactor::Operation>(
    io: &Io,
    op: O,
    overlapped: *mut OVERLAPPED,
) -> Result<Began, Status> {
    // SAFETY: by the caller's promise.
    unsafe { overlapped::start(io, op, overlapped, None) }
}

/// `ReadFileScatter`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ReadFileScatter(
    handle: HANDLE,
    segments: *const Segment,
    len: DWORD,
    _reserved: *mut DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    // SAFETY: elements, their memory and the OVERLAPPED as documented.
    unsafe {
        let memory: unsafe fn(usize, usize) -> Buf = |start, len| raw::memory(start as *mut u8, len);
        let read = |offset| Ok(op::Read::scatter(offset, pieces(segments, len as usize, memory)?));
        transfer(handle, READ_DATA, segments, overlapped, read)
    }
}

/// `WriteFileGather`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WriteFileGather(
    handle: HANDLE,
    segments: *const Segment,
    len: DWORD,
    _reserved: *mut DWORD,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    // SAFETY: elements, their memory and the OVERLAPPED as documented.
    unsafe {
        let memory: unsafe fn(usize, usize) -> Buf =
            |start, len| raw::memory_to_send(start as *const u8, len);
        let write = |offset| Ok(op::Write::gather(offset, pieces(segments, len as usize, memory)?));
        transfer(handle, WRITE_DATA | APPEND_DATA, segments, overlapped, write)
    }
}
