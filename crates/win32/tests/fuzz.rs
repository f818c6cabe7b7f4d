//! Calls at random, of the handle table and of OVERLAPPEDs, held to what has to be true whatever is called.
//!
//! Two seconds each, or `PROACTOR_FUZZ_SECONDS`. Each run prints its seed; `PROACTOR_FUZZ_SEED` gives the same choices
//! again.

#![allow(unsafe_code)]
#![allow(
    clashing_extern_declarations,
    reason = "functions that are called with whatever there is have no signature"
)]

#[path = "fuzz/handles.rs"]
mod handles;
#[path = "fuzz/lifetimes.rs"]
mod lifetimes;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

// What C programs are linked with.
use proactor_win32 as _;

/// `HANDLE` and `SOCKET`.
pub type Handle = usize;

/// One at a time: each counts what is open in the process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Choices by xorshift64*, from a seed that is printed.
pub struct Choices(u64);

impl Choices {
    /// From the seed that is given, or one of the clock.
    pub fn from_environment() -> Self {
        let seed = match std::env::var("PROACTOR_FUZZ_SEED") {
            Ok(seed) => seed.parse().expect("a seed is a number"),
            Err(_) => std::time::UNIX_EPOCH.elapsed().expect("it is later").as_nanos() as u64,
        };
        println!("PROACTOR_FUZZ_SEED={seed}");
        Self(seed | 1)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.any() >> 32) as usize) % end
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// When to stop.
pub fn deadline() -> Instant {
    let seconds = std::env::var("PROACTOR_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    Instant::now() + Duration::from_secs(seconds)
}

/// Descriptors that are open in this process.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux has it").count()
}

/// Whether it holds within ten seconds.
pub fn eventually(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}
