//! Local named pipes (`\\.\pipe\NAME`): instances that wait for clients of the same user, in any process.
//!
//! A connection is that of two Unix sockets; where they find each other is `object/named/pipe.rs`, what goes over
//! them `connection.rs`, and what an instance goes through `instance.rs`.

mod connection;
mod instance;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::*};
use std::time::{Duration, Instant};

use bitflags::bitflags;

use super::face::handle_methods;
use super::handle::{Class, Facts, Handle};
use super::started::{Refused, Started};
use crate::object::named::pipe::{Connection, Place, Shared, Slot};
use crate::op;
use crate::op::block::{Flags, Route};
use crate::op::sealed::Sealed;
use crate::status::Status;
use crate::sync::lock::Lock;
use connection::Conversation;

/// One end of a named pipe whose operations are overlapped: an instance of the server's, or a client.
///
/// An instance goes through states. It *listens* from its creation on, until a client opens the pipe; it is then
/// *connected* until [`disconnect`](Self::disconnect), and listens again when an [`op::Listen`] is started. Receives
/// and sends fail with `PIPE_LISTENING` in the first, `PIPE_DISCONNECTED` in the last.
///
/// When the other end is closed, or its process ends, what it sent before can still be received; then a receive fails
/// with `PIPE_BROKEN`, a send with `PIPE_CLOSING`. When the server disconnects, both fail with `PIPE_DISCONNECTED` at
/// the client, and what was not received is lost: [`flush`](Self::flush) first.
///
/// ```
/// use proactor::{NamedPipe, NamedPipeOptions, op};
///
/// # let name = format!("greetings-{}", std::process::id());
/// let server = NamedPipe::create(&name, &NamedPipeOptions::new().messages())?;
/// let listen = server.begin(op::Listen::new())?;
/// let client = NamedPipe::open(&name)?;
/// assert!(listen.wait().status().is_success());
///
/// let _ = client.begin(op::Send::new("hello"))?;
/// let _ = client.begin(op::Send::new("world"))?;
/// assert_eq!(server.begin(op::Recv::new(vec![0; 64]))?.wait().data(), b"hello");
/// # Ok::<(), proactor::Status>(())
/// ```
pub struct NamedPipe(pub(super) Arc<Handle>);

handle_methods!(
    NamedPipe,
    "# let name = format!(\"associated-{}\", std::process::id());
let handle = proactor::NamedPipe::create(&name, &proactor::NamedPipeOptions::new())?;"
);

bitflags! {
    /// How an end of a named pipe receives and waits (`SetNamedPipeHandleState`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct PipeModes: u8 {
        /// A receive takes one message, or as much of it as there is room for (`PIPE_READMODE_MESSAGE`). Without it
        /// messages have no borders for who receives.
        const MESSAGES = 1;
        /// No operation waits (`PIPE_NOWAIT`): a receive fails with `PIPE_EMPTY`, a listen with `PIPE_LISTENING`, and a
        /// send sends what there is room for; a message goes whole or not at all.
        const NO_WAIT = 2;
    }
}

/// What a named pipe is to be like (`CreateNamedPipe`).
#[derive(Clone, Debug)]
pub struct NamedPipeOptions {
    shared: Shared,
    modes: PipeModes,
    first: bool,
    synchronous: bool,
}

impl Default for NamedPipeOptions {
    fn default() -> NamedPipeOptions {
        NamedPipeOptions::new()
    }
}

impl NamedPipeOptions {
    /// Bytes both ways, and as many instances as anybody wants.
    pub fn new() -> NamedPipeOptions {
        let shared =
            Shared { inbound: true, outbound: true, timeout: Duration::from_millis(50), ..Shared::default() };
        NamedPipeOptions { shared, modes: PipeModes::empty(), first: false, synchronous: false }
    }

    /// What is sent at a time is one message (`PIPE_TYPE_MESSAGE`), and this end receives by messages.
    pub fn messages(mut self) -> NamedPipeOptions {
        self.shared.messages = true;
        self.modes |= PipeModes::MESSAGES;
        self
    }

    /// How this end receives and waits.
    pub fn modes(mut self, modes: PipeModes) -> NamedPipeOptions {
        self.modes = modes;
        self
    }

    /// Only clients send (`PIPE_ACCESS_INBOUND`).
    pub fn inbound(mut self) -> NamedPipeOptions {
        (self.shared.inbound, self.shared.outbound) = (true, false);
        self
    }

    /// Only the server sends (`PIPE_ACCESS_OUTBOUND`).
    pub fn outbound(mut self) -> NamedPipeOptions {
        (self.shared.inbound, self.shared.outbound) = (false, true);
        self
    }

    /// So many instances at most, 1 to 254; what the first of them says counts for all. Otherwise 16384.
    pub fn max_instances(mut self, most: u8) -> NamedPipeOptions {
        self.shared.most = Some(most);
        self
    }

    /// There must be no other instance (`FILE_FLAG_FIRST_PIPE_INSTANCE`).
    pub fn first_instance(mut self) -> NamedPipeOptions {
        self.first = true;
        self
    }

    /// This end is a synchronous file object, as [`OpenOptions::synchronous`](crate::OpenOptions::synchronous) has it.
    pub fn synchronous(mut self, synchronous: bool) -> NamedPipeOptions {
        self.synchronous = synchronous;
        self
    }

    /// How much the kernel should keep that was sent and not received yet, in bytes, for what the server sends and
    /// what it receives. A hint: it keeps some 64 KiB or more in any case.
    pub fn buffers(mut self, out: u32, inward: u32) -> NamedPipeOptions {
        (self.shared.out_size, self.shared.in_size) = (out, inward);
        self
    }

    /// How long [`wait_named_pipe`] waits unless told.
    pub fn default_timeout(mut self, timeout: Duration) -> NamedPipeOptions {
        self.shared.timeout = timeout;
        self
    }
}

/// What a pipe is, at either end (`GetNamedPipeInfo`, `GetNamedPipeHandleState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedPipeInfo {
    /// Whether this is the server's end.
    pub server: bool,
    /// Whether what is sent at a time is one message.
    pub messages: bool,
    /// How this end receives and waits.
    pub modes: PipeModes,
    /// The most instances, if that was limited.
    pub max_instances: Option<u8>,
    /// The sizes that were asked for what the server sends and receives, in bytes.
    pub buffers: (u32, u32),
}

/// What there is to receive (`PeekNamedPipe`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// Bytes that were copied.
    pub bytes: usize,
    /// Bytes there are to receive.
    pub available: usize,
    /// Bytes of the first message beyond those that were copied; 0 where there are no messages.
    pub left_of_message: usize,
}

/// What a handle that is an end of a named pipe has to itself.
pub(super) struct Named {
    place: Place,
    /// The instance; none of a client.
    slot: Option<Slot>,
    modes: AtomicU8,
    /// What it listens for or talks over. Changes under the handle's lock.
    now: Lock<Now>,
}

#[derive(Default)]
pub(super) struct Now {
    connection: Option<Connection>,
    conversation: Option<Arc<Conversation>>,
    left: bool,
}

impl Named {
    fn modes(&self) -> PipeModes {
        PipeModes::from_bits_truncate(self.modes.load(Relaxed))
    }

    fn conversation(&self) -> Option<Arc<Conversation>> {
        self.now.lock().conversation.clone()
    }

    /// The handle is closed: its instance is nobody's any more.
    pub(super) fn leave(&self) {
        let mut now = self.now.lock();
        if let Some(conversation) = now.conversation.take() {
            conversation.end();
        }
        if let (Some(slot), false) = (self.slot, std::mem::replace(&mut now.left, true)) {
            if let Some(connection) = now.connection.take() {
                self.place.unlisten(connection);
            }
            self.place.leave(slot);
        }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.leave();
    }
}

impl NamedPipe {
    /// Makes an instance of a pipe, which listens at once (`CreateNamedPipe`).
    ///
    /// A name has 1 to 247 UTF-16 units, in which case does not matter, and leads nowhere but into the directory of
    /// this user's named objects ([`set_namespace`](crate::object::set_namespace)).
    ///
    /// `OBJECT_NAME_INVALID` (empty, or with a NUL), `NAME_TOO_LONG`; `INVALID_PARAMETER` for no instances, or 255,
    /// or receiving by messages what is none; `ACCESS_DENIED` when there are instances of other options, or any and it
    /// was to be the first; `INSTANCE_NOT_AVAILABLE` when there are as many as there may be; what using the directory
    /// fails with. Waits for others that make or close instances of this pipe just now.
    pub fn create(name: &str, options: &NamedPipeOptions) -> Result<NamedPipe, Status> {
        let NamedPipeOptions { shared, modes, first, synchronous } = options;
        if matches!(shared.most, Some(0 | 255)) || modes.contains(PipeModes::MESSAGES) && !shared.messages {
            return Err(Status::INVALID_PARAMETER);
        }
        let (place, slot) = Place::create(name, shared, *first)?;
        let mut facts = Facts::LISTENING;
        facts.set(Facts::READABLE, place.shared.inbound);
        facts.set(Facts::WRITABLE, place.shared.outbound);
        facts.set(Facts::SYNCHRONOUS, *synchronous);
        let (socket, connection) = match place.listen(slot) {
            Ok(listening) => listening,
            Err(status) => {
                place.leave(slot);
                return Err(status);
            }
        };
        let now = Now { connection: Some(connection), ..Now::default() };
        let handle = Handle::new(Class::NamedPipe, socket, facts);
        handle.set_named(Box::new(Named {
            place,
            slot: Some(slot),
            modes: AtomicU8::new(modes.bits()),
            now: Lock::new(now),
        }));
        Ok(NamedPipe(handle))
    }

    /// Opens a pipe as a client that sends and receives, as far as the pipe allows either (`CreateFile`).
    ///
    /// `OBJECT_NAME_NOT_FOUND` when nobody has made it; `PIPE_NOT_AVAILABLE` when no instance listens, for which
    /// [`wait_named_pipe`] waits; what a name is refused with. A client receives by bytes until
    /// [`set_pipe_modes`](Self::set_pipe_modes).
    pub fn open(name: &str) -> Result<NamedPipe, Status> {
        let place = Place::find(name)?;
        let (read, write) = (place.shared.outbound, place.shared.inbound);
        NamedPipe::over(place, read, write, false)
    }

    /// The same for a client that says what it wants, and whether it is to be a synchronous file object. Also fails with `ACCESS_DENIED` when the pipe does not go that
    /// way.
    pub fn open_for(name: &str, read: bool, write: bool, synchronous: bool) -> Result<NamedPipe, Status> {
        let place = Place::find(name)?;
        if read && !place.shared.outbound || write && !place.shared.inbound {
            return Err(Status::ACCESS_DENIED);
        }
        NamedPipe::over(place, read, write, synchronous)
    }

    fn over(place: Place, read: bool, write: bool, synchronous: bool) -> Result<NamedPipe, Status> {
        let (socket, connection) = place.connect()?;
        let mut facts = Facts::CONNECTED;
        facts.set(Facts::READABLE, read);
        facts.set(Facts::WRITABLE, write);
        facts.set(Facts::SYNCHRONOUS, synchronous);
        connection::make_room(&socket, place.shared.in_size);
        let handle = Handle::new(Class::NamedPipe, socket, facts);
        let conversation = Conversation::new(handle.fd()?, place.shared.messages);
        let now =
            Now { connection: Some(connection), conversation: Some(Arc::new(conversation)), left: false };
        handle.set_named(Box::new(Named { place, slot: None, modes: AtomicU8::new(0), now: Lock::new(now) }));
        Ok(NamedPipe(handle))
    }

    /// Whether it is a synchronous file object.
    pub fn is_synchronous(&self) -> bool {
        self.0.is_synchronous()
    }

    fn named(&self) -> &Named {
        match self.0.named() {
            Some(named) => named,
            None => unreachable!("it was made with it"),
        }
    }

    /// Waits for a client (`ConnectNamedPipe`); the packet says that there is one (S025). Of an instance that was
    /// disconnected: has it listen again.
    ///
    /// `PIPE_CONNECTED` when there is a client already, `PIPE_CLOSING` when that has gone again;
    /// `INVALID_DEVICE_REQUEST` of a client. The packet says `PIPE_DISCONNECTED` when [`disconnect`](Self::disconnect)
    /// came first.
    pub fn listen(&self, listen: op::Listen) -> Result<Started<op::Listen>, Refused<op::Listen>> {
        self.0.start(listen)
    }

    /// Receives (`ReadFile`). By messages: one at a time; of one that is longer than the buffer, what there is room
    /// for, with `BUFFER_OVERFLOW`, a warning, and the next receive goes on with it. By bytes: what there is. A
    /// zero-byte receive waits until there is something, and takes none (S308).
    ///
    /// `ACCESS_DENIED` when the pipe does not go that way; `NOT_SUPPORTED` of a peek, which is
    /// [`peek`](Self::peek), and of one that is to fill its buffer.
    pub fn recv(&self, recv: op::Recv) -> Result<Started<op::Recv>, Refused<op::Recv>> {
        self.0.start(recv)
    }

    /// Sends (`WriteFile`), and completes with the whole count. On a pipe of messages it is one, which may be empty.
    /// One that is cancelled when a part of it has gone breaks the connection with the next, for nobody could tell
    /// where that begins; it takes a message of more than 16 KiB for that.
    ///
    /// `ACCESS_DENIED` when the pipe does not go that way.
    pub fn send(&self, send: op::Send) -> Result<Started<op::Send>, Refused<op::Send>> {
        self.0.start(send)
    }

    /// Sends a message to which the next receive is to be the answer: with that receive started right behind it, this is
    /// `TransactNamedPipe`. How the send ends nobody is told; if it fails so does the receive. Does not block.
    ///
    /// `INVALID_PIPE_STATE` where there are no messages, `INVALID_READ_MODE` when this end does not receive by them,
    /// `PIPE_BUSY` when something else can be received first; else as a send that fails at once.
    ///
    /// ```
    /// # let name = format!("ask-{}", std::process::id());
    /// use proactor::{NamedPipe, NamedPipeOptions, PipeModes, op};
    ///
    /// let server = NamedPipe::create(&name, &NamedPipeOptions::new().messages())?;
    /// let client = NamedPipe::open(&name)?;
    /// client.set_pipe_modes(PipeModes::MESSAGES)?;
    /// client.ask("how much?")?;
    /// let answer = client.begin(op::Recv::new(vec![0; 16]))?;
    /// let question = server.begin(op::Recv::new(vec![0; 16]))?.wait();
    /// assert_eq!(question.data(), b"how much?");
    /// let _ = server.begin(op::Send::new("42"))?;
    /// assert_eq!(answer.wait().data(), b"42");
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn ask(&self, question: impl Into<op::Buf>) -> Result<(), Status> {
        if !self.named().place.shared.messages {
            return Err(Status::INVALID_PIPE_STATE);
        }
        if !self.named().modes().contains(PipeModes::MESSAGES) {
            return Err(Status::INVALID_READ_MODE);
        }
        let nothing = self.peek(&mut [])?;
        if nothing.available > 0 {
            return Err(Status::PIPE_BUSY);
        }
        let mut block = op::Send::new(question).into_block();
        if self.is_synchronous() {
            // The receive that follows has the turn.
            block.flags |= Flags::IN_TURN;
        }
        match self.0.begin(block, Route::Nobody) {
            Ok(_) => Ok(()),
            Err((status, _)) => Err(status),
        }
    }

    /// Completes when the other end has received all that was sent before, or is closed (`FlushFileBuffers`).
    pub fn flush(&self, flush: op::Flush) -> Result<Started<op::Flush>, Refused<op::Flush>> {
        self.0.start(flush)
    }

    /// Ends the connection with this client, or the wait for one (`DisconnectNamedPipe`): what was sent either way and
    /// not received is lost, and what is under way ends with `PIPE_DISCONNECTED`. Does not block.
    ///
    /// `PIPE_DISCONNECTED` when it is already; `INVALID_DEVICE_REQUEST` of a client.
    pub fn disconnect(&self) -> Result<(), Status> {
        self.0.disconnect_pipe(self.named())
    }

    /// Copies what there is to receive, and leaves it there (`PeekNamedPipe`). Does not block.
    ///
    /// `INVALID_PIPE_STATE` of an instance that listens; when the other end has gone and nothing is left, and
    /// otherwise, as a receive.
    pub fn peek(&self, into: &mut [u8]) -> Result<Peeked, Status> {
        self.0.peek_pipe(self.named(), into)
    }

    /// Says how this end receives and waits from now on (`SetNamedPipeHandleState`). `INVALID_PARAMETER` for messages
    /// where there are none.
    pub fn set_pipe_modes(&self, modes: PipeModes) -> Result<(), Status> {
        if modes.contains(PipeModes::MESSAGES) && !self.named().place.shared.messages {
            return Err(Status::INVALID_PARAMETER);
        }
        self.named().modes.store(modes.bits(), Relaxed);
        Ok(())
    }

    /// What the pipe is.
    pub fn info(&self) -> NamedPipeInfo {
        let Named { place, slot, .. } = self.named();
        let Shared { messages, most, out_size, in_size, .. } = place.shared;
        let modes = self.named().modes();
        NamedPipeInfo {
            server: slot.is_some(),
            messages,
            modes,
            max_instances: most,
            buffers: (out_size, in_size),
        }
    }

    /// How many instances the pipe has now, in all processes.
    pub fn instances(&self) -> Result<u32, Status> {
        self.named().place.instances(self.named().slot)
    }

    /// The process at the other end, or that was when it was connected (`GetNamedPipeClientProcessId`,
    /// `GetNamedPipeServerProcessId`). As a receive when there is none; `NOT_FOUND` when this process can't see it.
    pub fn peer_process(&self) -> Result<u32, Status> {
        self.0.peer_of_pipe(self.named())
    }
}

/// Waits until an instance of a pipe can be opened (`WaitNamedPipe`), or for as long as its server has said, if `timeout`
/// is `None`. Another client may still be first. Blocks; a worker's seat is given to another meanwhile.
///
/// `OBJECT_NAME_NOT_FOUND` when there is no such pipe, or no more; `IO_TIMEOUT`; what a name is refused with.
pub fn wait_named_pipe(name: &str, timeout: Option<Duration>) -> Result<(), Status> {
    let place = Place::find(name)?;
    place.wait(Instant::now().checked_add(timeout.unwrap_or(place.shared.timeout)))
}

impl fmt::Debug for NamedPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.named().slot.is_some() { "server" } else { "client" };
        write!(f, "NamedPipe({end}, {} pending)", self.pending())
    }
}
