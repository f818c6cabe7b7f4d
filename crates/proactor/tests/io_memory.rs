//! What an idle socket costs in this process's memory. Alone in its program, so that nobody else's is counted.

mod common;

use std::os::fd::OwnedFd;

use proactor::{BufPool, Port, Socket, op};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const SOCKETS: usize = 4000;
/// What is made once is not a socket's.
const WARM_UP: usize = 1000;

/// The handle, its place in the port's table, and what the allocator needs beside them. An operation that waits for
/// data without a buffer adds nothing to that.
const MOST: usize = 265;

/// Bytes of this process that are in memory and its own.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux 4.5 has it");
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Memory for each of many sockets with a receive under way.
fn each(recv: impl Fn() -> op::Recv) -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let port: Port<u64> = Port::new(1).unwrap();
    let mut held: Vec<(OwnedFd, Socket)> = Vec::with_capacity(SOCKETS + WARM_UP);
    let mut make = |count: usize| {
        for key in 0..count {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
            let ours = Socket::from_fd(ours).unwrap();
            ours.associate(&port, key as u64).unwrap();
            assert!(!ours.recv(recv()).unwrap().at_once());
            held.push((theirs, ours));
        }
    };
    make(WARM_UP);
    let before = resident();
    make(SOCKETS);
    // But for this list of them.
    (resident() - before) / SOCKETS - size_of::<(OwnedFd, Socket)>()
}

#[test]
fn a_socket_that_waits_without_a_buffer_costs_little_more_than_its_handle() {
    common::in_own_process("a_socket_that_waits_without_a_buffer_costs_little_more_than_its_handle", || {
        let bytes = each(op::Recv::zero_byte);
        println!("an idle socket with a zero-byte receive: {bytes} bytes");
        assert!(bytes <= MOST, "{bytes} bytes");
    });
}

#[test]
fn a_socket_that_waits_for_a_pooled_buffer_costs_no_more() {
    common::in_own_process("a_socket_that_waits_for_a_pooled_buffer_costs_no_more", || {
        let pool = BufPool::new(4096, 1);
        let bytes = each(|| op::Recv::pooled(&pool));
        println!("an idle socket with a pooled receive: {bytes} bytes");
        assert!(bytes <= MOST, "{bytes} bytes");
    });
}
