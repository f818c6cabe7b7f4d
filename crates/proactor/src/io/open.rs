//! Opening files: what for, made or not, what others may do with it meanwhile, and what becomes of it at the end.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::file::File;
use super::handle::Facts;
use super::share::{self, Share};
use crate::object::Existed;
use crate::status::Status;

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
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    delete: bool,
    create: bool,
    create_new: bool,
    truncate: bool,
    unbuffered: bool,
    write_through: bool,
    synchronous: bool,
    alertable: bool,
    delete_on_close: bool,
    share: Option<Share>,
}

impl OpenOptions {
    /// For reading.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.read = read;
        self
    }

    /// For writing.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.write = write;
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
        self.append = append;
        self
    }

    /// For deleting (`DELETE`): it only matters to [share modes](OpenOptions::share).
    pub fn delete(&mut self, delete: bool) -> &mut Self {
        self.delete = delete;
        self
    }

    /// Made if it is not there.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.create = create;
        self
    }

    /// Made; `OBJECT_NAME_COLLISION` if it is there.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.create_new = create_new;
        self
    }

    /// Emptied.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.truncate = truncate;
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

    /// A write is complete when its data are on the device (`FILE_FLAG_WRITE_THROUGH`, `O_DSYNC`).
    pub fn write_through(&mut self, write_through: bool) -> &mut Self {
        self.write_through = write_through;
        self
    }

    /// A synchronous file object (no `FILE_FLAG_OVERLAPPED`): its operations are [performed](File::perform), one at
    /// a time (S298); it has a [position](File::position), and no port (S006).
    ///
    /// ```
    /// use proactor::{File, op};
    ///
    /// let file = File::options().read(true).synchronous(true).open("/proc/version")?;
    /// let read = file.perform(op::Read::at_position(vec![0; 5]))?;
    /// assert_eq!((read.data(), file.position()), (&b"Linux"[..], 5));
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn synchronous(&mut self, synchronous: bool) -> &mut Self {
        self.synchronous = synchronous;
        self
    }

    /// Of a synchronous one: calls queued to a thread that waits in it run, and end the operation
    /// (`FILE_SYNCHRONOUS_IO_ALERT`).
    pub fn alertable(&mut self, alertable: bool) -> &mut Self {
        self.alertable = alertable;
        self
    }

    /// Its name is taken away when it is closed, if it is still this file's (`FILE_FLAG_DELETE_ON_CLOSE`). A process
    /// that is killed leaves it.
    ///
    /// ```
    /// use proactor::File;
    ///
    /// let path = std::env::temp_dir().join(format!("proactor-gone-{}", std::process::id()));
    /// let file = File::options().write(true).create(true).delete_on_close(true).open(&path)?;
    /// file.close()?;
    /// assert!(!path.exists());
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn delete_on_close(&mut self, delete_on_close: bool) -> &mut Self {
        self.delete_on_close = delete_on_close;
        self
    }

    /// Takes part in share modes (`dwShareMode`): it is opened only if all that have it open let others do what this
    /// one is to do, and is kept from others for what is not in `share`, in this process and others. Without this it
    /// neither asks nor keeps anybody off, like any program that knows nothing of share modes.
    ///
    /// ```
    /// use proactor::{File, Share, Status};
    ///
    /// # let path = std::env::temp_dir().join(format!("proactor-share-{}", std::process::id()));
    /// # std::fs::write(&path, "data").unwrap();
    /// let first = File::options().read(true).share(Share::READ).open(&path)?;
    /// let writer = File::options().write(true).share(Share::all()).open(&path);
    /// assert_eq!(writer.err(), Some(Status::SHARING_VIOLATION));
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), proactor::Status>(())
    /// ```
    pub fn share(&mut self, share: Share) -> &mut Self {
        self.share = Some(share);
        self
    }

    /// Opens. `OBJECT_NAME_NOT_FOUND`, `OBJECT_PATH_NOT_FOUND` when the directory is not there, `ACCESS_DENIED`,
    /// `FILE_IS_A_DIRECTORY`, `SHARING_VIOLATION`, and for an unbuffered file on a file system that has none,
    /// `INVALID_PARAMETER`.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File, Status> {
        Ok(self.open_or_create(path)?.0)
    }

    /// The same, and whether it was there before.
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<(File, Existed), Status> {
        let path = path.as_ref();
        let (fd, existed) = self.descriptor(path).map_err(|status| explained(path, status))?;
        let file = self.opened(path, fd);
        if file.is_err() && existed == Existed::No {
            // Nobody else is to find what could not be used.
            let _ = fs::remove_file(path);
        }
        Ok((file?, existed))
    }

    fn opened(&self, path: &Path, fd: OwnedFd) -> Result<File, Status> {
        File::check_kind(fd.as_fd())?;
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        rustix::fs::fcntl_setfl(&fd, flags - OFlags::NONBLOCK)?;
        if let Some(share) = self.share {
            share::claim(fd.as_fd(), self.using(), share)?;
        }
        if self.truncate {
            rustix::fs::ftruncate(&fd, 0)?;
        }
        let mut facts = Facts::empty();
        facts.set(Facts::READABLE, self.read);
        facts.set(Facts::WRITABLE, self.write || self.append);
        facts.set(Facts::APPENDS, self.append && !self.write);
        facts.set(Facts::SYNCHRONOUS, self.synchronous);
        facts.set(Facts::ALERTABLE, self.synchronous && self.alertable);
        let doomed = self.delete_on_close.then(|| std::path::absolute(path)).transpose()?;
        File::of(fd, facts, doomed)
    }

    /// What it is open for, in the terms of share modes.
    fn using(&self) -> Share {
        let mut using = Share::empty();
        using.set(Share::READ, self.read);
        using.set(Share::WRITE, self.write || self.append);
        using.set(Share::DELETE, self.delete || self.delete_on_close);
        using
    }

    /// The descriptor, and whether the file was there.
    fn descriptor(&self, path: &Path) -> Result<(OwnedFd, Existed), Status> {
        /// Others may make it and take it away between two looks.
        const TRIES: u32 = 16;
        if self.create_new {
            return Ok((self.call(path, true)?, Existed::No));
        }
        for _ in 0..TRIES {
            match self.call(path, false) {
                Err(Errno::NOENT) if self.create => {}
                opened => return Ok((opened?, Existed::Yes)),
            }
            match self.call(path, true) {
                Err(Errno::EXIST) => {}
                made => return Ok((made?, Existed::No)),
            }
        }
        // The name is a link to nothing, which is neither there nor can be made.
        Err(Status::OBJECT_NAME_NOT_FOUND)
    }

    /// `O_NONBLOCK` so that the name of a pipe holds nobody up; what a file does it does not change.
    fn call(&self, path: &Path, make: bool) -> Result<OwnedFd, Errno> {
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        flags.set(OFlags::DIRECT, self.unbuffered);
        flags.set(OFlags::DSYNC, self.write_through);
        flags.set(OFlags::APPEND, self.append && !self.write);
        let attempt = |read: bool, write: bool| {
            let mut options = fs::OpenOptions::new();
            options.read(read).write(write).custom_flags(flags.bits() as i32);
            // Who makes a file may write to it, if only for this to be made at all.
            options.create_new(make);
            options.open(path).map(OwnedFd::from).map_err(errno)
        };
        let write = self.write || self.append || make || self.truncate;
        // To read is what locks of ranges and share modes ask of a descriptor, whatever the file is for.
        match attempt(true, write) {
            Err(Errno::ACCESS) if !self.read && write => attempt(false, true),
            opened => opened,
        }
    }
}

impl File {
    /// Takes the name of a file away (`DeleteFile`); the file itself is there for as long as it is open. Links are taken
    /// away themselves.
    ///
    /// Fails with `SHARING_VIOLATION` when somebody has it open who does not [share](OpenOptions::share) deleting it,
    /// `ACCESS_DENIED` also for a directory, and as [`OpenOptions::open`] when it is not there.
    pub fn delete(path: impl AsRef<Path>) -> Result<(), Status> {
        let path = path.as_ref();
        let failed = |error: Errno| explained(path, error.into());
        let stat = rustix::fs::lstat(path).map_err(failed)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => return Err(Status::FILE_IS_A_DIRECTORY),
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
                // Who may not read it may delete it all the same, and can't know who has it open.
                if let Ok(fd) = rustix::fs::open(path, flags, Mode::empty())
                    && share::keeps_from_deletion(fd.as_fd())
                {
                    return Err(Status::SHARING_VIOLATION);
                }
            }
            _ => {}
        }
        rustix::fs::unlink(path).map_err(failed)
    }
}

/// A file that is not there, or a directory on the way to it.
fn explained(path: &Path, status: Status) -> Status {
    let parent = || match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_path_buf(),
        None => PathBuf::from("/"),
    };
    match status {
        Status::NOT_A_DIRECTORY => Status::OBJECT_PATH_NOT_FOUND,
        Status::OBJECT_NAME_NOT_FOUND if path.as_os_str().is_empty() || !parent().is_dir() => {
            Status::OBJECT_PATH_NOT_FOUND
        }
        status => status,
    }
}

fn errno(error: std::io::Error) -> Errno {
    // What std refuses itself, such as a name with a NUL, has no number.
    Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
}
