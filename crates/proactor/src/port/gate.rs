//! The seats as threads use them at once: the counts in one atomic word, and the order in which it is read and
//! written beside the queue.
//!
//! Two sides meet without a lock. One puts work into the queue and then looks whether somebody is to be woken;
//! the other makes itself known as parked and then looks whether there is work. Each writes first and reads
//! second, with a full fence between (Dekker's rule), so at least one sees the other: a packet is never left
//! behind with a worker asleep and a seat free.

use super::atomic::{AtomicU64, Ordering, fence};
use super::seats::{Counts, Place, Wake};

pub struct Gate {
    word: AtomicU64,
    limit: u16,
}

impl Gate {
    pub fn new(limit: u16) -> Gate {
        Gate { word: AtomicU64::new(Counts::default().pack()), limit }
    }

    pub fn limit(&self) -> u16 {
        self.limit
    }

    pub fn counts(&self) -> Counts {
        Counts::unpack(self.word.load(Ordering::Acquire))
    }

    /// May a worker with a seat take more work? Not while there are more than the limit allows, nor once the port
    /// is closed.
    #[inline]
    pub fn goes_on(&self) -> bool {
        Counts::goes_on(self.word.load(Ordering::Acquire), self.limit)
    }

    #[inline]
    pub fn is_closed(&self) -> bool {
        Counts::is_closed(self.word.load(Ordering::Acquire))
    }

    pub fn arrive(&self) -> bool {
        self.change(|counts| counts.arrive(self.limit))
    }

    pub fn release(&self) {
        self.change(|counts| (counts.release(), ()));
        fence(Ordering::SeqCst);
    }

    pub fn resume(&self) {
        self.change(|counts| (counts.resume(), ()));
    }

    /// Makes the worker known as parked. It looks for work once more after this, with [`missed`](Gate::missed),
    /// before it sleeps.
    pub fn park(&self, seated: bool, place: Place) {
        self.change(|counts| (counts.park(seated, place), ()));
        fence(Ordering::SeqCst);
    }

    /// Whether one that has just parked must not sleep, given whether there is work.
    pub fn missed(&self, work: bool) -> bool {
        let counts = self.counts();
        counts.closed || (work && counts.active < self.limit)
    }

    /// Comes out of a park; true with a seat. The caller looks for work after this: those who brought some
    /// while a wake was on its way left it to whoever comes out.
    pub fn unpark(&self, place: Place) -> bool {
        let seated = self.change(|counts| counts.unpark(place, self.limit));
        fence(Ordering::SeqCst);
        seated
    }

    /// After work was put into the queue, by a read-modify-write as the last step (see `sync/fence.rs`): whom to
    /// wake. The counts are there to tell why nobody.
    #[inline]
    pub fn work(&self, worth: impl Fn() -> bool) -> (Wake, Counts) {
        fence(Ordering::SeqCst);
        let word = self.word.load(Ordering::Acquire);
        if !Counts::has_spare(word) {
            return (Wake::Nobody, Counts::default());
        }
        self.work_for(Counts::unpack(word), worth)
    }

    fn work_for(&self, counts: Counts, worth: impl Fn() -> bool) -> (Wake, Counts) {
        let free = counts.active < self.limit && counts.spare() > 0;
        if !free || counts.waking || counts.closed {
            return (Wake::Nobody, counts);
        }
        let worth = counts.active == 0 || worth();
        self.change(|counts| {
            let (counts, wake) = counts.work(self.limit, worth);
            (counts, (wake, counts))
        })
    }

    /// After a seat was released without a look at the queue: whether somebody must watch the kernel's.
    pub fn watch(&self) -> Wake {
        let counts = self.counts();
        if counts.polling > 0 || counts.parked == 0 {
            return Wake::Nobody;
        }
        self.change(|counts| counts.watch(self.limit))
    }

    pub fn close(&self) {
        self.change(|counts| (counts.close(), ()));
        fence(Ordering::SeqCst);
    }

    fn change<R>(&self, step: impl Fn(Counts) -> (Counts, R)) -> R {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let (counts, result) = step(Counts::unpack(word));
            match self.word.compare_exchange_weak(word, counts.pack(), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return result,
                Err(now) => word = now,
            }
        }
    }
}
