//! `proactor serve chat`: a chat that needs nothing but `nc`. Sockets and sessions here; what is said to whom is the
//! [hall's](hall).

mod hall;
mod pace;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proactor::diagnose::PortSnapshot;
use proactor_server::{
    Codec, Decoded, Frame, FrameError, Framing, Full, Handler, Limits, Reason, Server, Session, Timeout,
    Timeouts,
};

use self::hall::{Goes, Guest, Hall, Peer};
use super::arguments::{Seconds, seconds};
use super::sessions::{Common, Ends, SessionCounts, listening};
use super::{Running, address};
use crate::descriptors;

/// Bytes of a line, at most.
const LINE: usize = 1000;
/// Bytes of one thing that is told: a line of which every byte became a replacement character, or a list of names.
const TOLD: usize = 8 << 10;
/// How long those who are here have to read the last words.
const DRAIN: Duration = Duration::from_secs(5);

/// A chat for `nc`: rooms, nicks, and nothing to install.
///
/// Who connects is told how it goes, and is in the room `lobby` until `/join` goes elsewhere. Every line that is no
/// command is said to all others in the room. Ctrl-C or SIGTERM ends the server: everyone is told, what is queued
/// goes out, it prints a summary and exits with status 0. A second one ends it at once.
///
/// No control character or escape sequence of one user reaches another's terminal. A line has up to 1000 bytes; who
/// says more than 50 lines at once, or 10 a second, is not heard for a while. Who reads too slowly misses lines, and
/// is told how many; who reads nothing for 30 seconds is dropped. None of them slows the others down.
#[derive(clap::Args)]
#[command(
    max_term_width = 100,
    after_help = "\
In the chat:
  /nick NAME   be called NAME: up to 20 letters of a-z, A-Z, 0-9, - and _
  /join ROOM   go to a room, which is made if there is none
  /who         who is in this room
  /rooms       which rooms there are
  /help        all of this
  /quit        leave

Each second the server prints one line (not with --quiet), such as

  12 s      57 sessions        31 messages/s    1.1 KiB/s in   40.2 KiB/s out  running 0 blocked 0 parked 8  queue 0

Behind that come, if there are any: accept pauses (no descriptors were left), connections refused beyond the limit, \
messages missed by slow readers, sessions that were idle too long or read too slowly, faults.

Examples:
  proactor serve chat                        then, in some terminals: nc 127.0.0.1 7001
  proactor serve chat --listen [::]:7001     for everyone who can reach this machine
  proactor serve chat --limit-sessions 100 --idle-timeout 600"
)]
pub struct Args {
    /// Where to listen, as HOST:PORT. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7001")]
    listen: String,
    /// How long nothing may be said, by either side, before a session is closed. 0 is for ever.
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
    idle_timeout: Seconds,
    #[command(flatten)]
    pub common: Common,
}

/// The running server.
pub struct Chat {
    server: Server,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    hall: Hall<Session>,
    ends: Ends,
}

impl Chat {
    pub fn start(args: &Args) -> Result<Chat, String> {
        address::tell_capacity(descriptors::raise(), args.common.workers() as u64);
        let limits = Limits {
            message: TOLD,
            queue_messages: 256,
            queue_bytes: 64 << 10,
            receive_buffer: 4 << 10,
            ..Limits::default()
        };
        // Who only listens is welcome: what counts is that somebody says something.
        let timeouts = Timeouts { idle: args.idle_timeout.0, half_open: None, ..Timeouts::default() };
        let builder = Server::builder(Framing::codec(Lines))
            .limits(args.common.limits(limits))
            .timeouts(timeouts)
            .full(Full::DropMessage);
        let shared = Arc::new(Shared::default());
        let server = args.common.serve(&args.listen, builder, Hosted(shared.clone()))?;
        Ok(Chat { address: listening(&server)?, server, shared })
    }
}

impl Running for Chat {
    type Counts = SessionCounts;

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn counts(&self) -> SessionCounts {
        self.shared.ends.counts("message", self.server.sessions().counts())
    }

    fn port(&self) -> PortSnapshot {
        self.server.port()
    }

    fn stop(self) -> SessionCounts {
        self.shared.hall.close();
        let sessions = self.server.sessions();
        if let Ok(last) = sessions.frame(b"* The server is closing. Goodbye.\n") {
            sessions.broadcast(&last);
        }
        let counts = self.server.shutdown(DRAIN);
        self.shared.ends.counts("message", counts)
    }
}

impl Peer for Session {
    /// None could be framed; that is so only of what is longer than [`TOLD`], which nothing is.
    type Text = Option<Frame>;

    fn text(&self, words: &str) -> Option<Frame> {
        self.sessions().frame(words.as_bytes()).ok()
    }

    fn tell(&self, text: &Option<Frame>) -> bool {
        text.as_ref().is_some_and(|frame| self.send_frame(frame).is_ok())
    }
}

/// What the session layer calls.
struct Hosted(Arc<Shared>);

impl Handler for Hosted {
    type State = Guest<Session>;

    fn connected(&self, session: &Session) -> Guest<Session> {
        self.0.hall.enter(session, Instant::now())
    }

    fn message(&self, session: &Session, guest: &mut Guest<Session>, line: &[u8]) {
        if self.0.hall.line(session, guest, line, Instant::now()) == Goes::Away {
            session.close();
        }
    }

    fn closed(&self, session: &Session, guest: Guest<Session>, reason: Reason) {
        let how = match reason {
            Reason::Timeout(Timeout::Idle) => "has left: nothing was said for too long",
            Reason::Timeout(_) => "has left, having read too slowly",
            Reason::Failed(_) => "has left: the connection broke",
            _ => "has left",
        };
        self.0.hall.leave(guest, how);
        self.0.ends.ended(session, reason);
    }
}

/// Lines with their ends. Of one that is too long, pieces without: a line costs its speaker no session.
struct Lines;

impl Codec for Lines {
    fn decode(&self, input: &[u8], seen: usize, _: usize) -> Result<Decoded, FrameError> {
        let up_to = |used| Ok(Decoded::Message { start: 0, end: used, used });
        // Beyond its bytes a line may have its end, and the return that `nc -C` and telnet put before that.
        let within = &input[..input.len().min(LINE + 2)];
        match within[seen.min(within.len())..].iter().position(|byte| *byte == b'\n').map(|at| seen + at) {
            Some(at) if at <= LINE || within[at - 1] == b'\r' => up_to(at + 1),
            Some(at) => up_to(at),
            None if within.len() == LINE + 2 => up_to(LINE + 1),
            None => Ok(Decoded::Need(input.len() + 1)),
        }
    }

    fn encode(&self, message: &[u8], _: usize, frame: &mut Vec<u8>) -> Result<(), FrameError> {
        frame.extend_from_slice(message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use proactor_server::Assembler;

    use super::*;

    /// The pieces that come of `stream`, cut wherever chunks of `size` cut it.
    fn pieces(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
        let (framing, mut assembler, mut pieces) = (Framing::codec(Lines), Assembler::default(), Vec::new());
        for chunk in stream.chunks(size) {
            let fed = assembler.feed(&framing, TOLD, chunk, |piece| {
                pieces.push(piece.to_vec());
                ControlFlow::Continue(())
            });
            assert_eq!(fed, Ok(ControlFlow::Continue(())));
        }
        pieces
    }

    #[test]
    fn a_line_of_the_greatest_length_is_whole_and_one_byte_more_is_not() {
        for end in ["\n", "\r\n"] {
            for (length, whole) in [(0, true), (1, true), (LINE, true), (LINE + 1, false), (5 * LINE, false)]
            {
                let line = format!("{}{end}", "x".repeat(length));
                for size in [1, 7, 1000, 1001, 1002, 100_000] {
                    let pieces = pieces(line.as_bytes(), size);
                    assert_eq!(pieces[0].ends_with(b"\n"), whole, "{length} {end:?} {size}");
                    assert!(pieces.last().is_some_and(|last| last.ends_with(b"\n")));
                    assert!(pieces.iter().rev().skip(1).all(|piece| !piece.ends_with(b"\n")));
                    assert_eq!(pieces.concat(), line.as_bytes());
                }
            }
        }
    }
}
