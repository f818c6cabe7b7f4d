//! The thread that owns the ring: what it does between two sleeps.
//!
//! Take what was sent, in order; give every free slot to the oldest request waiting; enter the kernel; see to what
//! came back. It sleeps only in the kernel, and only with nothing left to do (see [`super::ring`]).
#![allow(unsafe_code)]

use std::collections::{HashSet, VecDeque};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use io_uring::{EnterFlags, IoUring, cqueue, opcode, squeue, types};
use rustix::io::Errno;

use super::probe::facts;
use super::ring::{Message, Shared};
use super::slot::{BELL, CANCEL, Slots};
use super::{Next, Request, after_call, guarded};

/// How long to leave the kernel alone when it had no memory for a request.
const BREATH: Duration = Duration::from_millis(1);

pub(super) struct Owner {
    ring: IoUring,
    shared: Arc<Shared>,
    slots: Slots,
    /// Requests for which there is no slot yet, oldest first.
    backlog: VecDeque<(u64, Box<dyn Request>)>,
    /// Entries on their way into the ring, oldest first. A cancel is always behind what it cancels.
    staged: VecDeque<squeue::Entry>,
    /// The names of the entries in the ring that the kernel has not taken yet, oldest first.
    untaken: VecDeque<u64>,
    /// Whether the ring is waiting on the bell.
    listening: bool,
    /// Whether the owner knows that the ring is to be closed.
    closing: bool,
    flags: EnterFlags,
    reaped: Vec<cqueue::Entry>,
}

impl Owner {
    pub(super) fn new(ring: IoUring, shared: Arc<Shared>) -> Owner {
        let facts = facts(&ring);
        let mut flags = EnterFlags::GETEVENTS;
        if facts.no_iowait {
            flags |= EnterFlags::NO_IOWAIT;
        }
        Owner {
            ring,
            shared,
            slots: Slots::new(facts.entries),
            backlog: VecDeque::new(),
            staged: VecDeque::new(),
            untaken: VecDeque::new(),
            listening: false,
            closing: false,
            flags,
            reaped: Vec::new(),
        }
    }

    /// Until the ring is closed and everything in it has ended.
    pub(super) fn run(mut self) {
        loop {
            self.take_inbox();
            self.closing = self.shared.closing.load(Ordering::Relaxed);
            if self.closing {
                self.cancel(|_| true);
                if self.slots.all_free() && self.shared.inbox.is_empty() {
                    return;
                }
            }
            self.fill_slots();
            self.listen();
            self.fill_ring();
            if let Err(error) = self.enter()
                && !self.survive(error)
            {
                return self.give_up();
            }
            self.reap();
        }
    }

    fn take_inbox(&mut self) {
        let mut unwanted = HashSet::new();
        while let Some(message) = self.shared.inbox.pop() {
            match message {
                Message::Start(id, request) => self.backlog.push_back((id, request)),
                Message::Cancel(id) => drop(unwanted.insert(id)),
            }
        }
        if !unwanted.is_empty() {
            self.cancel(|id| unwanted.contains(&id));
        }
    }

    /// Asks the kernel to end those in it, and ends those that are not.
    fn cancel(&mut self, unwanted: impl Fn(u64) -> bool) {
        for (name, work) in self.slots.in_use() {
            if unwanted(work.id) && !work.cancelled {
                work.cancelled = true;
                self.staged.push_back(opcode::AsyncCancel::new(name).build().user_data(CANCEL));
            }
        }
        let (over, kept) = self.backlog.drain(..).partition(|(id, _)| unwanted(*id));
        self.backlog = kept;
        let over: VecDeque<_> = over;
        for (id, request) in over {
            self.shared.end(id, request, Err(Errno::CANCELED));
        }
    }

    fn fill_slots(&mut self) {
        while self.slots.has_room()
            && let Some((id, request)) = self.backlog.pop_front()
        {
            let index = self.slots.put(id, request);
            self.call(index);
        }
    }

    /// Has the kernel make the request's next call.
    fn call(&mut self, index: u32) {
        let entry = guarded(&self.shared.panics, || self.slots.entry(index));
        match entry.unwrap_or(Err(Err(Errno::IO))) {
            Ok(entry) => self.staged.push_back(entry),
            Err(end) => self.end(index, end),
        }
    }

    fn end(&mut self, index: u32, end: Result<(), Errno>) {
        let work = self.slots.take(index);
        self.shared.end(work.id, work.request, end);
    }

    fn listen(&mut self) {
        if !self.listening {
            let bell = types::Fd(self.shared.bell.as_raw_fd());
            let poll = opcode::PollAdd::new(bell, libc::POLLIN as u32).multi(true);
            self.staged.push_back(poll.build().user_data(BELL));
            self.listening = true;
        }
    }

    fn fill_ring(&mut self) {
        let mut submission = self.ring.submission();
        while !submission.is_full()
            && let Some(entry) = self.staged.pop_front()
        {
            // SAFETY: the memory, its list and the descriptor belong to a request in a slot, and stay there until the
            // completion of this entry takes it out; the bell lives as long as this owner. Other entries point nowhere.
            unsafe { submission.push(&entry) }.expect("room, just seen");
            self.untaken.push_back(entry.get_user_data());
        }
    }

    /// Submits what is in the ring, and sleeps until there is something to do.
    fn enter(&mut self) -> Result<(), Errno> {
        let count = self.untaken.len() as u32;
        debug_assert_eq!(count as usize, self.ring.submission().len());
        let wait = u32::from(self.staged.is_empty() && self.may_sleep());
        // SAFETY: no argument is passed along, and the entries are valid as said where they were pushed.
        let result =
            unsafe { self.ring.submitter().enter::<libc::sigset_t>(count, wait, self.flags.bits(), None) };
        self.shared.asleep.store(false, Ordering::Relaxed);
        let taken = result.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        self.untaken.drain(..taken);
        Ok(())
    }

    /// Says that the owner sleeps, then looks whether something was sent meanwhile.
    fn may_sleep(&self) -> bool {
        self.shared.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.shared.inbox.is_empty() && self.shared.closing.load(Ordering::Relaxed) == self.closing
    }

    /// What to do when the kernel would not be entered. False: never again.
    fn survive(&self, error: Errno) -> bool {
        match error {
            // A debugger or the like, signals being blocked. Nothing was submitted; all of it will be.
            Errno::INTR => true,
            // More completions than their queue holds: they must be reaped first, and that comes next.
            Errno::BUSY => true,
            // No memory for a request. It is still in the ring, and tried again.
            Errno::AGAIN | Errno::NOMEM => {
                std::thread::sleep(BREATH);
                true
            }
            // Completions were lost for want of memory. Which ones nobody knows: those requests can never end, for
            // the kernel might still write to their memory; the others go on.
            Errno::BADR => true,
            // The descriptor is no longer our ring: foreign code has closed it.
            _ => false,
        }
    }

    fn reap(&mut self) {
        let mut reaped = std::mem::take(&mut self.reaped);
        reaped.extend(self.ring.completion());
        for entry in reaped.drain(..) {
            match entry.user_data() {
                BELL => self.heard(entry.result(), entry.flags()),
                // Whether it was found is of no interest: either way the request itself ends.
                CANCEL => {}
                name => self.answer(name, entry.result()),
            }
        }
        self.reaped = reaped;
    }

    fn heard(&mut self, result: i32, flags: u32) {
        self.listening = cqueue::more(flags);
        if result < 0 {
            // No memory to listen with. It is tried again, but not at full speed.
            std::thread::sleep(BREATH);
        }
    }

    fn answer(&mut self, name: u64, result: i32) {
        let Some(index) = self.slots.find(name) else {
            debug_assert!(false, "a completion of no request");
            return;
        };
        let result = usize::try_from(result).map_err(|_| Errno::from_raw_os_error(-result));
        let work = self.slots.work(index);
        let next = match (work.polling, result) {
            // Ready, or in error: the call will tell.
            (true, Ok(_)) => Next::Again,
            (true, Err(error)) => Next::Over(Err(error)),
            (false, result) => {
                let next =
                    guarded(&self.shared.panics, || after_call(&mut *work.request, &mut work.moved, result));
                next.unwrap_or(Next::Over(Err(Errno::IO)))
            }
        };
        work.polling = false;
        match next {
            Next::Over(end) => self.end(index, end),
            Next::Again | Next::WhenReady if work.cancelled => self.end(index, Err(Errno::CANCELED)),
            Next::Again => self.call(index),
            Next::WhenReady => self.wait_until_ready(index),
        }
    }

    /// A blocking call made by a thread of the kernel would do for a file, but a descriptor in non-blocking mode would
    /// answer `EAGAIN` for ever, at full speed: so wait first.
    fn wait_until_ready(&mut self, index: u32) {
        let entry = guarded(&self.shared.panics, || self.slots.poll_entry(index));
        match entry {
            Some(entry) => self.staged.push_back(entry),
            None => self.end(index, Err(Errno::IO)),
        }
    }

    /// Ends everything that is not in the kernel, now and from now on, with `ENOBUFS`. What is in the kernel keeps
    /// its memory for ever: nobody can say any more when it will have been written.
    fn give_up(mut self) {
        self.shared.broken.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let names: Vec<u64> =
            self.untaken.iter().copied().chain(self.staged.iter().map(|e| e.get_user_data())).collect();
        for name in names {
            if let Some(index) = self.slots.find(name) {
                self.end(index, Err(Errno::NOBUFS));
            }
        }
        for (id, request) in self.backlog.drain(..) {
            self.shared.end(id, request, Err(Errno::NOBUFS));
        }
        self.shared.refuse_inbox();
        // Its number may stand for someone else's file by now, which must not be closed.
        std::mem::forget(self.ring);
        std::mem::forget(self.slots);
    }
}
