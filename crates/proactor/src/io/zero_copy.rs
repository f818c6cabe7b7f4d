//! Sends without a copy: what the kernel still reads from, and the operations that wait until it does not.
//!
//! A send is over for its queue once the kernel has taken all of it, and complete only when the kernel has let go of its
//! pages; until then it is *held* here, and with it whatever ends after it on its side, for the order of completions. No
//! operation whose pages the kernel may read is given back by anything else: not by a cancel, not by a close. The
//! descriptor stays open as long, for the kernel tells nothing of a socket that is closed.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, sockopt};

use super::direction::Tag;
use super::handle::{Class, Facts, Handle};
use super::perform::PEER_CLOSED;
use super::state::State;
use crate::driver::descriptor::Descriptor;
use crate::driver::epoll::EventFlags;
use crate::driver::{socket, zero_copy};
use crate::op::block::{Block, Flags, Kind};
use crate::op::slab::Irp;
use crate::service::{Tick, service};
use crate::status::Status;

/// How long a socket that was closed waits for its peer to acknowledge anything of what the kernel still reads from, and
/// to acknowledge all of it. Then the connection is reset, at which the kernel drops what it has.
const PATIENCE: Duration = Duration::from_secs(2);
const PATIENCE_IN_ALL: Duration = Duration::from_secs(30);

/// Between two looks at a socket that nobody watches any more.
const LOOK: Duration = Duration::from_millis(5);

/// So many times in a row the kernel may say that it copied after all, before the socket is asked no more.
const COPIES: u32 = 4;

/// Sends that asked to be sent without a copy, and what became of them, since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZeroCopyCounts {
    /// All that have ended.
    pub sends: u64,
    /// Of those, the ones that the kernel took without a copy and copied later.
    pub copied: u64,
    /// Of those, the ones of which something was copied at once: the socket has no other way, the kernel no memory to
    /// note it in, or the socket was asked no more.
    pub fallen_back: u64,
}

static SENDS: AtomicU64 = AtomicU64::new(0);
static COPIED: AtomicU64 = AtomicU64::new(0);
static FALLEN_BACK: AtomicU64 = AtomicU64::new(0);

pub(crate) fn counts() -> ZeroCopyCounts {
    ZeroCopyCounts {
        sends: SENDS.load(Relaxed),
        copied: COPIED.load(Relaxed),
        fallen_back: FALLEN_BACK.load(Relaxed),
    }
}

/// What a socket that sends without copies has to remember.
pub(super) struct ZeroCopy {
    /// Kept open until the kernel has let go of everything.
    fd: Descriptor,
    ledger: zero_copy::Ledger,
    held: VecDeque<Held>,
    /// Somebody hands out what is released, one after the other.
    busy: bool,
    /// The first number of the operation that is being sent, once it has one.
    first: Option<u32>,
    /// The last numbers of which the kernel said that it copied.
    copied: Option<(u32, u32)>,
    copies: u32,
    /// It looks by itself, for there is nobody to tell it.
    looking: Option<Arc<Look>>,
    /// The handle is closed, and the connection not reset yet.
    closing: Option<Closing>,
}

struct Closing {
    since: Instant,
    /// When the peer has last acknowledged something, and what was left then.
    heard: Instant,
    left: usize,
}

impl Closing {
    /// Whether the peer has had its time.
    fn is_over(&mut self, left: usize) -> bool {
        let now = Instant::now();
        if left < self.left {
            (self.heard, self.left) = (now, left);
        }
        now - self.heard >= PATIENCE || now - self.since >= PATIENCE_IN_ALL
    }
}

struct Held {
    block: Irp,
    status: Status,
    /// The numbers of its own.
    first: Option<u32>,
    /// It waits until all before this one are let go of.
    end: u32,
}

impl ZeroCopy {
    pub(super) fn is_idle(&self) -> bool {
        self.ledger.is_clear() && self.held.is_empty() && !self.busy
    }

    fn was_copied(&self, first: u32, end: u32) -> bool {
        self.copied.is_some_and(|(from, to)| zero_copy::before(from, end) && !zero_copy::before(to, first))
    }

    /// Takes in all that the kernel says. False: it copies, and need not be asked any more.
    fn listen(&mut self) -> bool {
        while let Some(release) = zero_copy::next_release(self.fd.as_fd()) {
            self.ledger.release(release.first, release.last);
            if !release.copied {
                self.copies = 0;
                continue;
            }
            self.copied = match self.copied {
                // What is long past need not be remembered, nor may it seem to be yet to come.
                Some((from, to))
                    if to.wrapping_add(1) == release.first && release.last.wrapping_sub(from) < 1 << 30 =>
                {
                    Some((from, release.last))
                }
                _ => Some((release.first, release.last)),
            };
            for held in &mut self.held {
                let own = held.first.is_some_and(|first| {
                    zero_copy::before(release.first, held.end) && !zero_copy::before(release.last, first)
                });
                if own {
                    held.block.flags |= Flags::COPIED;
                }
            }
            self.copies += 1;
        }
        self.copies < COPIES
    }

    /// Whether everything that was sent is with the peer, as far as anybody can tell.
    fn arrived(&self) -> bool {
        rustix::net::getpeername(&*self.fd).is_ok() || zero_copy::unacknowledged(self.fd.as_fd()) == 0
    }

    /// The connection is reset: the kernel drops what it has, and says so.
    fn reset(&self) {
        // It fails where there is no connection any more, and then the kernel has nothing either.
        let _ = rustix::net::connect_unspec(&*self.fd);
    }
}

impl State {
    /// Operations that wait for the kernel to let go of their pages; nobody can hurry it.
    pub(super) fn held(&self) -> impl Iterator<Item = Tag> + '_ {
        self.zero().into_iter().flat_map(|zero| &zero.held).map(|held| Tag::of(&held.block))
    }

    /// Whether the kernel still reads from what was sent here, or operations wait until it does not.
    pub(super) fn is_held(&self) -> bool {
        self.zero().is_some_and(|zero| !zero.is_idle())
    }

    pub(super) fn zero(&self) -> Option<&ZeroCopy> {
        self.seldom()?.zero.as_deref()
    }

    fn zero_mut(&mut self) -> Option<&mut ZeroCopy> {
        self.zero()?;
        self.seldom_mut().zero.as_deref_mut()
    }

    /// Its descriptor is needed no longer.
    pub(super) fn drop_zero(&mut self) {
        if self.zero().is_some() {
            self.seldom_mut().zero = None;
        }
    }

    /// Takes in all that the kernel says of what was sent without a copy.
    fn listen(&mut self) {
        if !self.zero_mut().is_none_or(ZeroCopy::listen) {
            self.facts -= Facts::ZERO_COPY;
        }
    }
}

impl Handle {
    /// Before the first send without a copy on a socket that can.
    pub(super) fn ask_zero_copy(&self, state: &mut State, block: &Block) {
        let asks = block.kind == Kind::Send && block.flags.contains(Flags::ZERO_COPY);
        if !asks || state.zero().is_some() || self.class != Class::Stream {
            return;
        }
        // An accept that fails yet takes the connection away, with what the kernel would still have to say of it.
        if state.seldom().is_some_and(|seldom| seldom.engaged_by.is_some()) {
            return;
        }
        let Some(fd) = state.fd.clone().filter(|_| self.nature.contains(Facts::INTERNET)) else { return };
        if zero_copy::enable(fd.as_fd()).is_err() {
            return;
        }
        state.facts |= Facts::ZERO_COPY;
        state.seldom_mut().zero = Some(Box::new(ZeroCopy {
            fd,
            ledger: zero_copy::Ledger::default(),
            held: VecDeque::new(),
            busy: false,
            first: None,
            copied: None,
            copies: 0,
            looking: None,
            closing: None,
        }));
    }

    /// After an attempt: the calls of it that the kernel has numbered, which the attempt counted in `offset`.
    pub(super) fn note_sent(&self, state: &mut State, block: &mut Block) {
        if block.kind != Kind::Send || block.offset == 0 {
            return;
        }
        let count = std::mem::take(&mut block.offset) as u32;
        let Some(zero) = state.zero_mut() else { unreachable!("only what was enabled is numbered") };
        zero.first.get_or_insert(zero.ledger.next());
        zero.ledger.sent(count);
    }

    /// An operation to send is over. If it must not be complete yet it is kept, and `None` comes back.
    pub(super) fn hold(
        self: &Arc<Self>,
        state: &mut State,
        mut block: Irp,
        status: Status,
    ) -> Option<(Irp, Status)> {
        let asked = block.kind == Kind::Send && block.flags.contains(Flags::ZERO_COPY);
        let Some(zero) = state.zero_mut() else {
            if asked {
                block.flags |= Flags::COPIED;
                count(&block, false);
            }
            return Some((block, status));
        };
        let first = if asked { zero.first.take() } else { None };
        let end = zero.ledger.next();
        if asked && first.is_none_or(|first| zero.was_copied(first, end)) {
            block.flags |= Flags::COPIED;
        }
        let must_wait = first.is_some() && !zero.ledger.is_released(end);
        if !must_wait && zero.held.is_empty() && !zero.busy {
            if asked {
                count(&block, first.is_some());
            }
            let status = if first.is_some() { self.verdict(state, status) } else { status };
            return Some((block, status));
        }
        zero.held.push_back(Held { block, status, first, end });
        let deaf = state.fd.is_none() || self.link.get().is_some_and(|link| link.sink.is_closed());
        if deaf {
            self.look_after(state);
        }
        None
    }

    /// How a send ends whose pages the kernel has let go of: it does so at a reset as well.
    fn verdict(&self, state: &mut State, status: Status) -> Status {
        let Some(zero) = state.zero().filter(|_| status.is_success()) else { return status };
        if zero.arrived() {
            return status;
        }
        if state.fd.is_none() {
            return Status::CONNECTION_ABORTED;
        }
        if let Some(broken) = state.broken {
            return broken;
        }
        // The kernel tells it once: from here on the handle knows, before anybody can meet the end it pretends then.
        let told = match socket::take_error(zero.fd.as_fd()) {
            Err(rustix::io::Errno::TIMEDOUT) => Status::IO_TIMEOUT,
            Err(rustix::io::Errno::PIPE) | Ok(()) => Status::CONNECTION_RESET,
            Err(error) => Status::from(error),
        };
        state.broken = Some(told);
        told
    }

    /// Operations were taken out of their queue, cancelled or closed. One that the kernel has a part of is not given
    /// back yet.
    pub(super) fn hold_cut(self: &Arc<Self>, state: &mut State, cut: &mut Vec<Irp>, from: usize) -> bool {
        // Only the one that was at the front has been begun.
        let begun = state.zero().is_some_and(|zero| zero.first.is_some()) && !state.tx.performs();
        let is_begun = |block: &Irp| {
            block.kind == Kind::Send && block.flags.contains(Flags::ZERO_COPY) && block.bytes > 0
        };
        if !begun {
            return false;
        }
        let Some(place) = cut[from..].iter().position(is_begun) else { return false };
        let block = cut.remove(from + place);
        let status = if state.fd.is_none() { self.closing_status(&block) } else { Status::CANCELLED };
        match self.hold(state, block, status) {
            None => true,
            Some((block, _)) => {
                cut.insert(from + place, block);
                false
            }
        }
    }

    /// Readiness with an error may be no more than the kernel's word on what it has let go of. Returns what is left of
    /// the events.
    pub(super) fn hear(&self, state: &mut State, events: EventFlags) -> EventFlags {
        if !events.contains(EventFlags::ERR) {
            return events;
        }
        state.listen();
        let Some(zero) = state.zero() else { return events };
        if zero_copy::has_error(zero.fd.as_fd()) { events } else { events - EventFlags::ERR }
    }

    /// Hands out what need not be held any longer, in order.
    pub(super) fn release(&self) {
        let mut mine = false;
        loop {
            let (block, status) = {
                let mut state = self.state.lock();
                let Some(zero) = state.zero_mut() else { return };
                if zero.busy && !mine {
                    return;
                }
                zero.busy = false;
                if !zero.held.front().is_some_and(|held| zero.ledger.is_released(held.end)) {
                    return;
                }
                let Some(held) = zero.held.pop_front() else { return };
                zero.busy = true;
                mine = true;
                let Held { block, status, first, .. } = held;
                if block.kind == Kind::Send && block.flags.contains(Flags::ZERO_COPY) {
                    count(&block, first.is_some());
                }
                let status = if first.is_some() { self.verdict(&mut state, status) } else { status };
                (block, status)
            };
            self.complete_for_owner(block, status);
        }
    }

    /// The handle is closed: what the kernel still reads from is given some time to arrive.
    pub(super) fn linger(self: &Arc<Self>, state: &mut State) {
        let sending = state.tx.performs();
        let Some(zero) = state.zero_mut() else { return };
        if zero.is_idle() && !sending {
            state.drop_zero();
            return;
        }
        // S382
        let at_once = matches!(sockopt::socket_linger(&*zero.fd), Ok(Some(time)) if time.is_zero());
        if at_once {
            zero.reset();
        } else {
            // It fails where the connection is over already.
            let _ = rustix::net::shutdown(&*zero.fd, Shutdown::Both);
            let now = Instant::now();
            let left = zero_copy::unacknowledged(zero.fd.as_fd());
            zero.closing = Some(Closing { since: now, heard: now, left });
        }
        self.look_after(state);
    }

    /// From now on the service looks what the kernel says: there is nobody else.
    pub(super) fn look_after(self: &Arc<Self>, state: &mut State) {
        let Some(zero) = state.zero_mut() else { return };
        if zero.looking.is_some() {
            return;
        }
        // Without it the operations wait for ever, which is better than that they come back too soon.
        let Ok(service) = service() else { return };
        let look = Arc::new(Look(Arc::downgrade(self)));
        let weak: Weak<Look> = Arc::downgrade(&look);
        zero.looking = Some(look);
        service.tick_after(Duration::ZERO, weak);
    }

    /// One look; false: there is no need of another.
    fn look(&self) -> bool {
        {
            let mut state = self.state.lock();
            let Some(zero) = state.zero_mut() else { return false };
            let left = zero_copy::unacknowledged(zero.fd.as_fd());
            if zero.closing.as_mut().is_some_and(|closing| closing.is_over(left)) {
                zero.closing = None;
                zero.reset();
            }
            state.listen();
        }
        self.release();
        let mut state = self.state.lock();
        let sending = state.tx.performs();
        let Some(zero) = state.zero_mut() else { return false };
        if !zero.is_idle() || sending {
            return true;
        }
        zero.looking = None;
        if state.fd.is_none() {
            // The descriptor goes with it.
            state.drop_zero();
        }
        false
    }
}

/// Looks at a handle now and then.
struct Look(Weak<Handle>);

impl Tick for Look {
    fn tick(self: Arc<Self>) -> Option<Duration> {
        self.0.upgrade().filter(|handle| handle.look()).map(|_| LOOK)
    }
}

fn count(block: &Block, without_copy: bool) {
    SENDS.fetch_add(1, Relaxed);
    if block.stage == FELL_BACK || !without_copy {
        FALLEN_BACK.fetch_add(1, Relaxed);
    } else if block.flags.contains(Flags::COPIED) {
        COPIED.fetch_add(1, Relaxed);
    }
}

/// Stage of a send of which something was copied at once.
pub(super) const FELL_BACK: u8 = PEER_CLOSED + 1;
