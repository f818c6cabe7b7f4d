//! Mutex objects: owned by one thread, which may end without giving them back.

use std::fmt;
use std::sync::Arc;

use super::body::Local;
use super::face::Body;
use super::named::{Existed, Kind, Named, New};
use super::state::{Refusal, State};
use super::wait::{Sealed, Signal, Target, Waitable};
use crate::status::Status;
use crate::sync::record::{self, Resource};
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
    body: Body,
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
        Mutex { body: Body::Local(body) }
    }

    /// One that other processes of this user can open by its name (`CreateMutex` with a name). If there is one
    /// already it is opened, and then this thread does not own it, whatever `owned` says (S192); [`Existed`] says
    /// so.
    ///
    /// A process that ends, however it ends, abandons what its threads own; those who wait find out within 200 ms
    /// (S191).
    ///
    /// Fails with `OBJECT_TYPE_MISMATCH` when the name is that of another kind of object (S218), and as
    /// [names](super::set_namespace) do.
    pub fn create_named(name: &str, owned: bool) -> Result<(Mutex, Existed), Status> {
        let (named, existed) = Named::create(name, &New::Mutex { owned })?;
        Ok((Mutex { body: Body::Named(named) }, existed.into()))
    }

    /// The one that has this name (`OpenMutex`).
    ///
    /// Fails with `OBJECT_NAME_NOT_FOUND` when nobody has one open (S219), and as
    /// [`create_named`](Mutex::create_named).
    pub fn open(name: &str) -> Result<Mutex, Status> {
        Ok(Mutex { body: Body::Named(Named::open(name, Kind::Mutex)?) })
    }

    /// Gives it back once (`ReleaseMutex`); when that was the last of the owner's holds one waiter gets it. Returns
    /// how often it was held.
    ///
    /// Fails with `MUTANT_NOT_OWNED` when this thread does not own it (S186); one with a name also as
    /// [`Event::try_set`](super::Event::try_set).
    pub fn release(&self) -> Result<u32, Status> {
        match &self.body {
            Body::Local(local) => release(local),
            Body::Named(named) => named.release_mutex(),
        }
    }

    /// Whether this thread owns it.
    pub fn is_mine(&self) -> bool {
        match &self.body {
            Body::Local(local) => local.header.look(State::owner) == Some(ThreadNo::current().get()),
            Body::Named(named) => named.is_mine(),
        }
    }

    /// How it stands at this moment (`NtQueryMutant`).
    pub fn holding(&self) -> Holding {
        match &self.body {
            Body::Local(local) => local.header.look(|state| match *state {
                State::Mutex { owner, depth, abandoned } => {
                    Holding { depth, mine: owner == ThreadNo::current().get(), abandoned }
                }
                _ => unreachable!("a mutex stays one"),
            }),
            Body::Named(named) => named.holding(),
        }
    }
}

/// How a mutex stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// How often its owner has it; 0 when nobody owns it.
    pub depth: u32,
    /// The owner is the thread that asked.
    pub mine: bool,
    /// Its last owner ended without giving it back, and nobody has taken it since (S189).
    pub abandoned: bool,
}

fn release(local: &Arc<Local>) -> Result<u32, Status> {
    let me = ThreadNo::current();
    // Off the record before somebody else may have it; a refusal is known before anything is changed.
    let depth = local.header.look(|state| match *state {
        State::Mutex { owner, depth, .. } if owner == me.get() => depth,
        _ => 0,
    });
    if depth == 1
        && let Some(record) = record::current()
    {
        record.give_back(&local.weak());
    }
    local.header.signal(|state| state.unlock(me.get())).map_err(|refusal| {
        debug_assert_eq!(refusal, Refusal::NotOwner);
        Status::MUTANT_NOT_OWNED
    })
}

/// This thread owns the object now: it is abandoned should the thread end.
pub(super) fn owned_by_me(body: &Arc<Local>) {
    if let Some(record) = record::current() {
        record.take(body.weak());
    }
}

impl Sealed for Mutex {
    fn target(&self) -> Target<'_> {
        self.body.target()
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
        match &self.body {
            Body::Local(local) => {
                let state = local.header.look(State::clone);
                f.debug_struct("Mutex").field("state", &state).finish()
            }
            Body::Named(named) => f.debug_struct("Mutex").field("owner", &named.owner()).finish(),
        }
    }
}
