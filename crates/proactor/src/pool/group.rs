//! Groups: objects that are closed together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use super::object::{Object, Pending};
use crate::sync::lock::Lock;

/// Objects that end together (`CreateThreadpoolCleanupGroup`). Those whose [`Environment`](super::Environment) names
/// the group are its members until they are closed and their last callback has run. Clones are the same group.
///
/// ```
/// use proactor::pool::{CleanupGroup, Environment, Pending, submit};
///
/// let group = CleanupGroup::new();
/// for number in 0..3 {
///     submit(&Environment::new().in_group(&group), move |_| println!("{number}"))?;
/// }
/// group.close_members(Pending::Run, 0);
/// assert_eq!(group.members(), 0);
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone, Default)]
pub struct CleanupGroup {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    members: Lock<Members>,
}

#[derive(Default)]
struct Members {
    next: u64,
    objects: BTreeMap<u64, Arc<Object>>,
}

impl CleanupGroup {
    /// One without members.
    pub fn new() -> CleanupGroup {
        CleanupGroup::default()
    }

    /// Closes all members (`CloseThreadpoolCleanupGroupMembers`): timers and waits are unset, and callbacks that are due run, or
    /// are dropped, as `pending` says; those that run are waited for. What is done with a closed member later is
    /// refused with `INVALID_HANDLE`.
    ///
    /// With `Pending::Drop` each member's [`on_cancel`](super::Environment::on_cancel) is then called once, on this
    /// thread, with `context` (S407): of a callback that was submitted without an object only if it was dropped.
    ///
    /// Blocks; called from a callback of a member it would wait for itself.
    pub fn close_members(&self, pending: Pending, context: usize) {
        let objects: Vec<_> = {
            let mut members = self.shared.members.lock();
            std::mem::take(&mut members.objects).into_values().collect()
        };
        for object in &objects {
            object.stop();
        }
        let drops = pending == Pending::Drop;
        let dropped: Vec<_> =
            objects.iter().map(|object| if drops { object.drop_due() } else { 0 }).collect();
        for (object, dropped) in objects.iter().zip(dropped) {
            object.wait(pending);
            if drops
                && (dropped > 0 || !object.simple)
                && let Some(cancelled) = &object.cancelled
            {
                cancelled(context);
            }
        }
    }

    /// Members it has at this moment.
    pub fn members(&self) -> usize {
        self.shared.members.lock().objects.len()
    }

    pub(super) fn admit(&self, object: &Arc<Object>) -> Membership {
        let mut members = self.shared.members.lock();
        let number = members.next;
        members.next += 1;
        members.objects.insert(number, object.clone());
        Membership { group: Arc::downgrade(&self.shared), number }
    }
}

/// That an object is in a group.
pub(super) struct Membership {
    group: Weak<Shared>,
    number: u64,
}

impl Membership {
    pub(super) fn leave(&self) {
        let Some(group) = self.group.upgrade() else { return };
        let object = group.members.lock().objects.remove(&self.number);
        // Dropped where nothing is locked: it may be the last to have what its callback has captured.
        drop(object);
    }
}

impl fmt::Debug for CleanupGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CleanupGroup").field("members", &self.members()).finish()
    }
}
