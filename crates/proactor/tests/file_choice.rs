//! Who serves files: the environment says it, and code over the environment. It is settled once for a process, so
//! each of these tests has one of its own.

mod common;
#[path = "common/files.rs"]
mod files;

use std::process::Command;

use files::{TempPath, read, write};
use proactor::files::{Choice, choice_error, probe_io_uring, set_choice};
use proactor::{op, snapshot};

/// Runs `body` in a process where `PROACTOR_BACKEND` is `backend`; `name` is the test that calls this.
fn with_environment(name: &str, backend: &str, body: impl FnOnce()) {
    const INSIDE: &str = "PROACTOR_TEST_CHOICE";
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == name) {
        return body();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(INSIDE, name).env("PROACTOR_BACKEND", backend);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
}

/// Something that no cache can do, so that the backend has its part in it.
fn use_files() {
    let path = TempPath::with(b"");
    let file = path.open();
    assert_eq!(write(&file, 0, "served"), Ok(6));
    assert_eq!(file.begin(op::Flush::new()).unwrap().wait().result(), Ok(0));
    assert_eq!(read(&file, 0, 10).unwrap(), b"served");
}

#[test]
fn the_choice_in_code_goes_before_the_environment_and_stays() {
    with_environment("the_choice_in_code_goes_before_the_environment_and_stays", "io_uring", || {
        set_choice(Choice::IoUring).unwrap();
        set_choice(Choice::Threads).expect("no file has been used yet");
        assert_eq!(choice_error(), None);
        use_files();
        assert_eq!(snapshot().file_backend, Some("threads"));
        assert_eq!(set_choice(Choice::IoUring), Err(()));
        assert_eq!(set_choice(Choice::Threads), Ok(()));
        assert_eq!(set_choice(Choice::Auto), Ok(()), "what serves is one of those it allows");
        use_files();
        assert_eq!((snapshot().file_backend, snapshot().file_panics), (Some("threads"), 0));
    });
}

#[test]
fn the_environment_chooses() {
    with_environment("the_environment_chooses", "threads", || {
        use_files();
        assert_eq!((snapshot().file_backend, choice_error()), (Some("threads"), None));
    });
}

#[test]
fn io_uring_that_is_not_to_be_had_is_replaced_and_said_to_be() {
    with_environment("io_uring_that_is_not_to_be_had_is_replaced_and_said_to_be", "io_uring", || {
        let there = probe_io_uring();
        use_files();
        let error = choice_error();
        match there {
            Ok(_) => assert_eq!((snapshot().file_backend, error), (Some("io_uring"), None)),
            Err(why) => {
                assert_eq!(snapshot().file_backend, Some("threads"));
                assert!(error.is_some_and(|error| error.contains(&why.to_string())));
            }
        }
    });
}

#[test]
fn a_wrong_name_in_the_environment_is_said_to_be_one() {
    with_environment("a_wrong_name_in_the_environment_is_said_to_be_one", "iocp", || {
        let error = choice_error().expect("there is no such backend");
        assert!(error.starts_with("PROACTOR_BACKEND: \"iocp\" is no file backend"), "{error}");
        use_files();
        assert_eq!(choice_error(), Some(error), "known before and after files are used");
    });
}
