//! What the words in a page mean, kind by kind: pure, without locks, clocks or system calls. Whatever bits come in,
//! the answer is a state or [`Status::DATA_ERROR`].

use super::holder::{Holder, NOTE};
use super::line::SPOTS;
use crate::status::{Result, Status};

/// What an object is. The numbers stand in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Event = 1,
    Mutex = 2,
    Semaphore = 3,
    Timer = 4,
}

impl Kind {
    pub(super) fn from_raw(raw: u32) -> Option<Kind> {
        [Kind::Event, Kind::Mutex, Kind::Semaphore, Kind::Timer].into_iter().find(|kind| *kind as u32 == raw)
    }

    /// In the words of a report.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Event => "event",
            Kind::Mutex => "mutex",
            Kind::Semaphore => "semaphore",
            Kind::Timer => "timer",
        }
    }

    /// What never changes about an object: whether it is manual, or how far it counts.
    pub(super) fn check_config(self, config: u64) -> Result<()> {
        let good = match self {
            Kind::Event | Kind::Timer => config <= 1,
            Kind::Mutex => config == 0,
            Kind::Semaphore => (1..=u64::from(MOST)).contains(&config),
        };
        if good { Ok(()) } else { Err(Status::DATA_ERROR) }
    }
}

/// As far as any semaphore counts.
const MOST: u32 = i32::MAX.cast_unsigned();

/// An object to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum New {
    Event { manual: bool, set: bool },
    Mutex { owned: bool },
    Semaphore { count: u32, most: u32 },
    Timer { manual: bool },
}

impl New {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            New::Event { .. } => Kind::Event,
            New::Mutex { .. } => Kind::Mutex,
            New::Semaphore { .. } => Kind::Semaphore,
            New::Timer { .. } => Kind::Timer,
        }
    }

    pub(super) fn config(&self) -> u64 {
        match *self {
            New::Event { manual, .. } | New::Timer { manual } => manual.into(),
            New::Mutex { .. } => 0,
            New::Semaphore { most, .. } => most.into(),
        }
    }

    /// The state it begins with.
    ///
    /// # Errors
    /// [`Status::INVALID_PARAMETER`]: a semaphore whose maximum is 0 or over 2^31 - 1, or that begins above it (S199).
    pub(super) fn word(&self, me: Holder) -> Result<u64> {
        match *self {
            New::Event { set, .. } => Ok(Event { set, ..Event::default() }.word()),
            New::Mutex { owned } => Ok(if owned { me.word() } else { 0 }),
            New::Semaphore { count, most } if (1..=MOST).contains(&most) && count <= most => Ok(count.into()),
            New::Semaphore { .. } => Err(Status::INVALID_PARAMETER),
            New::Timer { .. } => Ok(Timer::default().word()),
        }
    }
}

const SET: u64 = 1;
const GENERATION: u32 = 32;

fn flag(on: bool, bit: u64) -> u64 {
    if on { bit } else { 0 }
}

/// An event. Setting or pulsing a manual one satisfies those who began to wait before it, whatever comes after: they
/// hold an older generation. One that resets itself grants its sets and pulses to those in line (`line.rs`); of those
/// who are not, one gets the ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) set: bool,
    pub(super) ticket: bool,
    /// One more than the spot whose grant is just being given back; 0: none is. Whoever takes over the lock does the
    /// rest.
    pub(super) giving_back: u8,
    /// How often it was set or pulsed, as far as it matters.
    pub(super) pulses: u32,
}

impl Event {
    const TICKET: u64 = 2;
    const GIVING_BACK: u32 = 8;

    pub(super) fn of(word: u64) -> Result<Event> {
        if word as u32 & !0xFF03 != 0 {
            return Err(Status::DATA_ERROR);
        }
        let pulses = (word >> GENERATION) as u32;
        let giving_back = (word >> Event::GIVING_BACK) as u8;
        if giving_back as usize > SPOTS {
            return Err(Status::DATA_ERROR);
        }
        Ok(Event { set: word & SET != 0, ticket: word & Event::TICKET != 0, giving_back, pulses })
    }

    pub(super) fn word(self) -> u64 {
        flag(self.set, SET)
            | flag(self.ticket, Event::TICKET)
            | u64::from(self.giving_back) << Event::GIVING_BACK
            | u64::from(self.pulses) << GENERATION
    }

    /// For one who began to wait when there had been `pulses`.
    pub(super) fn is_signalled(self, manual: bool, pulses: u32) -> bool {
        self.set || (pulses != self.pulses && (manual || self.ticket))
    }

    /// As a wait leaves it that began when there had been `pulses`.
    pub(super) fn taken(self, manual: bool, pulses: u32) -> Event {
        match self {
            _ if manual => self,
            Event { ticket: true, .. } if pulses != self.pulses => Event { ticket: false, ..self },
            _ => Event { set: false, ..self },
        }
    }

    /// Set once more. Of one that resets itself, nobody is in line.
    pub(super) fn set_again(self, manual: bool) -> Event {
        match self {
            _ if manual => Event { set: true, pulses: self.pulses.wrapping_add(1), ..self },
            Event { set: true, .. } => Event { ticket: true, pulses: self.pulses.wrapping_add(1), ..self },
            _ => Event { set: true, ..self },
        }
    }

    /// What a wait has taken or is to take stays as it is.
    pub(super) fn reset(self) -> Event {
        Event { set: false, ..self }
    }

    pub(super) fn pulsed(self) -> Event {
        Event { set: false, ticket: true, pulses: self.pulses.wrapping_add(1), ..self }
    }
}

/// A semaphore's count.
pub(super) fn count(word: u64, most: u64) -> Result<u32> {
    if word <= most { Ok(word as u32) } else { Err(Status::DATA_ERROR) }
}

/// The count after `by` more.
pub(super) fn released(count: u32, by: u32, most: u64) -> Result<u32> {
    match count.checked_add(by) {
        _ if by == 0 => Err(Status::INVALID_PARAMETER),
        Some(after) if u64::from(after) <= most => Ok(after),
        _ => Err(Status::SEMAPHORE_LIMIT_EXCEEDED),
    }
}

/// A mutex whose owner ended with it, and whom nobody has taken it from yet.
pub(super) const ABANDONED: u64 = NOTE;

/// A timer: which of the two dues holds, and whether it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Timer {
    pub(super) set: bool,
    pub(super) armed: bool,
    pub(super) second: bool,
    /// Goes up with every setting and cancelling.
    pub(super) generation: u32,
}

impl Timer {
    const ARMED: u64 = 2;
    const SECOND: u64 = 4;

    pub(super) fn of(word: u64) -> Result<Timer> {
        if word as u32 & !7 != 0 {
            return Err(Status::DATA_ERROR);
        }
        Ok(Timer {
            set: word & SET != 0,
            armed: word & Timer::ARMED != 0,
            second: word & Timer::SECOND != 0,
            generation: (word >> GENERATION) as u32,
        })
    }

    pub(super) fn word(self) -> u64 {
        flag(self.set, SET)
            | flag(self.armed, Timer::ARMED)
            | flag(self.second, Timer::SECOND)
            | u64::from(self.generation) << GENERATION
    }
}

/// When a timer goes off, in nanoseconds, and how it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) at: u64,
    /// Nanoseconds; 0: it does not.
    pub(super) period: u64,
    /// By the clock of the day, not by the one that only runs on.
    pub(super) of_day: bool,
}

impl Plan {
    const OF_DAY: u64 = 1 << 63;
    pub(super) const LONGEST_PERIOD: u64 = Plan::OF_DAY - 1;

    pub(super) fn of(at: u64, period: u64) -> Plan {
        Plan { at, period: period & !Plan::OF_DAY, of_day: period & Plan::OF_DAY != 0 }
    }

    pub(super) fn words(self) -> (u64, u64) {
        (self.at, self.period | flag(self.of_day, Plan::OF_DAY))
    }

    /// The plan after it has gone off, which it has by `now`: the first time on its grid that is still to come.
    pub(super) fn next(self, now: u64) -> Option<Plan> {
        let missed = now.saturating_sub(self.at).checked_div(self.period)?;
        let at = self.at.saturating_add(self.period.saturating_mul(missed.saturating_add(1)));
        Some(Plan { at, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_satisfies_only_those_who_wait_already() {
        let event = Event::default();
        let pulsed = event.pulsed();
        for manual in [false, true] {
            assert!(pulsed.is_signalled(manual, event.pulses));
            assert!(!pulsed.is_signalled(manual, pulsed.pulses));
        }
        assert!(pulsed.taken(true, 0).is_signalled(true, event.pulses), "a manual event lets all go");
        assert!(!pulsed.taken(false, 0).is_signalled(false, event.pulses), "the other one lets one go");
        assert!(pulsed.reset().is_signalled(false, event.pulses), "a reset takes nothing back");
    }

    #[test]
    fn a_set_lets_those_go_who_wait_whatever_comes_after() {
        let event = Event::default();
        let set = event.set_again(true).reset();
        assert!(set.is_signalled(true, event.pulses) && !set.is_signalled(true, set.pulses));
        let twice = event.set_again(false).set_again(false);
        let once = twice.taken(false, event.pulses);
        assert!(once.set && !once.ticket, "{once:?}");
        assert!(!once.taken(false, event.pulses).is_signalled(false, event.pulses));
        assert!(!twice.taken(false, twice.pulses).set, "who comes later has no ticket");
    }

    #[test]
    fn every_state_comes_back_from_its_word() {
        let event = Event { set: true, ticket: false, giving_back: 128, pulses: u32::MAX };
        assert_eq!(Event::of(event.word()), Ok(event));
        let timer = Timer { set: false, armed: true, second: true, generation: 9 };
        assert_eq!(Timer::of(timer.word()), Ok(timer));
        let plan = Plan { at: 5, period: Plan::LONGEST_PERIOD, of_day: true };
        let (at, period) = plan.words();
        assert_eq!(Plan::of(at, period), plan);
    }

    #[test]
    fn bits_that_mean_nothing_are_an_error() {
        assert_eq!(Event::of(4), Err(Status::DATA_ERROR));
        assert_eq!(Event::of(129 << 8), Err(Status::DATA_ERROR));
        assert_eq!(Event::of(1 << 16), Err(Status::DATA_ERROR));
        assert_eq!(Timer::of(8), Err(Status::DATA_ERROR));
        assert_eq!(count(6, 5), Err(Status::DATA_ERROR));
        assert!(Kind::from_raw(0).is_none() && Kind::from_raw(5).is_none());
        assert!(Kind::Semaphore.check_config(0).is_err() && Kind::Event.check_config(2).is_err());
    }

    #[test]
    fn a_period_goes_on_from_the_grid_and_never_overflows() {
        let plan = Plan { at: 100, period: 10, of_day: false };
        assert_eq!(plan.next(100).unwrap().at, 110);
        assert_eq!(plan.next(135).unwrap().at, 140);
        assert_eq!(Plan { period: 0, ..plan }.next(100), None);
        let late = Plan { at: 1, period: Plan::LONGEST_PERIOD, of_day: false };
        assert_eq!(late.next(u64::MAX).unwrap().at, u64::MAX);
    }

    #[test]
    fn a_semaphore_stays_within_its_bounds() {
        assert_eq!(released(3, 2, 5), Ok(5));
        assert_eq!(released(3, 3, 5), Err(Status::SEMAPHORE_LIMIT_EXCEEDED));
        assert_eq!(released(3, u32::MAX, 5), Err(Status::SEMAPHORE_LIMIT_EXCEEDED));
        assert_eq!(released(3, 0, 5), Err(Status::INVALID_PARAMETER));
        let me = Holder::of(1).unwrap();
        for (count, most) in [(0, 0), (2, 1), (0, MOST + 1)] {
            assert_eq!(New::Semaphore { count, most }.word(me), Err(Status::INVALID_PARAMETER));
        }
    }
}
