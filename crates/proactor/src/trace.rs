//! What goes wrong where no caller can be told: counted always, and an event for `tracing` with that feature.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static ACCEPT_PAUSES: AtomicU64 = AtomicU64::new(0);

/// Accepting stopped for a moment because there are no descriptors or no memory left.
pub(crate) fn accept_paused() {
    ACCEPT_PAUSES.fetch_add(1, Relaxed);
    #[cfg(feature = "tracing")]
    tracing::warn!("accepting pauses: no descriptors or memory left; raise `ulimit -n` or accept fewer");
}

pub(crate) fn accept_pauses() -> u64 {
    ACCEPT_PAUSES.load(Relaxed)
}
