//! A descriptor that becomes readable at a time of the wall clock.
//!
//! The kernel keeps the time as a time of that clock: when the clock is set, it moves the alarm by as much. So
//! nobody here watches for changes of the clock.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::sync::park::timespec;

pub(crate) struct Alarm(OwnedFd);

impl Alarm {
    pub(crate) fn new() -> Result<Alarm, Errno> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        timerfd_create(TimerfdClockId::Realtime, flags).map(Alarm)
    }

    /// Readable from this time on, `None`: never. Replaces what was set, and takes back that it is readable.
    pub(crate) fn set(&self, at: Option<SystemTime>) {
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let time = Itimerspec { it_interval: once, it_value: at.map_or(once, as_timespec) };
        // Refused are only descriptors that are no alarms and times that are none; neither comes from here.
        timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &time).expect("an alarm takes every time");
    }
}

/// Zero would switch the alarm off; whatever lies before the clock's first instant has passed in any case.
fn as_timespec(at: SystemTime) -> Timespec {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    timespec(since.max(Duration::from_nanos(1)))
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    fn rings(alarm: &Alarm, within: Duration) -> bool {
        poll(&mut [PollFd::new(alarm, PollFlags::IN)], Some(&timespec(within))).unwrap() == 1
    }

    #[test]
    fn it_rings_at_its_time_and_at_once_when_that_has_passed() {
        let alarm = Alarm::new().unwrap();
        assert!(!rings(&alarm, Duration::ZERO));
        let at = SystemTime::now() + Duration::from_millis(5);
        alarm.set(Some(at));
        assert!(rings(&alarm, Duration::from_secs(10)));
        assert!(SystemTime::now() >= at);
        for past in [SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH - Duration::from_secs(1)] {
            alarm.set(None);
            assert!(!rings(&alarm, Duration::ZERO));
            alarm.set(Some(past));
            assert!(rings(&alarm, Duration::from_secs(10)));
        }
    }

    #[test]
    fn a_time_beyond_what_the_kernel_counts_is_never() {
        let alarm = Alarm::new().unwrap();
        alarm.set(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(i64::MAX as u64)));
        assert!(!rings(&alarm, Duration::ZERO));
    }
}
