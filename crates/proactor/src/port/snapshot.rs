//! What a port is doing at one moment, and the list of all ports there are.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::core::Core;
use super::limits::Limits;
use super::worker::{SeatState, Worker};
use crate::op::charge::PAGE;
use crate::sync::lock::Lock;

static PORTS: Lock<Vec<Weak<dyn PortInfo>>> = Lock::new(Vec::new());

pub(super) trait PortInfo: Send + Sync {
    fn snapshot(&self) -> PortSnapshot;
}

/// A port at one moment. The numbers are read one after the other while the port goes on, so sums may be off by
/// what happened meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortSnapshot {
    /// Names the port in this process.
    pub id: u64,
    /// Workers that may run at once.
    pub limit: usize,
    /// Workers that hold a seat.
    pub running: usize,
    /// Workers in a handler that blocks, and whose seats were given to others.
    pub blocked: usize,
    /// Workers that wait for packets.
    pub parked: usize,
    /// Packets that wait for workers.
    pub queued: usize,
    /// Handles associated.
    pub handles: usize,
    /// Operations under way on those handles.
    pub pending: usize,
    /// Bytes that they lock, in whole pages: those of operations that were started when their handle had this port.
    pub locked_bytes: usize,
    /// The most of it there was at one time.
    pub locked_peak: usize,
    /// Operations between their start and the taking of their packet.
    pub blocks: usize,
    /// Starts that were refused with `NO_BUFS` because that was more than the port, or the process, may have.
    pub refused: u64,
    /// Packets taken since the port was made.
    pub packets: u64,
    /// Bytes in those packets.
    pub bytes: u64,
    /// Seats given up by workers that said they would block.
    pub declared_blocked: u64,
    /// Seats taken from workers that the monitor found blocked.
    pub found_blocked: u64,
    /// Times the monitor has looked at the port.
    pub monitor_ticks: u64,
    /// How long a handler keeps its processor, on the average of late; zero when not known yet.
    pub handler_time: Duration,
    /// What it may hold at most.
    pub limits: Limits,
    /// Its workers, in the order in which they came.
    pub workers: Vec<WorkerSnapshot>,
}

/// A worker of a port at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerSnapshot {
    /// The kernel's id of the thread.
    pub thread: u32,
    /// The name its starter gave it; empty if none.
    pub name: String,
    /// What it is to the port.
    pub state: WorkerState,
    /// Packets it has taken from this port.
    pub packets: u64,
    /// Bytes in those packets.
    pub bytes: u64,
}

/// What a worker is to its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkerState {
    /// It holds a seat.
    Running,
    /// It blocks in a handler, and its seat has been given to others.
    Blocked,
    /// It waits for packets, or for a seat.
    Parked,
}

impl Worker {
    fn snapshot(&self) -> WorkerSnapshot {
        let (packets, bytes) = self.counted();
        WorkerSnapshot {
            thread: self.kernel_id.unsigned_abs(),
            name: self.name.as_deref().unwrap_or_default().into(),
            state: match self.seat_state() {
                SeatState::Out => WorkerState::Parked,
                SeatState::Running => WorkerState::Running,
                SeatState::Blocked => WorkerState::Blocked,
            },
            packets,
            bytes,
        }
    }
}

pub(super) fn register<K, M>(core: &Arc<Core<K, M>>)
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    let core: Weak<Core<K, M>> = Arc::downgrade(core);
    let mut ports = PORTS.lock();
    ports.retain(|port| port.strong_count() > 0);
    ports.push(core);
}

/// Every port of this process, also those closed that a handle still holds.
pub(crate) fn ports() -> Vec<PortSnapshot> {
    let ports: Vec<_> = PORTS.lock().iter().filter_map(Weak::upgrade).collect();
    ports.iter().map(|port| port.snapshot()).collect()
}

impl<K, M> PortInfo for Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn snapshot(&self) -> PortSnapshot {
        let counts = self.counts();
        let (past, list) = {
            let workers = self.workers.lock();
            (workers.past, workers.list.clone())
        };
        let workers: Vec<_> = list.iter().map(|worker| worker.snapshot()).collect();
        let sum = |count: fn(&WorkerSnapshot) -> u64| workers.iter().map(count).sum::<u64>();
        let blocked = workers.iter().filter(|worker| worker.state == WorkerState::Blocked).count();
        let balance = self.account.balance();
        let bytes = |pages: u64| pages as usize * PAGE;
        let mut pending = 0;
        self.table.for_each(|source| pending += source.pending());
        PortSnapshot {
            id: self.id,
            limit: self.gate.limit().into(),
            running: counts.active.into(),
            blocked,
            parked: counts.spare().into(),
            queued: self.queue.len(),
            handles: self.table.len(),
            pending,
            locked_bytes: bytes(balance.pages),
            locked_peak: bytes(balance.peak_pages),
            blocks: balance.operations as usize,
            refused: balance.refused,
            packets: past.0 + sum(|worker| worker.packets),
            bytes: past.1 + sum(|worker| worker.bytes),
            declared_blocked: self.counters.declared_blocked.load(Relaxed),
            found_blocked: self.counters.found_blocked.load(Relaxed),
            monitor_ticks: self.counters.ticks.load(Relaxed),
            handler_time: self.pace.average(),
            limits: self.limits.clone(),
            workers,
        }
    }
}
