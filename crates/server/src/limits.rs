//! Everything that has a limit or a time, in one place, and what is done at a full send queue.

use std::time::Duration;

use proactor::Status;

/// What there may be at most. Reaching one is an error by name, and costs one session or one message.
///
/// ```
/// use proactor_server::Limits;
/// let limits = Limits { sessions: 10_000, message: 4096, ..Limits::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at one time. A connection beyond is closed at once and counted as refused.
    pub sessions: usize,
    /// Of the sessions on a datagram socket those that are half open: nothing has shown yet that somebody is at their
    /// address. See [`Builder::listen_datagrams`](crate::Builder::listen_datagrams).
    pub half_open: usize,
    /// Bytes of a message, in either direction, without its framing. A peer's longer one is
    /// [`FrameError::TooLong`](crate::FrameError::TooLong). Raw messages are bounded by `receive_buffer`, too.
    pub message: usize,
    /// Messages that wait in a session's send queue, the ones under way included.
    pub queue_messages: usize,
    /// Their bytes. An empty queue takes any one message.
    pub queue_bytes: usize,
    /// Bytes that one receive brings at most.
    pub receive_buffer: usize,
    /// Buffers for receives, for all sessions together; made when first needed, and kept. A session lends one only
    /// from when something came until it is handled. One that gets none waits for its turn again; one that gets none
    /// many times in a row ends with `NO_BUFS`.
    pub receive_buffers: usize,
    /// Bytes that sends under way may lock, rounded down to whole pages of 4 KiB
    /// ([`proactor::Limits::locked_bytes`]). A session whose send would be beyond ends with `NO_BUFS`. Default: as many
    /// as the process may ([`proactor::budget`]).
    pub locked_bytes: usize,
    /// Operations that are pending at one time ([`proactor::Limits::blocks`]): a receive and perhaps a send for each
    /// session, and the accepts. A session whose operation would be beyond ends with `NO_BUFS`. Default: as many as the
    /// process may have.
    pub blocks: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            sessions: 1 << 16,
            half_open: 1024,
            message: 64 << 10,
            queue_messages: 1024,
            queue_bytes: 1 << 20,
            receive_buffer: 16 << 10,
            receive_buffers: 1024,
            locked_bytes: usize::MAX,
            blocks: usize::MAX,
        }
    }
}

impl Limits {
    /// `INVALID_PARAMETER` where nothing could be served.
    pub(crate) fn check(&self, workers: usize) -> Result<(), Status> {
        let least = [
            self.sessions,
            self.half_open,
            self.message,
            self.queue_messages,
            self.queue_bytes,
            self.receive_buffer,
        ];
        if least.contains(&0) || self.sessions >= u32::MAX as usize || self.receive_buffers < workers {
            return Err(Status::INVALID_PARAMETER);
        }
        Ok(())
    }
}

/// How long a session may take. None of them ends a session early; late they are by a sixty-fourth of the shortest.
///
/// ```
/// use std::time::Duration;
/// use proactor_server::Timeouts;
/// let timeouts = Timeouts { idle: Some(Duration::from_secs(60)), ..Timeouts::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// No whole message came and none went out for so long. Time in the handler does not count.
    pub idle: Option<Duration>,
    /// From the connection to the first whole message of the peer.
    pub half_open: Option<Duration>,
    /// For every begun 64 KiB that are under way to the peer: one that reads more slowly is dropped. `None`: it may
    /// take for ever, except from a session that is closing, where `linger` stands in.
    pub slow_reader: Option<Duration>,
    /// What the peer has to end the connection once all has been sent and this side has ended it. Then it is
    /// closed.
    pub linger: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            idle: None,
            half_open: Some(Duration::from_secs(30)),
            slow_reader: Some(Duration::from_secs(30)),
            linger: Duration::from_secs(2),
        }
    }
}

/// Longer than this is for ever: clocks of sessions have 32 bits of milliseconds.
const MOST_MILLIS: u128 = 1 << 30;

/// The times in milliseconds.
pub(crate) struct Periods {
    pub(crate) idle: Option<u32>,
    pub(crate) half_open: Option<u32>,
    pub(crate) slow_reader: Option<u32>,
    pub(crate) linger: u32,
    /// The shortest of all; none is noticed later than this after it began.
    pub(crate) shortest: u32,
}

impl Periods {
    pub(crate) fn new(timeouts: &Timeouts) -> Periods {
        // Rounded up, so that none is early.
        let millis = |time: Duration| time.as_nanos().div_ceil(1_000_000).clamp(1, MOST_MILLIS) as u32;
        let (idle, half_open) = (timeouts.idle.map(millis), timeouts.half_open.map(millis));
        let (slow_reader, linger) = (timeouts.slow_reader.map(millis), millis(timeouts.linger));
        let shortest = [idle, half_open, slow_reader].into_iter().flatten().fold(linger, u32::min);
        Periods { idle, half_open, slow_reader, linger, shortest }
    }
}

/// What a send does when its session's queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Full {
    /// Drops the session: it ends with [`Reason::QueueFull`](crate::Reason::QueueFull).
    #[default]
    DropSession,
    /// Drops the message: the send fails with [`SendError::Full`](crate::SendError::Full).
    DropMessage,
    /// Blocks the caller until there is room or the session ends. A worker that does so lends its place to another;
    /// the last worker there is does not wait, since then nobody would see that there is room: its send fails with
    /// [`SendError::Full`](crate::SendError::Full).
    Wait,
}
