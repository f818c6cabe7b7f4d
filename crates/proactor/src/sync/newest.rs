//! The newest of some entries of a queue, in four bytes: the lower half of its number.
//!
//! Numbers are compared by their distance (as in RFC 1982), which tells before from behind as long as fewer than 2^30
//! entries wait. An entry that was taken long ago may seem to wait again when the queue has moved on by 2^31; never
//! the other way round, and the next one that is noted ends that.

use std::sync::atomic::{AtomicU32, Ordering::*};

/// Fewer entries wait in a queue, and fewer come between two that are noted at one time.
const NEAR: u32 = 1 << 30;

/// One more than the number of the newest; 0 before the first.
#[derive(Default)]
pub(crate) struct Newest(AtomicU32);

impl Newest {
    /// An entry is in the queue. Of two that are noted at one time the later counts.
    pub(crate) fn note(&self, number: u64) {
        // That 0 stands for none makes one number in 2^32 pass an entry later than it could.
        let next = (number as u32).wrapping_add(1).max(1);
        let later = |now: u32| (now == 0 || now.wrapping_sub(next) >= NEAR).then_some(next);
        let _ = self.0.fetch_update(Relaxed, Relaxed, later);
    }

    /// Whether it is not in the queue any more, whose front has the number that `front` tells.
    #[inline]
    pub(crate) fn is_passed(&self, front: impl FnOnce() -> u64) -> bool {
        let newest = self.0.load(Relaxed);
        newest == 0 || (front() as u32).wrapping_sub(newest) < 1 << 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRAP: u64 = 1 << 32;

    fn is_passed(newest: &Newest, front: u64) -> bool {
        newest.is_passed(|| front)
    }

    #[test]
    fn the_later_counts_in_whatever_order_they_are_noted() {
        for first in [0, 7, WRAP - 3, WRAP - 2, WRAP - 1, WRAP, 5 * WRAP - 2] {
            let newest = Newest::default();
            for number in [first, first + 2, first + 1] {
                newest.note(number);
            }
            assert!(!is_passed(&newest, first) && !is_passed(&newest, first + 2));
            // One later where the number next to it stands for none.
            assert!(is_passed(&newest, first + 4));
        }
    }

    #[test]
    fn one_that_waits_is_never_passed_however_old_the_one_before_it() {
        let gaps = [
            1,
            99,
            1 << 29,
            1 << 30,
            1 << 31,
            (1 << 31) + 50,
            3 << 30,
            WRAP - (1 << 29),
            WRAP - 1,
            WRAP,
            3 * WRAP,
        ];
        for gap in gaps {
            for waiting in [0, 1, 100, (1 << 30) - 1] {
                for at in [gap - 1, gap, gap + 1] {
                    let newest = Newest::default();
                    newest.note(5);
                    newest.note(5 + at);
                    assert!(
                        !is_passed(&newest, (5 + at).saturating_sub(waiting).max(6)) || at == 0,
                        "{at}, {waiting}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_was_taken_long_ago_waits_at_most_until_the_next() {
        let newest = Newest::default();
        newest.note(5);
        assert!(is_passed(&newest, 6) && is_passed(&newest, 1 << 31));
        let far = (1 << 31) + 1000;
        assert!(!is_passed(&newest, far));
        newest.note(far);
        assert!(is_passed(&newest, far + 1));
    }
}
