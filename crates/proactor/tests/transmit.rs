//! Transmits: ranges of files and pieces of memory as one stream (S384 to S388, S378).

mod common;
#[path = "common/files.rs"]
mod files;
#[path = "common/streams.rs"]
mod streams;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{Packets, eventually, in_own_process, pattern, pending, refused, reset, tcp_pair};
use files::TempPath;
use proactor::op::Element;
use proactor::{Buf, File, Op, Pipe, Port, Socket, Status, op};
use streams::{Client, Place};

const KEY: usize = 31;

/// For both families: a connection of ours on a port, and its client.
fn each(test: impl Fn(&Packets, Socket, Box<dyn Client>, &Place)) {
    for place in Place::both() {
        let packets = Packets::new();
        let client = place.client();
        let mut accept = place.listener.begin(op::Accept::new()).unwrap().wait();
        let socket = accept.take_connection().unwrap();
        socket.associate(&packets.port, KEY).unwrap();
        test(&packets, socket, client, &place);
    }
}

fn read(client: &mut dyn Client, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    client.read_exact(&mut bytes).unwrap();
    bytes
}

fn read_all(mut client: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    all
}

/// More than any socket takes with nobody reading, of which every eight bytes tell their place.
fn large_file(bytes: usize) -> TempPath {
    TempPath::with(&counted(0, bytes))
}

fn counted(from: usize, bytes: usize) -> Vec<u8> {
    (from as u64 / 8..).flat_map(u64::to_le_bytes).take(bytes).collect()
}

const LARGE: usize = 24 << 20;

#[test]
fn s385_head_file_and_tail_come_in_order_and_the_count_is_of_all() {
    let file = TempPath::with(&pattern(1, 50_000));
    each(|packets, socket, mut client, _| {
        for (head, tail) in [("head", "tail"), ("", "tail"), ("head", ""), ("", "")] {
            let transmit = op::Transmit::file(&file.open(), 0, 50_000).head(head).tail(tail);
            pending(socket.transmit(transmit.with_tag(5)));
            let sent = expect!(Transmit, packets.next());
            let whole = [head.as_bytes(), &file.content(), tail.as_bytes()].concat();
            assert_eq!((sent.tag(), sent.result()), (5, Ok(whole.len())));
            assert!(read(&mut *client, whole.len()) == whole);
        }
    });
}

#[test]
fn s386_it_starts_at_its_offset_and_is_pending_however_fast_it_is() {
    let file = TempPath::with(b"0123456789");
    each(|packets, socket, mut client, _| {
        socket.set_modes(proactor::Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
        for (offset, len, expected) in [(0, 10, &b"0123456789"[..]), (4, 3, b"456"), (9, 1, b"9")] {
            pending(socket.transmit(op::Transmit::file(&file.open(), offset, len)));
            assert_eq!(expect!(Transmit, packets.next()).result(), Ok(expected.len()));
            assert_eq!(read(&mut *client, expected.len()), expected);
        }
    });
}

#[test]
fn s387_no_length_means_to_the_end_of_the_file() {
    let file = TempPath::with(b"0123456789");
    each(|packets, socket, mut client, _| {
        for (offset, expected) in [(0, "<0123456789>"), (7, "<789>"), (10, "<>"), (1 << 40, "<>")] {
            pending(socket.transmit(op::Transmit::file(&file.open(), offset, 0).head("<").tail(">")));
            assert_eq!(expect!(Transmit, packets.next()).result(), Ok(expected.len()));
            assert_eq!(read(&mut *client, expected.len()), expected.as_bytes());
        }
    });
}

#[test]
fn s384_nothing_at_all_succeeds_on_a_connected_socket() {
    each(|packets, socket, mut client, _| {
        pending(socket.transmit(op::Transmit::new()));
        assert_eq!(expect!(Transmit, packets.next()).result(), Ok(0));
        pending(socket.transmit(op::Transmit::new().head("").tail("")));
        assert_eq!(expect!(Transmit, packets.next()).result(), Ok(0));
        drop(socket);
        assert_eq!(read_all(&mut client), b"");
    });
}

#[test]
fn s384_only_a_connected_stream_transmits() {
    let file = TempPath::with(b"something");
    for place in Place::both() {
        let fresh = Socket::to_connect(&place.address).unwrap();
        for socket in [&fresh, &place.listener] {
            assert_eq!(refused(socket.transmit(op::Transmit::new())).0, Status::CONNECTION_INVALID);
            let (status, transmit) =
                refused(socket.transmit(op::Transmit::file(&file.open(), 0, 0).head("h")));
            assert_eq!((status, transmit.into_elements().len()), (Status::CONNECTION_INVALID, 2));
        }
    }
    let (datagram, _other) = Socket::datagram_pair().unwrap();
    assert_eq!(refused(datagram.transmit(op::Transmit::new())).0, Status::CONNECTION_INVALID);
    assert_eq!(Status::CONNECTION_INVALID.to_winsock(), 10057, "WSAENOTCONN");
    let (_reader, writer) = Pipe::pair().unwrap();
    assert_eq!(refused(writer.start(op::Transmit::new())).0, Status::NOT_SUPPORTED);
    assert_eq!(refused(file.open().start(op::Transmit::new())).0, Status::OBJECT_TYPE_MISMATCH);
}

#[test]
fn s388_many_at_a_time_are_each_whole() {
    let file = large_file(3 << 20);
    let packets = Packets::new();
    let mut readers = Vec::new();
    for key in 0..6 {
        let (socket, peer) = tcp_pair();
        socket.associate(&packets.port, key).unwrap();
        pending(socket.transmit(op::Transmit::file(&file.open(), 0, 0).disconnect()));
        readers.push(std::thread::spawn(move || read_all(peer)));
    }
    for _ in 0..readers.len() {
        assert_eq!(expect!(Transmit, packets.next()).result(), Ok(3 << 20));
    }
    for reader in readers {
        assert!(reader.join().unwrap() == file.content());
    }
}

#[test]
fn s378_after_disconnect_and_reuse_the_socket_can_be_accepted_into_but_not_connected() {
    let file = TempPath::with(b"farewell");
    each(|packets, socket, mut client, place| {
        pending(socket.transmit(op::Transmit::file(&file.open(), 0, 0).disconnect().reuse()));
        let status = refused(socket.send(op::Send::new("no more"))).0;
        assert_eq!(status, Status::PIPE_DISCONNECTED);
        assert_eq!(read_all(&mut client), b"farewell");
        packets.assert_none();
        drop(client);
        assert_eq!(expect!(Transmit, packets.next()).result(), Ok(8));

        let connect = socket.connect(op::Connect::new(place.address.clone()));
        assert_eq!(connect.unwrap_err().status, Status::INVALID_PARAMETER);
        let mut next = place.client();
        let accept = place.listener.begin(op::Accept::new().into_socket(&socket)).unwrap().wait();
        assert_eq!(accept.status(), Status::SUCCESS);
        pending(socket.transmit(op::Transmit::file(&file.open(), 4, 4)));
        let packet = packets.next();
        assert_eq!((packet.key, packet.bytes()), (KEY, 4), "key and port stay");
        assert_eq!(read(&mut *next, 4), b"well");
    });
}

#[test]
fn a_transmit_that_disconnects_ends_sending_and_nothing_else() {
    let file = TempPath::with(b"all");
    each(|packets, socket, mut client, _| {
        pending(socket.transmit(op::Transmit::file(&file.open(), 0, 0).disconnect()));
        assert_eq!(expect!(Transmit, packets.next()).result(), Ok(3));
        assert_eq!(read_all(&mut client), b"all");
        assert_eq!(refused(socket.send(op::Send::new("x"))).0, Status::PIPE_DISCONNECTED);
        assert_eq!(refused(socket.transmit(op::Transmit::new())).0, Status::PIPE_DISCONNECTED);
        client.write_all(b"thanks").unwrap();
        let recv = socket.begin(op::Recv::new(vec![0; 10])).unwrap().wait();
        assert_eq!(recv.data(), b"thanks");
    });
}

#[test]
fn packets_come_from_many_files_and_memories_in_order() {
    let files: Vec<_> = (0..4).map(|n| TempPath::with(&pattern(n, 3000 + 1000 * n as usize))).collect();
    each(|packets, socket, mut client, _| {
        let mut elements = Vec::new();
        let mut whole = Vec::new();
        for (n, file) in files.iter().enumerate() {
            for text in ["one", "", "two"] {
                elements.push(Element::from(Buf::from(text)));
                whole.extend_from_slice(text.as_bytes());
            }
            elements.push(Element::file(&file.open(), 500, 1000));
            elements.push(Element::file(&file.open(), n as u64, 0));
            whole.extend_from_slice(&file.content()[500..1500]);
            whole.extend_from_slice(&file.content()[n..]);
        }
        let transmit = op::Transmit::new().tail("behind the head, ").packets(elements).head("first, ");
        let whole = [b"first, behind the head, ", &whole[..]].concat();
        pending(socket.transmit(transmit));
        let sent = expect!(Transmit, packets.next());
        assert_eq!(sent.result(), Ok(whole.len()));
        assert!(read(&mut *client, whole.len()) == whole);
        // The same once more, from the beginning.
        pending(socket.transmit(sent));
        let sent = expect!(Transmit, packets.next());
        assert!(read(&mut *client, whole.len()) == whole);
        assert_eq!(sent.bufs().len(), 14);
        let elements = sent.into_elements();
        assert_eq!(elements.len(), 22);
        let Element::File(part) = &elements[5] else { panic!("{elements:?}") };
        assert_eq!((part.offset(), part.length()), (500, Some(1000)));
    });
}

#[test]
fn what_can_not_be_sent_is_refused_before_anything_is() {
    let path = TempPath::with(b"content");
    let (socket, peer) = tcp_pair();
    let status = |transmit: op::Transmit| refused(socket.transmit(transmit.head("head"))).0;
    let closed = path.open();
    closed.close().unwrap();
    assert_eq!(status(op::Transmit::file(&closed, 0, 0)), Status::INVALID_HANDLE);
    let write_only = File::options().write(true).open(&path).unwrap();
    assert_eq!(status(op::Transmit::file(&write_only, 0, 0)), Status::ACCESS_DENIED);
    assert_eq!(status(op::Transmit::file(&path.open(), u64::MAX, 0)), Status::INVALID_PARAMETER);
    assert_eq!(status(op::Transmit::file(&path.open(), 1, i64::MAX as u64)), Status::INVALID_PARAMETER);
    if let Some(unbuffered) = path.unbuffered() {
        assert_eq!(status(op::Transmit::file(&unbuffered, 0, 0)), Status::INVALID_PARAMETER);
    }
    let many = |count| op::Transmit::new().packets((0..count).map(|_| Element::file(&path.open(), 0, 1)));
    assert_eq!(status(many(64)), Status::INVALID_PARAMETER, "65 with the head");
    let sent = socket.begin(many(64)).unwrap().wait();
    assert_eq!(sent.result(), Ok(64));
    drop((sent, socket));
    assert_eq!(read_all(peer), [b'c'; 64]);
}

#[test]
fn the_operation_keeps_the_file_open() {
    let path = large_file(LARGE);
    let (socket, peer) = tcp_pair();
    let file = path.open();
    let transmit = socket.begin(op::Transmit::file(&file, 0, 0).disconnect()).unwrap();
    file.close().unwrap();
    drop(file);
    assert!(read_all(peer) == path.content());
    assert_eq!(transmit.wait().result(), Ok(LARGE));
}

#[test]
fn transmits_and_sends_go_out_in_the_order_they_were_started() {
    let file = large_file(3 << 20);
    each(|packets, socket, mut client, _| {
        let mut whole = Vec::new();
        for round in 0..4 {
            let bytes = pattern(round, 700_000);
            let len = 1_000_000 + round as usize;
            pending(socket.transmit(op::Transmit::file(&file.open(), 8 * round, len as u64).with_tag(len)));
            let _ = socket.send(op::Send::new(bytes.clone()).with_tag(bytes.len())).unwrap();
            whole.extend_from_slice(&counted(8 * round as usize, len));
            whole.extend_from_slice(&bytes);
        }
        let _ = socket.disconnect(op::Disconnect::new()).unwrap();
        let all = read_all(&mut client);
        assert!(all == whole, "{} bytes came", all.len());
        for _ in 0..4 {
            let transmit = expect!(Transmit, packets.next());
            assert_eq!(transmit.result(), Ok(transmit.tag()));
            let send = expect!(Send, packets.next());
            assert_eq!(send.result(), Ok(send.tag()));
        }
    });
}

/// Waits until nothing more can be sent.
fn until_full(socket: &Socket) {
    eventually("the socket is full", || {
        use rustix::event::{PollFd, PollFlags, poll};
        let flags = socket.with_fd(|fd| {
            let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
            poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
            fds[0].revents()
        });
        !flags.unwrap().contains(PollFlags::OUT)
    });
}

#[test]
fn one_that_is_cancelled_half_way_says_how_far_it_came() {
    let file = large_file(LARGE);
    each(|packets, socket, client, _| {
        let id =
            pending(socket.transmit(op::Transmit::file(&file.open(), 0, 0).head("12345678").tail("end")));
        pending(socket.transmit(op::Transmit::new().tail("the next one")));
        until_full(&socket);
        socket.cancel(id).unwrap();
        let reader = std::thread::spawn(move || read_all(client));
        let cut = expect!(Transmit, packets.next());
        assert_eq!(cut.status(), Status::CANCELLED);
        assert!((8..LARGE).contains(&cut.bytes()), "{} bytes", cut.bytes());
        assert_eq!(expect!(Transmit, packets.next()).result(), Ok(12));
        socket.close().unwrap();
        let whole = [b"12345678", &file.content()[..cut.bytes() - 8], b"the next one"].concat();
        assert!(reader.join().unwrap() == whole);
    });
}

#[test]
fn one_that_is_closed_under_way_is_aborted() {
    let file = large_file(LARGE);
    each(|packets, socket, client, _| {
        pending(socket.transmit(op::Transmit::file(&file.open(), 0, 0)));
        until_full(&socket);
        socket.close().unwrap();
        let cut = expect!(Transmit, packets.next());
        assert_eq!(cut.status(), Status::CONNECTION_ABORTED);
        drop(client);
    });
}

#[test]
fn a_peer_that_resets_ends_it_and_all_that_follow() {
    let file = large_file(LARGE);
    let packets = Packets::new();
    let (socket, mut peer) = tcp_pair();
    socket.associate(&packets.port, KEY).unwrap();
    pending(socket.transmit(op::Transmit::file(&file.open(), 0, 0).head("head").tail("tail")));
    pending(socket.transmit(op::Transmit::file(&file.open(), 0, 0)));
    peer.read_exact(&mut [0; 100_000]).unwrap();
    reset(peer);
    let cut = expect!(Transmit, packets.next());
    assert_eq!(cut.status(), Status::CONNECTION_RESET);
    assert!((100_000..LARGE).contains(&cut.bytes()));
    assert_eq!(expect!(Transmit, packets.next()).result(), Err(Status::CONNECTION_RESET));
    let (status, _) = refused(socket.transmit(op::Transmit::file(&file.open(), 0, 0)));
    assert_eq!(status, Status::CONNECTION_RESET);
    packets.assert_none();
}

#[test]
fn a_unix_peer_that_closes_ends_it() {
    let file = large_file(LARGE);
    let packets = Packets::new();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&packets.port, KEY).unwrap();
    pending(ours.transmit(op::Transmit::file(&file.open(), 0, 0)));
    theirs.close().unwrap();
    assert_eq!(expect!(Transmit, packets.next()).status(), Status::CONNECTION_RESET);
}

#[test]
fn a_reader_that_is_slow_gets_all_of_it() {
    let file = large_file(LARGE);
    let packets = Packets::new();
    let (socket, mut peer) = tcp_pair();
    socket.associate(&packets.port, KEY).unwrap();
    socket.set_send_buffer(16 * 1024).unwrap();
    pending(socket.transmit(op::Transmit::file(&file.open(), 0, 2 << 20).tail("end")));
    let mut all = Vec::new();
    let mut part = [0; 5000];
    while all.len() < (2 << 20) + 3 {
        let count = peer.read(&mut part).unwrap();
        all.extend_from_slice(&part[..count]);
        std::thread::yield_now();
    }
    assert!(all == [&counted(0, 2 << 20)[..], b"end"].concat());
    assert_eq!(expect!(Transmit, packets.next()).result(), Ok((2 << 20) + 3));
}

#[test]
fn a_file_that_is_shorter_than_stated_ends_it_with_what_there_was() {
    let file = TempPath::with(b"0123456789");
    each(|packets, socket, client, _| {
        for (offset, len, sent) in [(4, 7, "<456789"), (10, 1, "<"), (1 << 40, 1, "<")] {
            pending(socket.transmit(op::Transmit::file(&file.open(), offset, len).head("<").tail(">")));
            let cut = expect!(Transmit, packets.next());
            assert_eq!((cut.status(), cut.bytes()), (Status::END_OF_FILE, sent.len()));
        }
        drop(socket);
        assert_eq!(read_all(client), b"<456789<<");
    });
    assert_eq!(Status::END_OF_FILE.to_win32(), 38, "ERROR_HANDLE_EOF");
}

#[test]
fn a_file_that_is_cut_meanwhile_ends_where_it_ends_now() {
    for stated in [true, false] {
        let file = large_file(LARGE);
        each(|packets, socket, client, _| {
            let len = if stated { LARGE as u64 } else { 0 };
            let handle = file.open();
            handle.set_len(LARGE as u64).unwrap();
            pending(socket.transmit(op::Transmit::file(&handle, 0, len).tail("tail")));
            until_full(&socket);
            // Less than was sent, and some that was not.
            handle.set_len(8).unwrap();
            let reader = std::thread::spawn(move || read_all(client));
            let sent = expect!(Transmit, packets.next());
            let tail = if stated { 0 } else { 4 };
            let status = if stated { Status::END_OF_FILE } else { Status::SUCCESS };
            assert_eq!(sent.status(), status);
            socket.close().unwrap();
            let all = reader.join().unwrap();
            assert_eq!(all.len(), sent.bytes());
            assert!(all.len() < LARGE && all.ends_with(&b"tail"[..tail]));
        });
    }
}

#[test]
fn head_file_and_tail_of_a_small_answer_leave_in_one_packet() {
    let file = TempPath::with(b"content");
    let (socket, mut peer) = tcp_pair();
    socket.set_nodelay(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    for (head, tail) in [("head", "tail"), ("head", ""), ("", "tail")] {
        for _ in 0..100 {
            let len = head.len() + 7 + tail.len();
            let transmit =
                socket.begin(op::Transmit::file(&file.open(), 0, 0).head(head).tail(tail)).unwrap();
            let mut bytes = [0; 100];
            let count = loop {
                match peer.read(&mut bytes) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    count => break count.unwrap(),
                }
            };
            assert_eq!(count, len, "the first that comes is all");
            assert_eq!(transmit.wait().result(), Ok(len));
        }
    }
}

#[test]
fn what_waits_for_a_tail_that_does_not_come_is_not_kept_back() {
    let empty = TempPath::with(b"");
    let (socket, mut peer) = tcp_pair();
    // Kept back it would come 200 ms later; of so many every one.
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let began = std::time::Instant::now();
    for _ in 0..100 {
        let sent = socket.begin(op::Transmit::file(&empty.open(), 0, 0).head("head")).unwrap().wait();
        assert_eq!(sent.result(), Ok(4));
        peer.read_exact(&mut [0; 4]).unwrap();
        peer.write_all(b"!").unwrap();
        assert_eq!(socket.begin(op::Recv::new(vec![0; 1])).unwrap().wait().result(), Ok(1));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_socket_that_somebody_made_blocking_holds_no_thread() {
    let file = large_file(LARGE);
    each(|packets, socket, mut client, _| {
        socket.with_fd(|fd| socket2::SockRef::from(&fd).set_nonblocking(false)).unwrap().unwrap();
        let (tell, told) = channel();
        let start = std::thread::spawn({
            let (socket, file) = (socket, file.open());
            move || {
                pending(socket.transmit(op::Transmit::file(&file, 0, 0).disconnect()));
                tell.send(()).unwrap();
                socket
            }
        });
        // Nobody reads yet.
        told.recv_timeout(common::PATIENCE).expect("the start comes back");
        assert!(read_all(&mut client) == file.content());
        assert_eq!(expect!(Transmit, packets.next()).result(), Ok(LARGE));
        drop(start.join().unwrap());
    });
}

#[test]
fn a_peer_that_is_as_fast_as_we_does_not_hold_a_thread_for_ever() {
    /// What one turn moves.
    const TURN: usize = 1 << 20;
    let file = large_file(LARGE);
    let port: Port<usize> = Port::new(1).unwrap();
    let (socket, mut peer) = tcp_pair();
    socket.associate(&port, KEY).unwrap();
    let (tell, told) = channel();
    let reader = std::thread::spawn(move || {
        peer.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let first = read_on(&mut peer);
        tell.send(first.len()).unwrap();
        peer.set_read_timeout(None).unwrap();
        [first, read_all(peer)].concat()
    });
    pending(socket.transmit(op::Transmit::file(&file.open(), 0, 0).disconnect()));
    // Nobody takes packets, so nobody goes on with it.
    let first = told.recv().unwrap();
    assert!(first > 0 && first <= TURN, "{first} bytes went in one turn");
    let packet = port.get().unwrap().unwrap();
    let Op::Transmit(sent) = packet.op else { panic!("{packet:?}") };
    assert_eq!(sent.result(), Ok(LARGE));
    assert!(reader.join().unwrap() == file.content());
}

/// What comes until nothing does.
fn read_on(peer: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut part = vec![0; 1 << 20];
    loop {
        match peer.read(&mut part) {
            Ok(count) => all.extend_from_slice(&part[..count]),
            Err(_) if !all.is_empty() => return all,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

#[test]
fn large_files_arrive_as_they_are_without_memory_of_ours() {
    in_own_process("large_files_arrive_as_they_are_without_memory_of_ours", || {
        const BYTES: usize = 64 << 20;
        let path = TempPath::with(&[]);
        let mut writer = std::fs::File::options().write(true).open(&path).unwrap();
        for block in 0..BYTES >> 20 {
            writer.write_all(&counted(block << 20, 1 << 20)).unwrap();
        }
        let (socket, mut peer) = tcp_pair();
        let reader = std::thread::spawn(move || {
            let mut part = vec![0; 1 << 20];
            for block in 0..BYTES >> 20 {
                peer.read_exact(&mut part).unwrap();
                assert!(part == counted(block << 20, 1 << 20), "block {block}");
            }
            assert_eq!(peer.read(&mut part).unwrap(), 0);
        });
        let before = most_memory();
        let sent = socket.begin(op::Transmit::file(&path.open(), 0, 0).disconnect()).unwrap().wait();
        assert_eq!(sent.result(), Ok(BYTES));
        reader.join().unwrap();
        let grown = most_memory() - before;
        assert!(grown < 16 << 20, "{grown} bytes more");
    });
}

/// The most memory this process has had, in bytes.
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}
