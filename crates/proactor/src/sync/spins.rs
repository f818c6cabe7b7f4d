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

/// What spinning has been worth to one thread. Only that thread uses it.
#[derive(Default)]
pub(crate) struct Spins {
    credit: AtomicU8,
    waits: AtomicU32,
}

impl Spins {
    /// Looks for a while, if that is promising; true once it has come about.
    pub(crate) fn until(&self, come: impl Fn() -> bool) -> bool {
        let credit = self.credit.load(Relaxed);
        let waits = self.waits.load(Relaxed).wrapping_add(1);
        self.waits.store(waits, Relaxed);
        if !several_processors() || (credit == 0 && waits % AGAIN != 1) {
            return false;
        }
        let seen = look(&come);
        self.credit.store(if seen { CREDIT } else { credit.saturating_sub(1) }, Relaxed);
        seen
    }
}

fn look(come: &impl Fn() -> bool) -> bool {
    for _ in 0..SPINS {
        if come() {
            return true;
        }
        std::hint::spin_loop();
    }
    for _ in 0..YIELDS {
        std::thread::yield_now();
        if come() {
            return true;
        }
    }
    false
}

/// Spinning is only worth it while another processor can bring what is waited for.
pub(crate) fn several_processors() -> bool {
    static SEVERAL: OnceLock<bool> = OnceLock::new();
    *SEVERAL.get_or_init(|| std::thread::available_parallelism().is_ok_and(|count| count.get() > 1))
}
