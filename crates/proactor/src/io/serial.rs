//! Synchronous file objects: one operation at a time, each in the call that asked for it, and a position that they move.
//!
//! The operation underneath is overlapped like any other; its starter waits for it. While it does, another thread can
//! end it (`CancelSynchronousIo`), and so can a call queued to it if the file was opened for that
//! (`FILE_SYNCHRONOUS_IO_ALERT`).

use std::sync::Arc;
use std::sync::atomic::Ordering::*;
use std::time::{Duration, Instant};

use super::handle::{Class, Facts, Handle};
use super::overlapped::Overlapped;
use super::started::Refused;
use crate::object::thread::{Stop, with_mine};
use crate::object::{Mutex, Wait, wait_one};
use crate::op::block::{Block, Event, Flags, Kind};
use crate::op::{AT_POSITION, OpId, Operation};
use crate::status::Status;

/// This thread's turn on a synchronous file object; the next in line has it when it is dropped.
struct Turn<'a>(Option<&'a Mutex>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.0 {
            let released = turn.release();
            debug_assert!(released.is_ok(), "whose turn it is has it: {released:?}");
        }
    }
}

/// What ends the call that a thread is in.
struct Waiting {
    handle: Arc<Handle>,
    id: OpId,
}

impl Stop for Waiting {
    fn stop(&self) -> Result<(), Status> {
        self.handle.cancel(self.id)
    }
}

/// Sees to it that an operation in a call is over before the call is left, also when a call queued to the thread ends the
/// thread: the operation's memory may be the caller's.
struct OverFirst {
    handle: Arc<Handle>,
    id: OpId,
    event: Arc<Event>,
    left: bool,
}

impl OverFirst {
    fn of<O: Operation>(handle: &Arc<Handle>, overlapped: &Overlapped<O>) -> OverFirst {
        let (id, event) = (overlapped.id(), overlapped.event().clone());
        OverFirst { handle: handle.clone(), id, event, left: false }
    }

    /// It is over, and was given back.
    fn leave(mut self) {
        self.left = true;
    }
}

impl Drop for OverFirst {
    fn drop(&mut self) {
        if !self.left {
            // One that is complete by now is not under way.
            let _ = self.handle.cancel(self.id);
            self.event.wait(None);
        }
    }
}

impl Handle {
    pub(super) fn is_synchronous(&self) -> bool {
        self.nature.contains(Facts::SYNCHRONOUS)
    }

    fn wait(&self) -> Wait {
        if self.nature.contains(Facts::ALERTABLE) { Wait::FOREVER.alertably() } else { Wait::FOREVER }
    }

    fn turn(&self) -> Result<Turn<'_>, Status> {
        if !self.is_synchronous() {
            return Ok(Turn(None));
        }
        let turn = self.extra_made().turn.get_or_init(|| Mutex::new(false));
        wait_one(turn, self.wait())?;
        Ok(Turn(Some(turn)))
    }

    /// Starts an operation and waits for its end.
    pub(super) fn perform<O: Operation>(self: &Arc<Self>, op: O) -> Result<O, Refused<O>> {
        let _turn = match self.turn() {
            Ok(turn) => turn,
            Err(status) => return Err(Refused { status, op }),
        };
        let mut block = op.into_block();
        block.flags |= Flags::IN_TURN;
        if self.class == Class::File && self.is_synchronous() && moves(&block) && block.offset == AT_POSITION
        {
            // S287
            block.offset = self.position();
        }
        let overlapped = self.start_overlapped(O::from_block(block))?;
        let op = if overlapped.is_complete() { overlapped.wait() } else { self.wait_for(overlapped) };
        self.note_position(op.block());
        Ok(op)
    }

    /// The same, through calls queued to this thread, which run meanwhile and do not end it; it is over after a time.
    pub(super) fn perform_through_calls<O: Operation>(
        self: &Arc<Self>,
        op: O,
        timeout: Option<Duration>,
    ) -> Result<O, Refused<O>> {
        let mut under_way = self.start_overlapped(op)?;
        // S143
        if under_way.is_complete() {
            return Ok(under_way.wait());
        }
        let waiting = Arc::new(Waiting { handle: self.clone(), id: under_way.id() });
        let _can_be_ended = with_mine(|me| me.in_synchronous_call(waiting));
        let over_first = OverFirst::of(self, &under_way);
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            match under_way.wait_within(Wait { timeout: left, alertable: true }) {
                Ok(op) => {
                    over_first.leave();
                    return Ok(op);
                }
                Err((Status::USER_APC, again)) => under_way = again,
                Err((_, late)) => {
                    // It may have ended just now.
                    let _ = late.cancel();
                    let mut block = late.wait().into_block();
                    over_first.leave();
                    if block.status == Status::CANCELLED {
                        block.status = Status::IO_TIMEOUT;
                    }
                    return Ok(O::from_block(block));
                }
            }
        }
    }

    fn wait_for<O: Operation>(self: &Arc<Self>, overlapped: Overlapped<O>) -> O {
        let waiting = Arc::new(Waiting { handle: self.clone(), id: overlapped.id() });
        let _can_be_ended = with_mine(|me| me.in_synchronous_call(waiting));
        let over_first = OverFirst::of(self, &overlapped);
        let op = match overlapped.wait_within(self.wait()) {
            Ok(op) => op,
            Err((_, overlapped)) => {
                // Calls ran: what can still be ended is. One that is complete by now is not under way.
                let _ = overlapped.cancel();
                overlapped.wait()
            }
        };
        over_first.leave();
        op
    }

    /// Where the file is; 0 unless somebody said, or moved it.
    pub(super) fn position(&self) -> u64 {
        self.extra().map_or(0, |extra| extra.position.load(Relaxed))
    }

    pub(super) fn set_position(&self, position: u64) {
        self.extra_made().position.store(position, Relaxed);
    }

    /// S285: behind what was moved. An end of file, or another failure, moves nothing.
    fn note_position(&self, block: &Block) {
        if self.class != Class::File || !self.is_synchronous() || !moves(block) || !block.status.is_success()
        {
            return;
        }
        let position = match block.flags.contains(Flags::APPEND) {
            false => block.offset.saturating_add(block.bytes as u64),
            // Where it ended is where the file did.
            true => match self.size() {
                Ok(size) => size,
                Err(_) => return,
            },
        };
        self.set_position(position);
    }
}

fn moves(block: &Block) -> bool {
    matches!(block.kind, Kind::Read | Kind::Write)
}
