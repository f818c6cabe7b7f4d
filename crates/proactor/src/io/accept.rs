//! Where an accepted connection goes: into a new socket or one that the caller brought, and, if the accept asked
//! for it, through its first receive.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::direction::Side;
use super::handle::{Class, Facts, Handle};
use crate::op::block::{Block, Flags};
use crate::status::Status;

/// Makes the descriptor the socket of the accept.
pub(super) fn place(fd: OwnedFd, block: &mut Block) -> Result<Arc<Handle>, Status> {
    let facts = Facts::BOUND | Facts::CONNECTED;
    let brought = block.other.take().and_then(|other| other.downcast::<Handle>().ok());
    let brought = brought.filter(|_| block.flags.contains(Flags::BROUGHT));
    let handle = match brought {
        None => Handle::new(Class::Stream, fd, facts),
        Some(handle) => {
            let mut state = handle.state.lock();
            if state.fd.is_none() {
                return Err(Status::CANCELLED);
            }
            handle.install(&mut state, fd, facts)?;
            drop(state);
            handle
        }
    };
    block.other = Some(handle.clone());
    Ok(handle)
}

impl Handle {
    /// The accept goes on as the first receive of the connection it took; it still belongs to the listening
    /// socket, whose port and key its packet has (S015, S363).
    pub(super) fn adopt(self: &Arc<Self>, child: Arc<Handle>, block: Box<Block>) {
        {
            let mut state = self.state.lock();
            if state.fd.is_some() {
                state.children.push(child.clone());
            }
        }
        let waits = {
            let mut state = child.state.lock();
            state.rx.push_back(block);
            child.ensure_watched(&mut state)
        };
        if waits.is_err() {
            child.cancel_where(|_| true);
            return;
        }
        child.run(Side::Rx, None);
        if self.is_closed() {
            // It was closed before the child was known.
            child.cancel_where(|_| true);
        }
    }

    /// An accept is over. If it failed, the socket it was given is as it was before, and a connection whose first
    /// data never came is not handed out.
    pub(super) fn disengage_accepted(&self, block: &mut Block, status: Status) {
        let brought = block.flags.contains(Flags::BROUGHT);
        if status.is_success() && !brought {
            return;
        }
        let other = block.other.take().and_then(|other| other.downcast::<Handle>().ok());
        let Some(socket) = other.filter(|_| brought) else { return };
        {
            let mut state = socket.state.lock();
            state.facts -= Facts::ENGAGED;
            state.engaged_by = None;
            if !status.is_success() && state.facts.contains(Facts::CONNECTED) {
                let renewed = socket.renew(&mut state);
                debug_assert!(renewed.is_success() || state.fd.is_none() || renewed.is_shortage());
            }
        }
        block.other = Some(socket);
    }

    /// Marks the socket that an accept brings as engaged (S353, S354).
    pub(super) fn engage(self: &Arc<Self>, block: &Block) -> Result<(), Status> {
        let other = block.other.clone().and_then(|other| other.downcast::<Handle>().ok());
        let Some(socket) = other else { return Ok(()) };
        if Arc::ptr_eq(&socket, self) || socket.class != Class::Stream {
            return Err(Status::INVALID_PARAMETER);
        }
        let mut state = socket.state.lock();
        if state.fd.is_none() {
            return Err(Status::INVALID_HANDLE);
        }
        if state.facts.intersects(Facts::BOUND | Facts::LISTENING | Facts::CONNECTED | Facts::ENGAGED) {
            return Err(Status::INVALID_PARAMETER);
        }
        state.facts |= Facts::ENGAGED;
        state.engaged_by = Some((Arc::downgrade(self), block.id));
        Ok(())
    }
}
