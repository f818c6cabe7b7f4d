//! An event with a name to another process and one back, beside a futex in memory that both share.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};

use rustix::process::{Signal, set_parent_process_death_signal};

use super::Measurement;
use super::event_handoff::Events;
use super::handoff::{Handoff, there_and_back};
use super::shared_words::SharedWords;
use crate::bench::measure::{Place, places, stay_on};
use crate::bench::report::{Figure, Target};
use crate::lab::measure::{Effort, Failure};
use crate::say;

pub const MEASUREMENT: Measurement = Measurement {
    id: "named-handoff",
    meaning: "A process sets a named auto-reset event that another process waits for, and waits for one that the other \
              sets. Beside it the same with two futex words in memory that both processes share. A named event has to \
              hold out against processes that are killed in the middle of it.",
    target: Target::AtMost(1.5),
    run,
};

/// The other process: this program once more.
#[derive(clap::Args, Debug)]
pub struct Partner {
    /// What to hand over by
    #[arg(value_enum)]
    way: Way,
    /// The events' name, or the words' place
    what: String,
    /// The processor to run on
    cpu: usize,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Way {
    Events,
    Words,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Events => "events",
            Way::Words => "words",
        }
    }
}

/// Answers until it is killed.
pub fn partner(partner: &Partner) -> Result<ExitCode, String> {
    let answer = || -> Result<(), Failure> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        stay_on(partner.cpu)?;
        match partner.way {
            Way::Events => answer_for_ever(&Events::named(&partner.what)?),
            Way::Words => answer_for_ever(&SharedWords::open(&partner.what)?),
        }
        Ok(())
    };
    answer().map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string())
}

fn answer_for_ever(handoff: &impl Handoff) {
    say::line(&"ready");
    for round in 0.. {
        handoff.be_called(round);
        handoff.answer(round);
    }
}

/// The partner's process, killed when this is dropped.
struct Running(Child);

impl Running {
    fn start(way: Way, what: &str, cpu: usize) -> Result<Running, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "partner", way.name(), what, &cpu.to_string()]);
        let mut running = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
        let mut line = String::new();
        let out = running.0.stdout.take().ok_or("the partner's output is not to be had")?;
        BufReader::new(out).read_line(&mut line)?;
        // It says itself why, on the standard error.
        if line == "ready\n" { Ok(running) } else { Err("the other process did not start".into()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(measurement: &Measurement, effort: Effort) -> Result<Vec<Figure>, Failure> {
    places()?.into_iter().map(|place| at(place, measurement, effort)).collect()
}

fn at(place: Place, measurement: &Measurement, effort: Effort) -> Result<Figure, Failure> {
    stay_on(place.here)?;
    let in_block = effort.of(400, 100);
    let name = format!("proactor-bench-{}", std::process::id());
    let (events, words) = (Events::named(&name)?, SharedWords::new()?);
    let _by_event = Running::start(Way::Events, &name, place.there)?;
    let _by_word = Running::start(Way::Words, &words.place(), place.there)?;
    let (mut event_round, mut word_round) = (0, 0);
    let compared = measurement
        .rounds(effort)
        .alternate(&mut |times| there_and_back(&events, &mut event_round, in_block, times), &mut |times| {
            there_and_back(&words, &mut word_round, in_block, times)
        })?;
    let names = ("a named event there and one back", "a shared futex there and one back");
    Ok(Figure::new(measurement.id, place.name, names, compared, measurement.target))
}
