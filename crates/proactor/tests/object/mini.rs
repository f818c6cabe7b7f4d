//! What the dispatcher stands on, made of a schedule checker's parts, and the least of a thread that waits: it
//! looks, waits, and sleeps until its wait has ended.
//!
//! The parker's permit is kept until somebody comes for it, as that of the real one, whose futex no checker has.

use std::sync::Arc;

use crate::checker::{Condvar, Mutex, MutexGuard};
use crate::dispatch::{self, Header};
use crate::state::State;
use crate::waiter::{Outcome, Waiter};

pub type Guard<'a, T> = MutexGuard<'a, T>;

pub struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub fn new(value: T) -> Lock<T> {
        Lock(Mutex::new(value))
    }

    pub fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap()
    }
}

#[derive(Default)]
pub struct Parker {
    there: Mutex<bool>,
    given: Condvar,
}

impl Parker {
    pub fn prepare(&self) {
        *self.there.lock().unwrap() = false;
    }

    pub fn unpark(&self) {
        *self.there.lock().unwrap() = true;
        self.given.notify_one();
    }

    pub fn park(&self) {
        let mut there = self.there.lock().unwrap();
        while !*there {
            there = self.given.wait(there).unwrap();
        }
        *there = false;
    }
}

/// What ends a wait besides its objects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Satisfied,
    /// Its time is over as soon as it would sleep.
    TimedOut,
    /// A call is queued to the thread; who waits so is satisfied or alerted.
    Alerted,
}

/// One thread.
pub struct Me(pub Arc<Waiter>);

impl Me {
    pub fn new(thread: u32) -> Me {
        Me(Arc::new(Waiter::new(thread)))
    }

    pub fn any(&self, objects: &[&Arc<Header>], until: Until) -> Outcome {
        self.wait(objects, false, until, || ())
    }

    pub fn all(&self, objects: &[&Arc<Header>], until: Until) -> Outcome {
        self.wait(objects, true, until, || ())
    }

    /// `enlisted` runs when whoever signals an object would find this thread.
    pub fn wait(
        &self,
        objects: &[&Arc<Header>],
        all: bool,
        until: Until,
        enlisted: impl FnOnce(),
    ) -> Outcome {
        let sleep = |waiter: &Waiter| {
            if until == Until::TimedOut {
                waiter.time_out();
            }
            while waiter.is_waiting() {
                waiter.parker.park();
            }
        };
        let alertable = until == Until::Alerted;
        let outcome = match objects {
            [object] => dispatch::wait_for_one(&self.0, object, alertable, enlisted, sleep),
            _ => match dispatch::try_take(objects, all, self.0.thread) {
                Some(outcome) => outcome,
                None => dispatch::wait(&self.0, objects, all, alertable, enlisted, sleep),
            },
        };
        assert!(outcome != Outcome::TimedOut || until == Until::TimedOut);
        assert!(outcome != Outcome::Alerted || until == Until::Alerted);
        outcome
    }

    /// Waits for one object by being told, as a wait does in which objects of other processes take part.
    pub fn told(&self, object: &Arc<Header>) {
        self.0.parker.prepare();
        dispatch::be_told(&self.0, &[object]);
        while dispatch::try_take(&[object], false, self.0.thread).is_none() {
            self.0.parker.park();
        }
        dispatch::untold(&self.0, &[object]);
    }
}

pub fn taken(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Taken { .. })
}

pub const AUTO: State = State::Event { manual: false, set: false };
pub const MANUAL: State = State::Event { manual: true, set: false };
pub const MUTEX: State = State::Mutex { owner: 0, depth: 0, abandoned: false };

pub const fn semaphore(count: u32) -> State {
    State::Semaphore { count, most: 100 }
}

/// Objects in the order of their addresses: they are locked in that order, and a checker has to find the same one
/// each time it goes through a schedule.
pub fn objects<const N: usize>(states: [State; N]) -> [Arc<Header>; N] {
    let mut places: [_; N] = std::array::from_fn(|_| Arc::<Header>::new_uninit());
    places.sort_by_key(|place| Arc::as_ptr(place).addr());
    let mut states = states.into_iter();
    places.map(|mut place| {
        Arc::get_mut(&mut place).unwrap().write(Header::new(states.next().unwrap()));
        // SAFETY: it has been written to just now.
        unsafe { place.assume_init() }
    })
}

pub fn set(event: &Header) {
    event.signal(State::set);
}

pub fn release(semaphore: &Header, by: u32) {
    semaphore.signal(|state| state.release(by)).unwrap();
}

pub fn unlock(mutex: &Header, me: &Me) {
    mutex.signal(|state| state.unlock(me.0.thread)).unwrap();
}

/// What is left to take: the count of a semaphore, whether an event is set, whether a mutex is free.
pub fn left(object: &Header) -> u32 {
    object.look(|state| match *state {
        State::Semaphore { count, .. } => count,
        _ => state.is_signalled(0).into(),
    })
}
