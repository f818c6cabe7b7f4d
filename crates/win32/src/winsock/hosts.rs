//! `gethostbyname`, for the servers that still ask so: IPv4 addresses in a structure of the thread's own, which its next
//! call overwrites.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::net::{SocketAddr, ToSocketAddrs};
use std::ptr;

use super::answer::{Answer, Fault};
use super::numbers::*;
use super::startup;
use crate::error;

/// `struct hostent`, of which two members are short.
#[repr(C)]
#[derive(Debug)]
pub struct HOSTENT {
    h_name: *const c_char,
    h_aliases: *const *const c_char,
    h_addrtype: i16,
    h_length: i16,
    h_addr_list: *const *const [u8; 4],
}

const _: () = assert!(size_of::<HOSTENT>() == 32);

/// Addresses of one name; more are not told.
const MOST: usize = 64;

/// What a [`HOSTENT`] points to.
struct Answered {
    host: Box<HOSTENT>,
    _name: CString,
    _addresses: Vec<[u8; 4]>,
    _list: Vec<*const [u8; 4]>,
    _none: Box<[*const c_char; 1]>,
}

thread_local!(static ANSWERED: RefCell<Option<Answered>> = const { RefCell::new(None) });

fn ask(name: &str) -> Answer<Answered> {
    let found = (name, 0).to_socket_addrs().map_err(|_| Fault(WSAHOST_NOT_FOUND))?;
    let mut addresses: Vec<[u8; 4]> = Vec::new();
    for address in found {
        if let SocketAddr::V4(address) = address
            && addresses.len() < MOST
            && !addresses.contains(&address.ip().octets())
        {
            addresses.push(address.ip().octets());
        }
    }
    if addresses.is_empty() {
        return Err(Fault(WSANO_DATA));
    }
    let name = CString::new(name).map_err(|_| Fault(WSAHOST_NOT_FOUND))?;
    let mut list: Vec<*const [u8; 4]> = addresses.iter().map(ptr::from_ref).collect();
    list.push(ptr::null());
    let none = Box::new([ptr::null()]);
    let host = Box::new(HOSTENT {
        h_name: name.as_ptr(),
        h_aliases: none.as_ptr(),
        h_addrtype: AF_INET as i16,
        h_length: 4,
        h_addr_list: list.as_ptr(),
    });
    Ok(Answered { host, _name: name, _addresses: addresses, _list: list, _none: none })
}

/// `gethostbyname`; NULL and an empty name are this machine's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_gethostbyname(name: *const c_char) -> *const HOSTENT {
    let answer = || -> Answer<*const HOSTENT> {
        startup::check()?;
        let asked = match name.is_null() {
            true => "",
            // SAFETY: not NULL, and a string as documented.
            false => unsafe { CStr::from_ptr(name) }.to_str().map_err(|_| Fault(WSAHOST_NOT_FOUND))?,
        };
        let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let answered = ask(if asked.is_empty() { &own } else { asked })?;
        let host: *const HOSTENT = &*answered.host;
        ANSWERED.with(|slot| slot.replace(Some(answered)));
        Ok(host)
    };
    answer().unwrap_or_else(|Fault(code)| {
        error::set(code);
        ptr::null()
    })
}
