//! Waitable timers: signalled at a time, once or again and again, and a call to the thread that wanted one.
//!
//! The service thread says when a timer is due; everything else happens under the timer's own lock: whatever a set
//! or a cancel replaces is stopped, its queued call included, before the lock is free, so nothing of an old setting
//! comes after it (S201). Next to the lock of a timer only those of its header, of the timers' queue and of a
//! thread's calls are taken, each for itself.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use super::body::Local;
use super::named::{Alarm, Existed};
use super::state::State;
use super::thread;
use super::wait::{Sealed, Target, Waitable};
use crate::service::{Expire, TimerKey, When, service};
use crate::status::Status;
use crate::sync::lock::Lock;

/// When a timer is due (S200).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// After so much time, whatever the wall clock is set to meanwhile. Zero is at once.
    After(Duration),
    /// When the wall clock shows this time, also if it is set meanwhile. What has passed is at once (S208).
    At(SystemTime),
}

/// A waitable timer (`CreateWaitableTimer`): not signalled until it is due. Clones are the same timer; when the last
/// is dropped it stops.
///
/// A manual-reset timer lets every waiter go from then on, until it is set again; one that resets itself
/// (`synchronization timer`) lets one waiter go for each time it was due (S202). Nothing here blocks.
///
/// ```
/// use std::time::Duration;
/// use proactor::object::{Due, Timer, Wait, wait_one};
///
/// let timer = Timer::auto();
/// timer.set(Due::After(Duration::from_millis(1)), Some(Duration::from_millis(5)))?;
/// for _ in 0..3 {
///     wait_one(&timer, Wait::FOREVER)?; // after 1, 6 and 11 milliseconds
/// }
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone)]
pub struct Timer {
    body: Body,
}

#[derive(Clone)]
enum Body {
    Local(Arc<Shared>),
    Named(Arc<Alarm>),
}

/// What is called when a timer is due, with the time at which that was found.
type Routine = Box<dyn FnMut(SystemTime) + Send>;

struct Shared {
    body: Arc<Local>,
    setting: Lock<Setting>,
}

/// What a timer was last set to.
#[derive(Default)]
struct Setting {
    /// Counts the settings: a call on its way may belong to an earlier one.
    number: u64,
    /// The next expiry; `None` when there is none.
    next: Option<(TimerKey, When)>,
    period: Option<Duration>,
    call: Option<Call>,
}

/// The call that goes with a setting.
struct Call {
    thread: Arc<thread::Shared>,
    /// Its number among the calls of the thread, from being queued until it begins. One at a time (S206).
    queued: Option<u64>,
    /// Away while it runs.
    routine: Option<Routine>,
}

impl Timer {
    /// The shortest period: one millisecond, the unit in which Windows counts them (S204).
    pub const SHORTEST_PERIOD: Duration = Duration::from_millis(1);

    /// One that stays signalled until it is set again.
    pub fn manual() -> Timer {
        Timer::new(true)
    }

    /// One that each satisfied wait resets.
    pub fn auto() -> Timer {
        Timer::new(false)
    }

    fn new(manual: bool) -> Timer {
        let body = Local::new("timer", State::Event { manual, set: false });
        Timer { body: Body::Local(Arc::new(Shared { body, setting: Lock::default() })) }
    }

    /// One that other processes of this user can open by its name (`CreateWaitableTimer` with a name). If there is
    /// one already it is opened, whatever its type and setting; [`Existed`] says so.
    ///
    /// It needs no process that serves it: who waits for it finds that it is due, so it also outlives the one that
    /// set it.
    ///
    /// Fails with `OBJECT_TYPE_MISMATCH` when the name is that of another kind of object (S218), and as
    /// [names](super::set_namespace) do.
    pub fn create_named(name: &str, manual: bool) -> Result<(Timer, Existed), Status> {
        let (alarm, existed) = Alarm::create(name, manual)?;
        Ok((Timer { body: Body::Named(Arc::new(alarm)) }, existed))
    }

    /// The one that has this name (`OpenWaitableTimer`).
    ///
    /// Fails with `OBJECT_NAME_NOT_FOUND` when nobody has one open (S219), and as
    /// [`create_named`](Timer::create_named).
    pub fn open(name: &str) -> Result<Timer, Status> {
        Ok(Timer { body: Body::Named(Arc::new(Alarm::open(name)?)) })
    }

    /// Sets it (`SetWaitableTimer`): it is no longer signalled, and will be at the due time, and then again each
    /// `period`, if there is one (zero: there is none, S204). What it was set to before ends, with its call if
    /// that has not begun; who waits for it goes on waiting (S201). Returns whether it was signalled before.
    ///
    /// Periods are counted from the due time on the monotonic clock and do not drift. What nobody was there for
    /// counts once: a timer is signalled or not. A due time that has passed signals it before this returns (S208).
    ///
    /// Fails with `INVALID_PARAMETER` for a period below [`SHORTEST_PERIOD`](Timer::SHORTEST_PERIOD) and for times
    /// beyond what the clock counts, and with `NO_BUFS` when 2^20 timers are set by the same clock; also when there
    /// is no memory or descriptor for the thread that serves all timers. The timer is then as it was.
    pub fn set(&self, due: Due, period: Option<Duration>) -> Result<bool, Status> {
        match &self.body {
            Body::Local(shared) => shared.set(due, period, None),
            Body::Named(alarm) => alarm.set(due, period),
        }
    }

    /// Sets it, as [`set`](Timer::set) does, with a call (APC) to this thread: each time the timer is due, `routine`
    /// is queued to the thread that called this, and runs there in an alertable wait, with the time at which the
    /// timer was found to be due (S205).
    ///
    /// At most one call is queued at a time; what was due meanwhile is in that one (S206). It is not called again
    /// from an alertable wait of its own. When the thread ends the timer is no longer due, and stays as it is
    /// (S207). An alertable wait for the timer itself ends with the timer; the call then runs in the next one.
    /// Once `routine` is not to run again it is dropped, by whichever thread finds that.
    ///
    /// With a name, the call ends also when another process sets or cancels the timer; and the end of the thread ends
    /// only the call, since the timer is not this process's alone.
    ///
    /// ```
    /// use std::time::Duration;
    /// use proactor::{Status, object::{Due, Timer, Wait, sleep}};
    ///
    /// let timer = Timer::manual();
    /// timer.set_with_apc(Due::After(Duration::from_millis(1)), None, |due| println!("{due:?}"))?;
    /// assert_eq!(sleep(Wait::FOREVER.alertably()), Err(Status::USER_APC));
    /// # Ok::<(), Status>(())
    /// ```
    pub fn set_with_apc(
        &self,
        due: Due,
        period: Option<Duration>,
        routine: impl FnMut(SystemTime) + Send + 'static,
    ) -> Result<bool, Status> {
        match &self.body {
            Body::Local(shared) => {
                let call = Call { thread: thread::mine(), queued: None, routine: Some(Box::new(routine)) };
                shared.set(due, period, Some(call))
            }
            Body::Named(alarm) => alarm.set_with_apc(due, period, Box::new(routine)),
        }
    }

    /// Stops it (`CancelWaitableTimer`); whether it is signalled does not change (S203). A call that has not begun
    /// does not come any more. Returns whether it was still due.
    pub fn cancel(&self) -> bool {
        match &self.body {
            Body::Local(shared) => {
                let (stopped, old) = shared.stop();
                // What the routine has captured is dropped where nothing is locked.
                drop(old);
                stopped
            }
            Body::Named(_) => self.try_cancel().unwrap_or(false),
        }
    }

    /// Stops it, and tells when it can't, as [`Event::try_set`](super::Event::try_set).
    pub fn try_cancel(&self) -> Result<bool, Status> {
        match &self.body {
            Body::Local(_) => Ok(self.cancel()),
            Body::Named(alarm) => alarm.cancel(),
        }
    }

    /// Whether it is signalled at this moment, without waiting and without resetting it.
    pub fn is_set(&self) -> bool {
        match &self.body {
            Body::Local(shared) => shared.body.header.look(|state| state.is_signalled(0)),
            Body::Named(alarm) => alarm.named().is_set(),
        }
    }

    /// How long until it is due; `None` when it is not set, or has been due for the last time.
    pub fn due_in(&self) -> Option<Duration> {
        match &self.body {
            Body::Local(shared) => {
                let next = shared.setting.lock().next;
                next.map(|(_, when)| match when {
                    When::Monotonic(due) => due.saturating_duration_since(Instant::now()),
                    When::Wall(due) => due.duration_since(SystemTime::now()).unwrap_or_default(),
                })
            }
            Body::Named(alarm) => alarm.named().due_in(),
        }
    }
}

impl Shared {
    fn set(self: &Arc<Self>, due: Due, period: Option<Duration>, call: Option<Call>) -> Result<bool, Status> {
        let period = period.filter(|period| !period.is_zero());
        let now = Instant::now();
        let when = resolve(due, period, now)?;
        let service = service()?;
        let mut setting = self.setting.lock();
        // Comes after this, since it waits for the lock.
        let next = match when {
            Some(when) => Some((service.set_timer(when, self.weak())?, when)),
            None => None,
        };
        let old = setting.stop();
        let before = self.body.header.change(State::reset);
        (setting.next, setting.period, setting.call) = (next, period, call);
        let left = if next.is_none() { self.expire(&mut setting, now) } else { None };
        drop(setting);
        drop((old, left));
        Ok(before)
    }

    /// Ends what it was set to.
    fn stop(&self) -> (bool, Option<Call>) {
        let mut setting = self.setting.lock();
        (setting.next.is_some(), setting.stop())
    }

    /// It is due. Returns the call if there is to be none any more.
    fn expire(self: &Arc<Self>, setting: &mut Setting, due: Instant) -> Option<Call> {
        setting.next = None;
        if setting.call.as_ref().is_some_and(|call| call.thread.exit_code().is_some()) {
            return setting.call.take();
        }
        if let Some(call) = &mut setting.call
            && call.queued.is_none()
        {
            let (me, number) = (Arc::downgrade(self), setting.number);
            let now = SystemTime::now();
            let queued = call.thread.queue_silently(Box::new(move || {
                if let Some(timer) = me.upgrade() {
                    timer.run(number, now);
                }
            }));
            match queued {
                Ok(id) => call.queued = Some(id),
                // The thread is just ending.
                Err(_) => return setting.call.take(),
            }
        }
        self.body.header.signal(State::set);
        if let Some(call) = &setting.call {
            call.thread.alert();
        }
        if let Some(period) = setting.period
            && let Some(next) = next_due(due, period, Instant::now())
            && let Ok(service) = service()
        {
            setting.next = Some((service.set_timer_again(next, self.weak()), When::Monotonic(next)));
        }
        None
    }

    /// In the thread that has set it: runs the call of one setting, if that still stands.
    fn run(&self, number: u64, at: SystemTime) {
        let routine = {
            let mut setting = self.setting.lock();
            let Some(call) = setting.call_of(number) else { return };
            call.queued = None;
            call.routine.take()
        };
        let Some(routine) = routine else { return };
        let mut lent = Lent { timer: self, number, routine: Some(routine) };
        if let Some(routine) = &mut lent.routine {
            routine(at);
        }
    }

    fn weak(self: &Arc<Self>) -> Weak<dyn Expire> {
        let weak: Weak<Shared> = Arc::downgrade(self);
        weak
    }
}

impl Setting {
    /// Stops what it was set to; nothing of it comes after this.
    fn stop(&mut self) -> Option<Call> {
        self.number += 1;
        if let Some((key, _)) = self.next.take()
            && let Ok(service) = service()
        {
            service.cancel_timer(key);
        }
        let call = self.call.take()?;
        if let Some(id) = call.queued {
            call.thread.take_back(id);
        }
        Some(call)
    }

    fn call_of(&mut self, number: u64) -> Option<&mut Call> {
        if self.number == number { self.call.as_mut() } else { None }
    }
}

impl Expire for Shared {
    fn expired(self: Arc<Self>, key: TimerKey) {
        let mut setting = self.setting.lock();
        let Some((_, when)) = setting.next.filter(|(next, _)| *next == key) else { return };
        let left = self.expire(&mut setting, as_monotonic(when));
        drop(setting);
        drop(left);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.stop());
    }
}

/// A routine while it runs, also if it ends by a panic. Once it is not to run again it is dropped.
struct Lent<'a> {
    timer: &'a Shared,
    number: u64,
    routine: Option<Routine>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut setting = self.timer.setting.lock();
        let again = setting.next.is_some();
        if let Some(call) = setting.call_of(self.number).filter(|_| again) {
            call.routine = self.routine.take();
        }
    }
}

/// `None`: it has passed.
pub(crate) fn resolve(due: Due, period: Option<Duration>, now: Instant) -> Result<Option<When>, Status> {
    if period.is_some_and(|period| period < Timer::SHORTEST_PERIOD || now.checked_add(period).is_none()) {
        return Err(Status::INVALID_PARAMETER);
    }
    match due {
        Due::After(Duration::ZERO) => Ok(None),
        Due::After(after) => {
            let due = now.checked_add(after).ok_or(Status::INVALID_PARAMETER)?;
            Ok(Some(When::Monotonic(due)))
        }
        Due::At(at) => Ok((at > SystemTime::now()).then_some(When::Wall(at))),
    }
}

/// When it was due by the clock that nobody sets, from which its periods are counted.
pub(crate) fn as_monotonic(when: When) -> Instant {
    match when {
        When::Monotonic(due) => due,
        When::Wall(due) => {
            let late = SystemTime::now().duration_since(due).unwrap_or_default();
            let now = Instant::now();
            now.checked_sub(late).unwrap_or(now)
        }
    }
}

/// The first of `due`, `due + period`, `due + 2 * period`, ... after `now`; `None` when the clock does not count
/// that far.
pub(crate) fn next_due(due: Instant, period: Duration, now: Instant) -> Option<Instant> {
    let late = now.saturating_duration_since(due).as_nanos() % period.as_nanos();
    let late = Duration::new((late / 1_000_000_000) as u64, (late % 1_000_000_000) as u32);
    now.max(due).checked_add(period - late)
}

impl Sealed for Timer {
    fn target(&self) -> Target<'_> {
        match &self.body {
            Body::Local(shared) => Target::Local(&shared.body),
            Body::Named(alarm) => Target::Named(alarm.named()),
        }
    }
}

impl Waitable for Timer {}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("set", &self.is_set()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn periods_are_counted_from_the_due_time_and_missed_ones_are_one() {
        let due = Instant::now();
        for (late, next) in [(0, 10), (1, 10), (9, 10), (10, 20), (11, 20), (95, 100), (1000, 1010)] {
            assert_eq!(next_due(due, 10 * MS, due + late * MS), Some(due + next * MS), "{late} ms late");
        }
        let far = Duration::from_secs(u64::MAX / 4);
        assert_eq!(next_due(due, far, due + MS), due.checked_add(far));
    }

    #[test]
    fn what_no_clock_counts_is_refused_and_what_has_passed_is_now() {
        let now = Instant::now();
        let refused = Err(Status::INVALID_PARAMETER);
        assert_eq!(resolve(Due::After(Duration::MAX), None, now), refused);
        assert_eq!(resolve(Due::After(MS), Some(Duration::MAX), now), refused);
        assert_eq!(resolve(Due::After(MS), Some(Duration::from_micros(999)), now), refused);
        assert_eq!(resolve(Due::After(Duration::ZERO), None, now), Ok(None));
        assert_eq!(resolve(Due::At(SystemTime::UNIX_EPOCH), Some(MS), now), Ok(None));
        assert_eq!(resolve(Due::After(MS), Some(MS), now), Ok(Some(When::Monotonic(now + MS))));
    }

    #[test]
    fn periods_of_an_absolute_timer_keep_its_phase() {
        let before = Instant::now();
        let due = as_monotonic(When::Wall(SystemTime::now() - 40 * MS));
        assert!(due + 41 * MS >= before && due + 39 * MS <= Instant::now());
        let future = as_monotonic(When::Wall(SystemTime::now() + Duration::from_secs(60)));
        assert!(future <= Instant::now(), "the clock was set back since");
    }
}
