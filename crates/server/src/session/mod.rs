//! One session: who may do what to it when, and its end.
//!
//! Two tokens, each held by one at a time, keep the order. The *receive token* is with the receive under way, or with
//! the worker that handles what it brought; so messages are handled one after the other, and whoever holds it when the
//! session is over ends it, which therefore happens once. The *send token* is with the send under way, or with the
//! thread that starts the next one. At the peer's end the receive token may be left with the session until the sends
//! are through. Whoever breaks a session only closes its socket: that brings both tokens back, by their packets.

mod busy;
mod datagram;
mod ending;
mod layered;
mod receiving;
mod sending;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proactor::{Address, Buf, File, Socket, Status};

use self::busy::Busy;
pub(crate) use self::busy::Outgoing;
pub(crate) use self::datagram::Peer;
pub(crate) use self::layered::Apart;
pub(crate) use self::sending::Waiter;
use crate::end::{Reason, SendError};
use crate::framing::Framing;
use crate::handler::{Face, Handler};
use crate::server::Shared;
use crate::table::SessionId;

/// Sends or receives that are done at once, one after the other, before others have their turn.
const TURNS: usize = 8;

/// One connection of a server. Clones are the same session; having one does not keep the connection open.
#[derive(Clone)]
pub struct Session(pub(crate) Arc<Inner<dyn Face>>);

/// What a session is: little, for most of them wait. `T` is the handler's side of it.
pub(crate) struct Inner<T: ?Sized> {
    id: SessionId,
    shared: Arc<Shared>,
    socket: Socket,
    /// None for a plain stream.
    apart: Option<Box<Apart>>,
    state: Mutex<State>,
    /// Locked by the holder of the receive token only.
    face: Mutex<T>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// No more is accepted for sending and no more is handled; what is queued goes out.
    Closing,
    /// The socket is closed, and the tokens are on their way.
    Broken,
    /// The end has been told.
    Over,
}

struct State {
    phase: Phase,
    /// The handler is running.
    handling: bool,
    /// It is to be closed once the handler that is running returns.
    leaving: bool,
    /// The first whole message has come.
    opened: bool,
    /// The send token is out.
    sending: bool,
    /// The receive token lies here, for whoever brings the send token back.
    parked: bool,
    /// This side of the connection is ended.
    shut: bool,
    /// The kernel copies what it is asked not to.
    copies: bool,
    /// Milliseconds of the wheel: the connection; later the end of this side.
    since: u32,
    /// The last message, either way.
    last: u32,
    /// What there is only while something is under way.
    busy: Option<Box<Busy>>,
}

impl<T: Face> Inner<T> {
    pub(crate) fn new(
        id: SessionId,
        shared: Arc<Shared>,
        socket: Socket,
        apart: Option<Apart>,
        face: T,
    ) -> Inner<T> {
        let now = shared.wheel.now();
        let state = State {
            phase: Phase::Open,
            handling: false,
            leaving: false,
            opened: false,
            sending: false,
            parked: false,
            shut: false,
            copies: false,
            since: now,
            last: now,
            busy: None,
        };
        let apart = apart.map(Box::new);
        Inner { id, shared, socket, apart, state: Mutex::new(state), face: Mutex::new(face) }
    }
}

impl<T: ?Sized> Inner<T> {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing of the user's runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For everybody.
impl Session {
    /// Its number, which no other session of the server ever has.
    pub fn id(&self) -> SessionId {
        self.0.id
    }

    /// The server's sessions, this one among them.
    pub fn sessions(&self) -> crate::Sessions {
        crate::Sessions(self.0.shared.clone())
    }

    pub(crate) fn framing(&self) -> (&Framing, usize) {
        (&self.0.shared.framing, self.0.shared.limits.message)
    }

    /// The server's handler, which is of one type.
    pub(crate) fn handler<H: Handler>(&self) -> Option<&H> {
        self.0.shared.handler.downcast_ref()
    }

    /// The peer's address. Fails once the connection is closed.
    pub fn peer_addr(&self) -> Result<Address, Status> {
        if let Some(peer) = self.peer() {
            return Ok(peer.address.into());
        }
        self.0.socket.peer_addr()
    }

    /// Whether messages can still be sent.
    pub fn is_open(&self) -> bool {
        self.0.state().phase == Phase::Open
    }

    /// Messages and bytes in the send queue, those under way included.
    pub fn queued(&self) -> (usize, usize) {
        self.0.state().queued()
    }

    /// Sends a message, framed. Messages go out whole, in the order of the calls. Any thread may call this.
    ///
    /// Does not block, except at a full queue under [`Full::Wait`](crate::Full::Wait). Fails with
    /// [`SendError::Closed`] once the session is closing, [`SendError::Full`] as [`Full`](crate::Full) has it,
    /// [`SendError::Frame`] when the message is too long or has the delimiter in it.
    pub fn send(&self, message: &[u8]) -> Result<(), SendError> {
        let shared = &self.0.shared;
        self.push(Buf::from(shared.framing.encode(message, shared.limits.message)?))
    }

    /// Sends a message that has been framed once for many; they share its memory. Otherwise as
    /// [`send`](Session::send).
    pub fn send_frame(&self, frame: &crate::Frame) -> Result<(), SendError> {
        self.push(Buf::from(frame.0.clone()))
    }

    /// Sends `head` and then `len` bytes of a file from `offset`, neither of them framed; with a `len` of 0 only the
    /// head. In order with what else is sent, and one message in the queue; there only the head counts for its bytes.
    /// The file's go from the page cache to the socket (`TransmitFile`), in segments of 256 KiB, and a peer has the
    /// time of a [slow reader](crate::Timeouts::slow_reader) for each.
    ///
    /// Blocks, and fails, as [`send`](Session::send) does; with [`SendError::Unsuited`] where a
    /// [layer](crate::Layer) would have to see the bytes. A file that is shorter than that, or can't be read, ends the
    /// session when it shows, as [`Reason::Failed`], with `END_OF_FILE` for the first.
    ///
    /// ```
    /// use std::io::Read;
    /// use proactor_server::{Framing, Handler, Server, Session};
    ///
    /// struct OneFile(proactor::File);
    /// impl Handler for OneFile {
    ///     type State = ();
    ///     fn connected(&self, session: &Session) {
    ///         let _ = session.send_file(b"12 bytes: ", &self.0, 3, 12);
    ///         session.close();
    ///     }
    ///     fn message(&self, _: &Session, _: &mut (), _: &[u8]) {}
    /// }
    ///
    /// # let path = std::env::temp_dir().join(format!("proactor-send-file-{}", std::process::id()));
    /// # std::fs::write(&path, "0123456789abcdef")?;
    /// let file = OneFile(proactor::File::open(&path)?);
    /// let server = Server::builder(Framing::raw()).listen("127.0.0.1:0", file)?;
    /// let mut got = String::new();
    /// std::net::TcpStream::connect(server.local_addr()?)?.read_to_string(&mut got)?;
    /// assert_eq!(got, "12 bytes: 3456789abcde");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send_file(&self, head: &[u8], file: &File, offset: u64, len: u64) -> Result<(), SendError> {
        self.push_file(head, file, offset, len)
    }

    /// Ends the session in good order: nothing more is accepted or handled, what is queued goes out, then the peer has
    /// [`Timeouts::linger`](crate::Timeouts::linger) to end its side. Does not wait for that. How long a peer may take
    /// to read what is queued is [`Timeouts::slow_reader`](crate::Timeouts::slow_reader).
    pub fn close(&self) {
        self.close_as(Reason::Closed);
    }

    /// Ends the session at once; what is queued is lost.
    pub fn abort(&self) {
        self.fail(Reason::Aborted);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session {}", self.0.id)
    }
}
