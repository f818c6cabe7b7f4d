//! Completion ports for Linux.
#![warn(missing_docs)]

pub mod status;
pub use status::Status;
