//! Operations as values: what is asked, the memory it moves, and, once done, how it ended.
//!
//! An operation is one block with one address from its start to its packet. It owns its buffers all that
//! time, so nothing the caller does can free or change memory that the kernel still works with.

mod address;
pub(crate) mod block;
mod buf;
pub(crate) mod charge;
mod control;
pub(crate) mod element;
mod end;
mod kinds;
pub(crate) mod ledger;
mod pool;
pub(crate) mod slab;

pub use address::Address;
pub use block::OpId;
pub use buf::Buf;
pub use control::{Beside, Control, ControlMessage};
pub use element::{Element, FilePart};
pub use end::End;
pub(crate) use kinds::{AT_POSITION, sealed};
pub use kinds::{
    Accept, Connect, Disconnect, Flush, Listen, Lock, Op, Operation, Read, Recv, RecvFrom, Send, SendTo,
    Transmit, Write, ZERO_COPY_FROM,
};
pub use pool::BufPool;
