//! I/O that belongs to its thread: when the thread ends, what it had pending is cancelled, unless a port is to
//! receive it (S110).

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use super::handle::Handle;
use crate::sync::thread::ThreadNo;

/// Handles on which this thread has started thread-bound operations.
struct Bound {
    thread: ThreadNo,
    handles: Vec<Weak<Handle>>,
    /// At this length the dead ones are swept out.
    sweep_at: usize,
}

thread_local!(static BOUND: RefCell<Option<Bound>> = const { RefCell::new(None) });

pub(super) fn bind(handle: &Arc<Handle>) {
    // A thread that is past its thread-local data has its operations cancelled by closing their handles.
    let _ = BOUND.try_with(|bound| {
        let mut bound = bound.borrow_mut();
        let bound = bound.get_or_insert_with(|| Bound {
            thread: ThreadNo::current(),
            handles: Vec::new(),
            sweep_at: 64,
        });
        let weak = Arc::downgrade(handle);
        if bound.handles.last().is_some_and(|last| last.ptr_eq(&weak)) {
            return;
        }
        if bound.handles.len() >= bound.sweep_at {
            bound.handles.retain(|handle| handle.strong_count() > 0);
            bound.handles.sort_by_key(|handle| handle.as_ptr());
            bound.handles.dedup_by(|one, other| one.ptr_eq(other));
            bound.sweep_at = (2 * bound.handles.len()).max(64);
        }
        bound.handles.push(weak);
    });
}

impl Drop for Bound {
    fn drop(&mut self) {
        for handle in self.handles.drain(..).filter_map(|handle| handle.upgrade()) {
            handle.cancel_of_dead(self.thread);
        }
    }
}
