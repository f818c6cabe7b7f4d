//! The C headers: they compile alone and in any company, and say the same as Windows'.

#[path = "headers/company.rs"]
mod company;
#[path = "headers/compile.rs"]
mod compile;
#[path = "headers/exports.rs"]
mod exports;
#[path = "headers/parse.rs"]
mod parse;
#[path = "headers/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use compile::{Compiler, INCLUDES, MINGW, OURS, include_folder};
use parse::Declared;
use table::Table;

/// Fails with all that was found, so that one run shows everything.
fn nothing_in(found: &[String]) {
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
}

/// Whether the table is to be made anew from what the headers and Windows' say now.
fn writing() -> bool {
    std::env::var_os("PROACTOR_HEADERS").is_some_and(|task| task == "write")
}

#[test]
fn every_constant_and_every_structure_has_a_line_in_the_table() {
    let declared = Declared::read(&include_folder());
    if writing() {
        return Table::ask(&declared).write();
    }
    let table = Table::read();
    let asked = table::questions(&declared);
    let unknown = asked.iter().filter(|name| !table.0.contains_key(*name)).cloned().collect();
    let left_out = OURS[0].values(&unknown).into_keys().map(|name| format!("not in the table: {name}"));
    let gone =
        table.0.keys().filter(|name| !asked.contains(*name)).map(|name| format!("no longer there: {name}"));
    nothing_in(&left_out.chain(gone).collect::<Vec<_>>());
}

#[test]
fn constants_sizes_and_offsets_are_windows_own() {
    if writing() {
        return;
    }
    let table = Table::read();
    let sides = OURS.into_iter().chain([MINGW]);
    nothing_in(
        &sides.filter_map(|side| side.refuses(&table.assertions(side), &["-Werror"])).collect::<Vec<_>>(),
    );
}

/// Declared otherwise by Debian's headers than by Windows': `select` takes a constant `timeval`.
const DIFFERENT_THERE: [&str; 1] = ["select"];

/// A declaration that differs from an earlier one of the same function does not compile: so each of ours is repeated
/// after Windows' headers, if they have the function.
#[test]
fn functions_are_declared_as_windows_declares_them() {
    let declared = Declared::read(&include_folder());
    let theirs = MINGW.preprocessed(INCLUDES);
    let names: BTreeSet<&str> = theirs.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut source = INCLUDES.to_owned();
    let mut repeated = 0;
    for (name, function) in &declared.functions {
        if names.contains(name.as_str()) && !DIFFERENT_THERE.contains(&name.as_str()) {
            source += &format!("{};\n", function.prototype);
            repeated += 1;
        }
    }
    nothing_in(&MINGW.refuses(&source, &["-w"]).into_iter().collect::<Vec<_>>());
    assert!(repeated > 200, "only {repeated} functions were compared");
}

/// `source` compiles without a warning.
fn accepted(compiler: Compiler, source: &str, flags: &[&str]) -> Option<String> {
    let flags = [&["-Werror", "-fsyntax-only"], flags].concat();
    compiler.refuses(source, &flags).map(|why| format!("{why}\nin:\n{source}"))
}

/// Each header is the only one in its source; all of them once more with wide characters of 16 bits and UNICODE.
fn every_header_compiles_alone(compiler: Compiler) {
    let alone = |header: PathBuf| accepted(compiler, &format!("#include \"{}\"\n", header.display()), &[]);
    let mut found: Vec<String> = parse::headers(&include_folder()).into_iter().filter_map(alone).collect();
    let wide = ["-fshort-wchar", "-DUNICODE", "-D_UNICODE"];
    let all = format!("{INCLUDES}#include <tchar.h>\n#include <strsafe.h>\n");
    found.extend(accepted(compiler, &all, &wide));
    nothing_in(&found);
}

#[test]
fn every_header_compiles_alone_in_c_with_gcc() {
    every_header_compiles_alone(OURS[0]);
}

#[test]
fn every_header_compiles_alone_in_c_with_clang() {
    every_header_compiles_alone(OURS[1]);
}

#[test]
fn every_header_compiles_alone_in_cpp_with_gcc() {
    every_header_compiles_alone(OURS[2]);
}

#[test]
fn every_header_compiles_alone_in_cpp_with_clang() {
    every_header_compiles_alone(OURS[3]);
}

/// Sources say `Windows.h` or `WinSock2.h`: each spelling is the header it names, and nothing else.
#[test]
fn other_spellings_are_the_same_headers() {
    let include = include_folder();
    let spellings = parse::list(&include).into_iter().filter(|path| parse::is_spelling(path));
    let mut seen = 0;
    for path in spellings {
        let name = path.file_name().expect("a header has a name").to_string_lossy().into_owned();
        let lower = name.to_lowercase();
        let text = std::fs::read_to_string(&path).expect("a header can be read");
        assert_eq!(text, format!("/* {lower} in another spelling. */\n#include \"{lower}\"\n"), "{name}");
        assert!(include.join(&lower).exists(), "{name}");
        seen += 1;
    }
    assert!(seen > 20);
}

/// Interlocked operations, __finally, safe strings, sets of sockets, environments, keys: no library is linked.
#[test]
fn what_the_headers_do_by_themselves_is_right() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/headers/inline.c");
    let wide = ["-fshort-wchar", "-DUNICODE", "-D_UNICODE", "-O2"];
    let plain = OURS.iter().filter_map(|compiler| compiler.fails(&source, &[], "k"));
    let wide = OURS[..2].iter().filter_map(|compiler| compiler.fails(&source, &wide, "k"));
    nothing_in(&plain.chain(wide).collect::<Vec<_>>());
}
