//! Layers below the framing: their own words and the messages go out in one order, and their faults cost one session.

mod common;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use common::{Kept, eventually, read_all};
use proactor_server::{FrameError, Framing, Full, Layer, Limits, Reason, SendError, Server, Timeouts};

/// What one end says first, and last.
const HELLO: u8 = 0xC0;
const BYE: u8 = 0xC1;

/// Says hello, answers a hello by the mask to use, masks everything with a byte that grows with every byte, and says
/// bye. Both directions have a count of their own, so that a byte out of order shows.
#[derive(Default)]
struct Masked {
    greeted: bool,
    came: u8,
    went: u8,
    ended: bool,
}

impl Masked {
    fn mask(count: &mut u8, byte: u8) -> u8 {
        *count = (*count + 1) % 64;
        byte ^ *count
    }
}

impl Layer for Masked {
    fn begin(&mut self, wire: &mut Vec<u8>) -> Result<(), FrameError> {
        wire.push(HELLO);
        Ok(())
    }

    fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), FrameError> {
        for &byte in bytes {
            match byte {
                HELLO if !self.greeted => {
                    self.greeted = true;
                    wire.push(HELLO + 2);
                }
                BYE => self.ended = true,
                0xFF => return Err(FrameError::Malformed("no such byte")),
                0xFE => std::panic::resume_unwind(Box::new(())),
                byte => plain.push(Masked::mask(&mut self.came, byte)),
            }
        }
        Ok(())
    }

    fn seal(&mut self, frame: &[u8], wire: &mut Vec<u8>) -> Result<(), FrameError> {
        if frame.starts_with(b"secret") {
            return Err(FrameError::Malformed("that is not said"));
        }
        wire.extend(frame.iter().map(|byte| Masked::mask(&mut self.went, *byte)));
        Ok(())
    }

    fn end(&mut self, wire: &mut Vec<u8>) {
        wire.push(BYE);
    }

    fn has_ended(&self) -> bool {
        self.ended
    }
}

fn masked() -> Framing {
    Framing::lines().over(|| Ok(Box::<Masked>::default()))
}

/// The other end's masking of a stream.
fn mask(bytes: &[u8]) -> Vec<u8> {
    let mut count = 0;
    bytes.iter().map(|byte| Masked::mask(&mut count, *byte)).collect()
}

/// What a peer is said to have heard: the greeting, its answer, the stream, and the end.
fn heard(stream: &[u8]) -> Vec<u8> {
    [&[HELLO, HELLO + 2], &mask(stream)[..], &[BYE]].concat()
}

#[test]
fn messages_go_through_a_layer_both_ways_also_byte_by_byte() {
    let kept = Kept::echo(masked());
    let lines =
        b"one\ntwo\n\nand a longer one, of more than sixty-four bytes, so that the mask begins again\n";
    let said = [&[HELLO], &mask(lines)[..], &[BYE]].concat();
    for piece in [said.len(), 1] {
        let mut peer = kept.connect();
        for bytes in said.chunks(piece) {
            peer.write_all(bytes).unwrap();
        }
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&peer), heard(lines));
    }
    assert_eq!(kept.reasons(2), [Reason::PeerEnded; 2]);
    let counts = kept.server.sessions().counts();
    assert_eq!((counts.messages_in, counts.messages_out), (8, 8), "a layer's own words are no messages");
}

#[test]
fn what_many_threads_send_at_once_goes_out_in_the_order_it_was_sealed() {
    let builder =
        Server::builder(masked()).full(Full::Wait).limits(Limits { queue_messages: 4, ..Limits::default() });
    let kept = Kept::new(builder, |_, _| {});
    let peer = kept.connect();
    (&peer).write_all(&[HELLO]).unwrap();
    // With its answer the layer has spoken before the others do.
    (&peer).read_exact(&mut [0; 2]).unwrap();
    let session = kept.only_session();
    let senders: Vec<_> = (0..4u8)
        .map(|number| {
            let session = session.clone();
            thread::spawn(move || (0..500).for_each(|_| session.send(&[b'a' + number; 20]).unwrap()))
        })
        .collect();
    let end = thread::spawn(move || {
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        session.close();
    });
    let all = read_all(&peer);
    end.join().unwrap();
    let (bye, stream) = all.split_last().unwrap();
    assert_eq!((*bye, stream.len()), (BYE, 4 * 500 * 21));
    let plain = mask(stream);
    assert!(plain.chunks(21).all(|line| line[20] == b'\n' && line[..20].iter().all(|byte| *byte == line[0])));
}

#[test]
fn a_peer_that_ends_without_ending_within_the_layer_was_cut_off() {
    let kept = Kept::echo(masked());
    let mut peer = kept.connect();
    peer.write_all(&[HELLO]).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&peer), heard(b""));
    assert_eq!(kept.only_reason(), Reason::Frame(FrameError::Truncated));
}

#[test]
fn a_layer_that_fails_or_panics_costs_its_session_and_no_other() {
    let kept = Kept::echo(masked());
    let (mut fails, mut panics, mut good) = (kept.connect(), kept.connect(), kept.connect());
    fails.write_all(&[0xFF]).unwrap();
    panics.write_all(&[0xFE]).unwrap();
    let mut reasons = kept.reasons(2);
    reasons.sort_by_key(|reason| *reason == Reason::Panicked);
    assert_eq!(reasons, [Reason::Frame(FrameError::Malformed("no such byte")), Reason::Panicked]);
    good.write_all(&[&mask(b"still here\n")[..], &[BYE]].concat()).unwrap();
    good.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&good), [&[HELLO], &mask(b"still here\n")[..], &[BYE]].concat());
}

#[test]
fn a_message_that_is_not_sealed_is_refused_and_the_session_goes_on() {
    let kept = Kept::new(Server::builder(masked()), |_, _| {});
    let peer = kept.connect();
    let session = kept.only_session();
    let refused = Err(SendError::Frame(FrameError::Malformed("that is not said")));
    assert_eq!(session.send(b"secret"), refused);
    session.send(b"public").unwrap();
    session.close();
    assert_eq!(read_all(&peer), [&[HELLO], &mask(b"public\n")[..], &[BYE]].concat());
}

#[test]
fn a_connection_whose_layer_is_not_made_is_refused() {
    let framing = Framing::raw().over(|| Err(FrameError::Malformed("not today")));
    let kept = Kept::new(Server::builder(framing), |_, _| {});
    assert_eq!((&kept.connect()).read(&mut [0]).unwrap_or(0), 0);
    eventually("it is counted", || kept.server.sessions().counts().refused == 1);
}

/// Answers every byte with many.
struct Chatty;

impl Layer for Chatty {
    fn open(&mut self, bytes: &[u8], _: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), FrameError> {
        wire.resize(100 * bytes.len(), 0);
        Ok(())
    }
    fn seal(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), FrameError> {
        Ok(())
    }
}

#[test]
fn a_layer_that_is_made_to_say_more_than_the_queue_holds_costs_its_session() {
    let limits = Limits { queue_bytes: 1 << 18, ..Limits::default() };
    let times = Timeouts { slow_reader: None, half_open: None, ..Timeouts::default() };
    let framing = Framing::raw().over(|| Ok(Box::new(Chatty)));
    let kept = Kept::new(Server::builder(framing).limits(limits).timeouts(times), |_, _| {});
    let mut peer = kept.connect();
    // It reads nothing.
    while peer.write_all(&[0; 1000]).is_ok() {}
    assert_eq!(kept.only_reason(), Reason::QueueFull);
}
