//! Puts messages together from what receives bring, wherever they were cut.
//!
//! Whole messages are handed out from where they lie; only the beginning of one that is not whole is copied and
//! kept. Between messages nothing is kept at all.

use std::ops::ControlFlow;

use super::{Decoded, FrameError, Framing};

/// The unfinished message of one stream.
///
/// ```
/// use std::ops::ControlFlow;
/// use proactor_server::{Assembler, Framing};
///
/// let (mut assembler, mut lines) = (Assembler::default(), Vec::new());
/// for chunk in [&b"one\ntw"[..], b"o\n"] {
///     assembler.feed(&Framing::lines(), 80, chunk, |line| {
///         lines.push(line.to_vec());
///         ControlFlow::Continue(())
///     })?;
/// }
/// assert_eq!(lines, [b"one", b"two"]);
/// assert!(assembler.is_empty());
/// # Ok::<(), proactor_server::FrameError>(())
/// ```
#[derive(Debug, Default)]
pub struct Assembler {
    /// The beginning of a message that is not whole.
    rest: Vec<u8>,
    /// It is not whole before there are so many bytes.
    need: usize,
    /// So many of them the decoder has seen.
    seen: usize,
}

impl Assembler {
    /// Takes the next bytes of the stream and hands each whole message of at most `most` bytes to `each`, which may
    /// break off. After a break or an error nothing is kept, and the stream should not be read on.
    pub fn feed(
        &mut self,
        framing: &Framing,
        most: usize,
        chunk: &[u8],
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, FrameError> {
        let turn = self.turn(framing, most, chunk, |message| match each(message) {
            ControlFlow::Continue(()) => Turn::On,
            ControlFlow::Break(()) => Turn::Stop,
        })?;
        Ok(if turn == Turn::Stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// The same, except that `each` may also [pause](Turn::Pause): then what is left is kept, and gone on with by an
    /// empty chunk.
    pub(crate) fn turn(
        &mut self,
        framing: &Framing,
        most: usize,
        chunk: &[u8],
        mut each: impl FnMut(&[u8]) -> Turn,
    ) -> Result<Turn, FrameError> {
        // Whatever becomes of `each`, a panic as well, what it was called with is gone.
        let mut rest = std::mem::take(&mut self.rest);
        let kept = !rest.is_empty();
        let walked = if !kept {
            walk(framing, most, chunk, 0, &mut each)?
        } else {
            rest.extend_from_slice(chunk);
            if rest.len() < self.need {
                self.rest = rest;
                return Ok(Turn::On);
            }
            walk(framing, most, &rest, self.seen, &mut each)?
        };
        let (used, need, turn) = match walked {
            Walked::All => return Ok(Turn::On),
            Walked::Stopped => return Ok(Turn::Stop),
            Walked::Until { used, need } => (used, need, Turn::On),
            Walked::Paused { used } => (used, 0, Turn::Pause),
        };
        if kept {
            rest.drain(..used);
        } else {
            rest.extend_from_slice(&chunk[used..]);
        }
        self.need = need;
        self.seen = if turn == Turn::Pause { 0 } else { rest.len() };
        self.rest = rest;
        Ok(turn)
    }

    /// Whether no message has begun.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Forgets the message that has begun.
    pub fn clear(&mut self) {
        self.rest = Vec::new();
    }
}

/// What is to become of the messages behind one, or has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    On,
    /// They come later.
    Pause,
    /// They do not come.
    Stop,
}

enum Walked {
    All,
    Stopped,
    /// The next message begins at `used`.
    Paused {
        used: usize,
    },
    /// The rest begins at `used` and is no message before it has `need` bytes.
    Until {
        used: usize,
        need: usize,
    },
}

fn walk(
    framing: &Framing,
    most: usize,
    input: &[u8],
    mut seen: usize,
    each: &mut impl FnMut(&[u8]) -> Turn,
) -> Result<Walked, FrameError> {
    let mut at = 0;
    while at < input.len() {
        match framing.decode(&input[at..], seen, most)? {
            Decoded::Need(need) => return Ok(Walked::Until { used: at, need }),
            Decoded::Message { start, end, used } => {
                let turn = each(&input[at + start..at + end]);
                at += used;
                seen = 0;
                match turn {
                    Turn::Pause if at < input.len() => return Ok(Walked::Paused { used: at }),
                    Turn::Stop => return Ok(Walked::Stopped),
                    _ => {}
                }
            }
        }
    }
    Ok(Walked::All)
}
