//! The folder that is served, and the files beneath it.
//!
//! A path is resolved by the kernel with `RESOLVE_BENEATH`: neither `..` nor a symbolic link leads out of the folder,
//! whatever is renamed meanwhile. What begins with a dot is not served, nor what is no regular file; and nothing is
//! opened that could make the opener wait.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat, fstat, open, openat2};
use rustix::io::Errno;

use super::conditions::Version;

/// What a directory is served as.
const INDEX: &str = "index.html";
/// Renames that come between, before it is left at that.
const TRIES: usize = 8;

/// What there is at a path.
#[derive(Debug)]
pub enum Found {
    File {
        file: OwnedFd,
        version: Version,
        name: OsString,
    },
    /// A directory, asked for without the slash behind it.
    Directory,
    Nothing,
    /// No descriptors or no memory are left.
    Shortage,
}

/// An open directory.
#[derive(Debug)]
pub struct Site(OwnedFd);

impl Site {
    /// Of an existing directory, or the sentence that says why not.
    pub fn new(folder: &Path) -> Result<Site, String> {
        let shown = folder.display();
        let directory = open(folder, OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let site = Site(directory.map_err(|error| match error {
            Errno::NOENT => {
                format!("{shown} does not exist: name a folder that does, as in `proactor serve file .`")
            }
            Errno::NOTDIR => format!("{shown} is no folder: name the folder it is in"),
            Errno::ACCESS => {
                format!("{shown} may not be entered by this user: grant it with `chmod` or `setfacl`")
            }
            error => format!("{shown} cannot be served: {error}"),
        })?);
        // Some sandboxes know no call that is so young, and without it nothing could be served safely.
        match site.open(Path::new(".")) {
            Err(Errno::NOSYS | Errno::PERM) => {
                Err("the system refuses `openat2` (a sandbox's seccomp profile, as a \
                 rule), without which paths cannot be kept within the folder: allow it"
                    .to_owned())
            }
            Err(Errno::ACCESS) => {
                Err(format!("{shown} may not be read by this user: grant it with `chmod` or `setfacl`"))
            }
            Err(error) => Err(format!("{shown} cannot be served: {error}")),
            Ok(_) => Ok(site),
        }
    }

    /// What there is at the decoded parts of a path; `folder`, whether a slash is behind them.
    pub fn find(&self, parts: &[Vec<u8>], folder: bool, now: SystemTime) -> Found {
        // A dot at the beginning also has `.` and `..`; a slash within a part was never one between them.
        let hidden = |part: &Vec<u8>| part.starts_with(b".") || part.contains(&b'/') || part.contains(&0);
        if parts.iter().any(hidden) {
            return Found::Nothing;
        }
        let mut path = OsString::from_vec(parts.join(&b'/'));
        if folder {
            path.push(if parts.is_empty() { "" } else { "/" });
            path.push(INDEX);
        }
        let file = match self.open(Path::new(&path)) {
            Ok(file) => file,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => return Found::Shortage,
            Err(_) => return Found::Nothing,
        };
        let Ok(stat) = fstat(&file) else { return Found::Nothing };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let name = Path::new(&path).file_name().unwrap_or_default().to_owned();
                Found::File { file, version: version(&stat, now), name }
            }
            FileType::Directory if !folder => Found::Directory,
            _ => Found::Nothing,
        }
    }

    fn open(&self, path: &Path) -> Result<OwnedFd, Errno> {
        // A pipe's reader would wait for its writer, and a terminal could become ours.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut last = Errno::AGAIN;
        for _ in 0..TRIES {
            match openat2(&self.0, path, flags, Mode::empty(), resolve) {
                // Something was renamed while a `..` of a link was followed.
                Err(error @ (Errno::AGAIN | Errno::INTR)) => last = error,
                opened => return opened,
            }
        }
        Err(last)
    }
}

fn version(stat: &Stat, now: SystemTime) -> Version {
    let len = u64::try_from(stat.st_size).unwrap_or(0);
    Version::new(len, stat.st_mtime, stat.st_mtime_nsec as u32, now)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    /// A folder with a file beside it that is nobody's business; gone with the test.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Tree {
            let root = std::env::temp_dir().join(format!("proactor-site-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            fs::create_dir_all(root.join("site/sub/.git")).unwrap();
            fs::write(root.join("secret"), "secret").unwrap();
            fs::write(root.join("site/a.txt"), "hello").unwrap();
            fs::write(root.join("site/.hidden"), "h").unwrap();
            fs::write(root.join("site/sub/index.html"), "<p>").unwrap();
            fs::write(root.join("site/sub/.git/config"), "x").unwrap();
            Tree(root)
        }

        fn site(&self) -> Site {
            Site::new(&self.0.join("site")).unwrap()
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn find(site: &Site, path: &str, folder: bool) -> Found {
        let parts = path.split('/').filter(|part| !part.is_empty()).map(|part| part.into());
        site.find(&parts.collect::<Vec<_>>(), folder, SystemTime::now())
    }

    fn is_file(found: &Found) -> bool {
        matches!(found, Found::File { .. })
    }

    #[test]
    fn files_and_the_index_of_folders_are_found() {
        let tree = Tree::new("found");
        let site = tree.site();
        let Found::File { version, name, .. } = find(&site, "a.txt", false) else { panic!() };
        assert_eq!((version.len, name.to_str()), (5, Some("a.txt")));
        assert!(is_file(&find(&site, "sub", true)) && is_file(&find(&site, "sub/index.html", false)));
        assert!(matches!(find(&site, "sub", false), Found::Directory));
        assert!(matches!(find(&site, "", true), Found::Nothing), "it has no index");
        assert!(matches!(find(&site, "a.txt", true), Found::Nothing), "it is no folder");
        assert!(matches!(find(&site, "b.txt", false), Found::Nothing));
    }

    #[test]
    fn what_is_outside_or_hidden_is_not() {
        let tree = Tree::new("outside");
        let site = tree.site();
        symlink("../secret", tree.0.join("site/link")).unwrap();
        symlink(tree.0.join("secret"), tree.0.join("site/absolute")).unwrap();
        symlink("..", tree.0.join("site/up")).unwrap();
        symlink("/proc/self/root/etc/passwd", tree.0.join("site/magic")).unwrap();
        symlink("a.txt", tree.0.join("site/within")).unwrap();
        for path in
            ["link", "absolute", "up/secret", "magic", "../secret", ".hidden", "sub/.git/config", "..", "."]
        {
            assert!(matches!(find(&site, path, false), Found::Nothing), "{path}");
        }
        let odd = |part: &[u8]| site.find(&[part.to_vec()], false, SystemTime::now());
        for part in [&b"sub/index.html"[..], b"/etc/passwd", b"../secret", b"a.txt\0.jpg", b"\0"] {
            assert!(matches!(odd(part), Found::Nothing), "{part:?}");
        }
        assert!(is_file(&find(&site, "within", false)), "a link that stays within is no harm");
    }

    #[test]
    fn a_pipe_is_not_served_and_nobody_waits_for_its_writer() {
        let tree = Tree::new("pipe");
        let pipe = tree.0.join("site/pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::from_raw_mode(0o600)).unwrap();
        assert!(matches!(find(&tree.site(), "pipe", false), Found::Nothing));
    }

    #[test]
    fn a_folder_that_cannot_be_served_is_told_in_a_sentence() {
        let tree = Tree::new("sentence");
        let says = |path: &str| Site::new(&tree.0.join(path)).unwrap_err();
        assert!(says("nowhere").contains("does not exist"));
        assert!(says("secret").contains("is no folder"));
    }
}
