//! `proactor serve chat` as a process: what those hear who are connected, whatever one of them does.
//!
//! Each waits for the line it expects, so none of the tests waits for a time to pass but those of time-outs.

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use common::{Server, eventually, run};

/// Somebody at a terminal.
struct User {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

/// So that little goes out to who does not read.
fn connect_with_little_room(server: &Server) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address: std::net::SocketAddr = server.address.parse().unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.into()
}

impl User {
    fn new(server: &Server) -> User {
        User::over(server.connect())
    }

    fn over(stream: TcpStream) -> User {
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut user = User { stream, lines };
        user.hears("* In lobby:");
        user
    }

    /// Of that name, which all the others have been told.
    fn named(server: &Server, nick: &str) -> User {
        let mut user = User::new(server);
        user.types(&format!("/nick {nick}"));
        user.hears(&format!("* You are {nick} now."));
        user
    }

    fn types(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(line.is_empty() || line.ends_with('\n'), "{line:?}");
        line.trim_end().to_owned()
    }

    /// The next line that begins so; what came before it.
    fn hears(&mut self, start: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "no {start:?} before the end, but {before:?}");
            let is = line.starts_with(start);
            before.push(line);
            if is {
                return before;
            }
        }
    }

    fn hears_the_end(&mut self) -> String {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        rest
    }
}

#[test]
fn three_talk_join_and_leave() {
    let server = Server::serve(&["chat", "--quiet"]);
    let mut ann = User::named(&server, "ann");
    let mut bob = User::named(&server, "bob");
    let mut cid = User::named(&server, "cid");
    ann.hears("* guest-3 is now cid.");
    bob.hears("* guest-3 is now cid.");
    ann.types("good evening\r");
    assert_eq!(bob.line(), "ann: good evening");
    assert_eq!(cid.line(), "ann: good evening");
    cid.types("/join tea");
    cid.hears("* In tea: cid");
    assert_eq!(bob.line(), "* cid has gone to the room tea.");
    bob.types("/JOIN tea");
    assert_eq!(cid.line(), "* bob has come in.");
    bob.hears("* In tea: bob cid");
    bob.types("/quit");
    assert_eq!(bob.hears_the_end(), "* Goodbye, bob.\n");
    assert_eq!(cid.line(), "* bob has left.");
    drop(ann);
    cid.types("/rooms");
    assert!(cid.line().starts_with("* Rooms: "));
    drop(cid);
    assert!(eventually(|| server.connections() == 0));
    let (summary, aside) = server.interrupt_with_errors();
    assert!(summary.contains(": 3 sessions, 8 messages, "), "{summary}");
    assert!(summary.contains("1 closed by the server") && summary.ends_with(" 0 faults"), "{summary}");
    assert!(!aside.contains("fault"), "{aside}");
}

#[test]
fn no_escape_sequence_reaches_another_terminal() {
    let server = Server::serve(&["chat", "--quiet"]);
    let mut ann = User::named(&server, "ann");
    let mut bob = User::named(&server, "bob");
    let bytes: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    for some in bytes.chunks(16) {
        let sequences: Vec<u8> = some.iter().flat_map(|byte| [*byte, b'[', b'2', b'J']).collect();
        ann.stream.write_all(&[b"<", &sequences[..], b">\n"].concat()).unwrap();
        let line = bob.line();
        assert!(line.starts_with("ann: <") && line.ends_with("[2J>"), "{some:?}: {line:?}");
        assert!(!line.chars().any(char::is_control), "{some:?}: {line:?}");
    }
    ann.types("/nick \x1b[31mred");
    ann.hears("* A nick has 1 to 20 letters");
    server.interrupt();
}

#[test]
fn the_end_of_the_server_is_told_and_what_is_queued_goes_out() {
    let server = Server::serve(&["chat", "--quiet"]);
    let mut all: Vec<User> = (0..20).map(|_| User::new(&server)).collect();
    // Nothing is on its way any more that could come behind the last line.
    all[..19].iter_mut().for_each(|user| drop(user.hears("* guest-20 is here.")));
    let reading = std::thread::spawn(move || {
        all.iter_mut().for_each(|user| {
            let rest = user.hears_the_end();
            assert!(rest.ends_with("* The server is closing. Goodbye.\n"), "{rest}");
        });
    });
    let summary = server.terminate();
    reading.join().unwrap();
    assert!(summary.contains("20 still there at the end") && summary.ends_with("0 faults"), "{summary}");
}

#[test]
fn who_reads_nothing_costs_the_others_nothing() {
    let server = Server::serve(&["chat", "--quiet", "--limit-sessions", "40"]);
    let mut sleeper = User::over(connect_with_little_room(&server));
    let mut bob = User::named(&server, "bob");
    // Each has a burst to say: together more than the socket and the queue of one who does not read hold.
    let text = "x".repeat(900);
    for speaker in 0..150 {
        let mut ann = User::named(&server, &format!("ann-{speaker}"));
        for _ in 0..45 {
            ann.types(&text);
        }
        for _ in 0..45 {
            bob.hears(&format!("ann-{speaker}: "));
        }
        ann.types("/quit");
        ann.hears_the_end();
    }
    let awake = std::thread::spawn(move || sleeper.hears("* You read too slowly: ").len());
    // Told with the next line that reaches it.
    assert!(eventually(|| {
        bob.types("wake up");
        std::thread::sleep(Duration::from_millis(100));
        awake.is_finished()
    }));
    assert!(awake.join().unwrap() < 6750, "the queue is bounded");
    let summary = server.interrupt();
    assert!(
        summary.contains(" messages dropped at full queues") && summary.ends_with("0 faults"),
        "{summary}"
    );
}

#[test]
fn a_flood_keeps_nobody_from_talking() {
    let server = Server::serve(&["chat", "--quiet"]);
    let (mut ann, mut bob) = (User::named(&server, "ann"), User::named(&server, "bob"));
    let mut flood = server.connect();
    let flooding = std::thread::spawn(move || {
        let lines = "spam, spam, spam\n".repeat(10_000);
        (0..100).for_each(|_| flood.write_all(lines.as_bytes()).unwrap());
    });
    for turn in 0..20 {
        ann.types(&format!("are you there? {turn}"));
        bob.hears(&format!("ann: are you there? {turn}"));
        bob.types(&format!("yes {turn}"));
        ann.hears(&format!("bob: yes {turn}"));
    }
    flooding.join().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = resident.trim_end_matches("kB").trim().parse().unwrap();
    assert!(kib < 64 << 10, "{kib} KiB for 17 MB of a flood");
    let summary = server.interrupt();
    assert!(summary.ends_with(" 0 faults"), "{summary}");
}

#[test]
fn who_says_nothing_for_too_long_is_let_go() {
    let server = Server::serve(&["chat", "--quiet", "--idle-timeout", "0.3"]);
    let mut ann = User::new(&server);
    // In good order: what she has been sent is hers to read.
    assert_eq!(ann.lines.read(&mut [0]).unwrap(), 0);
    let summary = server.interrupt();
    assert!(summary.contains("1 idle too long, 0 faults"), "{summary}");
}

#[test]
fn beyond_the_limit_of_sessions_a_connection_is_closed_and_counted() {
    let server = Server::serve(&["chat", "--quiet", "--limit-sessions", "2"]);
    let (ann, mut bob) = (User::new(&server), User::new(&server));
    let mut rest = Vec::new();
    match server.connect().read_to_end(&mut rest) {
        Ok(_) => assert!(rest.is_empty()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    drop(ann);
    bob.hears("* guest-1 has left");
    assert!(eventually(|| server.connections() == 1));
    User::new(&server);
    let summary = server.interrupt();
    assert!(summary.contains("3 sessions") && summary.contains("1 refused beyond the limit"), "{summary}");
}

#[test]
fn top_and_the_line_of_figures_show_the_sessions() {
    let mut server = Server::serve(&["chat"]);
    let _ann = User::new(&server);
    let line = server.line();
    for part in ["1 sessions", "messages/s", "B/s in", "B/s out", "running 0", "queue 0"] {
        assert!(line.contains(part), "{line:?} lacks {part:?}");
    }
    let seen = run(&["top", &server.id().to_string(), "--once"]);
    let text = String::from_utf8(seen.stdout).unwrap();
    assert!(seen.status.success() && text.contains("parked"), "{text}");
    server.interrupt();
}

#[test]
fn socat_can_talk() {
    let server = Server::serve(&["chat", "--quiet"]);
    let mut ann = User::named(&server, "ann");
    let mut socat = std::process::Command::new("socat");
    socat.args(["-t5", "-", &format!("TCP:{},crnl", server.address)]);
    let mut socat = socat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    socat.stdin.take().unwrap().write_all(b"/nick bob\nhello from a pipe\n/quit\n").unwrap();
    ann.hears("bob: hello from a pipe");
    ann.hears("* bob has left.");
    let output = socat.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("* You are bob now."), "{text}");
    server.interrupt();
}
