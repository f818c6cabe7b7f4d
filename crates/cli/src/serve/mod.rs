//! `proactor serve`: a server until it is interrupted, with a line of figures each second and a summary at the end.
//!
//! The main thread waits for a signal or the next second; it takes no packets, so it costs nothing meanwhile.

mod address;
mod arguments;
mod chat;
mod echo;
mod figures;
mod file;
mod sessions;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use clap::Subcommand;
use proactor::diagnose::{Diagnosis, PortSnapshot};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use self::chat::Chat;
use self::echo::Echo;
use self::figures::{Figures, Line, Summary};
use self::file::Files;
use crate::say;

/// Run a server until Ctrl-C or SIGTERM.
#[derive(Subcommand)]
pub enum Serve {
    Echo(echo::Args),
    Chat(chat::Args),
    File(file::Args),
}

/// What ends a server.
pub enum End {
    /// SIGINT or SIGTERM.
    Signal,
    /// Nobody can be accepted any more, for the reason in the sentence.
    Failed(String),
}

/// A server that runs, as the main thread sees it.
trait Running {
    type Counts: Figures;

    /// Where it listens.
    fn address(&self) -> SocketAddr;

    fn counts(&self) -> Self::Counts;

    fn port(&self) -> PortSnapshot;

    /// Ends it in good order: once this returns nothing of it runs any more.
    fn stop(self) -> Self::Counts;
}

pub fn run(serve: &Serve) -> Result<ExitCode, String> {
    let (tell, told) = channel();
    // Before the workers are started, so that no moment is without it.
    watch_signals(tell.clone())?;
    let _diagnosis = diagnosis();
    match serve {
        Serve::Echo(args) => until_ended("echo server", Echo::start(args, tell)?, args.quiet, &told),
        Serve::Chat(args) => until_ended("chat server", Chat::start(args)?, args.common.quiet, &told),
        Serve::File(args) => until_ended("file server", Files::start(args)?, args.common.quiet, &told),
    }
}

fn until_ended<R: Running>(
    what: &str,
    running: R,
    quiet: bool,
    told: &Receiver<End>,
) -> Result<ExitCode, String> {
    say::line(&format_args!("{what} listening on {}; Ctrl-C ends it", running.address()));
    let began = Instant::now();
    let end = if quiet { told.recv().unwrap_or(End::Signal) } else { figures(&running, began, told) };
    let served = began.elapsed();
    let counts = running.stop();
    say::line(&Summary { served, counts, accept_pauses: proactor::snapshot().accept_pauses });
    match end {
        End::Signal => Ok(ExitCode::SUCCESS),
        End::Failed(sentence) => Err(sentence),
    }
}

/// Lets `proactor top` and `proactor wait-chain` look into this server. It serves as well without.
fn diagnosis() -> Option<Diagnosis> {
    let serving = proactor::diagnose::serve();
    if let Err(status) = serving {
        say::aside(&format_args!(
            "note: `proactor top` cannot look into this server, for no socket of its user's alone could be made in \
             $XDG_RUNTIME_DIR, /run/user or /tmp: {}",
            say::plain(status)
        ));
    }
    serving.ok()
}

/// A line each second until the end.
fn figures<R: Running>(running: &R, began: Instant, told: &Receiver<End>) -> End {
    const INTERVAL: Duration = Duration::from_secs(1);
    let mut due = began + INTERVAL;
    let (mut before, mut last) = (running.counts(), began);
    loop {
        match told.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(end) => return end,
            Err(RecvTimeoutError::Disconnected) => return End::Signal,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let (now, at) = (running.counts(), Instant::now());
        let line = Line {
            served: at - began,
            now,
            before,
            time: at - last,
            port: &running.port(),
            accept_pauses: proactor::snapshot().accept_pauses,
        };
        say::line(&line);
        (before, last) = (now, at);
        // A machine that slept is not owed the lines it missed.
        due = (due + INTERVAL).max(at);
    }
}

/// One thread waits for the signals: no code of ours runs inside a handler. The second signal ends the process
/// at once, should the first have come to nothing.
fn watch_signals(tell: Sender<End>) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("signals cannot be watched: {error}");
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(cannot)?;
    let watch = move || {
        let mut ending = false;
        for signal in signals.forever() {
            if ending {
                // What a shell reports of a process that a signal ended.
                std::process::exit(128 + signal);
            }
            ending = true;
            let _ = tell.send(End::Signal);
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(watch).map_err(cannot)?;
    Ok(())
}
