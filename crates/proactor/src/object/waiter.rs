//! A thread's side of its waits: one word that says whether it waits, and how its wait has ended.
//!
//! Whoever ends a wait does so by one compare-and-swap on that word: one who signals an object and takes it for the
//! waiter, one who queues a call to it, or the waiter itself when its time is over. The first one wins, the others leave
//! things as they are; so nothing is consumed twice, and nothing for one who has gone.

use std::sync::Arc;

use super::atomic::{AtomicU64, Ordering, Parker};

/// What a waiter's word says: a phase and, above it, which object, and which of the thread's waits it is.
const AT_REST: u64 = 0;
const WAITS: u64 = 1;
const WAITS_ALERTABLY: u64 = 2;
const CLAIMED: u64 = 3;
const CLAIMED_ABANDONED: u64 = 4;
const ALERTED: u64 = 5;
const TIMED_OUT: u64 = 6;
const PHASE: u64 = 0xFF;
const INDEX_SHIFT: u32 = 8;
const GENERATION_SHIFT: u32 = 32;

/// Who is called instead of a thread that is woken.
pub trait Satisfied: Send + Sync {
    /// The object was taken for the wait. Comes on the thread that signalled it, with nothing locked; it must not
    /// block.
    fn satisfied(&self);
}

/// A thread's side of its waits; it is in one wait at a time.
pub struct Waiter {
    /// The number under which this thread owns mutexes.
    pub thread: u32,
    word: AtomicU64,
    pub parker: Parker,
    /// Of a wait that no thread sleeps in.
    call: Option<Arc<dyn Satisfied>>,
}

/// How a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The object of this index was taken, or all were (then 0); `abandoned` if one was an abandoned mutex.
    Taken {
        index: usize,
        abandoned: bool,
    },
    Alerted,
    TimedOut,
}

impl Waiter {
    pub fn new(thread: u32) -> Waiter {
        Waiter { thread, word: AtomicU64::new(AT_REST), parker: Parker::default(), call: None }
    }

    /// One wait in which no thread sleeps: `call` is told when it is satisfied. Not for mutexes, which it could not
    /// own.
    pub fn calling(call: Arc<dyn Satisfied>) -> Waiter {
        Waiter { call: Some(call), ..Waiter::new(0) }
    }

    /// Somebody has taken an object for it.
    pub(super) fn wake(&self) {
        match &self.call {
            None => self.parker.unpark(),
            Some(call) => call.satisfied(),
        }
    }

    /// Begins a wait; returns which of the thread's waits it is. From here on it may be claimed.
    pub(super) fn begin(&self, alertable: bool) -> u32 {
        let generation = (self.word.load(Ordering::Relaxed) >> GENERATION_SHIFT).wrapping_add(1) as u32;
        self.parker.prepare();
        let phase = if alertable { WAITS_ALERTABLY } else { WAITS };
        // Whoever ends the wait has taken a lock after this thread has: an object's, or that of its calls.
        self.word.store(u64::from(generation) << GENERATION_SHIFT | phase, Ordering::Release);
        generation
    }

    /// Ends the wait that is under way for one reason; only the first one who tries succeeds.
    fn end(&self, generation: Option<u32>, only_alertable: bool, phase: u64, index: usize) -> bool {
        let mut word = self.word.load(Ordering::SeqCst);
        loop {
            let now = (word >> GENERATION_SHIFT) as u32;
            let waits = match word & PHASE {
                WAITS => !only_alertable,
                WAITS_ALERTABLY => true,
                _ => false,
            };
            if !waits || generation.is_some_and(|generation| generation != now) {
                return false;
            }
            let next = u64::from(now) << GENERATION_SHIFT | (index as u64) << INDEX_SHIFT | phase;
            match self.word.compare_exchange(word, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
    }

    pub(super) fn claim(&self, generation: u32, index: usize, abandoned: bool) -> bool {
        let phase = if abandoned { CLAIMED_ABANDONED } else { CLAIMED };
        self.end(Some(generation), false, phase, index)
    }

    /// Ends its wait, if it is an alertable one, because a call was queued to the thread.
    pub fn alert(&self) {
        if self.end(None, true, ALERTED, 0) {
            self.parker.unpark();
        }
    }

    /// Its time is over; false if it was satisfied or alerted before.
    pub fn time_out(&self) -> bool {
        self.end(None, false, TIMED_OUT, 0)
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.word.load(Ordering::SeqCst) & PHASE, WAITS | WAITS_ALERTABLY)
    }

    /// How the wait has ended, which it has; afterwards the thread is at rest.
    pub(super) fn outcome(&self) -> Outcome {
        let word = self.word.load(Ordering::SeqCst);
        // Nobody else writes to the word of a wait that has ended.
        self.word.store(word & !0 << GENERATION_SHIFT, Ordering::Relaxed);
        let index = (word >> INDEX_SHIFT) as u8 as usize;
        match word & PHASE {
            CLAIMED => Outcome::Taken { index, abandoned: false },
            CLAIMED_ABANDONED => Outcome::Taken { index, abandoned: true },
            ALERTED => Outcome::Alerted,
            TIMED_OUT => Outcome::TimedOut,
            phase => unreachable!("a wait ends once it has been ended, not in phase {phase}"),
        }
    }

    /// Begins a wait that takes by itself, and can be alerted; returns which of the thread's waits it is.
    pub fn begin_told(&self, alertable: bool) -> u32 {
        self.begin(alertable)
    }

    /// Which object somebody has taken for this wait, and whether it was an abandoned mutex. While all its objects
    /// are locked that does not change.
    pub fn taken(&self) -> Option<(usize, bool)> {
        let word = self.word.load(Ordering::SeqCst);
        let index = (word >> INDEX_SHIFT) as u8 as usize;
        match word & PHASE {
            CLAIMED => Some((index, false)),
            CLAIMED_ABANDONED => Some((index, true)),
            _ => None,
        }
    }

    /// Ends it, once its blocks are off.
    pub fn end_told(&self) -> Outcome {
        self.time_out();
        self.outcome()
    }
}
