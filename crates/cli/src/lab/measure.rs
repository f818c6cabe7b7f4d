//! What the experiments measure with: percentiles, histograms, work of a known length, files on a real disk, and
//! the kernel's count of context switches.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use proactor::object::Thread;
use proactor::{Packet, Port, diagnose};

use super::report::Series;

pub type Failure = Box<dyn std::error::Error>;

/// How much is done: all of it for figures, less with `--quick`.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub quick: bool,
}

impl Effort {
    pub fn of(self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// Long beyond what any machine needs: whoever waits longer waits for what will not come.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The next packet, or an error that says what was waited for.
pub fn take<K, M>(port: &Port<K, M>, what: &str) -> Result<Packet<K, M>, Failure>
where
    K: Clone + Send + 'static,
    M: Send + 'static,
{
    port.get_timeout(PATIENCE).map_err(|status| format!("waited for {what}: {status}").into())
}

/// Waits until something has come about, at most as long as patience lasts.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> Result<(), Failure> {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > PATIENCE {
            return Err(format!("waited in vain until {what}").into());
        }
        std::thread::sleep(Duration::from_micros(20));
    }
    Ok(())
}

/// Whether the thread waits in this library at this moment.
pub fn waits(thread: &Thread) -> bool {
    let Some(id) = thread.kernel_id() else { return false };
    diagnose::threads().iter().any(|info| info.id == id && !info.waits.is_empty())
}

/// Times, to be asked for percentiles.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<f64>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1e6);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The time in microseconds that `percent` of a hundred do not exceed; 0 if there are none.
    pub fn percentile(&self, percent: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0.0)
    }

    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    /// A histogram against a logarithmic axis, six bins to a factor of ten, in per cent of all.
    pub fn histogram(&self, name: &str) -> Series {
        const BINS: f64 = 6.0;
        let bin = |time: &f64| (time.max(0.01).log10() * BINS).floor() as i32;
        let (Some(first), Some(last)) = (self.0.iter().map(bin).min(), self.0.iter().map(bin).max()) else {
            return Series { name: name.into(), points: Vec::new() };
        };
        let mut counts = vec![0u32; (last - first + 1) as usize];
        self.0.iter().for_each(|time| counts[(bin(time) - first) as usize] += 1);
        let mut points = Vec::new();
        for (index, count) in counts.into_iter().enumerate() {
            let (from, share) = (first + index as i32, f64::from(count) * 100.0 / self.0.len() as f64);
            points.push((10f64.powf(f64::from(from) / BINS), share));
            points.push((10f64.powf(f64::from(from + 1) / BINS), share));
        }
        Series { name: name.into(), points }
    }
}

/// Work that keeps a processor busy and touches nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    per_microsecond: f64,
}

impl Work {
    /// Finds out how much this processor does; the best of a few tries, for others may disturb one.
    pub fn calibrated() -> Work {
        const STEPS: u64 = 200_000;
        let best = (0..7)
            .map(|_| {
                let start = Instant::now();
                black_box(steps(STEPS));
                start.elapsed()
            })
            .min()
            .unwrap_or_default();
        Work { per_microsecond: STEPS as f64 / (best.as_secs_f64() * 1e6).max(1.0) }
    }

    /// So many microseconds of a processor.
    pub fn burn(self, microseconds: f64) {
        black_box(steps((self.per_microsecond * microseconds) as u64));
    }
}

/// Each step needs the one before, so that no compiler and no processor takes two at once.
fn steps(count: u64) -> u64 {
    let mut state = black_box(0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..count {
        state = (state ^ (state >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    }
    state
}

/// Context switches of all threads this process has now, those they asked for and those forced on them.
pub fn context_switches() -> u64 {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return 0 };
    let of_status = |status: String| -> u64 {
        let lines = status.lines().filter(|line| line.contains("voluntary_ctxt_switches:"));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
        .map(of_status)
        .sum()
}

/// What this process has had of all processors.
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The name of a file on disk, removed when this is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(what: &str) -> Scratch {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!("proactor-lab-{}-{number}-{what}", std::process::id());
        Scratch(folder_on_disk().join(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A folder to write to whose files are not in memory alone, if there is one.
pub fn folder_on_disk() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let choices = [here.join("target"), PathBuf::from("/var/tmp"), std::env::temp_dir(), here];
    let writable =
        |folder: &&PathBuf| rustix::fs::access(folder.as_path(), rustix::fs::Access::WRITE_OK).is_ok();
    let on_disk = |folder: &&PathBuf| !matches!(file_system(folder), "tmpfs" | "ramfs");
    let found = choices.iter().filter(writable).find(on_disk).or_else(|| choices.iter().find(writable));
    found.cloned().unwrap_or_else(std::env::temp_dir)
}

/// What a folder's files are kept by, by name where the name is known.
pub fn file_system(folder: &Path) -> &'static str {
    // From the kernel's linux/magic.h.
    match rustix::fs::statfs(folder).map(|stat| stat.f_type as u64 & 0xFFFF_FFFF) {
        Ok(0xEF53) => "ext4",
        Ok(0x5846_5342) => "xfs",
        Ok(0x9123_683E) => "btrfs",
        Ok(0xF2F5_2010) => "f2fs",
        Ok(0x2FC1_2FC1) => "zfs",
        Ok(0x794C_7630) => "overlay",
        Ok(0x0102_1994) => "tmpfs",
        Ok(0x8584_58F6) => "ramfs",
        Ok(0x6969) => "nfs",
        Ok(_) => "another file system",
        Err(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(all: &[u64]) -> Times {
        let mut times = Times::default();
        all.iter().for_each(|&us| times.add(Duration::from_micros(us)));
        times
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred = times(&(1..=100).collect::<Vec<_>>());
        assert_eq!(hundred.median().round(), 50.0);
        assert_eq!(hundred.percentile(99.0).round(), 99.0);
        assert_eq!(hundred.percentile(100.0).round(), 100.0);
        assert_eq!(Times::default().median(), 0.0);
    }

    #[test]
    fn a_histogram_holds_all_times() {
        let points = times(&[1, 5, 50, 5000, 5000]).histogram("t").points;
        let total: f64 = points.iter().step_by(2).map(|point| point.1).sum();
        assert!((total - 100.0).abs() < 1e-6);
        assert!(points.is_sorted_by(|a, b| a.0 <= b.0));
        assert!(Times::default().histogram("none").points.is_empty());
    }

    #[test]
    fn twice_the_work_takes_longer() {
        let work = Work::calibrated();
        let best = |us: f64| {
            let one = |_| {
                let start = Instant::now();
                work.burn(us);
                start.elapsed()
            };
            (0..20).map(one).min().unwrap_or_default()
        };
        assert!(best(400.0) > best(100.0));
    }

    #[test]
    fn a_scratch_file_is_gone_afterwards() {
        let scratch = Scratch::new("test");
        let path = scratch.path().to_owned();
        fs::write(&path, "x").expect("the folder was found writable");
        drop(scratch);
        assert!(!path.exists());
    }
}
