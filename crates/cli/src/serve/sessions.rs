//! What the servers on the session layer have in common: their arguments, and what they count.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use proactor_server::{Builder, Counts, FrameError, Handler, Limits, Reason, Server, Session, Timeout};

use super::address;
use super::arguments::{concurrency, default_workers, locked_bytes, session_count, worker_count};
use super::figures::{Figures, per_second};
use crate::say;

/// Lines about faults, altogether; the rest are only counted.
const FAULT_LINES: u64 = 100;

/// Sessions at one time, unless said otherwise.
const SESSIONS: usize = 10_000;

/// What every server of sessions can be told.
#[derive(clap::Args)]
pub struct Common {
    /// Threads that handle messages, 1 to 32767. More than run at once: they stand in for those that block.
    /// [default: 4 a processor, at least 8]
    #[arg(long, value_name = "N", value_parser = worker_count)]
    workers: Option<usize>,
    /// Threads that run at once, at most 32767. 0 is one a processor.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = concurrency)]
    concurrency: usize,
    /// The most sessions at one time. A connection beyond is closed at once, and counted as refused.
    /// [default: 10000]
    #[arg(long, value_name = "N", value_parser = session_count)]
    pub limit_sessions: Option<usize>,
    /// Memory that sends under way may lock, in whole pages of 4 KiB, as in 64M or 1G. A session whose send would be
    /// beyond is dropped, and counted as such. [default: a quarter of the machine's]
    #[arg(long, value_name = "BYTES", value_parser = locked_bytes)]
    limit_locked: Option<usize>,
    /// Print no figures; only where it listens, faults, and the summary.
    #[arg(short, long)]
    pub quiet: bool,
}

impl Common {
    pub fn workers(&self) -> usize {
        self.workers.unwrap_or_else(default_workers)
    }

    pub fn sessions(&self) -> usize {
        self.limit_sessions.unwrap_or(SESSIONS)
    }

    /// What is the same for all of them put into `limits`.
    pub fn limits(&self, limits: Limits) -> Limits {
        let buffers = limits.receive_buffers.max(self.workers());
        let locked_bytes = self.limit_locked.unwrap_or(limits.locked_bytes);
        Limits { sessions: self.sessions(), receive_buffers: buffers, locked_bytes, ..limits }
    }

    /// Listens and serves.
    pub fn serve<H: Handler>(&self, listen: &str, server: Builder, handler: H) -> Result<Server, String> {
        let listener = address::listen(listen)?;
        let server = server.workers(self.workers()).concurrency(self.concurrency);
        server.serve(listener, handler).map_err(|status| say::cannot_start(self.workers(), status))
    }
}

/// Where it listens.
pub fn listening(server: &Server) -> Result<std::net::SocketAddr, String> {
    server
        .local_addr()
        .map_err(|status| format!("the listening socket has no address: {}", say::plain(status)))
}

macro_rules! ends {
    ($($variant:ident $name:literal)*) => {
        /// How a session can end, as people call it.
        #[derive(Clone, Copy)]
        enum End {
            $($variant,)*
        }

        const NAMES: &[&str] = &[$($name,)*];
    };
}

ends! {
    Left "left"
    Reset "reset by peers"
    Closed "closed by the server"
    Shutdown "still there at the end"
    Drain "cut off at the end"
    Idle "idle too long"
    HalfOpen "never asked"
    SlowReader "read too slowly"
    QueueFull "asked and did not read"
    Shortage "dropped for want of memory"
    Truncated "left in mid-message"
    Malformed "sent what is no message"
    Fault "failed"
}

impl End {
    fn of(reason: Reason) -> End {
        match reason {
            Reason::PeerEnded => End::Left,
            Reason::Closed | Reason::Aborted => End::Closed,
            Reason::Shutdown => End::Shutdown,
            Reason::Timeout(Timeout::Idle) => End::Idle,
            Reason::Timeout(Timeout::HalfOpen) => End::HalfOpen,
            Reason::Timeout(Timeout::SlowReader) => End::SlowReader,
            Reason::Timeout(Timeout::Drain) => End::Drain,
            Reason::QueueFull => End::QueueFull,
            Reason::Frame(FrameError::Truncated) => End::Truncated,
            Reason::Frame(_) => End::Malformed,
            Reason::Failed(status) if status.is_shortage() => End::Shortage,
            Reason::Failed(status) if status.is_ordinary() => End::Reset,
            _ => End::Fault,
        }
    }
}

/// How the sessions of a server ended. Faults get a line each; what peers do every day is only counted.
#[derive(Default)]
pub struct Ends {
    counts: [AtomicU64; NAMES.len()],
    fault_lines: AtomicU64,
}

impl Ends {
    pub fn ended(&self, session: &Session, reason: Reason) {
        let end = End::of(reason);
        self.counts[end as usize].fetch_add(1, Relaxed);
        if !matches!(end, End::Fault) {
            return;
        }
        match self.fault_lines.fetch_add(1, Relaxed) {
            ..FAULT_LINES => say::aside(&format_args!("fault: session {}: {reason}", session.id())),
            FAULT_LINES => say::aside(&"fault: there are more; from here on they are only counted"),
            _ => {}
        }
    }

    /// With what the session layer counted.
    pub fn counts(&self, noun: &'static str, sessions: Counts) -> SessionCounts {
        SessionCounts { noun, sessions, ends: self.counts.each_ref().map(|count| count.load(Relaxed)) }
    }
}

/// What a server of sessions counts, at one moment.
#[derive(Clone, Copy)]
pub struct SessionCounts {
    /// What a message is called: "message", "request".
    noun: &'static str,
    sessions: Counts,
    ends: [u64; NAMES.len()],
}

impl SessionCounts {
    fn end(&self, end: End) -> u64 {
        self.ends[end as usize]
    }
}

impl Figures for SessionCounts {
    fn rates(&self, before: &SessionCounts, time: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |of: fn(&Counts) -> u64| per_second(of(&self.sessions) - of(&before.sessions), time);
        write!(
            f,
            "{:>7} sessions {:>9} {}s/s {:>10}/s in {:>10}/s out",
            say::count(self.sessions.open as u64),
            say::count(rate(|counts| counts.messages_in)),
            self.noun,
            say::bytes(rate(|counts| counts.bytes_in)),
            say::bytes(rate(|counts| counts.bytes_out)),
        )
    }

    fn troubles(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("refused", self.sessions.refused),
            ("missed", self.sessions.messages_dropped),
            ("idle", self.end(End::Idle)),
            ("never asked", self.end(End::HalfOpen)),
            ("slow", self.end(End::SlowReader) + self.end(End::QueueFull)),
            ("no memory", self.end(End::Shortage)),
            ("malformed", self.end(End::Malformed)),
            ("faults", self.end(End::Fault)),
        ]
    }

    fn total(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sessions = &self.sessions;
        write!(
            f,
            "{}, {}, {} in, {} out; ",
            say::counted(sessions.accepted, "session"),
            say::counted(sessions.messages_in, self.noun),
            say::bytes(sessions.bytes_in),
            say::bytes(sessions.bytes_out),
        )?;
        for (name, &count) in NAMES.iter().zip(&self.ends).take(End::Fault as usize) {
            if count > 0 {
                write!(f, "{} {name}, ", say::count(count))?;
            }
        }
        let rest = [
            ("refused beyond the limit", sessions.refused),
            ("messages dropped at full queues", sessions.messages_dropped),
            ("messages lost at broken connections", sessions.messages_lost),
        ];
        for (name, count) in rest {
            if count > 0 {
                write!(f, "{} {name}, ", say::count(count))?;
            }
        }
        f.write_str(&say::counted(self.end(End::Fault), "fault"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::Summary;
    use super::*;
    use proactor::Status;

    fn counts(reasons: &[Reason]) -> SessionCounts {
        let mut counts = Ends::default().counts("message", Counts::default());
        reasons.iter().for_each(|reason| counts.ends[End::of(*reason) as usize] += 1);
        counts
    }

    #[test]
    fn everyday_ends_are_told_by_name_and_apart_from_faults() {
        let counts = counts(&[
            Reason::PeerEnded,
            Reason::PeerEnded,
            Reason::Failed(Status::from_errno(libc::ECONNRESET)),
            Reason::Timeout(Timeout::Idle),
            Reason::Failed(Status::NO_BUFS),
            Reason::Frame(FrameError::TooLong { claimed: 2, most: 1 }),
            Reason::Panicked,
        ]);
        let summary = Summary { served: Duration::from_secs(2), counts, accept_pauses: 0 };
        assert_eq!(
            summary.to_string(),
            "served 2.0 s: 0 sessions, 0 messages, 0 B in, 0 B out; 2 left, 1 reset by peers, 1 idle too long, \
             1 dropped for want of memory, 1 sent what is no message, 1 fault"
        );
    }
}
