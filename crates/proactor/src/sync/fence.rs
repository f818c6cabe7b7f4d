//! The full fence of a hand-over that takes no lock, at the price of the cheapest instruction that is one.

use std::sync::atomic::{AtomicU8, Ordering, compiler_fence};

/// `std::sync::atomic::fence`, for `SeqCst`.
///
/// On x86-64 the compiler makes that an `mfence`, which also waits for what has nothing to do with memory order;
/// a locked instruction on the thread's own stack orders loads and stores just as fully for a fraction of the
/// price (Intel SDM 3A, 9.2.2; AMD APM 2, 7.4.2).
#[inline]
pub(crate) fn fence(order: Ordering) {
    debug_assert_eq!(order, Ordering::SeqCst);
    if cfg!(all(target_arch = "x86_64", not(miri))) {
        let own = AtomicU8::new(0);
        std::hint::black_box(&own).swap(1, Ordering::SeqCst);
        compiler_fence(Ordering::SeqCst);
    } else {
        std::sync::atomic::fence(order);
    }
}
