//! A port as an object to wait for: signalled while packets wait in it, and once it is closed; a wait takes none
//! (S064, S065, S070).
//!
//! A packet for which a worker is woken is that worker's, and does not signal (S066). The state is brought up to date
//! when a wait begins, and set when packets are left to lie; so in a wait for all the port counts as signalled when
//! packets waited at some moment since the wait began.

use std::sync::atomic::{Ordering::SeqCst, fence};
use std::sync::{Arc, Weak};

use super::Port;
use super::core::Core;
use crate::object::body::{Local, Watcher};
use crate::object::state::State;
use crate::object::{Sealed, Target, Waitable};

impl<K, M> Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    /// The object, made when it is first asked for, as it stands now.
    fn object(&self) -> &Arc<Local> {
        let object = self.object.get_or_init(|| {
            let me: Weak<dyn Watcher> = self.me.clone();
            Local::watched("port", State::Latch { set: false }, me)
        });
        // Who puts a packet into the queue looks for the object afterwards.
        fence(SeqCst);
        object.header.signal(|state| {
            let some = !self.queue.is_empty() || self.is_closed();
            if some { state.set() } else { state.reset() }
        });
        object
    }

    /// Packets may lie in the queue for which nobody was woken.
    #[inline]
    pub(super) fn tell(&self) {
        if let Some(object) = self.object.get() {
            self.tell_those_of(object);
        }
    }

    #[cold]
    fn tell_those_of(&self, object: &Local) {
        object.header.signal(|state| {
            if !self.queue.is_empty() || self.is_closed() {
                state.set();
            }
        });
    }

    /// Whether a thread waits for the port now.
    pub(super) fn is_awaited(&self) -> bool {
        self.object.get().is_some_and(|object| object.header.is_awaited())
    }
}

impl<K, M> Watcher for Core<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn awaited(&self) {
        self.look_after();
    }
}

impl<K, M> Sealed for Port<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    fn target(&self) -> Target<'_> {
        Target::Local(self.core().object())
    }
}

/// Signalled while packets wait that no worker was woken for, and once it is closed; a wait takes none (S064, S066,
/// S070). While somebody waits, and no worker waits in `get`, the library's own thread goes on with operations that
/// can: their packets signal too. In a wait for all the port counts as signalled if packets waited at some moment since
/// the wait began.
///
/// ```
/// use proactor::{Port, object::{Event, Wait, wait_any}};
///
/// let (port, stop): (Port, _) = (Port::new(1)?, Event::manual(false));
/// port.post(1, 2)?;
/// assert_eq!(wait_any(&[&stop, &port], Wait::FOREVER)?.index, 1);
/// assert!(port.get()?.is_some());
/// # Ok::<(), proactor::Status>(())
/// ```
impl<K, M> Waitable for Port<K, M>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
}
