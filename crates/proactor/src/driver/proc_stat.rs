//! Whether a thread of this process runs, or is blocked: the state letter in `/proc/self/task/TID/stat`.
//!
//! A thread that is runnable but has no processor is `R` there as well, which its processor clock could not
//! tell from one that sleeps. One read of the open file costs about 3 us.

use std::fs::File;
use std::os::unix::fs::FileExt;

pub(crate) struct ThreadStat(File);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadState {
    /// Running, or ready to run.
    Runs,
    /// Asleep, in an uninterruptible wait, or stopped.
    Blocked,
    /// No longer there.
    Gone,
}

impl ThreadStat {
    pub(crate) fn open(kernel_id: i32) -> std::io::Result<ThreadStat> {
        File::open(format!("/proc/self/task/{kernel_id}/stat")).map(ThreadStat)
    }

    pub(crate) fn state(&self) -> ThreadState {
        // The name in parentheses is at most 15 bytes and the number at most 10: the letter is well within.
        let mut line = [0; 64];
        match self.0.read_at(&mut line, 0) {
            Ok(len) => parse(&line[..len]),
            Err(_) => ThreadState::Gone,
        }
    }
}

/// The kernel's ids of this process's threads.
pub(crate) fn threads() -> Vec<i32> {
    let Ok(folder) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// A thread's name as the kernel has it, and its state; `None` when it is not there.
pub(crate) fn look(kernel_id: i32) -> Option<(String, ThreadState)> {
    let line = std::fs::read(format!("/proc/self/task/{kernel_id}/stat")).ok()?;
    let state = parse(&line);
    let begin = line.iter().position(|byte| *byte == b'(')? + 1;
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let name = String::from_utf8_lossy(line.get(begin..end)?).into_owned();
    (state != ThreadState::Gone).then_some((name, state))
}

/// `TID (name) S ...`; the name may itself have parentheses and spaces.
fn parse(line: &[u8]) -> ThreadState {
    let Some(end) = line.iter().rposition(|byte| *byte == b')') else { return ThreadState::Gone };
    match line.get(end + 2) {
        Some(b'R') => ThreadState::Runs,
        Some(b'X' | b'Z') | None => ThreadState::Gone,
        Some(_) => ThreadState::Blocked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_is_found_behind_any_name() {
        assert_eq!(parse(b"12 (a) R 1"), ThreadState::Runs);
        assert_eq!(parse(b"12 (a) b) (R) S 1"), ThreadState::Blocked);
        assert_eq!(parse(b"12 (x) D 1"), ThreadState::Blocked);
        assert_eq!(parse(b"12 (x) Z 1"), ThreadState::Gone);
        assert_eq!(parse(b""), ThreadState::Gone);
    }

    #[test]
    fn a_look_gives_this_thread_and_no_dead_one() {
        let named = std::thread::Builder::new().name("a) look (".into());
        let looked = named.spawn(|| {
            let mine = crate::sync::thread::kernel_id();
            assert!(threads().contains(&mine));
            (mine, look(mine))
        });
        let (id, looked) = looked.unwrap().join().unwrap();
        assert_eq!(looked, Some(("a) look (".into(), ThreadState::Runs)));
        while look(id).is_some() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn this_thread_runs_and_a_sleeper_is_blocked() {
        let mine = ThreadStat::open(crate::sync::thread::kernel_id()).unwrap();
        assert_eq!(mine.state(), ThreadState::Runs);
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let sleeper = std::thread::spawn(move || {
            tell.send(crate::sync::thread::kernel_id()).unwrap();
            let _ = ended.recv();
        });
        let stat = ThreadStat::open(told.recv().unwrap()).unwrap();
        while stat.state() != ThreadState::Blocked {
            std::thread::yield_now();
        }
        drop(end);
        sleeper.join().unwrap();
        while stat.state() != ThreadState::Gone {
            std::thread::yield_now();
        }
    }
}
