//! The third way to find out that a worker is blocked: somebody looks.
//!
//! Only while work waits and no seat is free does the monitor read the state of the seated threads. One that is
//! blocked loses its seat, and the next worker is let in; when it is seen running again it is counted in again.
//! The monitor also guards two bets that the port makes on the fast path: that a running worker will come for
//! work soon, and that while workers sleep on futexes somebody watches the kernel's queue. It stops ticking as
//! soon as nothing has waited for a while.

use std::sync::atomic::Ordering::*;
use std::sync::atomic::fence;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::core::Core;
use super::worker::{SeatState, Worker};
use crate::service::{self, Tick};

/// Between two looks that find nobody blocked. Half of this passes on the average before a block is seen; a look
/// costs some 20 us of a processor on a virtual machine, most of it the timer.
const INTERVAL: Duration = Duration::from_micros(800);

/// Between the first looks, and after one that found somebody: where one worker blocks others do, and looking
/// pays. It doubles up to the interval above.
const SOON: Duration = Duration::from_micros(90);

/// One sample costs about 3 us: with many seats the looks come so much less often that sampling stays under a
/// twentieth of a processor.
const SAMPLE_SHARE: Duration = Duration::from_micros(60);

/// Looks at which nothing waited before it stops: 10 ms, so that a busy port does not start it over and over.
const QUIET: u32 = 12;

/// What the monitor remembers of a port between two looks.
#[derive(Default)]
pub(crate) struct Watch {
    quiet: u32,
    /// Until the next look.
    pause: Option<Duration>,
    /// Packets taken by all workers when it last looked.
    taken: u64,
    /// Workers at that time, to look at outside the port's lock.
    seen: Vec<Arc<Worker>>,
}

impl<K, M> Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    /// Has the monitor look at this port, now and until nothing waits any more. A load when it does already.
    pub(crate) fn watch_over(&self) {
        if !self.watched.load(Relaxed) && !self.watched.swap(true, SeqCst) {
            let me: Weak<dyn Tick> = self.me.clone();
            if !service::tick_soon(me) {
                // Without descriptors there is no service yet; the next one who needs it tries again.
                self.watched.store(false, SeqCst);
            }
        }
    }

    /// Whether something waits that nobody is on the way to take.
    fn waits(&self) -> bool {
        !self.queue.is_empty()
            || (self.table.len() > 0 && self.counts().polling == 0 && self.poller.is_ready())
    }

    /// Gives the seats of blocked workers back; returns how many threads it looked at, and how many were blocked.
    fn release_blocked(&self, workers: &[Arc<Worker>]) -> (u32, u32) {
        let (mut looked, mut released) = (0, 0);
        for worker in workers {
            if worker.seat_state() != SeatState::Running {
                continue;
            }
            looked += 1;
            if worker.find_blocked() {
                released += 1;
                self.counters.found_blocked.fetch_add(1, Relaxed);
                self.gate.release();
                self.hand_over();
            }
        }
        (looked, released)
    }

    /// Counts those in that were found blocked and run again.
    fn reseat_running(&self, workers: &[Arc<Worker>]) -> u32 {
        let mut looked = 0;
        for worker in workers.iter().filter(|worker| worker.is_found()) {
            looked += 1;
            if worker.runs_again() {
                self.gate.resume();
                if !worker.reseat() {
                    self.gate.release();
                    self.hand_over();
                }
            }
        }
        looked
    }

    /// Stops, unless something has come meanwhile. Whoever brings work looks at `watched` after it.
    fn stop_watching(&self) -> bool {
        self.watched.store(false, SeqCst);
        fence(SeqCst);
        let counts = self.counts();
        if counts.polling == 0 && counts.parked > 0 && !self.lookout.is_asked() {
            // From here on a worker watches the kernel's queue again.
            self.wake_newest();
        }
        let again = counts.spare() > 0 && !self.queue.is_empty();
        // If somebody else has started it anew, that start stands and this one ends.
        !again || self.watched.swap(true, SeqCst)
    }
}

impl<K, M> Tick for Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn tick(self: Arc<Self>) -> Option<Duration> {
        self.counters.ticks.fetch_add(1, Relaxed);
        let mut watch = self.watch.lock();
        let mut workers = std::mem::take(&mut watch.seen);
        workers.clear();
        workers.extend(self.workers.lock().list.iter().cloned());
        let taken = workers.iter().map(|worker| worker.counted().0).sum();
        let stands_still = std::mem::replace(&mut watch.taken, taken) == taken;

        let mut looked = self.reseat_running(&workers);
        let mut released = 0;
        let counts = self.counts();
        let wanted = self.turned_away.swap(false, Relaxed) || counts.spare() > 0;
        let waits = wanted && self.waits();
        watch.quiet = if waits { 0 } else { watch.quiet + 1 };
        if waits && counts.active >= self.gate.limit() {
            let (seen, given_back) = self.release_blocked(&workers);
            (looked, released) = (looked + seen, given_back);
        } else if waits && stands_still {
            // The running workers were expected to come for it, and have not.
            self.hand_over();
        }
        let found = workers.iter().filter(|worker| worker.is_found()).count();
        self.counters.found_now.store(found as u64, Relaxed);
        workers.clear();
        watch.seen = workers;
        let quiet = watch.quiet;
        let pause =
            if released > 0 { SOON } else { watch.pause.map_or(SOON, |last| (last * 2).min(INTERVAL)) };
        watch.pause = if quiet > QUIET { None } else { Some(pause) };
        drop(watch);
        if counts.closed || (quiet > QUIET && self.stop_watching()) {
            return None;
        }
        Some(pause.max(SAMPLE_SHARE * looked))
    }
}
