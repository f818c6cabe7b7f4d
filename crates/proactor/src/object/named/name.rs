//! What an object may be called, and the file that stands for it. No name leads out of the directory: every byte
//! that a path could understand is spelt in hexadecimal.

use crate::status::{Result, Status};

/// In units of UTF-16, as Windows counts (`MAX_PATH`).
pub(crate) const LONGEST: usize = 260;
/// Longer spellings than this end in a hash: a file's name has at most 255 bytes.
const SPELT: usize = 180;

/// The name of an object, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// As it was given, without `Local\`, which is the same as no prefix.
    pub(crate) text: String,
    /// The file.
    pub(crate) file: String,
}

impl Name {
    /// # Errors
    /// [`Status::OBJECT_NAME_INVALID`]: empty. [`Status::NAME_TOO_LONG`]: over 260 units.
    /// [`Status::OBJECT_PATH_NOT_FOUND`]: a backslash that is not that of `Local\` or `Global\` (S222).
    pub(crate) fn new(text: &str) -> Result<Name> {
        let (prefix, rest) = match (text.strip_prefix("Local\\"), text.strip_prefix("Global\\")) {
            (Some(rest), _) => ("l.", rest),
            (_, Some(rest)) => ("g.", rest),
            _ => ("l.", text),
        };
        if rest.is_empty() {
            return Err(Status::OBJECT_NAME_INVALID);
        }
        if text.encode_utf16().count() > LONGEST {
            return Err(Status::NAME_TOO_LONG);
        }
        if rest.contains('\\') {
            return Err(Status::OBJECT_PATH_NOT_FOUND);
        }
        let kept = if prefix == "l." { rest } else { text };
        Ok(Name { text: kept.into(), file: format!("{prefix}{}", spell(rest)) })
    }

    /// Whether a file in the directory may be one of ours.
    pub(crate) fn is_file_of_ours(file: &[u8]) -> bool {
        file.starts_with(b"l.") || file.starts_with(b"g.")
    }
}

/// The directory that stands for a named pipe, whose name is `text` in lower case: as all that it is for is a local
/// pipe, it may have backslashes in it.
///
/// # Errors
/// [`Status::OBJECT_NAME_INVALID`]: empty, or with a NUL in it. [`Status::NAME_TOO_LONG`]: over 247 units of UTF-16.
pub(super) fn pipe_directory(text: &str) -> Result<String> {
    /// 256 with `\\.\pipe\`, as Windows counts.
    const LONGEST: usize = 247;
    if text.is_empty() || text.contains('\0') {
        return Err(Status::OBJECT_NAME_INVALID);
    }
    if text.encode_utf16().count() > LONGEST {
        return Err(Status::NAME_TOO_LONG);
    }
    Ok(format!("p.{}", spell(text)))
}

fn spell(text: &str) -> String {
    use std::fmt::Write;
    let mut spelt = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => spelt.push(char::from(byte)),
            // Writing to a string does not fail.
            byte => drop(write!(spelt, "%{byte:02x}")),
        }
    }
    if spelt.len() > SPELT {
        spelt.truncate(SPELT);
        // A tilde is in no spelling, so none of them looks like this. That two long names may have one hash is
        // seen when the file is opened, since the whole name stands in it.
        let _ = write!(spelt, "~{:032x}", fnv1a(text.as_bytes()));
    }
    spelt
}

/// FNV-1a with 128 bits (Fowler, Noll, Vo). The standard library's hash may change between its versions, and other
/// processes may be of another.
fn fnv1a(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> String {
        Name::new(text).unwrap().file
    }

    #[test]
    fn s222_local_and_global_select_the_namespace_and_no_other_backslash_is_legal() {
        assert_eq!(Name::new("Local\\a"), Name::new("a"));
        assert_ne!(file("Global\\a"), file("a"));
        assert_eq!(Name::new("Global\\a").unwrap().text, "Global\\a");
        for bad in ["a\\b", "\\a", "Session\\1\\a", "Local\\a\\b", "Global\\Local\\a", "local\\a"] {
            assert_eq!(Name::new(bad), Err(Status::OBJECT_PATH_NOT_FOUND), "{bad}");
        }
        for empty in ["", "Local\\", "Global\\"] {
            assert_eq!(Name::new(empty), Err(Status::OBJECT_NAME_INVALID), "{empty}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        for name in [".", "..", "/", "../x", "/etc/passwd", "a/../../b", "x\0y", "%2e%2e", "~", "a b\n", "é"]
        {
            let file = file(name);
            assert!(file.starts_with("l."), "{file}");
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.%~".contains(&byte);
            assert!(file.bytes().all(plain), "{file}");
        }
        assert_eq!(file("a/b\0"), "l.a%2fb%00");
    }

    #[test]
    fn different_names_have_different_files() {
        let long = |end: &str| format!("{}{end}", "x".repeat(250));
        let names = ["a", "A", "%61", "a%", "l.a", "Global\\a", "é", &long("a"), &long("b")];
        let mut files: Vec<_> = names.iter().map(|name| file(name)).collect();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), names.len());
    }

    #[test]
    fn the_longest_name_still_has_a_file() {
        let longest = "€".repeat(LONGEST);
        assert!(file(&longest).len() <= 255);
        assert_eq!(Name::new(&(longest + "x")), Err(Status::NAME_TOO_LONG));
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
