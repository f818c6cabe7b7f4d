//! Processes as objects (S169, S275, S281).

mod common;

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use common::{PATIENCE, in_own_process, open_descriptors};
use proactor::Status;
use proactor::object::{Event, Exit, Process, Wait, Waitable, wait_all, wait_any, wait_one};

const SOON: Wait = Wait::at_most(PATIENCE);

/// A shell that runs `script` once its input has ended.
fn held(script: &str) -> Child {
    let script = format!("read held; {script}");
    Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn let_go(child: &mut Child) {
    drop(child.stdin.take());
}

#[test]
fn s169_a_process_stays_signalled_whatever_waits_for_it() {
    let mut child = held("exit 0");
    let process = Process::from_child(&child).unwrap();
    assert_eq!(wait_one(&process, Wait::NOW), Err(Status::TIMEOUT));
    let_go(&mut child);
    for _ in 0..3 {
        wait_one(&process, SOON).unwrap();
        wait_all(&[&process, &Event::auto(true)], SOON).unwrap();
    }
    child.wait().unwrap();
    assert_eq!(wait_any(&[&Event::auto(false), &process], Wait::NOW).map(|waited| waited.index), Ok(1));
}

#[test]
fn s169_all_who_wait_go_on() {
    let mut child = held("exit 0");
    let process = Process::from_child(&child).unwrap();
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| wait_one(&process, SOON))).collect();
        let_go(&mut child);
        waiters.into_iter().for_each(|waiter| assert!(waiter.join().unwrap().is_ok()));
    });
    child.wait().unwrap();
}

#[test]
fn s275_returning_from_main_ends_all_threads() {
    in_own_process("s275_returning_from_main_ends_all_threads", || {
        for _ in 0..4 {
            std::thread::spawn(|| {
                loop {
                    std::thread::park();
                }
            });
        }
    });
}

#[test]
fn s281_the_exit_code_is_there_once_it_has_ended_and_the_child_is_left_to_its_parent() {
    let mut child = held("exit 7");
    let process = Process::from_child(&child).unwrap();
    assert_eq!((process.exit_code(), process.id()), (None, child.id()));
    let_go(&mut child);
    wait_one(&process, SOON).unwrap();
    for _ in 0..2 {
        assert_eq!(process.exit_code(), Some(Exit::Code(7)));
    }
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert_eq!(process.exit_code(), Some(Exit::Code(7)), "it is remembered");
}

#[test]
fn s281_terminate_ends_it_by_a_signal() {
    let mut child = held("exit 0");
    let process = Process::from_child(&child).unwrap();
    process.terminate().unwrap();
    wait_one(&process, SOON).unwrap();
    assert_eq!(process.exit_code(), Some(Exit::Signal(9)));
    assert_eq!(process.terminate(), Err(Status::PROCESS_IS_TERMINATING));
    assert_eq!(child.wait().unwrap().code(), None);
    assert_eq!(process.terminate(), Err(Status::PROCESS_IS_TERMINATING));
}

#[test]
fn s281_one_that_is_terminated_with_a_code_has_ended_with_it() {
    let mut child = held("exit 0");
    let process = Process::from_child(&child).unwrap();
    process.terminate_with(0x1234_5678).unwrap();
    wait_one(&process.clone(), SOON).unwrap();
    assert_eq!(process.exit_code(), Some(Exit::Code(0x1234_5678)));
    assert_eq!(process.terminate_with(7), Err(Status::PROCESS_IS_TERMINATING));
    assert_eq!(Process::from_child(&child).unwrap().exit_code(), Some(Exit::Signal(9)));
    child.wait().unwrap();
}

#[test]
fn a_process_that_has_ended_is_signalled_from_the_start_and_never_seen_running() {
    let mut child = Command::new("true").spawn().unwrap();
    let waited_for = Process::from_child(&child).unwrap();
    child.wait().unwrap();
    // Nobody has told of the end yet, perhaps, but it is one.
    wait_one(&waited_for, Wait::NOW).unwrap();
    assert!(waited_for.exit_code().is_some());
    let mut child = held("exit 3");
    let_go(&mut child);
    let first = Process::from_child(&child).unwrap();
    wait_one(&first, SOON).unwrap();
    let late = Process::from_child(&child).unwrap();
    wait_one(&late, Wait::NOW).unwrap();
    assert_eq!(late.exit_code(), Some(Exit::Code(3)));
    child.wait().unwrap();
}

#[test]
fn the_process_of_another_is_told_of_too() {
    // The shell starts a child of its own, which is none of ours, and reaps it when its input ends.
    let script = "sleep 1000 & echo $!; read go; kill -KILL $!; wait $! 2>/dev/null; echo reaped; read end";
    let mut shell = held(script);
    let mut input = shell.stdin.take().unwrap();
    input.write_all(b"\n").unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(shell.stdout.take().unwrap()));
    let id = lines.next().unwrap().unwrap().parse().unwrap();
    let process = Process::open(id).unwrap();
    assert_eq!(process.exit_code(), None);
    input.write_all(b"\n").unwrap();
    wait_one(&process, SOON).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "reaped");
    let exit = process.exit_code();
    assert!(matches!(exit, Some(Exit::Signal(9) | Exit::Unknown)), "{exit:?}");
    drop(input);
    shell.wait().unwrap();
}

#[test]
fn what_is_no_process_is_refused_by_name() {
    for id in [0, i32::MAX as u32, u32::MAX] {
        assert_eq!(Process::open(id).err(), Some(Status::INVALID_CID));
    }
    let (tell, told) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        tell.send(proactor::object::Thread::current().kernel_id().unwrap()).unwrap();
        let _ = ended.recv();
    });
    assert_eq!(Process::open(told.recv().unwrap()).err(), Some(Status::INVALID_PARAMETER));
    drop(end);
    thread.join().unwrap();
}

#[test]
fn this_process_is_one_that_has_not_ended() {
    let process = Process::open(std::process::id()).unwrap();
    assert_eq!(process.exit_code(), None);
    assert_eq!(wait_one(&process, Wait::NOW), Err(Status::TIMEOUT));
}

#[test]
fn dropping_it_leaves_the_process_alone() {
    let mut child = held("echo on");
    drop(Process::from_child(&child).unwrap());
    let_go(&mut child);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "on\n");
    child.wait().unwrap();
}

#[test]
fn each_costs_a_descriptor_until_it_is_dropped_and_without_one_it_is_refused_by_name() {
    in_own_process(
        "each_costs_a_descriptor_until_it_is_dropped_and_without_one_it_is_refused_by_name",
        || {
            let me = std::process::id();
            drop(Process::open(me).unwrap());
            let before = open_descriptors();
            let limit = rustix::process::Rlimit { current: Some(before as u64 + 20), maximum: None };
            let maximum = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
            let limit = rustix::process::Rlimit { maximum, ..limit };
            rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
            let mut open = Vec::new();
            let refused = loop {
                match Process::open(me) {
                    Ok(process) => open.push(process),
                    Err(status) => break status,
                }
                assert!(open.len() < 100, "it costs no descriptor");
            };
            assert_eq!(refused, Status::TOO_MANY_OPENED_FILES);
            drop(open);
            assert_eq!(open_descriptors(), before);
        },
    );
}

#[test]
fn many_processes_at_once_are_each_told_of() {
    let mut children: Vec<_> = (0..20).map(|code| held(&format!("exit {code}"))).collect();
    let processes: Vec<_> = children.iter().map(|child| Process::from_child(child).unwrap()).collect();
    let list: Vec<_> = processes.iter().map(|process| process as &dyn Waitable).collect();
    assert_eq!(wait_any(&list, Wait::NOW), Err(Status::TIMEOUT));
    children.iter_mut().for_each(let_go);
    wait_all(&list, SOON).unwrap();
    for (code, process) in (0..).zip(&processes) {
        assert_eq!(process.exit_code(), Some(Exit::Code(code)));
    }
    for child in &mut children {
        child.wait().unwrap();
    }
}
