//! `proactor top`: the ports and workers of another process, looked at every second.

mod model;
mod view;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use proactor::Status;
use proactor::diagnose::{self, Report};
use ratatui::DefaultTerminal;

use self::model::Model;
use crate::{look, say};

/// Watch the ports and workers of a process.
///
/// Above, a line for each completion port: workers that run and how many may; that are blocked in a handler and have
/// lent their seat to others; that are parked, waiting for packets; packets that wait for workers; operations under way
/// on its handles; and what it did in the last second. Behind a slash stands the limit. A port whose packets wait while
/// every worker is blocked is red.
///
/// Below, a line for each worker, with what it waits for. A blocked worker is no fault: that is what the others are
/// there for. All of them blocked is one, and `proactor wait-chain PID` says why.
///
/// Without PID it lists the processes that can be looked into.
#[derive(clap::Args)]
#[command(
    max_term_width = 100,
    after_help = "\
Keys: q quits, p or the space bar pauses, s or the right arrow sorts the workers by the next column and the left arrow \
by the one before, the up and down arrows and Page Up and Page Down scroll them.

The process has to serve diagnosis: `proactor serve` does by itself, a program of yours after \
`proactor::diagnose::serve()`. Only its own user may look, and root. It is asked once an interval, which costs it some \
10 us a thread.

Examples:
  proactor top                           who can be looked into
  proactor top 4711
  proactor top 4711 --once               one frame as plain text, with the rates of one second
  proactor top 4711 --once --interval 10 | tail -n +4"
)]
pub struct Args {
    /// The process.
    #[arg(value_name = "PID")]
    process: Option<u32>,
    /// Print one frame as plain text, and end. Takes one interval, for the rates.
    #[arg(long)]
    once: bool,
    /// Seconds between two looks, 0.1 to 60.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
}

fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=60.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("a number of seconds from 0.1 to 60 is needed".to_owned()),
    }
}

pub fn run(args: &Args) -> Result<ExitCode, String> {
    let Some(process) = args.process else {
        // Whoever closed the pipe has read enough.
        let _ = std::io::stdout().write_all(look::list().as_bytes());
        return Ok(ExitCode::SUCCESS);
    };
    let mut model = Model::new(look::ask(process)?);
    if args.once {
        std::thread::sleep(args.interval);
        model.update(Ok(look::ask(process)?));
        let _ = std::io::stdout().write_all(view::plain(&model)?.as_bytes());
        return Ok(ExitCode::SUCCESS);
    }
    if !std::io::stdout().is_terminal() {
        return Err("the standard output is no terminal: use --once for plain text".to_owned());
    }
    let reports = watch(process, args.interval)?;
    let mut terminal =
        ratatui::try_init().map_err(|error| format!("the terminal cannot be used: {error}"))?;
    let ended = show(&mut terminal, &mut model, &reports);
    ratatui::restore();
    if ended? == End::ItsEnd {
        say::line(&format_args!("process {process} has ended, or serves diagnosis no more"));
    }
    Ok(ExitCode::SUCCESS)
}

type Asked = Result<Report, Status>;

/// Asks from a thread of its own, so that a process that does not answer does not keep the keys.
fn watch(process: u32, interval: Duration) -> Result<Receiver<Asked>, String> {
    let (tell, told): (SyncSender<Asked>, _) = sync_channel(1);
    let ask = move || {
        loop {
            std::thread::sleep(interval);
            if tell.send(diagnose::look_into(process)).is_err() {
                return;
            }
        }
    };
    let spawned = std::thread::Builder::new().name("asking".into()).spawn(ask);
    spawned.map_err(|error| format!("no thread could be started: {error}"))?;
    Ok(told)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Key,
    /// The process is no longer there.
    ItsEnd,
}

fn show(terminal: &mut DefaultTerminal, model: &mut Model, reports: &Receiver<Asked>) -> Result<End, String> {
    /// A key is answered as soon as that.
    const GLANCE: Duration = Duration::from_millis(50);
    let cannot = |error: std::io::Error| format!("the terminal cannot be used any more: {error}");
    loop {
        terminal.draw(|frame| view::draw(frame, model)).map_err(cannot)?;
        loop {
            if event::poll(Duration::ZERO).map_err(cannot)? {
                match event::read().map_err(cannot)? {
                    Event::Key(key) if key.kind != KeyEventKind::Release => {
                        let control = key.modifiers.contains(KeyModifiers::CONTROL);
                        if !pressed(model, key.code, control) {
                            return Ok(End::Key);
                        }
                    }
                    _ => {}
                }
                break;
            }
            match reports.recv_timeout(GLANCE) {
                Ok(Err(Status::NOT_FOUND | Status::OBJECT_NAME_NOT_FOUND)) => return Ok(End::ItsEnd),
                Ok(report) => {
                    let process = model.now.process;
                    model.update(report.map_err(|status| look::refused(process, status)));
                    break;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(End::ItsEnd),
            }
        }
    }
}

/// What a key does; false when it ends the program.
fn pressed(model: &mut Model, key: KeyCode, control: bool) -> bool {
    match key {
        KeyCode::Char('c') if control => return false,
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Char('p' | ' ') => model.paused = !model.paused,
        KeyCode::Char('s') | KeyCode::Right => model.sort = model.sort.step(true),
        KeyCode::Left => model.sort = model.sort.step(false),
        KeyCode::Down => model.scroll(1),
        KeyCode::Up => model.scroll(-1),
        KeyCode::PageDown => model.scroll(10),
        KeyCode::PageUp => model.scroll(-10),
        KeyCode::Home => model.scroll(isize::MIN),
        KeyCode::End => model.scroll(isize::MAX),
        _ => {}
    }
    true
}

#[cfg(test)]
mod tests;
