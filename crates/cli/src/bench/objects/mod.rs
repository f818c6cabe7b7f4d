//! `proactor bench objects`: events, waits, queued calls and locks, each beside what it is made of.

mod apc_handoff;
mod event_handoff;
mod event_set;
mod handoff;
mod named_handoff;
mod section_alone;
mod section_contended;
mod shared_words;
mod wait_any;

use std::io::IsTerminal;
use std::process::ExitCode;

pub use self::named_handoff::{Partner, partner};
use super::measure::Rounds;
use super::report::{self, Figure, Report, Target};
use crate::lab::measure::{Effort, Failure};
use crate::say;

/// Objects, locks and queued calls, each beside what it is made of.
///
/// The exit status is 1 if a target is missed, and 2 if the command line is wrong. Other programs on the machine make
/// both sides slower; the ratios stay.
#[derive(clap::Args, Debug)]
#[command(after_help = explained())]
pub struct Args {
    /// What to measure; all of it if nothing is named
    names: Vec<String>,
    /// List what is measured, and measure nothing
    #[arg(long)]
    list: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Fewer rounds: whether it runs, not how fast
    #[arg(long)]
    quick: bool,
}

/// One thing that is measured.
struct Measurement {
    id: &'static str,
    /// What the figures are of, and of what beside it.
    meaning: &'static str,
    target: Target,
    run: fn(&Measurement, Effort) -> Result<Vec<Figure>, Failure>,
}

impl Measurement {
    fn rounds(&self, effort: Effort) -> Rounds<'static> {
        Rounds { rounds: effort.of(100, 6), name: self.id }
    }
}

const MEASUREMENTS: &[Measurement] = &[
    section_alone::MEASUREMENT,
    section_contended::MEASUREMENT,
    event_set::MEASUREMENT,
    event_handoff::MEASUREMENT,
    wait_any::MEASUREMENT,
    apc_handoff::MEASUREMENT,
    named_handoff::MEASUREMENT,
];

/// The command. A wrong name is a mistake in the command line, which ends with 2 as clap's own do.
pub fn run(args: &Args) -> Result<ExitCode, String> {
    if args.list {
        say::line(&explained());
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = match choose(&args.names) {
        Ok(chosen) => chosen,
        Err(sentence) => {
            say::aside(&format_args!("error: {sentence}"));
            return Ok(ExitCode::from(2));
        }
    };
    let report = measure(&chosen, Effort { quick: args.quick })?;
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?
    } else {
        report::show(&report)
    };
    say::line(&text.trim_end());
    let all_hold = report.figures.iter().all(|figure| figure.holds);
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(names: &[String]) -> Result<Vec<&'static Measurement>, String> {
    if names.is_empty() {
        return Ok(MEASUREMENTS.iter().collect());
    }
    let find = |name: &String| {
        MEASUREMENTS.iter().find(|measurement| measurement.id == name).ok_or_else(|| {
            let known: Vec<_> = MEASUREMENTS.iter().map(|measurement| measurement.id).collect();
            format!("'{name}' is not measured; there are: {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

/// One after the other, each on a thread of its own: it may bind itself to a processor.
fn measure(chosen: &[&'static Measurement], effort: Effort) -> Result<Report, String> {
    let mut figures = Vec::new();
    for measurement in chosen {
        let one = || (measurement.run)(measurement, effort).map_err(|error| error.to_string());
        let measured = std::thread::scope(|scope| scope.spawn(one).join())
            .map_err(|_| format!("{}: a thread panicked", measurement.id))?;
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        figures.extend(measured.map_err(|error| format!("{}: {error}", measurement.id))?);
    }
    Ok(Report { machine: crate::lab::machine(), quick: effort.quick, figures })
}

/// What each figure means, and its target.
fn explained() -> String {
    let one = |measurement: &Measurement| {
        let target = match measurement.target {
            Target::AtMost(most) => format!("at most {most} times the peer's time"),
            Target::AtLeast(least) => format!("at least {least} times the peer's rate"),
            Target::Nanoseconds(most) => format!("at most {most} ns"),
        };
        format!("  {}\n      {}\n      Target: {target}.", measurement.id, measurement.meaning)
    };
    let all: Vec<_> = MEASUREMENTS.iter().map(one).collect();
    format!("What is measured:\n{}", all.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_and_a_wrong_one_lists_them_all() {
        assert_eq!(choose(&[]).map(|all| all.len()), Ok(MEASUREMENTS.len()));
        let error = choose(&["speed".into()]).map(|_| ()).expect_err("there is none of that name");
        assert!(MEASUREMENTS.iter().all(|measurement| error.contains(measurement.id)));
    }

    #[test]
    fn every_measurement_is_explained_with_its_target() {
        let text = explained();
        for (index, one) in MEASUREMENTS.iter().enumerate() {
            assert!(MEASUREMENTS[..index].iter().all(|other| other.id != one.id), "{} twice", one.id);
            assert!(text.contains(one.id) && one.meaning.len() > 40);
        }
        assert_eq!(text.matches("Target: ").count(), MEASUREMENTS.len());
    }
}
