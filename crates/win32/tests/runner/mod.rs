//! Building C and C++ sources against the library that was just built, and for Windows; running what came of it.
//!
//! Everything made stands in the target folder. A program is built again when its source, a header or the library is
//! newer than it is.

#![allow(dead_code, reason = "each test target uses its own part")]

pub mod server;
pub mod wine;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// What a build or a run ends with; the error is what the reader of a failed test needs.
pub type Outcome<T> = Result<T, String>;

/// Which system a program is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Linux, with our headers and our library.
    Ours,
    /// Windows, which Wine runs.
    Wine,
}

/// The folder of the crate.
pub fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder for what is made here.
pub fn made_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("win32")
}

/// Where cargo has put the library for this test: beside the test itself.
pub fn library_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a program knows its own path");
    test.parent().expect("a program is in a folder").to_path_buf()
}

/// Whether a program can be started by its name.
pub fn on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// The compiler for a source, by its ending.
fn compiler(source: &Path, side: Side) -> &'static str {
    let plus = source.extension() == Some(OsStr::new("cpp"));
    match (side, plus) {
        (Side::Ours, false) => "cc",
        (Side::Ours, true) => "c++",
        (Side::Wine, false) => "x86_64-w64-mingw32-gcc",
        (Side::Wine, true) => "x86_64-w64-mingw32-g++",
    }
}

/// Builds `source` unless a program that is new enough is there. `flags` come before the source.
pub fn build(source: &Path, side: Side, flags: &[&str]) -> Outcome<PathBuf> {
    let (folder, ending) = match side {
        Side::Ours => ("ours", ""),
        Side::Wine => ("wine", ".exe"),
    };
    let folder = made_folder().join(folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = source.file_stem().expect("a source has a name").to_string_lossy();
    let program = folder.join(format!("{name}{ending}"));
    if modified(&program).is_some_and(|built| newest_part(source, side) < Some(built)) {
        return Ok(program);
    }
    // Another process may be building or running the same program: the finished one takes its place at once.
    let unfinished = folder.join(format!("{name}.{}{ending}", std::process::id()));
    let mut command = Command::new(compiler(source, side));
    let standard = if source.extension() == Some(OsStr::new("cpp")) { "-std=c++17" } else { "-std=gnu11" };
    command.args([standard, "-Wall", "-Wextra", "-Werror", "-g", "-O1"]).args(flags);
    if side == Side::Ours {
        command.arg("-I").arg(crate_folder().join("include"));
    } else {
        command.arg("-D__USE_MINGW_ANSI_STDIO=1");
    }
    command.arg(source).arg("-o").arg(&unfinished);
    link(&mut command, side);
    let ran = run(&mut command, Duration::from_secs(120))?;
    if !ran.status.success() {
        return Err(format!("{command:?} ended with {}:\n{}{}", ran.status, ran.stdout, ran.stderr));
    }
    fs::rename(&unfinished, &program).map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(program)
}

fn link(command: &mut Command, side: Side) {
    match side {
        Side::Ours => {
            let library = library_folder();
            command.arg("-pthread").arg("-L").arg(&library).arg("-lproactor_win32");
            command.arg(format!("-Wl,-rpath,{}", library.display()));
        }
        Side::Wine => {
            command.args(["-static", "-lws2_32", "-lmswsock", "-lsynchronization", "-lntdll"]);
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// When the last of what a program is built from was changed.
fn newest_part(source: &Path, side: Side) -> Option<SystemTime> {
    let mut parts = vec![source.to_path_buf()];
    let mut folders = vec![source.parent().expect("a source is in a folder").to_path_buf()];
    if side == Side::Ours {
        parts.push(library_folder().join("libproactor_win32.so"));
        folders.push(crate_folder().join("include"));
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new("h")) {
                parts.push(path);
            }
        }
    }
    parts.iter().filter_map(|part| modified(part)).max()
}

/// What came of a program.
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end and gives what it wrote, or ends it after `limit`.
///
/// It writes to files: whatever it leaves running (Wine's services do) would keep a pipe open. It has a process group
/// of its own, so that an interrupt it sends to its group stays its own.
pub fn run(command: &mut Command, limit: Duration) -> Outcome<Ran> {
    use std::os::unix::process::CommandExt;

    let scratch = Scratch::new("run");
    let (out, err) = (scratch.path().join("stdout"), scratch.path().join("stderr"));
    let create = |path: &Path| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
    command.stdin(Stdio::null()).stdout(create(&out)?).stderr(create(&err)?).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("{command:?} does not start: {error}"))?;
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break Some(status);
        }
        if started.elapsed() > limit {
            break None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    if status.is_none() {
        end_group(child.id());
        let _ = child.wait();
    }
    let read =
        |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace("\r\n", "\n");
    let (stdout, stderr) = (read(&out), read(&err));
    match status {
        Some(status) => Ok(Ran { status, stdout, stderr }),
        None => Err(format!("{command:?} did not end within {limit:?}; it wrote:\n{stdout}{stderr}")),
    }
}

fn end_group(leader: u32) {
    let Some(group) = i32::try_from(leader).ok().and_then(rustix::process::Pid::from_raw) else { return };
    // It may have ended meanwhile.
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
}

/// An empty folder, removed with all it holds when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(what: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = made_folder().join(format!("{what}-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
