//! Names of machines and services: `getaddrinfo`, `getnameinfo`, `gethostname`. The system's own resolver answers.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use super::address;
use super::answer::{self, Answer, Fault};
use super::numbers::*;
use super::startup;
use crate::error;
use crate::types::DWORD;

/// Windows' flags, and the resolver's.
const FLAGS: &[(c_int, c_int)] = &[
    (0x1, libc::AI_PASSIVE),
    (0x2, libc::AI_CANONNAME),
    (0x4, libc::AI_NUMERICHOST),
    (0x8, libc::AI_NUMERICSERV),
    (0x100, libc::AI_ALL),
    (0x400, libc::AI_ADDRCONFIG),
    (0x800, libc::AI_V4MAPPED),
];

const NAME_FLAGS: &[(c_int, c_int)] = &[
    (0x1, libc::NI_NOFQDN),
    (0x2, libc::NI_NUMERICHOST),
    (0x4, libc::NI_NAMEREQD),
    (0x8, libc::NI_NUMERICSERV),
    (0x10, libc::NI_DGRAM),
];

fn translated(flags: c_int, table: &[(c_int, c_int)]) -> Answer<c_int> {
    let known = table.iter().fold(0, |sum, (theirs, _)| sum | theirs);
    if flags & !known != 0 {
        return Err(Fault(WSAEINVAL));
    }
    let set = table.iter().filter(|(theirs, _)| flags & theirs != 0);
    Ok(set.fold(0, |sum, (_, ours)| sum | ours))
}

fn fault_of(code: c_int) -> Fault {
    Fault(match code {
        libc::EAI_AGAIN => WSATRY_AGAIN,
        libc::EAI_BADFLAGS => WSAEINVAL,
        libc::EAI_FAIL => WSANO_RECOVERY,
        libc::EAI_FAMILY => WSAEAFNOSUPPORT,
        libc::EAI_MEMORY => WSA_NOT_ENOUGH_MEMORY,
        libc::EAI_SERVICE => WSATYPE_NOT_FOUND,
        libc::EAI_SOCKTYPE => WSAESOCKTNOSUPPORT,
        _ => WSAHOST_NOT_FOUND,
    })
}

fn family_of(family: c_int) -> Answer<c_int> {
    match family {
        AF_UNSPEC => Ok(libc::AF_UNSPEC),
        AF_INET => Ok(libc::AF_INET),
        AF_INET6 => Ok(libc::AF_INET6),
        _ => Err(Fault(WSAEAFNOSUPPORT)),
    }
}

/// What to ask the resolver for.
fn hints_of(hints: Option<&ADDRINFOA>) -> Answer<libc::addrinfo> {
    // SAFETY: all zeros asks for nothing in particular.
    let mut asked: libc::addrinfo = unsafe { std::mem::zeroed() };
    let Some(hints) = hints else { return Ok(asked) };
    let empty = hints.ai_addrlen == 0
        && hints.ai_canonname.is_null()
        && hints.ai_addr.is_null()
        && hints.ai_next.is_null();
    if !empty {
        return Err(Fault(WSANO_RECOVERY));
    }
    asked.ai_flags = translated(hints.ai_flags, FLAGS)?;
    asked.ai_family = family_of(hints.ai_family)?;
    // Stream and datagram have the same numbers, and so have their protocols.
    asked.ai_socktype = match hints.ai_socktype {
        kind @ (0 | SOCK_STREAM | SOCK_DGRAM) => kind,
        _ => return Err(Fault(WSAESOCKTNOSUPPORT)),
    };
    asked.ai_protocol = hints.ai_protocol;
    Ok(asked)
}

/// One entry of what was found, as Windows has it. A name of the kernel's as one of Windows' is as long.
///
/// # Safety
/// `found` is an entry of the resolver's.
unsafe fn entry(found: &libc::addrinfo) -> Option<Box<ADDRINFOA>> {
    let len = found.ai_addrlen as usize;
    if found.ai_addr.is_null() || len < 2 {
        return None;
    }
    // SAFETY: an address of that length, by the caller's promise.
    let mut name = unsafe { std::slice::from_raw_parts(found.ai_addr.cast::<u8>(), len) }.to_vec();
    let family = match found.ai_family {
        libc::AF_INET => AF_INET,
        libc::AF_INET6 => AF_INET6,
        _ => return None,
    };
    name[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    let canonical = match found.ai_canonname.is_null() {
        true => ptr::null_mut(),
        // SAFETY: a string of the resolver's.
        false => unsafe { CStr::from_ptr(found.ai_canonname) }.to_owned().into_raw(),
    };
    Some(Box::new(ADDRINFOA {
        ai_flags: 0,
        ai_family: family,
        ai_socktype: found.ai_socktype,
        ai_protocol: found.ai_protocol,
        ai_addrlen: len,
        ai_canonname: canonical,
        ai_addr: Box::into_raw(name.into_boxed_slice()).cast(),
        ai_next: ptr::null_mut(),
    }))
}

/// # Safety
/// As `getaddrinfo` documents.
unsafe fn look_up(
    node: *const c_char,
    service: *const c_char,
    hints: *const ADDRINFOA,
) -> Answer<*mut ADDRINFOA> {
    startup::check()?;
    if node.is_null() && service.is_null() {
        return Err(Fault(WSAHOST_NOT_FOUND));
    }
    // SAFETY: by the caller's promise, here and below.
    unsafe {
        let hints = hints_of(hints.as_ref())?;
        // "" is this machine.
        let mut own = [0; 256];
        let node = match node.as_ref() {
            Some(0) if libc::gethostname(own.as_mut_ptr(), own.len() - 1) == 0 => own.as_ptr(),
            _ => node,
        };
        let mut found = ptr::null_mut();
        let code = proactor::blocking(|| libc::getaddrinfo(node, service, &raw const hints, &raw mut found));
        if code != 0 {
            return Err(fault_of(code));
        }
        let mut all = Vec::new();
        let mut next: *const libc::addrinfo = found;
        while let Some(one) = next.as_ref() {
            all.extend(entry(one));
            next = one.ai_next;
        }
        libc::freeaddrinfo(found);
        let list = all.into_iter().rev().fold(ptr::null_mut(), |next, mut one| {
            one.ai_next = next;
            Box::into_raw(one)
        });
        Ok(list)
    }
}

/// `getaddrinfo`. Gives the error itself, which is the last as well.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const ADDRINFOA,
    result: *mut *mut ADDRINFOA,
) -> c_int {
    if result.is_null() {
        error::set(WSAEFAULT);
        return WSAEFAULT as c_int;
    }
    // SAFETY: not NULL; strings and hints as documented.
    unsafe {
        result.write(ptr::null_mut());
        match look_up(node, service, hints) {
            Ok(list) => {
                result.write(list);
                error::set(0);
                0
            }
            Err(Fault(code)) => {
                error::set(code);
                code as c_int
            }
        }
    }
}

/// `freeaddrinfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_freeaddrinfo(list: *mut ADDRINFOA) {
    let mut next = list;
    while !next.is_null() {
        // SAFETY: a list that was made above, given back once, as documented: each part was a box or a C string.
        unsafe {
            let one = Box::from_raw(next);
            drop(Box::from_raw(ptr::slice_from_raw_parts_mut(one.ai_addr, one.ai_addrlen)));
            if !one.ai_canonname.is_null() {
                drop(std::ffi::CString::from_raw(one.ai_canonname));
            }
            next = one.ai_next;
        }
    }
}

/// `getnameinfo`. Gives the error itself, which is the last as well.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_getnameinfo(
    name: *const u8,
    len: c_int,
    node: *mut c_char,
    node_len: DWORD,
    service: *mut c_char,
    service_len: DWORD,
    flags: c_int,
) -> c_int {
    let find = || -> Answer<()> {
        startup::check()?;
        // SAFETY: an address as documented.
        let address = unsafe { address::read_from(name, len) }?;
        if address.ip().is_none() {
            return Err(Fault(WSAEAFNOSUPPORT));
        }
        let flags = translated(flags, NAME_FLAGS)?;
        let mut theirs = address::write(&address);
        if address.ip().is_some_and(|ip| ip.is_ipv6()) {
            theirs.bytes_mut()[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
        }
        let bytes = theirs.bytes();
        // SAFETY: an address of its length, and memory as documented.
        let code = proactor::blocking(|| unsafe {
            let from = bytes.as_ptr().cast();
            libc::getnameinfo(from, bytes.len() as u32, node, node_len, service, service_len, flags)
        });
        match code {
            0 => Ok(()),
            libc::EAI_OVERFLOW => Err(Fault(ERROR_INSUFFICIENT_BUFFER)),
            code => Err(fault_of(code)),
        }
    };
    let found = find();
    let code = found.err().map_or(0, |Fault(code)| code);
    error::set(code);
    code as c_int
}

/// `gethostname`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_gethostname(name: *mut c_char, len: c_int) -> c_int {
    let write = || -> Answer<()> {
        startup::check()?;
        let own = rustix::system::uname().nodename().to_owned();
        let bytes = own.as_bytes_with_nul();
        if name.is_null() || usize::try_from(len).unwrap_or(0) < bytes.len() {
            return Err(Fault(WSAEFAULT));
        }
        // SAFETY: not NULL, and so much room, as documented.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr().cast(), name, bytes.len()) };
        Ok(())
    };
    answer::done(write())
}
