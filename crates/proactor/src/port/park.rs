//! How workers park: in the kernel's readiness queue, where they take what comes straight from the kernel, newest
//! first; or, once woken there while all seats were taken, on a futex of their own, so that readiness which only
//! the running workers may serve does not wake them again and again.

use std::sync::Arc;

use super::Packet;
use super::core::Core;
use super::member::Member;
use super::seats::Place;
use super::take::Until;
use super::worker::Worker;
use crate::driver::epoll::Harvest;

/// Pauses of a spin before a park, about 2 us, while it has been worth it of late; then once in so many parks to
/// find out anew.
const SPINS: u32 = 100;
/// Then the processor is offered a few times to whoever is ready, who may be the one that brings the packet.
const YIELDS: u32 = 8;
const SPIN_CREDIT: u8 = 8;
const SPIN_AGAIN: u32 = 64;

impl<K, M> Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    /// Looks for work a little longer before it parks, where that has been worth it. True: there is some.
    pub(super) fn spin(&self, member: &Member) -> bool {
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
    pub(super) fn park_polling(
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
                self.leave_lying();
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
    pub(super) fn park_sleeping(&self, worker: &Arc<Worker>, seated: bool, until: Until) -> bool {
        let seated = seated && worker.stand_up();
        worker.parker.prepare();
        self.stack.lock().push(worker.clone());
        self.gate.park(seated, Place::Parked);
        // Whoever sleeps here relies on the monitor to look after the kernel's queue.
        self.watch_over();
        let work = !self.queue.is_empty();
        if !self.gate.missed(work) {
            if work {
                self.leave_lying();
            }
            worker.parker.park(until.deadline());
        }
        self.leave_stack(worker);
        self.come_out(worker, Place::Parked)
    }

    /// One that comes out is in nobody's reach any more. A permit does not say that it was taken off the stack: it may
    /// be a late one, of a call that was queued to its thread.
    pub(super) fn leave_stack(&self, worker: &Arc<Worker>) {
        let mut stack = self.stack.lock();
        if let Some(at) = stack.iter().rposition(|other| Arc::ptr_eq(other, worker)) {
            stack.remove(at);
        }
    }

    /// Work waits because all seats are taken: nobody but the monitor will tell whether that is true.
    pub(super) fn leave_lying(&self) {
        self.watch_over();
        self.tell();
    }

    fn come_out(&self, worker: &Worker, place: Place) -> bool {
        let seated = self.gate.unpark(place);
        if seated {
            worker.seated();
        }
        self.look_after();
        seated
    }
}
