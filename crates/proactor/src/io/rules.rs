//! When a socket may do what, and what it learns from how an operation ended.
//!
//! The kernel's socket keeps most of these rules; what is checked here is where NT answers otherwise than Linux,
//! or where Linux forgets (a reset is told once).

use super::direction::Side;
use super::handle::{Class, Facts, Handle};
use super::perform::{ASKED, Done, PEER_CLOSED, SHUT};
use super::since::Since;
use super::state::State;
use crate::driver::descriptor::Descriptor;
use crate::op::block::{Block, Flags, Kind};
use crate::service::service;
use crate::status::Status;

impl Handle {
    /// Whether the operation may be started at all. An engaged socket is marked so here.
    pub(super) fn allowed(&self, state: &mut State, block: &Block) -> Result<(), Status> {
        let facts = state.facts;
        let stream = self.class == Class::Stream;
        match block.kind {
            _ if !self.is_polled() => Err(Status::OBJECT_TYPE_MISMATCH),
            _ if self.class == Class::NamedPipe => self.pipe_allows(state, block),
            // What a Unix socket brings beside a datagram are descriptors, which nobody here would own.
            _ if block.control().is_some() && !facts.contains(Facts::INTERNET) => Err(Status::NOT_SUPPORTED),
            Kind::Recv if stream => {
                connected(state)?;
                if facts.contains(Facts::RECV_SHUT) { Err(Status::PIPE_DISCONNECTED) } else { Ok(()) }
            }
            Kind::Send if stream => {
                connected(state)?;
                // A disconnect for reuse ends sending as well (S374).
                if facts.intersects(Facts::SEND_SHUT | Facts::LEAVING) {
                    Err(Status::PIPE_DISCONNECTED)
                } else {
                    Ok(())
                }
            }
            Kind::Transmit if self.class == Class::Pipe => Err(Status::NOT_SUPPORTED),
            // S384
            Kind::Transmit if !stream => Err(Status::CONNECTION_INVALID),
            Kind::Transmit => {
                connected(state)?;
                if facts.intersects(Facts::SEND_SHUT | Facts::LEAVING) {
                    return Err(Status::PIPE_DISCONNECTED);
                }
                let leaves = block.flags.contains(Flags::REUSE);
                // Another that waits for the peer's end goes on waiting.
                state.facts.set(Facts::LEAVING, leaves || facts.contains(Facts::LEAVING));
                Ok(())
            }
            Kind::Recv | Kind::Send if self.class == Class::Pipe => end_is_for(facts, block),
            Kind::Recv | Kind::RecvFrom if self.class == Class::Datagram => {
                // S350: nothing can come to a socket that has no address.
                if !facts.contains(Facts::BOUND) {
                    Err(Status::INVALID_PARAMETER)
                } else if facts.contains(Facts::RECV_SHUT) {
                    Err(Status::PIPE_DISCONNECTED)
                } else {
                    Ok(())
                }
            }
            Kind::Send | Kind::SendTo if self.class == Class::Datagram => {
                if facts.contains(Facts::SEND_SHUT) {
                    return Err(Status::PIPE_DISCONNECTED);
                }
                // S347: the kernel binds it now.
                state.facts.set(Facts::BOUND, facts.contains(Facts::BOUND) || block.kind == Kind::SendTo);
                Ok(())
            }
            // The service resumes an accept that had to pause; once descriptors run out it could not be started.
            Kind::Accept if facts.contains(Facts::LISTENING) => service().map(|_| ()),
            Kind::Connect if stream => {
                // S374: also of a socket that was accepted, and never bound by anyone.
                if facts.contains(Facts::CONNECTED) {
                    return Err(Status::CONNECTION_ACTIVE);
                }
                let can_be = facts.intersects(Facts::BOUND | Facts::REUSED);
                if facts.intersects(Facts::LISTENING | Facts::ENGAGED) || !can_be {
                    return Err(Status::INVALID_PARAMETER);
                }
                state.facts |= Facts::ENGAGED;
                Ok(())
            }
            Kind::Disconnect if stream && facts.contains(Facts::LISTENING) => Err(Status::CONNECTION_INVALID),
            Kind::Disconnect if stream => {
                connected(state)?;
                let leaves = block.flags.contains(Flags::REUSE);
                // Another that waits for the peer's end goes on waiting.
                state.facts.set(Facts::LEAVING, leaves || facts.contains(Facts::LEAVING));
                Ok(())
            }
            _ => Err(Status::INVALID_PARAMETER),
        }
    }

    /// Whether it can't be told yet how the operation ended: a receive that seems to have met a graceful end
    /// while a send is being performed, which may be the one that the kernel tells of a reset. The receive is
    /// tried again when that one is through; a transmit may be at a slow disk until then.
    pub(super) fn is_unsure(&self, state: &State, block: &Block, done: &Done) -> bool {
        self.class == Class::Stream
            && block.kind == Kind::Recv
            && matches!(done, Done::Status(Status::SUCCESS))
            && block.bytes == 0
            && block.bufs.len() > 0
            && state.tx.performs()
    }

    /// What an end says about the socket; and what a socket that was reset makes of an end.
    pub(super) fn learn(&self, state: &mut State, block: &mut Block, done: Done, closed: bool) -> Done {
        let Done::Status(status) = done else { return done };
        match (block.kind, status) {
            (Kind::Recv | Kind::Send | Kind::Transmit, status)
                if self.class == Class::Stream && breaks(status) && block.stage != PEER_CLOSED =>
            {
                state.broken = Some(status);
            }
            // The kernel tells of a failure once and then pretends a graceful end.
            (Kind::Recv, Status::SUCCESS) if block.bytes == 0 && state.broken.is_some() => {
                return Done::Status(state.broken.unwrap_or(Status::CONNECTION_RESET));
            }
            (Kind::Connect, Status::SUCCESS) => {
                state.facts |= Facts::CONNECTED;
                state.connected = Since::now();
                state.facts -= Facts::SEND_SHUT | Facts::RECV_SHUT;
                state.broken = None;
                // An unconnected socket seems to have ended.
                state.rx.ended = false;
                state.rx.ready = true;
            }
            // It met the end that this side has made.
            (Kind::Recv | Kind::Send, Status::PIPE_BROKEN | Status::PIPE_CLOSING)
                if !closed && self.cut_status(state) == Status::PIPE_DISCONNECTED =>
            {
                return Done::Status(Status::PIPE_DISCONNECTED);
            }
            (Kind::Listen, Status::SUCCESS) if !closed => return Done::Status(self.take_client(state)),
            (Kind::Disconnect, Status::SUCCESS) => {
                state.facts |= Facts::SEND_SHUT;
                if block.flags.contains(Flags::REUSE) && !closed {
                    return Done::Status(self.renew(state, Facts::REUSED));
                }
            }
            (Kind::Transmit, Status::SUCCESS) if block.stage == SHUT => {
                state.facts |= Facts::SEND_SHUT;
                if block.flags.contains(Flags::REUSE) && !closed {
                    // S378: what it was bound to is forgotten, so it can't be connected.
                    return Done::Status(self.renew(state, Facts::empty()));
                }
            }
            _ => {}
        }
        done
    }

    /// How an operation ends when its handle is closed under it.
    pub(super) fn closing_status(&self, block: &Block) -> Status {
        match (self.class, block.kind) {
            // S118
            (Class::Stream, Kind::Recv | Kind::Send | Kind::Transmit) => Status::CONNECTION_ABORTED,
            // S119: it had its connection, and waited for the first data.
            (Class::Stream, Kind::Accept) if !self.is_owner(block) => Status::CONNECTION_ABORTED,
            // S120
            (Class::Pipe | Class::NamedPipe, _) => Status::PIPE_BROKEN,
            _ => Status::CANCELLED,
        }
    }

    /// A connect, or an accept into a socket that was brought, is over: the socket is no longer engaged.
    pub(super) fn disengage(&self, block: &mut Block, status: Status) {
        match block.kind {
            Kind::Connect => {
                let mut state = self.state.lock();
                state.facts -= Facts::ENGAGED;
                if !status.is_success() && block.flags.contains(Flags::BACKGROUND) {
                    state.seldom_mut().connect_error = Some(status);
                }
                if status == Status::CANCELLED
                    && block.stage == ASKED
                    && let Some(fd) = &state.fd
                {
                    // The kernel would go on trying. A socket that can't be told to stop is still good to close.
                    let _ = rustix::net::connect_unspec(fd);
                }
            }
            Kind::Disconnect | Kind::Transmit if !status.is_success() => {
                let mut state = self.state.lock();
                if block.flags.contains(Flags::REUSE) && !state.tx.leaves() {
                    state.facts -= Facts::LEAVING;
                }
                if block.stage == SHUT {
                    state.facts |= Facts::SEND_SHUT;
                }
            }
            Kind::Accept => self.disengage_accepted(block, status),
            _ => {}
        }
    }

    /// A socket that was disconnected for reuse gets a fresh descriptor; its handle, key and port stay (S377).
    pub(super) fn renew(&self, state: &mut State, facts: Facts) -> Status {
        let fresh = state.fd.as_ref().ok_or(Status::INVALID_HANDLE).and_then(|old| super::socket::alike(old));
        match fresh.and_then(|fd| self.install(state, fd, facts)) {
            Ok(()) => Status::SUCCESS,
            Err(status) => status,
        }
    }

    /// Shuts sending once nothing waits to be sent any more, if that is due.
    pub(super) fn end_if_due(&self, state: &mut State) {
        let idle = state.tx.is_empty() && !state.tx.performs();
        if idle && state.facts.contains(Facts::END_DUE) {
            state.facts -= Facts::END_DUE;
            if let Some(fd) = &state.fd {
                // It fails only where there is no connection any more, and then there is nothing to end.
                let _ = rustix::net::shutdown(fd, rustix::net::Shutdown::Write);
            }
        }
    }

    /// Puts another descriptor behind the handle.
    pub(super) fn install(
        &self,
        state: &mut State,
        fd: std::os::fd::OwnedFd,
        facts: Facts,
    ) -> Result<(), Status> {
        use std::os::fd::AsFd;
        if let Some(link) = self.link.get() {
            link.sink.watch(fd.as_fd(), link.token)?;
        }
        if let Some(token) = state.watched_by_service() {
            service()?.watch(fd.as_fd(), token)?;
        }
        state.fd = Some(Descriptor::new(fd));
        state.facts = facts;
        state.connected = Since::now_if(facts.contains(Facts::CONNECTED));
        debug_assert!(!state.is_held(), "the old descriptor is still needed");
        state.drop_zero();
        state.broken = None;
        for side in [Side::Rx, Side::Tx] {
            let direction = state.side(side);
            direction.ended = false;
            direction.ready = true;
        }
        Ok(())
    }
}

/// Each end of a pipe is for one direction, and none lets its data be looked at only.
fn end_is_for(facts: Facts, block: &Block) -> Result<(), Status> {
    let shut = if block.kind == Kind::Recv { Facts::RECV_SHUT } else { Facts::SEND_SHUT };
    if facts.contains(shut) {
        Err(Status::ACCESS_DENIED)
    } else if block.flags.contains(Flags::PEEK) {
        Err(Status::NOT_SUPPORTED)
    } else {
        Ok(())
    }
}

fn connected(state: &State) -> Result<(), Status> {
    match state.broken {
        // S340
        Some(status) => Err(status),
        None if state.facts.contains(Facts::CONNECTED) => Ok(()),
        // S342, S373
        None => Err(Status::CONNECTION_INVALID),
    }
}

/// Whether a connection on which an operation ended this way is over.
fn breaks(status: Status) -> bool {
    matches!(
        status,
        Status::CONNECTION_RESET
            | Status::CONNECTION_ABORTED
            | Status::IO_TIMEOUT
            | Status::HOST_UNREACHABLE
            | Status::NETWORK_UNREACHABLE
    )
}
