//! Which ranges of one file are locked by which file objects: NT's rules, and nothing of the system below.
//!
//! An exclusive lock overlaps no other, not even one of the same owner; a shared one overlaps shared ones, and an
//! exclusive one of its own owner (S303). A lock is taken away by naming exactly its range. A range of no bytes is at a
//! place between two bytes, and overlaps what has that place inside.

use crate::driver::range::Hold;

/// Bytes of a file; what they reach to fits a `u64`, or is one more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) len: u64,
}

impl Range {
    /// `None` when its last byte is beyond any offset.
    pub(super) fn new(start: u64, len: u64) -> Option<Range> {
        let fits = len == 0 || start.checked_add(len - 1).is_some();
        fits.then_some(Range { start, len })
    }

    fn end(self) -> u128 {
        u128::from(self.start) + u128::from(self.len)
    }

    fn overlaps(self, other: Range) -> bool {
        u128::from(self.start) < other.end() && u128::from(other.start) < self.end()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    /// A file object, by the address of what it is underneath.
    owner: usize,
    range: Range,
    exclusive: bool,
}

/// The locks of one file, in the order in which they were taken.
#[derive(Debug, Default)]
pub(super) struct Ranges(Vec<Held>);

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a lock can be had now.
    pub(super) fn allows(&self, owner: usize, range: Range, exclusive: bool) -> bool {
        let in_the_way = |held: &Held| exclusive || (held.exclusive && held.owner != owner);
        !self.0.iter().any(|held| held.range.overlaps(range) && in_the_way(held))
    }

    pub(super) fn add(&mut self, owner: usize, range: Range, exclusive: bool) {
        debug_assert!(self.allows(owner, range, exclusive), "{range:?} was not looked at");
        self.0.push(Held { owner, range, exclusive });
    }

    /// Takes one lock away that has exactly this range, the exclusive one first; false if there is none.
    pub(super) fn remove(&mut self, owner: usize, range: Range) -> bool {
        let at = |exclusive| {
            let same = |held: &Held| *held == Held { owner, range, exclusive };
            self.0.iter().position(same)
        };
        let found = at(true).or_else(|| at(false));
        if let Some(at) = found {
            self.0.remove(at);
        }
        found.is_some()
    }

    /// Takes all of an owner's away; what there was.
    pub(super) fn remove_all(&mut self, owner: usize) -> Vec<Range> {
        let (gone, left) = std::mem::take(&mut self.0).into_iter().partition(|held| held.owner == owner);
        self.0 = left;
        let gone: Vec<Held> = gone;
        gone.into_iter().map(|held| held.range).collect()
    }

    /// Whether this owner may read the range: not what others have exclusively.
    pub(super) fn may_read(&self, owner: usize, range: Range) -> bool {
        !self.0.iter().any(|held| held.exclusive && held.owner != owner && held.range.overlaps(range))
    }

    /// Whether this owner may write to the range: only what is locked by nobody, or exclusively by itself. Who shares a
    /// lock, even with nobody, may not.
    pub(super) fn may_write(&self, owner: usize, range: Range) -> bool {
        !self.0.iter().any(|held| !(held.exclusive && held.owner == owner) && held.range.overlaps(range))
    }

    /// How this owner has each part of the range, in order; neighbours differ.
    pub(super) fn parts(&self, owner: usize, range: Range) -> Vec<(u128, u128, Hold)> {
        let (start, end) = (u128::from(range.start), range.end());
        let mine = || self.0.iter().filter(|held| held.owner == owner && held.range.overlaps(range));
        let borders = mine().flat_map(|held| [u128::from(held.range.start), held.range.end()]);
        let mut cuts: Vec<u128> =
            borders.chain([start, end]).filter(|cut| (start..=end).contains(cut)).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut parts: Vec<(u128, u128, Hold)> = Vec::new();
        for pair in cuts.windows(2) {
            let inside =
                |held: &&Held| u128::from(held.range.start) <= pair[0] && pair[1] <= held.range.end();
            let hold = |held: &Held| if held.exclusive { Hold::Exclusive } else { Hold::Shared };
            let how = mine().filter(inside).map(hold).max().unwrap_or(Hold::None);
            match parts.last_mut() {
                Some((_, end, last)) if *last == how => *end = pair[1],
                _ => parts.push((pair[0], pair[1], how)),
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(start: u64, len: u64) -> Range {
        Range::new(start, len).unwrap()
    }

    #[test]
    fn s303_an_exclusive_lock_overlaps_nothing_and_shared_ones_overlap_each_other() {
        let mut ranges = Ranges::default();
        ranges.add(1, range(10, 10), false);
        assert!(ranges.allows(1, range(15, 10), false) && ranges.allows(2, range(15, 10), false));
        assert!(!ranges.allows(1, range(19, 1), true) && !ranges.allows(2, range(0, 11), true));
        assert!(ranges.allows(2, range(20, 5), true) && ranges.allows(2, range(0, 10), true));
        ranges.add(1, range(20, 5), true);
        assert!(ranges.allows(1, range(22, 1), false), "what it has exclusively it may share with itself");
        assert!(!ranges.allows(2, range(22, 1), false));
    }

    #[test]
    fn s303_a_lock_of_no_bytes_is_in_the_way_of_what_has_it_inside() {
        let mut ranges = Ranges::default();
        ranges.add(1, range(100, 0), true);
        assert!(!ranges.allows(2, range(98, 4), true));
        assert!(ranges.allows(2, range(90, 10), true) && ranges.allows(2, range(100, 10), true));
        assert!(ranges.allows(2, range(100, 0), true));
        assert!(!ranges.remove(1, range(100, 1)) && ranges.remove(1, range(100, 0)));
    }

    #[test]
    fn s303_ranges_reach_to_the_last_offset_and_no_further() {
        assert_eq!(Range::new(u64::MAX, 2), None);
        let mut ranges = Ranges::default();
        ranges.add(1, range(u64::MAX, 1), true);
        assert!(!ranges.allows(2, range(1, u64::MAX), true) && ranges.allows(2, range(0, u64::MAX), true));
    }

    #[test]
    fn s303_the_exclusive_lock_of_a_range_is_taken_away_before_a_shared_one() {
        let mut ranges = Ranges::default();
        ranges.add(1, range(0, 5), true);
        ranges.add(1, range(0, 5), false);
        assert!(!ranges.may_read(2, range(0, 1)));
        assert!(ranges.remove(1, range(0, 5)));
        assert!(ranges.may_read(2, range(0, 1)) && !ranges.may_write(1, range(0, 1)));
        assert!(ranges.remove(1, range(0, 5)) && !ranges.remove(1, range(0, 5)));
    }

    proptest! {
        #[test]
        fn parts_say_of_every_byte_how_it_is_held(
            locks in prop::collection::vec((0usize..2, 0u64..20, 0u64..8, any::<bool>()), 0..12),
            start in 0u64..20,
            len in 0u64..12,
        ) {
            let mut ranges = Ranges::default();
            for (owner, start, len, exclusive) in locks {
                if ranges.allows(owner, range(start, len), exclusive) {
                    ranges.add(owner, range(start, len), exclusive);
                }
            }
            let parts = ranges.parts(0, range(start, len));
            let naive = |byte: u64| {
                let mine = ranges.0.iter().filter(|held| held.owner == 0 && held.range.overlaps(range(byte, 1)));
                let hold = |held: &Held| if held.exclusive { Hold::Exclusive } else { Hold::Shared };
                mine.map(hold).max().unwrap_or(Hold::None)
            };
            for byte in start..start + len {
                let part = parts.iter().find(|part| (part.0..part.1).contains(&byte.into()));
                prop_assert_eq!(part.map(|part| part.2), Some(naive(byte)));
            }
            prop_assert!(parts.windows(2).all(|pair| pair[0].1 == pair[1].0 && pair[0].2 != pair[1].2));
            prop_assert!(parts.iter().map(|part| part.1 - part.0).sum::<u128>() == len.into());
        }
    }
}
