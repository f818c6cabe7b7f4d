//! The program `proactor`: its commands and their arguments. What a command does stands in a module of its name;
//! each returns the exit code, or one sentence for people that says what to do.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod descriptors;
mod doctor;
mod lab;
mod look;
mod say;
mod serve;
mod top;
mod wait_chain;

/// Servers on completion ports, on Linux.
///
/// A completion port is a queue of finished work and the pool of threads that takes it. A receive or a send is
/// started, owns its buffer, and comes back as a packet once it is done; any thread of the pool takes it and goes
/// on. Of those threads only as many run at once as the port's concurrency says, by default one a processor; the
/// one that parked last runs next, since its cache is warm. When a running one blocks (on a lock, a database, a
/// page fault) another takes its place: the processors stay busy, and no handler has to be rewritten to be "async".
#[derive(Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  proactor doctor                         what this machine gives a server, and what it lacks
  proactor serve echo                     an echo server on 127.0.0.1:7000; Ctrl-C ends it
  proactor serve echo --listen [::]:0     on a free port, for everyone; the first line says which
  proactor serve chat                     a chat for `nc 127.0.0.1 7001` on several terminals
  proactor serve file .                   the files of this folder, for `curl http://127.0.0.1:8000/README.md`
  proactor lab --html lab.html            the ideas behind it, tried and measured here
  proactor top 4711                       what the ports and workers of a process are doing
  proactor wait-chain 4711                who waits for whom in it, and whether it is a deadlock
  proactor bench objects                  what events, locks and waits cost, beside what they are made of
  proactor bench hostile                  sessions under attack: memory, descriptors, service meanwhile

`proactor COMMAND --help` says more of each."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(subcommand)]
    Serve(serve::Serve),
    Doctor(doctor::Args),
    Lab(lab::Args),
    Top(top::Args),
    WaitChain(wait_chain::Args),
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Serve(serve) => serve::run(&serve),
        Command::Doctor(args) => doctor::run(&args),
        Command::Lab(args) => lab::run(&args),
        Command::Top(args) => top::run(&args),
        Command::WaitChain(args) => wait_chain::run(&args),
        Command::Bench(bench) => bench::run(&bench),
    };
    ended.unwrap_or_else(|sentence| {
        say::aside(&format_args!("error: {sentence}"));
        ExitCode::FAILURE
    })
}
