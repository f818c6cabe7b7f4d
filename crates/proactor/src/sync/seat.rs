//! The right to run that a thread may hold: given up before it blocks, by whatever it blocks in.
//!
//! The port grants that right; the locks, waits and sleeps below the port only know that there may be one. So they
//! find it here, where the port has left it with the thread.

use std::cell::RefCell;
use std::rc::Rc;

/// A thread's right to run, at the one who granted it.
pub(crate) trait Seat {
    /// The thread is about to block. True when something was given up that `resumed` takes back.
    fn give_up(&self) -> bool;
    /// The thread runs on.
    fn resumed(&self);
}

thread_local!(static SEAT: RefCell<Option<Rc<dyn Seat>>> = const { RefCell::new(None) });

/// This thread's right to run from now on.
pub(crate) fn set(seat: Option<Rc<dyn Seat>>) {
    // A thread so late in its end that it has no thread-local data left keeps its seat until it is gone.
    let before = SEAT.try_with(|slot| std::mem::replace(&mut *slot.borrow_mut(), seat)).unwrap_or(None);
    // Dropped here, since it may be the last and then lets somebody else run.
    drop(before);
}

/// Runs `f`, which may block, without a seat: if this thread is a worker of a port, another worker is let in
/// for as long as `f` takes. Elsewhere it just runs `f`.
///
/// When `f` returns the thread runs on at once, even if the port is then over its limit; nobody new is let in
/// until it is below again (S056). It costs two atomic operations when no work waits.
///
/// ```
/// let contents = proactor::blocking(|| std::fs::read("/proc/self/comm"));
/// # assert!(contents.is_ok());
/// ```
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    let _given_up = GivenUp::new();
    f()
}

/// Gives the seat up until what this returns is dropped, on the same thread.
pub(crate) fn give_up() -> GivenUp {
    GivenUp::new()
}

/// The time between giving up and running on, also when that is by a panic.
pub(crate) struct GivenUp(Option<Rc<dyn Seat>>);

impl GivenUp {
    fn new() -> GivenUp {
        let seat = SEAT.try_with(|slot| slot.borrow().clone()).unwrap_or(None);
        GivenUp(seat.filter(|seat| seat.give_up()))
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(seat) = self.0.take() {
            seat.resumed();
        }
    }
}
