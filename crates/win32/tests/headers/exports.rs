//! Headers, library and page say the same: what is declared is exported, what is exported is declared, and the page
//! `docs/win32.md` has all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::compile::{INCLUDES, OURS, include_folder};
use crate::nothing_in;
use crate::parse::{self, Declared};

/// Exported for `GetProcAddress`; a source gets them from `WSAIoctl`, and no header of Windows declares them.
const BY_GUID: [&str; 3] = ["ConnectEx", "DisconnectEx", "WSARecvMsg"];

/// What a status begins with.
const STATUSES: [&str; 4] = ["here", "inline", "differs: ", "later: "];

/// The symbols that the library gives to programs.
fn exported() -> BTreeSet<String> {
    let test = std::env::current_exe().expect("a program knows its own path");
    let library = test.with_file_name("libproactor_win32.so");
    let output =
        Command::new("nm").args(["-D", "--defined-only"]).arg(&library).output().expect("nm is there");
    assert!(output.status.success(), "nm {}: {}", library.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect()
}

/// Without what a profiler or sanitizer of the compiler's adds.
fn is_windows(symbol: &str) -> bool {
    !symbol.starts_with("rust_") && !symbol.starts_with("__llvm")
}

#[test]
fn what_is_declared_is_exported_and_the_reverse() {
    let declared = Declared::read(&include_folder());
    let exported = exported();
    let symbols: BTreeMap<&str, &str> =
        declared.functions.iter().map(|(name, function)| (function.symbol.as_str(), name.as_str())).collect();
    let missing = symbols.iter().filter(|(symbol, _)| !exported.contains(**symbol));
    let missing = missing.map(|(_, name)| format!("declared, and not exported: {name}"));
    let known = |symbol: &str| symbols.contains_key(symbol) || BY_GUID.contains(&symbol);
    let unknown = exported.iter().filter(|symbol| is_windows(symbol) && !known(symbol));
    let unknown = unknown.map(|symbol| format!("exported, and not declared: {symbol}"));
    nothing_in(&missing.chain(unknown).collect::<Vec<_>>());
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/win32.md")
}

/// Each function that the page names in the first column of a table, with its status.
fn listed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(page()).expect("the page can be read");
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [names, status, ..] = cells.as_slice() else { continue };
        if !names.starts_with("| `") {
            continue;
        }
        for name in names.split('`').skip(1).step_by(2) {
            let before = found.insert(name.to_owned(), (*status).to_owned());
            assert!(before.is_none(), "{name} is listed twice");
        }
    }
    assert!(found.len() > 400, "the page is read wrongly");
    found
}

/// All words of all headers, before and after their macros are expanded: what an inline function is found by.
fn words() -> BTreeSet<String> {
    let read = |path: PathBuf| fs::read_to_string(path).expect("a header can be read");
    let mut text: String = parse::headers(&include_folder()).into_iter().map(read).collect();
    text += &OURS[0].preprocessed(&format!("{INCLUDES}#include <strsafe.h>\n"));
    text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect()
}

#[test]
fn the_page_lists_every_function_and_is_right_about_it() {
    let declared = Declared::read(&include_folder());
    let (listed, words, exported) = (listed(), words(), exported());
    let mut found = Vec::new();
    for name in declared.functions.keys().map(String::as_str).chain(BY_GUID) {
        if !listed.contains_key(name) {
            found.push(format!("not on the page: {name}"));
        }
    }
    for (name, status) in &listed {
        let there = declared.functions.contains_key(name) || BY_GUID.contains(&name.as_str());
        let right = match status.split([':', ' ']).next() {
            Some("here" | "differs") => there,
            Some("inline") => !there && words.contains(name),
            Some("later") => !there && !exported.contains(name) && !words.contains(name),
            _ => false,
        };
        if !right || !STATUSES.iter().any(|word| status.starts_with(word)) {
            found.push(format!("{name} is not \"{status}\""));
        }
    }
    nothing_in(&found);
}
