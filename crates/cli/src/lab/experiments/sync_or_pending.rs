//! One packet for each operation, however it completed; none for a start that was refused (S017, S018).

use proactor::{File, Op, Port, Socket, Started, Status, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, Scratch, take};
use crate::lab::report::{Measured, Row, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "sync-or-pending",
    title: "One packet for each operation, done at once or not",
    claim: "An operation that completes while it is being started queues its packet all the same: exactly one, as a \
            pending one does. So a program need not ask how it went; it waits for the packet. Only a start that is \
            refused queues none.",
    done: "Four kinds of operation were started, each with a number of its own in it, and the packets of each number \
           counted. At the end the port was asked for more. Then receives were started on a socket that is not \
           connected, which is refused.",
    run,
};

/// Operations started before their packets are taken.
const BATCH: usize = 50;

/// What became of one kind of operation.
struct Kind {
    name: &'static str,
    /// All at once, or all pending; `None` where it is the disk's choice.
    at_once_expected: Option<bool>,
    at_once: usize,
    /// Packets of each operation.
    packets: Vec<u32>,
    /// Packets that nobody was waiting for.
    more: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let count = effort.of(10_000, 2_000);
    let kinds = [sends(count)?, receives(count)?, reads(count)?, writes(count)?];
    let refused = refused(count)?;
    let mut rows = Vec::new();
    for kind in &kinds {
        let taken: u64 = kind.packets.iter().copied().map(u64::from).sum();
        rows.push(Row::count(format!("{}: operations", kind.name), count, ""));
        rows.push(Row::count(format!("{}: done at once", kind.name), kind.at_once, ""));
        rows.push(Row::count(format!("{}: packets", kind.name), taken, ""));
    }
    rows.push(Row::count("start that is refused: operations", count, ""));
    rows.push(Row::count("start that is refused: done at once", 0u64, ""));
    rows.push(Row::count("start that is refused: packets", refused, ""));
    Ok(Measured { verdict: verdict(&kinds, refused), rows, plots: Vec::new(), notes: Vec::new() })
}

/// Starts batches of operations by `start`, then lets `release` make the pending ones complete, then counts.
fn count_packets(
    name: &'static str,
    at_once_expected: Option<bool>,
    count: usize,
    port: &Port,
    start: impl Fn(usize) -> Result<bool, Failure>,
    release: impl Fn() -> Result<(), Failure>,
) -> Result<Kind, Failure> {
    let mut kind = Kind { name, at_once_expected, at_once: 0, packets: vec![0; count], more: 0 };
    for first in (0..count).step_by(BATCH) {
        let batch = first..(first + BATCH).min(count);
        for number in batch.clone() {
            kind.at_once += usize::from(start(number)?);
        }
        release()?;
        for _ in batch {
            let (number, result) = match take(port, name)?.op {
                Op::Send(op) => (op.tag(), op.result()),
                Op::Recv(op) => (op.tag(), op.result()),
                Op::Read(op) => (op.tag(), op.result()),
                Op::Write(op) => (op.tag(), op.result()),
                _ => return Err("a packet of another operation".into()),
            };
            result?;
            kind.packets[number] += 1;
        }
    }
    kind.more = rest(port);
    Ok(kind)
}

fn at_once<O>(started: Started<O>) -> bool {
    started.at_once()
}

fn sends(count: usize) -> Result<Kind, Failure> {
    let port: Port = Port::new(0)?;
    let (ours, theirs) = Socket::pair()?;
    ours.associate(&port, 0)?;
    let start = |number| Ok(at_once(ours.send(op::Send::new("x").with_tag(number))?));
    count_packets("send", Some(true), count, &port, start, || drain(&theirs))
}

/// Takes what was sent, so that there is room for the next batch.
fn drain(socket: &Socket) -> Result<(), Failure> {
    socket.with_fd(|fd| rustix::io::read(fd, &mut [0; BATCH]))??;
    Ok(())
}

fn receives(count: usize) -> Result<Kind, Failure> {
    let port: Port = Port::new(0)?;
    let (ours, theirs) = Socket::pair()?;
    ours.associate(&port, 0)?;
    let start = |number| Ok(at_once(ours.recv(op::Recv::new(vec![0; 1]).with_tag(number))?));
    let send = || {
        theirs.with_fd(|fd| rustix::io::write(fd, &[b'x'; BATCH]))??;
        Ok(())
    };
    count_packets("receive", Some(false), count, &port, start, send)
}

fn reads(count: usize) -> Result<Kind, Failure> {
    let scratch = Scratch::new("packets");
    std::fs::write(scratch.path(), "cached, for it has just been written")?;
    let port: Port = Port::new(0)?;
    let file = File::open(scratch.path())?;
    file.associate(&port, 0)?;
    let start = |number| Ok(at_once(file.read(op::Read::new(0, vec![0; 6]).with_tag(number))?));
    count_packets("file read", None, count, &port, start, || Ok(()))
}

fn writes(count: usize) -> Result<Kind, Failure> {
    let scratch = Scratch::new("packets");
    let port: Port = Port::new(0)?;
    let file = File::options().write(true).create_new(true).open(scratch.path())?;
    file.associate(&port, 0)?;
    let start =
        |number| Ok(at_once(file.write(op::Write::new((number % 512) as u64, "x").with_tag(number))?));
    count_packets("file write", None, count, &port, start, || Ok(()))
}

/// Packets that came of starts that were refused.
fn refused(count: usize) -> Result<usize, Failure> {
    let port: Port = Port::new(0)?;
    let nowhere = Socket::to_connect(&std::net::SocketAddr::from(([127, 0, 0, 1], 1)).into())?;
    nowhere.associate(&port, 0)?;
    for _ in 0..count {
        match nowhere.recv(op::Recv::new(vec![0; 1])) {
            Err(refused) if refused.status == Status::CONNECTION_INVALID => {}
            other => return Err(format!("a receive without a connection gave {other:?}").into()),
        }
    }
    Ok(rest(&port))
}

/// Packets that lie in the port although all were taken.
fn rest(port: &Port) -> usize {
    std::iter::from_fn(|| port.get_timeout(std::time::Duration::from_millis(1)).ok()).count()
}

fn verdict(kinds: &[Kind], refused: usize) -> Verdict {
    let mut objections = Vec::new();
    for Kind { name, at_once_expected, at_once, packets, more } in kinds {
        let wrong = packets.iter().filter(|count| **count != 1).count();
        let pending = packets.len() - at_once;
        objections
            .push((wrong > 0, format!("{wrong} operations of kind '{name}' queued none or several packets")));
        objections.push((*more > 0, format!("{more} packets of '{name}' came on top")));
        objections.push((
            *at_once_expected == Some(true) && pending > 0,
            format!("{pending} of '{name}' were pending"),
        ));
        objections.push((
            *at_once_expected == Some(false) && *at_once > 0,
            format!("{at_once} of '{name}' were done at once"),
        ));
    }
    objections.push((refused > 0, format!("{refused} packets came of refused starts")));
    let all: usize = kinds.iter().map(|kind| kind.packets.len()).sum();
    let at_once: usize = kinds.iter().map(|kind| kind.at_once).sum();
    let reason = format!("{all} operations, {at_once} of them done at once, queued one packet each");
    Verdict::unless(objections, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(expected: bool, at_once: usize, packets: &[u32], more: usize) -> Kind {
        Kind { name: "send", at_once_expected: Some(expected), at_once, packets: packets.to_vec(), more }
    }

    #[test]
    fn a_packet_too_few_or_too_many_is_seen() {
        assert!(verdict(&[kind(true, 3, &[1, 1, 1], 0)], 0).holds);
        assert!(!verdict(&[kind(true, 3, &[1, 0, 1], 0)], 0).holds);
        // One operation's packet twice and another's not at all: the sum alone would not tell.
        assert!(!verdict(&[kind(true, 3, &[2, 0, 1], 0)], 0).holds);
        assert!(!verdict(&[kind(true, 3, &[1, 1, 1], 1)], 0).holds);
        assert!(!verdict(&[kind(true, 3, &[1, 1, 1], 0)], 1).holds);
    }

    #[test]
    fn it_is_only_shown_if_both_ways_of_completing_were_tried() {
        assert!(!verdict(&[kind(true, 2, &[1, 1, 1], 0)], 0).holds);
        assert!(!verdict(&[kind(false, 1, &[1, 1, 1], 0)], 0).holds);
    }
}
