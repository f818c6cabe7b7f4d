//! The lock of a page: a futex lock that outlives whoever holds it.
//!
//! The usual three-state futex lock (Drepper, "Futexes are tricky", 2011), with the holder's name in the word. Whoever
//! has waited a while looks whether that holder is still alive, and takes the lock of a dead one. What a lock protects
//! is changed by one store, so there is nothing to repair then.
//!
//! Nobody waits for ever: a holder that is stopped, or a word that makes no sense, becomes an error.

use std::sync::atomic::{AtomicU64, Ordering::*};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::futex;

use super::holder::{Holder, NOTE};
use super::page::lower_half;
use crate::status::{Result, Status};
use crate::sync::park::timespec;
use crate::sync::seat;

/// Somebody sleeps, or may sleep, until the lock is free.
const WAITERS: u64 = NOTE;
/// A section under the lock is some 100 ns, so a holder that runs is done before this; one that does not is worth
/// a sleep.
const SPINS: u32 = 60;
/// How long a sleeper believes in the holder before it looks. It is also what a sleeper who was killed just after it
/// was woken costs the next one.
const BELIEF: Duration = Duration::from_millis(20);
/// After this a living holder that does not let go is reported.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Takes the lock. True if it was a dead holder's, which may have changed something and told nobody.
///
/// # Errors
/// [`Status::IO_TIMEOUT`]: a living thread has held it for 10 seconds; it is stopped, as by a debugger.
/// [`Status::DATA_ERROR`]: the word says that this thread has it, which is never so.
pub(super) fn acquire(word: &AtomicU64, me: Holder) -> Result<bool> {
    match word.compare_exchange(0, me.word(), Acquire, Relaxed) {
        Ok(_) => Ok(false),
        Err(_) => acquire_slowly(word, me, PATIENCE),
    }
}

#[cold]
fn acquire_slowly(word: &AtomicU64, me: Holder, patience: Duration) -> Result<bool> {
    for _ in 0..SPINS {
        if Holder::of(word.load(Relaxed)).is_none() {
            break;
        }
        std::hint::spin_loop();
    }
    let deadline = Instant::now() + patience;
    // Once it has slept, this thread can't know whether it was the only one.
    let mut note = 0;
    loop {
        let seen = word.load(Relaxed);
        let Some(holder) = Holder::of(seen) else {
            if word.compare_exchange(seen, me.word() | note | seen & WAITERS, Acquire, Relaxed).is_ok() {
                return Ok(false);
            }
            give_up_after(deadline)?;
            continue;
        };
        if holder == me {
            return Err(Status::DATA_ERROR);
        }
        give_up_after(deadline)?;
        let noted = seen | WAITERS;
        if noted != seen && word.compare_exchange(seen, noted, Relaxed, Relaxed).is_err() {
            continue;
        }
        note = WAITERS;
        if sleep(word, noted) == Err(Errno::TIMEDOUT)
            && word.load(Relaxed) == noted
            && !holder.lives()
            && word.compare_exchange(noted, me.word() | WAITERS, Acquire, Relaxed).is_ok()
        {
            return Ok(true);
        }
    }
}

fn give_up_after(deadline: Instant) -> Result<()> {
    if Instant::now() < deadline { Ok(()) } else { Err(Status::IO_TIMEOUT) }
}

fn sleep(word: &AtomicU64, seen: u64) -> rustix::io::Result<()> {
    let (half, seen) = (lower_half(word), seen as u32);
    seat::blocking(|| futex::wait(half, futex::Flags::empty(), seen, Some(&timespec(BELIEF))))
}

/// Gives it back.
pub(super) fn release(word: &AtomicU64) {
    if word.swap(0, Release) & WAITERS != 0 {
        let _ = futex::wake(lower_half(word), futex::Flags::empty(), 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn it_excludes() {
        let (word, inside, total) = (AtomicU64::new(0), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let me = Holder::me().unwrap();
                    for _ in 0..2000 {
                        assert!(!acquire(&word, me).unwrap(), "nobody has died");
                        assert_eq!(inside.fetch_add(1, Relaxed), 0);
                        total.fetch_add(1, Relaxed);
                        inside.fetch_sub(1, Relaxed);
                        release(&word);
                    }
                });
            }
        });
        assert_eq!((total.into_inner(), word.into_inner()), (8000, 0));
    }

    #[test]
    fn a_dead_holders_lock_is_taken() {
        let word = AtomicU64::new(0);
        let holder = std::thread::scope(|scope| {
            scope
                .spawn(|| acquire(&word, Holder::me().unwrap()).map(|_| Holder::me().unwrap()))
                .join()
                .unwrap()
        });
        assert!(holder.is_ok());
        let me = Holder::me().unwrap();
        assert!(acquire(&word, me).unwrap());
        release(&word);
        assert_eq!(word.into_inner(), 0);
    }

    #[test]
    fn a_living_holder_that_does_not_let_go_is_reported() {
        let word = AtomicU64::new(Holder::me().unwrap().word());
        let waited = std::thread::scope(|scope| {
            let wait = || acquire_slowly(&word, Holder::me().unwrap(), Duration::from_millis(50));
            scope.spawn(wait).join().unwrap()
        });
        assert_eq!(waited, Err(Status::IO_TIMEOUT));
    }

    #[test]
    fn a_word_of_random_bits_is_taken_or_reported() {
        let me = Holder::me().unwrap();
        assert_eq!(acquire(&AtomicU64::new(me.word()), me), Err(Status::DATA_ERROR));
        for word in [u64::MAX, 1 << 63, NOTE, 0x1234_5678_0000_0001, u64::from(u32::MAX)] {
            let word = AtomicU64::new(word);
            assert!(acquire(&word, me).is_ok());
            release(&word);
            assert_eq!(word.into_inner(), 0);
        }
    }
}
