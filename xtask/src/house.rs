//! `cargo xtask house`: the rules of style that a program can check.
//!
//! Each rule looks at one file and returns its violations; comments and literals count as code only where a rule says
//! so. What a rule forbids is spelt here in pieces, so that this file keeps the rules too.

use std::path::Path;

use clap::Parser;

use crate::source::{code_only, words};
use crate::workspace::{Outcome, files, read, root, shown};

/// Check the rules of style: length, headers, unsafe fence, layers, leftovers.
///
/// The rules: a source file has at most 700 lines (a warning comes at 500: it is probably two ideas) and starts with
/// a `//!` header; C and C++ have the same limit, and a comment at the start of each program; `unsafe` stands only within its fence; a layer uses only the layers
/// below it; nothing is left undone in code or text. Each violation is printed as `path:line: sentence`.
#[derive(Parser)]
pub struct Args {}

const LINES_WARNED: usize = 500;
const LINES_ALLOWED: usize = 700;

/// The only folders in which `unsafe` may stand.
const FENCE: &[&str] = &[
    "crates/proactor/src/driver/",
    "crates/proactor/src/sync/",
    // Objects with names: memory shared with other processes.
    "crates/proactor/src/object/named/",
    // The memory of requests, which keeps its address and is used again.
    "crates/proactor/src/op/slab.rs",
    // Memory of callers in other languages.
    "crates/proactor/src/raw/",
    // The face for C: all its callers' pointers.
    "crates/win32/",
    // Memory that two processes share, which named objects are measured beside.
    "crates/cli/src/bench/objects/shared_words.rs",
    // A counting allocator, and a child of vfork: not to be had otherwise.
    "crates/proactor/tests/",
    "crates/proactor/benches/",
];

const LIBRARY: &str = "crates/proactor/src/";

/// The layers, lowest first: each may use those before it.
///
/// `status` comes first and `diagnose` last: they stand beside the layers, one used by all and one using all.
const LAYERS: &[&str] =
    &["status", "sync", "driver", "op", "service", "object", "port", "io", "raw", "pool", "diagnose"];

const LEFTOVER_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
const LEFTOVER_CALLS: &[&str] =
    &[concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!(")];

/// A sentence about a line of a file.
#[derive(Debug, PartialEq)]
struct Violation {
    line: usize,
    sentence: String,
}

fn violation(line: usize, sentence: impl Into<String>) -> Violation {
    Violation { line, sentence: sentence.into() }
}

pub fn run(_: &Args) -> Outcome {
    let paths = files(&root(), &["rs", "md", "c", "cpp", "h"])?;
    let mut broken = 0;
    for path in &paths {
        let (name, text) = (shown(path), read(path)?);
        for Violation { line, sentence } in check(&name, &text) {
            broken += 1;
            println!("{name}:{line}: {sentence}");
        }
        let lines = text.lines().count();
        if (is_source(&name) || is_c(&name)) && (LINES_WARNED + 1..=LINES_ALLOWED).contains(&lines) {
            println!("{name}:{lines}: warning: over {LINES_WARNED} lines, which is probably two ideas");
        }
    }
    match broken {
        0 => {
            println!("house: {} files keep the rules", paths.len());
            Ok(())
        }
        1 => Err("house: 1 rule is broken".into()),
        many => Err(format!("house: {many} rules are broken")),
    }
}

fn is_rust(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "rs")
}

/// Whether a file is a part of a library or program, not a test, example or benchmark of one.
fn is_source(name: &str) -> bool {
    is_rust(name) && name.split('/').any(|folder| folder == "src")
}

/// Whether a file is C or C++: what is handed out with the library, and programs of any kind.
fn is_c(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "h") || is_c_program(name)
}

fn is_c_program(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "c" || ending == "cpp")
}

/// Everything wrong with the file `name`, a path from the root of the workspace.
fn check(name: &str, text: &str) -> Vec<Violation> {
    let mut found = leftovers(text);
    if is_rust(name) {
        let code = code_only(text);
        found.extend(fence(name, &code));
        found.extend(layers(name, &code));
    }
    if is_source(name) {
        found.extend(length(text));
        found.extend(header(text));
    }
    if is_c(name) {
        found.extend(length(text));
    }
    if is_c_program(name) && !text.starts_with("/*") && !text.starts_with("//") {
        found.push(violation(1, "no comment says what this program is"));
    }
    found.sort_by_key(|violation| violation.line);
    found
}

fn length(text: &str) -> Option<Violation> {
    let lines = text.lines().count();
    (lines > LINES_ALLOWED).then(|| violation(lines, format!("{lines} lines, {LINES_ALLOWED} are allowed")))
}

/// Attributes of the whole file may come before the header, nothing else.
fn header(text: &str) -> Option<Violation> {
    let mut lines = text.lines().enumerate();
    let first = lines.find(|(_, line)| !line.trim().is_empty() && !line.starts_with("#!["));
    match first {
        Some((_, line)) if line.starts_with("//!") => None,
        Some((index, _)) => Some(violation(index + 1, "no `//!` header says what this file is")),
        None => Some(violation(1, "the file is empty")),
    }
}

fn fence(name: &str, code: &str) -> Vec<Violation> {
    if FENCE.iter().any(|folder| name.starts_with(folder)) {
        return Vec::new();
    }
    let lines = code.lines().enumerate();
    lines
        .filter(|(_, line)| words(line, "unsafe").next().is_some())
        .map(|(index, _)| violation(index + 1, format!("`unsafe` outside of {}", FENCE.join(" and "))))
        .collect()
}

fn leftovers(text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let word = LEFTOVER_WORDS.iter().find(|word| words(line, word).next().is_some());
        let call = LEFTOVER_CALLS.iter().find(|call| line.contains(*call));
        if let Some(leftover) = word.or(call) {
            found.push(violation(index + 1, format!("`{leftover}` leaves something undone")));
        }
    }
    found
}

fn layers(name: &str, code: &str) -> Vec<Violation> {
    let Some(rank) = rank_of_file(name) else { return Vec::new() };
    crate_names(code)
        .into_iter()
        .filter(|(_, used)| LAYERS.iter().skip(rank + 1).any(|above| above == used))
        .map(|(line, used)| violation(line, format!("`{}` uses `{used}`, a layer above it", LAYERS[rank])))
        .collect()
}

/// Which layer a file belongs to; none for what is not in the library or beside its layers.
fn rank_of_file(name: &str) -> Option<usize> {
    let inside = name.strip_prefix(LIBRARY)?;
    let layer = inside.split('/').next()?;
    let layer = layer.strip_suffix(".rs").unwrap_or(layer);
    LAYERS.iter().position(|known| *known == layer)
}

/// The names that follow `crate::` directly, with their lines: also each name of `crate::{a, b::c}`.
fn crate_names(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for at in words(code, "crate") {
        let Some(path) = code[at + "crate".len()..].strip_prefix("::") else { continue };
        if path.starts_with('{') {
            let group = group_names(path);
            found.extend(
                group.into_iter().map(|inner| (code.len() - path.len() + inner, ident(&path[inner..]))),
            );
        } else {
            found.push((at, ident(path)));
        }
    }
    found.into_iter().map(|(at, name)| (code[..at].matches('\n').count() + 1, name)).collect()
}

/// Where the names directly inside `{...}` start.
fn group_names(group: &str) -> Vec<usize> {
    let (mut starts, mut depth, mut expecting) = (Vec::new(), 0, false);
    for (at, c) in group.char_indices() {
        match c {
            '{' => {
                depth += 1;
                expecting = depth == 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            ',' => expecting = depth == 1,
            c if c.is_whitespace() => {}
            _ => {
                if expecting {
                    starts.push(at);
                }
                expecting = false;
            }
        }
    }
    starts
}

fn ident(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(name: &str, text: &str) -> Vec<String> {
        let found = check(name, text);
        found.iter().map(|Violation { line, sentence }| format!("{line}: {sentence}")).collect()
    }

    fn lone(name: &str, text: &str) -> String {
        let mut all = sentences(name, text);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn a_file_that_keeps_the_rules_has_no_violation() {
        let text = "#![allow(unsafe_code)]\n//! One idea.\n// unsafe\nuse crate::sync::Lock;\n";
        assert_eq!(sentences("crates/proactor/src/driver/epoll.rs", text), [""; 0]);
    }

    #[test]
    fn long_files_are_refused() {
        let at_limit = format!("//! It.\n{}", "\n".repeat(LINES_ALLOWED - 1));
        assert_eq!(sentences("crates/cli/src/a.rs", &at_limit), [""; 0]);
        assert!(lone("crates/cli/src/a.rs", &(at_limit.clone() + "\n")).starts_with("701: 701 lines"));
        assert_eq!(sentences("crates/cli/tests/a.rs", &(at_limit + "\n")), [""; 0]);
    }

    #[test]
    fn a_header_comes_first() {
        assert!(lone("crates/cli/src/a.rs", "\nuse std::io;\n//! Late.\n").starts_with("2: no `//!`"));
        assert!(lone("crates/cli/src/a.rs", "").contains("empty"));
        assert_eq!(sentences("crates/cli/tests/a.rs", "use std::io;\n"), [""; 0]);
    }

    #[test]
    fn c_has_a_limit_and_programs_a_header() {
        let long = "/* It. */\n".to_owned() + &"\n".repeat(LINES_ALLOWED);
        assert!(lone("crates/win32/include/windows.h", &long).starts_with("701: 701 lines"));
        assert!(lone("crates/win32/tests/c/g01_port.c", &long).starts_with("701: 701 lines"));
        assert!(lone("examples/win32/chat.cpp", "#include <windows.h>\n").contains("no comment"));
        assert_eq!(sentences("crates/win32/include/Windows.h", "#include <windows.h>\n"), [""; 0]);
        assert!(lone("examples/win32/echo.c", &format!("// {}\n", LEFTOVER_WORDS[0])).contains("undone"));
    }

    #[test]
    fn unsafe_stays_inside_its_fence() {
        let text = "//! It.\nfn f() {\n    unsafe { g() }\n}\n";
        assert!(lone("crates/proactor/src/port/mod.rs", text).starts_with("3: `unsafe`"));
        assert!(lone("crates/proactor/src/driver.rs", text).starts_with("3: `unsafe`"));
        assert_eq!(sentences("crates/proactor/src/sync/futex.rs", text), [""; 0]);
        assert_eq!(
            sentences("crates/proactor/src/port/a.rs", "//! unsafe\n#![deny(unsafe_code)]\n"),
            [""; 0]
        );
    }

    #[test]
    fn leftovers_are_found_in_code_and_text() {
        for word in LEFTOVER_WORDS.iter().chain(LEFTOVER_CALLS) {
            assert!(lone("docs/a.md", &format!("\nsee {word} here")).starts_with("2: "));
            assert!(lone("crates/cli/tests/a.rs", &format!("// {word}")).starts_with("1: "));
        }
        let pattern = format!("mkstemp {}", "X".repeat(6));
        assert_eq!(sentences("docs/a.md", &pattern), [""; 0]);
    }

    #[test]
    fn a_layer_uses_only_those_below() {
        let port = "crates/proactor/src/port/queue.rs";
        assert_eq!(
            sentences(port, "//! It.\nuse crate::op::Op;\nuse crate::{Limits, sync::Lock};\n"),
            [""; 0]
        );
        assert!(lone(port, "//! It.\nuse crate::io::Tcp;\n").starts_with("2: `port` uses `io`"));
        assert!(lone(port, "//! It.\nfn f() -> crate::diagnose::Map {}\n").starts_with("2: "));
        let group = "//! It.\nuse crate::{\n    op::{self, io},\n    io::Tcp,\n};\n";
        assert!(lone(port, group).starts_with("4: `port` uses `io`"));
        assert!(lone("crates/proactor/src/status.rs", "//! It.\nuse crate::sync;\n").starts_with("2: "));
        assert_eq!(sentences("crates/proactor/src/diagnose/mod.rs", "//! It.\nuse crate::io;\n"), [""; 0]);
        assert_eq!(sentences("crates/proactor/src/lib.rs", "//! It.\nuse crate::io;\n"), [""; 0]);
    }

    #[test]
    fn words_in_comments_are_no_layers() {
        let text = "//! Not crate::io.\n// crate::port\nconst A: &str = \"crate::io\";\n";
        assert_eq!(sentences("crates/proactor/src/status/mod.rs", text), [""; 0]);
    }
}
