//! The port itself: how packets come in, whom they wake, and how it closes. Taking them is in `take.rs`, parking
//! in `park.rs`, finding the blocked in `monitor.rs`.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Arc, OnceLock, Weak};

use super::gate::Gate;
use super::limits::{Limits, processors};
use super::lookout::Lookout;
use super::member::{self, Home, Member};
use super::monitor::Watch;
use super::pace::Pace;
use super::seats::{Counts, Wake};
use super::worker::Worker;
use crate::driver::epoll::{EventFlags, Poller};
use crate::object::body::Local;
use crate::op::block::Block;
use crate::op::charge::PAGE;
use crate::op::ledger::Account;
use crate::op::slab::Irp;
use crate::service::table::{Source, Table};
use crate::status::Status;
use crate::sync::fence::fence;
use crate::sync::lock::Lock;
use crate::sync::queue::Queue;

/// What lies in the queue.
pub(crate) enum Entry<K, M> {
    Posted(K, M),
    Done(K, Irp),
    /// Readiness that came in a batch with other; whoever takes it serves it.
    Ready(u64, EventFlags),
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
    /// What its operations hold.
    pub(crate) account: Account,
    /// Who looks after the kernel's queue while no worker does.
    pub(crate) lookout: Lookout,
    /// What threads wait for that wait for the port itself; most ports have none.
    pub(super) object: OnceLock<Arc<Local>>,
    /// Spinning is only worth it while another processor can bring the packet.
    pub(super) spins: bool,
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
            account: Account::open(limits.blocks, limits.locked_bytes / PAGE),
            limits,
            lookout: Lookout::default(),
            object: OnceLock::new(),
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

    /// Queues the packet of a completed operation. Its number in the queue, unless it is not wanted any more.
    pub(crate) fn deliver(&self, token: u64, mut block: Irp) -> Option<u64> {
        let Some(key) = self.table.key(token) else {
            self.taken(&mut block);
            return None;
        };
        let number = self.push(Entry::Done(key, block));
        self.announce();
        Some(number)
    }

    pub(super) fn push(&self, entry: Entry<K, M>) -> u64 {
        let number = self.queue.push(entry);
        fence(SeqCst);
        if self.is_closed() {
            self.drain();
        }
        number
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
        } else {
            if counts.spare() > 0 && !counts.waking {
                self.watch_over();
            }
            self.tell();
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
        self.tell();
        self.table.for_each(|source| source.abandon());
        // A key may own its handle, and the handle holds this port: nobody needs keys any more.
        drop(self.table.take_keys());
        self.drain();
    }

    fn drain(&self) {
        // All out first: dropping one may run anything, and deliver more.
        let mut entries: Vec<_> = std::iter::from_fn(|| self.queue.pop()).collect();
        for entry in &mut entries {
            if let Entry::Done(_, block) = entry {
                self.taken(block);
            }
        }
        drop(entries);
    }

    /// A completed operation leaves the port.
    #[inline]
    pub(super) fn taken(&self, block: &mut Block) {
        if std::mem::take(&mut block.charge).at_port() {
            self.account.give(1, 0);
        }
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
