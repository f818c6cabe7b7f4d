//! A buffer that an operation owns: memory and the window of it that is in use.
//!
//! Owned memory is all initialised, once, when the buffer is made; after that a buffer is reused by moving its
//! window, so that a receive costs neither an allocation nor a clearing.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::driver::foreign::Foreign;
use crate::driver::pages::{Lent, Pages};

/// Memory for an operation.
///
/// It dereferences to the bytes in its window. A buffer made from a `Vec<u8>` or by [`Buf::new`] can be
/// received into; one made from `Arc<[u8]>` or `&'static [u8]` can be sent, from many operations at once, and
/// not received into.
///
/// ```
/// use proactor::Buf;
/// let mut buf = Buf::from(b"hello".to_vec());
/// assert_eq!(&buf[..], b"hello");
/// buf.truncate(2);
/// assert_eq!(&buf[..], b"he");
/// buf.reset();
/// assert_eq!(buf.len(), 5);
/// ```
#[derive(Default)]
pub struct Buf {
    storage: Storage,
    /// The window: so many of the first bytes, at most all.
    len: usize,
}

#[derive(Default)]
enum Storage {
    #[default]
    None,
    Owned(Vec<u8>),
    /// From a pool, or made for its alignment.
    Lent(Lent),
    /// The caller's own, of another language's.
    Foreign(Foreign),
    Shared(Arc<[u8]>),
    Static(&'static [u8]),
}

const _: () = assert!(size_of::<Buf>() == 32, "a buffer is small");

impl Buf {
    /// A buffer of `len` zero bytes.
    pub fn new(len: usize) -> Buf {
        Buf::from(vec![0; len])
    }

    /// A buffer of `len` zero bytes whose address is a multiple of `align`, a power of two: what unbuffered
    /// file operations need (4096 suits every disk).
    ///
    /// ```
    /// let buf = proactor::Buf::aligned(8192, 4096);
    /// assert_eq!(buf.as_ptr() as usize % 4096, 0);
    /// ```
    ///
    /// # Panics
    /// If `align` is not a power of two, or the system has no memory.
    pub fn aligned(len: usize, align: usize) -> Buf {
        assert!(align.is_power_of_two(), "an alignment is a power of two, not {align}");
        match Pages::aligned(len, align, 1).take() {
            Some(memory) => Buf::lent(memory),
            None => panic!("no memory for a buffer of {len} bytes"),
        }
    }

    pub(crate) fn lent(memory: Lent) -> Buf {
        let len = memory.size();
        Buf { storage: Storage::Lent(memory), len }
    }

    pub(crate) fn foreign(memory: Foreign) -> Buf {
        let len = memory.len();
        Buf { storage: Storage::Foreign(memory), len }
    }

    /// The bytes it can hold.
    pub fn capacity(&self) -> usize {
        match &self.storage {
            Storage::None => 0,
            Storage::Owned(memory) => memory.len(),
            Storage::Lent(memory) => memory.size(),
            Storage::Foreign(memory) => memory.len(),
            Storage::Shared(memory) => memory.len(),
            Storage::Static(memory) => memory.len(),
        }
    }

    /// Shortens the window to its first `len` bytes; longer changes nothing.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Opens the window to all the buffer can hold.
    pub fn reset(&mut self) {
        self.len = self.capacity();
    }

    /// The bytes in the window, to write to. `None` for shared and static memory.
    pub fn as_mut(&mut self) -> Option<&mut [u8]> {
        let window = ..self.len;
        match &mut self.storage {
            Storage::None => Some(&mut []),
            Storage::Owned(memory) => Some(&mut memory[window]),
            Storage::Lent(memory) => Some(&mut memory[window]),
            Storage::Foreign(memory) => memory.as_mut(self.len),
            Storage::Shared(_) | Storage::Static(_) => None,
        }
    }

    /// Whether it can be received into.
    pub fn is_writable(&self) -> bool {
        match &self.storage {
            Storage::None | Storage::Owned(_) | Storage::Lent(_) => true,
            Storage::Foreign(memory) => memory.is_writable(),
            Storage::Shared(_) | Storage::Static(_) => false,
        }
    }

    /// The bytes in the window as a vector: without copying when the buffer was made from one.
    pub fn into_vec(mut self) -> Vec<u8> {
        match &mut self.storage {
            Storage::Owned(memory) => {
                let mut memory = std::mem::take(memory);
                memory.truncate(self.len);
                memory
            }
            _ => self.to_vec(),
        }
    }
}

impl Deref for Buf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let window = ..self.len;
        match &self.storage {
            Storage::None => &[],
            Storage::Owned(memory) => &memory[window],
            Storage::Lent(memory) => &memory[window],
            Storage::Foreign(memory) => &memory[window],
            Storage::Shared(memory) => &memory[window],
            Storage::Static(memory) => &memory[window],
        }
    }
}

impl AsRef<[u8]> for Buf {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Buf {
    fn from(memory: Vec<u8>) -> Buf {
        let len = memory.len();
        Buf { storage: Storage::Owned(memory), len }
    }
}

impl From<Arc<[u8]>> for Buf {
    fn from(memory: Arc<[u8]>) -> Buf {
        let len = memory.len();
        Buf { storage: Storage::Shared(memory), len }
    }
}

impl From<&'static [u8]> for Buf {
    fn from(memory: &'static [u8]) -> Buf {
        Buf { storage: Storage::Static(memory), len: memory.len() }
    }
}

impl<const N: usize> From<&'static [u8; N]> for Buf {
    fn from(memory: &'static [u8; N]) -> Buf {
        Buf::from(&memory[..])
    }
}

impl From<&'static str> for Buf {
    fn from(text: &'static str) -> Buf {
        Buf::from(text.as_bytes())
    }
}

impl From<String> for Buf {
    fn from(text: String) -> Buf {
        Buf::from(text.into_bytes())
    }
}

impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = match self.storage {
            Storage::None => "none",
            Storage::Owned(_) => "owned",
            Storage::Lent(_) => "lent",
            Storage::Foreign(_) => "foreign",
            Storage::Shared(_) => "shared",
            Storage::Static(_) => "static",
        };
        write!(f, "Buf({} of {} bytes, {memory})", self.len, self.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_and_static_memory_is_not_written_to() {
        assert!(Buf::from("abc").as_mut().is_none());
        assert!(Buf::from(Arc::<[u8]>::from(&b"abc"[..])).as_mut().is_none());
        assert!(Buf::new(3).as_mut().is_some());
        assert!(Buf::default().as_mut().is_some_and(|bytes| bytes.is_empty()));
    }

    #[test]
    fn an_aligned_buffer_keeps_its_address_and_length() {
        for align in [1, 512, 4096] {
            let mut buf = Buf::aligned(1000, align);
            assert_eq!((buf.as_ptr() as usize % align, buf.len(), buf.capacity()), (0, 1000, 1000));
            buf.truncate(10);
            buf.as_mut().unwrap()[9] = 7;
            let moved = buf;
            assert_eq!((moved.as_ptr() as usize % align, moved[9]), (0, 7));
            assert_eq!(moved.into_vec().len(), 10);
        }
    }

    #[test]
    fn a_vector_comes_back_without_a_copy() {
        let memory = vec![1, 2, 3];
        let address = memory.as_ptr();
        let back = Buf::from(memory).into_vec();
        assert_eq!(back.as_ptr(), address);
    }
}
