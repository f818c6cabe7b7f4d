//! Descriptors: how many this process may have, and how many connections that makes.
//!
//! A connection of a server takes one descriptor; the soft limit is often 1024 for the sake of programs that use
//! `select`, which ours do not, so it is raised to the hard one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Taken by what is no connection: standard streams, listener, epoll sets, and spare ones for short uses.
const RESERVED: u64 = 32;

/// The limits, soft and hard; `None` is "unlimited".
pub fn limit() -> Rlimit {
    getrlimit(Resource::Nofile)
}

/// Raises the soft limit to the hard one and returns what holds then.
pub fn raise() -> Option<u64> {
    let limit = limit();
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // A hard limit of "unlimited" may be beyond what the system allows; then the soft one stays.
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// Connections that `descriptors` allow to a server with so many workers (each may keep one open to be
/// watched by).
pub fn connections(descriptors: u64, workers: u64) -> u64 {
    descriptors.saturating_sub(RESERVED + workers)
}

/// Descriptors that so many connections take.
pub fn needed(connections: u64, workers: u64) -> u64 {
    connections + RESERVED + workers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_what_allows_it() {
        assert_eq!(connections(needed(10_000, 8), 8), 10_000);
        assert_eq!(connections(10, 8), 0);
    }
}
