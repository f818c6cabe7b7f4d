//! The interlocked operations, which differ from those of `std` in two things: they are full barriers, and each
//! returns what its namesake on Windows does.
//!
//! A sequentially consistent read-modify-write of `std` orders itself among its like, but on some processors lets
//! relaxed accesses after it go first. Windows promises that nothing passes an interlocked operation.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicU64, Ordering::SeqCst};

use super::fence::fence;

/// Read-modify-write operations that are full barriers: the `Interlocked` functions (S262).
///
/// ```
/// use std::sync::atomic::AtomicI32;
/// use proactor::sync::Interlocked;
///
/// let count = AtomicI32::new(5);
/// assert_eq!(count.increment(), 6, "the new value");
/// assert_eq!(count.exchange_add(10), 6, "the old value");
/// assert_eq!(count.compare_exchange_value(1, 16), 16, "the old value, also when it was changed");
/// ```
pub trait Interlocked: sealed::Sealed {
    /// What is operated on.
    type Value: Copy;

    /// Adds one, wrapping; the new value. It is `InterlockedIncrement`.
    fn increment(&self) -> Self::Value;
    /// Takes one off, wrapping; the new value. It is `InterlockedDecrement`.
    fn decrement(&self) -> Self::Value;
    /// Puts a value in; the old one. It is `InterlockedExchange`.
    fn exchange(&self, value: Self::Value) -> Self::Value;
    /// Adds, wrapping; the old value. It is `InterlockedExchangeAdd`.
    fn exchange_add(&self, value: Self::Value) -> Self::Value;
    /// Puts a value in if it was `comparand`; the old value in either case. It is `InterlockedCompareExchange`, with
    /// its order of arguments.
    fn compare_exchange_value(&self, value: Self::Value, comparand: Self::Value) -> Self::Value;
    /// Keeps the bits that are set in `value`; the old value. It is `InterlockedAnd`.
    fn and(&self, value: Self::Value) -> Self::Value;
    /// Sets the bits that are set in `value`; the old value. It is `InterlockedOr`.
    fn or(&self, value: Self::Value) -> Self::Value;
    /// Turns the bits that are set in `value`; the old value. It is `InterlockedXor`.
    fn xor(&self, value: Self::Value) -> Self::Value;
}

mod sealed {
    pub trait Sealed {}
}

/// Nothing passes `operation`, in either direction.
#[inline]
fn full<R>(operation: impl FnOnce() -> R) -> R {
    if !cfg!(target_arch = "x86_64") {
        std::sync::atomic::fence(SeqCst);
    }
    let result = operation();
    fence(SeqCst);
    result
}

macro_rules! interlocked {
    ($($atomic:ty: $value:ty),+) => {$(
        impl sealed::Sealed for $atomic {}

        impl Interlocked for $atomic {
            type Value = $value;

            #[inline]
            fn increment(&self) -> $value {
                full(|| self.fetch_add(1, SeqCst)).wrapping_add(1)
            }

            #[inline]
            fn decrement(&self) -> $value {
                full(|| self.fetch_sub(1, SeqCst)).wrapping_sub(1)
            }

            #[inline]
            fn exchange(&self, value: $value) -> $value {
                full(|| self.swap(value, SeqCst))
            }

            #[inline]
            fn exchange_add(&self, value: $value) -> $value {
                full(|| self.fetch_add(value, SeqCst))
            }

            #[inline]
            fn compare_exchange_value(&self, value: $value, comparand: $value) -> $value {
                let found = full(|| self.compare_exchange(comparand, value, SeqCst, SeqCst));
                found.unwrap_or_else(|found| found)
            }

            #[inline]
            fn and(&self, value: $value) -> $value {
                full(|| self.fetch_and(value, SeqCst))
            }

            #[inline]
            fn or(&self, value: $value) -> $value {
                full(|| self.fetch_or(value, SeqCst))
            }

            #[inline]
            fn xor(&self, value: $value) -> $value {
                full(|| self.fetch_xor(value, SeqCst))
            }
        }
    )+};
}

interlocked!(AtomicI32: i32, AtomicI64: i64, AtomicU32: u32, AtomicU64: u64);
