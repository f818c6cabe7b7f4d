//! `cargo xtask test`: all tests, then the library's again with each way to serve files forced.
//!
//! A pass in which no test ran counts as failed: nothing was shown by it.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use serde_json::Value;

use crate::needs::{io_uring_refused, provide_programs, with_all_files};
use crate::tally::{Tally, relay};
use crate::watch::{Pulse, watch};
use crate::workspace::{Outcome, cargo, metadata};

/// Run the tests.
///
/// First sees to the programs that the tests talk to (as root on Debian they are installed, elsewhere you are told
/// what to install). Then runs every test of the workspace, examples in the documentation included, and after that
/// the tests of the library that serve files, by threads and by io_uring. A kernel that refuses io_uring
/// is no failure: that pass is skipped and said to be. The count of all passes ends the output and is left in
/// target/test-count.
#[derive(Parser)]
pub struct Args {
    /// One pass, without the examples in the documentation and without the searches through schedules (the test
    /// binaries `seats_*`): what you run while you work.
    #[arg(long, conflicts_with = "backend")]
    quick: bool,
    /// Which passes to run.
    #[arg(long, value_enum, default_value_t = Backend::All)]
    backend: Backend,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Backend {
    /// The whole workspace, each machine's own choice of how to serve files.
    Auto,
    /// The library with its files served by io_uring; it fails where there is none.
    #[value(name = "io_uring")]
    IoUring,
    /// The library with its files served by threads.
    Threads,
    /// All of these, io_uring only where the kernel lets us.
    All,
}

/// The variable by which the library is told how to serve files.
const VARIABLE: &str = "PROACTOR_BACKEND";

/// Test binaries with these beginnings search schedules, for seconds each.
const SEARCHES: &[&str] = &["seats_", "locks_", "object_loom", "object_shuttle"];

/// Test binaries with these beginnings have no part in how files are served.
const WITHOUT_FILES: &[&str] = &[
    "accept",
    "apc",
    "attempt",
    "connect",
    "diagnose_",
    "disconnect",
    "named_",
    "network_",
    "object_",
    "pool_",
    "port_",
    "raw",
    "status",
    "sync_",
];

/// One call of `cargo test`.
#[derive(Debug, PartialEq)]
struct Pass {
    name: &'static str,
    backend: Option<&'static str>,
    arguments: Vec<String>,
}

/// How a pass ended.
struct Row {
    name: &'static str,
    result: String,
    tally: Tally,
    time: Duration,
    failed: bool,
}

pub fn run(args: &Args) -> Outcome {
    provide_programs()?;
    let metadata = metadata(&["--no-deps"])?;
    let counted = Path::new(metadata["target_directory"].as_str().unwrap_or("target")).join("test-count");
    // A count of an earlier run must not be taken for this one's.
    if let Err(error) = fs::remove_file(&counted)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(format!("{}: {error}", counted.display()));
    }

    let passes = passes(args, &metadata);
    let started = Instant::now();
    let mut rows = Vec::new();
    for (index, pass) in passes.iter().enumerate() {
        println!(
            "== pass {} of {}: {}, {} after the start",
            index + 1,
            passes.len(),
            pass.name,
            seconds(started.elapsed())
        );
        let refused = if pass.backend == Some("io_uring") { io_uring_refused() } else { None };
        let row = match refused {
            Some(why) if args.backend != Backend::IoUring => skipped(pass, &why),
            _ => run_pass(pass),
        };
        rows.push(row);
    }
    finish(&rows, started.elapsed(), &counted)
}

fn passes(args: &Args, metadata: &Value) -> Vec<Pass> {
    let whole = Pass { name: "workspace", backend: None, arguments: texts(&["--workspace"]) };
    if args.quick {
        let mut arguments = texts(&["--workspace", "--lib", "--bins"]);
        arguments.extend(test_binaries(metadata, None, &[SEARCHES]));
        return vec![Pass { name: "quick", backend: None, arguments }];
    }
    let forced = |name, backend| {
        // Naming the package would choose other features for what it shares with the rest, and build that again.
        let mut arguments = texts(&["--workspace", "--lib"]);
        arguments.extend(test_binaries(metadata, Some("proactor"), &[SEARCHES, WITHOUT_FILES]));
        Pass { name, backend: Some(backend), arguments }
    };
    let threads = forced("library on threads", "threads");
    let io_uring = forced("library on io_uring", "io_uring");
    match args.backend {
        Backend::Auto => vec![whole],
        Backend::Threads => vec![threads],
        Backend::IoUring => vec![io_uring],
        Backend::All => vec![whole, threads, io_uring],
    }
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).into()).collect()
}

/// `--test NAME` for each test binary, of one package or of all, but for those with one of some beginnings.
///
/// Those that need a feature are left out: cargo refuses them by name where it passes them by otherwise.
fn test_binaries(metadata: &Value, package: Option<&str>, without: &[&[&str]]) -> Vec<String> {
    let mut names = Vec::new();
    for owner in metadata["packages"].as_array().into_iter().flatten() {
        if package.is_some_and(|wanted| owner["name"] != wanted) {
            continue;
        }
        for target in owner["targets"].as_array().into_iter().flatten() {
            let is_test =
                target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"));
            let name = target["name"].as_str().unwrap_or_default();
            let left_out = without.iter().copied().flatten().any(|beginning| name.starts_with(beginning));
            if is_test && !left_out && target.get("required-features").is_none() {
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    names.into_iter().flat_map(|name| ["--test".to_owned(), name]).collect()
}

fn command(pass: &Pass) -> Command {
    let mut command = cargo(&["test", "--locked", "--no-fail-fast"]);
    command.args(&pass.arguments);
    match pass.backend {
        Some(backend) => command.env(VARIABLE, backend),
        None => command.env_remove(VARIABLE),
    };
    let mut command = with_all_files(&command);
    command.stdout(Stdio::piped());
    command
}

fn run_pass(pass: &Pass) -> Row {
    let started = Instant::now();
    let (tally, result) = match spawn(pass) {
        Ok((tally, true)) if tally.failed == 0 && tally.passed > 0 => (tally, Ok(())),
        Ok((tally, true)) if tally.failed == 0 => (tally, Err("failed: no test ran".to_owned())),
        Ok((tally, _)) => (tally, Err("failed".to_owned())),
        Err(error) => (Tally::default(), Err(format!("failed: {error}"))),
    };
    let failed = result.is_err();
    let result = result.err().unwrap_or_else(|| "ok".into());
    Row { name: pass.name, result, tally, time: started.elapsed(), failed }
}

fn spawn(pass: &Pass) -> io::Result<(Tally, bool)> {
    let mut child = command(pass).spawn()?;
    let (pid, output) = (child.id(), child.stdout.take());
    let pulse = Pulse::default();
    let (running, over) = channel();
    std::thread::scope(|scope| {
        let pulse = &pulse;
        scope.spawn(move || watch(pid, pulse, &over));
        let tally = match output {
            Some(output) => relay(output, io::stdout().lock(), || pulse.beat()),
            None => Ok(Tally::default()),
        };
        let status = child.wait();
        drop::<Sender<()>>(running);
        Ok((tally?, status?.success()))
    })
}

fn skipped(pass: &Pass, why: &str) -> Row {
    println!("skipped: {why}");
    let result = format!("skipped: {why}");
    Row { name: pass.name, result, tally: Tally::default(), time: Duration::ZERO, failed: false }
}

/// Prints the table and the closing line, and leaves the count for whoever runs us.
fn finish(rows: &[Row], time: Duration, counted: &Path) -> Outcome {
    let mut total = Tally::default();
    println!("\n{:<22} {:>7} {:>7} {:>7} {:>9}  result", "pass", "passed", "failed", "ignored", "time");
    for Row { name, result, tally, time, .. } in rows {
        let Tally { passed, failed, ignored } = tally;
        println!("{name:<22} {passed:>7} {failed:>7} {ignored:>7} {:>9}  {result}", seconds(*time));
        total += *tally;
    }
    println!("all in {}", seconds(time));
    let failed: Vec<&str> = rows.iter().filter(|row| row.failed).map(|row| row.name).collect();
    println!("{total}");
    if !failed.is_empty() {
        return Err(format!("test: failed: {}", failed.join(", ")));
    }
    fs::write(counted, format!("{total}\n")).map_err(|error| format!("{}: {error}", counted.display()))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn packages() -> Value {
        json!({ "packages": [
            { "name": "proactor", "targets": [
                { "name": "proactor", "kind": ["lib"] },
                { "name": "port", "kind": ["test"] },
                { "name": "port_close", "kind": ["test"] },
                { "name": "seats_loom", "kind": ["test"] },
                { "name": "traced", "kind": ["test"], "required-features": ["tracing"] },
                { "name": "echo", "kind": ["example"] },
            ] },
            { "name": "proactor-cli", "targets": [
                { "name": "lab", "kind": ["test"] },
                { "name": "port", "kind": ["test"] },
            ] },
        ] })
    }

    fn names(args: &Args) -> Vec<(&'static str, Option<&'static str>)> {
        passes(args, &packages()).iter().map(|pass| (pass.name, pass.backend)).collect()
    }

    #[test]
    fn forced_passes_leave_out_what_serves_no_files() {
        let passes = passes(&Args { quick: false, backend: Backend::Threads }, &packages());
        assert_eq!(passes[0].arguments, ["--workspace", "--lib", "--test", "port"]);
        assert_eq!(passes[0].backend, Some("threads"));
    }

    #[test]
    fn quick_is_one_pass_over_all_packages() {
        let passes = passes(&Args { quick: true, backend: Backend::All }, &packages());
        assert_eq!(passes.len(), 1);
        assert_eq!(
            passes[0].arguments,
            ["--workspace", "--lib", "--bins", "--test", "lab", "--test", "port", "--test", "port_close"]
        );
    }

    #[test]
    fn all_is_the_workspace_and_each_backend() {
        let seen = names(&Args { quick: false, backend: Backend::All });
        let wanted = [
            ("workspace", None),
            ("library on threads", Some("threads")),
            ("library on io_uring", Some("io_uring")),
        ];
        assert_eq!(seen, wanted);
        assert_eq!(names(&Args { quick: false, backend: Backend::Auto }), wanted[..1]);
        assert_eq!(names(&Args { quick: false, backend: Backend::IoUring }), wanted[2..]);
    }

    #[test]
    fn a_pass_sets_or_clears_the_variable() {
        let value = |backend| {
            let pass = Pass { name: "a", backend, arguments: vec![] };
            let command = command(&pass);
            let all: Vec<_> = command.get_envs().collect();
            let (_, value) = all.into_iter().find(|(name, _)| *name == VARIABLE).unwrap();
            value.map(|value| value.to_string_lossy().into_owned())
        };
        assert_eq!(value(Some("threads")).as_deref(), Some("threads"));
        assert_eq!(value(None), None);
    }

    #[test]
    fn the_run_fails_when_a_pass_failed_and_names_it() {
        let row = |name, failed| Row {
            name,
            result: String::new(),
            tally: Tally { passed: 2, failed: 0, ignored: 0 },
            time: Duration::ZERO,
            failed,
        };
        let counted = std::env::temp_dir().join(format!("xtask-test-count-{}", std::process::id()));
        let error = finish(&[row("a", false), row("b", true)], Duration::ZERO, &counted).unwrap_err();
        assert!(error.contains('b') && !counted.exists());
        finish(&[row("a", false), row("b", false)], Duration::ZERO, &counted).unwrap();
        assert_eq!(fs::read_to_string(&counted).unwrap(), "4 passed, 0 failed\n");
        fs::remove_file(&counted).unwrap();
    }
}
