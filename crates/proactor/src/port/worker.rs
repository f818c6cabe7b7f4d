//! A thread as a port sees it: whether it holds a seat, where it sleeps, and what it has done.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::*};

use crate::driver::proc_stat::{ThreadStat, ThreadState};
use crate::sync::lock::Lock;
use crate::sync::park::Parker;
use crate::sync::record;
use crate::sync::thread::kernel_id;

/// What a worker is to the seats. Changed by the worker itself and, between `RUNNING` and `FOUND`, by the
/// monitor; each change of a pair the two contend for is a compare-and-swap, and whoever wins moves the count.
const OUT: u8 = 0;
const RUNNING: u8 = 1;
/// It said that it blocks.
const DECLARED: u8 = 2;
/// The monitor found it blocked.
const FOUND: u8 = 3;

/// The record of one thread, shared with the port it is associated with.
///
/// It is written for every packet: on a cache line of its own (two, for the processor that fetches pairs), or two
/// workers would wait for each other at every packet.
#[repr(align(128))]
pub(crate) struct Worker {
    pub(super) kernel_id: i32,
    pub(super) name: Option<Box<str>>,
    seat: AtomicU8,
    pub(crate) parker: Parker,
    /// Opened when the monitor first asks.
    stat: Lock<Option<ThreadStat>>,
    packets: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeatState {
    Out,
    Running,
    Blocked,
}

impl Worker {
    pub(crate) fn new() -> Worker {
        // Wait chains know the owner of a lock by its number only, and find the thread by its record.
        let _ = record::current();
        Worker {
            kernel_id: kernel_id(),
            name: std::thread::current().name().map(Box::from),
            seat: AtomicU8::new(OUT),
            parker: Parker::default(),
            stat: Lock::default(),
            packets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// The seats say that it has one now.
    pub(crate) fn seated(&self) {
        self.seat.store(RUNNING, Release);
    }

    /// It has its seat still, and nobody has looked at it.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.seat.load(Acquire) == RUNNING
    }

    /// It comes for work. True if it still has its seat; if the monitor took it, it has none.
    pub(crate) fn has_seat(&self) -> bool {
        match self.seat.load(Acquire) {
            RUNNING => true,
            OUT => false,
            _ => !self.give_up(),
        }
    }

    /// It gives its seat back to park, or leaves. False: there is none to give, the monitor or it itself has
    /// done so before.
    pub(crate) fn stand_up(&self) -> bool {
        self.seat.swap(OUT, AcqRel) == RUNNING
    }

    /// A worker that was found or declared blocked comes for work: it starts anew, unless the monitor has just
    /// seated it again (then false).
    fn give_up(&self) -> bool {
        let mut seen = self.seat.load(Acquire);
        while seen != RUNNING {
            match self.seat.compare_exchange_weak(seen, OUT, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// It is about to block and says so. `None`: it is no running worker (nothing to undo). `Some(true)`: it had
    /// a seat, which the caller gives back.
    pub(crate) fn declare(&self) -> Option<bool> {
        let mut seen = self.seat.load(Acquire);
        loop {
            if seen != RUNNING && seen != FOUND {
                return None;
            }
            match self.seat.compare_exchange_weak(seen, DECLARED, AcqRel, Acquire) {
                Ok(_) => return Some(seen == RUNNING),
                Err(now) => seen = now,
            }
        }
    }

    /// It has blocked and runs on; true if it is still as `declare` left it. The caller has counted it in.
    pub(crate) fn undeclare(&self) -> bool {
        self.seat.compare_exchange(DECLARED, RUNNING, AcqRel, Acquire).is_ok()
    }

    pub(crate) fn is_declared(&self) -> bool {
        self.seat.load(Acquire) == DECLARED
    }

    pub(crate) fn seat_state(&self) -> SeatState {
        match self.seat.load(Acquire) {
            OUT => SeatState::Out,
            RUNNING => SeatState::Running,
            _ => SeatState::Blocked,
        }
    }

    /// The monitor looks at a running worker: true if it is blocked and its seat is now the monitor's to give
    /// back.
    pub(crate) fn find_blocked(&self) -> bool {
        self.seat.load(Acquire) == RUNNING
            && self.observe() == ThreadState::Blocked
            && self.seat.compare_exchange(RUNNING, FOUND, AcqRel, Acquire).is_ok()
    }

    /// The monitor looks at one it found before: true if it runs again.
    pub(crate) fn runs_again(&self) -> bool {
        self.seat.load(Acquire) == FOUND && self.observe() == ThreadState::Runs
    }

    /// The monitor, which has counted it in, seats it; false if it has come for work by itself meanwhile.
    pub(crate) fn reseat(&self) -> bool {
        self.seat.compare_exchange(FOUND, RUNNING, AcqRel, Acquire).is_ok()
    }

    pub(crate) fn is_found(&self) -> bool {
        self.seat.load(Relaxed) == FOUND
    }

    fn observe(&self) -> ThreadState {
        let mut stat = self.stat.lock();
        if stat.is_none() {
            *stat = ThreadStat::open(self.kernel_id).ok();
        }
        stat.as_ref().map_or(ThreadState::Gone, ThreadStat::state)
    }

    /// Counts a packet. Only the worker itself writes these, so a load and a store do.
    #[inline]
    pub(crate) fn count(&self, bytes: usize) {
        self.packets.store(self.packets.load(Relaxed) + 1, Relaxed);
        if bytes > 0 {
            self.bytes.store(self.bytes.load(Relaxed) + bytes as u64, Relaxed);
        }
    }

    pub(crate) fn counted(&self) -> (u64, u64) {
        (self.packets.load(Relaxed), self.bytes.load(Relaxed))
    }
}
