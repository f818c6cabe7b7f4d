//! Licence expressions (SPDX, annex D): `MIT OR (Apache-2.0 AND BSD-3-Clause)`, and whether a list of licences
//! allows one.
//!
//! By recursive descent; AND binds closer than OR, WITH closest. `/` is read as OR: crates published before cargo
//! knew expressions wrote it so. An exception is allowed only together with the licence it was allowed with.

use std::fmt;

/// A licence expression.
#[derive(Debug, PartialEq)]
pub enum Expression {
    /// A licence, with its exception when it has one.
    Licence(String),
    Any(Box<Expression>, Box<Expression>),
    All(Box<Expression>, Box<Expression>),
}

/// Why a text is no licence expression.
#[derive(Debug, PartialEq)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        let expression = parser.any()?;
        match parser.next() {
            None => Ok(expression),
            Some(token) => Err(Malformed(format!("{token} is one too many"))),
        }
    }

    /// Whether the licences of `list` suffice.
    pub fn allowed(&self, list: &[&str]) -> bool {
        match self {
            Self::Licence(name) => list.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)),
            Self::Any(left, right) => left.allowed(list) || right.allowed(list),
            Self::All(left, right) => left.allowed(list) && right.allowed(list),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Or,
    And,
    With,
    Name(String),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "`(`",
            Self::Close => "`)`",
            Self::Or => "`OR`",
            Self::And => "`AND`",
            Self::With => "`WITH`",
            Self::Name(name) => return write!(f, "`{name}`"),
        })
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Malformed> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '/' => (Token::Or, 1),
            _ if length == 0 => return Err(Malformed(format!("`{first}` has no place in an expression"))),
            _ => (word(&rest[..length]), length),
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+' | ':')
}

fn word(text: &str) -> Token {
    match text {
        "OR" | "or" => Token::Or,
        "AND" | "and" => Token::And,
        "WITH" | "with" => Token::With,
        name => Token::Name(name.into()),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let there = self.tokens.get(self.at) == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn any(&mut self) -> Result<Expression, Malformed> {
        let mut left = self.all()?;
        while self.take(&Token::Or) {
            left = Expression::Any(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Expression, Malformed> {
        let mut left = self.licence()?;
        while self.take(&Token::And) {
            left = Expression::All(Box::new(left), Box::new(self.licence()?));
        }
        Ok(left)
    }

    fn licence(&mut self) -> Result<Expression, Malformed> {
        match self.next() {
            Some(Token::Open) => {
                let inner = self.any()?;
                if self.take(&Token::Close) {
                    Ok(inner)
                } else {
                    Err(Malformed("a `(` is not closed".into()))
                }
            }
            Some(Token::Name(name)) if self.take(&Token::With) => match self.next() {
                Some(Token::Name(exception)) => Ok(Expression::Licence(format!("{name} WITH {exception}"))),
                _ => Err(Malformed("`WITH` has no exception after it".into())),
            },
            Some(Token::Name(name)) => Ok(Expression::Licence(name)),
            Some(token) => Err(Malformed(format!("{token} stands where a licence should"))),
            None => Err(Malformed("a licence is missing at the end".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[&str] = &["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];

    fn allowed(text: &str) -> bool {
        Expression::parse(text).unwrap().allowed(LIST)
    }

    #[test]
    fn one_of_several_suffices() {
        assert!(allowed("MIT"));
        assert!(allowed("mit"));
        assert!(allowed("GPL-3.0-only OR MIT"));
        assert!(allowed("GPL-3.0-only/MIT"));
        assert!(allowed("GPL-3.0-only / MIT"));
        assert!(!allowed("GPL-3.0-only"));
        assert!(!allowed("GPL-3.0-only OR LGPL-2.1-or-later"));
    }

    #[test]
    fn all_of_several_are_needed() {
        assert!(allowed("MIT AND Apache-2.0"));
        assert!(!allowed("MIT AND GPL-3.0-only"));
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert!(allowed("MIT OR Apache-2.0 AND GPL-3.0-only"));
        assert!(allowed("GPL-3.0-only AND Apache-2.0 OR MIT"));
        assert!(!allowed("(MIT OR Apache-2.0) AND GPL-3.0-only"));
        assert!(allowed("(MIT OR GPL-3.0-only) AND (Unicode-3.0)"));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(allowed("Apache-2.0 WITH LLVM-exception"));
        assert!(!allowed("MIT WITH LLVM-exception"));
        assert!(!allowed("GPL-2.0-only WITH Classpath-exception-2.0"));
        assert!(allowed("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only"));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "OR",
            "MIT OR",
            "MIT Apache-2.0",
            "(MIT",
            "MIT)",
            "()",
            "MIT WITH",
            "MIT WITH (X)",
            "(MIT) WITH X",
            "MIT, Apache-2.0",
        ] {
            assert!(Expression::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
