//! Sending from files and memory as one stream (`TransmitFile`, `TransmitPackets`), and the files it sends from.
//!
//! The data go from the page cache to the socket without passing through this process. One turn moves so much that
//! no fast peer keeps a worker for itself; then the kernel is asked to announce the socket anew, behind whatever else
//! is ready.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::file::File;
use super::handle::{Class, Facts, Handle};
use super::perform::{Step, disconnect, send_failed};
use super::state::State;
use crate::driver::sendfile::{copy, hold_back, may_block, send_file, send_part};
use crate::op::block::{Block, Bufs, Flags, MAX_BUFS};
use crate::op::element::{Next, Parts};
use crate::op::{Element, FilePart, Transmit};
use crate::service::service;
use crate::status::Status;

/// What one turn moves at most, in bytes: a fraction of a millisecond when the file is in memory.
const TURN: usize = 1 << 20;

impl Element {
    /// `len` bytes of `file` from `offset` on; 0 bytes are all up to its end.
    ///
    /// What is wrong with the file is said by the start: `INVALID_HANDLE` when it is closed, `ACCESS_DENIED` when it is
    /// not open for reading, `INVALID_PARAMETER` when it is unbuffered, or the range goes beyond the last offset.
    pub fn file(file: &File, offset: u64, len: u64) -> Element {
        let fd = if !file.0.nature.contains(Facts::READABLE) {
            Err(Status::ACCESS_DENIED)
        } else if file.alignment().is_some() {
            // Its pages are in no cache, and an end of a send is no multiple of anything.
            Err(Status::INVALID_PARAMETER)
        } else {
            file.0.fd()
        };
        Element::File(FilePart { fd, offset, len })
    }
}

impl Transmit {
    /// `len` bytes of `file` from `offset` on; 0 bytes are all up to its end (S387). Errors as [`Element::file`] has
    /// them.
    pub fn file(file: &File, offset: u64, len: u64) -> Transmit {
        Transmit::new().packets([Element::file(file, offset, len)])
    }
}

/// One turn of a transmit, and of the disconnect that follows it.
pub(super) fn transmit(fd: BorrowedFd<'_>, block: &mut Block, facts: Facts) -> Step {
    let Block { bufs: Bufs::Parts(parts), bytes, .. } = block else {
        return Step::done(Status::INVALID_PARAMETER);
    };
    // A file's last packet would go out without the tail.
    let hold = facts.contains(Facts::INTERNET) && parts.has_file_inside();
    if hold {
        hold_back(fd, true);
    }
    let mut held = hold;
    let step = send_parts(fd, parts, bytes, &mut held);
    if held {
        hold_back(fd, false);
    }
    match step {
        None if block.flags.intersects(Flags::DISCONNECT | Flags::REUSE) => disconnect(fd, block),
        None => Step::done(Status::SUCCESS),
        Some(Stop::Step(step)) => step,
        Some(Stop::Failed(error)) => send_failed(fd, Class::Stream, block, facts, error),
    }
}

enum Stop {
    Step(Step),
    Failed(Errno),
}

/// `held`: whether the kernel keeps something back that nothing may follow.
fn send_parts(fd: BorrowedFd<'_>, parts: &mut Parts, bytes: &mut usize, held: &mut bool) -> Option<Stop> {
    let hold = *held;
    // Somebody else who has the socket too may have made it blocking, and `sendfile` goes by that.
    let move_some = if may_block(fd) { copy } else { send_file };
    let mut turn = TURN;
    loop {
        let mut slices = [IoSlice::new(&[]); MAX_BUFS];
        let sent = match parts.next(&mut slices) {
            Next::Nothing => return None,
            Next::Memory { slices: count, more } => {
                if slices[..count].iter().all(|slice| slice.is_empty()) {
                    parts.sent_memory(0);
                    continue;
                }
                let sent = send_part(fd, &slices[..count], more);
                *held = hold || more;
                sent.inspect(|count| parts.sent_memory(*count))
            }
            Next::File { fd: file, offset, left, .. } => {
                let most = left.map_or(turn, |left| turn.min(usize::try_from(left).unwrap_or(turn)));
                match move_some(fd, file.as_fd(), offset, most) {
                    Ok(0) => match left {
                        None => {
                            parts.end_of_file();
                            continue;
                        }
                        // What was promised is not there; what follows would be taken for it.
                        Some(_) => return Some(Stop::Step(Step::done(Status::END_OF_FILE))),
                    },
                    Ok(count) => {
                        *held = hold;
                        parts.sent_file(count as u64);
                        Ok(count)
                    }
                    Err(error) => Err(error),
                }
            }
        };
        match sent {
            Ok(count) => {
                *bytes += count;
                turn = turn.saturating_sub(count);
                if turn == 0 {
                    return Some(Stop::Step(Step::Turn));
                }
            }
            Err(Errno::AGAIN) => return Some(Stop::Step(Step::Wait)),
            Err(error) => return Some(Stop::Failed(error)),
        }
    }
}

impl Handle {
    /// Has whoever watches the descriptor hear of it once more, after all that is ready now. False: nobody will.
    pub(super) fn announce_again(&self, state: &State) -> bool {
        let Some(fd) = &state.fd else { return false };
        let by_port =
            self.link.get().is_some_and(|link| link.sink.watch_anew(fd.as_fd(), link.token).is_ok());
        let by_service = state.watched_by_service().is_some_and(|token| {
            service().is_ok_and(|service| service.watch_anew(fd.as_fd(), token).is_ok())
        });
        by_port || by_service
    }
}
