//! What an operation costs while it is pending: the pages that the windows of its buffers touch.
//!
//! NT locks whole pages, one by one for each buffer: 1 KiB is one page, or two if a page border lies in it, and two
//! buffers in one page are two.

use super::block::{Block, Bufs, Flags, Kind};

/// The unit of locking, in bytes: that of NT on x86, whatever this machine's is.
pub(crate) const PAGE: usize = 4096;

/// Pages that `len` bytes at `address` lie in.
pub(crate) fn touched(address: usize, len: usize) -> u64 {
    match len.checked_sub(1) {
        None => 0,
        Some(rest) => (address.saturating_add(rest) / PAGE - address / PAGE + 1) as u64,
    }
}

/// The most pages that `len` bytes can lie in.
fn touched_at_worst(len: usize) -> u64 {
    touched(PAGE - 1, len)
}

/// What an operation has been charged with, and on whose account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge(u32);

const AT_PORT: u32 = 1 << 31;

impl Charge {
    /// Nobody has so much memory: beyond it lies a refusal.
    pub(crate) const MOST: u64 = AT_PORT as u64 - 1;

    /// Of an operation that its port counts, and that locks nothing.
    pub(crate) const COUNTED: Charge = Charge(AT_PORT);

    /// `pages` are at most `MOST`.
    pub(crate) fn new(at_port: bool, pages: u64) -> Charge {
        assert!(pages <= Charge::MOST);
        Charge(pages as u32 | if at_port { AT_PORT } else { 0 })
    }

    /// The operation is counted by the port of its handle, and the pages are on the port's account.
    pub(crate) fn at_port(self) -> bool {
        self.0 & AT_PORT != 0
    }

    pub(crate) fn pages(self) -> u64 {
        (self.0 & !AT_PORT).into()
    }

    pub(crate) fn with_pages(self, pages: u64) -> Charge {
        Charge::new(self.at_port(), pages)
    }
}

impl Block {
    /// The pages it locks while it waits. A receive from a pool has no buffer then, unless it goes on waiting with
    /// what came first.
    pub(crate) fn pages(&self) -> u64 {
        match (&self.pool, &self.bufs) {
            (Some(pool), Bufs::None) if self.flags.contains(Flags::WAIT_ALL) => {
                touched_at_worst(pool.buffer_size())
            }
            _ => self.bufs.as_slice().iter().map(|buf| touched(buf.as_ptr().addr(), buf.len())).sum(),
        }
    }

    /// Whether a try may move some of it and leave the rest to wait: then it can't be refused once it was tried.
    pub(crate) fn goes_by_parts(&self) -> bool {
        match self.kind {
            Kind::Recv => self.flags.contains(Flags::WAIT_ALL),
            Kind::Accept => self.flags.contains(Flags::FIRST_RECEIVE),
            Kind::RecvFrom | Kind::SendTo | Kind::Read => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_are_those_that_a_byte_lies_in(address in 0usize..1 << 20, len in 0usize..1 << 16) {
            let mut naive: Vec<usize> = (address..address + len).map(|byte| byte / PAGE).collect();
            naive.dedup();
            prop_assert_eq!(touched(address, len), naive.len() as u64);
            prop_assert!(touched_at_worst(len) >= touched(address, len));
        }

        #[test]
        fn the_worst_place_is_as_bad_as_some_place(len in 1usize..1 << 16) {
            let worst = (0..PAGE).map(|address| touched(address, len)).max();
            prop_assert_eq!(Some(touched_at_worst(len)), worst);
        }
    }

    #[test]
    fn a_charge_keeps_its_two_parts_apart() {
        for pages in [0, 1, Charge::MOST] {
            for at_port in [false, true] {
                let charge = Charge::new(at_port, pages);
                assert_eq!((charge.at_port(), charge.pages()), (at_port, pages));
                assert_eq!(charge.with_pages(0), Charge::new(at_port, 0));
            }
        }
    }
}
