//! The process's limit of operations. Each test in a process of its own.

mod common;

use common::{in_own_process, pending, queued, refused, tcp_pair};
use proactor::budget::{self, Budget, usage};
use proactor::{Op, Port, Status, op};

fn limit(blocks: usize) {
    budget::set(Budget { blocks, ..Budget::default() }).unwrap();
}

#[test]
fn s333_an_operation_beyond_the_blocks_is_wsaenobufs_and_starts_once_there_is_one() {
    in_own_process("s333_an_operation_beyond_the_blocks_is_wsaenobufs_and_starts_once_there_is_one", || {
        limit(3);
        let port: Port = Port::new(1).unwrap();
        let (socket, _peer) = tcp_pair();
        socket.associate(&port, 1).unwrap();
        let ids: Vec<_> = (0..3).map(|_| pending(socket.recv(op::Recv::new(vec![0; 64])))).collect();
        assert_eq!((usage().blocks, usage().limits.blocks), (3, 3));
        let (status, send) = refused(socket.send(op::Send::new("later").with_tag(7)));
        assert_eq!((status, status.to_winsock()), (Status::NO_BUFS, 10055));
        assert_eq!((send.tag(), &send.bufs()[0][..], send.status()), (7, &b"later"[..], Status::NO_BUFS));
        assert_eq!((usage().blocks, usage().refused, port.snapshot().blocks), (3, 1, 3));
        socket.cancel(ids[1]).unwrap();
        let packet = port.get().unwrap().unwrap();
        assert_eq!(packet.status(), Status::CANCELLED);
        // The operation is still there until its owner drops it.
        let (_, send) = refused(socket.send(send));
        drop(packet);
        queued(socket.send(send));
        assert!(matches!(port.get().unwrap().unwrap().op, Op::Send(_)));
        socket.close().unwrap();
        (0..2).for_each(|_| drop(port.get().unwrap()));
        assert_eq!(usage().blocks, 0);
    });
}

#[test]
fn the_defaults_are_shares_of_memory_and_wrong_limits_are_invalid() {
    in_own_process("the_defaults_are_shares_of_memory_and_wrong_limits_are_invalid", || {
        let (machine, group) = budget::memory();
        let usable = group.map_or(machine, |group| group.min(machine)) as usize;
        let limits = usage().limits;
        assert_eq!(limits, Budget::default());
        assert_eq!(limits.locked_bytes, usable / 4 / 4096 * 4096);
        assert!(limits.blocks >= 4096 && limits.blocks * 192 <= (usable / 64).max(4096 * 192));
        assert_eq!(budget::set(Budget { blocks: 0, ..limits }), Err(Status::INVALID_PARAMETER));
        assert_eq!(budget::set(Budget { locked_bytes: 4095, ..limits }), Err(Status::INVALID_PARAMETER));
        assert_eq!(usage().limits, limits, "what is refused changes nothing");
    });
}
