//! Who holds how much: an account for each port, and one for handles without a port; and the process's bank that
//! all of them draw pages from.
//!
//! The rule: what an account has in use never exceeds what it has drawn, and what all have drawn never exceeds the
//! process's limit. Pages are drawn and given back in lumps, so that pending operations touch their port's own
//! account and no line of memory that all ports share. Credit that one port does not use is no other's shortage: who
//! finds the bank empty takes it back from the others first.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::sync::{Arc, MutexGuard};

use super::charge::PAGE;
use super::slab;
use crate::driver::memory;
use crate::status::Status;
use crate::sync::lock::Lock;

const OPERATION: u64 = 1 << 32;
const PAGES: u64 = OPERATION - 1;

/// The most that either half of an account can count.
const MOST: u64 = u32::MAX as u64;

/// One account. Two lines of memory of its own: workers write it for every operation that has to wait.
#[repr(align(128))]
pub(crate) struct Ledger {
    /// Operations in the high half, pages in the low one, so that a start takes both in one step.
    used: AtomicU64,
    /// Pages drawn. Changed under the bank's lock only.
    credit: AtomicU64,
    most_operations: u64,
    most_pages: u64,
    peak_pages: AtomicU64,
    refused: AtomicU64,
}

/// What an account says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) operations: u64,
    pub(crate) pages: u64,
    pub(crate) peak_pages: u64,
    pub(crate) refused: u64,
}

/// Starts that any account has refused, and those that another limit of the process has.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Pages that are drawn together.
static LUMP: AtomicU64 = AtomicU64::new(1);
const MOST_LUMP: u64 = 256;

/// For handles without a port.
static PORTLESS: Ledger = Ledger::new(MOST, MOST);

pub(crate) fn portless() -> &'static Ledger {
    &PORTLESS
}

struct Bank {
    limit: Option<u64>,
    drawn: u64,
    peak: u64,
    ledgers: Vec<Arc<Ledger>>,
}

static BANK: Lock<Bank> = Lock::new(Bank { limit: None, drawn: 0, peak: 0, ledgers: Vec::new() });

fn bank() -> MutexGuard<'static, Bank> {
    let mut bank = BANK.lock();
    if bank.limit.is_none() {
        bank.set_limit(memory::default_locked() / PAGE as u64);
        slab::set_default_capacity(default_blocks());
    }
    bank
}

/// Blocks of operations that the memory of this process is enough for.
pub(crate) fn default_blocks() -> usize {
    /// A handful of connections on the smallest machine, and no more than there are numbers for descriptors.
    const LEAST: u64 = 4096;
    const MOST: u64 = 1 << 24;
    (memory::default_blocks() / slab::MOST_BYTES as u64).clamp(LEAST, MOST) as usize
}

impl Bank {
    fn set_limit(&mut self, pages: u64) {
        self.limit = Some(pages);
        // An idle lump in each of some ports must not be a part of the limit that matters.
        LUMP.store((pages / 1024).clamp(1, MOST_LUMP), Relaxed);
    }

    fn room(&self) -> u64 {
        self.limit.unwrap_or(0).saturating_sub(self.drawn)
    }

    /// Takes back what other accounts than `short` have drawn and do not use, until there is room for `pages`.
    fn call_in(&mut self, pages: u64, short: &Ledger) {
        for ledger in self.ledgers.iter().map(|ledger| &**ledger).chain([&PORTLESS]) {
            if self.limit.unwrap_or(0).saturating_sub(self.drawn) >= pages {
                return;
            }
            // What that one does not use yet is in its reckoning already.
            if !std::ptr::eq(ledger, short) {
                self.drawn -= ledger.shave(0);
            }
        }
    }
}

impl Ledger {
    const fn new(most_operations: u64, most_pages: u64) -> Ledger {
        Ledger {
            used: AtomicU64::new(0),
            credit: AtomicU64::new(0),
            most_operations,
            most_pages,
            peak_pages: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Counts operations and pages, all or nothing: `NO_BUFS` when that is more than this account, or the process, may
    /// have.
    pub(crate) fn take(&self, operations: u64, pages: u64) -> Result<(), Status> {
        let mut seen = self.used.load(Relaxed);
        let taken = loop {
            let (all, locked) = (seen / OPERATION + operations, (seen & PAGES) + pages);
            if all > self.most_operations || locked > self.most_pages {
                break None;
            }
            if pages > 0 && locked > self.credit.load(Relaxed) {
                if !self.draw(pages) {
                    break None;
                }
                seen = self.used.load(Relaxed);
                continue;
            }
            match self.used.compare_exchange_weak(seen, all * OPERATION + locked, SeqCst, Relaxed) {
                Ok(_) => break Some(locked),
                Err(now) => seen = now,
            }
        };
        let Some(locked) = taken else {
            self.refuse();
            return Err(Status::NO_BUFS);
        };
        if pages > 0 {
            // Credit may have been called in between the look and the step. Whoever did that looks at what is used
            // afterwards, so one of the two sees the other.
            if locked > self.credit.load(SeqCst) && !self.draw(0) {
                self.used.fetch_sub(operations * OPERATION + pages, AcqRel);
                self.refuse();
                return Err(Status::NO_BUFS);
            }
            if locked > self.peak_pages.load(Relaxed) {
                self.peak_pages.fetch_max(locked, Relaxed);
            }
        }
        Ok(())
    }

    /// What was taken before is free again.
    pub(crate) fn give(&self, operations: u64, pages: u64) {
        let change = operations * OPERATION + pages;
        let before = self.used.fetch_sub(change, AcqRel);
        debug_assert!(before / OPERATION >= operations && before & PAGES >= pages, "nothing is given twice");
        if pages == 0 {
            return;
        }
        let spare = LUMP.load(Relaxed) - 1;
        let idle = self.credit.load(Relaxed).saturating_sub((before - change) & PAGES);
        if idle > 2 * spare {
            let mut bank = bank();
            bank.drawn -= self.shave(spare);
        }
    }

    /// Sees to it that what is used, and `more`, is drawn.
    #[cold]
    fn draw(&self, more: u64) -> bool {
        let mut bank = bank();
        let credit = self.credit.load(Relaxed);
        let short = ((self.used.load(SeqCst) & PAGES) + more).saturating_sub(credit);
        if short == 0 {
            return true;
        }
        let lump = short + LUMP.load(Relaxed) - 1;
        let drawn = if bank.room() >= lump { lump } else { short };
        if bank.room() < drawn {
            bank.call_in(drawn, self);
        }
        if bank.room() < drawn {
            return false;
        }
        bank.drawn += drawn;
        bank.peak = bank.peak.max(bank.drawn);
        self.credit.store(credit + drawn, SeqCst);
        true
    }

    /// Lowers the credit to what is used and `spare`; returns by how much. Under the bank's lock.
    fn shave(&self, spare: u64) -> u64 {
        let credit = self.credit.load(Relaxed);
        let wanted = (self.used.load(SeqCst) & PAGES) + spare;
        if wanted >= credit {
            return 0;
        }
        self.credit.store(wanted, SeqCst);
        // Who took meanwhile by the old credit keeps it.
        let kept = wanted.max(self.used.load(SeqCst) & PAGES).min(credit);
        self.credit.store(kept, SeqCst);
        credit - kept
    }

    #[cold]
    fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
        count_refusal();
    }

    pub(crate) fn balance(&self) -> Balance {
        let used = self.used.load(Relaxed);
        Balance {
            operations: used / OPERATION,
            // What is not covered is about to be taken back.
            pages: (used & PAGES).min(self.credit.load(Relaxed)),
            peak_pages: self.peak_pages.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}

/// A port's account, which ends with the port.
pub(crate) struct Account(Arc<Ledger>);

impl Account {
    /// With limits of its own, in operations and in pages.
    pub(crate) fn open(most_operations: usize, most_pages: usize) -> Account {
        let ledger = Arc::new(Ledger::new(MOST.min(most_operations as u64), MOST.min(most_pages as u64)));
        bank().ledgers.push(ledger.clone());
        Account(ledger)
    }
}

impl Deref for Account {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.0
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let mut bank = bank();
        bank.drawn -= self.0.credit.swap(0, SeqCst);
        bank.ledgers.retain(|ledger| !Arc::ptr_eq(ledger, &self.0));
    }
}

/// A start was refused for want of something that is limited.
pub(crate) fn count_refusal() {
    REFUSED.fetch_add(1, Relaxed);
}

/// The process's pages at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) pages: u64,
    pub(crate) peak: u64,
    pub(crate) limit: u64,
    pub(crate) refused: u64,
}

pub(crate) fn total() -> Total {
    let bank = bank();
    let ledgers = bank.ledgers.iter().map(|ledger| &**ledger).chain([&PORTLESS]);
    Total {
        pages: ledgers.map(|ledger| ledger.balance().pages).sum(),
        peak: bank.peak,
        limit: bank.limit.unwrap_or(0),
        refused: REFUSED.load(Relaxed),
    }
}

/// Limits the pages and blocks of the process. What is beyond a lower limit stays until it is released.
pub(crate) fn set_limits(pages: u64, blocks: usize) {
    bank().set_limit(pages);
    slab::set_capacity(blocks);
}
