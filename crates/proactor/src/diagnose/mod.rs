//! What the library is doing: a snapshot cheap enough to take every second; who waits for whom, and who waits in a
//! circle; and all of that from outside of the process, also when every worker of it is stuck.

mod ask;
mod chain;
mod deadlock;
mod graph;
mod place;
mod report;
mod serve;
mod thread;
mod wire;

pub use self::ask::{look_into, serving};
pub use self::chain::{ChainNode, MOST_NODES, WaitChain, wait_chain};
pub use self::deadlock::{Deadlock, DeadlockedThread, deadlocks};
pub use self::report::{Report, report};
pub use self::serve::{Diagnosis, serve};
pub use self::thread::{ObjectInfo, ObjectOwner, ThreadInfo, ThreadState, WaitInfo, threads};
pub use crate::io::ZeroCopyCounts;
pub use crate::port::{PortSnapshot, WorkerSnapshot, WorkerState};

/// The whole library at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Every port of this process, also those closed that a handle still holds.
    pub ports: Vec<PortSnapshot>,
    /// Who moves the data of files that can't be moved at once: "io_uring" or "threads". `None` while no
    /// operation has needed that yet.
    pub file_backend: Option<&'static str>,
    /// File operations that are with it.
    pub file_operations: usize,
    /// Times that an operation panicked inside it; each cost that operation and nobody else's.
    pub file_panics: u64,
    /// What pending operations hold, of all ports and of handles without one, and what they may.
    pub budget: crate::budget::Usage,
    /// Times that accepting had to pause because there were no descriptors or no memory.
    pub accept_pauses: u64,
    /// Sends that asked to be sent without a copy, and how many were copied all the same.
    pub zero_copy: ZeroCopyCounts,
}

/// Takes a snapshot. Takes each handle's slot lock for a moment: some 50 ns a handle.
///
/// ```
/// let port: proactor::Port = proactor::Port::new(3)?;
/// assert!(proactor::snapshot().ports.iter().any(|port| port.limit == 3));
/// # drop(port);
/// # Ok::<(), proactor::Status>(())
/// ```
pub fn snapshot() -> Snapshot {
    let backend = crate::driver::file::serving();
    Snapshot {
        ports: crate::port::ports(),
        file_backend: backend.map(|backend| backend.name()),
        file_operations: backend.map_or(0, |backend| backend.in_flight()),
        file_panics: backend.map_or(0, |backend| backend.panics()),
        budget: crate::budget::usage(),
        accept_pauses: crate::trace::accept_pauses(),
        zero_copy: crate::io::zero_copy_counts(),
    }
}
