//! How much one may say: so many lines at once, then so many a second. It fills again with time (a token bucket).
//!
//! Without it one who pastes a film would fill the queues of all others in the room, who would miss each other's lines.

use std::time::{Duration, Instant};

/// Lines at once.
pub const BURST: u32 = 50;
/// Lines a second after that.
pub const A_SECOND: u32 = 10;

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Pace {
    /// It is passed on; so many before it were not.
    Passed(u64),
    /// It is not, the first one.
    Stopped,
    /// Nor is it.
    Still,
}

/// What one may still say.
pub struct Allowance {
    /// Up to when the lines are paid for that were said: at most a burst ahead.
    paid: Instant,
    lost: u64,
}

impl Allowance {
    pub fn new(now: Instant) -> Allowance {
        Allowance { paid: now, lost: 0 }
    }

    pub fn line(&mut self, now: Instant) -> Pace {
        const COST: Duration = Duration::from_micros(1_000_000 / A_SECOND as u64);
        // Who has been told to slow down is heard again when a fifth of a burst is free, not line by line.
        let most = if self.lost > 0 { COST * (BURST - BURST / 5) } else { COST * BURST };
        let paid = self.paid.max(now) + COST;
        if paid - now <= most {
            self.paid = paid;
            return Pace::Passed(std::mem::take(&mut self.lost));
        }
        self.lost += 1;
        if self.lost == 1 { Pace::Stopped } else { Pace::Still }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        assert!((0..BURST).all(|_| allowance.line(start) == Pace::Passed(0)));
        assert_eq!(allowance.line(start), Pace::Stopped);
        assert_eq!(allowance.line(start), Pace::Still);
        // Two seconds later a fifth of the burst and more is free; what was lost is told once.
        let later = start + Duration::from_secs(2);
        assert_eq!(allowance.line(later), Pace::Passed(2));
        assert_eq!(allowance.line(later), Pace::Passed(0));
    }

    #[test]
    fn who_keeps_to_the_pace_is_never_stopped() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        for line in 0..10_000 {
            let now = start + Duration::from_millis(100 * line);
            assert_eq!(allowance.line(now), Pace::Passed(0));
        }
    }

    #[test]
    fn who_never_stops_is_let_through_at_the_pace() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let passed = (0..100_000).filter(|line| {
            let now = start + Duration::from_micros(100 * line);
            matches!(allowance.line(now), Pace::Passed(_))
        });
        // 10 s of it.
        let most = (BURST + 10 * A_SECOND) as usize;
        assert!((most - BURST as usize..=most).contains(&passed.count()));
    }
}
