//! What the face for C costs: an echo server through it beside the same on the core, and a pair of
//! `PostQueuedCompletionStatus` and `GetQueuedCompletionStatus` beside `Port::post` and `Port::get`.
//!
//! Both sides take turns in one run, so that what else the machine does falls on both; each figure is the median of
//! the rounds' own. The exit status says whether both hold.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use proactor::Port;

const LEAST_SHARE: f64 = 0.95;
const MOST_NANOSECONDS: f64 = 60.0;

const PAIRS: usize = 200_000;
const CONNECTIONS: usize = 32;
const MESSAGE: usize = 64;

/// A program that serves or measures, ended when dropped.
struct Program {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(path: &Path) -> Self {
        let mut command = Command::new(path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        Self { child, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it writes text");
        line.trim().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Builds a C source against the library that was built beside this program.
fn build(source: &Path, folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = folder.join(source.file_stem().expect("it is a file"));
    let library = folder.join("deps");
    let mut command = Command::new("cc");
    command.args(["-std=gnu11", "-O2", "-pthread", "-I"]).arg(root.join("crates/win32/include"));
    command.arg(root.join(source)).arg("-o").arg(&program).arg("-L").arg(&library).arg("-lproactor_win32");
    command.arg(format!("-Wl,-rpath,{}", library.display()));
    let status = command.status().expect("there is a C compiler");
    assert!(status.success(), "{command:?} ended with {status}");
    program
}

/// One turn of the core's: nanoseconds for a pair.
fn pair_of_core(port: &Port<usize, usize>) -> f64 {
    let started = Instant::now();
    for _ in 0..PAIRS {
        port.post(2, 1).expect("there is room for one");
        let packet = port.get().expect("the port is open").expect("a packet is there");
        assert_eq!(std::hint::black_box(packet.key), 2);
    }
    started.elapsed().as_nanos() as f64 / PAIRS as f64
}

fn pairs(folder: &Path, rounds: usize) -> bool {
    let mut face = Program::start(&build(Path::new("bench/src/pair.c"), folder));
    let port = Port::new(0).expect("a port can be made");
    let (mut core, mut c) = (Vec::new(), Vec::new());
    // The first turn of each warms it up.
    for round in 0..=rounds {
        let core_turn = pair_of_core(&port);
        face.child.stdin.as_mut().expect("it is open").write_all(b"\n").expect("it reads");
        let face_turn: f64 = face.line().parse().expect("it writes a number");
        if round > 0 {
            core.push(core_turn);
            c.push(face_turn);
        }
    }
    let over = median(c.iter().zip(&core).map(|(face, core)| face - core).collect());
    let holds = over <= MOST_NANOSECONDS;
    println!(
        "pair  core {:>7.1} ns   C {:>7.1} ns   over {over:>6.1} ns   at most {MOST_NANOSECONDS} ns: {}",
        median(core),
        median(c),
        verdict(holds)
    );
    holds
}

/// Messages a second through a server, by connections that each have one under way.
fn load(address: &str, time: Duration) -> f64 {
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let stream = TcpStream::connect(address).expect("the server listens");
            stream.set_nodelay(true).expect("it is a connection");
            stream
        })
        .collect();
    let (message, mut heard) = ([7; MESSAGE], [0; MESSAGE]);
    let (mut count, started) = (0_u64, Instant::now());
    while started.elapsed() < time {
        for stream in &mut streams {
            stream.write_all(&message).expect("the server reads");
        }
        for stream in &mut streams {
            stream.read_exact(&mut heard).expect("the server sends");
        }
        count += CONNECTIONS as u64;
    }
    count as f64 / started.elapsed().as_secs_f64()
}

fn echo(folder: &Path, rounds: usize, time: Duration) -> bool {
    let mut servers =
        [folder.join("core-echo"), build(Path::new("examples/win32/echo.c"), folder)].map(|path| {
            let mut program = Program::start(&path);
            let line = program.line();
            let address = line.rsplit_once(' ').expect("it says where it listens").1.to_owned();
            (program, address)
        });
    let mut turns = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        // Who comes first changes, as what comes first may have it better.
        for side in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let rate = load(&servers[side].1, time);
            if round > 0 {
                turns[side].push(rate);
            }
        }
    }
    for (server, _) in &mut servers {
        drop(server.child.stdin.take());
    }
    let share = median(turns[1].iter().zip(&turns[0]).map(|(face, core)| face / core).collect());
    let holds = share >= LEAST_SHARE;
    let [core, face] = turns.map(median);
    println!(
        "echo  core {core:>7.0} /s   C {face:>7.0} /s   share {:>5.1} %   at least {} %: {}",
        share * 100.0,
        LEAST_SHARE * 100.0,
        verdict(holds)
    );
    holds
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "missed" }
}

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let program = std::env::current_exe().expect("a program knows its own path");
    let folder = program.parent().expect("a program is in a folder").to_path_buf();
    let (rounds, time) = if quick { (3, 100) } else { (15, 1000) };
    let pair = pairs(&folder, rounds);
    let echo = echo(&folder, rounds, Duration::from_millis(time));
    ExitCode::from(u8::from(!(pair && echo)))
}
