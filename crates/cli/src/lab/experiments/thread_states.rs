//! Running, ready, blocked: where the time of a pool's threads goes, with a port's limit and without.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use proactor::{Port, Workers};

use super::Experiment;
use crate::lab::measure::{Effort, Failure, Work, eventually};
use crate::lab::report::{Measured, Plot, Row, Series, Shape, Verdict};

pub const EXPERIMENT: Experiment = Experiment {
    id: "thread-states",
    title: "With a limit threads run or sleep; without, they queue for a processor",
    claim: "A thread runs, or is ready and waits for a processor, or is blocked. Ready is the state that nobody wants: the \
            thread has work and does none of it. A port lets only as many workers run as there are processors; the \
            others are blocked, which costs nothing. Without the limit all of them are ready at once, and share the \
            same processors.",
    done: "Four workers for each processor and always enough packets of 200 us, first with a limit of one worker per \
           processor, then with none; at last with the limit, every other handler sleeping for 200 us as well, so \
           that workers replace each other. Every millisecond each thread was looked at (/proc/self/task/*/stat: does it sleep?), \
           and every 20 ms the kernel was asked how long it had run (schedstat); what is left of its time it was ready.",
    run,
};

const PER_PROCESSOR: usize = 4;
const HANDLER_US: f64 = 200.0;
const INTERVAL: Duration = Duration::from_millis(20);
const LOOK: Duration = Duration::from_millis(1);

/// Of all workers together, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct States {
    running: f64,
    ready: f64,
    blocked: f64,
}

impl States {
    fn all(self) -> f64 {
        (self.running + self.ready + self.blocked).max(1e-9)
    }

    fn share(self, of: f64) -> f64 {
        of * 100.0 / self.all()
    }
}

/// One run: the whole of it, and interval by interval.
struct Seen {
    whole: States,
    intervals: Vec<States>,
    handled: usize,
}

fn run(effort: Effort) -> Result<Measured, Failure> {
    let (work, samples) = (Work::calibrated(), effort.of(25, 10));
    let processors = proactor::processors();
    let threads = processors * PER_PROCESSOR;
    let limited = watch(threads, processors, samples, move |_| work.burn(HANDLER_US))?;
    let free = watch(threads, threads, samples, move |_| work.burn(HANDLER_US))?;
    let mixed = watch(threads, processors, samples, move |number| {
        work.burn(HANDLER_US);
        if number % 2 == 1 {
            std::thread::sleep(Duration::from_micros(HANDLER_US as u64));
        }
    })?;
    let runs = [("limit", &limited), ("no limit", &free), ("limit, half sleep", &mixed)];
    let mut rows = vec![Row::count("workers", threads, "")];
    for (name, seen) in runs {
        let States { running, ready, blocked } = seen.whole;
        rows.push(Row::new(format!("{name}: running"), seen.whole.share(running), "%"));
        rows.push(Row::new(format!("{name}: ready"), seen.whole.share(ready), "%"));
        rows.push(Row::new(format!("{name}: blocked"), seen.whole.share(blocked), "%"));
        rows.push(Row::count(format!("{name}: packets handled"), seen.handled, ""));
    }
    let mut plots = vec![Plot {
        title: "Where the time of all workers went".into(),
        x: "".into(),
        y: "% of their time".into(),
        shape: Shape::Bars(runs.iter().map(|(name, _)| (*name).into()).collect()),
        series: series(&runs.map(|(_, seen)| seen.whole)),
    }];
    plots.extend(runs.map(|(name, seen)| over_time(name, seen)));
    let notes = vec![
        "Other programs on the machine make running workers ready now and then, with a limit too.".into(),
    ];
    Ok(Measured { verdict: verdict(&limited, &free, threads), rows, plots, notes })
}

fn series(states: &[States]) -> Vec<Series> {
    let one = |name, of: fn(&States) -> f64| {
        Series::over_names(name, states.iter().map(move |states| states.share(of(states))))
    };
    vec![
        one("running", |states| states.running),
        one("ready", |states| states.ready),
        one("blocked", |states| states.blocked),
    ]
}

fn over_time(name: &str, seen: &Seen) -> Plot {
    // As many names as fit beside each other.
    let step = seen.intervals.len().div_ceil(5).max(1);
    let time = |index: usize| (index as u128 * INTERVAL.as_millis()).to_string();
    let names = (0..seen.intervals.len())
        .map(|index| if index.is_multiple_of(step) { time(index) } else { String::new() });
    Plot {
        title: format!("Over time: {name}"),
        x: "ms".into(),
        y: "% of the workers".into(),
        shape: Shape::Lines(names.collect()),
        series: series(&seen.intervals),
    }
}

/// How long a thread has run, in nanoseconds.
///
/// The kernel has an account of the time a thread was ready as well, but only adds to it when the thread runs again.
fn ran(thread: u32) -> Result<u64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))
        .map_err(|_| "this kernel keeps no account of threads (CONFIG_SCHED_INFO)")?;
    let first = text.split_whitespace().next().and_then(|field| field.parse().ok());
    first.ok_or_else(|| format!("not an account of a thread: {text}").into())
}

/// Whether a thread is blocked at this moment; otherwise it runs or is ready.
fn is_blocked(thread: u32) -> Result<bool, Failure> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"))?;
    // The name may have spaces and brackets in it; the state follows the last bracket.
    let state = text.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    Ok(state.ok_or("not the state of a thread")? != 'R')
}

/// Keeps a port busy and looks at its workers.
fn watch(
    threads: usize,
    limit: usize,
    samples: usize,
    handle: impl Fn(usize) + Send + Sync + 'static,
) -> Result<Seen, Failure> {
    let port: Port = Port::new(limit)?;
    let (over, handled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (again, ended, counted) = (port.clone(), over.clone(), handled.clone());
    let workers = Workers::start(&port, threads, move |_| {
        handle(counted.fetch_add(1, SeqCst));
        // Each packet is followed by another one, so that there is always enough; a closed port takes none.
        if !ended.load(SeqCst) {
            let _ = again.post(0, 0);
        }
    })?;
    let seen = eventually("all workers are parked", || port.snapshot().parked == threads).and_then(|()| {
        let ids: Vec<_> = port.snapshot().workers.iter().map(|worker| worker.thread).collect();
        for number in 0..threads * 4 {
            port.post(0, number)?;
        }
        let before = handled.load(SeqCst);
        let intervals = sample(&ids, samples)?;
        Ok(Seen { whole: sum(&intervals), intervals, handled: handled.load(SeqCst) - before })
    });
    over.store(true, SeqCst);
    port.close();
    workers.join();
    seen
}

/// The states of these threads in so many intervals, one after the other.
fn sample(threads: &[u32], samples: usize) -> Result<Vec<States>, Failure> {
    let all_ran = || threads.iter().map(|thread| ran(*thread)).sum::<Result<u64, _>>();
    let (mut before, mut at) = (all_ran()?, Instant::now());
    let mut intervals = Vec::new();
    for _ in 0..samples {
        let (mut looks, mut blocked) = (0usize, 0usize);
        while looks == 0 || at.elapsed() < INTERVAL {
            std::thread::sleep(LOOK);
            for thread in threads {
                looks += 1;
                blocked += usize::from(is_blocked(*thread)?);
            }
        }
        let (after, now) = (all_ran()?, Instant::now());
        let whole = (now - at).as_secs_f64() * 1e3 * threads.len() as f64;
        let running = after.saturating_sub(before) as f64 / 1e6;
        intervals.push(states(whole, running, blocked as f64 / looks as f64));
        (before, at) = (after, now);
    }
    Ok(intervals)
}

/// Of all threads' time in an interval, how long they ran, and in which share of the looks they were blocked.
fn states(whole: f64, running: f64, blocked: f64) -> States {
    let running = running.min(whole);
    let blocked = (blocked * whole).min(whole - running);
    States { running, ready: whole - running - blocked, blocked }
}

fn sum(intervals: &[States]) -> States {
    intervals.iter().fold(States::default(), |all, one| States {
        running: all.running + one.running,
        ready: all.ready + one.ready,
        blocked: all.blocked + one.blocked,
    })
}

fn verdict(limited: &Seen, free: &Seen, threads: usize) -> Verdict {
    let ready = |seen: &Seen| seen.whole.share(seen.whole.ready);
    let (with, without) = (ready(limited), ready(free));
    let blocked = limited.whole.share(limited.whole.blocked);
    Verdict::unless(
        [
            (
                limited.handled == 0 || free.handled == 0,
                format!("{threads} workers handled {} and {} packets", limited.handled, free.handled),
            ),
            // Of four workers for a processor at most one is let run: three quarters have to be blocked; a monitor
            // that takes a preempted worker for a blocked one would let in more.
            (blocked < 50.0, format!("with the limit workers were blocked {blocked:.0} % of their time")),
            (
                with * 2.0 > without,
                format!(
                    "workers were ready {with:.0} % of their time with the limit, {without:.0} % without"
                ),
            ),
        ],
        format!("ready {with:.0} % of their time with the limit, {without:.0} % without"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(running: f64, ready: f64, blocked: f64) -> Seen {
        Seen { whole: States { running, ready, blocked }, intervals: Vec::new(), handled: 9 }
    }

    #[test]
    fn each_failure_is_seen() {
        let (limited, free) = (seen(2.0, 0.5, 5.5), seen(2.0, 6.0, 0.0));
        assert!(verdict(&limited, &free, 8).holds);
        assert!(!verdict(&free, &free, 8).holds, "a limit that limits nothing");
        assert!(!verdict(&limited, &limited, 8).holds);
        assert!(!verdict(&Seen { handled: 0, ..limited }, &free, 8).holds);
    }

    #[test]
    fn the_states_of_an_interval_add_up_to_it() {
        let of = |states: States| (states.running, states.ready, states.blocked);
        assert_eq!(of(states(20.0, 4.0, 0.5)), (4.0, 6.0, 10.0));
        assert_eq!(of(states(20.0, 14.0, 0.5)), (14.0, 0.0, 6.0), "looks are samples, the time run is exact");
        assert_eq!(of(states(20.0, 24.0, 0.0)), (20.0, 0.0, 0.0));
    }

    #[test]
    fn the_kernel_tells_whether_a_thread_runs_and_how_long_it_did() {
        let me = rustix::thread::gettid().as_raw_pid().unsigned_abs();
        let (before, work) = (ran(me).expect("this kernel keeps an account"), Work::calibrated());
        work.burn(2000.0);
        assert!(ran(me).expect("and goes on") > before);
        assert!(!is_blocked(me).expect("the thread that asks runs"));
        assert!(ran(0).is_err() && is_blocked(0).is_err());
    }
}
