//! The line of figures a server prints each second, and the summary at its end; what they count is the server's.

use std::fmt;
use std::time::Duration;

use proactor::diagnose::PortSnapshot;

use crate::say;

/// What a server counts, at one moment. What only grows is shown by how much it grew.
pub trait Figures: Copy {
    /// What there is now, and how much a second since `before`.
    fn rates(&self, before: &Self, time: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// What there should be none of: shown where there is some.
    fn troubles(&self) -> Vec<(&'static str, u64)>;

    /// All of it, as the rest of the sentence that says how long was served.
    fn total(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// The line of one second.
pub struct Line<'a, C> {
    /// Since the server began.
    pub served: Duration,
    pub now: C,
    pub before: C,
    /// From `before` to `now`.
    pub time: Duration,
    pub port: &'a PortSnapshot,
    pub accept_pauses: u64,
}

impl<C: Figures> fmt::Display for Line<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        write!(f, "{:>4} s ", self.served.as_secs())?;
        self.now.rates(&self.before, self.time, f)?;
        write!(
            f,
            "  running {} blocked {} parked {}  queue {}",
            port.running,
            port.blocked,
            port.parked,
            say::count(port.queued as u64),
        )?;
        // What is not there is not shown: these are what to look for.
        if self.accept_pauses > 0 {
            write!(f, "  accept pauses {} (raise `ulimit -n`)", say::count(self.accept_pauses))?;
        }
        for (name, count) in self.now.troubles() {
            if count > 0 {
                write!(f, "  {name} {}", say::count(count))?;
            }
        }
        Ok(())
    }
}

/// What is said at the end.
pub struct Summary<C> {
    pub served: Duration,
    pub counts: C,
    pub accept_pauses: u64,
}

impl<C: Figures> fmt::Display for Summary<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "served {}: ", say::duration(self.served))?;
        self.counts.total(f)?;
        if self.accept_pauses > 0 {
            write!(f, ", {}", say::counted(self.accept_pauses, "accept pause"))?;
        }
        Ok(())
    }
}

pub fn per_second(count: u64, time: Duration) -> u64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { (count as f64 / seconds).round() as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_by_the_time_that_passed() {
        assert_eq!(per_second(1500, Duration::from_millis(1500)), 1000);
        assert_eq!(per_second(1500, Duration::ZERO), 0);
    }
}
