//! Operations that must end: waiting for one gives up after a while and says so, instead of keeping the program.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::time::Duration;

use proactor::{Operation, Overlapped, Refused, Socket, Status, op};

/// How long what must end by itself may take: far more than it needs, far less than the kernel's own patience.
pub const SOON: Duration = Duration::from_secs(5);

/// Waits for the end of an operation.
#[track_caller]
pub fn soon<O: Operation>(overlapped: Overlapped<O>) -> O {
    match overlapped.wait_timeout(SOON) {
        Ok(op) => op,
        Err(overlapped) => panic!("still under way: {overlapped:?}"),
    }
}

/// How an operation ended, also one that was refused.
#[track_caller]
pub fn outcome<O: Operation>(start: Result<Overlapped<O>, Refused<O>>) -> Result<usize, Status> {
    match start {
        Ok(overlapped) => soon(overlapped).result(),
        Err(refused) => Err(refused.status),
    }
}

/// Returns when everything that happened to handles without a port before this call is dealt with: the kernel
/// tells of it in order, and one thread is told.
pub fn let_the_service_catch_up() {
    let (one, other) = Socket::pair().unwrap();
    let recv = one.begin(op::Recv::new(vec![0; 1])).unwrap();
    assert_eq!(outcome(other.begin(op::Send::new("x"))), Ok(1));
    assert_eq!(soon(recv).bytes(), 1);
}
