//! Sleeping on several words at once: those of objects that other processes signal, and one of this thread's own.
//!
//! `futex_waitv` does that since Linux 5.16. Where it is missing, or forbidden, the words are looked at every
//! millisecond.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::futex::{self, ClockId, Wait, WaitFlags, WaitPtr, WaitvFlags};
use rustix::time::{Timespec, clock_gettime};

use crate::sync::park::timespec;

/// A word, and what it was when there was nothing to take.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) word: &'a AtomicU32,
    pub(super) value: u32,
    /// Whether only this process has it.
    pub(super) own: bool,
}

/// As many as a wait may have, and the thread's own.
const MOST: usize = 65;
/// How long a change may go unseen where the kernel has no `futex_waitv`.
const NAP: Duration = Duration::from_millis(1);

static MISSING: AtomicBool = AtomicBool::new(false);

/// Sleeps until one of the words is no longer what it was, or somebody wakes it; false when `at_most` has passed
/// instead.
pub(super) fn sleep(words: &[Seen<'_>], at_most: Duration) -> bool {
    let result = match words {
        [one] => {
            let flags = if one.own { futex::Flags::PRIVATE } else { futex::Flags::empty() };
            futex::wait(one.word, flags, one.value, Some(&timespec(at_most)))
        }
        _ if MISSING.load(Relaxed) => return naps(words, at_most),
        _ => match several(words, at_most) {
            // Sandboxes that do not know the call refuse it with either.
            Err(Errno::NOSYS | Errno::PERM) => {
                MISSING.store(true, Relaxed);
                return naps(words, at_most);
            }
            result => result,
        },
    };
    result != Err(Errno::TIMEDOUT)
}

fn several(words: &[Seen<'_>], at_most: Duration) -> rustix::io::Result<()> {
    assert!(words.len() <= MOST, "a wait has at most 64 objects");
    let mut waits = [Wait::new(); MOST];
    for (wait, seen) in waits.iter_mut().zip(words) {
        wait.uaddr = WaitPtr::new(seen.word.as_ptr().cast());
        wait.val = seen.value.into();
        wait.flags = if seen.own { WaitFlags::SIZE_U32 | WaitFlags::PRIVATE } else { WaitFlags::SIZE_U32 };
    }
    let until = later(clock_gettime(rustix::time::ClockId::Monotonic), at_most);
    let waits = &waits[..words.len()];
    futex::waitv(waits, WaitvFlags::empty(), Some(&until), ClockId::Monotonic).map(drop)
}

fn later(now: Timespec, by: Duration) -> Timespec {
    const SECOND: i64 = 1_000_000_000;
    let by = timespec(by);
    let nanos = now.tv_nsec + by.tv_nsec;
    Timespec { tv_sec: now.tv_sec.saturating_add(by.tv_sec) + nanos / SECOND, tv_nsec: nanos % SECOND }
}

fn naps(words: &[Seen<'_>], at_most: Duration) -> bool {
    let Some(first) = words.first() else { return true };
    let deadline = Instant::now() + at_most;
    loop {
        if words.iter().any(|seen| seen.word.load(Acquire) != seen.value) {
            return true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        if sleep(&[*first], NAP.min(left)) {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn wakes_for_each(sleep: fn(&[Seen<'_>], Duration) -> bool) {
        for changed in 0..3 {
            let words = [const { AtomicU32::new(7) }; 3];
            let seen: Vec<_> = words.iter().map(|word| Seen { word, value: 7, own: changed == 1 }).collect();
            assert!(!sleep(&seen, Duration::from_millis(2)));
            std::thread::scope(|scope| {
                let sleeper = scope.spawn(|| sleep(&seen, LONG));
                words[changed].store(8, Release);
                let flags = if changed == 1 { futex::Flags::PRIVATE } else { futex::Flags::empty() };
                let _ = futex::wake(&words[changed], flags, 1);
                assert!(sleeper.join().unwrap(), "it slept to the end");
            });
        }
    }

    #[test]
    fn a_change_of_any_word_ends_the_sleep() {
        wakes_for_each(sleep);
    }

    #[test]
    fn without_the_call_too() {
        wakes_for_each(naps);
    }

    #[test]
    fn the_kernels_own_bounds_are_kept() {
        let words = [const { AtomicU32::new(0) }; MOST];
        let seen: Vec<_> = words.iter().map(|word| Seen { word, value: 0, own: false }).collect();
        assert!(!sleep(&seen, Duration::from_millis(1)));
        let late = later(Timespec { tv_sec: 1, tv_nsec: 999_999_999 }, Duration::from_nanos(2));
        assert_eq!((late.tv_sec, late.tv_nsec), (2, 1));
    }
}
