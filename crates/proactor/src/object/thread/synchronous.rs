//! The synchronous call that a thread is in, for others to end (`CancelSynchronousIo`).

use std::sync::Arc;

use super::Thread;
use super::shared::Shared;
use crate::status::Status;

/// Ends what a thread waits for in a synchronous call.
pub(crate) trait Stop: Send + Sync {
    /// Asks it to end; `NOT_FOUND` when it has.
    fn stop(&self) -> Result<(), Status>;
}

/// For as long as this lives its thread is in the call.
pub(crate) struct InCall(Arc<Shared>);

impl Drop for InCall {
    fn drop(&mut self) {
        let ended = self.0.calls.lock().pop();
        debug_assert!(ended.is_some(), "calls end in the order opposite to their begin");
    }
}

impl Shared {
    /// This thread is in a call now that `stop` ends. Only the thread itself says so.
    pub(crate) fn in_synchronous_call(self: &Arc<Self>, stop: Arc<dyn Stop>) -> InCall {
        self.calls.lock().push(stop);
        InCall(self.clone())
    }
}

impl Thread {
    /// Ends the operation that the thread waits for in a synchronous call (`CancelSynchronousIo`), such as
    /// [`File::perform`](crate::File::perform). It ends as `CANCELLED`, or however it ended first; this does not wait
    /// for it (S107). Does not block.
    ///
    /// Fails with `NOT_FOUND` when it is in none: waiting for an operation that it has started as an overlapped one
    /// is no such call, nor is waiting for its turn on a file that another thread uses.
    pub fn cancel_synchronous_io(&self) -> Result<(), Status> {
        let innermost = self.shared.calls.lock().last().cloned();
        innermost.ok_or(Status::NOT_FOUND)?.stop()
    }
}
