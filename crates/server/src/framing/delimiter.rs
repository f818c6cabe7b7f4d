//! Messages before a mark that can't be within them.

use std::sync::Arc;

use super::{Decoded, FrameError};

#[derive(Clone, Debug)]
pub(super) struct Delimiter {
    /// Not empty.
    pub(super) mark: Arc<[u8]>,
    /// Lines may end in carriage return and line feed as well.
    pub(super) line: bool,
}

impl Delimiter {
    pub(super) fn decode(&self, input: &[u8], seen: usize, most: usize) -> Result<Decoded, FrameError> {
        // The mark may have begun in what was there before.
        let from = seen.saturating_sub(self.mark.len() - 1).min(input.len());
        let Some(at) = find(&input[from..], &self.mark).map(|at| at + from) else {
            // All of it may be message, except for a mark that has begun, and the return of a line.
            let claimed = input.len().saturating_sub(self.mark.len() - 1 + usize::from(self.line));
            return if claimed > most {
                Err(FrameError::TooLong { claimed, most })
            } else {
                Ok(Decoded::Need(input.len() + 1))
            };
        };
        let end = if self.line && input[..at].ends_with(b"\r") { at - 1 } else { at };
        if end > most {
            return Err(FrameError::TooLong { claimed: end, most });
        }
        Ok(Decoded::Message { start: 0, end, used: at + self.mark.len() })
    }

    pub(super) fn encode(&self, message: &[u8], frame: &mut Vec<u8>) -> Result<(), FrameError> {
        frame.extend_from_slice(message);
        frame.extend_from_slice(&self.mark);
        // Also a mark that begins in the message and ends in the mark itself would be found too early.
        if find(frame, &self.mark) != Some(message.len()) {
            return Err(FrameError::Delimiter);
        }
        Ok(())
    }
}

fn find(input: &[u8], mark: &[u8]) -> Option<usize> {
    let (first, rest) = mark.split_first()?;
    let mut from = 0;
    while let Some(at) = input[from..].iter().position(|byte| byte == first) {
        let after = from + at + 1;
        if input[after..].starts_with(rest) {
            return Some(after - 1);
        }
        from = after;
    }
    None
}
