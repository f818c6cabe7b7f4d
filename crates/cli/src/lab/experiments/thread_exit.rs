//! I/O belongs to the thread that started it, unless a port is to receive it (S110).

use std::thread;

use proactor::{Op, Port, Socket, Status, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, PATIENCE, take};
use crate::lab::report::{Measured, Row, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "thread-exit",
    title: "Pending I/O ends with its thread, unless a port receives it",
    claim: "When a thread ends, what it had pending is cancelled: nobody is left to wait for it. An operation on a \
            handle that is associated with a port survives, for any worker can take its packet.",
    done: "A thread started a receive on a socket without a port, another one on a socket with a port; both ended \
           while their receives were pending. Then the peers sent five bytes to each.",
    run,
};

#[derive(Default)]
struct Facts {
    rounds: usize,
    /// Without a port: ended in `CANCELLED`, without a byte.
    cancelled: usize,
    /// What was sent after that was still there for the next receive.
    data_kept: usize,
    /// With a port: the packet came, with the data.
    survived: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let rounds = effort.of(200, 40);
    let mut facts = Facts { rounds, ..Facts::default() };
    for _ in 0..rounds {
        without_port(&mut facts)?;
        facts.survived += usize::from(with_port()?);
    }
    Ok(Measured {
        verdict: verdict(&facts),
        rows: vec![
            Row::count("threads that ended, of each kind", rounds, ""),
            Row::count("without a port: receives cancelled", facts.cancelled, ""),
            Row::count("without a port: data left for the next receive", facts.data_kept, ""),
            Row::count("with a port: receives that survived and got their data", facts.survived, ""),
        ],
        plots: Vec::new(),
        notes: Vec::new(),
    })
}

fn without_port(facts: &mut Facts) -> Result<(), Failure> {
    let (ours, theirs) = Socket::pair()?;
    let started = ours.clone();
    let receive =
        thread::spawn(move || started.begin(op::Recv::new(vec![0; 16])).map_err(|refused| refused.status))
            .join()
            .map_err(|_| "the thread panicked")??;
    let Ok(ended) = receive.wait_timeout(PATIENCE) else { return Ok(()) };
    facts.cancelled += usize::from(ended.status() == Status::CANCELLED && ended.bytes() == 0);
    let _ = theirs.begin(op::Send::new("later"))?.wait();
    let next = ours.begin(op::Recv::new(vec![0; 16]))?.wait_timeout(PATIENCE);
    facts.data_kept += usize::from(next.is_ok_and(|receive| receive.data() == b"later"));
    Ok(())
}

fn with_port() -> Result<bool, Failure> {
    let port: Port = Port::new(0)?;
    let (ours, theirs) = Socket::pair()?;
    ours.associate(&port, 0)?;
    let at_once = thread::spawn(move || {
        let started = ours.recv(op::Recv::new(vec![0; 16])).map_err(|refused| refused.status)?;
        Ok::<_, Status>(started.at_once())
    })
    .join()
    .map_err(|_| "the thread panicked")??;
    if at_once {
        return Err("a receive was done although nothing was sent".into());
    }
    let _ = theirs.begin(op::Send::new("later"))?.wait();
    let Op::Recv(receive) = take(&port, "the receive of a thread that has ended")?.op else {
        return Err("a packet of another operation".into());
    };
    Ok(receive.status().is_success() && receive.data() == b"later")
}

fn verdict(facts: &Facts) -> Verdict {
    let Facts { rounds, cancelled, data_kept, survived } = facts;
    Verdict::unless(
        [
            (*rounds == 0, "nothing was tried".into()),
            (cancelled < rounds, format!("{cancelled} of {rounds} receives without a port were cancelled")),
            (
                data_kept < rounds,
                format!("{} times data were lost to a cancelled receive", rounds - data_kept),
            ),
            (survived < rounds, format!("{survived} of {rounds} receives with a port survived")),
        ],
        format!(
            "all {rounds} without a port were cancelled and took no data; all {rounds} with one survived"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts = Facts { rounds: 5, cancelled: 5, data_kept: 5, survived: 5 };

    #[test]
    fn each_failure_is_seen() {
        assert!(verdict(&GOOD).holds);
        assert!(!verdict(&Facts { cancelled: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts { data_kept: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts { survived: 4, ..GOOD }).holds);
        assert!(!verdict(&Facts::default()).holds);
    }
}
