//! `proactor serve file` as a process: what `curl` gets, and what those get who send it what no client does.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::{Server, eventually, run};

const MIB: usize = 1 << 20;

/// A folder to serve, beside a secret that is not to be; gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("proactor-files-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let root = std::env::temp_dir().join(name);
        let folder = Folder(root.clone());
        fs::create_dir_all(folder.path("docs/.git")).unwrap();
        fs::write(root.join("secret"), "a secret").unwrap();
        fs::write(folder.path("index.html"), "<p>home").unwrap();
        fs::write(folder.path("a.txt"), "0123456789").unwrap();
        fs::write(folder.path("empty"), "").unwrap();
        fs::write(folder.path("with space.txt"), "spaced").unwrap();
        fs::write(folder.path(".hidden"), "a secret").unwrap();
        fs::write(folder.path("docs/.git/config"), "a secret").unwrap();
        fs::write(folder.path("docs/index.html"), "<p>docs").unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join("site").join(name)
    }

    fn serve(&self, args: &[&str]) -> Server {
        let folder = self.path("");
        Server::serve(&[&["file", folder.to_str().unwrap()], args].concat())
    }

    /// Bytes in which every place can be told from others.
    fn big(&self, name: &str, len: usize) -> Vec<u8> {
        let bytes: Vec<u8> = (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        fs::write(self.path(name), &bytes).unwrap();
        bytes
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn curl(server: &Server, args: &[&str], target: &str) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "20", "--path-as-is"]).args(args);
    curl.arg(format!("http://{}{target}", server.address)).output().unwrap()
}

/// What `curl` prints, which did not fail.
fn curled(server: &Server, args: &[&str], target: &str) -> String {
    let output = curl(server, args, target);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Sends it all and reads to the end, which is a reset where the server had more to read.
fn told(server: &Server, request: &[u8]) -> String {
    let mut stream = server.connect();
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                break;
            }
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn asked(server: &Server, method: &str, target: &str) -> String {
    told(server, format!("{method} {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes())
}

/// One answer of a connection that goes on: its head, and its body by the length it says.
fn answer(from: &mut impl BufRead) -> (String, Vec<u8>) {
    let (mut head, mut body) = (String::new(), Vec::new());
    while !head.ends_with("\r\n\r\n") {
        assert!(from.read_line(&mut head).unwrap() > 0, "the end came after {head:?}");
    }
    if let Some((_, rest)) = head.split_once("Content-Length: ") {
        let len: u64 = rest.lines().next().unwrap().parse().unwrap();
        from.take(len).read_to_end(&mut body).unwrap();
        assert_eq!(body.len() as u64, len, "{head}");
    }
    (head, body)
}

#[test]
fn curl_gets_files_heads_and_what_is_not_there() {
    let folder = Folder::new();
    let server = folder.serve(&["--quiet"]);
    assert_eq!(curled(&server, &[], "/a.txt"), "0123456789");
    assert_eq!(curled(&server, &[], "/with%20space.txt?a=b"), "spaced");
    assert_eq!(curled(&server, &[], "/empty"), "");
    assert_eq!(curled(&server, &[], "/"), "<p>home");
    let head = curled(&server, &["--head"], "/a.txt");
    for part in [
        "HTTP/1.1 200 OK\r\n",
        "Content-Length: 10\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Accept-Ranges: bytes\r\n",
        "Last-Modified: ",
        "ETag: ",
        "Date: ",
    ] {
        assert!(head.contains(part), "{head} lacks {part}");
    }
    let status = &["--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}"];
    assert_eq!(curled(&server, status, "/b.txt"), "404 ");
    assert_eq!(curled(&server, status, "/docs?q"), format!("301 http://{}/docs/?q", server.address));
    assert_eq!(curled(&server, &["--location"], "/docs"), "<p>docs");
    assert!(curled(&server, &["--http1.0"], "/a.txt") == "0123456789");
    let summary = server.interrupt();
    assert!(summary.contains(" 10 requests, ") && summary.ends_with(" 0 faults"), "{summary}");
}

#[test]
fn curl_gets_parts() {
    let folder = Folder::new();
    let server = folder.serve(&["--quiet"]);
    let part = |range: &str| {
        let text = curled(&server, &["--include", "--range", range], "/a.txt");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let of = head.lines().find_map(|line| line.strip_prefix("Content-Range: ")).unwrap_or_default();
        format!("{} {of} {body}", &head[9..12])
    };
    assert_eq!(part("0-0"), "206 bytes 0-0/10 0");
    assert_eq!(part("2-4"), "206 bytes 2-4/10 234");
    assert_eq!(part("7-"), "206 bytes 7-9/10 789");
    assert_eq!(part("-3"), "206 bytes 7-9/10 789");
    assert_eq!(part("5-500"), "206 bytes 5-9/10 56789");
    assert!(part("10-").starts_with("416 bytes */10 "));
    assert_eq!(part("0-1,4-5"), "200  0123456789", "several get the whole");
    let resumed = folder.path("resumed");
    fs::write(&resumed, "0123").unwrap();
    curled(&server, &["--continue-at", "-", "--output", resumed.to_str().unwrap()], "/a.txt");
    assert_eq!(fs::read(resumed).unwrap(), b"0123456789");
    server.interrupt();
}

#[test]
fn curl_is_not_sent_what_it_has() {
    let folder = Folder::new();
    // Long enough ago for its date to tell it from others.
    let file = fs::File::options().write(true).open(folder.path("a.txt")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    let server = folder.serve(&["--quiet"]);
    let head = curled(&server, &["--head"], "/a.txt");
    let of = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    let (tag, date) = (of("ETag: "), of("Last-Modified: "));
    assert_eq!(date, "Sun, 09 Sep 2001 01:46:40 GMT");
    let with = |header: String, more: &[&str]| {
        let args = ["--header", &header, "--write-out", "%{http_code}"];
        curled(&server, &[&args, more].concat(), "/a.txt")
    };
    assert_eq!(with(format!("If-None-Match: {tag}"), &[]), "304");
    assert_eq!(with(format!("If-Modified-Since: {date}"), &[]), "304");
    assert_eq!(with("If-None-Match: \"x\"".into(), &[]), "0123456789200");
    assert_eq!(with(format!("If-Range: {tag}"), &["--range", "0-1"]), "01206");
    assert_eq!(with("If-Range: \"x\"".into(), &["--range", "0-1"]), "0123456789200");
    assert!(with("If-Match: \"x\"".into(), &[]).ends_with("412"));
    server.interrupt();
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let folder = Folder::new();
    symlink("../secret", folder.path("link")).unwrap();
    symlink(folder.0.join("secret"), folder.path("absolute")).unwrap();
    symlink("..", folder.path("up")).unwrap();
    symlink("/", folder.path("root")).unwrap();
    symlink("/proc/self/root", folder.path("magic")).unwrap();
    let server = folder.serve(&["--quiet"]);
    let absolute = folder.0.join("secret");
    let absolute = absolute.to_str().unwrap();
    let targets = [
        "/../secret",
        "/docs/../../secret",
        "/%2e%2e/secret",
        "/%2E%2E%2Fsecret",
        "/..%2fsecret",
        "/docs/..%2f..%2fsecret",
        "/.%2e/secret",
        "/%252e%252e/secret",
        "/..%5csecret",
        "/..\\secret",
        "/%c0%ae%c0%ae/secret",
        "/%c0%ae%c0%ae%c0%afsecret",
        "/%e0%80%ae%e0%80%ae/secret",
        "/....//secret",
        "/..;/secret",
        "/./../secret",
        "//../secret",
        "/%00/../secret",
        "/..%00/secret",
        "/a.txt%00/../../secret",
        "/a.txt/../../secret",
        "http://h/../secret",
        "/link",
        "/absolute",
        "/up/secret",
        "/root/etc/passwd",
        "/magic/etc/passwd",
        "/.hidden",
        "/docs/.git/config",
        "/docs/%2egit/config",
        "/%2ehidden",
        "/.",
        "/..",
        absolute,
        &format!("/{absolute}"),
        &format!("/%2f{}", &absolute[1..]),
        "/etc/passwd",
        "//etc/passwd",
    ];
    for target in targets {
        for method in ["GET", "HEAD"] {
            let answer = asked(&server, method, target);
            assert!(
                answer.starts_with("HTTP/1.1 404 ") || answer.starts_with("HTTP/1.1 400 "),
                "{target}: {answer}"
            );
            assert!(!answer.contains("a secret") && !answer.contains("root:"), "{target}: {answer}");
        }
    }
    assert!(asked(&server, "GET", "/a.txt").ends_with("0123456789"));
    server.interrupt();
}

#[test]
fn what_is_no_regular_file_is_not_there_and_keeps_nobody_waiting() {
    let folder = Folder::new();
    let pipe = folder.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let server = folder.serve(&["--quiet", "--workers", "1"]);
    for _ in 0..3 {
        assert!(asked(&server, "GET", "/pipe").starts_with("HTTP/1.1 404 "));
    }
    assert!(asked(&server, "GET", "/a.txt").ends_with("0123456789"));
    server.interrupt();
}

#[test]
fn requests_are_answered_in_their_order_however_they_are_cut() {
    let folder = Folder::new();
    let big = folder.big("big", 300_000);
    let server = folder.serve(&["--quiet"]);
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
    let all =
        ["/a.txt", "/big", "/none", "/empty", "/docs", "/docs/", "/big", "/a.txt"].map(request).concat();
    for size in [all.len(), 1] {
        let mut stream = server.connect();
        for chunk in all.as_bytes().chunks(size) {
            stream.write_all(chunk).unwrap();
        }
        let mut stream = BufReader::new(stream);
        let mut next = |status: &str| {
            let (head, body) = answer(&mut stream);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert!(!head.contains("Connection:"), "{head}");
            body
        };
        assert_eq!(next("200"), b"0123456789");
        assert!(next("200") == big);
        assert_eq!(next("404"), b"404 Not Found: there is nothing here\n");
        assert_eq!(next("200"), b"");
        next("301");
        assert_eq!(next("200"), b"<p>docs");
        assert!(next("200") == big);
        assert_eq!(next("200"), b"0123456789");
    }
    server.interrupt();
}

#[test]
fn who_asks_for_much_and_does_not_read_is_told_to_come_again() {
    const ASKED: usize = 300;
    let folder = Folder::new();
    folder.big("big", MIB);
    let server = folder.serve(&["--quiet"]);
    let mut stream = server.connect();
    stream.write_all("GET /big HTTP/1.1\r\nHost: h\r\n\r\n".repeat(ASKED).as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    // That all has been read shows in what another is told after it: nothing of this is waiting any more.
    assert!(asked(&server, "GET", "/a.txt").ends_with("0123456789"));
    let mut stream = BufReader::new(stream);
    let mut answers = 0;
    loop {
        let (head, body) = answer(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200 ") && body.len() == MIB, "{head}");
        answers += 1;
        if head.contains("Connection: close") || answers == ASKED {
            break;
        }
    }
    assert!((64..ASKED).contains(&answers), "{answers} of {ASKED}");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "then the connection ends in order");
    assert!(eventually(|| server.connections() == 0) && open_files(&server, &folder) == 0);
    server.interrupt();
}

#[test]
fn what_is_wrong_is_answered_with_its_number_and_the_connection_closed() {
    let folder = Folder::new();
    let server = folder.serve(&["--quiet"]);
    let head = |first: &str, more: &str| format!("{first}\r\nHost: h\r\n{more}\r\n");
    let long = "x".repeat(9000);
    let cases = [
        ("400", "\x16\x03\x01\x02\0\x01\0\r\n\r\n".to_owned()),
        ("400", "hello\r\n\r\n".to_owned()),
        ("400", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        ("400", head("GET /%zz HTTP/1.1", "")),
        ("400", head("GET / HTTP/1.1", "Host: again\r\n")),
        ("400", head("GET / HTTP/1.1", "Content-Length: 1x\r\n")),
        ("413", head("GET / HTTP/1.1", "Content-Length: 31\r\n") + "GET /secret HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("413", head("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n"),
        ("414", head(&format!("GET /{long} HTTP/1.1"), "")),
        ("431", head("GET / HTTP/1.1", &format!("X: {long}{long}\r\n"))),
        ("431", head("GET / HTTP/1.1", &"X: y\r\n".repeat(150))),
        ("505", head("GET / HTTP/3.0", "")),
    ];
    for (status, request) in cases {
        // More behind it is not taken for a request.
        let answer = told(&server, format!("{request}GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        assert!(answer.contains("Connection: close\r\n"), "{answer}");
        assert_eq!(answer.matches("\r\nDate: ").count(), 1, "{answer}");
    }
    let refused = asked(&server, "DELETE", "/a.txt");
    assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("Allow: GET, HEAD\r\n"), "{refused}");
    assert!(asked(&server, "BREW", "/").starts_with("HTTP/1.1 501 "));
    assert!(asked(&server, "HEAD", "/none").ends_with("\r\n\r\n"), "a HEAD has no body, whatever it is told");
    let (summary, aside) = server.interrupt_with_errors();
    assert!(summary.ends_with(" 0 faults") && !aside.contains("fault"), "{summary} {aside}");
}

#[test]
fn old_clients_get_one_answer_unless_they_ask_for_more() {
    let folder = Folder::new();
    let server = folder.serve(&["--quiet"]);
    let once = told(&server, b"GET /a.txt HTTP/1.0\r\n\r\n");
    assert!(once.contains("Connection: close\r\n") && once.ends_with("0123456789"), "{once}");
    let mut stream = server.connect();
    stream.write_all(b"GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    let mut stream = BufReader::new(stream);
    let (head, _) = answer(&mut stream);
    assert!(head.contains("Connection: keep-alive\r\n"), "{head}");
    stream.get_mut().write_all(b"GET /a.txt HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(answer(&mut stream).1, b"0123456789");
    server.interrupt();
}

#[test]
fn who_never_finishes_a_request_is_let_go() {
    let folder = Folder::new();
    let server = folder.serve(&["--quiet", "--idle-timeout", "0.3"]);
    let mut slow = server.connect();
    slow.write_all(b"GET /a.txt HTTP/1.1\r\nHo").unwrap();
    let mut quiet = server.connect();
    quiet.write_all(b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut quiet = BufReader::new(quiet);
    assert_eq!(answer(&mut quiet).1, b"0123456789");
    for stream in [&mut slow, quiet.get_mut()] {
        match stream.read(&mut [0]) {
            Ok(count) => assert_eq!(count, 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    let summary = server.interrupt();
    assert!(summary.contains("1 idle too long, 1 never asked, 0 faults"), "{summary}");
}

#[test]
fn sixty_four_mebibytes_come_as_they_are() {
    let folder = Folder::new();
    let whole = folder.big("big", 64 * MIB);
    let server = folder.serve(&["--quiet"]);
    let copy = folder.path("copy");
    curled(&server, &["--output", copy.to_str().unwrap()], "/big");
    assert!(fs::read(&copy).unwrap() == whole, "all of it, and nothing else");
    let range = format!("{}-{}", 5 * MIB + 1, 50 * MIB);
    curled(&server, &["--output", copy.to_str().unwrap(), "--range", &range], "/big");
    assert!(fs::read(&copy).unwrap() == whole[5 * MIB + 1..=50 * MIB]);
    assert_eq!(open_files(&server, &folder), 0);
    let summary = server.interrupt();
    assert!(summary.contains("109.0 MiB out"), "{summary}");
}

/// Descriptors the server has of files in the folder.
fn open_files(server: &Server, folder: &Folder) -> usize {
    let links = fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap();
    let links = links.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.is_file() && link.starts_with(&folder.0)).count()
}

#[test]
fn who_leaves_half_way_leaves_nothing_behind() {
    let folder = Folder::new();
    folder.big("big", 16 * MIB);
    let server = folder.serve(&["--quiet"]);
    for _ in 0..10 {
        let mut stream = server.connect();
        stream.write_all(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 100_000]).unwrap();
    }
    assert!(eventually(|| server.connections() == 0 && open_files(&server, &folder) == 0));
    assert!(asked(&server, "GET", "/a.txt").ends_with("0123456789"));
    let (summary, aside) = server.interrupt_with_errors();
    assert!(summary.contains(" 10 reset by peers") && summary.ends_with(" 0 faults"), "{summary}");
    assert!(!aside.contains("fault"), "{aside}");
}

#[test]
fn a_download_under_way_is_finished_before_the_end() {
    let folder = Folder::new();
    let whole = folder.big("big", 16 * MIB);
    let server = folder.serve(&["--quiet"]);
    let mut stream = server.connect();
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut begun = [0];
    stream.read_exact(&mut begun).unwrap();
    let rest = std::thread::spawn(move || {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        rest
    });
    let summary = server.terminate();
    assert!(rest.join().unwrap().ends_with(&whole), "{summary}");
    assert!(summary.contains("1 still there at the end, 0 faults"), "{summary}");
}

#[test]
fn the_line_of_figures_counts_requests_and_top_looks_in() {
    let folder = Folder::new();
    let mut server = folder.serve(&[]);
    let mut stream = server.connect();
    stream.write_all(b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    answer(&mut BufReader::new(&stream));
    let line = server.line();
    for part in ["1 sessions", "requests/s", "B/s out", "running 0", "queue 0"] {
        assert!(line.contains(part), "{line:?} lacks {part:?}");
    }
    let seen = run(&["top", &server.id().to_string(), "--once"]);
    assert!(seen.status.success(), "{}", String::from_utf8_lossy(&seen.stderr));
    server.interrupt();
}

#[test]
fn a_folder_that_cannot_be_served_is_told_in_a_sentence() {
    let folder = Folder::new();
    let says = |path: &Path, words: &str| {
        let output = run(&["serve", "file", path.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert!(sentence.starts_with("error: ") && sentence.contains(words), "{sentence}");
        assert_eq!(output.status.code(), Some(1));
    };
    says(&folder.path("nowhere"), "does not exist");
    says(&folder.path("a.txt"), "is no folder");
}

#[test]
fn few_descriptors_bound_the_sessions_and_what_is_beyond_is_refused() {
    let folder = Folder::new();
    let mut shell = Command::new("sh");
    let script = "ulimit -n 100 && exec \"$0\" serve file \"$1\" --listen 127.0.0.1:0 --quiet --workers 8";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_proactor")]).arg(folder.path(""));
    let server = Server::spawn(shell);
    let held: Vec<TcpStream> = (0..60).map(|_| server.connect()).collect();
    // (100 - 32 - 8) / 2
    assert!(eventually(|| server.connections() == 30));
    // Those that wait to be refused would be served once others have gone.
    let is_over = |stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        match stream.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    };
    assert!(eventually(|| held.iter().filter(|stream| is_over(stream)).count() == 30));
    drop(held);
    assert!(eventually(|| server.connections() == 0));
    assert!(asked(&server, "GET", "/a.txt").ends_with("0123456789"));
    let (summary, aside) = server.interrupt_with_errors();
    assert!(aside.contains("allows 30 sessions and as many open files"), "{aside}");
    assert!(summary.contains("30 refused beyond the limit"), "{summary}");
}
