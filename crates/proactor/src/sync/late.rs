//! What a thread has until its very end: dropped after everything that is `thread_local!`.
//!
//! What is told of a thread's end must come after all that its own data still does while it goes: one of those may
//! hold a mutex, or take one. The system's thread-specific keys are destroyed after the thread-local data of Rust, so
//! such a value hangs on a key of its own, and is found by a pointer that needs no destruction.
//!
//! The first thread of a process ends with the process, and then nothing of this is dropped.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::OnceLock;
use std::thread::LocalKey;

/// Where a thread keeps its pointer to a value; declared beside the value's [`Late`].
pub(crate) type Slot<T> = Cell<*const Held<T>>;

/// A value of each thread, made when it is first asked for.
pub(crate) struct Late<T: 'static> {
    slot: &'static LocalKey<Slot<T>>,
    key: OnceLock<Option<libc::pthread_key_t>>,
    /// Goes after those that are not last.
    last: bool,
}

pub(crate) struct Held<T: 'static> {
    value: T,
    home: &'static Late<T>,
    /// It has been passed over once, for those that are not last.
    passed: Cell<bool>,
}

thread_local! {
    /// The thread has no thread-local data left: nothing is made any more.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// In a slot: it has been dropped.
fn gone<T>() -> *const Held<T> {
    ptr::without_provenance(1)
}

impl<T: 'static> Late<T> {
    pub(crate) const fn new(slot: &'static LocalKey<Slot<T>>, last: bool) -> Late<T> {
        Late { slot, key: OnceLock::new(), last }
    }

    /// Does something with this thread's value, which `make` makes if there is none yet; with `None` when the thread
    /// is past having one, or the system has no key for it.
    #[inline]
    pub(crate) fn with<R>(&'static self, make: impl FnOnce() -> T, f: impl FnOnce(Option<&T>) -> R) -> R {
        let held = self.slot.get();
        let held = if held.is_null() { self.make(make) } else { held };
        if held == gone() {
            return f(None);
        }
        // SAFETY: it comes from `make` in this thread and is freed by `end` in this thread, after which the slot says
        // so; `end` runs when nothing else of the thread is on its stack.
        f(Some(unsafe { &(*held).value }))
    }

    /// Does something with this thread's value if it has one.
    #[inline]
    pub(crate) fn peek<R>(&'static self, f: impl FnOnce(Option<&T>) -> R) -> R {
        let held = self.slot.get();
        if held.is_null() || held == gone() {
            return f(None);
        }
        // SAFETY: as in `with`.
        f(Some(unsafe { &(*held).value }))
    }

    #[cold]
    fn make(&'static self, make: impl FnOnce() -> T) -> *const Held<T> {
        let Some(key) = *self.key.get_or_init(new_key::<T>) else { return gone() };
        if ENDS.get() {
            return gone();
        }
        let held = Box::into_raw(Box::new(Held { value: make(), home: self, passed: Cell::new(false) }));
        // SAFETY: the key is one of ours and is never deleted.
        let set = unsafe { libc::pthread_setspecific(key, held.cast::<c_void>()) };
        if set != 0 {
            // SAFETY: it was made just above and nobody has seen it.
            drop(unsafe { Box::from_raw(held) });
            return gone();
        }
        self.slot.set(held);
        held
    }
}

fn new_key<T: 'static>() -> Option<libc::pthread_key_t> {
    let mut key = 0;
    // SAFETY: `end` takes what `make` hangs on the key.
    let made = unsafe { libc::pthread_key_create(&raw mut key, Some(end::<T>)) };
    (made == 0).then_some(key)
}

/// The thread ends, and this is what hung on the key.
extern "C" fn end<T: 'static>(held: *mut c_void) {
    ENDS.set(true);
    let held = held.cast::<Held<T>>();
    // SAFETY: it comes from `make` of this type and has not been freed: the key has forgotten it.
    let (home, passed) = unsafe { ((*held).home, (*held).passed.replace(true)) };
    if home.last
        && !passed
        && let Some(Some(key)) = home.key.get()
    {
        // The system goes through the keys again as long as something hangs on one.
        // SAFETY: the key is ours.
        if unsafe { libc::pthread_setspecific(*key, held.cast::<c_void>()) } == 0 {
            return;
        }
    }
    home.slot.set(gone());
    // SAFETY: as above, and nobody finds it any more.
    let held = unsafe { Box::from_raw(held) };
    // A panic would end the process here.
    drop(catch_unwind(AssertUnwindSafe(|| drop(held))));
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    struct Tells(&'static str, Sender<&'static str>);

    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.1.send(self.0);
        }
    }

    thread_local! {
        static LAST_SLOT: Slot<Tells> = const { Cell::new(ptr::null()) };
        static LATE_SLOT: Slot<Tells> = const { Cell::new(ptr::null()) };
        static LOCAL: Cell<Option<Tells>> = const { Cell::new(None) };
    }
    static LAST: Late<Tells> = Late::new(&LAST_SLOT, true);
    static LATE: Late<Tells> = Late::new(&LATE_SLOT, false);

    #[test]
    fn it_goes_after_thread_local_data_and_the_last_of_all() {
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            // The first to be used would be the last to go, were it thread-local data.
            LAST.with(|| Tells("last", tell.clone()), |value| assert!(value.is_some()));
            LOCAL.set(Some(Tells("local", tell.clone())));
            LATE.with(|| Tells("late", tell), |value| assert!(value.is_some()));
            LATE.peek(|value| assert!(value.is_some()));
        });
        thread.join().unwrap();
        assert_eq!(told.iter().collect::<Vec<_>>(), ["local", "late", "last"]);
    }

    #[test]
    fn each_thread_has_its_own_and_it_is_made_once() {
        thread_local!(static SLOT: Slot<u32> = const { Cell::new(ptr::null()) });
        static NUMBER: Late<u32> = Late::new(&SLOT, false);
        let ask = |number| NUMBER.with(|| number, |value| *value.unwrap());
        NUMBER.peek(|value| assert!(value.is_none()));
        assert_eq!((ask(1), ask(2)), (1, 1));
        assert_eq!(std::thread::spawn(move || ask(3)).join().unwrap(), 3);
        assert_eq!(ask(4), 1);
    }
}
