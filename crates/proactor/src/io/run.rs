//! Starting operations, and going on with them when the kernel says so.
//!
//! A start tries the call at once if nobody is before it and the handle is not known to be drained; only if the
//! call would have to wait is the operation pending. Later whoever takes the readiness event performs what is
//! pending, in order, into the operations' own buffers.

use std::sync::Arc;

use super::direction::Side;
use super::handle::{Class, Handle, Modes};
use super::perform::{Done, Step};
use super::signal::Sort;
use super::started::{Refused, Started};
use super::state::State;
use super::thread;
use crate::op::block::{Block, Bufs, Event, Flags, Kind, MAX_BUFS, Route};
use crate::op::slab::Irp;
use crate::op::{OpId, Operation, ledger};
use crate::status::Status;
use crate::sync::thread::ThreadNo;

#[cfg(test)]
mod tests;

/// What a start came to, before it is dressed in the operation's type.
pub(super) enum Begun {
    Pending(OpId),
    Queued(OpId),
    Done(Irp),
}

/// What a step came to, in the books of the handle.
enum Settled {
    /// It is at the front of the queue again.
    Waits,
    Over(Irp, Status),
    /// It is over, and not to be complete yet.
    Held,
    /// It is in the queue of this handle now, as the first receive of an accepted connection.
    Elsewhere(Arc<Handle>),
}

pub(super) type Refusal = (Status, Irp);

/// So many operations of one side a thread performs in a row before it is for others to have a turn. Those that are
/// started meanwhile are left to whoever performs, so there could be more for ever.
const MOST_IN_A_ROW: usize = 32;

impl Handle {
    /// Starts an operation whose packet goes to the handle's port.
    pub(super) fn start<O: Operation>(self: &Arc<Self>, op: O) -> Result<Started<O>, Refused<O>> {
        match self.begin(op.into_block(), Route::Port) {
            Ok(Begun::Pending(id)) => Ok(Started::Pending(id)),
            Ok(Begun::Queued(id)) => Ok(Started::Queued(id)),
            Ok(Begun::Done(block)) => Ok(Started::Done(O::from_block(block))),
            Err((status, block)) => Err(Refused { status, op: O::from_block(block) }),
        }
    }

    /// Starts an operation that completes to an event of its own.
    pub(super) fn start_event<O: Operation>(
        self: &Arc<Self>,
        op: O,
        event: &Arc<Event>,
    ) -> Result<OpId, Refused<O>> {
        match self.begin(op.into_block(), Route::Event(event.clone())) {
            Ok(Begun::Pending(id) | Begun::Queued(id)) => Ok(id),
            Ok(Begun::Done(_)) => unreachable!("only a packet can be left out"),
            Err((status, block)) => {
                self.unwatch_if_unneeded();
                Err(Refused { status, op: O::from_block(block) })
            }
        }
    }

    pub(super) fn begin(self: &Arc<Self>, block: Irp, route: Route) -> Result<Begun, Refusal> {
        if let Err(status) = check_buffers(&block) {
            return Err((status, block));
        }
        let in_turn = block.flags.contains(Flags::IN_TURN);
        let mut block = match block.settled() {
            Ok(block) => block,
            Err(mut block) => {
                ledger::count_refusal();
                block.status = Status::NO_BUFS;
                return Err((Status::NO_BUFS, block));
            }
        };
        block.bytes = 0;
        block.stage = 0;
        block.flags -= Flags::COPIED | Flags::IN_TURN;
        if self.is_synchronous() && !in_turn {
            return Err((Status::INVALID_PARAMETER, block));
        }
        if matches!(block.kind, Kind::Disconnect | Kind::Transmit | Kind::Send) {
            block.offset = 0;
        }
        if let Bufs::Parts(parts) = &mut block.bufs {
            parts.rewind();
        }
        block.status = Status::PENDING;
        let no_thread = block.flags.intersects(Flags::AT_ONCE | Flags::BACKGROUND);
        block.thread = if no_thread { ThreadNo::NONE } else { ThreadNo::current() };
        let kind = block.kind;
        let evented = block.flags.contains(Flags::OWN_EVENT);
        let thread_bound = !no_thread && (!route.is_port() || evented || self.link.get().is_none());
        block.route = route;
        self.own(&mut block);
        if thread_bound {
            // What no port will receive ends with the thread that asked for it (S110).
            thread::bind(self);
        }
        let begun = match block.kind {
            _ if block.flags.contains(Flags::NOTHING) => self.begin_nothing(block),
            Kind::Flush if self.class == Class::NamedPipe => self.begin_stream(block),
            Kind::Read | Kind::Write | Kind::Flush => self.begin_transfer(block),
            Kind::Lock => self.begin_lock(block),
            Kind::Accept if block.flags.contains(Flags::BROUGHT) => self.begin_brought(block),
            _ => self.begin_stream(block),
        };
        if self.is_selected() {
            self.note_use(kind, begun.as_ref().err().map(|(status, _)| *status));
        }
        match begun {
            Ok(Begun::Done(mut block)) => {
                self.discharge(&mut block);
                Ok(Begun::Done(block))
            }
            Err((status, mut block)) => {
                self.discharge(&mut block);
                block.status = status;
                block.route = Route::Port;
                Err((status, block))
            }
            begun => begun,
        }
    }

    /// The operation keeps its handle open. One that is started again where it came from does so already.
    fn own(self: &Arc<Self>, block: &mut Block) {
        let mine = Arc::as_ptr(self).cast::<()>();
        if block.owner.as_ref().is_none_or(|owner| Arc::as_ptr(owner).cast::<()>() != mine) {
            block.owner = Some(self.clone());
        }
    }

    /// What is over as soon as it is started.
    fn begin_nothing(&self, mut block: Irp) -> Result<Begun, Refusal> {
        let skip = {
            let mut state = self.state.lock();
            if state.fd.is_none() {
                return Err((Status::INVALID_HANDLE, block));
            }
            if let Err(status) = self.admit(&mut block, false) {
                return Err((status, block));
            }
            block.id = state.name();
            state.modes.contains(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS) && block.route.is_port()
        };
        let id = block.id;
        self.began(Sort::of(&block));
        if skip {
            block.status = Status::SUCCESS;
            block.observe();
            self.ended(Sort::of(&block));
            return Ok(Begun::Done(block));
        }
        self.complete(block, Status::SUCCESS);
        Ok(Begun::Queued(id))
    }

    /// Sockets and pipes.
    pub(super) fn begin_stream(self: &Arc<Self>, mut block: Irp) -> Result<Begun, Refusal> {
        let side = side_of(block.kind);
        let (fd, facts) = {
            let mut state = self.state.lock();
            if self.class == Class::NamedPipe
                && let Err(status) = self.prepare(&mut state, &block)
            {
                return Err((status, block));
            }
            let Some(fd) = state.fd.clone() else { return Err((Status::INVALID_HANDLE, block)) };
            // An operation that may have to wait needs somebody who tells it when it can go on.
            let direction = state.side(side);
            let at_once = block.flags.contains(Flags::AT_ONCE);
            let behind = direction.busy || !direction.is_empty();
            let waits = !at_once && (behind || !direction.ready);
            if waits && self.is_abandoned(&block) {
                return Err((Status::CANCELLED, block));
            }
            // One that is told otherwise than by its packet must not depend on a worker's coming.
            let elsewhere = !block.route.is_port()
                || block.flags.contains(Flags::OWN_EVENT)
                || self.in_flight.has_object();
            let watched = if at_once { Ok(()) } else { self.ensure_watched(&mut state, elsewhere) };
            let admitted = watched.and_then(|()| self.admit(&mut block, waits));
            let possible = admitted.and_then(|()| self.allowed(&mut state, &block));
            if let Err(status) = possible {
                return Err((status, block));
            }
            if at_once && behind {
                return Err((Status::DEVICE_NOT_READY, block));
            }
            // One that brings a socket has its name already.
            if !block.flags.contains(Flags::BROUGHT) {
                block.id = state.name();
            }
            self.ask_zero_copy(&mut state, &block);
            let facts = state.facts;
            self.began(Sort::of(&block));
            if waits {
                let id = block.id;
                state.push_back(side, block);
                self.let_sleep(&mut state, side);
                return Ok(Begun::Pending(id));
            }
            state.begin(side, &block, self.place());
            (fd, facts)
        };
        let step = self.try_once(&fd, &mut block, facts | self.nature);
        drop(fd);
        self.first_step(side, block, step)
    }

    /// What the try at the start came to.
    fn first_step(self: &Arc<Self>, side: Side, block: Irp, step: Step) -> Result<Begun, Refusal> {
        let id = block.id;
        let always_pending = block.flags.contains(Flags::ALWAYS_PENDING);
        let at_once = block.flags.contains(Flags::AT_ONCE);
        let (settled, skip, mine, unsure) = {
            let mut state = self.state.lock();
            let skip = state.modes.contains(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS) && block.route.is_port();
            let closed = state.fd.is_none();
            let settled = self.settle(&mut state, side, block, step, closed);
            let unsure = side == Side::Tx && state.rx.other_is_through();
            match settled {
                Settled::Waits => {
                    let again = state.side(side).ready;
                    drop(state);
                    if unsure {
                        self.run(Side::Rx, None);
                    }
                    if again {
                        self.run(side, None);
                    }
                    return Ok(Begun::Pending(id));
                }
                settled => {
                    let handed_back = matches!(&settled, Settled::Over(_, status)
                        if !always_pending && (status.is_error() || at_once || skip && status.is_success()));
                    let direction = state.side(side);
                    // None that comes after it may be complete before its packet is queued (S316).
                    direction.busy |= matches!(&settled, Settled::Over(..)) && !handed_back;
                    (settled, skip, direction.busy, unsure)
                }
            }
        };
        if unsure {
            self.run(Side::Rx, None);
        }
        let begun = match settled {
            Settled::Waits => Ok(Begun::Pending(id)),
            Settled::Held => {
                self.release();
                Ok(Begun::Pending(id))
            }
            Settled::Elsewhere(child) => {
                child.go_on();
                Ok(Begun::Pending(id))
            }
            Settled::Over(mut block, status) if status.is_error() && !always_pending => {
                // What breaks under one that waits was closing before to one that comes.
                let closing = block.kind == Kind::Send && status == Status::PIPE_BROKEN;
                let status = if closing { Status::PIPE_CLOSING } else { status };
                self.disengage(&mut block, status);
                self.ended(Sort::of(&block));
                Err((status, block))
            }
            Settled::Over(block, status) if always_pending => {
                self.complete(block, status);
                Ok(Begun::Pending(id))
            }
            Settled::Over(mut block, status) if at_once || skip && status.is_success() => {
                block.status = status;
                block.observe();
                self.ended(Sort::of(&block));
                Ok(Begun::Done(block))
            }
            Settled::Over(block, status) => {
                self.complete(block, status);
                Ok(Begun::Queued(id))
            }
        };
        if mine {
            self.run_on(side, None, true);
        }
        begun
    }

    /// Performs what is pending on one side as far as it goes. With `direct` the first packet for this handle's
    /// port is left there instead of being queued.
    pub(super) fn run(self: &Arc<Self>, side: Side, direct: Option<&mut Option<Irp>>) {
        self.run_on(side, direct, false);
    }

    /// `mine`: this thread has kept the side from the operation before, so that none overtakes it.
    fn run_on(self: &Arc<Self>, side: Side, mut direct: Option<&mut Option<Irp>>, mut mine: bool) {
        for done in 0.. {
            let (fd, mut block, facts) = {
                let mut state = self.state.lock();
                let facts = state.facts;
                let fd = state.fd.clone();
                let direction = state.side(side);
                if direction.busy && !mine {
                    return;
                }
                direction.busy = false;
                let (Some(fd), true) = (fd, direction.ready) else {
                    self.let_sleep(&mut state, side);
                    return;
                };
                // A packet in hand is nobody else's meanwhile, and a transmit may be at the disk for long.
                let in_hand = direct.as_ref().is_some_and(|slot| slot.is_some());
                let front = state.side(side).front();
                let leave = done >= MOST_IN_A_ROW && front.is_some()
                    || in_hand && front.is_some_and(|block| block.kind == Kind::Transmit);
                // Where nobody can be asked it goes on.
                if leave && self.announce_again(&state) {
                    self.let_sleep(&mut state, side);
                    return;
                }
                let Some(block) = state.pop(side) else { return };
                state.begin(side, &block, self.place());
                (fd, block, facts)
            };
            let step = self.try_once(&fd, &mut block, facts | self.nature);
            drop(fd);
            let (settled, unsure) = {
                let mut state = self.state.lock();
                let closed = state.fd.is_none();
                let settled = self.settle(&mut state, side, block, step, closed);
                let direction = state.side(side);
                direction.busy |= matches!(&settled, Settled::Over(..));
                mine = direction.busy;
                (settled, side == Side::Tx && state.rx.other_is_through())
            };
            if unsure {
                self.run(Side::Rx, None);
            }
            match settled {
                // It waits again; if readiness came meanwhile the next round tries it again.
                Settled::Waits => continue,
                Settled::Held => self.release(),
                Settled::Elsewhere(child) => child.go_on(),
                Settled::Over(block, status) => self.hand_out(block, status, &mut direct),
            }
            if !mine {
                return;
            }
        }
    }

    fn hand_out(&self, mut block: Irp, status: Status, direct: &mut Option<&mut Option<Irp>>) {
        match direct {
            Some(slot)
                if slot.is_none()
                    && block.route.is_port()
                    && self.is_owner(&block)
                    && self.may_pass_the_queue() =>
            {
                self.disengage(&mut block, status);
                self.unlock(&mut block);
                block.status = status;
                block.observe();
                if block.kind == Kind::Connect && self.is_selected() {
                    self.note_connect(status);
                }
                let sort = Sort::of(&block);
                **slot = Some(block);
                self.ended(sort);
            }
            _ => self.complete_for_owner(block, status),
        }
    }

    /// Completes an operation on the handle it was started on, which for an accept that waits for first data is
    /// the listening socket.
    pub(super) fn complete_for_owner(&self, block: Irp, status: Status) {
        if self.is_owner(&block) {
            return self.complete(block, status);
        }
        let owner = block.owner.clone().and_then(|owner| owner.downcast::<Handle>().ok());
        let Some(owner) = owner else { unreachable!("an operation under way has its handle") };
        owner.state.lock().seldom_mut().children.retain(|child| !std::ptr::eq(&**child, self));
        owner.complete(block, status);
    }

    pub(super) fn is_owner(&self, block: &Block) -> bool {
        let me: *const Handle = self;
        block.owner.as_ref().is_some_and(|owner| Arc::as_ptr(owner).cast::<Handle>() == me)
    }

    /// After a step, under the lock: what is known now, and whether the operation is done. The side is free if it
    /// waits on, or nobody waits behind it.
    fn settle(
        self: &Arc<Self>,
        state: &mut State,
        side: Side,
        mut block: Irp,
        mut step: Step,
        closed: bool,
    ) -> Settled {
        if side == Side::Rx {
            return self.judge(state, side, block, step, closed);
        }
        self.note_sent(state, &mut block);
        // A new descriptor comes in only when the kernel has let go of all that went out through the old one.
        let renews = block.flags.contains(Flags::REUSE)
            && matches!(step, Step::Done { done: Done::Status(Status::SUCCESS), .. });
        if renews && state.is_held() {
            step = Step::Pause;
        }
        match self.judge(state, side, block, step, closed) {
            Settled::Over(block, status) => match self.hold(state, block, status) {
                Some((block, status)) => Settled::Over(block, status),
                None => Settled::Held,
            },
            settled => settled,
        }
    }

    fn judge(
        self: &Arc<Self>,
        state: &mut State,
        side: Side,
        mut block: Irp,
        step: Step,
        closed: bool,
    ) -> Settled {
        let direction = state.side(side);
        let (news, cancelled) = direction.end();
        let unsure = matches!(&step, Step::Done { done, .. } if self.is_unsure(state, &block, done));
        let direction = state.side(side);
        let given_up = given_up(&block, &step);
        match step {
            Step::Done { done, drained } if !unsure => {
                if drained && !news && !direction.ended {
                    direction.ready = false;
                }
                self.end_if_due(state);
                match self.learn(state, &mut block, done, closed) {
                    Done::Status(status) => Settled::Over(block, status),
                    // Whoever cancelled it, or closed the handle, was told that it would end.
                    Done::Elsewhere(_) if closed || cancelled => Settled::Over(block, Status::CANCELLED),
                    Done::Elsewhere(child) => {
                        // Here, so that at every moment one of the two queues shows it to who cancels.
                        child.adopt(self.place(), block);
                        state.seldom_mut().children.push(child.clone());
                        Settled::Elsewhere(child)
                    }
                }
            }
            _ => {
                if !news {
                    direction.ready = false;
                }
                if closed || cancelled || self.is_abandoned(&block) {
                    state.side(side).try_anew();
                    self.end_if_due(state);
                    let status = if closed { self.closing_status(&block) } else { self.cut_status(state) };
                    return Settled::Over(block, status);
                }
                if block.flags.contains(Flags::AT_ONCE) {
                    if !matches!(step, Step::Wait) {
                        // Nobody will announce what it did not wait for: who comes next tries for himself.
                        state.side(side).try_anew();
                    }
                    return Settled::Over(block, given_up);
                }
                if unsure && block.pool.is_some() {
                    // It saw an end, not data: it waits without a buffer, as it is charged.
                    block.bufs = Bufs::None;
                }
                if let Err(status) = self.charge(&mut block) {
                    // It is here by its start, has moved nothing, and others may have come behind it.
                    state.side(side).try_anew();
                    self.end_if_due(state);
                    return Settled::Over(block, status);
                }
                let direction = state.side(side);
                direction.push_front(block);
                direction.busy = false;
                match step {
                    // It need not be tried before, unless there is news.
                    _ if unsure && !news => direction.wait_for_other(),
                    Step::Pause => {
                        direction.pause();
                        self.pause(state);
                    }
                    Step::Turn => {
                        direction.ready = false;
                        // Where nobody can be asked it goes on at once.
                        let told = self.announce_again(state);
                        state.side(side).ready |= !told;
                    }
                    _ => {}
                }
                self.let_sleep(state, side);
                Settled::Waits
            }
        }
    }
}

/// What an attempt came to that can't go on now: what it moved is done.
fn given_up(block: &Block, step: &Step) -> Status {
    match (block.kind, step) {
        _ if block.bytes > 0 && !block.flags.contains(Flags::PEEK) => Status::SUCCESS,
        (Kind::Accept, Step::Pause) => Status::TOO_MANY_OPENED_FILES,
        _ => Status::DEVICE_NOT_READY,
    }
}

pub(super) fn side_of(kind: Kind) -> Side {
    match kind {
        Kind::Accept | Kind::Recv | Kind::RecvFrom | Kind::Listen => Side::Rx,
        _ => Side::Tx,
    }
}

fn check_buffers(block: &Block) -> Result<(), Status> {
    let bufs = block.bufs.as_slice();
    let into = matches!(block.kind, Kind::Recv | Kind::RecvFrom | Kind::Read | Kind::Accept);
    if matches!(&block.bufs, Bufs::Many(bufs) if bufs.is_empty()) || bufs.len() > MAX_BUFS {
        return Err(Status::INVALID_PARAMETER);
    }
    if into && !bufs.iter().all(|buf| buf.is_writable()) {
        return Err(Status::INVALID_USER_BUFFER);
    }
    if let Bufs::Parts(parts) = &block.bufs {
        parts.check()?;
    }
    Ok(())
}
