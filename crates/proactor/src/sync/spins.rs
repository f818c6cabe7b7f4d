//! Looking a little longer before sleeping, where that has been worth it.
//!
//! A wake costs the waker several microseconds and the one who sleeps more, so a wait that ends within one is better
//! spent looking. Whether it will is guessed from how it went before: some credit for each time it did.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// Looks, each with a pause of the processor: about a microsecond.
const SPINS: u32 = 100;
/// Then the processor is offered a few times to whoever is ready, who may be the one that is waited for.
const YIELDS: u32 = 8;
/// Spins without success after one with.
const CREDIT: u8 = 8;
/// Without credit one of so many waits tries anyhow.
const AGAIN: u32 = 64;

/// What looking has been worth to one thread, in each of the two ways. Only that thread uses it.
///
/// They are told apart because each is a waste where the other helps: while one processor is shared, what is waited for
/// comes only after it has been given up.
#[derive(Default)]
pub(crate) struct Spins {
    spin_credit: AtomicU8,
    yield_credit: AtomicU8,
    waits: AtomicU32,
}

impl Spins {
    /// Looks for a while, if that is promising; true once it has come about.
    #[inline]
    pub(crate) fn until(&self, come: impl Fn() -> bool) -> bool {
        let waits = self.waits.load(Relaxed).wrapping_add(1);
        self.waits.store(waits, Relaxed);
        let tries = waits % AGAIN == 1;
        several_processors()
            && (worth(&self.spin_credit, tries, || look(SPINS, std::hint::spin_loop, &come))
                || worth(&self.yield_credit, tries, || look(YIELDS, std::thread::yield_now, &come)))
    }
}

impl Spins {
    /// Whether `spinning_until` is worth a try in the wait that begins.
    pub(crate) fn promises(&self) -> bool {
        let waits = self.waits.load(Relaxed).wrapping_add(1);
        self.waits.store(waits, Relaxed);
        several_processors() && (waits % AGAIN == 1 || self.spin_credit.load(Relaxed) != 0)
    }

    /// Looks for a while without offering the processor: that is for those who wait for another thread of this
    /// process. One of another process seldom is who gets it, and on a busy machine whoever does keeps it for
    /// milliseconds.
    pub(crate) fn spinning_until(&self, come: impl Fn() -> bool) -> bool {
        worth(&self.spin_credit, true, || look(SPINS, std::hint::spin_loop, &come))
    }
}

/// Looks in one way, if it has credit or is tried without.
fn worth(credit: &AtomicU8, tries: bool, look: impl FnOnce() -> bool) -> bool {
    let left = credit.load(Relaxed);
    if left == 0 && !tries {
        return false;
    }
    let seen = look();
    credit.store(if seen { CREDIT } else { left.saturating_sub(1) }, Relaxed);
    seen
}

fn look(times: u32, between: impl Fn(), come: &impl Fn() -> bool) -> bool {
    for _ in 0..times {
        if come() {
            return true;
        }
        between();
    }
    come()
}

/// Spinning is only worth it while another processor can bring what is waited for.
pub(crate) fn several_processors() -> bool {
    static SEVERAL: OnceLock<bool> = OnceLock::new();
    *SEVERAL.get_or_init(|| std::thread::available_parallelism().is_ok_and(|count| count.get() > 1))
}
