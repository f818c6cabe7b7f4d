//! Messages behind their length.

use super::{Decoded, FrameError};

/// Bytes of a length prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Messages of up to 255 bytes.
    One,
    /// Up to 65,535 bytes.
    Two,
    /// Up to 4 GiB less one byte; the limit of messages is what holds.
    Four,
}

/// Which byte of a length prefix comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// The most significant one: network order.
    Big,
    /// The least significant one.
    Little,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix {
    pub(super) width: Width,
    pub(super) endian: Endian,
}

impl Prefix {
    fn bytes(self) -> usize {
        match self.width {
            Width::One => 1,
            Width::Two => 2,
            Width::Four => 4,
        }
    }

    pub(super) fn decode(self, input: &[u8], most: usize) -> Result<Decoded, FrameError> {
        let header = self.bytes();
        let Some(prefix) = input.get(..header) else { return Ok(Decoded::Need(header)) };
        let more = |claimed: u64, byte: &u8| claimed << 8 | u64::from(*byte);
        let claimed = match self.endian {
            Endian::Big => prefix.iter().fold(0, more),
            Endian::Little => prefix.iter().rev().fold(0, more),
        };
        let claimed = usize::try_from(claimed).unwrap_or(usize::MAX);
        if claimed > most {
            return Err(FrameError::TooLong { claimed, most });
        }
        let whole = header + claimed;
        if input.len() < whole {
            return Ok(Decoded::Need(whole));
        }
        Ok(Decoded::Message { start: header, end: whole, used: whole })
    }

    pub(super) fn encode(self, message: &[u8], frame: &mut Vec<u8>) -> Result<(), FrameError> {
        let header = self.bytes();
        let most = u64::MAX >> (64 - 8 * header);
        let length = message.len() as u64;
        if length > most {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            return Err(FrameError::TooLong { claimed: message.len(), most });
        }
        match self.endian {
            Endian::Big => frame.extend_from_slice(&length.to_be_bytes()[8 - header..]),
            Endian::Little => frame.extend_from_slice(&length.to_le_bytes()[..header]),
        }
        frame.extend_from_slice(message);
        Ok(())
    }
}
