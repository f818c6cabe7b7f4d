//! Memory in equal pieces, whole pages where a piece is as long as pages, from the system itself.
//!
//! A piece of 4 KiB then touches one page, and not two as the allocator's would; and no page is spent on a header.
//! Pieces are made when first needed, in chunks that grow, and are lent: one that is dropped goes back. The memory goes
//! back to the system with the last piece and the last owner of the set. A page nobody has written to takes none.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

use crate::sync::lock::Lock;

/// What the kernel locks and gives, in bytes.
pub(crate) const PAGE: usize = 4096;

/// Pieces in the first chunk. Chunk n has `FIRST << n`, the last one what is left.
const FIRST: usize = 8;

/// Pieces that are no pages begin where any number or structure may.
const LEAST_ALIGN: usize = 16;

pub(crate) struct Pages {
    size: usize,
    align: usize,
    limit: usize,
    chunks: Box<[OnceLock<Chunk>]>,
    shelf: Lock<Shelf>,
}

#[derive(Default)]
struct Shelf {
    free: Vec<u32>,
    /// All that exist, lent or not. At most `limit`.
    made: usize,
}

/// A mapping, for as long as this lives.
struct Chunk {
    mapping: NonNull<libc::c_void>,
    length: usize,
    /// The first address in it that is aligned.
    start: NonNull<u8>,
}

// SAFETY: a mapping belongs to the process, and this only says where it is.
unsafe impl Send for Chunk {}
// SAFETY: the same.
unsafe impl Sync for Chunk {}

/// A piece on loan, all initialised.
pub(crate) struct Lent {
    pages: Arc<Pages>,
    number: u32,
}

impl Pages {
    /// At most `limit` pieces of `size` bytes.
    pub(crate) fn new(size: usize, limit: usize) -> Arc<Pages> {
        let whole = size > 0 && size.is_multiple_of(PAGE);
        Pages::aligned(size, if whole { PAGE } else { LEAST_ALIGN }, limit)
    }

    /// The same at multiples of `align`, a power of two.
    pub(crate) fn aligned(size: usize, align: usize, limit: usize) -> Arc<Pages> {
        assert!(align.is_power_of_two(), "an alignment is a power of two, not {align}");
        let limit = limit.min(u32::MAX as usize);
        let chunks = if limit == 0 { 0 } else { chunk_of(limit - 1).0 + 1 };
        let chunks = (0..chunks).map(|_| OnceLock::new()).collect();
        Arc::new(Pages { size, align, limit, chunks, shelf: Lock::default() })
    }

    /// A piece; `None` when all are lent, or the system has no memory.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Lent> {
        let mut shelf = self.shelf.lock();
        let number = match shelf.free.pop() {
            Some(number) => number,
            None if shelf.made < self.limit => {
                self.make_chunk_of(shelf.made)?;
                shelf.made += 1;
                shelf.made as u32 - 1
            }
            None => return None,
        };
        Some(Lent { pages: self.clone(), number })
    }

    pub(crate) fn lent(&self) -> usize {
        let shelf = self.shelf.lock();
        shelf.made - shelf.free.len()
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// From one piece to the next. `None`: no memory is as long.
    fn stride(&self) -> Option<usize> {
        self.size.checked_next_multiple_of(self.align)
    }

    /// Under the lock of the shelf, so that only one does.
    fn make_chunk_of(&self, number: usize) -> Option<()> {
        let (chunk, first) = chunk_of(number);
        if self.chunks[chunk].get().is_none() {
            let pieces = (FIRST << chunk).min(self.limit - (number - first));
            let made = Chunk::map(self.stride()?.checked_mul(pieces)?, self.align)?;
            let set = self.chunks[chunk].set(made);
            debug_assert!(set.is_ok(), "only the holder of the lock sets it");
        }
        Some(())
    }

    fn piece(&self, number: u32) -> NonNull<[u8]> {
        let (chunk, index) = chunk_of(number as usize);
        let (Some(chunk), Some(stride)) = (self.chunks[chunk].get(), self.stride()) else {
            unreachable!("a piece is made with its chunk")
        };
        // SAFETY: the chunk was mapped for all its pieces, of which this is one.
        let start = unsafe { chunk.start.add(index * stride) };
        NonNull::slice_from_raw_parts(start, self.size)
    }
}

/// The chunk a piece is in, and which of its pieces it is: chunk n begins at `FIRST * (2^n - 1)`.
fn chunk_of(number: usize) -> (usize, usize) {
    let chunk = (number / FIRST + 1).ilog2() as usize;
    (chunk, number - FIRST * ((1 << chunk) - 1))
}

/// `length` bytes of zeros at the beginning of a page, until somebody unmaps them; `None` when the system has no
/// memory.
pub(crate) fn map(length: usize) -> Option<NonNull<libc::c_void>> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a fresh mapping at an address of the kernel's choice, which touches nothing there is.
    let mapping = unsafe { libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0) };
    if mapping == libc::MAP_FAILED {
        return None;
    }
    // A huge page would be taken with all of its 2 MiB by the first byte that is written. It fails where there are none.
    // SAFETY: it says how the pages of that mapping are to be made, and changes nothing of what is in them.
    unsafe { libc::madvise(mapping, length, libc::MADV_NOHUGEPAGE) };
    NonNull::new(mapping)
}

impl Chunk {
    /// `length` bytes of zeros; `None` when the system has no memory.
    fn map(length: usize, align: usize) -> Option<Chunk> {
        // A mapping begins on a page; and none is empty.
        let slack = if align > PAGE { align } else { 0 };
        let length = length.checked_add(slack)?.max(1);
        let mapping = map(length)?;
        let distance = mapping.cast::<u8>().align_offset(align);
        // SAFETY: the distance is 0, or less than the slack that was mapped for it.
        let start = unsafe { mapping.cast::<u8>().add(distance) };
        Some(Chunk { mapping, length, start })
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and its pieces, which keep it, are gone. It can't fail then.
        unsafe { libc::munmap(self.mapping.as_ptr(), self.length) };
    }
}

impl Lent {
    pub(crate) fn size(&self) -> usize {
        self.pages.size
    }
}

impl Deref for Lent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: a number is on the shelf or lent once, so the piece is this loan's alone; it is mapped and
        // initialised, for the kernel maps zeros, and stays so while the loan keeps the set.
        unsafe { self.pages.piece(self.number).as_ref() }
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the same, and the loan is borrowed mutably.
        unsafe { self.pages.piece(self.number).as_mut() }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pages.shelf.lock().free.push(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(lent: &Lent) -> usize {
        lent.as_ptr().addr()
    }

    #[test]
    fn pieces_are_disjoint_and_come_back() {
        for size in [1, 24, 1000, 4096, 12288] {
            let pages = Pages::new(size, 100);
            let mut all: Vec<_> = std::iter::from_fn(|| pages.take()).collect();
            assert_eq!((all.len(), pages.lent()), (100, 100));
            for (n, lent) in all.iter_mut().enumerate() {
                assert!(lent.len() == size && lent.iter().all(|byte| *byte == 0));
                lent.fill(n as u8);
            }
            assert!(all.iter().enumerate().all(|(n, lent)| lent.iter().all(|byte| *byte == n as u8)));
            let last = address(&all[99]);
            all.pop();
            assert_eq!(pages.take().map(|lent| address(&lent)), Some(last));
        }
    }

    #[test]
    fn memory_that_is_not_used_takes_no_huge_page() {
        let has_them = std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists();
        let pages = Pages::new(PAGE, FIRST);
        let lent = pages.take().unwrap();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let range = |line: &str| {
            let (from, to) = line.split_once(' ')?.0.split_once('-')?;
            Some(usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?)
        };
        let mut lines = maps.lines();
        let here = |line: &str| range(line).is_some_and(|range| range.contains(&address(&lent)));
        assert!(lines.any(here), "it is mapped");
        let flags = lines.find_map(|line| line.strip_prefix("VmFlags:"));
        assert_eq!(flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "nh")), has_them);
    }

    #[test]
    fn whole_pages_begin_on_pages_and_none_is_lost_between_them() {
        let pages = Pages::new(PAGE, FIRST);
        let all: Vec<_> = std::iter::from_fn(|| pages.take()).collect();
        assert!(all.iter().all(|lent| address(lent).is_multiple_of(PAGE)));
        assert!(all.windows(2).all(|pair| address(&pair[1]) - address(&pair[0]) == PAGE));
    }

    #[test]
    fn any_alignment_is_kept() {
        for align in [1, 512, PAGE, 16 * PAGE] {
            let pages = Pages::aligned(1000, align, 3);
            let all: Vec<_> = std::iter::from_fn(|| pages.take()).collect();
            assert!(all.iter().all(|lent| address(lent).is_multiple_of(align)));
        }
    }

    #[test]
    fn what_no_memory_is_as_long_as_is_refused() {
        for size in [usize::MAX, usize::MAX - 15, isize::MAX as usize, 1 << 62] {
            for pages in [Pages::new(size, 1), Pages::aligned(size, 1 << 20, 2), Pages::new(size, usize::MAX)]
            {
                assert!(pages.take().is_none());
                assert_eq!(pages.lent(), 0);
            }
        }
    }

    #[test]
    fn a_set_of_nothing_lends_nothing_and_an_empty_piece_is_one() {
        assert!(Pages::new(64, 0).take().is_none());
        assert_eq!(Pages::new(0, 1).take().map(|lent| lent.len()), Some(0));
    }
}
