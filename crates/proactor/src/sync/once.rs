//! One-time initialisation, by one thread while the others wait, or by several of which the first to finish wins.
//!
//! The word is Windows': its two low bits are the state, and once it is done the rest is what the initialisation
//! left (S253). While one thread initialises, the rest is whether others sleep, and that thread's number.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::*};

use super::lot::{self, Key, Kind, Sleep};
use super::record::{Owner, Resource};
use super::thread::ThreadNo;
use crate::status::Status;

const STATE: u64 = 3;
const NEW: u64 = 0;
/// One thread initialises.
const ALONE: u64 = 1;
const DONE: u64 = 2;
/// Anyone may initialise.
const TOGETHER: u64 = 3;
/// With `ALONE`: somebody sleeps until that is over. Set under the bucket's lock.
const SLEEPERS: u64 = 4;
const OWNER_SHIFT: u32 = 32;

/// Something that is to be done once, and what it left: `INIT_ONCE`.
///
/// One word, zero at first. What is left, the *context*, is a number whose two low bits are clear, such as the
/// address of something aligned; in Rust `std::sync::OnceLock` keeps values. What this adds: a worker of a port that
/// waits lets another in, the wait is seen in wait chains with the thread that initialises, and initialisations
/// that may run side by side.
///
/// ```
/// use proactor::{Status, sync::Once};
///
/// static TABLE: Once = Once::new();
///
/// let built: Result<usize, Status> = TABLE.execute(|| Ok(0x40));
/// let again = TABLE.execute(|| Err(Status::UNSUCCESSFUL));
/// assert_eq!((built, again), (Ok(0x40), Ok(0x40)));
/// ```
#[repr(transparent)]
pub struct Once {
    word: AtomicU64,
}

/// What [`Once::begin`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is for the caller to initialise, and then to say so.
    Pending,
    /// It is done; this is the context.
    Done(usize),
}

impl Once {
    /// One that has not been done.
    pub const fn new() -> Once {
        Once { word: AtomicU64::new(NEW) }
    }

    /// Runs `initialise` unless it is done already, and returns the context. Blocks while another thread runs its
    /// own, and tries again if that fails (S252). If `initialise` fails or panics, it was not done. It must not
    /// come back to this `Once`: it would wait for itself. It is `InitOnceExecuteOnce`.
    ///
    /// # Errors
    /// What `initialise` returned; [`INVALID_PARAMETER`](Status::INVALID_PARAMETER) if the context has one of the two
    /// low bits set, which leaves it not done, or if it was begun with
    /// [`begin_together`](Once::begin_together) (S255).
    pub fn execute<E: From<Status>>(
        &self,
        initialise: impl FnOnce() -> Result<usize, E>,
    ) -> Result<usize, E> {
        match self.begin()? {
            Begun::Done(context) => Ok(context),
            Begun::Pending => {
                let unfinished = Unfinished(self);
                let context = initialise()?;
                self.complete(context)?;
                std::mem::forget(unfinished);
                Ok(context)
            }
        }
    }

    /// Finds it done, or makes it this thread's to do, by [`complete`](Once::complete) or [`fail`](Once::fail).
    /// Blocks while another thread does it. It is `InitOnceBeginInitialize`.
    ///
    /// # Errors
    /// [`INVALID_PARAMETER`](Status::INVALID_PARAMETER) if it was begun with
    /// [`begin_together`](Once::begin_together) (S255).
    pub fn begin(&self) -> Result<Begun, Status> {
        let mine = ALONE | u64::from(ThreadNo::current().get()) << OWNER_SHIFT;
        loop {
            let word = self.word.load(Acquire);
            match word & STATE {
                DONE => return Ok(Begun::Done(context(word))),
                TOGETHER => return Err(Status::INVALID_PARAMETER),
                ALONE => {
                    Sleep::new(self.key(), self).sleep(|| self.becomes_sleeper(), || (), || ());
                }
                _ if self.word.compare_exchange(NEW, mine, Acquire, Relaxed).is_ok() => {
                    return Ok(Begun::Pending);
                }
                _ => {}
            }
        }
    }

    /// Finds it done, or allows this thread to do it beside others that do; the first
    /// [`complete_together`](Once::complete_together) counts. Never blocks. It is `InitOnceBeginInitialize` with
    /// `INIT_ONCE_ASYNC`.
    ///
    /// # Errors
    /// [`INVALID_PARAMETER`](Status::INVALID_PARAMETER) while it is being done after [`begin`](Once::begin) (S255).
    pub fn begin_together(&self) -> Result<Begun, Status> {
        let found = self.word.compare_exchange(NEW, TOGETHER, AcqRel, Acquire).unwrap_or_else(|found| found);
        match found & STATE {
            DONE => Ok(Begun::Done(context(found))),
            ALONE => Err(Status::INVALID_PARAMETER),
            _ => Ok(Begun::Pending),
        }
    }

    /// The context, if it is done. Never blocks. It is `InitOnceBeginInitialize` with `INIT_ONCE_CHECK_ONLY`.
    ///
    /// # Errors
    /// [`UNSUCCESSFUL`](Status::UNSUCCESSFUL) if it is not (S254).
    pub fn check(&self) -> Result<usize, Status> {
        let word = self.word.load(Acquire);
        if word & STATE == DONE { Ok(context(word)) } else { Err(Status::UNSUCCESSFUL) }
    }

    /// Says that what [`begin`](Once::begin) asked for is done, and lets those that wait for it go on. It is
    /// `InitOnceComplete`.
    ///
    /// # Errors
    /// [`INVALID_PARAMETER`](Status::INVALID_PARAMETER) if `context` has one of its two low bits set (S253), or if it
    /// is being done together; [`UNSUCCESSFUL`](Status::UNSUCCESSFUL) if it was not begun, or is done.
    pub fn complete(&self, context: usize) -> Result<(), Status> {
        self.end(done(context)?)
    }

    /// Says that it could not be done: the next that begins may try. It is `InitOnceComplete` with
    /// `INIT_ONCE_INIT_FAILED`.
    ///
    /// # Errors
    /// Those of [`complete`](Once::complete).
    pub fn fail(&self) -> Result<(), Status> {
        self.end(NEW)
    }

    /// Says that it is done, if nobody was faster. It is `InitOnceComplete` with `INIT_ONCE_ASYNC`.
    ///
    /// # Errors
    /// [`UNSUCCESSFUL`](Status::UNSUCCESSFUL) if another was faster, whose context [`check`](Once::check) gives, or
    /// if it was not begun; [`INVALID_PARAMETER`](Status::INVALID_PARAMETER) if one thread does it alone, or if
    /// `context` has one of its two low bits set.
    pub fn complete_together(&self, context: usize) -> Result<(), Status> {
        match self.word.compare_exchange(TOGETHER, done(context)?, Release, Relaxed) {
            Ok(_) => Ok(()),
            Err(found) if found & STATE == ALONE => Err(Status::INVALID_PARAMETER),
            Err(_) => Err(Status::UNSUCCESSFUL),
        }
    }

    fn end(&self, result: u64) -> Result<(), Status> {
        let mut word = self.word.load(Relaxed);
        loop {
            match word & STATE {
                ALONE => {}
                TOGETHER => return Err(Status::INVALID_PARAMETER),
                _ => return Err(Status::UNSUCCESSFUL),
            }
            match self.word.compare_exchange_weak(word, result, Release, Relaxed) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        if word & SLEEPERS != 0 {
            lot::wake_all(self.key(), |_| ());
        }
        Ok(())
    }

    fn becomes_sleeper(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & STATE == ALONE {
            match self.word.compare_exchange_weak(word, word | SLEEPERS, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// The word itself.
    pub fn raw_value(&self) -> u64 {
        self.word.load(Relaxed)
    }

    fn key(&self) -> Key {
        Key::of(&self.word, Kind::Queue)
    }
}

fn context(word: u64) -> usize {
    (word & !STATE) as usize
}

fn done(context: usize) -> Result<u64, Status> {
    let context = context as u64;
    if context & STATE == 0 { Ok(context | DONE) } else { Err(Status::INVALID_PARAMETER) }
}

/// An initialisation that ends without its word, by a failure or a panic, has failed.
struct Unfinished<'a>(&'a Once);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // Refused only if the initialisation itself has ended it.
        let _ = self.0.fail();
    }
}

impl Default for Once {
    fn default() -> Self {
        Once::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Once({:#x})", self.raw_value())
    }
}

impl Resource for Once {
    fn kind(&self) -> &'static str {
        "one-time initialisation"
    }

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }

    fn owner(&self) -> Owner {
        let word = self.word.load(Relaxed);
        match (word >> OWNER_SHIFT) as u32 {
            number if word & STATE == ALONE && number != 0 => Owner::Thread(ThreadNo::from_raw(number)),
            _ => Owner::Nobody,
        }
    }
}
