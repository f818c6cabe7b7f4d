//! `proactor wait-chain` and `proactor top`: a server is looked into from another process, also a stuck one.

mod common;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use common::{Server, eventually, proactor, run};
use serde_json::Value;

/// The example that deadlocks, built when these tests are first run.
struct Deadlocked {
    child: Child,
    /// The two locks, by their addresses.
    locks: Vec<String>,
}

impl Deadlocked {
    fn start() -> Deadlocked {
        let mut child = Command::new(example()).stdout(Stdio::piped()).spawn().unwrap();
        let mut locks = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.starts_with("now stuck") {
                break;
            }
            locks.push(line.rsplit(' ').next().unwrap().to_owned());
        }
        assert_eq!(locks.len(), 2);
        Deadlocked { child, locks }
    }

    fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// What `proactor wait-chain` says once both are stuck.
    fn explained(&self, args: &[&str]) -> String {
        let id = self.id();
        let mut last = None;
        let found = eventually(|| {
            let output = run(&[&["wait-chain", &id], args].concat());
            let found = output.status.code() == Some(1);
            last = Some(output);
            found
        });
        let output = last.unwrap();
        assert!(found, "{}{}", text(&output), aside(&output));
        text(&output)
    }
}

impl Drop for Deadlocked {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Examples are built with the tests of their own package; here they are asked for.
fn example() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_proactor"));
    let folder = program.parent().unwrap();
    let example = folder.join("examples/deadlocked");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "-p", "proactor", "--example", "deadlocked", "--target-dir"]);
    cargo.arg(folder.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    example
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn aside(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_deadlocked_server_is_explained_with_both_threads_and_both_locks() {
    let server = Deadlocked::start();
    let text = server.explained(&[]);
    assert!(text.contains(": 1 deadlock\n"), "{text}");
    let paragraph = text.split("\n\n").nth(1).unwrap();
    for part in ["worker-0 (thread ", "worker-1 (thread ", &server.locks[0], &server.locks[1], "circle"] {
        assert!(paragraph.contains(part), "{part}: {text}");
    }
    // Each lock is held by the one and wanted by the other.
    for lock in &server.locks {
        let lock = format!("critical section at {lock}");
        assert!(paragraph.contains(&format!("holds {lock}")), "{text}");
        assert!(paragraph.contains(&format!("waits for {lock} (held by worker-")), "{text}");
    }

    let json: Value = serde_json::from_str(&server.explained(&["--json"])).unwrap();
    let threads = json["deadlocks"][0]["threads"].as_array().unwrap();
    assert_eq!(threads.len(), 2);
    assert_eq!(json["process"].to_string(), server.id());
    let thread = threads[0]["id"].to_string();
    let chain = &json["chains"][0];
    assert_eq!((&chain["is_cycle"], chain["nodes"].as_array().unwrap().len()), (&true.into(), 4));

    let one = server.explained(&["--thread", &thread]);
    assert_eq!(one.lines().count(), 1, "{one}");
    assert!(one.trim_end().ends_with("again: a circle"), "{one}");

    let frame = common::run(&["top", &server.id(), "--once", "--interval", "0.1"]);
    let frame = String::from_utf8(frame.stdout).unwrap();
    assert!(frame.contains("1 deadlock: `proactor wait-chain"), "{frame}");
    assert!(frame.contains("critical section at 0x"), "{frame}");
}

#[test]
fn a_healthy_server_has_no_deadlock_and_status_zero() {
    let server = Server::start(&["--quiet", "--workers", "3"]);
    let id = server.id().to_string();
    let output = run(&["wait-chain", &id]);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with(&format!("process {id} (proactor): no deadlock\n")), "{text}");
    server.interrupt();
}

#[test]
fn a_frame_as_text_has_the_port_and_every_worker() {
    let server = Server::start(&["--quiet", "--workers", "3", "--concurrency", "2"]);
    let id = server.id().to_string();
    let mut frame = String::new();
    let all = eventually(|| {
        frame = text(&run(&["top", &id, "--once", "--interval", "0.1"]));
        (0..3).all(|number| frame.contains(&format!(" worker-{number} ")))
    });
    assert!(all, "{frame}");
    assert!(frame.starts_with(&format!("process {id} (proactor)   1 port")), "{frame}");
    let lines: Vec<_> = frame.lines().collect();
    assert!(lines[1].trim_start().starts_with("port   running"), "{frame}");
    assert!(lines[2].contains("0/2") && lines[2].contains("3/3") && lines[2].contains("16"), "{frame}");
    let parked = lines.iter().filter(|line| line.contains(" parked ") && line.ends_with(" packets"));
    assert_eq!(parked.count(), 3, "{frame}");
    assert!(frame.chars().all(|c| c == '\n' || c.is_ascii_graphic() || c == ' '), "{frame:?}");
    server.interrupt();
}

#[test]
fn servers_that_can_be_looked_into_are_listed_until_they_end() {
    let server = Server::start(&["--quiet"]);
    let id = server.id().to_string();
    let listed = || text(&run(&["top"])).lines().any(|line| line.trim_start().starts_with(&format!("{id} ")));
    assert!(listed());
    server.interrupt();
    assert!(!listed());
}

#[test]
fn what_cannot_be_looked_into_is_told_with_what_to_do() {
    let says = |args: &[&str], words: &str, status: i32| {
        let output = run(args);
        let sentence = aside(&output);
        assert!(sentence.starts_with("error: ") && sentence.contains(words), "{sentence}");
        assert_eq!((sentence.lines().count(), output.status.code()), (1, Some(status)), "{sentence}");
    };
    says(&["wait-chain", "4294967295"], "there is no process 4294967295", 2);
    says(&["top", "4294967295"], "there is no process 4294967295", 1);
    // This test itself: it has the library in none of its parts.
    let me = std::process::id().to_string();
    says(&["wait-chain", &me], "does not serve diagnosis: start it with `proactor serve`", 2);
    says(&["top", &me, "--once"], "does not serve diagnosis", 1);
    let server = Server::start(&["--quiet"]);
    let id = server.id().to_string();
    says(&["wait-chain", &id, "--thread", "1"], "has no thread 1", 2);
    // Its standard output is a pipe here.
    says(&["top", &id], "use --once", 1);
    server.interrupt();
}

#[test]
fn a_stopped_server_is_told_from_one_that_is_stuck() {
    use rustix::process::{Pid, Signal, kill_process};
    let server = Server::start(&["--quiet"]);
    let pid = Pid::from_raw(server.id().cast_signed()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let output = run(&["wait-chain", &server.id().to_string()]);
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(aside(&output).contains("kill -CONT"), "{}", aside(&output));
    server.interrupt();
}

#[test]
fn wrong_arguments_are_refused_with_the_range() {
    for args in [&["wait-chain"][..], &["wait-chain", "x"], &["top", "1", "--interval", "0"], &["top", "-1"]]
    {
        let output = proactor(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}
