//! The state of a dispatcher object and what a wait does to it: pure, without locks, clocks or system calls.
//!
//! Every rule about when an object is signalled and what a satisfied wait takes from it stands here, once, for
//! objects of this process and for the model checkers.

/// What an object is, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Events and timers. A wait resets it unless it is manual (S174, S175, S202).
    Event { manual: bool, set: bool },
    /// Signalled while the count is above zero; a wait takes one (S195).
    Semaphore { count: u32, most: u32 },
    /// Signalled while nobody owns it, and to its owner always (S184). `owner` is the number of a thread, 0 for
    /// nobody.
    Mutex { owner: u32, depth: u32, abandoned: bool },
    /// Threads, processes, ports and handles: a wait never changes them (S169).
    Latch { set: bool },
}

/// Why a change is refused; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The mutex belongs to another thread, or to none.
    NotOwner,
    /// The semaphore would exceed its maximum.
    BeyondMost,
}

impl State {
    /// Would a wait of this thread be satisfied?
    #[inline]
    pub fn is_signalled(&self, thread: u32) -> bool {
        match *self {
            State::Event { set, .. } | State::Latch { set } => set,
            State::Semaphore { count, .. } => count > 0,
            State::Mutex { owner, .. } => owner == 0 || owner == thread,
        }
    }

    /// Would a wait be told that the last owner ended without releasing it?
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        matches!(self, State::Mutex { abandoned: true, .. })
    }

    /// What a satisfied wait of this thread does. Returns whether it was abandoned, which is told once (S188).
    ///
    /// # Panics
    /// When a mutex is entered more than four thousand million times, which takes its owner minutes.
    #[inline]
    pub fn take(&mut self, thread: u32) -> bool {
        debug_assert!(self.is_signalled(thread));
        match self {
            State::Event { manual, set } => *set &= *manual,
            State::Semaphore { count, .. } => *count -= 1,
            State::Mutex { owner, depth, abandoned } => {
                *owner = thread;
                *depth = depth.checked_add(1).expect("a mutex is not entered without end");
                return std::mem::take(abandoned);
            }
            State::Latch { .. } => {}
        }
        false
    }

    /// Sets an event or latch; returns whether it was set.
    #[inline]
    pub fn set(&mut self) -> bool {
        self.put(true)
    }

    /// Resets an event or latch; returns whether it was set.
    #[inline]
    pub fn reset(&mut self) -> bool {
        self.put(false)
    }

    #[inline]
    fn put(&mut self, value: bool) -> bool {
        match self {
            State::Event { set, .. } | State::Latch { set } => std::mem::replace(set, value),
            _ => unreachable!("only events and latches are set"),
        }
    }

    /// Adds to a semaphore; returns the count before (S196, S197).
    pub fn release(&mut self, by: u32) -> Result<u32, Refusal> {
        let State::Semaphore { count, most } = self else { unreachable!("only semaphores are released so") };
        let before = *count;
        match before.checked_add(by) {
            Some(after) if after <= *most => *count = after,
            _ => return Err(Refusal::BeyondMost),
        }
        Ok(before)
    }

    /// Gives back one of this thread's holds of a mutex; returns how many it had (S184, S186).
    pub fn unlock(&mut self, thread: u32) -> Result<u32, Refusal> {
        let State::Mutex { owner, depth, .. } = self else { unreachable!("only mutexes are unlocked") };
        if *owner != thread || thread == 0 {
            return Err(Refusal::NotOwner);
        }
        let before = *depth;
        *depth -= 1;
        if *depth == 0 {
            *owner = 0;
        }
        Ok(before)
    }

    /// Its owner ends without having released it (S187). False if this thread does not own it.
    pub fn abandon(&mut self, thread: u32) -> bool {
        match self {
            State::Mutex { owner, depth, abandoned } if *owner == thread && thread != 0 => {
                (*owner, *depth, *abandoned) = (0, 0, true);
                true
            }
            _ => false,
        }
    }

    /// The number of the thread that owns it.
    pub fn owner(&self) -> Option<u32> {
        match *self {
            State::Mutex { owner, .. } if owner != 0 => Some(owner),
            _ => None,
        }
    }
}
