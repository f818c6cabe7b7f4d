//! Sending and receiving through a layer: what it makes of the bytes, and what it says by itself, in one order.
//!
//! A layer's lock is taken before the session's state and never while a handler runs. It is held until what the layer
//! made is in the queue, so that it goes out in the order in which it was made.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::busy::Entry;
use super::datagram::Peer;
use super::{Phase, Session};
use crate::end::{Reason, SendError};
use crate::framing::{FrameError, Layer};

/// What only some sessions have.
pub(crate) enum Apart {
    Layer(Mutex<Box<dyn Layer>>),
    /// It is one of many on a datagram socket.
    Peer(Peer),
}

/// Calls a layer, which is the user's. A panic is no answer.
fn call<R>(call: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

impl Session {
    pub(super) fn layer(&self) -> Option<MutexGuard<'_, Box<dyn Layer>>> {
        match self.0.apart.as_deref()? {
            Apart::Layer(layer) => Some(layer.lock().unwrap_or_else(PoisonError::into_inner)),
            Apart::Peer(_) => None,
        }
    }

    /// The layer's first words.
    pub(super) fn begin_layer(&self) {
        let Some(mut layer) = self.layer() else { return };
        let mut wire = Vec::new();
        let begun = call(|| layer.begin(&mut wire));
        self.say(wire);
        self.answered(begun);
    }

    /// What the bytes mean that came; nothing when that ended the session.
    pub(super) fn open(&self, mut layer: MutexGuard<'_, Box<dyn Layer>>, bytes: &[u8]) -> Vec<u8> {
        let (mut plain, mut wire) = (Vec::new(), Vec::new());
        let opened = call(|| layer.open(bytes, &mut plain, &mut wire));
        self.say(wire);
        self.answered(opened);
        plain
    }

    fn answered(&self, answer: Option<Result<(), FrameError>>) {
        match answer {
            Some(Ok(())) => {}
            Some(Err(error)) => self.fail(Reason::Frame(error)),
            None => self.panicked(),
        }
    }

    /// Queues what the layer has to say by itself. Nobody could wait for room here.
    fn say(&self, wire: Vec<u8>) {
        if wire.is_empty() {
            return;
        }
        let limits = &self.0.shared.limits;
        let state = self.0.state();
        if state.phase != Phase::Open {
            return;
        }
        let (entries, bytes) = state.queued();
        if entries >= limits.queue_messages || bytes >= limits.queue_bytes {
            drop(state);
            return self.fail(Reason::QueueFull);
        }
        self.enqueue(state, Entry::Own(wire.into()));
    }

    /// Queues a message through the layer.
    pub(super) fn push_sealed(
        &self,
        mut layer: MutexGuard<'_, Box<dyn Layer>>,
        frame: &[u8],
    ) -> Result<(), SendError> {
        let mut wire = Vec::new();
        match call(|| layer.seal(frame, &mut wire)) {
            Some(sealed) => sealed?,
            None => {
                self.panicked();
                return Err(SendError::Closed);
            }
        }
        let state = self.0.state();
        if state.phase != Phase::Open {
            return Err(SendError::Closed);
        }
        if !wire.is_empty() {
            self.enqueue(state, Entry::Message(wire.into()));
        }
        Ok(())
    }

    /// The layer's last words, for a session that is to be closed in good order.
    pub(super) fn last_words(layer: Option<&mut dyn Layer>) -> Vec<u8> {
        let mut wire = Vec::new();
        if let Some(layer) = layer {
            // One that panics has nothing to say.
            let _ = call(|| layer.end(&mut wire));
        }
        wire
    }

    pub(super) fn layer_has_ended(layer: Option<&dyn Layer>) -> bool {
        layer.is_none_or(|layer| call(|| layer.has_ended()).unwrap_or(false))
    }
}
