//! Since when a socket is connected, in four bytes: `SO_CONNECT_TIME` without a clock's reading for each socket.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Ticks in a second: as many as let a count of 32 bits last for eight years.
const TICKS: u32 = 16;

/// What ticks are counted from: when it was first asked for.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment in ticks, from 1; 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Since(u32);

impl Since {
    pub(super) const NEVER: Since = Since(0);

    pub(super) fn now() -> Since {
        Since(u32::try_from(1 + ticks()).unwrap_or(u32::MAX))
    }

    /// Now, if `connected`.
    pub(super) fn now_if(connected: bool) -> Since {
        if connected { Since::now() } else { Since::NEVER }
    }

    /// How long ago that was, never more than it was; `None` if it never was.
    pub(super) fn elapsed(self) -> Option<Duration> {
        let then = u64::from(self.0.checked_sub(1)?);
        Some(Duration::from_secs(1) * u32::try_from(ticks().saturating_sub(then)).unwrap_or(u32::MAX) / TICKS)
    }
}

fn ticks() -> u64 {
    let elapsed = BEGIN.elapsed();
    elapsed.as_secs() * u64::from(TICKS) + u64::from(elapsed.subsec_nanos() / (1_000_000_000 / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_no_time_and_now_is_none_yet() {
        assert_eq!(Since::NEVER.elapsed(), None);
        assert_eq!(Since::now_if(false), Since::NEVER);
        let (begin, since) = (Instant::now(), Since::now());
        let elapsed = since.elapsed().unwrap();
        assert!(elapsed <= begin.elapsed() + Duration::from_secs(1) / TICKS, "{elapsed:?}");
    }

    #[test]
    fn ticks_are_sixteenths_of_a_second() {
        let now = ticks();
        let long_ago = Since(1);
        let elapsed = long_ago.elapsed().unwrap();
        assert!(elapsed >= Duration::from_millis(now * 1000 / 16));
    }
}
