//! The table of what has to be the same on Windows: sizes, alignments and offsets of structures, values of constants.
//!
//! A line is `kind name = value`, with ` (ours)` after it if Debian's headers for Windows lack the name and the value
//! is the documented one. The other values are those headers' own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::compile::{Compiler, MINGW, OURS};
use crate::parse::Declared;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub value: u64,
    /// Whether Debian's headers for Windows have it too.
    pub shared: bool,
}

/// The table by expression: `ERROR_SUCCESS`, `sizeof(OVERLAPPED)`, `offsetof(OVERLAPPED, hEvent)`.
#[derive(Debug, Default, PartialEq)]
pub struct Table(pub BTreeMap<String, Entry>);

pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/headers/values.txt")
}

/// What has to have a line: all constants, and what can be measured of all structures.
pub fn questions(declared: &Declared) -> BTreeSet<String> {
    let mut asked: BTreeSet<String> = declared.macros.union(&declared.enumerators).cloned().collect();
    asked.retain(|name| !is_of_this_side(name));
    for (name, members) in &declared.structures {
        asked.insert(format!("sizeof({name})"));
        asked.insert(format!("_Alignof({name})"));
        asked.extend(members.iter().map(|member| format!("offsetof({name}, {member})")));
    }
    asked
}

/// Names with no meaning on Windows, or whose value says which compiler it is; and pointers, which are no integer
/// constants to all compilers.
fn is_of_this_side(name: &str) -> bool {
    let pointer = ["NULL", "INVALID_HANDLE_VALUE", "WSA_INVALID_EVENT"].contains(&name);
    pointer
        || name.to_ascii_lowercase().starts_with("proactor")
        || name.starts_with("_WIN32_WINNT")
        || name == "WINVER"
}

impl Table {
    pub fn read() -> Self {
        let text = fs::read_to_string(path()).unwrap_or_else(|error| panic!("{}: {error}", path().display()));
        Self(text.lines().filter(|line| !line.starts_with('#')).map(entry).collect())
    }

    /// Asks both sides anew. A value that differs between them is Windows'.
    pub fn ask(declared: &Declared) -> Self {
        let asked = questions(declared);
        let (ours, windows) = (OURS[0].values(&asked), MINGW.values(&asked));
        let entry = |(name, value): (String, u64)| match windows.get(&name) {
            Some(&value) => (name, Entry { value, shared: true }),
            None => (name, Entry { value, shared: false }),
        };
        Self(ours.into_iter().map(entry).collect())
    }

    pub fn write(&self) {
        let mut text = "# What our headers have in common with Windows', and its value there; ours where Debian's\n\
            # headers for Windows lack the name. Made anew by PROACTOR_HEADERS=write cargo test -p proactor-win32\n\
            # --test headers.\n"
            .to_owned();
        for (name, entry) in &self.0 {
            let side = if entry.shared { "" } else { " (ours)" };
            let value = entry.value;
            let value = if value > 0xffff_ffff_0000 { (value as i64).to_string() } else { value.to_string() };
            text += &format!("{name} = {value}{side}\n");
        }
        fs::write(path(), text).unwrap_or_else(|error| panic!("{}: {error}", path().display()));
    }

    /// The assertions, one source for both sides. `alignof` is spelt by the language.
    pub fn assertions(&self, compiler: Compiler) -> String {
        let plus = matches!(compiler, Compiler::Ours(program, _) if program.ends_with("++"));
        let mut source = crate::compile::INCLUDES.to_owned();
        source += if plus { "#define _Static_assert static_assert\n#define _Alignof alignof\n" } else { "" };
        for (name, entry) in &self.0 {
            let value = entry.value;
            let line = format!("_Static_assert((unsigned long long)({name}) == {value}ull, \"{name}\");\n");
            source += &if entry.shared { line } else { format!("#ifndef __MINGW32__\n{line}#endif\n") };
        }
        source
    }
}

fn entry(line: &str) -> (String, Entry) {
    let (name, value) = line.rsplit_once(" = ").unwrap_or_else(|| panic!("no value in: {line}"));
    let (value, shared) = match value.strip_suffix(" (ours)") {
        Some(value) => (value, false),
        None => (value, true),
    };
    let number: i128 = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
    (name.to_owned(), Entry { value: number as u64, shared })
}
