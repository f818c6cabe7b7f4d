//! Operations that their starter waits for: complete or not, waited for with and without a limit, cancelled.

mod common;

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use proactor::{File, Operation, Port, Socket, Status, op};

#[test]
fn s078_a_success_at_once_is_complete_when_the_start_returns() {
    let (ours, _peer) = tcp_pair();
    let send = ours.begin(op::Send::new("x")).unwrap();
    assert!(send.is_complete());
    assert_eq!(send.cancel(), Err(Status::NOT_FOUND));
    assert_eq!(send.wait().result(), Ok(1));
}

#[test]
fn s322_a_clone_starts_operations_and_gets_their_results() {
    let (ours, mut peer) = tcp_pair();
    let clone = ours.clone();
    let recv = clone.begin(op::Recv::new(vec![0; 8])).unwrap();
    drop(ours);
    peer.write_all(b"the same").unwrap();
    assert_eq!(recv.wait().data(), b"the same");
    assert_eq!(clone.begin(op::Send::new("once more")).unwrap().wait().result(), Ok(9));
}

#[test]
fn s029_it_is_complete_without_anyone_taking_packets() {
    let port: Port<usize> = Port::new(1).unwrap();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&port, 1).unwrap();
    let send = ours.begin(op::Send::new(vec![0; 1 << 20])).unwrap();
    assert!(!send.is_complete());
    drop(theirs);
    // Readiness of an associated handle is the port's to serve; the operation's end is not its packet.
    assert_eq!(port.get_timeout(Duration::from_millis(50)).map(|packet| packet.key), Err(Status::TIMEOUT));
    assert!(send.is_complete());
    assert_eq!(send.wait().status(), Status::CONNECTION_RESET);
}

#[test]
fn s079_completion_does_not_change_the_offset() {
    let path = std::env::temp_dir().join(format!("proactor-overlapped-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let write = file.begin(op::Write::new(5, "0123456789")).unwrap().wait();
    assert_eq!((write.offset(), write.result()), (5, Ok(10)));
    let read = file.begin(op::Read::new(8, vec![0; 4])).unwrap().wait();
    assert_eq!((read.offset(), read.data()), (8, &b"3456"[..]));
}

#[test]
fn s081_a_look_at_one_under_way_gives_it_back_as_it_is() {
    let (ours, mut peer) = tcp_pair();
    let recv = ours.begin(op::Recv::new(vec![0; 8])).unwrap();
    assert!(!recv.is_complete());
    let recv = recv.wait_timeout(Duration::ZERO).unwrap_err();
    assert_eq!(ours.pending(), 1, "looking has not ended it");
    peer.write_all(b"now").unwrap();
    assert_eq!(recv.wait_timeout(PATIENCE).unwrap().data(), b"now");
}

#[test]
fn s082_a_wait_lasts_until_it_is_complete() {
    let (ours, theirs) = Socket::pair().unwrap();
    let waiter = thread::spawn(move || ours.begin(op::Recv::new(vec![0; 8])).unwrap().wait());
    let _ = theirs.begin(op::Send::new("waited")).unwrap().wait();
    assert_eq!(waiter.join().unwrap().data(), b"waited");
}

#[test]
fn s084_the_count_is_valid_when_it_failed() {
    const BIG: usize = 8 << 20;
    let (ours, mut peer) = tcp_pair();
    ours.set_send_buffer(1).unwrap();
    let send = ours.begin(op::Send::new(vec![1; BIG])).unwrap();
    std::io::Read::read_exact(&mut peer, &mut [0; 5000]).unwrap();
    reset(peer);
    let send = send.wait();
    assert_eq!(send.result(), Err(Status::CONNECTION_RESET));
    assert!((5000..BIG).contains(&send.bytes()), "{} were moved", send.bytes());
}

#[test]
fn s088_a_limited_wait_ends_when_its_time_is_over_and_the_operation_goes_on() {
    let (ours, mut peer) = tcp_pair();
    let recv = ours.begin(op::Recv::new(vec![0; 8])).unwrap();
    let limit = Duration::from_millis(20);
    let before = Instant::now();
    let recv = recv.wait_timeout(limit).unwrap_err();
    assert!(before.elapsed() >= limit);
    peer.write_all(b"after").unwrap();
    assert_eq!(recv.wait().data(), b"after");
}

#[test]
fn s077_each_of_several_on_one_handle_has_an_end_of_its_own() {
    let (ours, mut peer) = tcp_pair();
    let first = ours.begin(op::Recv::new(vec![0; 2])).unwrap();
    let second = ours.begin(op::Recv::new(vec![0; 2])).unwrap();
    assert_ne!(first.id(), second.id());
    peer.write_all(b"ab").unwrap();
    assert_eq!(first.wait().data(), b"ab");
    assert!(!second.is_complete());
    peer.write_all(b"cd").unwrap();
    assert_eq!(second.wait().data(), b"cd");
}

#[test]
fn s091_an_operation_keeps_its_memory_until_it_is_given_back() {
    let (ours, mut peer) = tcp_pair();
    let memory = vec![0; 64];
    let address = memory.as_ptr();
    let recv = ours.begin(op::Recv::new(memory)).unwrap();
    peer.write_all(b"same memory").unwrap();
    let memory = recv.wait().into_buf();
    assert_eq!((memory.as_ptr(), &memory[..11]), (address, &b"same memory"[..]));
}

#[test]
fn one_that_is_dropped_is_cancelled_and_takes_no_data_with_it() {
    let (ours, mut peer) = tcp_pair();
    drop(ours.begin(op::Recv::new(vec![0; 8])).unwrap());
    eventually("nothing is under way", || ours.pending() == 0);
    peer.write_all(b"kept").unwrap();
    assert_eq!(ours.begin(op::Recv::new(vec![0; 8])).unwrap().wait().data(), b"kept");
}

#[test]
fn one_that_is_refused_comes_back() {
    let (ours, _peer) = tcp_pair();
    ours.close().unwrap();
    let refused = ours.begin(op::Send::new("too late").with_tag(6)).unwrap_err();
    assert_eq!((refused.status, refused.op.tag()), (Status::INVALID_HANDLE, 6));
    assert_eq!(refused.op.id(), Operation::id(&op::Flush::new()), "it never got a name");
    assert_eq!(&refused.op.into_buf()[..], b"too late");
}
