//! What an end of a named pipe goes through: an instance listens, is connected, is disconnected, and listens again.
//!
//! A client is connected from the moment when it opens the pipe; the instance learns that whenever it is asked for
//! something. It has another descriptor in each state, and never more than one connection waits for it.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

use rustix::net::Shutdown;

use super::connection::{Conversation, make_room};
use super::{Named, Now, Peeked, PipeModes};
use crate::driver::socket;
use crate::io::direction::Side;
use crate::io::handle::{Class, Facts, Handle};
use crate::io::perform::{Step, perform};
use crate::io::state::State;
use crate::object::named::pipe;
use crate::op::block::{Block, Flags, Kind};
use crate::status::Status;

impl Handle {
    pub(in crate::io) fn named(&self) -> Option<&Named> {
        self.extra()?.named.as_deref()
    }

    /// One attempt at an operation, on this descriptor.
    pub(in crate::io) fn try_once(&self, fd: &OwnedFd, block: &mut Block, facts: Facts) -> Step {
        let Some(named) = self.named() else { return perform(fd, self.class, block, facts) };
        let conversation = named.conversation();
        if block.kind == Kind::Listen {
            return match conversation {
                // Somebody else has found the client.
                Some(_) => Step::done(Status::SUCCESS),
                None if socket::is_readable(fd.as_fd()) => Step::done(Status::SUCCESS),
                None if named.modes().contains(PipeModes::NO_WAIT) => Step::done(Status::PIPE_LISTENING),
                None => Step::Wait,
            };
        }
        // It may have been disconnected since, and even be connected to the next client.
        match conversation.filter(|conversation| conversation.fd.as_raw_fd() == fd.as_raw_fd()) {
            Some(conversation) => conversation.perform(named, block),
            None => Step::done(Status::PIPE_DISCONNECTED),
        }
    }

    /// An operation is to be started: finds the client that has come, or has the instance listen again.
    pub(in crate::io) fn prepare(&self, state: &mut State, block: &Block) -> Result<(), Status> {
        let Some(named) = self.named().filter(|named| named.slot.is_some()) else { return Ok(()) };
        if state.fd.is_none() || state.facts.contains(Facts::CONNECTED) {
            return Ok(());
        }
        if state.facts.contains(Facts::LISTENING) {
            return match self.take_client(state) {
                Status::SUCCESS | Status::PIPE_LISTENING => Ok(()),
                status => Err(status),
            };
        }
        if block.kind == Kind::Listen
            && let Some(slot) = named.slot
        {
            let (fd, connection) = named.place.listen(slot)?;
            if let Err(status) = self.install(state, fd, Facts::LISTENING) {
                named.place.unlisten(connection);
                return Err(status);
            }
            named.now.lock().connection = Some(connection);
        }
        Ok(())
    }

    /// Whether an operation may be started in the state the pipe is in.
    pub(in crate::io) fn pipe_allows(&self, state: &State, block: &Block) -> Result<(), Status> {
        let Some(named) = self.named() else { return Err(Status::INVALID_PARAMETER) };
        let facts = state.facts;
        let needs = match block.kind {
            Kind::Listen if named.slot.is_none() => return Err(Status::INVALID_DEVICE_REQUEST),
            Kind::Listen if facts.contains(Facts::CONNECTED) => {
                let gone = state.fd.as_ref().is_some_and(|fd| socket::has_ended(fd.as_fd()));
                return Err(if gone { Status::PIPE_CLOSING } else { Status::PIPE_CONNECTED });
            }
            Kind::Listen => return Ok(()),
            Kind::Recv => Facts::READABLE,
            Kind::Send | Kind::Flush => Facts::WRITABLE,
            _ => return Err(Status::INVALID_PARAMETER),
        };
        if !self.nature.contains(needs) {
            return Err(Status::ACCESS_DENIED);
        }
        if block.flags.intersects(Flags::PEEK | Flags::WAIT_ALL) {
            return Err(Status::NOT_SUPPORTED);
        }
        if facts.contains(Facts::CONNECTED) {
            Ok(())
        } else if facts.contains(Facts::LISTENING) {
            Err(Status::PIPE_LISTENING)
        } else {
            Err(Status::PIPE_DISCONNECTED)
        }
    }

    /// Connects an instance that listens to the client that waits for it. `PIPE_LISTENING` when none does.
    pub(in crate::io) fn take_client(&self, state: &mut State) -> Status {
        match self.try_take_client(state) {
            Ok(()) => Status::SUCCESS,
            Err(status) => status,
        }
    }

    fn try_take_client(&self, state: &mut State) -> Result<(), Status> {
        let named = self.named().ok_or(Status::INVALID_PARAMETER)?;
        if state.facts.contains(Facts::CONNECTED) {
            return Ok(());
        }
        let fd = state.fd.as_ref().ok_or(Status::INVALID_HANDLE)?;
        if !state.facts.contains(Facts::LISTENING) {
            return Err(Status::PIPE_DISCONNECTED);
        }
        if !socket::is_readable(fd.as_fd()) {
            return Err(Status::PIPE_LISTENING);
        }
        // No other client may come when this one has left the queue.
        rustix::net::shutdown(&**fd, Shutdown::Read)?;
        let (accepted, _) = socket::accept(fd.as_fd())?;
        make_room(&accepted, named.place.shared.out_size);
        self.install(state, accepted, Facts::CONNECTED)?;
        let fd = state.fd.clone().ok_or(Status::INVALID_HANDLE)?;
        let mut now = named.now.lock();
        if let Some(connection) = now.connection {
            named.place.unlisten(connection);
        }
        now.conversation = Some(Arc::new(Conversation::new(fd, named.place.shared.messages)));
        Ok(())
    }

    /// How an operation ends that is cut off while it is performed.
    pub(in crate::io) fn cut_status(&self, state: &State) -> Status {
        let off = !state.facts.intersects(Facts::CONNECTED | Facts::LISTENING);
        if self.class == Class::NamedPipe && off { Status::PIPE_DISCONNECTED } else { Status::CANCELLED }
    }

    pub(super) fn disconnect_pipe(self: &Arc<Self>, named: &Named) -> Result<(), Status> {
        if named.slot.is_none() {
            return Err(Status::INVALID_DEVICE_REQUEST);
        }
        {
            let mut state = self.state.lock();
            if state.fd.is_none() {
                return Err(Status::INVALID_HANDLE);
            }
            if !state.facts.intersects(Facts::CONNECTED | Facts::LISTENING) {
                return Err(Status::PIPE_DISCONNECTED);
            }
            let fresh = pipe::socket()?;
            let Now { connection, conversation, .. } = std::mem::take(&mut *named.now.lock());
            if let Some(connection) = connection {
                named.place.unlisten(connection);
                // Before its end shows.
                named.place.note_disconnect(connection)?;
            }
            if let Some(conversation) = conversation {
                conversation.end();
            }
            self.install(&mut state, fresh, Facts::empty())?;
        }
        let mut cut = Vec::new();
        self.take_where(|_| true, &mut cut);
        for block in cut {
            self.complete_for_owner(block, Status::PIPE_DISCONNECTED);
        }
        self.run(Side::Rx, None);
        self.run(Side::Tx, None);
        Ok(())
    }

    pub(super) fn peek_pipe(&self, named: &Named, into: &mut [u8]) -> Result<Peeked, Status> {
        self.connected_pipe(named, Facts::READABLE, Status::INVALID_PIPE_STATE)?.peek(named, into)
    }

    pub(super) fn peer_of_pipe(&self, named: &Named) -> Result<u32, Status> {
        let conversation = self.connected_pipe(named, Facts::empty(), Status::PIPE_LISTENING)?;
        socket::peer(conversation.fd.as_fd())?.process.ok_or(Status::NOT_FOUND)
    }

    fn connected_pipe(
        &self,
        named: &Named,
        needs: Facts,
        listening: Status,
    ) -> Result<Arc<Conversation>, Status> {
        if !self.nature.contains(needs) {
            return Err(Status::ACCESS_DENIED);
        }
        let mut state = self.state.lock();
        match self.take_client(&mut state) {
            Status::PIPE_LISTENING => return Err(listening),
            status if status.is_success() => {}
            status => return Err(status),
        }
        named.conversation().ok_or(Status::PIPE_DISCONNECTED)
    }
}
