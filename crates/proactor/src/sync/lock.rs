//! The internal lock: `std`'s mutex without its poison.
//!
//! What it protects is only touched by this crate's own short sections, none of which runs user code, so a
//! panic while it is held is a defect of ours that the panic itself reports; refusing every later caller would
//! turn it into an outage.

use std::sync::{MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct Lock<T>(std::sync::Mutex<T>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Lock(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
