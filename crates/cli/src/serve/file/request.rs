//! A request's head, understood or refused. What is ambiguous is refused and its connection closed: whoever guesses
//! where a request ends can be made to answer one that was never asked (RFC 9112, 11.2).

use percent_encoding::percent_decode;

use super::head::MOST;

/// Headers of one request, at most.
const HEADERS: usize = 100;
/// Bytes of a target, at most.
const TARGET: usize = 8 << 10;

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub head_only: bool,
    /// The connection stays open after the answer.
    pub keep: bool,
    /// It is to be told so: HTTP/1.0 would not expect it.
    pub old: bool,
    /// The parts of the path, decoded, none of them empty.
    pub path: Vec<Vec<u8>>,
    /// The path ended in a slash.
    pub folder: bool,
    /// What came behind the `?`, with it.
    pub query: String,
    pub range: Option<String>,
    pub if_range: Option<String>,
    pub if_match: Option<String>,
    pub if_none_match: Option<String>,
    pub if_modified_since: Option<String>,
    pub if_unmodified_since: Option<String>,
}

/// What is not done, and whether the connection can go on after that.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub why: &'static str,
    pub keep: bool,
    pub head_only: bool,
}

fn refused(status: u16, why: &'static str) -> Refused {
    Refused { status, why, keep: false, head_only: false }
}

const MALFORMED: &str = "that is no request of HTTP/1.1";

/// Reads a head as [`Heads`](super::head::Heads) cuts them.
pub fn parse(head: &[u8]) -> Result<Request, Refused> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(refused(431, "there are more than 100 headers")),
        Err(httparse::Error::Version) => {
            return Err(refused(505, "only HTTP/1.0 and HTTP/1.1 are spoken here"));
        }
        // An empty line before it is not part of the head.
        Ok(httparse::Status::Partial) if head.len() + 2 >= MOST => {
            return Err(match head.iter().position(|byte| *byte == b'\n') {
                Some(..=TARGET) => refused(431, "the head has more than 16 KiB"),
                _ => refused(414, "the target has more than 8 KiB"),
            });
        }
        Ok(httparse::Status::Partial) | Err(_) => return Err(refused(400, MALFORMED)),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(refused(400, MALFORMED));
    };
    let headers = Headers(parsed.headers);
    let (old, head_only) = (minor == 0, method == "HEAD");
    let closing = |refused: Refused| Refused { head_only, ..refused };
    headers.no_body().map_err(closing)?;
    match headers.all("host").count() {
        1 => {}
        0 if old => {}
        _ => return Err(closing(refused(400, "a request of HTTP/1.1 has one Host header"))),
    }
    let keep = if old { headers.says("connection", "keep-alive") } else { true };
    let keep = keep && !headers.says("connection", "close");
    match method {
        "GET" | "HEAD" => {}
        "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "TRACE" | "CONNECT" => {
            return Err(Refused { keep, ..refused(405, "only GET and HEAD are done here") });
        }
        _ => return Err(Refused { keep, ..refused(501, "that method is not known here") }),
    }
    if target.len() > TARGET {
        return Err(closing(refused(414, "the target has more than 8 KiB")));
    }
    let (path, folder, query) = target_of(target).map_err(closing)?;
    let one = |name| headers.one(name);
    Ok(Request {
        head_only,
        keep,
        old,
        path,
        folder,
        query,
        range: one("range"),
        // One that can't be read is not to be taken for none: it would join parts of different files.
        if_range: headers.all("if-range").next().map(|_| one("if-range").unwrap_or_default()),
        if_match: headers.list("if-match"),
        if_none_match: headers.list("if-none-match"),
        if_modified_since: one("if-modified-since"),
        if_unmodified_since: one("if-unmodified-since"),
    })
}

struct Headers<'a>(&'a [httparse::Header<'a>]);

impl Headers<'_> {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    /// Of a header there should be one of; with two, who knows which is meant.
    fn one(&self, name: &str) -> Option<String> {
        let mut all = self.all(name);
        let first = all.next().filter(|_| all.next().is_none())?;
        Some(str::from_utf8(first).ok()?.trim().to_owned())
    }

    /// Of a header that may come in parts.
    fn list(&self, name: &str) -> Option<String> {
        let parts: Vec<_> = self.all(name).map(String::from_utf8_lossy).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }

    fn says(&self, name: &str, word: &str) -> bool {
        let mut words = self.all(name).flat_map(|value| value.split(|byte| *byte == b','));
        words.any(|said| said.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    }

    fn no_body(&self) -> Result<(), Refused> {
        let coded = self.all("transfer-encoding").next().is_some();
        let mut bytes = None;
        for length in self.all("content-length") {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let zero = digits && length.iter().all(|digit| *digit == b'0');
            if !digits || coded || bytes.is_some_and(|before| before != zero) {
                return Err(refused(400, "nobody can tell how long this request is"));
            }
            bytes = Some(zero);
        }
        if coded || bytes == Some(false) {
            return Err(refused(413, "requests have no body here"));
        }
        Ok(())
    }
}

type Target = (Vec<Vec<u8>>, bool, String);

/// The parts of the path, whether it ends in a slash, and the query.
fn target_of(target: &str) -> Result<Target, Refused> {
    let malformed = || refused(400, "that is no target: it should be a path as in /index.html");
    let path =
        if target.starts_with('/') { target } else { without_authority(target).ok_or_else(malformed)? };
    let path = path.split('#').next().unwrap_or_default();
    let (path, query) = match path.find('?') {
        Some(at) => path.split_at(at),
        None => (path, ""),
    };
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let part = decoded(part).ok_or_else(malformed)?;
        if part.contains(&0) {
            return Err(malformed());
        }
        parts.push(part);
    }
    Ok((parts, path.is_empty() || path.ends_with('/'), query.to_owned()))
}

/// The path of `http://host/path`, which a server must take as well (RFC 9112, 3.2.2).
fn without_authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    let http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let path = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    http.then_some(path)
}

/// Decoded once; none if a `%` is not followed by two digits.
fn decoded(part: &str) -> Option<Vec<u8>> {
    let digits = |rest: &str| rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    let sound = part.split('%').skip(1).all(digits);
    sound.then(|| percent_decode(part.as_bytes()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(request: &str) -> Result<Request, Refused> {
        parse(request.replace('\n', "\r\n").as_bytes())
    }

    fn status(request: &str) -> u16 {
        asked(request).unwrap_err().status
    }

    fn path(target: &str) -> Result<Target, u16> {
        target_of(target).map_err(|refused| refused.status)
    }

    #[test]
    fn a_request_is_understood() {
        let request = asked("GET /a%20b/c.txt?x=/../y HTTP/1.1\nHost: h\nRange: bytes=0-1\n\n").unwrap();
        assert_eq!(request.path, [b"a b".to_vec(), b"c.txt".to_vec()]);
        assert!(request.keep && !request.head_only && !request.folder && !request.old);
        assert_eq!((request.query.as_str(), request.range.as_deref()), ("?x=/../y", Some("bytes=0-1")));
    }

    #[test]
    fn a_condition_of_a_range_that_cannot_be_read_does_not_hold() {
        let condition = |lines: &str| {
            asked(&format!("GET / HTTP/1.1\nHost: h\nRange: bytes=0-1\n{lines}\n")).unwrap().if_range
        };
        assert_eq!(condition(""), None);
        assert_eq!(condition("If-Range: \"a\"\n").as_deref(), Some("\"a\""));
        assert_eq!(condition("If-Range: \"a\"\nIf-Range: \"b\"\n").as_deref(), Some(""));
    }

    #[test]
    fn connections_stay_as_version_and_header_say() {
        let keep = |request: &str| asked(request).unwrap().keep;
        assert!(keep("GET / HTTP/1.1\nHost: h\n\n"));
        assert!(!keep("GET / HTTP/1.1\nHost: h\nConnection: x, Close\n\n"));
        assert!(!keep("GET / HTTP/1.0\n\n"));
        assert!(keep("GET / HTTP/1.0\nConnection: Keep-Alive\n\n"));
    }

    #[test]
    fn a_body_is_refused_before_it_can_be_taken_for_a_request() {
        assert_eq!(status("POST / HTTP/1.1\nHost: h\nContent-Length: 5\n\n"), 413);
        assert_eq!(status("GET / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n"), 413);
        for length in ["+5", "5, 5", "", "0x1", "-0"] {
            assert_eq!(
                status(&format!("GET / HTTP/1.1\nHost: h\nContent-Length: {length}\n\n")),
                400,
                "{length}"
            );
        }
        assert_eq!(status("GET / HTTP/1.1\nHost: h\nContent-Length: 0\nContent-Length: 7\n\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\nHost: h\nContent-Length: 0\nTransfer-Encoding: chunked\n\n"), 400);
        assert!(asked("GET / HTTP/1.1\nHost: h\nContent-Length: 0\n\n").is_ok());
        assert_eq!(status("POST / HTTP/1.1\nHost: h\nContent-Length: 0\n\n"), 405);
    }

    #[test]
    fn what_is_wrong_has_the_number_that_says_so() {
        assert_eq!(status("GET /\n\n"), 400);
        assert_eq!(status("\u{16}\u{3}\u{1}\n\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\n\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\nHost: a\nHost: b\n\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\nHost : a\n\n"), 400);
        assert_eq!(status("GET / HTTP/1.1\nHost: a\n folded\n\n"), 400);
        assert_eq!(status("GET / HTTP/2.0\nHost: a\n\n"), 505);
        assert_eq!(status("BREW /pot HTTP/1.1\nHost: a\n\n"), 501);
        assert_eq!(status("OPTIONS * HTTP/1.1\nHost: a\n\n"), 405);
        assert_eq!(status("GET * HTTP/1.1\nHost: a\n\n"), 400);
        assert_eq!(status(&format!("GET /{} HTTP/1.1\nHost: a\n\n", "x".repeat(9000))), 414);
        assert_eq!(status(&format!("GET / HTTP/1.1\nHost: a\n{}\n", "A: b\n".repeat(200))), 431);
        assert_eq!(status(&format!("GET / HTTP/1.1\nHost: a\nX: {}", "y".repeat(MOST))), 431);
        assert_eq!(status(&format!("GET /{}", "y".repeat(MOST))), 414);
    }

    #[test]
    fn a_target_is_split_before_it_is_decoded() {
        assert_eq!(path("/a%2Fb"), Ok((vec![b"a/b".to_vec()], false, String::new())));
        assert_eq!(path("/%252e"), Ok((vec![b"%2e".to_vec()], false, String::new())), "decoded once");
        assert_eq!(path("//etc//x/"), Ok((vec![b"etc".to_vec(), b"x".to_vec()], true, String::new())));
        assert_eq!(path("http://h:80/a?b"), Ok((vec![b"a".to_vec()], false, "?b".into())));
        assert_eq!(path("http://h"), Ok((vec![], true, String::new())));
        for wrong in ["/%", "/%4", "/%zz", "/%+1", "/a%00b", "ftp://h/", "a", ""] {
            assert_eq!(path(wrong), Err(400), "{wrong}");
        }
    }
}
