//! Named pipes: instances and their states, bytes and messages, and both ends in processes of their own.

mod common;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use common::*;
use proactor::object::set_namespace;
use proactor::{NamedPipe, NamedPipeOptions, PipeModes, Status, op, wait_named_pipe};

/// The test's own directory of names, gone with the process.
fn space() -> PathBuf {
    static ONCE: Once = Once::new();
    let path = std::env::temp_dir().join(format!("proactor-pipes-{}", std::process::id()));
    ONCE.call_once(|| {
        // One that was started by another has what that said.
        if std::env::var_os(ROLE).is_none() {
            set_namespace(&path).unwrap();
        }
    });
    path
}

fn options() -> NamedPipeOptions {
    space();
    NamedPipeOptions::new()
}

fn connected(name: &str, options: &NamedPipeOptions) -> (NamedPipe, NamedPipe) {
    let server = NamedPipe::create(name, options).unwrap();
    let client = NamedPipe::open(name).unwrap();
    (server, client)
}

fn send(pipe: &NamedPipe, text: &'static str) {
    assert_eq!(pipe.begin(op::Send::new(text)).unwrap().wait().result(), Ok(text.len()));
}

/// What a receive of so many bytes that is done at once brings.
fn recv(pipe: &NamedPipe, room: usize) -> (Status, Vec<u8>) {
    match pipe.begin(op::Recv::new(vec![0; room])) {
        Ok(recv) => {
            let recv = recv.wait_timeout(PATIENCE).unwrap();
            (recv.status(), recv.data().to_vec())
        }
        Err(refused) => (refused.status, Vec::new()),
    }
}

fn why<T>(result: Result<T, proactor::Refused<impl proactor::Operation>>) -> Status {
    match result {
        Ok(_) => panic!("accepted"),
        Err(refused) => refused.status,
    }
}

#[test]
fn s025_a_listen_completes_by_one_packet_when_a_client_comes() {
    let packets = Packets::new();
    let server = NamedPipe::create("packet", &options()).unwrap();
    server.associate(&packets.port, 4).unwrap();
    let id = pending(server.listen(op::Listen::new().with_tag(9)));
    packets.assert_none();
    let client = NamedPipe::open("packet").unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status(), packet.bytes()), (4, Status::SUCCESS, 0));
    let listen = expect!(Listen, packet);
    assert_eq!((listen.tag(), proactor::Operation::id(&listen)), (9, id));
    pending(server.recv(op::Recv::new(vec![0; 8])));
    send(&client, "ping");
    assert_eq!(expect!(Recv, packets.next()).data(), b"ping");
    queued(server.send(op::Send::new("pong")));
    assert_eq!(recv(&client, 9), (Status::SUCCESS, b"pong".to_vec()));
    let _ = expect!(Send, packets.next());
    packets.assert_none();
}

#[test]
fn a_client_that_comes_first_is_there_already() {
    let (server, client) = connected("first", &options());
    send(&client, "early");
    assert_eq!(why(server.begin(op::Listen::new())), Status::PIPE_CONNECTED);
    assert_eq!(recv(&server, 9), (Status::SUCCESS, b"early".to_vec()));
    client.close().unwrap();
    assert_eq!(why(server.begin(op::Listen::new())), Status::PIPE_CLOSING);
    assert_eq!(why(server.begin(op::Send::new("x"))), Status::PIPE_CLOSING);
    assert_eq!(recv(&server, 9).0, Status::PIPE_BROKEN);
}

#[test]
fn a_client_may_come_and_go_before_it_is_looked_for() {
    let (server, client) = connected("gone", &options());
    send(&client, "last words");
    client.close().unwrap();
    assert_eq!(recv(&server, 20), (Status::SUCCESS, b"last words".to_vec()));
    assert_eq!(recv(&server, 20).0, Status::PIPE_BROKEN);
}

#[test]
fn an_instance_that_listens_has_nothing_to_receive_or_send() {
    let server = NamedPipe::create("listens", &options()).unwrap();
    assert_eq!(recv(&server, 1).0, Status::PIPE_LISTENING);
    assert_eq!(why(server.begin(op::Send::new("x"))), Status::PIPE_LISTENING);
    assert_eq!(server.peek(&mut [0; 4]), Err(Status::INVALID_PIPE_STATE));
    assert_eq!(server.peer_process(), Err(Status::PIPE_LISTENING));
}

#[test]
fn a_disconnect_drops_what_was_not_received_and_the_next_client_starts_afresh() {
    let (server, client) = connected("again", &options());
    send(&server, "never read");
    send(&client, "never read either");
    server.disconnect().unwrap();
    assert_eq!(server.disconnect(), Err(Status::PIPE_DISCONNECTED));
    assert_eq!(recv(&client, 9).0, Status::PIPE_DISCONNECTED);
    assert_eq!(why(client.begin(op::Send::new("x"))), Status::PIPE_DISCONNECTED);
    assert_eq!(client.peek(&mut []), Err(Status::PIPE_DISCONNECTED));
    assert_eq!(recv(&server, 9).0, Status::PIPE_DISCONNECTED);
    assert_eq!(why(server.begin(op::Send::new("x"))), Status::PIPE_DISCONNECTED);
    assert_eq!(NamedPipe::open("again").err(), Some(Status::PIPE_NOT_AVAILABLE));

    let listen = server.begin(op::Listen::new()).unwrap();
    let next = NamedPipe::open("again").unwrap();
    assert!(listen.wait().status().is_success());
    send(&next, "hello");
    assert_eq!(recv(&server, 9), (Status::SUCCESS, b"hello".to_vec()));
    assert_eq!(recv(&client, 9).0, Status::PIPE_DISCONNECTED);
}

#[test]
fn a_disconnect_ends_what_is_under_way_on_both_sides() {
    let packets = Packets::new();
    let (server, client) = connected("both", &options());
    server.associate(&packets.port, 1).unwrap();
    pending(server.recv(op::Recv::new(vec![0; 8])));
    let theirs = client.begin(op::Recv::new(vec![0; 8])).unwrap();
    server.disconnect().unwrap();
    assert_eq!(packets.next().status(), Status::PIPE_DISCONNECTED);
    assert_eq!(theirs.wait().status(), Status::PIPE_DISCONNECTED);
    pending(server.listen(op::Listen::new()));
    server.disconnect().unwrap();
    assert_eq!(packets.next().status(), Status::PIPE_DISCONNECTED);
    packets.assert_none();
}

#[test]
fn a_flush_waits_until_all_was_received() {
    let (server, client) = connected("flush", &options());
    assert!(server.begin(op::Flush::new()).unwrap().wait().status().is_success());
    send(&server, "take");
    send(&server, "this");
    let flush = server.begin(op::Flush::new()).unwrap();
    assert_eq!(recv(&client, 4).1, b"take");
    assert!(!flush.is_complete());
    assert_eq!(recv(&client, 4).1, b"this");
    assert!(flush.wait_timeout(PATIENCE).unwrap().status().is_success());
    send(&server, "that");
    let flush = server.begin(op::Flush::new()).unwrap();
    client.close().unwrap();
    assert!(flush.wait_timeout(PATIENCE).is_ok());
}

#[test]
fn closing_an_end_leaves_what_it_sent_and_then_breaks() {
    let (server, client) = connected("close", &options());
    let pending = client.begin(op::Recv::new(vec![0; 3])).unwrap();
    send(&server, "abcdef");
    server.close().unwrap();
    assert_eq!(pending.wait().data(), b"abc");
    assert_eq!(recv(&client, 9), (Status::SUCCESS, b"def".to_vec()));
    assert_eq!(recv(&client, 9).0, Status::PIPE_BROKEN);
    assert_eq!(why(client.begin(op::Send::new("x"))), Status::PIPE_CLOSING);
    assert_eq!(NamedPipe::open("close").err(), Some(Status::OBJECT_NAME_NOT_FOUND));
}

#[test]
fn s120_closing_breaks_what_is_pending_on_the_handle_and_at_the_other_end() {
    let packets = Packets::new();
    let (server, client) = connected("s120", &options());
    server.associate(&packets.port, 1).unwrap();
    pending(server.recv(op::Recv::new(vec![0; 8])));
    let theirs = client.begin(op::Recv::new(vec![0; 8])).unwrap();
    server.close().unwrap();
    assert_eq!(packets.next().status(), Status::PIPE_BROKEN);
    assert_eq!(theirs.wait().status(), Status::PIPE_BROKEN);
    let server = NamedPipe::create("s120", &options()).unwrap();
    server.associate(&packets.port, 2).unwrap();
    pending(server.listen(op::Listen::new()));
    server.close().unwrap();
    assert_eq!(packets.next().status(), Status::PIPE_BROKEN);
    assert_eq!(why(server.listen(op::Listen::new())), Status::INVALID_HANDLE);
}

#[test]
fn messages_keep_their_borders_and_what_is_left_of_one_comes_next() {
    let (server, client) = connected("messages", &options().messages());
    client.set_pipe_modes(PipeModes::MESSAGES).unwrap();
    for (from, to) in [(&server, &client), (&client, &server)] {
        send(from, "one");
        send(from, "");
        send(from, "three");
        assert_eq!(recv(to, 100), (Status::SUCCESS, b"one".to_vec()));
        assert_eq!(recv(to, 100), (Status::SUCCESS, b"".to_vec()));
        assert_eq!(recv(to, 2), (Status::BUFFER_OVERFLOW, b"th".to_vec()));
        let peeked = to.peek(&mut [0; 2]).unwrap();
        assert_eq!((peeked.bytes, peeked.available, peeked.left_of_message), (2, 3, 1));
        assert_eq!(recv(to, 0), (Status::BUFFER_OVERFLOW, b"".to_vec()));
        assert_eq!(recv(to, 3), (Status::SUCCESS, b"ree".to_vec()));
    }
}

#[test]
fn s020_a_message_that_is_cut_queues_a_packet_with_a_warning() {
    let packets = Packets::new();
    let (server, client) = connected("s020", &options().messages());
    server.associate(&packets.port, 1).unwrap();
    send(&client, "longer");
    queued(server.recv(op::Recv::new(vec![0; 4])));
    let packet = packets.next();
    assert_eq!((packet.status(), packet.bytes()), (Status::BUFFER_OVERFLOW, 4));
    queued(server.recv(op::Recv::new(vec![0; 4])));
    assert_eq!(expect!(Recv, packets.next()).data(), b"er");
    packets.assert_none();
}

#[test]
fn messages_have_no_borders_for_who_receives_bytes() {
    let (server, client) = connected("across", &options().messages());
    send(&server, "ab");
    send(&server, "cdef");
    send(&server, "");
    send(&server, "gh");
    assert_eq!(recv(&client, 4), (Status::SUCCESS, b"abcd".to_vec()));
    assert_eq!(recv(&client, 9), (Status::SUCCESS, b"ef".to_vec()));
    assert_eq!(recv(&client, 9), (Status::SUCCESS, b"".to_vec()), "an empty message is one");
    client.set_pipe_modes(PipeModes::MESSAGES).unwrap();
    assert_eq!(recv(&client, 1), (Status::BUFFER_OVERFLOW, b"g".to_vec()));
    client.set_pipe_modes(PipeModes::empty()).unwrap();
    assert_eq!(recv(&client, 5), (Status::SUCCESS, b"h".to_vec()));
}

#[test]
fn a_message_longer_than_the_kernel_keeps_arrives_whole() {
    let (server, client) = connected("long", &options().messages());
    let sent = pattern(3, 3 << 20);
    let send = client.begin(op::Send::new(sent.clone())).unwrap();
    let behind = client.begin(op::Send::new("behind")).unwrap();
    assert!(!send.is_complete());
    let cancelled = server.begin(op::Recv::new(vec![0; 2 << 20])).unwrap();
    let _ = cancelled.cancel();
    let first = cancelled.wait();
    let mut got = first.data().to_vec();
    assert!(got.is_empty() || got.len() == 2 << 20, "all or nothing: {}", got.len());
    while got.len() < sent.len() {
        let (status, part) = recv(&server, 700_000);
        got.extend_from_slice(&part);
        assert_eq!(status == Status::BUFFER_OVERFLOW, got.len() < sent.len());
    }
    assert!(got == sent);
    assert_eq!(send.wait().result(), Ok(sent.len()));
    assert_eq!(recv(&server, 9), (Status::SUCCESS, b"behind".to_vec()));
    assert_eq!(behind.wait().result(), Ok(6));
}

#[test]
fn a_long_message_that_is_cancelled_half_way_breaks_the_connection_with_the_next() {
    let (server, client) = connected("half", &options().messages());
    let send = client.begin(op::Send::new(vec![1; 3 << 20])).unwrap();
    send.cancel().unwrap();
    let send = send.wait();
    assert_eq!(send.status(), Status::CANCELLED);
    assert!((1..3 << 20).contains(&send.bytes()));
    assert_eq!(why(client.begin(op::Send::new("next"))), Status::PIPE_CLOSING);
    assert_eq!(recv(&server, 4 << 20).0, Status::PIPE_BROKEN);
}

#[test]
fn a_peek_takes_nothing_and_counts_what_there_is() {
    let (server, client) = connected("peek", &options().messages());
    let mut room = [0; 8];
    let peeked = server.peek(&mut room).unwrap();
    assert_eq!((peeked.bytes, peeked.available, peeked.left_of_message), (0, 0, 0));
    send(&client, "first");
    send(&client, "second");
    for _ in 0..2 {
        let peeked = server.peek(&mut room[..2]).unwrap();
        assert_eq!((peeked.bytes, peeked.available, peeked.left_of_message), (2, 11, 3));
        assert_eq!(&room[..2], b"fi");
    }
    assert_eq!(server.peek(&mut room).unwrap().bytes, 5, "not across the border");
    assert_eq!(recv(&server, 8).1, b"first");
    client.close().unwrap();
    assert_eq!(server.peek(&mut []).unwrap().available, 6);
    assert_eq!(recv(&server, 8).1, b"second");
    assert_eq!(server.peek(&mut []), Err(Status::PIPE_BROKEN));
}

#[test]
fn s308_a_zero_byte_receive_waits_for_data_and_leaves_them() {
    let (server, client) = connected("zero", &options());
    let waits = server.begin(op::Recv::zero_byte()).unwrap();
    assert!(!waits.is_complete());
    send(&client, "data");
    assert_eq!(waits.wait().result(), Ok(0));
    assert_eq!(recv(&server, 9), (Status::SUCCESS, b"data".to_vec()));
}

#[test]
fn an_end_goes_only_the_way_its_pipe_does() {
    let server = NamedPipe::create("inbound", &options().inbound()).unwrap();
    assert_eq!(NamedPipe::open_for("inbound", true, true, false).err(), Some(Status::ACCESS_DENIED));
    let client = NamedPipe::open_for("inbound", false, true, false).unwrap();
    assert_eq!(why(server.begin(op::Send::new("x"))), Status::ACCESS_DENIED);
    assert_eq!(recv(&client, 1).0, Status::ACCESS_DENIED);
    send(&client, "in");
    assert_eq!(recv(&server, 9).1, b"in");
    let server = NamedPipe::create("outbound", &options().outbound()).unwrap();
    let client = NamedPipe::open("outbound").unwrap();
    assert_eq!(why(client.begin(op::Send::new("x"))), Status::ACCESS_DENIED);
    send(&server, "out");
    assert_eq!(recv(&client, 9).1, b"out");
    assert_eq!(client.disconnect(), Err(Status::INVALID_DEVICE_REQUEST));
    assert_eq!(why(client.begin(op::Listen::new())), Status::INVALID_DEVICE_REQUEST);
}

#[test]
fn instances_are_counted_and_agree() {
    let one = NamedPipe::create("Count", &options().max_instances(2)).unwrap();
    assert_eq!(NamedPipe::create("count", &options().first_instance()).err(), Some(Status::ACCESS_DENIED));
    assert_eq!(NamedPipe::create("count", &options().messages()).err(), Some(Status::ACCESS_DENIED));
    assert_eq!(NamedPipe::create("count", &options().inbound()).err(), Some(Status::ACCESS_DENIED));
    let two = NamedPipe::create("COUNT", &options().max_instances(9)).unwrap();
    assert_eq!((one.instances(), two.instances()), (Ok(2), Ok(2)));
    assert_eq!(two.info().max_instances, Some(2));
    assert_eq!(NamedPipe::create("count", &options()).err(), Some(Status::INSTANCE_NOT_AVAILABLE));
    let clients = [NamedPipe::open("count").unwrap(), NamedPipe::open("cOUNt").unwrap()];
    assert_eq!(clients[1].instances(), Ok(2));
    assert_eq!(NamedPipe::open("count").err(), Some(Status::PIPE_NOT_AVAILABLE));
    for (pipe, text) in [(&one, "1"), (&two, "2")] {
        send(pipe, text);
    }
    assert_eq!(recv(&clients[0], 1).1, b"1", "the oldest first");
    one.close().unwrap();
    assert_eq!(clients[1].instances(), Ok(1));
    let _third = NamedPipe::create("count", &options()).unwrap();
    drop((two, clients));
}

#[test]
fn a_wait_ends_when_an_instance_listens() {
    let server = NamedPipe::create("wait", &options().default_timeout(Duration::from_millis(1))).unwrap();
    wait_named_pipe("wait", None).unwrap();
    let client = NamedPipe::open("wait").unwrap();
    assert_eq!(wait_named_pipe("wait", None), Err(Status::IO_TIMEOUT));
    assert_eq!(wait_named_pipe("wait for nothing", None), Err(Status::OBJECT_NAME_NOT_FOUND));
    let waiter = std::thread::spawn(|| {
        wait_named_pipe("wait", Some(PATIENCE)).unwrap();
        NamedPipe::open("wait").unwrap()
    });
    client.close().unwrap();
    server.disconnect().unwrap();
    let listen = server.begin(op::Listen::new()).unwrap();
    let client = waiter.join().unwrap();
    assert!(listen.wait().status().is_success());
    client.close().unwrap();
    let waiter = std::thread::spawn(|| wait_named_pipe("wait", Some(PATIENCE)));
    server.close().unwrap();
    assert_eq!(waiter.join().unwrap(), Err(Status::OBJECT_NAME_NOT_FOUND));
}

#[test]
fn without_waiting_everything_ends_at_once() {
    let server = NamedPipe::create("nowait", &options().modes(PipeModes::NO_WAIT)).unwrap();
    assert_eq!(why(server.begin(op::Listen::new())), Status::PIPE_LISTENING);
    let client = NamedPipe::open("nowait").unwrap();
    assert_eq!(recv(&server, 9).0, Status::PIPE_EMPTY);
    let sent = server.begin(op::Send::new(vec![7; 8 << 20])).unwrap().wait();
    assert!(sent.result().is_ok_and(|count| (1..8 << 20).contains(&count)));
    client.close().unwrap();
}

#[test]
fn names_that_are_none_are_refused_by_name() {
    let long = "x".repeat(248);
    let longer = "x".repeat(64 << 10);
    for (name, status) in [
        ("", Status::OBJECT_NAME_INVALID),
        ("a\0b", Status::OBJECT_NAME_INVALID),
        (&long, Status::NAME_TOO_LONG),
        (&longer, Status::NAME_TOO_LONG),
    ] {
        assert_eq!(NamedPipe::create(name, &options()).err(), Some(status));
        assert_eq!(NamedPipe::open(name).err(), Some(status));
        assert_eq!(wait_named_pipe(name, None), Err(status));
    }
}

#[test]
fn no_name_leads_out_of_the_directory() {
    let names =
        ["..", ".", "../../x", "..\\..\\x", "/etc/x", "a/b", "a\\b", "pipe", "\u{e4}%2e.", &"y".repeat(247)];
    let space = space();
    for name in names {
        let (server, client) = connected(name, &options().first_instance());
        send(&client, "in");
        assert_eq!(recv(&server, 9).1, b"in");
        let entries = std::fs::read_dir(&space).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(entries.into_iter().all(|entry| entry.to_string_lossy().starts_with("p.")));
    }
    assert!(!std::env::temp_dir().join("x").exists());
}

#[test]
fn a_pipe_is_gone_with_its_last_instance() {
    let file = space().join("p.trace");
    let (server, client) = connected("trace", &options());
    assert!(file.is_dir());
    server.close().unwrap();
    assert!(!file.exists());
    assert_eq!(client.instances(), Ok(0));
    client.close().unwrap();
    assert!(!file.exists());
}

#[test]
fn many_clients_of_many_instances_each_find_one() {
    const EACH: usize = 50;
    let instances: Vec<_> = (0..4).map(|_| NamedPipe::create("many", &options()).unwrap()).collect();
    std::thread::scope(|scope| {
        for server in &instances {
            scope.spawn(move || {
                for _ in 0..EACH {
                    match server.begin(op::Listen::new()) {
                        Ok(listen) => assert!(listen.wait().status().is_success()),
                        Err(refused) => assert_eq!(refused.status, Status::PIPE_CONNECTED),
                    }
                    let (status, question) = recv(server, 16);
                    assert!(status.is_success());
                    let send = server.begin(op::Send::new(question)).unwrap().wait();
                    assert!(send.status().is_success());
                    assert!(server.begin(op::Flush::new()).unwrap().wait().status().is_success());
                    server.disconnect().unwrap();
                }
            });
        }
        for client in 0..4u8 {
            scope.spawn(move || {
                for number in 0..EACH {
                    let pipe = loop {
                        match NamedPipe::open("many") {
                            Ok(pipe) => break pipe,
                            Err(status) => assert_eq!(status, Status::PIPE_NOT_AVAILABLE),
                        }
                        match wait_named_pipe("many", Some(PATIENCE)) {
                            Ok(()) => {}
                            Err(status) => panic!("{status:?}"),
                        }
                    };
                    let question = vec![client, number as u8];
                    assert!(
                        pipe.begin(op::Send::new(question.clone())).unwrap().wait().status().is_success()
                    );
                    assert_eq!(recv(&pipe, 16), (Status::SUCCESS, question));
                }
            });
        }
    });
}

#[test]
fn whatever_is_under_way_when_a_server_disconnects_ends() {
    const ROUNDS: usize = 100;
    let server = &NamedPipe::create("any moment", &options().messages()).unwrap();
    let over = &std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(move || {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let Ok(client) = NamedPipe::open("any moment") else {
                        std::thread::yield_now();
                        continue;
                    };
                    let recv = client.begin(op::Recv::new(vec![0; 8]));
                    while client
                        .begin(op::Send::new(vec![1; 30_000]))
                        .is_ok_and(|send| send.wait().status().is_success())
                    {}
                    drop(recv);
                }
            });
        }
        for round in 0..ROUNDS {
            match server.begin(op::Listen::new()) {
                Ok(listen) => assert!(listen.wait().status().is_success()),
                Err(refused) => {
                    assert!(matches!(refused.status, Status::PIPE_CONNECTED | Status::PIPE_CLOSING))
                }
            }
            let receives: Vec<_> = (0..4).map(|_| server.begin(op::Recv::new(vec![0; 20_000]))).collect();
            let send = server.begin(op::Send::new(vec![2; round * 5000]));
            server.disconnect().unwrap();
            for recv in receives.into_iter().flatten() {
                assert!(recv.wait_timeout(PATIENCE).is_ok(), "a receive was forgotten");
            }
            assert!(send.is_err() || send.unwrap().wait_timeout(PATIENCE).is_ok(), "a send was forgotten");
            eventually("nothing is left", || server.pending() == 0);
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_question_has_its_answer() {
    let (server, client) = connected("question", &options().messages());
    assert_eq!(client.ask("well?"), Err(Status::INVALID_READ_MODE));
    client.set_pipe_modes(PipeModes::MESSAGES).unwrap();
    client.ask("well?").unwrap();
    let answer = client.begin(op::Recv::new(vec![0; 8])).unwrap();
    assert_eq!(recv(&server, 8).1, b"well?");
    send(&server, "yes");
    assert_eq!(answer.wait().data(), b"yes");
    send(&server, "unasked");
    assert_eq!(client.ask("well?"), Err(Status::PIPE_BUSY));
    server.close().unwrap();
    assert_eq!(recv(&client, 8).1, b"unasked");
    assert_eq!(client.ask("well?"), Err(Status::PIPE_BROKEN));
}

#[test]
fn operations_are_cancelled_one_by_one() {
    let server = NamedPipe::create("cancel", &options()).unwrap();
    let listen = server.begin(op::Listen::new()).unwrap();
    listen.cancel().unwrap();
    assert_eq!(listen.wait().status(), Status::CANCELLED);
    let client = NamedPipe::open("cancel").unwrap();
    let one = server.begin(op::Recv::new(vec![0; 4])).unwrap();
    let two = server.begin(op::Recv::new(vec![0; 4])).unwrap();
    one.cancel().unwrap();
    assert_eq!(one.wait().status(), Status::CANCELLED);
    send(&client, "data");
    assert_eq!(two.wait().data(), b"data");
}

/// Says in which directory of names and in which part a process of a test plays.
const ROLE: &str = "PROACTOR_TEST_PIPE_ROLE";

/// Starts this program again to play `role` in the test `name`.
fn play(name: &str, role: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new(program)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env("PROACTOR_NAMESPACE", space())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// A client that answers what it is sent, until the server disconnects it.
fn echo(name: &str) {
    wait_named_pipe(name, Some(PATIENCE)).unwrap();
    let pipe = NamedPipe::open(name).unwrap();
    pipe.set_pipe_modes(PipeModes::MESSAGES).unwrap();
    loop {
        let end = match pipe.begin(op::Recv::new(vec![0; 64])).map(|recv| recv.wait()) {
            Ok(recv) if recv.status().is_success() => {
                assert!(pipe.begin(recv.into_send()).unwrap().wait().status().is_success());
                continue;
            }
            Ok(recv) => recv.status(),
            Err(refused) => refused.status,
        };
        return assert_eq!(end, Status::PIPE_DISCONNECTED);
    }
}

#[test]
fn the_ends_may_be_of_two_processes() {
    if role().is_some() {
        return echo("two processes");
    }
    let server = NamedPipe::create("two processes", &options().messages()).unwrap();
    let listen = server.begin(op::Listen::new()).unwrap();
    let mut client = play("the_ends_may_be_of_two_processes", "client");
    assert!(listen.wait().status().is_success());
    assert_eq!(server.peer_process(), Ok(client.id()));
    for text in ["one", "", "three"] {
        send(&server, text);
        assert_eq!(recv(&server, 64), (Status::SUCCESS, text.as_bytes().to_vec()));
    }
    server.disconnect().unwrap();
    assert!(client.wait().unwrap().success());
}

#[test]
fn an_end_whose_process_is_killed_is_seen_by_the_other() {
    if role().is_some() {
        return echo("killed client");
    }
    let server = NamedPipe::create("killed client", &options().messages()).unwrap();
    let mut client = play("an_end_whose_process_is_killed_is_seen_by_the_other", "client");
    let listen = server.begin(op::Listen::new());
    assert!(listen.is_err() || listen.unwrap().wait().status().is_success());
    send(&server, "there?");
    assert_eq!(recv(&server, 64).1, b"there?");
    let waits = server.begin(op::Recv::new(vec![0; 8])).unwrap();
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(waits.wait().status(), Status::PIPE_BROKEN);
    assert_eq!(why(server.begin(op::Send::new("x"))), Status::PIPE_CLOSING);
}

#[test]
fn a_killed_server_leaves_nothing_that_stands_in_the_way() {
    if role().is_some() {
        let options = options().max_instances(2);
        let one = NamedPipe::create("killed server", &options).unwrap();
        let _two = NamedPipe::create("killed server", &options).unwrap();
        let listen = one.begin(op::Listen::new()).unwrap();
        print!("ready");
        std::io::Write::flush(&mut std::io::stdout()).unwrap();
        assert!(listen.wait().status().is_success());
        let _ = one.begin(op::Recv::new(vec![0; 1])).unwrap().wait();
        return;
    }
    let mut server = play("a_killed_server_leaves_nothing_that_stands_in_the_way", "server");
    let mut told = String::new();
    let mut said = server.stdout.take().unwrap();
    while !told.contains("ready") {
        let mut byte = [0];
        said.read_exact(&mut byte).unwrap();
        told.push(char::from(byte[0]));
    }
    let client = NamedPipe::open("killed server").unwrap();
    assert_eq!(client.peer_process(), Ok(server.id()));
    let full = NamedPipe::create("killed server", &options());
    assert_eq!(full.err(), Some(Status::INSTANCE_NOT_AVAILABLE), "they count in all processes");
    let waits = client.begin(op::Recv::new(vec![0; 8])).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(waits.wait().status(), Status::PIPE_BROKEN);
    assert_eq!(NamedPipe::open("killed server").err(), Some(Status::OBJECT_NAME_NOT_FOUND));
    let file = space().join("p.killed%20server");
    assert!(file.is_dir(), "it had no time to take it away");
    let (server, client) = connected("killed server", &options().messages().first_instance());
    send(&client, "again");
    assert_eq!(recv(&server, 9).1, b"again");
}
