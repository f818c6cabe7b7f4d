//! `sockaddr` and the core's addresses, each as the other.

use std::ffi::{OsStr, c_int};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use proactor::Address;

use super::answer::{Answer, Fault};
use super::numbers::*;

/// The longest: that of a Unix socket.
pub const MOST: usize = 110;
const IN: usize = 16;
const IN6: usize = 28;

/// A `sockaddr` as bytes.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    bytes: [u8; MOST],
    len: usize,
}

impl Name {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The same, for who wants a pointer that could be written through.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

/// How long a `sockaddr` of a family is.
pub fn size_of_family(family: c_int) -> usize {
    match family {
        AF_INET => IN,
        AF_INET6 => IN6,
        _ => MOST,
    }
}

fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Answer<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Fault(WSAEFAULT))
}

/// Reads a `sockaddr`.
pub fn read(bytes: &[u8]) -> Answer<Address> {
    let family = c_int::from(u16::from_ne_bytes(chunk(bytes, 0)?));
    match family {
        AF_INET if bytes.len() >= IN => {
            let ip = Ipv4Addr::from(chunk::<4>(bytes, 4)?);
            Ok(SocketAddr::from(SocketAddrV4::new(ip, u16::from_be_bytes(chunk(bytes, 2)?))).into())
        }
        AF_INET6 if bytes.len() >= IN6 => {
            let ip = Ipv6Addr::from(chunk::<16>(bytes, 8)?);
            let port = u16::from_be_bytes(chunk(bytes, 2)?);
            let flow = u32::from_ne_bytes(chunk(bytes, 4)?);
            let scope = u32::from_ne_bytes(chunk(bytes, 24)?);
            Ok(SocketAddr::from(SocketAddrV6::new(ip, port, flow, scope)).into())
        }
        AF_UNIX => {
            let path = &bytes[2..bytes.len().min(MOST)];
            let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
            Ok(Address::Unix(PathBuf::from(OsStr::from_bytes(&path[..end]))))
        }
        AF_INET | AF_INET6 => Err(Fault(WSAEFAULT)),
        _ => Err(Fault(WSAEAFNOSUPPORT)),
    }
}

/// Reads the `sockaddr` of a caller's.
///
/// # Safety
/// `name` is NULL, or `len` bytes there may be read.
pub unsafe fn read_from(name: *const u8, len: c_int) -> Answer<Address> {
    let len = usize::try_from(len).unwrap_or(0);
    if name.is_null() || len < 2 {
        return Err(Fault(WSAEFAULT));
    }
    // SAFETY: by the caller's promise.
    read(unsafe { std::slice::from_raw_parts(name, len) })
}

/// Writes an address as a `sockaddr`.
pub fn write(address: &Address) -> Name {
    let mut name = Name { bytes: [0; MOST], len: 0 };
    let mut put = |at: usize, bytes: &[u8]| {
        name.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        name.len = name.len.max(at + bytes.len());
    };
    match address {
        Address::Ip(SocketAddr::V4(v4)) => {
            put(0, &(AF_INET as u16).to_ne_bytes());
            put(2, &v4.port().to_be_bytes());
            put(4, &v4.ip().octets());
            put(8, &[0; 8]);
        }
        Address::Ip(SocketAddr::V6(v6)) => {
            put(0, &(AF_INET6 as u16).to_ne_bytes());
            put(2, &v6.port().to_be_bytes());
            put(4, &v6.flowinfo().to_ne_bytes());
            put(8, &v6.ip().octets());
            put(24, &v6.scope_id().to_ne_bytes());
        }
        Address::Unix(path) => {
            let path = path.as_os_str().as_bytes();
            put(0, &(AF_UNIX as u16).to_ne_bytes());
            put(2, &path[..path.len().min(MOST - 3)]);
            put(MOST - 1, &[0]);
        }
    }
    name
}

/// Writes an address where a caller wants it, as far as there is room, and its length. False when it was cut.
///
/// # Safety
/// `name` and `len` are NULL, or `len` may be written to, and as many bytes at `name` as it says.
pub unsafe fn write_to(address: &Address, name: *mut u8, len: *mut c_int) -> bool {
    if name.is_null() || len.is_null() {
        return true;
    }
    let written = write(address);
    // SAFETY: by the caller's promise.
    unsafe {
        let room = usize::try_from(len.read()).unwrap_or(0);
        let fits = room >= written.len;
        std::ptr::copy_nonoverlapping(written.bytes.as_ptr(), name, room.min(written.len));
        if fits {
            len.write(written.len as c_int);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_when_it_was_written_and_read() {
        for text in ["127.0.0.1:80", "[fe80::1%3]:443", "[::]:0"] {
            let address: Address = text.parse::<SocketAddr>().unwrap().into();
            let name = write(&address);
            assert_eq!(read(name.bytes()), Ok(address.clone()));
            assert_eq!(name.len, if address.ip().unwrap().is_ipv4() { 16 } else { 28 });
            assert_eq!(read(&name.bytes()[..name.len - 1]), Err(Fault(WSAEFAULT)));
        }
        let path = Address::Unix(PathBuf::from("/tmp/x"));
        assert_eq!(read(write(&path).bytes()), Ok(path));
        assert_eq!(read(&[99, 0, 0, 0]), Err(Fault(WSAEAFNOSUPPORT)));
        assert_eq!(read(&[2]), Err(Fault(WSAEFAULT)));
    }
}
