//! Overlapped operations on sockets, files and pipes: started, pending or done at once, completed exactly once.

mod accept;
mod any;
pub mod budget;
mod cancel;
mod direction;
mod face;
mod file;
mod handle;
mod overlapped;
mod perform;
mod pipe;
mod routine;
mod rules;
mod run;
mod signal;
mod since;
mod sleep;
mod socket;
mod started;
mod state;
mod thread;
mod transfer;
mod transmit;
mod zero_copy;

pub use any::{Io, Sort};
pub use file::{File, OpenOptions};
pub use handle::Modes;
pub use overlapped::Overlapped;
pub use pipe::Pipe;
pub use socket::{How, Socket};
pub use started::{Refused, Started};
pub use zero_copy::ZeroCopyCounts;
pub(crate) use zero_copy::counts as zero_copy_counts;
