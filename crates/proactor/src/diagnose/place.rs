//! Where the sockets of those who can be looked into are: one for each process, named by its number, in a folder that
//! nobody but their user may enter.
//!
//! The folder is `proactor` in `$XDG_RUNTIME_DIR`, or in `/run/user/UID`, or `/tmp/proactor-UID`: the first that there
//! is, or can be made. Since anybody may make the last one first, a folder only counts if it is a folder, not a link to
//! one, belongs to the user, and is open to nobody else. Once checked it is held by a descriptor, and all that is done
//! in it goes through that: it can't be exchanged, and its path may be as long as it likes.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

const ENDING: &str = ".diagnosis";

/// A checked folder.
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// The folder of this process's user, made if need be. The last error, if it can be had nowhere.
    pub(super) fn make() -> Result<Folder, Errno> {
        let user = rustix::process::geteuid().as_raw();
        let mut last = Errno::NOENT;
        for path in candidates(user) {
            let made = match fs::mkdir(&path, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => Folder::open(&path, user),
                Err(error) => Err(error),
            };
            match made {
                Ok(folder) => return Ok(folder),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The folders of a user that there are.
    pub(super) fn all(user: u32) -> Vec<Folder> {
        candidates(user).iter().filter_map(|path| Folder::open(path, user).ok()).collect()
    }

    fn open(path: &Path, user: u32) -> Result<Folder, Errno> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let folder = fs::open(path, flags, Mode::empty())?;
        let stat = fs::fstat(&folder)?;
        let private = stat.st_uid == user && stat.st_mode & 0o077 == 0;
        if private { Ok(Folder(folder)) } else { Err(Errno::ACCESS) }
    }

    /// The socket of a process, by way of the descriptor.
    fn path(&self, process: u32) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{process}{ENDING}", self.0.as_fd().as_raw_fd()))
    }

    /// The processes whose sockets are here, in order; those of the dead are swept away.
    pub(super) fn processes(&self) -> Vec<u32> {
        let mut names: Vec<u32> = Vec::new();
        if let Ok(folder) = fs::Dir::read_from(&self.0) {
            let entries = folder.filter_map(Result::ok);
            let number = |name: &str| name.strip_suffix(ENDING)?.parse::<u32>().ok();
            names.extend(entries.filter_map(|entry| number(entry.file_name().to_str().ok()?)));
        }
        names.retain(|process| !self.sweep(*process));
        names.sort_unstable();
        names
    }

    /// Removes the socket of a process that is dead. Nobody listens to it either: a process of the same number may
    /// live where another part of a container shares the folder.
    fn sweep(&self, process: u32) -> bool {
        let alive = Path::new(&format!("/proc/{process}")).exists();
        let dead = !alive && matches!(self.connect(process), Err(Errno::CONNREFUSED));
        if dead {
            self.remove(process);
        }
        dead
    }

    /// Makes way for a process's own socket: removes one that nobody listens to.
    fn clear(&self, process: u32) -> Result<(), Errno> {
        match self.connect(process) {
            Err(Errno::CONNREFUSED | Errno::NOENT) => {
                self.remove(process);
                Ok(())
            }
            _ => Err(Errno::ADDRINUSE),
        }
    }

    /// A connection to the socket of a process, which does not block. `AGAIN` when it has no room for one more.
    pub(super) fn connect(&self, process: u32) -> Result<OwnedFd, Errno> {
        let socket = socket()?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(self.path(process))?)?;
        Ok(socket)
    }

    /// A socket that listens for a process, to its user only.
    pub(super) fn listen(&self, process: u32, backlog: i32) -> Result<OwnedFd, Errno> {
        self.clear(process)?;
        let socket = socket()?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(self.path(process))?)?;
        let listening = fs::chmod(self.path(process), Mode::RUSR | Mode::WUSR)
            .and_then(|()| rustix::net::listen(&socket, backlog));
        match listening {
            Ok(()) => Ok(socket),
            Err(error) => {
                self.remove(process);
                Err(error)
            }
        }
    }

    pub(super) fn remove(&self, process: u32) {
        let name = format!("{process}{ENDING}");
        let stat = fs::statat(&self.0, &name, AtFlags::SYMLINK_NOFOLLOW);
        if stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket) {
            // Gone already is as good.
            let _ = fs::unlinkat(&self.0, &name, AtFlags::empty());
        }
    }
}

fn socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// Where a user's folder may be.
fn candidates(user: u32) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if user == rustix::process::geteuid().as_raw()
        && let Some(folder) = std::env::var_os("XDG_RUNTIME_DIR")
        && Path::new(&folder).is_absolute()
    {
        folders.push(Path::new(&folder).join("proactor"));
    }
    folders.push(PathBuf::from(format!("/run/user/{user}/proactor")));
    folders.push(PathBuf::from(format!("/tmp/proactor-{user}")));
    folders
}

/// The user whom a process belongs to; `None` when there is no such process.
pub(super) fn user_of(process: u32) -> Option<u32> {
    File::open(format!("/proc/{process}")).and_then(|folder| folder.metadata()).ok().map(|data| data.uid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("proactor-place-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[test]
    fn a_folder_of_others_or_open_to_others_or_behind_a_link_does_not_count() {
        let path = folder("checked");
        assert!(Folder::open(&path, me()).is_ok());
        assert_eq!(Folder::open(&path, me() + 1).err(), Some(Errno::ACCESS));
        for mode in [0o750, 0o701, 0o777] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Folder::open(&path, me()).err(), Some(Errno::ACCESS), "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        symlink(&path, path.join("link")).unwrap();
        // Which of the two the kernel says depends on which it looks at first.
        let refused = Folder::open(&path.join("link"), me()).err();
        assert!(matches!(refused, Some(Errno::LOOP | Errno::NOTDIR)), "{refused:?}");
        std::fs::write(path.join("file"), "").unwrap();
        assert_eq!(Folder::open(&path.join("file"), me()).err(), Some(Errno::NOTDIR));
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn sockets_of_the_dead_are_swept_and_others_stay() {
        let path = folder("swept");
        let here = Folder::open(&path, me()).unwrap();
        let (alive, dead, other) = (std::process::id(), u32::MAX, u32::MAX - 1);
        let _alive = UnixListener::bind(here.path(alive)).unwrap();
        // Its number is nobody's here, but somebody listens.
        let _other = UnixListener::bind(here.path(other)).unwrap();
        drop(UnixListener::bind(here.path(dead)).unwrap());
        std::fs::write(path.join(format!("17{ENDING}.note")), "").unwrap();
        assert_eq!(here.processes(), [alive, other]);
        assert!(!path.join(format!("{dead}{ENDING}")).exists());
        assert!(path.join(format!("17{ENDING}.note")).exists());
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn only_a_socket_is_removed() {
        let path = folder("removed");
        let here = Folder::open(&path, me()).unwrap();
        std::fs::write(path.join(format!("5{ENDING}")), "kept").unwrap();
        here.remove(5);
        assert!(path.join(format!("5{ENDING}")).exists());
        std::fs::remove_dir_all(path).unwrap();
    }
}
