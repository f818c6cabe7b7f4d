//! A timer with a name, and the call that this process wants when it is due.
//!
//! The timer itself is in shared memory and needs nobody to serve it. A call (APC) is this process's own affair: a
//! timer without a name runs beside, set to the same time, and its call comes through only as long as the setting it
//! belongs to is the one that holds.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Existed, Kind, Named, New};
use crate::object::timer::{Due, Timer};
use crate::status::{Result, Status};

pub(crate) struct Alarm {
    named: Arc<Named>,
    calls: Timer,
}

impl Alarm {
    pub(crate) fn create(name: &str, manual: bool) -> Result<(Alarm, Existed)> {
        let (named, existed) = Named::create(name, &New::Timer { manual })?;
        Ok((Alarm { named, calls: Timer::manual() }, existed.into()))
    }

    pub(crate) fn open(name: &str) -> Result<Alarm> {
        Ok(Alarm { named: Named::open(name, Kind::Timer)?, calls: Timer::manual() })
    }

    pub(crate) fn named(&self) -> &Arc<Named> {
        &self.named
    }

    /// See [`Timer::set`].
    pub(crate) fn set(&self, due: Due, period: Option<Duration>) -> Result<bool> {
        let period = checked(period)?;
        self.calls.cancel();
        self.named.lock()?.set_timer(due, period)
    }

    /// See [`Timer::set_with_apc`].
    pub(crate) fn set_with_apc(
        &self,
        due: Due,
        period: Option<Duration>,
        mut routine: Box<dyn FnMut(SystemTime) + Send>,
    ) -> Result<bool> {
        let each = checked(period)?;
        self.calls.cancel();
        let (set, generation) = {
            let mut guard = self.named.lock()?;
            (guard.set_timer(due, each)?, self.named.timer_generation())
        };
        let named = self.named.clone();
        let call = move |at| {
            if named.timer_generation() == generation {
                routine(at);
            }
        };
        self.calls.set_with_apc(due, period, call)?;
        Ok(set)
    }

    /// See [`Timer::cancel`].
    pub(crate) fn cancel(&self) -> Result<bool> {
        self.calls.cancel();
        self.named.lock()?.cancel_timer()
    }
}

/// Zero is none.
fn checked(period: Option<Duration>) -> Result<Duration> {
    match period.unwrap_or_default() {
        period if !period.is_zero() && period < Timer::SHORTEST_PERIOD => Err(Status::INVALID_PARAMETER),
        period => Ok(period),
    }
}
