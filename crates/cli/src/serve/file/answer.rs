//! Heads of answers, and the few words that stand in the place of a file.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::conditions::{Part, Version};
use super::request::{Refused, Request};

/// What needs no encoding in the part of a path (RFC 3986, 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How the connection goes on after an answer.
#[derive(Clone, Copy)]
pub struct After {
    pub keep: bool,
    /// HTTP/1.0 is told that it stays, which it would not expect.
    pub old: bool,
}

/// A head, and the range of the file that follows it, if any does.
pub struct Answer {
    pub bytes: Vec<u8>,
    pub body: Option<(u64, u64)>,
}

/// The answer with a file, or with part of it, or with why not.
pub fn file(
    request: &Request,
    part: &Part,
    version: &Version,
    name: &OsStr,
    after: After,
    now: SystemTime,
) -> Answer {
    let head_only = request.head_only;
    let words = |status, why, extra: &str| Answer {
        bytes: words(status, why, head_only, after, extra, now),
        body: None,
    };
    let (status, offset, len) = match *part {
        Part::Whole => (200, 0, version.len),
        Part::Some(offset, len) => (206, offset, len),
        Part::NotModified => {
            let mut head = head(304, after, now);
            about(&mut head, version);
            return Answer { bytes: finished(head), body: None };
        }
        Part::Failed => return words(412, "this is not what you take it for any more", ""),
        Part::OutOfRange => {
            let range = format!("Content-Range: bytes */{}\r\n", version.len);
            return words(416, "there are not so many bytes", &range);
        }
    };
    let mut head = head(status, after, now);
    about(&mut head, version);
    let _ = write!(head, "Accept-Ranges: bytes\r\nContent-Type: {}\r\nContent-Length: {len}\r\n", kind(name));
    if status == 206 {
        let _ = write!(head, "Content-Range: bytes {offset}-{}/{}\r\n", offset + len - 1, version.len);
    }
    let body = (!head_only && len > 0).then_some((offset, len));
    Answer { bytes: finished(head), body }
}

/// The answer to what was not understood, or is not done.
pub fn refused(refused: &Refused, now: SystemTime) -> Vec<u8> {
    let after = After { keep: refused.keep, old: false };
    let allow = if refused.status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
    words(refused.status, refused.why, refused.head_only, after, allow, now)
}

pub fn not_found(request: &Request, after: After, now: SystemTime) -> Vec<u8> {
    words(404, "there is nothing here", request.head_only, after, "", now)
}

/// A directory's own path ends in a slash, or what its page refers to would be looked for beside it.
pub fn directory(request: &Request, after: After, now: SystemTime) -> Vec<u8> {
    let mut location = "Location: /".to_owned();
    for part in &request.path {
        let _ = write!(location, "{}/", percent_encode(part, ENCODED));
    }
    let _ = write!(location, "{}\r\n", if request.query.is_ascii() { &request.query } else { "" });
    words(301, "this is a directory: a slash belongs behind it", request.head_only, after, &location, now)
}

pub fn shortage(request: &Request, now: SystemTime) -> Vec<u8> {
    let after = After { keep: false, old: request.old };
    words(503, "too many files are open: try again", request.head_only, after, "Retry-After: 1\r\n", now)
}

/// A whole answer that is a sentence.
fn words(status: u16, why: &str, head_only: bool, after: After, extra: &str, now: SystemTime) -> Vec<u8> {
    let body = format!("{status} {}: {why}\n", reason(status));
    let mut head = head(status, after, now);
    let _ =
        write!(head, "{extra}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n", body.len());
    let mut bytes = finished(head);
    if !head_only {
        bytes.extend_from_slice(body.as_bytes());
    }
    bytes
}

fn head(status: u16, after: After, now: SystemTime) -> String {
    let mut head = String::with_capacity(400);
    let _ =
        write!(head, "HTTP/1.1 {status} {}\r\nDate: {}\r\n", reason(status), httpdate::fmt_http_date(now));
    match after {
        After { keep: false, .. } => head.push_str("Connection: close\r\n"),
        After { old: true, .. } => head.push_str("Connection: keep-alive\r\n"),
        _ => {}
    }
    // A browser is not to take for a program what is none.
    head.push_str("X-Content-Type-Options: nosniff\r\n");
    head
}

fn about(head: &mut String, version: &Version) {
    let changed = httpdate::fmt_http_date(version.changed);
    let _ = write!(head, "Last-Modified: {changed}\r\nETag: {}\r\n", version.tag);
}

fn finished(mut head: String) -> Vec<u8> {
    head.push_str("\r\n");
    head.into_bytes()
}

/// The media type, by what the name ends in.
fn kind(name: &OsStr) -> String {
    let kind = mime_guess::from_path(Path::new(name)).first_raw().unwrap_or("application/octet-stream");
    let charset = if kind.starts_with("text/") { "; charset=utf-8" } else { "" };
    format!("{kind}{charset}")
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAYS: After = After { keep: true, old: false };

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_part_says_which_of_how_much() {
        let version = Version::new(1000, 1_000_000_000, 5, SystemTime::now());
        let answer = |part, head_only| {
            let request = Request { head_only, ..Request::default() };
            file(&request, &part, &version, OsStr::new("a.html"), STAYS, SystemTime::now())
        };
        let some = answer(Part::Some(10, 5), false);
        assert!(text(&some.bytes).starts_with("HTTP/1.1 206 Partial Content\r\n"));
        assert!(
            text(&some.bytes).contains("Content-Range: bytes 10-14/1000\r\n") && some.body == Some((10, 5))
        );
        let whole = answer(Part::Whole, true);
        assert!(text(&whole.bytes).contains("Content-Length: 1000\r\n") && whole.body.is_none());
        assert!(text(&whole.bytes).contains("Content-Type: text/html; charset=utf-8\r\n"));
        let beyond = answer(Part::OutOfRange, false);
        assert!(text(&beyond.bytes).contains("Content-Range: bytes */1000\r\n"));
        let same = text(&answer(Part::NotModified, false).bytes);
        assert!(same.contains("ETag: \"") && !same.contains("Content-Length") && same.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_redirection_stays_on_this_server() {
        let path = vec![b"evil.example".to_vec(), b"a b\r\nX: y".to_vec()];
        let request = Request { path, query: "?q=1".into(), ..Request::default() };
        let answer = text(&directory(&request, STAYS, SystemTime::now()));
        assert!(answer.contains("Location: /evil.example/a%20b%0D%0AX%3A%20y/?q=1\r\n"), "{answer}");
    }

    #[test]
    fn a_connection_that_ends_is_announced() {
        let malformed = Refused { status: 400, why: "no", keep: false, head_only: false };
        assert!(text(&refused(&malformed, SystemTime::now())).contains("Connection: close\r\n"));
        let request = Request::default();
        let old = text(&not_found(&request, After { keep: true, old: true }, SystemTime::now()));
        assert!(
            old.contains("Connection: keep-alive\r\n")
                && old.ends_with("404 Not Found: there is nothing here\n")
        );
    }
}
