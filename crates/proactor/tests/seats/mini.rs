//! The smallest port around the real gate, for the schedule checkers: workers and posters follow the protocol of
//! `src/port/core.rs` step by step, with the checker's own locks and atomics.
//!
//! Only the queue and the two places to sleep are smaller than the port's. The queue is a count, with orderings
//! no stronger than those of the real one, so that it lends the protocol no order of its own; an event
//! descriptor and a futex word are both a permit that is kept until somebody comes for it.

use std::sync::atomic::{AtomicUsize as Plain, Ordering::SeqCst};

use crate::atomic::{AtomicUsize, Ordering};
use crate::checker::{Arc, Condvar, Mutex};
use crate::gate::Gate;
use crate::seats::{Place, Wake};

#[derive(Default)]
pub struct Permit {
    there: Mutex<bool>,
    changed: Condvar,
}

impl Permit {
    fn prepare(&self) {
        *self.there.lock().unwrap() = false;
    }

    pub fn give(&self) {
        *self.there.lock().unwrap() = true;
        self.changed.notify_one();
    }

    pub fn take(&self) {
        let mut there = self.there.lock().unwrap();
        while !*there {
            there = self.changed.wait(there).unwrap();
        }
        *there = false;
    }

    fn try_take(&self) -> bool {
        std::mem::take(&mut *self.there.lock().unwrap())
    }
}

pub struct Mini {
    pub gate: Gate,
    packets: AtomicUsize,
    /// Stands for the kernel's readiness queue and its event descriptor.
    kernel: Permit,
    stack: Mutex<Vec<Arc<Permit>>>,
    taken: Plain,
    in_handlers: Plain,
    /// Those of them that ran on after they were blocked.
    resumed: Plain,
}

/// What a worker remembers between two packets.
pub struct Worker {
    pub place: Place,
    parker: Arc<Permit>,
    seated: bool,
    resumed: bool,
}

impl Worker {
    pub fn new(place: Place) -> Worker {
        Worker { place, parker: Arc::default(), seated: false, resumed: false }
    }
}

impl Mini {
    pub fn new(limit: u16) -> Arc<Mini> {
        Arc::new(Mini {
            gate: Gate::new(limit),
            packets: AtomicUsize::new(0),
            kernel: Permit::default(),
            stack: Mutex::default(),
            taken: Plain::new(0),
            in_handlers: Plain::new(0),
            resumed: Plain::new(0),
        })
    }

    pub fn post(&self) {
        self.packets.fetch_add(1, Ordering::Release);
        self.announce();
    }

    fn announce(&self) {
        let (wake, _) = self.gate.work(|| true);
        self.wake(wake);
    }

    fn wake(&self, wake: Wake) {
        match wake {
            Wake::Nobody => {}
            Wake::Polling => self.kernel.give(),
            Wake::Parked => {
                let newest = self.stack.lock().unwrap().pop();
                newest.iter().for_each(|parker| parker.give());
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.packets.load(Ordering::Acquire) == 0
    }

    fn pop(&self) -> bool {
        let mut seen = self.packets.load(Ordering::Relaxed);
        while seen > 0 {
            match self.packets.compare_exchange(seen, seen - 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// The number of the packet taken, the first being 1; `None` when the port is closed.
    pub fn next(&self, worker: &mut Worker) -> Option<usize> {
        let mut parked = false;
        loop {
            if worker.seated && !self.gate.goes_on() {
                self.gate.release();
                worker.seated = false;
            }
            if !worker.seated {
                worker.seated = self.gate.arrive();
            }
            if self.gate.counts().closed {
                return None;
            }
            if worker.seated && self.pop() {
                if parked && !self.is_empty() {
                    self.announce();
                }
                return Some(self.enter());
            }
            match worker.place {
                Place::Polling => self.park_polling(worker),
                Place::Parked => self.park_sleeping(worker),
            }
            parked = true;
        }
    }

    /// A look at the kernel's queue by a worker that is not parked there: a removal that only polls, or one of
    /// many while packets come without end. A call that it finds is passed on to those who wait.
    pub fn look(&self) {
        if self.kernel.try_take() {
            self.kernel.give();
        }
    }

    fn park_polling(&self, worker: &mut Worker) {
        self.gate.park(worker.seated, Place::Polling);
        if !self.gate.missed(!self.is_empty()) {
            self.kernel.take();
        }
        worker.seated = self.gate.unpark(Place::Polling);
        if self.gate.counts().closed {
            self.kernel.give();
        }
    }

    fn park_sleeping(&self, worker: &mut Worker) {
        worker.parker.prepare();
        self.stack.lock().unwrap().push(worker.parker.clone());
        self.gate.park(worker.seated, Place::Parked);
        if self.gate.missed(!self.is_empty()) {
            self.stack.lock().unwrap().retain(|other| !Arc::ptr_eq(other, &worker.parker));
        } else {
            worker.parker.take();
        }
        worker.seated = self.gate.unpark(Place::Parked);
    }

    /// The handler begins. Whoever is let in, is let in below the limit; those that ran on after they were
    /// blocked come on top.
    fn enter(&self) -> usize {
        let inside = self.in_handlers.fetch_add(1, SeqCst) + 1;
        let over = self.resumed.load(SeqCst);
        assert!(inside <= usize::from(self.gate.limit()) + over, "{inside} run, {over} of them resumed");
        self.taken.fetch_add(1, SeqCst) + 1
    }

    /// The handler ends.
    pub fn done(&self, worker: &mut Worker) {
        self.in_handlers.fetch_sub(1, SeqCst);
        if std::mem::take(&mut worker.resumed) {
            self.resumed.fetch_sub(1, SeqCst);
        }
    }

    /// The handler blocks in `f` and has said so.
    pub fn blocking(&self, worker: &mut Worker, f: impl FnOnce()) {
        self.in_handlers.fetch_sub(1, SeqCst);
        if std::mem::take(&mut worker.resumed) {
            self.resumed.fetch_sub(1, SeqCst);
        }
        self.gate.release();
        self.hand_over();
        f();
        self.gate.resume();
        worker.resumed = true;
        self.resumed.fetch_add(1, SeqCst);
        self.in_handlers.fetch_add(1, SeqCst);
    }

    fn hand_over(&self) {
        if !self.is_empty() {
            self.announce();
        } else {
            self.wake(self.gate.watch());
        }
    }

    /// The worker is no longer one of this port's.
    pub fn leave(&self, worker: &mut Worker) {
        if std::mem::take(&mut worker.seated) {
            self.gate.release();
            self.hand_over();
        }
    }

    pub fn close(&self) {
        self.gate.close();
        self.kernel.give();
        let sleepers = std::mem::take(&mut *self.stack.lock().unwrap());
        sleepers.iter().for_each(|parker| parker.give());
    }

    /// Once all threads have ended.
    pub fn assert_at_rest(&self, taken: usize) {
        let counts = self.gate.counts();
        assert_eq!((counts.active, counts.polling, counts.parked), (0, 0, 0));
        assert_eq!((self.taken.load(SeqCst), self.in_handlers.load(SeqCst)), (taken, 0));
        assert!(self.is_empty());
    }
}
