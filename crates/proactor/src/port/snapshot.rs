//! What a port is doing at one moment, and the list of all ports there are.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::core::Core;
use super::worker::SeatState;
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
        let (mut packets, mut bytes, mut blocked) = (0, 0, 0);
        {
            let workers = self.workers.lock();
            packets += workers.past.0;
            bytes += workers.past.1;
            for worker in &workers.list {
                let counted = worker.counted();
                packets += counted.0;
                bytes += counted.1;
                blocked += usize::from(worker.seat_state() == SeatState::Blocked);
            }
        }
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
            packets,
            bytes,
            declared_blocked: self.counters.declared_blocked.load(Relaxed),
            found_blocked: self.counters.found_blocked.load(Relaxed),
            monitor_ticks: self.counters.ticks.load(Relaxed),
            handler_time: self.pace.average(),
        }
    }
}
