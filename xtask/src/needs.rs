//! What the tests need beyond Rust: the programs they talk to, and what the kernel lets them have.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::workspace::Outcome;

/// Programs that tests start, each with the Debian package that has it: foreign clients and servers to talk to.
const PROGRAMS: &[(&str, &str)] = &[("curl", "curl"), ("python3", "python3"), ("socat", "socat")];

/// Sees to it that the programs are there: installs what is missing as root on Debian, else says what is to be
/// installed.
pub fn provide_programs() -> Outcome {
    let missing = missing(on_path);
    if missing.is_empty() {
        return Ok(());
    }
    if !(is_root() && Path::new("/etc/debian_version").exists() && on_path("apt-get")) {
        return Err(format!("the tests need programs that are not here; install: {}", missing.join(", ")));
    }
    println!("== installing what the tests need: {}", missing.join(", "));
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(&missing);
    // The lists of a fresh system are empty or old; a system whose lists are good is spared the update.
    if apt_get(&install) || (apt_get(&["update"]) && apt_get(&install)) {
        return Ok(());
    }
    Err(format!("apt-get could not install {}", missing.join(", ")))
}

fn missing(there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    PROGRAMS.iter().filter(|(program, _)| !there(program)).map(|(_, package)| *package).collect()
}

fn on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn apt_get(arguments: &[&str]) -> bool {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Sets up a ring of one entry and prints the error's name if there is one.
///
/// 425 is `io_uring_setup` on every architecture that Rust's Linux targets have; the 120 bytes are its parameters.
/// A seccomp profile shows only here: the sysctl says nothing of it.
const RING_PROBE: &str = "
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
ring = libc.syscall(425, 1, ctypes.create_string_buffer(120))
print('' if ring >= 0 else errno.errorcode[ctypes.get_errno()])
";

/// Why io_uring is not to be had, if it is not.
pub fn io_uring_refused() -> Option<String> {
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    if disabled.trim() == "2" {
        return Some("kernel.io_uring_disabled is 2".into());
    }
    // If the probe cannot run, the tests themselves are the better judge.
    let probe = Command::new("python3").args(["-c", RING_PROBE]).stderr(Stdio::null()).output().ok()?;
    let error = String::from_utf8_lossy(&probe.stdout).trim().to_owned();
    (!error.is_empty()).then(|| format!("io_uring_setup is refused with {error}"))
}

/// A command whose children may open as many files as the system lets them: tests with thousands of connections do.
pub fn with_all_files(command: &Command) -> Command {
    let mut raised = Command::new("sh");
    raised.args(["-c", "ulimit -S -n \"$(ulimit -H -n)\" 2>/dev/null || :; exec \"$@\"", "sh"]);
    raised.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        raised.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => raised.env(name, value),
            None => raised.env_remove(name),
        };
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_named() {
        assert_eq!(missing(|_| true), [""; 0]);
        assert_eq!(missing(|program| program == "python3"), ["curl", "socat"]);
        assert_eq!(missing(|_| false), ["curl", "python3", "socat"]);
    }

    #[test]
    fn the_soft_limit_of_files_is_raised_to_the_hard_one() {
        let mut inner = Command::new("sh");
        inner.args(["-c", "test \"$(ulimit -S -n)\" = \"$(ulimit -H -n)\" && test \"$GIVEN\" = 1 && pwd"]);
        inner.env("GIVEN", "1").current_dir("/");
        let raised = with_all_files(&inner);
        let mut low = Command::new("sh");
        low.args(["-c", "ulimit -S -n 64; exec \"$@\"", "sh"])
            .arg(raised.get_program())
            .args(raised.get_args());
        let output = low.env("GIVEN", "1").current_dir("/").output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, b"/\n");
    }
}
