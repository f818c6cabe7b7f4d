//! Times as Windows counts them: in units of 100 nanoseconds, absolute ones since 1601.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proactor::object::{Due, Wait};

use crate::types::LARGE_INTEGER;

/// Units in a second.
const SECOND: u64 = 10_000_000;
/// From 1601 to 1970.
const EPOCH: i64 = 116_444_736_000_000_000;

fn duration(units: u64) -> Duration {
    Duration::new(units / SECOND, (units % SECOND) as u32 * 100)
}

/// So many units, if they fit.
pub fn units(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos() / 100).unwrap_or(i64::MAX)
}

/// A `FILETIME` of a time that this clock can show.
pub fn from_system(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => units(after).saturating_add(EPOCH),
        Err(before) => EPOCH - units(before.duration()).min(EPOCH),
    }
}

/// The time that a `FILETIME` says.
pub fn to_system(time: i64) -> SystemTime {
    let since = time.saturating_sub(EPOCH);
    let distance = duration(since.unsigned_abs());
    if since < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

/// A due time: below zero so long from now, else that time of the wall clock (S200).
pub fn due(time: LARGE_INTEGER) -> Due {
    if time < 0 { Due::After(duration(time.unsigned_abs())) } else { Due::At(to_system(time)) }
}

/// The timeout of a native wait: none is for ever, below zero is so long, else until that time of the wall clock.
pub fn wait(time: Option<LARGE_INTEGER>, alertable: bool) -> Wait {
    let timeout = time.map(|time| match due(time) {
        Due::After(left) => left,
        Due::At(at) => at.duration_since(SystemTime::now()).unwrap_or_default(),
    });
    Wait { timeout, alertable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_went() {
        assert_eq!(from_system(UNIX_EPOCH), EPOCH);
        assert_eq!((to_system(0), from_system(to_system(0))), (UNIX_EPOCH - duration(EPOCH as u64), 0));
        for time in [1, EPOCH - 1, EPOCH + 12_345_678, i64::MAX] {
            assert_eq!(from_system(to_system(time)), time);
        }
    }

    #[test]
    fn below_zero_is_from_now_on() {
        assert_eq!(due(-15), Due::After(Duration::from_nanos(1500)));
        assert_eq!(due(EPOCH + 10_000_000), Due::At(UNIX_EPOCH + Duration::from_secs(1)));
        assert_eq!(due(i64::MIN), Due::After(duration(1 << 63)));
        assert_eq!(wait(Some(-10_000), true), Wait::at_most(Duration::from_millis(1)).alertably());
        assert_eq!((wait(None, false), wait(Some(0), false)), (Wait::FOREVER, Wait::NOW));
    }
}
