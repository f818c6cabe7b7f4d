//! Share modes: what an open file lets others open it for, while it is open.
//!
//! NT refuses to open a file for what one that has it open does not share, and one that wants to keep others from what
//! somebody has it open for already. Here each open says both in locks on six bytes that no file reaches to, in which
//! the kernel lets processes see each other: one byte for each right that is used, one for each that is denied. The
//! locks are shared ones, so that any number can say the same; that somebody says the opposite is looked for after
//! saying ours. Of two that say it at once, none is let in wrongly.

use std::os::fd::BorrowedFd;

use bitflags::bitflags;
use rustix::io::Errno;

use crate::driver::range::{self, BEYOND, Hold};
use crate::status::Status;
use crate::sync::lock::Lock;

bitflags! {
    /// What others may open a file for while it is open (`FILE_SHARE_READ` and so on).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Share: u8 {
        /// To read.
        const READ = 1;
        /// To write or append.
        const WRITE = 2;
        /// To delete or rename.
        const DELETE = 4;
    }
}

/// Where the bytes are: above all that a lock of a range can cover.
pub(super) const FIRST: u64 = BEYOND - 8;

fn used(right: Share) -> u64 {
    FIRST + u64::from(right.bits().trailing_zeros())
}

fn denied(right: Share) -> u64 {
    used(right) + 3
}

/// Opens of one process ask one after the other, so that two at once do not refuse each other.
static ASKING: Lock<()> = Lock::new(());

/// The file is used for some rights from now on, and only what is in `share` is left to others. `SHARING_VIOLATION`
/// when that can't be; then nothing is claimed.
///
/// A file system without locks has no share modes, nor has a file that can't be opened for reading.
pub(super) fn claim(fd: BorrowedFd<'_>, using: Share, share: Share) -> Result<(), Status> {
    /// Two processes that refuse each other should not both come away with nothing.
    const TRIES: u32 = 3;
    if using.is_empty() {
        // Who only looks at its attributes is in nobody's way.
        return Ok(());
    }
    let denying = share.complement();
    let _one_at_a_time = ASKING.lock();
    for _ in 0..TRIES {
        match try_claim(fd, using, denying) {
            Ok(true) => return Ok(()),
            Ok(false) => std::thread::yield_now(),
            Err(Errno::BADF | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Status::SHARING_VIOLATION)
}

fn try_claim(fd: BorrowedFd<'_>, using: Share, denying: Share) -> Result<bool, Errno> {
    let says = |right: Share| using.contains(right).then(|| used(right));
    let forbids = |right: Share| denying.contains(right).then(|| denied(right));
    for byte in Share::all().iter().flat_map(|right| [says(right), forbids(right)]).flatten() {
        range::hold(fd, byte, 1, Hold::Shared)?;
    }
    let met = Share::all()
        .iter()
        .flat_map(|right| [says(right).map(|_| denied(right)), forbids(right).map(|_| used(right))]);
    for byte in met.flatten() {
        if range::is_held_elsewhere(fd, byte, 1)? {
            range::hold(fd, FIRST, 6, Hold::None)?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether somebody has the file open who lets nobody delete it.
pub(super) fn keeps_from_deletion(fd: BorrowedFd<'_>) -> bool {
    range::is_held_elsewhere(fd, denied(Share::DELETE), 1).unwrap_or(false)
}
