//! Files for tests: new ones on a disk, which a temporary directory may not be.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use proactor::{Buf, File, OpenOptions, Operation, Status, op};

/// A path of a new file, which is removed at the end.
pub struct TempPath(PathBuf);

impl TempPath {
    /// A file with this content.
    pub fn with(content: &[u8]) -> TempPath {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("file-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, content).unwrap();
        TempPath(path)
    }

    pub fn content(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }

    pub fn open(&self) -> File {
        self.options().open(&self.0).unwrap()
    }

    /// For reading and writing.
    pub fn options(&self) -> OpenOptions {
        let mut options = File::options();
        options.read(true).write(true);
        options
    }

    /// Past the page cache; nothing, with a sentence that says so, where the file system has no such way.
    pub fn unbuffered(&self) -> Option<File> {
        match self.options().unbuffered(true).open(&self.0) {
            Ok(file) => Some(file),
            Err(Status::INVALID_PARAMETER) => {
                println!("not tested unbuffered: {} is on a file system without it", self.0.display());
                None
            }
            Err(status) => panic!("{status:?}"),
        }
    }
}

impl AsRef<Path> for TempPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Starts a write and waits for its count.
pub fn write(file: &File, offset: u64, bytes: impl Into<Buf>) -> Result<usize, Status> {
    file.begin(op::Write::new(offset, bytes))?.wait().result()
}

/// Starts a read of so many bytes and waits for what it brings.
pub fn read(file: &File, offset: u64, len: usize) -> Result<Vec<u8>, Status> {
    let read = file.begin(op::Read::new(offset, vec![0; len]))?.wait();
    read.result()?;
    Ok(read.data().to_vec())
}

/// Why a start is refused.
///
/// # Panics
/// When it is not.
pub fn refusal<O: Operation>(file: &File, op: O) -> Status {
    match file.begin(op) {
        Ok(started) => panic!("{started:?} should have been refused"),
        Err(refused) => refused.status,
    }
}
