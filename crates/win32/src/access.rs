//! Access rights: what may be done through a handle, which is not always all that may be done with its object.
//!
//! There are no security descriptors: who may open an object may have every right to it. But a handle has no more
//! than was asked for, so a program that asks for too little hears of it here as it does on Windows.

use proactor::Status;

use crate::types::DWORD;

/// Every right there is.
pub const ALL: DWORD = u32::MAX;
/// To wait.
pub const SYNCHRONIZE: DWORD = 0x0010_0000;
/// `EVENT_QUERY_STATE`, and the same for mutexes, semaphores and timers.
pub const QUERY_STATE: DWORD = 1;
/// `EVENT_MODIFY_STATE`, and the same for semaphores and timers.
pub const MODIFY_STATE: DWORD = 2;

const STANDARD_READ: DWORD = 0x0002_0000;
const STANDARD_ALL: DWORD = 0x001F_0000;
const MAXIMUM_ALLOWED: DWORD = 0x0200_0000;
const GENERIC_ALL: DWORD = 0x1000_0000;
const GENERIC_EXECUTE: DWORD = 0x2000_0000;
const GENERIC_WRITE: DWORD = 0x4000_0000;
const GENERIC_READ: DWORD = 0x8000_0000;

/// What generic rights mean for one kind of object.
#[derive(Clone, Copy, Debug)]
pub struct Rights {
    /// `GENERIC_READ`.
    pub read: DWORD,
    /// `GENERIC_WRITE`.
    pub write: DWORD,
    /// `GENERIC_EXECUTE`.
    pub execute: DWORD,
}

impl Rights {
    /// Those of files, and of whatever has no rule of its own here.
    pub const FILE: Rights = Rights { read: 0x0012_0089, write: 0x0012_0116, execute: 0x0012_00A0 };

    /// Those of events, semaphores and timers.
    pub const STATE: Rights = Rights {
        read: STANDARD_READ | QUERY_STATE,
        write: STANDARD_READ | MODIFY_STATE,
        execute: STANDARD_READ | SYNCHRONIZE,
    };

    /// Those of mutexes, of which only the owner can change anything.
    pub const MUTEX: Rights = Rights { write: STANDARD_READ, ..Rights::STATE };

    /// What was asked for, with generic rights for what they mean.
    pub fn specific(self, asked: DWORD) -> DWORD {
        if asked & (GENERIC_ALL | MAXIMUM_ALLOWED) != 0 {
            return ALL;
        }
        let generic =
            [(GENERIC_READ, self.read), (GENERIC_WRITE, self.write), (GENERIC_EXECUTE, self.execute)];
        let asked_for = |(bit, _): &&(DWORD, DWORD)| asked & bit != 0;
        let meant = generic.iter().filter(asked_for).fold(0, |meant, (_, rights)| meant | rights);
        (asked & (STANDARD_ALL | 0xFFFF)) | meant
    }
}

/// `ACCESS_DENIED` if something is needed that was not granted.
pub fn check(granted: DWORD, needed: DWORD) -> Result<(), Status> {
    if granted & needed == needed { Ok(()) } else { Err(Status::ACCESS_DENIED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_rights_are_those_that_they_mean() {
        let rights = Rights::STATE;
        assert_eq!(rights.specific(GENERIC_READ | GENERIC_WRITE) & (SYNCHRONIZE | 3), 3);
        assert_eq!(rights.specific(GENERIC_EXECUTE) & (SYNCHRONIZE | 3), SYNCHRONIZE);
        assert_eq!((rights.specific(MAXIMUM_ALLOWED), rights.specific(GENERIC_ALL)), (ALL, ALL));
        assert_eq!((rights.specific(0), rights.specific(MODIFY_STATE)), (0, MODIFY_STATE));
        assert_eq!(Rights::MUTEX.specific(GENERIC_WRITE) & 3, 0);
        assert_eq!(rights.specific(ALL), ALL);
    }

    #[test]
    fn what_was_not_granted_is_denied() {
        assert_eq!((check(SYNCHRONIZE, SYNCHRONIZE), check(0, 0)), (Ok(()), Ok(())));
        assert_eq!(check(QUERY_STATE, MODIFY_STATE), Err(Status::ACCESS_DENIED));
        assert_eq!(check(SYNCHRONIZE, SYNCHRONIZE | MODIFY_STATE), Err(Status::ACCESS_DENIED));
    }
}
