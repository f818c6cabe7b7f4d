//! Sends stacked on one socket go out in order, and each reports its whole count, unless the connection failed
//! half way (S328).

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use proactor::{Op, Port, Socket, op};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, take};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};
use crate::say;

pub const EXPERIMENT: Experiment = Experiment {
    id: "send-order",
    title: "Stacked sends keep their order and report their count",
    claim: "Sends stacked on one socket complete in the order they were started, and each reports exactly the count it \
            asked for: 100, 200, 150 give 100, 200, 150. Only if the connection fails half way does one report less; \
            it is then an error, as is every one behind it.",
    done: "On a TCP connection over loopback, 100, 200 and 150 bytes were sent without waiting in between. Then \
           messages of 1 to 4 MiB with the smallest send buffer there is and a slow reader, so that most of them \
           were pending. Then the same, and the reader reset the connection half way.",
    run,
};

const MIB: usize = 1 << 20;

/// A send as it came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    number: usize,
    asked: usize,
    bytes: usize,
    failed: bool,
}

/// What a reader got.
struct Got {
    bytes: usize,
    /// Bytes that belong to another message than the order of sending says.
    misplaced: usize,
}

/// How fast the reader reads, and when it has had enough.
#[derive(Clone, Copy)]
struct Reader {
    pause: Duration,
    reset_after: Option<usize>,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let small = [100, 200, 150];
    let large: Vec<usize> = [1, 4, 2, 3, 1, 2].map(|size| size * MIB)[..effort.of(6, 3)].to_vec();
    let quick = Reader { pause: Duration::ZERO, reset_after: None };
    let slow = Reader { pause: Duration::from_millis(1), reset_after: None };
    let half = large.iter().sum::<usize>() / 2;
    let reset = Reader { reset_after: Some(half), ..slow };

    let (first, first_got, _) = exchange(&small, quick)?;
    let (pressed, pressed_got, pending) = exchange(&large, slow)?;
    let (cut, cut_got, _) = exchange(&large, reset)?;

    let rows = rows(&first, (&pressed, &pressed_got, pending), (&cut, &cut_got));
    let plot = Plot {
        title: "A connection that is reset half way".into(),
        x: "message".into(),
        y: "MiB".into(),
        shape: Shape::Bars((1..=cut.len()).map(|number| number.to_string()).collect()),
        series: vec![
            Series::over_names("asked for", cut.iter().map(|sent| sent.asked as f64 / MIB as f64)),
            Series::over_names("reported", cut.iter().map(|sent| sent.bytes as f64 / MIB as f64)),
        ],
    };
    Ok(Measured {
        verdict: verdict(
            &[("stacked", &first, &first_got), ("back-pressure", &pressed, &pressed_got)],
            pending,
            (&cut, &cut_got),
        ),
        rows,
        plots: vec![plot],
        notes: vec![
            "A count says what the kernel took, not what the peer has read: at a reset, some of it is lost."
                .into(),
        ],
    })
}

fn rows(
    first: &[Sent],
    (pressed, pressed_got, pending): (&[Sent], &Got, usize),
    (cut, cut_got): (&[Sent], &Got),
) -> Vec<Row> {
    let mut rows: Vec<_> = first
        .iter()
        .map(|sent| {
            Row::count(
                format!("send {} of {} bytes reports", sent.number + 1, sent.asked),
                sent.bytes,
                "bytes",
            )
        })
        .collect();
    rows.push(Row::count("back-pressure: messages", pressed.len(), ""));
    rows.push(Row::count("back-pressure: of them pending", pending, ""));
    rows.push(Row::count(
        "back-pressure: bytes reported",
        pressed.iter().map(|sent| sent.bytes).sum::<usize>(),
        "bytes",
    ));
    rows.push(Row::count("back-pressure: bytes received", pressed_got.bytes, "bytes"));
    rows.push(Row::count("cut: read before the reset", cut_got.bytes, "bytes"));
    rows.push(Row::count("cut: whole messages reported", cut.iter().filter(|sent| !sent.failed).count(), ""));
    if let Some(sent) = cut.iter().find(|sent| sent.failed) {
        rows.push(Row::count(
            format!(
                "cut: message {} of {} reports an error and",
                sent.number + 1,
                say::bytes(sent.asked as u64)
            ),
            sent.bytes,
            "bytes",
        ));
    }
    rows.push(Row::count(
        "cut: messages behind it, all errors",
        cut.iter().filter(|sent| sent.failed).count().saturating_sub(1),
        "",
    ));
    rows
}

/// Sends messages of those lengths all at once, takes their packets, and returns them with what the reader got
/// and how many of the sends were pending.
fn exchange(lengths: &[usize], how: Reader) -> Result<(Vec<Sent>, Got, usize), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let (peer, _) = listener.accept()?;
    let socket = Socket::from_fd(stream)?;
    socket.set_nodelay(true)?;
    // The kernel makes a few KiB of it, the least there is.
    socket.set_send_buffer(1)?;
    let port: Port = Port::new(0)?;
    socket.associate(&port, 0)?;
    let expected = lengths.to_vec();
    let reader = thread::spawn(move || read(peer, &expected, how));

    let (mut pending, mut sent) = (0, Vec::new());
    for (number, length) in lengths.iter().enumerate() {
        let started = socket.send(op::Send::new(vec![mark(number); *length]).with_tag(number))?;
        pending += usize::from(!started.at_once());
    }
    for _ in lengths {
        let Op::Send(send) = take(&port, "a send")?.op else {
            return Err("a packet of another operation".into());
        };
        let asked = lengths[send.tag()];
        sent.push(Sent { number: send.tag(), asked, bytes: send.bytes(), failed: send.result().is_err() });
    }
    socket.close()?;
    let got = reader.join().map_err(|_| "the reader panicked")??;
    Ok((sent, got, pending))
}

/// What a message consists of.
fn mark(number: usize) -> u8 {
    number as u8 + 1
}

/// What a slow reader takes between two rests.
const REST_EVERY: usize = 256 << 10;

fn read(mut peer: TcpStream, lengths: &[usize], how: Reader) -> std::io::Result<Got> {
    let mut expected =
        lengths.iter().enumerate().flat_map(|(number, length)| std::iter::repeat_n(mark(number), *length));
    let (mut got, mut memory) = (Got { bytes: 0, misplaced: 0 }, vec![0; 128 << 10]);
    let mut rest_at = REST_EVERY;
    loop {
        if how.reset_after.is_some_and(|most| got.bytes >= most) {
            // A connection that is closed with no time to linger is reset.
            socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO))?;
            return Ok(got);
        }
        // The sender's buffer holds one segment; an acknowledgement that waits for a second one waits 40 ms.
        rustix::net::sockopt::set_tcp_quickack(&peer, true)?;
        let count = peer.read(&mut memory)?;
        if count == 0 {
            return Ok(got);
        }
        got.bytes += count;
        got.misplaced += memory[..count].iter().filter(|byte| expected.next() != Some(**byte)).count();
        if got.bytes >= rest_at {
            rest_at = got.bytes + REST_EVERY;
            thread::sleep(how.pause);
        }
    }
}

fn verdict(whole: &[(&str, &[Sent], &Got)], pending: usize, cut: (&[Sent], &Got)) -> Verdict {
    let mut objections = Vec::new();
    for (name, sent, got) in whole {
        let asked: usize = sent.iter().map(|sent| sent.asked).sum();
        let short = sent.iter().filter(|sent| sent.failed || sent.bytes != sent.asked).count();
        objections.push((short > 0, format!("{name}: {short} sends reported less than they asked for")));
        objections.push((!in_order(sent), format!("{name}: the sends did not complete in order")));
        objections.push((got.misplaced > 0, format!("{name}: {} bytes arrived out of order", got.misplaced)));
        objections.push((got.bytes != asked, format!("{name}: {} of {asked} bytes arrived", got.bytes)));
    }
    objections.push((pending == 0, "back-pressure: not one send was pending".into()));
    let (sent, got) = cut;
    objections.push((!in_order(sent), "cut: the sends did not complete in order".into()));
    objections.push((got.misplaced > 0, format!("cut: {} bytes arrived out of order", got.misplaced)));
    if let Err(objection) = cut_well(sent, got.bytes) {
        objections.push((true, objection));
    }
    let good = sent.iter().filter(|sent| !sent.failed).count();
    let reason = format!(
        "all in order with their full counts, {pending} of them pending; after the reset {good} whole, 1 cut, {} errors behind it",
        sent.len().saturating_sub(good + 1)
    );
    Verdict::unless(objections, reason)
}

fn in_order(sent: &[Sent]) -> bool {
    sent.iter().enumerate().all(|(place, sent)| sent.number == place)
}

/// Whole ones, then one that was cut, then errors only.
fn cut_well(sent: &[Sent], received: usize) -> Result<(), String> {
    let Some(first) = sent.iter().position(|sent| sent.failed) else {
        return Err("cut: no send noticed the reset".into());
    };
    if first == 0 {
        return Err("cut: not even the first send, which the peer read, is reported whole".into());
    }
    if sent[..first].iter().any(|sent| sent.bytes != sent.asked) {
        return Err("cut: a send before the reset reports less than it asked for".into());
    }
    if sent.iter().any(|sent| sent.bytes > sent.asked) {
        return Err("cut: a send reports more than it asked for".into());
    }
    if sent[first..].iter().any(|sent| !sent.failed) {
        return Err("cut: a send behind the cut one claims success".into());
    }
    let reported: usize = sent.iter().map(|sent| sent.bytes).sum();
    if reported < received {
        return Err(format!("cut: {received} bytes were read but only {reported} are reported as sent"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(all: &[(usize, usize, bool)]) -> Vec<Sent> {
        let of = |(number, &(asked, bytes, failed)): (usize, &(usize, usize, bool))| Sent {
            number,
            asked,
            bytes,
            failed,
        };
        all.iter().enumerate().map(of).collect()
    }

    fn judge(first: &[Sent], got: Got, pending: usize) -> Verdict {
        let cut = sent(&[(10, 10, false), (10, 4, true), (10, 0, true)]);
        verdict(&[("stacked", first, &got)], pending, (&cut, &Got { bytes: 12, misplaced: 0 }))
    }

    #[test]
    fn order_counts_and_data_are_judged() {
        let good = sent(&[(100, 100, false), (200, 200, false)]);
        assert!(judge(&good, Got { bytes: 300, misplaced: 0 }, 1).holds);
        assert!(!judge(&good, Got { bytes: 300, misplaced: 1 }, 1).holds);
        assert!(!judge(&good, Got { bytes: 299, misplaced: 0 }, 1).holds);
        assert!(!judge(&good, Got { bytes: 300, misplaced: 0 }, 0).holds);
        let short = sent(&[(100, 100, false), (200, 150, false)]);
        assert!(!judge(&short, Got { bytes: 300, misplaced: 0 }, 1).holds);
        let mut swapped = good;
        swapped.swap(0, 1);
        assert!(!judge(&swapped, Got { bytes: 300, misplaced: 0 }, 1).holds);
    }

    #[test]
    fn a_cut_is_judged() {
        let judged = |all: &[(usize, usize, bool)], received| cut_well(&sent(all), received).is_ok();
        assert!(judged(&[(10, 10, false), (10, 4, true), (10, 0, true)], 12));
        assert!(judged(&[(10, 10, false), (10, 0, true)], 10));
        assert!(!judged(&[(10, 10, false), (10, 10, false)], 12), "nobody noticed");
        assert!(!judged(&[(10, 9, false), (10, 4, true)], 12), "short before the cut");
        assert!(!judged(&[(10, 10, false), (10, 4, true), (10, 10, false)], 12), "success behind the cut");
        assert!(!judged(&[(10, 10, false), (10, 11, true)], 12), "more than asked");
        assert!(!judged(&[(10, 10, false), (10, 1, true)], 12), "less than was read");
        assert!(!judged(&[(10, 3, true), (10, 0, true)], 3), "nothing whole");
    }
}
