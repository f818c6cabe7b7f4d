//! Files in the send queue: in order with messages, bounded, and no slower than a slow reader may be.

mod common;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use common::{Kept, eventually, read_all};
use proactor::{File, Status};
use proactor_server::{
    FrameError, Framing, Full, Layer, Limits, Reason, SendError, Server, Timeout, Timeouts,
};

/// A file of so many bytes, which goes with the test.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Temporary {
        let path = std::env::temp_dir().join(format!("proactor-files-{name}-{}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Temporary(path)
    }

    fn open(&self) -> File {
        File::open(&self.0).unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

#[test]
fn a_file_goes_out_in_order_with_messages_and_its_offset_holds() {
    let content = bytes(3_000_000);
    let path = Temporary::new("order", &content);
    let file = path.open();
    let kept = Kept::new(Server::builder(Framing::lines()), move |session, line| {
        session.send(b"before").unwrap();
        session.send_file(b"head:", &file, 1000, 2_500_000).unwrap();
        session.send_file(b"", &file, 0, 1).unwrap();
        session.send_file(b"only a head", &file, 0, 0).unwrap();
        session.send(line).unwrap();
        session.close();
    });
    let mut peer = kept.connect();
    peer.write_all(b"after\n").unwrap();
    let all = read_all(&peer);
    let expected =
        [b"before\nhead:", &content[1000..2_501_000], &content[..1], b"only a head", b"after\n"].concat();
    assert!(all == expected, "{} bytes of {}", all.len(), expected.len());
    drop(peer);
    assert_eq!(kept.only_reason(), Reason::Closed);
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.messages_out, counts.bytes_out as usize), (5, expected.len()));
}

#[test]
fn a_file_is_one_message_in_the_queue_and_its_bytes_are_no_memory() {
    let path = Temporary::new("queue", &bytes(20_000_000));
    let file = path.open();
    let limits = Limits { queue_messages: 3, queue_bytes: 1000, ..Limits::default() };
    let kept = Kept::new(Server::builder(Framing::raw()).full(Full::DropMessage).limits(limits), |_, _| {});
    let mut peer = kept.connect();
    let session = kept.only_session();
    for _ in 0..3 {
        session.send_file(&[b'h'; 100], &file, 0, 20_000_000).unwrap();
    }
    assert_eq!(session.send_file(b"", &file, 0, 1), Err(SendError::Full));
    assert_eq!(session.send(b"x"), Err(SendError::Full));
    let (messages, bytes) = session.queued();
    assert!(messages == 3 && bytes <= 300, "{messages} messages, {bytes} bytes");
    session.close();
    assert_eq!(std::io::copy(&mut peer, &mut std::io::sink()).unwrap(), 60_000_300);
}

#[test]
fn a_file_that_is_too_short_costs_its_session_by_name() {
    let path = Temporary::new("short", b"short");
    let file = path.open();
    let kept = Kept::new(Server::builder(Framing::raw()), move |session, _| {
        session.send_file(b"", &file, 2, 100).unwrap();
    });
    let mut peer = kept.connect();
    peer.write_all(b"go").unwrap();
    let mut got = Vec::new();
    assert!(peer.read_to_end(&mut got).is_err(), "what is missing looks like an end");
    assert_eq!(kept.only_reason(), Reason::Failed(Status::END_OF_FILE));
}

#[test]
fn who_reads_no_file_is_dropped_when_a_segments_time_is_over_and_who_does_slowly_is_not() {
    let path = Temporary::new("slow", &bytes(30_000_000));
    let file = path.open();
    let time = Duration::from_millis(100);
    let times = Timeouts { slow_reader: Some(time), ..Timeouts::default() };
    let kept = Kept::new(Server::builder(Framing::raw()).timeouts(times), move |session, _| {
        session.send_file(b"", &file, 0, 30_000_000).unwrap();
        session.close();
    });
    let (mut never, mut slow) = (kept.connect(), kept.connect());
    never.write_all(b"go").unwrap();
    slow.write_all(b"go").unwrap();
    let mut got = 0;
    // All of it takes longer than a segment may.
    while got < 30_000_000 {
        got += slow.read(&mut vec![0; 1 << 20]).unwrap();
        if got < 20_000_000 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    drop(slow);
    let mut reasons = kept.reasons(2);
    reasons.sort_by_key(|reason| reason.is_ordinary());
    assert_eq!(reasons, [Reason::Timeout(Timeout::SlowReader), Reason::Closed]);
}

/// Changes nothing, but would have to see it.
struct Through;

impl Layer for Through {
    fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), FrameError> {
        plain.extend_from_slice(bytes);
        Ok(())
    }
    fn seal(&mut self, frame: &[u8], wire: &mut Vec<u8>) -> Result<(), FrameError> {
        wire.extend_from_slice(frame);
        Ok(())
    }
}

#[test]
fn a_file_does_not_go_around_a_layer() {
    let path = Temporary::new("layer", b"bytes");
    let file = path.open();
    let kept = Kept::new(Server::builder(Framing::raw().over(|| Ok(Box::new(Through)))), |_, _| {});
    let _peer = kept.connect();
    let session = kept.only_session();
    assert_eq!(session.send_file(b"", &file, 0, 5), Err(SendError::Unsuited));
    session.close();
    assert_eq!(session.send_file(b"", &file, 0, 5), Err(SendError::Unsuited));
    eventually("it is closing", || !session.is_open());
}

#[test]
fn files_queued_when_a_session_breaks_are_lost_and_counted() {
    let path = Temporary::new("lost", &bytes(20_000_000));
    let file = path.open();
    let kept = Kept::new(Server::builder(Framing::raw()), |_, _| {});
    let _peer = kept.connect();
    let session = kept.only_session();
    for _ in 0..3 {
        session.send_file(b"", &file, 0, 20_000_000).unwrap();
    }
    session.abort();
    assert_eq!(kept.only_reason(), Reason::Aborted);
    assert_eq!(kept.server.sessions().counts().messages_lost, 3);
    assert_eq!(session.send_file(b"", &file, 0, 5), Err(SendError::Closed));
}
