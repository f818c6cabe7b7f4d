//! What a contributor runs: `cargo xtask test`, `lint`, `house`, `licences`, `semantics`, `bench`, `soak`, `win32`.
//!
//! One file a subcommand. Each returns `Ok` or one sentence that says what failed; what led to it has been printed
//! by then. Nothing here needs more than Rust itself, so that it is built in seconds.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod house;
mod install;
mod licences;
mod lint;
mod needs;
mod semantics;
mod source;
mod spdx;
mod statements;
mod tally;
mod test;
mod watch;
mod win32;
mod workspace;

/// The work around the code: testing it, and keeping its rules.
///
/// Before you send a change: `cargo xtask test --quick` while you work, `cargo xtask test` and `cargo xtask lint`
/// at the end. `.ci/run` runs everything in the order in which failures show soonest.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Test(test::Args),
    Lint(lint::Args),
    House(house::Args),
    Licences(licences::Args),
    Semantics(semantics::Args),
    Bench(bench::Args),
    Soak(bench::Soak),
    Win32(win32::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test(args) => test::run(&args),
        Task::Lint(args) => lint::run(&args),
        Task::House(args) => house::run(&args),
        Task::Licences(args) => licences::run(&args),
        Task::Semantics(args) => semantics::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Soak(args) => bench::soak(&args),
        Task::Win32(args) => win32::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}
