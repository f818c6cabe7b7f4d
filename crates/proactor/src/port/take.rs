//! Taking packets: the short way for a busy port, and the whole way with its looks, its parks and its end.
//!
//! A worker with a seat takes the oldest packet without touching the seats. Only when there is none does it give
//! its seat back and park (`park.rs`).

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::Packet;
use super::core::{Core, Entry};
use super::member::{self, Member};
use super::seats::Place;
use super::worker::Worker;
use crate::driver::epoll::{EventFlags, Harvest};
use crate::op::Op;
use crate::status::Status;

/// Of so many packets taken, one is followed by a look at the kernel's queue although others wait in ours: a
/// flood of posts must not keep sockets waiting.
const LOOK_EVERY: u32 = 61;

/// Whether a worker that has taken so many packets looks at the kernel's queue before the next.
fn looks_after(taken: u32) -> bool {
    taken % LOOK_EVERY == LOOK_EVERY - 1
}

/// Handlers timed: the first few, then one of so many, for the clock costs as much as a packet.
const TIME_FIRST: u32 = 16;
const TIME_EVERY: u32 = 128;

/// Until when a removal waits.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Forever,
    At(Instant),
    Now,
}

impl Until {
    pub(super) fn left(self) -> Option<Duration> {
        match self {
            Until::Forever => None,
            Until::At(at) => Some(at.saturating_duration_since(Instant::now())),
            Until::Now => Some(Duration::ZERO),
        }
    }

    pub(super) fn passed(self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Until::Forever => None,
            Until::At(at) => Some(at),
            Until::Now => Some(Instant::now()),
        }
    }
}

impl<K, M> Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    /// Takes the oldest packet for a worker that has its seat and need not look at anything else: the usual case
    /// in a busy port, kept short.
    #[inline]
    pub(crate) fn quick(&self) -> Option<Packet<K, M>> {
        let entry = member::with(self.id, |member| {
            let before = member.taken.get();
            let taken = before.wrapping_add(1);
            // A timed handler ends with the packet after the one that began it.
            let timed = taken < TIME_FIRST || taken % TIME_EVERY <= 1;
            if timed || looks_after(before) || !member.worker.is_running() || !self.gate.goes_on() {
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
            Entry::Done(key, mut block) => {
                self.taken(&mut block);
                Some(Packet { key, op: Op::from_block(block) })
            }
            Entry::Ready(token, events) => self.serve(token, events),
        }
    }

    /// Takes the next packet: the heart of the port.
    pub(crate) fn next(&self, member: &Member, until: Until) -> Result<Packet<K, M>, Status> {
        self.end_of_handler(member);
        let worker = &*member.worker;
        let mut seated = worker.has_seat();
        let mut place = Place::Polling;
        let mut parked = false;
        loop {
            seated = self.sit_down(worker, seated);
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

    /// The worker comes back from its handler, which was timed if it was one in so many.
    pub(super) fn end_of_handler(&self, member: &Member) {
        // Taken back in any case: a batch that was not timed must not shorten what is timed after it.
        let batch = member.batch.replace(1);
        if let Some(started) = member.started.take() {
            self.pace.sample(started.elapsed() / batch);
        }
    }

    /// Gives the seat back if there are too many, and takes one if there is one. True: the worker has a seat.
    pub(super) fn sit_down(&self, worker: &Worker, mut seated: bool) -> bool {
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
        seated
    }

    /// More packets for a worker that has just taken one; never waits.
    pub(crate) fn more(&self, member: &Member) -> Option<Packet<K, M>> {
        if !self.gate.goes_on() { None } else { self.take(member) }
    }

    pub(super) fn take(&self, member: &Member) -> Option<Packet<K, M>> {
        if looks_after(member.taken.get()) && self.table.len() > 0 {
            self.go_on_with_what_is_ready();
        }
        loop {
            if let Some(packet) = self.unfold(self.queue.pop()?) {
                return Some(self.handed(member, packet));
            }
        }
    }

    /// Goes on with what the kernel has while packets wait in the queue; what completes goes behind them. Set aside
    /// there as readiness it would be served later, and its packets handed out before those that a start from another
    /// thread has put behind it meanwhile.
    fn go_on_with_what_is_ready(&self) {
        let mut harvest = Harvest::new();
        self.poller.look(&mut harvest);
        for (token, events) in harvest.iter() {
            if let Some((_, source)) = self.table.lookup(token) {
                source.ready(events, false);
            }
        }
    }

    /// The last thing before a packet goes to its handler.
    pub(super) fn handed(&self, member: &Member, packet: Packet<K, M>) -> Packet<K, M> {
        member.worker.count(packet.bytes());
        let taken = member.taken.get().wrapping_add(1);
        member.taken.set(taken);
        if taken < TIME_FIRST || taken.is_multiple_of(TIME_EVERY) {
            member.started.set(Some(Instant::now()));
        }
        packet
    }

    /// Performs what a ready handle has pending; its first completion is the packet.
    pub(super) fn serve(&self, token: u64, events: EventFlags) -> Option<Packet<K, M>> {
        let (key, source) = self.table.lookup(token)?;
        let mut block = source.ready(events, key.is_some())?;
        self.taken(&mut block);
        Some(Packet { key: key?, op: Op::from_block(block) })
    }

    /// Puts a harvest into the queue, for any seat to take, except for the first event if `keep` asks for it: not
    /// past packets that are in the queue already, for they are older.
    pub(super) fn set_aside(&self, harvest: &Harvest, keep: bool) -> Option<(u64, EventFlags)> {
        let mut events = harvest.iter();
        let kept = if keep && self.queue.is_empty() { events.next() } else { None };
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

    /// A removal that brings nothing, and whose thread runs on: it holds a seat, if need be one over the limit.
    pub(super) fn run_on(&self, worker: &Worker, seated: bool) {
        if seated {
            return;
        }
        if !self.queue.is_empty() || self.poller.is_ready() {
            self.turned_away.store(true, Relaxed);
            self.leave_lying();
        }
        self.gate.resume();
        worker.seated();
    }

    /// A removal whose time is over.
    pub(super) fn expire(&self, member: &Member, seated: bool) -> Result<Packet<K, M>, Status> {
        if !seated {
            self.run_on(&member.worker, seated);
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
}
