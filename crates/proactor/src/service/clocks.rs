//! The timers of the process, by its two clocks: the monotonic one, on which everything relative is counted, and
//! the wall clock, which somebody may set (S200).
//!
//! For the monotonic clock the service thread sleeps until the earliest timer; for the wall clock the kernel has
//! an alarm. What is due is taken out of the queue first and told afterwards, with nothing locked: whoever is told
//! may set and cancel timers.

use std::os::fd::AsFd;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use super::timers::{Key, Nap, Timers};
use super::{Tick, guarded};
use crate::driver::alarm::Alarm;
use crate::driver::epoll::Poller;
use crate::status::Status;
use crate::sync::lock::Lock;

/// Timers set at one time, by each of the clocks: 64 MiB of them.
pub(crate) const MOST_TIMERS: usize = 1 << 20;

/// What the alarm is registered as; no token of a table has so high an index.
pub(super) const ALARM: u64 = u64::MAX - 1;

/// When a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Monotonic(Instant),
    Wall(SystemTime),
}

/// Names one timer that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerKey {
    Monotonic(Key<Instant>),
    Wall(Key<SystemTime>),
}

/// Who is told that a timer is due.
pub(crate) trait Expire: Send + Sync {
    /// The timer `key` is due and no longer set. Comes on the service thread, so it must not block. It may also
    /// come a moment after the timer was cancelled: whoever cancels remembers which key is meant.
    fn expired(self: Arc<Self>, key: TimerKey);
}

/// What lies in the queue of the monotonic clock.
enum Entry {
    Tick(Weak<dyn Tick>),
    Timer(Weak<dyn Expire>),
}

struct Monotonic {
    timers: Timers<Instant, Entry>,
    nap: Nap<Instant>,
}

/// Made when the first timer by the wall clock is set.
struct Wall {
    timers: Timers<SystemTime, Weak<dyn Expire>>,
    /// Set to the earliest of the timers.
    alarm: Alarm,
}

pub(super) struct Clocks {
    monotonic: Lock<Monotonic>,
    wall: Lock<Option<Wall>>,
}

impl Clocks {
    pub(super) fn new() -> Clocks {
        let monotonic = Monotonic { timers: Timers::new(), nap: Nap::Awake };
        Clocks { monotonic: Lock::new(monotonic), wall: Lock::new(None) }
    }

    pub(super) fn tick(&self, poller: &Poller, due: Instant, what: Weak<dyn Tick>) {
        self.monotonic.lock().set(poller, due, Entry::Tick(what));
    }

    pub(super) fn set(
        &self,
        poller: &Poller,
        when: When,
        what: Weak<dyn Expire>,
    ) -> Result<TimerKey, Status> {
        match when {
            When::Monotonic(due) => {
                let mut monotonic = self.monotonic.lock();
                if monotonic.timers.len() >= MOST_TIMERS {
                    return Err(Status::NO_BUFS);
                }
                Ok(TimerKey::Monotonic(monotonic.set(poller, due, Entry::Timer(what))))
            }
            When::Wall(due) => {
                let mut wall = self.wall.lock();
                let wall = match &mut *wall {
                    Some(wall) => wall,
                    none => none.insert(Wall::new(poller)?),
                };
                if wall.timers.len() >= MOST_TIMERS {
                    return Err(Status::NO_BUFS);
                }
                Ok(TimerKey::Wall(wall.set(due, what)))
            }
        }
    }

    /// Sets the next expiry of one that has just expired, whose place is still kept: it is never refused.
    pub(super) fn set_again(&self, poller: &Poller, due: Instant, what: Weak<dyn Expire>) -> TimerKey {
        TimerKey::Monotonic(self.monotonic.lock().set(poller, due, Entry::Timer(what)))
    }

    pub(super) fn cancel(&self, key: TimerKey) -> bool {
        match key {
            // The thread may wake once for nothing.
            TimerKey::Monotonic(key) => self.monotonic.lock().timers.cancel(key).is_some(),
            TimerKey::Wall(key) => self.wall.lock().as_mut().is_some_and(|wall| wall.cancel(key)),
        }
    }

    /// Tells everybody whose time on the monotonic clock has come; returns how long to sleep now.
    pub(super) fn expire(&self, poller: &Poller) -> Option<Duration> {
        let now = Instant::now();
        let round = {
            let mut monotonic = self.monotonic.lock();
            monotonic.nap = Nap::Awake;
            monotonic.timers.round()
        };
        loop {
            let due = self.monotonic.lock().timers.take_due(now, round);
            let Some((key, entry)) = due else { break };
            match entry {
                Entry::Tick(what) => {
                    if let Some(again) = guarded(|| what.upgrade()?.tick()) {
                        self.tick(poller, now + again, what);
                    }
                }
                Entry::Timer(what) => tell(&what, TimerKey::Monotonic(key)),
            }
        }
        let mut monotonic = self.monotonic.lock();
        let next = monotonic.timers.earliest();
        monotonic.nap = Nap::Until(next);
        next.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// The alarm rings: tells everybody whose time on the wall clock has come. What that clock says counts, not
    /// that the alarm rang: it may have been set back meanwhile.
    pub(super) fn ring(&self) {
        let now = SystemTime::now();
        let Some(round) = self.wall.lock().as_ref().map(|wall| wall.timers.round()) else { return };
        loop {
            let due = self.wall.lock().as_mut().and_then(|wall| wall.timers.take_due(now, round));
            let Some((key, what)) = due else { break };
            tell(&what, TimerKey::Wall(key));
        }
        if let Some(wall) = &mut *self.wall.lock() {
            wall.alarm.set(wall.timers.earliest());
        }
    }
}

fn tell(what: &Weak<dyn Expire>, key: TimerKey) {
    guarded(|| {
        what.upgrade()?.expired(key);
        Some(())
    });
}

impl Monotonic {
    fn set(&mut self, poller: &Poller, due: Instant, entry: Entry) -> Key<Instant> {
        if self.nap.is_cut_short(due) {
            poller.call();
        }
        self.timers.set(due, entry)
    }
}

impl Wall {
    fn new(poller: &Poller) -> Result<Wall, Status> {
        let alarm = Alarm::new()?;
        poller.add(alarm.as_fd(), ALARM)?;
        Ok(Wall { timers: Timers::new(), alarm })
    }

    fn set(&mut self, due: SystemTime, what: Weak<dyn Expire>) -> Key<SystemTime> {
        let key = self.timers.set(due, what);
        if self.timers.earliest() == Some(due) {
            self.alarm.set(Some(due));
        }
        key
    }

    fn cancel(&mut self, key: Key<SystemTime>) -> bool {
        let first = self.timers.earliest();
        let cancelled = self.timers.cancel(key).is_some();
        if self.timers.earliest() != first {
            self.alarm.set(self.timers.earliest());
        }
        cancelled
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::super::service;
    use super::*;

    struct Told {
        tell: Lock<Sender<u32>>,
        number: u32,
        panics: bool,
    }

    impl Expire for Told {
        fn expired(self: Arc<Self>, _: TimerKey) {
            self.tell.lock().send(self.number).unwrap();
            assert!(!self.panics, "a panic that ends nothing but this step");
        }
    }

    fn told(tell: &Sender<u32>, number: u32, panics: bool) -> (Arc<Told>, Weak<dyn Expire>) {
        let told = Arc::new(Told { tell: Lock::new(tell.clone()), number, panics });
        let weak: Weak<Told> = Arc::downgrade(&told);
        (told, weak)
    }

    fn next(told: &Receiver<u32>) -> u32 {
        told.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn each_is_told_at_its_time_in_the_order_of_their_times() {
        let (tell, hear) = channel();
        let begin = Instant::now();
        let set = |number: u32, after| {
            let (keep, what) = told(&tell, number, false);
            let key = service().unwrap().set_timer(When::Monotonic(begin + after), what).unwrap();
            (keep, key)
        };
        let (_third, _) = set(3, Duration::from_millis(30));
        let (_first, _) = set(1, Duration::from_millis(10));
        let (_never, key) = set(9, Duration::from_millis(15));
        let (_second, _) = set(2, Duration::from_millis(20));
        assert!(service().unwrap().cancel_timer(key));
        assert!(!service().unwrap().cancel_timer(key));
        for number in 1..=3 {
            assert_eq!(next(&hear), number);
            assert!(begin.elapsed() >= Duration::from_millis(u64::from(number) * 10));
        }
    }

    #[test]
    fn a_panic_in_one_leaves_the_others() {
        let (tell, hear) = channel();
        for when in [When::Monotonic(Instant::now()), When::Wall(SystemTime::now())] {
            for (number, panics) in [(1, true), (2, false)] {
                let (_keep, what) = told(&tell, number, panics);
                service().unwrap().set_timer(when, what).unwrap();
                assert_eq!(next(&hear), number);
            }
        }
    }

    #[test]
    fn an_alarm_is_set_to_the_earliest_and_moves_when_that_is_cancelled() {
        let (tell, hear) = channel();
        let begin = SystemTime::now();
        let at = |milliseconds| When::Wall(begin + Duration::from_millis(milliseconds));
        let (_late, what) = told(&tell, 2, false);
        service().unwrap().set_timer(at(20), what).unwrap();
        let (_early, what) = told(&tell, 1, false);
        let early = service().unwrap().set_timer(When::Wall(begin + Duration::from_secs(3600)), what);
        let (_past, what) = told(&tell, 0, false);
        service().unwrap().set_timer(When::Wall(SystemTime::UNIX_EPOCH), what).unwrap();
        assert_eq!(next(&hear), 0);
        assert_eq!(next(&hear), 2);
        assert!(SystemTime::now() >= begin + Duration::from_millis(20));
        assert!(service().unwrap().cancel_timer(early.unwrap()));
    }

    /// Sets itself again without a pause, so often.
    struct Restless {
        left: Lock<u32>,
        me: OnceLock<Weak<Restless>>,
        done: Lock<Sender<u32>>,
    }

    impl Expire for Restless {
        fn expired(self: Arc<Self>, _: TimerKey) {
            let mut left = self.left.lock();
            *left -= 1;
            if *left == 0 {
                return self.done.lock().send(0).unwrap();
            }
            let me: Weak<Restless> = self.me.get().unwrap().clone();
            service().unwrap().set_timer_again(Instant::now(), me);
        }
    }

    #[test]
    fn one_may_set_itself_again_from_its_expiry() {
        let (tell, hear) = channel();
        let restless = Restless { left: Lock::new(100), me: OnceLock::new(), done: Lock::new(tell) };
        let restless = Arc::new(restless);
        let me: Weak<Restless> = Arc::downgrade(&restless);
        restless.me.set(me.clone()).unwrap();
        service().unwrap().set_timer(When::Monotonic(Instant::now()), me).unwrap();
        assert_eq!(next(&hear), 0);
    }

    #[test]
    fn beyond_the_limit_a_timer_is_refused_and_a_renewal_is_not() {
        let poller = Poller::new().unwrap();
        let clocks = Clocks::new();
        let (tell, _hear) = channel();
        let (_keep, what) = told(&tell, 0, false);
        let far = Instant::now() + Duration::from_secs(3600);
        let mut last = None;
        for _ in 0..MOST_TIMERS {
            last = Some(clocks.set(&poller, When::Monotonic(far), what.clone()).unwrap());
        }
        assert_eq!(clocks.set(&poller, When::Monotonic(far), what.clone()), Err(Status::NO_BUFS));
        clocks.set_again(&poller, far, what.clone());
        assert!(clocks.cancel(last.unwrap()));
        assert!(clocks.set(&poller, When::Monotonic(far), what.clone()).is_err(), "the renewed one counts");
    }

    #[test]
    fn with_nothing_set_the_thread_sleeps_without_a_timer() {
        let poller = Poller::new().unwrap();
        let clocks = Clocks::new();
        assert_eq!(clocks.expire(&poller), None);
        let (tell, hear) = channel();
        let (_keep, what) = told(&tell, 5, false);
        let key = clocks.set(&poller, When::Monotonic(Instant::now()), what.clone()).unwrap();
        assert!(poller.is_ready(), "it was asleep for ever: called");
        assert_eq!(clocks.expire(&poller), None);
        assert_eq!(hear.try_recv(), Ok(5));
        assert!(!clocks.cancel(key));
        poller.wait(&mut crate::driver::epoll::Harvest::new(), None);
        let soon = Instant::now() + Duration::from_secs(60);
        clocks.set(&poller, When::Monotonic(soon), what.clone()).unwrap();
        assert!(poller.is_ready());
        poller.wait(&mut crate::driver::epoll::Harvest::new(), None);
        assert!(clocks.expire(&poller) > Some(Duration::ZERO));
        clocks.set(&poller, When::Monotonic(soon + Duration::from_secs(1)), what).unwrap();
        assert!(!poller.is_ready(), "a later one wakes nobody");
    }
}
