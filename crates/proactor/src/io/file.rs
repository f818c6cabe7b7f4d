//! Files: reads and writes at offsets, flushes, and the unbuffered kind.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fs::{AtFlags, FileType, OFlags, StatxFlags};
use rustix::process::{Resource, getrlimit};

use super::face::handle_methods;
use super::handle::{Align, Class, Facts, Handle};
use super::open::OpenOptions;
use super::started::{Refused, Started};
use crate::op;
use crate::status::Status;

/// A file whose operations are overlapped: every one brings its offset (S284). Or a
/// [synchronous](OpenOptions::synchronous) file object, whose operations are performed one at a time.
///
/// ```
/// use proactor::{File, op};
///
/// # let path = std::env::temp_dir().join(format!("proactor-doc-{}", std::process::id()));
/// let file = File::options().read(true).write(true).create(true).open(&path)?;
/// let _ = file.begin(op::Write::new(3, "def"))?.wait();
/// let _ = file.begin(op::Write::new(0, "abc"))?.wait();
/// let read = file.begin(op::Read::new(0, vec![0; 10]))?.wait();
/// assert_eq!((read.data(), read.bytes()), (&b"abcdef"[..], 6));
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), proactor::Status>(())
/// ```
pub struct File(pub(super) Arc<Handle>);

handle_methods!(File, "let handle = proactor::File::open(\"/proc/version\")?;");

impl File {
    /// Opens a file for reading. Errors as [`OpenOptions::open`] has them.
    ///
    /// ```
    /// use proactor::{File, op};
    ///
    /// let file = File::open("/proc/version")?;
    /// let read = file.begin(op::Read::new(0, vec![0; 100]))?.wait();
    /// assert!(read.data().starts_with(b"Linux"));
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<File, Status> {
        File::options().read(true).open(path)
    }

    /// How else to open one.
    pub fn options() -> OpenOptions {
        OpenOptions::default()
    }

    /// Takes over an open file. `OBJECT_TYPE_MISMATCH` when it is a socket, a pipe or a terminal,
    /// `FILE_IS_A_DIRECTORY` when it is one.
    ///
    /// ```
    /// use proactor::{File, Status};
    ///
    /// let version = std::fs::File::open("/proc/version").unwrap();
    /// assert!(File::from_fd(version).is_ok());
    /// let null = std::fs::File::open("/dev/null").unwrap();
    /// assert_eq!(File::from_fd(null).err(), Some(Status::OBJECT_TYPE_MISMATCH));
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn from_fd(fd: impl Into<OwnedFd>) -> Result<File, Status> {
        File::over(fd.into())
    }

    fn over(fd: OwnedFd) -> Result<File, Status> {
        File::check_kind(fd.as_fd())?;
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        let mode = flags & OFlags::RWMODE;
        let mut facts = Facts::empty();
        facts.set(Facts::READABLE, mode != OFlags::WRONLY);
        facts.set(Facts::WRITABLE, mode != OFlags::RDONLY);
        File::of(fd, facts, None)
    }

    pub(super) fn check_kind(fd: BorrowedFd<'_>) -> Result<(), Status> {
        match FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) {
            FileType::RegularFile | FileType::BlockDevice => Ok(()),
            FileType::Directory => Err(Status::FILE_IS_A_DIRECTORY),
            _ => Err(Status::OBJECT_TYPE_MISMATCH),
        }
    }

    /// `doomed` is the name to take away in the end.
    pub(super) fn of(fd: OwnedFd, facts: Facts, doomed: Option<PathBuf>) -> Result<File, Status> {
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        let align = if flags.contains(OFlags::DIRECT) { Some(alignment(&fd)) } else { None };
        let handle = Handle::new(Class::File, fd, facts);
        if align.is_some() || doomed.is_some() {
            handle.set_extra(align, doomed);
        }
        Ok(File(handle))
    }

    /// What an unbuffered file asks for, in bytes: the multiple for offsets and lengths, and the one for
    /// addresses. `None` for a buffered file.
    pub fn alignment(&self) -> Option<(u64, usize)> {
        let align = self.0.extra()?.align?;
        Some((align.offset, align.memory))
    }

    /// Its size in bytes (`GetFileSizeEx`).
    pub fn len(&self) -> Result<u64, Status> {
        self.0.size()
    }

    /// Its size, times and the rest that the file system knows (`GetFileInformationByHandle`).
    pub fn metadata(&self) -> Result<std::fs::Metadata, Status> {
        let fd = self.0.fd()?.try_clone().map_err(Status::from)?;
        std::fs::File::from(fd).metadata().map_err(Status::from)
    }

    /// Whether its size is 0.
    pub fn is_empty(&self) -> Result<bool, Status> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends it, with zeros (`SetEndOfFile`, S301). `ACCESS_DENIED` when it is not open for writing,
    /// `FILE_TOO_LARGE` beyond what the file system or the process is allowed.
    ///
    /// ```
    /// use proactor::File;
    ///
    /// # let path = std::env::temp_dir().join(format!("proactor-length-{}", std::process::id()));
    /// let file = File::options().write(true).create(true).open(&path)?;
    /// file.set_len(100)?;
    /// assert_eq!(file.len(), Ok(100));
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn set_len(&self, len: u64) -> Result<(), Status> {
        let fd = self.0.fd()?;
        match self.0.nature.contains(Facts::WRITABLE) {
            false => Err(Status::ACCESS_DENIED),
            _ if len > most_file_size() && len > self.len()? => Err(Status::FILE_TOO_LARGE),
            _ => Ok(rustix::fs::ftruncate(&*fd, len)?),
        }
    }

    /// Where the next operation without an offset begins (`SetFilePointer` by 0 bytes). Only those of a
    /// [synchronous](OpenOptions::synchronous) file move it (S284, S285).
    pub fn position(&self) -> u64 {
        self.0.position()
    }

    /// Moves the position (`SetFilePointerEx`), also beyond the end, which changes no size (S302). `INVALID_PARAMETER`
    /// beyond the largest offset there is.
    ///
    /// ```
    /// use proactor::{File, op};
    ///
    /// let file = File::options().read(true).synchronous(true).open("/proc/version")?;
    /// file.set_position(3)?;
    /// assert_eq!(file.perform(op::Read::at_position(vec![0; 2]))?.data(), b"ux");
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn set_position(&self, position: u64) -> Result<(), Status> {
        if i64::try_from(position).is_err() {
            return Err(Status::INVALID_PARAMETER);
        }
        self.0.set_position(position);
        Ok(())
    }

    /// Whether it is a synchronous file object.
    pub fn is_synchronous(&self) -> bool {
        self.0.is_synchronous()
    }

    /// Reads (`ReadFile`). At or past the end the packet says `END_OF_FILE` (S289); a read that crosses it
    /// succeeds with what there is (S291). The largest offset is no place to read: `INVALID_PARAMETER` (S286).
    /// `ACCESS_DENIED` when the file is not open for reading.
    ///
    /// ```
    /// use proactor::{File, Op, Port, op};
    ///
    /// let port: Port<&str> = Port::new(0)?;
    /// let file = File::open("/proc/version")?;
    /// file.associate(&port, "version")?;
    /// let _ = file.read(op::Read::new(0, vec![0; 100]))?;
    /// let packet = port.get()?.expect("the port is open");
    /// assert_eq!(packet.key, "version");
    /// let Op::Read(read) = packet.op else { unreachable!() };
    /// assert!(read.data().starts_with(b"Linux"));
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn read(&self, read: op::Read) -> Result<Started<op::Read>, Refused<op::Read>> {
        self.0.start(read)
    }

    /// Writes (`WriteFile`). The largest offset means the end of the file (S286). `ACCESS_DENIED` when the file is
    /// not open for writing; `DISK_FULL` and `FILE_TOO_LARGE` with the count of what was written before.
    ///
    /// ```
    /// use proactor::{File, Port, op};
    ///
    /// # let path = std::env::temp_dir().join(format!("proactor-write-{}", std::process::id()));
    /// let port: Port<&str> = Port::new(0)?;
    /// let file = File::options().write(true).create(true).open(&path)?;
    /// file.associate(&port, "log")?;
    /// let _ = file.write(op::Write::append("a line\n"))?;
    /// let packet = port.get()?.expect("the port is open");
    /// assert_eq!((packet.key, packet.bytes()), ("log", 7));
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn write(&self, write: op::Write) -> Result<Started<op::Write>, Refused<op::Write>> {
        self.0.start(write)
    }

    /// Brings everything written before to the device (`FlushFileBuffers`). Always pending. `ACCESS_DENIED` when
    /// the file is not open for writing (S300).
    ///
    /// ```
    /// use proactor::{File, op};
    ///
    /// # let path = std::env::temp_dir().join(format!("proactor-flush-{}", std::process::id()));
    /// let file = File::options().write(true).create(true).open(&path)?;
    /// let _ = file.begin(op::Write::new(0, "kept"))?.wait();
    /// file.begin(op::Flush::new())?.wait().result()?;
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn flush(&self, flush: op::Flush) -> Result<Started<op::Flush>, Refused<op::Flush>> {
        self.0.start(flush)
    }

    /// Locks a range of bytes (`LockFileEx`). What conflicts with locks that others have waits until those are gone,
    /// and is pending (S304); one [at once](op::Lock::at_once) is refused with `LOCK_NOT_GRANTED`. A lock belongs to
    /// the file object, not to a thread or to this handle of it, and ends with [`unlock`](File::unlock) or with its
    /// closing.
    ///
    /// In this process it also keeps others from reading and writing: `FILE_LOCK_CONFLICT`. Other processes that lock
    /// through this library, or with the kernel's own locks, are kept from locking; to read and write they need no
    /// permission on Linux. What another process has locked is looked at every 10 ms while somebody waits for it.
    ///
    /// Fails with `INVALID_LOCK_RANGE` when the range reaches beyond the largest offset, `ACCESS_DENIED` when the file
    /// is open for neither reading nor writing.
    ///
    /// ```
    /// use proactor::{File, Status, op};
    ///
    /// # let path = std::env::temp_dir().join(format!("proactor-lock-{}", std::process::id()));
    /// let open = || File::options().read(true).write(true).create(true).open(&path);
    /// let (one, other) = (open()?, open()?);
    /// one.begin(op::Lock::exclusive(0, 10))?.wait().result()?;
    /// let refused = other.begin(op::Lock::shared(5, 1).at_once());
    /// assert_eq!(refused.err().map(Status::from), Some(Status::LOCK_NOT_GRANTED));
    /// let waits = other.begin(op::Lock::shared(5, 1))?;
    /// one.unlock(0, 10)?;
    /// waits.wait().result()?;
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn lock(&self, lock: op::Lock) -> Result<Started<op::Lock>, Refused<op::Lock>> {
        self.0.start(lock)
    }

    /// Unlocks a range that was locked exactly so (`UnlockFile`); of two locks the exclusive one. Does not block.
    ///
    /// Fails with `RANGE_NOT_LOCKED`.
    pub fn unlock(&self, offset: u64, len: u64) -> Result<(), Status> {
        self.0.unlock_range(offset, len)
    }
}

impl Handle {
    pub(super) fn size(&self) -> Result<u64, Status> {
        let stat = rustix::fs::fstat(&*self.fd()?)?;
        u64::try_from(stat.st_size).map_err(|_| Status::INVALID_PARAMETER)
    }
}

/// The limit of file sizes that the process was started with (`ulimit -f`), in bytes.
///
/// What would cross it has to go where signals are blocked: the kernel's answer is `SIGXFSZ`, which ends the program
/// of whoever makes the call.
pub(super) fn most_file_size() -> u64 {
    static MOST: OnceLock<u64> = OnceLock::new();
    *MOST.get_or_init(|| getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX))
}

/// What direct I/O on this file asks for; where the kernel does not say, the page, which suits every device.
fn alignment(fd: &OwnedFd) -> Align {
    const PAGE: u32 = 4096;
    let stat = rustix::fs::statx(fd.as_fd(), "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN);
    let (offset, memory) = match stat {
        Ok(stat) if stat.stx_dio_offset_align > 0 => {
            (stat.stx_dio_offset_align, stat.stx_dio_mem_align.max(1))
        }
        _ => (PAGE, PAGE),
    };
    Align { offset: offset.into(), memory: memory as usize }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({} pending, unbuffered: {})", self.pending(), self.alignment().is_some())
    }
}
