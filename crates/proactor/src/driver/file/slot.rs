//! The requests that are in the kernel, each in a slot with a stable place for its list of memory.
//!
//! What the kernel gives back with a completion is a slot's number and its generation, never an address: a late
//! answer about a request that has ended finds a newer generation and is dropped.
#![allow(unsafe_code)]

use std::os::fd::AsRawFd;

use io_uring::{opcode, squeue, types};
use rustix::io::Errno;

use super::{Action, Call, MAX_SLICES, Request, next_call};

/// A request in the kernel.
pub(super) struct Work {
    pub(super) id: u64,
    pub(super) request: Box<dyn Request>,
    /// Whether an earlier call moved anything.
    pub(super) moved: bool,
    pub(super) cancelled: bool,
    /// What is in the kernel for it is not the call but a poll: it waits for the file to be ready.
    pub(super) polling: bool,
    /// It was answered `EAGAIN` once: from then on a thread of the kernel makes the call, and may block in it.
    pub(super) patient: bool,
}

struct Slot {
    /// Counts the requests that were here; wraps, long after any answer about the older ones has come.
    generation: u32,
    work: Option<Work>,
    /// The memory of the call that is in the kernel. Empty until first used, then never moved.
    memory: Box<[libc::iovec]>,
}

/// As many slots as the ring has entries.
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// The last one freed is used first: its list is in the cache.
    free: Vec<u32>,
}

/// Numbers that stand for no slot: their lower half is beyond any index.
pub(super) const BELL: u64 = u64::MAX;
pub(super) const CANCEL: u64 = u64::MAX - 1;

impl Slots {
    pub(super) fn new(count: u32) -> Slots {
        let empty = || Slot { generation: 0, work: None, memory: Box::default() };
        Slots { slots: (0..count).map(|_| empty()).collect(), free: (0..count).rev().collect() }
    }

    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    pub(super) fn all_free(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// There must be room.
    pub(super) fn put(&mut self, id: u64, request: Box<dyn Request>) -> u32 {
        let index = self.free.pop().expect("a free slot");
        let slot = &mut self.slots[index as usize];
        debug_assert!(slot.work.is_none());
        if slot.memory.is_empty() {
            let nothing = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
            slot.memory = vec![nothing; MAX_SLICES].into_boxed_slice();
        }
        slot.work =
            Some(Work { id, request, moved: false, cancelled: false, polling: false, patient: false });
        index
    }

    /// The request must have nothing in the kernel any more.
    pub(super) fn take(&mut self, index: u32) -> Work {
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        slot.work.take().expect("a slot in use")
    }

    pub(super) fn work(&mut self, index: u32) -> &mut Work {
        self.slots[index as usize].work.as_mut().expect("a slot in use")
    }

    /// The slots in use, with the name each goes by in the kernel.
    pub(super) fn in_use(&mut self) -> impl Iterator<Item = (u64, &mut Work)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let name = name(index as u32, slot.generation);
            slot.work.as_mut().map(|work| (name, work))
        })
    }

    /// The slot that goes by this name, if what was there is there still.
    pub(super) fn find(&self, name: u64) -> Option<u32> {
        let index = name as u32;
        let slot = self.slots.get(index as usize)?;
        (slot.generation == (name >> 32) as u32 && slot.work.is_some()).then_some(index)
    }

    /// The entry for the request's next call, or how it ends without one.
    pub(super) fn entry(&mut self, index: u32) -> Result<squeue::Entry, Result<(), Errno>> {
        let slot = &mut self.slots[index as usize];
        let work = slot.work.as_mut().expect("a slot in use");
        let call = next_call(&mut *work.request, &mut slot.memory);
        let action = work.request.action();
        let fd = types::Fd(work.request.fd().as_raw_fd());
        let entry = match call {
            Call::Over(end) => return Err(end),
            Call::Flush => opcode::Fsync::new(fd).build(),
            Call::Move { slices, offset } => transfer(fd, action, &slot.memory[..slices], offset),
        };
        let entry = if work.patient { entry.flags(squeue::Flags::ASYNC) } else { entry };
        Ok(entry.user_data(name(index, slot.generation)))
    }

    /// The entry that waits until the request's file is ready.
    pub(super) fn poll_entry(&mut self, index: u32) -> squeue::Entry {
        let slot = &mut self.slots[index as usize];
        let work = slot.work.as_mut().expect("a slot in use");
        work.polling = true;
        work.patient = true;
        let events = if work.request.action() == Action::Read { libc::POLLIN } else { libc::POLLOUT };
        let fd = types::Fd(work.request.fd().as_raw_fd());
        opcode::PollAdd::new(fd, events as u32).build().user_data(name(index, slot.generation))
    }
}

fn name(index: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

/// One call moves no more than this (MAX_RW_COUNT), and an entry's length has 32 bits: a longer slice is cut here,
/// and the rest moved by the next call.
const LONGEST: usize = 0x7fff_f000;

fn transfer(fd: types::Fd, action: Action, memory: &[libc::iovec], offset: i64) -> squeue::Entry {
    let offset = offset as u64;
    let flags = if action == Action::Append { libc::RWF_APPEND } else { 0 };
    match (memory, action) {
        ([one], Action::Read) => {
            let length = one.iov_len.min(LONGEST) as u32;
            opcode::Read::new(fd, one.iov_base.cast(), length).offset(offset).build()
        }
        ([one], _) => {
            let length = one.iov_len.min(LONGEST) as u32;
            opcode::Write::new(fd, one.iov_base.cast(), length).offset(offset).rw_flags(flags).build()
        }
        (_, Action::Read) => {
            opcode::Readv::new(fd, memory.as_ptr(), memory.len() as u32).offset(offset).build()
        }
        _ => {
            let entry = opcode::Writev::new(fd, memory.as_ptr(), memory.len() as u32);
            entry.offset(offset).rw_flags(flags).build()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, BorrowedFd};

    use super::*;

    struct Nothing(std::fs::File);

    impl Request for Nothing {
        fn fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
        fn action(&self) -> Action {
            Action::Read
        }
        fn offset(&self) -> u64 {
            0
        }
        fn slices(&mut self, _: &mut [libc::iovec]) -> usize {
            0
        }
        fn advance(&mut self, _: usize) -> bool {
            false
        }
        fn finish(self: Box<Self>, _: Result<(), Errno>) {}
    }

    fn nothing() -> Box<Nothing> {
        Box::new(Nothing(std::fs::File::open("/dev/null").unwrap()))
    }

    #[test]
    fn the_name_of_a_request_that_has_ended_finds_nothing() {
        let mut slots = Slots::new(1);
        let index = slots.put(1, nothing());
        let (old, _) = slots.in_use().next().unwrap();
        assert_eq!(slots.find(old), Some(index));
        assert!(!slots.has_room());
        assert_eq!(slots.take(index).id, 1);
        assert_eq!(slots.find(old), None, "an empty slot");
        assert_eq!(slots.put(2, nothing()), index);
        assert_eq!(slots.find(old), None, "the next request in the same slot");
        assert_eq!(slots.find(BELL), None);
        assert_eq!(slots.find(CANCEL), None);
    }
}
