//! `proactor lab`: the ideas this library is built from, each as an experiment that is carried out here and now.
//!
//! Nothing is played: the sockets, files and threads are real, and an experiment can fail. One that cannot be
//! carried out does not hold.

mod experiments;
mod html;
pub mod measure;
mod plot;
pub mod report;
mod table;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use self::experiments::{EXPERIMENTS, Experiment};
use self::measure::Effort;
use self::report::{Finding, Machine, Measured, Report, Verdict};
use crate::say;

/// Carry out experiments that show how completion ports behave, on this machine.
///
/// The exit status is 1 if an experiment's claim does not hold, and 2 if the command line is wrong.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Experiments to carry out; all of them if none is named
    names: Vec<String>,
    /// List the experiments and carry none out
    #[arg(long)]
    list: bool,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    /// Write what was found to a page that needs nothing but itself
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Fewer rounds: a few seconds in all
    #[arg(long)]
    quick: bool,
    /// Own the mutex of this name until killed, for the experiment with an owner that is
    #[arg(long, hide = true, value_name = "NAME")]
    own_mutex: Option<String>,
    /// Hold idle connections in so many steps, for the experiment that measures their memory
    #[arg(long, hide = true, value_name = "KIND:STEP")]
    hold_idle: Option<String>,
}

/// The command. A wrong name is a mistake in the command line, which ends with 2 as clap's own do.
pub fn run(args: &Args) -> Result<ExitCode, String> {
    if let Some(name) = &args.own_mutex {
        return experiments::own_mutex(name);
    }
    if let Some(order) = &args.hold_idle {
        return experiments::hold_idle(order);
    }
    if args.list {
        say::line(&table::list(EXPERIMENTS).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = match choose(&args.names) {
        Ok(chosen) => chosen,
        Err(sentence) => {
            say::aside(&format_args!("error: {sentence}"));
            return Ok(ExitCode::from(2));
        }
    };
    let report = carry_out(&chosen, Effort { quick: args.quick });
    publish(args, &report)?;
    let all_hold = report.experiments.iter().all(|finding| finding.measured.verdict.holds);
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The experiments of those names, in the order of the names.
fn choose(names: &[String]) -> Result<Vec<&'static Experiment>, String> {
    if names.is_empty() {
        return Ok(EXPERIMENTS.iter().collect());
    }
    let find = |name: &String| {
        EXPERIMENTS.iter().find(|experiment| experiment.id == name).ok_or_else(|| {
            let known: Vec<_> = EXPERIMENTS.iter().map(|experiment| experiment.id).collect();
            format!("there is no experiment '{name}'; there are: {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

/// One after the other: two at once would measure each other.
fn carry_out(chosen: &[&Experiment], effort: Effort) -> Report {
    let progress = std::io::stderr().is_terminal();
    let mut experiments = Vec::new();
    for (index, experiment) in chosen.iter().enumerate() {
        if progress {
            eprint!("\r\x1b[K[{}/{}] {} ...", index + 1, chosen.len(), experiment.id);
            let _ = std::io::stderr().flush();
        }
        experiments.push(carry_out_one(experiment, effort));
    }
    if progress {
        eprint!("\r\x1b[K");
    }
    Report { machine: machine(), quick: effort.quick, experiments }
}

fn carry_out_one(experiment: &Experiment, effort: Effort) -> Finding {
    let start = Instant::now();
    let measured = (experiment.run)(effort).unwrap_or_else(|error| Measured {
        verdict: Verdict::fails(format!("it could not be carried out: {error}")),
        rows: Vec::new(),
        plots: Vec::new(),
        notes: Vec::new(),
    });
    Finding {
        id: experiment.id.into(),
        title: experiment.title.into(),
        claim: experiment.claim.into(),
        done: experiment.done.into(),
        seconds: start.elapsed().as_secs_f64(),
        measured,
    }
}

fn publish(args: &Args, report: &Report) -> Result<(), String> {
    if let Some(path) = &args.html {
        std::fs::write(path, html::page(report))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    let text = if args.json {
        serde_json::to_string_pretty(report).map_err(|error| error.to_string())?
    } else {
        table::show(report)
    };
    say::line(&text.trim_end());
    Ok(())
}

/// Where this runs.
pub fn machine() -> Machine {
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = facts.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let processor = model.map_or(std::env::consts::ARCH, |(_, name)| name.trim()).to_owned();
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    // What follows a dash names whoever built it.
    let version = release.split('-').next().unwrap_or_default();
    Machine {
        processor,
        processors: proactor::processors(),
        kernel: format!("Linux {version}"),
        file_backend: proactor::snapshot().file_backend.unwrap_or("none needed").into(),
        files_on: measure::file_system(&measure::folder_on_disk()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_and_a_wrong_one_lists_them_all() {
        assert_eq!(choose(&[]).expect("none means all").len(), EXPERIMENTS.len());
        let two = choose(&["thread-exit".into(), "file-offset".into()]).expect("both exist");
        assert_eq!(two.iter().map(|e| e.id).collect::<Vec<_>>(), ["thread-exit", "file-offset"]);
        let error = choose(&["fire".into()]).map(|_| ()).expect_err("there is none of that name");
        assert!(EXPERIMENTS.iter().all(|experiment| error.contains(experiment.id)));
    }

    #[test]
    fn an_experiment_that_cannot_be_carried_out_does_not_hold() {
        let broken =
            Experiment { id: "x", title: "x", claim: "x", done: "x", run: |_| Err("no disk".into()) };
        let finding = carry_out_one(&broken, Effort { quick: true });
        assert!(!finding.measured.verdict.holds);
        assert!(finding.measured.verdict.reason.contains("no disk"));
    }
}
