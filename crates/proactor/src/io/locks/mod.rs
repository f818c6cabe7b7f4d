//! Locks of byte ranges (`LockFileEx`): an operation that may wait, and what it means to those that move data.
//!
//! The locks of this process are in one table by file, and their rules in [`ranges`]; who waits has its turn in the order
//! of coming, when what was in its way is gone. To other processes the kernel shows them: for each file object it is
//! told what that has, of which the table knows no conflict, and it knows those with others. Nobody says when another
//! process unlocks, so who waits for that looks again every few milliseconds.
//!
//! Within the process a lock keeps others from reading and writing, as NT's do; Linux has none that would do so to
//! another process.

mod ranges;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use rustix::io::Errno;

use self::ranges::{Range, Ranges};
use super::direction::Tag;
use super::handle::{Class, Facts, Handle, Modes};
use super::run::{Begun, Refusal};
use super::share;
use super::signal::Sort;
use crate::driver::range::{self, Hold};
use crate::op::block::{Block, Flags, Kind};
use crate::op::slab::Irp;
use crate::service::{Tick, service};
use crate::status::Status;
use crate::sync::lock::Lock;

/// A file, whatever its name: device and inode.
pub(super) type FileId = (u64, u64);

/// The locks of one file and who waits for some. Both are there only while there are any.
#[derive(Default)]
struct FileLocks {
    held: Ranges,
    waiting: VecDeque<Irp>,
}

#[derive(Default)]
struct Table {
    files: BTreeMap<FileId, FileLocks>,
    /// Somebody looks again and again whether other processes have unlocked.
    watched: bool,
}

/// Taken after the lock of a handle, never before.
static TABLE: Lock<Table> = Lock::new(Table { files: BTreeMap::new(), watched: false });

/// Files with locks: what moves data looks at the table only if there are any.
static FILES: AtomicUsize = AtomicUsize::new(0);

/// Who can grant a lock, and who can't now.
enum Answer {
    Granted,
    /// A lock of this process is in its way.
    Taken,
    /// Another process has it.
    TakenElsewhere,
    Failed(Status),
}

impl Table {
    /// What there is of a file, after something of it has changed.
    fn settle(&mut self, id: FileId) {
        if self.files.get(&id).is_some_and(|file| file.held.is_empty() && file.waiting.is_empty()) {
            self.files.remove(&id);
        }
        FILES.store(self.files.len(), Release);
    }

    /// Gives to those that wait for this file, in order, what they can have.
    fn serve(&mut self, id: FileId) -> Vec<(Irp, Status)> {
        let mut over = Vec::new();
        let mut elsewhere = false;
        if let Some(file) = self.files.get_mut(&id) {
            for mut block in std::mem::take(&mut file.waiting) {
                let Some(fd) = block.seldom_mut().file.take() else {
                    unreachable!("what waits for a lock keeps its file")
                };
                let status = match file.grant(&block, fd.as_fd()) {
                    Answer::Granted => Status::SUCCESS,
                    Answer::Failed(status) => status,
                    answer => {
                        elsewhere |= matches!(answer, Answer::TakenElsewhere);
                        block.seldom_mut().file = Some(fd);
                        file.waiting.push_back(block);
                        continue;
                    }
                };
                over.push((block, status));
            }
        }
        self.settle(id);
        if elsewhere {
            self.watch();
        }
        over
    }

    /// Has those that wait for another process looked after.
    fn watch(&mut self) {
        static WATCH: OnceLock<Arc<Watch>> = OnceLock::new();
        if !self.watched
            && let Ok(service) = service()
        {
            self.watched = true;
            let watch: Arc<dyn Tick> = WATCH.get_or_init(|| Arc::new(Watch)).clone();
            let watch: Weak<dyn Tick> = Arc::downgrade(&watch);
            service.tick_after(LOOK, watch);
        }
    }
}

impl FileLocks {
    fn grant(&mut self, block: &Block, fd: BorrowedFd<'_>) -> Answer {
        let (owner, exclusive) = (owner_of(block), block.flags.contains(Flags::EXCLUSIVE));
        let range = range_of(block);
        if !self.held.allows(owner, range, exclusive) {
            return Answer::Taken;
        }
        let before = self.held.parts(owner, range);
        self.held.add(owner, range, exclusive);
        let Err(error) = show(fd, &self.held.parts(owner, range)) else { return Answer::Granted };
        self.held.remove(owner, range);
        // What was shown of it already is taken back; giving back is never refused.
        let _ = show(fd, &before);
        match error {
            Errno::AGAIN => Answer::TakenElsewhere,
            error => Answer::Failed(error.into()),
        }
    }
}

/// How often those look again that wait for another process.
const LOOK: Duration = Duration::from_millis(10);

struct Watch;

impl Tick for Watch {
    fn tick(self: Arc<Self>) -> Option<Duration> {
        let over = {
            let mut table = TABLE.lock();
            // If some wait still, another tick is asked for.
            table.watched = false;
            let waited_for: Vec<FileId> =
                table.files.iter().filter(|(_, file)| !file.waiting.is_empty()).map(|(id, _)| *id).collect();
            waited_for.into_iter().flat_map(|id| table.serve(id)).collect()
        };
        finish(over);
        None
    }
}

/// Tells the kernel how a file object has the parts of a range; what is beyond its numbers only we know of, and nobody
/// in another process.
fn show(fd: BorrowedFd<'_>, parts: &[(u128, u128, Hold)]) -> Result<(), Errno> {
    for (start, end, hold) in parts {
        let limit = u128::from(share::FIRST);
        let (start, end) = ((*start).min(limit) as u64, (*end).min(limit) as u64);
        // One that is not open for writing can't keep others from reading, but it can keep them from writing.
        let shown = match range::hold(fd, start, end - start, *hold) {
            Err(Errno::BADF) if *hold == Hold::Exclusive => range::hold(fd, start, end - start, Hold::Shared),
            shown => shown,
        };
        match shown {
            // Open for writing alone, there is no way to share with other processes.
            Err(Errno::BADF) => {}
            shown => shown?,
        }
    }
    Ok(())
}

/// Those that waited have ended. No lock is held.
fn finish(over: Vec<(Irp, Status)>) {
    for (block, status) in over {
        let owner = block.owner.clone().and_then(|owner| owner.downcast::<Handle>().ok());
        match owner {
            Some(owner) => owner.complete(block, status),
            None => unreachable!("an operation under way has its handle"),
        }
    }
}

fn owner_of(block: &Block) -> usize {
    block.owner.as_ref().map_or(0, |owner| Arc::as_ptr(owner).cast::<()>().addr())
}

fn range_of(block: &Block) -> Range {
    let len = block.seldom().map_or(0, |seldom| seldom.length);
    match Range::new(block.offset, len) {
        Some(range) => range,
        None => unreachable!("it was looked at when the operation started"),
    }
}

impl Handle {
    fn file_id(&self) -> Result<FileId, Status> {
        let extra = self.extra_made();
        if let Some(id) = extra.file_id.get() {
            return Ok(*id);
        }
        let stat = rustix::fs::fstat(&*self.fd()?)?;
        Ok(*extra.file_id.get_or_init(|| (stat.st_dev, stat.st_ino)))
    }

    pub(super) fn begin_lock(self: &Arc<Self>, mut block: Irp) -> Result<Begun, Refusal> {
        let length = block.seldom().map_or(0, |seldom| seldom.length);
        let possible = match self.class {
            Class::File if !self.nature.intersects(Facts::READABLE | Facts::WRITABLE) => {
                Err(Status::ACCESS_DENIED)
            }
            Class::File if Range::new(block.offset, length).is_none() => Err(Status::INVALID_LOCK_RANGE),
            Class::File => self.file_id(),
            _ => Err(Status::INVALID_DEVICE_REQUEST),
        };
        let id = match possible {
            Ok(id) => id,
            Err(status) => return Err((status, block)),
        };
        let name;
        let (block, answer, skip) = {
            let mut state = self.state.lock();
            let Some(fd) = state.fd.clone() else { return Err((Status::INVALID_HANDLE, block)) };
            if let Err(status) = self.admit(&mut block, false) {
                return Err((status, block));
            }
            block.id = state.name();
            name = block.id;
            self.began(Sort::of(&block));
            let skip = state.modes.contains(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS) && block.route.is_port();
            let mut table = TABLE.lock();
            let file = table.files.entry(id).or_default();
            let answer = file.grant(&block, fd.as_fd());
            let waits = matches!(answer, Answer::Taken | Answer::TakenElsewhere)
                && !block.flags.contains(Flags::AT_ONCE);
            let block = if waits {
                block.seldom_mut().file = Some(fd);
                file.waiting.push_back(block);
                None
            } else {
                Some(block)
            };
            if waits && matches!(answer, Answer::TakenElsewhere) {
                table.watch();
            }
            table.settle(id);
            (block, answer, skip)
        };
        let Some(mut block) = block else { return Ok(Begun::Pending(name)) };
        match answer {
            Answer::Granted if skip => {
                block.status = Status::SUCCESS;
                block.observe();
                self.ended(Sort::of(&block));
                Ok(Begun::Done(block))
            }
            Answer::Granted => {
                self.complete(block, Status::SUCCESS);
                Ok(Begun::Queued(name))
            }
            answer => {
                self.ended(Sort::of(&block));
                let status =
                    if let Answer::Failed(status) = answer { status } else { Status::LOCK_NOT_GRANTED };
                Err((status, block))
            }
        }
    }

    /// Takes a lock of exactly this range away.
    pub(super) fn unlock_range(&self, start: u64, len: u64) -> Result<(), Status> {
        if self.class != Class::File {
            return Err(Status::INVALID_DEVICE_REQUEST);
        }
        let fd = self.fd()?;
        let id = self.file_id()?;
        let range = Range::new(start, len).ok_or(Status::INVALID_LOCK_RANGE)?;
        let over = {
            let mut table = TABLE.lock();
            let file = table.files.get_mut(&id).ok_or(Status::RANGE_NOT_LOCKED)?;
            if !file.held.remove(self.place(), range) {
                return Err(Status::RANGE_NOT_LOCKED);
            }
            // To have less of a range is never refused.
            let shown = show(fd.as_fd(), &file.held.parts(self.place(), range));
            debug_assert!(shown.is_ok(), "{shown:?}");
            table.serve(id)
        };
        finish(over);
        Ok(())
    }

    /// The handle is closed: all it has locked is free.
    pub(super) fn unlock_all(&self, fd: BorrowedFd<'_>) {
        let Some(id) = self.extra().and_then(|extra| extra.file_id.get()) else { return };
        let over = {
            let mut table = TABLE.lock();
            let Some(file) = table.files.get_mut(id) else { return };
            for range in file.held.remove_all(self.place()) {
                // Also if somebody else keeps the description open, a child that was forked for instance.
                let _ = show(fd, &file.held.parts(self.place(), range));
            }
            table.serve(*id)
        };
        finish(over);
    }

    /// Of what waits for a lock what `which` names; it is for the caller to end.
    pub(super) fn take_waiting(&self, which: impl Fn(&Tag) -> bool, cut: &mut Vec<Irp>) {
        let Some(id) = self.extra().and_then(|extra| extra.file_id.get()) else { return };
        let mut table = TABLE.lock();
        let Some(file) = table.files.get_mut(id) else { return };
        for mut block in std::mem::take(&mut file.waiting) {
            if owner_of(&block) == self.place() && which(&Tag::of(&block)) {
                block.seldom_mut().file = None;
                cut.push(block);
            } else {
                file.waiting.push_back(block);
            }
        }
        table.settle(*id);
    }

    /// Whether a transfer meets a lock of this process that is in its way.
    pub(super) fn meets_lock(&self, block: &Block) -> bool {
        if FILES.load(Acquire) == 0 || block.kind == Kind::Flush {
            return false;
        }
        let Ok(id) = self.file_id() else { return false };
        let start = match block.flags.contains(Flags::APPEND) {
            // Where that is when it is written, nobody knows before.
            true => self.size().unwrap_or(u64::MAX),
            false => block.offset,
        };
        let len = block.bufs.len() as u64;
        let Some(range) = Range::new(start, len).filter(|_| len > 0) else { return false };
        let table = TABLE.lock();
        let Some(file) = table.files.get(&id) else { return false };
        match block.kind {
            Kind::Read => !file.held.may_read(self.place(), range),
            _ => !file.held.may_write(self.place(), range),
        }
    }
}
