//! Another process, by a descriptor that stays its own when its number is used again (pidfd), and how it ended.
//!
//! The rule: nothing here reaps. A child that has ended stays there for whoever started it, so its end is looked
//! at and left. The kernel tells how a process ended in two places, each only at its time: a parent may look while
//! nobody has reaped the child, and from Linux 6.15 on the descriptor remembers it once that has been done.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::sync::park::timespec;

pub(crate) struct ProcessFd {
    fd: OwnedFd,
    id: Pid,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(u8),
    Signal(u8),
    /// It has ended, and the kernel does not tell us how, or not yet.
    Unknown,
}

impl ProcessFd {
    /// `ESRCH`: there is no such process; `EINVAL` or `ENOENT`: it is a thread of one.
    pub(crate) fn open(id: u32) -> Result<ProcessFd, Errno> {
        let id = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        Ok(ProcessFd { fd: pidfd_open(id, PidfdFlags::empty())?, id })
    }

    pub(crate) fn id(&self) -> u32 {
        self.id.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether all its threads have ended.
    pub(crate) fn has_ended(&self) -> bool {
        let now = timespec(std::time::Duration::ZERO);
        matches!(poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&now)), Ok(ready) if ready > 0)
    }

    /// `None` while it runs.
    pub(crate) fn ended(&self) -> Option<Ended> {
        if !self.has_ended() {
            return None;
        }
        Some(self.as_parent().or_else(|| self.as_reaped()).unwrap_or(Ended::Unknown))
    }

    /// Ends it, whatever it does. `ESRCH`: it has been reaped already.
    pub(crate) fn kill(&self) -> Result<(), Errno> {
        pidfd_send_signal(&self.fd, Signal::KILL)
    }

    fn as_parent(&self) -> Option<Ended> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        // ECHILD: it is somebody else's child, or no longer there.
        let status = waitid(WaitId::PidFd(self.fd.as_fd()), look).ok()??;
        if let Some(code) = status.exit_status() {
            return Some(Ended::Code(code as u8));
        }
        Some(Ended::Signal(u8::try_from(status.terminating_signal()?).ok()?))
    }

    fn as_reaped(&self) -> Option<Ended> {
        let mut info = Info { mask: INFO_EXIT, others: [0; 13], exit_code: 0 };
        // SAFETY: the request says how much there is to read and write, and `info` has that size.
        let result = unsafe { libc::ioctl(self.fd.as_raw_fd(), GET_INFO as _, &raw mut info) };
        // A kernel that does not know the request refuses it, one that does not know the field leaves it out.
        (result == 0 && info.mask & INFO_EXIT != 0).then(|| from_wait_status(info.exit_code))
    }
}

impl AsFd for ProcessFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The kernel's `struct pidfd_info` in its first version (`linux/pidfd.h`).
#[repr(C)]
struct Info {
    /// What is asked for; on return, what was answered.
    mask: u64,
    /// The control group, the numbers of process, group and parent, and whom it runs as: not asked for.
    others: [u32; 13],
    exit_code: i32,
}

const INFO_EXIT: u64 = 1 << 3;

/// `_IOWR(0xff, 11, struct pidfd_info)`.
const GET_INFO: u32 = 3 << 30 | (size_of::<Info>() as u32) << 16 | 0xff << 8 | 11;

/// The word that `wait` fills in.
fn from_wait_status(status: i32) -> Ended {
    match (status & 0x7f) as u8 {
        0 => Ended::Code((status >> 8) as u8),
        signal => Ended::Signal(signal),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn shell(script: &str) -> (Child, ProcessFd) {
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let process = ProcessFd::open(child.id()).unwrap();
        (child, process)
    }

    fn wait_for_end(process: &ProcessFd) {
        poll(&mut [PollFd::new(&process.fd, PollFlags::IN)], None).unwrap();
    }

    #[test]
    fn a_child_is_looked_at_and_left_to_its_parent() {
        let (mut child, process) = shell("exit 7");
        wait_for_end(&process);
        for _ in 0..2 {
            assert_eq!(process.ended(), Some(Ended::Code(7)));
        }
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }

    #[test]
    fn a_killed_child_ended_by_that_signal() {
        let (mut child, process) = shell("exec sleep 1000");
        assert_eq!(process.ended(), None);
        process.kill().unwrap();
        wait_for_end(&process);
        assert_eq!(process.ended(), Some(Ended::Signal(libc::SIGKILL as u8)));
        child.wait().unwrap();
        assert_eq!(process.kill(), Err(Errno::SRCH));
    }

    #[test]
    fn one_that_was_reaped_is_told_by_the_descriptor_or_not_at_all() {
        let (mut child, process) = shell("exit 9");
        child.wait().unwrap();
        let remembers = process.as_reaped().is_some();
        let known = if remembers { Ended::Code(9) } else { Ended::Unknown };
        assert_eq!(process.ended(), Some(known));
        assert_eq!(from_wait_status(0x0900), Ended::Code(9));
        assert_eq!(from_wait_status(0x8b), Ended::Signal(11), "with a core dump");
    }

    #[test]
    fn numbers_of_no_process_are_refused() {
        for id in [0, u32::MAX, i32::MAX as u32] {
            assert_eq!(ProcessFd::open(id).err(), Some(Errno::SRCH));
        }
    }
}
