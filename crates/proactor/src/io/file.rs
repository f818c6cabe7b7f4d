//! Files: reads and writes at offsets, flushes, and the unbuffered kind.

use std::fmt;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustix::fs::{AtFlags, FileType, OFlags, StatxFlags};
use rustix::process::{Resource, getrlimit};

use super::face::handle_methods;
use super::handle::{Align, Class, Facts, Handle};
use super::started::{Refused, Started};
use crate::op;
use crate::status::Status;

/// A file whose operations are overlapped. It has no position: every operation brings its offset (S284).
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

/// How a file is opened (`CreateFile`). Nothing is asked for unless it is said; opening blocks.
///
/// ```
/// use proactor::{File, Status};
///
/// # let path = std::env::temp_dir().join(format!("proactor-options-{}", std::process::id()));
/// let file = File::options().write(true).create_new(true).open(&path)?;
/// assert_eq!(file.len(), Ok(0));
/// let again = File::options().write(true).create_new(true).open(&path);
/// assert_eq!(again.err(), Some(Status::OBJECT_NAME_COLLISION));
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), proactor::Status>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    std: fs::OpenOptions,
    unbuffered: bool,
}

impl OpenOptions {
    /// For reading.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.std.read(read);
        self
    }

    /// For writing.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.std.write(write);
        self
    }

    /// For writing at the end only, whatever offsets say (`FILE_APPEND_DATA` alone, S288).
    ///
    /// ```
    /// use proactor::{File, op};
    ///
    /// # let path = std::env::temp_dir().join(format!("proactor-append-{}", std::process::id()));
    /// let file = File::options().append(true).create(true).open(&path)?;
    /// let _ = file.begin(op::Write::new(0, "one, "))?.wait();
    /// let _ = file.begin(op::Write::new(0, "two"))?.wait();
    /// assert_eq!(std::fs::read(&path).unwrap(), b"one, two");
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.std.append(append);
        self
    }

    /// Made if it is not there.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.std.create(create);
        self
    }

    /// Made; `OBJECT_NAME_COLLISION` if it is there.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.std.create_new(create_new);
        self
    }

    /// Emptied.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.std.truncate(truncate);
        self
    }

    /// Past the page cache, straight to and from the device (`FILE_FLAG_NO_BUFFERING`, `O_DIRECT`). Offsets,
    /// lengths and buffer addresses must then be multiples of [`File::alignment`], or the start is refused
    /// with `INVALID_PARAMETER` (S295).
    ///
    /// ```
    /// use proactor::{Buf, File, op};
    ///
    /// # let path = std::env::temp_dir().join(format!("proactor-unbuffered-{}", std::process::id()));
    /// # std::fs::write(&path, [7; 4096]).unwrap();
    /// // A file system without this way refuses to open.
    /// if let Ok(file) = File::options().read(true).unbuffered(true).open(&path) {
    ///     let read = file.begin(op::Read::new(0, Buf::aligned(4096, 4096)))?.wait();
    ///     assert_eq!(read.data(), [7; 4096]);
    /// }
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn unbuffered(&mut self, unbuffered: bool) -> &mut Self {
        self.unbuffered = unbuffered;
        self
    }

    /// Opens. `OBJECT_NAME_NOT_FOUND`, `ACCESS_DENIED`, `FILE_IS_A_DIRECTORY`, and for an unbuffered file on a
    /// file system that has none, `INVALID_PARAMETER`.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File, Status> {
        let mut options = self.std.clone();
        if self.unbuffered {
            options.custom_flags(OFlags::DIRECT.bits() as i32);
        }
        File::over(options.open(path).map_err(Status::from)?.into())
    }
}

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
        OpenOptions { std: fs::OpenOptions::new(), unbuffered: false }
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
        match FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) {
            FileType::RegularFile | FileType::BlockDevice => {}
            FileType::Directory => return Err(Status::FILE_IS_A_DIRECTORY),
            _ => return Err(Status::OBJECT_TYPE_MISMATCH),
        }
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        let mode = flags & OFlags::RWMODE;
        let mut facts = Facts::empty();
        facts.set(Facts::READABLE, mode != OFlags::WRONLY);
        facts.set(Facts::WRITABLE, mode != OFlags::RDONLY);
        let align = if flags.contains(OFlags::DIRECT) { Some(alignment(&fd)) } else { None };
        let handle = Handle::new(Class::File, fd, facts);
        if let Some(align) = align {
            handle.set_align(align);
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
        let stat = rustix::fs::fstat(&*self.0.fd()?)?;
        u64::try_from(stat.st_size).map_err(|_| Status::INVALID_PARAMETER)
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
