//! Waiting for a value in memory to change: `WaitOnAddress`.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::lot::{self, Key, Kind, Sleep, Slept};
use super::record::{Owner, Resource};
use crate::status::Status;

/// A value of 1, 2, 4 or 8 bytes that threads can wait on (S257).
pub trait Word: sealed::Word {
    /// What it holds.
    type Value: Copy + PartialEq;
}

mod sealed {
    pub trait Word: Sync {
        fn differs(&self, from: <Self as super::Word>::Value) -> bool
        where
            Self: super::Word;
    }
}

macro_rules! words {
    ($($atomic:ty: $value:ty),+) => {$(
        impl Word for $atomic {
            type Value = $value;
        }
        impl sealed::Word for $atomic {
            fn differs(&self, from: $value) -> bool {
                self.load(SeqCst) != from
            }
        }
    )+};
}

words!(AtomicU8: u8, AtomicU16: u16, AtomicU32: u32, AtomicU64: u64);

/// Blocks while `word` is `undesired` and nobody wakes this thread by the word's address. If it is something else
/// already, returns at once (S258).
///
/// It may return without a reason: look again (S260). Whoever changes the word wakes the waiters with
/// [`wake_one`] or [`wake_all`]. Waiters are woken in the order in which they came. It is `WaitOnAddress`.
///
/// # Errors
/// [`TIMEOUT`](Status::TIMEOUT), if there is a timeout and it has passed.
///
/// ```
/// use std::sync::atomic::{AtomicU8, Ordering};
/// use proactor::sync::{wait_on_address, wake_one};
///
/// static DOOR: AtomicU8 = AtomicU8::new(0);
///
/// let other = std::thread::spawn(|| {
///     DOOR.store(1, Ordering::Release);
///     wake_one(&DOOR);
/// });
/// while DOOR.load(Ordering::Acquire) == 0 {
///     wait_on_address(&DOOR, 0, None).unwrap();
/// }
/// # other.join().unwrap();
/// ```
pub fn wait_on_address<W: Word>(
    word: &W,
    undesired: W::Value,
    timeout: Option<Duration>,
) -> Result<(), Status> {
    if word.differs(undesired) {
        return Ok(());
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let key = key(std::ptr::from_ref(word));
    let sleep = Sleep { deadline, ..Sleep::new(key, &key) };
    match sleep.sleep(|| !word.differs(undesired), || (), || ()) {
        Slept::TimedOut => Err(Status::TIMEOUT),
        Slept::Woken | Slept::Not => Ok(()),
    }
}

/// Wakes the thread that has waited longest on this address; true if there was one. The address is never read,
/// and may be of memory that is gone, or null (S259). It is `WakeByAddressSingle`.
pub fn wake_one<T>(address: *const T) -> bool {
    lot::wake_one(key(address), |_, _| ()) > 0
}

/// Wakes all threads that wait on this address; returns how many. The address is never read, and may be of memory
/// that is gone, or null (S259). It is `WakeByAddressAll`.
pub fn wake_all<T>(address: *const T) -> usize {
    lot::wake_all(key(address), |_| ())
}

fn key<T>(address: *const T) -> Key {
    Key { address: address.addr(), kind: Kind::Address }
}

impl Resource for Key {
    fn kind(&self) -> &'static str {
        "address"
    }

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> u64 {
        self.address as u64
    }

    fn owner(&self) -> Owner {
        Owner::Nobody
    }
}
