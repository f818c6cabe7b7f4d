//! The directory in which a user's named objects live, and how a name comes and goes with its handles.
//!
//! A handle holds a shared lock on the first byte of its file (an open-file-description lock: the kernel drops it
//! with the last descriptor, however the process ends). So:
//!
//! - a file that nobody holds is a dead process' leftover: who finds it takes the name away, and it was never there;
//! - who closes a handle and can have the lock for itself was the last, and takes the name away;
//! - only who has the lock for itself takes a name away, so a file that is locked and still has a name keeps it.
//!
//! A new object is made as a file without a name, held by its maker, and gets its name in one step when all is in
//! it. There is nothing half made that a process could leave behind.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Dir, FallocateFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::lock::PATIENCE;
use super::name::Name;
use super::page;
use super::pipe;
use crate::status::{Result, Status};
use crate::sync::lock::Lock;
use crate::sync::seat;

/// Where the directory is, instead of `/dev/shm/proactor-UID`: an absolute path.
const VARIABLE: &str = "PROACTOR_NAMESPACE";
/// How many files are looked at when the namespace is opened; what a longer sweep would find goes when its name is
/// used next.
const SWEPT: usize = 1024;

/// In which namespaces a process counts its threads and its time. Only within one can it be told whether a holder
/// lives and when a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) processes: u64,
    pub(super) clocks: u64,
}

impl Place {
    fn here() -> Result<Place> {
        // A descriptor's link would name the namespace of children too; these are those of this process.
        let processes = rustix::fs::stat("/proc/self/ns/pid").map_err(|_| Status::NOT_SUPPORTED)?.st_ino;
        // A kernel without time namespaces has one time.
        let clocks = rustix::fs::stat("/proc/self/ns/time").map_or(0, |stat| stat.st_ino);
        Ok(Place { processes, clocks })
    }
}

/// What `Space::standard` answers.
static STANDARD: Lock<Option<Arc<Space>>> = Lock::new(None);
/// Where it looks if it was told by `Space::set_standard`.
static CHOSEN: Lock<Option<PathBuf>> = Lock::new(None);

/// A directory of named objects.
pub(crate) struct Space {
    dir: OwnedFd,
    pub(super) place: Place,
}

pub(super) fn status(errno: Errno) -> Status {
    Status::from_errno(errno.raw_os_error())
}

impl Space {
    /// The one of this user: `PROACTOR_NAMESPACE`, or `/dev/shm/proactor-UID`.
    ///
    /// # Errors
    /// As [`at`](Self::at); [`Status::INVALID_PARAMETER`] when the variable is not an absolute path.
    pub(crate) fn standard() -> Result<Arc<Space>> {
        let mut standard = STANDARD.lock();
        if let Some(space) = standard.as_ref()
            && space.is_there()
        {
            return Ok(space.clone());
        }
        let chosen = CHOSEN.lock().clone();
        let told = chosen.or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
        let path = match told {
            Some(path) if !path.as_os_str().is_empty() => path,
            _ => format!("/dev/shm/proactor-{}", rustix::process::geteuid().as_raw()).into(),
        };
        let space = Space::at(&path)?;
        *standard = Some(space.clone());
        Ok(space)
    }

    /// Makes another directory the standard one.
    pub(super) fn set_standard(path: &Path) -> Result<()> {
        let space = Space::at(path)?;
        let mut standard = STANDARD.lock();
        *CHOSEN.lock() = Some(path.into());
        *standard = Some(space);
        Ok(())
    }

    /// The one in a directory, which is made if it is not there; what is above it has to be.
    ///
    /// # Errors
    /// [`Status::INVALID_PARAMETER`]: not an absolute path. [`Status::NOT_A_DIRECTORY`]: something else is there, as a
    /// symbolic link. [`Status::ACCESS_DENIED`]: it belongs to somebody else, or somebody else may use it.
    /// [`Status::NOT_SUPPORTED`]: `/proc` is not mounted. What making and opening a directory fails with.
    pub(crate) fn at(path: &Path) -> Result<Arc<Space>> {
        if !path.is_absolute() {
            return Err(Status::INVALID_PARAMETER);
        }
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(status(errno)),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP => Status::NOT_A_DIRECTORY,
            errno => status(errno),
        })?;
        is_ours_alone(&rustix::fs::fstat(&dir).map_err(status)?)?;
        let space = Space { dir, place: Place::here()? };
        space.sweep();
        Ok(Arc::new(space))
    }

    /// The directory itself.
    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    fn is_there(&self) -> bool {
        rustix::fs::fstat(&self.dir).is_ok_and(|stat| stat.st_nlink > 0)
    }

    /// Opens and holds the file of an object. None if nobody else holds one.
    pub(super) fn open(&self, name: &Name) -> Result<Option<Held>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.open_once(&name.file)? {
                Found::Held(file) => return Ok(Some(file)),
                Found::Nothing => return Ok(None),
                // Somebody has it for himself, to take its name away, which takes no time if he runs.
                Found::Changing if Instant::now() < deadline => {
                    seat::blocking(|| std::thread::sleep(Duration::from_micros(100)));
                }
                Found::Changing => return Err(Status::IO_TIMEOUT),
            }
        }
    }

    fn open_once(&self, file: &str) -> Result<Found> {
        // A pipe or device put there by hand must not block or act.
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = match rustix::fs::openat(&self.dir, file, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            Err(errno) => return Err(status(errno)),
        };
        let stat = rustix::fs::fstat(&opened).map_err(status)?;
        is_ours_alone(&stat)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Status::DATA_ERROR);
        }
        if hold(opened.as_fd(), Hold::Alone)? {
            self.unlink(file, opened.as_fd());
            return Ok(Found::Nothing);
        }
        if !hold(opened.as_fd(), Hold::Shared)? {
            return Ok(Found::Changing);
        }
        let held = Held(opened);
        // It keeps its name now, and its length unless somebody means harm.
        let stat = rustix::fs::fstat(&held.0).map_err(status)?;
        match stat.st_nlink {
            0 => Ok(Found::Changing),
            _ if u64::try_from(stat.st_size) != Ok(page::SIZE) => Err(Status::DATA_ERROR),
            _ => Ok(Found::Held(held)),
        }
    }

    /// A file of the right length, without a name, held.
    ///
    /// # Errors
    /// [`Status::DISK_FULL`]: no memory is left there. [`Status::NOT_SUPPORTED`]: the file system can't do this.
    pub(super) fn make(&self) -> Result<Held> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = rustix::fs::openat(&self.dir, ".", flags, mode).map_err(status)?;
        // Whatever the umask is.
        rustix::fs::fchmod(&file, mode).map_err(status)?;
        // Now, so that a full file system is an error here and not a signal (SIGBUS) later.
        rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, page::SIZE).map_err(status)?;
        if hold(file.as_fd(), Hold::Shared)? { Ok(Held(file)) } else { Err(Status::UNSUCCESSFUL) }
    }

    /// Gives a file that `make` made its name; false if the name is taken.
    pub(super) fn publish(&self, name: &Name, file: BorrowedFd<'_>) -> Result<bool> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        match rustix::fs::linkat(CWD, path, &self.dir, &*name.file, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(status(errno)),
        }
    }

    /// A handle is being closed: the name goes if it was the last.
    pub(super) fn leave(&self, name: &Name, file: BorrowedFd<'_>) {
        // Let go first, if it was not: of two who close at once, each would keep the other from being the last.
        let last = hold(file, Hold::Alone) == Ok(true)
            || (hold(file, Hold::Not) == Ok(true) && hold(file, Hold::Alone) == Ok(true));
        if last {
            self.unlink(&name.file, file);
        }
    }

    /// Takes the name of a file away that this handle has for itself. If that fails the file is a leftover.
    fn unlink(&self, name: &str, file: BorrowedFd<'_>) {
        if rustix::fs::fstat(file).is_ok_and(|stat| stat.st_nlink > 0) {
            let _ = rustix::fs::unlinkat(&self.dir, name, AtFlags::empty());
        }
    }

    /// Takes away the leftovers of killed processes.
    fn sweep(&self) {
        let Ok(entries) = Dir::read_from(&self.dir) else { return };
        for entry in entries.take(SWEPT).map_while(std::result::Result::ok) {
            let Ok(name) = entry.file_name().to_str() else { continue };
            if Name::is_file_of_ours(name.as_bytes()) {
                // Opening is sweeping; what can't be opened is none of ours, and says so when it is asked for.
                let _ = self.open_once(name);
            } else if name.starts_with("p.") {
                pipe::sweep(self, name);
            }
        }
    }
}

/// A file that is held, until this is dropped. Closing alone might not do: a child that this process is just starting
/// has the descriptor too until it runs its program.
pub(super) struct Held(OwnedFd);

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = hold(self.as_fd(), Hold::Not);
    }
}

enum Found {
    Held(Held),
    Nothing,
    Changing,
}

/// A file or directory that this user owns and nobody else may use.
pub(super) fn is_ours_alone(stat: &Stat) -> Result<()> {
    let others = Mode::RWXG | Mode::RWXO;
    let ours = stat.st_uid == rustix::process::geteuid().as_raw();
    if ours && !Mode::from_raw_mode(stat.st_mode).intersects(others) {
        Ok(())
    } else {
        Err(Status::ACCESS_DENIED)
    }
}

#[derive(Clone, Copy)]
pub(super) enum Hold {
    Not,
    Shared,
    Alone,
}

/// Locks the first byte of a file, or changes the lock this descriptor has; false if others don't allow it, and then
/// nothing has changed.
pub(super) fn hold(file: BorrowedFd<'_>, how: Hold) -> Result<bool> {
    hold_byte(file, how, 0)
}

fn lock_of(how: Hold, byte: u32, count: u32) -> libc::flock {
    let kind = match how {
        Hold::Not => libc::F_UNLCK,
        Hold::Shared => libc::F_RDLCK,
        Hold::Alone => libc::F_WRLCK,
    };
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte.into(),
        l_len: count.into(),
        l_pid: 0,
    }
}

/// Whether another descriptor has a lock on any of `count` bytes of a file; 0: on any from there on.
pub(super) fn is_held(file: BorrowedFd<'_>, byte: u32, count: u32) -> Result<bool> {
    let mut lock = lock_of(Hold::Alone, byte, count);
    // SAFETY: the kernel reads and writes one `flock`, which lives through the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) } {
        0 => Ok(i32::from(lock.l_type) != libc::F_UNLCK),
        _ => Err(std::io::Error::last_os_error()
            .raw_os_error()
            .map_or(Status::UNSUCCESSFUL, Status::from_errno)),
    }
}

/// The same as [`hold`] for any byte.
pub(super) fn hold_byte(file: BorrowedFd<'_>, how: Hold, byte: u32) -> Result<bool> {
    let lock = lock_of(how, byte, 1);
    // SAFETY: the kernel reads one `flock`, which lives through the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } {
        0 => Ok(true),
        _ => match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Ok(false),
            Some(errno) => Err(Status::from_errno(errno)),
            None => Err(Status::UNSUCCESSFUL),
        },
    }
}
