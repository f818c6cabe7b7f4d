//! Reads, writes and flushes of files.
//!
//! What the page cache can do at once is done at once (`RWF_NOWAIT`); the rest goes to the file backend, which
//! owns the operation until it is through. A file has no position of its own: each operation brings its offset,
//! and nothing is promised about the order of several (S284, S307).

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::io::{Errno, ReadWriteFlags};

use super::direction::Tag;
use super::file::most_file_size;
use super::handle::{Class, Facts, Handle, Modes};
use super::run::Begun;
use super::signal::Sort;
use crate::driver::descriptor::Descriptor;
use crate::driver::file::{self, Action, Request};
use crate::op::block::{Block, Flags, Kind, MAX_BUFS};
use crate::op::slab::Irp;
use crate::status::Status;

type Refusal = (Status, Irp);

/// The highest offset the kernel has.
const MOST: u64 = i64::MAX as u64;

impl Handle {
    pub(super) fn begin_transfer(self: &Arc<Self>, mut block: Irp) -> Result<Begun, Refusal> {
        if self.class != Class::File {
            return Err((Status::INVALID_PARAMETER, block));
        }
        let needs = if block.kind == Kind::Read { Facts::READABLE } else { Facts::WRITABLE };
        // S300: Linux would flush what is open for reading only.
        if !self.nature.contains(needs) {
            return Err((Status::ACCESS_DENIED, block));
        }
        if block.kind == Kind::Write && (block.offset == u64::MAX || self.nature.contains(Facts::APPENDS)) {
            // S286, S288
            block.flags |= Flags::APPEND;
        }
        let align = self.extra().and_then(|extra| extra.align);
        let whole = block.bufs.len() as u64;
        let beyond = block.kind != Kind::Flush
            && !block.flags.contains(Flags::APPEND)
            && block.offset.checked_add(whole).is_none_or(|end| end > MOST);
        if beyond || !align.is_none_or(|align| align.allows(&block)) {
            return Err((Status::INVALID_PARAMETER, block));
        }
        if !self.is_closed() && self.meets_lock(&block) {
            return Err((Status::FILE_LOCK_CONFLICT, block));
        }
        let (fd, skip) = {
            let mut state = self.state.lock();
            let Some(fd) = state.fd.clone() else { return Err((Status::INVALID_HANDLE, block)) };
            if let Err(status) = self.admit(&mut block, false) {
                return Err((status, block));
            }
            block.id = state.name();
            // Under the lock, so that a close sees it and leaves its packet a key.
            self.began(Sort::of(&block));
            let skip = state.modes.contains(Modes::SKIP_COMPLETION_PORT_ON_SUCCESS);
            (fd, skip && block.route.is_port())
        };
        let id = block.id;
        let at_once = match (block.kind, align) {
            // Unbuffered data are never in the cache, and the device is never done at once (S294).
            (Kind::Flush, _) | (_, Some(_)) if whole > 0 || block.kind == Kind::Flush => None,
            (Kind::Read, _) => read_cached(fd.as_fd(), &mut block),
            // Where it ends is not known of a write that appends; the backend is spared the signal.
            _ if most_file_size() < u64::MAX => None,
            _ => write_cached(fd.as_fd(), &mut block),
        };
        match at_once {
            None => {
                if let Err(status) = self.charge(&mut block) {
                    self.ended(Sort::of(&block));
                    block.bytes = 0;
                    return Err((status, block));
                }
                self.submit(block, fd);
                Ok(Begun::Pending(id))
            }
            Some(Status::SUCCESS) if skip => {
                block.status = Status::SUCCESS;
                block.observe();
                self.ended(Sort::of(&block));
                Ok(Begun::Done(block))
            }
            Some(Status::SUCCESS) => {
                self.complete(block, Status::SUCCESS);
                Ok(Begun::Queued(id))
            }
            // S289: an end of file comes by packet, whoever found it.
            Some(Status::END_OF_FILE) => {
                self.complete(block, Status::END_OF_FILE);
                Ok(Begun::Pending(id))
            }
            Some(status) => {
                self.ended(Sort::of(&block));
                Err((status, block))
            }
        }
    }

    fn submit(&self, mut block: Irp, fd: Descriptor) {
        /// Names a transfer among all that are with the backend.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = NEXT.fetch_add(1, Relaxed);
        block.seldom_mut().file = Some(fd);
        let closed = {
            let mut state = self.state.lock();
            state.seldom_mut().transfers.push((Tag::of(&block), name));
            state.fd.is_none()
        };
        file::backend().submit(name, Box::new(block));
        if closed {
            // Closed while it was on its way: whoever closed could not know its name yet.
            file::backend().cancel(name);
        }
    }

    fn transferred(&self, block: Irp, end: Result<(), Errno>) {
        self.state.lock().seldom_mut().transfers.retain(|(tag, _)| tag.id != block.id);
        let nothing_read = block.kind == Kind::Read && block.bytes == 0 && block.bufs.len() > 0;
        let status = match end {
            Ok(()) if nothing_read => Status::END_OF_FILE,
            Ok(()) => Status::SUCCESS,
            Err(Errno::CANCELED) => Status::CANCELLED,
            // Some of a read came before its error: the count is good, and the next read meets the error.
            Err(_) if block.kind == Kind::Read && block.bytes > 0 => Status::SUCCESS,
            Err(error) => Status::from(error),
        };
        self.complete(block, status);
    }
}

impl super::handle::Align {
    /// S295
    fn allows(&self, block: &Block) -> bool {
        let append = block.flags.contains(Flags::APPEND);
        let offset = append || block.offset.is_multiple_of(self.offset);
        offset
            && block.bufs.as_slice().iter().all(|buf| {
                buf.is_empty()
                    || (buf.len() as u64).is_multiple_of(self.offset)
                        && (buf.as_ptr() as usize).is_multiple_of(self.memory)
            })
    }
}

/// What of a read the cache can serve: `None` if the rest, or all, has to wait.
fn read_cached(fd: BorrowedFd<'_>, block: &mut Block) -> Option<Status> {
    let whole = block.bufs.len();
    if whole == 0 {
        // S290
        return Some(Status::SUCCESS);
    }
    let mut flags = ReadWriteFlags::NOWAIT;
    while block.bytes < whole {
        let mut slices: [IoSliceMut<'_>; MAX_BUFS] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let at = block.offset + block.bytes as u64;
        let count = block.bufs.slices_mut(block.bytes, &mut slices);
        match rustix::io::preadv2(fd, &mut slices[..count], at, flags) {
            // S291: a read that crosses the end is a success.
            Ok(0) if block.bytes > 0 => break,
            Ok(0) => return Some(Status::END_OF_FILE),
            Ok(count) => block.bytes += count,
            Err(Errno::INTR) => {}
            // All of it is cache, and the kernel has no word for that.
            Err(Errno::OPNOTSUPP) if flags.contains(ReadWriteFlags::NOWAIT) && is_in_memory(fd) => {
                flags -= ReadWriteFlags::NOWAIT;
            }
            // Not in the cache; or a file system that can't tell.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => return None,
            Err(error) => return Some(Status::from(error)),
        }
    }
    Some(Status::SUCCESS)
}

/// The same for a write.
fn write_cached(fd: BorrowedFd<'_>, block: &mut Block) -> Option<Status> {
    let whole = block.bufs.len();
    let append = block.flags.contains(Flags::APPEND);
    let mut flags =
        ReadWriteFlags::NOWAIT | if append { ReadWriteFlags::APPEND } else { ReadWriteFlags::empty() };
    while block.bytes < whole {
        let mut slices = [IoSlice::new(&[]); MAX_BUFS];
        let at = if append { 0 } else { block.offset + block.bytes as u64 };
        let count = block.bufs.slices(block.bytes, &mut slices);
        match rustix::io::pwritev2(fd, &slices[..count], at, flags) {
            Ok(0) => return None,
            Ok(count) => block.bytes += count,
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP) if flags.contains(ReadWriteFlags::NOWAIT) && is_in_memory(fd) => {
                flags -= ReadWriteFlags::NOWAIT;
            }
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => return None,
            Err(error) => return Some(Status::from(error)),
        }
    }
    Some(Status::SUCCESS)
}

/// Whether the file is on a file system without a device (tmpfs, ramfs).
fn is_in_memory(fd: BorrowedFd<'_>) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    rustix::fs::fstatfs(fd).is_ok_and(|system| matches!(system.f_type, TMPFS | RAMFS))
}

/// The backends keep any request behind one pointer, which is the one thing a transfer allocates.
impl Request for Irp {
    fn fd(&self) -> BorrowedFd<'_> {
        match self.seldom().and_then(|seldom| seldom.file.as_ref()) {
            Some(file) => file.as_fd(),
            None => unreachable!("a block goes to the backend with its file"),
        }
    }

    fn action(&self) -> Action {
        match self.kind {
            Kind::Read => Action::Read,
            Kind::Flush => Action::Flush,
            _ if self.flags.contains(Flags::APPEND) => Action::Append,
            _ => Action::Write,
        }
    }

    fn offset(&self) -> u64 {
        self.offset.saturating_add(self.bytes as u64)
    }

    fn slices(&mut self, out: &mut [libc::iovec]) -> usize {
        let into = self.kind == Kind::Read;
        let (mut skip, mut count) = (self.bytes, 0);
        for buf in self.bufs.as_mut_slice() {
            let len = buf.len();
            let begin = skip.min(len);
            skip -= begin;
            if begin == len || count == out.len() {
                continue;
            }
            // The backend only reads from where a write begins.
            let base = match buf.as_mut() {
                Some(bytes) => bytes[begin..].as_mut_ptr(),
                None if into => continue,
                None => buf[begin..].as_ptr().cast_mut(),
            };
            out[count] = libc::iovec { iov_base: base.cast(), iov_len: len - begin };
            count += 1;
        }
        count
    }

    fn advance(&mut self, n: usize) -> bool {
        self.bytes += n;
        self.bytes < self.bufs.len()
    }

    fn finish(self: Box<Self>, end: Result<(), Errno>) {
        let mut block = *self;
        block.seldom_mut().file = None;
        let owner = block.owner.clone().and_then(|owner| owner.downcast::<Handle>().ok());
        match owner {
            Some(owner) => owner.transferred(block, end),
            None => unreachable!("an operation under way has its handle"),
        }
    }
}
