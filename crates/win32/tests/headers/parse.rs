//! What the headers declare, read from their text: macros, enumerators, structures with their members, functions.
//!
//! The headers are our own and of one form, so a reader of that form is enough; what it reads wrongly does not compile
//! in the assertions made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The words a declaration of an exported function begins with.
const LINKAGES: [&str; 5] = ["WINBASEAPI", "WINADVAPI", "WINSOCK_API_LINKAGE", "NTSYSAPI", "_CRTIMP"];

/// Everything declared, by name.
#[derive(Debug, Default)]
pub struct Declared {
    /// Macros without parameters, which may be constants or not.
    pub macros: BTreeSet<String>,
    pub enumerators: BTreeSet<String>,
    /// Structures and unions by the name a program uses, with the paths of their members.
    pub structures: BTreeMap<String, Vec<String>>,
    pub functions: BTreeMap<String, Function>,
}

/// A function of the library.
#[derive(Debug)]
pub struct Function {
    /// The declaration without its linkage and its assembler label.
    pub prototype: String,
    /// The symbol it is exported as.
    pub symbol: String,
}

/// The headers that can be included alone: all but those in other spellings, those that stand before libc's, and the
/// two that come in pairs.
pub fn headers(include: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        list(include).into_iter().filter(|path| !stands_before_libc(path)).collect();
    found.extend(list(&include.join("proactor")));
    found.retain(|path| {
        !is_spelling(path) && !path.ends_with("libc_begin.h") && !path.ends_with("libc_end.h")
    });
    found.sort();
    found
}

/// The files of a folder that end in `.h`.
pub fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("h"))).collect()
}

/// Whether a header includes libc's of the same name.
pub fn stands_before_libc(path: &Path) -> bool {
    text(path).contains("#include_next")
}

/// Whether a header is another one in another spelling.
pub fn is_spelling(path: &Path) -> bool {
    text(path).starts_with("/* ") && text(path).contains("in another spelling. */")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Declared {
    /// Reads all headers.
    pub fn read(include: &Path) -> Self {
        let mut declared = Self::default();
        for header in headers(include) {
            declared.take(&text(&header));
        }
        assert!(
            declared.functions.len() > 200 && declared.structures.len() > 40,
            "the headers are read wrongly"
        );
        declared
    }

    fn take(&mut self, text: &str) {
        let plain = without_comments(text).replace("\\\n", " ");
        let mut code = String::new();
        for line in plain.lines() {
            match line.trim().strip_prefix('#') {
                Some(directive) => self.macros.extend(macro_name(directive)),
                None => code.extend([line, "\n"]),
            }
        }
        for statement in statements(&code) {
            self.take_statement(&statement);
        }
    }

    fn take_statement(&mut self, statement: &str) {
        let statement = statement.replace("PROACTOR_BEGIN_C", "").replace("PROACTOR_END_C", "");
        let statement = statement.trim();
        if statement.starts_with("typedef enum") {
            self.enumerators.extend(enumerators(statement));
        } else if let Some((name, members)) = structure(statement) {
            self.structures.insert(name, members);
        } else if let Some((name, function)) = function(statement) {
            self.functions.insert(name, function);
        }
    }
}

fn without_comments(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    plain + rest
}

/// The name that `define NAME body` defines, unless it has parameters or no body.
fn macro_name(directive: &str) -> Option<String> {
    let definition = directive.trim().strip_prefix("define ")?;
    let end = definition.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let (name, body) = definition.split_at(end);
    (body.starts_with(' ') && !body.trim().is_empty()).then(|| name.to_owned())
}

/// The code cut at the semicolons (and function bodies) that stand outside of all braces.
fn statements(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut depth, mut current) = (0, String::new());
    for character in code.chars() {
        depth += i32::from(character == '{') - i32::from(character == '}');
        current.push(character);
        let body_ends = character == '}' && current.trim_start().starts_with("PROACTOR_INLINE");
        if depth == 0 && (character == ';' || body_ends) {
            found.push(std::mem::take(&mut current).trim_end_matches(';').to_owned());
        }
    }
    found
}

fn enumerators(statement: &str) -> Vec<String> {
    let body =
        statement.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(body, _)| body);
    let names = body.split(',').filter_map(|item| item.split('=').next());
    names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// A structure or union with members, by its typedef's first name or by its tag.
fn structure(statement: &str) -> Option<(String, Vec<String>)> {
    let (head, rest) = statement.split_once('{')?;
    let mut words = head.split_whitespace().filter(|word| !word.starts_with("DECLSPEC_ALIGN"));
    let typedef = words.next()? == "typedef";
    let kind = if typedef { words.next()? } else { head.split_whitespace().next()? };
    if kind != "struct" && kind != "union" {
        return None;
    }
    let (body, tail) = rest.rsplit_once('}')?;
    let alias = tail.split(',').map(str::trim).find(|name| !name.is_empty() && !name.starts_with('*'));
    let name = match (typedef, alias) {
        (true, Some(alias)) => alias.to_owned(),
        _ => format!("{kind} {}", head.split_whitespace().last()?),
    };
    Some((name, members(body, "")))
}

/// The paths of the members in the body of a structure; those of an anonymous part have none of its own.
fn members(body: &str, before: &str) -> Vec<String> {
    let mut found = Vec::new();
    for member in statements(body) {
        let member = member.trim();
        match member.split_once('{') {
            None => found.extend(declarators(member).into_iter().map(|name| format!("{before}{name}"))),
            Some((_, rest)) => {
                let (inner, name) = rest.rsplit_once('}').expect("braces come in pairs");
                let name = name.trim();
                let path = if name.is_empty() { before.to_owned() } else { format!("{before}{name}.") };
                found.extend(members(inner, &path));
            }
        }
    }
    found
}

/// The names a member's declaration gives, without those of bit fields, which have no offset.
fn declarators(member: &str) -> Vec<String> {
    if member.contains(':') {
        return Vec::new();
    }
    let names = member.split(',').filter_map(|part| part.split('[').next());
    names
        .filter_map(|part| part.split_whitespace().last())
        .map(|name| name.trim_start_matches('*').to_owned())
        .collect()
}

fn function(statement: &str) -> Option<(String, Function)> {
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let declaration = LINKAGES.iter().find_map(|linkage| words.strip_prefix(linkage))?.trim();
    let (prototype, label) = match declaration.split_once(" PROACTOR_SYMBOL(") {
        Some((prototype, label)) => (prototype, Some(label.trim_end_matches(')'))),
        None => (declaration, None),
    };
    let prototype = prototype.replace("DECLSPEC_NORETURN ", "").replace("__attribute__((noreturn)) ", "");
    let head = prototype.split('(').next()?;
    let name = head.split([' ', '*']).next_back()?.to_owned();
    let symbol = label.map_or_else(|| name.clone(), |label| format!("proactor_{label}"));
    Some((name, Function { prototype, symbol }))
}
