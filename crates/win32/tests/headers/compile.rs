//! Compilers asked about a C source: does it compile, which of its questions do not, and what are the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What all headers together are included by; Windows' own have these too.
pub const INCLUDES: &str = "#define WIN32_NO_STATUS\n#include <winsock2.h>\n#include <ws2tcpip.h>\n\
    #include <mswsock.h>\n#include <mstcpip.h>\n#include <windows.h>\n#include <wct.h>\n#include <winternl.h>\n\
    #include <process.h>\n#undef WIN32_NO_STATUS\n#include <ntstatus.h>\n";

/// A compiler and what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// gcc or clang for Linux, with our headers.
    Ours(&'static str, &'static str),
    /// Debian's compiler for Windows, with its headers.
    Mingw(&'static str, &'static str),
}

/// C and C++, gcc and clang, against our headers.
pub const OURS: [Compiler; 4] = [
    Compiler::Ours("gcc", "-std=c11"),
    Compiler::Ours("clang", "-std=c11"),
    Compiler::Ours("g++", "-std=c++17"),
    Compiler::Ours("clang++", "-std=c++17"),
];

pub const MINGW: Compiler = Compiler::Mingw("x86_64-w64-mingw32-gcc", "-std=gnu11");

pub fn include_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// A new folder for what is made here; two tests may make files of one name.
pub fn made_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = format!("headers/{}-{number}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

impl Compiler {
    fn command(self, flags: &[&str]) -> Command {
        let (program, standard) = match self {
            Self::Ours(program, standard) | Self::Mingw(program, standard) => (program, standard),
        };
        let mut command = Command::new(program);
        command.args([standard, "-Wall", "-Wextra", "-Wno-unknown-pragmas"]).args(flags);
        match self {
            Self::Ours(..) => command.arg("-I").arg(include_folder()),
            Self::Mingw(..) => command.args(["-D_WIN32_WINNT=0x0A00", "-Wno-attributes"]),
        };
        if program.ends_with("++") {
            command.args(["-x", "c++"])
        } else {
            command.args(["-x", "c"])
        };
        command
    }

    /// Compiles `source` to assembler; nothing is kept.
    fn compile(self, source: &str, flags: &[&str]) -> Output {
        let folder = made_folder();
        let file = folder.join("source.c");
        fs::write(&file, source).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut command = self.command(flags);
        command.args(["-S", "-o", "-"]).arg(&file);
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        fs::remove_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        output
    }

    /// What is wrong with `source`, in the compiler's words. Warnings count if `flags` have -Werror.
    pub fn refuses(self, source: &str, flags: &[&str]) -> Option<String> {
        let output = self.compile(source, flags);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success()).then(|| format!("{self:?} {flags:?}: {said}"))
    }

    /// What a source becomes before compilation.
    pub fn preprocessed(self, source: &str) -> String {
        let mut command = self.command(&[]);
        command.args(["-E", "-P", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut input = child.stdin.take().expect("there is a pipe");
        input.write_all(source.as_bytes()).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        drop(input);
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?} ended with {}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Builds a program of one source and runs it with `input`; says what went wrong.
    pub fn fails(self, source: &Path, flags: &[&str], input: &str) -> Option<String> {
        let folder = made_folder();
        let program = folder.join("program");
        let mut command = self.command(flags);
        let output = command.arg("-Werror").arg(source).arg("-o").arg(&program).output();
        let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        if !output.status.success() {
            return Some(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        // A file is there from the start; a pipe would be a race.
        let file = folder.join("input");
        fs::write(&file, input).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let file = fs::File::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let output = Command::new(&program).stdin(file).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        fs::remove_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (!output.status.success()).then(|| format!("{self:?} {flags:?}: {}, {said}", output.status))
    }

    /// The value of each expression that is an integer constant for this compiler, as 64 bits.
    pub fn values(self, expressions: &BTreeSet<String>) -> BTreeMap<String, u64> {
        let expressions: Vec<&String> = expressions.iter().collect();
        let mut asked: Vec<usize> = (0..expressions.len()).collect();
        loop {
            let mut source = INCLUDES.to_owned();
            for &at in &asked {
                let expression = expressions[at];
                source += &format!(
                    "#line {} \"question\"\n_Static_assert(((unsigned long long)({expression}) | 1) != 0, \"\"); \
                     const unsigned long long question_{at} = (unsigned long long)({expression});\n",
                    at + 1,
                );
            }
            let output = self.compile(&source, &["-w"]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let refused = refused(&said);
            if refused.is_empty() {
                assert!(output.status.success(), "{said}");
                let answers = answers(&String::from_utf8_lossy(&output.stdout));
                return answers.into_iter().map(|(at, value)| (expressions[at].clone(), value)).collect();
            }
            asked.retain(|at| !refused.contains(at));
        }
    }
}

/// The numbers of the questions in which a compiler found errors.
fn refused(said: &str) -> BTreeSet<usize> {
    let errors = said.lines().filter(|line| line.contains("error"));
    let line_of = |line: &str| line.strip_prefix("question:")?.split(':').next()?.parse::<usize>().ok();
    errors.filter_map(|line| line_of(line)?.checked_sub(1)).collect()
}

/// `question_N:` followed by `.quad value` or `.zero 8`, in assembler.
fn answers(assembler: &str) -> Vec<(usize, u64)> {
    let mut found = Vec::new();
    let mut current = None;
    for line in assembler.lines() {
        if let Some(label) = line.strip_prefix("question_").and_then(|rest| rest.strip_suffix(':')) {
            current = label.parse().ok();
        } else if let Some(at) = current {
            let mut words = line.split_whitespace();
            let value = match (words.next(), words.next()) {
                (Some(".quad"), Some(value)) => value.parse::<i128>().ok().map(|value| value as u64),
                (Some(".zero" | ".space"), Some(_)) => Some(0),
                _ => None,
            };
            if let Some(value) = value {
                found.push((at, value));
                current = None;
            }
        }
    }
    found
}
