//! An overlapped file has no position (S284): what two operations do to each other is the caller's choice of
//! offsets.

use std::io::Write as _;

use proactor::{File, Port, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, Scratch, take};
use crate::lab::report::{Measured, Row, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "file-offset",
    title: "An overlapped file has no position",
    claim: "A file that is opened for overlapped I/O keeps no position: each operation brings its own offset. Two \
            writes at offset 0 overwrite each other; writes at offsets of their own do not, in whatever order they \
            are started.",
    done: "Two writes of 4 KiB were started at offset 0 before either was waited for, over and over, on an empty \
           file. Then 64 writes were started, last block first, each at its own offset. An ordinary file, which \
           does have a position, got two writes as well.",
    run,
};

const BLOCK: usize = 4096;
const BLOCKS: usize = 64;

struct Facts {
    rounds: usize,
    /// Rounds after which the file was one block long, and that block one of the two.
    overwritten: usize,
    second_stayed: usize,
    blocks_intact: usize,
    /// Completed operations whose offset was no longer what it was at the start.
    offsets_changed: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let scratch = Scratch::new("offset");
    let port: Port = Port::new(0)?;
    let file = File::options().read(true).write(true).create_new(true).open(scratch.path())?;
    file.associate(&port, 0)?;

    let rounds = effort.of(300, 50);
    let mut facts = Facts { rounds, overwritten: 0, second_stayed: 0, blocks_intact: 0, offsets_changed: 0 };
    for _ in 0..rounds {
        file.set_len(0)?;
        let _ = file.write(op::Write::new(0, vec![b'1'; BLOCK]))?;
        let _ = file.write(op::Write::new(0, vec![b'2'; BLOCK]))?;
        completed(&port, 2, &[0, 0], &mut facts)?;
        let content = std::fs::read(scratch.path())?;
        let one_block = content.len() == BLOCK && content.iter().all(|byte| *byte == content[0]);
        facts.overwritten += usize::from(one_block);
        facts.second_stayed += usize::from(content.first() == Some(&b'2'));
    }

    file.set_len(0)?;
    let mut offsets = Vec::new();
    for number in (0..BLOCKS).rev() {
        offsets.push((number * BLOCK) as u64);
        let _ = file.write(op::Write::new((number * BLOCK) as u64, vec![number as u8; BLOCK]))?;
    }
    completed(&port, BLOCKS, &offsets, &mut facts)?;
    let content = std::fs::read(scratch.path())?;
    let whole = |(number, block): &(usize, &[u8])| block.iter().all(|byte| usize::from(*byte) == *number);
    facts.blocks_intact = content.chunks_exact(BLOCK).enumerate().filter(whole).count();

    Ok(Measured {
        verdict: verdict(&facts),
        rows: vec![
            Row::count("length after two writes at offset 0", BLOCK * usize::from(facts.overwritten == rounds), "bytes"),
            Row::count("length of an ordinary file after two writes", ordinary()?, "bytes"),
            Row::count("rounds in which one write overwrote the other", facts.overwritten, "rounds"),
            Row::count("rounds in which the one started second stayed", facts.second_stayed, "rounds"),
            Row::count("blocks intact that had offsets of their own", facts.blocks_intact, "of 64"),
        ],
        plots: Vec::new(),
        notes: vec![
            "Which of the two writes stays is nobody's promise. Whoever writes one after the other at offset 0 has \
             a bug, on Windows as here; give each its offset, or use an append."
                .into(),
        ],
    })
}

/// Takes the packets and compares the operations' offsets with those they were started with.
fn completed(port: &Port, count: usize, offsets: &[u64], facts: &mut Facts) -> Result<(), Failure> {
    let mut left = offsets.to_vec();
    for _ in 0..count {
        let packet = take(port, "a write")?;
        let proactor::Op::Write(write) = packet.op else {
            return Err("a packet of another operation".into());
        };
        write.result()?;
        match left.iter().position(|offset| *offset == write.offset()) {
            Some(at) => drop(left.swap_remove(at)),
            None => facts.offsets_changed += 1,
        }
    }
    Ok(())
}

/// The length of a file that has a position, after two writes.
fn ordinary() -> Result<u64, Failure> {
    let scratch = Scratch::new("position");
    let mut file = std::fs::File::create_new(scratch.path())?;
    file.write_all(&[b'1'; BLOCK])?;
    file.write_all(&[b'2'; BLOCK])?;
    Ok(file.metadata()?.len())
}

fn verdict(facts: &Facts) -> Verdict {
    let Facts { rounds, overwritten, blocks_intact, offsets_changed, .. } = facts;
    Verdict::unless(
        [
            (
                overwritten < rounds,
                format!("in {} of {rounds} rounds both writes left a trace", rounds - overwritten),
            ),
            (
                *blocks_intact < BLOCKS,
                format!("only {blocks_intact} of {BLOCKS} blocks at their own offsets are intact"),
            ),
            (*offsets_changed > 0, format!("{offsets_changed} operations came back with another offset")),
        ],
        format!(
            "one of the two was overwritten {rounds} times in {rounds}; all {BLOCKS} blocks with offsets of their own are intact"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts =
        Facts { rounds: 10, overwritten: 10, second_stayed: 9, blocks_intact: BLOCKS, offsets_changed: 0 };

    #[test]
    fn a_position_lost_blocks_and_changed_offsets_are_seen() {
        assert!(verdict(&GOOD).holds);
        assert!(!verdict(&Facts { overwritten: 9, ..GOOD }).holds);
        assert!(!verdict(&Facts { blocks_intact: BLOCKS - 1, ..GOOD }).holds);
        assert!(!verdict(&Facts { offsets_changed: 1, ..GOOD }).holds);
    }
}
