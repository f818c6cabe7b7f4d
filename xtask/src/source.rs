//! Reading Rust source just far enough: its code without comments and literals, and the tests in it. C is near enough
//! for the same.
//!
//! A full parser would be one more dependency to build. What the checks ask ("is this word code?", "is this function
//! a test?") is decided by the lexical rules alone; line numbers stay what they are in the file.

/// `source` with comments and the insides of literals blanked; lines and columns stay.
pub fn code_only(source: &str) -> String {
    let mut lexer =
        Lexer { chars: source.chars().collect(), at: 0, code: String::with_capacity(source.len()) };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.code
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    code: String,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        self.code.push(self.chars[self.at]);
        self.at += 1;
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count.min(self.chars.len() - self.at) {
            self.code.push(if self.chars[self.at] == '\n' { '\n' } else { ' ' });
            self.at += 1;
        }
    }

    fn step(&mut self) {
        match (self.chars[self.at], self.peek(1)) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (first, _) if first.is_alphanumeric() || first == '_' => self.word(),
            _ => self.keep(),
        }
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.blank(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => {
                    depth += 1;
                    self.blank(2);
                }
                ('*', Some('/')) => {
                    depth -= 1;
                    self.blank(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.blank(1),
            }
        }
    }

    fn string(&mut self) {
        self.keep();
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => self.blank(2),
                '"' => return self.keep(),
                _ => self.blank(1),
            }
        }
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        self.keep();
        if self.peek(0) == Some('\\') {
            self.blank(2);
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.blank(1);
            }
        } else if self.peek(1) == Some('\'') {
            self.blank(1);
        } else {
            return;
        }
        if self.peek(0).is_some() {
            self.keep();
        }
    }

    /// An identifier, a number, or the prefix of a raw string and that string.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.keep();
        }
        let word: String = self.chars[start..self.at].iter().collect();
        let hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
        if matches!(word.as_str(), "r" | "br" | "cr") && self.peek(hashes) == Some('"') {
            self.raw_string(hashes);
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        self.blank(hashes + 1);
        while let Some(c) = self.peek(0) {
            if c == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                return self.blank(hashes + 1);
            }
            self.blank(1);
        }
    }
}

/// Where `word` stands alone in `line`, as column numbers from 0.
pub fn words<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    line.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = line[..*at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

/// A function that the test harness runs.
#[derive(Debug, PartialEq)]
pub struct TestFn {
    pub name: String,
    /// From 1.
    pub line: usize,
    /// Marked `#[ignore]`: the harness passes it by.
    pub ignored: bool,
}

/// The tests of a file: functions under a `#[test]`, alone or inside a macro such as `proptest!`.
pub fn tests(source: &str) -> Vec<TestFn> {
    let code = code_only(source);
    let (mut found, mut test, mut ignored) = (Vec::new(), false, false);
    for (index, line) in code.lines().enumerate() {
        test |= line.contains("#[test]");
        ignored |= line.contains("#[ignore");
        if let Some(name) = function_name(line) {
            if test {
                found.push(TestFn { name, line: index + 1, ignored });
            }
            (test, ignored) = (false, false);
        }
    }
    found
}

/// The tests of a conformance program in C: the names in its lines `TEST(name)`.
pub fn c_tests(source: &str) -> Vec<TestFn> {
    let code = code_only(source);
    let named = code.lines().enumerate().filter_map(|(index, line)| {
        let (name, _) = line.strip_prefix("TEST(")?.split_once(')')?;
        Some(TestFn { name: name.into(), line: index + 1, ignored: false })
    });
    named.collect()
}

fn function_name(line: &str) -> Option<String> {
    let at = words(line, "fn").next()?;
    let name: String =
        line[at + 2..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let source = "a // unsafe\nb /* unsafe /* x */ unsafe\n */ c \"unsafe \\\" unsafe\" d";
        let code = code_only(source);
        assert!(!code.contains("unsafe"), "{code}");
        assert_eq!(code.lines().count(), source.lines().count());
        for kept in ["a", "b", "c", "d"] {
            assert!(code.contains(kept), "{kept} is lost in {code}");
        }
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        assert_eq!(code_only(r###"x(r#"un"safe"#, br"k\", y)"###).replace(' ', ""), "x(r,br,y)");
        assert_eq!(code_only("r#fn unsafe"), "r#fn unsafe");
    }

    #[test]
    fn lifetimes_are_not_character_literals() {
        let code = code_only("fn f<'a>(x: &'a str) { g('\"', '\\'', '\\u{7f}', b'x'); unsafe {} }");
        assert!(code.contains("&'a str"), "{code}");
        assert!(code.contains("unsafe {}"), "{code}");
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(words("unsafe unsafe_code xunsafe (unsafe)", "unsafe").collect::<Vec<_>>(), [0, 28]);
    }

    #[test]
    fn tests_are_found_with_their_lines() {
        let source = "fn helper() {}\n\n#[test]\n#[ignore = \"slow\"]\nfn s001_a() {}\nfn s002_helper() {}\n\
                      proptest! {\n    #[test]\n    fn s003_c(x in 0..5) {}\n}\n// #[test]\nfn s004_d() {}\n\
                      #[test] fn e() { let f: fn() = h; }\n";
        let found = tests(source);
        let seen: Vec<_> = found.iter().map(|test| (test.name.as_str(), test.line, test.ignored)).collect();
        assert_eq!(seen, [("s001_a", 5, true), ("s003_c", 9, false), ("e", 13, false)]);
    }

    #[test]
    fn tests_in_c_are_found_with_their_lines() {
        let source = "/* TEST(no)\nTEST(no)\n */\nTEST(s001_a)\n{\n    f(\"\\nTEST(no)\");\n}\n\n// TEST(no)\nTEST(b) { c('\"'); }\n";
        let found = c_tests(source);
        let seen: Vec<_> = found.iter().map(|test| (test.name.as_str(), test.line, test.ignored)).collect();
        assert_eq!(seen, [("s001_a", 4, false), ("b", 10, false)]);
    }
}
