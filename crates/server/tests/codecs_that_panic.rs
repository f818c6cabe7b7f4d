//! A codec that panics costs its session, which is told its end, and keeps no shutdown from ending.

mod common;

use std::io::Write;
use std::time::Duration;

use common::Kept;
use proactor_server::{Codec, Decoded, FrameError, Framing, Reason, Server};

struct Touchy;

impl Codec for Touchy {
    fn decode(&self, input: &[u8], _: usize, _: usize) -> Result<Decoded, FrameError> {
        assert_ne!(input[0], b'!', "a codec's panic, which is wanted here");
        Ok(Decoded::Message { start: 0, end: 1, used: 1 })
    }

    fn encode(&self, message: &[u8], _: usize, frame: &mut Vec<u8>) -> Result<(), FrameError> {
        frame.extend_from_slice(message);
        Ok(())
    }
}

#[test]
fn a_codec_that_panics_costs_its_session() {
    let kept = Kept::new(Server::builder(Framing::codec(Touchy)), |_, _| {});
    let mut stream = kept.connect();
    stream.write_all(b"a!").unwrap();
    assert_eq!(kept.only_reason(), Reason::Panicked);
    let (server, book) = (kept.server, kept.book);
    let counts = server.shutdown(Duration::from_secs(1));
    assert_eq!((counts.panics, counts.faults), (1, 1));
    assert_eq!(book.lock().unwrap().sessions.len(), 1);
}
