//! Large sends go out without a copy by themselves, and not again on a session where the kernel copies all the same.

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use common::{Book, Kept, Recorder, eventually};
use proactor::Socket;
use proactor_server::{Builder, Framing, Full, Limits, Server};

const LARGE: usize = 200_000;

fn builder(from: Option<usize>) -> Builder {
    Server::builder(Framing::raw())
        .zero_copy(from)
        .full(Full::Wait)
        .limits(Limits { message: 1 << 20, ..Limits::default() })
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at ^ (at >> 8)) as u8).collect()
}

/// Sends some large messages to a new session, one after the other; they all arrive as they were.
fn send_some(kept: &Kept, count: u64) {
    let mut peer = kept.connect();
    let session = kept.only_session();
    for number in 1..=count {
        session.send(&bytes(LARGE)).unwrap();
        let mut got = vec![0; LARGE];
        peer.read_exact(&mut got).unwrap();
        assert!(got == bytes(LARGE));
        eventually("it is known to be out", || session.queued() == (0, 0));
        session.send(b"small").unwrap();
        peer.read_exact(&mut got[..5]).unwrap();
        assert_eq!(&got[..5], b"small");
        eventually("it is out", || kept.server.sessions().counts().messages_out >= 2 * number);
    }
    drop(peer);
    eventually("it is over", || kept.server.sessions().counts().open == 0);
}

#[test]
fn only_large_sends_go_without_a_copy_and_none_after_one_was_copied() {
    let kept = Kept::new(builder(Some(100_000)), |_, _| {});
    send_some(&kept, 5);
    let counts = kept.server.sessions().counts();
    assert!((1..=5).contains(&counts.zero_copy), "{counts:?}");
    // The kernel copies on the loopback; where it does not, it is asked again.
    assert_eq!(counts.zero_copy_copied, u64::from(counts.zero_copy < 5), "{counts:?}");
    assert_eq!(counts.messages_lost, 0);
}

#[test]
fn switched_off_everything_is_copied_as_always() {
    let kept = Kept::new(builder(None), |_, _| {});
    send_some(&kept, 3);
    assert_eq!(kept.server.sessions().counts().zero_copy, 0);
}

#[test]
fn a_unix_socket_copies_and_is_asked_once() {
    let path = std::env::temp_dir().join(format!("proactor-zero-copy-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let book = Arc::<Mutex<Book>>::default();
    let handler = Recorder {
        book: book.clone(),
        act: |session: &proactor_server::Session, _: &[u8]| session.send(&bytes(LARGE)).unwrap(),
    };
    let server = builder(Some(100_000)).serve(Socket::listen_unix(&path).unwrap(), handler).unwrap();
    let mut peer = UnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    for _ in 0..3 {
        peer.write_all(b"more").unwrap();
        let mut got = vec![0; LARGE];
        peer.read_exact(&mut got).unwrap();
        assert!(got == bytes(LARGE));
        // So that the next finds the session told.
        eventually("it is out", || server.sessions().all().iter().all(|session| session.queued() == (0, 0)));
    }
    let counts = server.sessions().counts();
    assert_eq!((counts.zero_copy, counts.zero_copy_copied), (1, 1));
}
