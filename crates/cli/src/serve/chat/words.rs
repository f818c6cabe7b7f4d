//! What a line means, and what may reach another's terminal.
//!
//! A terminal obeys control characters and escape sequences, so none of one's peers may send one any: they are shown
//! as a replacement character. The same holds for the characters that turn the direction of what follows, with which
//! a line could be made to look like another's.

/// Letters of a nick or of a room's name, at most.
pub const NAME: usize = 20;
/// Names that are given to those who have not taken one.
pub const GUEST: &str = "guest-";

pub const HELP: &str = "\
* What you type is said to everyone in your room. What begins with / is a command:
*   /nick NAME   be called NAME
*   /join ROOM   go to the room ROOM; it is made if there is none
*   /who         who is in this room
*   /rooms       which rooms there are
*   /help        this
*   /quit        leave
* To say something that begins with /, begin it with two.
";

/// What somebody wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// An empty line.
    Nothing,
    Say(&'a str),
    Nick(&'a str),
    Join(&'a str),
    Who,
    Rooms,
    Help,
    Quit,
    Unknown(&'a str),
}

/// The meaning of a line that has been [cleaned](clean).
pub fn parse(line: &str) -> Command<'_> {
    let Some(rest) = line.strip_prefix('/') else {
        return if line.is_empty() { Command::Nothing } else { Command::Say(line) };
    };
    if rest.starts_with('/') {
        return Command::Say(rest);
    }
    let (word, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    let argument = argument.trim();
    match word.to_ascii_lowercase().as_str() {
        "nick" => Command::Nick(argument),
        "join" => Command::Join(argument),
        "who" => Command::Who,
        "rooms" => Command::Rooms,
        "help" => Command::Help,
        "quit" => Command::Quit,
        _ => Command::Unknown(word),
    }
}

/// The answer to a command that does not exist: the one that was meant, if its beginning tells.
pub fn unknown(word: &str) -> String {
    const COMMANDS: [&str; 6] = ["nick", "join", "who", "rooms", "help", "quit"];
    // What people type who know other chats.
    const OTHERS: [(&str, &str); 9] = [
        ("name", "nick"),
        ("room", "join"),
        ("list", "rooms"),
        ("names", "who"),
        ("users", "who"),
        ("exit", "quit"),
        ("bye", "quit"),
        ("leave", "quit"),
        ("?", "help"),
    ];
    let low = word.to_ascii_lowercase();
    let other = OTHERS.iter().find(|(other, _)| *other == low).map(|(_, meant)| *meant);
    let begun = || COMMANDS.into_iter().find(|command| !low.is_empty() && command.starts_with(&low));
    let shown: String = word.chars().take(NAME).collect();
    match other.or_else(begun) {
        Some(meant) => format!("* There is no /{shown}; /{meant} may be what you mean.\n"),
        None => format!("* There is no /{shown}; /help tells what there is.\n"),
    }
}

/// What is wrong with a name for `what`, a nick or a room, if anything is.
pub fn refused(what: &str, name: &str) -> Option<String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || name.len() > NAME || !name.chars().all(plain) {
        return Some(format!(
            "* A {what} has 1 to {NAME} letters of a-z, A-Z, 0-9, - and _; yours has not.\n"
        ));
    }
    None
}

/// A line as others may see it.
pub fn clean(line: &[u8]) -> String {
    let seen = |letter: char| match letter {
        '\t' => ' ',
        // Of C0, DEL and C1; ends of lines and paragraphs; turns of direction.
        letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
        '\u{61C}' | '\u{200E}' | '\u{200F}' => char::REPLACEMENT_CHARACTER,
        '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        letter => letter,
    };
    String::from_utf8_lossy(line).trim_ascii_end().chars().map(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_a_slash_is_a_command_in_either_case() {
        assert_eq!(parse("hello /nick"), Command::Say("hello /nick"));
        assert_eq!(parse("/NICK  ann "), Command::Nick("ann"));
        assert_eq!(parse("/join"), Command::Join(""));
        assert_eq!(parse("//etc is a folder"), Command::Say("/etc is a folder"));
        assert_eq!(parse("/"), Command::Unknown(""));
        assert_eq!(parse(""), Command::Nothing);
    }

    #[test]
    fn no_control_character_gets_through() {
        assert_eq!(clean(b"a\x1b[2Jb\x07\x9b\x7f\r"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(clean("a\u{9b}31m \u{202e}b\u{2028}".as_bytes()), "a\u{fffd}31m \u{fffd}b\u{fffd}");
        assert_eq!(clean("\u{200f}a\u{61c}b\u{2066}".as_bytes()), "\u{fffd}a\u{fffd}b\u{fffd}");
        assert_eq!(clean("ein\tgr\u{fc}\u{df} \u{1f44b}\r\n".as_bytes()), "ein gr\u{fc}\u{df} \u{1f44b}");
        for byte in 0..=255 {
            let seen = clean(&[b'a', byte, b'b']);
            assert!(!seen.chars().any(char::is_control), "{byte}: {seen:?}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "Ann_2", "x-y", "12345678901234567890"] {
            assert_eq!(refused("nick", good), None);
        }
        for wrong in ["", "123456789012345678901", "a b", "*", "j\u{fc}rgen", "a\u{fffd}", "../x"] {
            assert!(refused("nick", wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn who_mistypes_is_led_to_what_there_is() {
        assert!(unknown("ro").contains("/rooms"));
        assert!(unknown("EXIT").contains("/quit"));
        assert!(unknown("dance").contains("/help"));
        assert!(unknown(&"x".repeat(900)).len() < 100);
    }
}
