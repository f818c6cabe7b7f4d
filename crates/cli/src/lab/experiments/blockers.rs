//! Ways to block: the two that the library is told of, and those that only the kernel sees.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proactor::{Buf, Socket, op};
use rustix::fs::{FlockOperation, flock};

use crate::lab::measure::{Failure, Scratch};

/// What a worker does to block.
pub type Block = Arc<dyn Fn() + Send + Sync>;

/// What is done before and after it, by the thread that looks on.
type Step = Box<dyn Fn() -> Result<(), Failure>>;

/// A way to block, and to end it.
pub struct Blocker {
    pub name: &'static str,
    /// It ends by itself; then `release` does nothing.
    pub timed: bool,
    pub block: Block,
    pub arm: Step,
    pub release: Step,
}

/// So many of them, the first, tell the library before they block.
pub const ANNOUNCED: usize = 2;

/// All ways there are on this machine, and what to say of those that are not.
pub fn blockers() -> Result<(Vec<Blocker>, Vec<String>), Failure> {
    let mut all = vec![declared(), overlapped()?, pipe_read()?, condition(), file_lock()?, sleep()];
    let mut notes = vec![
        "The sleep and the disk read end by themselves after a few milliseconds; of them only rounds count in which \
         the other worker came first."
            .into(),
    ];
    match disk_read()? {
        Some(blocker) => all.push(blocker),
        None => notes.push(
            "The uninterruptible kind (state D) is left out: no read of this file system sleeps long enough."
                .into(),
        ),
    }
    Ok((all, notes))
}

fn nothing() -> Step {
    Box::new(|| Ok(()))
}

/// Lets as many through as were permitted. Waiting for it is a futex wait.
#[derive(Default)]
struct Turnstile {
    permits: Mutex<usize>,
    more: Condvar,
}

impl Turnstile {
    fn pass(&self) {
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        while *permits == 0 {
            permits = self.more.wait(permits).unwrap_or_else(PoisonError::into_inner);
        }
        *permits -= 1;
    }

    fn permit(&self) {
        *self.permits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.more.notify_one();
    }
}

fn declared() -> Blocker {
    let inside = Arc::new(Turnstile::default());
    let release = inside.clone();
    Blocker {
        name: "blocking(|| ..)",
        timed: false,
        block: Arc::new(move || proactor::blocking(|| inside.pass())),
        arm: nothing(),
        release: Box::new(move || {
            release.permit();
            Ok(())
        }),
    }
}

fn condition() -> Blocker {
    let inside = Arc::new(Turnstile::default());
    let release = inside.clone();
    Blocker {
        name: "condition variable (futex)",
        timed: false,
        block: Arc::new(move || inside.pass()),
        arm: nothing(),
        release: Box::new(move || {
            release.permit();
            Ok(())
        }),
    }
}

fn overlapped() -> Result<Blocker, Failure> {
    let (ours, theirs) = Socket::pair()?;
    Ok(Blocker {
        name: "Overlapped::wait",
        timed: false,
        block: Arc::new(move || {
            if let Ok(receive) = ours.begin(op::Recv::new(vec![0; 1])) {
                receive.wait();
            }
        }),
        arm: nothing(),
        release: Box::new(move || {
            theirs.begin(op::Send::new("x"))?.wait().result()?;
            Ok(())
        }),
    })
}

fn pipe_read() -> Result<Blocker, Failure> {
    let (read, write) = rustix::pipe::pipe()?;
    Ok(Blocker {
        name: "read of a pipe",
        timed: false,
        block: Arc::new(move || {
            let _ = rustix::io::read(&read, &mut [0; 1]);
        }),
        arm: nothing(),
        release: Box::new(move || {
            rustix::io::write(&write, b"x")?;
            Ok(())
        }),
    })
}

fn file_lock() -> Result<Blocker, Failure> {
    let scratch = Scratch::new("lock");
    let holder = Arc::new(File::create_new(scratch.path())?);
    let waiter = File::open(scratch.path())?;
    let held = holder.clone();
    Ok(Blocker {
        name: "flock",
        timed: false,
        block: Arc::new(move || {
            if flock(&waiter, FlockOperation::LockExclusive).is_ok() {
                let _ = flock(&waiter, FlockOperation::Unlock);
            }
        }),
        arm: Box::new(move || Ok(flock(&held, FlockOperation::LockExclusive)?)),
        release: Box::new(move || Ok(flock(&holder, FlockOperation::Unlock)?)),
    })
}

fn sleep() -> Blocker {
    Blocker {
        name: "nanosleep",
        timed: true,
        block: Arc::new(|| std::thread::sleep(Duration::from_millis(30))),
        arm: nothing(),
        release: nothing(),
    }
}

/// How long a read from the disk should keep its thread asleep: many times what the monitor needs.
const ASLEEP: Duration = Duration::from_millis(10);

/// A read past the cache sleeps uninterruptibly, as a page fault does. `None` where no read sleeps long enough, as
/// on a file system in memory: copying takes time too, but it is no sleep.
fn disk_read() -> Result<Option<Blocker>, Failure> {
    const MIB: usize = 1 << 20;
    let scratch = Scratch::new("disk");
    for size in [8 * MIB, 16 * MIB, 32 * MIB, 64 * MIB] {
        let Some(file) = unbuffered(scratch.path(), size)? else { return Ok(None) };
        let memory = Mutex::new(Buf::aligned(size, 4096));
        let read = move || {
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory
                .as_mut()
                .is_some_and(|bytes| file.read_at(bytes, 0).is_ok_and(|count| count == bytes.len()))
        };
        let asleep = (0..3).map(|_| {
            let (start, busy) = (Instant::now(), thread_time());
            read().then(|| start.elapsed().saturating_sub(thread_time().saturating_sub(busy)))
        });
        // The fastest one counts: the next may be as fast.
        match asleep.min().flatten() {
            Some(asleep) if asleep >= ASLEEP => {
                return Ok(Some(Blocker {
                    name: "read from the disk (uninterruptible)",
                    timed: true,
                    block: Arc::new(move || {
                        read();
                    }),
                    arm: nothing(),
                    release: nothing(),
                }));
            }
            Some(_) => {}
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// What the calling thread has had of a processor.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// A file of that size, open for reads past the cache, if the file system has those.
fn unbuffered(path: &Path, size: usize) -> Result<Option<File>, Failure> {
    std::fs::write(path, vec![1; size])?;
    File::open(path)?.sync_all()?;
    let direct = rustix::fs::OFlags::DIRECT.bits() as i32;
    Ok(OpenOptions::new().read(true).custom_flags(direct).open(path).ok())
}
