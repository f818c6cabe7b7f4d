//! What a worker takes from a port.

use crate::op::Op;
use crate::status::Status;

/// A completion packet: the key of the handle, and the operation or the posted message.
#[derive(Debug)]
pub struct Packet<K, M = usize> {
    /// What the handle was associated with, or what was given to `Port::post`.
    pub key: K,
    /// What completed.
    pub op: Op<M>,
}

impl<K, M> Packet<K, M> {
    /// How the operation ended; a posted packet is always `SUCCESS` (S037).
    pub fn status(&self) -> Status {
        self.op.as_block().map_or(Status::SUCCESS, |block| block.status)
    }

    /// The operation's own number ([`with_tag`](crate::op::Recv::with_tag)); 0 for a posted packet.
    pub fn tag(&self) -> usize {
        self.op.as_block().map_or(0, |block| block.tag)
    }

    /// The bytes moved; 0 for a posted packet, whose message is its own.
    pub fn bytes(&self) -> usize {
        self.op.as_block().map_or(0, |block| block.bytes)
    }
}
