//! The numbers that servers take from the command line: each refused with the range it must be in.

use std::time::Duration;

use proactor::processors;

/// What a port can have at most.
pub const MOST_WORKERS: usize = 32_767;
/// The largest buffer: more than that is more than any socket holds.
const MOST_BUFFER: usize = 1 << 30;
/// Sessions have numbers of 32 bits; each takes a descriptor, of which Linux gives a process fewer than that.
const MOST_SESSIONS: usize = 1 << 28;
/// Memory is locked in pages of this size.
const PAGE: usize = 4096;
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

/// Bytes that may be locked, as people write them: `65536`, `64K`, `64M`, `1G`; also `64MiB`.
pub fn locked_bytes(text: &str) -> Result<usize, String> {
    let needed = || "a number of bytes is needed, as in 65536, 64K, 64M or 1G".to_owned();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err(needed()),
    };
    let number: usize = digits.parse().map_err(|_| needed())?;
    match number.checked_mul(1 << shift) {
        Some(..PAGE) => Err(format!("less than a page, {PAGE} bytes, has room for nothing")),
        Some(bytes) => Ok(bytes),
        None => Err(format!("{text} is more than any machine has")),
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
    fn bytes_are_taken_as_people_write_them() {
        assert_eq!(locked_bytes("4096"), Ok(4096));
        assert_eq!(locked_bytes("64k"), Ok(64 << 10));
        assert_eq!(locked_bytes("64M"), Ok(64 << 20));
        assert_eq!(locked_bytes("1GiB"), Ok(1 << 30));
        for wrong in ["", "M", "-1", "1.5G", "0", "0M", "4095", "1X", "99999999999T", "1 G", "1é"] {
            assert!(locked_bytes(wrong).is_err(), "{wrong}");
        }
    }

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
