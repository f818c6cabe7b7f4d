//! What pending operations may hold is bounded: reaching it costs the one session, by name, and the server lives.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::{Kept, eventually};
use proactor::Status;
use proactor_server::{Framing, Full, Limits, Reason, Server, Session};

const LARGE: usize = 1 << 20;

fn with_limits(limits: Limits) -> Kept {
    let builder = Server::builder(Framing::lines()).full(Full::DropMessage).zero_copy(None);
    Kept::new(builder.limits(limits), |session, message| {
        let _ = session.send(message);
    })
}

/// Whether something that is said comes back. The connection stays.
fn is_served(mut peer: &TcpStream) -> bool {
    let mut back = [0; 6];
    peer.write_all(b"hello\n").is_ok() && peer.read_exact(&mut back).is_ok() && back == *b"hello\n"
}

/// Sends more than the peers' kernel takes, for they do not read, until it holds what `until` asks for.
fn fill(sessions: &[Session], until: impl Fn() -> bool) {
    let line = vec![b'x'; LARGE];
    eventually("the peers' kernel is full", || {
        for session in sessions {
            let _ = session.send(&line);
        }
        until()
    });
}

#[test]
fn a_send_beyond_the_locked_bytes_costs_its_session_until_something_is_released() {
    // Room for one that waits, and small ones.
    let locked_bytes = LARGE + LARGE / 2;
    let kept = with_limits(Limits { locked_bytes, message: LARGE, ..Limits::default() });
    let open = || kept.server.sessions().counts().open;
    let greedy = [kept.connect(), kept.connect()];
    eventually("they are there", || open() == 2);
    let sessions = kept.server.sessions().all();
    fill(&sessions, || sessions.iter().any(|session| !session.is_open()));
    assert_eq!(kept.only_reason(), Reason::Failed(Status::NO_BUFS));
    eventually("the other one holds what it may", || kept.server.port().locked_bytes >= LARGE);
    let well_behaved = kept.connect();
    for _ in 0..100 {
        assert!(is_served(&well_behaved));
    }
    assert_eq!(open(), 2, "the other greedy one goes on");
    drop(greedy);
    eventually("what it held is released", || open() == 1 && kept.server.port().locked_bytes == 0);
    // As much may wait again.
    drop(well_behaved);
    eventually("it is gone", || open() == 0);
    let _next = kept.connect();
    let next = kept.only_session();
    fill(std::slice::from_ref(&next), || kept.server.port().locked_bytes >= LARGE);
    assert!(next.is_open());
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.shortages, counts.faults), (1, 0), "{counts:?}");
    assert!(kept.server.port().locked_peak <= locked_bytes);
}

#[test]
fn a_receive_beyond_the_blocks_costs_its_session_until_another_ends() {
    const BLOCKS: usize = 40;
    let kept = with_limits(Limits { blocks: BLOCKS, ..Limits::default() });
    let mut peers = Vec::new();
    // Some blocks are the accepts'.
    let refused = loop {
        let peer = kept.connect();
        if !is_served(&peer) {
            break peer;
        }
        peers.push(peer);
        assert!(peers.len() < BLOCKS, "each has a receive under way");
    };
    assert!(peers.len() >= BLOCKS / 2, "{} were served", peers.len());
    assert_eq!(kept.only_reason(), Reason::Failed(Status::NO_BUFS));
    drop(refused);
    assert!(peers.iter().all(is_served), "the others have theirs");
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.shortages, counts.faults, counts.open), (1, 0, peers.len()), "{counts:?}");
    assert!(kept.server.port().blocks <= BLOCKS && kept.server.port().refused > 0);
    peers.pop();
    eventually("it is gone", || kept.server.sessions().counts().open == peers.len());
    assert!(is_served(&kept.connect()), "there is room again");
}
