//! Sends and receives on streams: order, exact counts, gathering and scattering, and what needs no buffer.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use common::*;
use proactor::{Address, Buf, BufPool, How, Op, Port, Socket, Status, op};

/// A TCP socket whose packets come to `packets` under a key, and its peer.
fn associated(packets: &Packets, key: usize) -> (Socket, std::net::TcpStream) {
    let (ours, peer) = tcp_pair();
    ours.associate(&packets.port, key).unwrap();
    (ours, peer)
}

/// Waits until the kernel has something to receive on `socket`, an end included.
fn await_readable(socket: &Socket) {
    use rustix::event::{PollFd, PollFlags, poll};
    let count = socket.with_fd(|fd| poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], None)).unwrap();
    assert_eq!(count, Ok(1));
}

#[test]
fn a_receive_started_by_one_thread_while_another_waits_completes() {
    let port: Port<usize, usize> = Port::new(1).unwrap();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&port, 5).unwrap();
    let (tell, told) = channel();
    let waiter = thread::spawn({
        let port = port.clone();
        move || tell.send(port.get()).unwrap()
    });
    eventually("the other thread waits", || port.snapshot().parked == 1);
    pending(ours.recv(op::Recv::new(vec![0; 64])));
    peer.write_all(b"for whoever waits").unwrap();
    let packet = told.recv_timeout(PATIENCE).unwrap().unwrap().unwrap();
    waiter.join().unwrap();
    assert_eq!(packet.key, 5);
    assert_eq!(expect!(Recv, packet).data(), b"for whoever waits");
}

#[test]
fn the_thread_that_started_a_receive_may_end_before_the_data_comes() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    let starter = thread::spawn({
        let ours = ours.clone();
        move || pending(ours.recv(op::Recv::new(vec![0; 64])))
    });
    starter.join().unwrap();
    assert_eq!(ours.pending(), 1, "it has survived its thread");
    peer.write_all(b"late").unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status()), (5, Status::SUCCESS));
    assert_eq!(expect!(Recv, packet).data(), b"late");
}

#[test]
fn a_32_mib_send_reports_33554432_bytes() {
    const SIZE: usize = 33_554_432;
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    let sent = pattern(32, SIZE);
    let reader = thread::spawn(move || {
        let mut got = vec![0; SIZE];
        peer.read_exact(&mut got).unwrap();
        got
    });
    let _ = ours.send(op::Send::new(sent.clone())).unwrap();
    let packet = packets.next();
    assert_eq!((packet.status(), packet.bytes()), (Status::SUCCESS, 33_554_432));
    packets.assert_none();
    assert!(reader.join().unwrap() == sent, "every byte in its place");
}

#[test]
fn s328_sends_of_100_200_and_150_bytes_report_100_200_and_150() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    let sent = pattern(4, 450);
    for part in [&sent[..100], &sent[100..300], &sent[300..]] {
        queued(ours.send(op::Send::new(part.to_vec())));
    }
    for size in [100, 200, 150] {
        assert_eq!(expect!(Send, packets.next()).result(), Ok(size));
    }
    let mut got = vec![0; 450];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(got, sent);
}

/// A socket that is stuffed: a large send of `big` is half out, and the peer does not read.
fn stuffed(packets: &Packets, big: &[u8]) -> (Socket, std::net::TcpStream) {
    let (ours, peer) = associated(packets, 5);
    ours.set_send_buffer(1).unwrap();
    pending(ours.send(op::Send::new(big.to_vec()).with_tag(1000)));
    (ours, peer)
}

const BIG: usize = 8 << 20;

#[test]
fn s328_sends_stacked_behind_one_that_waits_go_out_whole_and_in_order() {
    let packets = Packets::new();
    let mut sent = pattern(5, BIG + 450);
    let (ours, mut peer) = stuffed(&packets, &sent[..BIG]);
    for (size, from) in [(100, 0), (200, 100), (150, 300)] {
        let part = sent[BIG + from..BIG + from + size].to_vec();
        pending(ours.send(op::Send::new(part).with_tag(size)));
    }
    packets.assert_none();
    // A slow reader: small pieces, the first of them before anything is complete.
    let mut got = Vec::with_capacity(sent.len());
    let mut piece = [0; 16 << 10];
    while got.len() < sent.len() {
        let count = peer.read(&mut piece).unwrap();
        assert_ne!(count, 0);
        got.extend_from_slice(&piece[..count]);
    }
    for (tag, size) in [(1000, BIG), (100, 100), (200, 200), (150, 150)] {
        let send = expect!(Send, packets.next());
        assert_eq!((send.tag(), send.result()), (tag, Ok(size)));
    }
    assert!(got == sent);
    sent.clear();
    packets.assert_none();
}

#[test]
fn s328_sends_cut_half_way_by_a_reset_end_with_errors_and_what_was_moved() {
    let packets = Packets::new();
    let big = pattern(6, BIG);
    let (ours, mut peer) = stuffed(&packets, &big);
    for size in [100, 200, 150] {
        pending(ours.send(op::Send::new(vec![1; size]).with_tag(size)));
    }
    let mut some = vec![0; 100_000];
    peer.read_exact(&mut some).unwrap();
    assert!(some == big[..100_000]);
    packets.assert_none();
    reset(peer);
    let first = expect!(Send, packets.next());
    assert_eq!((first.tag(), first.status()), (1000, Status::CONNECTION_RESET));
    assert!((100_000..BIG).contains(&first.bytes()), "{} were moved before", first.bytes());
    for size in [100, 200, 150] {
        let send = expect!(Send, packets.next());
        assert_eq!((send.tag(), send.status(), send.bytes()), (size, Status::CONNECTION_RESET, 0));
    }
    assert_eq!(refused(ours.send(op::Send::new("more"))).0, Status::CONNECTION_RESET);
    packets.assert_none();
}

#[test]
fn s328_a_send_between_unix_sockets_is_whole_too() {
    let packets = Packets::new();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&packets.port, 1).unwrap();
    let sent = pattern(7, 3 << 20);
    pending(ours.send(op::Send::new(sent.clone())));
    pending(ours.send(op::Send::new("end")));
    let mut whole = Vec::new();
    while whole.len() < sent.len() + 3 {
        let recv = theirs.begin(op::Recv::new(vec![0; 70_000])).unwrap().wait();
        assert_ne!(recv.result().unwrap(), 0);
        whole.extend_from_slice(recv.data());
    }
    assert!(whole[..sent.len()] == sent && &whole[sent.len()..] == b"end");
    assert_eq!(expect!(Send, packets.next()).result(), Ok(sent.len()));
    assert_eq!(expect!(Send, packets.next()).result(), Ok(3));
}

#[test]
fn s329_a_send_succeeds_although_its_bytes_never_arrive() {
    let packets = Packets::new();
    let (ours, peer) = associated(&packets, 5);
    queued(ours.send(op::Send::new(vec![1; 1000])));
    assert_eq!(expect!(Send, packets.next()).result(), Ok(1000));
    // It has read nothing, and never will.
    reset(peer);
    await_readable(&ours);
    assert_eq!(refused(ours.send(op::Send::new("more"))).0, Status::CONNECTION_RESET);
    packets.assert_none();
}

/// Buffers of the lengths 1, 2, 3, ... cut from `bytes`, and what is left over in the last.
fn cut(bytes: &[u8], count: usize) -> Vec<Buf> {
    let mut rest = bytes;
    let mut bufs = Vec::new();
    for len in 1..count {
        let (now, later) = rest.split_at(len);
        bufs.push(Buf::from(now.to_vec()));
        rest = later;
    }
    bufs.push(Buf::from(rest.to_vec()));
    bufs
}

#[test]
fn s319_sixty_four_buffers_are_gathered_and_scattered_byte_for_byte() {
    const SIZE: usize = 1 << 20;
    let packets = Packets::new();
    let (ours, peer) = associated(&packets, 5);
    let peer = Socket::from_fd(peer).unwrap();
    let sent = pattern(8, SIZE);
    let empty = cut(&vec![0; SIZE], 64);
    let recv = peer.begin(op::Recv::scatter(empty).wait_all()).unwrap();
    let _ = ours.send(op::Send::gather(cut(&sent, 64))).unwrap();
    assert_eq!(packets.next().bytes(), SIZE);
    let recv = recv.wait();
    assert_eq!(recv.result(), Ok(SIZE));
    let expected = cut(&sent, 64);
    assert!(recv.bufs().iter().zip(&expected).all(|(got, expected)| got[..] == expected[..]));
    assert_eq!(recv.bufs().len(), 64);
}

#[test]
fn s319_each_buffer_is_filled_before_the_next() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    pending(ours.recv(op::Recv::scatter(vec![Buf::new(3), Buf::new(0), Buf::new(4), Buf::new(5)])));
    peer.write_all(b"abcdefgh").unwrap();
    let recv = expect!(Recv, packets.next());
    assert_eq!((recv.bytes(), recv.data()), (8, &b"abc"[..]));
    let bufs = recv.into_bufs();
    assert_eq!((&bufs[2][..], &bufs[3][..]), (&b"defg"[..], &b"h\0\0\0\0"[..]));
}

#[test]
fn sixty_five_buffers_are_refused_and_come_back() {
    let (one, _other) = Socket::pair().unwrap();
    let bufs = || (0..65).map(|_| Buf::new(1)).collect::<Vec<_>>();
    let (status, send) = refused(one.send(op::Send::gather(bufs())));
    assert_eq!((status, send.into_bufs().len()), (Status::INVALID_PARAMETER, 65));
    let (status, recv) = refused(one.recv(op::Recv::scatter(bufs())));
    assert_eq!((status, recv.into_bufs().len()), (Status::INVALID_PARAMETER, 65));
    eventually("nothing is under way", || one.pending() == 0);
}

#[test]
fn s335_no_buffers_at_all_are_refused() {
    let (one, _other) = Socket::pair().unwrap();
    assert_eq!(refused(one.recv(op::Recv::scatter(vec![]))).0, Status::INVALID_PARAMETER);
    assert_eq!(refused(one.send(op::Send::gather(vec![]))).0, Status::INVALID_PARAMETER);
}

#[test]
fn s314_what_is_sent_is_what_the_buffer_held_at_the_start() {
    let packets = Packets::new();
    let shared: std::sync::Arc<[u8]> = pattern(9, 100_000).into();
    let pairs: Vec<_> = (0..4).map(|key| associated(&packets, key)).collect();
    // One memory for all: nobody can change it while it is on its way, and nothing is copied for it.
    for (ours, _) in &pairs {
        let _ = ours.send(op::Send::new(shared.clone())).unwrap();
    }
    for (_, mut peer) in pairs {
        let mut got = vec![0; shared.len()];
        peer.read_exact(&mut got).unwrap();
        assert!(got[..] == shared[..]);
    }
    (0..4).for_each(|_| assert_eq!(packets.next().bytes(), shared.len()));
}

#[test]
fn s332_a_receive_buffer_of_nothing_still_receives_what_nobody_waits_for() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    ours.set_recv_buffer(0).unwrap();
    let kept = ours.with_fd(|fd| rustix::net::sockopt::socket_recv_buffer_size(fd)).unwrap().unwrap();
    assert!(kept > 0, "the kernel keeps a buffer of its own");
    peer.write_all(b"before any receive").unwrap();
    await_readable(&ours);
    queued(ours.recv(op::Recv::new(vec![0; 32])));
    assert_eq!(expect!(Recv, packets.next()).data(), b"before any receive");
}

#[test]
fn s318_a_receive_completes_with_some_data_and_does_not_wait_for_more() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    pending(ours.recv(op::Recv::new(vec![0; 1000])));
    peer.write_all(b"x").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"x");
}

#[test]
fn s334_a_zero_byte_receive_waits_for_data_and_leaves_them() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    pending(ours.recv(op::Recv::zero_byte()));
    packets.assert_none();
    peer.write_all(b"data").unwrap();
    assert_eq!(expect!(Recv, packets.next()).result(), Ok(0));
    queued(ours.recv(op::Recv::new(vec![])));
    assert_eq!(expect!(Recv, packets.next()).result(), Ok(0), "data are there: done at once, with nothing");
    queued(ours.recv(op::Recv::new(vec![0; 16])));
    assert_eq!(expect!(Recv, packets.next()).data(), b"data");

    pending(ours.recv(op::Recv::zero_byte()));
    drop(peer);
    assert_eq!(expect!(Recv, packets.next()).result(), Ok(0), "an end is something to receive, too");
}

#[test]
fn s334_a_zero_byte_receive_reports_a_reset() {
    let packets = Packets::new();
    let (ours, peer) = associated(&packets, 5);
    pending(ours.recv(op::Recv::zero_byte()));
    reset(peer);
    assert_eq!(packets.next().status(), Status::CONNECTION_RESET);
    assert_eq!(refused(ours.recv(op::Recv::zero_byte())).0, Status::CONNECTION_RESET);
}

#[test]
fn a_pooled_receive_borrows_only_when_data_are_there() {
    let packets = Packets::new();
    let pool = BufPool::new(512, 1);
    let pairs: Vec<_> = (0..8).map(|key| associated(&packets, key)).collect();
    for (ours, _) in &pairs {
        pending(ours.recv(op::Recv::pooled(&pool)));
    }
    assert_eq!(pool.lent(), 0, "eight connections wait and hold no buffer");
    (&pairs[3].1).write_all(b"three").unwrap();
    let packet = packets.next();
    assert_eq!(packet.key, 3);
    let three = expect!(Recv, packet);
    assert_eq!((three.data(), pool.lent()), (&b"three"[..], 1));

    (&pairs[6].1).write_all(b"six").unwrap();
    let packet = packets.next();
    assert_eq!((packet.key, packet.status(), packet.bytes()), (6, Status::NO_BUFS, 0));
    let (status, _) = refused(pairs[6].0.recv(op::Recv::pooled(&pool)));
    assert_eq!(status, Status::NO_BUFS);
    drop(three);
    assert_eq!(pool.lent(), 0);
    queued(pairs[6].0.recv(op::Recv::pooled(&pool)));
    let six = expect!(Recv, packets.next());
    assert_eq!((six.data(), pool.lent()), (&b"six"[..], 1), "the data had stayed where they were");

    let send = six.into_send();
    assert_eq!(&send.bufs()[0][..], b"six");
    queued(pairs[6].0.send(send));
    let again = expect!(Send, packets.next()).into_recv();
    assert_eq!(pool.lent(), 0, "a receive that is to wait gives its buffer back before");
    pending(pairs[6].0.recv(again));
    assert_eq!(pool.lent(), 0);
}

#[test]
fn s343_a_peek_leaves_the_data() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    pending(ours.recv(op::Recv::new(vec![0; 3]).peek()));
    peer.write_all(b"peeked").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"pee");
    queued(ours.recv(op::Recv::new(vec![0; 8]).peek()));
    assert_eq!(expect!(Recv, packets.next()).data(), b"peeked");
    queued(ours.recv(op::Recv::new(vec![0; 8])));
    assert_eq!(expect!(Recv, packets.next()).data(), b"peeked");
    pending(ours.recv(op::Recv::new(vec![0; 8])));
}

#[test]
fn s343_wait_all_waits_until_the_buffers_are_full() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    pending(ours.recv(op::Recv::new(vec![0; 9]).wait_all()));
    for piece in [b"abc", b"def"] {
        peer.write_all(piece).unwrap();
        packets.assert_none();
    }
    peer.write_all(b"ghij").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"abcdefghi");
    pending(ours.recv(op::Recv::new(vec![0; 9]).wait_all()));
    drop(peer);
    let recv = expect!(Recv, packets.next());
    assert_eq!((recv.result(), recv.data()), (Ok(1), &b"j"[..]), "what came before the end");
}

#[test]
fn s343_a_peek_that_waits_for_all_sees_all_or_the_end() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    pending(ours.recv(op::Recv::new(vec![0; 6]).peek().wait_all()));
    peer.write_all(b"abc").unwrap();
    packets.assert_none();
    peer.write_all(b"def").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"abcdef");
    pending(ours.recv(op::Recv::new(vec![0; 16]).peek().wait_all()));
    drop(peer);
    assert_eq!(expect!(Recv, packets.next()).data(), b"abcdef", "no more will come");
    queued(ours.recv(op::Recv::new(vec![0; 16]).peek().wait_all()));
    assert_eq!(expect!(Recv, packets.next()).data(), b"abcdef");
}

#[test]
fn s337_a_graceful_end_is_success_with_0_bytes_s338_again_and_again() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    peer.write_all(b"last").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"last");
    assert_eq!(expect!(Recv, packets.next()).result(), Ok(0));
    for _ in 0..3 {
        queued(ours.recv(op::Recv::new(vec![0; 16])));
        assert_eq!(expect!(Recv, packets.next()).result(), Ok(0));
    }
    packets.assert_none();
}

#[test]
fn s337_an_end_that_came_before_the_receive_is_no_error_either() {
    let packets = Packets::new();
    let (ours, peer) = associated(&packets, 5);
    drop(peer);
    await_readable(&ours);
    queued(ours.recv(op::Recv::new(vec![0; 16])));
    assert_eq!(expect!(Recv, packets.next()).result(), Ok(0));
}

#[test]
fn half_a_connection_can_end_while_the_other_half_goes_on() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    ours.shutdown(How::Send).unwrap();
    assert_eq!(peer.read(&mut [0; 4]).unwrap(), 0, "the peer sees the end");
    assert_eq!(refused(ours.send(op::Send::new("x"))).0, Status::PIPE_DISCONNECTED);
    peer.write_all(b"still here").unwrap();
    let _ = ours.recv(op::Recv::new(vec![0; 16])).unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"still here");

    let (ours, mut peer) = associated(&packets, 6);
    peer.shutdown(Shutdown::Write).unwrap();
    let _ = ours.recv(op::Recv::new(vec![0; 16])).unwrap();
    assert_eq!(expect!(Recv, packets.next()).result(), Ok(0));
    queued(ours.send(op::Send::new("answer")));
    assert_eq!(expect!(Send, packets.next()).result(), Ok(6));
    ours.shutdown(How::Send).unwrap();
    let mut got = String::new();
    peer.read_to_string(&mut got).unwrap();
    assert_eq!(got, "answer");
}

#[test]
fn a_receive_that_waits_survives_the_shutdown_of_its_half() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    ours.shutdown(How::Receive).unwrap();
    assert_eq!(refused(ours.recv(op::Recv::new(vec![0; 16]))).0, Status::PIPE_DISCONNECTED);
    peer.write_all(b"in time").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"in time");
}

#[test]
fn s342_a_stream_that_is_not_connected_neither_sends_nor_receives() {
    let address: Address = "127.0.0.1:1".parse::<SocketAddr>().unwrap().into();
    let socket = Socket::stream(&address).unwrap();
    let (status, send) = refused(socket.send(op::Send::new("to nobody")));
    assert_eq!((status, &send.into_buf()[..]), (Status::CONNECTION_INVALID, &b"to nobody"[..]));
    assert_eq!(refused(socket.recv(op::Recv::new(vec![0; 4]))).0, Status::CONNECTION_INVALID);
}

#[test]
fn s311_a_descriptor_that_was_made_blocking_again_blocks_nobody() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    ours.with_fd(|fd| socket2::SockRef::from(&fd).set_nonblocking(false)).unwrap().unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    pending(ours.send(op::Send::new(vec![0; BIG])));
    peer.write_all(b"on").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"on");
}

#[test]
fn s312_the_sockets_own_timeouts_do_not_end_operations() {
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    ours.with_fd(|fd| {
        let socket = socket2::SockRef::from(&fd);
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
    })
    .unwrap();
    pending(ours.recv(op::Recv::new(vec![0; 16])));
    pending(ours.send(op::Send::new(vec![0; BIG])));
    thread::sleep(Duration::from_millis(30));
    assert_eq!(ours.pending(), 2);
    packets.assert_none();
    peer.write_all(b"unhurried").unwrap();
    assert_eq!(expect!(Recv, packets.next()).data(), b"unhurried");
}

#[test]
fn s317_threads_that_send_on_one_socket_do_not_cut_each_others_sends() {
    const EACH: usize = 40;
    const SIZE: usize = 30_000;
    let packets = Packets::new();
    let (ours, mut peer) = associated(&packets, 5);
    thread::scope(|scope| {
        for byte in 1..=3u8 {
            let ours = &ours;
            scope.spawn(move || {
                for _ in 0..EACH {
                    let _ = ours.send(op::Send::new(vec![byte; SIZE])).unwrap();
                }
            });
        }
        let mut counts = [0; 4];
        let mut got = vec![0; SIZE];
        for _ in 0..3 * EACH {
            peer.read_exact(&mut got).unwrap();
            assert!(got.iter().all(|byte| *byte == got[0]), "one send after another, each in one piece");
            counts[usize::from(got[0])] += 1;
        }
        assert_eq!(counts, [0, EACH, EACH, EACH]);
    });
    for _ in 0..3 * EACH {
        assert!(matches!(packets.next().op, Op::Send(send) if send.result() == Ok(SIZE)));
    }
}
