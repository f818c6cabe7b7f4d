//! `cargo xtask bench` and `cargo xtask soak`: the program's own measurements, built as they should be and with their
//! peers.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use serde_json::Value;

use crate::needs::with_all_files;
use crate::workspace::{Outcome, cargo, metadata, root};

/// Run a measurement of the program with its peers, all built for release.
///
/// Peers are in the workspace `bench`, which nothing else builds.
#[derive(Parser)]
pub struct Args {
    /// What to measure: hostile, idle, objects, win32
    name: String,
    /// Whether it runs, not how well
    #[arg(long)]
    quick: bool,
    /// Passed on
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Attack one server in all ways at once, for as long as one likes.
///
/// On failure it prints what failed and the seed that gives the same choice of attacks again.
#[derive(Parser)]
pub struct Soak {
    /// How long
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Which attacks run together; another one each time if not said
    #[arg(long)]
    seed: Option<u64>,
    /// With the program as the tests have it, which is built already where they have run
    #[arg(long)]
    dev: bool,
}

/// What is measured beside a peer.
const WITH_PEER: &[&str] = &["hostile", "idle"];

/// The face for C beside the core: a program of the workspace `bench`.
const FACE: &str = "win32";

pub fn run(args: &Args) -> Outcome {
    let folder = target()?;
    if args.name == FACE {
        let mut command = Command::new(peers(&folder)?.join("win32-bench"));
        command.args(args.quick.then_some("--quick")).args(&args.rest);
        return succeeds(command, "bench win32");
    }
    let mut command = program(&folder, Profile::Release)?;
    command.args(["bench", &args.name]);
    if WITH_PEER.contains(&args.name.as_str()) {
        command.arg("--tokio").arg(peers(&folder)?.join("tokio-echo"));
    }
    command.args(args.quick.then_some("--quick")).args(&args.rest);
    succeeds(command, &format!("bench {}", args.name))
}

pub fn soak(args: &Soak) -> Outcome {
    let profile = if args.dev { Profile::Dev } else { Profile::Release };
    let mut command = program(&target()?, profile)?;
    command.args(["bench", "soak", "--seconds", &args.seconds.to_string()]);
    if let Some(seed) = args.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    succeeds(command, "soak")
}

fn target() -> Outcome<PathBuf> {
    let metadata: Value = metadata(&["--no-deps"])?;
    Ok(metadata["target_directory"].as_str().unwrap_or("target").into())
}

#[derive(Clone, Copy)]
enum Profile {
    Release,
    Dev,
}

/// The program, built, with nothing to do yet.
fn program(target: &Path, profile: Profile) -> Outcome<Command> {
    let (name, place) = match profile {
        Profile::Release => ("release", "release/proactor"),
        Profile::Dev => ("dev", "debug/proactor"),
    };
    let build = cargo(&["build", "--profile", name, "--locked", "--package", "proactor-cli"]);
    succeeds(build, "the build")?;
    Ok(with_all_files(&Command::new(target.join(place))))
}

/// The peers, built in their own workspace and in a folder of its own.
fn peers(target: &Path) -> Outcome<PathBuf> {
    let folder = target.join("bench");
    let mut build = cargo(&["build", "--release", "--locked"]);
    build.current_dir(root().join("bench")).env("CARGO_TARGET_DIR", &folder);
    succeeds(build, "the build of the peers")?;
    Ok(folder.join("release"))
}

fn succeeds(mut command: Command, what: &str) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what} ended with {status}")),
        Err(error) => Err(format!("{what} could not be started: {error}")),
    }
}
