//! A server among the examples while it runs: its port, its end, and what it said.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Outcome, Scratch, Side, build, crate_folder, on_path, wine};

/// How a program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// By itself.
    Ours,
    /// By valgrind, which fails it for any access to memory that is not its own and for what it loses.
    Valgrind,
    /// By Wine, as a program for Windows.
    Wine,
}

/// Why a program can't be run in that way here; none if it can. Where Wine has to be there, so has valgrind.
pub fn missing(under: Under) -> Option<String> {
    match under {
        Under::Ours => None,
        Under::Wine => wine::missing(),
        Under::Valgrind if on_path("valgrind") => None,
        Under::Valgrind => {
            assert!(!wine::demanded(), "PROACTOR_WINE=1, but there is no valgrind");
            Some("not here: valgrind".to_owned())
        }
    }
}

/// The example `name`, built, to be given its arguments.
pub fn example(name: &str, under: Under) -> Outcome<Command> {
    let source = crate_folder().join("../../examples/win32").join(name);
    match under {
        Under::Ours => Ok(Command::new(build(&source, Side::Ours, &[])?)),
        Under::Wine => wine::command(&build(&source, Side::Wine, &[])?),
        Under::Valgrind => {
            let mut command = Command::new("valgrind");
            command.args([
                "--quiet",
                "--error-exitcode=99",
                "--leak-check=full",
                "--errors-for-leak-kinds=definite",
            ]);
            command.args(["--show-leak-kinds=definite", "--num-callers=30", "--fair-sched=yes"]);
            // While a thread is in a ring's system call for long, valgrind lets no other run.
            command.env("PROACTOR_BACKEND", "threads");
            command.arg(build(&source, Side::Ours, &[])?);
            Ok(command)
        }
    }
}

/// How long a server may take for anything; valgrind and a busy machine are slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that listens. It is killed when dropped before its end.
pub struct Server {
    child: Child,
    scratch: Scratch,
    port: u16,
}

impl Server {
    /// Starts it, and reads from its first line where it listens. Its files take what it writes, see [`super::run`].
    pub fn start(mut command: Command) -> Outcome<Self> {
        let scratch = Scratch::new("server");
        let create = |name: &str| File::create(scratch.path().join(name)).map_err(|error| error.to_string());
        command.stdin(Stdio::piped()).stdout(create("stdout")?).stderr(create("stderr")?).process_group(0);
        let child = command.spawn().map_err(|error| format!("{command:?} does not start: {error}"))?;
        let mut server = Self { child, scratch, port: 0 };
        let started = Instant::now();
        loop {
            let said = server.said("stdout");
            if let Some((first, _)) = said.split_once('\n') {
                let port = first.strip_prefix("listening on 127.0.0.1:").and_then(|port| port.parse().ok());
                server.port = port.ok_or_else(|| format!("`{first}` says no port"))?;
                return Ok(server);
            }
            let ended = server.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                return Err(format!(
                    "{command:?} does not listen: {ended:?} {said}{}",
                    server.said("stderr")
                ));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn said(&self, name: &str) -> String {
        let path: PathBuf = self.scratch.path().join(name);
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace("\r\n", "\n")
    }

    /// A connection to it, whose reads and writes do not wait for ever.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream
    }

    /// Its process, for looking into `/proc`.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to quit.
    pub fn quit(&mut self) {
        let mut input = self.child.stdin.take().expect("it is told once");
        input.write_all(b"quit\n").expect("the server reads its input");
    }

    /// Waits for its end, and gives what it said after its first line.
    pub fn end(mut self) -> Outcome<String> {
        let started = Instant::now();
        let status = loop {
            match self.child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break status,
                None if started.elapsed() > PATIENCE => {
                    return Err(format!("it does not end: {}{}", self.said("stdout"), self.said("stderr")));
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let (out, err) = (self.said("stdout"), without_remarks(&self.said("stderr")));
        if !status.success() || !err.is_empty() {
            return Err(format!("it ended with {status}: {out}{err}"));
        }
        Ok(out.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default())
    }
}

/// What is left without valgrind's remarks about itself, such as on calls of the kernel that it does not know.
pub fn without_remarks(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("--")).map(|line| format!("{line}\n")).collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            super::end_group(self.child.id());
            let _ = self.child.wait();
        }
    }
}

/// Whether two files hold the same.
pub fn same(one: &Path, other: &Path) -> bool {
    match (fs::read(one), fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
