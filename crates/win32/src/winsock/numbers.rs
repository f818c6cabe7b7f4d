//! Windows' constants and structures of Winsock, as they lie in memory there.
#![allow(missing_docs, non_camel_case_types, clippy::upper_case_acronyms, reason = "Windows' own names")]

use std::ffi::{c_char, c_int};

use crate::types::{DWORD, OVERLAPPED, SOCKET, WCHAR, WORD};

/// A Winsock error.
pub type Code = u32;

pub const WSA_INVALID_HANDLE: Code = 6;
pub const WSA_NOT_ENOUGH_MEMORY: Code = 8;
pub const WSA_INVALID_PARAMETER: Code = 87;
pub const ERROR_INSUFFICIENT_BUFFER: Code = 122;
pub const WSA_OPERATION_ABORTED: Code = 995;
pub const WSA_IO_INCOMPLETE: Code = 996;
pub const WSA_IO_PENDING: Code = 997;
pub const WSAEINTR: Code = 10004;
pub const WSAEACCES: Code = 10013;
pub const WSAEFAULT: Code = 10014;
pub const WSAEINVAL: Code = 10022;
pub const WSAEWOULDBLOCK: Code = 10035;
pub const WSAEALREADY: Code = 10037;
pub const WSAENOTSOCK: Code = 10038;
pub const WSAEDESTADDRREQ: Code = 10039;
pub const WSAEMSGSIZE: Code = 10040;
pub const WSAENOPROTOOPT: Code = 10042;
pub const WSAEPROTONOSUPPORT: Code = 10043;
pub const WSAESOCKTNOSUPPORT: Code = 10044;
pub const WSAEOPNOTSUPP: Code = 10045;
pub const WSAEAFNOSUPPORT: Code = 10047;
pub const WSAEADDRINUSE: Code = 10048;
pub const WSAENOBUFS: Code = 10055;
pub const WSAENOTCONN: Code = 10057;
pub const WSAETIMEDOUT: Code = 10060;
pub const WSAECONNREFUSED: Code = 10061;
pub const WSAVERNOTSUPPORTED: Code = 10092;
pub const WSANOTINITIALISED: Code = 10093;
pub const WSATYPE_NOT_FOUND: Code = 10109;
pub const WSAHOST_NOT_FOUND: Code = 11001;
pub const WSATRY_AGAIN: Code = 11002;
pub const WSANO_RECOVERY: Code = 11003;
pub const WSANO_DATA: Code = 11004;

pub const AF_UNSPEC: c_int = 0;
pub const AF_UNIX: c_int = 1;
pub const AF_INET: c_int = 2;
pub const AF_INET6: c_int = 23;

pub const SOCK_STREAM: c_int = 1;
pub const SOCK_DGRAM: c_int = 2;

pub const IPPROTO_IP: c_int = 0;
pub const IPPROTO_TCP: c_int = 6;
pub const IPPROTO_UDP: c_int = 17;
pub const IPPROTO_IPV6: c_int = 41;
pub const SOL_SOCKET: c_int = 0xffff;

pub const WSA_FLAG_OVERLAPPED: DWORD = 1;
pub const WSA_FLAG_NO_HANDLE_INHERIT: DWORD = 0x80;
pub const FROM_PROTOCOL_INFO: c_int = -1;

pub const MSG_OOB: DWORD = 1;
pub const MSG_PEEK: DWORD = 2;
pub const MSG_DONTROUTE: DWORD = 4;
pub const MSG_WAITALL: DWORD = 8;
pub const MSG_INTERRUPT: DWORD = 0x10;
pub const MSG_PUSH_IMMEDIATE: DWORD = 0x20;
pub const MSG_TRUNC: DWORD = 0x100;
pub const MSG_CTRUNC: DWORD = 0x200;
pub const MSG_PARTIAL: DWORD = 0x8000;

/// `WSABUF`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSABUF {
    pub len: DWORD,
    pub buf: *mut u8,
}

/// `WSAMSG`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSAMSG {
    pub name: *mut u8,
    pub namelen: c_int,
    pub lpBuffers: *mut WSABUF,
    pub dwBufferCount: DWORD,
    pub Control: WSABUF,
    pub dwFlags: DWORD,
}

/// `LPWSAOVERLAPPED_COMPLETION_ROUTINE`.
pub type Routine = unsafe extern "C" fn(DWORD, DWORD, *mut OVERLAPPED, DWORD);

#[repr(C)]
#[derive(Debug)]
pub struct WSADATA {
    pub wVersion: WORD,
    pub wHighVersion: WORD,
    pub iMaxSockets: u16,
    pub iMaxUdpDg: u16,
    pub lpVendorInfo: *mut c_char,
    pub szDescription: [u8; 257],
    pub szSystemStatus: [u8; 129],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GUID {
    pub Data1: u32,
    pub Data2: u16,
    pub Data3: u16,
    pub Data4: [u8; 8],
}

/// `WSAPROTOCOL_INFOA` and `W`, which differ in their last member.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PROTOCOL_INFO<C> {
    pub dwServiceFlags1: DWORD,
    pub dwServiceFlags2: DWORD,
    pub dwServiceFlags3: DWORD,
    pub dwServiceFlags4: DWORD,
    pub dwProviderFlags: DWORD,
    pub ProviderId: GUID,
    pub dwCatalogEntryId: DWORD,
    pub ChainLen: c_int,
    pub ChainEntries: [DWORD; 7],
    pub iVersion: c_int,
    pub iAddressFamily: c_int,
    pub iMaxSockAddr: c_int,
    pub iMinSockAddr: c_int,
    pub iSocketType: c_int,
    pub iProtocol: c_int,
    pub iProtocolMaxOffset: c_int,
    pub iNetworkByteOrder: c_int,
    pub iSecurityScheme: c_int,
    pub dwMessageSize: DWORD,
    pub dwProviderReserved: DWORD,
    pub szProtocol: [C; 256],
}

pub type WSAPROTOCOL_INFOA = PROTOCOL_INFO<u8>;
pub type WSAPROTOCOL_INFOW = PROTOCOL_INFO<WCHAR>;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TIMEVAL {
    pub tv_sec: i32,
    pub tv_usec: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSAPOLLFD {
    pub fd: SOCKET,
    pub events: i16,
    pub revents: i16,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSANETWORKEVENTS {
    pub lNetworkEvents: i32,
    pub iErrorCode: [c_int; 10],
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TRANSMIT_FILE_BUFFERS {
    pub Head: *const u8,
    pub HeadLength: DWORD,
    pub Tail: *const u8,
    pub TailLength: DWORD,
}

#[repr(C)]
#[derive(Debug)]
pub struct ADDRINFOA {
    pub ai_flags: c_int,
    pub ai_family: c_int,
    pub ai_socktype: c_int,
    pub ai_protocol: c_int,
    pub ai_addrlen: usize,
    pub ai_canonname: *mut c_char,
    pub ai_addr: *mut u8,
    pub ai_next: *mut ADDRINFOA,
}

const _: () = assert!(size_of::<WSABUF>() == 16 && size_of::<WSAMSG>() == 56);
const _: () = assert!(size_of::<WSADATA>() == 408);
const _: () = assert!(size_of::<WSAPROTOCOL_INFOA>() == 372 && size_of::<WSAPROTOCOL_INFOW>() == 628);
const _: () = assert!(size_of::<WSAPOLLFD>() == 16 && size_of::<WSANETWORKEVENTS>() == 44);
const _: () = assert!(size_of::<ADDRINFOA>() == 48 && size_of::<TRANSMIT_FILE_BUFFERS>() == 32);
