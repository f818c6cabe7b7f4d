//! Windows' names for numbers, and the structures that cross the border, as they lie in memory there.
#![allow(clippy::upper_case_acronyms, non_camel_case_types, missing_docs, reason = "Windows' own names")]

use std::ffi::c_void;

pub type BOOL = i32;
pub type BYTE = u8;
pub type WORD = u16;
pub type DWORD = u32;
pub type LONG = i32;
pub type ULONG = u32;
pub type LARGE_INTEGER = i64;
pub type ULONG_PTR = usize;
pub type WCHAR = u16;
pub type NTSTATUS = i32;
/// A number, wherever Windows' headers have a pointer.
pub type HANDLE = usize;
pub type SOCKET = usize;
pub type LPVOID = *mut c_void;

pub const FALSE: BOOL = 0;
pub const TRUE: BOOL = 1;
pub const INFINITE: DWORD = u32::MAX;
pub const NULL: HANDLE = 0;
pub const INVALID_HANDLE_VALUE: HANDLE = usize::MAX;
pub const INVALID_SOCKET: SOCKET = usize::MAX;
pub const SOCKET_ERROR: i32 = -1;
/// `GetCurrentProcess()`, which is the same number as `INVALID_HANDLE_VALUE`.
pub const CURRENT_PROCESS: HANDLE = usize::MAX;
/// `GetCurrentThread()`.
pub const CURRENT_THREAD: HANDLE = usize::MAX - 1;

/// `OVERLAPPED`. An NT `IO_STATUS_BLOCK` is its beginning.
#[repr(C)]
#[derive(Debug)]
pub struct OVERLAPPED {
    pub Internal: ULONG_PTR,
    pub InternalHigh: ULONG_PTR,
    pub Offset: DWORD,
    pub OffsetHigh: DWORD,
    pub hEvent: HANDLE,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OVERLAPPED_ENTRY {
    pub lpCompletionKey: ULONG_PTR,
    pub lpOverlapped: *mut OVERLAPPED,
    pub Internal: ULONG_PTR,
    pub dwNumberOfBytesTransferred: DWORD,
}

/// `LPOVERLAPPED_COMPLETION_ROUTINE`.
pub type OverlappedRoutine = unsafe extern "C" fn(DWORD, DWORD, *mut OVERLAPPED);

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SECURITY_ATTRIBUTES {
    pub nLength: DWORD,
    pub lpSecurityDescriptor: LPVOID,
    pub bInheritHandle: BOOL,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct FILETIME {
    pub dwLowDateTime: DWORD,
    pub dwHighDateTime: DWORD,
}

const _: () = assert!(size_of::<OVERLAPPED>() == 32);
const _: () = assert!(size_of::<OVERLAPPED_ENTRY>() == 32);
const _: () = assert!(size_of::<SECURITY_ATTRIBUTES>() == 24);
