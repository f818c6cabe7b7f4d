//! Who looks after the kernel's queue while no worker waits in it: the service thread.
//!
//! Workers that wait alertably sleep on futexes of their own, where a call can wake exactly the one it is for; and
//! threads may wait for the port itself without ever taking a packet. For both the service watches the port's epoll
//! set, asked for one event at a time, so that a port whose workers run is not disturbed. What it asks for counts also
//! when it is there already, so nothing falls between two askings.
//!
//! Two sides meet here without a lock. Who parks makes itself known and then sees to it that the service is asked; the
//! service forgets that it was asked and then looks who has parked. Each writes first and reads second.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::*, fence};
use std::sync::{Arc, Weak};

use super::core::Core;
use crate::driver::epoll::{EventFlags, Harvest, Poller};
use crate::op::slab::Irp;
use crate::service::table::Source;
use crate::service::{guarded, service};
use crate::sync::lock::Lock;

/// What a port keeps of it.
#[derive(Default)]
pub(crate) struct Lookout {
    /// The service's name for the port's set, once it has it. Locked while the service is asked: it may come before
    /// the asking is over, and be asked again by what it does then.
    token: Lock<Option<u64>>,
    /// The service was asked, and has not come yet.
    asked: AtomicBool,
    /// Workers that sleep alertably, or are about to.
    pub(super) sleepers: AtomicU32,
}

impl Lookout {
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(SeqCst)
    }

    /// Whether the service has been asked: without descriptors or memory it can't be.
    fn ask(&self, set: &Poller, source: impl FnOnce() -> Weak<dyn Source>) -> bool {
        let mut token = self.token.lock();
        // Under the lock, so that nobody relies on an asking that then fails; and before the service is asked, which
        // may come at once.
        if self.asked.swap(true, SeqCst) {
            return true;
        }
        let Ok(service) = service() else { return self.could_not_ask() };
        match *token {
            Some(token) => service.arm(set, token),
            None => match service.attach_once(set, source()) {
                Ok(new) => *token = Some(new),
                Err(_) => return self.could_not_ask(),
            },
        }
        true
    }

    fn could_not_ask(&self) -> bool {
        self.asked.store(false, SeqCst);
        false
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        // The set leaves the service's own with its last descriptor.
        if let Some(token) = *self.token.lock()
            && let Ok(service) = service()
        {
            service.detach(None, token);
        }
    }
}

impl<K, M> Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    /// Sees to it that somebody looks after the kernel's queue for those who sleep elsewhere: a worker that waits in
    /// it, the service for those it can wake at once, or else the monitor.
    pub(super) fn look_after(&self) {
        let counts = self.counts();
        if counts.polling > 0 || counts.closed {
            return;
        }
        if self.lookout.sleepers.load(SeqCst) > 0 || self.is_awaited() {
            let asked = self.lookout.ask(&self.poller, || self.me.clone());
            if asked {
                return;
            }
        }
        if counts.parked > 0 {
            self.watch_over();
        }
    }

    /// Something is to be had from the kernel, and may be nobody waits there for it.
    fn kernel_has_news(&self) {
        let counts = self.counts();
        if counts.polling > 0 || counts.closed {
            return;
        }
        if counts.parked > 0 && counts.active < self.gate.limit() {
            self.wake(self.gate.watch());
        } else {
            if counts.parked > 0 {
                // All seats are taken; the monitor finds out whether that is true.
                self.watch_over();
            }
            if self.is_awaited() {
                self.serve_those_who_watch();
                self.look_after();
            }
        }
    }

    /// Goes on with what is ready, so that its packets are in the queue for those to see who wait for the port.
    fn serve_those_who_watch(&self) {
        let mut harvest = Harvest::new();
        self.harvest(&mut harvest);
        for (token, events) in harvest.iter() {
            guarded(|| {
                let (_, source) = self.table.lookup(token)?;
                source.ready(events, false)
            });
        }
    }

    /// What the kernel has, for one who does not wait in its queue.
    pub(super) fn harvest(&self, harvest: &mut Harvest) {
        // A call whose worker has come out by itself is dropped here, or it would wake the service for ever.
        if self.poller.take(harvest) && self.counts().polling > 0 {
            self.poller.call();
        }
    }
}

/// As the service sees a port: one descriptor, its epoll set.
impl<K, M> Source for Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn ready(self: Arc<Self>, _: EventFlags, _: bool) -> Option<Irp> {
        self.lookout.asked.swap(false, SeqCst);
        fence(SeqCst);
        self.kernel_has_news();
        None
    }

    fn abandon(self: Arc<Self>) {}

    fn pending(&self) -> usize {
        0
    }
}
