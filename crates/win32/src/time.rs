//! Clocks: since the system was started, since 1601, and the counter for measuring.

use crate::types::*;

/// From 1601 to 1970, in seconds.
const TO_1970: i64 = 11_644_473_600;
/// FILETIMEs and the performance counter count in 100 ns.
pub const PER_SECOND: i64 = 10_000_000;

/// A clock in 100 ns.
fn hundreds(clock: libc::clockid_t) -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: there is room for what is told, and these clocks are always there.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now.tv_sec * PER_SECOND + now.tv_nsec / 100
}

/// Now, as a FILETIME's number.
pub fn file_time_now() -> u64 {
    (hundreds(libc::CLOCK_REALTIME) + TO_1970 * PER_SECOND).cast_unsigned()
}

/// A FILETIME's number as seconds since 1970 and nanoseconds.
pub fn to_unix(time: u64) -> (i64, u32) {
    let since = time.cast_signed() - TO_1970 * PER_SECOND;
    (since.div_euclid(PER_SECOND), since.rem_euclid(PER_SECOND) as u32 * 100)
}

impl FILETIME {
    /// In two halves.
    pub fn new(number: u64) -> FILETIME {
        FILETIME { dwLowDateTime: number as DWORD, dwHighDateTime: (number >> 32) as DWORD }
    }

    /// In one.
    pub fn number(self) -> u64 {
        u64::from(self.dwHighDateTime) << 32 | u64::from(self.dwLowDateTime)
    }
}

/// `GetTickCount64`: milliseconds since the system was started, those included in which it slept.
#[unsafe(no_mangle)]
pub extern "C" fn GetTickCount64() -> u64 {
    (hundreds(libc::CLOCK_BOOTTIME) / 10_000).cast_unsigned()
}

/// `GetTickCount`: the same in 32 bits.
#[unsafe(no_mangle)]
pub extern "C" fn GetTickCount() -> DWORD {
    GetTickCount64() as DWORD
}

/// `timeGetTime`.
#[unsafe(no_mangle)]
pub extern "C" fn timeGetTime() -> DWORD {
    GetTickCount()
}

const TIMERR_NOERROR: u32 = 0;
const TIMERR_NOCANDO: u32 = 97;

/// `timeBeginPeriod`: Linux' timers are finer than any period that can be asked for.
#[unsafe(no_mangle)]
pub extern "C" fn timeBeginPeriod(milliseconds: u32) -> u32 {
    if milliseconds == 0 { TIMERR_NOCANDO } else { TIMERR_NOERROR }
}

/// `timeEndPeriod`.
#[unsafe(no_mangle)]
pub extern "C" fn timeEndPeriod(milliseconds: u32) -> u32 {
    timeBeginPeriod(milliseconds)
}

/// `QueryPerformanceCounter`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QueryPerformanceCounter(count: *mut LARGE_INTEGER) -> BOOL {
    // SAFETY: a number's place, as documented.
    unsafe { count.write(hundreds(libc::CLOCK_MONOTONIC)) };
    TRUE
}

/// `QueryPerformanceFrequency`: ten million, as Windows 10 has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QueryPerformanceFrequency(frequency: *mut LARGE_INTEGER) -> BOOL {
    // SAFETY: a number's place, as documented.
    unsafe { frequency.write(PER_SECOND) };
    TRUE
}

/// `GetSystemTimeAsFileTime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetSystemTimeAsFileTime(time: *mut FILETIME) {
    // SAFETY: a place for one, as documented.
    unsafe { time.write(FILETIME::new(file_time_now())) };
}

/// `GetSystemTimePreciseAsFileTime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetSystemTimePreciseAsFileTime(time: *mut FILETIME) {
    // SAFETY: as above.
    unsafe { GetSystemTimeAsFileTime(time) };
}
