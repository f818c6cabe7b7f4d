//! `proactor bench idle`: what an idle session costs in memory, and what ten thousand of them cost those that are busy.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::hostile::load::Load;
use super::hostile::table::{place, table};
use super::hostile::victim::Running;
use crate::lab::measure::{Effort, Failure};
use crate::say;

/// User memory of an idle session, and what many idle ones cost those that are busy.
///
/// The server is a process of its own, ours and then the peer. Each session is answered one message and is idle then;
/// its memory is the growth of the server's own memory by the number of sessions. Then some sessions are busy, with
/// and without the idle ones. The exit status is 1 if a target is missed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Fewer sessions: whether it runs
    #[arg(long)]
    quick: bool,
    /// The peer on tokio; `cargo xtask bench idle` builds it
    #[arg(long, value_name = "PATH")]
    tokio: Option<PathBuf>,
}

/// Bytes an idle session may cost.
const MOST: f64 = 400.0;
/// Of their throughput alone, what the busy ones keep.
const LEAST: f64 = 0.9;
const BUSY: usize = 100;
/// Before it is measured: threads, arenas, the first doublings of tables.
const WARM_UP: usize = 500;

struct Measured {
    who: &'static str,
    bytes: f64,
    /// Without idle sessions, before and after; with them.
    alone: (f64, f64),
    beside: f64,
}

impl Measured {
    fn kept(&self) -> f64 {
        2.0 * self.beside / (self.alone.0 + self.alone.1)
    }
}

pub fn run(args: &Args) -> Result<ExitCode, String> {
    crate::descriptors::raise();
    let effort = Effort { quick: args.quick };
    let sessions = effort.of(10_000, 1000);
    let measured = || -> Result<Vec<Measured>, Failure> {
        let mut all = vec![measure("proactor", Running::victim(&[])?, sessions, effort)?];
        if let Some(path) = &args.tokio {
            all.push(measure("tokio, 4 KiB buffer", super::hostile::tokio(path, false)?, sessions, effort)?);
        }
        Ok(all)
    };
    let all = measured().map_err(|error| error.to_string())?;
    say::line(&show(&all, sessions, args).trim_end());
    let holds = all[0].bytes <= MOST && all[0].kept() >= LEAST;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(who: &'static str, server: Running, sessions: usize, effort: Effort) -> Result<Measured, Failure> {
    let busy = || -> Result<f64, Failure> {
        let load = Load::start(server.address, BUSY)?;
        // The first answers are not counted.
        let time = Duration::from_millis(effort.of(4000, 300) as u64);
        load.window(time / 8);
        let rate = load.window(time).per_second;
        match load.end() {
            0 => Ok(rate),
            lost => Err(format!("{lost} busy sessions were lost").into()),
        }
    };
    let before = busy()?;
    let mut all = Vec::with_capacity(sessions + WARM_UP);
    let mut connect = |count: usize| -> Result<(), Failure> {
        for _ in 0..count {
            all.push(idle(server.address, all.len())?);
        }
        Ok(())
    };
    connect(WARM_UP)?;
    let base = server.resident();
    connect(sessions)?;
    let bytes = server.resident().saturating_sub(base) as f64 / sessions as f64;
    let beside = busy()?;
    drop(all);
    let after = busy()?;
    Ok(Measured { who, bytes, alone: (before, after), beside })
}

/// A session that was answered once. Some thousands share an address of their own: ports are few.
fn idle(server: SocketAddr, number: usize) -> Result<TcpStream, Failure> {
    const EACH: usize = 4000;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let from = SocketAddr::from(([127, 0, 1, (1 + number / EACH) as u8], 0));
    socket.bind(&from.into())?;
    socket.connect(&server.into())?;
    // What is reset leaves no port behind that waits.
    socket.set_linger(Some(Duration::ZERO))?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(b"\0\0\0\x04idle")?;
    stream.read_exact(&mut [0; 8])?;
    Ok(stream)
}

fn show(all: &[Measured], sessions: usize, args: &Args) -> String {
    let heads = [
        "server",
        "bytes of an idle session",
        "asked",
        "busy alone, messages/s, before / after",
        "beside the idle",
        "kept",
        "asked",
        "holds",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (at, one) in all.iter().enumerate() {
        let (most, least) = (format!("at most {MOST:.0}"), format!("at least {:.0} %", LEAST * 100.0));
        let holds = match (at, one.bytes <= MOST, one.kept() >= LEAST) {
            (0, true, true) => "both",
            (0, true, false) => "memory only",
            (0, false, true) => "throughput only",
            (0, false, false) => "neither",
            _ => "peer",
        };
        rows.push(vec![
            one.who.into(),
            format!("{:.0}", one.bytes),
            if at == 0 { most } else { String::new() },
            format!("{:.0} / {:.0}", one.alone.0, one.alone.1),
            format!("{:.0}", one.beside),
            format!("{:.0} %", 100.0 * one.kept()),
            if at == 0 { least } else { String::new() },
            holds.into(),
        ]);
    }
    let mut out = table(&rows);
    if args.tokio.is_none() {
        out.push_str(
            "\nThe peer was not measured: `cargo xtask bench idle` builds it and runs this with it.\n",
        );
    }
    let quick = if args.quick { "; too short for figures" } else { "" };
    let (idle, machine) = (say::count(sessions as u64), place(&crate::lab::machine()));
    out.push_str(&format!("\n{idle} idle and {BUSY} busy sessions, on {machine}{quick}\n"));
    out
}
