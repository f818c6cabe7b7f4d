//! Where one request's head ends and the next begins. Requests with a body are refused, so there is nothing else.
//!
//! A head that is too long is handed over as it is, without its end, so that it can be answered before its connection
//! is closed.

use proactor_server::{Codec, Decoded, FrameError};

/// Bytes of a head, at most.
pub const MOST: usize = 16 << 10;

/// A head with the empty line that ends it; or the beginning of one that is too long.
pub struct Heads;

impl Codec for Heads {
    fn decode(&self, input: &[u8], seen: usize, _: usize) -> Result<Decoded, FrameError> {
        // One empty line before a request is forgiven, for old clients end a body so (RFC 9112, 2.2).
        let start = match input {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => 0,
        };
        let within = &input[..input.len().min(MOST)];
        // The end may have begun in what was there before.
        let from = seen.saturating_sub(3).max(start).min(within.len());
        match end(&within[from..]) {
            Some(at) => Ok(Decoded::Message { start, end: from + at, used: from + at }),
            None if input.len() >= MOST => Ok(Decoded::Message { start, end: MOST, used: MOST }),
            None => Ok(Decoded::Need(input.len() + 1)),
        }
    }

    fn encode(&self, message: &[u8], _: usize, frame: &mut Vec<u8>) -> Result<(), FrameError> {
        frame.extend_from_slice(message);
        Ok(())
    }
}

/// Where the first empty line ends, or rather, what comes after a line's end and is one.
fn end(input: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += input[at..].iter().position(|byte| *byte == b'\n')? + 1;
        match &input[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use proactor_server::{Assembler, Framing};

    use super::*;

    fn heads(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, bool) {
        let (framing, mut assembler, mut heads) = (Framing::codec(Heads), Assembler::default(), Vec::new());
        for chunk in stream.chunks(size) {
            let fed = assembler.feed(&framing, 64 << 10, chunk, |head| {
                heads.push(head.to_vec());
                ControlFlow::Continue(())
            });
            assert_eq!(fed, Ok(ControlFlow::Continue(())));
        }
        (heads, assembler.is_empty())
    }

    #[test]
    fn heads_end_at_the_first_empty_line_wherever_they_are_cut() {
        let stream = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.0\n\n\r\nGET /c HTTP/1.0\r\n\n";
        for size in 1..=stream.len() {
            let (heads, whole) = heads(stream, size);
            assert!(whole);
            assert_eq!(heads[0], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(heads[1], b"GET /b HTTP/1.0\n\n");
            assert_eq!(heads[2], b"GET /c HTTP/1.0\r\n\n", "the empty line before it is gone");
            assert_eq!(heads.len(), 3);
        }
    }

    #[test]
    fn a_head_without_end_is_cut_at_the_most() {
        for size in [1000, 16 << 10, 100_000] {
            let (heads, _) = heads(&[b'x'; 40_000], size);
            assert_eq!(heads.len(), 2);
            assert!(heads.iter().all(|head| head.len() == MOST && !head.ends_with(b"\n")));
        }
    }
}
