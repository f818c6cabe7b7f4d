//! `cargo xtask semantics`: which statements about Windows are shown by a test, and whether the book says so truly.
//!
//! Both directions are checked: a test that the document names has to exist and to be run, and a test that carries a
//! statement's number has to be named by that statement.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::source::{TestFn, c_tests, tests};
use crate::statements::{Document, Statement, Status, id};
use crate::workspace::{Outcome, files, read, root, shown};

/// Check docs/semantics.md against the tests, and count what is shown.
///
/// Every numbered statement has one status: shown (by tests), differs (and why), not applicable, or not yet. A test
/// is named `tests/port_close::s068_close_wakes_every_waiter`, with its path from crates/proactor, or from the root
/// when that starts with `crates/`; a test inside the sources is named with its file, `src/port/seats.rs::name`, and so
/// is one in C, `crates/win32/tests/c/g03_dequeue.c::s034_name`. A
/// test whose name starts with a number (`s068_`) has to be named by that statement.
#[derive(Parser)]
pub struct Args {
    /// Print every statement with its status and tests.
    #[arg(long, short)]
    verbose: bool,
    /// The document to check.
    #[arg(long, value_name = "PATH", default_value = "docs/semantics.md")]
    file: PathBuf,
    /// How many statements it has to hold.
    #[arg(long, value_name = "COUNT", default_value_t = 441)]
    statements: usize,
}

pub fn run(args: &Args) -> Outcome {
    let path = root().join(&args.file);
    let document = Document::parse(&read(&path)?, args.statements);
    let tests = TestIndex::build(&root())?;
    let name = shown(&path);

    let mut errors: Vec<String> =
        document.faults.iter().map(|fault| format!("{name}:{}: {}", fault.line, fault.sentence)).collect();
    for statement in &document.statements {
        for fault in test_faults(statement, &tests) {
            errors.push(format!("{name}:{}: {}: {fault}", statement.line, id(statement.number)));
        }
    }
    errors.extend(orphans(&document, &tests));

    if args.verbose {
        document.statements.iter().for_each(print_statement);
    }
    print!("{}", table(&document));
    for error in &errors {
        println!("{error}");
    }
    match errors.len() {
        0 => Ok(()),
        1 => Err(format!("semantics: 1 error in {name}")),
        many => Err(format!("semantics: {many} errors in {name}")),
    }
}

fn print_statement(statement: &Statement) {
    let Some(status) = &statement.status else { return };
    let detail = match status {
        Status::Shown { .. } => "",
        Status::Differs { why, .. } | Status::NotApplicable { why } => why,
        Status::NotYet { waits_for } => waits_for,
    };
    println!("{} {}: {detail}{}", id(statement.number), status.word(), status.tests().join(", "));
}

/// Where the conformance programs in C are.
const C_TESTS: &str = "crates/win32/tests/c";

/// Every test below `crates/`, by file.
struct TestIndex {
    root: PathBuf,
    files: HashMap<PathBuf, Vec<TestFn>>,
}

impl TestIndex {
    fn build(root: &Path) -> Outcome<Self> {
        let mut index = HashMap::new();
        for path in files(&root.join("crates"), &["rs"])? {
            let found = tests(&read(&path)?);
            index.insert(path, found);
        }
        for path in files(&root.join(C_TESTS), &["c"])? {
            let found = c_tests(&read(&path)?);
            index.insert(path, found);
        }
        Ok(Self { root: root.into(), files: index })
    }

    /// The file that a path of the document means.
    fn file(&self, path: &str) -> Option<(&PathBuf, &Vec<TestFn>)> {
        let base =
            if path.starts_with("crates/") { self.root.clone() } else { self.root.join("crates/proactor") };
        let candidates =
            [path.to_owned(), format!("{path}.rs"), format!("{path}/main.rs"), format!("{path}/mod.rs")];
        candidates.iter().find_map(|candidate| self.files.get_key_value(&base.join(candidate)))
    }

    /// The file and the function that a name of the document means.
    fn find(&self, name: &str) -> Result<(&PathBuf, &TestFn), String> {
        let (path, _) = name.split_once("::").unwrap_or((name, ""));
        let (_, function) = name.rsplit_once("::").unwrap_or(("", name));
        let (file, tests) = self.file(path).ok_or_else(|| format!("there is no file for `{name}`"))?;
        match tests.iter().find(|test| test.name == function) {
            Some(test) if test.ignored => Err(format!("`{name}` is ignored, so nothing runs it")),
            Some(test) => Ok((file, test)),
            None => Err(format!("there is no test `{function}` in {}", shown(file))),
        }
    }
}

fn test_faults(statement: &Statement, index: &TestIndex) -> Vec<String> {
    let named = statement.status.iter().flat_map(|status| status.tests());
    named.filter_map(|name| index.find(name).err()).collect()
}

/// Tests that carry the number of a statement that does not name them.
fn orphans(document: &Document, index: &TestIndex) -> Vec<String> {
    let mut named: HashMap<usize, Vec<(&PathBuf, &str)>> = HashMap::new();
    for statement in &document.statements {
        let tests = statement.status.iter().flat_map(|status| status.tests());
        let found = tests.filter_map(|name| index.find(name).ok());
        named
            .entry(statement.number)
            .or_default()
            .extend(found.map(|(file, test)| (file, test.name.as_str())));
    }
    let mut faults = Vec::new();
    for (file, tests) in &index.files {
        for test in tests {
            for number in numbers(&test.name) {
                let place = format!("{}:{}", shown(file), test.line);
                match named.get(&number) {
                    None => {
                        faults.push(format!("{place}: `{}`: there is no statement {}", test.name, id(number)))
                    }
                    Some(tests) if !tests.contains(&(file, test.name.as_str())) => {
                        faults.push(format!("{place}: {} does not name `{}`", id(number), test.name));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    faults.sort();
    faults
}

/// The numbers at the start of a test's name: 68 and 69 of `s068_s069_close`.
fn numbers(name: &str) -> Vec<usize> {
    let number = |part: &str| {
        let digits = part.strip_prefix('s')?;
        (digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit()))
            .then(|| digits.parse().ok())?
    };
    name.split('_').map_while(number).collect()
}

/// Counts by group, and their totals.
fn table(document: &Document) -> String {
    let mut counts = vec![[0; 4]; document.groups.len()];
    for statement in &document.statements {
        let column = match &statement.status {
            Some(Status::Shown { .. }) => 0,
            Some(Status::Differs { .. }) => 1,
            Some(Status::NotApplicable { .. }) => 2,
            Some(Status::NotYet { .. }) => 3,
            None => continue,
        };
        counts[statement.group][column] += 1;
    }
    let width = document.groups.iter().map(|title| title.chars().count()).max().unwrap_or(0).max(5);
    let row = |title: &str, cells: [String; 5]| {
        let [a, b, c, d, e] = cells;
        format!("{title:<width$}  {a:>5}  {b:>7}  {c:>14}  {d:>7}  {e:>5}\n")
    };
    let numbers = |cells: &[usize; 4]| {
        let total = cells.iter().sum();
        [cells[0], cells[1], cells[2], cells[3], total].map(|count: usize| count.to_string())
    };
    let mut text = row("group", ["shown", "differs", "not applicable", "not yet", "all"].map(String::from));
    let mut total = [0; 4];
    for (title, cells) in document.groups.iter().zip(&counts) {
        text += &row(title, numbers(cells));
        total.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += cell);
    }
    text + &row("all", numbers(&total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(files: &[(&str, &str)]) -> TestIndex {
        let root = PathBuf::from("/w");
        let read = |path: &str, source| if path.ends_with(".c") { c_tests(source) } else { tests(source) };
        let files = files.iter().map(|(path, source)| (root.join(path), read(path, source))).collect();
        TestIndex { root, files }
    }

    fn document(status: &str) -> Document {
        let document = Document::parse(&format!("## 1. A\n- **S001** B.\n  - {status}\n"), 1);
        assert_eq!(document.faults, []);
        document
    }

    #[test]
    fn numbers_stand_at_the_start_of_a_name() {
        assert_eq!(numbers("s068_close_wakes"), [68]);
        assert_eq!(numbers("s068_s069_close"), [68, 69]);
        assert_eq!(numbers("close_s068"), [0; 0]);
        assert_eq!(numbers("s68_close"), [0; 0]);
        assert_eq!(numbers("s0680_close"), [0; 0]);
        assert_eq!(numbers("send_all"), [0; 0]);
    }

    #[test]
    fn a_named_test_has_to_exist_and_to_run() {
        let index = index(&[
            (
                "crates/proactor/tests/port.rs",
                "#[test]\nfn s001_a() {}\n#[test]\n#[ignore]\nfn slow() {}\nfn no() {}",
            ),
            ("crates/proactor/tests/lab/main.rs", "#[test]\nfn b() {}"),
            ("crates/proactor/src/port/seats.rs", "mod tests {\n#[test]\nfn c() {}\n}"),
            ("crates/cli/tests/lab.rs", "#[test]\nfn d() {}"),
            ("crates/win32/tests/c/g01_port.c", "TEST(s001_a)\n{\n}\n"),
        ]);
        for good in [
            "crates/win32/tests/c/g01_port.c::s001_a",
            "tests/port::s001_a",
            "tests/lab::b",
            "src/port/seats.rs::c",
            "src/port/seats.rs::tests::c",
            "crates/cli/tests/lab::d",
        ] {
            assert!(index.find(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("tests/port::s001_b", "no test"),
            ("tests/port::no", "no test"),
            ("tests/port::slow", "ignored"),
            ("tests/ports::s001_a", "no file"),
            ("crates/cli/tests/port::s001_a", "no file"),
            ("crates/win32/tests/c/g01_port.c::s001_b", "no test"),
        ] {
            let fault = test_faults(&document(&format!("shown: {bad}")).statements[0], &index).remove(0);
            assert!(fault.contains(why), "{bad} gave {fault}");
        }
    }

    #[test]
    fn a_numbered_test_has_to_be_named_by_its_statement() {
        let tests = index(&[("crates/proactor/tests/port.rs", "#[test]\nfn s001_a() {}")]);
        assert_eq!(orphans(&document("shown: tests/port::s001_a"), &tests), [""; 0]);
        assert_eq!(orphans(&document("differs: so. [tests/port::s001_a]"), &tests), [""; 0]);
        assert_eq!(orphans(&document("not yet: a"), &tests).len(), 1);
        let in_c = index(&[("crates/win32/tests/c/g01_port.c", "TEST(s001_a)\n{\n}\n")]);
        assert_eq!(orphans(&document("shown: crates/win32/tests/c/g01_port.c::s001_a"), &in_c), [""; 0]);
        assert_eq!(orphans(&document("not yet: a"), &in_c).len(), 1);
        let other = index(&[
            ("crates/proactor/tests/port.rs", "#[test]\nfn s001_a() {}"),
            ("crates/proactor/tests/queue.rs", "#[test]\nfn s001_a() {}\n#[test]\nfn s002_b() {}"),
        ]);
        let faults = orphans(&document("shown: tests/port::s001_a"), &other);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("queue.rs:2: S001 does not name"), "{faults:?}");
        assert!(faults[1].contains("queue.rs:4: `s002_b`: there is no statement S002"), "{faults:?}");
    }

    #[test]
    fn the_table_counts_each_status_by_group() {
        let text = "## 1. A\n- **S001** a\n  - not yet: b\n- **S002** a\n  - differs: b\n\
                    ## 2. B\n- **S003** a\n  - not yet: b\n";
        let table = table(&Document::parse(text, 3));
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["1.", "A", "0", "1", "0", "1", "2"]);
        assert_eq!(rows[2], ["2.", "B", "0", "0", "0", "1", "1"]);
        assert_eq!(rows[3], ["all", "0", "1", "0", "2", "3"]);
    }
}
