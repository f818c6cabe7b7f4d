//! Who holds something in shared memory, in one word: a thread's kernel id, and when it started.
//!
//! The kernel uses ids again, so the id alone would let a stranger pass for the dead holder. Id and start time (of
//! `/proc/TID/stat`, in ticks of 10 ms) together are never the same twice: an id comes back only after all others.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::status::{Result, Status};
use crate::sync::thread::kernel_id;

/// The lower half holds the id and, in its top bit, whatever the owner of the word has to note beside it.
pub(crate) const NOTE: u64 = 1 << 31;
const ID: u64 = NOTE - 1;
/// The kernel gives no higher ids (`PID_MAX_LIMIT`).
const HIGHEST_ID: u64 = 1 << 22;

/// A thread of some process. Never nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder(u64);

impl Holder {
    /// This thread. One load, after the first time.
    ///
    /// # Errors
    /// [`Status::NOT_SUPPORTED`] where `/proc` is not mounted; what opening a file fails with.
    pub(crate) fn me() -> Result<Holder> {
        thread_local!(static ME: Cell<u64> = const { Cell::new(0) });
        match ME.with(Cell::get) {
            0 => {
                let id = kernel_id();
                let stat = Stat::of(id.unsigned_abs()).map_err(|errno| match errno {
                    Errno::NOENT => Status::NOT_SUPPORTED,
                    errno => Status::from_errno(errno.raw_os_error()),
                })?;
                let me = u64::from(id.unsigned_abs()) & ID | stat.started << 32;
                ME.with(|cell| cell.set(me));
                Ok(Holder(me))
            }
            me => Ok(Holder(me)),
        }
    }

    /// The holder that a word names; none if its id is that of nobody.
    pub(crate) fn of(word: u64) -> Option<Holder> {
        (word & ID != 0).then_some(Holder(word & !NOTE))
    }

    /// As `of` wants it.
    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// The kernel's id of the thread.
    pub(crate) fn thread(self) -> u32 {
        (self.0 & ID) as u32
    }

    /// Whether the thread is still there. Costs a few microseconds. When in doubt, as without a descriptor to look
    /// with, it is.
    pub(crate) fn lives(self) -> bool {
        if self.0 & ID > HIGHEST_ID {
            return false;
        }
        match Stat::of(self.thread()) {
            Ok(stat) => !stat.ended && stat.started == self.0 >> 32,
            // Either it is gone, or `/proc` hides it from us.
            Err(Errno::NOENT | Errno::SRCH) => {
                let id = Pid::from_raw(self.thread().cast_signed());
                id.is_some_and(|id| test_kill_process(id) != Err(Errno::SRCH))
            }
            Err(_) => true,
        }
    }

    /// The process that the thread belongs to, if it is still there.
    pub(crate) fn process(self) -> Option<u32> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.thread())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
    }
}

/// What of `/proc/TID/stat` matters here.
#[derive(Debug, PartialEq)]
struct Stat {
    ended: bool,
    /// The lower 32 bits of the start time.
    started: u64,
}

impl Stat {
    fn of(id: u32) -> std::result::Result<Stat, Errno> {
        let mut path = Path::default();
        // Ten digits always fit.
        let _ = write!(path, "/proc/{id}/stat");
        let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
        let mut line = [0; 1024];
        let read = File::open(path.as_str()).and_then(|mut file| file.read(&mut line)).map_err(errno)?;
        Stat::parse(&line[..read]).ok_or(Errno::SRCH)
    }

    /// `TID (name) S ...`, the start time being the 22nd field; the name may itself have parentheses and spaces.
    fn parse(line: &[u8]) -> Option<Stat> {
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let mut fields = std::str::from_utf8(line.get(end + 2..)?).ok()?.split(' ');
        let ended = matches!(fields.next()?, "Z" | "X" | "x");
        let started: u64 = fields.nth(18)?.parse().ok()?;
        Some(Stat { ended, started: started & u64::from(u32::MAX) })
    }
}

/// A short path, without allocation: this is asked in waits.
#[derive(Default)]
struct Path {
    bytes: [u8; 32],
    len: usize,
}

impl Path {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl std::fmt::Write for Path {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let rest = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(std::fmt::Error)?;
        rest.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_lives_and_one_that_has_ended_does_not() {
        let me = Holder::me().unwrap();
        assert!(me.lives());
        assert_eq!(me.process(), Some(std::process::id()));
        let other = std::thread::spawn(|| Holder::me().unwrap()).join().unwrap();
        assert_ne!(me, other);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        // `join` returns a little before the kernel has taken the thread off its list.
        while other.lives() {
            assert!(std::time::Instant::now() < deadline, "the thread never ended");
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_started_at_another_time_is_somebody_else() {
        let me = Holder::me().unwrap();
        assert!(!Holder::of(me.word() ^ 1 << 32).unwrap().lives());
        assert!(Holder::of(me.word() | NOTE).unwrap() == me);
        assert_eq!(Holder::of(NOTE | 7 << 40), None);
        assert!(!Holder::of(u64::MAX).unwrap().lives());
    }

    #[test]
    fn the_start_is_found_behind_any_name() {
        let line = b"7 (a) b) S) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4294967297 20";
        assert_eq!(Stat::parse(line), Some(Stat { ended: false, started: 1 }));
        let line = b"7 (x) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99 20";
        assert_eq!(Stat::parse(line), Some(Stat { ended: true, started: 99 }));
        assert_eq!(Stat::parse(b"7 (x) S 1 2"), None);
        assert_eq!(Stat::parse(b""), None);
    }
}
