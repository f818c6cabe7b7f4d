//! What mutual exclusion costs: an interlocked operation, a spin lock, a critical section, a mutex object.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use proactor::Status;
use proactor::object::{Mutex, Wait, wait_one};
use proactor::sync::{CriticalSection, Interlocked as _, SpinLock};

use super::Experiment;
use crate::lab::measure::{Effort, Failure};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "locks",
    title: "What mutual exclusion costs, alone and wanted by many",
    claim: "None of them loses an addition. Alone, an interlocked addition is one instruction, a spin lock and a critical \
            section a few, and a mutex object many times as much, for it can be waited for together with other objects \
            and is abandoned by an owner that ends. Wanted by many, it is decided by who sleeps and who is woken.",
    done: "One counter, and 1 to 8 threads that add to it as often as they can for a while: by an interlocked addition; \
           and by a read and a write that only the lock keeps together, so that a lock that lets two in at once loses \
           additions.",
    run,
};

const THREADS: [usize; 4] = [1, 2, 4, 8];

/// A way to add one.
struct Way {
    name: &'static str,
    add: Add,
}

type Add = Arc<dyn Fn(&AtomicU64) -> Result<(), Status> + Send + Sync>;

/// Not one step: two at once lose an addition.
fn in_two_steps(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

fn ways() -> Vec<Way> {
    let (spin, section, mutex) = (SpinLock::new(()), CriticalSection::new(()), Mutex::new(false));
    let way = |name, add: Add| Way { name, add };
    vec![
        way(
            "interlocked",
            Arc::new(|counter| {
                counter.increment();
                Ok(())
            }),
        ),
        way(
            "spin lock",
            Arc::new(move |counter| {
                let _inside = spin.lock();
                in_two_steps(counter);
                Ok(())
            }),
        ),
        way(
            "critical section",
            Arc::new(move |counter| {
                let _inside = section.enter();
                in_two_steps(counter);
                Ok(())
            }),
        ),
        way(
            "mutex object",
            Arc::new(move |counter| {
                wait_one(&mutex, Wait::FOREVER)?;
                in_two_steps(counter);
                mutex.release().map(|_| ())
            }),
        ),
    ]
}

/// What one way cost, in nanoseconds an addition of all threads together, for each number of threads.
struct Cost {
    name: &'static str,
    nanoseconds: Vec<f64>,
    additions: u64,
    lost: u64,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let (length, turns) = (Duration::from_millis(effort.of(25, 8) as u64), effort.of(5, 3));
    let ways = ways();
    let mut costs: Vec<_> = ways
        .iter()
        .map(|way| Cost { name: way.name, nanoseconds: Vec::new(), additions: 0, lost: 0 })
        .collect();
    for threads in THREADS {
        // In turns, so that what disturbs one of them disturbs all.
        let mut times = vec![Vec::new(); ways.len()];
        for _ in 0..turns {
            for ((way, cost), times) in ways.iter().zip(&mut costs).zip(&mut times) {
                let seen = add_for(length, threads, &way.add)?;
                times.push(seen.nanoseconds);
                cost.additions += seen.additions;
                cost.lost += seen.additions - seen.counted.min(seen.additions);
            }
        }
        costs.iter_mut().zip(times).for_each(|(cost, times)| cost.nanoseconds.push(median(times)));
    }
    let mut rows = Vec::new();
    for cost in &costs {
        for (threads, nanoseconds) in THREADS.iter().zip(&cost.nanoseconds) {
            let alone = if *threads == 1 { "alone".into() } else { format!("{threads} threads") };
            rows.push(Row::new(format!("{}, {alone}", cost.name), *nanoseconds, "ns"));
        }
    }
    rows.push(Row::count("additions", costs.iter().map(|cost| cost.additions).sum::<u64>(), ""));
    rows.push(Row::count("additions lost", costs.iter().map(|cost| cost.lost).sum::<u64>(), ""));
    let plots = vec![alone(&costs), together(&costs)];
    let notes = vec![
        "The time is that of the wall by all additions together: on more processors it may rise with the threads, and \
         never falls below what one lock can be passed on in."
            .into(),
    ];
    Ok(Measured { verdict: verdict(&costs), rows, plots, notes })
}

fn alone(costs: &[Cost]) -> Plot {
    Plot {
        title: "Nobody else wants it".into(),
        x: "".into(),
        y: "ns an addition".into(),
        shape: Shape::Bars(costs.iter().map(|cost| cost.name.into()).collect()),
        series: vec![Series::over_names("alone", costs.iter().map(|cost| cost.nanoseconds[0]))],
    }
}

fn together(costs: &[Cost]) -> Plot {
    let series = |cost: &Cost| Series::over_names(cost.name, cost.nanoseconds.iter().copied());
    Plot {
        title: "Wanted by several threads".into(),
        x: "threads".into(),
        y: "ns an addition, of all together".into(),
        shape: Shape::Lines(THREADS.iter().map(ToString::to_string).collect()),
        series: costs.iter().map(series).collect(),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

struct Seen {
    nanoseconds: f64,
    /// Made by the threads,
    additions: u64,
    /// and to be found in the counter.
    counted: u64,
}

/// Adds with so many threads for so long.
fn add_for(length: Duration, threads: usize, add: &Add) -> Result<Seen, Failure> {
    let (counter, over, begin) = (AtomicU64::new(0), AtomicBool::new(false), Barrier::new(threads + 1));
    let thread = || {
        begin.wait();
        let mut made = 0;
        while !over.load(Relaxed) {
            add(&counter)?;
            made += 1;
        }
        Ok::<u64, Status>(made)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(thread)).collect();
        begin.wait();
        let start = Instant::now();
        std::thread::sleep(length);
        over.store(true, Relaxed);
        let took = start.elapsed();
        let mut additions = 0;
        for thread in threads {
            additions += thread.join().map_err(|_| "a thread panicked")??;
        }
        let nanoseconds = took.as_secs_f64() * 1e9 / additions.max(1) as f64;
        Ok(Seen { nanoseconds, additions, counted: counter.load(Relaxed) })
    })
}

fn verdict(costs: &[Cost]) -> Verdict {
    let mut objections = Vec::new();
    for Cost { name, additions, lost, .. } in costs {
        objections.push((*additions == 0, format!("nothing was added by {name}")));
        objections.push((*lost > 0, format!("{lost} of {additions} additions by {name} were lost")));
    }
    let alone = |cost: &Cost| cost.nanoseconds.first().copied().unwrap_or(f64::NAN);
    let (first, last) = (costs.first().map_or(f64::NAN, alone), costs.last().map_or(f64::NAN, alone));
    let between = &costs[1.min(costs.len())..costs.len().saturating_sub(1)];
    for cost in between {
        let cheaper = alone(cost) < last;
        objections.push((!cheaper, format!("a {} costs {:.1} ns alone", cost.name, alone(cost))));
    }
    let additions: u64 = costs.iter().map(|cost| cost.additions).sum();
    Verdict::unless(
        objections,
        format!("none of {additions} additions was lost; alone it is {first:.1} ns to {last:.1} ns"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(nanoseconds: [f64; 4]) -> Vec<Cost> {
        let cost = |ns| Cost { name: "x", nanoseconds: vec![ns], additions: 9, lost: 0 };
        nanoseconds.map(cost).into()
    }

    #[test]
    fn each_failure_is_seen() {
        let good = [3.0, 5.0, 4.0, 30.0];
        assert!(verdict(&costs(good)).holds);
        assert!(!verdict(&costs([3.0, 31.0, 4.0, 30.0])).holds, "a spin lock as dear as an object");
        assert!(!verdict(&costs([3.0, 5.0, f64::NAN, 30.0])).holds);
        let with = |change: fn(&mut Cost)| {
            let mut costs = costs(good);
            change(&mut costs[2]);
            verdict(&costs).holds
        };
        assert!(!with(|cost| cost.lost = 1));
        assert!(!with(|cost| cost.additions = 0));
    }

    #[test]
    fn additions_without_a_lock_are_found_out_or_there_were_none_at_once() {
        let add: Add = Arc::new(|counter| {
            let seen = counter.load(Relaxed);
            std::thread::yield_now();
            counter.store(seen + 1, Relaxed);
            Ok(())
        });
        let lost = |_: i32| {
            let seen = add_for(Duration::from_millis(5), 4, &add).expect("nothing can fail");
            seen.counted < seen.additions
        };
        assert!((0..200).any(lost), "four threads never met");
    }
}
