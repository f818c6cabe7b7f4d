//! Handles: small numbers for everything that C code can hold, files, sockets, objects and ports alike.
//!
//! A handle is a multiple of four that fits into 31 bits, as programs expect of one: the number of a place in the
//! table, and above it how often the place was used before. A number that was closed is therefore not taken for what
//! has its place now, until it was used again 1023 times; places are used in turn, so that this is as late as can be.
//! The two lowest bits are the caller's (`hEvent` has one of them) and do not count.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proactor::Status;
use proactor::object::{Event, Signal, Waitable};
use proactor::raw::Io;

use crate::access::{ALL, Rights};
use crate::types::{BOOL, CURRENT_PROCESS, CURRENT_THREAD, DWORD, HANDLE};

/// Places there are at most; what is beyond fails with `TOO_MANY_OPENED_FILES`.
pub const MOST_HANDLES: u32 = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 19;
const USES_MASK: u32 = (1 << (29 - PLACE_BITS)) - 1;

/// Places in the first chunk. Chunk n has `FIRST << n`.
const FIRST: u32 = 64;
const CHUNKS: usize = (PLACE_BITS - 6) as usize;

/// Free places kept before one is used again, unless there are no others.
const RESTING: usize = 256;

/// What a handle can stand for.
pub trait Object: Any + Send + Sync {
    /// What it is called in a sentence, such as "event".
    fn kind(&self) -> &'static str;

    /// It as something to wait for, if it is.
    fn waitable(&self) -> Option<&dyn Waitable> {
        None
    }

    /// It as a handle with overlapped operations, if it is one.
    fn io(&self) -> Option<&Io> {
        None
    }

    /// It as an event, if it is one.
    fn event(&self) -> Option<&Event> {
        None
    }

    /// It as what `SignalObjectAndWait` can signal, if it is that, and the access that this takes.
    fn signal(&self) -> Option<(&dyn Signal, DWORD)> {
        None
    }

    /// What generic access rights mean for it.
    fn rights(&self) -> Rights {
        Rights::FILE
    }

    /// Whether its operations are waited for by their callers: then it has no port and no modes (S006, S097).
    fn is_synchronous(&self) -> bool {
        false
    }

    /// The last handle to it was closed. Calls under way still have it.
    fn last_closed(&self) {}
}

bitflags::bitflags! {
    /// What `SetHandleInformation` sets on a handle.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct HandleFlags: DWORD {
        /// `HANDLE_FLAG_INHERIT`.
        const INHERIT = 1;
        /// `HANDLE_FLAG_PROTECT_FROM_CLOSE`.
        const PROTECT_FROM_CLOSE = 2;
    }
}

/// An object and how many handles there are to it.
struct Held {
    object: Arc<dyn Object>,
    handles: Arc<AtomicUsize>,
    flags: HandleFlags,
    /// What may be done through this handle.
    access: DWORD,
}

#[derive(Default)]
struct Place {
    /// Uses that are over; the handle of the one that is on has it in its upper bits. Changes under the lock.
    uses: AtomicU32,
    held: Mutex<Option<Held>>,
}

struct Free {
    places: VecDeque<u32>,
    /// Places from here on were never used.
    next: u32,
}

struct Table {
    chunks: [AtomicPtr<Place>; CHUNKS],
    free: Mutex<Free>,
    open: AtomicUsize,
}

static TABLE: Table = Table {
    chunks: [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS],
    // Place 0 is never used: NULL is no handle.
    free: Mutex::new(Free { places: VecDeque::new(), next: 1 }),
    open: AtomicUsize::new(0),
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn chunk_of(place: u32) -> (usize, usize) {
    let chunk = (place / FIRST + 1).ilog2();
    (chunk as usize, (place - FIRST * ((1 << chunk) - 1)) as usize)
}

impl Table {
    fn place(&self, number: u32) -> Option<&'static Place> {
        let (chunk, at) = chunk_of(number);
        let first = self.chunks.get(chunk)?.load(Acquire);
        if first.is_null() {
            return None;
        }
        // SAFETY: a chunk was published when its places were made, is never freed, and has `FIRST << chunk` of them,
        // which is more than `chunk_of` gives.
        Some(unsafe { &*first.add(at) })
    }

    /// The place of a handle, and how often it was used before if the handle is of now.
    fn find(&self, handle: HANDLE) -> Option<(&'static Place, u32)> {
        let bits = u32::try_from(handle).ok()? >> 2;
        let place = self.place(bits & (MOST_HANDLES - 1))?;
        Some((place, bits >> PLACE_BITS))
    }

    /// A place nobody uses.
    fn take(&self) -> Option<u32> {
        let mut free = lock(&self.free);
        if free.places.len() <= RESTING && chunk_of(free.next).0 < CHUNKS {
            let number = free.next;
            let (chunk, _) = chunk_of(number);
            if self.chunks[chunk].load(Relaxed).is_null() {
                let places: Vec<Place> = (0..FIRST << chunk).map(|_| Place::default()).collect();
                self.chunks[chunk].store(Box::leak(places.into_boxed_slice()).as_mut_ptr(), Release);
            }
            free.next += 1;
            return Some(number);
        }
        free.places.pop_front()
    }
}

impl Place {
    /// Its entry, if this is its use of now.
    fn entry(&self, uses: u32) -> Option<MutexGuard<'_, Option<Held>>> {
        let held = lock(&self.held);
        (self.uses.load(Relaxed) & USES_MASK == uses && held.is_some()).then_some(held)
    }
}

/// Whether the number is that of a pseudo handle, of this process or thread.
pub fn is_pseudo(handle: HANDLE) -> bool {
    matches!(handle, CURRENT_PROCESS | CURRENT_THREAD)
}

/// A first handle to an object. `TOO_MANY_OPENED_FILES` when all places are taken.
pub fn insert(object: Arc<dyn Object>) -> Result<HANDLE, Status> {
    insert_with(object, HandleFlags::empty())
}

/// The same with flags, as `bInheritHandle` asks for.
pub fn insert_with(object: Arc<dyn Object>, flags: HandleFlags) -> Result<HANDLE, Status> {
    insert_granted(object, flags, ALL)
}

/// The same for some access only, of which generic rights stand for those that they mean.
pub fn insert_granted(object: Arc<dyn Object>, flags: HandleFlags, access: DWORD) -> Result<HANDLE, Status> {
    let access = object.rights().specific(access);
    enter(Held { object, handles: Arc::new(AtomicUsize::new(1)), flags, access })
}

fn enter(held: Held) -> Result<HANDLE, Status> {
    let Some(number) = TABLE.take() else {
        release(held);
        return Err(Status::TOO_MANY_OPENED_FILES);
    };
    let Some(place) = TABLE.place(number) else { unreachable!("a place that was taken was made") };
    let mut entry = lock(&place.held);
    debug_assert!(entry.is_none());
    *entry = Some(held);
    TABLE.open.fetch_add(1, Relaxed);
    let uses = place.uses.load(Relaxed) & USES_MASK;
    Ok((((uses << PLACE_BITS) | number) << 2) as HANDLE)
}

/// Outside of any lock: the end of an object may run anything.
fn release(held: Held) {
    if held.handles.fetch_sub(1, AcqRel) == 1 {
        held.object.last_closed();
    }
}

/// The object behind a handle. `INVALID_HANDLE` when there is none.
pub fn object(handle: HANDLE) -> Result<Arc<dyn Object>, Status> {
    granted(handle).map(|(object, _)| object)
}

/// The same, and what may be done with it through this handle.
pub fn granted(handle: HANDLE) -> Result<(Arc<dyn Object>, DWORD), Status> {
    let (place, uses) = TABLE.find(handle).ok_or(Status::INVALID_HANDLE)?;
    let entry = place.entry(uses).ok_or(Status::INVALID_HANDLE)?;
    match &*entry {
        Some(held) => Ok((held.object.clone(), held.access)),
        None => Err(Status::INVALID_HANDLE),
    }
}

/// The same as an object of one type. `OBJECT_TYPE_MISMATCH`, which is `ERROR_INVALID_HANDLE` too, for one of another.
pub fn get<T: Object>(handle: HANDLE) -> Result<Arc<T>, Status> {
    let object: Arc<dyn Any + Send + Sync> = object(handle)?;
    object.downcast().map_err(|_| Status::OBJECT_TYPE_MISMATCH)
}

/// Whether a handle that was open is so still: for who keeps its object to have it quickly.
#[inline]
pub fn still_open(handle: HANDLE) -> bool {
    TABLE.find(handle).is_some_and(|(place, uses)| place.uses.load(Acquire) & USES_MASK == uses)
}

/// Closes a handle, and with the last one its object. `INVALID_HANDLE` when it is none, `HANDLE_NOT_CLOSABLE` when it
/// is protected.
pub fn close(handle: HANDLE) -> Result<(), Status> {
    let (place, uses) = TABLE.find(handle).ok_or(Status::INVALID_HANDLE)?;
    let mut entry = place.entry(uses).ok_or(Status::INVALID_HANDLE)?;
    if entry.as_ref().is_some_and(|held| held.flags.contains(HandleFlags::PROTECT_FROM_CLOSE)) {
        return Err(Status::HANDLE_NOT_CLOSABLE);
    }
    let held = entry.take();
    place.uses.fetch_add(1, Release);
    drop(entry);
    TABLE.open.fetch_sub(1, Relaxed);
    lock(&TABLE.free).places.push_back((handle as u32 >> 2) & (MOST_HANDLES - 1));
    if let Some(held) = held {
        release(held);
    }
    Ok(())
}

/// Another handle to the same object, for the same access.
pub fn duplicate(handle: HANDLE, flags: HandleFlags) -> Result<HANDLE, Status> {
    duplicate_granted(handle, flags, None)
}

/// Another handle to the same object (`DuplicateHandle`), for other access if that is given.
pub fn duplicate_granted(
    handle: HANDLE,
    flags: HandleFlags,
    access: Option<DWORD>,
) -> Result<HANDLE, Status> {
    let (place, uses) = TABLE.find(handle).ok_or(Status::INVALID_HANDLE)?;
    let held = {
        let entry = place.entry(uses).ok_or(Status::INVALID_HANDLE)?;
        let Some(held) = &*entry else { return Err(Status::INVALID_HANDLE) };
        held.handles.fetch_add(1, Relaxed);
        let access = access.map_or(held.access, |access| held.object.rights().specific(access));
        Held { object: held.object.clone(), handles: held.handles.clone(), flags, access }
    };
    enter(held)
}

/// What was set on the handle (`GetHandleInformation`).
pub fn flags(handle: HANDLE) -> Result<HandleFlags, Status> {
    let (place, uses) = TABLE.find(handle).ok_or(Status::INVALID_HANDLE)?;
    let entry = place.entry(uses).ok_or(Status::INVALID_HANDLE)?;
    Ok(entry.as_ref().map_or(HandleFlags::empty(), |held| held.flags))
}

/// Sets those of `mask` as `flags` has them (`SetHandleInformation`).
pub fn set_flags(handle: HANDLE, mask: HandleFlags, flags: HandleFlags) -> Result<(), Status> {
    let (place, uses) = TABLE.find(handle).ok_or(Status::INVALID_HANDLE)?;
    let mut entry = place.entry(uses).ok_or(Status::INVALID_HANDLE)?;
    if let Some(held) = &mut *entry {
        held.flags = held.flags.difference(mask) | flags.intersection(mask);
    }
    Ok(())
}

/// Handles that are open.
pub fn count() -> usize {
    TABLE.open.load(Relaxed)
}

/// The flags that `bInheritHandle` asks for.
pub fn inherit(asked: BOOL) -> HandleFlags {
    if asked != 0 { HandleFlags::INHERIT } else { HandleFlags::empty() }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(Arc<AtomicUsize>);

    impl Object for Thing {
        fn kind(&self) -> &'static str {
            "thing"
        }
        fn last_closed(&self) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    struct Other;

    impl Object for Other {
        fn kind(&self) -> &'static str {
            "other"
        }
    }

    #[test]
    fn a_handle_is_a_small_multiple_of_four_and_names_one_object() {
        let closed = Arc::new(AtomicUsize::new(0));
        let handle = insert(Arc::new(Thing(closed.clone()))).unwrap();
        assert!(handle.is_multiple_of(4) && handle > 0 && handle < 1 << 31, "{handle:#x}");
        assert_eq!(object(handle).unwrap().kind(), "thing");
        assert!(
            get::<Thing>(handle | 3).is_ok() && still_open(handle | 1),
            "the lowest bits are the caller's"
        );
        assert_eq!(get::<Other>(handle).err(), Some(Status::OBJECT_TYPE_MISMATCH));
        let second = duplicate(handle, HandleFlags::INHERIT).unwrap();
        assert_eq!((close(handle), closed.load(Relaxed)), (Ok(()), 0));
        assert!(!still_open(handle) && object(second).is_ok());
        assert_eq!((close(handle), close(second)), (Err(Status::INVALID_HANDLE), Ok(())));
        assert_eq!((closed.load(Relaxed), object(second).err()), (1, Some(Status::INVALID_HANDLE)));
    }

    #[test]
    fn a_handle_that_was_closed_is_not_taken_for_the_next() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..2000 {
            let handle = insert(Arc::new(Other)).unwrap();
            assert!(seen.insert(handle), "{handle:#x} came twice");
            close(handle).unwrap();
        }
    }

    #[test]
    fn a_handle_stays_its_object_whatever_others_close() {
        let stale = Mutex::new(Vec::new());
        let turn = |closed: &Arc<AtomicUsize>, number: usize| {
            let mine: Arc<dyn Object> = Arc::new(Thing(closed.clone()));
            let handle = insert(mine.clone()).unwrap();
            let second = duplicate(handle, HandleFlags::empty()).unwrap();
            let old = {
                let stale = lock(&stale);
                stale.get(number * 7919 % stale.len().max(1)).copied()
            };
            let is_over = |old| close(old).is_err() && object(old).is_err() && !still_open(old);
            assert!(old.is_none_or(is_over), "{old:#x?} is long closed");
            close(handle).unwrap();
            assert!(Arc::ptr_eq(&object(second).unwrap(), &mine));
            close(second).unwrap();
            lock(&stale).extend([handle, second]);
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let closed = Arc::new(AtomicUsize::new(0));
                    (0..5000).for_each(|number| turn(&closed, number));
                    assert_eq!(closed.load(Relaxed), 5000, "each object has ended once");
                });
            }
        });
    }

    #[test]
    fn any_number_may_be_asked_for() {
        let numbers = [0, 1, 2, 3, usize::MAX, usize::MAX - 1, 1 << 31, 1 << 40, (1 << 31) - 4, 0x7ff_fffc];
        for handle in numbers {
            assert!(object(handle).is_err() && close(handle).is_err(), "{handle:#x}");
        }
    }

    #[test]
    fn a_handle_has_the_access_it_was_made_for() {
        let all = insert(Arc::new(Other)).unwrap();
        let some = duplicate_granted(all, HandleFlags::empty(), Some(2)).unwrap();
        let same = duplicate(some, HandleFlags::empty()).unwrap();
        let access = |handle| granted(handle).map(|(_, access)| access);
        assert_eq!((access(all), access(some), access(same)), (Ok(ALL), Ok(2), Ok(2)));
        for handle in [all, some, same] {
            close(handle).unwrap();
        }
    }

    #[test]
    fn a_protected_handle_is_not_closed() {
        let handle = insert(Arc::new(Other)).unwrap();
        let protect = HandleFlags::PROTECT_FROM_CLOSE;
        set_flags(handle, protect, protect).unwrap();
        assert_eq!((flags(handle), close(handle)), (Ok(protect), Err(Status::HANDLE_NOT_CLOSABLE)));
        set_flags(handle, protect, HandleFlags::empty()).unwrap();
        assert_eq!(close(handle), Ok(()));
    }
}
