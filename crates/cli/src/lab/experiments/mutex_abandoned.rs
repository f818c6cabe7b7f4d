//! A mutex whose owner ends without giving it back is abandoned, and the next owner is told (S187), also when the owner
//! is a process that was killed (S191).

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use proactor::object::{Event, Mutex, Thread, Wait, sleep, wait_one};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, PATIENCE, Times, eventually, waits};
use crate::lab::report::{Measured, Row, Verdict};
use crate::say;

pub const EXPERIMENT: Experiment = Experiment {
    id: "mutex-abandoned",
    title: "A mutex outlives its owner, and says so",
    claim: "When a thread ends while it owns a mutex, nobody waits for ever: the mutex is abandoned, the next wait gets \
            it and is told, for what it protects may be half changed. It is told once; after that the mutex is like any \
            other. A named one outlives a whole process, however that ends.",
    done: "A thread took a mutex and ended. Another one then waited for it, released it and waited again. The same with a \
           thread that was waiting already when the owner ended, and with an owner that gave it back. At last another process \
           owned a named mutex, and was killed.",
    run,
};

#[derive(Default)]
struct Facts {
    rounds: usize,
    /// Told to the one that came after the owner's end,
    told_after: usize,
    /// and to the one that was waiting.
    told_waiting: usize,
    /// Told a second time,
    told_again: usize,
    /// or although the owner gave it back.
    told_wrongly: usize,
    /// Processes killed,
    killed: usize,
    /// and the waits that were told of it.
    told_killed: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let rounds = effort.of(200, 40);
    let mut facts = Facts { rounds, ..Facts::default() };
    let (mut times, mut killed_times) = (Times::default(), Times::default());
    for _ in 0..rounds {
        comes_after(&mut facts)?;
        times.add(waits_already(&mut facts)?);
        given_back(&mut facts)?;
    }
    for _ in 0..effort.of(20, 5) {
        killed_times.add(killed(&mut facts)?);
    }
    Ok(Measured {
        verdict: verdict(&facts),
        rows: vec![
            Row::count("owners that ended, of each kind", rounds, ""),
            Row::count("told to the next owner", facts.told_after, ""),
            Row::count("told to one that was waiting", facts.told_waiting, ""),
            Row::count("told twice", facts.told_again, ""),
            Row::count("told although it was given back", facts.told_wrongly, ""),
            Row::new(
                "median time from letting the owner end to the next one's having it",
                times.median(),
                "us",
            ),
            Row::count("processes that were killed", facts.killed, ""),
            Row::count("told to one that waited in another process", facts.told_killed, ""),
            Row::new("median time from the kill to the next one's having it", killed_times.median(), "us"),
        ],
        plots: Vec::new(),
        notes: Vec::new(),
    })
}

/// Waits for what must be there or come, and tells whether it was abandoned; it is released at once.
fn take(mutex: &Mutex) -> Result<bool, Failure> {
    let waited = wait_one(mutex, Wait::at_most(PATIENCE))?;
    mutex.release()?;
    Ok(waited.abandoned)
}

/// A thread that takes it, and ends when `end` is set.
fn owner(mutex: &Mutex, gives_back: bool, end: &Event) -> Result<Thread, Failure> {
    let (mutex, end, owned) = (mutex.clone(), end.clone(), Event::auto(false));
    let has_it = owned.clone();
    let thread = Thread::spawn(move || {
        let taken = wait_one(&mutex, Wait::NOW).is_ok();
        has_it.set();
        let _ = wait_one(&end, Wait::at_most(PATIENCE));
        u32::from(taken && (!gives_back || mutex.release().is_ok()))
    })?;
    wait_one(&owned, Wait::at_most(PATIENCE))?;
    Ok(thread)
}

fn ended(thread: &Thread) -> Result<(), Failure> {
    wait_one(thread, Wait::at_most(PATIENCE))?;
    if thread.exit_code() == Some(1) { Ok(()) } else { Err("a thread did not get a free mutex".into()) }
}

fn comes_after(facts: &mut Facts) -> Result<(), Failure> {
    let (mutex, end) = (Mutex::new(false), Event::manual(true));
    ended(&owner(&mutex, false, &end)?)?;
    facts.told_after += usize::from(take(&mutex)?);
    facts.told_again += usize::from(take(&mutex)?);
    Ok(())
}

/// How long it took from the owner's end until the one that waited had it.
fn waits_already(facts: &mut Facts) -> Result<Duration, Failure> {
    let (mutex, end) = (Mutex::new(false), Event::manual(false));
    let owner = owner(&mutex, false, &end)?;
    let took = until_next_one_has_it(&mutex, &mut facts.told_waiting, || {
        end.set();
        ended(&owner)
    })?;
    facts.told_again += usize::from(take(&mutex)?);
    Ok(took)
}

/// A thread waits for a mutex that is owned; then its owner is made to end. Counts it if the thread is told.
fn until_next_one_has_it(
    mutex: &Mutex,
    told: &mut usize,
    end: impl FnOnce() -> Result<(), Failure>,
) -> Result<Duration, Failure> {
    let had = Arc::new(StdMutex::new(None));
    let (waited, noted) = (mutex.clone(), had.clone());
    let next = Thread::spawn(move || {
        let result = wait_one(&waited, Wait::at_most(PATIENCE));
        let now = Instant::now();
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let abandoned = result.is_ok_and(|waited| waited.abandoned);
        u32::from(abandoned && waited.release().is_ok())
    })?;
    let waiting = eventually("the next one waits", || waits(&next));
    let start = Instant::now();
    end()?;
    wait_one(&next, Wait::FOREVER)?;
    *told += usize::from(next.exit_code() == Some(1));
    let at = had.lock().unwrap_or_else(PoisonError::into_inner).ok_or("the next one said nothing")?;
    waiting.map(|()| at.saturating_duration_since(start))
}

/// The owner is another process, which is killed while a thread of this one waits.
fn killed(facts: &mut Facts) -> Result<Duration, Failure> {
    let name = format!("proactor-lab-{}-{}", std::process::id(), facts.killed);
    let (mutex, _) = Mutex::create_named(&name, false)?;
    let mut owner = OtherOwner::start(&name)?;
    facts.killed += 1;
    let took = until_next_one_has_it(&mutex, &mut facts.told_killed, || Ok(owner.0.kill()?))?;
    facts.told_again += usize::from(take(&mutex)?);
    Ok(took)
}

/// The process that owns a mutex, killed at the latest when this is dropped.
struct OtherOwner(Child);

impl OtherOwner {
    fn start(name: &str) -> Result<OtherOwner, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["lab", "--own-mutex", name]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut owner = OtherOwner(command.spawn()?);
        let mut line = String::new();
        let out = owner.0.stdout.take().ok_or("the other process's output is not to be had")?;
        BufReader::new(out).read_line(&mut line)?;
        // It says itself why, on the standard error.
        if line == "mine\n" { Ok(owner) } else { Err("the other process did not get the mutex".into()) }
    }
}

impl Drop for OtherOwner {
    fn drop(&mut self) {
        // Killed already, as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the other process does: it takes the mutex and waits to be killed.
pub fn own_mutex(name: &str) -> Result<ExitCode, String> {
    let own = || -> Result<(), Failure> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let mutex = Mutex::open(name)?;
        wait_one(&mutex, Wait::at_most(PATIENCE))?;
        say::line(&"mine");
        Ok(sleep(Wait::FOREVER)?)
    };
    own().map(|()| ExitCode::SUCCESS).map_err(|error| format!("the mutex {name}: {error}"))
}

fn given_back(facts: &mut Facts) -> Result<(), Failure> {
    let (mutex, end) = (Mutex::new(false), Event::manual(true));
    ended(&owner(&mutex, true, &end)?)?;
    facts.told_wrongly += usize::from(take(&mutex)?);
    Ok(())
}

fn verdict(facts: &Facts) -> Verdict {
    let Facts { rounds, told_after, told_waiting, told_again, told_wrongly, killed, told_killed } = facts;
    Verdict::unless(
        [
            (rounds * killed == 0, "nothing was tried".into()),
            (told_after < rounds, format!("{} who came after were not told", rounds - told_after)),
            (told_waiting < rounds, format!("{} who waited were not told", rounds - told_waiting)),
            (told_killed < killed, format!("{} were not told of a killed owner", killed - told_killed)),
            (*told_again > 0, format!("{told_again} were told a second time")),
            (*told_wrongly > 0, format!("{told_wrongly} were told of a mutex that was given back")),
        ],
        format!(
            "all {rounds} who came after an owner's end were told, all {rounds} who waited, and all {killed} whose \
             owner was killed, each once"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts = Facts {
        rounds: 5,
        told_after: 5,
        told_waiting: 5,
        told_again: 0,
        told_wrongly: 0,
        killed: 2,
        told_killed: 2,
    };

    #[test]
    fn each_failure_is_seen() {
        assert!(verdict(&GOOD).holds);
        assert!(!verdict(&Facts { told_after: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts { told_waiting: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts { told_killed: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts { told_again: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts { told_wrongly: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts::default()).holds);
    }
}
