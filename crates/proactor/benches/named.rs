//! Objects with names, between two processes: an event there and back beside a bare futex in shared memory, and how
//! soon a mutex is found abandoned whose owner was killed.
//!
//! `cargo bench -p proactor --bench named`. The ratio within a round is to be trusted; the times move with the machine.
#![allow(unsafe_code)]

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use proactor::object::{Event, Mutex, Wait, set_namespace, wait_one};
use rustix::thread::futex;

const ROUNDS: usize = 15;
const TURNS: u32 = 20_000;
const DEATHS: usize = 20;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--as") {
        return other_process(&arguments[at + 1], Path::new(&arguments[at + 2]));
    }
    let directory = PathBuf::from(format!("/dev/shm/proactor-bench-{}", std::process::id()));
    set_namespace(&directory).unwrap();
    there_and_back(&directory);
    deaths(&directory);
    let _ = std::fs::remove_dir_all(directory);
}

fn start(role: &str, directory: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new(program).args(["--as", role]).arg(directory).spawn().unwrap()
}

fn other_process(role: &str, directory: &Path) {
    set_namespace(directory).unwrap();
    match role {
        "events" => {
            let (ping, pong) = (Event::open("ping").unwrap(), Event::open("pong").unwrap());
            for _ in 0..TURNS {
                wait_one(&ping, Wait::FOREVER).unwrap();
                pong.set();
            }
        }
        "futexes" => {
            let words = Words::of(directory);
            for _ in 0..TURNS {
                take(&words.get()[0]);
                give(&words.get()[1]);
            }
        }
        _ => {
            let mutex = Mutex::open("mutex").unwrap();
            wait_one(&mutex, Wait::FOREVER).unwrap();
            Event::open("owned").unwrap().set();
            std::thread::sleep(Duration::from_secs(60));
        }
    }
}

fn there_and_back(directory: &Path) {
    println!(
        "an event there and back between two processes, {TURNS} turns, {ROUNDS} interleaved rounds, medians\n"
    );
    let (mut events, mut futexes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        events.push(through_events(directory));
        futexes.push(through_futexes(directory));
    }
    let ratios: Vec<f64> = events.iter().zip(&futexes).map(|(event, futex)| event / futex).collect();
    println!("named events ns   bare futexes ns   ratio   (rounds)");
    println!(
        "{:>15.0}  {:>16.0}  {:>6.2}   {}\n",
        median(&events),
        median(&futexes),
        median(&ratios),
        ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" "),
    );
}

fn through_events(directory: &Path) -> f64 {
    let (ping, _) = Event::create_named("ping", false, false).unwrap();
    let (pong, _) = Event::create_named("pong", false, false).unwrap();
    let mut other = start("events", directory);
    ping.set();
    wait_one(&pong, Wait::FOREVER).unwrap();
    let begin = Instant::now();
    for _ in 1..TURNS {
        ping.set();
        wait_one(&pong, Wait::FOREVER).unwrap();
    }
    let took = begin.elapsed();
    other.wait().unwrap();
    took.as_nanos() as f64 / f64::from(TURNS - 1)
}

fn through_futexes(directory: &Path) -> f64 {
    let words = Words::of(directory);
    let mut other = start("futexes", directory);
    give(&words.get()[0]);
    take(&words.get()[1]);
    let begin = Instant::now();
    for _ in 1..TURNS {
        give(&words.get()[0]);
        take(&words.get()[1]);
    }
    let took = begin.elapsed();
    other.wait().unwrap();
    took.as_nanos() as f64 / f64::from(TURNS - 1)
}

/// Two words that two processes share.
struct Words(*mut libc::c_void);

impl Words {
    fn of(directory: &Path) -> Words {
        let path = directory.join("words");
        let file =
            std::fs::File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
        file.set_len(4096).unwrap();
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let at =
            unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        assert_ne!(at, libc::MAP_FAILED);
        Words(at)
    }

    fn get(&self) -> &[AtomicU32; 2] {
        // SAFETY: mapped for as long as the process lives, long enough and aligned, and shared as atomics.
        unsafe { &*self.0.cast() }
    }
}

fn give(word: &AtomicU32) {
    word.store(1, SeqCst);
    futex::wake(word, futex::Flags::empty(), 1).unwrap();
}

fn take(word: &AtomicU32) {
    while word.swap(0, SeqCst) == 0 {
        let _ = futex::wait(word, futex::Flags::empty(), 0, None);
    }
}

fn deaths(directory: &Path) {
    let (mutex, _) = Mutex::create_named("mutex", false).unwrap();
    let (owned, _) = Event::create_named("owned", false, false).unwrap();
    let mut found: Vec<_> = (0..DEATHS)
        .map(|_| {
            let mut other = start("owner", directory);
            wait_one(&owned, Wait::FOREVER).unwrap();
            std::thread::scope(|scope| {
                let waits = scope.spawn(|| {
                    let waited = wait_one(&mutex, Wait::FOREVER).unwrap();
                    let at = Instant::now();
                    mutex.release().unwrap();
                    assert!(waited.abandoned);
                    at
                });
                // Long enough for the wait to be on its longest sleeps.
                std::thread::sleep(Duration::from_millis(130));
                other.kill().unwrap();
                other.wait().unwrap();
                let died = Instant::now();
                waits.join().unwrap().saturating_duration_since(died).as_secs_f64() * 1e3
            })
        })
        .collect();
    found.sort_by(f64::total_cmp);
    println!("a mutex whose owner is killed is found abandoned after, of {DEATHS}:");
    println!("median {:.0} ms, longest {:.0} ms", found[DEATHS / 2], found[DEATHS - 1]);
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
