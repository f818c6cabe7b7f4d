//! How much memory this process may count on: the machine's, or what its control groups allow, whichever is less.

use super::cgroup;

/// The share of memory that pending operations may lock. Linux moves data by copying, so nothing is really pinned and
/// RLIMIT_MEMLOCK says nothing about it; the memory has to be there all the same.
const LOCKED_SHARE: u64 = 4;

/// The share of memory that blocks of operations may take when all of them are in use.
const BLOCKS_SHARE: u64 = 64;

/// The memory of the machine, in bytes.
pub(crate) fn machine() -> u64 {
    let info = rustix::system::sysinfo();
    // The kernel's own types differ from one kind of processor to another.
    #[allow(clippy::useless_conversion)]
    let total = u64::from(info.totalram);
    total.saturating_mul(u64::from(info.mem_unit))
}

/// What this process may use of it, in bytes.
pub(crate) fn usable() -> u64 {
    let machine = machine();
    cgroup::memory().map_or(machine, |group| group.min(machine))
}

/// The bytes that pending operations may lock unless the program says otherwise.
pub(crate) fn default_locked() -> u64 {
    // A page at least, or nothing could ever wait.
    (usable() / LOCKED_SHARE).max(4096)
}

/// The same for blocks of operations, in bytes.
pub(crate) fn default_blocks() -> u64 {
    usable() / BLOCKS_SHARE
}
