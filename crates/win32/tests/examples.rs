//! The three servers under `examples/win32`, built unchanged for Windows and for us: the same clients find the same.
//!
//! Each script is told to a server that runs by itself, one under valgrind and one under Wine, and what it says is what
//! the test says it is: hence the three say the same.

mod runner;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use runner::server::{Server, Under, example, missing, same, without_remarks};
use runner::{Scratch, run};

/// Runs the script in one way, unless that is not to be had here.
fn with(under: Under, script: impl FnOnce(Under)) {
    match missing(under) {
        Some(why) => println!("skipped: {why}"),
        None => script(under),
    }
}

fn start(name: &str, arguments: &[&str], under: Under) -> Server {
    let mut command = example(name, under).unwrap_or_else(|why| panic!("{why}"));
    command.args(arguments);
    Server::start(command).unwrap_or_else(|why| panic!("{why}"))
}

fn end(server: Server) -> String {
    server.end().unwrap_or_else(|why| panic!("{why}"))
}

/// Whether the peer has gone, in either way.
fn is_over(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 16]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Eight clients at once send more than a buffer holds and hear all of it; one resets; two are idle at the end.
fn echo(under: Under) {
    let mut server = start("echo.c", &["0", "3"], under);
    let clients: Vec<_> = (0..8_usize)
        .map(|number| {
            let mut stream = server.connect();
            std::thread::spawn(move || {
                let sent: Vec<u8> = (0..20_000 * number + 1).map(|at| (at * (number + 3)) as u8).collect();
                let mut writer = stream.try_clone().expect("a socket can be shared");
                let copy = sent.clone();
                let writing = std::thread::spawn(move || {
                    for part in copy.chunks(7_001) {
                        writer.write_all(part).expect("the server reads");
                    }
                    writer.shutdown(Shutdown::Write).expect("it is connected");
                });
                let mut heard = Vec::new();
                stream.read_to_end(&mut heard).expect("the server sends all, and then its end");
                writing.join().expect("all is sent");
                assert!(heard == sent, "client {number} heard {} bytes, sent {}", heard.len(), sent.len());
            })
        })
        .collect();
    for client in clients {
        client.join().expect("each client hears what it sent");
    }
    let mut reset = server.connect();
    reset.write_all(b"?").expect("the server reads");
    reset.read_exact(&mut [0]).expect("the server sends");
    socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO)).expect("it is a socket");
    drop(reset);
    let mut idle = [server.connect(), server.connect()];
    for stream in &mut idle {
        stream.write_all(b"!").expect("the server reads");
        stream.read_exact(&mut [0]).expect("the server sends");
    }
    server.quit();
    for stream in &mut idle {
        assert!(is_over(stream));
    }
    assert_eq!(end(server), format!("11 connections, {} bytes\n", 20_000 * 28 + 8 + 3));
}

/// Who takes part in a chat.
struct Guest {
    stream: BufReader<TcpStream>,
}

impl Guest {
    /// Comes in under a name.
    fn enter(server: &Server, name: &str) -> Self {
        let mut guest = Self { stream: BufReader::new(server.connect()) };
        guest.hears("your name?");
        guest.says(name);
        guest.hears(&format!("welcome, {name}"));
        guest
    }

    fn says(&mut self, line: &str) {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).expect("the server reads");
    }

    fn hears(&mut self, wanted: &str) {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server sends");
        assert_eq!(line, format!("{wanted}\n"));
    }

    fn hears_the_end(&mut self) {
        assert!(is_over(self.stream.get_mut()));
    }
}

fn chat(under: Under) {
    let mut server = start("chat.cpp", &["0"], under);
    let mut ann = Guest::enter(&server, "ann");
    let mut bob = Guest::enter(&server, "bob");
    ann.hears("* bob comes in");
    ann.says("hello");
    bob.hears("ann: hello");
    bob.says("/who");
    bob.hears("here are: ann bob");

    let mut cyd = Guest { stream: BufReader::new(server.connect()) };
    cyd.hears("your name?");
    cyd.says("ann");
    cyd.hears("another name?");
    cyd.says("cyd");
    cyd.hears("welcome, cyd");
    ann.hears("* cyd comes in");
    bob.hears("* cyd comes in");

    // All at once, and heard in order.
    let many: Vec<String> = (0..200).map(|number| format!("line {number}")).collect();
    cyd.says(&many.join("\n"));
    for line in &many {
        ann.hears(&format!("cyd: {line}"));
        bob.hears(&format!("cyd: {line}"));
    }
    bob.says("/quit");
    bob.hears("bye");
    bob.hears_the_end();
    drop(bob);
    ann.hears("* bob leaves");
    cyd.hears("* bob leaves");
    drop(cyd);
    ann.hears("* cyd leaves");
    server.quit();
    ann.hears_the_end();
    assert_eq!(end(server), "3 sessions, 207 lines\n");
}

fn chat_with_the_silent(under: Under) {
    let mut server = start("chat.cpp", &["0", "100"], under);
    let mut silent = Guest { stream: BufReader::new(server.connect()) };
    silent.hears("your name?");
    silent.hears("* you are very quiet; good bye");
    silent.hears_the_end();
    server.quit();
    assert_eq!(end(server), "1 sessions, 0 lines\n");
}

fn copy(under: Under) {
    let folder = Scratch::new("copy");
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    let copy = |name: &str, requests: &str| {
        let mut command = example("copy.c", under).unwrap_or_else(|why| panic!("{why}"));
        command.args([name, "target", requests]).current_dir(folder.path());
        run(&mut command, Duration::from_secs(60)).unwrap_or_else(|why| panic!("{why}"))
    };
    // The longest first: what is over of it has to go. A sector, a block, and beside them.
    for (length, requests) in
        [(3_000_017, "8"), (262_144, "64"), (262_143, "1"), (4_097, "3"), (1, "8"), (0, "8")]
    {
        let content: Vec<u8> = (0..length).map(|at: usize| (at * 7 + at / 1000) as u8).collect();
        std::fs::write(&source, content).expect("the folder is ours");
        let ran = copy("source", requests);
        assert!(ran.status.success(), "{length} bytes: {}: {}{}", ran.status, ran.stdout, ran.stderr);
        assert_eq!(ran.stdout, format!("{length} bytes copied\n"));
        assert!(same(&source, &target), "{length} bytes in {requests} requests");
    }
    let ran = copy("nowhere", "1");
    assert_eq!(
        (ran.status.code(), without_remarks(&ran.stderr).as_str()),
        (Some(1), "copy: can't open nowhere: error 2\n")
    );
}

macro_rules! scripts {
    ($($name:ident: $script:ident, $under:ident;)*) => {$(
        #[test]
        fn $name() {
            with(Under::$under, $script);
        }
    )*};
}

scripts! {
    echo_serves_all_and_stops: echo, Ours;
    echo_does_the_same_under_wine: echo, Wine;
    echo_loses_no_memory: echo, Valgrind;
    chat_carries_every_line_in_order: chat, Ours;
    chat_does_the_same_under_wine: chat, Wine;
    chat_loses_no_memory: chat, Valgrind;
    chat_shows_out_the_silent: chat_with_the_silent, Ours;
    chat_shows_out_the_silent_under_wine: chat_with_the_silent, Wine;
    copy_copies_files_of_any_length: copy, Ours;
    copy_does_the_same_under_wine: copy, Wine;
    copy_loses_no_memory: copy, Valgrind;
}
