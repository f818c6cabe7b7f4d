//! A handle with a port is watched for those who await an operation only while they do: that it comes and goes
//! is nobody's concern.

#[path = "common/bounded.rs"]
mod bounded;

use std::thread;

use bounded::outcome;
use proactor::{Port, Socket, op};

#[test]
fn awaited_operations_of_several_threads_on_an_associated_socket_are_none_refused() {
    let port: Port = Port::new(1).unwrap();
    let (ours, theirs) = Socket::pair().unwrap();
    ours.associate(&port, 1).unwrap();
    assert_eq!(outcome(theirs.begin(op::Send::new("stays there"))), Ok(11));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..20_000 {
                    // Is over at once, or as soon as that of another is.
                    assert_eq!(outcome(ours.begin(op::Recv::zero_byte())), Ok(0), "round {round}");
                }
            });
        }
    });
}
