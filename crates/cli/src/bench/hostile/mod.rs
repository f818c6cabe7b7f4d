//! `proactor bench hostile`: the session layer under attack, each attack against a server in a process of its own.
//!
//! Beside each attack some sessions behave; quiet stretches and attacks take turns, and the median of their ratios
//! counts.

mod attacks;
pub mod load;
mod soak;
pub mod table;
pub mod victim;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use self::attacks::{ATTACKS, Attack, Ground, Owed};
use self::load::{Load, Window};
pub use self::soak::{Soak, soak};
use self::victim::{Look, RECEIVE, RECEIVES, Running};
use super::report::Spread;
use crate::lab::measure::{Effort, Failure};
use crate::say;

/// The session layer under attack: what it costs, and whether the server serves on.
///
/// For each attack a server is started in a process of its own, with limits as `docs/hostile.md` names them. An
/// attack is held if memory stays below what the limits allow, no descriptor is left open, every session that began
/// was told its end, nobody who behaves lost an answer, and they are served as the row says. The exit status is 1 if
/// one is not held, and 2 if the command line is wrong.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Attacks to carry out; all of them if none is named
    names: Vec<String>,
    /// List the attacks and carry none out
    #[arg(long)]
    list: bool,
    /// Shorter: whether it runs, not how well
    #[arg(long)]
    quick: bool,
    /// The peer on tokio, to be loaded with what blocks as well; `cargo xtask bench hostile` builds it
    #[arg(long, value_name = "PATH")]
    tokio: Option<PathBuf>,
}

/// What one attack came to.
struct Outcome {
    attack: &'static Attack,
    peer: bool,
    before: u64,
    peak: u64,
    after: u64,
    sockets: (u64, u64),
    look: Option<Look>,
    lost: u64,
    /// Attack by quiet: 99th percentile, throughput.
    latency: Spread,
    throughput: Spread,
    quiet: Window,
    under: Window,
}

pub fn run(args: &Args) -> Result<ExitCode, String> {
    if args.list {
        ATTACKS.iter().for_each(|attack| say::line(&format_args!("{:14} {}", attack.id, attack.done)));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = args.names.iter().find(|name| ATTACKS.iter().all(|attack| attack.id != *name)) {
        say::aside(&format_args!("error: there is no attack '{unknown}'; --list names those there are"));
        return Ok(ExitCode::from(2));
    }
    crate::descriptors::raise();
    let effort = Effort { quick: args.quick };
    let mut outcomes = Vec::new();
    for attack in ATTACKS
        .iter()
        .filter(|attack| args.names.is_empty() || args.names.iter().any(|name| name == attack.id))
    {
        say::aside(&format_args!("{} ...", attack.id));
        let failed = |error: Failure| format!("{}: {error}", attack.id);
        outcomes.push(carry_out(attack, effort, None).map_err(failed)?);
        if let (Owed::Throughput(_), Some(peer)) = (attack.owed, &args.tokio) {
            outcomes.push(carry_out(attack, effort, Some(peer)).map_err(failed)?);
        }
    }
    say::line(&show(&outcomes, args).trim_end());
    let held = outcomes.iter().filter(|outcome| !outcome.peer).all(|outcome| outcome.objection().is_none());
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn carry_out(attack: &'static Attack, effort: Effort, peer: Option<&Path>) -> Result<Outcome, Failure> {
    let mut server = match peer {
        None => Running::victim(attack.victim)?,
        Some(path) => tokio(path, true)?,
    };
    let bare = server.sockets();
    // Threads, arenas and tables are there before it is measured.
    Load::start(server.address, attack.behaved)?.end();
    if peer.is_none() {
        server.settled(|look| look.open == 0)?;
    }
    let (before, peak, over) = (server.resident(), AtomicU64::new(0), AtomicBool::new(false));
    let process = server.id();
    let (quiet, under, lost) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                peak.fetch_max(victim::resident(process), Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let turns = alternate(attack, effort, &server);
        over.store(true, Relaxed);
        turns
    })?;
    let look = match peer {
        None => Some(server.settled(|look| look.open == 0 && look.connected == look.closed)?),
        Some(_) => None,
    };
    // It still serves.
    let lost = lost + Load::start(server.address, 2)?.end();
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.sockets() > bare && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let ratio = |of: fn(&Window) -> f64| {
        Spread::of(under.iter().zip(&quiet).map(|(under, quiet)| of(under) / of(quiet)).collect())
    };
    Ok(Outcome {
        attack,
        peer: peer.is_some(),
        before,
        peak: peak.into_inner(),
        after: server.resident(),
        sockets: (bare, server.sockets()),
        look,
        lost,
        latency: ratio(|window| window.p99.as_secs_f64()),
        throughput: ratio(|window| window.per_second),
        quiet: middle(quiet, |window| window.p99),
        under: middle(under, |window| window.p99),
    })
}

type Turns = (Vec<Window>, Vec<Window>, u64);

/// Quiet and attack in turns, with those who behave all the time.
fn alternate(attack: &Attack, effort: Effort, server: &Running) -> Result<Turns, Failure> {
    let (rounds, time) = (effort.of(5, 1), Duration::from_millis(effort.of(1200, 300) as u64));
    let behaved = Load::start(server.address, attack.behaved)?;
    let (mut quiet, mut under) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let stretch = |does: fn(Ground)| {
            let ground = Ground { address: server.address, until: Instant::now() + time, seed: round as u64 };
            std::thread::scope(|scope| {
                scope.spawn(move || does(ground));
                let start = behaved.begin();
                std::thread::sleep(time);
                behaved.since(start)
            })
        };
        quiet.push(stretch(attack.quiet.unwrap_or(|_| {})));
        under.push(stretch(attack.run));
    }
    Ok((quiet, under, behaved.end()))
}

fn middle(mut windows: Vec<Window>, by: fn(&Window) -> Duration) -> Window {
    windows.sort_by_key(by);
    windows[windows.len() / 2]
}

/// The peer on tokio, with as many threads as our concurrency.
pub fn tokio(path: &Path, block: bool) -> Result<Running, Failure> {
    let mut command = Command::new(path);
    command.arg(format!("--threads={}", proactor::processors())).args(block.then_some("--block"));
    Running::start(command).map_err(|error| format!("{}: {error}", path.display()).into())
}

impl Outcome {
    /// What memory may come to, by the limits.
    fn most(&self) -> u64 {
        /// Stacks of workers, and what the allocator holds back.
        const SLACK: usize = 12 << 20;
        let attack = self.attack;
        self.before + (attack.sessions * attack.each + RECEIVES * RECEIVE + SLACK) as u64
    }

    /// Why it is not held, if so.
    fn objection(&self) -> Option<String> {
        let told = self.look.as_ref().is_none_or(|look| look.connected == look.closed && look.open == 0);
        let objections = [
            (self.lost > 0, format!("{} lost", say::counted(self.lost, "behaved session"))),
            (self.peak > self.most(), "memory".into()),
            (self.sockets.1 > self.sockets.0, "descriptors".into()),
            (!told, "an end was not told".into()),
            (
                match self.attack.owed {
                    Owed::Service => self.under.per_second == 0.0,
                    Owed::Latency(most) => self.latency.median.is_nan() || self.latency.median > most,
                    Owed::Throughput(least) => {
                        self.throughput.median.is_nan() || self.throughput.median < least
                    }
                },
                "service".into(),
            ),
        ];
        objections.into_iter().find(|(applies, _)| *applies).map(|(_, why)| why)
    }

    fn row(&self) -> Vec<String> {
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / 1048576.0);
        let reasons = self.look.as_ref().map_or("not told".into(), |look| {
            let all = look.reasons.iter().map(|(reason, count)| format!("{} {reason}", say::count(*count)));
            let refused = (look.refused > 0).then(|| format!("{} refused", say::count(look.refused)));
            all.chain(refused).collect::<Vec<_>>().join(", ")
        });
        let owed = match self.attack.owed {
            Owed::Service => "served".into(),
            Owed::Latency(most) => format!("99 % at most {most}"),
            Owed::Throughput(least) => format!("throughput at least {least}"),
        };
        let memory = if self.peer { "none stated".into() } else { mib(self.most()) };
        vec![
            format!("{}{}", self.attack.id, if self.peer { ", tokio" } else { "" }),
            format!("{} / {} / {}", mib(self.before), mib(self.peak), mib(self.after)),
            memory,
            format!("{} / {}", self.sockets.0, self.sockets.1),
            format!("{} / {}", rounded(self.quiet.p99), rounded(self.under.p99)),
            format!("{:.2} ({:.2} to {:.2})", self.latency.median, self.latency.least, self.latency.most),
            format!(
                "{:.2} ({:.2} to {:.2})",
                self.throughput.median, self.throughput.least, self.throughput.most
            ),
            owed,
            if self.peer {
                "peer".into()
            } else {
                self.objection().map_or("held".into(), |why| format!("not: {why}"))
            },
            reasons,
        ]
    }
}

fn rounded(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn show(outcomes: &[Outcome], args: &Args) -> String {
    let heads = [
        "attack",
        "memory before / peak / after, MiB",
        "limit, MiB",
        "sockets before / after",
        "99 % quiet / attacked",
        "99 %, times quiet",
        "throughput, times quiet",
        "owed",
        "held",
        "sessions ended by",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(outcomes.iter().map(Outcome::row));
    let mut out = table::table(&rows);
    out.push('\n');
    for outcome in outcomes.iter().filter(|outcome| !outcome.peer) {
        let attack = outcome.attack;
        out.push_str(&format!("- {}: {}; {} behave.\n", attack.id, attack.done, attack.behaved));
    }
    if args.tokio.is_none() {
        out.push_str(
            "\nThe peer was not measured: `cargo xtask bench hostile` builds it and runs this with it.\n",
        );
    }
    let ours = outcomes.iter().filter(|outcome| !outcome.peer);
    let held = ours.clone().filter(|outcome| outcome.objection().is_none()).count();
    let quick = if args.quick { "; too short for figures" } else { "" };
    out.push_str(&format!(
        "\n{held} of {} held, on {}{quick}\n",
        ours.count(),
        table::place(&crate::lab::machine())
    ));
    out
}
