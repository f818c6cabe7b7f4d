//! Objects with names, shared by the processes of one user: events, mutexes, semaphores and timers.
//!
//! An object is a small file in the user's directory (`space.rs`), mapped by everyone who has it open (`page.rs`). A
//! lock that outlives its holder (`lock.rs`) guards it; what it protects changes by single stores of one word
//! (`state.rs`, `guard.rs`), so that a process killed at any instruction leaves a valid object. There is no server:
//! waiters look by themselves (`wait.rs`), at least every tenth of a second, because a killed process wakes nobody.
//!
//! `Local\` and `Global\` are two namespaces of the same user: whoever may open one of his objects is that user.
//!
//! A child of `fork` that does not `exec` must not use its parent's objects: it would pass for the parent's thread.

mod alarm;
mod both;
mod guard;
mod holder;
mod line;
mod lock;
mod name;
mod page;
pub(crate) mod pipe;
mod sleep;
mod space;
mod state;
#[cfg(test)]
mod tests;
mod wait;

use std::os::fd::AsFd;
use std::sync::atomic::Ordering::*;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use name::Name;
use page::Page;
use space::Held;

use crate::object::mutex::Holding;
use crate::status::{Result, Status};
use crate::sync::record::{self, Owner, Resource};
use crate::sync::thread::ThreadNo;

pub(crate) use alarm::Alarm;
pub(crate) use both::wait_for;
pub(crate) use guard::Guard;
pub(crate) use holder::Holder;
pub(crate) use space::Space;
pub(crate) use state::{Kind, New};

/// A handle to an object with a name. The name is there as long as one of its handles is, in any process.
pub struct Named {
    page: Page,
    kind: Kind,
    config: u64,
    name: Name,
    key: Key,
    file: Held,
    space: Arc<Space>,
    /// Who opened it; a forked child has it only on loan.
    process: u32,
}

/// Whether there was an object of that name already (`ERROR_ALREADY_EXISTS`, S220).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existed {
    /// It was made.
    No,
    /// It was opened.
    Yes,
}

impl From<bool> for Existed {
    fn from(existed: bool) -> Existed {
        if existed { Existed::Yes } else { Existed::No }
    }
}

/// Where this process finds and makes named objects from now on: a directory, which is made if it is not there. What
/// is open stays open. Without this it is the directory in `PROACTOR_NAMESPACE`, or else `/dev/shm/proactor-UID`.
///
/// Objects are found by processes of the same user with the same directory, in the same PID and time namespaces. A
/// name has 1 to 260 UTF-16 units, case-sensitive. `Local\` and `Global\` in front select one of two namespaces
/// of the directory, `Local\` being what there is without; other backslashes are refused (S222). All kinds of
/// objects share one namespace (S217), and a name is gone with the last handle, of whatever process (S221).
///
/// Using a name fails with `OBJECT_NAME_INVALID` (empty), `NAME_TOO_LONG`, `OBJECT_PATH_NOT_FOUND` (a backslash);
/// with `ACCESS_DENIED` when the directory or the object is not this user's alone, `NOT_A_DIRECTORY` when something
/// else is there, `DISK_FULL` when no shared memory is left, `DATA_ERROR` when what has the name is no object or
/// damaged, `NOT_SUPPORTED` when it is of another version or namespace, or `/proc` is missing.
///
/// Fails as using a name does, and with `INVALID_PARAMETER` for a path that is not absolute.
///
/// ```
/// use proactor::object::{Mutex, set_namespace};
///
/// let directory = std::env::temp_dir().join(format!("objects-{}", std::process::id()));
/// set_namespace(&directory)?;
/// let (mutex, _) = Mutex::create_named("one at a time", true)?;
/// mutex.release()?;
/// # drop(mutex);
/// # let _ = std::fs::remove_dir(directory);
/// # Ok::<(), proactor::Status>(())
/// ```
pub fn set_namespace(directory: &std::path::Path) -> Result<()> {
    Space::set_standard(directory)
}

/// Tells objects apart, and says in which order a wait locks them; two handles to one object have one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    device: u64,
    file: u64,
}

impl Named {
    /// Makes an object or, if there is one of this name and kind, opens it; true if there was. Then `new` counts
    /// for nothing but its kind (S180), and a mutex is not owned by the caller (S192).
    ///
    /// # Errors
    /// [`Status::OBJECT_TYPE_MISMATCH`]: the name is that of an object of another kind (S218).
    /// [`Status::DISK_FULL`], [`Status::TOO_MANY_OPENED_FILES`], ...: nothing has been made.
    /// [`Status::INVALID_PARAMETER`]: a semaphore that can't be. [`Status::DATA_ERROR`], [`Status::NOT_SUPPORTED`],
    /// [`Status::ACCESS_DENIED`], [`Status::OBJECT_NAME_COLLISION`]: what has the name is damaged, of another version
    /// or PID namespace, not this user's alone, or another object whose long name has the same hash.
    /// Those of the name: [`Status::OBJECT_NAME_INVALID`], [`Status::NAME_TOO_LONG`],
    /// [`Status::OBJECT_PATH_NOT_FOUND`]; those of the directory: see [`Space::at`].
    pub(crate) fn create(name: &str, new: &New) -> Result<(Arc<Named>, bool)> {
        Named::create_in(&Space::standard()?, name, new)
    }

    /// As [`create`](Self::create), in a directory of the caller's.
    pub(crate) fn create_in(space: &Arc<Space>, name: &str, new: &New) -> Result<(Arc<Named>, bool)> {
        let name = Name::new(name)?;
        let word = new.word(Holder::me()?)?;
        let deadline = Instant::now() + lock::PATIENCE;
        while Instant::now() < deadline {
            if let Some(named) = Named::open_name(space, &name, new.kind())? {
                return Ok((named, true));
            }
            let file = space.make()?;
            let page = Page::map(file.as_fd())?;
            page.fill(new, &name.text, space.place, word);
            let named = Named::from_parts(space, &name, (new.kind(), new.config()), page, file)?;
            if space.publish(&name, named.file.as_fd())? {
                let named = Arc::new(named);
                if let New::Mutex { owned: true } = new {
                    named.taken();
                }
                return Ok((named, false));
            }
        }
        // Others made and closed it all that time, each just between two of our steps.
        Err(Status::IO_TIMEOUT)
    }

    /// Opens an object that is there.
    ///
    /// # Errors
    /// [`Status::OBJECT_NAME_NOT_FOUND`] (S219); otherwise as [`create`](Self::create).
    pub(crate) fn open(name: &str, kind: Kind) -> Result<Arc<Named>> {
        Named::open_in(&Space::standard()?, name, kind)
    }

    /// As [`open`](Self::open), in a directory of the caller's.
    pub(crate) fn open_in(space: &Arc<Space>, name: &str, kind: Kind) -> Result<Arc<Named>> {
        Named::open_name(space, &Name::new(name)?, kind)?.ok_or(Status::OBJECT_NAME_NOT_FOUND)
    }

    fn open_name(space: &Arc<Space>, name: &Name, kind: Kind) -> Result<Option<Arc<Named>>> {
        // Where nobody can be told dead from alive there are no named objects.
        Holder::me()?;
        let Some(file) = space.open(name)? else { return Ok(None) };
        let page = Page::map(file.as_fd())?;
        match page.check(&name.text, space.place) {
            Ok(parts) if parts.0 == kind => {
                Ok(Some(Arc::new(Named::from_parts(space, name, parts, page, file)?)))
            }
            result => {
                // The last of the others may have closed it meanwhile, and left it to us.
                space.leave(name, file.as_fd());
                Err(result.err().unwrap_or(Status::OBJECT_TYPE_MISMATCH))
            }
        }
    }

    /// Gives back one of this thread's holds of a mutex, and takes it off the thread's record with the last; returns
    /// how many it had.
    ///
    /// # Errors
    /// As [`Guard::release_mutex`].
    pub(crate) fn release_mutex(self: &Arc<Self>) -> Result<u32> {
        let mut guard = self.lock()?;
        let held = guard.release_mutex()?;
        if held == 1
            && let Some(record) = record::current()
        {
            // Before anybody else can have it.
            record.give_back(&self.weak());
        }
        Ok(held)
    }

    /// This thread has just taken it once more: if it is a mutex that it had not, it is abandoned should the thread end.
    fn taken(self: &Arc<Self>) {
        if self.kind == Kind::Mutex
            && self.page.hot().depth.load(Relaxed) == 1
            && let Some(record) = record::current()
        {
            record.take(self.weak());
        }
    }

    fn weak(self: &Arc<Self>) -> Weak<dyn Resource> {
        let weak: Weak<Named> = Arc::downgrade(self);
        weak
    }

    fn from_parts(
        space: &Arc<Space>,
        name: &Name,
        (kind, config): (Kind, u64),
        page: Page,
        file: Held,
    ) -> Result<Named> {
        let stat =
            rustix::fs::fstat(file.as_fd()).map_err(|errno| Status::from_errno(errno.raw_os_error()))?;
        let key = Key { device: stat.st_dev, file: stat.st_ino };
        let (name, space, process) = (name.clone(), space.clone(), std::process::id());
        Ok(Named { page, kind, config, name, key, file, space, process })
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Manual-reset, of an event or timer.
    pub(crate) fn manual(&self) -> bool {
        self.config != 0
    }

    /// The highest count of a semaphore.
    pub(crate) fn most(&self) -> u32 {
        self.config as u32
    }

    /// How a mutex stands at this moment.
    pub(crate) fn holding(&self) -> Holding {
        let word = self.page.hot().state.load(Acquire);
        let Some(holder) = Holder::of(word) else {
            return Holding { abandoned: word & state::ABANDONED != 0, ..Holding::default() };
        };
        let mine = Holder::me().is_ok_and(|me| me == holder);
        if !mine && !holder.lives() {
            return Holding { abandoned: true, ..Holding::default() };
        }
        Holding { depth: self.page.hot().depth.load(Relaxed), mine, abandoned: false }
    }

    /// How long until a timer is due, if it is.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let left = self.lock().and_then(|guard| guard.goes_off_in());
        left.ok().flatten().map(|(left, _)| left)
    }

    /// Locks the object. Never while this thread has another one locked that comes after it.
    ///
    /// # Errors
    /// [`Status::IO_TIMEOUT`]: a living process has kept it locked for 10 seconds, as one that is stopped.
    /// [`Status::DATA_ERROR`]: it is damaged.
    pub(crate) fn lock(&self) -> Result<Guard<'_>> {
        Guard::new(self, Holder::me()?)
    }

    /// Whether an event or timer is set at this moment; not, if that can't be told.
    pub(crate) fn is_set(&self) -> bool {
        let look = || {
            let mut guard = self.lock()?;
            guard.collect()?;
            guard.is_signalled(guard::Look { pulses: guard.pulses()?, ..guard::Look::default() })
        };
        look().unwrap_or(false)
    }

    /// The count of a semaphore at this moment; 0 if it is damaged.
    pub(crate) fn count(&self) -> u32 {
        state::count(self.page.hot().state.load(Acquire), self.config).unwrap_or(0)
    }

    /// Which setting of a timer holds; without the lock.
    fn timer_generation(&self) -> Option<u32> {
        state::Timer::of(self.page.hot().state.load(Acquire)).ok().map(|timer| timer.generation)
    }

    /// Whether this thread owns the mutex.
    pub(crate) fn is_mine(&self) -> bool {
        Holder::me().is_ok_and(|me| self.holder() == Some(me))
    }

    /// The thread that owns the mutex, by the kernel's id, and whether it lives; without the lock, so that it can be
    /// asked of a process that is stuck.
    pub(crate) fn holder(&self) -> Option<Holder> {
        let word = self.page.hot().state.load(Acquire);
        if self.kind == Kind::Mutex { Holder::of(word) } else { None }
    }

    /// This thread ends. If it owns the mutex it abandons it (S187); false if it does not.
    ///
    /// # Errors
    /// As [`lock`](Self::lock). Then those who wait find out by themselves that the owner is gone.
    pub(crate) fn abandon(&self) -> Result<bool> {
        let me = Holder::me()?;
        if self.holder() != Some(me) {
            return Ok(false);
        }
        self.lock()?.abandon()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // A forked child shares the lock with its parent, and would take the name from under it.
        if self.process == std::process::id() {
            self.space.leave(&self.name, self.file.as_fd());
        }
    }
}

impl Resource for Named {
    fn kind(&self) -> &'static str {
        self.kind.word()
    }

    fn name(&self) -> Option<String> {
        Some(self.name.text.clone())
    }

    fn id(&self) -> u64 {
        self.key.file
    }

    fn owner(&self) -> Owner {
        let Some(holder) = self.holder() else { return Owner::Nobody };
        match holder.process() {
            None => Owner::Nobody,
            Some(process) => {
                let thread = holder.thread();
                let is_ours = process == std::process::id();
                let ours = is_ours.then(|| record::of_kernel_id(thread.cast_signed())).flatten();
                ours.map_or(Owner::Foreign { process, thread }, |record| Owner::Thread(record.thread))
            }
        }
    }

    fn abandon(&self, _: ThreadNo) {
        // Only the thread that ends calls this. If the object is out of reach, those who wait find out by themselves.
        let _ = Named::abandon(self);
    }
}
