//! What pending operations may hold is bounded: reaching it costs the one session, by name, and the server lives.

mod common;

use common::{Kept, eventually, say};
use proactor::Status;
use proactor_server::{Framing, Full, Limits, Reason, SendError, Server};

#[test]
fn a_send_beyond_the_locked_bytes_costs_its_session_and_what_is_released_serves_again() {
    let limits = Limits {
        locked_bytes: 256 << 10,
        message: 1 << 20,
        queue_bytes: 1 << 20,
        queue_messages: 100,
        ..Limits::default()
    };
    let builder = Server::builder(Framing::lines()).full(Full::DropMessage).zero_copy(None).limits(limits);
    let kept = Kept::new(builder, |session, message| {
        let _ = session.send(message);
    });
    let _greedy = kept.connect();
    let session = kept.only_session();
    // Nobody reads: once the kernel is full a send has to wait, and with it a megabyte.
    let ended = loop {
        if let Err(error) = session.send(&vec![b'x'; 1 << 20])
            && error != SendError::Full
        {
            break error;
        }
    };
    assert_eq!(ended, SendError::Closed);
    assert_eq!(kept.only_reason(), Reason::Failed(Status::NO_BUFS));
    for _ in 0..10 {
        assert_eq!(say(&kept.connect(), b"hello\n"), b"hello\n");
    }
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.shortages, counts.faults), (1, 0));
}

#[test]
fn sessions_beyond_the_blocks_end_by_name_and_the_others_go_on() {
    // Some are for accepts; each session that waits has one.
    let kept = Kept::new(
        Server::builder(Framing::lines()).limits(Limits { blocks: 40, ..Limits::default() }),
        |session, message| {
            let _ = session.send(message);
        },
    );
    let peers: Vec<_> = (0..60).map(|_| kept.connect()).collect();
    eventually("some are too many", || kept.server.sessions().counts().shortages > 0);
    eventually("all have come", || {
        let counts = kept.server.sessions().counts();
        counts.open as u64 + counts.shortages + counts.refused >= 60
    });
    let ended: Vec<_> = {
        let book = kept.book.lock().unwrap();
        book.sessions.values().flat_map(|entry| entry.closed.clone()).collect()
    };
    assert!(ended.iter().all(|reason| *reason == Reason::Failed(Status::NO_BUFS)), "{ended:?}");
    assert!(kept.server.sessions().counts().open >= 20);
    drop(peers);
    eventually("they are gone", || kept.server.sessions().counts().open == 0);
    assert_eq!(say(&kept.connect(), b"and now\n"), b"and now\n");
}
