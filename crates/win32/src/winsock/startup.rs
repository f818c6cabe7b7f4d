//! `WSAStartup` and its kin: the calls must be let in first (S325). Nothing here has to be started for it.

use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::*};

use super::answer::{self, Answer, Fault};
use super::numbers::*;
use crate::error;
use crate::types::WORD;

static STARTED: AtomicUsize = AtomicUsize::new(0);

/// The version there is: 2.2.
const VERSION: WORD = 0x0202;

/// Fails before the first `WSAStartup` and after the last `WSACleanup`.
#[inline]
pub fn check() -> Answer<()> {
    if STARTED.load(Relaxed) > 0 { Ok(()) } else { Err(Fault(WSANOTINITIALISED)) }
}

/// `WSAStartup`. Gives the error itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WSAStartup(wanted: WORD, data: *mut WSADATA) -> c_int {
    if data.is_null() {
        return WSAEFAULT as c_int;
    }
    let (major, minor) = (wanted & 0xff, wanted >> 8);
    if major == 0 {
        return WSAVERNOTSUPPORTED as c_int;
    }
    let version = match (major, minor) {
        (1, 0) => 0x0001,
        (1, _) => 0x0101,
        (2, 0) => 0x0002,
        (2, 1) => 0x0102,
        _ => VERSION,
    };
    let mut about = WSADATA {
        wVersion: version,
        wHighVersion: VERSION,
        iMaxSockets: 0,
        iMaxUdpDg: 0,
        lpVendorInfo: ptr::null_mut(),
        szDescription: [0; 257],
        szSystemStatus: [0; 129],
    };
    about.szDescription[..11].copy_from_slice(b"WinSock 2.0");
    about.szSystemStatus[..7].copy_from_slice(b"Running");
    // SAFETY: not NULL, and a WSADATA as documented.
    unsafe { data.write(about) };
    STARTED.fetch_add(1, AcqRel);
    error::set(0);
    0
}

/// `WSACleanup`. Sockets stay as they are: their owners close them.
#[unsafe(no_mangle)]
pub extern "C" fn WSACleanup() -> c_int {
    let ended = STARTED.fetch_update(AcqRel, Acquire, |count| count.checked_sub(1));
    answer::done(ended.map(drop).map_err(|_| Fault(WSANOTINITIALISED)))
}

/// `WSAGetLastError`, the same as `GetLastError` (S326).
#[unsafe(no_mangle)]
pub extern "C" fn WSAGetLastError() -> c_int {
    error::last() as c_int
}

/// `WSASetLastError`.
#[unsafe(no_mangle)]
pub extern "C" fn WSASetLastError(code: c_int) {
    error::set(code as u32);
}
