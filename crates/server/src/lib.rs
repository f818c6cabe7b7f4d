//! Sessions on a completion port: what every server writes on top of overlapped I/O, once.
//!
//! A [`Server`] listens, cuts the bytes of each connection into messages ([`Framing`]), and calls a [`Handler`], whose
//! calls for one session come one after the other while sessions run in parallel. Handlers are plain blocking code.
//!
//! ```
//! use std::io::{BufRead, BufReader, Write};
//! use std::time::Duration;
//! use proactor_server::{Framing, Handler, Reason, Server, Session};
//!
//! /// Answers each line with its number.
//! struct Counting;
//!
//! impl Handler for Counting {
//!     type State = u64;
//!
//!     fn connected(&self, _: &Session) -> u64 {
//!         0
//!     }
//!
//!     fn message(&self, session: &Session, lines: &mut u64, line: &[u8]) {
//!         *lines += 1;
//!         let answer = format!("{lines}: {}", String::from_utf8_lossy(line));
//!         // A session that is closing is told by `closed`.
//!         let _ = session.send(answer.as_bytes());
//!     }
//!
//!     fn closed(&self, session: &Session, lines: u64, reason: Reason) {
//!         println!("{} said {lines} lines: {reason}", session.id());
//!     }
//! }
//!
//! let server = Server::builder(Framing::lines()).listen("127.0.0.1:0", Counting)?;
//! let mut peer = std::net::TcpStream::connect(server.local_addr()?)?;
//! peer.write_all(b"hello\n")?;
//! let mut answer = String::new();
//! BufReader::new(&peer).read_line(&mut answer)?;
//! assert_eq!(answer, "1: hello\n");
//! drop(peer);
//! server.shutdown(Duration::from_secs(5));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The guide is `docs/sessions.md`.
//!
//! # Rules
//!
//! - A session has one receive and one send under way. More to send waits in a queue that is bounded in messages and
//!   bytes, and goes out together; [`Full`] says what a full queue does.
//! - A session that waits for its peer holds no buffer.
//! - [`closed`](Handler::closed) comes once, whatever races: the peer's end, one's own, errors, times, a shutdown.
//! - What ends in good order is sent in full, and then ended; what breaks is reset.
//! - A session that has had its turn of messages waits until others have had theirs.
//! - A peer's garbage, its slowness, and a panic of its handler cost its session and no other.
//! - A session's number ([`SessionId`]) never comes again; a stale one finds nothing.
//! - Everything has a limit ([`Limits`]) or a time ([`Timeouts`]); what was reached is named ([`Reason`],
//!   [`SendError`], [`FrameError`]) and counted ([`Counts`]), everyday ends apart from faults.
#![warn(missing_docs)]

/// The examples of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/sessions.md")]
struct Guide;

mod builder;
mod chunks;
mod datagrams;
mod end;
mod framing;
mod handler;
mod limits;
mod room;
mod server;
mod session;
mod table;
mod wheel;

pub use builder::Builder;
pub use end::{Counts, Reason, SendError, Timeout};
pub use framing::{Assembler, Codec, Decoded, Endian, FrameError, Framing, HEADROOM, Layer, Width};
pub use handler::Handler;
pub use limits::{Full, Limits, Timeouts};
pub use room::{Delivery, Frame, Room};
pub use server::{Server, Sessions};
pub use session::Session;
pub use table::SessionId;
