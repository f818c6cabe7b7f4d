//! A key whose clone panics: it costs its packet, and nothing that stands behind it.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use common::eventually;
use proactor::{Port, Socket, op};

struct Key(Arc<AtomicBool>);

impl Clone for Key {
    fn clone(&self) -> Key {
        if self.0.swap(false, SeqCst) {
            // Without the message on the terminal that `panic!` would leave.
            std::panic::resume_unwind(Box::new("as expected"));
        }
        Key(self.0.clone())
    }
}

#[test]
fn what_stands_behind_a_lost_packet_goes_on() {
    let port: Port<Key> = Port::new(1).unwrap();
    let (ours, peer) = Socket::pair().unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    ours.associate(&port, Key(armed.clone())).unwrap();
    let first = ours.begin(op::Recv::new(vec![0; 1])).unwrap();
    ours.recv(op::Recv::new(vec![0; 1])).unwrap();
    let third = ours.begin(op::Recv::new(vec![0; 1])).unwrap();
    armed.store(true, SeqCst);
    assert_eq!(peer.begin(op::Send::new("xyz")).unwrap().wait().result(), Ok(3));
    assert_eq!(first.wait().data(), b"x");
    eventually("the third is complete", || third.is_complete());
    assert_eq!(third.wait().data(), b"z");
    eventually("nothing is left under way", || ours.pending() == 0);
    assert!(!armed.load(SeqCst), "the key was to be cloned");
}
