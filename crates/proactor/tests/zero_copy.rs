//! Sends without a copy: complete when the kernel has let go of the memory, and not before (S331).

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::*;
use proactor::{Buf, Modes, Op, Port, Socket, Status, op, snapshot};

const KEY: usize = 12;

/// More than the peer takes unread, and less than the kernel keeps for it.
const LEN: usize = 1 << 20;

/// A connection of ours that keeps more than the peer takes while it does not read.
fn connection(packets: &Packets) -> (Socket, TcpStream) {
    let (ours, peer) = tcp_pair();
    ours.set_send_buffer(8 * LEN).unwrap();
    socket2::SockRef::from(&peer).set_recv_buffer_size(160 * 1024).unwrap();
    ours.associate(&packets.port, KEY).unwrap();
    (ours, peer)
}

/// Memory of which anybody can tell whether an operation still has it.
fn shared(seed: u64, len: usize) -> Arc<[u8]> {
    pattern(seed, len).into()
}

fn is_kept(memory: &Arc<[u8]>) -> bool {
    Arc::strong_count(memory) > 1
}

fn read(peer: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    peer.read_exact(&mut bytes).unwrap();
    bytes
}

fn zero_copy(memory: &Arc<[u8]>) -> op::Send {
    op::Send::new(Buf::from(memory.clone())).zero_copy()
}

#[test]
fn s331_a_send_is_complete_when_the_peer_has_it_and_not_before() {
    let packets = Packets::new();
    let (ours, mut peer) = connection(&packets);
    let memory = shared(1, LEN);
    pending(ours.send(zero_copy(&memory)));
    packets.assert_none();
    let half = read(&mut peer, LEN / 4);
    packets.assert_none();
    assert!(is_kept(&memory), "the kernel still sends from it");
    let rest = read(&mut peer, LEN - LEN / 4);
    let send = expect!(Send, packets.next());
    assert_eq!(send.result(), Ok(LEN));
    assert!([half, rest].concat() == memory[..]);
    drop(send);
    assert!(!is_kept(&memory));
}

#[test]
fn several_are_in_flight_and_complete_in_order_with_whatever_is_sent_after_them() {
    let packets = Packets::new();
    let (ours, mut peer) = connection(&packets);
    let memories: Vec<_> = (0..6).map(|n| shared(n, 200_000 + n as usize)).collect();
    for (tag, memory) in memories.iter().enumerate() {
        let send = op::Send::new(Buf::from(memory.clone())).with_tag(tag);
        // Every other is copied, which the kernel takes at once.
        pending(ours.send(if tag % 2 == 0 { send.zero_copy() } else { send }));
    }
    packets.assert_none();
    assert!(read(&mut peer, memories.iter().map(|memory| memory.len()).sum()) == memories.concat());
    for (tag, memory) in memories.iter().enumerate() {
        let send = expect!(Send, packets.next());
        assert_eq!((send.tag(), send.result()), (tag, Ok(memory.len())));
        assert_eq!(send.was_copied(), tag % 2 == 0, "the loopback copies, and says so");
    }
}

#[test]
fn a_cancel_gives_nothing_back_that_the_kernel_still_sends_from() {
    let packets = Packets::new();
    let (ours, mut peer) = connection(&packets);
    let memory = shared(2, LEN);
    let id = pending(ours.send(zero_copy(&memory)));
    ours.cancel(id).unwrap();
    ours.cancel_all().unwrap();
    packets.assert_none();
    assert!(is_kept(&memory));
    assert!(read(&mut peer, LEN) == memory[..]);
    assert_eq!(expect!(Send, packets.next()).result(), Ok(LEN), "it was too late");
    assert_eq!(ours.cancel(id), Err(Status::NOT_FOUND));
}

#[test]
fn one_that_is_cancelled_half_way_is_held_for_the_half_that_is_out() {
    let packets = Packets::new();
    let (ours, mut peer) = tcp_pair();
    ours.associate(&packets.port, KEY).unwrap();
    ours.set_send_buffer(100_000).unwrap();
    // Much more than the kernel takes.
    let memory = shared(3, 32 << 20);
    let next = shared(4, 1000);
    let id = pending(ours.send(zero_copy(&memory)));
    pending(ours.send(zero_copy(&next)));
    ours.cancel(id).unwrap();
    packets.assert_none();
    assert!(is_kept(&memory) && is_kept(&next));
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        all
    });
    let cut = expect!(Send, packets.next());
    assert_eq!(cut.status(), Status::CANCELLED);
    let sent = cut.bytes();
    assert!((1..memory.len()).contains(&sent));
    drop(cut);
    assert!(!is_kept(&memory));
    let second = expect!(Send, packets.next());
    assert_eq!(second.result(), Ok(1000));
    ours.close().unwrap();
    assert!(reader.join().unwrap() == [&memory[..sent], &next].concat());
}

#[test]
fn a_close_lets_what_was_taken_arrive_and_gives_it_back_then() {
    let packets = Packets::new();
    let (ours, mut peer) = connection(&packets);
    let memory = shared(5, LEN);
    pending(ours.send(zero_copy(&memory)));
    ours.close().unwrap();
    packets.assert_none();
    assert!(is_kept(&memory));
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    assert!(all == memory[..]);
    let packet = packets.next();
    assert_eq!(packet.key, KEY, "it keeps its key");
    let send = expect!(Send, packet);
    assert_eq!(send.result(), Ok(LEN));
    drop(send);
    assert!(!is_kept(&memory));
}

#[test]
fn a_close_resets_a_peer_that_takes_nothing_and_only_then_gives_back() {
    let packets = Packets::new();
    let (ours, mut peer) = connection(&packets);
    let memory = shared(6, LEN);
    pending(ours.send(zero_copy(&memory)));
    let began = std::time::Instant::now();
    ours.close().unwrap();
    let send = expect!(Send, packets.next());
    assert_eq!(send.status(), Status::CONNECTION_ABORTED);
    assert!(began.elapsed() >= Duration::from_millis(1900), "it was given some time");
    drop(send);
    assert!(!is_kept(&memory));
    let mut all = Vec::new();
    let end = peer.read_to_end(&mut all).unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(memory.starts_with(&all) && all.len() < LEN);
}

#[test]
fn a_close_without_linger_resets_at_once() {
    let packets = Packets::new();
    let (ours, _peer) = connection(&packets);
    ours.set_linger(Some(Duration::ZERO)).unwrap();
    let memory = shared(7, LEN);
    pending(ours.send(zero_copy(&memory)));
    ours.close().unwrap();
    let send = expect!(Send, packets.next());
    assert_eq!(send.status(), Status::CONNECTION_ABORTED);
}

#[test]
fn a_peer_that_resets_ends_them_all_and_the_receives() {
    for receives in [true, false] {
        let packets = Packets::new();
        let (ours, mut peer) = connection(&packets);
        let memories: Vec<_> = (0..3).map(|n| shared(n, LEN / 4)).collect();
        for memory in &memories {
            pending(ours.send(zero_copy(memory)));
        }
        if receives {
            pending(ours.recv(op::Recv::new(vec![0; 10])));
        }
        read(&mut peer, 1000);
        reset(peer);
        let mut sends = 0;
        for _ in 0..3 + usize::from(receives) {
            let packet = packets.next();
            assert_eq!(packet.status(), Status::CONNECTION_RESET);
            sends += usize::from(matches!(packet.op, Op::Send(_)));
        }
        assert_eq!(sends, 3);
        for memory in &memories {
            assert!(!is_kept(memory));
        }
        assert_eq!(refused(ours.recv(op::Recv::new(vec![0; 10]))).0, Status::CONNECTION_RESET);
        assert_eq!(refused(ours.send(zero_copy(&memories[0]))).0, Status::CONNECTION_RESET);
        packets.assert_none();
    }
}

#[test]
fn the_kernels_word_is_no_error_to_receives() {
    let packets = Packets::new();
    let (ours, mut peer) = connection(&packets);
    for round in 0..50 {
        pending(ours.recv(op::Recv::new(vec![0; 8])));
        let memory = shared(round, 30_000);
        let _ = ours.send(zero_copy(&memory)).unwrap();
        assert!(read(&mut peer, memory.len()) == memory[..]);
        assert_eq!(expect!(Send, packets.next()).result(), Ok(memory.len()));
        assert_eq!(ours.pending(), 1, "the receive waits on");
        peer.write_all(&round.to_le_bytes()).unwrap();
        assert_eq!(expect!(Recv, packets.next()).data(), round.to_le_bytes());
    }
    pending(ours.recv(op::Recv::new(vec![0; 8])));
    drop(peer);
    assert_eq!(expect!(Recv, packets.next()).result(), Ok(0));
}

#[test]
fn memory_that_is_used_again_as_soon_as_it_comes_back_never_reaches_the_peer_changed() {
    const TOTAL: usize = 24 << 20;
    let packets = Packets::new();
    let (ours, mut peer) = connection(&packets);
    let reader = std::thread::spawn(move || {
        let mut part = vec![0; 64 * 1024];
        let mut seen: usize = 0;
        loop {
            let count = peer.read(&mut part).unwrap();
            if count == 0 {
                return seen;
            }
            for (place, byte) in part[..count].iter().enumerate() {
                assert_eq!(*byte, ((seen + place) / 1009) as u8, "at {}", seen + place);
            }
            seen += count;
        }
    });
    let mut sent = 0;
    let mut fill = |mut buf: Buf| {
        buf.reset();
        for (place, byte) in buf.as_mut().unwrap().iter_mut().enumerate() {
            *byte = ((sent + place) / 1009) as u8;
        }
        sent += buf.len();
        buf
    };
    for n in 0..8 {
        let _ = ours.send(op::Send::new(fill(Buf::new(150_000 + 333 * n))).zero_copy()).unwrap();
    }
    let mut done = 0;
    while done < TOTAL {
        let send = expect!(Send, packets.next());
        done += send.result().unwrap();
        let _ = ours.send(op::Send::new(fill(send.into_buf())).zero_copy()).unwrap();
    }
    for _ in 0..8 {
        done += expect!(Send, packets.next()).result().unwrap();
    }
    ours.close().unwrap();
    assert_eq!(reader.join().unwrap(), done);
}

#[test]
fn sockets_that_can_not_copy_and_say_so() {
    let (ours, theirs) = Socket::pair().unwrap();
    let send = ours.begin(op::Send::new("plain").zero_copy()).unwrap().wait();
    assert_eq!((send.result(), send.was_copied()), (Ok(5), true));
    let (one, _other) = Socket::datagram_pair().unwrap();
    let send = one.begin(op::Send::new("plain").zero_copy()).unwrap().wait();
    assert_eq!((send.result(), send.was_copied()), (Ok(5), true));
    // The next use of the same block is a send of its own.
    let again = ours.begin(send.into_recv().into_send()).unwrap().wait();
    assert!(!again.was_copied());
    drop(theirs);
}

#[test]
fn one_without_a_port_is_waited_for() {
    let (ours, mut peer) = tcp_pair();
    ours.set_send_buffer(8 * LEN).unwrap();
    socket2::SockRef::from(&peer).set_recv_buffer_size(160 * 1024).unwrap();
    let memory = shared(8, LEN);
    let send = ours.begin(zero_copy(&memory)).unwrap();
    let reader = std::thread::spawn(move || read(&mut peer, LEN));
    assert_eq!(send.wait().result(), Ok(LEN));
    assert!(reader.join().unwrap() == memory[..]);
}

#[test]
fn a_port_that_is_closed_gives_nothing_back_too_soon() {
    let port: Port<usize> = Port::new(1).unwrap();
    let (ours, mut peer) = tcp_pair();
    ours.set_send_buffer(8 * LEN).unwrap();
    socket2::SockRef::from(&peer).set_recv_buffer_size(160 * 1024).unwrap();
    ours.associate(&port, KEY).unwrap();
    let memory = shared(9, LEN);
    pending(ours.send(zero_copy(&memory)));
    port.close();
    assert!(is_kept(&memory));
    assert!(read(&mut peer, LEN) == memory[..]);
    eventually("it is given back", || !is_kept(&memory));
    // Nobody will ever take a packet here, but the memory is safe all the same.
    let late = shared(10, LEN);
    let _ = ours.send(zero_copy(&late));
    read(&mut peer, if is_kept(&late) { LEN } else { 0 });
    eventually("it is given back", || !is_kept(&late));
}

#[test]
fn a_success_that_is_skipped_is_still_told_when_the_peer_has_it() {
    let packets = Packets::new();
    let (ours, mut peer) = connection(&packets);
    ours.set_modes(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS).unwrap();
    let memory = shared(11, LEN);
    pending(ours.send(zero_copy(&memory)));
    read(&mut peer, LEN);
    assert_eq!(expect!(Send, packets.next()).result(), Ok(LEN));
}

#[test]
fn a_disconnect_for_reuse_waits_until_nothing_is_needed_of_the_old_connection() {
    let packets = Packets::new();
    let (ours, mut peer) = connection(&packets);
    let memory = shared(12, LEN);
    pending(ours.send(zero_copy(&memory)));
    pending(ours.disconnect(op::Disconnect::new().reuse()));
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    packets.assert_none();
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    assert!(all == memory[..]);
    assert_eq!(expect!(Send, packets.next()).result(), Ok(LEN));
    assert_eq!(expect!(Disconnect, packets.next()).status(), Status::SUCCESS);
}

#[test]
fn a_socket_that_is_always_copied_is_asked_no_more_and_the_counts_say_so() {
    in_own_process("a_socket_that_is_always_copied_is_asked_no_more_and_the_counts_say_so", || {
        let (ours, mut peer) = tcp_pair();
        let mut each = Vec::new();
        for _ in 0..20 {
            let before = snapshot().zero_copy;
            let send = ours.begin(op::Send::new(vec![1; 20_000]).zero_copy()).unwrap();
            read(&mut peer, 20_000);
            assert!(send.wait().was_copied(), "by the loopback, or by us");
            let after = snapshot().zero_copy;
            assert_eq!(after.sends, before.sends + 1);
            each.push((after.copied - before.copied, after.fallen_back - before.fallen_back));
        }
        let first_few = each.iter().take_while(|counts| **counts == (1, 0)).count();
        assert!((1..15).contains(&first_few), "{each:?}");
        assert!(each[first_few..].iter().all(|counts| *counts == (0, 1)), "{each:?}");
    });
}

#[test]
fn what_the_kernel_may_not_pin_is_copied() {
    in_own_process("what_the_kernel_may_not_pin_is_copied", || {
        use rustix::process::{Resource, Rlimit, setrlimit};
        use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
        let mut sets = capabilities(None).unwrap();
        sets.effective -= CapabilitySet::IPC_LOCK;
        set_capabilities(None, sets).unwrap();
        setrlimit(Resource::Memlock, Rlimit { current: Some(0), maximum: Some(0) }).unwrap();
        let (ours, mut peer) = tcp_pair();
        let memory = shared(13, 30_000);
        let send = ours.begin(zero_copy(&memory)).unwrap();
        assert!(read(&mut peer, memory.len()) == memory[..]);
        let send = send.wait();
        assert_eq!((send.result(), send.was_copied()), (Ok(memory.len()), true));
        assert_eq!(snapshot().zero_copy.fallen_back, 1);
    });
}

/// A cancelled accept takes its connection away from the socket that was brought, whatever was sent on it meanwhile.
#[test]
fn what_is_sent_while_an_accept_waits_for_first_data_ends_when_it_is_cancelled() {
    const SENDS: usize = 64;
    let packets = Packets::new();
    let listener = Socket::listen("127.0.0.1:0").unwrap();
    let brought = Socket::stream(&listener.local_addr().unwrap()).unwrap();
    brought.associate(&packets.port, KEY).unwrap();
    let accept = listener.begin(op::Accept::receive_first(vec![0; 8]).into_socket(&brought)).unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap().ip().unwrap()).unwrap();
    eventually("the accept has its connection", || brought.peer_addr().is_ok());
    let memory = shared(5, LEN / 4);
    for _ in 0..SENDS {
        brought.send(zero_copy(&memory)).unwrap();
    }
    accept.cancel().unwrap();
    assert_eq!(accept.wait().status(), Status::CANCELLED);
    // Some are gone out, others meet a socket without a connection; each comes back.
    for _ in 0..SENDS {
        let _ = expect!(Send, packets.next());
    }
    assert_eq!(brought.pending(), 0);
    assert!(!is_kept(&memory));
    drop(peer);
}
