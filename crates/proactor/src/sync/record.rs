//! A thread as everybody else sees it: its name, what it waits for, and what it owns. Wait chains are read from
//! here, and nothing else needs it: a thread that neither waits nor works for a port has no record.
//!
//! What a thread waits for is lent to its record for the time of the wait. The record's lock is held while it is
//! looked at, and taken to end the loan; so what is looked at is there.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use super::late::{Late, Slot};
use super::lock::Lock;
use super::thread::{ThreadNo, kernel_id};

/// What a thread can wait for or own.
pub(crate) trait Resource: Send + Sync {
    /// What it is, in the words of a report: "mutex", "critical section".
    fn kind(&self) -> &'static str;
    /// The name it was given, if any.
    fn name(&self) -> Option<String>;
    /// Tells one from another of its kind: a number, or its address.
    fn id(&self) -> u64;
    /// Who has to act for the wait to end, if that is somebody in particular.
    fn owner(&self) -> Owner;
    /// A thread is about to sleep until it comes free; what it looks at to find out is as it will be in the sleep.
    fn is_waited_for(&self) {}
    /// Its owner, this thread, ends without having given it back.
    fn abandon(&self, owner: ThreadNo) {
        let _ = owner;
    }
}

/// Whom a resource is held by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody, or nobody in particular: anyone may set an event.
    Nobody,
    /// A thread of this process.
    Thread(ThreadNo),
    /// A thread of this process, by the kernel's id.
    Kernel(u32),
    /// A thread of another process, by the kernel's ids.
    Foreign { process: u32, thread: u32 },
}

/// A resource at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) kind: &'static str,
    pub(crate) name: Option<String>,
    pub(crate) id: u64,
    pub(crate) owner: Owner,
}

fn see(resource: &dyn Resource) -> Seen {
    Seen { kind: resource.kind(), name: resource.name(), id: resource.id(), owner: resource.owner() }
}

pub(crate) struct Record {
    pub(crate) thread: ThreadNo,
    pub(crate) kernel_id: i32,
    name: Option<String>,
    /// The waits the thread is in, innermost last: a call that it runs in a wait may wait itself.
    waits: Lock<Vec<Loan>>,
    /// Waits begun so far. Changed under the lock of `waits`: who finds it unchanged, and a wait both times, has seen
    /// the same wait.
    begun: AtomicU64,
    /// What it owns and must give back, in the order in which it took it.
    owns: Lock<Vec<Weak<dyn Resource>>>,
}

/// A list of resources lent for the time of a wait.
#[derive(Clone, Copy)]
struct Loan {
    all: bool,
    resources: *const [&'static dyn Resource],
}

// SAFETY: what is lent is `Sync`, and only looked at under the lock that ends the loan.
unsafe impl Send for Loan {}

/// Every record, by the thread's number here.
#[derive(Default)]
struct Threads {
    records: BTreeMap<u32, Arc<Record>>,
    /// And the numbers by the kernel's ids. A thread that has ended may have left its id to another.
    numbers: BTreeMap<i32, u32>,
}

static THREADS: Lock<Threads> = Lock::new(Threads { records: BTreeMap::new(), numbers: BTreeMap::new() });

impl Threads {
    fn enter(&mut self, record: Arc<Record>) {
        self.numbers.insert(record.kernel_id, record.thread.get());
        self.records.insert(record.thread.get(), record);
    }

    /// Takes it out. It is dropped where no lock is held.
    fn leave(&mut self, record: &Record) -> Option<Arc<Record>> {
        let number = record.thread.get();
        if self.numbers.get(&record.kernel_id) == Some(&number) {
            self.numbers.remove(&record.kernel_id);
        }
        self.records.remove(&number)
    }
}

/// This thread's entry in the list of all, for as long as the thread lives.
struct Entry(Arc<Record>);

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.abandon_all();
        let entry = THREADS.lock().leave(&self.0);
        drop(entry);
    }
}

thread_local!(static SLOT: Slot<Entry> = const { Cell::new(std::ptr::null()) });

/// The last to go: until then the thread may take a mutex.
static MINE: Late<Entry> = Late::new(&SLOT, true);

fn new_entry() -> Entry {
    Entry(Record::new())
}

impl Record {
    fn new() -> Arc<Record> {
        let record = Arc::new(Record {
            thread: ThreadNo::current(),
            kernel_id: kernel_id(),
            name: std::thread::current().name().map(String::from),
            waits: Lock::default(),
            begun: AtomicU64::new(0),
            owns: Lock::default(),
        });
        THREADS.lock().enter(record.clone());
        record
    }

    /// The name its starter gave it, or the kernel's.
    pub(crate) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            let name = std::fs::read_to_string(format!("/proc/self/task/{}/comm", self.kernel_id));
            name.map_or_else(|_| "unnamed".into(), |name| name.trim_end().into())
        })
    }

    /// What it waits for, outermost wait first; in each, whether it waits for all.
    pub(crate) fn waits(&self) -> Vec<(bool, Vec<Seen>)> {
        let loans = self.waits.lock();
        loans
            .iter()
            .map(|loan| {
                // SAFETY: the loan ends only under the lock that is held here, so the list and what it refers to
                // are alive.
                let resources = unsafe { &*loan.resources };
                (loan.all, resources.iter().map(|resource| see(*resource)).collect())
            })
            .collect()
    }

    /// Names the wait that the thread is in, by a number that no other of its waits has; `None` when it is in none.
    pub(crate) fn wait_number(&self) -> Option<u64> {
        let waits = self.waits.lock();
        (!waits.is_empty()).then(|| self.begun.load(Relaxed) << 8 | waits.len() as u64)
    }

    pub(crate) fn owns(&self) -> Vec<Seen> {
        let owned: Vec<_> = self.owns.lock().iter().filter_map(Weak::upgrade).collect();
        owned.iter().map(|resource| see(&**resource)).collect()
    }

    /// The thread owns it from now on; taking it again adds nothing.
    pub(crate) fn take(&self, resource: Weak<dyn Resource>) {
        let mut owns = self.owns.lock();
        if !owns.iter().any(|owned| owned.ptr_eq(&resource)) {
            if owns.len() == owns.capacity() {
                // What nobody has any more can't be given back: it must not pile up.
                owns.retain(|owned| owned.strong_count() > 0);
            }
            owns.push(resource);
        }
    }

    /// The thread ends: what it owns is left behind, and whoever takes it next is told so.
    pub(crate) fn abandon_all(&self) {
        let owned = std::mem::take(&mut *self.owns.lock());
        owned.iter().filter_map(Weak::upgrade).for_each(|resource| resource.abandon(self.thread));
    }

    /// The thread owns it no longer.
    pub(crate) fn give_back(&self, resource: &Weak<dyn Resource>) {
        let mut owns = self.owns.lock();
        if let Some(at) = owns.iter().rposition(|owned| owned.ptr_eq(resource)) {
            owns.remove(at);
        }
    }
}

/// This thread's record; `None` when the thread is past its thread-local data.
pub(crate) fn current() -> Option<Arc<Record>> {
    MINE.with(new_entry, |entry| Some(entry?.0.clone()))
}

/// Every thread that has a record, in the order of their numbers.
pub(crate) fn all() -> Vec<Arc<Record>> {
    THREADS.lock().records.values().cloned().collect()
}

/// The record of one thread.
pub(crate) fn of(thread: ThreadNo) -> Option<Arc<Record>> {
    THREADS.lock().records.get(&thread.get()).cloned()
}

/// The record of the thread of this process that the kernel knows by this id.
pub(crate) fn of_kernel_id(id: i32) -> Option<Arc<Record>> {
    let threads = THREADS.lock();
    threads.records.get(threads.numbers.get(&id)?).cloned()
}

/// Runs `f`, in which this thread waits for `resources`, or for all of them.
pub(crate) fn waiting<R>(resources: &[&dyn Resource], all: bool, f: impl FnOnce() -> R) -> R {
    resources.iter().for_each(|resource| resource.is_waited_for());
    let resources: *const [&dyn Resource] = resources;
    // SAFETY: only the lifetime changes. The list is looked at between here and the end of this function, during
    // which the caller's borrow lasts; `Lent` ends it also when `f` panics.
    let resources =
        unsafe { std::mem::transmute::<*const [&dyn Resource], *const [&'static dyn Resource]>(resources) };
    let _lent = MINE.with(new_entry, |entry| {
        let record = &entry?.0;
        let mut waits = record.waits.lock();
        record.begun.fetch_add(1, Relaxed);
        waits.push(Loan { all, resources });
        Some(Lent)
    });
    f()
}

struct Lent;

impl Drop for Lent {
    fn drop(&mut self) {
        // Made by this thread while it had its entry, which it keeps at least as long as its stack.
        MINE.peek(|entry| entry.map(|entry| entry.0.waits.lock().pop()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing;

    impl Resource for Thing {
        fn kind(&self) -> &'static str {
            "thing"
        }
        fn name(&self) -> Option<String> {
            Some("of a test".into())
        }
        fn id(&self) -> u64 {
            7
        }
        fn owner(&self) -> Owner {
            Owner::Thread(ThreadNo::current())
        }
    }

    #[test]
    fn a_wait_is_seen_while_it_lasts_the_innermost_last() {
        let mine = current().unwrap();
        waiting(&[&Thing, &Thing], true, || {
            waiting(&[&Thing], false, || {
                let waits = mine.waits();
                assert_eq!(waits.len(), 2);
                assert!(waits[0].0 && waits[0].1.len() == 2);
                assert!(!waits[1].0 && waits[1].1[0].name.as_deref() == Some("of a test"));
            });
            assert_eq!(mine.waits().len(), 1);
        });
        assert!(mine.waits().is_empty());
    }

    #[test]
    fn each_wait_has_a_number_of_its_own() {
        let mine = current().unwrap();
        assert_eq!(mine.wait_number(), None);
        let number = || waiting(&[&Thing], false, || mine.wait_number());
        let (first, second) = (number(), number());
        assert!(first.is_some() && second.is_some() && first != second);
        let (outer, inner, after) = waiting(&[&Thing], false, || {
            let outer = mine.wait_number();
            (outer, number(), mine.wait_number())
        });
        // One that came back to its outer wait has been out of the inner one, and is seen as another.
        assert!(outer != inner && inner != after && outer != after);
        assert_eq!(mine.wait_number(), None);
    }

    #[test]
    fn a_wait_that_panics_ends_too() {
        let mine = current().unwrap();
        let _ = std::panic::catch_unwind(|| waiting(&[&Thing], false, || panic!("in a wait")));
        assert!(mine.waits().is_empty());
    }

    #[test]
    fn what_is_owned_is_seen_until_it_is_given_back_or_gone() {
        let mine = current().unwrap();
        let things: [Arc<dyn Resource>; 2] = [Arc::new(Thing), Arc::new(Thing)];
        things.iter().for_each(|thing| mine.take(Arc::downgrade(thing)));
        assert_eq!(mine.owns().len(), 2);
        mine.give_back(&Arc::downgrade(&things[0]));
        assert_eq!(mine.owns().len(), 1);
        drop(things);
        assert!(mine.owns().is_empty());
    }

    #[test]
    fn what_is_gone_without_being_given_back_does_not_pile_up() {
        let mine = current().unwrap();
        let kept: Arc<dyn Resource> = Arc::new(Thing);
        mine.take(Arc::downgrade(&kept));
        for _ in 0..1000 {
            let gone: Arc<dyn Resource> = Arc::new(Thing);
            mine.take(Arc::downgrade(&gone));
        }
        assert!(mine.owns.lock().len() <= 8);
        assert_eq!(mine.owns().len(), 1);
    }

    #[test]
    fn an_id_that_went_to_another_thread_is_that_threads() {
        let record = |number| {
            let thread = ThreadNo::from_raw(number);
            Arc::new(Record {
                thread,
                kernel_id: 5,
                name: None,
                waits: Lock::default(),
                begun: AtomicU64::new(0),
                owns: Lock::default(),
            })
        };
        let (old, new) = (record(1), record(2));
        let mut threads = Threads::default();
        threads.enter(old.clone());
        threads.enter(new.clone());
        assert!(threads.leave(&old).is_some());
        assert_eq!(threads.numbers.get(&5), Some(&2));
        assert!(threads.leave(&new).is_some() && threads.numbers.is_empty() && threads.records.is_empty());
    }

    #[test]
    fn a_thread_has_a_record_as_long_as_it_lives() {
        let builder = std::thread::Builder::new().name("recorded".into());
        let number = builder.spawn(|| {
            let mine = current().unwrap();
            assert_eq!(of(mine.thread).unwrap().name(), "recorded");
            assert_eq!(of_kernel_id(kernel_id()).unwrap().thread, mine.thread);
            (mine.thread, mine.kernel_id)
        });
        let (number, id) = number.unwrap().join().unwrap();
        assert!(of(number).is_none());
        // Another test's thread may have the id by now.
        assert!(of_kernel_id(id).is_none_or(|other| other.thread != number));
        assert!(all().iter().all(|record| record.thread != number));
    }
}
