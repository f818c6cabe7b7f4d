//! Removals that a call queued to the thread can end (APCs).
//!
//! A worker that waits alertably sleeps on its own futex and not in the kernel's queue, for there nobody could wake it
//! in particular; the service looks after the kernel's queue meanwhile (`lookout.rs`). The order of things is NT's: a
//! packet that is there goes before a call for a worker of this port (S048), the call before the timeout (S131).
//!
//! A worker that comes out for a call runs on, so it holds a seat, if need be one over the limit, as after any wait
//! that brought no packet; the call runs with it.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::Packet;
use super::core::Core;
use super::member::{self, Member};
use super::seats::Place;
use super::take::Until;
use super::worker::Worker;
use crate::driver::epoll::Harvest;
use crate::object::thread::{self, Alert, Shared};
use crate::service::service;
use crate::status::Status;

impl Alert for Worker {
    fn alert(&self) {
        self.parker.unpark();
    }
}

impl<K, M> Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    /// Takes the first packet, and has `and_then` see the member before anything else happens; or runs the calls
    /// queued to this thread, and fails with `USER_APC`.
    pub(crate) fn alertable<R>(
        &self,
        until: Until,
        and_then: impl FnOnce(&Member, Packet<K, M>) -> R,
    ) -> Result<R, Status> {
        let was_member = member::of(self.id).is_some();
        // S048: for one that is no worker of this port, or of another, the call goes before the packet.
        if !was_member && thread::run_apcs() {
            return Err(Status::USER_APC);
        }
        // Without it nobody would look after the kernel's queue.
        service()?;
        let me = thread::mine();
        loop {
            let member = self.enter()?;
            match self.next_alertable(&member, until, &me) {
                Ok(packet) => return Ok(and_then(&member, packet)),
                Err(Status::USER_APC) => {}
                Err(status) => return Err(status),
            }
            // A call may take from another port; then this one is to have its seat back at once.
            drop(member);
            if !was_member {
                // S049
                member::leave(self.id);
            }
            if thread::run_apcs() {
                return Err(Status::USER_APC);
            }
            // It was taken back before it could run: the wait goes on.
        }
    }

    fn next_alertable(&self, member: &Member, until: Until, me: &Shared) -> Result<Packet<K, M>, Status> {
        self.end_of_handler(member);
        let worker = &member.worker;
        let mut seated = worker.has_seat();
        let mut parked = false;
        loop {
            seated = self.sit_down(worker, seated);
            if self.is_closed() {
                return Err(Status::ABANDONED_WAIT_0);
            }
            if seated && let Some(packet) = self.take(member).or_else(|| self.look(member)) {
                if parked && !self.queue.is_empty() {
                    self.announce();
                }
                self.look_after();
                return Ok(packet);
            }
            let called = me.has_apcs();
            if called || until.passed() {
                self.look_after();
                if !called {
                    return self.expire(member, seated);
                }
                self.run_on(worker, seated);
                return Err(Status::USER_APC);
            }
            if seated && self.spin(member) {
                continue;
            }
            seated = self.park_alertably(worker, seated, until, me);
            parked = true;
        }
    }

    /// A packet of what the kernel has ready.
    fn look(&self, member: &Member) -> Option<Packet<K, M>> {
        let mut harvest = Harvest::new();
        self.harvest(&mut harvest);
        let first = self.set_aside(&harvest, true);
        match first.and_then(|(token, events)| self.serve(token, events)) {
            Some(packet) => Some(self.handed(member, packet)),
            None => self.take(member),
        }
    }

    /// Parks on the worker's futex until there is work for it, a call, or its time is over. Returns whether it came
    /// out with a seat.
    fn park_alertably(&self, worker: &Arc<Worker>, seated: bool, until: Until, me: &Shared) -> bool {
        let seated = seated && worker.stand_up();
        worker.parker.prepare();
        self.stack.lock().push(worker.clone());
        self.lookout.sleepers.fetch_add(1, SeqCst);
        self.gate.park(seated, Place::Parked);
        let called = me.alert_at(Some(worker.clone()));
        let work = !self.queue.is_empty();
        self.look_after();
        if !called && !self.gate.missed(work) {
            if work {
                self.leave_lying();
            }
            worker.parker.park(until.deadline());
        }
        me.alert_at(None);
        self.lookout.sleepers.fetch_sub(1, SeqCst);
        // Woken by a call it is there still.
        self.leave_stack(worker);
        let seated = self.gate.unpark(Place::Parked);
        if seated {
            worker.seated();
        }
        seated
    }
}
