//! The server that is attacked: this program once more, so that its memory and its descriptors are its own.
//!
//! It prints where it listens; for each line on its standard input it prints what it has counted; it ends with its
//! input. The limits are the same for all attacks and stand here.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proactor_server::{Endian, Framing, Full, Handler, Limits, Reason, Server, Session, Timeouts, Width};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use serde::{Deserialize, Serialize};

use crate::lab::measure::Failure;
use crate::{descriptors, say};

/// What a session may have queued, in bytes and in messages.
pub const QUEUE: usize = 256 << 10;
pub const QUEUED: usize = 512;
/// The longest message.
pub const MESSAGE: usize = 64 << 10;
/// What one receive brings.
pub const RECEIVE: usize = 16 << 10;
/// Receives' buffers, for all sessions.
pub const RECEIVES: usize = 512;
/// How long half-open sessions and slow readers are borne.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// How long a handler blocks where it does.
pub const BLOCK: Duration = Duration::from_millis(10);
/// Workers, for up to so many handlers block at once.
const WORKERS: usize = 64;

/// The server that is attacked or filled.
#[derive(clap::Args, Debug)]
pub struct Victim {
    /// Sessions there may be
    #[arg(long, default_value_t = 20_000)]
    sessions: usize,
    /// Descriptors there may be; as many as the system gives if not said
    #[arg(long)]
    descriptors: Option<u64>,
    /// Time limits as short as attacks want them
    #[arg(long)]
    impatient: bool,
    /// Handlers do what the first byte of a message says: `b` blocks for 10 ms, `p` panics
    #[arg(long)]
    obey: bool,
}

/// What the server says of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Look {
    pub open: usize,
    pub accepted: u64,
    pub refused: u64,
    pub messages_in: u64,
    pub messages_out: u64,
    pub dropped: u64,
    pub lost: u64,
    /// Beginnings and ends that the handler was told.
    pub connected: u64,
    pub closed: u64,
    /// Why sessions ended, and how many.
    pub reasons: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Told {
    connected: AtomicU64,
    closed: AtomicU64,
    reasons: Mutex<BTreeMap<String, u64>>,
}

struct Echo {
    told: Arc<Told>,
    obey: bool,
}

impl Handler for Echo {
    type State = ();

    fn connected(&self, _: &Session) {
        self.told.connected.fetch_add(1, Relaxed);
    }

    fn message(&self, session: &Session, (): &mut (), message: &[u8]) {
        match message.first() {
            Some(b'b') if self.obey => std::thread::sleep(BLOCK),
            Some(b'p') if self.obey => panic!("as the message wants it"),
            _ => {}
        }
        // A session that is closing is told by its end.
        let _ = session.send(message);
    }

    fn closed(&self, _: &Session, (): (), reason: Reason) {
        self.told.closed.fetch_add(1, Relaxed);
        let mut reasons = self.told.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        *reasons.entry(named(reason)).or_default() += 1;
    }
}

/// Numbers in a reason would make each a kind of its own.
fn named(reason: Reason) -> String {
    match reason {
        Reason::Frame(_) => "no message".into(),
        Reason::Failed(status) => {
            status.name().unwrap_or("failed").trim_start_matches("STATUS_").to_lowercase()
        }
        reason => reason.to_string(),
    }
}

/// Serves until its input ends.
pub fn run(victim: &Victim) -> Result<ExitCode, String> {
    // Its panics are wanted: nobody reads of each.
    std::panic::set_hook(Box::new(|_| {}));
    let serve = || -> Result<(), Failure> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        descriptors::raise();
        if let Some(most) = victim.descriptors {
            setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..getrlimit(Resource::Nofile) })?;
        }
        let told = Arc::<Told>::default();
        let server = start(victim, told.clone())?;
        say::line(&format_args!("listening {}", server.local_addr()?));
        for line in std::io::stdin().lines() {
            line?;
            say::line(&serde_json::to_string(&look(&server, &told))?);
        }
        server.shutdown(Duration::from_secs(2));
        Ok(())
    };
    serve().map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string())
}

#[allow(clippy::needless_update, reason = "what else there may be limits of is as it is at first")]
fn start(victim: &Victim, told: Arc<Told>) -> Result<Server, Failure> {
    let limits = Limits {
        sessions: victim.sessions,
        message: MESSAGE,
        queue_messages: QUEUED,
        queue_bytes: QUEUE,
        receive_buffer: RECEIVE,
        receive_buffers: RECEIVES,
        ..Limits::default()
    };
    let patience = victim.impatient.then_some(PATIENCE);
    let timeouts = Timeouts { half_open: patience, slow_reader: patience, ..Timeouts::default() };
    let builder =
        Server::builder(Framing::length(Width::Four, Endian::Big)).limits(limits).timeouts(timeouts);
    Ok(builder.full(Full::Wait).workers(WORKERS).listen("127.0.0.1:0", Echo { told, obey: victim.obey })?)
}

fn look(server: &Server, told: &Told) -> Look {
    let counts = server.sessions().counts();
    Look {
        open: counts.open,
        accepted: counts.accepted,
        refused: counts.refused,
        messages_in: counts.messages_in,
        messages_out: counts.messages_out,
        dropped: counts.messages_dropped,
        lost: counts.messages_lost,
        connected: told.connected.load(Relaxed),
        closed: told.closed.load(Relaxed),
        reasons: told.reasons.lock().unwrap_or_else(PoisonError::into_inner).clone(),
    }
}

/// The other process, seen from here; ours or a peer. Killed when this is dropped.
pub struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

impl Running {
    /// This program as the victim.
    pub fn victim(arguments: &[&str]) -> Result<Running, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "victim"]).args(arguments);
        Running::start(command)
    }

    /// Any program that says where it listens and ends with its input.
    pub fn start(mut command: Command) -> Result<Running, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err("a pipe is missing".into()) };
        let (mut output, mut line) = (BufReader::new(output), String::new());
        output.read_line(&mut line)?;
        let address = line.strip_prefix("listening ").ok_or("the server did not start")?.trim().parse()?;
        Ok(Running { child, input, output, address })
    }

    pub fn look(&mut self) -> Result<Look, Failure> {
        writeln!(self.input, "look")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(serde_json::from_str(&line).map_err(|_| "the server has ended")?)
    }

    /// What it says once that holds, within some seconds; or what it says then.
    pub fn settled(&mut self, holds: impl Fn(&Look) -> bool) -> Result<Look, Failure> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let look = self.look()?;
            if holds(&look) || Instant::now() > deadline {
                return Ok(look);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn resident(&self) -> u64 {
        resident(self.id())
    }

    /// Sockets it has open. A port may have other descriptors, which come and go with how its workers block.
    pub fn sockets(&self) -> u64 {
        let Ok(folder) = std::fs::read_dir(format!("/proc/{}/fd", self.id())) else { return 0 };
        let links = folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("socket:")).count() as u64
    }
}

/// Bytes of a process that are in memory and its own; 0 once it has gone.
pub fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
