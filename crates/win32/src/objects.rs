//! The dispatcher objects as what handles stand for, and how a handle to one is made and looked up.
//!
//! An object with a name is the core's: what has it open in this process may be several objects here, one for each time
//! it was opened.

use std::sync::{Arc, OnceLock};

use proactor::Status;
use proactor::object::{Event, Existed, Mutex, Process, Semaphore, Signal, Thread, Timer, Waitable};

use crate::access::{self, MODIFY_STATE, Rights};
use crate::error;
use crate::table::{self, HandleFlags, Object};
use crate::types::*;

/// An event as a handle's object.
pub struct EventObject(pub Event);

impl Object for EventObject {
    fn kind(&self) -> &'static str {
        "event"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.0)
    }

    fn event(&self) -> Option<&Event> {
        Some(&self.0)
    }

    fn signal(&self) -> Option<(&dyn Signal, DWORD)> {
        Some((&self.0, MODIFY_STATE))
    }

    fn rights(&self) -> Rights {
        Rights::STATE
    }
}

/// A mutex.
pub struct MutexObject(pub Mutex);

impl Object for MutexObject {
    fn kind(&self) -> &'static str {
        "mutex"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.0)
    }

    fn signal(&self) -> Option<(&dyn Signal, DWORD)> {
        // S194
        Some((&self.0, 0))
    }

    fn rights(&self) -> Rights {
        Rights::MUTEX
    }
}

/// A semaphore.
pub struct SemaphoreObject(pub Semaphore);

impl Object for SemaphoreObject {
    fn kind(&self) -> &'static str {
        "semaphore"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.0)
    }

    fn signal(&self) -> Option<(&dyn Signal, DWORD)> {
        Some((&self.0, MODIFY_STATE))
    }

    fn rights(&self) -> Rights {
        Rights::STATE
    }
}

/// A waitable timer.
pub struct TimerObject(pub Timer);

impl Object for TimerObject {
    fn kind(&self) -> &'static str {
        "timer"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.0)
    }

    fn rights(&self) -> Rights {
        Rights::STATE
    }
}

/// A thread.
pub struct ThreadObject(pub Thread);

impl Object for ThreadObject {
    fn kind(&self) -> &'static str {
        "thread"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.0)
    }
}

/// A process.
pub struct ProcessObject(pub Process);

impl Object for ProcessObject {
    fn kind(&self) -> &'static str {
        "process"
    }

    fn waitable(&self) -> Option<&dyn Waitable> {
        Some(&self.0)
    }
}

/// This process, for as long as it is one.
fn this_process() -> Result<Arc<dyn Object>, Status> {
    static THIS: OnceLock<Arc<ProcessObject>> = OnceLock::new();
    let this = match THIS.get() {
        Some(this) => this.clone(),
        None => {
            let process = Process::open(std::process::id())?;
            THIS.get_or_init(|| Arc::new(ProcessObject(process))).clone()
        }
    };
    Ok(this)
}

/// The object behind a handle or pseudo handle, and what may be done with it through that.
pub fn resolve(handle: HANDLE) -> Result<(Arc<dyn Object>, DWORD), Status> {
    match handle {
        CURRENT_PROCESS => Ok((this_process()?, access::ALL)),
        CURRENT_THREAD => Ok((Arc::new(ThreadObject(Thread::current())), access::ALL)),
        handle => table::granted(handle),
    }
}

/// The object behind a handle, if it is of this type and the handle gives the right to what is to be done with it.
pub fn get<T: Object>(handle: HANDLE, needed: DWORD) -> Result<Arc<T>, Status> {
    let (object, granted) = resolve(handle)?;
    let object: Arc<dyn std::any::Any + Send + Sync> = object;
    let object = object.downcast().map_err(|_| Status::OBJECT_TYPE_MISMATCH)?;
    access::check(granted, needed)?;
    Ok(object)
}

/// What a handle is made of: a name, what the handle is for, and whether children inherit it.
pub struct Asked {
    /// `None`: nobody else is to find the object.
    pub name: Option<String>,
    /// What the handle is to be for.
    pub access: DWORD,
    /// Whether children inherit it.
    pub flags: HandleFlags,
}

impl Asked {
    /// As the Win32 functions are asked.
    ///
    /// # Safety
    /// `attributes` is NULL or points to a `SECURITY_ATTRIBUTES`.
    pub unsafe fn new(
        attributes: *const SECURITY_ATTRIBUTES,
        name: Result<Option<String>, Status>,
        access: DWORD,
    ) -> Result<Asked, Status> {
        // SAFETY: by the caller's promise.
        let inherits = unsafe { attributes.as_ref() }.map_or(FALSE, |attributes| attributes.bInheritHandle);
        // An object whose name is empty is one without.
        let name = name?.filter(|name| !name.is_empty());
        Ok(Asked { name, access, flags: table::inherit(inherits) })
    }

    /// As the functions that open are asked, which must have a name.
    pub fn to_open(
        name: Result<Option<String>, Status>,
        access: DWORD,
        inherits: BOOL,
    ) -> Result<Asked, Status> {
        match name? {
            None => Err(Status::INVALID_PARAMETER),
            // The directory of all names itself, which is none of the objects in it.
            Some(name) if name.is_empty() => Err(Status::OBJECT_TYPE_MISMATCH),
            name => Ok(Asked { name, access, flags: table::inherit(inherits) }),
        }
    }

    /// Makes an object, or opens the one that has the name, and gives a handle to it.
    pub fn make<T, O: Object>(
        self,
        object: fn(T) -> O,
        unnamed: impl FnOnce() -> Result<T, Status>,
        named: impl FnOnce(&str) -> Result<(T, Existed), Status>,
    ) -> Result<(HANDLE, Existed), Status> {
        let (made, existed) = match &self.name {
            None => (unnamed()?, Existed::No),
            Some(name) => named(name)?,
        };
        let handle = table::insert_granted(Arc::new(object(made)), self.flags, self.access)?;
        Ok((handle, existed))
    }

    /// Opens the object that has the name, and gives a handle to it.
    pub fn open<T, O: Object>(
        self,
        object: fn(T) -> O,
        named: impl FnOnce(&str) -> Result<T, Status>,
    ) -> Result<HANDLE, Status> {
        let name = self.name.as_deref().ok_or(Status::INVALID_PARAMETER)?;
        let opened = named(name)?;
        // S223
        if self.access == 0 {
            return Err(Status::ACCESS_DENIED);
        }
        table::insert_granted(Arc::new(object(opened)), self.flags, self.access)
    }
}

/// The handle, with the last error that says whether the object was there already (S220); or NULL.
pub fn made(result: Result<(HANDLE, Existed), Status>) -> HANDLE {
    let made = result.map(|(handle, existed)| {
        error::set(match existed {
            Existed::No => error::code::ERROR_SUCCESS,
            Existed::Yes => Status::OBJECT_NAME_COLLISION.to_win32(),
        });
        handle
    });
    error::value_or(made, NULL)
}
