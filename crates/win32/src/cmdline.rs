//! Command lines: Windows gives a program one string, and the program takes it apart; Linux gives it the parts.

/// The parts of a command line, as the C library of Windows makes them: blanks separate, quotes keep together, and
/// backslashes count only before a quote. In the first part, the program's name, they never count.
pub fn split(line: &str) -> Vec<String> {
    let (first, rest) = split_program(line);
    let mut parts = vec![first.to_owned()];
    let mut rest = rest.trim_start_matches([' ', '\t']);
    while !rest.is_empty() {
        let (part, after) = split_one(rest);
        parts.push(part);
        rest = after.trim_start_matches([' ', '\t']);
    }
    parts
}

/// The program's name, and what comes after.
pub fn split_program(line: &str) -> (&str, &str) {
    if let Some(quoted) = line.strip_prefix('"') {
        return quoted.split_once('"').unwrap_or((quoted, ""));
    }
    line.split_at(line.find([' ', '\t']).unwrap_or(line.len()))
}

fn split_one(line: &str) -> (String, &str) {
    let (mut part, mut quoted) = (String::new(), false);
    let mut at = line.char_indices().peekable();
    while let Some((place, letter)) = at.next() {
        match letter {
            ' ' | '\t' if !quoted => return (part, &line[place..]),
            '\\' => {
                let mut slashes = 1;
                while at.next_if(|(_, letter)| *letter == '\\').is_some() {
                    slashes += 1;
                }
                let before_quote = at.peek().is_some_and(|(_, letter)| *letter == '"');
                let kept = if before_quote { slashes / 2 } else { slashes };
                part.extend(std::iter::repeat_n('\\', kept));
                if before_quote && slashes % 2 == 1 {
                    at.next();
                    part.push('"');
                }
            }
            // Two quotes within a quotation are one of the text.
            '"' if quoted && at.next_if(|(_, letter)| *letter == '"').is_some() => part.push('"'),
            '"' => quoted = !quoted,
            letter => part.push(letter),
        }
    }
    (part, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_taken_apart_as_windows_does() {
        let cases: [(&str, &[&str]); 7] = [
            (r#"prog a "b c" d"#, &["prog", "a", "b c", "d"]),
            (r#""C:\My Files\x.exe" 1"#, &[r"C:\My Files\x.exe", "1"]),
            (r#"p "ab\"c" "\\" d"#, &["p", "ab\"c", r"\", "d"]),
            (r#"p a\\\b d"e f"g h"#, &["p", r"a\\\b", "de fg", "h"]),
            (r#"p a\\\"b c d"#, &["p", r#"a\"b"#, "c", "d"]),
            (r#"p a\\\\"b c" d e"#, &["p", r"a\\b c", "d", "e"]),
            (r#"p a"b"" c d"#, &["p", "ab\" c d"]),
        ];
        for (line, parts) in cases {
            assert_eq!(split(line), parts, "{line}");
        }
        assert_eq!(split(r#"p """#), ["p", ""]);
    }
}
