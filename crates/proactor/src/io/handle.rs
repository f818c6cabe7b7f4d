//! What a handle is underneath: its descriptor, its two directions, its port, and the end of every operation.
//!
//! The lock is held for bookkeeping only, never across a system call that moves data. The descriptor is
//! counted: it is closed when the handle is closed *and* the last call on it has returned, so that no call ever
//! meets a number that has been given to another file.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bitflags::bitflags;

use super::direction::Side;
use super::locks::FileId;
use super::named_pipe::Named;
use super::signal::{InFlight, Sort};
use super::state::State;
use crate::driver::descriptor::Descriptor;
use crate::driver::epoll::EventFlags;
use crate::object::Mutex;
use crate::object::body::Local;
use crate::op::block::{Block, Kind, Route};
use crate::op::slab::Irp;
use crate::port::Port;
use crate::port::sink::Sink;
use crate::service::table::Source;
use crate::service::{Tick, service, weak_source};
use crate::status::Status;
use crate::sync::lock::Lock;
use crate::sync::newest::Newest;
use crate::sync::once_box::OnceBox;

bitflags! {
    /// How a handle reports completions (`SetFileCompletionNotificationModes`). Once set, a mode stays (S095).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Modes: u8 {
        /// No packet for an operation that succeeds at once; the start hands it back instead (S092).
        const SKIP_COMPLETION_PORT_ON_SUCCESS = 1;
        /// The handle itself is not signalled when an operation completes (S094).
        const SKIP_SET_EVENT_ON_HANDLE = 2;
    }
}

/// What kind of thing a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Stream,
    Datagram,
    Pipe,
    NamedPipe,
    File,
}

/// What an unbuffered file asks of offsets and lengths, and of addresses, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Align {
    pub(super) offset: u64,
    pub(super) memory: usize,
}

bitflags! {
    /// What has become of a socket; and what a handle is by nature.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Facts: u16 {
        const BOUND = 1;
        const LISTENING = 2;
        const CONNECTED = 4;
        /// A connect is under way, or an accept into this socket.
        const ENGAGED = 8;
        const RECV_SHUT = 16;
        const SEND_SHUT = 32;
        /// On this socket a short count shows that there is no more: TCP keeps no borders within a stream.
        const INTERNET = 64;
        /// It was disconnected for reuse, and so can be connected as well as accepted into (S375).
        const REUSED = 128;
        /// Of a datagram socket, which is never used again: that nobody was where a datagram went is not told.
        const UNTOLD = 128;
        /// A disconnect for reuse waits for the peer's end, and so for what there is to receive.
        const LEAVING = 256;
        /// Sending is to be shut when what waits in the queue has gone out.
        const END_DUE = 512;
        /// What a file was opened for.
        const READABLE = 1024;
        const WRITABLE = 2048;
        /// The kernel sends from the caller's pages when asked to.
        const ZERO_COPY = 4096;
        /// Its operations are performed one at a time, each in the call that asks for it.
        const SYNCHRONOUS = 8192;
        /// And calls queued to the thread that waits for one end it.
        const ALERTABLE = 16384;
        /// A file that is written to at its end only.
        const APPENDS = 32768;
    }
}

/// What stays true of a handle whatever becomes of it.
const NATURE: Facts = Facts::INTERNET
    .union(Facts::READABLE)
    .union(Facts::WRITABLE)
    .union(Facts::SYNCHRONOUS)
    .union(Facts::ALERTABLE)
    .union(Facts::APPENDS);

/// Where the packets of a handle go, for its lifetime (S007).
pub(super) struct Link {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) token: u64,
}

pub(crate) struct Handle {
    pub(super) class: Class,
    pub(super) link: OnceLock<Link>,
    /// What stays true of the socket whatever becomes of it.
    pub(super) nature: Facts,
    pub(super) state: Lock<State>,
    /// Its newest packet in the port's queue.
    newest: Newest,
    /// Operations between start and packet, and whether threads may wait for the handle.
    pub(super) in_flight: InFlight,
    /// What most handles do without.
    extra: OnceBox<Extra>,
    /// What others may know without the lock: `CLOSED`, `SELECTED`.
    public: AtomicU8,
}

const CLOSED: u8 = 1;
const SELECTED: u8 = 2;

/// What most handles do without, and what is made is kept.
#[derive(Default)]
pub(super) struct Extra {
    /// What threads wait for that wait for the handle.
    pub(super) object: OnceLock<Arc<Local>>,
    /// The group of its completion routines, once one was started; never that of another handle.
    routines: OnceLock<NonZeroUsize>,
    /// Of an unbuffered file.
    pub(super) align: Option<Align>,
    /// The name of a file that is to be deleted when it is closed.
    doomed: Option<PathBuf>,
    /// Of a file: where its next operation without an offset begins.
    pub(super) position: AtomicU64,
    /// Of a file, once locks have made somebody ask.
    pub(super) file_id: OnceLock<FileId>,
    /// Of a synchronous file object: who has it now.
    pub(super) turn: OnceLock<Mutex>,
    /// Of a named pipe.
    pub(super) named: Option<Box<Named>>,
}

impl Handle {
    pub(super) fn new(class: Class, fd: OwnedFd, facts: Facts) -> Arc<Handle> {
        Arc::new(Handle {
            class,
            nature: facts & NATURE,
            link: OnceLock::new(),
            state: Lock::new(State::new(Descriptor::new(fd), facts)),
            newest: Newest::default(),
            in_flight: InFlight::default(),
            extra: OnceBox::new(),
            public: AtomicU8::new(0),
        })
    }

    /// What was made of what most do without.
    pub(super) fn extra(&self) -> Option<&Extra> {
        self.extra.get()
    }

    pub(super) fn extra_made(&self) -> &Extra {
        self.extra.get_or_init(Extra::default)
    }

    /// A file, before anybody has it: what it asks for if it is unbuffered, and the name to take away in the end.
    pub(super) fn set_extra(&self, align: Option<Align>, doomed: Option<PathBuf>) {
        let extra = self.extra.get_or_init(|| Extra { align, doomed, ..Extra::default() });
        debug_assert_eq!(extra.align, align, "a file that nobody has used has nothing else");
    }

    /// The name goes, if it is still that of this file.
    fn unlink(&self, fd: BorrowedFd<'_>) {
        let Some(path) = self.extra().and_then(|extra| extra.doomed.as_ref()) else { return };
        let same = |ours: rustix::fs::Stat, theirs: rustix::fs::Stat| {
            (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)
        };
        if let (Ok(ours), Ok(theirs)) = (rustix::fs::fstat(fd), rustix::fs::stat(path))
            && same(ours, theirs)
        {
            // Refused: then nobody could delete it, and closing fails for nothing.
            let _ = rustix::fs::unlink(path);
        }
    }

    /// An end of a named pipe, before anybody has it: what it is of which.
    pub(super) fn set_named(&self, named: Box<Named>) {
        let extra = self.extra.get_or_init(|| Extra { named: Some(named), ..Extra::default() });
        debug_assert!(extra.named.is_some(), "a pipe that nobody has used has nothing else");
    }

    /// The descriptor, for calls that are not operations.
    pub(super) fn fd(&self) -> Result<Descriptor, Status> {
        self.state.lock().fd.clone().ok_or(Status::INVALID_HANDLE)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.public.load(Acquire) & CLOSED != 0
    }

    /// Whether network events were selected.
    pub(super) fn is_selected(&self) -> bool {
        self.public.load(Acquire) & SELECTED != 0
    }

    pub(super) fn set_selected(&self, selected: bool) {
        if selected {
            self.public.fetch_or(SELECTED, Release);
        } else {
            self.public.fetch_and(!SELECTED, Release);
        }
    }

    /// Associates the handle with a port: see the public faces.
    pub(super) fn associate<K, M>(self: &Arc<Self>, port: &Port<K, M>, key: K) -> Result<(), Status>
    where
        K: Clone + Send + 'static,
        M: Send + 'static,
    {
        let mut state = self.state.lock();
        let fd = state.fd.clone().ok_or(Status::INVALID_HANDLE)?;
        // S006
        if self.link.get().is_some() || self.is_synchronous() {
            return Err(Status::INVALID_PARAMETER);
        }
        // What is under way may be waited for by somebody who can't rely on the port's workers.
        if state.rx.is_idle()
            && state.tx.is_idle()
            && !state.is_held()
            && let Some(token) = state.unwatched()
        {
            service()?.detach(Some(fd.as_fd()), token);
        }
        let watched = if self.is_polled() { Some(fd.as_fd()) } else { None };
        // Readiness that comes before this returns waits for the lock, and then finds the link.
        let token = match port.core().attach(key, watched, weak_source(self)) {
            Ok(token) => token,
            Err((status, key)) => {
                drop(state);
                drop(key);
                return Err(status);
            }
        };
        let link = Link { sink: port.core().clone(), token };
        assert!(self.link.set(link).is_ok(), "only the holder of the lock sets it");
        drop(state);
        if self.in_flight() > 0 || self.in_flight.has_object() {
            // S013
            self.object();
            self.signal();
        }
        Ok(())
    }

    /// Files are always ready and can't be watched.
    pub(super) fn is_polled(&self) -> bool {
        self.class != Class::File
    }

    /// An operation may have to wait: somebody must be told when it can go on. The port's workers are, if it has
    /// a port; one that completes `elsewhere` must not depend on their coming, so the service watches as well.
    pub(super) fn ensure_watched(self: &Arc<Self>, state: &mut State, elsewhere: bool) -> Result<(), Status> {
        if self.link.get().is_some() && !elsewhere {
            return Ok(());
        }
        if state.watched_by_service().is_some() || !self.is_polled() {
            return Ok(());
        }
        let fd = state.fd.clone().ok_or(Status::INVALID_HANDLE)?;
        let token = service()?.attach(fd.as_fd(), weak_source(self))?;
        state.seldom_mut().watched_by_service = Some(token);
        Ok(())
    }

    /// Once nobody waits any more for an event, or for another port, a handle with a port is its workers' alone.
    pub(super) fn unwatch_if_unneeded(&self) {
        // Who waits for the handle itself may be no worker either.
        if self.in_flight.has_object() || self.link.get().is_none_or(|link| link.sink.is_closed()) {
            return;
        }
        let mut state = self.state.lock();
        let me = std::ptr::from_ref(self).addr();
        let held = state.held().any(|tag| tag.apart || tag.owner != me);
        if held || state.selection().is_some() || state.is_awaited(me) {
            return;
        }
        // Under the lock: who is to be watched again at once must not find it watched still.
        if let Some(token) = state.unwatched()
            && let Ok(service) = service()
        {
            service.detach(state.fd.as_ref().map(|fd| fd.as_fd()), token);
        }
    }

    /// What would wait to complete to a closed port, nobody would ever see, or end. That port is the one of the
    /// handle it was started on, which for an accept that waits for first data is the listening socket.
    pub(super) fn is_abandoned(&self, block: &Block) -> bool {
        let closed = |handle: &Handle| handle.link.get().is_some_and(|link| link.sink.is_closed());
        let owner = block.owner.as_ref().and_then(|owner| owner.downcast_ref::<Handle>());
        block.route.is_port() && closed(owner.unwrap_or(self))
    }

    pub(super) fn add_mode(&self, modes: Modes) -> Result<(), Status> {
        let mut state = self.state.lock();
        if state.fd.is_none() {
            return Err(Status::INVALID_HANDLE);
        }
        // S097
        if self.is_synchronous() {
            return Err(Status::INVALID_PARAMETER);
        }
        state.modes |= modes;
        Ok(())
    }

    pub(super) fn modes(&self) -> Modes {
        self.state.lock().modes
    }

    pub(super) fn routines(&self) -> NonZeroUsize {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        *self
            .extra_made()
            .routines
            .get_or_init(|| NonZeroUsize::new(NEXT.fetch_add(1, Relaxed)).unwrap_or(NonZeroUsize::MAX))
    }

    pub(super) fn began(&self, sort: Sort) {
        if self.in_flight.add(sort) {
            self.unsignal();
        }
    }

    /// An operation is over and its packet, if any, is where it belongs. The last one of a closed handle ends
    /// its association: until then packets still find their key (S121).
    pub(super) fn ended(&self, sort: Sort) {
        self.ended_and(sort, false);
    }

    /// The same; `told` if the handle's object knows already.
    fn ended_and(&self, sort: Sort, told: bool) {
        let (last, tell) = self.in_flight.take(sort);
        if tell && !told {
            self.signal();
        }
        if last && self.is_closed() {
            self.detach();
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.count()
    }

    /// The end of an operation that was started on this handle: one packet, or the event, or the routine.
    pub(super) fn complete(&self, mut block: Irp, status: Status) {
        self.disengage(&mut block, status);
        block.status = status;
        // A packet that waits is still an operation of the port's; its memory is free.
        if block.route.is_port() {
            self.unlock(&mut block)
        } else {
            self.discharge(&mut block)
        }
        block.observe();
        let sort = Sort::of(&block);
        // Before anybody can know of it otherwise, and start the next.
        let told = self.in_flight.concerns_object(sort);
        if told {
            self.signal();
        }
        if block.kind == Kind::Connect && self.is_selected() {
            self.note_connect(status);
        }
        match std::mem::take(&mut block.route) {
            Route::Event(event) => {
                self.unwatch_if_unneeded();
                event.complete(block);
            }
            Route::Routine(routine) => {
                self.unwatch_if_unneeded();
                routine.complete(block);
            }
            Route::Nobody => {
                self.unwatch_if_unneeded();
                drop(block);
            }
            Route::Port => {
                if let Some(link) = self.link.get()
                    && let Some(number) = link.sink.deliver(link.token, block)
                {
                    self.newest.note(number);
                }
            }
        }
        self.ended_and(sort, told);
    }

    /// Whether a worker may be given a packet of this handle past the port's queue: none is left there that would
    /// then come after it.
    pub(super) fn may_pass_the_queue(&self) -> bool {
        self.link.get().is_none_or(|link| link.sink.has_passed(&self.newest))
    }

    /// Closes: operations under way end with `closing_status`, the descriptor with the last call on it.
    pub(super) fn close(self: &Arc<Self>) -> Result<(), Status> {
        let (fd, service_token, engaged_by) = {
            let mut state = self.state.lock();
            let Some(fd) = state.fd.take() else { return Err(Status::INVALID_HANDLE) };
            self.public.fetch_or(CLOSED, Release);
            (fd, state.unwatched(), state.disengaged())
        };
        // So that the association ends here if nothing else is under way.
        self.began(Sort::Silent);
        if let Some(token) = service_token
            && let Ok(service) = service()
        {
            service.detach(Some(fd.as_fd()), token);
        }
        if let Some(link) = self.link.get() {
            link.sink.unwatch(fd.as_fd());
        }
        self.unlink(fd.as_fd());
        if let Some(named) = self.named() {
            named.leave();
        }
        let mut cut = Vec::new();
        self.take_where(|_| true, &mut cut);
        // Those that wait for a lock are taken out first, and get none of what is free now.
        self.unlock_all(fd.as_fd());
        drop(fd);
        for block in cut {
            let status = self.closing_status(&block);
            self.complete_for_owner(block, status);
        }
        self.linger(&mut self.state.lock());
        self.release();
        if let Some((listener, id)) = engaged_by
            && let Some(listener) = listener.upgrade()
        {
            // S119
            let _ = listener.cancel(id);
        }
        self.ended(Sort::Silent);
        Ok(())
    }

    fn detach(&self) {
        if let Some(link) = self.link.get() {
            link.sink.detach(link.token);
        }
    }

    /// Tries again a little later what nobody will announce.
    pub(super) fn pause(self: &Arc<Self>, state: &mut State) {
        /// Long enough to cost nothing, short enough that nobody in the backlog gives up.
        const PAUSE: Duration = Duration::from_millis(50);
        if !state.paused
            && let Ok(service) = service()
        {
            state.paused = true;
            let me = Arc::downgrade(self);
            service.tick_after(PAUSE, me);
        }
    }
}

impl Source for Handle {
    fn ready(self: Arc<Self>, events: EventFlags, direct: bool) -> Option<Irp> {
        let (rx, tx, held) = {
            let mut state = self.state.lock();
            let events = self.hear(&mut state, events);
            let ended = events.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
            // Behind urgent data there may be more, whatever a count says.
            let urgent = events.contains(EventFlags::PRI);
            if ended || urgent || events.contains(EventFlags::IN) {
                state.rx.event(ended || urgent);
            }
            let leaving = state.facts.contains(Facts::LEAVING) && events.contains(EventFlags::IN);
            if leaving || events.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
                state.tx.event(false);
            }
            let rx = !state.rx.is_empty() && state.rx.ready;
            (rx, !state.tx.is_empty() && state.tx.ready, state.zero().is_some())
        };
        if held {
            self.release();
        }
        let mut first = None;
        if rx {
            self.run(Side::Rx, if direct { Some(&mut first) } else { None });
        }
        if tx {
            self.run(Side::Tx, if direct { Some(&mut first) } else { None });
        }
        if self.is_selected() {
            self.note();
        }
        first
    }

    fn abandon(self: Arc<Self>) {
        self.cancel_own(|tag| !tag.apart);
        let mut state = self.state.lock();
        if state.is_held() {
            self.look_after(&mut state);
        }
        if !(state.rx.is_empty() && state.tx.is_empty()) && self.ensure_watched(&mut state, true).is_err() {
            drop(state);
            // What is left belongs to others, but nobody could tell it when it can go on.
            self.cancel_where(|_| true);
        }
    }

    fn pending(&self) -> usize {
        self.in_flight() as usize
    }
}

impl Tick for Handle {
    fn tick(self: Arc<Self>) -> Option<Duration> {
        {
            let mut state = self.state.lock();
            state.paused = false;
            state.rx.go_on();
            state.tx.go_on();
        }
        self.run(Side::Rx, None);
        self.run(Side::Tx, None);
        None
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        debug_assert_eq!(self.in_flight.count(), 0, "an operation in flight keeps its handle");
        if *self.public.get_mut() & CLOSED == 0 {
            let state = self.state.lock();
            let fd = state.fd.as_ref().map(|fd| fd.as_fd());
            if let Some(token) = state.watched_by_service()
                && let Ok(service) = service()
            {
                service.detach(fd, token);
            }
            if let (Some(link), Some(fd), true) = (self.link.get(), fd, self.is_polled()) {
                // The file may live on under another descriptor, and would stay in the port's set with it.
                link.sink.unwatch(fd);
            }
            if let Some(fd) = fd {
                self.unlink(fd);
                self.unlock_all(fd);
            }
            drop(state);
            self.detach();
        }
    }
}
