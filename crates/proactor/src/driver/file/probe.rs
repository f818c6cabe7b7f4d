//! Whether io_uring may be had here, and if not, why: each error of `io_uring_setup` with its likely cause.

use std::{fmt, io};

use io_uring::IoUring;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// Entries of the ring. Rings are charged to RLIMIT_MEMLOCK, per user: the usual 8 MiB buy 292 rings of this size but
/// 20 of 4096, and no device we know of has more than 256 commands to itself.
pub(super) const ENTRIES: u32 = 256;

/// The sysctl that may forbid io_uring: 0 for nobody, 1 for processes without privilege, 2 for all.
const SYSCTL: &str = "/proc/sys/kernel/io_uring_disabled";

/// What the ring of this kernel has.
///
/// ```
/// if let Ok(facts) = proactor::files::probe_io_uring() {
///     assert!(facts.entries > 0);
///     assert!(facts.to_string().starts_with("io_uring with "));
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingFacts {
    /// How many requests fit in it at once; more wait in a queue of ours.
    pub entries: u32,
    /// Whether its owner's idle waiting is kept out of the I/O-wait statistics (Linux 6.15).
    pub no_iowait: bool,
}

impl fmt::Display for RingFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = if self.no_iowait { "not counted" } else { "counted" };
        write!(f, "io_uring with {} entries; its idle time is {counted} as I/O wait", self.entries)
    }
}

/// Why io_uring may not be had. Its text is a sentence for people, with what to change.
///
/// ```
/// use proactor::files::WhyNot;
///
/// let why = WhyNot::Forbidden { disabled: Some(2) };
/// assert!(why.to_string().contains("kernel.io_uring_disabled"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyNot {
    /// `ENOSYS`: the kernel was built without it, or something between the program and the kernel hides it.
    Missing,
    /// `EINVAL`: the kernel has it, but not yet what we need of it.
    TooOld,
    /// `EPERM` or `EACCES`: with the value of `kernel.io_uring_disabled`, where there is one.
    Forbidden {
        /// 0: the setting allows it, so a filter or a security module forbids it.
        disabled: Option<u8>,
    },
    /// `ENOMEM`: with the limit of locked memory in bytes; none: unlimited.
    NoMemory {
        /// RLIMIT_MEMLOCK, which all rings of one user share.
        memlock: Option<u64>,
    },
    /// The thread that would own the ring could not be started.
    NoThread {
        /// The error number.
        errno: i32,
    },
    /// Any other error.
    Other {
        /// The error number.
        errno: i32,
    },
}

impl WhyNot {
    pub(super) fn from_setup(error: &io::Error) -> WhyNot {
        let errno = Errno::from_io_error(error).unwrap_or(Errno::IO);
        match errno {
            Errno::NOSYS => WhyNot::Missing,
            Errno::INVAL => WhyNot::TooOld,
            Errno::PERM | Errno::ACCESS => WhyNot::Forbidden { disabled: sysctl() },
            Errno::NOMEM => WhyNot::NoMemory { memlock: getrlimit(Resource::Memlock).current },
            other => WhyNot::Other { errno: other.raw_os_error() },
        }
    }
}

fn sysctl() -> Option<u8> {
    std::fs::read_to_string(SYSCTL).ok()?.trim().parse().ok()
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |errno: i32| io::Error::from_raw_os_error(errno);
        match *self {
            WhyNot::Missing => f.write_str(
                "this kernel has no io_uring, or a sandbox hides it (ENOSYS): \
                 it needs CONFIG_IO_URING and no filter on io_uring_setup",
            ),
            WhyNot::TooOld => {
                f.write_str("this kernel's io_uring is too old (EINVAL): Linux 6.1 or newer is needed")
            }
            WhyNot::Forbidden { disabled: Some(value @ 1..) } => write!(
                f,
                "io_uring is switched off (EPERM): kernel.io_uring_disabled is {value}, which forbids it to {}; \
                 `sysctl kernel.io_uring_disabled=0` allows it",
                if value == 1 {
                    "processes without CAP_SYS_ADMIN or kernel.io_uring_group"
                } else {
                    "everyone"
                },
            ),
            WhyNot::Forbidden { .. } => f.write_str(
                "io_uring is forbidden to this process (EPERM), most likely by a seccomp filter: \
                 the default profile of Docker and others does so",
            ),
            WhyNot::NoMemory { memlock: Some(bytes) } => write!(
                f,
                "there is no memory for a ring (ENOMEM): all rings of a user share RLIMIT_MEMLOCK, which is \
                 {bytes} bytes; raise it with `ulimit -l` or LimitMEMLOCK="
            ),
            WhyNot::NoMemory { memlock: None } => f.write_str("there is no memory for a ring (ENOMEM)"),
            WhyNot::NoThread { errno } => {
                write!(f, "the thread that would own the ring could not be started: {}", text(errno))
            }
            WhyNot::Other { errno } => write!(f, "io_uring could not be set up: {}", text(errno)),
        }
    }
}

impl std::error::Error for WhyNot {}

/// Whether io_uring may be had, found out by setting up a ring as large as the one that would serve, and taking it
/// down again. Takes some hundred microseconds.
///
/// ```
/// match proactor::files::probe_io_uring() {
///     Ok(facts) => println!("files are served by {facts}"),
///     Err(why) => println!("files are served by threads: {why}"),
/// }
/// ```
///
/// # Errors
///
/// Why not; its `Display` is a sentence for people, with what to change.
pub fn probe_io_uring() -> Result<RingFacts, WhyNot> {
    set_up().map(|ring| facts(&ring))
}

pub(super) fn facts(ring: &IoUring) -> RingFacts {
    let params = ring.params();
    RingFacts { entries: params.sq_entries(), no_iowait: params.is_feature_no_iowait() }
}

/// Sets a ring up for the calling thread: only it may submit to it.
pub(super) fn set_up() -> Result<IoUring, WhyNot> {
    IoUring::builder()
        // The owner is never interrupted; what there is to do for a completion is done when it asks.
        .setup_single_issuer()
        .setup_defer_taskrun()
        // A request that is wrong ends alone and does not hold up those behind it.
        .setup_submit_all()
        // A child has no owner thread, and must not share what the owner writes.
        .dontfork()
        .build(ENTRIES)
        .map_err(|error| WhyNot::from_setup(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(errno: i32) -> WhyNot {
        WhyNot::from_setup(&io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn each_error_has_its_own_reason() {
        assert_eq!(why(libc::ENOSYS), WhyNot::Missing);
        assert_eq!(why(libc::EINVAL), WhyNot::TooOld);
        assert_eq!(why(libc::EPERM), WhyNot::Forbidden { disabled: sysctl() });
        assert!(matches!(why(libc::ENOMEM), WhyNot::NoMemory { .. }));
        assert_eq!(why(libc::EMFILE), WhyNot::Other { errno: libc::EMFILE });
    }

    #[test]
    fn sentences_name_what_to_change() {
        let says = |why: WhyNot, word: &str| assert!(why.to_string().contains(word), "{why} lacks {word}");
        says(WhyNot::Missing, "CONFIG_IO_URING");
        says(WhyNot::TooOld, "6.1");
        says(
            WhyNot::Forbidden { disabled: Some(2) },
            "kernel.io_uring_disabled is 2, which forbids it to everyone",
        );
        says(WhyNot::Forbidden { disabled: Some(1) }, "io_uring_group");
        says(WhyNot::Forbidden { disabled: Some(0) }, "seccomp");
        says(WhyNot::Forbidden { disabled: None }, "seccomp");
        says(WhyNot::NoMemory { memlock: Some(65536) }, "RLIMIT_MEMLOCK, which is 65536 bytes");
        says(WhyNot::Other { errno: libc::EMFILE }, "Too many open files");
    }

    #[test]
    fn the_probe_and_a_ring_agree() {
        match probe_io_uring() {
            Ok(facts) => {
                assert_eq!(facts.entries, ENTRIES);
                assert_eq!(facts, super::facts(&set_up().unwrap()));
            }
            Err(why) => assert_eq!(set_up().err(), Some(why)),
        }
    }
}
