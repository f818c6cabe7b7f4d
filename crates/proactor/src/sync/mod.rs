//! What the layers above wait with: one park per thread, and the small facts about threads.

pub(crate) mod fence;
pub(crate) mod lock;
pub(crate) mod park;
pub(crate) mod queue;
pub(crate) mod record;
pub(crate) mod seat;
pub(crate) mod spins;
pub(crate) mod thread;
