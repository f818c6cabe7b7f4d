//! Addresses as text, and the network's order of bytes.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::answer::{Answer, Fault};
use super::numbers::*;
use crate::error;

/// `INADDR_NONE`.
const NONE: u32 = u32::MAX;

/// `htonl`.
#[unsafe(no_mangle)]
pub extern "C" fn proactor_htonl(number: u32) -> u32 {
    number.to_be()
}

/// `htons`.
#[unsafe(no_mangle)]
pub extern "C" fn proactor_htons(number: u16) -> u16 {
    number.to_be()
}

/// `ntohl`.
#[unsafe(no_mangle)]
pub extern "C" fn proactor_ntohl(number: u32) -> u32 {
    u32::from_be(number)
}

/// `ntohs`.
#[unsafe(no_mangle)]
pub extern "C" fn proactor_ntohs(number: u16) -> u16 {
    u16::from_be(number)
}

/// One part of an address: decimal, octal behind a 0, hexadecimal behind 0x.
fn part(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

/// An address in up to four parts, of which the last takes what bytes are left.
fn parse(text: &str) -> Option<u32> {
    let parts: Option<Vec<u32>> = text.split('.').map(part).collect();
    let parts = parts.filter(|parts| parts.len() <= 4)?;
    let (last, first) = parts.split_last()?;
    let bits = 32 - 8 * first.len() as u32;
    if u64::from(*last) >= 1 << bits || first.iter().any(|part| *part > 255) {
        return None;
    }
    let high = first.iter().enumerate().fold(0, |sum, (at, part)| sum | part << (24 - 8 * at as u32));
    Some(high | last)
}

/// `inet_addr`. What is none gives INADDR_NONE, and so does an address that is all ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_inet_addr(text: *const c_char) -> u32 {
    if text.is_null() {
        error::set(WSAEFAULT);
        return NONE;
    }
    // SAFETY: not NULL, and a string as documented.
    let text = unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default();
    // What follows a space is not looked at.
    let text = text.split_ascii_whitespace().next().unwrap_or_default();
    parse(text).map_or(NONE, u32::to_be)
}

thread_local!(static TEXT: RefCell<[u8; 16]> = const { RefCell::new([0; 16]) });

/// `inet_ntoa`, into memory of the thread's that the next call uses again.
#[unsafe(no_mangle)]
pub extern "C" fn proactor_inet_ntoa(address: u32) -> *mut c_char {
    let text = Ipv4Addr::from(u32::from_be(address)).to_string();
    let written = TEXT.try_with(|memory| {
        let mut memory = memory.borrow_mut();
        memory.fill(0);
        memory[..text.len()].copy_from_slice(text.as_bytes());
        memory.as_mut_ptr().cast()
    });
    written.unwrap_or(std::ptr::null_mut())
}

/// `inet_pton`: 1 for an address, 0 for other text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_inet_pton(family: c_int, text: *const c_char, to: *mut c_void) -> c_int {
    if text.is_null() || to.is_null() {
        error::set(WSAEFAULT);
        return -1;
    }
    // SAFETY: not NULL, and a string as documented.
    let text = unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default();
    // SAFETY: room for an address of the family, as documented.
    unsafe {
        match family {
            AF_INET => match text.parse::<Ipv4Addr>() {
                Ok(ip) => to.cast::<[u8; 4]>().write(ip.octets()),
                Err(_) => return 0,
            },
            AF_INET6 => match text.parse::<Ipv6Addr>() {
                Ok(ip) => to.cast::<[u8; 16]>().write(ip.octets()),
                Err(_) => return 0,
            },
            _ => {
                error::set(WSAEAFNOSUPPORT);
                return -1;
            }
        }
    }
    1
}

/// `inet_ntop`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn proactor_inet_ntop(
    family: c_int,
    from: *const c_void,
    to: *mut c_char,
    room: usize,
) -> *const c_char {
    let write = || -> Answer<()> {
        if from.is_null() || to.is_null() {
            return Err(Fault(WSAEINVAL));
        }
        // SAFETY: an address of the family, and so much room, as documented.
        unsafe {
            let text = match family {
                AF_INET => Ipv4Addr::from(from.cast::<[u8; 4]>().read()).to_string(),
                AF_INET6 => Ipv6Addr::from(from.cast::<[u8; 16]>().read()).to_string(),
                _ => return Err(Fault(WSAEAFNOSUPPORT)),
            };
            if room <= text.len() {
                return Err(Fault(WSA_INVALID_PARAMETER));
            }
            std::ptr::copy_nonoverlapping(text.as_ptr().cast(), to, text.len());
            to.add(text.len()).write(0);
        }
        Ok(())
    };
    match write() {
        Ok(()) => to,
        Err(Fault(code)) => {
            error::set(code);
            std::ptr::null()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_to_four_parts_in_three_radices() {
        for (text, number) in [
            ("127.0.0.1", 0x7f00_0001),
            ("0x7f.1", 0x7f00_0001),
            ("10.257", 0x0a00_0101),
            ("010.0.0.8", 0x0800_0008),
            ("4294967295", u32::MAX),
        ] {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        for text in ["", ".", "256.0.0.1", "1.2.3.4.5", "1.2.3.256", "08.1.1.1", "a.b", "4294967296", "+1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
