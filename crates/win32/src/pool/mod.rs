//! The thread pool: `CreateThreadpool` and its like, the older work items, registered waits and timer queues, and the
//! native forms of all of them, over `proactor::pool`.
//!
//! Programs know these objects by pointers to nothing they can look into, or by handles that are none of the table's.
//! Here they are numbers (`numbers.rs`), so a closed or wild one is refused as an invalid handle: a function that has no
//! result then does nothing but set the last error.
//!
//! A callback may end its thread, as Windows forbids it to: it then is over, and the thread goes on.

pub mod environment;
pub mod instance;
pub mod io;
pub mod items;
pub mod native;
pub mod numbers;
pub mod pools;
pub mod queues;
pub mod registered;
pub mod timer;
pub mod wait;
pub mod work;

use proactor::Status;
use proactor::pool::Pending;

use crate::error;
use crate::types::{BOOL, FALSE};

/// What is to become of callbacks that have not begun (`fCancelPendingCallbacks`).
pub fn pending(cancel: BOOL) -> Pending {
    if cancel != FALSE { Pending::Drop } else { Pending::Run }
}

/// For functions without a result: the last error says why nothing was done.
pub fn done(result: Result<(), Status>) {
    if let Err(status) = result {
        error::failed(status);
    }
}
