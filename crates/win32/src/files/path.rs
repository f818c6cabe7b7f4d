//! Names of files as Windows writes them, and what they are here.
//!
//! `\` and `/` both part names. There are no drives: what begins with one (`C:`) is a path that is not found. Upper and
//! lower case are what the file system makes of them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use proactor::Status;

use crate::named_pipe::pipe_name;

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Name {
    /// A file.
    Path(PathBuf),
    /// `\\.\pipe\` and this.
    Pipe(String),
    /// `NUL`.
    Null,
    /// `CONIN$`.
    ConsoleIn,
    /// `CONOUT$`.
    ConsoleOut,
}

/// Reads a name. `OBJECT_PATH_NOT_FOUND` for an empty one and for a drive, `OBJECT_NAME_INVALID` for characters that no
/// name has, `OBJECT_NAME_NOT_FOUND` for devices that there are not, `BAD_NETWORK_PATH` for another machine.
pub fn parse(name: &[u8]) -> Result<Name, Status> {
    let is_slash = |at: usize| matches!(name.get(at), Some(b'\\' | b'/'));
    if let Some(pipe) = std::str::from_utf8(name).ok().and_then(pipe_name) {
        return Ok(Name::Pipe(pipe.to_owned()));
    }
    match name {
        [] => return Err(Status::OBJECT_PATH_NOT_FOUND),
        [_, _, b'.', _, device @ ..] if is_slash(0) && is_slash(1) && is_slash(3) => {
            return device_of(device).ok_or(Status::OBJECT_NAME_NOT_FOUND);
        }
        [b'\\', b'\\', b'?', b'\\', path @ ..] => return self::path(path),
        [b'\\', b'\\', ..] => return Err(Status::BAD_NETWORK_PATH),
        _ => {}
    }
    match device_of(name) {
        Some(device) => Ok(device),
        None => path(name),
    }
}

fn device_of(name: &[u8]) -> Option<Name> {
    let is = |device: &str| name.eq_ignore_ascii_case(device.as_bytes());
    if is("NUL") || is("NUL:") {
        Some(Name::Null)
    } else if is("CONIN$") {
        Some(Name::ConsoleIn)
    } else if is("CONOUT$") {
        Some(Name::ConsoleOut)
    } else {
        None
    }
}

fn path(name: &[u8]) -> Result<Name, Status> {
    const NEVER: &[u8] = b"<>\"|?*";
    if let [drive, b':', ..] = name
        && drive.is_ascii_alphabetic()
    {
        return Err(Status::OBJECT_PATH_NOT_FOUND);
    }
    if name.iter().any(|byte| *byte < b' ' || NEVER.contains(byte)) {
        return Err(Status::OBJECT_NAME_INVALID);
    }
    let bytes = name.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte });
    Ok(Name::Path(PathBuf::from(OsString::from_vec(bytes.collect()))))
}

/// A name that has to be that of a file.
pub fn file_path(name: Result<Vec<u8>, Status>) -> Result<PathBuf, Status> {
    match parse(&name?)? {
        Name::Path(path) => Ok(path),
        _ => Err(Status::OBJECT_NAME_INVALID),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(name: &str) -> Result<Name, Status> {
        parse(name.as_bytes())
    }

    #[test]
    fn both_slashes_part_names() {
        assert_eq!(path_of(r"\tmp\a/b"), Ok(Name::Path("/tmp/a/b".into())));
        assert_eq!(path_of(r"..\data"), Ok(Name::Path("../data".into())));
        assert_eq!(path_of("//tmp//a"), Ok(Name::Path("//tmp//a".into())), "as on any Linux");
        assert_eq!(parse(b"\xff"), Ok(Name::Path(OsString::from_vec(vec![0xff]).into())));
    }

    #[test]
    fn devices_and_pipes_have_names_of_their_own() {
        assert_eq!((path_of("nul"), path_of(r"\\.\NUL")), (Ok(Name::Null), Ok(Name::Null)));
        assert_eq!((path_of("CONIN$"), path_of("conout$")), (Ok(Name::ConsoleIn), Ok(Name::ConsoleOut)));
        assert_eq!(path_of(r"\\.\pipe\a"), Ok(Name::Pipe("a".into())));
        assert_eq!(path_of(r"\\.\COM1"), Err(Status::OBJECT_NAME_NOT_FOUND));
    }

    #[test]
    fn what_is_not_here_is_an_error_by_name() {
        assert_eq!(path_of(""), Err(Status::OBJECT_PATH_NOT_FOUND));
        assert_eq!(path_of(r"C:\x"), Err(Status::OBJECT_PATH_NOT_FOUND));
        assert_eq!(path_of(r"\\?\C:\x"), Err(Status::OBJECT_PATH_NOT_FOUND));
        assert_eq!(path_of(r"\\server\share\x"), Err(Status::BAD_NETWORK_PATH));
        for name in ["a*", "a?", "a<b", "a|b", "a\nb", "\"a\""] {
            assert_eq!(path_of(name), Err(Status::OBJECT_NAME_INVALID), "{name}");
        }
    }
}
