//! A test that hangs is ended, not waited for: a run says what hung, and where its threads were.
//!
//! A harness names the test that has been running for long; what it can't do is end it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long a pass may print nothing once its tests have begun. The longest single test takes a fifth of it on two
/// busy processors.
const SILENCE: Duration = Duration::from_secs(360);

/// When a pass last printed something; nothing until its tests begin, since a build may take long and is silent.
#[derive(Default)]
pub struct Pulse(Mutex<Option<Instant>>);

impl Pulse {
    /// Something was printed just now.
    pub fn beat(&self) {
        *self.0.lock().expect("nothing panics while it is held") = Some(Instant::now());
    }

    /// How much longer it may stay silent.
    fn left(&self) -> Duration {
        match *self.0.lock().expect("nothing panics while it is held") {
            Some(last) => SILENCE.saturating_sub(last.elapsed()),
            None => SILENCE,
        }
    }
}

/// Kills what runs below process `parent` whenever it has been silent for too long, until `over` is closed. The
/// tests after the one that hung still run, and the pass fails.
pub fn watch(parent: u32, pulse: &Pulse, over: &Receiver<()>) {
    while over.recv_timeout(pulse.left().max(Duration::from_secs(1))) == Err(RecvTimeoutError::Timeout) {
        if !pulse.left().is_zero() {
            continue;
        }
        eprintln!("test: nothing was printed for {} s; this hangs and is killed:", SILENCE.as_secs());
        for process in below(parent) {
            eprint!("{}", describe(process));
            // It may have ended by itself meanwhile.
            let _ = Command::new("kill").args(["-9", &process.to_string()]).status();
        }
        pulse.beat();
    }
}

/// The processes below `parent`, those that were started by a shell of cargo's included; cargo itself is spared.
fn below(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut parents = vec![parent];
    while let Some(parent) = parents.pop() {
        let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
                found.push(child);
                parents.push(child);
            }
        }
    }
    found
}

/// The command of a process and what each of its threads does, as far as the kernel tells.
fn describe(process: u32) -> String {
    let folder = format!("/proc/{process}");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let command = read(&Path::new(&folder).join("cmdline")).replace('\0', " ");
    let mut text = format!("  process {process}: {command}\n");
    for thread in fs::read_dir(format!("{folder}/task")).into_iter().flatten().flatten() {
        let line = |file: &str| read(&thread.path().join(file)).trim().to_owned();
        let (name, place, call) = (line("comm"), line("wchan"), line("syscall"));
        text += &format!("    thread {}: {name}: in {place}, call {call}\n", thread.file_name().display());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_was_started_below_is_found_and_described() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(below(std::process::id()).contains(&child.id()));
        assert!(describe(child.id()).contains("thread"));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!below(std::process::id()).contains(&child.id()));
    }
}
