//! Moves file data that could not be moved at once.
//!
//! A read the page cache can serve never comes here. What does is a request: it owns its memory and its descriptor,
//! belongs to the backend from `submit` to `finish`, and ends exactly once. Two backends know how: a ring kept by one
//! thread, and a few threads doing positioned calls where io_uring may not be had. Requests are independent: nothing
//! is promised about their order, and a flush covers only what was complete when it was submitted.
//!
//! How many may be pending is the caller's limit (its op blocks); the queues here grow with it.
//!
//! A program need not choose: [`Choice::Auto`] takes io_uring where it may be had. It may ask, though.
//!
//! ```
//! use proactor::files::{Choice, probe_io_uring, set_choice};
//!
//! if let Err(why) = probe_io_uring() {
//!     eprintln!("files are served by threads: {why}");
//! }
//! set_choice(Choice::Auto).expect("auto is always possible");
//! ```
#![allow(unsafe_code)]

mod choice;
mod owner;
mod probe;
mod ring;
mod slot;
mod threads;

#[cfg(test)]
mod tests;

use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

pub use choice::{Choice, ParseChoiceError, choice_error, set_choice};
pub(crate) use choice::{backend, serving};
pub use probe::{RingFacts, WhyNot, probe_io_uring};

/// The most pieces of memory one call moves. Windows' scatter lists are of pages, so 64 are 256 KiB a call; a
/// longer list takes several calls.
pub(crate) const MAX_SLICES: usize = 64;

/// What a request asks of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// From the file into memory, at the offset.
    Read,
    /// From memory into the file, at the offset.
    Write,
    /// From memory to wherever the file ends at that moment, whatever the offset (`RWF_APPEND`).
    Append,
    /// Everything written so far, data and metadata, to the device (`fsync`).
    Flush,
}

/// One transfer. The backend owns it from `submit` to `finish`; meanwhile its memory must neither move nor be freed.
pub(crate) trait Request: Send {
    /// The file; open for as long as the request lives.
    fn fd(&self) -> BorrowedFd<'_>;
    fn action(&self) -> Action;
    /// Where the next byte goes: already advanced by what has been moved. Beyond `i64::MAX` is `EINVAL`.
    fn offset(&self) -> u64;
    /// Writes the memory still to be moved, in order, and returns how many entries; at most `out.len()`, which is
    /// [`MAX_SLICES`]. None at all ends a read or a write at once and well.
    fn slices(&mut self, out: &mut [libc::iovec]) -> usize;
    /// `n > 0` bytes were moved. True: more is to be moved.
    fn advance(&mut self, n: usize) -> bool;
    /// The end, exactly once, with no lock of the backend held: it may submit again.
    ///
    /// `Ok(())`: all that could be moved was; the end of the file may have cut a read short. `ECANCELED`: cancelled,
    /// with what was moved before already reported to `advance`.
    fn finish(self: Box<Self>, end: Result<(), Errno>);
}

/// Carries requests out.
///
/// `finish` may be called from inside `submit` (no resources) and, by the threads, from inside `cancel`: call neither
/// with a lock held that `finish` takes.
pub(crate) trait Backend: Send + Sync {
    /// "io_uring" or "threads".
    fn name(&self) -> &'static str;
    /// Takes a request; `id` is unique among those in flight. Neither blocks for long nor fails: when there are no
    /// resources the request ends with `ENOBUFS`.
    fn submit(&self, id: u64, request: Box<dyn Request>);
    /// Asks for a request to end early. False: it has ended already or can no longer be stopped. True is no promise
    /// that it will end in `ECANCELED`, for it may complete first.
    fn cancel(&self, id: u64) -> bool;
    /// How many requests have been submitted and not yet ended.
    fn in_flight(&self) -> usize;
    /// How many times a request panicked. Its panic ends that request and nobody else's.
    fn panics(&self) -> u64;
}

/// What a request wants of its next call.
enum Call {
    /// Move this many slices, starting at this offset.
    Move {
        slices: usize,
        offset: i64,
    },
    Flush,
    /// There is nothing to call for.
    Over(Result<(), Errno>),
}

fn next_call(request: &mut dyn Request, out: &mut [libc::iovec]) -> Call {
    let action = request.action();
    if action == Action::Flush {
        return Call::Flush;
    }
    // A loff_t of -1 means "at the file's own position" to preadv2 and to io_uring; ours have none.
    let offset = match i64::try_from(request.offset()) {
        _ if action == Action::Append => 0,
        Ok(offset) => offset,
        Err(_) => return Call::Over(Err(Errno::INVAL)),
    };
    let slices = request.slices(out);
    assert!(slices <= out.len(), "a request wrote {slices} slices of {}", out.len());
    if slices == 0 { Call::Over(Ok(())) } else { Call::Move { slices, offset } }
}

/// What follows from a call's result.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Call again for what is left.
    Again,
    /// The file would not wait though it was asked to: call again when it is ready.
    WhenReady,
    Over(Result<(), Errno>),
}

/// `moved` remembers whether an earlier call moved anything.
fn after_call(request: &mut dyn Request, moved: &mut bool, result: Result<usize, Errno>) -> Next {
    let action = request.action();
    match result {
        Ok(_) if action == Action::Flush => Next::Over(Ok(())),
        Ok(0) if action == Action::Read => Next::Over(Ok(())),
        // No error and no progress: asking again would go on for ever.
        Ok(0) => Next::Over(Err(Errno::NOSPC)),
        Ok(n) => {
            *moved = true;
            if request.advance(n) { Next::Again } else { Next::Over(Ok(())) }
        }
        // A signal, or a worker of the ring asked to stop: nothing was moved.
        Err(Errno::INTR) => Next::Again,
        Err(Errno::AGAIN) => Next::WhenReady,
        // An unbuffered read that ended inside a sector met the end of the file; asking for the rest from there is
        // misaligned, which is all that this error says.
        Err(Errno::INVAL) if action == Action::Read && *moved && !request.offset().is_multiple_of(SECTOR) => {
            Next::Over(Ok(()))
        }
        Err(error) => Next::Over(Err(error)),
    }
}

/// The smallest unit that unbuffered I/O is aligned to, on any device.
const SECTOR: u64 = 512;

/// Calls into a request. Its code is not ours: a panic there must not take the others' thread with it. `None`: it
/// panicked, and was counted.
fn guarded<T>(panics: &AtomicU64, call: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(call));
    if result.is_err() {
        panics.fetch_add(1, Ordering::Relaxed);
    }
    result.ok()
}

/// Keeps the program's signal handlers off the calling thread, and with them `SIGPIPE` and `SIGXFSZ`, whose errors
/// (`EPIPE`, `EFBIG`) go to the request instead. Faults stay deliverable.
fn shield_from_signals() {
    const FAULTS: [i32; 6] =
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGABRT];
    // SAFETY: a signal set is plain data for which zero is a value, and every call gets a valid pointer to it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut set);
        for fault in FAULTS {
            libc::sigdelset(&mut set, fault);
        }
        // It fails only for an unknown first argument.
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
}
