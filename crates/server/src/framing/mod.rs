//! Where one message ends and the next begins in a stream of bytes.
//!
//! A decoder is total: whatever bytes come, it answers with a message, with how much it needs, or with a
//! [`FrameError`]; and it is bounded: nothing is kept beyond the longest message that is allowed, nor reserved
//! because a peer claims that it will come.

mod assembler;
mod delimiter;
mod layer;
mod length;

use std::fmt;
use std::sync::Arc;

pub use self::assembler::Assembler;
pub(crate) use self::assembler::Turn;
pub use self::layer::Layer;
use self::layer::Make;
pub use self::length::{Endian, Width};

/// What a decoder found at the start of what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// No whole message yet; it can't be whole before there are so many bytes altogether, more than there are now.
    Need(usize),
    /// The message is at `start..end`, and the next one begins at `used`, which is more than 0.
    Message {
        /// Where the message begins, behind its header.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Where the next frame begins, behind delimiter or trailer.
        used: usize,
    },
}

/// What is wrong with a frame. It costs its session, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The message would be longer than `most` bytes; `claimed` is what its header says, or what has come so far.
    TooLong {
        /// Bytes, by the header's word or so far.
        claimed: usize,
        /// The limit.
        most: usize,
    },
    /// The peer ended in the middle of a message.
    Truncated,
    /// The message can't be framed: it has the delimiter in it.
    Delimiter,
    /// Anything else, in the words of the codec.
    Malformed(&'static str),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong { claimed, most } => {
                write!(f, "a message of {claimed} bytes, {most} are allowed")
            }
            FrameError::Truncated => f.write_str("the peer ended in the middle of a message"),
            FrameError::Delimiter => f.write_str("the message has the delimiter in it"),
            FrameError::Malformed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for FrameError {}

/// A framing of one's own. It keeps no state, so that it can look again at what it has seen; what does keep some for
/// each connection, or has something to say by itself, is a [`Layer`] below it.
pub trait Codec: Send + Sync + 'static {
    /// Looks for a message at the start of `input`, which is not empty. The first `seen` bytes were there at the
    /// call before, which needed more. `most`: the longest message allowed.
    ///
    /// A message with its framing may be [`HEADROOM`] bytes longer than `most`. An answer that makes no sense, such
    /// as a message beyond `input`, ends the session as [`FrameError::Malformed`].
    fn decode(&self, input: &[u8], seen: usize, most: usize) -> Result<Decoded, FrameError>;

    /// Appends the message to `frame` as it goes on the wire. It is at most `most` bytes long.
    fn encode(&self, message: &[u8], most: usize, frame: &mut Vec<u8>) -> Result<(), FrameError>;
}

/// Bytes that header and trailer of a message may have altogether.
pub const HEADROOM: usize = 1024;

/// How messages are told apart on the wire.
///
/// ```
/// use proactor_server::{Endian, Framing, Width};
///
/// let framing = Framing::length(Width::Two, Endian::Big);
/// assert_eq!(framing.encode(b"abc", 100)?, b"\x00\x03abc");
/// assert_eq!(Framing::lines().encode(b"abc", 100)?, b"abc\n");
/// assert!(framing.encode(&[0; 101], 100).is_err());
/// # Ok::<(), proactor_server::FrameError>(())
/// ```
#[derive(Clone)]
pub struct Framing {
    kind: Kind,
    layer: Option<Arc<Make>>,
}

#[derive(Clone)]
enum Kind {
    Raw,
    Length(length::Prefix),
    Delimiter(delimiter::Delimiter),
    Own(Arc<dyn Codec>),
}

impl Framing {
    /// No framing: whatever one receive brings is a message.
    pub fn raw() -> Framing {
        Kind::Raw.into()
    }

    /// Each message is preceded by its length in bytes, without the prefix. A length of 0 is an empty message.
    pub fn length(width: Width, endian: Endian) -> Framing {
        Kind::Length(length::Prefix { width, endian }).into()
    }

    /// Each message is followed by `delimiter`, which is not part of it and can't be within it.
    ///
    /// # Panics
    /// If it is empty, or longer than [`HEADROOM`].
    pub fn delimiter(delimiter: &[u8]) -> Framing {
        assert!(
            (1..=HEADROOM).contains(&delimiter.len()),
            "a delimiter has 1 to {HEADROOM} bytes, not {}",
            delimiter.len()
        );
        Kind::Delimiter(delimiter::Delimiter { mark: delimiter.into(), line: false }).into()
    }

    /// Lines: a message ends at a line feed; a carriage return before it is not part of the message. Sent with a
    /// line feed alone.
    pub fn lines() -> Framing {
        Kind::Delimiter(delimiter::Delimiter { mark: b"\n".as_slice().into(), line: true }).into()
    }

    /// A framing of one's own.
    pub fn codec(codec: impl Codec) -> Framing {
        Kind::Own(Arc::new(codec)).into()
    }

    /// The same on top of a layer, of which `make` gives each connection its own. One for which it fails is refused.
    ///
    /// ```
    /// use proactor_server::{FrameError, Framing, Layer};
    ///
    /// /// Each byte differs from the one before it by what was meant.
    /// #[derive(Default)]
    /// struct Differences { came: u8, went: u8 }
    ///
    /// impl Layer for Differences {
    ///     fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), FrameError> {
    ///         plain.extend(bytes.iter().map(|byte| {
    ///             byte.wrapping_sub(std::mem::replace(&mut self.came, *byte))
    ///         }));
    ///         Ok(())
    ///     }
    ///     fn seal(&mut self, frame: &[u8], wire: &mut Vec<u8>) -> Result<(), FrameError> {
    ///         wire.extend(frame.iter().map(|byte| {
    ///             self.went = self.went.wrapping_add(*byte);
    ///             self.went
    ///         }));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let framing = Framing::lines().over(|| Ok(Box::<Differences>::default()));
    /// ```
    pub fn over(
        mut self,
        make: impl Fn() -> Result<Box<dyn Layer>, FrameError> + Send + Sync + 'static,
    ) -> Framing {
        self.layer = Some(Arc::new(make));
        self
    }

    /// A new connection's layer, if there is one.
    pub(crate) fn layer(&self) -> Result<Option<Box<dyn Layer>>, FrameError> {
        self.layer.as_ref().map(|make| make()).transpose()
    }

    /// Whether each piece that comes is a message.
    pub(crate) fn is_raw(&self) -> bool {
        matches!(self.kind, Kind::Raw) && self.layer.is_none()
    }

    /// A message as the framing has it, before any layer. Fails with [`FrameError::TooLong`] beyond `most` bytes or beyond what the
    /// prefix can say, and otherwise as the framing does.
    pub fn encode(&self, message: &[u8], most: usize) -> Result<Vec<u8>, FrameError> {
        if message.len() > most {
            return Err(FrameError::TooLong { claimed: message.len(), most });
        }
        let mut frame = Vec::with_capacity(message.len() + 4);
        match &self.kind {
            Kind::Raw => frame.extend_from_slice(message),
            Kind::Length(prefix) => prefix.encode(message, &mut frame)?,
            Kind::Delimiter(delimiter) => delimiter.encode(message, &mut frame)?,
            Kind::Own(codec) => codec.encode(message, most, &mut frame)?,
        }
        Ok(frame)
    }

    /// What is at the start of `input`; an answer of a codec's that makes no sense is an error.
    fn decode(&self, input: &[u8], seen: usize, most: usize) -> Result<Decoded, FrameError> {
        let decoded = match &self.kind {
            Kind::Raw => Ok(Decoded::Message { start: 0, end: input.len(), used: input.len() }),
            Kind::Length(prefix) => prefix.decode(input, most),
            Kind::Delimiter(delimiter) => delimiter.decode(input, seen, most),
            Kind::Own(codec) => codec.decode(input, seen, most),
        }?;
        match decoded {
            Decoded::Need(whole) if whole > most.saturating_add(HEADROOM) => {
                Err(FrameError::TooLong { claimed: whole, most })
            }
            Decoded::Need(whole) if whole <= input.len() => {
                Err(FrameError::Malformed("the codec asks for what it has"))
            }
            Decoded::Message { start, end, used }
                if used == 0 || start > end || end > used || used > input.len() =>
            {
                Err(FrameError::Malformed("the codec sees a message where there is none"))
            }
            decoded => Ok(decoded),
        }
    }
}

impl From<Kind> for Framing {
    fn from(kind: Kind) -> Framing {
        Framing { kind, layer: None }
    }
}

impl fmt::Debug for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.layer.is_some() {
            f.write_str("over a layer: ")?;
        }
        match &self.kind {
            Kind::Raw => f.write_str("raw"),
            Kind::Length(prefix) => write!(f, "{prefix:?}"),
            Kind::Delimiter(delimiter) => write!(f, "{delimiter:?}"),
            Kind::Own(_) => f.write_str("a codec of its own"),
        }
    }
}
