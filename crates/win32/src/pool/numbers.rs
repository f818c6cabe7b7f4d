//! The numbers by which programs know the objects of pools: never used twice, and of one kind each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use proactor::Status;

/// Beyond every handle, and no address that a program of 47 bits has.
const FIRST: usize = 1 << 47;
/// As far apart as pointers to something are.
const STEP: usize = 16;

/// A number for an object that is about to be made.
pub fn next() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(FIRST);
    NEXT.fetch_add(STEP, Relaxed)
}

/// The objects of one kind.
pub struct Numbers<T> {
    objects: RwLock<Option<HashMap<usize, Arc<T>>>>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Numbers<T> {
        Numbers::new()
    }
}

impl<T> Numbers<T> {
    /// None as yet.
    pub const fn new() -> Numbers<T> {
        Numbers { objects: RwLock::new(None) }
    }

    /// The object has this number from now on.
    pub fn insert(&self, number: usize, object: T) -> Arc<T> {
        let object = Arc::new(object);
        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        objects.get_or_insert_default().insert(number, object.clone());
        object
    }

    /// `INVALID_HANDLE` for what is no number of this kind, or no longer.
    pub fn get(&self, number: usize) -> Result<Arc<T>, Status> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        let object = objects.as_ref().and_then(|objects| objects.get(&number));
        object.cloned().ok_or(Status::INVALID_HANDLE)
    }

    /// The number stands for nothing from now on. What it stood for is the caller's to drop.
    pub fn remove(&self, number: usize) -> Result<Arc<T>, Status> {
        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        let object = objects.as_mut().and_then(|objects| objects.remove(&number));
        object.ok_or(Status::INVALID_HANDLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_of_one_kind_and_of_one_object() {
        let (words, others): (Numbers<&str>, Numbers<()>) = (Numbers::new(), Numbers::new());
        assert!(words.get(0).is_err() && words.remove(FIRST).is_err());
        let (one, two) = (next(), next());
        words.insert(one, "one");
        words.insert(two, "two");
        assert_eq!((*words.get(one).unwrap(), *words.get(two).unwrap()), ("one", "two"));
        assert_eq!(others.get(one), Err(Status::INVALID_HANDLE));
        assert_eq!(*words.remove(one).unwrap(), "one");
        assert!(words.get(one).is_err() && words.remove(one).is_err() && words.get(two).is_ok());
    }
}
