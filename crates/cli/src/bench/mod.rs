//! `proactor bench`: what the library's parts cost on this machine, each beside a peer that does the same work.
//!
//! A figure alone says little: machines differ, and other programs disturb. So ours and the peer take turns in one
//! run, in blocks of a few milliseconds, and what counts is the median of their ratios.

mod hostile;
mod idle;
mod measure;
mod objects;
mod report;

use std::process::ExitCode;

/// Measure what the library's parts cost here, beside peers.
///
/// Ours and the peer take turns in short blocks of one run; the median of the blocks' ratios is compared with the
/// target.
#[derive(clap::Subcommand)]
pub enum Bench {
    Objects(objects::Args),
    Hostile(hostile::Args),
    Idle(idle::Args),
    Soak(hostile::Soak),
    /// The server that is attacked
    #[command(hide = true)]
    Victim(hostile::victim::Victim),
    /// The other process of a measurement that needs two
    #[command(hide = true)]
    Partner(objects::Partner),
}

pub fn run(bench: &Bench) -> Result<ExitCode, String> {
    match bench {
        Bench::Objects(args) => objects::run(args),
        Bench::Hostile(args) => hostile::run(args),
        Bench::Idle(args) => idle::run(args),
        Bench::Soak(args) => hostile::soak(args),
        Bench::Victim(victim) => hostile::victim::run(victim),
        Bench::Partner(partner) => objects::partner(partner),
    }
}
