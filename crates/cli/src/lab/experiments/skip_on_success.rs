//! A handle that skips packets of immediate success saves a trip through the queue (S092).

use std::time::{Duration, Instant};

use proactor::{Modes, Op, Port, Socket, Started, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, Times, take};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "skip-on-success",
    title: "Skipping packets of immediate success",
    claim: "With FILE_SKIP_COMPLETION_PORT_ON_SUCCESS an operation that succeeds at once queues no packet: the start \
            hands it back. A pending one queues its packet as ever. It saves the trip through the queue.",
    done: "Sends of 64 bytes with room in the socket, on a handle without the mode and on one with it: packets were \
           counted and the time from the start to having the operation back was taken. Then pending receives on the \
           skipping handle.",
    run,
};

const BATCH: usize = 32;
const MESSAGE: usize = 64;

struct Facts {
    operations: usize,
    plain_packets: usize,
    skip_packets: usize,
    skip_handed_back: usize,
    pending_packets: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let batches = effort.of(1500, 200);
    let (plain, skip) = (Pair::new(Modes::empty())?, Pair::new(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS)?);
    let (mut plain_times, mut skip_times) = (Times::default(), Times::default());
    let (mut plain_counts, mut skip_counts) = ((0, 0), (0, 0));
    // In turns, so that what disturbs one disturbs the other as well.
    for _ in 0..batches {
        plain_times.add(plain.sends(&mut plain_counts)?);
        skip_times.add(skip.sends(&mut skip_counts)?);
    }
    let operations = batches * BATCH;
    let facts = Facts {
        operations,
        plain_packets: plain_counts.0 + plain.rest(),
        skip_packets: skip_counts.0 + skip.rest(),
        skip_handed_back: skip_counts.1,
        pending_packets: skip.receives(operations)? + skip.rest(),
    };
    let each = |times: &Times| times.median() * 1000.0 / BATCH as f64;
    let rate = |packets: usize| packets as f64 / operations as f64;
    Ok(Measured {
        verdict: verdict(&facts),
        rows: vec![
            Row::count("operations of each kind", operations, ""),
            Row::new("without the mode", rate(facts.plain_packets), "packets an operation"),
            Row::new("with it, done at once", rate(facts.skip_packets), "packets an operation"),
            Row::new("with it, pending", rate(facts.pending_packets), "packets an operation"),
            Row::new("cost of an operation without the mode", each(&plain_times), "ns"),
            Row::new("cost of an operation with it", each(&skip_times), "ns"),
        ],
        plots: vec![Plot {
            title: "A send of 64 bytes, from its start to having it back".into(),
            x: "".into(),
            y: "nanoseconds".into(),
            shape: Shape::Bars(vec!["with a packet".into(), "skipped".into()]),
            series: vec![Series::over_names("median", [each(&plain_times), each(&skip_times)])],
        }],
        notes: vec!["Most of either figure is the kernel's own send.".into()],
    })
}

/// A connection whose one end is on a port.
struct Pair {
    port: Port,
    ours: Socket,
    theirs: Socket,
}

impl Pair {
    fn new(modes: Modes) -> Result<Pair, Failure> {
        let (ours, theirs) = Socket::pair()?;
        let port = Port::new(0)?;
        ours.associate(&port, 0)?;
        ours.set_modes(modes)?;
        Ok(Pair { port, ours, theirs })
    }

    /// A batch of sends, one at a time; counts packets and operations handed back. Returns the time of the batch.
    fn sends(&self, counts: &mut (usize, usize)) -> Result<Duration, Failure> {
        let mut send = op::Send::new(vec![b'x'; MESSAGE]);
        let start = Instant::now();
        for _ in 0..BATCH {
            send = match self.ours.send(send)? {
                Started::Done(send) => {
                    counts.1 += 1;
                    send
                }
                _ => match take(&self.port, "a send")?.op {
                    Op::Send(send) => {
                        counts.0 += 1;
                        send
                    }
                    _ => return Err("a packet of another operation".into()),
                },
            };
        }
        let took = start.elapsed();
        let mut left = BATCH * MESSAGE;
        while left > 0 {
            left -= self.theirs.with_fd(|fd| rustix::io::read(fd, &mut [0; BATCH * MESSAGE]))??;
        }
        Ok(took)
    }

    /// Receives that are pending when started; returns how many packets came.
    fn receives(&self, count: usize) -> Result<usize, Failure> {
        for _ in 0..count / BATCH {
            for _ in 0..BATCH {
                if self.ours.recv(op::Recv::new(vec![0; 1]))?.at_once() {
                    return Err("a receive was done although nothing was sent".into());
                }
            }
            self.theirs.with_fd(|fd| rustix::io::write(fd, &[b'x'; BATCH]))??;
            for _ in 0..BATCH {
                take(&self.port, "a receive")?;
            }
        }
        Ok(count / BATCH * BATCH)
    }

    fn rest(&self) -> usize {
        std::iter::from_fn(|| self.port.get_timeout(Duration::from_millis(1)).ok()).count()
    }
}

fn verdict(facts: &Facts) -> Verdict {
    let Facts { operations, plain_packets, skip_packets, skip_handed_back, pending_packets } = facts;
    Verdict::unless(
        [
            (
                plain_packets != operations,
                format!("{operations} operations without the mode queued {plain_packets} packets"),
            ),
            (*skip_packets > 0, format!("{skip_packets} packets came of operations that were done at once")),
            (
                skip_handed_back != operations,
                format!("{skip_handed_back} of {operations} operations were handed back"),
            ),
            (
                pending_packets != operations,
                format!("{operations} pending operations queued {pending_packets} packets"),
            ),
        ],
        format!(
            "{operations} operations done at once queued no packet; as many pending ones queued one each"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts =
        Facts { operations: 9, plain_packets: 9, skip_packets: 0, skip_handed_back: 9, pending_packets: 9 };

    #[test]
    fn packets_too_few_or_too_many_are_seen() {
        assert!(verdict(&GOOD).holds);
        assert!(!verdict(&Facts { plain_packets: 10, ..GOOD }).holds);
        assert!(!verdict(&Facts { skip_packets: 1, ..GOOD }).holds);
        assert!(!verdict(&Facts { skip_handed_back: 8, ..GOOD }).holds);
        assert!(!verdict(&Facts { pending_packets: 8, ..GOOD }).holds);
    }
}
