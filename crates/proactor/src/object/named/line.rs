//! Those who wait for an event that resets itself, in its page, so that every set lets one of them go (S174).
//!
//! A set is *granted* to who has waited longest: one store into his place, and nobody overtakes him. Nothing of it is
//! in the event's state then. All of this happens under the object's lock, but that a waiter for whom the lock is out
//! of reach may run off.
//!
//! Who is killed leaves his place behind. A later set may be granted to it; whoever has waited a while finds that, and
//! gives the set back (`Guard::collect`). There are places for 128; who finds none waits for what the others leave.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

use super::holder::Holder;

/// How many may wait in line.
pub(super) const SPOTS: usize = 128;

const AWAKE: u32 = 0;
/// Sleeps on the word, or is about to.
const ASLEEP: u32 = 1;
const GRANTED: u32 = 2;
const GONE: u32 = 3;

/// A place in the line.
#[repr(C)]
pub(super) struct Spot {
    /// Whose it is; 0: nobody's. The other two say nothing then.
    holder: AtomicU64,
    /// Who came earlier has a lower one.
    order: AtomicU32,
    word: AtomicU32,
}

/// The line of a locked event.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) spots: &'a [Spot; SPOTS],
    /// No spot from here on is anybody's.
    pub(super) end: &'a AtomicU32,
}

impl<'a> Line<'a> {
    fn used(&self) -> &'a [Spot] {
        &self.spots[..(self.end.load(Relaxed) as usize).min(SPOTS)]
    }

    /// Those in line, each with his spot.
    fn holders(&self) -> impl Iterator<Item = (usize, &'a Spot, Holder)> + use<'a> {
        let held = |(at, spot): (usize, &'a Spot)| Some((at, spot, Holder::of(spot.holder.load(Relaxed))?));
        self.used().iter().enumerate().filter_map(held)
    }

    /// Takes the last place; none if there is none left.
    pub(super) fn join(&self, me: Holder) -> Option<usize> {
        let mut order = 0u32;
        for (at, spot, holder) in self.holders() {
            if holder == me {
                return Some(at);
            }
            order = order.max(spot.order.load(Relaxed).saturating_add(1));
        }
        let used = self.used();
        let free = |spot: &Spot| Holder::of(spot.holder.load(Relaxed)).is_none();
        let at = match used.iter().position(free) {
            Some(at) => at,
            None if used.len() < SPOTS => used.len(),
            None => self.holders().find(|(_, spot, holder)| !spot.is_granted() && !holder.lives())?.0,
        };
        let spot = &self.spots[at];
        spot.word.store(AWAKE, Relaxed);
        spot.order.store(order, Relaxed);
        if at >= used.len() {
            self.end.store(at as u32 + 1, Relaxed);
        }
        spot.holder.store(me.word(), Release);
        Some(at)
    }

    /// Gives the place up, with whatever was granted to it.
    pub(super) fn leave(&self, at: usize) {
        self.spots[at].holder.store(0, Release);
        let last = self.holders().last();
        self.end.store(last.map_or(0, |(at, ..)| at as u32 + 1), Relaxed);
    }

    pub(super) fn is_of(&self, at: usize, me: Holder) -> bool {
        Holder::of(self.spots[at].holder.load(Relaxed)) == Some(me)
    }

    pub(super) fn is_granted(&self, at: usize) -> bool {
        self.spots[at].is_granted()
    }

    fn first(&self) -> Option<(usize, &'a Spot)> {
        let waits = |spot: &Spot| matches!(spot.word.load(Relaxed), AWAKE | ASLEEP);
        let waiting = self.holders().filter(|(_, spot, _)| waits(spot));
        waiting.min_by_key(|(_, spot, _)| spot.order.load(Relaxed)).map(|(at, spot, _)| (at, spot))
    }

    /// Grants a set to the first in line who has none; says who it was, and whether he has to be woken. None if
    /// there is nobody.
    pub(super) fn grant(&self) -> Option<(usize, bool)> {
        loop {
            let (at, spot) = self.first()?;
            let seen = spot.word.load(Relaxed);
            // He may just have run off.
            if seen != GONE && spot.word.compare_exchange(seen, GRANTED, Release, Relaxed).is_ok() {
                return Some((at, seen == ASLEEP));
            }
        }
    }

    /// Has the first in line look again; says who it was if he has to be woken.
    pub(super) fn nudge(&self) -> Option<usize> {
        let (at, spot) = self.first()?;
        spot.nudge().then_some(at)
    }

    /// Has all look again; says who has to be woken.
    pub(super) fn nudge_all(&self) -> impl Iterator<Item = usize> + use<'a> {
        // Also those to whom something was granted: whoever granted it may have been killed before he woke them.
        self.holders().filter(|(_, spot, _)| spot.nudge() || spot.is_granted()).map(|(at, ..)| at)
    }

    /// A spot to which something was granted, and whose holder is dead.
    pub(super) fn lost(&self) -> Option<usize> {
        self.holders().find(|(_, spot, holder)| spot.is_granted() && !holder.lives()).map(|(at, ..)| at)
    }

    /// Prepares for a look, or for a sleep; returns what the word is until something is granted.
    pub(super) fn wait_on(&self, at: usize, asleep: bool) -> u32 {
        let value = if asleep { ASLEEP } else { AWAKE };
        self.spots[at].word.store(value, Relaxed);
        value
    }

    #[cfg(test)]
    pub(super) fn sleepers(&self) -> u32 {
        self.holders().filter(|(_, spot, _)| spot.word.load(Relaxed) == ASLEEP).count() as u32
    }
}

impl Spot {
    /// What changes when something is granted.
    pub(super) fn word(&self) -> &AtomicU32 {
        &self.word
    }

    fn is_granted(&self) -> bool {
        self.word.load(Relaxed) == GRANTED
    }

    fn nudge(&self) -> bool {
        self.word.compare_exchange(ASLEEP, AWAKE, Release, Relaxed).is_ok()
    }

    /// Gives the spot up without the lock. True if something had been granted that its holder has not used.
    pub(super) fn run_off(&self) -> bool {
        let granted = self.word.swap(GONE, Relaxed) == GRANTED;
        self.holder.store(0, Release);
        granted
    }
}
