//! Mutex objects: owned by one thread, which may end without giving them back.

use std::fmt;
use std::sync::Arc;

use super::body::Local;
use super::state::{Refusal, State};
use super::wait::{Sealed, Signal, Target, Waitable};
use crate::status::Status;
use crate::sync::record;
use crate::sync::thread::ThreadNo;

/// A mutex object (`CreateMutex`): signalled while nobody owns it. A satisfied wait makes its thread the owner, which
/// may take it again and gives it back as often (S184). When its owner ends without, the next one is told that it
/// was [abandoned](super::Waited::abandoned) (S187). Clones are the same mutex, and dropping one releases nothing
/// (S190).
///
/// For data that only threads of one process share, [`std::sync::Mutex`] is the better choice; this one can be
/// waited for together with other objects, and its owner is known when threads wait in a circle.
///
/// ```
/// use proactor::object::{Mutex, Wait, wait_one};
///
/// let mutex = Mutex::new(false);
/// let waited = wait_one(&mutex, Wait::FOREVER)?;
/// assert!(!waited.abandoned);
/// mutex.release()?;
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct Mutex {
    body: Arc<Local>,
}

impl Mutex {
    /// A free one, or one that this thread owns.
    pub fn new(owned: bool) -> Mutex {
        let me = ThreadNo::current();
        let (owner, depth) = if owned { (me.get(), 1) } else { (0, 0) };
        let body = Local::new("mutex", State::Mutex { owner, depth, abandoned: false });
        if owned {
            owned_by_me(&body);
        }
        Mutex { body }
    }

    /// Gives it back once (`ReleaseMutex`); when that was the last of the owner's holds one waiter gets it. Returns
    /// how often it was held.
    ///
    /// Fails with `MUTANT_NOT_OWNED` when this thread does not own it (S186).
    pub fn release(&self) -> Result<u32, Status> {
        let me = ThreadNo::current();
        // Off the record before somebody else may have it; a refusal is known before anything is changed.
        let depth = self.body.header.look(|state| match *state {
            State::Mutex { owner, depth, .. } if owner == me.get() => depth,
            _ => 0,
        });
        if depth == 1
            && let Some(record) = record::current()
        {
            record.give_back(&self.body.weak());
        }
        self.body.header.signal(|state| state.unlock(me.get())).map_err(|refusal| {
            debug_assert_eq!(refusal, Refusal::NotOwner);
            Status::MUTANT_NOT_OWNED
        })
    }

    /// Whether this thread owns it.
    pub fn is_mine(&self) -> bool {
        self.body.header.look(State::owner) == Some(ThreadNo::current().get())
    }
}

/// This thread owns the object now: it is abandoned should the thread end.
pub(super) fn owned_by_me(body: &Arc<Local>) {
    if let Some(record) = record::current() {
        record.take(body.weak());
    }
}

impl Sealed for Mutex {
    fn target(&self) -> Target<'_> {
        Target::Local(&self.body)
    }
}

impl Waitable for Mutex {}

impl Signal for Mutex {
    fn signal(&self) -> Result<(), Status> {
        self.release().map(|_| ())
    }
}

impl fmt::Debug for Mutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.body.header.look(State::clone);
        f.debug_struct("Mutex").field("state", &state).finish()
    }
}
