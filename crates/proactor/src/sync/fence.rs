//! The full fence of a hand-over that takes no lock, where it comes right after a read-modify-write.

use std::sync::atomic::{Ordering, compiler_fence};

/// `std::sync::atomic::fence(SeqCst)` for a thread whose last access to shared memory was an atomic
/// read-modify-write.
///
/// On x86-64 that access was a locked instruction, which no later load or store passes (Intel SDM 3A, 9.2.2;
/// AMD APM 2, 7.4.2), so only the compiler must be kept from moving anything; elsewhere it is the real fence. An
/// `mfence` more would cost a post a third of its time.
#[inline]
pub(crate) fn fence(order: Ordering) {
    debug_assert_eq!(order, Ordering::SeqCst);
    if cfg!(all(target_arch = "x86_64", not(miri))) {
        compiler_fence(Ordering::SeqCst);
    } else {
        std::sync::atomic::fence(order);
    }
}
