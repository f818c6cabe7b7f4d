//! A table that grows by a chunk at a time: nothing in it ever moves, and never more than a chunk of it is spare,
//! where a vector that doubles may be half empty.

use std::ops::{Index, IndexMut};

/// With entries of 16 bytes a chunk is a page.
const CHUNK: usize = 256;

pub(crate) struct Chunks<T> {
    /// All are full but the last.
    all: Vec<Vec<T>>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Chunks<T> {
        Chunks { all: Vec::new() }
    }
}

impl<T> Chunks<T> {
    pub(crate) fn len(&self) -> usize {
        self.all.last().map_or(0, |last| (self.all.len() - 1) * CHUNK + last.len())
    }

    pub(crate) fn push(&mut self, entry: T) {
        match self.all.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(entry),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(entry);
                self.all.push(chunk);
            }
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.all.get(index / CHUNK)?.get(index % CHUNK)
    }
}

impl<T> Index<u32> for Chunks<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        &self.all[index as usize / CHUNK][index as usize % CHUNK]
    }
}

impl<T> IndexMut<u32> for Chunks<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.all[index as usize / CHUNK][index as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_where_they_were_put() {
        let mut chunks = Chunks::default();
        for entry in 0..3 * CHUNK as u32 + 1 {
            assert_eq!((chunks.len(), chunks.get(chunks.len())), (entry as usize, None));
            chunks.push(entry);
        }
        assert!((0..chunks.len() as u32).all(|index| chunks[index] == index));
        chunks[CHUNK as u32] = 7;
        assert_eq!((chunks[CHUNK as u32], chunks[CHUNK as u32 - 1]), (7, CHUNK as u32 - 1));
    }
}
