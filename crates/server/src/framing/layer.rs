//! What lies between the wire and the framing and keeps something of its own for each connection: TLS, compression.

use super::FrameError;

/// One connection's layer: made for it by what [`Framing::over`](super::Framing::over) was given, and called by one
/// thread at a time.
///
/// What it appends to `wire` goes out as it is, in the order of the calls, and counts in the send queue; a layer that
/// is asked for more of its own (handshakes, answers) than the queue may hold costs its session. An error ends the
/// session with [`Reason::Frame`](crate::Reason::Frame), a panic with [`Reason::Panicked`](crate::Reason::Panicked).
pub trait Layer: Send + 'static {
    /// The connection was made; comes first.
    fn begin(&mut self, wire: &mut Vec<u8>) -> Result<(), FrameError> {
        let _ = wire;
        Ok(())
    }

    /// Bytes came. What they mean is appended to `plain`, for the framing to cut into messages; what is to be said
    /// because of them to `wire`, also with an error. A layer that makes more of less bounds that itself.
    fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), FrameError>;

    /// Appends to `wire` what `frame` is there; that may wait for a later call. An error refuses the message, and
    /// the session goes on.
    fn seal(&mut self, frame: &[u8], wire: &mut Vec<u8>) -> Result<(), FrameError>;

    /// Nothing more will be sealed: the session is closed in good order.
    fn end(&mut self, wire: &mut Vec<u8>) {
        let _ = wire;
    }

    /// Whether the peer, whose bytes have ended, had ended within the layer as well. If not, the session ends as
    /// [`FrameError::Truncated`].
    fn has_ended(&self) -> bool {
        true
    }
}

/// Makes the layer of a connection.
pub(crate) type Make = dyn Fn() -> Result<Box<dyn Layer>, FrameError> + Send + Sync;
