//! `proactor serve file`: the files of a folder by HTTP/1.1, GET and HEAD, sent by the kernel from its cache.
//!
//! A request is read by [`request`], its file found by [`site`], the part of it chosen by [`conditions`], the head
//! written by [`answer`]; this file has the sessions.

mod answer;
mod conditions;
mod head;
mod opened;
mod request;
mod site;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use proactor::File;
use proactor::diagnose::PortSnapshot;
use proactor_server::{Framing, Full, Handler, Limits, Reason, Server, Session, Timeouts};

use self::answer::{After, Answer};
use self::opened::Opened;
use self::request::{Refused, Request};
use self::site::{Found, Site};
use super::Running;
use super::arguments::{Seconds, seconds};
use super::sessions::{Common, Ends, SessionCounts, listening};
use crate::{descriptors, say};

/// Answers that one connection may have under way. The last of them closes it, and its client asks again for the rest
/// on another (RFC 9112, 9.3.2).
const PIPELINED: usize = 64;
/// How long a first request may take, unless sessions may be idle for less.
const FIRST: Duration = Duration::from_secs(10);
/// How long answers may take that are under way at the end.
const DRAIN: Duration = Duration::from_secs(10);
/// Files that may be open where descriptors are without limit.
const MANY: u64 = 1 << 16;
/// Below so many sessions the start says what allows more, also where none were asked for.
const FEW: usize = 1000;

/// The files of a folder by HTTP/1.1.
///
/// GET and HEAD with ranges, conditions (ETag, If-None-Match, If-Modified-Since, If-Range...), keep-alive and
/// pipelining; `index.html` for a directory. The kernel sends the files from its cache: no byte of them passes through
/// this program. Ctrl-C or SIGTERM ends the server: it accepts no more, answers under way have 10 seconds, it prints a
/// summary and exits with status 0. A second one ends it at once.
///
/// No path leads out of the folder, neither by `..` in any writing nor by symbolic links. What begins with a dot is
/// not served, nor what is no regular file. Requests with a body, and whatever is ambiguous, are refused and their
/// connection closed. A head has up to 16 KiB and the first comes within 10 seconds; who reads nothing for 30 seconds
/// is dropped. Half of the descriptors are for sessions, and half for files.
#[derive(clap::Args)]
#[command(
    max_term_width = 100,
    after_help = "\
Each second it prints one line (not with --quiet), such as

  12 s     120 sessions    41,230 requests/s    3.4 MiB/s in    1.1 GiB/s out  running 2 blocked 0 parked 6  queue 3

Behind that come, if there are any: accept pauses (no descriptors were left), connections refused beyond the limit, \
sessions that were idle too long, never asked, or read too slowly, faults.

It speaks no TLS: before the world, put a proxy that does.

Examples:
  proactor serve file .                          then: curl http://127.0.0.1:8000/README.md
  proactor serve file target/doc --listen [::]:8000
  curl -r 0-99 http://127.0.0.1:8000/README.md   the first 100 bytes"
)]
pub struct Args {
    /// The folder to serve.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where to listen, as HOST:PORT. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
    listen: String,
    /// How long a connection may be quiet before it is closed. 0 is for ever.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    idle_timeout: Seconds,
    #[command(flatten)]
    pub common: Common,
}

/// The running server.
pub struct Files {
    server: Server,
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    site: Site,
    opened: Opened,
    ends: Ends,
}

impl Files {
    pub fn start(args: &Args) -> Result<Files, String> {
        let site = Site::new(&args.folder)?;
        let (sessions, files) = halves(&args.common);
        let limits = Limits { queue_messages: 4 * PIPELINED, receive_buffer: 8 << 10, ..Limits::default() };
        let idle = args.idle_timeout.0;
        let first = idle.map_or(FIRST, |idle| idle.min(FIRST));
        let builder = Server::builder(Framing::codec(head::Heads))
            .limits(Limits { sessions, ..args.common.limits(limits) })
            .timeouts(Timeouts { idle, half_open: Some(first), ..Timeouts::default() })
            .full(Full::DropSession);
        let shared = Arc::new(Shared { site, opened: Opened::new(files), ends: Ends::default() });
        let server = args.common.serve(&args.listen, builder, Hosted(shared.clone()))?;
        Ok(Files { address: listening(&server)?, server, shared })
    }
}

/// The descriptors shared out: sessions and files there may be.
fn halves(common: &Common) -> (usize, usize) {
    let (wanted, workers) = (common.sessions(), common.workers() as u64);
    let limit = descriptors::raise();
    let half =
        limit.map_or(MANY, |limit| (descriptors::connections(limit, workers) / 2).clamp(1, MANY)) as usize;
    if let Some(limit) = limit
        && half < common.limit_sessions.unwrap_or(FEW)
    {
        say::aside(&format_args!(
            "note: `ulimit -n {limit}` allows {} and as many open files; for {} it takes `ulimit -n {}`",
            say::counted(half as u64, "session"),
            say::count(wanted as u64),
            descriptors::needed(2 * wanted as u64, workers),
        ));
    }
    (wanted.min(half), half)
}

impl Running for Files {
    type Counts = SessionCounts;

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn counts(&self) -> SessionCounts {
        self.shared.ends.counts("request", self.server.sessions().counts())
    }

    fn port(&self) -> PortSnapshot {
        self.server.port()
    }

    fn stop(self) -> SessionCounts {
        let counts = self.server.shutdown(DRAIN);
        self.shared.ends.counts("request", counts)
    }
}

/// What the session layer calls.
struct Hosted(Arc<Shared>);

impl Handler for Hosted {
    type State = ();

    fn connected(&self, _: &Session) {}

    fn message(&self, session: &Session, (): &mut (), head: &[u8]) {
        let now = SystemTime::now();
        let keep = match request::parse(head) {
            Ok(request) => self.0.answer(session, &request, now),
            Err(refused) => {
                let refused = Refused { keep: refused.keep && goes_on(session), ..refused };
                sent(session.send(&answer::refused(&refused, now))) && refused.keep
            }
        };
        if !keep {
            session.close();
        }
    }

    fn closed(&self, session: &Session, (): (), reason: Reason) {
        self.0.ends.ended(session, reason);
    }
}

/// Whether there may be another answer after the next one.
fn goes_on(session: &Session) -> bool {
    session.queued().0 + 1 < PIPELINED
}

/// A session that has ended meanwhile is told by `closed`.
fn sent<E>(sent: Result<(), E>) -> bool {
    sent.is_ok()
}

impl Shared {
    /// Answers, and says whether the connection goes on.
    fn answer(&self, session: &Session, request: &Request, now: SystemTime) -> bool {
        let after = After { keep: request.keep && goes_on(session), old: request.old };
        let under_way = || session.sessions().all().iter().map(|session| session.queued().0).sum();
        if !self.opened.one_more(Instant::now(), under_way) {
            sent(session.send(&answer::shortage(request, now)));
            return false;
        }
        let told = match self.site.find(&request.path, request.folder, now) {
            Found::Nothing => session.send(&answer::not_found(request, after, now)),
            Found::Directory => session.send(&answer::directory(request, after, now)),
            Found::Shortage => {
                sent(session.send(&answer::shortage(request, now)));
                return false;
            }
            Found::File { file, version, name } => {
                let part = conditions::part(request, &version);
                let Answer { bytes, body } = answer::file(request, &part, &version, &name, after, now);
                match (body, File::from_fd(file)) {
                    (None, _) => session.send(&bytes),
                    (Some((offset, len)), Ok(file)) => session.send_file(&bytes, &file, offset, len),
                    (Some(_), Err(_)) => {
                        sent(session.send(&answer::shortage(request, now)));
                        return false;
                    }
                }
            }
        };
        sent(told) && after.keep
    }
}
