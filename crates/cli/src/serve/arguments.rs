//! The numbers that servers take from the command line: each refused with the range it must be in.

use std::time::Duration;

use proactor::processors;

/// What a port can have at most.
pub const MOST_WORKERS: usize = 32_767;
/// The largest buffer: more than that is more than any socket holds.
const MOST_BUFFER: usize = 1 << 30;
/// Sessions have numbers of 32 bits; each takes a descriptor, of which Linux gives a process fewer than that.
const MOST_SESSIONS: usize = 1 << 28;
/// Beyond a week it is "never".
const MOST_SECONDS: f64 = 604_800.0;

/// Unless said otherwise: enough to stand in for those that block.
pub fn default_workers() -> usize {
    (4 * processors()).clamp(8, MOST_WORKERS)
}

pub fn worker_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("a server needs at least 1 worker".to_owned()),
        Ok(count) if count <= MOST_WORKERS => Ok(count),
        Ok(_) => Err(format!("a port can have {MOST_WORKERS} workers at most")),
        Err(_) => Err(format!("a number from 1 to {MOST_WORKERS} is needed")),
    }
}

pub fn concurrency(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count <= MOST_WORKERS => Ok(count),
        _ => Err(format!("a number from 1 to {MOST_WORKERS} is needed, or 0 for one a processor")),
    }
}

pub fn buffer_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size) if (1..=MOST_BUFFER).contains(&size) => Ok(size),
        _ => Err(format!("a number of bytes from 1 to {MOST_BUFFER} is needed")),
    }
}

pub fn session_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=MOST_SESSIONS).contains(&count) => Ok(count),
        _ => Err(format!("a number from 1 to {MOST_SESSIONS} is needed")),
    }
}

/// Seconds, also parts of one. `None`, written 0, is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Option<Duration>);

pub fn seconds(text: &str) -> Result<Seconds, String> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(Seconds(None)),
        // What is less than a millisecond is no time for anybody.
        Ok(time) if (0.001..=MOST_SECONDS).contains(&time) => {
            Ok(Seconds(Some(Duration::from_secs_f64(time))))
        }
        _ => Err(format!(
            "a number of seconds up to {MOST_SECONDS} is needed, as in 60 or 0.5, or 0 for never"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_be_parts_or_never() {
        assert_eq!(seconds("60"), Ok(Seconds(Some(Duration::from_secs(60)))));
        assert_eq!(seconds("0.25"), Ok(Seconds(Some(Duration::from_millis(250)))));
        assert_eq!(seconds("0"), Ok(Seconds(None)));
        for wrong in ["", "-1", "NaN", "inf", "1e99", "0.0000001", "soon"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
