//! What people are told: a sentence with what went wrong and what to do about it, and numbers they can read.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use proactor::Status;

/// A line to the standard output. Nobody may be reading it any more: that is no reason to stop.
pub fn line(text: &dyn Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A line to the standard error, likewise.
pub fn aside(text: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Why nothing can listen at `address`.
pub fn cannot_listen(address: &str, status: Status) -> String {
    match status {
        Status::ADDRESS_ALREADY_EXISTS => format!(
            "{address} is in use by another program: end it (`ss -ltnp` names it) or choose another port with \
             --listen; port 0 takes a free one"
        ),
        Status::INVALID_ADDRESS_COMPONENT => format!(
            "{address} is not an address of this machine: use one that `ip address` lists, or 0.0.0.0 for all of \
             them"
        ),
        Status::ACCESS_DENIED => format!(
            "{address} may not be taken by this user: ports below 1024 are root's, so use a higher one, or grant \
             the right with `setcap cap_net_bind_service+ep`"
        ),
        status if status.is_shortage() => format!(
            "{address} cannot be listened on, for this process is out of descriptors or memory: raise \
             `ulimit -n` ({})",
            status.message()
        ),
        status => format!("{address} cannot be listened on: {}", plain(status)),
    }
}

/// Why a port with its workers could not be had.
pub fn cannot_start(workers: usize, status: Status) -> String {
    match status {
        Status::TOO_MANY_THREADS => format!(
            "the system gives no {workers} threads: lower --workers, or raise `ulimit -u` and the control group's \
             pids.max"
        ),
        Status::TOO_MANY_OPENED_FILES => {
            "no descriptors are left for a completion port: raise `ulimit -n` to at least 64".to_owned()
        }
        status => format!("the server could not be started: {}", plain(status)),
    }
}

/// A status without its value, which tells people nothing.
pub fn plain(status: Status) -> String {
    match status.name() {
        Some(name) => format!("{} ({name})", status.message()),
        None => status.to_string(),
    }
}

/// With commas between the thousands: 1,234,567.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: "1 message", "2 messages".
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// In the largest binary unit that leaves at least one: 1.5 MiB.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    // What would be rounded to 1024.0 is 1.0 of the next.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// How long: 3.2 s, 12 min 5 s, 3 h 12 min.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "message"), "1 message");
        assert_eq!(counted(0, "message"), "0 messages");
    }

    #[test]
    fn bytes_take_the_unit_that_fits() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
        assert_eq!(bytes(3 << 29), "1.5 GiB");
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
    }

    #[test]
    fn durations_take_the_unit_that_fits() {
        assert_eq!(duration(Duration::from_millis(3210)), "3.2 s");
        assert_eq!(duration(Duration::from_secs(725)), "12 min 5 s");
        assert_eq!(duration(Duration::from_secs(11_520)), "3 h 12 min");
    }

    #[test]
    fn each_refusal_of_an_address_says_what_to_do() {
        let says = |status, word: &str| {
            let sentence = cannot_listen("192.0.2.1:80", status);
            assert!(sentence.starts_with("192.0.2.1:80 ") && sentence.contains(word), "{sentence}");
        };
        says(Status::from_errno(libc::EADDRINUSE), "--listen");
        says(Status::from_errno(libc::EADDRNOTAVAIL), "ip address");
        says(Status::from_errno(libc::EACCES), "below 1024");
        says(Status::from_errno(libc::EMFILE), "ulimit -n");
        says(Status::from_errno(libc::EIO), "STATUS_");
    }
}
