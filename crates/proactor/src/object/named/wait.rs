//! A wait in which objects with names take part, alone or together with objects of this process.
//!
//! Other processes do not know the waiter. So it looks and takes by itself: it locks all its objects, takes the first
//! that is signalled, or all if all are, and otherwise sleeps until one of them may have changed. Only a set of an
//! event is granted to it (`line.rs`), and what is signalled in this process may be taken for it; in a wait for all
//! nothing is, since only the waiter can have all of them locked.
//!
//! Named objects are locked first, in the order of their keys, and those of this process last, by address: a lock of
//! another process may take long to come, and nobody in this one must be kept by it meanwhile.
//!
//! A process that is killed wakes nobody: not those who wait for its mutex, and not those whose wake-up it was given.
//! So no sleep is longer than a tenth of a second.

use std::sync::atomic::{AtomicU32, Ordering::Acquire};
use std::time::{Duration, Instant};

use super::guard::{Guard, Look};
use super::sleep::{Seen, sleep};
use super::{Key, Named};
use crate::status::{Result, Status};
use crate::sync::park::Parker;
use crate::sync::record::{self, Resource};
use crate::sync::seat;
use crate::sync::spins::Spins;

/// No owner is asked about until somebody has waited so long: most waits are over by then, and asking costs as much
/// as a short sleep.
const FIRST_SLEEP: Duration = Duration::from_millis(20);
/// Half of what an abandoned mutex may take to be found.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);
/// So many words can be looked at in less than it takes to sleep on them.
const FEW: usize = 4;
/// As many objects as a wait may have (`MAXIMUM_WAIT_OBJECTS`).
const MOST: usize = 64;

/// One object of a wait.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    Named(&'a Named),
    /// The one of this index among the objects of this process.
    Local(usize),
}

/// The objects of this process in a wait: they lock together, and each can be looked at and taken then.
pub(crate) trait Locals {
    type Locked<'a>: LockedLocals
    where
        Self: 'a;

    fn lock(&self) -> Self::Locked<'_>;
}

/// See [`Locals`].
pub(crate) trait LockedLocals {
    /// Which one was taken for this wait, by who signalled it, and whether it was an abandoned mutex.
    fn taken(&self) -> Option<(usize, bool)>;
    fn is_signalled(&mut self, index: usize) -> bool;
    /// Takes one that is signalled; true if it was an abandoned mutex.
    fn take(&mut self, index: usize) -> bool;
    /// The wait is satisfied: nothing may be taken for it any more.
    fn close(&mut self);
    /// The wait goes on.
    fn miss(&mut self);
}

/// What a wait has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Took {
    /// Which object; 0 if it was for all (S162).
    pub(crate) index: usize,
    /// It was, or among them was, an abandoned mutex.
    pub(crate) abandoned: bool,
}

/// How to wait.
pub(crate) struct How<'a> {
    pub(crate) all: bool,
    pub(crate) deadline: Option<Instant>,
    /// What the objects of this process wake, and whoever alerts this thread; they know it already. None if there are
    /// only named objects and the wait is not alertable.
    pub(crate) parker: Option<&'a Parker>,
    /// Whether the wait is to end because a call was queued to this thread.
    pub(crate) alerted: &'a dyn Fn() -> bool,
    /// What looking a little longer has been worth to this thread.
    pub(crate) spins: Option<&'a Spins>,
    /// The objects, for the thread's record.
    pub(crate) resources: &'a [&'a dyn Resource],
}

/// Waits for the first of these objects to be signalled, or for all of them at one moment.
///
/// # Errors
/// [`Status::TIMEOUT`]; [`Status::USER_APC`]; [`Status::INVALID_PARAMETER`]: none, over 64, or, waiting for all, one
/// twice (S158, S163). [`Status::IO_TIMEOUT`], [`Status::DATA_ERROR`]: as [`Named::lock`]; nothing was taken then.
pub(crate) fn wait(items: &[Item<'_>], locals: &impl Locals, how: &How<'_>) -> Result<Took> {
    if items.is_empty() || items.len() > MOST {
        return Err(Status::INVALID_PARAMETER);
    }
    let mut wait = Wait::new(items, locals, how)?;
    // Where there is no time to find a dead owner later, it is asked about at once.
    let hasty = how.deadline.is_some_and(|deadline| deadline <= Instant::now());
    let spins = how.spins.filter(|spins| wait.is_quick_to_look() && spins.promises());
    let mut step = wait.look(hasty, spins.is_none())?;
    if let (Step::Sleep(_), Some(spins)) = (&step, spins) {
        // Not enlisted meanwhile: who signals now is spared the system call that wakes.
        wait.spin(spins);
        step = wait.look(false, true)?;
    }
    match step {
        Step::Took(took) => Ok(took),
        Step::Ended(status) => Err(status),
        Step::Sleep(at_most) => {
            seat::blocking(|| record::waiting(how.resources, how.all, || wait.sleep_and_look(at_most)))
        }
    }
}

/// What a look came to.
enum Step {
    Took(Took),
    Ended(Status),
    /// Nothing; this thread is enlisted, if it wished to be, and may sleep so long.
    Sleep(Duration),
}

struct Wait<'a, L> {
    items: &'a [Item<'a>],
    locals: &'a L,
    how: &'a How<'a>,
    /// Each object once, in the order in which they are locked.
    parts: Vec<Part<'a>>,
    has_looked: bool,
    has_slept: bool,
    /// When the owners of mutexes were last asked about, or the wait began.
    asked: Instant,
}

/// An object with a name, in a wait.
struct Part<'a> {
    named: &'a Named,
    /// How many pulses there had been at the first look; if it waits for all, at the last one: what was signalled
    /// while another was not is missed (S177).
    pulses: u32,
    /// This thread's place in its line.
    spot: Option<usize>,
    /// What the word below was at the last look.
    seen: u32,
}

impl<'a> Part<'a> {
    /// What changes when there may be something to take.
    fn word(&self) -> &'a AtomicU32 {
        match self.spot {
            Some(spot) => self.named.word_in_line(spot),
            None => self.named.sequence(),
        }
    }

    fn look(&self, thorough: bool) -> Look {
        Look { pulses: self.pulses, spot: self.spot, thorough }
    }
}

impl<'a, L: Locals> Wait<'a, L> {
    fn new(items: &'a [Item<'a>], locals: &'a L, how: &'a How<'a>) -> Result<Self> {
        let mut parts: Vec<_> = items
            .iter()
            .filter_map(|item| match item {
                Item::Named(named) => Some(Part { named, pulses: 0, spot: None, seen: 0 }),
                Item::Local(_) => None,
            })
            .collect();
        parts.sort_by_key(|part| part.named.key());
        let before = parts.len();
        parts.dedup_by_key(|part| part.named.key());
        if how.all && parts.len() < before {
            return Err(Status::INVALID_PARAMETER);
        }
        Ok(Wait { items, locals, how, parts, has_looked: false, has_slept: false, asked: Instant::now() })
    }

    fn at(&self, key: Key) -> usize {
        // All of them are there.
        self.parts.binary_search_by_key(&key, |part| part.named.key()).unwrap_or_default()
    }

    /// Locks everything, takes what can be taken, and otherwise prepares for a sleep.
    fn look(&mut self, thorough: bool, enlists: bool) -> Result<Step> {
        let mut guards: Vec<Guard<'a>> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            guards.push(part.named.lock()?);
        }
        if !self.has_looked {
            self.has_looked = true;
            self.count_pulses(&guards)?;
        }
        if thorough {
            guards.iter_mut().try_for_each(Guard::collect)?;
        }
        let mut locals = self.locals.lock();
        let took = self.take(&mut guards, &mut locals, thorough)?;
        if took.is_some() {
            locals.close()
        } else {
            locals.miss()
        }
        drop(locals);
        let over = self.how.deadline.is_some_and(|deadline| deadline <= Instant::now());
        let ended = match took {
            Some(took) => Some(Step::Took(took)),
            None if (self.how.alerted)() => Some(Step::Ended(Status::USER_APC)),
            None if over && thorough => Some(Step::Ended(Status::TIMEOUT)),
            None => None,
        };
        match ended {
            Some(ended) => {
                self.leave(&mut guards)?;
                Ok(ended)
            }
            None => {
                let at_most = self.longest_sleep(&guards)?;
                let choosy = self.is_choosy();
                if choosy {
                    self.count_pulses(&guards)?;
                }
                for (part, guard) in self.parts.iter_mut().zip(&guards) {
                    if !choosy && part.spot.is_none() {
                        part.spot = guard.line_up();
                    }
                    part.seen = match part.spot {
                        Some(spot) => guard.wait_in_line(spot, enlists),
                        None => guard.sequence(),
                    };
                    if enlists && part.spot.is_none() {
                        guard.enlist(choosy);
                    }
                }
                Ok(Step::Sleep(at_most))
            }
        }
    }

    fn count_pulses(&mut self, guards: &[Guard<'_>]) -> Result<()> {
        for (part, guard) in self.parts.iter_mut().zip(guards) {
            part.pulses = guard.pulses()?;
        }
        Ok(())
    }

    fn take(
        &self,
        guards: &mut [Guard<'_>],
        locals: &mut L::Locked<'_>,
        thorough: bool,
    ) -> Result<Option<Took>> {
        if let Some((taken, abandoned)) = locals.taken() {
            let of_taken = |item: &Item<'_>| matches!(item, Item::Local(local) if *local == taken);
            let index = self.items.iter().position(of_taken).unwrap_or_default();
            return Ok(Some(Took { index, abandoned }));
        }
        let mut first = None;
        for (index, item) in self.items.iter().enumerate() {
            let signalled = match item {
                Item::Local(local) => locals.is_signalled(*local),
                Item::Named(named) => {
                    let at = self.at(named.key());
                    guards[at].is_signalled(self.parts[at].look(thorough))?
                }
            };
            match (signalled, self.how.all) {
                (true, false) => {
                    first = Some(index);
                    break;
                }
                (false, true) => return Ok(None),
                _ => {}
            }
        }
        let taken = match first {
            Some(first) => first..first + 1,
            None if self.how.all => 0..self.items.len(),
            None => return Ok(None),
        };
        let index = taken.start;
        let mut abandoned = false;
        for item in &self.items[taken] {
            abandoned |= match item {
                Item::Local(local) => locals.take(*local),
                Item::Named(named) => {
                    let at = self.at(named.key());
                    guards[at].take(self.parts[at].look(thorough))?
                }
            };
        }
        Ok(Some(Took { index, abandoned }))
    }

    /// Whether a wake-up may find nothing that this thread takes.
    fn is_choosy(&self) -> bool {
        self.how.all && self.items.len() > 1
    }

    /// This thread leaves. It may have been woken for what it does not take.
    fn leave(&mut self, guards: &mut [Guard<'_>]) -> Result<()> {
        for (part, guard) in self.parts.iter_mut().zip(guards) {
            if let Some(spot) = part.spot.take() {
                guard.leave_line(spot)?;
            }
            if self.has_slept && guard.is_signalled(part.look(false))? {
                guard.pass_on();
            }
        }
        Ok(())
    }

    fn longest_sleep(&self, guards: &[Guard<'_>]) -> Result<Duration> {
        let mut longest = if self.has_slept { LONGEST_SLEEP } else { FIRST_SLEEP };
        if let Some(deadline) = self.how.deadline {
            longest = longest.min(deadline.saturating_duration_since(Instant::now()));
        }
        for guard in guards {
            if let Some((left, _)) = guard.goes_off_in()? {
                longest = longest.min(left);
            }
        }
        Ok(longest)
    }

    fn sleep_and_look(&mut self, mut at_most: Duration) -> Result<Took> {
        loop {
            let woken = self.sleep(at_most);
            self.has_slept = true;
            // One who is woken all the time has to ask now and then, too.
            let thorough = !woken || self.asked.elapsed() >= LONGEST_SLEEP;
            if thorough {
                self.asked = Instant::now();
            }
            match self.look(thorough, true)? {
                Step::Took(took) => return Ok(took),
                Step::Ended(status) => return Err(status),
                Step::Sleep(longest) => at_most = longest,
            }
        }
    }

    /// Sleeps and ends the enlistment; false when nothing woke it.
    fn sleep(&mut self, at_most: Duration) -> bool {
        let mut words: Vec<_> =
            self.parts.iter().map(|part| Seen { word: part.word(), value: part.seen, own: false }).collect();
        let woken = match self.how.parker.map(Parker::set_out) {
            None => sleep(&words, at_most),
            // Whoever gave the permit did so since the last sleep.
            Some(None) => true,
            Some(Some((word, value))) => {
                words.push(Seen { word, value, own: true });
                let woken = sleep(&words, at_most);
                woken | self.how.parker.is_some_and(Parker::come_back)
            }
        };
        self.delist();
        woken
    }

    fn delist(&self) {
        let choosy = self.is_choosy();
        let enlisted = self.parts.iter().filter(|part| part.spot.is_none());
        enlisted.for_each(|part| part.named.delist(choosy));
    }

    /// Whether nothing but a few sequences has to be looked at.
    fn is_quick_to_look(&self) -> bool {
        self.how.parker.is_none() && self.parts.len() <= FEW
    }

    /// Looks a little longer.
    fn spin(&self, spins: &Spins) {
        let changed = |part: &Part<'_>| part.word().load(Acquire) != part.seen;
        spins.spinning_until(|| self.parts.iter().any(changed));
    }
}

impl<L> Drop for Wait<'_, L> {
    fn drop(&mut self) {
        // Only a wait that has failed is in line still.
        for part in &mut self.parts {
            if let Some(spot) = part.spot.take() {
                part.named.run_off(spot);
            }
        }
    }
}
