//! Locks that lie in the caller's memory: a pointer of C as a reference to the core's lock.
//!
//! Their processor instructions need them aligned, as compilers do by themselves. One that is not would work here and
//! there and fail elsewhere, so the program is ended with a sentence; on NULL it ends as on Windows, by a fault.

/// The lock in the caller's memory.
///
/// # Safety
/// `pointer` points to memory of at least this size that was initialised as such a lock, or zeroed where that is as
/// good, and that is used as nothing else meanwhile.
#[inline]
pub unsafe fn at<'a, T>(pointer: *const T) -> &'a T {
    check(pointer);
    // SAFETY: aligned and not NULL; the rest by the caller's promise.
    unsafe { &*pointer }
}

/// Comes back if there can be such a lock at the address.
#[inline]
pub fn check<T>(pointer: *const T) {
    if pointer.is_null() || !pointer.is_aligned() {
        fail(pointer.addr(), std::any::type_name::<T>());
    }
}

#[cold]
fn fail(address: usize, what: &str) -> ! {
    eprintln!("proactor: there can be no {what} at {address:#x}: it is NULL or not aligned");
    std::process::abort()
}
