//! What can be done to an object with a name while it is locked.
//!
//! Each change is one store of the state word; then the sequence goes up, and those who may go are woken, after the
//! lock is free. Killed in between, the process leaves a valid state and sleepers who were not told: they look by
//! themselves before long, and whoever takes over its lock tells them at once.

use std::sync::atomic::Ordering::*;
use std::time::{Duration, UNIX_EPOCH};

use rustix::thread::futex;
use rustix::time::{ClockId, Timespec, clock_gettime};

use super::holder::Holder;
use super::line::Line;
use super::page::Hot;
use super::state::{ABANDONED, Event, Kind, Plan, Timer, count, released};
use super::{Named, lock};
use crate::object::timer::Due;
use crate::status::{Result, Status};

/// All who sleep.
const ALL: u32 = i32::MAX.cast_unsigned();

/// What a look at an object goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// How many pulses there had been when the wait began: [`Guard::pulses`].
    pub(crate) pulses: u32,
    /// This thread's place in the line of the event, if it has one.
    pub(crate) spot: Option<usize>,
    /// Whether to find out if a mutex's owner still lives, which costs microseconds.
    pub(crate) thorough: bool,
}

/// An object, locked.
pub(crate) struct Guard<'a> {
    named: &'a Named,
    me: Holder,
    /// How many to wake once the lock is free.
    wake: u32,
    /// Whom of those in line, a bit for each.
    wake_spots: u128,
}

impl<'a> Guard<'a> {
    pub(super) fn new(named: &'a Named, me: Holder) -> Result<Guard<'a>> {
        let taken_over = lock::acquire(&named.page.hot().lock, me)?;
        let mut guard = Guard { named, me, wake: 0, wake_spots: 0 };
        if taken_over {
            guard.mend();
        }
        Ok(guard)
    }

    fn hot(&self) -> &'a Hot {
        self.named.page.hot()
    }

    fn word(&self) -> u64 {
        self.hot().state.load(Relaxed)
    }

    /// The line of an event that resets itself.
    fn line(&self) -> Option<Line<'a>> {
        (self.named.kind == Kind::Event && !self.named.manual()).then(|| self.named.page.line())
    }

    /// Ends what somebody has begun who was killed, and tells all in his place.
    #[cold]
    fn mend(&mut self) {
        self.tell(ALL);
        let Some(line) = self.line() else { return };
        // If it can't be told, whatever is done to the event will say so.
        if let Ok(event) = Event::of(self.word())
            && let Some(spot) = event.giving_back.checked_sub(1)
        {
            line.leave(spot.into());
            self.put(Event { set: true, giving_back: 0, ..event }.word());
        }
        line.nudge_all().for_each(|spot| self.wake_spots |= 1 << spot);
    }

    /// Changes the state in a way that satisfies nobody.
    fn put(&self, word: u64) {
        self.hot().state.store(word, Release);
    }

    /// Changes the state in a way that may satisfy so many.
    fn signal(&mut self, word: u64, at_most: u32) {
        self.put(word);
        self.tell(at_most);
    }

    fn tell(&mut self, at_most: u32) {
        let hot = self.hot();
        hot.sequence.fetch_add(1, Release);
        if hot.waiters.load(Relaxed) != 0 {
            // One who waits for all of several may wake, take nothing and sleep on: he must not be the only one.
            self.wake = if hot.choosy.load(Relaxed) != 0 { ALL } else { self.wake.max(at_most) };
        }
    }

    fn of_kind(&self, kind: Kind) -> Result<()> {
        if self.named.kind == kind { Ok(()) } else { Err(Status::OBJECT_TYPE_MISMATCH) }
    }

    /// How many pulses there have been, for a wait that begins.
    pub(crate) fn pulses(&self) -> Result<u32> {
        match self.named.kind {
            Kind::Event => Ok(Event::of(self.word())?.pulses),
            _ => Ok(0),
        }
    }

    /// Would a wait of this thread be satisfied?
    pub(crate) fn is_signalled(&self, look: Look) -> Result<bool> {
        match self.named.kind {
            Kind::Event => Ok(self.is_granted(look)
                || Event::of(self.word())?.is_signalled(self.named.manual(), look.pulses)),
            Kind::Semaphore => Ok(count(self.word(), self.named.config)? > 0),
            Kind::Timer => Ok(self.fire()?.set),
            Kind::Mutex => Ok(match Holder::of(self.word()) {
                None => true,
                Some(owner) => owner == self.me || (look.thorough && !owner.lives()),
            }),
        }
    }

    /// What a satisfied wait of this thread does: `is_signalled` has just said so. True if the mutex was abandoned,
    /// which is told once (S188).
    ///
    /// # Errors
    /// [`Status::INTEGER_OVERFLOW`]: the mutex is owned 2^32 - 1 times. [`Status::DATA_ERROR`].
    pub(crate) fn take(&mut self, look: Look) -> Result<bool> {
        let (word, manual) = (self.word(), self.named.manual());
        match self.named.kind {
            Kind::Event => self.take_event(look)?,
            Kind::Semaphore => self.put(count(word, self.named.config)?.saturating_sub(1).into()),
            Kind::Timer => self.put(Timer { set: manual, ..Timer::of(word)? }.word()),
            Kind::Mutex => return self.own(word),
        }
        Ok(false)
    }

    fn is_granted(&self, look: Look) -> bool {
        look.spot.zip(self.line()).is_some_and(|(spot, line)| line.is_granted(spot))
    }

    fn take_event(&self, look: Look) -> Result<()> {
        match look.spot.zip(self.line()) {
            Some((spot, line)) if line.is_granted(spot) => line.leave(spot),
            _ => self.put(Event::of(self.word())?.taken(self.named.manual(), look.pulses).word()),
        }
        Ok(())
    }

    fn own(&mut self, word: u64) -> Result<bool> {
        let (owner, depth) = (Holder::of(word), &self.hot().depth);
        if owner == Some(self.me) {
            let deeper = depth.load(Relaxed).checked_add(1).ok_or(Status::INTEGER_OVERFLOW)?;
            depth.store(deeper, Relaxed);
            return Ok(false);
        }
        // Says nothing until the next store.
        depth.store(1, Relaxed);
        self.put(self.me.word());
        Ok(owner.is_some() || word & ABANDONED != 0)
    }

    /// Sets an event; returns whether it was set (S179).
    pub(crate) fn set(&mut self) -> Result<bool> {
        self.of_kind(Kind::Event)?;
        let event = Event::of(self.word())?;
        let manual = self.named.manual();
        // Another set of one that is set is for one who waits for all of several, the first being for another.
        if !self.grant() && (!event.set || (!manual && self.hot().choosy.load(Relaxed) != 0)) {
            self.signal(event.set_again(manual).word(), if manual { ALL } else { 1 });
        }
        Ok(event.set)
    }

    /// Grants a set to the first in line; false if there is none.
    fn grant(&mut self) -> bool {
        let Some((spot, asleep)) = self.line().and_then(|line| line.grant()) else { return false };
        self.wake_spots |= u128::from(asleep) << spot;
        true
    }

    /// Resets an event; who was satisfied by then stays so (S175). Returns whether it was set.
    pub(crate) fn reset(&mut self) -> Result<bool> {
        self.of_kind(Kind::Event)?;
        let event = Event::of(self.word())?;
        self.put(event.reset().word());
        Ok(event.set)
    }

    /// Satisfies those who wait now, or one of them, and leaves the event reset (S176); returns whether it was set.
    /// Who is between two looks still gets it; who waits for others as well may miss it (S177, S178).
    pub(crate) fn pulse(&mut self) -> Result<bool> {
        self.of_kind(Kind::Event)?;
        let event = Event::of(self.word())?;
        if self.grant() {
            self.put(event.reset().word());
        } else {
            self.signal(event.pulsed().word(), if self.named.manual() { ALL } else { 1 });
        }
        Ok(event.set)
    }

    /// Puts this thread into the line of an event that resets itself; returns its place.
    pub(super) fn line_up(&self) -> Option<usize> {
        self.line()?.join(self.me)
    }

    /// This thread looks at the word of its place, or sleeps on it, until it is no longer what this returns.
    pub(super) fn wait_in_line(&self, spot: usize, asleep: bool) -> u32 {
        self.named.page.line().wait_on(spot, asleep)
    }

    /// This thread leaves the line, and what was granted to it and not taken, to others.
    pub(super) fn leave_line(&mut self, spot: usize) -> Result<()> {
        let Some(line) = self.line() else { return Ok(()) };
        if line.is_of(spot, self.me) {
            if line.is_granted(spot) {
                return self.give_back(line, spot);
            }
            line.leave(spot);
        }
        if Event::of(self.word())?.set {
            self.wake_spots |= line.nudge().map_or(0, |first| 1 << first);
        }
        Ok(())
    }

    /// Gives back what was granted to those who were killed before they took it.
    pub(super) fn collect(&mut self) -> Result<()> {
        let Some(line) = self.line() else { return Ok(()) };
        while let Some(spot) = line.lost() {
            self.give_back(line, spot)?;
        }
        Ok(())
    }

    fn give_back(&mut self, line: Line<'_>, spot: usize) -> Result<()> {
        let event = Event::of(self.word())?;
        // There are 128.
        self.put(Event { giving_back: spot as u8 + 1, ..event }.word());
        line.leave(spot);
        self.signal(Event { set: true, giving_back: 0, ..event }.word(), 1);
        self.wake_spots |= line.nudge().map_or(0, |first| 1 << first);
        Ok(())
    }

    /// Adds to a semaphore; returns the count before (S196).
    ///
    /// # Errors
    /// [`Status::SEMAPHORE_LIMIT_EXCEEDED`] and nothing changes (S197); [`Status::INVALID_PARAMETER`]: by 0 (S198).
    pub(crate) fn release(&mut self, by: u32) -> Result<u32> {
        self.of_kind(Kind::Semaphore)?;
        let before = count(self.word(), self.named.config)?;
        let after = released(before, by, self.named.config)?;
        self.signal(after.into(), by);
        Ok(before)
    }

    /// Gives back one of this thread's holds of a mutex; returns how many it had (S184).
    ///
    /// # Errors
    /// [`Status::MUTANT_NOT_OWNED`]: this thread has none (S186).
    pub(crate) fn release_mutex(&mut self) -> Result<u32> {
        self.of_kind(Kind::Mutex)?;
        if Holder::of(self.word()) != Some(self.me) {
            return Err(Status::MUTANT_NOT_OWNED);
        }
        let depth = &self.hot().depth;
        let before = depth.load(Relaxed);
        match before {
            0 => return Err(Status::DATA_ERROR),
            1 => self.signal(0, 1),
            _ => depth.store(before - 1, Relaxed),
        }
        Ok(before)
    }

    /// See [`Named::abandon`].
    pub(super) fn abandon(&mut self) -> Result<bool> {
        self.of_kind(Kind::Mutex)?;
        let mine = Holder::of(self.word()) == Some(self.me);
        if mine {
            self.signal(ABANDONED, 1);
        }
        Ok(mine)
    }

    /// Starts a timer, or starts it again; it is not signalled then (S201). Returns whether it was (signalled).
    /// With `period` it goes off again and again from the first time on; zero is once.
    ///
    /// # Errors
    /// [`Status::INVALID_PARAMETER`]: a period of more than 292 years.
    pub(crate) fn set_timer(&mut self, due: Due, period: Duration) -> Result<bool> {
        self.of_kind(Kind::Timer)?;
        let period = u64::try_from(period.as_nanos()).ok().filter(|period| *period <= Plan::LONGEST_PERIOD);
        let period = period.ok_or(Status::INVALID_PARAMETER)?;
        let (at, of_day) = match due {
            Due::After(left) => (now(false).saturating_add(nanos(left)), false),
            Due::At(time) => (time.duration_since(UNIX_EPOCH).map_or(0, nanos), true),
        };
        let before = self.fire()?;
        let after = Timer { set: false, armed: true, ..self.plan(before, Plan { at, period, of_day }) };
        // Everyone who waits has to wait for another moment now.
        self.signal(Timer { generation: before.generation.wrapping_add(1), ..after }.word(), ALL);
        Ok(before.set)
    }

    /// Stops a timer, signalled or not as it is (S203); returns whether it was still due.
    pub(crate) fn cancel_timer(&mut self) -> Result<bool> {
        self.of_kind(Kind::Timer)?;
        let timer = self.fire()?;
        let generation = timer.generation.wrapping_add(1);
        self.put(Timer { armed: false, generation, ..timer }.word());
        Ok(timer.armed)
    }

    /// How long until the timer goes off, and which setting that is: another one has another number. `None` for one
    /// that does not run, and for what is no timer.
    pub(crate) fn goes_off_in(&self) -> Result<Option<(Duration, u32)>> {
        if self.named.kind != Kind::Timer {
            return Ok(None);
        }
        let timer = self.fire()?;
        if !timer.armed {
            return Ok(None);
        }
        let plan = self.plan_of(timer);
        let left = Duration::from_nanos(plan.at.saturating_sub(now(plan.of_day)));
        Ok(Some((left, timer.generation)))
    }

    fn plan_of(&self, timer: Timer) -> Plan {
        let due = &self.hot().due[usize::from(timer.second)];
        Plan::of(due.at.load(Relaxed), due.period.load(Relaxed))
    }

    /// Writes the plan that does not hold, and returns the timer for which it holds.
    fn plan(&self, timer: Timer, plan: Plan) -> Timer {
        let second = !timer.second;
        let (due, (at, period)) = (&self.hot().due[usize::from(second)], plan.words());
        due.at.store(at, Relaxed);
        due.period.store(period, Relaxed);
        Timer { second, ..timer }
    }

    /// Lets a timer go off whose time has come; who looks, does it. Nobody has to be told: all who wait for it wake
    /// at that moment by themselves.
    fn fire(&self) -> Result<Timer> {
        let timer = Timer::of(self.word())?;
        if !timer.armed {
            return Ok(timer);
        }
        let plan = self.plan_of(timer);
        let now = now(plan.of_day);
        if now < plan.at {
            return Ok(timer);
        }
        let after = match plan.next(now) {
            None => Timer { armed: false, ..timer },
            Some(next) => self.plan(timer, next),
        };
        let after = Timer { set: true, ..after };
        self.put(after.word());
        Ok(after)
    }

    /// What changes with the next signal.
    pub(super) fn sequence(&self) -> u32 {
        self.hot().sequence.load(Relaxed)
    }

    /// This thread is going to sleep until the sequence changes. One who is `choosy` may wake and take nothing.
    pub(super) fn enlist(&self, choosy: bool) {
        self.hot().waiters.fetch_add(1, Relaxed);
        self.hot().choosy.fetch_add(choosy.into(), Relaxed);
    }

    /// This thread may have been woken for an object that it leaves alone: somebody else is.
    pub(super) fn pass_on(&mut self) {
        if self.hot().waiters.load(Relaxed) != 0 {
            self.wake = self.wake.max(1);
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        lock::release(&self.hot().lock);
        if self.wake != 0 {
            let _ = futex::wake(&self.hot().sequence, futex::Flags::empty(), self.wake);
        }
        while self.wake_spots != 0 {
            let spot = self.wake_spots.trailing_zeros() as usize;
            self.wake_spots &= self.wake_spots - 1;
            let _ = futex::wake(self.named.page.line().spots[spot].word(), futex::Flags::empty(), 1);
        }
    }
}

impl Named {
    /// What sleepers sleep on.
    pub(super) fn sequence(&self) -> &std::sync::atomic::AtomicU32 {
        &self.page.hot().sequence
    }

    /// What a sleeper in line sleeps on.
    pub(super) fn word_in_line(&self, spot: usize) -> &std::sync::atomic::AtomicU32 {
        self.page.line().spots[spot].word()
    }

    /// Ends what [`Guard::line_up`] began, for a wait that has failed: the lock may be out of reach.
    pub(super) fn run_off(&self, spot: usize) {
        if self.page.line().spots[spot].run_off()
            && let Ok(mut guard) = self.lock()
        {
            let _ = guard.set();
        }
    }

    /// Ends what [`Guard::enlist`] began.
    pub(super) fn delist(&self, choosy: bool) {
        let hot = self.page.hot();
        hot.waiters.fetch_sub(1, Relaxed);
        hot.choosy.fetch_sub(choosy.into(), Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn now(of_day: bool) -> u64 {
    let clock = if of_day { ClockId::Realtime } else { ClockId::Monotonic };
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    // Neither is before its beginning.
    (tv_sec.cast_unsigned()).saturating_mul(1_000_000_000).saturating_add(tv_nsec.unsigned_abs())
}
