//! `SYSTEMTIME`: years, months and days, and the FILETIMEs that they stand for.

use proactor::Status;

use crate::error;
use crate::time::{PER_SECOND, file_time_now, to_unix};
use crate::types::*;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, non_snake_case, reason = "Windows' own names")]
pub struct SYSTEMTIME {
    pub wYear: WORD,
    pub wMonth: WORD,
    pub wDayOfWeek: WORD,
    pub wDay: WORD,
    pub wHour: WORD,
    pub wMinute: WORD,
    pub wSecond: WORD,
    pub wMilliseconds: WORD,
}

const DAY: u64 = 86_400 * PER_SECOND as u64;
const YEARS: std::ops::RangeInclusive<u64> = 1601..=30827;

/// Days from 1601 to the first of January of a year.
fn days_before(year: u64) -> u64 {
    let years = year - 1601;
    years * 365 + years / 4 - years / 100 + years / 400
}

fn days_of_months(year: u64) -> [u64; 12] {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

/// `None` for what is beyond its years.
fn from_number(time: u64) -> Option<SYSTEMTIME> {
    if time >> 63 != 0 {
        return None;
    }
    let (days, rest) = (time / DAY, time % DAY / 10_000);
    // Rather a year too late, and then back.
    let mut year = 1601 + days / 365;
    while days_before(year) > days {
        year -= 1;
    }
    let mut day = days - days_before(year);
    let mut month = 0;
    for (number, length) in days_of_months(year).into_iter().enumerate() {
        month = number;
        if day < length {
            break;
        }
        day -= length;
    }
    Some(SYSTEMTIME {
        wYear: WORD::try_from(year).ok()?,
        wMonth: month as WORD + 1,
        // The first of January 1601 was a Monday.
        wDayOfWeek: ((days + 1) % 7) as WORD,
        wDay: day as WORD + 1,
        wHour: (rest / 3_600_000) as WORD,
        wMinute: (rest / 60_000 % 60) as WORD,
        wSecond: (rest / 1000 % 60) as WORD,
        wMilliseconds: (rest % 1000) as WORD,
    })
}

/// `None` for what is no time; the day of the week is not looked at.
fn to_number(time: &SYSTEMTIME) -> Option<u64> {
    let (year, month, day) = (u64::from(time.wYear), usize::from(time.wMonth), u64::from(time.wDay));
    let months = if YEARS.contains(&year) { days_of_months(year) } else { return None };
    let length = *months.get(month.checked_sub(1)?)?;
    if day == 0
        || day > length
        || time.wHour > 23
        || time.wMinute > 59
        || time.wSecond > 59
        || time.wMilliseconds > 999
    {
        return None;
    }
    let days = days_before(year) + months[..month - 1].iter().sum::<u64>() + day - 1;
    let seconds = (u64::from(time.wHour) * 60 + u64::from(time.wMinute)) * 60 + u64::from(time.wSecond);
    Some(days * DAY + (seconds * 1000 + u64::from(time.wMilliseconds)) * 10_000)
}

/// How far the clocks on the wall are ahead at that moment, in seconds.
fn ahead(time: u64) -> i64 {
    let (seconds, _) = to_unix(time);
    // SAFETY: an all-zero one is valid, and is written to.
    unsafe {
        let mut local: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const seconds, &raw mut local).is_null() { 0 } else { local.tm_gmtoff }
    }
}

fn to_local(time: u64) -> u64 {
    time.saturating_add_signed(ahead(time) * PER_SECOND)
}

/// `GetSystemTime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetSystemTime(time: *mut SYSTEMTIME) {
    // SAFETY: a place for one, as documented.
    unsafe { time.write(from_number(file_time_now()).unwrap_or_default()) };
}

/// `GetLocalTime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetLocalTime(time: *mut SYSTEMTIME) {
    // SAFETY: a place for one, as documented.
    unsafe { time.write(from_number(to_local(file_time_now())).unwrap_or_default()) };
}

/// # Safety
/// `place` may be written to.
unsafe fn told<T>(value: Option<T>, place: *mut T) -> BOOL {
    match value {
        Some(value) => {
            // SAFETY: by the caller's promise.
            unsafe { place.write(value) };
            TRUE
        }
        None => error::failed(Status::INVALID_PARAMETER),
    }
}

/// `FileTimeToSystemTime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FileTimeToSystemTime(file_time: *const FILETIME, time: *mut SYSTEMTIME) -> BOOL {
    // SAFETY: places for them, as documented; so below.
    unsafe { told(from_number((*file_time).number()), time) }
}

/// `SystemTimeToFileTime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SystemTimeToFileTime(time: *const SYSTEMTIME, file_time: *mut FILETIME) -> BOOL {
    // SAFETY: as above.
    unsafe { told(to_number(&*time).map(FILETIME::new), file_time) }
}

/// `FileTimeToLocalFileTime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FileTimeToLocalFileTime(time: *const FILETIME, local: *mut FILETIME) -> BOOL {
    // SAFETY: as above.
    unsafe { told(Some(FILETIME::new(to_local((*time).number()))), local) }
}

/// `CompareFileTime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CompareFileTime(one: *const FILETIME, other: *const FILETIME) -> LONG {
    // SAFETY: as above.
    unsafe { (*one).number().cmp(&(*other).number()) as LONG }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_where_the_calendar_has_them() {
        let leap_day =
            SYSTEMTIME { wYear: 2024, wMonth: 2, wDayOfWeek: 4, wDay: 29, wHour: 12, ..Default::default() };
        let number = to_number(&leap_day).unwrap();
        assert_eq!(to_unix(number), (1_709_208_000, 0));
        assert_eq!(from_number(number), Some(leap_day));
        let first = from_number(0).unwrap();
        assert_eq!((first.wYear, first.wMonth, first.wDay, first.wDayOfWeek), (1601, 1, 1, 1));
        let last = from_number(DAY * days_before(1602) - 1).unwrap();
        assert_eq!((last.wYear, last.wMonth, last.wDay, last.wMilliseconds), (1601, 12, 31, 999));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let no_leap_day = SYSTEMTIME { wYear: 2023, wMonth: 2, wDay: 29, ..Default::default() };
        assert_eq!(to_number(&no_leap_day), None);
        assert_eq!(to_number(&SYSTEMTIME { wYear: 1600, wMonth: 1, wDay: 1, ..Default::default() }), None);
        assert_eq!(to_number(&SYSTEMTIME::default()), None);
        assert_eq!(from_number(u64::MAX), None);
        assert!(from_number(i64::MAX as u64).is_some());
    }
}
