//! A value on the heap, made once when it is first asked for: one word while there is none.
//!
//! `OnceLock<Box<T>>` takes two. Of several threads that make it at one time one wins, and the others' is dropped.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering::*};

pub(crate) struct OnceBox<T> {
    /// Null, or from `Box::into_raw`, and then never written again.
    value: AtomicPtr<T>,
    owns: PhantomData<T>,
}

// SAFETY: it owns its value as a box does, and gives out shared borrows of it; whichever thread drops the last owner
// drops the value, and whichever asks first makes it.
unsafe impl<T: Send + Sync> Sync for OnceBox<T> {}

impl<T> OnceBox<T> {
    pub(crate) const fn new() -> OnceBox<T> {
        OnceBox { value: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let value = NonNull::new(self.value.load(Acquire))?;
        // SAFETY: it was published with its content, and stays until this, which the borrow is of, is dropped.
        Some(unsafe { value.as_ref() })
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let made = Box::into_raw(Box::new(make()));
        match self.value.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
            // SAFETY: as in `get`; it is the one just published.
            Ok(_) => unsafe { &*made },
            Err(first) => {
                // SAFETY: it comes from the box above, and nobody has seen it.
                drop(unsafe { Box::from_raw(made) });
                // SAFETY: as in `get`.
                unsafe { &*first }
            }
        }
    }
}

impl<T> Drop for OnceBox<T> {
    fn drop(&mut self) {
        let value = *self.value.get_mut();
        if !value.is_null() {
            // SAFETY: it comes from a box, is dropped here only, and nothing borrows it any more.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn it_is_made_once_and_dropped_with_its_owner() {
        let (once, counted) = (Arc::new(OnceBox::new()), Arc::new(()));
        assert!(once.get().is_none());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (once, counted) = (once.clone(), counted.clone());
                thread::spawn(move || ptr::from_ref(once.get_or_init(|| counted)).addr())
            })
            .collect();
        let places: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(places.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(Arc::strong_count(&counted), 2);
        drop(once);
        assert_eq!(Arc::strong_count(&counted), 1);
    }
}
