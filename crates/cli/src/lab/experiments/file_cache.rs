//! Whether a read is pending depends on where its data are: the page cache serves at once, the disk later (S017).

use std::path::Path;
use std::time::Instant;

use proactor::{Buf, File, Port, op};
use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, Scratch, Times, file_system, take};
use crate::lab::report::{Measured, Plot, Row, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "file-cache",
    title: "A cached read is done at once, an uncached one is pending",
    claim: "A read that the page cache can serve completes while it is being started. Only one whose data are not in \
            memory has to wait for the disk: it is pending, and no worker waits with it.",
    done: "A file was written and brought to the disk. Blocks of 4 KiB were read from it in a random order, one at a \
           time: first with all of it in the page cache, then after the kernel was asked to forget it \
           (POSIX_FADV_DONTNEED). A latency is from the start to the packet.",
    run,
};

const BLOCK: usize = 4096;

/// How the uncached half was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The kernel forgot the file's pages when asked.
    Forgotten,
    /// It did not, so the reads went past the cache (`O_DIRECT`).
    Unbuffered,
    /// Neither is to be had: the files of this file system *are* their cached pages.
    None,
    /// The file system answers no read without waiting for it, cached or not: all are pending.
    AlwaysPending,
}

#[derive(Default)]
struct Reads {
    at_once: usize,
    times: Times,
    /// Blocks that did not hold what was written there.
    wrong: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let (blocks, reads) = (effort.of(4096, 1024), effort.of(2000, 400));
    let scratch = Scratch::new("cache");
    write_blocks(scratch.path(), blocks)?;
    let folder = scratch.path().parent().map_or("unknown", file_system);

    let plain = std::fs::File::open(scratch.path())?;
    // Otherwise the kernel reads ahead, and the next block may be there before it is asked for.
    rustix::fs::fadvise(&plain, 0, None, Advice::Random)?;
    std::fs::read(scratch.path())?;
    let cached = read_blocks(&File::from_fd(plain.try_clone()?)?, blocks, reads)?;

    let answers = at_once(&plain, 0) != Err(Errno::OPNOTSUPP);
    rustix::fs::fadvise(&plain, 0, None, Advice::DontNeed)?;
    let (way, uncached) = if !answers {
        (Way::AlwaysPending, Reads::default())
    } else if forgotten(&plain, blocks) {
        (Way::Forgotten, read_blocks(&File::from_fd(plain)?, blocks - SAMPLES, reads.min(blocks / 2))?)
    } else {
        match File::options().read(true).unbuffered(true).open(scratch.path()) {
            Ok(file) if !matches!(folder, "tmpfs" | "ramfs") => {
                (Way::Unbuffered, read_blocks(&file, blocks, reads)?)
            }
            _ => (Way::None, Reads::default()),
        }
    };
    Ok(measured(way, folder, &cached, &uncached))
}

fn measured(way: Way, folder: &str, cached: &Reads, uncached: &Reads) -> Measured {
    let mut notes = vec![format!("The file was on {folder}.")];
    match way {
        Way::Forgotten | Way::AlwaysPending => {}
        Way::Unbuffered => notes.push("The file system ignored the advice to forget, so the uncached reads were unbuffered ones.".into()),
        Way::None => notes.push("The file system ignored the advice to forget: its files live in the cache. No read of it can be pending.".into()),
    }
    let mut rows = Vec::new();
    for (name, reads) in [("cached", cached), ("uncached", uncached)] {
        rows.push(Row::count(format!("{name}: done at once"), reads.at_once, "reads"));
        rows.push(Row::count(format!("{name}: pending"), reads.times.len() - reads.at_once, "reads"));
        rows.push(Row::new(format!("{name}: latency, median"), reads.times.median(), "us"));
        rows.push(Row::new(format!("{name}: latency, 99 %"), reads.times.percentile(99.0), "us"));
    }
    let plot = Plot {
        title: "From the start of a read to its packet".into(),
        x: "microseconds".into(),
        y: "% of the reads".into(),
        shape: Shape::Histogram,
        series: vec![cached.times.histogram("cached"), uncached.times.histogram("uncached")],
    };
    Measured { verdict: verdict(way, cached, uncached), rows, plots: vec![plot], notes }
}

fn write_blocks(path: &Path, blocks: usize) -> Result<(), Failure> {
    let mut content = vec![0; blocks * BLOCK];
    for (number, block) in content.chunks_exact_mut(BLOCK).enumerate() {
        block[..4].copy_from_slice(&(number as u32).to_le_bytes());
    }
    std::fs::write(path, content)?;
    // Pages that are not on the disk yet cannot be forgotten.
    std::fs::File::open(path)?.sync_all()?;
    Ok(())
}

/// Blocks at the end of the file that are asked for to find out whether it was forgotten, and not read again.
const SAMPLES: usize = 32;

/// Whether the page cache no longer has the end of the file: a read that must not wait would have to.
fn forgotten(file: &std::fs::File, blocks: usize) -> bool {
    let would_wait = |number: &usize| at_once(file, *number) == Err(Errno::AGAIN);
    (blocks - SAMPLES..blocks).filter(would_wait).count() > SAMPLES / 2
}

/// A read that must not wait.
fn at_once(file: &std::fs::File, number: usize) -> Result<usize, Errno> {
    let mut memory = [0; BLOCK];
    let bufs = &mut [rustix::io::IoSliceMut::new(&mut memory)];
    preadv2(file, bufs, (number * BLOCK) as u64, ReadWriteFlags::NOWAIT)
}

/// Reads so many different blocks, one at a time, far from each other.
fn read_blocks(file: &File, blocks: usize, reads: usize) -> Result<Reads, Failure> {
    let port: Port = Port::new(0)?;
    file.associate(&port, 0)?;
    // Prime, and so coprime to any number of blocks there is here: no block comes twice.
    const STRIDE: usize = 1_000_003;
    let (memory, mut found) = (file.alignment().map_or(1, |(_, memory)| memory), Reads::default());
    for index in 0..reads {
        let number = (index + 1) * STRIDE % blocks;
        let read = op::Read::new((number * BLOCK) as u64, Buf::aligned(BLOCK, memory.max(64)));
        let start = Instant::now();
        let started = file.read(read)?;
        let packet = take(&port, "a read")?;
        found.times.add(start.elapsed());
        found.at_once += usize::from(started.at_once());
        let proactor::Op::Read(read) = packet.op else { return Err("a packet of another operation".into()) };
        read.result()?;
        found.wrong += usize::from(read.data().get(..4) != Some(&(number as u32).to_le_bytes()[..]));
    }
    Ok(found)
}

fn verdict(way: Way, cached: &Reads, uncached: &Reads) -> Verdict {
    let (all, at_once) = (cached.times.len(), cached.at_once);
    let (others, pending) = (uncached.times.len(), uncached.times.len() - uncached.at_once);
    let wrong = cached.wrong + uncached.wrong;
    let reason = match way {
        Way::None => format!(
            "{at_once} of {all} cached reads were done at once; the other half cannot be shown on this file system"
        ),
        _ => format!(
            "{at_once} of {all} cached reads were done at once, {pending} of {others} uncached ones were pending"
        ),
    };
    Verdict::unless(
        [
            (wrong > 0, format!("{wrong} reads brought something else than was written")),
            (
                way == Way::AlwaysPending,
                "this file system answers no read without waiting (RWF_NOWAIT), so every read is pending"
                    .into(),
            ),
            // Under pressure the kernel may drop a page, and a neighbour may bring one back.
            (
                all == 0 || at_once * 100 < all * 95,
                format!("only {at_once} of {all} cached reads were done at once"),
            ),
            (
                way != Way::None && (others == 0 || pending * 100 < others * 90),
                format!("only {pending} of {others} uncached reads were pending"),
            ),
        ],
        reason,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(all: usize, at_once: usize) -> Reads {
        let mut times = Times::default();
        (0..all).for_each(|_| times.add(std::time::Duration::from_micros(3)));
        Reads { at_once, times, wrong: 0 }
    }

    #[test]
    fn both_halves_must_hold() {
        assert!(verdict(Way::Forgotten, &reads(100, 100), &reads(100, 2)).holds);
        assert!(!verdict(Way::Forgotten, &reads(100, 50), &reads(100, 0)).holds);
        assert!(!verdict(Way::Unbuffered, &reads(100, 100), &reads(100, 60)).holds);
        assert!(!verdict(Way::Forgotten, &reads(100, 100), &reads(0, 0)).holds);
        assert!(!verdict(Way::AlwaysPending, &reads(100, 0), &reads(0, 0)).holds);
        let wrong = Reads { wrong: 1, ..reads(100, 100) };
        assert!(!verdict(Way::Forgotten, &wrong, &reads(100, 0)).holds);
    }

    #[test]
    fn where_nothing_can_be_forgotten_the_text_says_so() {
        let said = verdict(Way::None, &reads(100, 100), &reads(0, 0));
        assert!(said.holds && said.reason.contains("cannot be shown"));
    }
}
