//! What the locks are built on, for the schedule checkers: the same promises as in `src/sync`, kept by the checker's
//! own locks.
//!
//! A parker is a permit that is kept until somebody comes for it. A deadline has passed whenever it is looked at: the
//! schedule decides what came before. Nobody spins, for that only repeats what a sleep does anyhow.

pub mod lock {
    use crate::checker::{Mutex, MutexGuard};

    pub struct Lock<T>(Mutex<T>);

    impl<T> Lock<T> {
        pub fn new(value: T) -> Lock<T> {
            Lock(Mutex::new(value))
        }

        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

pub mod park {
    use std::time::Instant;

    use crate::checker::{Condvar, Mutex};

    #[derive(Default)]
    pub struct Parker {
        permit: Mutex<bool>,
        changed: Condvar,
    }

    impl Parker {
        pub fn prepare(&self) {
            *self.permit.lock().unwrap() = false;
        }

        pub fn park(&self, deadline: Option<Instant>) -> bool {
            let mut permit = self.permit.lock().unwrap();
            while !*permit && deadline.is_none() {
                permit = self.changed.wait(permit).unwrap();
            }
            std::mem::take(&mut *permit)
        }

        pub fn unpark(&self) {
            *self.permit.lock().unwrap() = true;
            self.changed.notify_one();
        }
    }
}

pub mod place {
    use std::sync::Arc;

    use super::park::Parker;
    use crate::lot::Bucket;

    /// All addresses share one.
    pub fn bucket(_address: usize) -> &'static Bucket {
        crate::checker::bucket()
    }

    pub fn parker() -> Arc<Parker> {
        Arc::default()
    }
}

pub mod pause {
    pub const LOOKS: u32 = 0;

    pub struct Spin;

    impl Spin {
        pub fn new(_looks: u32) -> Spin {
            Spin
        }

        pub fn turn(&mut self) -> bool {
            false
        }
    }
}

pub mod seat {
    pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
}

pub mod record {
    use super::number::ThreadNo;

    pub trait Resource {
        fn kind(&self) -> &'static str;
        fn name(&self) -> Option<String>;
        fn id(&self) -> u64;
        fn owner(&self) -> Owner;
    }

    #[derive(Debug)]
    pub enum Owner {
        Nobody,
        Thread(ThreadNo),
        Kernel(u32),
    }

    pub fn waiting<R>(resources: &[&dyn Resource], _all: bool, f: impl FnOnce() -> R) -> R {
        assert_eq!(resources.len(), 1);
        f()
    }
}

/// Stands for `sync::thread`.
pub mod number {
    #[derive(Clone, Copy, Debug)]
    pub struct ThreadNo(u32);

    pub fn known_kernel_id() -> u32 {
        crate::checker::number()
    }

    impl ThreadNo {
        pub fn current() -> ThreadNo {
            ThreadNo(crate::checker::number())
        }

        pub fn get(self) -> u32 {
            self.0
        }

        pub fn from_raw(number: u32) -> ThreadNo {
            ThreadNo(number)
        }
    }
}

use crate::atomic::{AtomicI32, AtomicU32, AtomicU64, AtomicUsize};
use crate::raw_condvar::RawCondvar;
use crate::raw_rwlock::RawRwLock;
use crate::raw_section::{FREE, RawCriticalSection};

pub fn section() -> RawCriticalSection {
    RawCriticalSection {
        debug: AtomicUsize::new(0),
        word: AtomicI32::new(FREE),
        recursion: AtomicI32::new(0),
        owner: AtomicUsize::new(0),
        contended: AtomicU32::new(0),
        slept: AtomicU32::new(0),
        spin_count: AtomicUsize::new(0),
    }
}

pub fn rwlock() -> RawRwLock {
    RawRwLock { word: AtomicU64::new(0) }
}

pub fn condvar() -> RawCondvar {
    RawCondvar { sleepers: AtomicU64::new(0) }
}
