//! Completion ports for Linux: the I/O system of Windows NT as a Rust library.
//!
//! A [`Port`] is a queue of packets and the threads that take them. At most so many of them run at once as there
//! are processors, the one that parked last runs next, and **when a running one blocks, another is let in at
//! once**: on a lock, a sleep, a database driver, a page fault. Handlers are plain blocking code.
//!
//! Operations are *overlapped*: started on a [`Socket`], [`File`] or [`Pipe`], they own their buffers until they are
//! complete, and come back as a packet, ready to be started again.
//!
//! ```no_run
#![doc = include_str!("../examples/echo.rs")]
//! ```
//!
//! # Where to look
//!
//! - [`Port`], [`Workers`], [`blocking`]: packets, and who may run.
//! - [`Socket`], [`File`], [`Pipe`]: what operations are started on; [`op`]: the operations.
//! - [`Overlapped`]: an operation to wait for instead of a packet.
//! - [`Status`]: how an operation ended, in Windows' terms, Winsock's and Linux'.
//! - [`Limits`], [`budget`], [`snapshot`]: what there is at most, and what there is now.
//! - [`object`]: events, mutexes, semaphores, timers, threads and processes; one wait for any or all of them; calls
//!   queued to a thread; names that processes share.
//! - [`sync`]: the locks that stay in user mode, in which a worker that sleeps is replaced at once.
//! - [`pool`]: callbacks run by a pool of threads: work, timers, waits and operations.
//! - [`diagnose`]: who waits for whom, who waits in a circle, and looking into a process from outside.
//!
//! Numbers such as S052 in this documentation name the statements about Windows that the library keeps; they are
//! listed, each with the test that shows it, in `docs/semantics.md`.
//!
//! # Rules
//!
//! - An operation that is pending or completes at once queues exactly one packet, unless its handle skips those
//!   of immediate success. One that is refused queues none, and comes back to its caller.
//! - Operations stacked on one socket complete in the order they were started, each with its full count, unless
//!   the connection fails half way.
//! - An operation under way keeps its handle open. Closing the handle ends it, with a packet.
//! - A thread becomes a worker of a port by its first `get`, and counts as running until it waits again, blocks,
//!   ends, or takes from another port.
//!
//! Linux 5.11 or newer. No `unsafe` outside `driver/`, `sync/`, `object/named/`, `raw/` and `op/slab.rs`.
#![warn(missing_docs)]

pub mod diagnose;
mod driver;
mod io;
pub mod object;
pub mod op;
pub mod pool;
mod port;
pub mod raw;
mod service;
pub mod status;
pub mod sync;
mod trace;

pub use diagnose::snapshot;
pub use driver::{cgroup, file as files};
pub use io::budget;
pub use io::{
    Device, DeviceKind, Events, File, How, Modes, NamedPipe, NamedPipeInfo, NamedPipeOptions, OpenOptions,
    Overlapped, Peeked, Pipe, PipeModes, Ready, Refused, Share, Socket, Started, wait_named_pipe,
};
pub use object::Wait;
pub use op::{Address, Buf, BufPool, Op, OpId, Operation};
pub use port::{Limits, Packet, Port, Workers, processors};
pub use status::Status;
pub use sync::seat::blocking;
