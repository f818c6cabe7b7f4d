//! Post to get beside a channel: packets handed from 1, 2 and 4 producers to as many consumers.
//!
//! `cargo bench -p proactor --bench handoff`. Both sides run in turn in one process, and only their ratio is to
//! be trusted: absolute times move with the machine.

use std::time::{Duration, Instant};

use proactor::{Op, Port};

const PACKETS: usize = 1_000_000;
const ROUNDS: usize = 9;

fn main() {
    println!(
        "packets handed from thread to thread, {PACKETS} a round, {ROUNDS} interleaved rounds, medians\n"
    );
    println!("producers  consumers   port ns   channel ns   rate port/channel   (rounds)");
    for threads in [1, 2, 4] {
        let mut port = Vec::new();
        let mut channel = Vec::new();
        for _ in 0..ROUNDS {
            port.push(through_port(threads));
            channel.push(through_channel(threads));
        }
        let ratios: Vec<f64> = port.iter().zip(&channel).map(|(p, c)| c / p).collect();
        println!(
            "{threads:>9}  {threads:>9}  {:>8.1}  {:>11.1}  {:>18.2}   {}",
            median(&port),
            median(&channel),
            median(&ratios),
            ratios.iter().map(|r| format!("{r:.2}")).collect::<Vec<_>>().join(" "),
        );
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn per_packet(took: Duration) -> f64 {
    took.as_nanos() as f64 / PACKETS as f64
}

/// Every consumer runs: the limit is their number, so that the two do the same work.
fn through_port(threads: usize) -> f64 {
    let port: Port = Port::new(threads).unwrap();
    let each = PACKETS / threads;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut sum = 0;
                while let Some(packet) = port.get().unwrap() {
                    let Op::Posted(number) = packet.op else { unreachable!() };
                    if number == usize::MAX {
                        break;
                    }
                    sum += number;
                }
                std::hint::black_box(sum);
            });
        }
        let producers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| (0..each).for_each(|n| port.post(1, n).unwrap()))).collect();
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        (0..threads).for_each(|_| port.post(0, usize::MAX).unwrap());
    });
    per_packet(begin.elapsed())
}

fn through_channel(threads: usize) -> f64 {
    let (send, receive) = crossbeam_channel::unbounded::<(usize, usize)>();
    let each = PACKETS / threads;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let receive = receive.clone();
            scope.spawn(move || {
                let mut sum = 0;
                while let Ok((_, number)) = receive.recv() {
                    if number == usize::MAX {
                        break;
                    }
                    sum += number;
                }
                std::hint::black_box(sum);
            });
        }
        let producers: Vec<_> = (0..threads)
            .map(|_| {
                let send = send.clone();
                scope.spawn(move || (0..each).for_each(|n| send.send((1, n)).unwrap()))
            })
            .collect();
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        (0..threads).for_each(|_| send.send((0, usize::MAX)).unwrap());
    });
    per_packet(begin.elapsed())
}
