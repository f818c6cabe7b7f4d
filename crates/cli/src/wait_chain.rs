//! `proactor wait-chain`: who waits for whom in another process, and who waits in a circle.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use proactor::diagnose::{
    ChainNode, ObjectInfo, ObjectOwner, Report, ThreadInfo, ThreadState, WaitChain, WorkerState,
};
use serde_json::{Value, json};

use crate::{look, say};

/// Say who waits for whom in a process, and who waits in a circle.
///
/// A thread that waits for a lock waits for whoever holds it; that thread may wait for another one in turn. Where such a
/// chain comes back to a thread it has passed, none of them can ever go on: a deadlock. It is told with what each of
/// its threads holds and what it waits for, which is what has to be known to break the circle: have every thread take
/// the locks in one and the same order, or take one of them with `try`.
///
/// Seen is what waits in this library: critical sections, reader-writer locks (their writers), mutexes, the ends of
/// threads and processes, operations, events, semaphores and timers. Nobody in particular owns the last four, so
/// chains end there. The process answers also when every worker of it is stuck; nothing in it is stopped meanwhile.
#[derive(clap::Args)]
#[command(
    max_term_width = 100,
    after_help = "\
Exit status: 0 when there is no deadlock, 1 when there is one, 2 when the process could not be looked into.

The process has to serve diagnosis: `proactor serve` does by itself, a program of yours after \
`proactor::diagnose::serve()`. Only its own user may look, and root.

With --json: an object with `process`, `name`, `deadlocks` (each with `text` and `threads`: `id`, `name`, `holds`, \
`waits_for`, `all`), `chains` (each with `text`, `nodes`, `is_cycle`, `truncated`) and `omitted`, the number of threads \
that found no room.

Examples:
  proactor wait-chain 4711                     deadlocks first, then the chain of every thread that waits
  proactor wait-chain 4711 --thread 4713       the chain of one thread, as `ps -L -p 4711` numbers them
  proactor wait-chain $(pgrep -f my-server) || echo stuck"
)]
pub struct Args {
    /// The process.
    #[arg(value_name = "PID")]
    process: u32,
    /// Only the chain of this thread, by the kernel's id.
    #[arg(long, value_name = "TID")]
    thread: Option<u32>,
    /// Print JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// What a script reads off the exit status.
const NONE: u8 = 0;
const DEADLOCK: u8 = 1;
const ERROR: u8 = 2;

pub fn run(args: &Args) -> Result<ExitCode, String> {
    let told = look::ask(args.process).and_then(|report| {
        let threads = chosen(&report, args.thread)?;
        let text = if args.json {
            let json = as_json(&report, &threads);
            serde_json::to_string_pretty(&json).map_err(|error| format!("no JSON could be made: {error}"))?
                + "\n"
        } else {
            as_text(&report, &threads, args.thread.is_some())
        };
        Ok((text, if report.deadlocks().is_empty() { NONE } else { DEADLOCK }))
    });
    let code = match told {
        Ok((text, code)) => {
            // Whoever closed the pipe has read enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            code
        }
        Err(sentence) => {
            say::aside(&format_args!("error: {sentence}"));
            ERROR
        }
    };
    Ok(ExitCode::from(code))
}

/// The threads to tell of: the one that was asked about, or all that wait for something.
fn chosen(report: &Report, thread: Option<u32>) -> Result<Vec<&ThreadInfo>, String> {
    let Some(id) = thread else {
        return Ok(report.threads.iter().filter(|thread| !thread.waits.is_empty()).collect());
    };
    match report.threads.iter().find(|thread| thread.id == id) {
        Some(thread) => Ok(vec![thread]),
        None => Err(format!(
            "process {} has no thread {id}: `ps -L -p {}` lists those it has",
            report.process, report.process
        )),
    }
}

/// Which port a worker waits at for packets.
fn parked(report: &Report) -> BTreeMap<u32, u64> {
    let ports = report.snapshot.ports.iter();
    let workers = ports.flat_map(|port| port.workers.iter().map(|worker| (port.id, worker)));
    workers
        .filter(|(_, worker)| worker.state == WorkerState::Parked)
        .map(|(port, worker)| (worker.thread, port))
        .collect()
}

/// The chains of all threads, made together: one by one would take very long where there are very many.
fn chains(report: &Report) -> BTreeMap<u32, WaitChain> {
    report.threads.iter().map(|thread| thread.id).zip(report.wait_chains()).collect()
}

fn as_text(report: &Report, threads: &[&ThreadInfo], one: bool) -> String {
    let deadlocks = report.deadlocks();
    let parked = parked(report);
    let mut text = String::new();
    if !one {
        let found = match deadlocks.len() {
            0 => "no deadlock".to_owned(),
            count => say::counted(count as u64, "deadlock"),
        };
        let _ = writeln!(text, "process {} ({}): {found}", report.process, report.name.escape_debug());
        for deadlock in &deadlocks {
            let _ = writeln!(text, "\n{deadlock}");
        }
        if !threads.is_empty() {
            let _ = writeln!(text, "\nThreads that wait, and for what:");
        }
    }
    let mut chains = chains(report);
    for thread in threads {
        let indent = if one { "" } else { "  " };
        let _ = match (parked.get(&thread.id), chains.remove(&thread.id)) {
            (Some(port), _) if thread.waits.is_empty() => {
                let name = thread.name.escape_debug();
                writeln!(text, "{indent}{name} (thread {}) waits for packets of port {port}", thread.id)
            }
            (_, Some(chain)) => writeln!(text, "{indent}{chain}"),
            (_, None) => Ok(()),
        };
    }
    if !one {
        text += &others(report, &parked);
    }
    text
}

/// Those who wait for nothing that can be followed.
fn others(report: &Report, parked: &BTreeMap<u32, u64>) -> String {
    let rest: Vec<_> = report.threads.iter().filter(|thread| thread.waits.is_empty()).collect();
    let waiting = rest.iter().filter(|thread| parked.contains_key(&thread.id)).count();
    let running = rest.iter().filter(|thread| thread.state == ThreadState::Running).count();
    let runs_parked = rest
        .iter()
        .filter(|thread| parked.contains_key(&thread.id) && thread.state == ThreadState::Running)
        .count();
    let elsewhere = rest.len() + runs_parked - waiting - running;
    let mut text = format!(
        "\nOf the others, {} for packets, {} (one of them to answer this), and {} in something outside of this \
         library.\n",
        verb(waiting, "waits", "wait"),
        verb(running - runs_parked, "runs", "run"),
        verb(elsewhere, "is blocked", "are blocked"),
    );
    if report.omitted > 0 {
        let _ = writeln!(text, "There was no room for {} more.", say::count(report.omitted as u64));
    }
    text
}

fn verb(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", say::count(count as u64), if count == 1 { one } else { many })
}

fn as_json(report: &Report, threads: &[&ThreadInfo]) -> Value {
    let deadlocks: Vec<_> = report
        .deadlocks()
        .iter()
        .map(|deadlock| {
            let threads: Vec<_> = deadlock
                .threads
                .iter()
                .map(|thread| {
                    json!({
                        "id": thread.id,
                        "name": thread.name,
                        "holds": thread.holds.iter().map(object).collect::<Vec<_>>(),
                        "waits_for": thread.waits.objects.iter().map(object).collect::<Vec<_>>(),
                        "all": thread.waits.all,
                    })
                })
                .collect();
            json!({ "text": deadlock.to_string(), "threads": threads })
        })
        .collect();
    let mut chains = chains(report);
    let chains: Vec<_> = threads
        .iter()
        .filter_map(|thread| chains.remove(&thread.id))
        .map(|chain| chain_json(&chain))
        .collect();
    json!({
        "process": report.process,
        "name": report.name,
        "deadlocks": deadlocks,
        "chains": chains,
        "omitted": report.omitted,
    })
}

fn chain_json(chain: &WaitChain) -> Value {
    let node = |node: &ChainNode| match node {
        ChainNode::Thread { id, name, state, foreign, .. } => json!({
            "thread": id,
            "name": name,
            "state": state.map(|state| if state == ThreadState::Running { "running" } else { "blocked" }),
            "process": foreign,
        }),
        ChainNode::Object(of) => object(of),
        _ => Value::Null,
    };
    json!({
        "text": chain.to_string(),
        "nodes": chain.nodes.iter().map(node).collect::<Vec<_>>(),
        "is_cycle": chain.is_cycle,
        "truncated": chain.truncated,
    })
}

fn object(object: &ObjectInfo) -> Value {
    let owner = match object.owner {
        Some(ObjectOwner::Thread(thread)) => json!({ "thread": thread }),
        Some(ObjectOwner::Foreign { process, thread }) => json!({ "process": process, "thread": thread }),
        Some(_) => json!("unknown"),
        None => Value::Null,
    };
    json!({ "object": object.kind, "name": object.name, "id": object.id, "owner": owner })
}
