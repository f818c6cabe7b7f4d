//! Buffers that are lent to receives only once there is data for them.
//!
//! A connection that waits for its peer then holds no memory; a limit holds for all connections together, and a
//! receive that finds the pool empty ends with `NO_BUFS` and leaves the data where it is.

use std::sync::Arc;

use super::buf::Buf;
use crate::driver::pages::Pages;

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
pub struct BufPool(Arc<Pages>);

impl BufPool {
    /// A pool of at most `limit` buffers of `size` bytes each, made when first needed and kept.
    ///
    /// A size that is a multiple of 4096 gives buffers of whole pages: one of 4096 then touches a single page.
    pub fn new(size: usize, limit: usize) -> BufPool {
        BufPool(Pages::new(size, limit))
    }

    /// A buffer, or `None` when all are lent, or the system has no memory for another. Waits for no buffer to come
    /// back; while the pool grows, for the system to map memory, and for another thread that has it do so.
    pub fn take(&self) -> Option<Buf> {
        self.0.take().map(Buf::lent)
    }

    /// How many are lent at this moment.
    pub fn lent(&self) -> usize {
        self.0.lent()
    }

    /// The size of each, in bytes.
    pub fn buffer_size(&self) -> usize {
        self.0.size()
    }
}

impl std::fmt::Debug for BufPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BufPool({} lent of {}, {} bytes each)", self.lent(), self.0.limit(), self.buffer_size())
    }
}
