//! How waits and signals meet: the protocol between those who wait for objects and those who signal them.
//!
//! Every object has a state and a list of wait blocks under a lock of its own. A thread that has to wait puts a
//! block on each of its objects. Who signals an object goes through its list, oldest block first (S171), and
//! *claims* the waiter by one compare-and-swap on the waiter's word; whoever wins that consumes the object for it,
//! so nothing is consumed twice and nothing is consumed for one who has gone. A wait for all is satisfied under the
//! locks of all its objects, taken in the order of their addresses: all or nothing (S161).
//!
//! No lock is held across a system call: who is to be woken is woken after the lock is free.

use std::collections::VecDeque;
use std::sync::Arc;

use super::atomic::{Guard, Lock};
use super::state::State;
use super::waiter::{Outcome, Waiter};

/// Objects one wait takes at most (S158).
pub const MOST_OBJECTS: usize = 64;

/// One waiter on one object.
struct Block {
    waiter: Arc<Waiter>,
    generation: u32,
    index: u8,
    /// Its place in the object's list, never used twice.
    ticket: u64,
    how: How,
}

enum How {
    /// Whoever signals takes the object for the waiter.
    Any,
    /// Whoever signals takes all of these for the waiter, if all are signalled.
    All(Arc<[Arc<Header>]>),
    /// The waiter only wants to be told; it takes what it needs by itself. `signalled`: since it looked last it could
    /// have gone, for what is signalled until somebody resets it.
    Told { signalled: bool },
}

struct Inner {
    state: State,
    blocks: VecDeque<Block>,
    tickets: u64,
}

impl Inner {
    fn enlist(&mut self, waiter: &Arc<Waiter>, generation: u32, index: usize, how: How) {
        self.tickets += 1;
        let index = u8::try_from(index).expect("a wait has at most 64 objects");
        self.blocks.push_back(Block { waiter: waiter.clone(), generation, index, ticket: self.tickets, how });
    }

    /// Notes for one who is only told that he could go now, if he takes nothing by it.
    fn note(&mut self, at: usize) {
        if matches!(self.state, State::Event { manual: true, .. } | State::Latch { .. })
            && let How::Told { signalled } = &mut self.blocks[at].how
        {
            *signalled = true;
        }
    }

    fn noted(&mut self, thread: u32) -> impl Iterator<Item = &mut bool> {
        let of_thread = self.blocks.iter_mut().filter(move |block| block.waiter.thread == thread);
        of_thread.filter_map(|block| match &mut block.how {
            How::Told { signalled } => Some(signalled),
            _ => None,
        })
    }
}

/// What every object has: its state and those who wait for it.
pub struct Header {
    inner: Lock<Inner>,
}

/// Those to be woken once no lock is held; most of the time it is one.
#[derive(Default)]
struct Wakes {
    first: Option<Arc<Waiter>>,
    more: Vec<Arc<Waiter>>,
}

impl Wakes {
    fn push(&mut self, waiter: Arc<Waiter>) {
        if self.first.is_none() { self.first = Some(waiter) } else { self.more.push(waiter) }
    }

    fn wake(self) {
        self.first.iter().chain(&self.more).for_each(|waiter| waiter.wake());
    }
}

impl Header {
    pub fn new(state: State) -> Header {
        Header { inner: Lock::new(Inner { state, blocks: VecDeque::new(), tickets: 0 }) }
    }

    /// Looks at the state.
    pub fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.inner.lock().state)
    }

    /// Whether somebody waits for it.
    pub fn is_awaited(&self) -> bool {
        !self.inner.lock().blocks.is_empty()
    }

    /// Changes the state in a way that satisfies nobody.
    pub fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.inner.lock().state)
    }

    /// Changes the state, and satisfies those who can go now.
    pub fn signal<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut inner = self.inner.lock();
        let result = change(&mut inner.state);
        if !inner.blocks.is_empty() {
            self.satisfy(inner, false);
        }
        result
    }

    /// Satisfies those who wait now and can go, one of them if it is an event that resets itself, and leaves it
    /// reset (S176). Returns whether it was set.
    pub fn pulse(&self) -> bool {
        let mut inner = self.inner.lock();
        let before = inner.state.reset();
        if !inner.blocks.is_empty() {
            self.satisfy(inner, true);
        }
        before
    }

    /// Goes through those who wait, oldest first, for as long as the object is signalled; with `pulse` as if it
    /// were, for those who wait already.
    fn satisfy<'a>(&'a self, mut inner: Guard<'a, Inner>, pulse: bool) {
        let mut wakes = Wakes::default();
        // Who comes later, while the lock is not held, has looked for itself. So this ends.
        let last = inner.tickets;
        let mut done = 0;
        loop {
            let at = inner.blocks.iter().position(|block| block.ticket > done);
            let Some(at) = at.filter(|at| inner.blocks[*at].ticket <= last) else { break };
            let block = &inner.blocks[at];
            done = block.ticket;
            if !pulse && !inner.state.is_signalled(block.waiter.thread) {
                break;
            }
            let went = match &block.how {
                How::Told { .. } => {
                    wakes.push(block.waiter.clone());
                    inner.note(at);
                    false
                }
                How::Any => {
                    let abandoned = inner.state.is_abandoned();
                    let claimed = block.waiter.claim(block.generation, block.index.into(), abandoned);
                    if let Some(block) = inner.blocks.remove(at)
                        && claimed
                    {
                        if !pulse {
                            inner.state.take(block.waiter.thread);
                        }
                        wakes.push(block.waiter);
                    }
                    claimed
                }
                How::All(set) => {
                    let (set, waiter, generation) = (set.clone(), block.waiter.clone(), block.generation);
                    drop(inner);
                    let went = take_all(&set, &waiter, generation, pulse.then_some(self));
                    if went {
                        wakes.push(waiter);
                    }
                    inner = self.inner.lock();
                    went
                }
            };
            if pulse && went && !matches!(inner.state, State::Event { manual: true, .. }) {
                break;
            }
        }
        drop(inner);
        wakes.wake();
    }

    /// Takes the waiter's blocks off.
    fn delist(&self, waiter: &Arc<Waiter>) {
        self.inner.lock().blocks.retain(|block| !Arc::ptr_eq(&block.waiter, waiter));
    }

    fn take_now(&self, thread: u32) -> Option<bool> {
        let mut inner = self.inner.lock();
        inner.state.is_signalled(thread).then(|| inner.state.take(thread))
    }
}

/// Takes all objects of a wait for it, or none; `pulsed` counts as signalled. The set is in the order of addresses.
fn take_all(set: &[Arc<Header>], waiter: &Waiter, generation: u32, pulsed: Option<&Header>) -> bool {
    let mut inners: Vec<_> = set.iter().map(|header| header.inner.lock()).collect();
    let is_pulsed = |at: usize| pulsed.is_some_and(|pulsed| std::ptr::eq(pulsed, &*set[at]));
    let signalled =
        |(at, inner): (usize, &Guard<'_, Inner>)| is_pulsed(at) || inner.state.is_signalled(waiter.thread);
    if !inners.iter().enumerate().all(signalled) {
        return false;
    }
    let abandoned = inners.iter().any(|inner| inner.state.is_abandoned());
    if !waiter.claim(generation, 0, abandoned) {
        return false;
    }
    for (at, inner) in inners.iter_mut().enumerate() {
        if !is_pulsed(at) {
            inner.state.take(waiter.thread);
        }
    }
    true
}

/// Takes the first object that is signalled, or all if all are; otherwise nothing.
pub fn try_take(objects: &[&Arc<Header>], all: bool, thread: u32) -> Option<Outcome> {
    if all && objects.len() > 1 {
        let set = in_order(objects);
        let mut inners = lock_all(&set);
        return take_locked(&mut inners, thread);
    }
    let (first, rest) = objects.split_first()?;
    if let Some(abandoned) = first.take_now(thread) {
        return Some(Outcome::Taken { index: 0, abandoned });
    }
    for (at, header) in rest.iter().enumerate() {
        // One before it may have been signalled since it was looked at, even before this one was. Only a look at
        // all of them at one moment tells (S159).
        if header.look(|state| state.is_signalled(thread))
            && let Some(outcome) = take_lowest(&objects[..at + 2], thread)
        {
            return Some(outcome);
        }
    }
    None
}

/// Takes the first that is signalled at a moment at which all are locked.
fn take_lowest(objects: &[&Arc<Header>], thread: u32) -> Option<Outcome> {
    let address = |at: u8| Arc::as_ptr(objects[usize::from(at)]).addr();
    let mut order: [u8; MOST_OBJECTS] = std::array::from_fn(|at| at as u8);
    let order = &mut order[..objects.len()];
    // An object that is there twice is locked at its lower place.
    order.sort_unstable_by_key(|at| (address(*at), *at));
    let mut inners = [const { None }; MOST_OBJECTS];
    let mut last = None;
    for at in order {
        let here = address(*at);
        if last.replace(here) != Some(here) {
            inners[usize::from(*at)] = Some(objects[usize::from(*at)].inner.lock());
        }
    }
    inners.iter_mut().enumerate().find_map(|(index, inner)| {
        let state = &mut inner.as_mut()?.state;
        let abandoned = state.is_signalled(thread).then(|| state.take(thread))?;
        Some(Outcome::Taken { index, abandoned })
    })
}

fn in_order(objects: &[&Arc<Header>]) -> Arc<[Arc<Header>]> {
    let mut set: Vec<_> = objects.iter().map(|header| (*header).clone()).collect();
    set.sort_by_key(|header| Arc::as_ptr(header).addr());
    set.into()
}

fn lock_all<'a>(set: &'a [Arc<Header>]) -> Vec<Guard<'a, Inner>> {
    set.iter().map(|header| header.inner.lock()).collect()
}

fn take_locked(inners: &mut [Guard<'_, Inner>], thread: u32) -> Option<Outcome> {
    if !inners.iter().all(|inner| inner.state.is_signalled(thread)) {
        return None;
    }
    let mut abandoned = false;
    for inner in inners {
        abandoned |= inner.state.take(thread);
    }
    Some(Outcome::Taken { index: 0, abandoned })
}

/// Waits for one object as [`wait`] does, in one turn with looking at it.
pub fn wait_for_one(
    waiter: &Arc<Waiter>,
    header: &Header,
    alertable: bool,
    prepared: impl FnOnce(),
    sleep: impl FnOnce(&Waiter),
) -> Outcome {
    {
        let mut inner = header.inner.lock();
        if inner.state.is_signalled(waiter.thread) {
            return Outcome::Taken { index: 0, abandoned: inner.state.take(waiter.thread) };
        }
        let generation = waiter.begin(alertable);
        inner.enlist(waiter, generation, 0, How::Any);
    }
    prepared();
    if waiter.is_waiting() {
        sleep(waiter);
    }
    assert!(!waiter.is_waiting(), "a wait ended that nobody had ended");
    let outcome = waiter.outcome();
    // Whoever took the object took the block off as well.
    if !matches!(outcome, Outcome::Taken { .. }) {
        header.delist(waiter);
    }
    outcome
}

/// Waits for the first of these objects to be signalled, or for all to be at one moment.
///
/// `prepared` runs once the wait can be satisfied and alerted, and `sleep` until it has been, or its time is over.
/// All objects are different if it is for all, and there are at most 64.
pub fn wait(
    waiter: &Arc<Waiter>,
    objects: &[&Arc<Header>],
    all: bool,
    alertable: bool,
    prepared: impl FnOnce(),
    sleep: impl FnOnce(&Waiter),
) -> Outcome {
    let enlisted = if all && objects.len() > 1 {
        match enlist_for_all(waiter, objects, alertable) {
            Some(outcome) => return outcome,
            None => objects.len(),
        }
    } else {
        enlist_for_any(waiter, objects, alertable)
    };
    prepared();
    if waiter.is_waiting() {
        sleep(waiter);
    }
    assert!(!waiter.is_waiting(), "a wait ended that nobody had ended");
    let outcome = waiter.outcome();
    // Whoever took the only object took its block off as well.
    if !(objects.len() == 1 && matches!(outcome, Outcome::Taken { .. })) {
        objects[..enlisted].iter().for_each(|header| header.delist(waiter));
    }
    outcome
}

/// Puts a block on each object until one turns out to be signalled; returns on how many.
fn enlist_for_any(waiter: &Arc<Waiter>, objects: &[&Arc<Header>], alertable: bool) -> usize {
    let generation = waiter.begin(alertable);
    for (index, header) in objects.iter().enumerate() {
        let mut inner = header.inner.lock();
        if inner.state.is_signalled(waiter.thread) {
            // Another object may have been taken for this wait meanwhile; then this one is left alone.
            let abandoned = inner.state.is_abandoned();
            if waiter.claim(generation, index, abandoned) {
                inner.state.take(waiter.thread);
            }
            return index;
        }
        inner.enlist(waiter, generation, index, How::Any);
    }
    objects.len()
}

/// Takes all now, or puts a block on each at one moment, so that no signal comes in between.
fn enlist_for_all(waiter: &Arc<Waiter>, objects: &[&Arc<Header>], alertable: bool) -> Option<Outcome> {
    let set = in_order(objects);
    let mut inners = lock_all(&set);
    if let Some(outcome) = take_locked(&mut inners, waiter.thread) {
        return Some(outcome);
    }
    let generation = waiter.begin(alertable);
    for inner in &mut inners {
        inner.enlist(waiter, generation, 0, How::All(set.clone()));
    }
    None
}

/// Takes the object now, and returns true; or leaves a block for a waiter that is [called](Waiter::calling) once it
/// has been taken. Taken off again by [`Waiter::time_out`], if that comes first, and then [`untold`].
pub fn take_or_call(waiter: &Arc<Waiter>, header: &Header) -> bool {
    let mut inner = header.inner.lock();
    if inner.state.is_signalled(waiter.thread) {
        inner.state.take(waiter.thread);
        return true;
    }
    let generation = waiter.begin(false);
    inner.enlist(waiter, generation, 0, How::Any);
    false
}

/// Puts a block on each object that only tells the waiter; it looks and takes by itself, and takes them off with
/// [`untold`]. For waits for all of several, in which objects of other processes take part.
pub fn be_told(waiter: &Arc<Waiter>, objects: &[&Arc<Header>]) {
    for header in objects {
        header.inner.lock().enlist(waiter, 0, 0, How::Told { signalled: false });
    }
}

/// Puts a block on each object as [`wait`] does, for a wait for any of them or of objects of other processes, which
/// takes by itself too: see [`Waiter::taken`]. `generation` is that of [`Waiter::begin_told`].
pub fn be_served(waiter: &Arc<Waiter>, generation: u32, objects: &[&Arc<Header>]) {
    for (index, header) in objects.iter().enumerate() {
        header.inner.lock().enlist(waiter, generation, index, How::Any);
    }
}

/// Ends what [`be_told`] or [`be_served`] began.
pub fn untold(waiter: &Arc<Waiter>, objects: &[&Arc<Header>]) {
    objects.iter().for_each(|header| header.delist(waiter));
}

/// The objects of a wait that takes by itself, locked together in the order of their addresses.
pub struct Together<'a> {
    inners: Vec<Guard<'a, Inner>>,
    /// Per object of the wait, which of `inners` is its: an object may be there twice.
    places: Vec<usize>,
    thread: u32,
}

impl<'a> Together<'a> {
    pub fn lock(objects: &[&'a Arc<Header>], thread: u32) -> Together<'a> {
        let mut set = objects.to_vec();
        set.sort_by_key(|header| Arc::as_ptr(header).addr());
        set.dedup_by_key(|header| Arc::as_ptr(header).addr());
        let place = |object: &&Arc<Header>| set.iter().position(|header| Arc::ptr_eq(header, object));
        let places = objects.iter().filter_map(place).collect();
        Together { inners: set.iter().map(|header| header.inner.lock()).collect(), places, thread }
    }

    /// Whether it is, or, for a wait that is only told, was at some moment since the last look.
    pub fn is_signalled(&mut self, index: usize) -> bool {
        let inner = &mut self.inners[self.places[index]];
        inner.state.is_signalled(self.thread) || inner.noted(self.thread).any(|signalled| *signalled)
    }

    /// Takes one that is signalled; true if it was an abandoned mutex.
    pub fn take(&mut self, index: usize) -> bool {
        let state = &mut self.inners[self.places[index]].state;
        // What was signalled only for a moment is taken by nobody.
        state.is_signalled(self.thread) && state.take(self.thread)
    }

    /// The wait goes on: what was signalled at this moment was missed, since others were not (S177).
    pub fn miss(&mut self) {
        self.inners
            .iter_mut()
            .for_each(|inner| inner.noted(self.thread).for_each(|signalled| *signalled = false));
    }
}
