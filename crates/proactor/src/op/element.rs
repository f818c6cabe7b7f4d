//! What a transmit sends: pieces of memory and ranges of files, in order, and how far it has come in them.

use std::fmt;
use std::io::IoSlice;

use super::block::MAX_BUFS;
use super::buf::Buf;
use crate::driver::descriptor::Descriptor;
use crate::status::Status;

/// The highest offset the kernel has.
const MOST: u64 = i64::MAX as u64;

/// One piece of what a [`Transmit`](super::Transmit) sends (`TRANSMIT_PACKETS_ELEMENT`).
#[derive(Debug)]
#[non_exhaustive]
pub enum Element {
    /// The bytes in a buffer's window.
    Memory(Buf),
    /// A range of a file; [`Element::file`] makes it.
    File(FilePart),
}

impl From<Buf> for Element {
    fn from(buf: Buf) -> Element {
        Element::Memory(buf)
    }
}

/// A range of an open file. It keeps the file's descriptor open, also when the file's handle is closed.
pub struct FilePart {
    /// Or why it can't be sent, which a start says.
    pub(crate) fd: Result<Descriptor, Status>,
    pub(crate) offset: u64,
    /// 0: to the end, wherever that is when it is reached.
    pub(crate) len: u64,
}

impl FilePart {
    /// Where it begins in the file, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How long it is, in bytes; `None` for one that goes to the end of its file.
    pub fn length(&self) -> Option<u64> {
        Some(self.len).filter(|len| *len > 0)
    }

    fn check(&self) -> Result<(), Status> {
        if let Err(status) = &self.fd {
            return Err(*status);
        }
        match self.offset.checked_add(self.len) {
            Some(end) if end <= MOST => Ok(()),
            _ => Err(Status::INVALID_PARAMETER),
        }
    }
}

impl fmt::Debug for FilePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilePart").field("offset", &self.offset).field("len", &self.length()).finish()
    }
}

#[derive(Debug)]
enum Item {
    /// The next of the buffers.
    Memory,
    File(FilePart),
}

/// The elements of a transmit. The buffers stand apart from the order, so that they are found where those of any
/// operation are.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) bufs: Vec<Buf>,
    order: Vec<Item>,
    /// The element that is being sent, and the bytes of it that are out.
    at: usize,
    sent: u64,
    /// Buffers before that element.
    bufs_before: usize,
}

/// What is to be sent next.
pub(crate) enum Next<'a> {
    /// So many of the slices are filled; `more` if something may follow.
    Memory {
        slices: usize,
        more: bool,
    },
    /// From this offset on; so much at most, or to the end.
    File {
        fd: &'a Descriptor,
        offset: u64,
        left: Option<u64>,
    },
    Nothing,
}

impl Parts {
    pub(crate) fn push(&mut self, element: Element) {
        self.insert(self.order.len(), self.bufs.len(), element);
    }

    pub(crate) fn push_front(&mut self, element: Element) {
        self.insert(0, 0, element);
    }

    fn insert(&mut self, place: usize, buf_place: usize, element: Element) {
        match element {
            Element::Memory(buf) => {
                self.bufs.insert(buf_place, buf);
                self.order.insert(place, Item::Memory);
            }
            Element::File(part) => self.order.insert(place, Item::File(part)),
        }
    }

    pub(crate) fn into_elements(self) -> Vec<Element> {
        let mut bufs = self.bufs.into_iter();
        let element = |item| match item {
            Item::Memory => Element::Memory(bufs.next().unwrap_or_default()),
            Item::File(part) => Element::File(part),
        };
        self.order.into_iter().map(element).collect()
    }

    /// Whether it can be sent at all.
    pub(crate) fn check(&self) -> Result<(), Status> {
        if self.order.len() > MAX_BUFS {
            return Err(Status::INVALID_PARAMETER);
        }
        self.order.iter().try_for_each(|item| match item {
            Item::Memory => Ok(()),
            Item::File(part) => part.check(),
        })
    }

    /// Back to the beginning.
    pub(crate) fn rewind(&mut self) {
        (self.at, self.sent, self.bufs_before) = (0, 0, 0);
    }

    /// Whether a range of a file is to be sent, and something after it.
    pub(crate) fn has_file_inside(&self) -> bool {
        let Some(last) = self.order.len().checked_sub(1) else { return false };
        let rest = self.order.get(self.at..last).unwrap_or_default();
        rest.iter().any(|item| matches!(item, Item::File(_)))
    }

    pub(crate) fn next<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_BUFS]) -> Next<'a> {
        match self.order.get(self.at) {
            None => Next::Nothing,
            Some(Item::File(part)) => {
                let Ok(fd) = &part.fd else { unreachable!("a start refuses what has no descriptor") };
                Next::File {
                    fd,
                    offset: part.offset + self.sent,
                    left: part.length().map(|len| len - self.sent),
                }
            }
            Some(Item::Memory) => {
                let run =
                    self.order[self.at..].iter().take_while(|item| matches!(item, Item::Memory)).count();
                let bufs = &self.bufs[self.bufs_before..][..run];
                // No buffer is longer than a usize.
                slices[0] = IoSlice::new(&bufs[0][self.sent as usize..]);
                for (slice, buf) in slices[1..].iter_mut().zip(&bufs[1..]) {
                    *slice = IoSlice::new(buf);
                }
                Next::Memory { slices: run, more: self.at + run < self.order.len() }
            }
        }
    }

    /// `count` bytes of memory are out; of several buffers perhaps, and of none if all that is left of them is empty.
    pub(crate) fn sent_memory(&mut self, mut count: usize) {
        while let Some(Item::Memory) = self.order.get(self.at) {
            let left = self.bufs[self.bufs_before].len() - self.sent as usize;
            if count < left {
                self.sent += count as u64;
                return;
            }
            count -= left;
            self.bufs_before += 1;
            self.next_item();
        }
    }

    /// `count` bytes of a file are out.
    pub(crate) fn sent_file(&mut self, count: u64) {
        self.sent += count;
        if matches!(&self.order[self.at], Item::File(part) if part.length() == Some(self.sent)) {
            self.next_item();
        }
    }

    /// The file has no more.
    pub(crate) fn end_of_file(&mut self) {
        self.next_item();
    }

    fn next_item(&mut self) {
        self.at += 1;
        self.sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(len: u64) -> Element {
        let fd = std::fs::File::open("/dev/null").unwrap();
        Element::File(FilePart { fd: Ok(Descriptor::new(fd.into())), offset: 10, len })
    }

    fn memory(text: &'static str) -> Element {
        Element::Memory(Buf::from(text))
    }

    #[test]
    fn neighbours_in_memory_go_out_together_and_files_alone() {
        let mut parts = Parts::default();
        for element in [memory("ab"), memory(""), memory("cde"), file(5), memory("f")] {
            parts.push(element);
        }
        let mut seen = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); MAX_BUFS];
            match parts.next(&mut slices) {
                Next::Nothing => break,
                Next::Memory { slices: count, more } => {
                    let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
                    seen.push((String::from_utf8(bytes).unwrap(), more));
                    // Two at a time, which ends in the middle of a buffer.
                    parts.sent_memory(2);
                }
                Next::File { offset, left, .. } => {
                    seen.push((format!("{offset}+{}", left.unwrap()), false));
                    parts.sent_file(left.unwrap().min(3));
                }
            }
        }
        let expected =
            [("abcde", true), ("cde", true), ("e", true), ("10+5", false), ("13+2", false), ("f", false)];
        assert_eq!(seen, expected.map(|(text, more)| (text.to_string(), more)));
        assert!(!parts.has_file_inside());
        parts.rewind();
        assert!(parts.has_file_inside());
        assert_eq!(parts.into_elements().len(), 5);
    }

    #[test]
    fn memory_that_is_all_empty_is_passed_over() {
        let mut parts = Parts::default();
        parts.push(memory(""));
        parts.push(memory(""));
        parts.sent_memory(0);
        assert!(matches!(parts.next(&mut [IoSlice::new(&[]); MAX_BUFS]), Next::Nothing));
    }

    #[test]
    fn what_goes_beyond_the_last_offset_can_not_be_sent() {
        let part = |offset, len| FilePart { fd: Err(Status::INVALID_HANDLE), offset, len };
        let open = |offset, len| FilePart {
            fd: Ok(Descriptor::new(std::fs::File::open("/dev/null").unwrap().into())),
            ..part(offset, len)
        };
        assert_eq!(part(0, 0).check(), Err(Status::INVALID_HANDLE));
        assert_eq!(open(MOST, 0).check(), Ok(()));
        assert_eq!(open(MOST, 1).check(), Err(Status::INVALID_PARAMETER));
        assert_eq!(open(u64::MAX, 0).check(), Err(Status::INVALID_PARAMETER));
        assert_eq!(open(u64::MAX, u64::MAX).check(), Err(Status::INVALID_PARAMETER));
    }
}
