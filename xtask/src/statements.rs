//! The document of numbered statements, read: `docs/semantics.md`.
//!
//! ```text
//! ## 5. Title of a group
//!
//! - **S068** What holds on Windows, in as many indented lines as it needs.
//!   - shown: tests/port_close::s068_close_wakes_every_waiter_abandoned
//! ```
//!
//! A statement has exactly one line of status: `shown: test[, test...]`, `differs: why. [test...]` (tests optional),
//! `not applicable: why` or `not yet: what it waits for`. Reading never stops at a fault; all of them come back.

/// What stands in the document.
#[derive(Debug, Default)]
pub struct Document {
    pub groups: Vec<String>,
    pub statements: Vec<Statement>,
    pub faults: Vec<Fault>,
}

/// A numbered statement.
#[derive(Debug)]
pub struct Statement {
    pub number: usize,
    /// Where it starts, from 1.
    pub line: usize,
    /// Index into the groups.
    pub group: usize,
    pub status: Option<Status>,
}

/// How we stand to a statement.
#[derive(Debug, PartialEq)]
pub enum Status {
    Shown { tests: Vec<String> },
    Differs { why: String, tests: Vec<String> },
    NotApplicable { why: String },
    NotYet { waits_for: String },
}

/// A sentence about a line of the document.
#[derive(Debug, PartialEq)]
pub struct Fault {
    pub line: usize,
    pub sentence: String,
}

impl Status {
    /// The tests it names.
    pub fn tests(&self) -> &[String] {
        match self {
            Self::Shown { tests } | Self::Differs { tests, .. } => tests,
            Self::NotApplicable { .. } | Self::NotYet { .. } => &[],
        }
    }

    /// The word it is written with.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Shown { .. } => "shown",
            Self::Differs { .. } => "differs",
            Self::NotApplicable { .. } => "not applicable",
            Self::NotYet { .. } => "not yet",
        }
    }

    /// Reads what stands after the `- ` of a status line.
    fn parse(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once(':').ok_or_else(|| unknown(text))?;
        let rest = rest.trim();
        match word {
            "shown" if rest.is_empty() => Err("`shown` names no test".into()),
            "shown" => Ok(Self::Shown { tests: test_names(rest)? }),
            "differs" => differs(rest),
            "not applicable" => {
                reason(rest, "`not applicable` says no reason").map(|why| Self::NotApplicable { why })
            }
            "not yet" => reason(rest, "`not yet` does not say what it waits for")
                .map(|it| Self::NotYet { waits_for: it }),
            _ => Err(unknown(text)),
        }
    }
}

fn unknown(text: &str) -> String {
    format!("`{text}` is no status; there are shown, differs, not applicable and not yet, each with a colon")
}

fn reason(text: &str, fault: &str) -> Result<String, String> {
    if text.chars().any(char::is_alphanumeric) { Ok(text.into()) } else { Err(fault.into()) }
}

fn differs(text: &str) -> Result<Status, String> {
    let (why, tests) = match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
        Some((why, tests)) => (why.trim_end(), test_names(tests)?),
        None => (text, Vec::new()),
    };
    Ok(Status::Differs { why: reason(why, "`differs` does not say how or why")?, tests })
}

/// Names as `tests/port_close::s068_close_wakes_every_waiter_abandoned`, between commas.
fn test_names(text: &str) -> Result<Vec<String>, String> {
    text.split(',').map(|name| test_name(name.trim().trim_matches('`'))).collect()
}

fn test_name(name: &str) -> Result<String, String> {
    let function = name.rsplit_once("::").map(|(_, function)| function).unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | ':');
    if function.is_empty() || name.starts_with(':') || !name.chars().all(fits) {
        return Err(format!("`{name}` is no test; one is written path/file::function"));
    }
    Ok(name.into())
}

impl Document {
    /// Reads the document, which has to hold the statements 1 to `last`.
    pub fn parse(text: &str, last: usize) -> Self {
        let mut reader = Reader { document: Self::default(), group: None, open: false };
        let mut fenced = false;
        let mut end = 1;
        for (index, line) in text.lines().enumerate() {
            end = index + 1;
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                reader.close();
            } else if !fenced {
                reader.line(end, line);
            }
        }
        reader.close();
        reader.document.check_numbers(last, end);
        reader.document.faults.sort_by_key(|fault| fault.line);
        reader.document
    }

    fn fault(&mut self, line: usize, sentence: impl Into<String>) {
        self.faults.push(Fault { line, sentence: sentence.into() });
    }

    /// Each number once, all of them, in order.
    fn check_numbers(&mut self, last: usize, end: usize) {
        let numbers: Vec<(usize, usize)> = self.statements.iter().map(|s| (s.number, s.line)).collect();
        let mut expected = 1;
        for (number, line) in numbers {
            if number == 0 || number > last {
                self.fault(line, format!("{} is no statement: they are S001 to {}", id(number), id(last)));
            } else if number < expected {
                self.fault(line, format!("{} comes twice or out of order", id(number)));
            } else {
                if number > expected {
                    self.fault(line, missing(expected, number - 1));
                }
                expected = number + 1;
            }
        }
        if expected <= last {
            self.fault(end, missing(expected, last));
        }
    }
}

fn missing(from: usize, to: usize) -> String {
    if from == to {
        format!("{} is missing before this line", id(from))
    } else {
        format!("{} to {} are missing before this line", id(from), id(to))
    }
}

/// A number as the document writes it.
pub fn id(number: usize) -> String {
    format!("S{number:03}")
}

struct Reader {
    document: Document,
    group: Option<usize>,
    /// Whether the lines now belong to the last statement.
    open: bool,
}

impl Reader {
    fn line(&mut self, at: usize, line: &str) {
        let text = line.trim();
        let indented = line.starts_with([' ', '\t']);
        if let Some(title) = line.strip_prefix("## ") {
            self.heading(title.trim());
        } else if let Some(statement) = line.strip_prefix("- **S") {
            self.statement(at, statement);
        } else if let Some(item) = text.strip_prefix("- ").filter(|_| indented) {
            self.item(at, item.trim());
        } else if text.is_empty() || !indented {
            self.close();
        } else if self.open && self.last_status().is_some() {
            self.document.fault(at, "a status is one line, and the last of its statement");
        }
    }

    fn last_status(&self) -> Option<&Status> {
        self.document.statements.last().and_then(|statement| statement.status.as_ref())
    }

    fn heading(&mut self, title: &str) {
        self.close();
        let numbered = title.split_once(". ").is_some_and(|(number, _)| number.parse::<usize>().is_ok());
        self.group = numbered.then(|| {
            self.document.groups.push(title.into());
            self.document.groups.len() - 1
        });
    }

    fn statement(&mut self, at: usize, text: &str) {
        self.close();
        let Some((digits, text)) = text.split_once("**") else {
            return self.document.fault(at, "the number of the statement is not closed with `**`");
        };
        let Some(number) = digits.parse().ok().filter(|_| digits.len() == 3) else {
            return self.document.fault(at, format!("`S{digits}` is not S and three digits"));
        };
        let Some(group) = self.group else {
            return self.document.fault(at, format!("S{digits} stands in no group `## N. Title`"));
        };
        if text.trim().is_empty() {
            self.document.fault(at, format!("S{digits} states nothing"));
        }
        self.document.statements.push(Statement { number, line: at, group, status: None });
        self.open = true;
    }

    fn item(&mut self, at: usize, text: &str) {
        if !self.open {
            if Status::parse(text).is_ok() {
                self.document.fault(at, "a status that follows no statement");
            }
            return;
        }
        if self.last_status().is_some() {
            return self.document.fault(at, "a second status for one statement");
        }
        match Status::parse(text) {
            Ok(status) => {
                if let Some(statement) = self.document.statements.last_mut() {
                    statement.status = Some(status);
                }
            }
            Err(sentence) => {
                self.document.fault(at, sentence);
                self.open = false;
            }
        }
    }

    /// Ends the statement; it had to have its status by now.
    fn close(&mut self) {
        if self.open
            && let Some(statement) = self.document.statements.last()
            && statement.status.is_none()
        {
            let (line, number) = (statement.line, statement.number);
            self.document.fault(line, format!("{} has no status line", id(number)));
        }
        self.open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Semantics\n\nHow to read:\n```text\n- **S999** not this\n```\n\n## 1. Ports\n\n\
        - **S001** A port is made.\n  It has no key.\n  - shown: tests/port::s001_a, `crates/cli/tests/lab::s001_b`\n\
        - **S002** Second.\n  - differs: We have [no] handles. [src/port/seats.rs::s002_c]\n\n\
        ## 2. Files\n\n- **S003** Third.\n  - differs: In all ways.\n\
        - **S004** Fourth.\n  - not applicable: there is no such thing here\n\
        - **S005** Fifth.\n  - not yet: named objects\n\n## Sources\n\n- one\n  - two: three\n";

    fn faults(text: &str, last: usize) -> Vec<String> {
        let document = Document::parse(text, last);
        document.faults.iter().map(|fault| format!("{}: {}", fault.line, fault.sentence)).collect()
    }

    /// The only fault of a document with one statement and these lines.
    fn fault_of(lines: &str) -> String {
        let mut all = faults(&format!("## 1. A\n{lines}"), 1);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn a_good_document_is_read_whole() {
        let document = Document::parse(GOOD, 5);
        assert_eq!(document.faults, []);
        assert_eq!(document.groups, ["1. Ports", "2. Files"]);
        let statements: Vec<_> = document.statements.iter().map(|s| (s.number, s.line, s.group)).collect();
        assert_eq!(statements, [(1, 10, 0), (2, 13, 0), (3, 18, 1), (4, 20, 1), (5, 22, 1)]);
        let statuses: Vec<_> = document.statements.into_iter().map(|s| s.status.unwrap()).collect();
        assert_eq!(statuses[0].tests(), ["tests/port::s001_a", "crates/cli/tests/lab::s001_b"]);
        assert_eq!(
            statuses[1],
            Status::Differs {
                why: "We have [no] handles.".into(),
                tests: vec!["src/port/seats.rs::s002_c".into()]
            }
        );
        assert_eq!(statuses[2], Status::Differs { why: "In all ways.".into(), tests: vec![] });
        assert_eq!(statuses[3].word(), "not applicable");
        assert_eq!(statuses[4], Status::NotYet { waits_for: "named objects".into() });
    }

    #[test]
    fn a_statement_has_exactly_one_status() {
        assert_eq!(fault_of("- **S001** A.\n"), "2: S001 has no status line");
        assert_eq!(fault_of("- **S001** A.\n\nprose"), "2: S001 has no status line");
        let twice = fault_of("- **S001** A.\n  - not yet: b\n  - not yet: c\n");
        assert_eq!(twice, "4: a second status for one statement");
        let wrapped = fault_of("- **S001** A.\n  - not yet: b\n    and c\n");
        assert_eq!(wrapped, "4: a status is one line, and the last of its statement");
        let stray = fault_of("- **S001** A.\n  - not yet: b\n\n  - not yet: c\n");
        assert_eq!(stray, "5: a status that follows no statement");
    }

    #[test]
    fn a_status_has_a_known_word_and_a_reason() {
        for bad in [
            "shown:",
            "shown: port",
            "shown: tests/port::",
            "shown: tests/port::a,",
            "shown: tests/port::a tests/port::b",
            "differs:",
            "differs: .",
            "differs: [tests/port::a]",
            "differs: so. [a, b]",
            "not applicable:",
            "not yet: -",
            "done: tests/port::a",
            "shown tests/port::a",
        ] {
            let fault = fault_of(&format!("- **S001** A.\n  - {bad}\n"));
            assert!(fault.starts_with("3: "), "{bad} gave {fault}");
        }
    }

    #[test]
    fn a_statement_is_well_formed() {
        let status = "\n  - not yet: b\n";
        let bad = |head: &str| faults(&format!("## 1. A\n{head}{status}"), 1);
        assert!(bad("- **S001 A.")[0].contains("not closed"));
        assert!(bad("- **S01** A.")[0].contains("three digits"));
        assert!(bad("- **S0x1** A.")[0].contains("three digits"));
        assert_eq!(bad("- **S001** "), ["2: S001 states nothing"]);
        assert!(faults(&format!("## Ports\n- **S001** A.{status}"), 1)[0].contains("no group"));
    }

    #[test]
    fn every_number_comes_once_and_in_order() {
        let item = |number: usize| format!("- **{}** A.\n  - not yet: b\n", id(number));
        let text = |numbers: &[usize]| {
            let items: String = numbers.iter().map(|number| item(*number)).collect();
            format!("## 1. A\n{items}")
        };
        assert_eq!(faults(&text(&[1, 2, 3]), 3), [""; 0]);
        assert_eq!(faults(&text(&[1, 3]), 3), ["4: S002 is missing before this line"]);
        assert_eq!(faults(&text(&[4]), 4), ["2: S001 to S003 are missing before this line"]);
        assert_eq!(faults(&text(&[1]), 3), ["3: S002 to S003 are missing before this line"]);
        assert_eq!(faults(&text(&[1, 1]), 1), ["4: S001 comes twice or out of order"]);
        assert_eq!(faults(&text(&[1, 2]), 1), ["4: S002 is no statement: they are S001 to S001"]);
        assert_eq!(faults(&text(&[2, 1]), 2).len(), 2);
        assert_eq!(faults("", 1), ["1: S001 is missing before this line"]);
    }
}
