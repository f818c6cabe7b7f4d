//! `cargo xtask lint`: the formatter, clippy, the documentation and the house rules, all of them without a warning.
//!
//! All are run even when one fails, so that one run shows everything there is to mend.

use std::process::Command;

use clap::Parser;

use crate::house;
use crate::workspace::{Outcome, cargo};

/// Check format, clippy, documentation and house rules.
///
/// Runs `cargo fmt --check`, `cargo xtask house`, clippy over every target (with default features and with all of
/// them) and `cargo doc`; a warning of any of them is an error. `cargo fmt --all` mends the format, and
/// `cargo clippy --fix` much of the rest.
#[derive(Parser)]
pub struct Args {}

pub fn run(_: &Args) -> Outcome {
    let mut failed = Vec::new();
    let mut step = |name: &'static str, done: bool| {
        if !done {
            failed.push(name);
        }
    };
    step("format", succeeds("cargo fmt --all --check", cargo(&["fmt", "--all", "--check"])));
    println!("== house rules");
    let house = house::run(&house::Args {});
    if let Err(sentence) = &house {
        println!("{sentence}");
    }
    step("house", house.is_ok());
    step("clippy", clippy(&[]));
    step("clippy with all features", clippy(&["--all-features"]));
    step("documentation of programs", document("--bins"));
    step("documentation", document("--lib"));
    if failed.is_empty() {
        println!("lint: nothing to mend");
        Ok(())
    } else {
        Err(format!("lint: failed: {}", failed.join(", ")))
    }
}

fn clippy(features: &[&str]) -> bool {
    let mut command = cargo(&["clippy", "--workspace", "--all-targets", "--locked"]);
    command.args(features).args(["--", "-D", "warnings"]);
    succeeds(&format!("cargo clippy {}", features.join(" ")), command)
}

/// Programs and libraries apart: the program `proactor` and its library have the same folder, and the last one stays.
fn document(targets: &str) -> bool {
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--locked", targets]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    succeeds(&format!("cargo doc {targets}"), command)
}

fn succeeds(title: &str, mut command: Command) -> bool {
    println!("== {}", title.trim_end());
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            println!("{title} could not be started: {error}");
            false
        }
    }
}
