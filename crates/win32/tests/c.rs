//! The conformance programs: every `tests/c/g*.c`, each function of it a test of its own here, and each program once
//! more as a program for Windows under Wine.
//!
//! A test passes when its program, asked for it alone, says so and ends well. Under Wine each test of a program has to
//! pass too, or to say why Wine can't judge: the second opinion is about the test.

mod runner;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use runner::{Outcome, Scratch, Side, build, run, wine};

/// How long one test may take; each is meant to take less than a second.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for source in sources() {
        let program = Arc::new(Program::read(source));
        for test in &program.tests {
            let (program, test) = (program.clone(), test.clone());
            let name = format!("{}::{test}", program.name);
            trials.push(Trial::ignorable_test(name, move || program.passes(&test)));
        }
        trials.push(Trial::ignorable_test(format!("{}::agrees_with_wine", program.name), move || {
            program.agrees_with_wine()
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn sources() -> Vec<PathBuf> {
    let folder = runner::crate_folder().join("tests/c");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| is_source(path)).collect();
    found.sort();
    found
}

fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('g') && name.ends_with(".c")
}

/// A source, its tests, and what it is built into when the first of them runs.
struct Program {
    name: String,
    source: PathBuf,
    tests: Vec<String>,
    built: OnceLock<Outcome<PathBuf>>,
    /// Said once: all tests of a program that can't be built fail for the same reason.
    said: AtomicBool,
}

/// What a test said.
enum Said {
    Ok,
    Skipped(String),
}

impl Program {
    fn read(source: PathBuf) -> Self {
        let text =
            std::fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        let tests: Vec<String> = text.lines().filter_map(test_of_line).collect();
        assert!(!tests.is_empty(), "{}: no line begins with TEST(", source.display());
        let name = source.file_stem().expect("a source has a name").to_string_lossy().into_owned();
        Self { name, source, tests, built: OnceLock::new(), said: AtomicBool::new(false) }
    }

    fn passes(&self, test: &str) -> Result<Completion, Failed> {
        let built = self.built.get_or_init(|| build(&self.source, Side::Ours, &[]));
        let program = match built {
            Ok(program) => program,
            Err(_) if self.said.swap(true, Relaxed) => return Err("it can't be built; see the first".into()),
            Err(why) => return Err(why.into()),
        };
        Ok(match ask(Command::new(program), test)? {
            Said::Ok => Completion::Completed,
            Said::Skipped(why) => Completion::ignored_with(why),
        })
    }

    fn agrees_with_wine(&self) -> Result<Completion, Failed> {
        if let Some(why) = wine::missing() {
            return Ok(Completion::ignored_with(why));
        }
        let program = build(&self.source, Side::Wine, &[])?;
        let mut faults = Vec::new();
        for test in &self.tests {
            match ask(wine::command(&program)?, test) {
                Ok(Said::Ok) => {}
                Ok(Said::Skipped(why)) => println!("Wine can't judge {test}: {why}"),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Completion::Completed) } else { Err(faults.join("\n").into()) }
    }
}

/// The name in a line `TEST(name)`.
fn test_of_line(line: &str) -> Option<String> {
    let (name, _) = line.strip_prefix("TEST(")?.split_once(')')?;
    Some(name.to_owned())
}

/// Has a program run one test, in an empty folder.
fn ask(mut program: Command, test: &str) -> Outcome<Said> {
    let folder = Scratch::new(test);
    let ran = run(program.arg(test).current_dir(folder.path()), LIMIT)?;
    let last = ran.stdout.lines().last().unwrap_or_default();
    if ran.status.success() && last == format!("ok {test}") {
        return Ok(Said::Ok);
    }
    match last.strip_prefix(&format!("skipped {test}: ")) {
        Some(why) if ran.status.success() => Ok(Said::Skipped(why.to_owned())),
        _ => Err(format!("{program:?} ended with {}:\n{}{}", ran.status, ran.stdout, ran.stderr)),
    }
}
