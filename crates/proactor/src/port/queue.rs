//! The packet queue: first in, first out, for any number of threads.
//!
//! A ring of fixed size (crossbeam's `ArrayQueue`, after Vyukov's bounded queue) carries the packets as long
//! as they fit, and allocates nothing. What does not fit goes to a list of segments (`SegQueue`), and so does
//! everything after it until that list is empty again, so the order holds. Packets of operations always find
//! room; only posts are refused, when the list has reached its limit (S031).

use crossbeam_queue::{ArrayQueue, SegQueue};

/// Entries in the ring: 8192 of 24 to 48 bytes are some 300 KiB, touched as they are used.
const RING: usize = 8192;

pub(crate) struct Queue<T> {
    ring: ArrayQueue<T>,
    /// While it is not empty, nobody goes to the ring.
    overflow: SegQueue<T>,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue { ring: ArrayQueue::new(RING), overflow: SegQueue::new() }
    }

    #[inline]
    pub(crate) fn push(&self, entry: T) {
        if let Err(entry) = self.push_to_ring(entry) {
            self.overflow.push(entry);
        }
    }

    /// Gives the entry back when `limit` entries wait already. The limit is only looked at once the ring is
    /// full: a smaller one holds as if it were the ring's size.
    #[inline]
    pub(crate) fn push_within(&self, entry: T, limit: usize) -> Result<(), T> {
        match self.push_to_ring(entry) {
            Err(entry) if self.overflow.len().saturating_add(RING) >= limit => Err(entry),
            Err(entry) => {
                self.overflow.push(entry);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    #[inline]
    fn push_to_ring(&self, entry: T) -> Result<(), T> {
        if self.overflow.is_empty() { self.ring.push(entry) } else { Err(entry) }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        self.ring.pop().or_else(|| self.overflow.pop())
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.overflow.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.len() + self.overflow.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn the_order_holds_through_the_overflow() {
        let queue = Queue::new();
        let (mut next_in, mut next_out) = (0u64, 0u64);
        for round in 0..8 {
            for _ in 0..RING {
                queue.push(next_in);
                next_in += 1;
            }
            for _ in 0..RING / 2 + round * 3 {
                assert_eq!(queue.pop(), Some(next_out));
                next_out += 1;
            }
        }
        while next_out < next_in {
            assert_eq!(queue.pop(), Some(next_out));
            next_out += 1;
        }
        assert!(queue.pop().is_none() && queue.is_empty());
    }

    #[test]
    fn beyond_the_limit_the_entry_comes_back() {
        let queue = Queue::new();
        let limit = RING + 3;
        for n in 0..limit {
            queue.push_within(n, limit).unwrap();
        }
        assert_eq!(queue.push_within(7777, limit), Err(7777));
        queue.push(1);
        assert_eq!(queue.len(), limit + 1);
        assert_eq!(queue.pop(), Some(0));
    }

    #[test]
    fn nothing_is_lost_or_doubled_and_each_producers_order_holds() {
        const EACH: u64 = 60_000;
        const PRODUCERS: u64 = 3;
        let queue = Arc::new(Queue::new());
        let taken = Arc::new(AtomicU64::new(0));
        std::thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let queue = queue.clone();
                scope.spawn(move || (0..EACH).for_each(|n| queue.push((producer, n))));
            }
            for _ in 0..2 {
                let (queue, taken) = (queue.clone(), taken.clone());
                scope.spawn(move || {
                    let mut last = [None; PRODUCERS as usize];
                    while taken.load(Relaxed) < EACH * PRODUCERS {
                        let Some((producer, n)) = queue.pop() else { continue };
                        let last = &mut last[producer as usize];
                        assert!(
                            last.is_none_or(|last| last < n),
                            "one thread sees a producer's packets in order"
                        );
                        *last = Some(n);
                        taken.fetch_add(1, Relaxed);
                    }
                });
            }
        });
        assert!(queue.is_empty());
    }
}
