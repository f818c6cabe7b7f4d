//! Looking again for a short while before a sleep. Worth it only where another processor can change what is
//! looked at in the meantime.

use super::spins::several_processors;

/// So many looks together take about as long as a sleep and a wake (some 5 us with `pause` at 20 to 40 ns): a
/// longer look costs more than the sleep it spares.
pub(super) const LOOKS: u32 = 128;

pub(super) struct Spin {
    left: u32,
    pauses: u32,
}

impl Spin {
    pub(super) fn new(looks: u32) -> Spin {
        Spin { left: if several_processors() { looks } else { 0 }, pauses: 1 }
    }

    /// Pauses before the next look; false when it is time to sleep.
    pub(super) fn turn(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left = self.left.saturating_sub(self.pauses);
        for _ in 0..self.pauses {
            std::hint::spin_loop();
        }
        // Looks that come further and further apart leave the line to whoever works on it. With 16 pauses at most that
        // is still seen in the throughput of `benches/locks.rs`; with more than 64 little more is won.
        self.pauses = (self.pauses * 2).min(64);
        true
    }
}
