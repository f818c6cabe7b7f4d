//! What goes wrong at the start of a server is told in one sentence that says what to do.

mod common;

use std::net::TcpListener;
use std::process::Command;

use common::{Server, proactor, run};

/// The one line on the standard error of a server that could not start, and its exit status.
fn refused(args: &[&str]) -> (String, i32) {
    let output = run(&[&["serve", "echo"], args].concat());
    assert!(output.stdout.is_empty(), "it never listened");
    (String::from_utf8(output.stderr).unwrap(), output.status.code().unwrap())
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let (sentence, code) = refused(&["--listen", &address]);
    assert!(sentence.starts_with(&format!("error: {address} is in use by another program")), "{sentence}");
    assert!(sentence.contains("--listen"), "{sentence}");
    assert_eq!((sentence.lines().count(), code), (1, 1));
}

#[test]
fn an_address_of_another_machine_is_refused() {
    // A network that is for documents only.
    let (sentence, code) = refused(&["--listen", "192.0.2.1:7000"]);
    assert!(sentence.contains("192.0.2.1:7000 is not an address of this machine"), "{sentence}");
    assert_eq!(code, 1);
}

#[test]
fn what_is_no_address_is_refused_with_an_example() {
    for wrong in ["7000", "127.0.0.1", "127.0.0.1:70000", ""] {
        let (sentence, code) = refused(&["--listen", wrong]);
        assert!(sentence.contains("write HOST:PORT, as in 127.0.0.1:7000"), "{sentence}");
        assert_eq!((sentence.lines().count(), code), (1, 1));
    }
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    let says = |args: &[&str], words: &str| {
        let (sentence, code) = refused(args);
        assert!(sentence.contains(words), "{sentence}");
        assert_eq!(code, 2);
    };
    says(&["--workers", "0"], "at least 1 worker");
    says(&["--workers", "40000"], "32767 workers at most");
    says(&["--workers", "many"], "from 1 to 32767");
    says(&["--concurrency", "40000"], "0 for one a processor");
    says(&["--buffer", "0"], "from 1 to 1073741824");
}

#[test]
fn a_worker_must_be_able_to_have_a_buffer() {
    let (sentence, code) = refused(&["--workers", "9", "--buffers", "8"]);
    assert!(sentence.contains("--buffers 8 is too few for 9 workers"), "{sentence}");
    assert_eq!(code, 1);
}

#[test]
fn a_backend_that_does_not_exist_is_refused_with_those_that_do() {
    let (sentence, code) = refused(&["--backend", "kqueue"]);
    assert!(sentence.contains("use auto, io_uring or threads"), "{sentence}");
    assert_eq!(code, 2);
}

#[test]
fn every_backend_serves() {
    for backend in ["auto", "io_uring", "threads"] {
        let server = Server::start(&["--quiet", "--backend", backend]);
        let (_, aside) = server.interrupt_with_errors();
        assert!(backend == "io_uring" || !aside.contains("--backend"), "{aside}");
    }
}

#[test]
fn few_descriptors_are_told_with_the_number_of_connections() {
    let mut shell = Command::new("sh");
    let program = proactor(&[]).get_program().to_owned();
    let script = "ulimit -n 500 && exec \"$0\" serve echo --workers 8 --listen 192.0.2.1:0";
    let output = shell.args(["-c", script]).arg(program).output().unwrap();
    let aside = String::from_utf8(output.stderr).unwrap();
    assert!(aside.starts_with("note: `ulimit -n 500` allows 460 connections; "), "{aside}");
}

#[test]
fn servers_of_sessions_refuse_in_words_as_well() {
    let refused = |args: &[&str]| {
        let output = run(&[&["serve"], args].concat());
        assert!(output.stdout.is_empty(), "it never listened");
        String::from_utf8(output.stderr).unwrap()
    };
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    for server in [&["chat"][..], &["file", "."]] {
        let says = |args: &[&str], words: &str| {
            let sentence = refused(&[server, args].concat());
            assert!(sentence.contains(words), "{sentence}");
        };
        says(&["--listen", &address], "in use by another program");
        says(&["--listen", "7001"], "write HOST:PORT");
        says(&["--limit-sessions", "0"], "a number from 1 to ");
        says(&["--idle-timeout", "1e9"], "up to 604800");
        says(&["--idle-timeout", "soon"], "as in 60 or 0.5, or 0 for never");
        says(&["--limit-locked", "lots"], "as in 65536, 64K, 64M or 1G");
        says(&["--workers", "0"], "at least 1 worker");
    }
}

#[test]
fn help_says_units_and_defaults() {
    let output = run(&["serve", "echo", "--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for part in ["in bytes", "[default: 16384]", "[default: 127.0.0.1:7000]", "Examples:"] {
        assert!(help.contains(part), "{part}: {help}");
    }
}
