//! Buffers that are lent to receives only once there is data for them.
//!
//! A connection that waits for its peer then holds no memory; a limit holds for all connections together, and a
//! receive that finds the pool empty ends with `NO_BUFS` and leaves the data where it is.

use std::sync::Arc;

use super::buf::Buf;
use crate::sync::lock::Lock;

/// A bounded set of equal buffers, shared by any number of operations.
///
/// ```
/// use proactor::BufPool;
/// let pool = BufPool::new(4096, 2);
/// let (one, two) = (pool.take().unwrap(), pool.take().unwrap());
/// assert!(pool.take().is_none(), "the limit is two");
/// drop(one);
/// assert_eq!(pool.take().unwrap().len(), 4096);
/// # drop(two);
/// ```
#[derive(Clone)]
pub struct BufPool(Arc<Pool>);

struct Pool {
    size: usize,
    limit: usize,
    shelf: Lock<Shelf>,
}

#[derive(Default)]
struct Shelf {
    free: Vec<Vec<u8>>,
    /// All that exist, lent or not. At most `limit`.
    made: usize,
}

/// Memory on loan; it goes back to its pool when dropped.
pub(crate) struct Home {
    memory: Vec<u8>,
    pool: Arc<Pool>,
}

impl BufPool {
    /// A pool of at most `limit` buffers of `size` bytes each, made when first needed and kept.
    pub fn new(size: usize, limit: usize) -> BufPool {
        BufPool(Arc::new(Pool { size, limit, shelf: Lock::default() }))
    }

    /// A buffer, or `None` when all are lent. Never blocks.
    pub fn take(&self) -> Option<Buf> {
        let memory = {
            let mut shelf = self.0.shelf.lock();
            match shelf.free.pop() {
                Some(memory) => Some(memory),
                None if shelf.made < self.0.limit => {
                    shelf.made += 1;
                    None
                }
                None => return None,
            }
        };
        let memory = memory.unwrap_or_else(|| vec![0; self.0.size]);
        Some(Buf::pooled(Home { memory, pool: self.0.clone() }))
    }

    /// How many are lent at this moment.
    pub fn lent(&self) -> usize {
        let shelf = self.0.shelf.lock();
        shelf.made - shelf.free.len()
    }

    /// The size of each, in bytes.
    pub fn buffer_size(&self) -> usize {
        self.0.size
    }
}

impl Home {
    pub(super) fn memory(&self) -> &[u8] {
        &self.memory
    }

    pub(super) fn memory_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.pool.shelf.lock().free.push(std::mem::take(&mut self.memory));
    }
}

impl std::fmt::Debug for BufPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BufPool({} lent of {}, {} bytes each)", self.lent(), self.0.limit, self.0.size)
    }
}
