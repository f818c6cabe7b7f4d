//! The public waits, when an object with a name is among what they wait for.
//!
//! The order of things is that of all waits: calls queued to the thread, then the objects, then the timeout.

use std::sync::Arc;
use std::time::Instant;

use super::Named;
use super::wait::{How, Item, Locals, LockedLocals, Took, wait};
use crate::object::dispatch::{Header, Together, be_served, be_told, untold};
use crate::object::mutex;
use crate::object::thread;
use crate::object::wait::{Target, Wait, Waited};
use crate::object::waiter::{Outcome, Waiter};
use crate::status::{Result, Status};
use crate::sync::record::Resource;

/// Waits for any or all of these, of which at least one has a name.
///
/// # Errors
/// [`Status::TIMEOUT`], [`Status::USER_APC`], [`Status::INVALID_PARAMETER`] as every wait; [`Status::IO_TIMEOUT`] if
/// another process keeps an object locked, [`Status::DATA_ERROR`] if one is damaged.
pub(crate) fn wait_for(targets: &[Target<'_>], all: bool, how_long: Wait) -> Result<Waited> {
    if how_long.alertable && thread::run_apcs() {
        return Err(Status::USER_APC);
    }
    let mut headers = Vec::new();
    let items: Vec<_> = targets
        .iter()
        .map(|target| match target {
            Target::Named(named) => Item::Named(named),
            Target::Local(local) => {
                headers.push(&local.header);
                Item::Local(headers.len() - 1)
            }
        })
        .collect();
    if all && has_twice(&headers) {
        return Err(Status::INVALID_PARAMETER);
    }
    let deadline = how_long.deadline();
    loop {
        match wait_told(&items, &headers, targets, all, how_long.alertable, deadline) {
            Ok(waited) => {
                let taken = if all { targets } else { &targets[waited.index..=waited.index] };
                taken.iter().for_each(taken_by_me);
                return Ok(waited);
            }
            // A call that came as the time ran out goes first (S131).
            Err(Status::USER_APC | Status::TIMEOUT) if how_long.alertable && thread::run_apcs() => {
                return Err(Status::USER_APC);
            }
            // The call was taken back before it could run.
            Err(Status::USER_APC) => {}
            Err(status) => return Err(status),
        }
    }
}

fn taken_by_me(target: &Target<'_>) {
    match target {
        Target::Named(named) => Named::taken(named),
        Target::Local(local) if local.is_mutex() => mutex::owned_by_me(local),
        Target::Local(_) => {}
    }
}

fn has_twice(headers: &[&Arc<Header>]) -> bool {
    headers
        .iter()
        .enumerate()
        .any(|(at, header)| headers[..at].iter().any(|other| Arc::ptr_eq(header, other)))
}

fn wait_told(
    items: &[Item<'_>],
    headers: &[&Arc<Header>],
    targets: &[Target<'_>],
    all: bool,
    alertable: bool,
    deadline: Option<Instant>,
) -> Result<Waited> {
    let resources: Vec<&dyn Resource> = targets
        .iter()
        .map(|target| match target {
            Target::Named(named) => &***named as &dyn Resource,
            Target::Local(local) => &***local,
        })
        .collect();
    let alone = headers.is_empty() && !alertable;
    let took = thread::with_mine(|me| {
        let how = |parker, alerted| How {
            all,
            deadline,
            parker,
            alerted,
            spins: Some(&me.spins),
            resources: &resources,
        };
        if alone {
            return wait(items, &Here { headers, waiter: &me.waiter }, &how(None, &|| false));
        }
        let told = Told::begin(&me.waiter, headers, all, alertable);
        if alertable && me.has_apcs() {
            me.waiter.alert();
        }
        let locals = Here { headers, waiter: &me.waiter };
        let result = wait(items, &locals, &how(Some(&me.waiter.parker), &|| !me.waiter.is_waiting()));
        match (result, told.end()) {
            // Taken for it at the last moment.
            (Err(_), Outcome::Taken { index, abandoned }) => {
                Ok(Took { index: item(items, index), abandoned })
            }
            (result, _) => result,
        }
    });
    took.map(|took| Waited { index: took.index, abandoned: took.abandoned })
}

/// Which of the items this object of this process is.
fn item(items: &[Item<'_>], local: usize) -> usize {
    items.iter().position(|item| matches!(item, Item::Local(at) if *at == local)).unwrap_or_default()
}

/// A waiter on the lists of objects of this process, for the time of a wait.
struct Told<'a> {
    waiter: &'a Arc<Waiter>,
    headers: &'a [&'a Arc<Header>],
}

impl<'a> Told<'a> {
    fn begin(
        waiter: &'a Arc<Waiter>,
        headers: &'a [&'a Arc<Header>],
        all: bool,
        alertable: bool,
    ) -> Told<'a> {
        let generation = waiter.begin_told(alertable);
        if all {
            be_told(waiter, headers)
        } else {
            be_served(waiter, generation, headers)
        }
        Told { waiter, headers }
    }

    fn end(self) -> Outcome {
        untold(self.waiter, self.headers);
        self.waiter.end_told()
    }
}

/// The objects of this process in the wait of one thread.
struct Here<'a> {
    headers: &'a [&'a Arc<Header>],
    waiter: &'a Waiter,
}

struct LockedHere<'a> {
    together: Together<'a>,
    waiter: &'a Waiter,
}

impl Locals for Here<'_> {
    type Locked<'a>
        = LockedHere<'a>
    where
        Self: 'a;

    fn lock(&self) -> LockedHere<'_> {
        LockedHere { together: Together::lock(self.headers, self.waiter.thread), waiter: self.waiter }
    }
}

impl LockedLocals for LockedHere<'_> {
    fn taken(&self) -> Option<(usize, bool)> {
        self.waiter.taken()
    }

    fn is_signalled(&mut self, index: usize) -> bool {
        self.together.is_signalled(index)
    }

    fn take(&mut self, index: usize) -> bool {
        self.together.take(index)
    }

    fn close(&mut self) {
        self.waiter.time_out();
    }

    fn miss(&mut self) {
        self.together.miss();
    }
}
