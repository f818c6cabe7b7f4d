//! Locked pages of a port: what is charged, what a limit refuses, and that everything is released.

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use common::{listener, pending, queued, refused, reset, tcp_pair};
use proactor::budget;
use proactor::object::{Wait, sleep};
use proactor::{Buf, BufPool, File, Limits, Modes, Op, Operation, Pipe, Port, Socket, Started, Status, op};

const PAGE: usize = 4096;

fn port_with(pages: usize) -> Port {
    Port::with_limits(1, Limits { locked_bytes: pages * PAGE, ..Limits::default() }).unwrap()
}

/// A buffer that touches so many pages and no more.
fn pages(count: usize) -> Buf {
    Buf::aligned(count * PAGE, PAGE)
}

/// Pages and operations.
fn held(port: &Port) -> (usize, usize) {
    let snapshot = port.snapshot();
    assert_eq!(snapshot.locked_bytes % PAGE, 0);
    (snapshot.locked_bytes / PAGE, snapshot.blocks)
}

/// Takes whatever is complete.
fn drain(port: &Port) -> Vec<Status> {
    let packets = std::iter::from_fn(|| port.get_timeout(Duration::ZERO).ok());
    packets.map(|packet| packet.status()).collect()
}

#[test]
fn s333_a_start_beyond_the_limit_of_its_port_is_wsaenobufs_and_changes_nothing() {
    let port = port_with(4);
    let (socket, mut peer) = tcp_pair();
    socket.associate(&port, 1).unwrap();
    let first = pending(socket.recv(op::Recv::new(pages(3)).with_tag(1)));
    let (status, op) = refused(socket.recv(op::Recv::new(pages(2)).with_tag(2)));
    assert_eq!((status, status.to_winsock()), (Status::NO_BUFS, 10055));
    assert_eq!((op.tag(), op.bufs()[0].len(), op.bytes()), (2, 2 * PAGE, 0), "it comes back as it was");
    assert_eq!((held(&port), port.snapshot().refused), ((3, 1), 1));
    pending(socket.recv(op::Recv::new(pages(1)).with_tag(3)));
    peer.write_all(b"one").unwrap();
    let packet = port.get().unwrap().unwrap();
    assert_eq!((packet.status(), packet.bytes()), (Status::SUCCESS, 3));
    let Op::Recv(recv) = packet.op else { panic!("a receive was started") };
    assert_eq!((recv.id(), recv.tag()), (first, 1), "what was before it goes on");
    // What was refused works as soon as something is released.
    pending(socket.recv(op));
    assert_eq!(held(&port), (3, 2));
    socket.close().unwrap();
    assert_eq!(drain(&port), [Status::CONNECTION_ABORTED; 2]);
    assert_eq!(held(&port), (0, 0));
    assert_eq!(port.snapshot().locked_peak, 4 * PAGE);
}

#[test]
fn what_is_refused_leaves_the_stream_where_it_was() {
    let port = port_with(2);
    let (socket, mut peer) = tcp_pair();
    socket.associate(&port, 1).unwrap();
    // A send that would go out in part, and a receive that would take a part.
    let (status, send) = refused(socket.send(op::Send::new(pages(3))));
    assert_eq!((status, send.bytes()), (Status::NO_BUFS, 0));
    peer.write_all(b"abc").unwrap();
    let (status, _) = refused(socket.recv(op::Recv::new(pages(3)).wait_all()));
    assert_eq!(status, Status::NO_BUFS);
    queued(socket.recv(op::Recv::new(pages(1))));
    let Some(Op::Recv(recv)) = port.get().unwrap().map(|packet| packet.op) else { panic!("a receive ended") };
    assert_eq!(recv.data(), b"abc");
    queued(socket.send(op::Send::new("xyz")));
    let mut three = [0; 3];
    peer.read_exact(&mut three).unwrap();
    assert_eq!(&three, b"xyz", "nothing of the send that was refused went before it");
    assert_eq!(drain(&port), [Status::SUCCESS]);
    assert_eq!(held(&port), (0, 0));
}

#[test]
fn what_completes_at_once_needs_no_room() {
    let port = port_with(1);
    let (socket, mut peer) = tcp_pair();
    socket.associate(&port, 1).unwrap();
    pending(socket.recv(op::Recv::new(pages(1))));
    peer.write_all(b"first").unwrap();
    assert_eq!(port.get().unwrap().unwrap().bytes(), 5);
    // The account is empty again; a receive that finds data is not charged, however large.
    peer.write_all(b"second").unwrap();
    common::eventually("the data is there", || {
        let mut one = [0];
        let seen = socket.with_fd(|fd| rustix::net::recv(fd, &mut one[..], rustix::net::RecvFlags::PEEK));
        matches!(seen, Ok(Ok((1, _))))
    });
    let started = socket.recv(op::Recv::new(pages(100)));
    if let Err(refused) = started {
        // It was known to be drained, and so would have had to wait for the news.
        assert_eq!(refused.status, Status::NO_BUFS);
        assert!(port.get_timeout(Duration::ZERO).is_err());
        queued(socket.recv(refused.op));
    }
    assert_eq!(port.get().unwrap().unwrap().bytes(), 6);
    assert_eq!(held(&port), (0, 0));
}

#[test]
fn a_receive_without_a_buffer_locks_nothing() {
    let port = port_with(2);
    let (socket, mut peer) = tcp_pair();
    socket.associate(&port, 1).unwrap();
    let pool = BufPool::new(100 * PAGE, 1);
    pending(socket.recv(op::Recv::zero_byte()));
    pending(socket.recv(op::Recv::pooled(&pool)));
    assert_eq!(held(&port), (0, 2));
    // One that holds its buffer while it waits for the rest is charged for it.
    let (status, _) = refused(socket.recv(op::Recv::pooled(&pool).wait_all()));
    assert_eq!(status, Status::NO_BUFS);
    peer.write_all(b"data").unwrap();
    let got: Vec<usize> = (0..2).map(|_| port.get().unwrap().unwrap().bytes()).collect();
    assert_eq!(got, [0, 4]);
    assert_eq!(held(&port), (0, 0));
}

#[test]
fn every_way_to_end_releases_what_was_held() {
    let port = port_with(100);
    let idle = |what: &str, statuses: &[Status]| {
        let mut got = Vec::new();
        common::eventually(what, || {
            got.extend(drain(&port));
            got.len() >= statuses.len()
        });
        assert_eq!(got, statuses, "{what}");
        assert_eq!(held(&port), (0, 0), "{what}");
    };
    let connected = || {
        let (socket, peer) = tcp_pair();
        socket.associate(&port, 1).unwrap();
        (socket, peer)
    };
    let (socket, _peer) = connected();
    let id = pending(socket.recv(op::Recv::new(pages(5))));
    socket.cancel(id).unwrap();
    idle("one is cancelled", &[Status::CANCELLED]);
    for _ in 0..3 {
        pending(socket.recv(op::Recv::new(pages(5))));
    }
    socket.cancel_all().unwrap();
    idle("all are cancelled", &[Status::CANCELLED; 3]);
    let event = socket.begin(op::Recv::new(pages(7))).unwrap();
    assert_eq!(held(&port), (7, 1), "one with an event counts as well");
    drop(event);
    idle("its event is dropped", &[]);
    let same = socket.clone();
    let thread = std::thread::spawn(move || std::mem::forget(same.begin(op::Recv::new(pages(7)))));
    thread.join().unwrap();
    idle("its thread ends", &[]);
    pending(socket.recv(op::Recv::new(pages(5))));
    socket.close().unwrap();
    idle("its socket is closed", &[Status::CONNECTION_ABORTED]);
    let (socket, peer) = connected();
    pending(socket.recv(op::Recv::new(pages(5))));
    reset(peer);
    idle("its peer resets", &[Status::CONNECTION_RESET]);
    assert!(socket.recv(op::Recv::new(pages(5))).is_err());
    idle("its connection is gone", &[]);
    let (socket, _peer) = connected();
    socket.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    assert!(matches!(socket.send(op::Send::new("now")), Ok(Started::Done(_))));
    idle("it is done and skipped", &[]);
    let (reader, writer) = Pipe::pair().unwrap();
    reader.associate(&port, 2).unwrap();
    pending(reader.recv(op::Recv::new(pages(3))));
    drop(writer);
    idle("its pipe breaks", &[Status::PIPE_BROKEN]);
}

#[test]
fn a_send_that_waits_holds_its_pages_until_all_is_out() {
    let port = port_with(4096);
    let (socket, mut peer) = tcp_pair();
    socket.associate(&port, 1).unwrap();
    let size = 8 << 20;
    pending(socket.send(op::Send::new(pages(size / PAGE))));
    assert_eq!(held(&port), (size / PAGE, 1));
    let reader = std::thread::spawn(move || {
        let mut all = vec![0; size];
        peer.read_exact(&mut all).unwrap();
    });
    assert_eq!(port.get().unwrap().unwrap().bytes(), size);
    assert_eq!(held(&port), (0, 0));
    reader.join().unwrap();
}

#[test]
fn an_accept_that_waits_for_first_data_stays_with_the_port_of_its_listener() {
    let (port, other) = (port_with(3), port_with(3));
    let (socket, address) = listener();
    socket.associate(&port, 1).unwrap();
    pending(socket.accept(op::Accept::receive_first(pages(2))));
    assert_eq!(held(&port), (2, 1));
    let (status, _) = refused(socket.accept(op::Accept::receive_first(pages(2))));
    assert_eq!(status, Status::NO_BUFS);
    let mut peer = std::net::TcpStream::connect(address).unwrap();
    // It takes the connection, and waits on that for data.
    assert!(port.get_timeout(Duration::from_millis(1)).is_err());
    assert_eq!(held(&port), (2, 1));
    peer.write_all(b"hello").unwrap();
    let Some(Op::Accept(mut accept)) = port.get().unwrap().map(|packet| packet.op) else {
        panic!("an accept was started")
    };
    assert_eq!(held(&port), (0, 0));
    let accepted = accept.take_connection().unwrap();
    accepted.associate(&other, 2).unwrap();
    pending(accepted.recv(op::Recv::new(pages(2))));
    assert_eq!((held(&port), held(&other)), ((0, 0), (2, 1)), "each port for itself");
    // One more, closed under it.
    pending(socket.accept(op::Accept::receive_first(pages(2))));
    let _second = std::net::TcpStream::connect(address).unwrap();
    assert!(port.get_timeout(Duration::from_millis(1)).is_err());
    socket.close().unwrap();
    assert!(port.get().unwrap().unwrap().status().is_error());
    assert_eq!(held(&port), (0, 0));
}

#[test]
fn a_file_operation_that_waits_is_charged_and_refused_like_others() {
    let path = std::env::temp_dir().join(format!("budget-{}", std::process::id()));
    let file = File::options().read(true).write(true).create(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let port = port_with(2);
    file.associate(&port, 1).unwrap();
    let (status, write) = refused(file.write(op::Write::new(0, pages(3))));
    assert_eq!((status, file.len().unwrap()), (Status::NO_BUFS, 0), "nothing of it was written");
    assert_eq!(write.bytes(), 0);
    file.write(op::Write::new(0, pages(2))).unwrap();
    assert_eq!(port.get().unwrap().unwrap().bytes(), 2 * PAGE);
    file.flush(op::Flush::new()).unwrap();
    assert_eq!(port.get().unwrap().unwrap().status(), Status::SUCCESS);
    // From the cache it needs no room.
    file.read(op::Read::new(0, pages(2))).unwrap();
    assert_eq!(port.get().unwrap().unwrap().bytes(), 2 * PAGE);
    assert_eq!(held(&port), (0, 0));
}

#[test]
fn a_routine_s_operation_and_one_without_a_port_are_the_process_s() {
    let (one, other) = Socket::pair().unwrap();
    one.start_with_routine(op::Recv::new(pages(9)), |recv| assert_eq!(recv.data(), b"call")).unwrap();
    assert!(budget::usage().locked_bytes >= 9 * PAGE);
    other.begin(op::Send::new("call")).unwrap().wait();
    assert_eq!(sleep(Wait::at_most(common::PATIENCE).alertably()), Err(Status::USER_APC));
    // What is associated later stays where it was charged.
    let event = one.begin(op::Recv::new(pages(9))).unwrap();
    let port = port_with(1);
    one.associate(&port, 1).unwrap();
    assert_eq!(held(&port), (0, 0));
    drop(event);
    assert_eq!(held(&port), (0, 0));
}

#[test]
fn operations_of_a_port_are_counted_until_their_packets_are_taken() {
    let port: Port = Port::with_limits(1, Limits { blocks: 2, ..Limits::default() }).unwrap();
    let (socket, _peer) = tcp_pair();
    socket.associate(&port, 1).unwrap();
    queued(socket.send(op::Send::new("a")));
    queued(socket.send(op::Send::new("b")));
    assert_eq!(held(&port), (0, 2), "their packets wait");
    let (status, send) = refused(socket.send(op::Send::new("c")));
    assert_eq!(status, Status::NO_BUFS);
    port.get().unwrap().unwrap();
    queued(socket.send(send));
    assert_eq!(drain(&port).len(), 2);
    assert_eq!(held(&port), (0, 0));
    // A port that is closed holds nothing.
    queued(socket.send(op::Send::new("d")));
    pending(socket.recv(op::Recv::new(pages(1))));
    assert_eq!(held(&port), (1, 2));
    port.close();
    assert_eq!(held(&port), (0, 0));
}

#[test]
fn limits_under_which_nothing_could_wait_are_invalid() {
    for limits in [
        Limits { locked_bytes: PAGE - 1, ..Limits::default() },
        Limits { locked_bytes: 0, ..Limits::default() },
        Limits { blocks: 0, ..Limits::default() },
    ] {
        assert_eq!(Port::<usize>::with_limits(1, limits).err(), Some(Status::INVALID_PARAMETER));
    }
    let mut wrong = budget::usage().limits;
    wrong.locked_bytes = PAGE - 1;
    assert_eq!(budget::set(wrong), Err(Status::INVALID_PARAMETER));
}
