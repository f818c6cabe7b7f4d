//! Wine, with a prefix of its own in the target folder.
//!
//! Where Wine or the compiler for Windows is missing, what needs them is passed by and said to be, unless
//! `PROACTOR_WINE=1` demands it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::{Outcome, made_folder, on_path, run};

/// What Wine needs; each is looked for on the path.
const PROGRAMS: &[&str] = &["wine", "wineboot", "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-g++"];

/// Why nothing can be run under Wine here; none if it can.
///
/// # Panics
///
/// When `PROACTOR_WINE=1` says that it has to be.
pub fn missing() -> Option<String> {
    let missing: Vec<&str> = PROGRAMS.iter().copied().filter(|program| !on_path(program)).collect();
    if missing.is_empty() {
        return None;
    }
    let why = format!("not here: {}", missing.join(", "));
    assert!(!demanded(), "PROACTOR_WINE=1, but {why}");
    Some(why)
}

/// Whether nothing may be passed by for want of a program.
pub fn demanded() -> bool {
    std::env::var_os("PROACTOR_WINE").is_some_and(|value| value == "1")
}

/// A call of a program for Windows; the prefix is made when the first comes.
pub fn command(program: &Path) -> Outcome<Command> {
    static READY: OnceLock<Outcome<()>> = OnceLock::new();
    READY.get_or_init(prepare).clone()?;
    let mut command = in_prefix("wine");
    command.arg(program);
    Ok(command)
}

fn in_prefix(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("WINEPREFIX", made_folder().join("prefix")).env("WINEDEBUG", "-all").env("WINEARCH", "win64");
    // Neither .NET, HTML nor menus: each would ask for a download or a display.
    command.env("WINEDLLOVERRIDES", "mscoree,mshtml=;winemenubuilder.exe=d").env_remove("DISPLAY");
    command
}

/// Makes the prefix, once for all processes that use the target folder.
fn prepare() -> Outcome<()> {
    let folder = made_folder();
    let say = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(say)?;
    let lock = File::create(folder.join("prefix-lock")).map_err(say)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| say(error.into()))?;
    let ready = folder.join("prefix-ready");
    if ready.exists() {
        return Ok(());
    }
    // What an interrupted run left is of no use.
    let _ = fs::remove_dir_all(folder.join("prefix"));
    let ran = run(in_prefix("wineboot").arg("-i"), Duration::from_secs(240))?;
    if !ran.status.success() {
        return Err(format!("wineboot ended with {}:\n{}{}", ran.status, ran.stdout, ran.stderr));
    }
    fs::write(&ready, "").map_err(say)
}
