//! A server as a child process, followed by what it prints.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The program with its arguments, not yet started.
pub fn proactor(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proactor"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(args: &[&str]) -> Output {
    proactor(args).output().unwrap()
}

/// Asks again until it holds, for 10 s at most.
pub fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A running `proactor serve`; killed if the test ends without ending it.
pub struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    pub address: String,
}

impl Server {
    /// On a free port.
    pub fn start(args: &[&str]) -> Server {
        Server::start_at("127.0.0.1:0", args)
    }

    pub fn start_at(address: &str, args: &[&str]) -> Server {
        let mut command = proactor(&["serve", "echo", "--listen", address]);
        command.args(args);
        Server::spawn(command)
    }

    /// `proactor serve` with these arguments, on a free port.
    pub fn serve(args: &[&str]) -> Server {
        let mut command = proactor(&["serve"]);
        command.args(args).args(["--listen", "127.0.0.1:0"]);
        Server::spawn(command)
    }

    /// On a free port, with so many descriptors at most.
    pub fn start_with_descriptors(descriptors: usize) -> Server {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {descriptors} && exec \"$0\" serve echo --listen 127.0.0.1:0");
        command.args(["-c", &script]).arg(proactor(&[]).get_program()).stdin(Stdio::null());
        Server::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut server = Server { child, out, address: String::new() };
        let line = server.line();
        let (_, rest) = line.split_once(" listening on ").unwrap_or_else(|| panic!("{line:?}"));
        server.address = rest.split(';').next().unwrap().to_owned();
        server
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its standard output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Connections the server has descriptors of: its sockets, without the listening one.
    pub fn connections(&self) -> usize {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let links = folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        let sockets = links.filter(|link| link.to_string_lossy().starts_with("socket:"));
        sockets.count() - Server::OWN_SOCKETS
    }

    /// The listening socket, the one of its diagnosis, and the pair by which signals are passed on.
    const OWN_SOCKETS: usize = 4;

    /// Ctrl-C. Returns the summary: the last line it prints.
    pub fn interrupt(self) -> String {
        self.end(Signal::INT).0
    }

    /// Ctrl-C. Returns the summary, and all that went to the standard error.
    pub fn interrupt_with_errors(self) -> (String, String) {
        self.end(Signal::INT)
    }

    /// SIGTERM. Returns the summary.
    pub fn terminate(self) -> String {
        self.end(Signal::TERM).0
    }

    fn end(mut self, signal: Signal) -> (String, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let (mut rest, mut aside) = (String::new(), String::new());
        self.out.read_to_string(&mut rest).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut aside).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}; {rest}{aside}");
        (rest.lines().last().unwrap_or_default().to_owned(), aside)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already, as a rule.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
