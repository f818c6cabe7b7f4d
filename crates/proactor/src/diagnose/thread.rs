//! The threads of this process at one moment: what each waits for, what it owns, and who owns what it waits for.
//!
//! The records are read one after the other while the threads go on, and a circle put together from waits of
//! different moments would be none. So a wait is only reported if it lasted through the whole reading: its number is
//! taken before and after. Then all the waits that are reported were there together, and since one who waits neither
//! takes nor gives anything back, so were their owners.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::driver::proc_stat;
use crate::sync::record::{self, Owner, Record, Seen};
use crate::sync::thread::ThreadNo;

/// A thread of a process, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadInfo {
    /// The kernel's id, as `/proc/PID/task` has it.
    pub id: u32,
    /// The name that its starter gave it, or the kernel's.
    pub name: String,
    /// What the kernel says of it.
    pub state: ThreadState,
    /// The waits of this library that it is in, outermost first: a call that runs in a wait may wait itself, and then
    /// the last is the one that counts. Empty for a thread that runs, or blocks in something of others.
    pub waits: Vec<WaitInfo>,
    /// What it has to give back, as far as that is known, in the order in which it took it.
    pub owns: Vec<ObjectInfo>,
}

/// Whether a thread runs, as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadState {
    /// It runs, or is ready to: the kernel does not tell one from the other.
    Running,
    /// It sleeps, or is stopped.
    Blocked,
}

/// What a thread waits for in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitInfo {
    /// It waits for all of them together; otherwise any one ends the wait.
    pub all: bool,
    /// What it waits for, in the caller's order. Empty in a sleep.
    pub objects: Vec<ObjectInfo>,
}

/// Something that can be waited for or owned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// What it is: "mutex", "critical section", "pending receive on socket".
    pub kind: String,
    /// The name it was given.
    pub name: Option<String>,
    /// Tells one from another of its kind: a number or its address.
    pub id: u64,
    /// Who has to act for a wait to end. `None`: nobody, or nobody in particular, since anyone may set an event.
    pub owner: Option<ObjectOwner>,
}

/// Who has to act for a wait to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectOwner {
    /// A thread of the same process, by the kernel's id.
    Thread(u32),
    /// A thread of the same process that has ended, or has never waited for anything in this library.
    Unknown,
    /// A thread of another process, by the kernel's ids; thread 0 is the process as a whole.
    Foreign {
        /// The process.
        process: u32,
        /// The thread.
        thread: u32,
    },
}

impl ObjectInfo {
    /// The same for two that are the same thing, whoever owned it when.
    pub(super) fn identity(&self) -> (u64, &str) {
        (self.id, &self.kind)
    }

    /// Whether it is its owner: who waits for a thread waits until that thread acts, and nobody holds it.
    pub(super) fn is_its_owner(&self) -> bool {
        matches!(&*self.kind, "thread" | "process")
    }

    /// Whether the thread that owns it may take it again, so that it never waits for itself there. One that waits
    /// for such a thing and owns it has been given it, and has merely not woken up yet.
    pub(super) fn is_recursive(&self) -> bool {
        matches!(&*self.kind, "mutex" | "critical section")
    }
}

impl fmt::Display for ObjectInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Numbers are small; what is greater is an address.
        const NUMBERS: u64 = 1 << 20;
        write!(f, "{}", self.kind.escape_debug())?;
        match &self.name {
            Some(name) => write!(f, " \"{}\"", name.escape_debug()),
            None if self.id < NUMBERS => write!(f, " #{}", self.id),
            None => write!(f, " at {:#x}", self.id),
        }
    }
}

/// Every thread of this process, those first that have ever waited in this library.
///
/// What is reported of them was true together at one moment, and may be past when this returns (S441). A thread
/// whose wait began or ended meanwhile is reported without it. Blocks only for moments; takes some 10 us a thread,
/// most of it the kernel's.
///
/// ```
/// let threads = proactor::diagnose::threads();
/// // The first thread of a process has the number of the process.
/// assert!(threads.iter().any(|thread| thread.id == std::process::id()));
/// ```
pub fn threads() -> Vec<ThreadInfo> {
    /// A wait for an object with a name is taken up anew several times a second, to see whether its owner's process
    /// lives. That hardly falls into a reading; into three it does not.
    const READINGS: u32 = 3;
    let mut reading = (Vec::new(), false);
    for _ in 0..READINGS {
        reading = read();
        if reading.1 {
            break;
        }
    }
    let mut threads = reading.0;
    let known: BTreeSet<u32> = threads.iter().map(|thread| thread.id).collect();
    let others = proc_stat::threads().into_iter().filter(|id| !known.contains(&id.unsigned_abs()));
    threads.extend(others.filter_map(without_record));
    threads
}

/// The threads that have records; and whether none of them went from one wait to another meanwhile.
fn read() -> (Vec<ThreadInfo>, bool) {
    let records = record::all();
    let before: Vec<_> = records.iter().map(|record| record.wait_number()).collect();
    let looked = records.iter().zip(before);
    let looked: Vec<_> =
        looked.filter_map(|(record, number)| Some((record, number, look(record)?))).collect();
    let mut all_steady = true;
    let steady = |(record, number, mut thread): (&Arc<Record>, Option<u64>, ThreadInfo)| {
        let after = record.wait_number();
        if number.is_none() || after != number {
            thread.waits.clear();
            all_steady &= number.is_none() || after.is_none();
        }
        thread
    };
    (looked.into_iter().map(steady).collect(), all_steady)
}

fn look(record: &Arc<Record>) -> Option<ThreadInfo> {
    let (_, state) = proc_stat::look(record.kernel_id)?;
    let waits = record.waits().into_iter();
    Some(ThreadInfo {
        id: record.kernel_id.unsigned_abs(),
        name: record.name(),
        state: state.into(),
        waits: waits.map(|(all, seen)| WaitInfo { all, objects: objects(seen) }).collect(),
        owns: objects(record.owns()),
    })
}

/// A thread that has never waited in this library.
fn without_record(id: i32) -> Option<ThreadInfo> {
    let (name, state) = proc_stat::look(id)?;
    let state = state.into();
    Some(ThreadInfo { id: id.unsigned_abs(), name, state, waits: Vec::new(), owns: Vec::new() })
}

fn objects(seen: Vec<Seen>) -> Vec<ObjectInfo> {
    seen.into_iter().map(ObjectInfo::from).collect()
}

impl From<proc_stat::ThreadState> for ThreadState {
    fn from(state: proc_stat::ThreadState) -> ThreadState {
        match state {
            proc_stat::ThreadState::Runs => ThreadState::Running,
            proc_stat::ThreadState::Blocked | proc_stat::ThreadState::Gone => ThreadState::Blocked,
        }
    }
}

impl From<Seen> for ObjectInfo {
    fn from(seen: Seen) -> ObjectInfo {
        let owner = match seen.owner {
            Owner::Nobody => None,
            Owner::Thread(thread) => Some(of_ours(thread)),
            Owner::Kernel(id) => Some(alive(id)),
            Owner::Foreign { process, thread } => Some(ObjectOwner::Foreign { process, thread }),
        };
        ObjectInfo { kind: seen.kind.into(), name: seen.name, id: seen.id, owner }
    }
}

fn alive(id: u32) -> ObjectOwner {
    match proc_stat::look(id.cast_signed()) {
        Some(_) => ObjectOwner::Thread(id),
        None => ObjectOwner::Unknown,
    }
}

fn of_ours(thread: ThreadNo) -> ObjectOwner {
    match record::of(thread) {
        Some(record) => ObjectOwner::Thread(record.kernel_id.unsigned_abs()),
        None => ObjectOwner::Unknown,
    }
}
