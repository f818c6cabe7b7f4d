//! Priorities in Windows' seven steps, on Linux' nice values.

use rustix::process::{Pid, getpriority_process, setpriority_process};

use crate::status::Status;

/// How a thread competes for processors with others of its process and the system. Linux has no fixed order of
/// threads outside its real-time classes: a step is a weight, about a factor of three in processor time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// `THREAD_PRIORITY_IDLE`: nice 19.
    Idle,
    /// `THREAD_PRIORITY_LOWEST`: nice 10.
    Lowest,
    /// `THREAD_PRIORITY_BELOW_NORMAL`: nice 5.
    BelowNormal,
    /// `THREAD_PRIORITY_NORMAL`: nice 0.
    Normal,
    /// `THREAD_PRIORITY_ABOVE_NORMAL`: nice -5.
    AboveNormal,
    /// `THREAD_PRIORITY_HIGHEST`: nice -10.
    Highest,
    /// `THREAD_PRIORITY_TIME_CRITICAL`: nice -20.
    TimeCritical,
}

/// Lowest first.
const STEPS: [(Priority, i32); 7] = [
    (Priority::Idle, 19),
    (Priority::Lowest, 10),
    (Priority::BelowNormal, 5),
    (Priority::Normal, 0),
    (Priority::AboveNormal, -5),
    (Priority::Highest, -10),
    (Priority::TimeCritical, -20),
];

impl Priority {
    fn nice(self) -> i32 {
        STEPS.iter().find(|(priority, _)| *priority == self).map_or(0, |(_, nice)| *nice)
    }

    pub(super) fn give_to(self, thread: u32) -> Result<(), Status> {
        Ok(setpriority_process(Some(pid(thread)?), self.nice())?)
    }

    pub(super) fn of(thread: u32) -> Result<Priority, Status> {
        let nice = getpriority_process(Some(pid(thread)?))?;
        let nearest = STEPS.iter().min_by_key(|(_, step)| (step - nice).abs());
        Ok(nearest.map_or(Priority::Normal, |(priority, _)| *priority))
    }
}

/// The kernel keeps a nice value for each thread, and takes a thread's id for it.
fn pid(thread: u32) -> Result<Pid, Status> {
    i32::try_from(thread).ok().and_then(Pid::from_raw).ok_or(Status::INVALID_CID)
}
