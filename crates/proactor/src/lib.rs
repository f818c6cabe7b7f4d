//! Completion ports for Linux.
#![warn(missing_docs)]

pub mod diagnose;
mod driver;
mod io;
pub mod op;
mod port;
pub mod status;
mod sync;
mod trace;

pub use diagnose::snapshot;
pub use driver::file as files;
pub use io::{File, How, Modes, OpenOptions, Overlapped, Pipe, Refused, Socket, Started};
pub use op::{Address, Buf, BufPool, Op, OpId, Operation};
pub use port::{Limits, Packet, Port, Wait, Workers, blocking, processors};
pub use status::Status;
