//! Operations on a handle whose port has no worker at the moment, or is closed.

use std::time::Duration;

use proactor::{Port, Socket, Status, op};

#[test]
fn s021_what_is_awaited_completes_although_no_worker_comes() {
    let port: Port = Port::new(1).unwrap();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&port, 7).unwrap();
    let recv = ours.begin(op::Recv::new(vec![0; 8])).unwrap();
    assert!(!recv.is_complete());
    theirs.begin(op::Send::new("hello")).unwrap().wait();
    assert_eq!(recv.wait().data(), b"hello");
    assert_eq!(port.get_timeout(Duration::ZERO).unwrap_err(), Status::TIMEOUT, "and queues no packet");
}

#[test]
fn an_operation_begun_before_the_association_needs_no_worker_either() {
    let port: Port = Port::new(1).unwrap();
    let (ours, theirs) = Socket::pair().unwrap();
    let recv = ours.begin(op::Recv::new(vec![0; 8])).unwrap();
    ours.associate(&port, 7).unwrap();
    theirs.begin(op::Send::new("hello")).unwrap().wait();
    assert_eq!(recv.wait().data(), b"hello");
}

#[test]
fn nothing_waits_for_a_port_that_is_closed() {
    let port: Port = Port::new(1).unwrap();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&port, 7).unwrap();
    port.close();
    let refused = ours.recv(op::Recv::new(vec![0; 8])).unwrap_err();
    assert_eq!((refused.status, refused.op.bufs()[0].len()), (Status::CANCELLED, 8));
    // The handle itself is as good as before.
    let recv = ours.begin(op::Recv::new(vec![0; 8])).unwrap();
    theirs.begin(op::Send::new("hello")).unwrap().wait();
    assert_eq!(recv.wait().data(), b"hello");
}
