//! Who may run: the seats of a port, as a pure state machine.
//!
//! A port has `limit` seats. A worker holds one while it runs; it gives it back when it parks, blocks or
//! leaves. The counts here know nothing of threads, clocks or the kernel: an event goes in, the new counts and
//! what is to be done come out. That makes them small enough to be searched exhaustively (`tests/seats_*.rs`).
//!
//! Rules kept:
//! - Nobody is let in while `active >= limit` (S057). Only a worker that runs on after it was blocked, or after
//!   a wait that brought nothing, may push `active` over the limit; nobody is stopped for that (S056).
//! - At most one wake is on its way at a time. Whoever arrives from a park clears it and looks for itself
//!   whether there is work for one more, so wakes follow each other as long as they are worth it.

/// All the counts of a port's seats. They fit one word, so that they change in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Workers that hold a seat: running, as far as anyone knows.
    pub active: u16,
    /// Workers that are parked in the kernel's readiness queue.
    pub polling: u16,
    /// Workers that are parked on futexes of their own.
    pub parked: u16,
    /// A wake has been decided on, and nobody has come out of a park since.
    pub waking: bool,
    /// The port is closed.
    pub closed: bool,
}

/// Where a worker parks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Polling,
    Parked,
}

/// Whom to wake, now that there is work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    Nobody,
    /// One of those in the kernel's readiness queue; the kernel takes the newest.
    Polling,
    /// The newest of those on futexes.
    Parked,
}

impl Counts {
    /// As many workers as the counts hold.
    pub const MOST: u16 = u16::MAX >> 1;

    const WAKING: u64 = 1 << 48;
    const CLOSED: u64 = 1 << 49;

    pub const fn pack(self) -> u64 {
        self.active as u64
            | (self.polling as u64) << 16
            | (self.parked as u64) << 32
            | if self.waking { Self::WAKING } else { 0 }
            | if self.closed { Self::CLOSED } else { 0 }
    }

    pub const fn unpack(word: u64) -> Counts {
        Counts {
            active: word as u16,
            polling: (word >> 16) as u16,
            parked: (word >> 32) as u16,
            waking: word & Self::WAKING != 0,
            closed: word & Self::CLOSED != 0,
        }
    }

    /// Whether a worker with a seat may take more work, read off the word: the port is open and not over its
    /// limit.
    #[inline]
    pub const fn goes_on(word: u64, limit: u16) -> bool {
        word as u16 <= limit && word & Self::CLOSED == 0
    }

    #[inline]
    pub const fn is_closed(word: u64) -> bool {
        word & Self::CLOSED != 0
    }

    /// Whether work that has just come can change anything, read off the word: somebody is parked. Most of the
    /// time nobody is, and this is all a post looks at.
    #[inline]
    pub const fn has_spare(word: u64) -> bool {
        word & 0xffff_ffff_0000 != 0
    }

    /// Workers that could be let in.
    pub fn spare(self) -> u16 {
        self.polling + self.parked
    }

    /// A worker without a seat wants one. True: it has it.
    pub fn arrive(mut self, limit: u16) -> (Counts, bool) {
        let seated = self.active < limit && !self.closed;
        if seated {
            self.active += 1;
        }
        (self, seated)
    }

    /// A worker gives its seat back and does not park: it blocks, leaves, or has found the port over its limit.
    pub fn release(mut self) -> Counts {
        assert!(self.active > 0, "a seat is given back by one who has it");
        self.active -= 1;
        self
    }

    /// A worker that gave its seat up runs again, whatever the limit.
    pub fn resume(mut self) -> Counts {
        self.active += 1;
        self
    }

    /// A worker parks, and gives its seat back if it has one.
    pub fn park(mut self, seated: bool, place: Place) -> Counts {
        if seated {
            self = self.release();
        }
        *self.at(place) += 1;
        self
    }

    /// A worker comes out of its park, for whatever reason, and takes a seat if there is one.
    pub fn unpark(mut self, place: Place, limit: u16) -> (Counts, bool) {
        let parked = self.at(place);
        assert!(*parked > 0, "only who parked comes out");
        *parked -= 1;
        self.waking = false;
        self.arrive(limit)
    }

    /// There is work. Somebody is woken if a seat is free and nobody is on the way; and, when others are
    /// running who will come for the work themselves, only if it is `worth` the wake.
    pub fn work(mut self, limit: u16, worth: bool) -> (Counts, Wake) {
        if self.waking || self.closed || self.active >= limit || (self.active > 0 && !worth) {
            return (self, Wake::Nobody);
        }
        self.wake()
    }

    /// A seat came free although its worker did not come for more work, and nobody watches the kernel's queue:
    /// one of the parked must.
    pub fn watch(mut self, limit: u16) -> (Counts, Wake) {
        if self.waking || self.closed || self.active >= limit || self.polling > 0 {
            return (self, Wake::Nobody);
        }
        self.wake()
    }

    fn wake(&mut self) -> (Counts, Wake) {
        let wake = match (self.polling, self.parked) {
            (0, 0) => return (*self, Wake::Nobody),
            (0, _) => Wake::Parked,
            _ => Wake::Polling,
        };
        self.waking = true;
        (*self, wake)
    }

    pub fn close(mut self) -> Counts {
        self.closed = true;
        self
    }

    fn at(&mut self, place: Place) -> &mut u16 {
        match place {
            Place::Polling => &mut self.polling,
            Place::Parked => &mut self.parked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_its_word() {
        for active in [0, 1, 7, u16::MAX] {
            for polling in [0, 3, u16::MAX] {
                for parked in [0, 9, u16::MAX] {
                    for (waking, closed) in [(false, false), (true, false), (false, true), (true, true)] {
                        let counts = Counts { active, polling, parked, waking, closed };
                        assert_eq!(Counts::unpack(counts.pack()), counts);
                    }
                }
            }
        }
    }

    #[test]
    fn nobody_is_let_in_at_the_limit_and_a_resumed_worker_is() {
        let full = Counts { active: 2, ..Counts::default() };
        assert_eq!(full.arrive(2), (full, false));
        let over = full.resume();
        assert_eq!(over.active, 3);
        assert!(!over.release().arrive(2).1);
        assert!(over.release().release().arrive(2).1);
    }

    #[test]
    fn work_wakes_one_at_a_time_and_pollers_first() {
        let idle = Counts { polling: 1, parked: 1, ..Counts::default() };
        let (counts, wake) = idle.work(2, true);
        assert_eq!(wake, Wake::Polling);
        assert_eq!(counts.work(2, true).1, Wake::Nobody, "one is on the way");
        let (counts, seated) = counts.unpark(Place::Polling, 2);
        assert!(seated);
        assert_eq!(counts.work(2, false).1, Wake::Nobody, "the running one will come for it");
        assert_eq!(counts.work(2, true).1, Wake::Parked);
    }

    #[test]
    fn a_seat_given_up_needs_a_watcher_only_if_there_is_none() {
        let counts = Counts { active: 1, parked: 1, ..Counts::default() }.release();
        assert_eq!(counts.watch(1).1, Wake::Parked);
        let counts = Counts { active: 1, polling: 1, ..Counts::default() }.release();
        assert_eq!(counts.watch(1).1, Wake::Nobody);
    }
}
