//! Where an accepted connection goes: into a new socket or one that the caller brought, and, if the accept asked
//! for it, through its first receive.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::direction::Side;
use super::handle::{Class, Facts, Handle};
use super::run::{Begun, Refusal};
use crate::op::Address;
use crate::op::block::{Block, Flags};
use crate::op::slab::Irp;
use crate::status::Status;

/// Makes the descriptor the socket of the accept.
pub(super) fn place(fd: OwnedFd, block: &mut Block) -> Result<Arc<Handle>, Status> {
    let mut facts = Facts::BOUND | Facts::CONNECTED;
    facts.set(Facts::INTERNET, matches!(block.address(), Some(Address::Ip(_))));
    let brought = block.seldom_mut().other.take().and_then(|other| other.downcast::<Handle>().ok());
    let brought = brought.filter(|_| block.flags.contains(Flags::BROUGHT));
    let handle = match brought {
        None => Handle::new(Class::Stream, fd, facts),
        Some(handle) => {
            // Also when it fails: its engagement ends with the accept.
            block.seldom_mut().other = Some(handle.clone());
            let mut state = handle.state.lock();
            if state.fd.is_none() {
                return Err(Status::CANCELLED);
            }
            handle.install(&mut state, fd, facts)?;
            drop(state);
            handle
        }
    };
    block.seldom_mut().other = Some(handle.clone());
    Ok(handle)
}

impl Handle {
    /// The accept goes on as the first receive of the connection it took, in whose queue it is already; it still
    /// belongs to the listening socket, whose port and key its packet has (S015, S363).
    pub(super) fn go_on(self: &Arc<Self>) {
        // The packet is the listener's: the workers of this one's port may never come, and it may be closed.
        let watched = self.ensure_watched(&mut self.state.lock(), true);
        if watched.is_err() {
            self.cancel_where(|_| true);
        } else {
            self.run(Side::Rx, None);
        }
    }

    /// The accept of the handle at `adopter` goes on here.
    pub(super) fn adopt(&self, adopter: usize, block: Irp) {
        let mut state = self.state.lock();
        state.seldom_mut().adopter = adopter;
        state.push_back(Side::Rx, block);
    }

    /// An accept is over. If it failed, the socket it was given is as it was before, and a connection whose first
    /// data never came is not handed out.
    pub(super) fn disengage_accepted(&self, block: &mut Block, status: Status) {
        let brought = block.flags.contains(Flags::BROUGHT);
        if status.is_success() && !brought {
            return;
        }
        let other = block.seldom_mut().other.take().and_then(|other| other.downcast::<Handle>().ok());
        let Some(socket) = other.filter(|_| brought) else { return };
        // What its first receive needed.
        socket.unwatch_if_unneeded();
        {
            let mut state = socket.state.lock();
            state.facts -= Facts::ENGAGED;
            state.disengaged();
            if !status.is_success() && state.facts.contains(Facts::CONNECTED) {
                let renewed = socket.renew(&mut state, Facts::empty());
                debug_assert!(renewed.is_success() || state.fd.is_none() || renewed.is_shortage());
            }
        }
        block.seldom_mut().other = Some(socket);
    }

    /// Starts an accept into a socket of the caller's.
    pub(super) fn begin_brought(self: &Arc<Self>, mut block: Irp) -> Result<Begun, Refusal> {
        let socket = match self.engage(&mut block) {
            Ok(socket) => socket,
            Err(status) => return Err((status, block)),
        };
        let id = block.id;
        let begun = self.begin_stream(block).map_err(|(status, mut block)| {
            self.disengage_accepted(&mut block, status);
            (status, block)
        });
        if socket.is_closed() {
            // Who closed it may not have found the accept yet (S119).
            self.cancel_where(|tag| tag.id == id);
        }
        begun
    }

    /// Marks the socket that an accept brings as engaged (S353, S354). Never with the lock of the listening one,
    /// for that may at the same time be brought to an accept of the other.
    fn engage(self: &Arc<Self>, block: &mut Block) -> Result<Arc<Handle>, Status> {
        let other = block.seldom_mut().other.clone().and_then(|other| other.downcast::<Handle>().ok());
        let socket = other.ok_or(Status::INVALID_PARAMETER)?;
        if socket.class != Class::Stream {
            return Err(Status::INVALID_PARAMETER);
        }
        block.id = self.state.lock().name();
        let mut state = socket.state.lock();
        if state.fd.is_none() {
            return Err(Status::INVALID_HANDLE);
        }
        if state.facts.intersects(Facts::BOUND | Facts::LISTENING | Facts::CONNECTED | Facts::ENGAGED) {
            return Err(Status::INVALID_PARAMETER);
        }
        state.facts |= Facts::ENGAGED;
        state.seldom_mut().engaged_by = Some((Arc::downgrade(self), block.id));
        drop(state);
        Ok(socket)
    }
}
