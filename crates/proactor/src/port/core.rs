//! The port itself: how packets come in, how workers take them, park and are woken.
//!
//! A worker with a seat takes the oldest packet without touching the seats. Only when there is none does it
//! give its seat back and park: in the kernel's readiness queue, where it takes what comes straight from the
//! kernel, newest first; or, once it was woken there while all seats were taken, on a futex of its own, so that
//! readiness which only the running workers may serve does not wake it again and again.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::gate::Gate;
use super::limits::{Limits, processors};
use super::member::{self, Home, Member};
use super::monitor::Watch;
use super::pace::Pace;
use super::packet::Packet;
use super::seats::{Counts, Place, Wake};
use super::table::{Source, Table};
use super::worker::Worker;
use crate::driver::epoll::{EventFlags, Harvest, Poller};
use crate::op::Op;
use crate::op::block::Block;
use crate::status::Status;
use crate::sync::fence::fence;
use crate::sync::lock::Lock;
use crate::sync::queue::Queue;

/// Of so many packets taken, one is followed by a look at the kernel's queue although others wait in ours: a
/// flood of posts must not keep sockets waiting.
const LOOK_EVERY: u32 = 61;

/// Handlers timed: the first few, then one of so many, for the clock costs as much as a packet.
const TIME_FIRST: u32 = 16;
const TIME_EVERY: u32 = 32;

/// Pauses of a spin before a park, about 2 us, while it has been worth it of late; then once in so many parks to
/// find out anew.
const SPINS: u32 = 100;
/// Then the processor is offered a few times to whoever is ready, who may be the one that brings the packet.
const YIELDS: u32 = 8;
const SPIN_CREDIT: u8 = 8;
const SPIN_AGAIN: u32 = 64;

/// What lies in the queue.
pub(crate) enum Entry<K, M> {
    Posted(K, M),
    Done(K, Box<Block>),
    /// Readiness that came in a batch with other; whoever takes it serves it.
    Ready(u64, EventFlags),
}

/// Until when a removal waits.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Forever,
    At(Instant),
    Now,
}

impl Until {
    fn left(self) -> Option<Duration> {
        match self {
            Until::Forever => None,
            Until::At(at) => Some(at.saturating_duration_since(Instant::now())),
            Until::Now => Some(Duration::ZERO),
        }
    }

    fn passed(self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    fn deadline(self) -> Option<Instant> {
        match self {
            Until::Forever => None,
            Until::At(at) => Some(at),
            Until::Now => Some(Instant::now()),
        }
    }
}

#[derive(Default)]
pub(crate) struct Workers {
    pub(crate) list: Vec<Arc<Worker>>,
    /// Packets and bytes of those that have left.
    pub(crate) past: (u64, u64),
}

pub(crate) struct Core<K, M> {
    pub(crate) id: u64,
    pub(crate) me: Weak<Core<K, M>>,
    pub(crate) gate: Gate,
    pub(crate) queue: Queue<Entry<K, M>>,
    pub(crate) poller: Poller,
    pub(crate) table: Table<K>,
    /// The workers parked on futexes, newest last.
    pub(crate) stack: Lock<Vec<Arc<Worker>>>,
    pub(crate) workers: Lock<Workers>,
    pub(crate) pace: Pace,
    /// The monitor is at work on this port.
    pub(crate) watched: AtomicBool,
    pub(crate) watch: Lock<Watch>,
    /// A worker went without a packet that waits, because its time was over and no seat was free: it is not parked,
    /// and yet the monitor has somebody to look for.
    pub(crate) turned_away: AtomicBool,
    pub(crate) limits: Limits,
    /// Spinning is only worth it while another processor can bring the packet.
    spins: bool,
    pub(crate) counters: Counters,
}

/// What the monitor did, for the snapshot.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) ticks: AtomicU64,
    pub(crate) found_blocked: AtomicU64,
    /// Found blocked at the last look and not seen running since.
    pub(crate) found_now: AtomicU64,
    pub(crate) declared_blocked: AtomicU64,
}

impl<K, M> Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    pub(crate) fn new(limit: u16, limits: Limits) -> Result<Arc<Self>, Status> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let poller = Poller::new()?;
        Ok(Arc::new_cyclic(|me| Core {
            id: NEXT.fetch_add(1, Relaxed),
            me: me.clone(),
            gate: Gate::new(limit),
            queue: Queue::new(limits.posts),
            poller,
            table: Table::new(),
            stack: Lock::default(),
            workers: Lock::default(),
            pace: Pace::default(),
            watched: AtomicBool::new(false),
            watch: Lock::default(),
            turned_away: AtomicBool::new(false),
            limits,
            spins: processors() > 1,
            counters: Counters::default(),
        }))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    #[inline]
    pub(crate) fn post(&self, key: K, message: M) -> Result<(), Status> {
        if self.is_closed() {
            return Err(Status::INVALID_HANDLE);
        }
        let pushed = self.queue.push_within(Entry::Posted(key, message));
        pushed.map_err(|_| Status::TOO_MANY_POSTS)?;
        self.announce();
        if self.is_closed() {
            // It was closed meanwhile: whoever comes second, this or the close, drops the packet.
            self.drain();
        }
        Ok(())
    }

    /// Queues the packet of a completed operation.
    pub(crate) fn deliver(&self, token: u64, block: Box<Block>) {
        let Some(key) = self.table.key(token) else { return };
        self.push(Entry::Done(key, block));
        self.announce();
    }

    fn push(&self, entry: Entry<K, M>) {
        self.queue.push(entry);
        fence(SeqCst);
        if self.is_closed() {
            self.drain();
        }
    }

    /// There is work in the queue: wakes a worker for it if one may run and it is worth the wake; where nobody
    /// is woken although somebody could be, the monitor sees to it that the work does not wait for ever.
    #[inline]
    pub(crate) fn announce(&self) {
        self.announce_if(|| self.pace.worth_a_wake(self.queue.len()));
    }

    #[inline]
    pub(crate) fn announce_if(&self, worth: impl Fn() -> bool) {
        let (wake, counts) = self.gate.work(worth);
        if wake != Wake::Nobody {
            self.wake(wake);
            if self.counters.found_now.load(Relaxed) > 0 {
                // One that was found blocked may run again by now, and would be one too many.
                self.watch_over();
            }
        } else if counts.spare() > 0 && !counts.waking {
            self.watch_over();
        }
    }

    pub(crate) fn wake(&self, wake: Wake) {
        match wake {
            Wake::Nobody => {}
            Wake::Polling => self.poller.call(),
            Wake::Parked => self.wake_newest(),
        }
    }

    pub(crate) fn wake_newest(&self) {
        let newest = self.stack.lock().pop();
        if let Some(worker) = newest {
            worker.parker.unpark();
        }
    }

    /// The calling thread as a worker of this port.
    pub(crate) fn enter(&self) -> Result<std::rc::Rc<Member>, Status> {
        if let Some(member) = member::of(self.id) {
            return Ok(member);
        }
        let worker = Arc::new(Worker::new());
        {
            let mut workers = self.workers.lock();
            if workers.list.len() >= self.limits.workers {
                return Err(Status::TOO_MANY_THREADS);
            }
            workers.list.push(worker.clone());
        }
        let home: Weak<dyn Home> = self.me.clone();
        Ok(member::join(Member::new(self.id, worker, home)))
    }

    /// Takes the oldest packet for a worker that has its seat and need not look at anything else: the usual case
    /// in a busy port, kept short.
    #[inline]
    pub(crate) fn quick(&self) -> Option<Packet<K, M>> {
        let entry = member::with(self.id, |member| {
            let taken = member.taken.get().wrapping_add(1);
            let due = taken < TIME_FIRST || taken % TIME_EVERY <= 1 || taken % LOOK_EVERY == LOOK_EVERY - 1;
            if due || !member.worker.is_running() || !self.gate.goes_on() {
                return None;
            }
            let entry = self.queue.pop()?;
            member.taken.set(taken);
            if !matches!(entry, Entry::Ready(..)) {
                let bytes = if let Entry::Done(_, block) = &entry { block.bytes } else { 0 };
                member.worker.count(bytes);
            }
            Some(entry)
        })?;
        if let Entry::Ready(token, events) = entry {
            // What it brings, if anything, is only known once it has been served.
            let packet = self.serve(token, events)?;
            member::with(self.id, |member| {
                member.worker.count(packet.bytes());
                Some(())
            });
            return Some(packet);
        }
        self.unfold(entry)
    }

    fn unfold(&self, entry: Entry<K, M>) -> Option<Packet<K, M>> {
        match entry {
            Entry::Posted(key, message) => Some(Packet { key, op: Op::Posted(message) }),
            Entry::Done(key, block) => Some(Packet { key, op: Op::from_block(block) }),
            Entry::Ready(token, events) => self.serve(token, events),
        }
    }

    /// Takes the next packet: the heart of the port.
    pub(crate) fn next(&self, member: &Member, until: Until) -> Result<Packet<K, M>, Status> {
        if let Some(started) = member.started.take() {
            self.pace.sample(started.elapsed() / member.batch.replace(1));
        }
        let worker = &*member.worker;
        let mut seated = worker.has_seat();
        let mut place = Place::Polling;
        let mut parked = false;
        loop {
            if seated && !self.gate.goes_on() {
                if worker.stand_up() {
                    self.gate.release();
                }
                seated = false;
            }
            if !seated && self.gate.arrive() {
                worker.seated();
                seated = true;
            }
            if self.is_closed() {
                return Err(Status::ABANDONED_WAIT_0);
            }
            if seated && let Some(packet) = self.take(member) {
                if parked && !self.queue.is_empty() {
                    self.announce();
                }
                return Ok(packet);
            }
            if until.passed() {
                return self.expire(member, seated);
            }
            if seated && self.spin(member) {
                continue;
            }
            let (now_seated, packet, demoted) = match place {
                Place::Polling => self.park_polling(worker, seated, until),
                Place::Parked => (self.park_sleeping(&member.worker, seated, until), None, false),
            };
            seated = now_seated;
            parked = true;
            place = if demoted { Place::Parked } else { Place::Polling };
            if let Some(packet) = packet {
                return Ok(self.handed(member, packet));
            }
        }
    }

    /// More packets for a worker that has just taken one; never waits.
    pub(crate) fn more(&self, member: &Member) -> Option<Packet<K, M>> {
        if !self.gate.goes_on() { None } else { self.take(member) }
    }

    fn take(&self, member: &Member) -> Option<Packet<K, M>> {
        if member.taken.get() % LOOK_EVERY == LOOK_EVERY - 1 && self.table.len() > 0 {
            let mut harvest = Harvest::new();
            self.poller.look(&mut harvest);
            self.set_aside(&harvest, false);
        }
        loop {
            if let Some(packet) = self.unfold(self.queue.pop()?) {
                return Some(self.handed(member, packet));
            }
        }
    }

    /// The last thing before a packet goes to its handler.
    fn handed(&self, member: &Member, packet: Packet<K, M>) -> Packet<K, M> {
        member.worker.count(packet.bytes());
        let taken = member.taken.get().wrapping_add(1);
        member.taken.set(taken);
        if taken < TIME_FIRST || taken.is_multiple_of(TIME_EVERY) {
            member.started.set(Some(Instant::now()));
        }
        packet
    }

    /// Performs what a ready handle has pending; its first completion is the packet.
    fn serve(&self, token: u64, events: EventFlags) -> Option<Packet<K, M>> {
        let (key, source) = self.table.lookup(token)?;
        let block = source.ready(events, true)?;
        Some(Packet { key, op: Op::from_block(block) })
    }

    /// Puts a harvest into the queue, for any seat to take, except for the first event if `keep` asks for it.
    fn set_aside(&self, harvest: &Harvest, keep: bool) -> Option<(u64, EventFlags)> {
        let mut events = harvest.iter();
        let kept = if keep { events.next() } else { None };
        let mut some = false;
        for (token, flags) in events {
            self.push(Entry::Ready(token, flags));
            some = true;
        }
        if some {
            self.announce();
        }
        kept
    }

    /// A removal whose time is over. The thread runs on, so it holds a seat, if need be one over the limit.
    fn expire(&self, member: &Member, seated: bool) -> Result<Packet<K, M>, Status> {
        if !seated {
            if !self.queue.is_empty() || self.poller.is_ready() {
                self.turned_away.store(true, Relaxed);
                self.watch_over();
            }
            self.gate.resume();
            member.worker.seated();
            return Err(Status::TIMEOUT);
        }
        let mut harvest = Harvest::new();
        self.poller.look(&mut harvest);
        let packet = self.set_aside(&harvest, true).and_then(|(token, events)| self.serve(token, events));
        match packet {
            Some(packet) => Ok(self.handed(member, packet)),
            None => self.take(member).ok_or(Status::TIMEOUT),
        }
    }

    /// Looks for work a little longer before it parks, where that has been worth it. True: there is some.
    fn spin(&self, member: &Member) -> bool {
        let credit = member.spin.get();
        if !self.spins || (credit == 0 && member.taken.get() % SPIN_AGAIN != 1) {
            return false;
        }
        for _ in 0..SPINS {
            if !self.queue.is_empty() {
                member.spin.set(SPIN_CREDIT);
                return true;
            }
            std::hint::spin_loop();
        }
        for _ in 0..YIELDS {
            std::thread::yield_now();
            if !self.queue.is_empty() {
                member.spin.set(SPIN_CREDIT);
                return true;
            }
        }
        member.spin.set(credit.saturating_sub(1));
        false
    }

    /// Parks in the kernel's readiness queue. Returns whether it came out with a seat, the packet if it brought
    /// one, and whether it was woken for nothing because all seats are taken.
    fn park_polling(
        &self,
        worker: &Worker,
        seated: bool,
        until: Until,
    ) -> (bool, Option<Packet<K, M>>, bool) {
        let seated = seated && worker.stand_up();
        self.gate.park(seated, Place::Polling);
        let mut harvest = Harvest::new();
        let work = !self.queue.is_empty();
        if !self.gate.missed(work) {
            if work {
                // All seats are taken, and nobody but the monitor will tell whether that is true.
                self.watch_over();
            }
            self.poller.wait(&mut harvest, until.left());
        }
        let seated = self.come_out(worker, Place::Polling);
        let counts = self.gate.counts();
        if counts.closed {
            // The next one, until all are out.
            self.poller.call();
        }
        let packet = self.set_aside(&harvest, seated).and_then(|(token, events)| self.serve(token, events));
        if packet.is_some() && !self.queue.is_empty() {
            self.announce();
        }
        let demoted = !seated && harvest.iter().next().is_some();
        (seated, packet, demoted)
    }

    /// Parks on the worker's futex. Returns whether it came out with a seat.
    fn park_sleeping(&self, worker: &Arc<Worker>, seated: bool, until: Until) -> bool {
        let seated = seated && worker.stand_up();
        worker.parker.prepare();
        self.stack.lock().push(worker.clone());
        self.gate.park(seated, Place::Parked);
        // Whoever sleeps here relies on the monitor to look after the kernel's queue.
        self.watch_over();
        let work = !self.queue.is_empty();
        let woken = !self.gate.missed(work) && worker.parker.park(until.deadline());
        if !woken {
            let mut stack = self.stack.lock();
            if let Some(at) = stack.iter().rposition(|other| Arc::ptr_eq(other, worker)) {
                stack.remove(at);
            }
        }
        self.come_out(worker, Place::Parked)
    }

    fn come_out(&self, worker: &Worker, place: Place) -> bool {
        let seated = self.gate.unpark(place);
        if seated {
            worker.seated();
        }
        let counts = self.gate.counts();
        if counts.polling == 0 && counts.parked > 0 {
            // Nobody else watches the kernel's queue for those who sleep.
            self.watch_over();
        }
        seated
    }

    /// A seat came free without its worker coming for more.
    pub(crate) fn hand_over(&self) {
        if !self.queue.is_empty() {
            self.announce_if(|| true);
        } else if self.table.len() > 0 {
            self.wake(self.gate.watch());
        }
    }

    pub(crate) fn close(&self) {
        self.gate.close();
        self.poller.call();
        let sleepers = std::mem::take(&mut *self.stack.lock());
        sleepers.iter().for_each(|worker| worker.parker.unpark());
        self.table.for_each(|source| source.abandon());
        // A key may own its handle, and the handle holds this port: nobody needs keys any more.
        drop(self.table.take_keys());
        self.drain();
    }

    fn drain(&self) {
        // All out first: dropping one may run anything, and deliver more.
        let entries: Vec<_> = std::iter::from_fn(|| self.queue.pop()).collect();
        drop(entries);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.gate.counts()
    }

    /// Watches a descriptor, if the handle has one that can be watched, under a key. When that fails the key comes
    /// back, for its drop may run anything and the caller may hold a lock.
    pub(crate) fn attach(
        &self,
        key: K,
        fd: Option<BorrowedFd<'_>>,
        source: Weak<dyn Source>,
    ) -> Result<u64, (Status, Option<K>)> {
        if self.is_closed() {
            return Err((Status::INVALID_HANDLE, Some(key)));
        }
        let limit = u32::try_from(self.limits.handles).unwrap_or(u32::MAX);
        let token = self.table.insert(key, source, limit).map_err(|key| (Status::NO_BUFS, Some(key)))?;
        if let Some(fd) = fd
            && let Err(error) = self.poller.add(fd, token)
        {
            return Err((error.into(), self.table.remove(token)));
        }
        if self.is_closed() {
            // Closed meanwhile, perhaps before this handle could be told.
            if let Some(fd) = fd {
                self.poller.remove(fd);
            }
            return Err((Status::INVALID_HANDLE, self.table.remove(token)));
        }
        Ok(token)
    }
}

impl<K, M> Home for Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn left(&self, worker: &Arc<Worker>) {
        {
            let mut workers = self.workers.lock();
            workers.list.retain(|other| !Arc::ptr_eq(other, worker));
            let (packets, bytes) = worker.counted();
            workers.past.0 += packets;
            workers.past.1 += bytes;
        }
        if worker.stand_up() {
            self.gate.release();
            self.hand_over();
        }
    }

    fn seat_given_up(&self) {
        self.counters.declared_blocked.fetch_add(1, Relaxed);
        self.gate.release();
        self.hand_over();
    }

    fn resumed(&self, worker: &Worker) {
        if !worker.is_declared() {
            return;
        }
        self.gate.resume();
        if !worker.undeclare() {
            self.gate.release();
        }
    }
}
