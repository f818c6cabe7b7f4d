//! Counting tests while their output streams by.
//!
//! The harness ends each binary with a line `test result: ok. 3 passed; 0 failed; 1 ignored; ...`; those are summed.
//! The output is passed on as it comes, not by lines: a line that is not finished shows which test hangs.

use std::fmt;
use std::io::{self, Read, Write};
use std::ops::AddAssign;

/// How many tests ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Tally {
    /// Counts a line of the harness; any other line counts nothing.
    fn count(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in counts.1.split("; ") {
            let Some((number, what)) = part.trim().split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Copies `from` to `to` until its end, and counts what the harness says on the way; `copied` is called at each piece.
pub fn relay(mut from: impl Read, mut to: impl Write, copied: impl Fn()) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let (mut chunk, mut line) = (vec![0; 16 * 1024], Vec::new());
    loop {
        let length = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(&chunk[..length])?;
        to.flush()?;
        copied();
        for byte in &chunk[..length] {
            if *byte == b'\n' {
                tally.count(&String::from_utf8_lossy(&line));
                line.clear();
            } else {
                line.push(*byte);
            }
        }
    }
    tally.count(&String::from_utf8_lossy(&line));
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a text in pieces, so that lines fall apart between reads.
    struct Pieces<'a>(std::slice::Chunks<'a, u8>);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.next().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn results_are_summed_and_the_output_is_unchanged() {
        let text = "running 2 tests\ntest a ... ok\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            said by a test: test result: ok. 9 passed; 9 failed; \u{e9}\n\
            test result: FAILED. 40 passed; 3 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.20s";
        for size in [1, 7, 4096] {
            let mut copy = Vec::new();
            let tally = relay(Pieces(text.as_bytes().chunks(size)), &mut copy, || ()).unwrap();
            assert_eq!(tally, Tally { passed: 42, failed: 3, ignored: 1 });
            assert_eq!(copy, text.as_bytes());
        }
    }

    #[test]
    fn the_closing_line_has_its_form() {
        assert_eq!(Tally { passed: 42, failed: 0, ignored: 1 }.to_string(), "42 passed, 0 failed");
    }
}
